"""A page as a document: decoded, checked, and parsed into a tree once."""

from __future__ import annotations

import re
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

#: Finds an element with ``MAX_DEPTH`` others around it.
_TOO_DEEP = " > ".join("*" * (MAX_DEPTH + 1))
_END = re.compile(r"(?i)</(?:html|body)\s*>")
#: Characters at the end of a page within which its last tag is closed.
_END_WITHIN = 10_000
#: How a selector begins with an id: its element, and whether the next part stands beside that.
_ANCHOR = re.compile(r"[a-z0-9]*#(?P<id>[\w-]+)(?:\[[^\]]*\]|[.:][\w-]+)*\s*(?P<next>[~+]?)")


@cache
def _anchors(selector: str) -> tuple[tuple[str, ...], bool]:
    """The ids that the selector's alternatives begin with, and whether what it finds is one of
    these elements or below one; no ids when an alternative begins otherwise."""
    found = [_ANCHOR.match(part.strip()) for part in selector.split(",")]
    anchors = [each for each in found if each is not None]
    if len(anchors) < len(found):
        return (), False
    return tuple(each["id"] for each in anchors), not any(each["next"] for each in anchors)


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
        html = decode_page(content)
        try:
            utf8 = html.encode()
        except UnicodeEncodeError:  # a lone surrogate, which the tree builder does not take
            utf8 = html.encode(errors="replace")
            html = utf8.decode()
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

    def select(self, selector: str) -> list[LexborNode]:
        """The elements that a CSS selector finds, in page order.

        Most selectors begin with an id that most pages do not have: those cost nothing, and the
        others are looked for below that element alone.
        """
        ids, is_below = _anchors(selector)
        if not ids:
            return self.tree.css(selector)
        around = [node for name in ids for node in self._ids.get(name, ())]
        if not around:
            return []
        if selector == f"#{ids[0]}":
            return around
        return (around[0] if is_below and len(around) == 1 else self.tree).css(selector)

    def select_first(self, selector: str) -> LexborNode | None:
        """The first of them."""
        return next(iter(self.select(selector)), None)

    @classmethod
    def _without_tree(cls, problem: str, html: str = "") -> PageDocument:
        return cls(html, problem, LexborHTMLParser(""))
