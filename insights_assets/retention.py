"""Retention: what is older than the policy says, and its removal (``insights retention``)."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Table

from insights_assets.retention_policy import REMOVED, RetentionPolicy
from insights_resources.cache import CACHED_TABLES, Cache
from insights_resources.errors import CacheError
from insights_resources.page_archive import PageArchive
from insights_resources.scope import start_of
from insights_resources.warehouse import tables
from insights_resources.warehouse.contract_views import contract_name
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.retention import (
    Month,
    months_before,
    noted_bodies,
    remove_bodies,
    remove_month,
    remove_superseded,
    superseded_rows,
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Removal:
    """Rows that are (or would be) removed of a table, or bodies of the page archive."""

    what: str
    why: str
    count: int
    kept: int = 0

    def __str__(self) -> str:
        stay = f", {self.kept:,} stay as the last of their products" if self.kept else ""
        return f"{self.what}: {self.count:,} {self.why}{stay}"


def planned_removals(
    warehouse: Warehouse, policy: RetentionPolicy, today: date
) -> Iterator[Removal]:
    """What ``apply_retention`` would remove; changes nothing."""
    for table in REMOVED:
        for month in _months(warehouse, policy, table, today):
            yield _of_month(month)
    for table, first_day in _versioned(policy, today):
        if policy.superseded_days is not None:
            moment = start_of(today - timedelta(days=policy.superseded_days))
            if rows := superseded_rows(warehouse, table, moment, first_day):
                yield Removal(contract_name(table), _superseded(policy.superseded_days), rows)
    if bodies := noted_bodies(warehouse):
        yield Removal("page archive", "bodies that no page names, of an earlier run", bodies)


def apply_retention(
    warehouse: Warehouse,
    archive: PageArchive,
    cache: Cache,
    policy: RetentionPolicy,
    today: date,
) -> Iterator[Removal]:
    """Removes month by month, and says what; one that breaks off is taken up by the next.

    One process at a time. Raises ``WarehouseError`` and ``ArchiveError``.
    """
    # A lock that no writer takes: pages are written without one.
    with warehouse.writer_lock(tables.raw_pages, None, None):
        for table in REMOVED:
            months = _months(warehouse, policy, table, today)
            for month in months:
                yield _of_month(remove_month(warehouse, month))
            if months and table in CACHED_TABLES:
                _forget_analyses(cache)
        for table, first_day in _versioned(policy, today):
            if policy.superseded_days is not None:
                moment = start_of(today - timedelta(days=policy.superseded_days))
                if rows := remove_superseded(warehouse, table, moment, first_day):
                    yield Removal(contract_name(table), _superseded(policy.superseded_days), rows)
        if bodies := remove_bodies(warehouse, archive):
            yield Removal("page archive", "bodies that no page names", bodies)


def _months(
    warehouse: Warehouse, policy: RetentionPolicy, table: Table, today: date
) -> list[Month]:
    first_kept = policy.first_kept_month(table, today)
    return [] if first_kept is None else months_before(warehouse, table, first_kept)


def _versioned(policy: RetentionPolicy, today: date) -> list[tuple[Table, date | None]]:
    """The facts that have superseded rows, and from which day on; older months go as a whole, but
    for snapshots that stay, none of which is superseded."""
    return [(table, policy.first_kept_month(table, today)) for table in tables.VERSIONED_FACTS]


def _of_month(month: Month) -> Removal:
    return Removal(
        contract_name(month.table),
        f"rows of {month.first_day:%Y-%m}",
        month.rows - month.kept,
        month.kept,
    )


def _superseded(days: int) -> str:
    return f"rows superseded, or never published, for {days} days"


def _forget_analyses(cache: Cache) -> None:
    """A group that is no longer scored may have an analysis of what is gone."""
    if cache.redis is None:
        return
    try:
        cache.clear(tags=["analyses"])
    except CacheError as error:
        _log.warning("analyses of removed scores may be served for an hour: %s", error)
