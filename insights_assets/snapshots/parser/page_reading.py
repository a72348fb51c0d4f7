"""One page while it is read: its tree, its shop, how it writes numbers, what came from where."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from selectolax.lexbor import LexborNode

from insights_assets.snapshots.parser.money import MoneyReader
from insights_assets.snapshots.parser.numbers import number_form
from insights_assets.snapshots.parser.purchase_options import is_headline_part
from insights_assets.snapshots.parser.visible_text import is_shown
from insights_resources.marketplaces import Marketplace, marketplace
from insights_resources.page_providers.document import PageDocument
from insights_resources.page_providers.page_identity import page_language

#: A real page has a few of each part; looking around each of thousands would take minutes.
_MOST_ELEMENTS = 200


@dataclass
class PageReading:
    """What every part of the parser is given. ``sources`` collects field -> source."""

    document: PageDocument
    market: Marketplace
    asin: str
    language: str | None
    money: MoneyReader
    sources: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, document: PageDocument, domain: str, asin: str) -> PageReading:
        market = marketplace(domain)
        language = page_language(document)
        form = number_form(market, language)
        return cls(document, market, asin, language, MoneyReader(market, form))

    @property
    def html(self) -> str:
        return self.document.html

    def first(self, selectors: Iterable[str]) -> tuple[LexborNode, str] | None:
        """The first element that any selector finds, trying the selectors in order."""
        for selector in selectors:
            node = self.document.select_first(selector)
            if node is not None:
                return node, selector
        return None

    def offered(self, selector: str) -> Iterator[LexborNode]:
        """The selector's elements that are shown and belong to the offer any new buyer gets."""
        for node in self.shown(selector):
            if is_headline_part(node):
                yield node

    def shown(self, selector: str) -> Iterator[LexborNode]:
        """The selector's elements that a reader sees, in page order."""
        for node in self.document.select(selector)[:_MOST_ELEMENTS]:
            if is_shown(node):
                yield node

    def note(self, name: str, source: str) -> None:
        """Remembers which part of the page gave a field its value."""
        self.sources[name] = source
