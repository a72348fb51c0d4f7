"""Checks of what consumers read."""

from dagster import AssetCheckResult, asset_check

from insights_assets.published_asset import audit_check
from insights_assets.serving.assets import MARTS, PRODUCT_SUMMARIES
from insights_assets.serving.stray_rows import CHECKED_DAYS, stray_rows
from insights_resources.warehouse import tables
from insights_resources.wiring import WarehouseResource

product_summaries_audit = audit_check(PRODUCT_SUMMARIES, tables.product_summaries)


@asset_check(
    asset=MARTS,
    name="rows_belong_to_published_builds",
    description=(
        f"Every published row of a fact's last {CHECKED_DAYS} days belongs to a published build of "
        f"its table. No foreign key says so (ADR 15)."
    ),
)
def rows_belong_to_published_builds(warehouse: WarehouseResource) -> AssetCheckResult:
    """Looks for rows that no publication of ours can have left."""
    stray = stray_rows(warehouse.open())
    return AssetCheckResult(
        passed=not stray,
        metadata={f"{row.table_name}/{row.build_id}": row.rows for row in stray},
        description="; ".join(map(str, stray)) or None,
    )
