"""Features that moved further than products usually do: worth a look, and no reason to stop.

A price that halves within a day is more often a variation, a used offer or a page misread than a
deal; a rank that moves by a factor of ten is more often another category's. Both do happen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from sqlalchemy import func, select

from insights_resources.marketplaces import ProductKey
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import is_current, select_current

#: Against the mean of its 7 days. No simulated price goes so far (docs/data-quality.md); deals of
#: half the price are rare on Amazon, and quickly looked at.
PRICE_FACTOR = 2.0
#: Against the median of its 7 days in the same category.
RANK_FACTOR = 10.0


@dataclass(frozen=True)
class Outlier:
    """A product whose value is so many times what it usually is (below 1: a part of it)."""

    key: ProductKey
    value: float
    usual: float

    @property
    def factor(self) -> float:
        return self.value / self.usual


def newest_day(warehouse: Warehouse) -> date | None:
    """The newest day with features."""
    table = tables.product_features
    with warehouse.read() as connection:
        return connection.scalar(select(func.max(table.c.day)).where(is_current(table)))


def price_outliers(warehouse: Warehouse, day: date) -> list[Outlier]:
    """Products captured on the day whose price is ``PRICE_FACTOR`` times the mean of their 7 days,
    or that part of it; the furthest first. In currency units."""
    frame = _of_day(warehouse, day, "price", "price_mean_7d")
    return _outliers(frame, frame["price"].astype("float64") / 100, PRICE_FACTOR)


def rank_outliers(warehouse: Warehouse, day: date) -> list[Outlier]:
    """The same of top-level ranks, against the median of 7 days in the same category."""
    frame = _of_day(warehouse, day, "primary_rank", "primary_rank_median_7d")
    return _outliers(frame, frame["primary_rank"].astype("float64"), RANK_FACTOR)


def _of_day(warehouse: Warehouse, day: date, value: str, usual: str) -> pd.DataFrame:
    table = tables.product_features
    query = select_current(
        table, table.c.marketplace, table.c.asin, table.c[value], table.c[usual].label("usual")
    ).where(
        table.c.day == day,
        table.c.observations > 0,
        table.c[value].is_not(None),
        table.c[usual] > 0,
    )
    return warehouse.read_frame(query)


def _outliers(frame: pd.DataFrame, values: pd.Series, factor: float) -> list[Outlier]:
    moved = np.abs(np.log(values / frame["usual"]))
    far = moved >= math.log(factor)
    keys = map(ProductKey, frame.loc[far, "marketplace"], frame.loc[far, "asin"])
    found = map(Outlier, keys, values[far].tolist(), frame.loc[far, "usual"].tolist())
    return sorted(found, key=lambda each: (-abs(math.log(each.factor)), each.key))
