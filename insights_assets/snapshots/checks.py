"""Checks of the snapshots."""

from dagster import AssetCheckResult, AssetCheckSeverity, asset_check

from insights_assets.published_asset import audit_check
from insights_assets.snapshots.assets import PRODUCT_SNAPSHOTS
from insights_assets.snapshots.rebuild import pending_scopes
from insights_resources.warehouse import tables
from insights_resources.wiring import WarehouseResource

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
