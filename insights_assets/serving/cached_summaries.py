"""Product summaries through the cache."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from insights_resources.cache import Cache, product_summary_entry
from insights_resources.cache.commits import CachedTable
from insights_resources.marketplaces import ProductKey
from insights_resources.warehouse import tables
from insights_resources.warehouse.consumer_reads import read_for_consumers
from insights_resources.warehouse.contract_views import contract_columns
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import is_current
from insights_resources.warehouse.row_conditions import of_products


def read_summary(warehouse: Warehouse, cache: Cache, product: ProductKey) -> dict[str, Any] | None:
    """The product's row of the contract's view ``product_summaries`` as JSON, of the last commit
    before the call or later; None: it is not tracked. Amounts and times are text."""
    return cache.get_or_compute(
        product_summary_entry(*product), lambda: stored_summaries(warehouse, [product])[0]
    )


async def read_summary_async(
    warehouse: Warehouse, cache: Cache, product: ProductKey
) -> dict[str, Any] | None:
    """The same for an event loop."""

    async def compute() -> dict[str, Any] | None:
        found = await asyncio.to_thread(stored_summaries, warehouse, [product])
        return found[0]

    return await cache.get_or_compute_async(product_summary_entry(*product), compute)


def summaries_in_cache(warehouse: Warehouse, cache: Cache) -> CachedTable:
    """What a build of summaries tells the cache."""
    return CachedTable(
        cache,
        columns=("marketplace", "asin"),
        entry=product_summary_entry,
        tag="summaries",
        read=lambda keys: stored_summaries(warehouse, keys),
    )


def stored_summaries(
    warehouse: Warehouse, products: Sequence[tuple[Any, ...]]
) -> list[dict[str, Any] | None]:
    """The products' rows as they are in the database, in the order asked for."""
    table = tables.product_summaries
    wanted = [ProductKey(*product) for product in products]
    query = select(*contract_columns(table)).where(is_current(table), of_products(table, wanted))
    rows = read_for_consumers(
        warehouse,
        [table],
        lambda connection: {
            ProductKey(row["marketplace"], row["asin"]): dict(row)
            for row in connection.execute(query).mappings()
        },
    )
    return [rows.get(product) for product in wanted]
