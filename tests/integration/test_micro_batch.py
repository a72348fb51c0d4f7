"""What comes in is followed up within minutes: the sensor, the schedule, and the runs they ask for.

The sensor and the schedule are evaluated on a real instance, and what they ask for is run as asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from dagster import (
    AssetKey,
    DagsterEvent,
    DagsterInstance,
    DagsterRunStatus,
    RunRequest,
    SkipReason,
    build_schedule_context,
    build_sensor_context,
)
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from sqlalchemy import Table, func, select

import insights_assets.alerts.assets as alerts_assets
import insights_assets.features.assets as features_assets
import insights_assets.serving.assets as serving_assets
import insights_assets.snapshots.assets as snapshots_assets
from insights_assets import run_scope
from insights_assets.capture.capture import capture_pages, plan_targets
from insights_assets.catalog.catalog_file import TrackedProduct
from insights_assets.catalog.sync import sync_products
from insights_jobs import sensors
from insights_jobs.jobs import micro_batch
from insights_jobs.runs import RunFailedError
from insights_jobs.schedules import daily_batch
from insights_jobs.sensors import micro_batch_sensor
from insights_resources.marketplaces import ProductKey
from insights_resources.page_archive import PageArchive
from insights_resources.sandbox import SandboxProvider
from insights_resources.scope import Scope, start_of
from insights_resources.warehouse import tables
from insights_resources.warehouse.publication import is_current
from insights_resources.wiring import WarehouseResource
from tests.integration.platform_fixture import Platform, make_platform

#: What the clock says. A changed day reaches the 37 days after it, up to today.
TODAY = date(2025, 3, 7)
DAY = TODAY - timedelta(days=2)
FAST_TABLES = (
    tables.product_snapshots,
    tables.product_features,
    tables.rank_features,
    tables.product_summaries,
)


@pytest.fixture
def platform(
    tmp_path: Path, warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Platform]:
    yield from _tracking_platform(tmp_path, warehouse_url, monkeypatch)


@pytest.fixture
def sqlite_platform(
    tmp_path: Path, sqlite_warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Platform]:
    yield from _tracking_platform(tmp_path, sqlite_warehouse_url, monkeypatch)


def _tracking_platform(
    folder: Path, warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Platform]:
    for module in (sensors, run_scope, snapshots_assets, alerts_assets):
        monkeypatch.setattr(module, "today_utc", lambda: TODAY)
    made = make_platform(folder, warehouse_url, monkeypatch, products=6)
    sync_products(made.warehouse, "sandbox", map(TrackedProduct, made.market.keys))
    yield made
    made.warehouse.dispose()


def _pages_land(
    platform: Platform, *days: date, products: Sequence[ProductKey] | None = None
) -> None:
    """Pages come in as they do while the platform runs: captured, and not yet parsed."""
    provider = SandboxProvider(platform.market)
    keys = platform.market.keys if products is None else products
    targets = [t for day in days for t in plan_targets(provider, Scope.of_day(day), keys)]
    archive = PageArchive(str(platform.folder / "pages"))
    capture_pages(provider, archive, platform.warehouse, targets, run_id=None)


def _tick(platform: Platform, instance: DagsterInstance) -> list[RunRequest] | SkipReason:
    """What the sensor says now."""
    url = platform.warehouse.engine.url.render_as_string(hide_password=False)
    with build_sensor_context(
        instance=instance, resources={"warehouse": WarehouseResource(url=url)}
    ) as context:
        return micro_batch_sensor(context)  # type: ignore[return-value]


def _requests(platform: Platform) -> list[RunRequest]:
    with DagsterInstance.get() as instance:
        said = _tick(platform, instance)
    assert isinstance(said, list), said
    return said


def _days(request: RunRequest) -> tuple[date, date]:
    return (
        date.fromisoformat(request.tags["dagster/asset_partition_range_start"]),
        date.fromisoformat(request.tags["dagster/asset_partition_range_end"]),
    )


def _carry_out(platform: Platform, requests: Iterable[RunRequest]) -> set[str]:
    """Runs what was asked for; the assets that were made, as layer/table."""
    made: set[str] = set()
    for request in requests:
        first, last = _days(request)
        run = platform.run(
            micro_batch.name, first, last, run_config=request.run_config, tags=request.tags
        )
        made |= run.materialized
    return made


def _nothing_is_pending(platform: Platform) -> bool:
    with DagsterInstance.get() as instance:
        said = _tick(platform, instance)
    return isinstance(said, SkipReason) and said.skip_message == "nothing is pending"


def _count(platform: Platform, table: Table) -> int:
    query = select(func.count()).select_from(table).where(is_current(table))
    with platform.warehouse.read() as connection:
        return int(connection.scalar(query) or 0)


def _features(platform: Platform) -> dict[tuple[str, date], dict[str, Any]]:
    """The current features by (ASIN, day), the build included."""
    table = tables.product_features
    with platform.warehouse.read() as connection:
        rows = connection.execute(select(table).where(is_current(table))).mappings()
        return {(row["asin"], row["day"]): dict(row) for row in rows}


def _contents(platform: Platform, *some: Table) -> dict[str, set[int]]:
    """What the tables say, whoever wrote it."""
    found = {}
    with platform.warehouse.read() as connection:
        for table in some:
            query = select(table.c.row_hash).where(is_current(table))
            found[table.name] = set(connection.scalars(query))
    return found


# --- the sensor ----------------------------------------------------------------------------------


def test_nothing_is_run_while_nothing_has_come_in(platform: Platform) -> None:
    assert _nothing_is_pending(platform)


def test_a_page_that_lands_is_followed_up_by_one_run_and_then_nothing_is_pending(
    platform: Platform,
) -> None:
    _pages_land(platform, DAY)
    _carry_out(platform, _requests(platform))
    assert _nothing_is_pending(platform)
    landed = DAY - timedelta(days=1)
    product = platform.market.keys[0]
    _pages_land(platform, landed, products=[product])

    (request,) = _requests(platform)
    assert _days(request) == (landed, TODAY)
    assert _carry_out(platform, [request]) == {
        "snapshots/product_snapshots",
        "features/product_features",
        "features/rank_features",
        "alerts/alerts",
        "serving/product_summaries",
    }
    table = tables.product_snapshots
    with platform.warehouse.read() as connection:
        snapshots = connection.execute(
            select(table.c.asin, table.c.price).where(table.c.day == landed, is_current(table))
        ).all()
    price = platform.market.truth(product, landed).snapshot.price  # type: ignore[union-attr]
    assert snapshots == [(product.asin, price)]
    assert _features(platform)[product.asin, landed]["price"] == price
    assert _nothing_is_pending(platform)


@pytest.mark.slow
def test_what_micro_batches_make_is_what_a_rebuild_of_the_days_makes(
    sqlite_platform: Platform,
) -> None:
    platform = sqlite_platform
    for day in (DAY, DAY + timedelta(days=1)):
        _pages_land(platform, day)
        _carry_out(platform, _requests(platform))
    made = (tables.product_snapshots, tables.product_features, tables.rank_features, tables.alerts)
    by_micro_batches = _contents(platform, *made)
    assert all(by_micro_batches[table.name] for table in made[:3])
    platform.run("rebuild_derived", DAY, TODAY)
    assert _contents(platform, *made) == by_micro_batches


def test_days_far_apart_are_runs_of_their_own(sqlite_platform: Platform) -> None:
    long_ago = TODAY - timedelta(days=60)
    _pages_land(sqlite_platform, long_ago, DAY, products=sqlite_platform.market.keys[:1])
    later, earlier = _requests(sqlite_platform)
    assert _days(later) == (DAY, TODAY)
    # The day of the page, and the days that its windows of 30 and 7 days reach.
    assert _days(earlier) == (long_ago, long_ago + timedelta(days=37))


@pytest.mark.parametrize("event", ["PIPELINE_ENQUEUED", "PIPELINE_STARTING", "PIPELINE_START"])
def test_the_sensor_waits_while_a_micro_batch_is_under_way(
    sqlite_platform: Platform, event: str
) -> None:
    _pages_land(sqlite_platform, DAY, products=sqlite_platform.market.keys[:1])
    with DagsterInstance.get() as instance:
        job = sqlite_platform.definitions.resolve_job_def(micro_batch.name)
        origin = RemoteJobOrigin(
            RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("insights"), "__repository__"),
            job.name,
        )
        run = instance.create_run_for_job(job, remote_job_origin=origin)
        instance.report_dagster_event(DagsterEvent(event, job.name), run.run_id)
        said = _tick(sqlite_platform, instance)
        assert isinstance(said, SkipReason)
        assert run.run_id in str(said.skip_message)
        instance.report_run_failed(run)
        assert isinstance(_tick(sqlite_platform, instance), list)


def test_after_a_second_failure_the_sensor_pauses_and_says_until_when(
    sqlite_platform: Platform,
) -> None:
    _pages_land(sqlite_platform, DAY, products=sqlite_platform.market.keys[:1])
    with DagsterInstance.get() as instance:
        job = sqlite_platform.definitions.resolve_job_def(micro_batch.name)
        for _ in range(2):
            run = instance.create_run_for_job(job, status=DagsterRunStatus.STARTED)
            instance.report_run_failed(run)
        said = _tick(sqlite_platform, instance)
        assert isinstance(said, SkipReason)
        assert "the last 2 micro-batches failed; the next try is at" in str(said.skip_message)
        run = instance.create_run_for_job(job, status=DagsterRunStatus.STARTED)
        instance.report_dagster_event(DagsterEvent("PIPELINE_SUCCESS", job.name), run.run_id)
        assert isinstance(_tick(sqlite_platform, instance), list)


def test_a_run_of_another_job_does_not_hold_the_sensor_up(sqlite_platform: Platform) -> None:
    _pages_land(sqlite_platform, DAY, products=sqlite_platform.market.keys[:1])
    with DagsterInstance.get() as instance:
        job = sqlite_platform.definitions.resolve_job_def("rebuild_derived")
        instance.create_run_for_job(job, status=DagsterRunStatus.STARTED)
        assert isinstance(_tick(sqlite_platform, instance), list)


def _crash_and_go_on(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, assets: ModuleType, rebuild: str
) -> None:
    """A run that crashes in a rebuild, and what the next ticks ask for with the fault gone."""
    _pages_land(platform, DAY)

    def crash(*args: object, **kwargs: object) -> None:
        raise MemoryError("out of memory")

    with monkeypatch.context() as broken:
        broken.setattr(assets, rebuild, crash)
        with pytest.raises(RunFailedError, match="out of memory"):
            _carry_out(platform, _requests(platform))

    _carry_out(platform, _requests(platform))
    for table in FAST_TABLES:
        assert _count(platform, table) >= 6, table.name
    days = {day for _, day in _features(platform)}
    assert days == {DAY + timedelta(days=number) for number in range(3)}
    summaries = tables.product_summaries
    with platform.warehouse.read() as connection:
        for row in connection.execute(select(summaries).where(is_current(summaries))):
            assert row.as_of_day == TODAY
            assert row.last_captured_at == platform.market.captured_at(
                ProductKey(row.marketplace, row.asin), DAY
            )
            assert (row.primary_rank is None) == (row.primary_rank_category is None)
    assert _nothing_is_pending(platform)


def test_a_crash_between_snapshots_and_features_loses_nothing(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    _crash_and_go_on(platform, monkeypatch, features_assets, "rebuild_features")
    assert _count(platform, tables.product_snapshots) == 6


@pytest.mark.slow
@pytest.mark.parametrize(
    ("assets", "rebuild"),
    [
        (snapshots_assets, "rebuild_snapshots"),
        (features_assets, "rebuild_features"),
        (alerts_assets, "rebuild_alerts"),
        (serving_assets, "rebuild_product_summaries"),
    ],
    ids=["snapshots", "ranks", "alerts", "summaries"],
)
def test_a_crash_in_any_other_layer_loses_nothing(
    sqlite_platform: Platform, monkeypatch: pytest.MonkeyPatch, assets: ModuleType, rebuild: str
) -> None:
    _crash_and_go_on(sqlite_platform, monkeypatch, assets, rebuild)


@pytest.mark.slow
def test_a_late_page_changes_the_days_from_its_own_on_and_only_of_its_product(
    platform: Platform,
) -> None:
    late_day = TODAY - timedelta(days=5)
    on_time = [TODAY - timedelta(days=number) for number in (7, 6, 5, 4, 3)]
    late, others = platform.market.keys[0], platform.market.keys[1:]
    for day in on_time:
        _pages_land(platform, day, products=others if day == late_day else None)
    _carry_out(platform, _requests(platform))
    before = _features(platform)
    assert before[late.asin, late_day]["observations"] == 0

    _pages_land(platform, late_day, products=[late])
    (request,) = _requests(platform)
    assert _days(request) == (late_day, TODAY)
    _carry_out(platform, [request])
    after = _features(platform)
    assert after[late.asin, late_day]["observations"] == 1
    changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    assert {asin for asin, _ in changed} == {late.asin}
    assert min(day for _, day in changed) == late_day
    # Windows of 7 and 30 days see it on the days after.
    assert {day for _, day in changed} >= {late_day, late_day + timedelta(days=1)}
    assert _nothing_is_pending(platform)


# --- the schedule --------------------------------------------------------------------------------


def _scheduled(moment: datetime) -> RunRequest:
    with (
        DagsterInstance.get() as instance,
        build_schedule_context(instance=instance, scheduled_execution_time=moment) as context,
    ):
        request = daily_batch(context)
    assert isinstance(request, RunRequest)
    return request


def test_the_daily_batch_asks_once_for_the_day_of_its_tick(sqlite_platform: Platform) -> None:
    request = _scheduled(start_of(DAY) + timedelta(hours=2, minutes=23))
    assert request.run_key == request.partition_key == DAY.isoformat()
    covers = {name: op["config"]["covers"] for name, op in request.run_config["ops"].items()}
    assert set(covers.values()) == {"partitions_and_pending"}
    assert "insights__capture__raw_pages" in covers
    assert "insights__reports__competitive_reports" in covers


@pytest.mark.slow
def test_the_daily_batch_captures_its_day_and_takes_in_what_came_late(platform: Platform) -> None:
    earlier = TODAY - timedelta(days=4)
    _pages_land(platform, earlier, products=platform.market.keys[:3])
    request = _scheduled(start_of(TODAY) + timedelta(hours=2, minutes=23))
    run = platform.run("whole_graph", TODAY, run_config=request.run_config, tags=request.tags)
    assert len(run.materialized) == 11

    pages = tables.raw_pages
    with platform.warehouse.read() as connection:
        by_day = dict(
            connection.execute(select(pages.c.day, func.count()).group_by(pages.c.day)).all()
        )
        scored = set(
            connection.scalars(
                select(tables.competitive_scores.c.day).where(is_current(tables.competitive_scores))
            )
        )
        failed = connection.scalars(
            select(tables.builds.c.table_name).where(tables.builds.c.status != "published")
        ).all()
    assert by_day == {earlier: 3, TODAY: 6}
    assert {earlier, TODAY} <= scored
    assert failed == []
    features = _features(platform)
    late = platform.market.keys[0].asin
    assert features[late, earlier]["observations"] == 1
    # It reaches the days in between.
    between = features[late, TODAY - timedelta(days=2)]
    assert (between["observations"], between["price"] is None) == (0, False)
    assert _nothing_is_pending(platform)


def test_each_day_of_a_micro_batch_shows_its_rows(sqlite_platform: Platform) -> None:
    platform = sqlite_platform
    _pages_land(platform, DAY)
    _carry_out(platform, _requests(platform))
    key = AssetKey(["insights", "features", "product_features"])
    with DagsterInstance.get() as instance:
        rows = {
            record.asset_materialization.partition: record.asset_materialization.metadata[
                "dagster/partition_row_count"
            ].value
            for record in instance.fetch_materializations(key, limit=100).records
            if record.asset_materialization is not None
        }
    assert rows[DAY.isoformat()] == rows[TODAY.isoformat()] == 6
    assert set(rows) == {(DAY + timedelta(days=number)).isoformat() for number in range(3)}
