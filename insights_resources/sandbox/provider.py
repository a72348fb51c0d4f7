"""The page provider of the sandbox marketplace."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal

from insights_resources.errors import DayNotServableError
from insights_resources.page_providers.document import PageDocument
from insights_resources.page_providers.protocol import (
    CapturedPage,
    CatalogGroup,
    CatalogMember,
    CatalogProduct,
    PageTarget,
    ProviderCatalog,
    Verdict,
)
from insights_resources.page_providers.verdict import judge_page
from insights_resources.sandbox.market import SandboxMarket

#: When an ASIN that the sandbox does not have is looked for.
_MORNING = time(6)


def _now() -> datetime:
    return datetime.now(UTC)


class SandboxProvider:
    """Serves the sandbox's pages for any day from its first day to today (UTC). Free of cost.

    A target gives one page for each slot of its day that is past; a slot of today that is still
    to come is not served, but for the first one, which is then captured now: nothing is captured
    in the future. A page of today that is wanted anew is that of the day's last slot, captured now.
    """

    def __init__(self, market: SandboxMarket, now: Callable[[], datetime] = _now) -> None:
        self.market = market
        self._now = now

    @property
    def name(self) -> str:
        return "sandbox"

    def can_serve(self, day: date) -> bool:
        return self.market.first_day <= day <= self._now().date()

    def catalog(self) -> ProviderCatalog:
        """The simulated products and their groups."""
        return ProviderCatalog(
            products=tuple(
                CatalogProduct(product.key, product.label)
                for group in self.market.groups
                for product in group.products
            ),
            groups=tuple(
                CatalogGroup(
                    group.group_id,
                    group.name,
                    tuple(CatalogMember(product.key) for product in group.products),
                    group.line.report_template,
                )
                for group in self.market.groups
            ),
        )

    async def fetch(self, targets: Sequence[PageTarget]) -> AsyncIterator[CapturedPage]:
        """The pages of the targets, in their order.

        An ASIN that the sandbox does not have gets a 404 page; a day that it cannot serve gets
        verdict ``ERROR``. Raises ``DayNotServableError`` when that is so for all the targets.
        """
        if targets and not any(self.can_serve(target.day) for target in targets):
            raise DayNotServableError(self._refusal(targets[0]))
        for target in targets:
            if not self.can_serve(target.day):
                yield CapturedPage(
                    target=target,
                    provider=self.name,
                    captured_at=self._now().replace(microsecond=0),
                    content=None,
                    verdict=Verdict.ERROR,
                    reason=self._refusal(target),
                    requested_url=target.key.url,
                )
                continue
            if not self.market.knows(target.key):
                content = self.market.not_found_page(target.key.marketplace)
                moment = min(self._now(), datetime.combine(target.day, _MORNING, tzinfo=UTC))
                yield self._page(target, content, moment.replace(microsecond=0), 404)
                continue
            now = self._now().replace(microsecond=0)
            moments = [
                self.market.captured_at(target.key, target.day, slot)
                for slot in range(self.market.captures_per_day)
            ]
            slots = [slot for slot, moment in enumerate(moments) if moment <= now or slot == 0]
            is_anew = target.anew and target.day == now.date()
            for slot in slots[-1:] if is_anew else slots:
                content = self.market.page(target.key, target.day, slot)
                status = self.market.truth(target.key, target.day, slot).http_status
                captured_at = now if is_anew else min(moments[slot], now)
                yield self._page(target, content, captured_at, status)

    def _refusal(self, target: PageTarget) -> str:
        return (
            f"the sandbox serves {self.market.first_day} to today ({self._now().date()}),"
            f" not {target.day} for {target.key}"
        )

    def _page(
        self, target: PageTarget, content: bytes, captured_at: datetime, status: int
    ) -> CapturedPage:
        judgement = judge_page(PageDocument.from_bytes(content), target.key)
        return CapturedPage(
            target=target,
            provider=self.name,
            captured_at=captured_at,
            content=content,
            verdict=judgement.verdict,
            reason=judgement.reason,
            requested_url=target.key.url,
            final_url=target.key.url,
            http_status=status,
            cost=Decimal(0),
        )
