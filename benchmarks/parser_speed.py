"""How long the parser takes for a real page, as a multiple of building its tree alone.

``python -m benchmarks.parser_speed [FOLDER]``: pages (``.html``, ``.html.gz``) below the folder, by
default the real ones beside the checkout. Each page is read both ways in turn, several times, in
one process; the ratio of a page is that of its medians, the result the median over the pages.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from selectolax.lexbor import LexborHTMLParser

from insights_assets.snapshots.parser import parse_page
from insights_resources.page_providers.saved_pages import read_page
from insights_resources.settings import PROJECT_ROOT

ROUNDS = 7


def _milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def main() -> None:
    folder = Path(
        sys.argv[1] if len(sys.argv) > 1 else PROJECT_ROOT.parent / "shared" / "data" / "pages"
    )
    paths = sorted(path for path in folder.rglob("*") if path.name.endswith((".html", ".html.gz")))
    if not paths:
        sys.exit(f"{folder} holds no pages")
    ratios, parse_times, tree_times, sizes = [], [], [], []
    for path in paths:
        content = read_page(path)
        parse_page(content)
        parsed, trees = [], []
        for _ in range(ROUNDS):
            trees.append(_milliseconds(lambda content=content: LexborHTMLParser(content)))
            parsed.append(_milliseconds(lambda content=content: parse_page(content)))
        parse_times.append(statistics.median(parsed))
        tree_times.append(statistics.median(trees))
        ratios.append(parse_times[-1] / tree_times[-1])
        sizes.append(len(content))
    print(f"pages              {len(paths)}, {statistics.median(sizes) / 1024:.0f} KiB (median)")
    print(f"parse              {statistics.median(parse_times):.1f} ms (median)")
    print(f"tree alone         {statistics.median(tree_times):.1f} ms (median)")
    print(f"parse / tree       {statistics.median(ratios):.2f} (median of the pages' ratios)")
    print(f"all / all          {sum(parse_times) / sum(tree_times):.2f}")


if __name__ == "__main__":
    main()
