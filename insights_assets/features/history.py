"""The published snapshots behind features, of a bounded number of products at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from datetime import timedelta
from typing import Any

import pandas as pd
from sqlalchemy import (
    ColumnElement,
    Table,
    and_,
    bindparam,
    false,
    or_,
    select,
    true,
)

from insights_assets.features.timeline import LOOK_BACK_DAYS
from insights_resources.marketplaces import ProductKey
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import is_current, select_current

#: Products whose history is held at a time. Of the columns the listing's texts weigh most: some
#: 5 KB a capture, so that 40 captures of 1,000 products are 200 MB.
PRODUCTS_AT_A_TIME = 1_000
#: More values than this are written into the statement: engines limit its parameters.
_MOST_PARAMETERS = 5_000


def read_histories(
    warehouse: Warehouse, scope: Scope, columns: Iterable[str]
) -> Iterator[pd.DataFrame]:
    """These columns of the current snapshots of the scope's products, captured from 37 days before
    its first day to the end of its last; each product's in one frame."""
    snapshots = tables.product_snapshots
    within = snapshots.c.day.between(
        scope.first_day - timedelta(days=LOOK_BACK_DAYS), scope.last_day
    )
    with warehouse.read() as connection:
        captured = (
            select(snapshots.c.marketplace, snapshots.c.asin)
            .where(is_current(snapshots), within, of_products(snapshots, scope.products))
            .distinct()
        )
        keys = sorted(ProductKey(*row) for row in connection.execute(captured))
        wanted = [snapshots.c[name] for name in columns]
        for start in range(0, len(keys), PRODUCTS_AT_A_TIME):
            some = keys[start : start + PRODUCTS_AT_A_TIME]
            query = select_current(snapshots, *wanted).where(within, of_products(snapshots, some))
            yield warehouse.read_frame(query, connection)


def of_products(table: Table, products: Collection[ProductKey] | None) -> ColumnElement[bool]:
    """Rows of these products; None: of all."""
    if products is None:
        return true()
    by_marketplace: dict[str, list[str]] = defaultdict(list)
    for marketplace, asin in sorted(products):
        by_marketplace[marketplace].append(asin)
    if not by_marketplace:
        return false()
    return or_(
        *(
            and_(table.c.marketplace == marketplace, one_of(table.c.asin, asins))
            for marketplace, asins in by_marketplace.items()
        )
    )


def one_of(column: ColumnElement[Any], values: Collection[str]) -> ColumnElement[bool]:
    """column IN values, however many."""
    return column.in_(
        bindparam(
            None,
            list(values),
            type_=column.type,
            expanding=True,
            unique=True,
            literal_execute=len(values) > _MOST_PARAMETERS,
        )
    )


def in_scope(table: Table, scope: Scope) -> ColumnElement[bool]:
    """Rows of the scope's days and products."""
    return and_(
        table.c.day.between(scope.first_day, scope.last_day), of_products(table, scope.products)
    )
