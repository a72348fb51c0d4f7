"""Monthly partitions of the large facts on PostgreSQL: which there are, and what they are called.

A month's partition is made when rows need it, by ``Warehouse.make_partitions``, through a function
of the database that works as the owner of the tables. There is no partition for the rest: a new one
could only be attached after a look at every row in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from sqlalchemy import Connection, Table, text

from insights_resources.warehouse.tables import metadata


def is_partitioned(table: Table) -> bool:
    """Whether PostgreSQL keeps the table's rows by month."""
    return bool(table.dialect_options["postgresql"]["partition_by"])


PARTITIONED: tuple[Table, ...] = tuple(filter(is_partitioned, metadata.sorted_tables))


def month_of(day: date) -> date:
    """The first day of its month."""
    return day.replace(day=1)


def partition_name(table: Table, day: date) -> str:
    """The name, without the schema, of the partition that a row of this day is in."""
    return f"{table.name}_{day.year:04d}_{day.month:02d}"


def missing_months(connection: Connection, table: Table, days: Iterable[date]) -> list[date]:
    """The months of these days that have no partition yet, in order; asks PostgreSQL's catalog."""
    names = {partition_name(table, day): month_of(day) for day in days}
    found = connection.scalars(
        text(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
            "WHERE i.inhparent = CAST(:parent AS regclass) AND c.relname = ANY(:names)"
        ),
        {"parent": f"{table.schema}.{table.name}", "names": list(names)},
    )
    for name in found:
        del names[name]
    return sorted(names.values())
