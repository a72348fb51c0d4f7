"""Removes old rows: whole months of a table, rows that were superseded long ago, and the bodies of
pages that no row names any more.

On PostgreSQL a month is a partition and is dropped; elsewhere its rows are deleted. Of snapshots
the last one of each product stays, in a small partition of its month.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    and_,
    delete,
    exists,
    false,
    func,
    insert,
    not_,
    or_,
    select,
    text,
    true,
)
from sqlalchemy import column as column_clause
from sqlalchemy import table as table_clause
from sqlalchemy.exc import OperationalError

from insights_resources.errors import WarehouseError
from insights_resources.page_archive import PageArchive
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.partitions import is_partitioned, partition_name
from insights_resources.warehouse.publication import is_current
from insights_resources.warehouse.rollback import locked_with
from insights_resources.warehouse.tables import INTERNAL_SCHEMA

#: Dropping a partition needs its table for itself for a moment. Readers that come meanwhile wait
#: as long as this, in seconds; then they go first, and it is tried again after a pause.
_LOCK_SECONDS, _PAUSE_SECONDS, _TRIES = 1, 5, 60
#: PostgreSQL's SQLSTATE for a lock that was not to be had in time.
_LOCK_NOT_AVAILABLE = "55P03"
#: Bodies that are looked at with one statement.
_BODIES_AT_ONCE = 500


@dataclass(frozen=True)
class Month:
    """A month of a table, by its first day: its rows, and how many of them stay."""

    table: Table
    first_day: date
    rows: int
    kept: int

    @property
    def last_day(self) -> date:
        return next_month(self.first_day) - timedelta(days=1)


def next_month(first_day: date) -> date:
    """The first day of the month after."""
    return (first_day + timedelta(days=31)).replace(day=1)


def months_before(warehouse: Warehouse, table: Table, first_kept: date) -> list[Month]:
    """The months before that day of which there is anything to remove, in order. On PostgreSQL also
    those whose partition is empty."""
    with warehouse.read() as connection:
        partitions = set(_partitions(connection, table)) if _drops(warehouse, table) else set()
        first = connection.scalar(select(func.min(table.c.day)).select_from(table))
        starts = set(partitions)
        month = first_kept if first is None else first.replace(day=1)
        while month < first_kept:
            starts.add(month)
            month = next_month(month)
        months = [
            Month(table, start, *_count(connection, table, start))
            for start in sorted(starts)
            if start < first_kept
        ]
    return [
        month
        for month in months
        if month.rows > month.kept or (not month.rows and month.first_day in partitions)
    ]


def _drops(warehouse: Warehouse, table: Table) -> bool:
    return warehouse.is_postgres and is_partitioned(table)


def _partitions(connection: Connection, table: Table) -> Iterator[date]:
    """The first days of the months that have a partition."""
    prefix = partition_name(table, date(1, 1, 1)).removesuffix("0001_01")
    for name in connection.scalars(
        text(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
            "WHERE i.inhparent = CAST(:parent AS regclass)"
        ),
        {"parent": f"{table.schema}.{table.name}"},
    ):
        year, month = name.removeprefix(prefix).split("_")
        yield date(int(year), int(month), 1)


def _count(connection: Connection, table: Table, month: date) -> tuple[int, int]:
    """Rows of the month, and of them those that stay."""
    rows, kept = (
        connection.scalar(select(func.count()).select_from(table).where(_in_month(table, month), c))
        for c in (true(), _stays(table))
    )
    return int(rows or 0), int(kept or 0)


def _in_month(table: Table, month: date) -> ColumnElement[bool]:
    return and_(table.c.day >= month, table.c.day < next_month(month))


def _stays(table: Table) -> ColumnElement[bool]:
    """The rows that outlast their month: the last snapshot of each product."""
    if table is not tables.product_snapshots:
        return false()
    later = table.alias("later")
    return and_(
        is_current(table),
        ~exists(
            select(later.c.asin).where(
                later.c.marketplace == table.c.marketplace,
                later.c.asin == table.c.asin,
                later.c.recorded_at.is_not(None),
                later.c.superseded_at.is_(None),
                later.c.day >= table.c.day,
                or_(
                    later.c.captured_at > table.c.captured_at,
                    and_(
                        later.c.captured_at == table.c.captured_at,
                        later.c.page_id > table.c.page_id,
                    ),
                ),
            )
        ),
    )


def remove_month(warehouse: Warehouse, month: Month) -> Month:
    """Removes the month's rows but those that stay, in one transaction; how many there were.

    Nobody writes rows of that month meanwhile, nor any snapshot while one of snapshots goes. Of
    pages, the bodies that no other row names are noted for ``remove_bodies``. Raises
    ``WarehouseError`` when readers of the table leave no moment for it.
    """
    table = month.table
    # Which snapshot is a product's last depends on those of all days.
    whole = table is tables.product_snapshots
    locked = tables.product_snapshots if table is tables.raw_pages else locked_with(table)
    with warehouse.writer_lock(
        locked, None if whole else month.first_day, None if whole else month.last_day
    ):
        for _ in range(_TRIES):
            try:
                with warehouse.begin() as connection:
                    return _remove(warehouse, connection, month)
            except OperationalError as error:
                if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
                    raise
            time.sleep(_PAUSE_SECONDS)
    raise WarehouseError(
        f"{table.name} is being read all the time: the month of {month.first_day} could not be "
        f"dropped in {_TRIES} tries; try again when fewer long queries run"
    )


def _remove(warehouse: Warehouse, connection: Connection, month: Month) -> Month:
    table, first_day = month.table, month.first_day
    rows, kept = _count(connection, table, first_day)
    if table is tables.raw_pages:
        _note_bodies(connection, first_day)
    if not _drops(warehouse, table):
        connection.execute(delete(table).where(_in_month(table, first_day), not_(_stays(table))))
        return Month(table, first_day, rows, kept)
    connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'"))
    if kept:
        _set_aside(connection, table, first_day)
    connection.execute(
        text(f"SELECT {INTERNAL_SCHEMA}.drop_partition(:name, :month)"),
        {"name": table.name, "month": first_day},
    )
    if kept:
        connection.execute(
            text(f"SELECT {INTERNAL_SCHEMA}.make_partition(:name, :month)"),
            {"name": table.name, "month": first_day},
        )
        names = [column.name for column in table.columns]
        aside = table_clause("kept_rows", *map(column_clause, names))
        connection.execute(insert(table).from_select(names, select(*aside.c)))
    return Month(table, first_day, rows, kept)


def _set_aside(connection: Connection, table: Table, month: date) -> None:
    """Copies the month's rows that stay into a table that lasts as long as the transaction."""
    staying = select(table).where(_in_month(table, month), _stays(table))
    # This statement takes no parameters: the values, days, are written as literals.
    compiled = staying.compile(
        dialect=connection.dialect, compile_kwargs={"literal_binds": True}
    ).string.replace("%%", "%")
    connection.exec_driver_sql(f"CREATE TEMPORARY TABLE kept_rows ON COMMIT DROP AS {compiled}")


# --- superseded rows -----------------------------------------------------------------------------


def superseded_before(table: Table, moment: datetime) -> ColumnElement[bool]:
    """Rows that were superseded before the instant, or belong to a build that began before it and
    was not published."""
    builds = tables.builds
    unpublished = select(builds.c.build_id).where(
        builds.c.status != "published", builds.c.started_at < moment
    )
    return or_(
        table.c.superseded_at < moment,
        and_(table.c.recorded_at.is_(None), table.c.build_id.in_(unpublished)),
    )


def superseded_rows(
    warehouse: Warehouse, table: Table, moment: datetime, first_day: date | None
) -> int:
    """How many of these there are, of days from ``first_day`` on (None: of all)."""
    query = select(func.count()).select_from(table)
    with warehouse.read() as connection:
        found = connection.scalar(query.where(*_superseded(table, moment, first_day)))
    return int(found or 0)


def remove_superseded(
    warehouse: Warehouse, table: Table, moment: datetime, first_day: date | None
) -> int:
    """Deletes them; how many there were."""
    with warehouse.begin() as connection:
        return connection.execute(
            delete(table).where(*_superseded(table, moment, first_day))
        ).rowcount


def _superseded(
    table: Table, moment: datetime, first_day: date | None
) -> list[ColumnElement[bool]]:
    conditions = [superseded_before(table, moment)]
    if first_day is not None:
        conditions.append(table.c.day >= first_day)
    return conditions


# --- bodies of pages -----------------------------------------------------------------------------


def _note_bodies(connection: Connection, month: date) -> None:
    """Notes the bodies that only pages of this month name. With the transaction that removes the
    rows: a process that dies before it has removed the bodies leaves them noted."""
    pages, removals = tables.raw_pages, tables.body_removals
    hashes = select(pages.c.content_hash).where(pages.c.content_hash.is_not(None))
    noted = select(removals.c.content_hash)
    alone = (
        hashes.where(_in_month(pages, month))
        .except_(hashes.where(not_(_in_month(pages, month))), noted)
        .subquery()
    )
    connection.execute(insert(removals).from_select(["content_hash"], select(alone.c[0])))


def noted_bodies(warehouse: Warehouse) -> int:
    """How many bodies wait to be removed from the archive."""
    with warehouse.read() as connection:
        return int(connection.scalar(select(func.count()).select_from(tables.body_removals)) or 0)


def remove_bodies(warehouse: Warehouse, archive: PageArchive) -> int:
    """Removes the noted bodies from the archive, but those that a page has named again since; how
    many. Raises ``ArchiveError``; what is left stays noted."""
    pages, removals = tables.raw_pages, tables.body_removals
    removed = 0
    while True:
        with warehouse.read() as connection:
            some = list(
                connection.scalars(
                    select(removals.c.content_hash).order_by("content_hash").limit(_BODIES_AT_ONCE)
                )
            )
            named = set(
                connection.scalars(
                    select(pages.c.content_hash).where(pages.c.content_hash.in_(some)).distinct()
                )
            )
        if not some:
            return removed
        for content_hash in some:
            if content_hash not in named:
                archive.remove(content_hash)
                removed += 1
        with warehouse.begin() as connection:
            connection.execute(delete(removals).where(removals.c.content_hash.in_(some)))
