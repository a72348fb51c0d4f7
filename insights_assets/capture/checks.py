"""Checks of the captured pages. They look at the newest day that has any page."""

from datetime import date

from dagster import AssetCheckResult, AssetCheckSeverity, asset_check
from sqlalchemy import Connection, func, select

from insights_assets.capture.assets import RAW_PAGES
from insights_assets.day_completeness import day_is_complete
from insights_resources.page_providers.protocol import Verdict
from insights_resources.warehouse import tables
from insights_resources.wiring import WarehouseResource

#: Above this share of robot checks a day's data is too thin to trust.
MAX_BLOCKED_SHARE = 0.2


def _newest_day(connection: Connection) -> date | None:
    return connection.scalar(select(func.max(tables.raw_pages.c.day)))


pages_of_the_day = day_is_complete(RAW_PAGES, tables.raw_pages, what="a page")


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
