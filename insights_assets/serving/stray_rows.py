"""Rows that belong to no published build: what a foreign key would refuse, and more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Table, func, or_, select

from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse

#: So many days up to the newest of each table are looked at: all would take minutes.
CHECKED_DAYS = 40


@dataclass(frozen=True)
class StrayRows:
    """Published rows of a table under one build, and what is wrong with that."""

    table_name: str
    build_id: int
    rows: int
    problem: str

    def __str__(self) -> str:
        return f"{self.rows} rows of {self.table_name}: build {self.build_id} {self.problem}"


def stray_rows(warehouse: Warehouse) -> list[StrayRows]:
    """Published rows of the newest days whose build is not there, is not published, or is of
    another table."""
    return [stray for table in tables.VERSIONED_FACTS for stray in _of_table(warehouse, table)]


def _of_table(warehouse: Warehouse, table: Table) -> list[StrayRows]:
    builds = tables.builds
    conditions = [table.c.recorded_at.is_not(None)]
    with warehouse.read() as connection:
        if "day" in table.c:
            newest = connection.scalar(select(func.max(table.c.day)))
            if newest is None:
                return []
            conditions.append(table.c.day > newest - timedelta(days=CHECKED_DAYS))
        counted = (
            select(table.c.build_id, func.count().label("rows"))
            .where(*conditions)
            .group_by(table.c.build_id)
            .subquery()
        )
        rows = connection.execute(
            select(counted.c.build_id, counted.c.rows, builds.c.status, builds.c.table_name)
            .outerjoin(builds, builds.c.build_id == counted.c.build_id)
            .where(
                or_(
                    builds.c.build_id.is_(None),
                    builds.c.status != "published",
                    builds.c.table_name != table.name,
                )
            )
            .order_by(counted.c.build_id)
        ).all()
    return [StrayRows(table.name, row.build_id, row.rows, _problem(row, table)) for row in rows]


def _problem(row: object, table: Table) -> str:
    status, table_name = row.status, row.table_name  # type: ignore[attr-defined]
    if status is None:
        return "is not there"
    if table_name != table.name:
        return f"is of {table_name}"
    return f"is {status}"
