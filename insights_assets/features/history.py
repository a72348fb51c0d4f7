"""The published snapshots behind features, of a bounded number of products at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

import pandas as pd
from sqlalchemy import select

from insights_assets.features.timeline import LOOK_BACK_DAYS
from insights_resources.marketplaces import ProductKey
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import is_current, select_current
from insights_resources.warehouse.row_conditions import of_products

#: Products whose history is held at a time. Of the columns the listing's texts weigh most: some
#: 5 KB a capture, so that 40 captures of 1,000 products are 200 MB.
PRODUCTS_AT_A_TIME = 1_000


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
