"""A page as a document: decoded, checked, and parsed into a tree once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property

from selectolax.lexbor import LexborHTMLParser, LexborNode

from insights_resources.page_providers.decoding import decode_page, not_text
from insights_resources.page_providers.nesting import nesting_problem
from insights_resources.page_providers.tree_cost import may_be_costly

#: Real product pages have up to 3 MB, 60,000 elements, and nest up to 45 deep.
MAX_PAGE_BYTES = 16 * 1024 * 1024
MAX_ELEMENTS = 200_000
MAX_DEPTH = 256

#: Elements of one id that are searched one by one; more are one search through the page.
_MOST_ANCHORS = 8
#: Scripts of one place of a page that are looked at.
_MOST_SCRIPTS = 8

#: Finds an element with ``MAX_DEPTH`` others around it: where there is one, there is one that is
#: its parent's first, and asking those alone takes half the time.
_TOO_DEEP = " > ".join("*" * MAX_DEPTH) + " > :first-child"
_END = re.compile(r"(?i)</(?:html|body)\s*>")
#: Characters at the end of a page within which its last tag is closed.
_END_WITHIN = 10_000
#: How a selector begins with an id, or with the beginning of ids: its element, and whether the
#: next part stands beside that.
_ANCHOR = re.compile(
    r"[a-z0-9]*(?:#(?P<id>[\w-]+)|\[id\^='(?P<start>[\w-]+)'\])(?:\[[^\]]*\]|[.:][\w-]+)*"
    r"\s*(?P<next>[~+]?)"
)


@dataclass(frozen=True)
class _Anchor:
    """An id, or the beginning of ids, around or at whatever a selector finds."""

    text: str
    is_whole: bool


@cache
def _anchor(selector: str) -> _Anchor | None:
    """The anchor of a selector; None where it has alternatives, begins otherwise, or finds what
    stands beside that element."""
    found = _ANCHOR.match(selector)
    if found is None or found["next"] or "," in selector:
        return None
    return _Anchor(found["id"] or found["start"], found["id"] is not None)


@dataclass(frozen=True)
class PageDocument:
    """One page. ``problem`` says in words why it cannot be parsed; then the tree is empty.

    ``html`` is the decoded text (empty when the page is larger than ``MAX_PAGE_BYTES``).
    """

    html: str
    problem: str | None
    tree: LexborHTMLParser

    @classmethod
    def from_bytes(cls, content: bytes) -> PageDocument:
        """The document of a page's undecoded body. Never raises, whatever the bytes are."""
        if not content.strip(b" \t\r\n\x00"):
            return cls._without_tree("the page is empty")
        if len(content) > MAX_PAGE_BYTES:
            return cls._without_tree(
                f"the page has {len(content)} bytes, more than {MAX_PAGE_BYTES}"
            )
        html, utf8 = decode_page(content)
        if not html or html.isspace():
            return cls._without_tree("the page is empty")
        other = not_text(content, html)
        if other is not None:
            return cls._without_tree(f"the page is {other}, no text")
        if may_be_costly(utf8):
            tangled = nesting_problem(html, max_depth=MAX_DEPTH, max_tags=MAX_ELEMENTS)
            if tangled is not None:
                return cls._without_tree(f"the page cannot be parsed: {tangled}", html)
        tree = LexborHTMLParser(utf8)
        if tree.css_first(_TOO_DEEP) is not None:
            return cls._without_tree(
                f"the page cannot be parsed: elements nest more than {MAX_DEPTH} deep", html
            )
        return cls(html, None, tree)

    @property
    def is_whole(self) -> bool:
        """Whether the page has its end: of one that was cut off, nobody knows what else it would
        have said. Comments and scripts of Amazon's follow the last tag."""
        return _END.search(self.html, max(0, len(self.html) - _END_WITHIN)) is not None

    @cached_property
    def _ids(self) -> dict[str, list[LexborNode]]:
        """The elements of each id, in page order: a page repeats some."""
        nodes: dict[str, list[LexborNode]] = {}
        for node in self.tree.css("[id]"):
            if node.id:
                nodes.setdefault(node.id, []).append(node)
        return nodes

    @cached_property
    def _ids_in_lines(self) -> str:
        """All ids in one text, in which the beginning of one is found at once."""
        return "\n".join(["", *self._ids])

    def may_have(self, selector: str) -> bool:
        """False where a look at the ids shows that the selector finds nothing."""
        anchor = _anchor(selector)
        if anchor is None:
            return True
        if anchor.is_whole:
            return anchor.text in self._ids
        return f"\n{anchor.text}" in self._ids_in_lines

    def _nodes_at(self, anchor: _Anchor) -> list[LexborNode]:
        """The elements with the anchor's id, or with an id that begins like it, in page order."""
        if anchor.is_whole:
            return self._ids.get(anchor.text, [])
        return [
            node
            for name, nodes in self._ids.items()
            if name.startswith(anchor.text)
            for node in nodes
        ]

    def select(self, selector: str) -> list[LexborNode]:
        """The elements that a CSS selector finds, in page order.

        Most selectors begin with an id that most pages do not have: those cost nothing, and the
        others are looked for below that element alone.
        """
        if not self.may_have(selector):
            return []
        anchor = _anchor(selector)
        if anchor is None:
            return self._search(selector)
        around = self._nodes_at(anchor)
        if selector == f"#{anchor.text}":
            return around
        if len(around) == 1:
            return around[0].css(selector)
        if len(around) > _MOST_ANCHORS:
            return self.tree.css(selector)
        found = {node.mem_id: node for each in around for node in each.css(selector)}
        return list(found.values())

    def _search(self, selector: str) -> list[LexborNode]:
        """Searches the head or the whole page, for each selector once."""
        found = self._searched.get(selector)
        if found is None:
            around = self.tree.head if selector.startswith("head ") else self.tree
            found = self._searched[selector] = [] if around is None else around.css(selector)
        return found

    @cached_property
    def _searched(self) -> dict[str, list[LexborNode]]:
        return {}

    def select_first(self, selector: str) -> LexborNode | None:
        """The first of them."""
        return next(iter(self.select(selector)), None)

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
        start = self.html.find(word)
        if start >= 0:
            yield f"{word} in the page", self.html[max(0, start - 1) :]

    @classmethod
    def _without_tree(cls, problem: str, html: str = "") -> PageDocument:
        return cls(html, problem, LexborHTMLParser(""))
