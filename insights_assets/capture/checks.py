"""Checks of the captured pages. They look at the newest day that has any page."""

from datetime import date

from dagster import AssetCheckResult, AssetCheckSeverity, asset_check
from sqlalchemy import Connection, func, select

from insights_assets.capture.archive_comparison import missing_of_day
from insights_assets.capture.assets import RAW_PAGES
from insights_assets.day_completeness import day_is_complete
from insights_resources.page_providers.protocol import Verdict
from insights_resources.warehouse import tables
from insights_resources.wiring import PageArchiveResource, WarehouseResource

#: Above this share of robot checks a day's data is too thin to trust.
MAX_BLOCKED_SHARE = 0.2
#: Above this share of failures something is wrong with the provider, or with us.
MAX_FAILED_SHARE = 0.1
#: Hashes that are named.
_NAMED = 20


def _newest_day(connection: Connection) -> date | None:
    return connection.scalar(select(func.max(tables.raw_pages.c.day)))


pages_of_the_day = day_is_complete(RAW_PAGES, tables.raw_pages, what="a page")


def _verdicts(connection: Connection, day: date) -> dict[str, int]:
    pages = tables.raw_pages
    return {
        str(row[0]): int(row[1])
        for row in connection.execute(
            select(pages.c.verdict, func.count())
            .where(pages.c.day == day)
            .group_by(pages.c.verdict)
        )
    }


def _few(warehouse: WarehouseResource, verdict: Verdict, most: float) -> AssetCheckResult:
    """Whether few of the newest day's pages have that verdict, by provider."""
    pages = tables.raw_pages
    with warehouse.open().begin() as connection:
        day = _newest_day(connection)
        if day is None:
            return AssetCheckResult(passed=True, description="nothing has been captured yet")
        verdicts = _verdicts(connection, day)
        of_providers = {
            str(provider): int(count)
            for provider, count in connection.execute(
                select(pages.c.provider, func.count())
                .where(pages.c.day == day, pages.c.verdict == verdict.value)
                .group_by(pages.c.provider)
            )
        }
    total, found = sum(verdicts.values()), verdicts.get(verdict.value, 0)
    return AssetCheckResult(
        passed=found <= most * total,
        severity=AssetCheckSeverity.WARN,
        description=f"{found} of {total} pages of {day} (at most {most:.0%})",
        metadata={
            "day": day.isoformat(),
            "pages": total,
            **verdicts,
            **{f"{verdict.value}/{provider}": count for provider, count in of_providers.items()},
        },
    )


@asset_check(asset=RAW_PAGES, name="few_pages_are_blocked")
def few_pages_are_blocked(warehouse: WarehouseResource) -> AssetCheckResult:
    """At most a fifth of the newest day's pages are robot checks."""
    return _few(warehouse, Verdict.BLOCKED, MAX_BLOCKED_SHARE)


@asset_check(asset=RAW_PAGES, name="few_captures_fail")
def few_captures_fail(warehouse: WarehouseResource) -> AssetCheckResult:
    """At most a tenth of the newest day's pages are failures of their capture."""
    return _few(warehouse, Verdict.ERROR, MAX_FAILED_SHARE)


@asset_check(asset=RAW_PAGES, name="pages_are_archived")
def pages_are_archived(
    warehouse: WarehouseResource, page_archive: PageArchiveResource
) -> AssetCheckResult:
    """The body of each of the newest day's pages is in the archive (``insights archive`` compares
    all of it)."""
    database = warehouse.open()
    with database.begin() as connection:
        day = _newest_day(connection)
    if day is None:
        return AssetCheckResult(passed=True, description="nothing has been captured yet")
    missing = missing_of_day(database, page_archive.open(), day)
    return AssetCheckResult(
        passed=not missing,
        description=f"{len(missing)} bodies of pages of {day} are missing" if missing else None,
        metadata={"day": day.isoformat(), "missing": missing[:_NAMED]},
    )
