"""Checks of the captured pages. They look at the newest day that has any page."""

from datetime import date

from dagster import AssetCheckResult, AssetCheckSeverity, asset_check
from sqlalchemy import Connection, func, select

from insights_assets.capture.assets import RAW_PAGES
from insights_resources.page_providers.protocol import Verdict
from insights_resources.warehouse import tables
from insights_resources.wiring import WarehouseResource

#: Above this share of robot checks a day's data is too thin to trust.
MAX_BLOCKED_SHARE = 0.2


def _newest_day(connection: Connection) -> date | None:
    return connection.scalar(select(func.max(tables.raw_pages.c.day)))


@asset_check(asset=RAW_PAGES, name="day_is_complete")
def day_is_complete(warehouse: WarehouseResource) -> AssetCheckResult:
    """Every active product has a page of the newest captured day.

    A partition turns green with its first micro-batch; this says whether the day is complete.
    """
    pages, products = tables.raw_pages, tables.products
    with warehouse.open().begin() as connection:
        day = _newest_day(connection)
        if day is None:
            return AssetCheckResult(passed=True, description="nothing has been captured yet")
        captured = {
            tuple(row)
            for row in connection.execute(
                select(pages.c.marketplace, pages.c.asin).where(pages.c.day == day).distinct()
            )
        }
        expected = {
            tuple(row)
            for row in connection.execute(
                select(products.c.marketplace, products.c.asin).where(products.c.is_active)
            )
        }
    missing = sorted("/".join(key) for key in expected - captured)
    return AssetCheckResult(
        passed=not missing,
        severity=AssetCheckSeverity.WARN,
        description=(
            f"{len(missing)} of {len(expected)} products have no page of {day}" if missing else None
        ),
        metadata={
            "day": day.isoformat(),
            "expected": len(expected),
            "captured": len(expected & captured),
            "missing": ", ".join(missing[:20]) or "none",
        },
    )


@asset_check(asset=RAW_PAGES, name="few_pages_are_blocked")
def few_pages_are_blocked(warehouse: WarehouseResource) -> AssetCheckResult:
    """At most a fifth of the newest day's pages are robot checks or failed captures."""
    pages = tables.raw_pages
    with warehouse.open().begin() as connection:
        day = _newest_day(connection)
        if day is None:
            return AssetCheckResult(passed=True, description="nothing has been captured yet")
        verdicts = {
            str(row[0]): int(row[1])
            for row in connection.execute(
                select(pages.c.verdict, func.count())
                .where(pages.c.day == day)
                .group_by(pages.c.verdict)
            )
        }
    total = sum(verdicts.values())
    bad = verdicts.get(Verdict.BLOCKED.value, 0) + verdicts.get(Verdict.ERROR.value, 0)
    return AssetCheckResult(
        passed=bad <= MAX_BLOCKED_SHARE * total,
        severity=AssetCheckSeverity.WARN,
        metadata={"day": day.isoformat(), "pages": total, "blocked_or_failed": bad, **verdicts},
    )
