"""Frames: how tables look in pandas, checked against their one definition.

Dtypes by column type: money ``Int64`` in hundredths of the currency (exact, and arithmetic on whole
columns), day ``datetime64[s]`` at midnight without a zone, instant ``datetime64[us, UTC]``, integer
``Int64``, float ``float64`` (NaN is NULL), boolean ``boolean``, text ``str`` (NaN is NULL), JSON
``object`` of Python lists and dictionaries.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Boolean, Column, Date, Float, Integer, String, Table
from sqlalchemy.types import JSON

from insights_resources.errors import WarehouseError
from insights_resources.warehouse.column_types import MONEY_SCALE, Money, UtcDateTime, dump_json
from insights_resources.warehouse.tables import AUDIT_COLUMNS

#: Hashed in place of a missing value.
_MISSING = "\x00missing"


def own_columns(table: Table) -> list[str]:
    """The table's columns without those of publication, in order."""
    return [column.name for column in table.columns if column.name not in AUDIT_COLUMNS]


def to_minor(amount: Decimal | None) -> int | None:
    """An amount in hundredths; raises ``ValueError`` when it has more decimals than that."""
    if amount is None:
        return None
    hundredths = amount.scaleb(MONEY_SCALE)
    if hundredths != hundredths.to_integral_value():
        raise ValueError(f"{amount} has more than {MONEY_SCALE} decimals")
    return int(hundredths)


def from_minor(hundredths: Any) -> Decimal | None:
    """Hundredths as an amount; None for any missing value."""
    if hundredths is None or hundredths is pd.NA or hundredths != hundredths:
        return None
    return Decimal(int(hundredths)).scaleb(-MONEY_SCALE)


def dtype_of(column: Column[Any]) -> Any:
    """The pandas dtype of a column."""
    kind = column.type
    if isinstance(kind, Money | Integer):
        return "Int64"
    if isinstance(kind, UtcDateTime):
        return "datetime64[us, UTC]"
    if isinstance(kind, Date):
        return "datetime64[s]"
    if isinstance(kind, Float):
        return "float64"
    if isinstance(kind, Boolean):
        return "boolean"
    if isinstance(kind, JSON):
        return "object"
    if isinstance(kind, String):
        return "str"
    raise WarehouseError(f"column {column.name} has a type without a frame form: {kind!r}")


def as_series(values: Any, column: Column[Any]) -> pd.Series:
    """Values (a list or a series) with the column's dtype; raises ``TypeError``/``ValueError``."""
    dtype = dtype_of(column)
    if dtype == "object":
        series = pd.Series(values, dtype="object")
        return series.where(
            series.map(lambda value: value is not None and value is not pd.NA), None
        )
    series = values if isinstance(values, pd.Series) else pd.Series(values, dtype="object")
    if series.dtype == dtype:
        return series
    if dtype == "datetime64[us, UTC]":
        if isinstance(series.dtype, pd.DatetimeTZDtype):
            return series.astype(dtype)
        converted = pd.to_datetime(series, utc=True)
        return converted.astype(dtype)
    if dtype == "datetime64[s]":
        if pd.api.types.is_datetime64_dtype(series.dtype):
            return series.astype(dtype)
        return pd.Series(
            np.array(
                [
                    np.datetime64("NaT") if pd.isna(day) else np.datetime64(day, "s")
                    for day in series
                ],
                dtype="datetime64[s]",
            ),
            index=series.index,
        )
    if dtype == "Int64" and series.dtype == "object":
        return pd.Series(
            pd.array([pd.NA if pd.isna(value) else value for value in series], dtype="Int64"),
            index=series.index,
        )
    if dtype == "boolean" and series.dtype == "object":
        return pd.Series(
            pd.array(
                [pd.NA if pd.isna(value) else bool(value) for value in series], dtype="boolean"
            ),
            index=series.index,
        )
    if dtype == "str" and series.dtype == "object":
        return series.where(series.notna(), np.nan).astype("str")
    return series.astype(dtype)


def empty_frame(table: Table) -> pd.DataFrame:
    """No rows, the table's own columns with their dtypes."""
    return pd.DataFrame(
        {name: pd.Series([], dtype=dtype_of(table.c[name])) for name in own_columns(table)}
    )


def conform(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    """The frame as the table has it: its own columns, in order, with their dtypes.

    Raises ``WarehouseError`` naming table and column for a column that is missing or unknown, a
    value of the wrong type, a NULL where none may be, a text that is too long, a key twice.
    """
    names = own_columns(table)
    missing, unknown = set(names) - set(frame.columns), set(frame.columns) - set(names)
    if missing or unknown:
        raise WarehouseError(
            f"{table.name}: missing columns {sorted(missing)}, unknown columns {sorted(unknown)}"
        )
    columns = {}
    for name in names:
        column = table.c[name]
        try:
            series = as_series(frame[name], column)
        except (TypeError, ValueError) as error:
            raise WarehouseError(f"{table.name}.{name}: {error}") from error
        if not column.nullable and bool(series.isna().any()):
            raise WarehouseError(
                f"{table.name}.{name} may not be NULL, and is in {int(series.isna().sum())} rows"
            )
        length = getattr(column.type, "length", None)
        if length is not None and isinstance(column.type, String) and len(series):
            longest = series.str.len().max()
            if longest == longest and longest > length:
                raise WarehouseError(f"{table.name}.{name}: text longer than {length} characters")
        columns[name] = series
    conformed = pd.DataFrame(columns, columns=names).reset_index(drop=True)
    key = list(table.info["key"])
    twice = conformed.duplicated(subset=key)
    if bool(twice.any()):
        example = conformed.loc[twice, key].iloc[0].tolist()
        raise WarehouseError(
            f"{table.name}: {int(twice.sum())} rows have the key of another, such as {example}"
        )
    return conformed


def row_hashes(frame: pd.DataFrame, table: Table) -> pd.Series:
    """A 64-bit hash (int64) of each row's own columns: equal rows have equal hashes, in every
    process and on both engines."""
    canonical = pd.DataFrame(index=frame.index)
    for name in own_columns(table):
        series = frame[name]
        dtype = dtype_of(table.c[name])
        if dtype == "object":
            canonical[name] = [_MISSING if value is None else dump_json(value) for value in series]
        elif dtype == "str":
            canonical[name] = series.astype("object").where(series.notna(), _MISSING)
        elif dtype == "float64":
            # One zero, and one NaN.
            canonical[name] = series + 0.0
        elif str(dtype).startswith("datetime64"):
            canonical[name] = series.astype("int64")
        else:
            canonical[f"{name} is NULL"] = series.isna()
            canonical[name] = series.astype("Int64").fillna(0).astype("int64")
    if canonical.empty:
        return pd.Series([], dtype="int64")
    hashes = pd.util.hash_pandas_object(canonical, index=False)
    return pd.Series(hashes.to_numpy().view("int64"), index=frame.index)
