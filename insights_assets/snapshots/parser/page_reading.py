"""One page while it is read: its tree, its shop, how it writes numbers, what came from where."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar

from selectolax.lexbor import LexborNode

from insights_assets.snapshots.parser.evidence import Evidence, Rejected
from insights_assets.snapshots.parser.money import Money, MoneyReader
from insights_assets.snapshots.parser.numbers import number_forms
from insights_assets.snapshots.parser.price_elements import price_text
from insights_assets.snapshots.parser.purchase_options import (
    is_subscription,
    is_used,
    other_option,
)
from insights_assets.snapshots.parser.visible_text import is_visible, visible_text
from insights_resources.marketplaces import Marketplace, marketplace
from insights_resources.page_providers.document import PageDocument
from insights_resources.page_providers.page_identity import page_language

#: A real page has a few of each part; looking around each of thousands would take minutes.
_MOST_ELEMENTS = 200
#: Elements in which a single value is looked for.
_MOST_PLACES = 50
#: Where looking around an element ends.
_OUTERMOST = frozenset(["body", "html", "-document"])

T = TypeVar("T")

#: Selectors in the order of their certainty. Those in a tuple of their own stand for one source
#: in several states: the first that gives a value counts, and the others are not compared with it.
Sources = Iterable["str | tuple[str, ...]"]


class Part(Enum):
    """Which part of the page an element must belong to."""

    OFFER = "the offer that any new buyer gets"
    SUBSCRIPTION = "the subscription's offer"
    USED = "the used item's offer"
    SHOWN = "what the page shows"
    PAGE = "the page, shown or not"


@dataclass(frozen=True)
class _Surroundings:
    """Whether an element is shown, and the other purchase option that it belongs to."""

    shown: bool
    option: str | None


_NOTHING_AROUND = _Surroundings(shown=True, option=None)


@dataclass
class PageReading:
    """What every part of the parser is given. ``evidence`` collects what came from where."""

    document: PageDocument
    market: Marketplace
    asin: str
    language: str | None
    money: MoneyReader
    evidence: Evidence
    _surroundings: dict[int, _Surroundings] = field(default_factory=dict)

    @classmethod
    def of(
        cls, document: PageDocument, domain: str, asin: str, *, explains: bool = False
    ) -> PageReading:
        market = marketplace(domain)
        language = page_language(document)
        money = MoneyReader(market, number_forms(market, language))
        return cls(document, market, asin, language, money, Evidence(explains))

    def read(
        self,
        name: str,
        sources: Sources,
        value: Callable[[LexborNode], T | Rejected | None],
        *,
        otherwise: Sources = (),
        among: Part = Part.OFFER,
        compared: bool = True,
        most: int = _MOST_PLACES,
    ) -> T | None:
        """A field's value: of the first source with an element of the part that says one.

        The other sources are ``compared`` with it, so that a page that contradicts itself shows;
        not where they say other things (which of two texts is longer) rather than the same.
        ``otherwise`` are the sources of rare layouts, looked for only when the others say nothing.
        Of each source at most the first ``most`` elements are looked at.
        """
        may_have = self.document.may_have
        for group in (sources, otherwise):
            for source in group:
                for selector in (source,) if isinstance(source, str) else source:
                    if not may_have(selector):
                        continue
                    found = self._value_at(name, selector, value, among, most)
                    if found is not None:
                        self.evidence.consider(name, selector, found)
                        if not compared:
                            return found
                        break
            taken: T | None = self.evidence.taken(name)
            if taken is not None:
                return taken
        return None

    def _value_at(
        self,
        name: str,
        selector: str,
        value: Callable[[LexborNode], T | Rejected | None],
        among: Part,
        most: int,
    ) -> T | None:
        for node in self._first_elements(selector, most):
            outside = self._why_outside(node, among)
            found = value(node) if outside is None else Rejected(outside)
            if found is not None and not isinstance(found, Rejected):
                return found
            if self.evidence.explains:
                why = found or "says no value of this kind"
                self.evidence.reject(name, selector, visible_text(node), str(why))
        return None

    def _first_elements(self, selector: str, most: int) -> list[LexborNode]:
        if most > 1:
            return self.document.select(selector)[:most]
        first = self.document.select_first(selector)
        return [] if first is None else [first]

    def price_at(self, node: LexborNode) -> Money | None:
        """The price that an element shows, by the page's locale."""
        return self.money.first(price_text(node))

    def offered(self, selector: str) -> Iterator[LexborNode]:
        """The selector's elements that are shown and belong to the offer any new buyer gets."""
        return self.elements(selector, Part.OFFER)

    def elements(self, selector: str, among: Part) -> Iterator[LexborNode]:
        """The selector's elements that belong to the part, in page order."""
        for node in self.document.select(selector)[:_MOST_ELEMENTS]:
            if self._why_outside(node, among) is None:
                yield node

    def has(self, selectors: Iterable[str]) -> bool:
        """Whether the offer any new buyer gets has one of these elements."""
        return any(True for selector in selectors for _ in self.offered(selector))

    def option_around(self, node: LexborNode) -> str | None:
        """The other purchase option, other seller or other products that an element belongs to."""
        return self._around(node).option

    def _why_outside(self, node: LexborNode, among: Part) -> str | None:
        if among is Part.PAGE:
            return None
        around = self._around(node)
        if not around.shown:
            return "is not shown"
        option = around.option
        if among is Part.SHOWN:
            return None
        if among is Part.OFFER:
            return None if option is None else f"belongs to another offer ({option})"
        fits = is_used if among is Part.USED else is_subscription
        return None if option is not None and fits(option) else f"is not in {among.value}"

    def _around(self, node: LexborNode) -> _Surroundings:
        """Looks around an element, each element of the page once."""
        known = self._surroundings
        path: list[LexborNode] = []
        found = _NOTHING_AROUND
        current: LexborNode | None = node
        while current is not None:
            seen = known.get(current.mem_id)
            if seen is not None:
                found = seen
                break
            if current.tag in _OUTERMOST:
                break
            path.append(current)
            current = current.parent
        for each in reversed(path):
            attributes = each.attributes
            shown = found.shown and is_visible(each, attributes)
            option = other_option(attributes) or found.option
            if shown != found.shown or option != found.option:
                found = _Surroundings(shown, option)
            known[each.mem_id] = found
        return found
