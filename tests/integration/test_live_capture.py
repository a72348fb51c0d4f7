"""Captures of live pages: each request is noted first, and ends with a page or a reason."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from insights_assets.capture.capture import CaptureSummary, capture_pages, page_row
from insights_assets.capture.page_requests import claimed_requests
from insights_resources.errors import (
    ArchiveError,
    BudgetExhaustedError,
    ProviderAccessError,
    WarehouseError,
)
from insights_resources.marketplaces import ProductKey
from insights_resources.page_archive import PageArchive
from insights_resources.page_providers.concurrent_fetch import fetch_concurrently
from insights_resources.page_providers.page_requests import (
    CaptureBudget,
    PageRequests,
    UnnotedRequests,
)
from insights_resources.page_providers.protocol import (
    CapturedPage,
    PageTarget,
    ProviderCatalog,
    ProviderStatus,
    Verdict,
)
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.schema import migrate
from tests.processes import run_and_die
from tests.servers import restartable_postgres

KEYS = [ProductKey("amazon.de", f"B00000000{n}") for n in range(8)]
TODAY = datetime.now(UTC).date()


class CostlyPages:
    """A provider of live pages that counts what was sent to it; ``gives`` says what comes of it."""

    name = "costly"

    def __init__(
        self, gives: Callable[[PageTarget], CapturedPage] | None = None, *, workers: int = 3
    ) -> None:
        self.sent = Counter[ProductKey]()
        self._gives, self._workers = gives or page_of, workers

    async def status(self) -> ProviderStatus | None:
        return None

    def can_serve(self, day: date) -> bool:
        return day == TODAY

    def catalog(self) -> ProviderCatalog | None:
        return None

    def fetch(self, targets: Sequence[PageTarget]) -> AsyncIterator[CapturedPage]:
        return self.fetch_noted(targets, UnnotedRequests())

    async def fetch_noted(
        self, targets: Sequence[PageTarget], requests: PageRequests
    ) -> AsyncIterator[CapturedPage]:
        async def fetch(target: PageTarget) -> AsyncIterator[CapturedPage]:
            await requests.sending(self.name, [target], Decimal(1))
            self.sent[target.key] += 1
            yield self._gives(target)

        async for page in fetch_concurrently(targets, fetch, self._workers, requests.kept):
            yield page


def page_of(target: PageTarget, **changes: object) -> CapturedPage:
    values = {
        "target": target,
        "provider": "costly",
        "captured_at": datetime.now(UTC),
        "content": f"<html>{target.key}</html>".encode(),
        "verdict": Verdict.PRODUCT,
        "reason": None,
        "requested_url": target.key.url,
        "http_status": 200,
        "cost": Decimal(1),
        "latency_ms": 12.5,
    }
    return CapturedPage(**values | changes)  # type: ignore[arg-type]


def failure_of(target: PageTarget, **changes: object) -> CapturedPage:
    values = {"content": None, "verdict": Verdict.ERROR, "reason": "HTTP 500", "cost": Decimal(0)}
    return page_of(target, **values | changes)


@pytest.fixture
def archive(tmp_path: Path) -> PageArchive:
    return PageArchive(str(tmp_path / "pages"))


def capture(
    warehouse: Warehouse,
    archive: PageArchive,
    provider: CostlyPages,
    keys: Sequence[ProductKey] = KEYS,
    **options: object,
) -> CaptureSummary:
    targets = [PageTarget(key, TODAY) for key in keys]
    return capture_pages(provider, archive, warehouse, targets, run_id="run", **options)  # type: ignore[arg-type]


def requests_of(warehouse: Warehouse) -> list[tuple[str, str, str | None, int, Decimal, Decimal]]:
    table = tables.page_requests
    columns = (
        table.c.asin,
        table.c.status,
        table.c.reason,
        table.c.sends,
        table.c.credits,
        table.c.credits_reserved,
    )
    with warehouse.read() as connection:
        query = select(*columns).order_by(table.c.request_id)
        return [tuple(row) for row in connection.execute(query)]


def pages_in(warehouse: Warehouse) -> int:
    with warehouse.read() as connection:
        return connection.scalar(select(func.count()).select_from(tables.raw_pages)) or 0


def test_each_page_ends_its_request(warehouse: Warehouse, archive: PageArchive) -> None:
    provider = CostlyPages()
    summary = capture(warehouse, archive, provider)
    assert (summary.pages, summary.new_pages, summary.left_out) == (8, 8, {})
    assert provider.sent == Counter(dict.fromkeys(KEYS, 1))
    assert set(requests_of(warehouse)) == {
        (key.asin, "captured", None, 1, Decimal(1), Decimal(0)) for key in KEYS
    }
    of_provider = summary.providers["costly"]
    assert (of_provider.credits, of_provider.verdicts) == (Decimal(8), Counter(product=8))


def test_a_failure_waits_for_a_later_window_with_its_reason(
    warehouse: Warehouse, archive: PageArchive
) -> None:
    one, *_ = KEYS
    summary = capture(warehouse, archive, CostlyPages(failure_of), [one])
    assert summary.left_out == {one: "HTTP 500"}
    assert requests_of(warehouse) == [(one.asin, "pending", "HTTP 500", 1, Decimal(0), Decimal(0))]
    assert capture(warehouse, archive, CostlyPages(), [one]).left_out == {}
    assert requests_of(warehouse) == [(one.asin, "captured", None, 2, Decimal(1), Decimal(0))]


def test_an_unknown_outcome_keeps_its_credits_and_is_not_sent_again_by_the_same_capture(
    warehouse: Warehouse, archive: PageArchive
) -> None:
    one, *_ = KEYS
    lost = CostlyPages(
        lambda target: failure_of(target, reason="no answer", is_outcome_known=False)
    )
    assert capture(warehouse, archive, lost, [one]).left_out == {one: "no answer"}
    assert lost.sent[one] == 1
    assert requests_of(warehouse) == [(one.asin, "unknown", "no answer", 1, Decimal(0), Decimal(1))]
    capture(warehouse, archive, CostlyPages(), [one])
    assert requests_of(warehouse) == [(one.asin, "captured", None, 2, Decimal(2), Decimal(0))]


def test_a_budget_stops_before_it_is_overrun_and_says_what_it_left(
    warehouse: Warehouse, archive: PageArchive
) -> None:
    provider = CostlyPages()
    summary = capture(warehouse, archive, provider, budget=CaptureBudget(credits_a_run=Decimal(5)))
    assert (sum(provider.sent.values()), summary.pages) == (5, 5)
    assert isinstance(summary.ended_by, BudgetExhaustedError)
    assert len(summary.left_out) == 3
    (reason,) = set(summary.left_out.values())
    assert "overrun the 5 of a run (INSIGHTS_CREDITS_A_RUN; 5 spent)" in reason
    # What is left fits into the day's budget but for one.
    rest = capture(warehouse, archive, provider, budget=CaptureBudget(credits_a_day=Decimal(7)))
    assert (sum(provider.sent.values()), rest.pages, len(rest.left_out)) == (12 - 5, 2, 6)


def test_what_one_transaction_changes_is_written_as_it_is_at_last(warehouse: Warehouse) -> None:
    targets = [PageTarget(key, TODAY) for key in KEYS[:3]]
    first, second, third = targets
    page = failure_of(first, cost=Decimal(8))
    warehouse.make_partitions(tables.raw_pages, [TODAY])
    with claimed_requests(
        warehouse, targets, budget=CaptureBudget(credits_a_day=Decimal(9))
    ) as requests:

        async def all_at_once() -> list[object]:
            await requests.sending("costly", [first], Decimal(1))
            row = page_row(page, None, "run")
            return await asyncio.gather(
                requests.store(page, row),
                requests.store(page, row),
                requests.sending("costly", [first], Decimal(1)),
                requests.sending("costly", [second], Decimal(1)),
                return_exceptions=True,
            )

        stored, again, noted, refused = asyncio.run(all_at_once())
    assert (stored, again, noted) == (True, True, None)
    assert isinstance(refused, BudgetExhaustedError)  # 8 are spent, and 1 is reserved
    assert pages_in(warehouse) == 1
    assert sorted(requests_of(warehouse)) == [
        (first.key.asin, "sent", "HTTP 500", 2, Decimal(8), Decimal(1)),
        (second.key.asin, "pending", None, 0, Decimal(0), Decimal(0)),
        (third.key.asin, "pending", None, 0, Decimal(0), Decimal(0)),
    ]


def test_a_product_is_sent_for_so_often_on_a_day(
    warehouse: Warehouse, archive: PageArchive
) -> None:
    one, other, *_ = KEYS
    provider, budget = CostlyPages(), CaptureBudget(pages_a_product=2)
    for _ in range(3):
        summary = capture(warehouse, archive, provider, [one], budget=budget)
    assert (provider.sent[one], summary.pages) == (2, 0)
    assert "is the limit of a product" in summary.left_out[one]
    assert capture(warehouse, archive, provider, [one, other], budget=budget).pages == 1


def test_a_refused_key_ends_it_and_leaves_the_rest_pending(
    warehouse: Warehouse, archive: PageArchive
) -> None:
    def refuse(target: PageTarget) -> CapturedPage:
        raise ProviderAccessError("the key is refused")

    provider = CostlyPages(refuse, workers=1)
    summary = capture(warehouse, archive, provider)
    assert (sum(provider.sent.values()), str(summary.ended_by)) == (1, "the key is refused")
    statuses = Counter(status for _, status, *_ in requests_of(warehouse))
    # The one that was sent: nobody said what came of it.
    assert statuses == Counter(pending=7, sent=1)


def die(target: PageTarget) -> CapturedPage:
    if target.key == KEYS[2]:
        os.kill(os.getpid(), signal.SIGKILL)
    return page_of(target)


def capture_and_die(url: str, folder: str) -> None:
    capture(Warehouse.open(url), PageArchive(folder), CostlyPages(die, workers=1))


def test_what_a_killed_capture_had_committed_is_never_sent_for_again(
    warehouse: Warehouse, warehouse_url: str, tmp_path: Path
) -> None:
    folder = str(tmp_path / "pages")
    run_and_die(capture_and_die, warehouse_url, folder)
    before = {asin: status for asin, status, *_ in requests_of(warehouse)}
    assert before[KEYS[2].asin] == "sent"
    kept = {asin for asin, status in before.items() if status == "captured"}

    provider = CostlyPages()
    summary = capture(
        warehouse,
        PageArchive(folder),
        provider,
        [key for key in KEYS if key.asin not in kept],
    )
    assert summary.left_out == {}
    assert pages_in(warehouse) == len(KEYS)
    assert {status for _, status, *_ in requests_of(warehouse)} == {"captured"}
    # The one that was under way may have been billed: it counts twice.
    assert sum(credits for *_, credits, _ in requests_of(warehouse)) == len(KEYS) + 1


def test_a_capture_leaves_alone_what_another_is_about_to_bring(
    warehouse: Warehouse, archive: PageArchive
) -> None:
    inner: list[CaptureSummary] = []
    second = CostlyPages()

    class Meanwhile(CostlyPages):
        async def fetch_noted(
            self, targets: Sequence[PageTarget], requests: PageRequests
        ) -> AsyncIterator[CapturedPage]:
            import asyncio

            inner.append(await asyncio.to_thread(capture, warehouse, archive, second, KEYS[:3]))
            async for page in super().fetch_noted(targets, requests):
                yield page

    first = Meanwhile()
    assert capture(warehouse, archive, first, KEYS[1:]).pages == 7
    assert set(inner[0].held_by_others) == set(KEYS[1:3])
    assert second.sent == Counter({KEYS[0]: 1})


def test_yesterdays_open_requests_are_missed(warehouse: Warehouse, archive: PageArchive) -> None:
    one, other, *_ = KEYS
    capture(warehouse, archive, CostlyPages(failure_of), [one])
    with warehouse.begin() as connection:
        connection.execute(update(tables.page_requests).values(day=TODAY - timedelta(days=1)))
    capture(warehouse, archive, CostlyPages(), [one, other])
    assert [row[:3] for row in requests_of(warehouse)] == [
        (one.asin, "missed", "HTTP 500"),
        (one.asin, "captured", None),
        (other.asin, "captured", None),
    ] or [row[:3] for row in requests_of(warehouse)] == [
        (one.asin, "missed", "HTTP 500"),
        (other.asin, "captured", None),
        (one.asin, "captured", None),
    ]


def test_a_full_archive_stops_the_sending_and_says_so(warehouse: Warehouse, tmp_path: Path) -> None:
    class FullArchive(PageArchive):
        def put(self, content: bytes) -> str:
            raise ArchiveError("page x cannot be written to the archive: no space left on device")

    provider = CostlyPages(workers=1)
    with pytest.raises(ArchiveError, match="no space left"):
        capture(warehouse, FullArchive(str(tmp_path)), provider)
    assert sum(provider.sent.values()) < len(KEYS)
    statuses = Counter(status for _, status, *_ in requests_of(warehouse))
    assert statuses["pending"] + statuses["sent"] == len(KEYS)
    assert pages_in(warehouse) == 0


def test_a_name_is_held_by_one_and_free_after_it(warehouse: Warehouse) -> None:
    assert not warehouse.is_held("capture-x")
    with warehouse.held("capture-x"):
        assert warehouse.is_held("capture-x")
        assert not warehouse.is_held("capture-y")
    assert not warehouse.is_held("capture-x")
    with pytest.raises(WarehouseError), warehouse.held("capture-x"):
        raise WarehouseError("within")
    assert not warehouse.is_held("capture-x")


@pytest.mark.slow
def test_a_database_that_is_restarted_in_the_middle_costs_nothing(tmp_path: Path) -> None:
    with restartable_postgres() as server:
        server.start()
        warehouse = Warehouse.open(server.url.replace("postgresql:", "postgresql+psycopg:"))
        migrate(warehouse)
        sent = 0

        def restart_at_the_third(target: PageTarget) -> CapturedPage:
            nonlocal sent
            sent += 1
            if sent == 3:
                server.stop()
                server.start()
            return page_of(target)

        provider = CostlyPages(restart_at_the_third, workers=2)
        archive = PageArchive(str(tmp_path / "pages"))
        summary = capture(warehouse, archive, provider)
        assert (summary.left_out, pages_in(warehouse)) == ({}, len(KEYS))
        assert set(provider.sent.values()) == {1}
        assert {status for _, status, *_ in requests_of(warehouse)} == {"captured"}
        warehouse.dispose()
