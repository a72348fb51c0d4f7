"""The parser keeps nothing of the pages that it has read."""

from __future__ import annotations

import subprocess
import sys

import pytest

_CODE = """
import gc, os
from datetime import date
from pathlib import Path
from insights_assets.snapshots.parser import parse_page
from insights_resources.sandbox import SandboxMarket

market, day = SandboxMarket(), date(2025, 1, 5)
pages = [market.page(key, day, layout=layout)
         for key in market.keys for layout in ("modern", "classic", "mobile")]

def parse(count):
    for number in range(count):
        # Each page is another one to what the parser may remember.
        noise = f"<p id='noise{number}' class='noise{number}'>{number}</p></body>".encode()
        parse_page(pages[number % len(pages)].replace(b"</body>", noise))

def resident():
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

parse(500)
before = resident()
parse(2500)
print(resident() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks Linux for its memory")
def test_memory_does_not_grow_with_the_number_of_pages() -> None:
    """3,000 pages; ``benchmarks/parser_scale.py`` measures 10,000 real ones."""
    grown = subprocess.run(
        [sys.executable, "-c", _CODE], check=True, capture_output=True, text=True
    ).stdout
    assert int(grown) < 16 * 1024 * 1024
