"""What was known at an instant: the rows that stood then, whatever came after."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from typing import Any

import pandas as pd
from sqlalchemy import ColumnElement, Table, and_, or_, select

from insights_resources.marketplaces import ProductKey
from insights_resources.warehouse import tables
from insights_resources.warehouse.consumer_reads import read_for_consumers
from insights_resources.warehouse.contract_views import contract_columns
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.row_conditions import of_products


def stood_at(table: Table, moment: datetime) -> ColumnElement[bool]:
    """The condition that a row of a versioned fact stood at an instant (aware)."""
    return and_(
        table.c.recorded_at <= moment,
        or_(table.c.superseded_at.is_(None), table.c.superseded_at > moment),
    )


def snapshot_as_of(
    warehouse: Warehouse,
    moment: datetime,
    *,
    products: Collection[ProductKey] | None = None,
    first_day: date | None = None,
    last_day: date | None = None,
) -> pd.DataFrame:
    """The snapshots as they stood at an instant (aware), with the columns of the contract's view.

    PostgreSQL's ``insights.snapshot_as_of`` for both engines: of some products (default: all),
    captured on some UTC days (any). In the order of product and time.
    """
    table = tables.product_snapshots
    conditions: list[Any] = [stood_at(table, moment)]
    if products is not None:
        conditions.append(of_products(table, frozenset(products)))
    if first_day is not None:
        conditions.append(table.c.day >= first_day)
    if last_day is not None:
        conditions.append(table.c.day <= last_day)
    query = (
        select(*(table.c[column.name] for column in contract_columns(table)))
        .where(*conditions)
        .order_by(table.c.marketplace, table.c.asin, table.c.captured_at, table.c.page_id)
    )
    return read_for_consumers(
        warehouse, (table,), lambda connection: warehouse.read_frame(query, connection)
    )
