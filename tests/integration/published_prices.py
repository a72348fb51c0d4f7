"""Products whose published price says which publication it is of."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import pandas as pd

from insights_assets.serving.cached_summaries import read_summary, summaries_in_cache
from insights_resources.cache import Cache
from insights_resources.marketplaces import ProductKey
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.frames import empty_frame
from insights_resources.warehouse.publication import publish
from insights_resources.warehouse.row_conditions import of_products

MARKETPLACE = "amazon.de"
PRODUCTS = [ProductKey(MARKETPLACE, f"B0PRICE{n:03}") for n in range(5)]


@dataclass
class Prices:
    """A warehouse with summaries; ``committed`` is each product's last committed price."""

    warehouse: Warehouse
    committed: dict[ProductKey, int] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def publish(self, cache: Cache | None, products: Collection[ProductKey] = PRODUCTS) -> int:
        """Publishes a new, higher price of these products; the build's id."""
        number = next(self._numbers)
        frame = summaries(sorted(products), number)
        build = publish(
            self.warehouse,
            tables.product_summaries,
            frame,
            covers=of_products(tables.product_summaries, products),
            scope=None,
            code_version="test",
            observer=summaries_in_cache(self.warehouse, cache) if cache else None,
        )
        self.committed.update(dict.fromkeys(products, number))
        return build.build_id

    def read(self, cache: Cache, product: ProductKey = PRODUCTS[0]) -> int:
        """The price through the cache."""
        summary = read_summary(self.warehouse, cache, product)
        return 0 if summary is None else int(Decimal(summary["price"]))


def summaries(products: Sequence[ProductKey], price: int) -> pd.DataFrame:
    frame = pd.DataFrame(products, columns=["marketplace", "asin"])
    frame = frame.assign(
        title=[f"Kettle {asin}" for _, asin in products],
        as_of_day=pd.Timestamp("2026-03-10"),
        currency="EUR",
        price=100 * price,  # in minor units
        open_alerts=0,
        alerts_7d=0,
    )
    return frame.reindex(columns=list(empty_frame(tables.product_summaries).columns))
