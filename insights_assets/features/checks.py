"""Checks of the features."""

from collections.abc import Callable, Sequence
from datetime import date

from dagster import (
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    MetadataValue,
    asset_check,
)

from insights_assets.day_completeness import day_is_complete
from insights_assets.features.assets import PRODUCT_FEATURES, RANK_FEATURES
from insights_assets.features.outliers import (
    PRICE_FACTOR,
    RANK_FACTOR,
    Outlier,
    newest_day,
    price_outliers,
    rank_outliers,
)
from insights_assets.published_asset import audit_check
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.wiring import WarehouseResource

#: Outliers that are shown.
_SHOWN = 20

product_features_audit = audit_check(PRODUCT_FEATURES, tables.product_features)
rank_features_audit = audit_check(RANK_FEATURES, tables.rank_features)
features_of_the_day = day_is_complete(
    PRODUCT_FEATURES,
    tables.product_features,
    what="a capture in its features",
    only=tables.product_features.c.observations > 0,
)


def _warns_of(
    name: str, description: str, find: Callable[[Warehouse, date], Sequence[Outlier]]
) -> AssetChecksDefinition:
    @asset_check(asset=PRODUCT_FEATURES, name=name, description=description)
    def check(warehouse: WarehouseResource) -> AssetCheckResult:
        database = warehouse.open()
        day = newest_day(database)
        found = [] if day is None else find(database, day)
        rows = [
            f"| {each.key} | {each.value:,.2f} | {each.usual:,.2f} | {each.factor:.2f} |"
            for each in found[:_SHOWN]
        ]
        return AssetCheckResult(
            passed=not found,
            severity=AssetCheckSeverity.WARN,
            description=f"{len(found)} products on {day}" if found else None,
            metadata={
                "day": "none" if day is None else day.isoformat(),
                "products": len(found),
                "furthest": MetadataValue.md(
                    "\n".join(["| product | value | usual | times |", "|---|--:|--:|--:|", *rows])
                ),
            },
        )

    return check


prices_move_as_usual = _warns_of(
    "prices_move_as_usual",
    f"No price of the newest day is {PRICE_FACTOR:g} times the mean of its 7 days, or that part of "
    f"it. Warns only: deals do that, and so do pages of another variation.",
    price_outliers,
)
ranks_move_as_usual = _warns_of(
    "ranks_move_as_usual",
    f"No top-level rank of the newest day is {RANK_FACTOR:g} times the median of its 7 days in the "
    f"same category, or that part of it. Warns only.",
    rank_outliers,
)
