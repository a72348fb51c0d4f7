"""Elements found through their ids are those that the selector finds."""

from __future__ import annotations

import pytest
from selectolax.lexbor import LexborHTMLParser

from insights_resources.page_providers.element_search import ElementSearch

PAGE = """
<html><head><link rel="canonical" href="x"></head><body>
<div id="a" class="box" data-kind="one"><p class="x"><b class="x">1</b></p>
  <div id="inner"><b class="x y">2</b><i>3</i></div></div>
<span id="a"><b class="x">4</b></span>
<div id="row_1"><div id="row_2"><b class="x">5</b></div></div>
<b class="x">6</b><a href="k">7</a>
</body></html>
"""


@pytest.mark.parametrize(
    "selector",
    [
        "#a",
        "#a .x",
        "#a p .x",
        "#a #inner b",
        "div#a",
        "div#a .x",
        "#a.box b",
        "#a[data-kind='one'] b",
        "#a[data-kind='two'] b",
        "#none",
        "#none .x",
        "#a #none",
        "#a b#none",
        "div #inner b",
        "div #none b",
        "#a div",
        "[id^='row_'] div",
        "[id^='row_'] b",
        "[id^='row_']",
        "[id^='none'] b",
        ".x",
        "p .x",
        ".x .x",
        "#a > p > b",
        "#inner ~ b, a",
        "#a p + div",
        "a, #inner i",
        "head link[rel='canonical']",
        "link[rel='canonical']",
        "#a b:not(.y)",
    ],
)
def test_what_is_found(selector: str) -> None:
    tree = LexborHTMLParser(PAGE)
    elements = ElementSearch(tree)
    expected = [node.mem_id for node in tree.css(selector)]
    assert [node.mem_id for node in elements.find(selector)] == expected
    first = elements.find_first(selector)
    assert (None if first is None else first.mem_id) == next(iter(expected), None)
    if expected:
        assert elements.may_find(selector)


def test_what_no_id_of_the_page_begins_is_known_at_once() -> None:
    elements = ElementSearch(LexborHTMLParser(PAGE))
    assert not elements.may_find("#none .x")
    assert not elements.may_find("#a p #none")
    assert not elements.may_find("[id^='ow_'] b")
    assert elements.may_find(".none")
