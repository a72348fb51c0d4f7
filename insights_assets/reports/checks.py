"""Checks of the reports."""

from collections import Counter

from dagster import AssetCheckResult, AssetCheckSeverity, MetadataValue, asset_check
from sqlalchemy import func, select

from insights_assets.published_asset import audit_check
from insights_assets.reports.assets import COMPETITIVE_REPORTS
from insights_assets.reports.narratives import NEVER_ASKED
from insights_resources.warehouse import tables
from insights_resources.warehouse.publication import is_current, select_current
from insights_resources.wiring import WarehouseResource

competitive_reports_audit = audit_check(COMPETITIVE_REPORTS, tables.competitive_reports)


@asset_check(asset=COMPETITIVE_REPORTS, name="every_sentence_is_verified")
def every_sentence_is_verified(warehouse: WarehouseResource) -> AssetCheckResult:
    """No sentence of the newest day's reports had to be dropped for a number without a fact."""
    table = tables.competitive_reports
    with warehouse.open().begin() as connection:
        day = connection.scalar(select(func.max(table.c.day)).where(is_current(table)))
        reports = connection.execute(
            select_current(table, table.c.group_id, table.c.verification).where(table.c.day == day)
        ).all()
    dropped = sum(len(row.verification["dropped"]) for row in reports)
    return AssetCheckResult(
        passed=dropped == 0,
        severity=AssetCheckSeverity.WARN,
        metadata={
            "day": str(day or "none"),
            "reports": len(reports),
            "sentences": sum(row.verification["sentences"] for row in reports),
            "dropped": dropped,
        },
    )


@asset_check(asset=COMPETITIVE_REPORTS, name="the_model_writes")
def the_model_writes(warehouse: WarehouseResource) -> AssetCheckResult:
    """A configured language model wrote the newest day's reports: none of them fell back to the
    structured writer because a call failed, was refused, or did not hold."""
    table = tables.competitive_reports
    with warehouse.open().begin() as connection:
        day = connection.scalar(select(func.max(table.c.day)).where(is_current(table)))
        reasons = Counter(
            connection.scalars(
                select_current(table, table.c.fallback_reason).where(
                    table.c.day == day, table.c.fallback_reason.is_not(None)
                )
            )
        )
    failed = {reason: count for reason, count in reasons.items() if reason not in NEVER_ASKED}
    return AssetCheckResult(
        passed=not failed,
        severity=AssetCheckSeverity.WARN,
        metadata={"day": str(day or "none"), "fallbacks": MetadataValue.json(failed)},
    )
