"""Small frames of real tables, for the tests of the warehouse."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pandas as pd
from sqlalchemy import ColumnElement, Table, select

from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.frames import conform, own_columns
from insights_resources.warehouse.publication import PublishedBuild, publish, select_current

MARKETPLACE = "amazon.de"
RANKS = tables.rank_features
MONDAY, TUESDAY, WEDNESDAY = date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 4)
WEEK = Scope(MONDAY, WEDNESDAY)


def ranks(*rows: tuple[str, date, int]) -> pd.DataFrame:
    """Rows of ``fact_rank_features``, each (ASIN, day, rank)."""
    names = own_columns(RANKS)
    return conform(
        pd.DataFrame(
            [
                dict.fromkeys(names)
                | {
                    "marketplace": MARKETPLACE,
                    "asin": asin,
                    "day": day,
                    "node_key": "3169321",
                    "category": "Wasserkocher",
                    "position": 1,
                    "is_primary": True,
                    "is_deepest": False,
                    "rank": rank,
                }
                for asin, day, rank in rows
            ],
            columns=names,
        ),
        RANKS,
    )


def in_days(scope: Scope) -> ColumnElement[bool]:
    return RANKS.c.day.between(scope.first_day, scope.last_day)


def publish_ranks(
    warehouse: Warehouse,
    *rows: tuple[str, date, int],
    scope: Scope = WEEK,
    **options: Any,
) -> PublishedBuild:
    """Makes these the ranks of the scope's days."""
    return publish(
        warehouse,
        RANKS,
        ranks(*rows),
        covers=in_days(scope),
        scope=scope,
        **{"code_version": "test"} | options,
    )


def current_ranks(warehouse: Warehouse) -> list[tuple[str, date, int]]:
    """What a consumer sees, as (ASIN, day, rank)."""
    frame = warehouse.read_frame(
        select_current(RANKS, RANKS.c.asin, RANKS.c.day, RANKS.c.rank).order_by("asin", "day")
    )
    return [(asin, day.date(), int(rank)) for asin, day, rank in frame.itertuples(index=False)]


def stored_rows(warehouse: Warehouse, table: Table = RANKS) -> int:
    """Rows of the table, current or not."""
    return len(warehouse.read_frame(select(table)))


def build_rows(warehouse: Warehouse) -> list[dict[str, Any]]:
    """Every build, oldest first."""
    query = select(tables.builds).order_by(tables.builds.c.build_id)
    with warehouse.read() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def page_row(page_id: str, **fields: Any) -> dict[str, Any]:
    """A row of ``fact_raw_pages``."""
    moment = datetime(2026, 3, 2, 12, tzinfo=UTC)
    return {
        "page_id": page_id,
        "marketplace": MARKETPLACE,
        "asin": "B08N5WRWNW",
        "day": moment.date(),
        "captured_at": moment,
        "captured_at_precision": "exact",
        "provider": "sandbox",
        "requested_url": "https://www.amazon.de/dp/B08N5WRWNW",
        "verdict": "product",
        "cost": 0,
        "recorded_at": moment,
    } | fields
