"""Captures pages: from a provider into the archive, then into ``fact_raw_pages``.

The archive first, then the row: a crash between leaves an unreferenced body, never a row without
its page. Each page is recorded as it arrives, so that a crash keeps what was paid for. The same
page twice is one row. Requests for live pages are noted besides (see ``page_requests``).
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from insights_assets.capture.capture_writes import capture_writes
from insights_assets.capture.page_requests import WarehousePageRequests, claimed_requests
from insights_resources.errors import DayNotServableError, InsightsError, ProviderError
from insights_resources.marketplaces import ProductKey
from insights_resources.page_archive import PageArchive
from insights_resources.page_providers.concurrent_fetch import ENDS_IT
from insights_resources.page_providers.page_requests import NO_LIMITS, CaptureBudget
from insights_resources.page_providers.protocol import (
    CapturedPage,
    LivePageProvider,
    PageProvider,
    PageTarget,
)
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse

#: Pages on their way into the archive and the warehouse at once.
_STORED_AT_ONCE = 32

#: Called after each page: (pages so far, targets asked for).
Progress = Callable[[int, int], None]


@dataclass
class ProviderSummary:
    """What one provider brought: pages by verdict, how long each took, what they cost."""

    pages: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    latencies_ms: list[float] = field(default_factory=list)
    credits: Decimal = Decimal(0)
    retries: int = 0


@dataclass
class CaptureSummary:
    """What a capture brought: pages by verdict, day and provider; ``new_pages`` were not there
    before.

    Of a provider of live pages also ``left_out``, the products without a page of theirs and why,
    ``held_by_others``, which another capture is about to bring, and ``ended_by``: what kept it from
    sending more, if anything did.
    """

    targets: int = 0
    pages: int = 0
    new_pages: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    pages_by_day: Counter[date] = field(default_factory=Counter)
    providers: dict[str, ProviderSummary] = field(default_factory=dict)
    left_out: dict[ProductKey, str] = field(default_factory=dict)
    held_by_others: tuple[ProductKey, ...] = ()
    ended_by: ProviderError | None = None

    def count(self, page: CapturedPage, day: date, *, is_new: bool) -> None:
        """Adds a page."""
        self.pages += 1
        self.new_pages += is_new
        self.verdicts[page.verdict.value] += 1
        self.pages_by_day[day] += 1
        provider = self.providers.setdefault(page.provider, ProviderSummary())
        provider.pages += 1
        provider.verdicts[page.verdict.value] += 1
        provider.credits += page.cost
        provider.retries += page.retries
        if page.latency_ms is not None:
            provider.latencies_ms.append(page.latency_ms)


def plan_targets(
    provider: PageProvider, scope: Scope, products: Iterable[ProductKey], *, anew: bool = False
) -> list[PageTarget]:
    """The pages to ask for, day by day; ``anew`` as in ``PageTarget``.

    Raises ``DayNotServableError`` naming the days that the provider cannot serve: a page of last
    week cannot be fetched today.
    """
    refused = [day for day in scope.days if not provider.can_serve(day)]
    if refused:
        raise DayNotServableError(
            f"the page provider {provider.name!r} has no pages of {_in_words(refused)}: a page can "
            f"only be captured on its day. Leave capture/raw_pages out of the selection (and "
            f"--capture out of the command) to rebuild "
            f"{'that day' if len(refused) == 1 else 'those days'} from the archived pages"
        )
    keys = list(products)
    return [PageTarget(key, day, anew) for day in scope.days for key in keys]


def _in_words(days: Sequence[date]) -> str:
    """Days in order, those that follow each other as one stretch."""
    stretches: list[tuple[date, date]] = []
    for day in days:
        if stretches and day == stretches[-1][1] + timedelta(days=1):
            stretches[-1] = (stretches[-1][0], day)
        else:
            stretches.append((day, day))
    return ", ".join(
        str(first) if first == last else f"{first} to {last}" for first, last in stretches
    )


def capture_pages(
    provider: PageProvider,
    archive: PageArchive,
    warehouse: Warehouse,
    targets: Sequence[PageTarget],
    *,
    run_id: str | None,
    budget: CaptureBudget = NO_LIMITS,
    progress: Progress = lambda pages, targets: None,
) -> CaptureSummary:
    """Fetches the targets and keeps every page that comes; see the module's docstring.

    Raises ``ArchiveError`` or ``WarehouseError`` when pages could not be kept: no more were sent
    for then.
    """
    if isinstance(provider, LivePageProvider):
        with claimed_requests(
            warehouse, targets, budget=budget, archive=archive, run_id=run_id
        ) as requests:
            capture = _capture_live(provider, archive, warehouse, requests, run_id, progress)
            return asyncio.run(capture)
    return asyncio.run(_capture(provider, archive, warehouse, targets, run_id, progress))


async def _capture(
    provider: PageProvider,
    archive: PageArchive,
    warehouse: Warehouse,
    targets: Sequence[PageTarget],
    run_id: str | None,
    progress: Progress,
) -> CaptureSummary:
    summary = CaptureSummary(targets=len(targets))
    async for page in provider.fetch(targets):
        content_hash = archive.put(page.content) if page.content else None
        row = page_row(page, content_hash, run_id)
        warehouse.make_partitions(tables.raw_pages, [row["day"]])
        with capture_writes(warehouse) as writes:
            writes.page(row)
        summary.count(page, row["day"], is_new=row["page_id"] in writes.new_pages)
        progress(summary.pages, summary.targets)
    return summary


async def _capture_live(
    provider: LivePageProvider,
    archive: PageArchive,
    warehouse: Warehouse,
    requests: WarehousePageRequests,
    run_id: str | None,
    progress: Progress,
) -> CaptureSummary:
    targets = requests.claimed.targets
    summary = CaptureSummary(targets=len(targets), held_by_others=requests.claimed.held_by_others)
    partitions: set[date] = set()
    slots = asyncio.Semaphore(_STORED_AT_ONCE)
    failures: list[BaseException] = []

    async def store(page: CapturedPage) -> None:
        try:
            content_hash = (
                await asyncio.to_thread(archive.put, page.content) if page.content else None
            )
            row = page_row(page, content_hash, run_id)
            month = row["day"].replace(day=1)
            if month not in partitions:
                await asyncio.to_thread(
                    requests.commits.patiently,
                    partial(warehouse.make_partitions, tables.raw_pages, [row["day"]]),
                )
                partitions.add(month)
            is_new = await requests.store(page, row)
            summary.count(page, row["day"], is_new=is_new)
            progress(summary.pages, summary.targets)
        except (InsightsError, SQLAlchemyError) as error:
            failures.append(error)
            requests.stop(f"pages cannot be kept: {error}")
        finally:
            requests.settle(page.target)
            slots.release()

    async with asyncio.TaskGroup() as tasks:
        try:
            async for page in provider.fetch_noted(targets, requests):
                await slots.acquire()
                tasks.create_task(store(page))
        except ENDS_IT as error:
            summary.ended_by = error
    if failures:
        raise failures[0]
    await asyncio.to_thread(
        requests.give_up, str(summary.ended_by or "the provider gave no page of it")
    )
    summary.left_out = await asyncio.to_thread(requests.open_reasons)
    return summary


def page_id(page: CapturedPage, content_hash: str | None) -> str:
    """The id of a page: equal for the same body of the same product at the same instant."""
    identity = "|".join(
        (
            page.provider,
            *page.target.key,
            page.captured_at.astimezone(UTC).isoformat(),
            content_hash or f"{page.verdict.value}:{page.reason}",
        )
    )
    return hashlib.sha256(identity.encode()).hexdigest()[:32]


def page_row(page: CapturedPage, content_hash: str | None, run_id: str | None) -> dict[str, Any]:
    """The row of ``fact_raw_pages`` for a page."""
    captured_at = page.captured_at.astimezone(UTC)
    return {
        "page_id": page_id(page, content_hash),
        "marketplace": page.target.key.marketplace,
        "asin": page.target.key.asin,
        "day": captured_at.date(),
        "captured_at": captured_at,
        "captured_at_precision": page.captured_at_precision,
        "provider": page.provider,
        "requested_url": page.requested_url,
        "final_url": page.final_url,
        "http_status": page.http_status,
        "verdict": page.verdict.value,
        "verdict_reason": page.reason,
        "content_hash": content_hash,
        "content_bytes": len(page.content) if page.content else None,
        "cost": page.cost,
        "latency_ms": page.latency_ms,
        "run_id": run_id,
        "recorded_at": datetime.now(UTC),
    }
