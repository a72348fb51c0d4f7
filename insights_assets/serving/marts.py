"""Refreshing the marts (see ``insights_resources.warehouse.marts``)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from sqlalchemy import Connection, func, select, text
from sqlalchemy.dialects import sqlite

from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.marts import MARTS
from insights_resources.warehouse.tables import INTERNAL_SCHEMA


@dataclass(frozen=True)
class MartRefresh:
    """A mart's last refresh: its number, the rows since, and how long it took in seconds."""

    name: str
    version: int
    rows: int
    seconds: float


def refresh_marts(warehouse: Warehouse) -> Iterator[MartRefresh]:
    """Refreshes all marts, each in a transaction of its own; readers see its old rows until then
    and wait for nothing. On SQLite, where they are always fresh, counts their rows.

    The planner's statistics of the facts are brought up to date before: once a day, as the marts.
    """
    table = tables.mart_refreshes
    if warehouse.is_postgres:
        with warehouse.begin() as connection:
            connection.execute(text(f"SELECT {INTERNAL_SCHEMA}.analyze_facts()"))
    for name in MARTS:
        with warehouse.begin() as connection:
            if warehouse.is_postgres:
                connection.execute(
                    text(f"SELECT {INTERNAL_SCHEMA}.refresh_mart(:name)"), {"name": name}
                )
            else:
                _count_rows(connection, name)
            row = connection.execute(select(table).where(table.c.name == name)).one()
        yield MartRefresh(name, row.version, row.row_count, row.seconds)


def _count_rows(connection: Connection, name: str) -> None:
    table, builds = tables.mart_refreshes, tables.builds
    began, refreshed_at = monotonic(), datetime.now(UTC)
    newest = connection.scalar(
        select(builds.c.build_id)
        .where(builds.c.status == "published")
        .order_by(builds.c.published_at.desc(), builds.c.build_id.desc())
        .limit(1)
    )
    counted = connection.scalar(select(func.count()).select_from(text(name)))
    values: dict[str, Any] = {
        "refreshed_at": refreshed_at,
        "row_count": counted,
        "seconds": monotonic() - began,
        "newest_build_id": newest,
    }
    connection.execute(
        sqlite.insert(table)
        .values(name=name, version=1, **values)
        .on_conflict_do_update(
            index_elements=[table.c.name], set_={"version": table.c.version + 1, **values}
        )
    )
