"""Checks of the snapshots."""

from collections import Counter

from dagster import AssetCheckResult, AssetCheckSeverity, asset_check
from sqlalchemy import func, select

from insights_assets.day_completeness import day_is_complete
from insights_assets.published_asset import audit_check
from insights_assets.snapshots.assets import PRODUCT_SNAPSHOTS
from insights_assets.snapshots.publishing import Origin, of_origin
from insights_assets.snapshots.rebuild import pending_scopes
from insights_resources.warehouse import tables
from insights_resources.warehouse.publication import is_current
from insights_resources.wiring import WarehouseResource

#: Above this share of prices on which a page's sources disagree a layout has probably changed.
MAX_DISPUTED_PRICES = 0.05

snapshots_of_the_day = day_is_complete(
    PRODUCT_SNAPSHOTS, tables.product_snapshots, what="a snapshot"
)
product_snapshots_audit = audit_check(PRODUCT_SNAPSHOTS, tables.product_snapshots)


@asset_check(asset=PRODUCT_SNAPSHOTS, name="every_page_is_judged")
def every_page_is_judged(warehouse: WarehouseResource) -> AssetCheckResult:
    """Each captured page is a snapshot or a rejection with a reason: none is forgotten."""
    waiting = pending_scopes(warehouse.open())
    return AssetCheckResult(
        passed=not waiting,
        severity=AssetCheckSeverity.WARN,
        metadata={
            "days_with_pending_pages": len(waiting),
            "products": sum(len(scope.products or ()) for scope in waiting),
        },
    )


@asset_check(asset=PRODUCT_SNAPSHOTS, name="sources_agree_on_prices")
def sources_agree_on_prices(warehouse: WarehouseResource) -> AssetCheckResult:
    """The sources of a page that show its price agree, for nearly all pages of the newest day.

    A layout that changes shows here first: one source still says what another no longer does.
    ``insights parse --explain`` on one of the pages says more.
    """
    table = tables.product_snapshots
    with warehouse.open().begin() as connection:
        day = connection.scalar(
            select(func.max(table.c.day)).where(is_current(table), of_origin(Origin.PAGE))
        )
        rows = connection.execute(
            select(table.c.marketplace, table.c.asin, table.c.page_id, table.c.disputed_fields)
            .where(table.c.day == day, is_current(table), of_origin(Origin.PAGE))
            .order_by(table.c.marketplace, table.c.asin)
        ).all()
    disputed = Counter(name for row in rows for name in row.disputed_fields or ())
    pages = [
        f"{row.marketplace}/{row.asin} (page {row.page_id})"
        for row in rows
        if "price" in (row.disputed_fields or ())
    ]
    return AssetCheckResult(
        passed=disputed["price"] <= MAX_DISPUTED_PRICES * len(rows),
        severity=AssetCheckSeverity.WARN,
        metadata={
            "day": "none" if day is None else day.isoformat(),
            "snapshots": len(rows),
            "disputed": ", ".join(f"{name}: {n}" for name, n in disputed.most_common()) or "none",
            "pages_with_a_disputed_price": ", ".join(pages[:20]) or "none",
        },
    )
