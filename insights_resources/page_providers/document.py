"""A page's bytes as a document: decoded, within limits, parsed once.

The tree builder takes time quadratic in the depth of nesting, so size and depth are checked before
it runs. No bytes raise an error: a page that cannot be parsed says why in ``problem``.
"""

from __future__ import annotations

import codecs
import re
from functools import cached_property

from selectolax.lexbor import LexborHTMLParser

#: Real product pages have up to 3 MB and a depth of 44.
MAX_PAGE_BYTES = 24 * 1024 * 1024
MAX_DEPTH = 512

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_META_CHARSET = re.compile(
    rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{2,40})", re.I
)
#: Text that no tree is built of; its angle brackets are not tags.
_RAW_TEXT = re.compile(r"<(script|style|textarea|title)\b.*?</\1\s*>|<!--.*?-->", re.I | re.S)
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]*)([^<>]*)")
#: Elements without content, and those whose end tag may be left out.
_NOT_NESTING = frozenset(
    "area base br col embed hr img input link meta param source track wbr "
    "p li dt dd option optgroup tr td th thead tbody tfoot rt rp html head body".split()
)
#: Share of undecodable characters above which the page is no text.
_MAX_DAMAGE = 0.02


class PageDocument:
    """A page to read: ``html`` and ``tree``, or the ``problem`` that there is none.

    Made by ``from_bytes``. ``tree`` is built on first use, and only when ``problem`` is None.
    """

    def __init__(self, html: str, problem: str | None = None) -> None:
        self.html = html
        self.problem = problem

    @classmethod
    def from_bytes(cls, content: bytes) -> PageDocument:
        """Decodes the page; never raises."""
        if not content.strip(b"\x00 \t\r\n"):
            return cls("", "the page is empty")
        if len(content) > MAX_PAGE_BYTES:
            return cls("", f"the page has {len(content):,} bytes; {MAX_PAGE_BYTES:,} are the most")
        html = _decode(content)
        if html is None:
            return cls("", "the page is no text in a known encoding")
        html = html.replace("\x00", "")
        if "<" not in html:
            return cls(html, "the page is no HTML")
        if _depth(html) > MAX_DEPTH:
            return cls(html, f"the page's elements are nested more than {MAX_DEPTH} deep")
        return cls(html)

    @cached_property
    def tree(self) -> LexborHTMLParser:
        """The parsed page."""
        if self.problem is not None:
            return LexborHTMLParser("")
        return LexborHTMLParser(self.html)


def _decode(content: bytes) -> str | None:
    """The text by byte order mark, UTF-8, declared charset or Windows-1252; None: no text."""
    for mark, encoding in _BOMS:
        if content.startswith(mark):
            return _decode_as(content[len(mark) :], encoding)
    head = content[:4096]
    if head.count(0) > len(head) // 4:
        # Every other byte of Latin text in UTF-16 is zero.
        return _decode_as(content, "utf-16-be" if head[:1] == b"\x00" else "utf-16-le")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        pass
    declared = _META_CHARSET.search(content, 0, 65_536)
    if declared:
        text = _decode_as(content, declared[1].decode("ascii"))
        if text is not None:
            return text
    # A page cut in the middle of a character, or with a few wrong bytes, is still UTF-8.
    return _decode_as(content, "utf-8") or _decode_as(content, "windows-1252")


def _decode_as(content: bytes, encoding: str) -> str | None:
    try:
        text = content.decode(encoding, "replace")
    except LookupError:
        return None
    return text if text.count("\ufffd") <= max(3, _MAX_DAMAGE * len(text)) else None


def _depth(html: str) -> int:
    """How deep elements are nested, from their tags alone, in linear time."""
    depth = deepest = 0
    for match in _TAG.finditer(_RAW_TEXT.sub("", html)):
        closing, name, rest = match.groups()
        if name.lower() in _NOT_NESTING or rest.endswith("/"):
            continue
        if closing:
            depth = max(0, depth - 1)
        else:
            depth += 1
            deepest = max(deepest, depth)
    return deepest
