"""A page as a document: decoded, checked, and parsed into a tree once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from selectolax.lexbor import LexborDocumentOptions, LexborHTMLParser, LexborNode

from insights_resources.page_providers.decoding import decode_page, not_text
from insights_resources.page_providers.element_search import ElementSearch
from insights_resources.page_providers.nesting import nesting_problem
from insights_resources.page_providers.tree_cost import may_be_costly

#: Real product pages have up to 3 MB, 60,000 elements, and nest up to 45 deep.
MAX_PAGE_BYTES = 16 * 1024 * 1024
MAX_ELEMENTS = 200_000
#: Asked of pages whose tree may be costly. A few thousand tags cannot nest deep enough to matter:
#: nothing that reads the tree takes time by depth (see ``element_search``).
MAX_DEPTH = 256

#: Scripts of one place of a page that are looked at.
_MOST_SCRIPTS = 8

#: Nothing listens to the building of the tree. Besides the time, a page could have any part copied
#: into each of many ``<selectedcontent>``.
_TREE_OPTIONS = int(LexborDocumentOptions.WO_EVENTS)

_NOT_BLANK = re.compile(rb"[^ \t\r\n\x00]")
_END = re.compile(rb"</(?i:html|body)\s*>")
#: Bytes at the end of a page within which its last tag is closed.
_END_WITHIN = 10_000


@dataclass(frozen=True)
class PageDocument:
    """One page. ``problem`` says in words why it cannot be parsed; then the tree is empty.

    ``utf8`` is the page's text (empty when the page is larger than ``MAX_PAGE_BYTES``).
    """

    utf8: bytes
    problem: str | None
    tree: LexborHTMLParser

    @classmethod
    def from_bytes(cls, content: bytes) -> PageDocument:
        """The document of a page's undecoded body. Never raises, whatever the bytes are."""
        if _NOT_BLANK.search(content) is None:
            return cls._without_tree("the page is empty")
        if len(content) > MAX_PAGE_BYTES:
            return cls._without_tree(
                f"the page has {len(content)} bytes, more than {MAX_PAGE_BYTES}"
            )
        utf8 = decode_page(content)
        if not utf8 or utf8.isspace():
            return cls._without_tree("the page is empty")
        other = not_text(content, utf8)
        if other is not None:
            return cls._without_tree(f"the page is {other}, no text")
        if may_be_costly(utf8):
            tangled = nesting_problem(utf8.decode(), max_depth=MAX_DEPTH, max_tags=MAX_ELEMENTS)
            if tangled is not None:
                return cls._without_tree(f"the page cannot be parsed: {tangled}", utf8)
        return cls(utf8, None, LexborHTMLParser(utf8, options=_TREE_OPTIONS))

    @cached_property
    def html(self) -> str:
        """The page's text. Most pages are read without it: decoding takes a seventh of what the
        tree does."""
        return self.utf8.decode()

    @property
    def is_whole(self) -> bool:
        """Whether the page has its end: of one that was cut off, nobody knows what else it would
        have said. Comments and scripts of Amazon's follow the last tag."""
        return _END.search(self.utf8, max(0, len(self.utf8) - _END_WITHIN)) is not None

    @cached_property
    def _elements(self) -> ElementSearch:
        return ElementSearch(self.tree)

    @cached_property
    def may_have(self) -> Callable[[str], bool]:
        """Whether a selector may find something: False where a look at the page's ids shows that
        it does not. The search's own answer, for it is asked for two hundred times a page."""
        return self._elements.may_find

    def select(self, selector: str) -> list[LexborNode]:
        """The elements that a CSS selector finds, in page order."""
        return self._elements.find(selector)

    def select_first(self, selector: str) -> LexborNode | None:
        """The first of them."""
        return self._elements.find_first(selector)

    @property
    def language(self) -> str | None:
        """What the page declares as its language, as it is written; None where it does not."""
        root = self.tree.root
        return None if root is None else root.attributes.get("lang")

    def first(self, selectors: Iterable[str]) -> LexborNode | None:
        """The first element that any selector finds, trying the selectors in order."""
        return next(filter(None, map(self.select_first, selectors)), None)

    def scripts_with(self, word: str, selectors: Iterable[str]) -> Iterator[tuple[str, str]]:
        """The texts in which a word occurs, with where: of the scripts that the selectors find,
        and at last of the whole page from the word on (layouts move scripts about)."""
        for selector in selectors:
            for node in self.select(selector)[:_MOST_SCRIPTS]:
                text = node.text()
                if word in text:
                    yield selector, text
        start = self.utf8.find(word.encode())
        if start >= 0:
            # With the quote before the word, or what else of a character ends there.
            rest = self.utf8[max(0, start - 1) :].decode(errors="replace")
            yield f"{word} in the page", rest

    @classmethod
    def _without_tree(cls, problem: str, utf8: bytes = b"") -> PageDocument:
        return cls(utf8, problem, LexborHTMLParser(""))
