"""Which pages are looked at closely before their tree is built: all that could take long."""

from __future__ import annotations

from datetime import date
from math import isqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from insights_resources.page_providers.tree_cost import (
    MAX_COMPARISONS,
    MAX_REOPENED,
    may_be_costly,
)
from insights_resources.sandbox import SandboxMarket

BOLD = "".join(f"<b id={number}>" for number in range(1000))


def test_pages_like_amazons_are_not() -> None:
    market = SandboxMarket(seed=7, products=12, first_day=date(2025, 1, 1))
    for key in market.keys:
        assert not may_be_costly(market.page(key, date(2025, 1, 2)))


@pytest.mark.parametrize(
    "page",
    [
        "<div>" * (isqrt(MAX_COMPARISONS) + 1),
        # End tags are compared with all that is open, too.
        "<span>" * 8_000 + "</x>" * 30_000,
        f"<p>{BOLD}</p>" + "<p>x" * 1000,
        # What looks closed and is not: a cell shields the elements around it.
        f"<p>{BOLD}<table><td>" + "</b>" * 1000 + "</table></p>" + "<p>x" * 1000,
        "<p>" + '<i title="</i>">' * 1000 + "</p>" + "<p>x" * 1000,
        "<p>" + '<i title="></i>">' * 1000 + "</p>" + "<p>x" * 1000,
        "<p>" + "<i title='><span></span></i>'>" * 1000 + "</p>" + "<p>x" * 1000,
        "<p>" + '<i a"></i>' * 1000 + "</p>" + "<p>x" * 1000,
        "<p>" + "<STRONG\n>" * 1000 + "</p>" + "<p>x" * 1000,
        "<p>" + "<font/a>" * 1000 + "</p>" + "<p>x" * 1000,
    ],
)
def test_pages_whose_tree_may_grow_are(page: str) -> None:
    assert may_be_costly(page.encode())


@pytest.mark.parametrize("page", ["", "<", "<b", "<b>", "x<", "<i></i>" * 2000, "<b>x</b>" * 2000])
def test_small_pages_and_closed_elements_are_not(page: str) -> None:
    assert not may_be_costly(page.encode())


_PIECES = (
    *("<p>", "</p>", "<div>", "</div>", "x", "<table><tr><td>", "</table>", "<b>", "</b>"),
    *("<i class=a>", "</i>", "<i></i>", '<i title="</i>">', '<i title="></i>">', "<em><span>"),
    *(
        "<a href=x>",
        "<button>",
        "<svg>",
        "</svg>",
        "<select>",
        "<li>",
        "<h1>",
        "<strong>x</strong>",
    ),
)


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.tuples(st.sampled_from(_PIECES), st.integers(1, 400)), max_size=12),
    st.booleans(),
)
def test_a_page_that_is_not_has_a_tree_of_bounded_size(
    pieces: list[tuple[str, int]], numbered: bool
) -> None:
    # Equal formatting elements are opened again three times at most: ids make them different.
    page = "".join(
        (
            piece.replace(">", f" id={place}-{number}>", 1)
            if numbered and piece[1:2] != "/"
            else piece
        )
        for place, (piece, count) in enumerate(pieces)
        for number in range(count)
    ).encode()
    if not may_be_costly(page):
        elements = len(LexborHTMLParser(page).css("*"))
        assert elements <= page.count(b"<") + MAX_REOPENED + 10
