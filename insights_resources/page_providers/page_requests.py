"""What a provider of live pages tells about each request before it sends it.

Each request costs. It is therefore noted, and the note is committed, before it is sent: whoever
finds the note after a crash knows that the page may have been served and billed. What came of it is
noted by who stores the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from insights_resources.page_providers.protocol import PageTarget


@dataclass(frozen=True)
class SentBatch:
    """A batch that was sent before and whose pages were not all taken: paid, and not to be sent
    again while the provider keeps it."""

    batch_id: str
    targets: tuple[PageTarget, ...]


@dataclass(frozen=True)
class CaptureBudget:
    """What may be spent; None: no limit.

    ``credits_a_day`` over all captures of a UTC day, ``credits_a_run`` by one of them,
    ``pages_a_product``: how often a product's page may be sent for on one day.
    """

    credits_a_day: Decimal | None = None
    credits_a_run: Decimal | None = None
    pages_a_product: int | None = None


NO_LIMITS = CaptureBudget()


@dataclass(frozen=True)
class KnownPage:
    """A page as it was captured last, and what the site gave to tell whether it has changed."""

    content: bytes
    etag: str | None
    last_modified: str | None


class PageRequests(Protocol):
    """The notes on the requests of one run."""

    async def sending(
        self, provider: str, targets: Sequence[PageTarget], credits_each: Decimal
    ) -> None:
        """Notes that these are about to be sent, and returns when the note is committed.

        Raises ``BudgetExhaustedError``, and notes nothing, when they would overrun a budget. To be
        called for each try: a second one costs as the first did.
        """

    async def sent_as_batch(self, targets: Sequence[PageTarget], batch_id: str) -> None:
        """Notes under which id the provider has these now."""

    async def kept(self, target: PageTarget) -> None:
        """Returns when the target's page will be stored with the next note at the latest, or could
        not be.

        Who waits for it before it sends the next request loses no more than that page in a crash.
        """

    async def sent_batches(self, provider: str) -> list[SentBatch]:
        """Batches of this provider, of this run's targets, that an earlier run sent."""

    async def known_page(self, provider: str, target: PageTarget) -> KnownPage | None:
        """The product's last page by this provider, when the site can tell whether it changed."""


class UnnotedRequests:
    """For who needs no notes: a single page of a person at the command line, a test."""

    async def sending(
        self, provider: str, targets: Sequence[PageTarget], credits_each: Decimal
    ) -> None:
        """Every request may be sent."""

    async def sent_as_batch(self, targets: Sequence[PageTarget], batch_id: str) -> None:
        """Forgotten."""

    async def kept(self, target: PageTarget) -> None:
        """At once."""

    async def sent_batches(self, provider: str) -> list[SentBatch]:
        """None."""
        return []

    async def known_page(self, provider: str, target: PageTarget) -> KnownPage | None:
        """None."""
        return None
