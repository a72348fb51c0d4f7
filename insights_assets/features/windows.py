"""Arithmetic over the trailing days of a grid (see ``timeline``).

Windows are folded day by day in a fixed order instead of taken from running totals: the result
for a day then depends on nothing but the values of its window, to the last bit, and a rebuild of
any other scope gives the same row hash.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insights_assets.features.timeline import LOOK_BACK_DAYS, Bools, Floats, Ints

#: Decimals that derived statistics are rounded to.
DECIMALS = 6

Grid = NDArray[Any]


def trailing(
    daily: Grid, days: int, fold: Callable[[Grid, Grid], Grid] = np.add, skip: int = 0
) -> Grid:
    """(rows, days asked): ``fold`` over the last ``days`` columns up to each day asked for, that
    day first; ``skip`` 1 leaves the day itself out."""
    width = daily.shape[1]
    total = daily[:, LOOK_BACK_DAYS - skip : width - skip].copy()
    for lag in range(skip + 1, skip + days):
        total = fold(total, daily[:, LOOK_BACK_DAYS - lag : width - lag])
    return total


def trailing_count(daily: Grid, days: int, skip: int = 0) -> Ints:
    """The same as a sum of whole numbers (or truth values), from a running total: exact."""
    width = daily.shape[1]
    running = np.zeros((daily.shape[0], width + 1), dtype=np.int64)
    np.cumsum(daily, axis=1, out=running[:, 1:])
    upper = running[:, LOOK_BACK_DAYS + 1 - skip : width + 1 - skip]
    lower = running[:, LOOK_BACK_DAYS + 1 - skip - days : width + 1 - skip - days]
    return upper - lower


def trailing_deviation(
    daily: Floats, valid: Bools, days: int, at_least: int, skip: int = 0
) -> tuple[Floats, Ints]:
    """Standard deviation (ddof 1) of the valid values of each window, NaN for fewer than
    ``at_least``, and their number. Two passes, for the sake of windows of equal values."""
    width = daily.shape[1]
    count = trailing_count(valid, days, skip)
    values = np.where(valid, daily, 0.0)
    mean = trailing(values, days, skip=skip) / np.maximum(count, 1)
    squares = np.zeros_like(mean)
    for lag in range(skip, skip + days):
        window = slice(LOOK_BACK_DAYS - lag, width - lag)
        deviation = values[:, window] - mean
        deviation *= valid[:, window]
        squares += deviation * deviation
    spread = np.sqrt(squares / np.maximum(count - 1, 1))
    return np.where(count >= max(at_least, 2), spread, np.nan), count


def median_of_rows(values: Floats) -> Floats:
    """Median of each row without its NaNs; NaN for a row that holds nothing else."""
    ordered = np.sort(values, axis=1)  # NaN goes last
    count = np.count_nonzero(~np.isnan(ordered), axis=1)
    rows = np.arange(len(ordered))
    upper = ordered[rows, np.minimum(count // 2, ordered.shape[1] - 1)]
    lower = ordered[rows, np.maximum((count - 1) // 2, 0)]
    return np.where(count > 0, (lower + upper) / 2, np.nan)


def rounded(values: Floats, decimals: int = DECIMALS) -> Floats:
    """Rounded as it is written; never a negative zero, which would be another row hash."""
    return np.round(values, decimals) + 0.0


def log_ratio(value: Floats, reference: Floats) -> Floats:
    """ln(value / reference); NaN where one is missing or not above zero."""
    usable = (value > 0) & (reference > 0)
    return np.log(np.divide(value, reference, out=np.full(value.shape, np.nan), where=usable))
