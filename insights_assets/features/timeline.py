"""Captures of many products laid on a grid of UTC days: the ground of every feature.

The captures are sorted once by product and time. A *grid* is an array with a row for each product
and a column for each day, the look-back days first; its cells hold positions of captures (``-1``:
none). All features are array operations on such grids, so their cost does not depend on how many
products there are in Python terms.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: History that the features of a day may see, in UTC days before it: the longest window (30) and
#: the carry before its start (7).
LOOK_BACK_DAYS = 37
#: A value is carried over days without a capture for at most this many days.
CARRY_DAYS = 7

DAY = 86_400_000_000  # microseconds
#: Cells of a grid that are worked on at a time: bounds memory, and keeps a grid near the cache.
_CELLS_AT_A_TIME = 400_000
_NEVER = -(10**9)


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - date(1970, 1, 1)).days


@dataclass(frozen=True)
class Timeline:
    """The captures of some products by product, time and page, and the days they fall on.

    ``captures`` holds the N snapshots in that order; ``product``, ``instant`` (microseconds since
    1970 UTC) and ``column`` (of the grid) belong to them. ``marketplaces`` and ``asins`` name the
    P products. The grid has ``LOOK_BACK_DAYS`` columns before the ``days`` asked for.
    """

    captures: pd.DataFrame
    product: Ints
    instant: Ints
    marketplaces: Any
    asins: Any
    first_day: int
    days: int

    @property
    def products(self) -> int:
        return len(self.asins)

    @property
    def width(self) -> int:
        """Columns of a grid."""
        return LOOK_BACK_DAYS + self.days

    @cached_property
    def column(self) -> Ints:
        return self.instant // DAY - (self.first_day - LOOK_BACK_DAYS)

    @property
    def end(self) -> int:
        """The instant at which the last day ends, exclusive."""
        return (self.first_day + self.days) * DAY

    def start_of_column(self, column: Ints) -> Ints:
        return (column + (self.first_day - LOOK_BACK_DAYS)) * DAY

    @cached_property
    def asked(self) -> Ints:
        """The columns of the days asked for, as a row."""
        return np.arange(LOOK_BACK_DAYS, self.width, dtype=np.int64)[np.newaxis, :]

    @cached_property
    def padded_column(self) -> Ints:
        """``column`` with a far past at position -1, so that "none" is always too old."""
        return np.append(self.column, _NEVER)

    def values(self, name: str) -> Floats:
        """A numeric column of the captures, NaN for missing, and NaN at position -1."""
        return np.append(self.captures[name].to_numpy(np.float64, na_value=np.nan), np.nan)

    def codes(self, name: str) -> Ints:
        """A text column as numbers, equal where the texts are; -1 for missing and at -1."""
        codes, _ = pd.factorize(self.captures[name].to_numpy(object))
        return np.append(codes.astype(np.int64), -1)

    def counts(self) -> Ints:
        """(P, width): captures on each day."""
        cells = self.product * self.width + self.column
        counted = np.bincount(cells, minlength=self.products * self.width)
        return counted.reshape(self.products, self.width).astype(np.int64)

    def last_on_day(self, mask: Bools | None = None) -> Ints:
        """(P, width): the last capture of each day, among those of ``mask``; -1 for none."""
        positions = np.arange(len(self.product)) if mask is None else np.flatnonzero(mask)
        return last_in_cell(
            self.product[positions], self.column[positions], positions, self.products, self.width
        )

    def last_by_day(self, mask: Bools | None = None) -> Ints:
        """(P, width): the last capture by the end of each day, however old; -1 for none."""
        return np.maximum.accumulate(self.last_on_day(mask), axis=1)

    def known(self, by_day: Ints, days_before: int, at_most: int = CARRY_DAYS) -> Ints:
        """(P, days): for each day asked for, the capture of ``by_day`` that stands at the end of
        the day ``days_before`` earlier, when it is at most ``at_most`` UTC days older; else -1."""
        then = by_day[:, LOOK_BACK_DAYS - days_before : self.width - days_before]
        oldest = self.asked - (days_before + at_most)
        return np.where(self.padded_column[then] >= oldest, then, -1)


def last_in_cell(rows: Ints, columns: Ints, positions: Ints, height: int, width: int) -> Ints:
    """(height, width): the last of the positions (given in time's order) in each cell, or -1."""
    grid = np.full((height, width), -1, dtype=np.int64)
    # Of repeated cells an assignment keeps the last one.
    grid[rows, columns] = positions
    return grid


def timelines(history: pd.DataFrame, first_day: date, last_day: date) -> Iterator[Timeline]:
    """The captures as timelines of a bounded number of products each, in the order of
    (marketplace, ASIN); at least one, which may be empty.

    Captures outside of [``first_day`` - 37 days, end of ``last_day``] are left out. Captures of one
    instant are ordered by ``page_id``, so that the order of the input never matters.
    """
    first, days = day_number(first_day), (last_day - first_day).days + 1
    instant = history["captured_at"].to_numpy("datetime64[us]").astype(np.int64)
    inside = np.flatnonzero(
        (instant >= (first - LOOK_BACK_DAYS) * DAY) & (instant < (first + days) * DAY)
    )
    frame = history if len(inside) == len(history) else history.iloc[inside]
    instant = instant[inside]
    product, marketplaces, asins = _products(frame)
    order = np.lexsort((instant, product))
    tied = (np.diff(product[order]) == 0) & (np.diff(instant[order]) == 0)
    if tied.any():
        page, _ = pd.factorize(frame["page_id"].to_numpy(object), sort=True)
        order = np.lexsort((page, instant, product))
    product, instant = product[order], instant[order]

    at_a_time = max(1, _CELLS_AT_A_TIME // (LOOK_BACK_DAYS + days))
    for start in range(0, max(1, len(asins)), at_a_time):
        stop = min(start + at_a_time, len(asins))
        lower, upper = np.searchsorted(product, (start, stop))
        yield Timeline(
            captures=frame.iloc[order[lower:upper]],
            product=product[lower:upper] - start,
            instant=instant[lower:upper],
            marketplaces=marketplaces[start:stop],
            asins=asins[start:stop],
            first_day=first,
            days=days,
        )


def _products(frame: pd.DataFrame) -> tuple[Ints, Any, Any]:
    """The product number of each row, and marketplace and ASIN of each product, in order."""
    markets, market_names = pd.factorize(frame["marketplace"].to_numpy(object), sort=True)
    asins, asin_names = pd.factorize(frame["asin"].to_numpy(object), sort=True)
    keys, product = np.unique(
        markets.astype(np.int64) * len(asin_names) + asins, return_inverse=True
    )
    market_of, asin_of = np.divmod(keys, max(1, len(asin_names)))
    return (
        product.astype(np.int64),
        pd.array(np.asarray(market_names, dtype=object)[market_of], dtype="str"),
        pd.array(np.asarray(asin_names, dtype=object)[asin_of], dtype="str"),
    )
