"""Rows that belong to no published build are found, and the planner knows the facts."""

from __future__ import annotations

import pytest
from dagster import AssetCheckResult
from sqlalchemy import delete, text, update

from insights_assets.serving.checks import rows_belong_to_published_builds
from insights_assets.serving.marts import refresh_marts
from insights_assets.serving.stray_rows import StrayRows, stray_rows
from insights_resources.warehouse import publication, tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.wiring import WarehouseResource
from tests.integration.warehouse_rows import MONDAY, RANKS, TUESDAY, current_ranks, publish_ranks

A, B = "B000000001", "B000000002"


def check(warehouse_url: str) -> AssetCheckResult:
    result = rows_belong_to_published_builds(WarehouseResource(url=warehouse_url))
    assert isinstance(result, AssetCheckResult)
    return result


def test_every_published_row_has_its_build(warehouse: Warehouse, warehouse_url: str) -> None:
    assert stray_rows(warehouse) == []
    publish_ranks(warehouse, (A, MONDAY, 10), (B, MONDAY, 20))
    publish_ranks(warehouse, (A, MONDAY, 11), (B, TUESDAY, 21))
    assert stray_rows(warehouse) == []
    assert check(warehouse_url).passed


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (delete(tables.builds), "is not there"),
        (update(tables.builds).values(status="failed"), "is failed"),
        (update(tables.builds).values(table_name="fact_alerts"), "is of fact_alerts"),
    ],
)
def test_a_row_without_its_build_is_named(
    postgres_warehouse: Warehouse, postgres_warehouse_url: str, change: object, problem: str
) -> None:
    publish_ranks(postgres_warehouse, (A, MONDAY, 10))
    build = publish_ranks(postgres_warehouse, (A, MONDAY, 10), (B, MONDAY, 20)).build_id
    with postgres_warehouse.begin() as connection:
        connection.execute(change.where(tables.builds.c.build_id == build))  # type: ignore[attr-defined]
    assert stray_rows(postgres_warehouse) == [StrayRows(RANKS.name, build, 1, problem)]
    result = check(postgres_warehouse_url)
    assert not result.passed
    assert result.description == f"1 rows of fact_rank_features: build {build} {problem}"


def test_the_planner_knows_the_facts_after_the_marts(postgres_warehouse: Warehouse) -> None:
    publish_ranks(postgres_warehouse, (A, MONDAY, 10), (B, MONDAY, 20))

    def known_rows() -> float:
        with postgres_warehouse.read() as connection:
            return connection.scalar(
                text(
                    "SELECT reltuples FROM pg_class "
                    "WHERE oid = 'warehouse.fact_rank_features'::regclass"
                )
            )

    assert known_rows() < 2
    list(refresh_marts(postgres_warehouse))
    assert known_rows() == 2


def test_the_planner_knows_many_rows_at_once(
    postgres_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publication, "_MANY_ROWS", 2)

    def known_rows(relation: str) -> float:
        with postgres_warehouse.read() as connection:
            return connection.scalar(
                text("SELECT reltuples FROM pg_class WHERE oid = CAST(:name AS regclass)"),
                {"name": f"warehouse.{relation}"},
            )

    publish_ranks(postgres_warehouse, (A, MONDAY, 10))
    assert known_rows("fact_rank_features_2026_03") < 1
    publish_ranks(postgres_warehouse, (A, MONDAY, 11), (B, TUESDAY, 20))
    # Three: the one that was replaced is kept.
    assert known_rows("fact_rank_features_2026_03") == 3


def test_statistics_that_cannot_be_had_are_no_failure(
    postgres_warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(publication, "_MANY_ROWS", 1)
    with postgres_warehouse.begin() as connection:
        connection.execute(text("DROP FUNCTION warehouse.analyze_written"))
    publish_ranks(postgres_warehouse, (A, MONDAY, 10))
    assert current_ranks(postgres_warehouse) == [(A, MONDAY, 10)]
    assert "the statistics of fact_rank_features could not be" in caplog.text
