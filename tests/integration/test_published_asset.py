"""A build that fails its audit: seen by whoever looks, and by nobody's figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pandas as pd
import pytest
from dagster import AssetCheckKey, AssetKey, DagsterInstance
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from sqlalchemy import Table, select, text

import insights_assets.features.rebuild as features_rebuild
import insights_assets.snapshots.rebuild as snapshots_rebuild
from insights_jobs.runs import RunFailedError
from insights_resources.warehouse import tables
from insights_resources.warehouse.contract_views import contract_relation
from insights_resources.warehouse.publication import AuditFinding, is_current, pending
from tests.integration.platform_fixture import Platform
from tests.integration.stored_history import build_statuses

pytestmark = pytest.mark.slow

FIRST = date(2025, 3, 3)
LAST = FIRST + timedelta(days=2)
FEATURES, SNAPSHOTS = "features/product_features", "snapshots/product_snapshots"
AFTER_FEATURES = (
    tables.competitive_scores,
    tables.competitive_reports,
    tables.product_summaries,
)


def _and_refuses(audit: Callable[..., Iterable[AuditFinding]]) -> Callable[..., Any]:
    """The audit, with a finding of its own that fails."""

    def refusing(frame: pd.DataFrame, *args: Any) -> Iterable[AuditFinding]:
        yield from audit(frame, *args)
        yield AuditFinding("prices_are_plausible", False, f"{len(frame)} prices doubled overnight")

    return refusing


def _doubles_prices(compute: Callable[..., Any]) -> Callable[..., Any]:
    """A formula with a mistake."""

    def doubling(*args: Any) -> dict[str, Any]:
        computed = compute(*args)
        return computed | {"price": computed["price"] * 2}

    return doubling


def _break_features(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong prices, which an audit notices."""
    products, ranks = features_rebuild._LAYERS
    broken = replace(
        products, compute=_doubles_prices(products.compute), audit=_and_refuses(products.audit)
    )
    monkeypatch.setattr(features_rebuild, "_LAYERS", (broken, ranks))


def _audit_check(asset: str) -> tuple[AssetCheckExecutionRecordStatus, dict[str, Any]]:
    """The status and the metadata that the UI shows for the asset's check ``audit``."""
    key = AssetCheckKey(AssetKey(["insights", *asset.split("/")]), "audit")
    with DagsterInstance.get() as instance:
        record = instance.event_log_storage.get_asset_check_execution_history(key, limit=1)[0]
    assert record.event is not None
    evaluation = record.event.dagster_event.asset_check_evaluation_data  # type: ignore[union-attr]
    return record.status, {name: value.value for name, value in evaluation.metadata.items()}


def _materialized_days(asset: str) -> set[str]:
    with DagsterInstance.get() as instance:
        return set(instance.get_materialized_partitions(AssetKey(["insights", *asset.split("/")])))


def _rows(platform: Platform, table: Table) -> list[tuple[Any, ...]]:
    """The current rows, by whom they were written included."""
    query = select(table).where(is_current(table)).order_by(*table.primary_key.columns)
    with platform.warehouse.read() as connection:
        return [tuple(row) for row in connection.execute(query)]


def _consumers_prices(platform: Platform) -> dict[tuple[str, str], Any]:
    """What an analyst reads in SQL."""
    relation = contract_relation(platform.warehouse, "product_features")
    with platform.warehouse.read() as connection:
        rows = connection.execute(
            text(f"SELECT asin, day, price FROM {relation}")  # noqa: S608
        )
        return {(asin, str(day)): price for asin, day, price in rows}


def _builds(platform: Platform, table: Table) -> list[Any]:
    builds = tables.builds
    query = select(builds).where(builds.c.table_name == table.name).order_by(builds.c.build_id)
    with platform.warehouse.read() as connection:
        return list(connection.execute(query))


def test_a_build_that_fails_its_audit_fails_the_run_and_leaves_consumers_the_last_good_rows(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform.run("whole_graph", FIRST, LAST)
    good = {table: _rows(platform, table) for table in (tables.product_features, *AFTER_FEATURES)}
    prices = _consumers_prices(platform)
    assert any(prices.values())
    status, shown = _audit_check(FEATURES)
    assert status == AssetCheckExecutionRecordStatus.SUCCEEDED
    assert "| price_is_positive | yes |" in shown["findings"]

    with monkeypatch.context() as broken:
        _break_features(broken)
        with pytest.raises(RunFailedError) as failure:
            platform.run("whole_graph", FIRST, LAST)

    # Whoever started the run reads which audit failed of what, and what it found, and no more.
    assert str(failure.value).startswith("features: build ")
    for part in (
        f"fact_product_features ({FIRST} to {LAST}, all products) failed its audit",
        "consumers keep the last good rows",
        f"prices_are_plausible: {len(good[tables.product_features])} prices doubled overnight",
    ):
        assert part in str(failure.value)
    assert "Traceback" not in str(failure.value)

    # The UI shows the check in red, with the finding.
    status, shown = _audit_check(FEATURES)
    assert status == AssetCheckExecutionRecordStatus.FAILED
    assert "prices doubled overnight" in shown["problem"]

    # The builds show it, with every finding.
    refused = _builds(platform, tables.product_features)[-1]
    assert (refused.status, refused.published_at) == ("rejected", None)
    assert [finding["check"] for finding in refused.audit if not finding["passed"]] == [
        "prices_are_plausible"
    ]
    assert len(refused.audit) > 5

    # Nobody's figures have changed, and no later layer was rebuilt from the wrong ones.
    assert _consumers_prices(platform) == prices
    for table, rows in good.items():
        assert _rows(platform, table) == rows, table.name
    for table in AFTER_FEATURES:
        upstream = pending(platform.warehouse, table, [tables.product_features])
        assert refused.build_id not in {build.build_id for build in upstream}
    assert set(build_statuses(platform.warehouse, "fact_competitive_scores")) == {"published"}

    # The refused rows can be looked at.
    table = tables.product_features
    with platform.warehouse.read() as connection:
        wrong = connection.execute(
            select(table.c.recorded_at).where(table.c.build_id == refused.build_id)
        ).all()
    assert wrong
    assert {row.recorded_at for row in wrong} == {None}


def test_a_corrected_run_publishes_and_turns_the_check_green(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        _break_features(broken)
        with pytest.raises(RunFailedError, match="prices_are_plausible"):
            platform.run("whole_graph", FIRST, LAST)
    # From the very first run on there is nothing wrong to be seen, and nothing at all.
    assert _consumers_prices(platform) == {}
    assert _rows(platform, tables.competitive_scores) == []
    assert _materialized_days(FEATURES) == set()

    platform.run("whole_graph", FIRST, LAST)
    assert build_statuses(platform.warehouse, "fact_product_features") == ["rejected", "published"]
    status, shown = _audit_check(FEATURES)
    assert status == AssetCheckExecutionRecordStatus.SUCCEEDED
    assert shown["build"] == _builds(platform, tables.product_features)[-1].build_id
    assert len(_materialized_days(FEATURES)) == 3
    prices = {
        asin: None if price is None else round(float(price), 2)
        for (asin, day), price in _consumers_prices(platform).items()
        if day == FIRST.isoformat()
    }
    true_prices = {
        key.asin: platform.market.truth(key, FIRST).snapshot.price  # type: ignore[union-attr]
        for key in platform.market.keys
    }
    assert prices == {
        asin: None if price is None else float(price) for asin, price in true_prices.items()
    }
    assert any(prices.values())
    assert _rows(platform, tables.competitive_scores)


def test_snapshots_that_fail_their_audit_reach_no_later_layer(
    sqlite_platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = sqlite_platform
    with monkeypatch.context() as broken:
        broken.setattr(
            snapshots_rebuild, "audit_snapshots", _and_refuses(snapshots_rebuild.audit_snapshots)
        )
        with pytest.raises(RunFailedError, match=r"^snapshots/product_snapshots: build .*doubled"):
            platform.run("whole_graph", FIRST)
    assert _audit_check(SNAPSHOTS)[0] == AssetCheckExecutionRecordStatus.FAILED
    assert build_statuses(platform.warehouse, "fact_product_snapshots") == ["rejected"]
    for table in (tables.product_features, tables.rank_features, *AFTER_FEATURES):
        assert _builds(platform, table) == [], table.name
    platform.run("whole_graph", FIRST)
    assert build_statuses(platform.warehouse, "fact_product_snapshots") == ["rejected", "published"]
    assert _audit_check(SNAPSHOTS)[0] == AssetCheckExecutionRecordStatus.SUCCEEDED
    assert _rows(platform, tables.product_features)


def test_one_day_that_fails_its_audit_leaves_the_other_days_as_they_are(
    sqlite_platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = sqlite_platform
    platform.run("whole_graph", FIRST)
    prices = _consumers_prices(platform)
    with monkeypatch.context() as broken:
        _break_features(broken)
        with pytest.raises(RunFailedError, match=rf"\({LAST}, all products\)"):
            platform.run("whole_graph", LAST)
    assert _consumers_prices(platform) == prices
    assert _materialized_days(FEATURES) == {FIRST.isoformat()}
    # Its pages and snapshots are kept: only what failed has to be made again.
    assert _materialized_days(SNAPSHOTS) == {FIRST.isoformat(), LAST.isoformat()}


def test_an_error_that_is_no_finding_fails_the_run_without_blaming_the_audit(
    sqlite_platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = sqlite_platform
    platform.run("whole_graph", FIRST)
    with pytest.raises(RunFailedError, match="of 2025-03-02") as failure:
        platform.run("rebuild_derived", FIRST - timedelta(days=1))
    assert str(failure.value).startswith(f"{SNAPSHOTS}: no page ")
    key = AssetCheckKey(AssetKey(["insights", *SNAPSHOTS.split("/")]), "audit")
    with DagsterInstance.get() as instance:
        shown = instance.event_log_storage.get_asset_check_execution_history(key, limit=10)
    assert AssetCheckExecutionRecordStatus.FAILED not in {record.status for record in shown}
    assert build_statuses(platform.warehouse, "fact_product_snapshots") == ["published"]
