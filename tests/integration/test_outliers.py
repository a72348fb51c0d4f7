"""Days that lack products, and features that moved further than products do, warn."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from dagster import AssetCheckResult, AssetCheckSeverity

from insights_assets.features import checks
from insights_assets.features.outliers import Outlier, price_outliers, rank_outliers
from insights_assets.features.rebuild import rebuild_features
from insights_assets.snapshots.checks import snapshots_of_the_day
from insights_resources.marketplaces import ProductKey
from insights_resources.warehouse.engine import Warehouse
from insights_resources.wiring import WarehouseResource
from tests.integration.stored_history import store_snapshots
from tests.integration.tracked_products import ASINS, DAY, NEVER, SCOPE, history
from tests.unit.features.capture_histories import MARKETPLACE, at, capture


def result_of(check: Any, url: str) -> AssetCheckResult:
    result = check(warehouse=WarehouseResource(url=url))
    assert isinstance(result, AssetCheckResult)
    assert result.severity == AssetCheckSeverity.WARN
    return result


def with_last(**changes: Any) -> list[dict[str, Any]]:
    """The tracked products, the last capture of the first of them changed."""
    captures = [
        row for row in history() if (row["asin"], row["captured_at"].date()) != (ASINS[0], DAY)
    ]
    usual = {"price": 1000, "rating": 4.0, "bsr": [("Home", "11", 100), ("Kettles", "77", 1)]}
    return [*captures, capture(at(DAY), asin=ASINS[0], **usual | changes)]


def rebuild(warehouse: Warehouse, captures: list[dict[str, Any]]) -> None:
    store_snapshots(warehouse, captures)
    rebuild_features(warehouse, SCOPE)


def test_usual_moves_pass(tracked: Warehouse, warehouse_url: str) -> None:
    assert price_outliers(tracked, DAY) == rank_outliers(tracked, DAY) == []
    # 1.8 times the mean of the 7 days, the last one included.
    rebuild(tracked, with_last(price=2_000))
    assert price_outliers(tracked, DAY) == []
    rebuild(tracked, with_last(bsr=[("Home", "11", 900)]))
    assert rank_outliers(tracked, DAY) == []
    assert result_of(checks.prices_move_as_usual, warehouse_url).passed
    assert result_of(checks.ranks_move_as_usual, warehouse_url).passed


@pytest.mark.parametrize("price", [3_000, 300])
def test_a_price_that_jumps_is_named(tracked: Warehouse, warehouse_url: str, price: int) -> None:
    rebuild(tracked, with_last(price=price))
    (found,) = price_outliers(tracked, DAY)
    assert (found.key, found.value) == (ProductKey(MARKETPLACE, ASINS[0]), price / 100)
    assert found.factor == pytest.approx(found.value / found.usual)
    result = result_of(checks.prices_move_as_usual, warehouse_url)
    assert not result.passed
    assert result.description == f"1 products on {DAY}"
    assert f"| {found.key} | {price / 100:,.2f} |" in str(result.metadata["furthest"].value)


def test_a_rank_that_jumps_is_named(tracked: Warehouse, warehouse_url: str) -> None:
    rebuild(tracked, with_last(bsr=[("Home", "11", 1_000)]))
    assert rank_outliers(tracked, DAY) == [Outlier(ProductKey(MARKETPLACE, ASINS[0]), 1000.0, 100)]
    assert not result_of(checks.ranks_move_as_usual, warehouse_url).passed
    # In another category it says nothing.
    rebuild(tracked, with_last(bsr=[("Garden", "12", 1_000)]))
    assert rank_outliers(tracked, DAY) == []


def test_a_day_names_the_products_that_it_lacks(tracked: Warehouse, warehouse_url: str) -> None:
    result = result_of(snapshots_of_the_day, warehouse_url)
    assert result.description == f"1 of 4 products have no snapshot of {DAY}"
    assert result.metadata["missing"].value == f"{MARKETPLACE}/{NEVER}"
    later = DAY + timedelta(days=1)
    store_snapshots(tracked, [*history(), capture(at(later), asin=ASINS[0])])
    result = result_of(snapshots_of_the_day, warehouse_url)
    assert (result.metadata["day"].value, result.metadata["found"].value) == (str(later), 1)
    result = result_of(checks.features_of_the_day, warehouse_url)
    assert (result.metadata["day"].value, result.metadata["found"].value) == (str(DAY), 3)
