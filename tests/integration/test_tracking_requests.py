"""Requests that nobody serves in a process of their own: of SQL, and of alerts that want a second
capture. The sensor is evaluated on a real instance, and what it asks for is run as asked."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from dagster import (
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    RunRequest,
    SkipReason,
    build_sensor_context,
)
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from rich.console import Console
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import IntegrityError

import insights_assets.features.assets as features_assets
from insights_assets.capture.assets import RAW_PAGES
from insights_assets.capture.capture import plan_targets
from insights_assets.capture.tracking_requests import MOST_TRIES, FailedTry, values_after_try
from insights_assets.catalog.catalog_file import TrackedProduct
from insights_assets.catalog.sync import sync_products
from insights_jobs import tracking
from insights_jobs.jobs import FAST, TRACKING_TAG, on_demand, scope_run_config
from insights_jobs.runs import RunFailedError
from insights_jobs.sensors import tracking_requests_sensor
from insights_jobs.tracking import MOST_RUNS, PRODUCTS_OF_A_RUN, print_requests, track_products
from insights_resources.errors import PermanentProviderError
from insights_resources.marketplaces import ProductKey
from insights_resources.page_providers.document import PageDocument
from insights_resources.page_providers.protocol import CapturedPage, PageProvider, PageTarget
from insights_resources.page_providers.verdict import judge_page
from insights_resources.sandbox import SandboxMarket, SandboxProvider
from insights_resources.scope import Scope, today_utc
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import is_current
from insights_resources.warehouse.schema import migrate
from insights_resources.wiring import PageProviderResource, WarehouseResource
from tests.integration.older_schema import downgrade
from tests.integration.platform_fixture import FIRST_DAY, Platform, make_platform

MARKET = SandboxMarket(seed=7, products=6, first_day=FIRST_DAY)
KEY, OTHER, *_ = MARKET.keys


def _first_day_that_shows(what: str, key: ProductKey = KEY) -> date:
    """The first day whose page says this availability or, saying nothing, has this verdict."""
    day = FIRST_DAY
    while True:
        truth = MARKET.truth(key, day)
        if what == (truth.snapshot.availability if truth.snapshot else truth.verdict.value):
            return day
        day += timedelta(days=1)


IN_STOCK, OUT_OF_STOCK = _first_day_that_shows("in_stock"), _first_day_that_shows("out_of_stock")
BLOCKED = _first_day_that_shows("blocked")


class ScriptedPages(PageProviderResource):
    """The sandbox's pages as a script has them: each capture of a product shows its page of the
    script's next day, captured now; after the script's end, no page comes."""

    script: ClassVar[dict[ProductKey, list[date]]] = {}
    asked: ClassVar[list[PageTarget]] = []
    serves_today: ClassVar[bool] = True
    error: ClassVar[Exception | None] = None

    def open(self) -> PageProvider:
        return _ScriptedProvider()


class _ScriptedProvider:
    name = "scripted"

    def can_serve(self, day: date) -> bool:
        return ScriptedPages.serves_today and day == today_utc()

    def catalog(self) -> None:
        return None

    async def fetch(self, targets: Sequence[PageTarget]) -> AsyncIterator[CapturedPage]:
        if ScriptedPages.error is not None:
            raise ScriptedPages.error
        ScriptedPages.asked.extend(targets)
        for target in targets:
            days = ScriptedPages.script.get(target.key)
            if not days:
                continue
            content = MARKET.page(target.key, days.pop(0))
            judgement = judge_page(PageDocument.from_bytes(content), target.key)
            yield CapturedPage(
                target=target,
                provider=self.name,
                captured_at=datetime.now(UTC),
                content=content,
                verdict=judgement.verdict,
                reason=judgement.reason,
                requested_url=target.key.url,
            )


@pytest.fixture(autouse=True)
def _no_script(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("script", {}), ("asked", []), ("serves_today", True), ("error", None)):
        monkeypatch.setattr(ScriptedPages, name, value)


@pytest.fixture
def platform(
    tmp_path: Path, warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Platform]:
    made = make_platform(tmp_path, warehouse_url, monkeypatch, products=6, pages=ScriptedPages())
    yield made
    made.warehouse.dispose()


@pytest.fixture
def sqlite_platform(
    tmp_path: Path, sqlite_warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Platform]:
    made = make_platform(
        tmp_path, sqlite_warehouse_url, monkeypatch, products=6, pages=ScriptedPages()
    )
    yield made
    made.warehouse.dispose()


def _script(*days: date, key: ProductKey = KEY) -> None:
    ScriptedPages.script[key] = list(days)


def _tick(platform: Platform, pages: PageProviderResource | None = None) -> list[RunRequest]:
    """The runs that the sensor asks for now."""
    url = platform.warehouse.engine.url.render_as_string(hide_password=False)
    resources = {"warehouse": WarehouseResource(url=url), "pages": pages or ScriptedPages()}
    with (
        DagsterInstance.get() as instance,
        build_sensor_context(instance=instance, resources=resources) as context,
    ):
        said = tracking_requests_sensor(context)
    if isinstance(said, SkipReason):
        return []
    assert isinstance(said, list)
    return said


def _products_of(request: RunRequest) -> list[str]:
    config = request.run_config["ops"]["insights__capture__raw_pages"]["config"]
    return list(config["products"])


def _run(platform: Platform, request: RunRequest) -> str:
    """Carries a run out as the daemon would; its id."""
    day = date.fromisoformat(request.tags["dagster/asset_partition_range_start"])
    assert request.tags["dagster/asset_partition_range_end"] == day.isoformat()
    return platform.run(
        on_demand.name, day, run_config=request.run_config, tags=request.tags
    ).run_id


def _serve(platform: Platform) -> str:
    """A tick, the one run that it asks for, and the tick after it."""
    (request,) = _tick(platform)
    run_id = _run(platform, request)
    assert _tick(platform) == []
    return run_id


def _ask(platform: Platform, *keys: tuple[str, str]) -> None:
    """An insert by SQL that says no more than it must."""
    with platform.warehouse.begin() as connection:
        for marketplace, asin in keys:
            connection.execute(
                insert(tables.tracking_requests).values(marketplace=marketplace, asin=asin)
            )


def _requests(platform: Platform) -> list[Any]:
    table = tables.tracking_requests
    with platform.warehouse.read() as connection:
        return list(connection.execute(select(table).order_by(table.c.request_id)))


def _change_requests(platform: Platform, **values: Any) -> None:
    with platform.warehouse.begin() as connection:
        connection.execute(update(tables.tracking_requests).values(**values))


def _started(platform: Platform, request: RunRequest, instance: DagsterInstance) -> DagsterRun:
    job = platform.definitions.resolve_job_def(on_demand.name)
    return instance.create_run_for_job(
        job, status=DagsterRunStatus.STARTED, tags=dict(request.tags)
    )


def _alerts(platform: Platform) -> list[tuple[str, str]]:
    table = tables.alerts
    with platform.warehouse.read() as connection:
        rows = connection.execute(select(table.c.asin, table.c.rule_id).where(is_current(table)))
        return [(row.asin, row.rule_id) for row in rows if "stock" in row.rule_id]


def _capture_today(platform: Platform, *keys: ProductKey) -> None:
    """The day's ordinary captures and what follows them."""
    sync_products(platform.warehouse, "test", map(TrackedProduct, keys))
    config = scope_run_config([RAW_PAGES, *FAST], products=keys)
    platform.run(on_demand.name, today_utc(), run_config=config)


# --- a stock-out is confirmed ---------------------------------------------------------------------


def test_a_stock_out_asks_for_a_second_capture_and_fires_with_it(platform: Platform) -> None:
    _script(OUT_OF_STOCK, OUT_OF_STOCK)
    _capture_today(platform, KEY)
    assert _alerts(platform) == []
    (asked,) = _requests(platform)
    assert (asked.marketplace, asked.asin, asked.status) == (*KEY, "pending")
    assert (asked.requested_by, asked.tries, asked.run_id) == ("out-of-stock", 0, None)

    run_id = _serve(platform)
    (done,) = _requests(platform)
    assert (done.status, done.tries, done.run_id, done.error) == ("done", 1, run_id, None)
    assert asked.requested_at <= done.started_at <= done.finished_at
    assert _alerts(platform) == [(KEY.asin, "out-of-stock")]
    first, second = ScriptedPages.asked
    assert (first.anew, second.anew) == (False, True)
    with DagsterInstance.get() as instance:
        run = instance.get_run_by_id(run_id)
        assert run is not None
        assert (run.job_name, run.tags["insights/urgency"]) == ("on_demand", "urgent")
        assert run.tags["dagster/priority"] == "10"


@pytest.mark.slow
def test_a_glitch_is_dismissed(sqlite_platform: Platform) -> None:
    platform = sqlite_platform
    _script(OUT_OF_STOCK, IN_STOCK)
    _capture_today(platform, KEY)
    _serve(platform)
    assert [row.status for row in _requests(platform)] == ["done"]
    assert _alerts(platform) == []
    platform.run("rebuild_derived", today_utc())
    assert len(_requests(platform)) == 1


@pytest.mark.slow
def test_rebuilds_ask_once_for_a_capture_and_again_for_a_new_stock_out(
    sqlite_platform: Platform,
) -> None:
    platform = sqlite_platform
    _script(OUT_OF_STOCK, IN_STOCK, OUT_OF_STOCK)
    _capture_today(platform, KEY)
    for _ in range(2):
        platform.run("rebuild_derived", today_utc())
        assert len(_requests(platform)) == 1
    _serve(platform)
    _capture_today(platform, KEY)
    assert [row.status for row in _requests(platform)] == ["done", "pending"]


@pytest.mark.slow
def test_a_product_that_is_in_stock_or_was_confirmed_asks_for_nothing(
    sqlite_platform: Platform,
) -> None:
    _script(IN_STOCK)
    _script(*[_first_day_that_shows("out_of_stock", OTHER)] * 2, key=OTHER)
    _capture_today(sqlite_platform, KEY, OTHER)
    assert [row.asin for row in _requests(sqlite_platform)] == [OTHER.asin]
    _serve(sqlite_platform)
    platform_alerts = _alerts(sqlite_platform)
    assert platform_alerts == [(OTHER.asin, "out-of-stock")]
    sqlite_platform.run("rebuild_derived", today_utc())
    assert len(_requests(sqlite_platform)) == 1


@pytest.mark.slow
def test_the_past_asks_for_nothing(
    tmp_path: Path, sqlite_warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backfill that meets stock-outs, of which the last days are not confirmed."""
    platform = make_platform(tmp_path, sqlite_warehouse_url, monkeypatch, products=6)
    platform.run("whole_graph", OUT_OF_STOCK - timedelta(days=1), OUT_OF_STOCK)
    features = tables.product_features
    with platform.warehouse.read() as connection:
        seen_once = connection.scalars(
            select(features.c.asin).where(
                is_current(features),
                features.c.day == OUT_OF_STOCK,
                features.c.out_of_stock_captures == 1,
            )
        ).all()
    assert KEY.asin in seen_once
    assert _requests(platform) == []
    platform.warehouse.dispose()


def test_a_product_that_left_the_catalog_is_not_captured_again(sqlite_platform: Platform) -> None:
    _script(OUT_OF_STOCK, OUT_OF_STOCK)
    _capture_today(sqlite_platform, KEY)
    sync_products(sqlite_platform.warehouse, "test", [])
    assert _tick(sqlite_platform) == []
    (request,) = _requests(sqlite_platform)
    assert (request.status, request.error) == ("failed", f"{KEY} is not tracked any more")
    assert len(ScriptedPages.asked) == 1


@pytest.mark.slow
def test_a_rule_of_one_capture_and_a_disabled_rule_wait_for_nothing(
    sqlite_platform: Platform,
) -> None:
    platform = sqlite_platform
    _script(IN_STOCK, OUT_OF_STOCK)
    _capture_today(platform, KEY)
    rules = tables.alert_rules
    with platform.warehouse.begin() as connection:
        connection.execute(
            update(rules).where(rules.c.rule_id == "out-of-stock").values(is_enabled=False)
        )
        connection.execute(
            insert(rules).values(
                rule_id="stock-at-once",
                name="Out of stock",
                condition={"measure": "out_of_stock_captures", "at_least": 1},
                severities=[{"at_least": 0, "severity": "info"}],
                is_enabled=True,
                source="me",
            )
        )
    _capture_today(platform, KEY)
    assert _alerts(platform) == [(KEY.asin, "stock-at-once")]
    assert _requests(platform) == []


def test_in_the_sandbox_a_second_capture_of_the_day_is_a_page_of_its_own() -> None:
    now = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
    provider = SandboxProvider(MARKET, now=lambda: now)

    async def captured(target: PageTarget) -> list[CapturedPage]:
        return [page async for page in provider.fetch([target])]

    (target,) = plan_targets(provider, Scope.of_day(now.date()), [KEY])
    (first,) = asyncio.run(captured(target))
    (anew,) = plan_targets(provider, Scope.of_day(now.date()), [KEY], anew=True)
    (second,) = asyncio.run(captured(anew))
    assert first.captured_at < second.captured_at == now
    assert first.content == second.content


# --- requests by SQL ------------------------------------------------------------------------------


def test_an_insert_by_sql_is_served_and_its_product_tracked(sqlite_platform: Platform) -> None:
    platform = sqlite_platform
    _script(IN_STOCK)
    _ask(platform, ("www.Amazon.com", KEY.asin.lower()))
    (asked,) = _requests(platform)
    assert (asked.status, asked.requested_by, asked.tries) == ("pending", "sql", 0)
    assert abs(datetime.now(UTC) - asked.requested_at) < timedelta(minutes=1)
    (request,) = _tick(platform)
    (running,) = _requests(platform)
    assert (running.status, running.run_key) == ("running", request.run_key)
    assert _tick(platform) == []  # served once
    _run(platform, request)
    assert _tick(platform) == []
    (done,) = _requests(platform)
    assert (done.marketplace, done.asin, done.status) == (*KEY, "done")
    with platform.warehouse.read() as connection:
        (product,) = connection.execute(select(tables.products)).all()
    assert (product.asin, product.source, product.is_active) == (KEY.asin, "sql", True)


def test_the_contracts_view_takes_requests(platform: Platform) -> None:
    if not platform.warehouse.is_postgres:
        pytest.skip("a view of SQLite takes no rows: the table does")
    with platform.warehouse.begin() as connection:
        connection.execute(
            text("INSERT INTO insights.tracking_requests (marketplace, asin) VALUES (:m, :a)"),
            {"m": KEY.marketplace, "a": KEY.asin},
        )
    (request,) = _tick(platform)
    with platform.warehouse.read() as connection:
        shown = connection.execute(
            text("SELECT status, tries, run_key FROM insights.tracking_requests")
        ).one()
    assert tuple(shown) == ("running", 1, request.run_key)


@pytest.mark.parametrize(
    ("marketplace", "asin", "problem"),
    [
        ("amazon.dee", KEY.asin, "unknown marketplace 'amazon.dee'; known are amazon.ae, "),
        ("amazon.de", "B08N5", "'B08N5' is not an ASIN: ten letters and digits such as "),
        ("", "", "unknown marketplace ''; known are amazon.ae, "),
    ],
)
def test_what_is_no_product_fails_with_one_message_and_holds_nothing_up(
    sqlite_platform: Platform, marketplace: str, asin: str, problem: str
) -> None:
    _ask(sqlite_platform, (marketplace, asin), KEY)
    (request,) = _tick(sqlite_platform)
    assert _products_of(request) == [str(KEY)]
    wrong, right = _requests(sqlite_platform)
    assert (wrong.status, wrong.tries, right.status) == ("failed", 0, "running")
    assert wrong.error.startswith(problem)
    assert wrong.finished_at is not None
    with sqlite_platform.warehouse.read() as connection:
        assert connection.scalars(select(tables.products.c.asin)).all() == [KEY.asin]


def test_requests_of_one_product_are_one_capture(sqlite_platform: Platform) -> None:
    _ask(sqlite_platform, KEY, KEY, ("amazon.com", KEY.asin.lower()))
    (request,) = _tick(sqlite_platform)
    assert _products_of(request) == [str(KEY)]
    assert {row.run_key for row in _requests(sqlite_platform)} == {request.run_key}


def test_many_requests_are_few_runs_and_peoples_come_first(sqlite_platform: Platform) -> None:
    platform = sqlite_platform
    keys = [("amazon.de", f"B0TEST{number:04}") for number in range(3 * PRODUCTS_OF_A_RUN)]
    _ask(platform, *keys)
    of_alert = keys[: PRODUCTS_OF_A_RUN // 2]
    with platform.warehouse.begin() as connection:
        table = tables.tracking_requests
        connection.execute(
            update(table)
            .where(table.c.asin.in_([asin for _, asin in of_alert]))
            .values(confirms_capture_at=datetime.now(UTC))
        )
    sync_products(
        platform.warehouse, "test", [TrackedProduct(ProductKey(*key)) for key in of_alert]
    )
    runs = _tick(platform)
    assert len(runs) == MOST_RUNS == 2
    asked = [product for run in runs for product in _products_of(run)]
    first = len(of_alert)
    assert asked == ["/".join(key) for key in keys[first : first + 2 * PRODUCTS_OF_A_RUN]]
    assert _tick(platform) == []  # no room while these are under way
    statuses = [row.status for row in _requests(platform)]
    assert statuses.count("running") == 2 * PRODUCTS_OF_A_RUN
    assert statuses.count("pending") == PRODUCTS_OF_A_RUN


# --- what goes wrong ------------------------------------------------------------------------------


def test_a_run_that_fails_is_tried_again_after_a_pause_and_given_up_in_the_end(
    sqlite_platform: Platform,
) -> None:
    platform = sqlite_platform
    _ask(platform, KEY)

    def fail() -> Any:
        (request,) = _tick(platform)
        with DagsterInstance.get() as instance:
            instance.report_run_failed(_started(platform, request, instance))
        assert _tick(platform) == []
        (row,) = _requests(platform)
        assert row.run_key == request.run_key
        return row

    row = fail()
    assert (row.status, row.tries, row.finished_at) == ("pending", 1, None)
    assert row.next_try_at > datetime.now(UTC)
    assert _tick(platform) == []
    _change_requests(platform, next_try_at=datetime.now(UTC), tries=MOST_TRIES - 1)
    row = fail()
    assert (row.status, row.tries) == ("failed", MOST_TRIES)
    assert row.error.startswith(f"given up after {MOST_TRIES} tries: run ")
    assert row.finished_at is not None
    assert _tick(platform) == []


@pytest.mark.parametrize(
    ("tries", "minutes"), [(1, 1), (2, 4), (3, 16), (4, 64), (MOST_TRIES, None)]
)
def test_the_pauses_grow(tries: int, minutes: int | None) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    said = values_after_try(tries, FailedTry("blocked"), now)
    again = None if minutes is None else now + timedelta(minutes=minutes)
    assert said.get("next_try_at") == again
    assert said["status"] == ("failed" if again is None else "pending")


@pytest.mark.slow
def test_a_failed_asset_is_named_with_its_error(
    sqlite_platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*args: object, **kwargs: object) -> None:
        raise MemoryError("out of memory")

    monkeypatch.setattr(features_assets, "rebuild_features", crash)
    _script(IN_STOCK)
    _ask(sqlite_platform, KEY)
    (request,) = _tick(sqlite_platform)
    with pytest.raises(RunFailedError):
        _run(sqlite_platform, request)
    assert _tick(sqlite_platform) == []
    (row,) = _requests(sqlite_platform)
    assert row.status == "pending"
    assert row.error.startswith("features: ")
    assert "out of memory" in row.error


@pytest.mark.slow
def test_a_robot_check_confirms_nothing_and_is_tried_again(sqlite_platform: Platform) -> None:
    platform = sqlite_platform
    _script(OUT_OF_STOCK, BLOCKED, OUT_OF_STOCK)
    _capture_today(platform, KEY)
    _serve(platform)
    (row,) = _requests(platform)
    assert (row.status, row.tries) == ("pending", 1)
    assert row.error.startswith("the page says nothing (blocked): ")
    assert _alerts(platform) == []
    _change_requests(platform, next_try_at=None)
    _serve(platform)
    (row,) = _requests(platform)
    assert (row.status, row.tries, row.error) == ("done", 2, None)
    assert _alerts(platform) == [(KEY.asin, "out-of-stock")]


@pytest.mark.slow
def test_a_page_that_does_not_come_is_tried_again(sqlite_platform: Platform) -> None:
    _ask(sqlite_platform, KEY)
    _serve(sqlite_platform)
    (row,) = _requests(sqlite_platform)
    assert (row.status, row.error) == ("pending", "no page came")


@pytest.mark.slow
def test_a_permanent_failure_is_not_tried_again(sqlite_platform: Platform) -> None:
    ScriptedPages.error = PermanentProviderError("the key is refused: set FIRECRAWL_API_KEY")
    _ask(sqlite_platform, KEY)
    (request,) = _tick(sqlite_platform)
    with pytest.raises(RunFailedError):
        _run(sqlite_platform, request)
    assert _tick(sqlite_platform) == []
    (row,) = _requests(sqlite_platform)
    assert (row.status, row.tries) == ("failed", 1)
    assert row.error == "capture/raw_pages: the key is refused: set FIRECRAWL_API_KEY"


def test_pages_that_have_no_today_fail_requests_at_once(sqlite_platform: Platform) -> None:
    ScriptedPages.serves_today = False
    _ask(sqlite_platform, KEY)
    assert _tick(sqlite_platform) == []
    (row,) = _requests(sqlite_platform)
    assert (row.status, row.tries) == ("failed", 0)
    assert row.error == f"the page provider 'scripted' has no pages of today, {today_utc()}"


def _long_ago(hours: float) -> datetime:
    return datetime.now(UTC) - timedelta(hours=hours)


def test_a_run_that_was_killed_does_not_keep_its_requests(sqlite_platform: Platform) -> None:
    platform = sqlite_platform
    _ask(platform, KEY)
    (request,) = _tick(platform)
    with DagsterInstance.get() as instance:
        run = _started(platform, request, instance)
    _change_requests(platform, started_at=_long_ago(0.9))
    assert _tick(platform) == []
    assert [row.status for row in _requests(platform)] == ["running"]
    _change_requests(platform, started_at=_long_ago(1.1))
    assert _tick(platform) == []
    (row,) = _requests(platform)
    assert (row.status, row.error) == ("pending", f"run {run.run_id} has not ended within 1 h")


@pytest.mark.parametrize("end", ["failed", "canceled"])
def test_a_run_that_ends_before_its_steps_is_tried_again(
    sqlite_platform: Platform, end: str
) -> None:
    _ask(sqlite_platform, KEY)
    (request,) = _tick(sqlite_platform)
    with DagsterInstance.get() as instance:
        run = _started(sqlite_platform, request, instance)
        if end == "failed":
            instance.report_run_failed(run)
        else:
            instance.report_run_canceled(run)
    assert _tick(sqlite_platform) == []
    (row,) = _requests(sqlite_platform)
    word = {"failed": "failure", "canceled": "canceled"}[end]
    assert row.status == "pending"
    assert row.error == f"run {run.run_id} was {word} before any of its steps"


def test_a_queued_run_is_waited_for(sqlite_platform: Platform) -> None:
    _ask(sqlite_platform, KEY)
    (request,) = _tick(sqlite_platform)
    with DagsterInstance.get() as instance:
        job = sqlite_platform.definitions.resolve_job_def(on_demand.name)
        origin = RemoteJobOrigin(
            RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("insights"), "__repository__"),
            job.name,
        )
        instance.create_run_for_job(
            job,
            status=DagsterRunStatus.QUEUED,
            tags=dict(request.tags),
            remote_job_origin=origin,
        )
    _change_requests(sqlite_platform, started_at=_long_ago(30))
    assert _tick(sqlite_platform) == []
    assert [row.status for row in _requests(sqlite_platform)] == ["running"]


def test_a_tick_that_broke_off_loses_no_request(sqlite_platform: Platform) -> None:
    """It took the request, and its run was never launched."""
    _ask(sqlite_platform, KEY)
    (lost,) = _tick(sqlite_platform)
    assert _tick(sqlite_platform) == []
    _change_requests(sqlite_platform, started_at=_long_ago(0.1))
    assert _tick(sqlite_platform) == []
    (row,) = _requests(sqlite_platform)
    assert (row.status, row.error) == ("pending", "no run came of it")
    _change_requests(sqlite_platform, next_try_at=None)
    (again,) = _tick(sqlite_platform)
    assert again.run_key != lost.run_key


@pytest.mark.slow
def test_what_a_killed_track_leaves_the_sensor_takes_over(
    sqlite_platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(*args: object, **kwargs: object) -> None:
        raise OSError("killed")

    platform = sqlite_platform
    _script(IN_STOCK)
    with monkeypatch.context() as killed:
        # A process that is killed runs nothing of what follows.
        killed.setattr(tracking, "finish_requests", lambda *args, **kwargs: None)
        killed.setattr(tracking, "run_job", kill)
        with pytest.raises(OSError, match="killed"):
            track_products(platform.definitions, platform.warehouse, [KEY], requested_by="cli")
    (row,) = _requests(platform)
    assert (row.status, row.requested_by) == ("running", "cli")
    _change_requests(platform, started_at=_long_ago(0.1))
    assert _tick(platform) == []
    _change_requests(platform, next_try_at=None)
    _serve(platform)
    (row,) = _requests(platform)
    assert (row.status, row.tries) == ("done", 2)


def test_an_interrupted_track_says_so_in_its_request(
    sqlite_platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(tracking, "run_job", interrupt)
    with pytest.raises(KeyboardInterrupt):
        track_products(
            sqlite_platform.definitions, sqlite_platform.warehouse, [KEY], requested_by="cli"
        )
    (row,) = _requests(sqlite_platform)
    assert (row.status, row.error) == ("failed", "broke off (KeyboardInterrupt)")
    assert _tick(sqlite_platform) == []


@pytest.mark.slow
def test_the_sensor_leaves_a_track_that_is_under_way_alone(sqlite_platform: Platform) -> None:
    platform = sqlite_platform
    said: list[list[RunRequest]] = []
    _script(IN_STOCK)

    def look(progress: object) -> None:
        if not said:
            said.append(_tick(platform))

    run_id = track_products(
        platform.definitions, platform.warehouse, [KEY], requested_by="cli", on_progress=look
    )
    assert said == [[]]
    (row,) = _requests(platform)
    assert (row.status, row.tries, row.run_id) == ("done", 1, run_id)
    with DagsterInstance.get() as instance:
        run = instance.get_run_by_id(run_id)
        assert run is not None
        assert run.tags[TRACKING_TAG] == row.run_key


def test_requests_of_before_are_served_or_said_to_have_broken_off(warehouse: Warehouse) -> None:
    """Of one that was running under an older version nobody knows whether it has ended."""
    downgrade(warehouse, "0004")
    table = tables.tracking_requests
    with warehouse.begin() as connection:
        for status in ("pending", "running", "done"):
            connection.execute(
                insert(table).values(
                    marketplace=KEY.marketplace,
                    asin=KEY.asin,
                    requested_at=datetime(2026, 1, 1, tzinfo=UTC),
                    requested_by="cli",
                    status=status,
                )
            )
    migrate(warehouse)
    with warehouse.read() as connection:
        rows = connection.execute(select(table).order_by(table.c.request_id)).all()
    assert [(row.status, row.error, row.tries) for row in rows] == [
        ("pending", None, 0),
        ("failed", "broke off; ask again", 0),
        ("done", None, 0),
    ]
    assert rows[0].requested_at == datetime(2026, 1, 1, tzinfo=UTC)
    wrong = insert(table).values(marketplace=KEY.marketplace, asin=KEY.asin, status="waiting")
    with pytest.raises(IntegrityError), warehouse.begin() as connection:
        connection.execute(wrong)


# --- what people see ------------------------------------------------------------------------------


def test_status_tells_open_requests_and_why_some_failed(sqlite_platform: Platform) -> None:
    platform = sqlite_platform

    def said() -> list[str]:
        out = io.StringIO()
        print_requests(Console(file=out, width=200), platform.warehouse)
        return out.getvalue().splitlines()

    assert said() == ["tracking requests: none open"]
    _ask(platform, ("amazon.de", "B08N5"), KEY)
    assert said() == ["tracking requests: 2 pending"]
    (request,) = _tick(platform)
    wrong = said()
    assert wrong[0] == "tracking requests: 1 running, 1 failed within a day"
    assert wrong[1].startswith("  amazon.de/B08N5 (failed): 'B08N5' is not an ASIN")
    _run(platform, request)
    assert _tick(platform) == []
    (row,) = (row for row in _requests(platform) if row.status == "pending")
    assert said()[2] == f"  {KEY} (pending, again at {row.next_try_at:%H:%M} UTC): no page came"
    _change_requests(platform, finished_at=_long_ago(25), status="failed")
    assert said() == ["tracking requests: none open"]
