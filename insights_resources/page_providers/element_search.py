"""Finds elements of a page by CSS selectors, through an index of its ids.

Most selectors begin with an id that most pages do not have: those cost nothing. The others are
followed step by step, each part of the selector within what the one before found, so that no
element is asked for all that stand around it: the time is in proportion to the page, however deep
its elements nest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from selectolax.lexbor import LexborHTMLParser, LexborNode

#: Elements within which the next part of a selector is looked for: real pages have a few.
_MOST_ELEMENTS = 200
#: Parts of a selector, with their attributes in brackets.
_PART = re.compile(r"(?:[^\s\[\]]|\[[^\]]*\])+")
#: Where a selector begins with an id, or with the beginning of ids.
_ANCHOR = re.compile(
    r"(?P<tag>[a-z][a-z0-9]*)?(?:#(?P<id>[\w-]+)|\[id\^='(?P<start>[\w-]+)'\])(?P<more>.*)"
)


@dataclass(frozen=True, slots=True)
class _Route:
    """How a selector is followed.

    ``ids`` are those that its parts ask for, each of which a page must have. The first part's
    elements have the ``anchor`` as id, or where ``is_start`` as beginning of one; None where it
    names none. ``first`` is that part where more is asked of its elements than the id; ``parts``
    are those within it. A selector with other combinators than the blank, or with alternatives,
    is one part.
    """

    ids: tuple[str, ...] = ()
    anchor: str | None = None
    is_start: bool = False
    tag: str | None = None
    first: str | None = None
    parts: tuple[str, ...] = ()


@cache
def _route(selector: str) -> _Route:
    parts = tuple(_PART.findall(selector))
    if "," in selector or not {">", "+", "~"}.isdisjoint(parts):
        return _Route(parts=(selector,))
    named = [_ANCHOR.fullmatch(part) for part in parts]
    ids = tuple(found["id"] for found in named if found is not None and found["id"])
    found = named[0]
    if found is None:
        return _Route(ids, parts=parts)
    return _Route(
        ids,
        anchor=found["id"] or found["start"],
        is_start=found["start"] is not None,
        tag=found["tag"],
        first=parts[0] if found["more"] else None,
        parts=parts[1:],
    )


class ElementSearch:
    """The elements of one tree."""

    def __init__(self, tree: LexborHTMLParser) -> None:
        self._tree = tree
        self._searched: dict[str, list[LexborNode]] = {}
        #: The first element of each id, and the further ones of those that the page repeats.
        self._ids: dict[str, LexborNode] = {}
        self._repeated: dict[str, list[LexborNode]] = {}
        for node in tree.css("[id]"):
            name = node.id
            if name and self._ids.setdefault(name, node) is not node:
                self._repeated.setdefault(name, []).append(node)
        #: All ids in one text, in which the beginning of one is found at once.
        self._ids_in_lines = "\n".join(["", *self._ids])

    def may_find(self, selector: str) -> bool:
        """False where a look at the ids shows that the selector finds nothing."""
        route = _route(selector)
        for name in route.ids:
            if name not in self._ids:
                return False
        return not route.is_start or f"\n{route.anchor}" in self._ids_in_lines

    def find(self, selector: str) -> list[LexborNode]:
        """The elements that a selector finds, in page order (of each element that it begins with).

        Of the elements of each part but the last the first 200 are searched.
        """
        if not self.may_find(selector):
            return []
        route = _route(selector)
        if route.anchor is not None:
            return self._within(self._anchored(route, route.anchor), route.parts)
        found = self._searched.get(selector)
        if found is None:
            found = self._searched[selector] = self._within(self._all(route), route.parts[1:])
        return found

    def find_first(self, selector: str) -> LexborNode | None:
        """The first of them: what follows it is not looked at."""
        if not self.may_find(selector):
            return None
        route = _route(selector)
        if route.anchor is None or not route.parts:
            return next(iter(self.find(selector)), None)
        around = self._within(self._anchored(route, route.anchor), route.parts[:-1])
        inner = (_first_within(node, route.parts[-1]) for node in around[:_MOST_ELEMENTS])
        return next(filter(None, inner), None)

    def _all(self, route: _Route) -> list[LexborNode]:
        if route.parts[0] == "head":
            return [] if self._tree.head is None else [self._tree.head]
        return self._tree.css(route.parts[0])

    def _anchored(self, route: _Route, anchor: str) -> list[LexborNode]:
        if route.is_start:
            names = [name for name in self._ids if name.startswith(anchor)]
            nodes = [node for name in names for node in self._with_id(name)]
        else:
            nodes = self._with_id(anchor)
        if route.first is not None:
            return [node for node in nodes if _is_found_by(node, route.first)]
        if route.tag is not None:
            return [node for node in nodes if node.tag == route.tag]
        return nodes

    def _with_id(self, name: str) -> list[LexborNode]:
        """The elements of an id that the page has, in page order."""
        return [self._ids[name], *self._repeated.get(name, ())]

    @staticmethod
    def _within(nodes: list[LexborNode], parts: tuple[str, ...]) -> list[LexborNode]:
        for part in parts:
            found: dict[int, LexborNode] = {}
            for node in nodes[:_MOST_ELEMENTS]:
                itself = node.mem_id
                for inner in node.css(part):
                    place = inner.mem_id
                    if place != itself:
                        found.setdefault(place, inner)
            nodes = list(found.values())
        return nodes


def _first_within(node: LexborNode, part: str) -> LexborNode | None:
    """The first element below another one that a part of a selector finds."""
    found = node.css_first(part)
    if found is not None and found.mem_id == node.mem_id:
        return next((inner for inner in node.css(part) if inner.mem_id != node.mem_id), None)
    return found


def _is_found_by(node: LexborNode, part: str) -> bool:
    """Whether one part of a selector finds the element itself."""
    found = node.css_first(part)
    return found is not None and found.mem_id == node.mem_id
