"""What every page provider does: ``fetch(targets)`` gives ``CapturedPage``s as they arrive."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from insights_resources.marketplaces import ProductKey

if TYPE_CHECKING:
    from insights_resources.page_providers.page_requests import PageRequests


class Verdict(StrEnum):
    """What a page is, judged by its content: a robot check arrives with HTTP 200."""

    PRODUCT = "product"
    BLOCKED = "blocked"
    NOT_FOUND = "not_found"
    OTHER = "other"
    ERROR = "error"


@dataclass(frozen=True)
class PageTarget:
    """One page that is wanted: a product, on a UTC day (today for a provider of live pages).

    ``anew``: as it is now. No page that the provider has kept or served before answers it; where
    there is none else (saved pages), the provider gives what it has.
    """

    key: ProductKey
    day: date
    anew: bool = False


@dataclass(frozen=True)
class CapturedPage:
    """One page as a provider handed it over, or the provider's failure to (``ERROR``, no content).

    ``captured_at`` is aware UTC; ``captured_at_precision`` is ``exact``, or ``day``/``year`` when
    the source only knows that much (saved pages). ``content`` is the undecoded body. ``cost`` is
    in the provider's credits. ``latency_ms`` is the provider's answer time. ``retries`` is how
    often the request was sent before without success. ``is_outcome_known`` False: the request was
    sent and no answer came (verdict ``ERROR``). ``etag``, ``last_modified``: what the site gave to
    ask later whether the page has changed.
    """

    target: PageTarget
    provider: str
    captured_at: datetime
    content: bytes | None
    verdict: Verdict
    reason: str | None
    requested_url: str
    final_url: str | None = None
    http_status: int | None = None
    captured_at_precision: str = "exact"
    cost: Decimal = Decimal(0)
    latency_ms: float | None = None
    retries: int = 0
    is_outcome_known: bool = True
    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True)
class CatalogProduct:
    """A product that a provider knows of; ``label`` None: its title must do."""

    key: ProductKey
    label: str | None = None


@dataclass(frozen=True)
class CatalogMember:
    """A member of such a group; ``first_day`` None: as far back as there is data."""

    key: ProductKey
    first_day: date | None = None


@dataclass(frozen=True)
class CatalogGroup:
    """A competitive group that a provider knows of; ``template``: of its reports' industry."""

    group_id: str
    name: str
    members: tuple[CatalogMember, ...]
    template: str | None = None


@dataclass(frozen=True)
class ProviderCatalog:
    """The products and groups that come with a provider (sandbox, saved pages)."""

    products: tuple[CatalogProduct, ...]
    groups: tuple[CatalogGroup, ...]


@dataclass(frozen=True)
class ProviderStatus:
    """What is left of a provider's plan, and what waits; None: it does not say (self-hosted)."""

    remaining_credits: Decimal | None
    plan_credits: Decimal | None
    jobs_in_queue: int | None
    max_concurrency: int | None


class PageProvider(Protocol):
    """A source of product pages."""

    @property
    def name(self) -> str:
        """Short and stable (``sandbox``, ``saved_pages``, ``firecrawl``): stored with each page."""

    def can_serve(self, day: date) -> bool:
        """Whether pages of that UTC day can be had (a live site serves today only)."""

    def catalog(self) -> ProviderCatalog | None:
        """What the provider itself knows of; None when it serves any product (a live site)."""

    def fetch(self, targets: Sequence[PageTarget]) -> AsyncIterator[CapturedPage]:
        """Pages as they arrive, in any order; a failed target is a page with verdict ``ERROR``.

        A target may give no page (a saved folder without that day) or several (two captures a
        day). Raises ``PermanentProviderError`` only when no further target can succeed.
        """


@runtime_checkable
class LivePageProvider(PageProvider, Protocol):
    """A provider of pages as they are now, each of which costs something (money, or patience).

    It serves today only; ``catalog`` is None.
    """

    def fetch_noted(
        self, targets: Sequence[PageTarget], requests: PageRequests
    ) -> AsyncIterator[CapturedPage]:
        """As ``fetch``; each request is noted before it is sent, retries too.

        At most one page a target and provider. A target that was not sent gives none: the budget is
        exhausted, or the provider is left alone (``BudgetExhaustedError``, ``CircuitOpenError`` or
        ``ProviderAccessError`` is then raised once all that was sent has ended and its pages were
        given).
        """

    async def status(self) -> ProviderStatus | None:
        """Credits and queue; None: there are none. Raises ``ProviderError`` when it does not
        answer."""
