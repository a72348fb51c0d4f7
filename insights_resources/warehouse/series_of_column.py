"""Values of any origin as a pandas series of a column's dtype, or an error: nothing is guessed.

A text is not a number, a float with a fraction is not an integer, a time without a zone is not an
instant, an instant is not a day. What pandas itself makes of missing values is understood: integers
that became floats beside a NaN, a column of nothing but None.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types as pandas_types

_NUMBERS = (int, float, np.integer, np.floating)


def series_of_column(values: pd.Series, dtype: str) -> pd.Series:
    """The values with one of the dtypes of ``frames``.

    Raises ``TypeError`` or ``ValueError`` in words for a value that is not of that kind.
    """
    if dtype == "object":
        return _documents(values)
    if values.dtype == dtype:
        return values
    missing = values.isna()
    if bool(missing.all()):
        nothing: Any = pd.Series([None] * len(values), index=values.index, dtype="object")
        return nothing.astype(dtype)
    return _CONVERSIONS[dtype](values, missing)


def _integers(values: pd.Series, missing: pd.Series) -> pd.Series:
    if values.dtype == "object":
        _require(values, missing, _NUMBERS, "a whole number", _is_not_bool)
    elif not pandas_types.is_numeric_dtype(values.dtype) or pandas_types.is_bool_dtype(values):
        raise TypeError(f"{values.dtype} is not whole numbers")
    try:
        if values.dtype == "object":
            values = values.where(~missing, pd.NA)
        return values.astype("Int64")
    except (TypeError, ValueError) as error:
        raise ValueError("a number with a fraction is not a whole number") from error


def _floats(values: pd.Series, missing: pd.Series) -> pd.Series:
    if values.dtype == "object":
        _require(values, missing, _NUMBERS, "a number", _is_not_bool)
        return values.where(~missing, np.nan).astype("float64")
    if not pandas_types.is_numeric_dtype(values.dtype) or pandas_types.is_bool_dtype(values):
        raise TypeError(f"{values.dtype} is not numbers")
    return pd.Series(values.to_numpy("float64", na_value=np.nan), index=values.index)


def _booleans(values: pd.Series, missing: pd.Series) -> pd.Series:
    if values.dtype == "object":
        _require(values, missing, (bool, np.bool_), "true or false")
        return values.where(~missing, pd.NA).astype("boolean")
    if not pandas_types.is_bool_dtype(values.dtype):
        raise TypeError(f"{values.dtype} is not true and false")
    return values.astype("boolean")


def _texts(values: pd.Series, missing: pd.Series) -> pd.Series:
    if isinstance(values.dtype, pd.StringDtype | pd.CategoricalDtype):
        return values.astype("object").where(~missing, np.nan).astype("str")
    if values.dtype != "object":
        raise TypeError(f"{values.dtype} is not text")
    _require(values, missing, (str,), "text")
    return values.where(~missing, np.nan).astype("str")


def _days(values: pd.Series, missing: pd.Series) -> pd.Series:
    if values.dtype == "object":
        _require(values, missing, (date, np.datetime64), "a day", _has_no_zone)
        exact = np.array(values.where(~missing, None).tolist(), dtype="datetime64[us]")
    elif pandas_types.is_datetime64_dtype(values.dtype):
        exact = values.to_numpy()
    else:
        raise TypeError(f"{values.dtype} is not days")
    days = exact.astype("datetime64[D]")
    if bool(((days != exact) & ~np.isnat(exact)).any()):
        raise ValueError("a time of day is not a day")
    return pd.Series(days.astype("datetime64[s]"), index=values.index)


def _instants(values: pd.Series, missing: pd.Series) -> pd.Series:
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return values.dt.tz_convert("UTC").astype("datetime64[us, UTC]")
    if values.dtype != "object":
        raise TypeError(f"{values.dtype} is not instants with a time zone")
    _require(values, missing, (datetime,), "an instant with a time zone", lambda v: v.tzinfo)
    converted = pd.to_datetime(values.where(~missing, None), utc=True)
    return converted.astype("datetime64[us, UTC]")


def _documents(values: pd.Series) -> pd.Series:
    missing = values.isna()
    if values.dtype != "object" and not bool(missing.all()):
        raise TypeError(f"{values.dtype} is not JSON lists and dictionaries")
    _require(values, missing, (list, dict, tuple), "a JSON list or dictionary")
    if values.dtype == "object" and not bool(missing.any()):
        return values
    return pd.Series(
        [None if gone else value for value, gone in zip(values.tolist(), missing, strict=True)],
        index=values.index,
        dtype="object",
    )


def _is_not_bool(value: Any) -> bool:
    # Python's truth values are integers to isinstance, and not to us.
    return not isinstance(value, bool)


def _has_no_zone(value: Any) -> bool:
    return getattr(value, "tzinfo", None) is None


def _require(
    values: pd.Series,
    missing: pd.Series,
    kinds: tuple[type, ...],
    what: str,
    condition: Callable[[Any], Any] | None = None,
) -> None:
    """Raises ``TypeError`` for the first present value that is none of the kinds."""
    present = values[~missing].tolist()
    # A column holds few types, of however many values.
    if condition is None and all(issubclass(kind, kinds) for kind in set(map(type, present))):
        return
    for value in present:
        if not isinstance(value, kinds) or (condition is not None and not condition(value)):
            raise TypeError(f"{value!r:.80} is not {what}")


_CONVERSIONS: dict[str, Callable[[pd.Series, pd.Series], pd.Series]] = {
    "Int64": _integers,
    "float64": _floats,
    "boolean": _booleans,
    "str": _texts,
    "datetime64[s]": _days,
    "datetime64[us, UTC]": _instants,
}
