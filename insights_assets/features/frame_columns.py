"""Arrays as columns of a frame with the warehouse's dtypes (see ``warehouse.frames``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from insights_assets.features.timeline import Bools, Floats, Ints

Columns = Mapping[str, Any]


def integers(values: Floats | Ints) -> pd.arrays.IntegerArray:
    """Whole numbers as Int64; NaN is missing."""
    missing = np.isnan(values)
    whole = np.where(missing, 0, values).astype(np.int64)
    return pd.arrays.IntegerArray(whole, missing)


def booleans(values: Bools, missing: Bools | None = None) -> pd.arrays.BooleanArray:
    return pd.arrays.BooleanArray(
        np.ascontiguousarray(values), np.zeros(len(values), bool) if missing is None else missing
    )


def days(numbers: Ints) -> Any:
    """Days since 1970 as naive midnights."""
    return pd.array(numbers.astype("datetime64[D]").astype("datetime64[s]"), dtype="datetime64[s]")


def instants(microseconds: Ints) -> Any:
    """Microseconds since 1970 as UTC times."""
    return pd.Series(microseconds.astype("datetime64[us]")).dt.tz_localize("UTC").array


def taken(column: pd.Series, positions: Ints) -> Any:
    """Values of a column at positions; missing for -1. Keeps the dtype."""
    return column.array.take(positions, allow_fill=True)


def stacked(parts: Iterable[Columns]) -> pd.DataFrame:
    """Parts of a table under each other, column by column so that only one is held twice."""
    held = [dict(part) for part in parts]
    names = list(held[0])
    columns = {
        name: pd.concat([pd.Series(part.pop(name)) for part in held], ignore_index=True)
        for name in names
    }
    return pd.DataFrame(columns, copy=False)
