"""How long the parser takes for a real page, as a multiple of building its tree alone.

``python -m benchmarks.parser_speed [FOLDER]``: pages (``.html``, ``.html.gz``) below the folder, by
default the real ones beside the checkout. Each page is read in turn as the parser does, as a tree
from its bytes, and as a tree from its text, several times, in one process; the ratio of a page is
that of its medians, the result the median over the pages. Times are the processor's.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from selectolax.lexbor import LexborHTMLParser

from insights_assets.snapshots.parser import parse_page
from insights_resources.page_providers.document import PageDocument
from insights_resources.page_providers.saved_pages import read_page
from insights_resources.settings import PROJECT_ROOT

ROUNDS = 7


@dataclass(frozen=True)
class PageTimes:
    """Medians of one page, in milliseconds."""

    size: int
    is_product: bool
    parse: float
    document: float
    tree: float
    tree_of_text: float


def _milliseconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return (time.process_time() - began) * 1000


def _times(content: bytes) -> PageTimes:
    document = PageDocument.from_bytes(content)
    text = document.html
    works: tuple[Callable[[], object], ...] = (
        lambda: parse_page(content),
        lambda: PageDocument.from_bytes(content),
        lambda: LexborHTMLParser(content),
        lambda: LexborHTMLParser(text),
    )
    rounds = [[_milliseconds(work) for work in works] for _ in range(ROUNDS)]
    medians = [statistics.median(times) for times in zip(*rounds, strict=True)]
    return PageTimes(len(content), parse_page(document).snapshot is not None, *medians)


def _print(name: str, pages: list[PageTimes]) -> None:
    def median(value: Callable[[PageTimes], float]) -> float:
        return statistics.median(map(value, pages))

    print(f"{name}: {len(pages)}, {median(lambda p: p.size) / 1024:.0f} KiB (medians)")
    print(f"  parse                {median(lambda p: p.parse):6.2f} ms")
    print(f"    of it, document    {median(lambda p: p.document):6.2f} ms (checked tree)")
    print(f"  tree alone           {median(lambda p: p.tree):6.2f} ms")
    print(f"  parse / tree         {median(lambda p: p.parse / p.tree):6.2f}")
    print(f"  parse / tree of text {median(lambda p: p.parse / p.tree_of_text):6.2f}")


def main() -> None:
    folder = Path(
        sys.argv[1] if len(sys.argv) > 1 else PROJECT_ROOT.parent / "shared" / "data" / "pages"
    )
    paths = sorted(path for path in folder.rglob("*") if path.name.endswith((".html", ".html.gz")))
    if not paths:
        sys.exit(f"{folder} holds no pages")
    pages = [_times(read_page(path)) for path in paths]
    _print("all pages", pages)
    _print("product pages", [page for page in pages if page.is_product])


if __name__ == "__main__":
    main()
