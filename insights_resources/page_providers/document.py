"""A page as a document: decoded, checked, and parsed into a tree once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from selectolax.lexbor import LexborHTMLParser

from insights_resources.page_providers.decoding import decode_page, not_text
from insights_resources.page_providers.nesting import nesting_problem

#: Real product pages have up to 3 MB, 60,000 elements, and nest up to 45 deep.
MAX_PAGE_BYTES = 16 * 1024 * 1024
MAX_ELEMENTS = 200_000
MAX_DEPTH = 256


@dataclass(frozen=True)
class PageDocument:
    """One page. ``problem`` says in words why it cannot be parsed; then the tree is empty.

    ``html`` is the decoded text (empty when the page is larger than ``MAX_PAGE_BYTES``).
    """

    html: str
    problem: str | None

    @classmethod
    def from_bytes(cls, content: bytes) -> PageDocument:
        """The document of a page's undecoded body. Never raises, whatever the bytes are."""
        if not content.strip(b" \t\r\n\x00"):
            return cls("", "the page is empty")
        if len(content) > MAX_PAGE_BYTES:
            return cls("", f"the page has {len(content)} bytes, more than {MAX_PAGE_BYTES}")
        # A lone surrogate cannot reach the tree builder, which takes UTF-8.
        html = decode_page(content).encode("utf-8", errors="replace").decode("utf-8")
        if not html.strip():
            return cls("", "the page is empty")
        other = not_text(content, html)
        if other is not None:
            return cls("", f"the page is {other}, no text")
        tangled = nesting_problem(html, max_depth=MAX_DEPTH, max_tags=MAX_ELEMENTS)
        return cls(html, None if tangled is None else f"the page cannot be parsed: {tangled}")

    @cached_property
    def tree(self) -> LexborHTMLParser:
        """The page's elements, built at the first question."""
        return LexborHTMLParser("" if self.problem is not None else self.html)
