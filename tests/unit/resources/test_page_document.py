"""A page's bytes become text and a tree, or a problem in words."""

from __future__ import annotations

import time
from math import isqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insights_resources.page_providers.decoding import is_utf8
from insights_resources.page_providers.document import MAX_DEPTH, MAX_PAGE_BYTES, PageDocument
from insights_resources.page_providers.nesting import nesting_problem
from insights_resources.page_providers.tree_cost import MAX_COMPARISONS

#: So many that their nesting is looked at.
MANY_TAGS = isqrt(MAX_COMPARISONS) + 1


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("<p>é★".encode(), "<p>é★"),
        (b"\xef\xbb\xbf<p>x", "<p>x"),
        ("<p>é★".encode("utf-16"), "<p>é★"),
        ("<p>é★ and words".encode("utf-16-le"), "<p>é★ and words"),
        ("<p>é★ and words".encode("utf-16-be"), "<p>é★ and words"),
        (b"<meta charset=iso-8859-1><p>\xe9\x80", "<meta charset=iso-8859-1><p>é€"),
        (b'<meta charset="iso-8859-9"><p>\xfd', '<meta charset="iso-8859-9"><p>ı'),
        ('<meta charset="shift_jis"><p>在庫'.encode("cp932"), '<meta charset="shift_jis"><p>在庫'),
        (b"<p>\xe9t\xe9", "<p>été"),  # nothing declared, no UTF-8
        # Valid UTF-8 is UTF-8, whatever the page says it is.
        ("<meta charset=iso-8859-1><p>é".encode(), "<meta charset=iso-8859-1><p>é"),
        (
            "<p>ééééé, and words".encode() + b"\xc3",
            "<p>ééééé, and words\ufffd",
        ),  # cut within a character
        (b"<meta charset=rot13><p>\xe9", "<meta charset=rot13><p>é"),
        (b"<p>a\x00b", "<p>ab"),
    ],
)
def test_decoding(content: bytes, text: str) -> None:
    document = PageDocument.from_bytes(content)
    assert (document.html, document.problem) == (text, None)
    assert document.tree.css_first("p") is not None


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "empty"),
        (b"\x00\x00", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"%PDF-1.7 ...", "a PDF"),
        (b"\x89PNG....", "an image"),
        (b"\x1f\x8b....", "gzip data"),
        (bytes(range(256)) * 9, "binary data"),
        (b"x" * (MAX_PAGE_BYTES + 1), "bytes, more than"),
        (b"<div>" * MANY_TAGS, "deep"),
        (b"<br>" * MANY_TAGS + b"<div>" * (MAX_DEPTH + 1), "deep"),
        (b"<span>" * 8_000 + b"</x>" * 30_000, "deep"),
        (b"<i>x</i>" * 200_001, "elements"),
    ],
)
def test_what_cannot_be_parsed_is_said_and_has_an_empty_tree(content: bytes, problem: str) -> None:
    document = PageDocument.from_bytes(content)
    assert document.problem is not None
    assert problem in document.problem
    assert document.tree.css_first("div, i") is None


def depth_problem(html: str) -> str | None:
    return nesting_problem(html, max_depth=100, max_tags=10**6)


@pytest.mark.parametrize(
    "html",
    [
        "<div></div>" * 5000,
        "<p>x" * 5000,
        "<ul>" + "<li>x" * 5000 + "</ul>",
        "<table>" + "<tr><td>x<td>y" * 5000 + "</table>",
        "<select>" + "<option>x" * 5000 + "</select>",
        "<br>" * 5000 + "<img src=x>" * 5000,
        "<b>x</b>" * 5000,
        "<a href=x>y" * 5000,
        "<!-- <div> -->" * 5000,
        "<!--><!--->" * 5000,
        "<script>'<div><div>'</script>" * 5000,
        "<script><!-- <script> </script> --></script>" * 5000,
        "<style>div > div {}</style>" * 5000,
        '<svg><path d="x"/><g/></svg>' * 5000,
        '<div title="a > b <div>"></div>' * 5000,
    ],
)
def test_flat_pages_are_flat(html: str) -> None:
    assert depth_problem(html) is None


@pytest.mark.parametrize(
    "unit",
    [
        "<div>",
        "<div/>",
        "<DIV\n>",
        "<div><p></div></p><div>",
        "<span><div></span>",
        "<p><div></p>",
        "<form><div></form>",
        "<div><table><td></div>",
        "<td><div>",
        "<div></body>",
        "<b id=x>",
        "<b><div></b>",
        "<font size=1>",
        "<svg><g>",
        "<svg><desc><div/>",
        "<svg><style><div>",
        "<math><mi><div>",
        "<div><xmp></div></xmp>",
        "<div><select></div></select><div>",
        '<div ="><div ">',
        '<div a"b><div a"b>',
        '<div a=b="><div>',
        "<script><!--<script></script><style></script><div></style><div>",
        "<custom-tag>",
        "<li><ul>",
        "<option><span>",
    ],
)
def test_what_nests_in_a_tree_is_seen_before_one_is_built(unit: str) -> None:
    """Each unit leaves something open: repeated, it would take a tree builder minutes."""
    started = time.process_time()
    assert depth_problem(unit * 30_000) is not None
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    "html",
    [
        '<a x="' * 200_000,
        "<a x='" * 200_000,
        "<a b='" + "<a b=\"'" * 100_000,
        "<a " * 200_000,
        "<" * 500_000,
        "<!--" * 200_000,
        "<style>" * 100_000,
        "</div" * 100_000,
        "<section>" * 90 + "<i></em></p></td></section>" * 100_000,
    ],
    ids=lambda html: html[:12],
)
def test_the_scan_itself_takes_linear_time(html: str) -> None:
    started = time.process_time()
    depth_problem(html)
    assert time.process_time() - started < 3


@given(st.binary(max_size=200), st.integers(1, 9))
def test_utf8_is_told_by_blocks_as_by_the_whole(content: bytes, block: int) -> None:
    def decodes(text: bytes) -> bool:
        try:
            text.decode()
        except UnicodeDecodeError:
            return False
        return True

    for text in (content, content.decode("latin-1").encode(), b"\xe2\x98\x85" * 5 + content):
        assert is_utf8(text, block) == decodes(text)
