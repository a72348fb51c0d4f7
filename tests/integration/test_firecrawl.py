"""Captures through Firecrawl's API, against the sandbox's server: real requests, real faults."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from insights_assets.capture.capture import CaptureSummary, capture_pages
from insights_assets.capture.live_status import status_lines
from insights_resources.errors import CircuitOpenError, ProviderAccessError
from insights_resources.marketplaces import ProductKey
from insights_resources.outside_calls.circuit_breaker import CircuitBreaker, OwnCircuits
from insights_resources.outside_calls.guard import ProviderGuard
from insights_resources.outside_calls.rate_limit import RateLimiter
from insights_resources.outside_calls.retry_policy import RetryPolicy
from insights_resources.page_archive import PageArchive
from insights_resources.page_providers.firecrawl import FirecrawlProvider
from insights_resources.page_providers.protocol import CapturedPage, PageTarget, Verdict
from insights_resources.sandbox.faults import Fault, FaultPlan
from insights_resources.sandbox.firecrawl_server import SandboxFirecrawl
from insights_resources.sandbox.http_server import serving
from insights_resources.sandbox.market import SandboxMarket
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse

TODAY = datetime.now(UTC).date()
MARKET = SandboxMarket(seed=7, products=60, first_day=date(2025, 1, 1))
#: Products whose page of today is one.
KEYS = [key for key in MARKET.keys if MARKET.truth(key, TODAY, 0).snapshot is not None]
ONE = KEYS[0]


@pytest.fixture
def firecrawl() -> SandboxFirecrawl:
    return SandboxFirecrawl(MARKET, FaultPlan(slow_seconds=2.0))


@pytest.fixture
def url(firecrawl: SandboxFirecrawl) -> Iterator[str]:
    with serving(firecrawl) as address:
        yield address


def provider_of(url: str, key: str | None = "fc-key", **options: object) -> FirecrawlProvider:
    async def no_pause(seconds: float) -> None:
        """Tests do not wait."""

    guard = ProviderGuard(
        CircuitBreaker("firecrawl", OwnCircuits(), failures=6),
        RateLimiter("firecrawl", 60_000),
        RetryPolicy(tries=3),
        sleep=no_pause,
    )
    settings = {"workers": 4, "poll_seconds": 0.05, "answer_seconds": 1.0} | options
    return FirecrawlProvider(url, key, guard, **settings)  # type: ignore[arg-type]


def fetch(provider: FirecrawlProvider, keys: Sequence[ProductKey]) -> dict[str, CapturedPage]:
    async def run() -> list[CapturedPage]:
        return [page async for page in provider.fetch([PageTarget(key, TODAY) for key in keys])]

    pages = asyncio.run(run())
    assert len({page.target for page in pages}) == len(pages)
    return {page.target.key.asin: page for page in pages}


# --- one by one ----------------------------------------------------------------------------------


def test_a_page_comes_with_what_it_cost(firecrawl: SandboxFirecrawl, url: str) -> None:
    (page,) = fetch(provider_of(url), [ONE]).values()
    assert (page.verdict, page.http_status, page.cost) == (Verdict.PRODUCT, 200, Decimal(1))
    assert ONE.asin.encode() in (page.content or b"")
    assert (page.provider, page.retries, page.is_outcome_known) == ("firecrawl", 0, True)
    assert (page.latency_ms or 0) > 0
    assert firecrawl.requests[ONE.url] == firecrawl.billed[ONE.url] == 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault.TIMEOUT,
        Fault.RATE_LIMIT_HEADER,
        Fault.RATE_LIMIT_DATE,
        Fault.RATE_LIMIT_BODY,
        Fault.RATE_LIMIT_TEXT,
        Fault.SERVER_ERROR,
    ],
)
def test_what_was_not_served_is_tried_again(
    firecrawl: SandboxFirecrawl, url: str, fault: Fault
) -> None:
    firecrawl.faults.scripted[ONE.asin] = [fault, fault]
    (page,) = fetch(provider_of(url), [ONE]).values()
    assert (page.verdict, page.retries, page.cost) == (Verdict.PRODUCT, 2, Decimal(1))
    assert (firecrawl.requests[ONE.url], firecrawl.billed[ONE.url]) == (3, 1)


@pytest.mark.parametrize("fault", [Fault.DROPPED, Fault.TRUNCATED_ANSWER, Fault.SLOW])
def test_what_may_have_been_served_is_never_tried_again(
    firecrawl: SandboxFirecrawl, url: str, fault: Fault
) -> None:
    firecrawl.faults.scripted[ONE.asin] = [fault]
    (page,) = fetch(provider_of(url), [ONE]).values()
    assert (page.verdict, page.content, page.is_outcome_known) == (Verdict.ERROR, None, False)
    assert firecrawl.requests[ONE.url] == 1


@pytest.mark.parametrize(
    ("fault", "verdict", "reason"),
    [
        (Fault.TARGET_ERROR, Verdict.OTHER, "Amazon's error page"),
        (Fault.WRONG_LOCALE, Verdict.OTHER, "was asked"),
        (Fault.OTHER_PRODUCT, Verdict.OTHER, f"{ONE.asin} was asked"),
        (Fault.TRUNCATED_PAGE, Verdict.ERROR, "cut off"),
        (Fault.EMPTY_PAGE, Verdict.ERROR, "an answer without a page"),
        (Fault.NO_SUCCESS, Verdict.ERROR, "DNS resolution failed"),
    ],
)
def test_a_success_that_is_none_is_judged_by_its_content(
    firecrawl: SandboxFirecrawl, url: str, fault: Fault, verdict: Verdict, reason: str
) -> None:
    firecrawl.faults.scripted[ONE.asin] = [fault]
    (page,) = fetch(provider_of(url), [ONE]).values()
    assert page.verdict == verdict
    assert reason in (page.reason or "")
    assert page.is_outcome_known
    assert firecrawl.requests[ONE.url] == 1


def test_a_robot_check_is_asked_for_once_more_and_both_are_paid(
    firecrawl: SandboxFirecrawl, url: str
) -> None:
    firecrawl.faults.scripted[ONE.asin] = [Fault.ROBOT_CHECK]
    (page,) = fetch(provider_of(url), [ONE]).values()
    assert (page.verdict, page.cost, page.retries) == (Verdict.PRODUCT, Decimal(2), 1)
    firecrawl.faults.scripted[ONE.asin] = [Fault.ROBOT_CHECK] * 9
    (page,) = fetch(provider_of(url), [ONE]).values()
    assert (page.verdict, page.cost, page.retries) == (Verdict.BLOCKED, Decimal(2), 1)
    # The second answer never came: it may have been billed.
    firecrawl.faults.scripted[ONE.asin] = [Fault.ROBOT_CHECK, Fault.DROPPED]
    (page,) = fetch(provider_of(url), [ONE]).values()
    assert (page.verdict, page.cost, page.retries) == (Verdict.BLOCKED, Decimal(2), 1)


@pytest.mark.parametrize(("status", "remedy"), [(401, "FIRECRAWL_API_KEY"), (402, "credits")])
def test_a_refused_account_stops_it_with_the_remedy(
    firecrawl: SandboxFirecrawl, url: str, status: int, remedy: str
) -> None:
    firecrawl.faults.refuses_with = status
    provider = provider_of(url)
    with pytest.raises(ProviderAccessError, match=remedy) as raised:
        fetch(provider, KEYS[:10])
    assert "fc-key" not in str(raised.value)
    with pytest.raises(CircuitOpenError):
        fetch(provider, KEYS[:1])


def test_a_server_that_is_down_is_left_alone(firecrawl: SandboxFirecrawl, url: str) -> None:
    firecrawl.faults.refuses_with = 503
    with pytest.raises(CircuitOpenError, match="in a row"):
        fetch(provider_of(url, workers=1), KEYS[:20])
    with pytest.raises(CircuitOpenError):
        fetch(provider_of("http://127.0.0.1:9", workers=1), KEYS[:20])


def test_a_product_that_is_not_there_is_an_answer(firecrawl: SandboxFirecrawl, url: str) -> None:
    (page,) = fetch(provider_of(url), [ProductKey("amazon.de", "B0NOTTHERE")]).values()
    assert (page.verdict, page.http_status) == (Verdict.NOT_FOUND, 404)


def test_credits_and_queue_can_be_asked_for(firecrawl: SandboxFirecrawl, url: str) -> None:
    provider = provider_of(url)
    fetch(provider, [ONE])
    status = asyncio.run(provider.status())
    assert status is not None
    assert (status.remaining_credits, status.max_concurrency) == (Decimal(499_999), 50)


def test_the_status_says_what_the_day_cost_and_what_is_open(
    warehouse: Warehouse, firecrawl: SandboxFirecrawl, url: str, tmp_path: Path
) -> None:
    firecrawl.faults.scripted[ONE.asin] = [Fault.EMPTY_PAGE]
    provider = provider_of(url)
    capture(warehouse, tmp_path, provider, KEYS[:3])
    assert list(status_lines(warehouse, provider, TODAY, 500)) == [
        f"live pages of {TODAY}: 2 captured, 1 pending; credits: 3 of 500",
        "  1 without a page yet: Firecrawl: an answer without a page",
        "firecrawl: 499,997 credits left, of 500,000, jobs that wait: 0, pages at once: 50",
    ]
    firecrawl.faults.refuses_with = 401
    *_, last = status_lines(warehouse, provider, TODAY, None)
    assert "FIRECRAWL_API_KEY" in last


# --- as a batch ----------------------------------------------------------------------------------


def test_many_pages_are_sent_as_batches(firecrawl: SandboxFirecrawl, url: str) -> None:
    firecrawl.latency = 0.001
    pages = fetch(provider_of(url), KEYS[:50])
    assert set(pages) == {key.asin for key in KEYS[:50]}
    assert {page.verdict for page in pages.values()} == {Verdict.PRODUCT}
    assert all(firecrawl.billed[key.url] == 1 for key in KEYS[:50])


def test_a_page_that_a_batch_ends_without_has_the_batchs_reason(
    firecrawl: SandboxFirecrawl, url: str
) -> None:
    firecrawl.faults.scripted[ONE.asin] = [Fault.SERVER_ERROR]
    pages = fetch(provider_of(url), KEYS[:25])
    assert len(pages) == 25
    assert pages[ONE.asin].verdict == Verdict.ERROR
    assert "ended without it: server-error" in (pages[ONE.asin].reason or "")
    assert pages[ONE.asin].is_outcome_known


# --- with the warehouse --------------------------------------------------------------------------


def capture(
    warehouse: Warehouse, folder: Path, provider: FirecrawlProvider, keys: Sequence[ProductKey]
) -> CaptureSummary:
    targets = [PageTarget(key, TODAY) for key in keys]
    archive = PageArchive(str(folder / "pages"))
    return capture_pages(provider, archive, warehouse, targets, run_id=None)


class PowerCutError(RuntimeError):
    """Ends a capture in the middle of a batch."""


def test_a_batch_that_was_sent_is_taken_up_by_the_next_capture(
    warehouse: Warehouse, firecrawl: SandboxFirecrawl, url: str, tmp_path: Path
) -> None:
    firecrawl.latency = 0.05

    class Breaks(FirecrawlProvider):
        async def call(self, client, method, path, body=None):  # type: ignore[no-untyped-def]
            if method == "GET":
                raise PowerCutError
            return await super().call(client, method, path, body)

    some = [key for key in KEYS if key.marketplace == ONE.marketplace]
    broken = provider_of(url, batch_from=2)
    broken.__class__ = Breaks
    with pytest.raises((PowerCutError, ExceptionGroup)):
        capture(warehouse, tmp_path, broken, some)
    table = tables.page_requests
    with warehouse.read() as connection:
        rows = connection.execute(select(table.c.status, table.c.batch_id)).all()
    assert {row.status for row in rows} == {"sent"}
    assert None not in {row.batch_id for row in rows}

    summary = capture(warehouse, tmp_path, provider_of(url), some)
    assert (summary.pages, summary.left_out) == (len(some), {})
    # Not one of them was paid for twice.
    assert set(firecrawl.billed.values()) == {1}
    with warehouse.read() as connection:
        assert set(connection.scalars(select(table.c.credits))) == {Decimal(1)}


def test_every_request_ends_with_a_page_or_a_reason_under_mixed_faults(
    warehouse: Warehouse, url: str, firecrawl: SandboxFirecrawl, tmp_path: Path
) -> None:
    firecrawl.faults = FaultPlan(
        dict.fromkeys([fault for fault in Fault if fault is not Fault.SLOW], 0.02), seed=3
    )
    one_by_one = provider_of(url, batch_from=10_000)
    summary = capture(warehouse, tmp_path, one_by_one, KEYS)
    table = tables.page_requests
    with warehouse.read() as connection:
        rows = connection.execute(select(table)).all()
    assert len(rows) == len(KEYS)
    assert {row.status for row in rows} <= {"captured", "pending", "unknown"}
    assert all(row.reason for row in rows if row.status != "captured")
    assert {f"{row.marketplace}/{row.asin}" for row in rows if row.status != "captured"} == set(
        map(str, summary.left_out)
    )
    # What the server billed is what was noted, or may have been.
    noted = sum(row.credits + row.credits_reserved for row in rows)
    assert sum(firecrawl.billed.values()) <= noted

    done = [ProductKey(row.marketplace, row.asin) for row in rows if row.status == "captured"]
    before = {key: firecrawl.requests[key.url] for key in done}
    firecrawl.faults = FaultPlan()
    again = capture(
        warehouse, tmp_path, provider_of(url), [key for key in KEYS if key not in set(done)]
    )
    assert again.left_out == {}
    assert {key: firecrawl.requests[key.url] for key in done} == before


def test_the_command_serves_and_refuses_unknown_faults() -> None:
    from insights_jobs.cli.sandbox import sandbox

    refused = CliRunner().invoke(sandbox, ["serve", "--fault", "earthquake=0.1"])
    assert refused.exit_code == 1
    assert "the names are timeout, rate-limit-header" in str(refused.exception)
