"""Where a page's blocks stand does not matter: the same blocks in any order say the same."""

from __future__ import annotations

import random
from datetime import date, timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from insights_assets.snapshots.parser import parse_page
from insights_resources.sandbox import SandboxMarket

MARKET = SandboxMarket(seed=7, products=24)
FIRST = date(2025, 2, 1)


def shuffled(page: bytes, container: str, draw: random.Random) -> bytes:
    """The page with the blocks of an element in another order."""
    tree = LexborHTMLParser(page)
    around = tree.css_first(container)
    assert around is not None
    blocks = list(around.iter(include_text=False))
    draw.shuffle(blocks)
    for block in blocks:
        markup = block.html
        block.decompose()
        around.insert_child(LexborHTMLParser(markup, is_fragment=True).root)
    return (tree.html or "").encode()


@pytest.mark.parametrize(
    ("layout", "container"),
    [
        ("modern", "#dp-container"),
        ("modern", "#ppd"),
        ("modern", "#centerCol"),
        ("classic", "#dp-container"),
        ("classic", "#ppd"),
        ("classic", "#centerCol"),
        ("mobile", "#ppd"),
        ("mobile", "#buybox"),
    ],
)
@settings(deadline=None, max_examples=20)
@given(
    st.sampled_from(MARKET.keys),
    st.integers(0, 60).map(lambda days: FIRST + timedelta(days=days)),
    st.randoms(use_true_random=False),
)
def test_blocks_in_another_order_change_nothing(
    layout: str, container: str, key: tuple[str, str], day: date, draw: random.Random
) -> None:
    page = MARKET.page(key, day, layout=layout)
    before = parse_page(page).snapshot
    assume(before is not None)
    after = parse_page(shuffled(page, container, draw)).snapshot
    assert before is not None
    assert after is not None
    for name, value in vars(before).items():
        if name != "field_sources":
            assert getattr(after, name) == value, name
