"""Whether the parser's memory stays flat over many pages, and what a second process adds.

``python -m benchmarks.parser_scale [FOLDER] [PAGES]``: pages (``.html``, ``.html.gz``) below the
folder, by default the real ones beside the checkout, parsed in turn until 10,000 are done. Memory
is the process's resident set. Then the same pages are parsed by one, two and four processes, each
its own share, as a rebuild of several days would: pages a second, as a multiple of one process.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import sys
import time
from pathlib import Path

from insights_assets.snapshots.parser import parse_page
from insights_resources.page_providers.saved_pages import read_page
from insights_resources.settings import PROJECT_ROOT

PAGES = 10_000
PAGES_A_PROCESS = 800
_MIB = 1024 * 1024


def _resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / _MIB


def _parse(contents: list[bytes], count: int) -> None:
    for number in range(count):
        parse_page(contents[number % len(contents)])


def _work(folder: Path, count: int, ready: object, begin: object) -> None:
    contents = _contents(folder)
    _parse(contents, len(contents))
    ready.release()  # type: ignore[attr-defined]
    begin.wait()  # type: ignore[attr-defined]
    _parse(contents, count)


def _pages_a_second(folder: Path, processes: int) -> float:
    context = multiprocessing.get_context("spawn")
    ready, begin = context.Semaphore(0), context.Event()
    workers = [
        context.Process(target=_work, args=(folder, PAGES_A_PROCESS, ready, begin))
        for _ in range(processes)
    ]
    for worker in workers:
        worker.start()
    for _ in workers:
        ready.acquire()
    began = time.perf_counter()
    begin.set()
    for worker in workers:
        worker.join()
    return processes * PAGES_A_PROCESS / (time.perf_counter() - began)


def _contents(folder: Path) -> list[bytes]:
    paths = sorted(path for path in folder.rglob("*") if path.name.endswith((".html", ".html.gz")))
    return [read_page(path) for path in paths]


def main() -> None:
    folder = Path(
        sys.argv[1] if len(sys.argv) > 1 else PROJECT_ROOT.parent / "shared" / "data" / "pages"
    )
    count = int(sys.argv[2]) if len(sys.argv) > 2 else PAGES
    contents = _contents(folder)
    if not contents:
        sys.exit(f"{folder} holds no pages")
    print(f"{len(contents)} pages, {sum(map(len, contents)) / _MIB:.0f} MiB, held in memory")
    step = max(1, count // 10)
    for done in range(0, count + 1, step):
        if done:
            _parse(contents, step)
        gc.collect()
        print(f"after {done:6,} pages  {_resident_mib():7.1f} MiB", flush=True)
    alone = 0.0
    for processes in (1, 2, 4):
        rate = _pages_a_second(folder, processes)
        alone = alone or rate
        print(f"{processes} processes  {rate:6.1f} pages/s  {rate / alone:.2f}", flush=True)
    print(f"cores: {os.cpu_count()}")


if __name__ == "__main__":
    main()
