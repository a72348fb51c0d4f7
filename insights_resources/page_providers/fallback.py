"""Two providers as one: what the first could not bring is asked of the second."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import date

from insights_resources.errors import BudgetExhaustedError, ProviderError
from insights_resources.page_providers.concurrent_fetch import ENDS_IT
from insights_resources.page_providers.page_requests import PageRequests, UnnotedRequests
from insights_resources.page_providers.protocol import (
    CapturedPage,
    LivePageProvider,
    PageTarget,
    ProviderCatalog,
    ProviderStatus,
    Verdict,
)

#: What another provider may do better.
_FAILURES = (Verdict.ERROR, Verdict.BLOCKED)


class FallbackProvider:
    """Live pages from ``primary``, and from ``fallback`` where that fails.

    The fallback is asked when the primary brought a failure or a robot check, and for all that is
    left when the primary is left alone or refuses us. Not when a budget is exhausted: what it keeps
    from being sent is not to be had elsewhere. Not when a request's outcome is unknown: a later
    capture sends that again.
    """

    def __init__(self, primary: LivePageProvider, fallback: LivePageProvider) -> None:
        self.primary, self.fallback = primary, fallback

    @property
    def name(self) -> str:
        """Of both; a page has the name of the one that brought it."""
        return f"{self.primary.name}+{self.fallback.name}"

    def can_serve(self, day: date) -> bool:
        """Whether both can."""
        return self.primary.can_serve(day) and self.fallback.can_serve(day)

    def catalog(self) -> ProviderCatalog | None:
        """None: any product."""
        return None

    async def status(self) -> ProviderStatus | None:
        """The primary's."""
        return await self.primary.status()

    def fetch(self, targets: Sequence[PageTarget]) -> AsyncIterator[CapturedPage]:
        """See ``PageProvider``; nothing is noted."""
        return self.fetch_noted(targets, UnnotedRequests())

    async def fetch_noted(
        self, targets: Sequence[PageTarget], requests: PageRequests
    ) -> AsyncIterator[CapturedPage]:
        """See ``LivePageProvider``. A target that the primary failed with gives a page of each:
        both were fetched, and are kept."""
        failed: list[PageTarget] = []
        seen: set[PageTarget] = set()
        ended: ProviderError | None = None
        try:
            async for page in self.primary.fetch_noted(targets, requests):
                seen.add(page.target)
                if page.verdict in _FAILURES and page.is_outcome_known:
                    failed.append(page.target)
                yield page
        except ENDS_IT as error:
            ended = error
        left = [target for target in targets if target not in seen]
        if isinstance(ended, BudgetExhaustedError):
            left = []
        async for page in self.fallback.fetch_noted([*failed, *left], requests):
            yield page
        if ended is not None:
            raise ended
