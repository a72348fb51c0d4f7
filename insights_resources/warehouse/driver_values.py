"""A frame's columns as the databases' drivers take and give them, whole columns at a time.

PostgreSQL is written in COPY's text format, and read in its binary one (``binary_copy``). SQLite is
written and read as integers (money in its smallest unit, truth values), texts (days, instants,
JSON) and reals. The conversions of single values by SQLAlchemy and by the drivers are left out on
purpose: they cost more than the database itself.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Date,
    Float,
    Integer,
    Table,
)
from sqlalchemy.types import JSON

from insights_resources.warehouse.column_types import Money, UtcDateTime
from insights_resources.warehouse.frames import clean_texts, dtype_of, is_categorical, json_as_text

#: Rows that are turned into text, and sent, at once: many for pandas, and few enough that one such
#: block is written as text while the server takes in the one before.
_ROWS_AT_ONCE = 5_000

_NULL = "\\N"
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def blocks(frame: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """The frame in pieces of bounded size."""
    for start in range(0, len(frame), _ROWS_AT_ONCE):
        yield frame.iloc[start : start + _ROWS_AT_ONCE]


def constants_first(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with the columns before all others that have the same value in every row, which
    ``copy_text`` writes together. It has rows."""
    constant = [name for name in frame.columns if _is_constant(frame[name])]
    return frame[[*constant, *(name for name in frame.columns if name not in constant)]]


def copy_text(frame: pd.DataFrame, table: Table) -> str:
    """The rows in the text format of PostgreSQL's COPY."""
    texts = json_as_text(frame, table)
    pieces: list[Iterable[str]] = []
    same: list[str] = []
    for name in texts.columns:
        series, column = texts[name], table.c[name]
        if _is_constant(series):
            same += _copy_column(series.iloc[:1], column)
            continue
        if same:
            pieces.append(itertools.repeat("\t".join(same), len(texts)))
            same = []
        pieces.append(_copy_column(series, column))
    if same:
        pieces.append(itertools.repeat("\t".join(same), len(texts)))
    return "\n".join(map("\t".join, zip(*pieces, strict=True))) + "\n"


def _is_constant(series: pd.Series) -> bool:
    """Whether every row has the same value, or none has any. Only of what is quick to compare, and
    of floats not: there are two zeros."""
    missing = series.isna().to_numpy()
    if series.empty or missing[0] or series.dtype in ("object", "float64"):
        return bool(len(missing) and missing.all())
    first = series.iloc[0]
    return bool(not missing.any() and series.iloc[-1] == first and (series == first).all())


def _copy_column(series: pd.Series, column: Column[Any]) -> list[str]:
    if is_categorical(series):
        few = _copy_column(series.cat.categories.to_series(), column)
        return _of_codes([*few, _NULL], series)
    missing = series.isna().to_numpy()
    kind = column.type
    if isinstance(kind, Money):
        # 1299e-2 is an exact number to PostgreSQL.
        texts = list(map(f"%de-{kind.scale}".__mod__, _filled(series, 0, "int64")))
    elif isinstance(kind, Integer):
        texts = list(map(str, _filled(series, 0, "int64")))
    elif isinstance(kind, Float):
        texts = list(map(repr, series.tolist()))
    elif isinstance(kind, Boolean):
        texts = ["t" if value else "f" for value in _filled(series, False, "bool")]
    elif isinstance(kind, UtcDateTime | Date):
        texts = _times_as_text(series, column)
    else:
        texts = _stored_texts(series, missing)
        # One look at all of them: next to none of them has to be escaped.
        together = "".join(texts)
        if any(chr(letter) in together for letter in _ESCAPES):
            texts = [value.translate(_ESCAPES) for value in texts]
    for row in np.flatnonzero(missing):
        texts[row] = _NULL
    return texts


def _of_codes(few: Sequence[Any], series: pd.Series) -> list[Any]:
    """The value of each row of a categorical; ``few``: of each category, and last that of none."""
    values = np.empty(len(few), dtype="object")
    values[:] = few
    return values[series.cat.codes.to_numpy()].tolist()


def sqlite_rows(frame: pd.DataFrame, table: Table) -> list[tuple[Any, ...]]:
    """The rows as sqlite3 binds them."""
    texts = json_as_text(frame, table)
    columns = [_sqlite_column(texts[name], table.c[name]) for name in texts.columns]
    return list(zip(*columns, strict=True))


def _sqlite_column(series: pd.Series, column: Column[Any]) -> list[Any]:
    if is_categorical(series):
        few = _sqlite_column(series.cat.categories.to_series(), column)
        return _of_codes([*few, None], series)
    missing = series.isna().to_numpy()
    kind = column.type
    values: list[Any]
    if isinstance(kind, Money | Integer | Boolean):
        values = _filled(series, 0, "int64")
    elif isinstance(kind, UtcDateTime | Date):
        values = list(_times_as_text(series, column))
    elif isinstance(kind, Float):
        values = series.tolist()
    else:
        values = _stored_texts(series, missing)
    for row in np.flatnonzero(missing):
        values[row] = None
    return values


def _stored_texts(series: pd.Series, missing: Any) -> list[Any]:
    """Texts as they are stored, "" for a missing one."""
    values = clean_texts(series).to_numpy(dtype="object", copy=True)
    values[missing] = ""
    return values.tolist()


def _filled(series: pd.Series, value: Any, dtype: str) -> list[Any]:
    return series.to_numpy(dtype=dtype, na_value=value).tolist()


def _times_as_text(series: pd.Series, column: Column[Any]) -> list[str]:
    """ISO 8601: ``2026-03-01``, or ``2026-03-01T12:30:00.000000Z``."""
    if isinstance(column.type, Date):
        # A table has few days.
        days, which = np.unique(series.to_numpy("datetime64[D]"), return_inverse=True)
        return np.datetime_as_string(days).astype("object")[which].tolist()
    moments = series.dt.tz_localize(None).to_numpy("datetime64[us]")
    return [f"{text}Z" for text in np.datetime_as_string(moments).tolist()]


def series_from_sqlite(values: Sequence[Any], column: ColumnElement[Any]) -> pd.Series:
    """One column of a result, as sqlite3 gave it, with the dtype of ``frames``."""
    kind = column.type
    if isinstance(kind, UtcDateTime):
        # Without the Z, which numpy does not know.
        moments = [None if value is None else value[:-1] for value in values]
        naive = pd.Series(np.array(moments, dtype="datetime64[us]"))
        return naive.dt.tz_localize("UTC")
    if isinstance(kind, Date):
        return pd.Series(np.array(list(values), dtype="datetime64[D]").astype("datetime64[s]"))
    if isinstance(kind, Float):
        return pd.Series(np.array(list(values), dtype="float64"))
    if isinstance(kind, Money | Boolean | Integer):
        return _masked(values, dtype_of(column))
    if isinstance(kind, JSON):
        documents = np.empty(len(values), dtype="object")
        documents[:] = [None if value is None else json.loads(value) for value in values]
        return pd.Series(documents, dtype="object")
    return pd.Series(list(values), dtype=dtype_of(column))


def _masked(values: Sequence[Any], dtype: str) -> pd.Series:
    """Integers or truth values with None among them, exactly (a float would round them)."""
    objects = np.empty(len(values), dtype="object")
    objects[:] = values
    missing = objects == None  # noqa: E711 - elementwise
    objects[missing] = 0
    if dtype == "boolean":
        return pd.Series(pd.arrays.BooleanArray(objects.astype("bool"), missing))
    return pd.Series(pd.arrays.IntegerArray(objects.astype("int64"), missing))
