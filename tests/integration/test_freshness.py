"""What is captured again, and when: pages young enough are not paid for a second time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from dagster import DagsterInstance, RunRequest, SkipReason, build_schedule_context
from sqlalchemy import select, text, update

from insights_assets.capture.capture import page_row
from insights_assets.capture.freshness import due_products, fresh_products
from insights_assets.catalog.catalog_file import TrackedProduct
from insights_assets.catalog.sync import sync_products
from insights_jobs.jobs import on_demand_config
from insights_jobs.runs import RunFailedError
from insights_jobs.schedules import due_captures
from insights_resources.marketplaces import ProductKey
from insights_resources.page_providers.protocol import CapturedPage, PageTarget, Verdict
from insights_resources.sandbox.firecrawl_server import SandboxFirecrawl
from insights_resources.sandbox.http_server import serving
from insights_resources.sandbox.market import SandboxMarket
from insights_resources.scope import today_utc
from insights_resources.warehouse import tables
from insights_resources.warehouse.contract_views import contract_relation
from insights_resources.warehouse.engine import Warehouse
from insights_resources.wiring import CaptureLimits, LivePages, WarehouseResource
from tests.integration.platform_fixture import Platform, make_platform

NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)
KEY, OTHER = ProductKey("amazon.de", "B000000001"), ProductKey("amazon.de", "B000000002")


def captured(
    warehouse: Warehouse, key: ProductKey, at: datetime, verdict: Verdict = Verdict.PRODUCT
) -> None:
    page = CapturedPage(
        PageTarget(key, at.date()), "given", at, None, verdict, None, requested_url=key.url
    )
    warehouse.make_partitions(tables.raw_pages, [at.date()])
    with warehouse.begin() as connection:
        connection.execute(tables.raw_pages.insert().values(page_row(page, None, None)))


def requested(warehouse: Warehouse, key: ProductKey, status: str, day: date) -> None:
    with warehouse.begin() as connection:
        connection.execute(
            tables.page_requests.insert().values(
                marketplace=key.marketplace,
                asin=key.asin,
                day=day,
                status=status,
                sends=1,
                credits=0,
                credits_reserved=0,
                requested_at=NOON,
            )
        )


@pytest.mark.parametrize(
    ("hours_of_product", "captured_at", "verdict", "is_fresh"),
    [
        (None, NOON - timedelta(hours=5, minutes=59), Verdict.PRODUCT, True),
        (None, NOON - timedelta(hours=6), Verdict.PRODUCT, False),
        (1, NOON - timedelta(minutes=59), Verdict.PRODUCT, True),
        (1, NOON - timedelta(minutes=61), Verdict.PRODUCT, False),
        (24, NOON - timedelta(hours=11), Verdict.PRODUCT, True),
        # Yesterday's page is no page of today.
        (24, NOON - timedelta(hours=13), Verdict.PRODUCT, False),
        # That there is no such product is an answer; a robot check is none.
        (None, NOON - timedelta(hours=1), Verdict.NOT_FOUND, True),
        (None, NOON - timedelta(hours=1), Verdict.BLOCKED, False),
        (None, NOON - timedelta(hours=1), Verdict.ERROR, False),
    ],
)
def test_a_page_is_young_enough_within_its_products_window(
    warehouse: Warehouse,
    hours_of_product: int | None,
    captured_at: datetime,
    verdict: Verdict,
    is_fresh: bool,
) -> None:
    sync_products(warehouse, "file", [TrackedProduct(KEY, None, hours_of_product)])
    captured(warehouse, KEY, captured_at, verdict)
    found = fresh_products(warehouse, [KEY, OTHER], hours=6, now=NOON)
    assert found == ({KEY: captured_at} if is_fresh else {})


@pytest.mark.parametrize(
    ("hours_of_product", "status", "day", "is_due"),
    [
        (None, None, None, False),
        (4, None, None, True),
        (None, "pending", NOON.date(), True),
        (None, "unknown", NOON.date(), True),
        (None, "captured", NOON.date(), False),
        # A page of yesterday cannot be had any more.
        (None, "pending", NOON.date() - timedelta(days=1), False),
    ],
)
def test_between_two_batches_those_are_due_that_want_it_and_that_could_not_be_had(
    warehouse: Warehouse,
    hours_of_product: int | None,
    status: str | None,
    day: date | None,
    is_due: bool,
) -> None:
    sync_products(warehouse, "file", [TrackedProduct(KEY, None, hours_of_product)])
    if status is not None and day is not None:
        requested(warehouse, KEY, status, day)
    assert due_products(warehouse, hours=6, now=NOON) == ([KEY] if is_due else [])
    # Nothing is due of what is young enough, or not tracked any more.
    captured(warehouse, KEY, NOON - timedelta(hours=1))
    assert due_products(warehouse, hours=6, now=NOON) == []
    sync_products(warehouse, "file", [])
    assert due_products(warehouse, hours=6, now=NOON + timedelta(hours=9)) == []


def test_a_page_that_cannot_be_had_is_tried_again_after_pauses_that_double(
    warehouse: Warehouse,
) -> None:
    sync_products(warehouse, "file", [TrackedProduct(KEY, None, 1)])
    at, tries = NOON - timedelta(hours=12), []
    while at < NOON:
        if due_products(warehouse, hours=6, now=at):
            tries.append((at - NOON) / timedelta(minutes=1) + 720)
            captured(warehouse, KEY, at, Verdict.BLOCKED)
        at += timedelta(minutes=15)
    assert tries == [0, 15, 45, 105, 225, 465]
    # One that came begins anew.
    captured(warehouse, KEY, NOON)
    captured(warehouse, KEY, NOON + timedelta(hours=2), Verdict.ERROR)
    assert due_products(warehouse, hours=6, now=NOON + timedelta(hours=2, minutes=14)) == []
    assert due_products(warehouse, hours=6, now=NOON + timedelta(hours=2, minutes=15)) == [KEY]


# --- the whole platform over live pages ----------------------------------------------------------


@pytest.fixture
def firecrawl() -> SandboxFirecrawl:
    return SandboxFirecrawl(SandboxMarket(seed=7, products=6, first_day=date(2025, 1, 1)))


@pytest.fixture
def live(
    firecrawl: SandboxFirecrawl,
    tmp_path: Path,
    warehouse_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Platform]:
    """A platform whose pages come from Firecrawl's API, tracking the market's products."""
    with serving(firecrawl) as url:
        pages = LivePages(firecrawl_url=url, firecrawl_pages_a_minute=60_000)
        made = make_platform(tmp_path, warehouse_url, monkeypatch, pages=pages)
        sync_products(made.warehouse, "api", map(TrackedProduct, firecrawl.market.keys))
        yield made
        made.warehouse.dispose()


def tick(platform: Platform, instance: DagsterInstance) -> RunRequest | SkipReason:
    resources = platform.definitions.resources or {}
    with build_schedule_context(
        instance=instance,
        resources={
            "warehouse": WarehouseResource(url=resources["warehouse"].url),
            "pages": resources["pages"],
            "capture_limits": CaptureLimits(),
        },
    ) as context:
        said = due_captures(context)
    assert isinstance(said, RunRequest | SkipReason)
    return said


def earlier(warehouse: Warehouse, by: timedelta) -> None:
    """Makes the captures of today so much older, as if that time had passed."""
    pages = tables.raw_pages
    with warehouse.begin() as connection:
        for row in connection.execute(select(pages.c.page_id, pages.c.captured_at)).all():
            connection.execute(
                update(pages)
                .where(pages.c.page_id == row.page_id)
                .values(captured_at=row.captured_at - by)
            )


@pytest.mark.slow
def test_live_pages_are_paid_once_in_their_window_and_again_when_they_are_asked_for(
    live: Platform, firecrawl: SandboxFirecrawl
) -> None:
    today, keys = today_utc(), firecrawl.market.keys
    live.run("capture_due", today, run_config=on_demand_config(keys))
    assert sum(firecrawl.requests.values()) == len(keys)
    # Neither the daily batch nor a request of somebody pays for them again.
    live.run("whole_graph", today)
    live.run("on_demand", today, run_config=on_demand_config(keys[:2]))
    assert sum(firecrawl.requests.values()) == len(keys)
    # An alert that wants a second capture does.
    config = on_demand_config(keys[:1], even_if_fresh=True)
    live.run("on_demand", today, run_config=config)
    assert firecrawl.requests[keys[0].url] == 2
    assert sum(firecrawl.requests.values()) == len(keys) + 1


@pytest.mark.slow
def test_what_could_not_be_had_stays_pending_and_comes_with_the_next_window(
    live: Platform, firecrawl: SandboxFirecrawl
) -> None:
    today, keys = today_utc(), firecrawl.market.keys
    live.run("capture_due", today, run_config=on_demand_config(keys))
    snapshots, alerts = tables.product_snapshots, tables.alerts
    with live.warehouse.read() as connection:
        known = connection.execute(select(snapshots.c.page_id)).all()
        alerted = connection.execute(select(alerts.c.alert_id)).all()
    # The windows are over, and everything is down.
    with live.warehouse.begin() as connection:
        connection.execute(update(tables.products).values(capture_hours=1))
    earlier(live.warehouse, timedelta(hours=2))
    firecrawl.faults.refuses_with = 503
    with DagsterInstance.get() as instance:
        due = tick(live, instance)
        assert isinstance(due, RunRequest)
        with pytest.raises(RunFailedError, match="firecrawl failed 5 times in a row"):
            live.run("capture_due", today, run_config=due.run_config)
        with live.warehouse.read() as connection:
            rows = connection.execute(select(tables.page_requests)).all()
            # The last good ones stand, and nothing is alerted from what is missing.
            assert connection.execute(select(snapshots.c.page_id)).all() == known
            assert connection.execute(select(alerts.c.alert_id)).all() == alerted
        assert sorted(row.status for row in rows) == ["captured"] * 6 + ["pending"] * 6
        assert all(row.reason for row in rows if row.status == "pending")

        firecrawl.faults.refuses_with = None
        earlier(live.warehouse, timedelta(minutes=15))
        due = tick(live, instance)
        assert isinstance(due, RunRequest)
        live.run("capture_due", today, run_config=due.run_config)
        assert isinstance(tick(live, instance), SkipReason)
    with live.warehouse.read() as connection:
        assert set(connection.scalars(select(tables.page_requests.c.status))) == {"captured"}


def test_pages_that_are_not_live_are_never_due(sqlite_platform: Platform) -> None:
    with DagsterInstance.get() as instance:
        said = tick(sqlite_platform, instance)
    assert isinstance(said, SkipReason)
    assert "not live" in str(said.skip_message)


@pytest.mark.slow
def test_what_is_served_says_how_old_it_is_and_what_is_being_done(platform: Platform) -> None:
    day = date(2025, 3, 3)
    platform.run("whole_graph", day)
    warehouse, (one, *_) = platform.warehouse, platform.market.keys
    sync_products(warehouse, "api", [TrackedProduct(KEY)])
    requested(warehouse, one, "pending", today_utc())
    relation = contract_relation(warehouse, "product_freshness")
    with warehouse.read() as connection:
        rows = {
            row.asin: row
            for row in connection.execute(text(f"SELECT * FROM {relation}"))  # noqa: S608
        }
    assert (rows[KEY.asin].age_hours, rows[KEY.asin].is_stale) == (None, None)
    hours = (datetime.now(UTC) - platform.market.captured_at(one, day)) / timedelta(hours=1)
    assert rows[one.asin].age_hours == pytest.approx(hours, abs=24)
    assert (rows[one.asin].is_stale, rows[one.asin].request_status) == (1, "pending")
