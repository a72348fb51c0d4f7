"""The whole line through Dagster: from the sandbox's pages to reports, on both engines."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from dagster import AssetKey, DagsterInstance
from sqlalchemy import Table, func, select

from insights_jobs.runs import RunFailedError
from insights_resources.errors import InvalidInputError
from insights_resources.scope import today_utc
from insights_resources.warehouse import tables
from insights_resources.warehouse.frames import row_hashes
from insights_resources.warehouse.publication import is_current, select_current
from tests.integration.platform_fixture import Platform, make_platform

FIRST = date(2025, 3, 3)
DAYS = 4
LAST = FIRST + timedelta(days=DAYS - 1)


@pytest.fixture
def platform(
    tmp_path: Path, warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Platform]:
    made = make_platform(tmp_path, warehouse_url, monkeypatch)
    yield made
    made.warehouse.dispose()


def _count(platform: Platform, table: Table) -> int:
    query = select(func.count()).select_from(table)
    if table.info["versioned"]:
        query = query.where(is_current(table))
    with platform.warehouse.read() as connection:
        return int(connection.scalar(query) or 0)


def _contents(platform: Platform) -> dict[str, list[int]]:
    """What stands in each fact, audit columns aside, as sorted hashes."""
    return {
        table.name: sorted(row_hashes(platform.warehouse.read_frame(select_current(table)), table))
        for table in tables.VERSIONED_FACTS
    }


def _rows_ever_written(platform: Platform) -> dict[str, int]:
    with platform.warehouse.read() as connection:
        return {
            table.name: int(connection.scalar(select(func.count()).select_from(table)) or 0)
            for table in (*tables.VERSIONED_FACTS, tables.raw_pages)
        }


def test_the_whole_graph_runs_and_again_gives_the_same_rows(platform: Platform) -> None:
    run = platform.run("whole_graph", FIRST, LAST)
    assert len(run.materialized) >= 11
    for table in (
        tables.products,
        tables.competitive_groups,
        tables.raw_pages,
        tables.product_snapshots,
        tables.product_features,
        tables.rank_features,
        tables.competitive_scores,
        tables.competitive_reports,
        tables.product_summaries,
    ):
        assert _count(platform, table) > 0, table.name
    reports = sorted(path.suffix for path in (platform.folder / "reports").rglob("*.*"))
    assert reports.count(".html") == reports.count(".md") == reports.count(".json") > 0

    contents, written = _contents(platform), _rows_ever_written(platform)
    platform.run("whole_graph", FIRST, LAST)
    assert _contents(platform) == contents
    assert _rows_ever_written(platform) == written


@pytest.mark.slow
def test_every_day_is_materialized_with_its_row_count(platform: Platform) -> None:
    platform.run("whole_graph", FIRST, LAST)
    days = {(FIRST + timedelta(days=number)).isoformat() for number in range(DAYS)}
    with DagsterInstance.get() as instance:
        for group, name in (
            ("capture", "raw_pages"),
            ("snapshots", "product_snapshots"),
            ("features", "product_features"),
            ("features", "rank_features"),
            ("competition", "competitive_scores"),
            ("alerts", "alerts"),
            ("reports", "competitive_reports"),
        ):
            key = AssetKey(["insights", group, name])
            assert set(instance.get_materialized_partitions(key)) == days, name
            newest = instance.fetch_materializations(key, limit=1).records[0]
            assert newest.asset_materialization is not None
            assert "dagster/partition_row_count" in newest.asset_materialization.metadata


@pytest.mark.slow
def test_days_one_by_one_give_the_same_as_a_range(
    platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(DAYS):
        platform.run("whole_graph", FIRST + timedelta(days=number))
    one_by_one = _contents(platform)
    other_folder = tmp_path / "other"
    other = make_platform(other_folder, f"sqlite:///{other_folder / 'other.db'}", monkeypatch)
    other.run("whole_graph", FIRST, LAST)
    as_range = _contents(other)
    other.warehouse.dispose()
    # A summary is of the last day in both; its day-by-day versions are superseded.
    assert one_by_one == as_range


@pytest.mark.slow
def test_a_crash_in_the_middle_is_completed_by_the_next_run(
    platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import insights_assets.features.assets as features

    rebuild = features.rebuild_features

    def crash(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(features, "rebuild_features", crash)
    with pytest.raises((RunFailedError, KeyboardInterrupt)):
        platform.run("whole_graph", FIRST, LAST)
    assert _count(platform, tables.product_snapshots) > 0
    assert _count(platform, tables.competitive_scores) == 0
    monkeypatch.setattr(features, "rebuild_features", rebuild)
    platform.run("whole_graph", FIRST, LAST)

    other_folder = tmp_path / "undisturbed"
    other = make_platform(other_folder, f"sqlite:///{other_folder / 'x.db'}", monkeypatch)
    other.run("whole_graph", FIRST, LAST)
    assert _contents(platform) == _contents(other)
    other.warehouse.dispose()


def test_a_day_that_has_not_come_is_refused(platform: Platform) -> None:
    with pytest.raises(InvalidInputError, match="has not come yet"):
        platform.run("whole_graph", today_utc() + timedelta(days=1))
    with pytest.raises(InvalidInputError, match="INSIGHTS_FIRST_DAY"):
        platform.run("whole_graph", date(2024, 12, 31))


def test_a_wrong_catalog_changes_nothing(
    tmp_path: Path, warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = tmp_path / "catalog.yaml"
    catalog.write_text("products:\n  - amazon.de/WRONG\n", encoding="utf-8")
    platform = make_platform(tmp_path, warehouse_url, monkeypatch, catalog=catalog)
    with pytest.raises(RunFailedError, match=r"catalog\.yaml, line 2: .*WRONG"):
        platform.run("whole_graph", FIRST)
    assert _count(platform, tables.products) == 0
    assert _count(platform, tables.raw_pages) == 0
    platform.warehouse.dispose()
