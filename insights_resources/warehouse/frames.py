"""Frames: how tables look in pandas, checked against their one definition.

Dtypes by column type: money ``Int64`` in units of its decimals, as a rule hundredths (exact, and
arithmetic on whole columns), day ``datetime64[s]`` at midnight without a zone, instant
``datetime64[us, UTC]``, integer ``Int64``, float ``float64`` (NaN is NULL), boolean ``boolean``,
text ``str`` (NaN is NULL), JSON ``object`` of Python lists and dictionaries (None is NULL).

On the way into a table a text may also be a categorical of ``str``: each of its different values is
then looked at once, however many rows have it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Date,
    Float,
    Integer,
    String,
    Table,
)
from sqlalchemy.types import JSON

from insights_resources.errors import WarehouseError
from insights_resources.warehouse.column_types import (
    MONEY_SCALE,
    Money,
    UtcDateTime,
    clean_text,
    dump_documents,
    is_clean,
)
from insights_resources.warehouse.series_of_column import series_of_column
from insights_resources.warehouse.tables import AUDIT_COLUMNS, HASHED_WHERE_KNOWN

#: Hashed in place of a missing value.
_MISSING = "\x00missing"

#: Dtype of a JSON column that is canonical text already: no other column has it.
JSON_TEXT = pd.StringDtype("python")

#: Largest integer of a column (exclusive, and of either sign): INTEGER, and NUMERIC of 14 digits.
_INTEGER_LIMIT = 2**31
_MONEY_LIMIT = 10**14


def own_columns(table: Table) -> list[str]:
    """The table's columns without those of publication, in order."""
    return [column.name for column in table.columns if column.name not in AUDIT_COLUMNS]


def to_minor(amount: Decimal | None, scale: int = MONEY_SCALE) -> int | None:
    """An amount in units of so many decimals: hundredths, unless said otherwise. Raises
    ``ValueError`` when it has more decimals than that."""
    if amount is None:
        return None
    units = amount.scaleb(scale)
    if not amount.is_finite() or units != units.to_integral_value():
        raise ValueError(f"{amount} is no amount with at most {scale} decimals")
    return int(units)


def from_minor(units: Any, scale: int = MONEY_SCALE) -> Decimal | None:
    """The other way round; None for any missing value."""
    if units is None or units is pd.NA or units != units:
        return None
    return Decimal(int(units)).scaleb(-scale)


def dtype_of(column: ColumnElement[Any]) -> str:
    """The pandas dtype of a column, or of an expression in a query."""
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
    raise WarehouseError(f"{column} has a type without a frame form: {kind!r}")


def empty_frame(table: Table) -> pd.DataFrame:
    """No rows, the table's own columns with their dtypes."""
    return pd.DataFrame(
        {name: pd.Series([], dtype=dtype_of(table.c[name])) for name in own_columns(table)}
    )


def conform(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    """The frame as the table has it: its own columns, in order, with their dtypes.

    Raises ``WarehouseError`` naming table and column for a column that is missing or unknown, a
    value of the wrong type or too large for it, a NULL where none may be, a text that is too long,
    a key twice. Characters that no database stores are replaced (see ``clean_text``). A text that
    is a categorical stays one, but for the key's. A JSON column of the dtype ``JSON_TEXT``, or a
    categorical of it, holds its documents as ``json_as_text`` writes them, which is taken on trust.
    """
    names = own_columns(table)
    missing, unknown = set(names) - set(frame.columns), set(frame.columns) - set(names)
    if missing or unknown:
        raise WarehouseError(
            f"{table.name}: missing columns {sorted(missing)}, unknown columns {sorted(unknown)}"
        )
    given = frame.reset_index(drop=True)
    conformed = pd.DataFrame(
        {name: _conform_column(given[name], table, table.c[name]) for name in names}, columns=names
    )
    key = list(table.info["key"])
    twice = conformed.duplicated(subset=key)
    if bool(twice.any()):
        example = ", ".join(map(str, conformed.loc[twice, key].iloc[0]))
        raise WarehouseError(
            f"{table.name}: {int(twice.sum())} rows have the key of another, such as ({example})"
        )
    return conformed


def _conform_column(values: pd.Series, table: Table, column: Column[Any]) -> pd.Series:
    where = f"{table.name}.{column.name}"
    try:
        series = _with_dtype(values, column)
    except (TypeError, ValueError, OverflowError) as error:
        raise WarehouseError(f"{where}: {error}") from error
    if not column.nullable and bool(series.isna().any()):
        raise WarehouseError(f"{where} may not be NULL, and is in {int(series.isna().sum())} rows")
    if isinstance(column.type, String):
        series = clean_texts(series)
        length = column.type.length
        longest = max(map(len, _present_texts(series)), default=0) if length is not None else 0
        if length is not None and longest > length:
            raise WarehouseError(f"{where}: text of {longest} characters, {length} may be")
    elif isinstance(column.type, Money):
        _check_limit(series, _MONEY_LIMIT, where)
    elif isinstance(column.type, Integer) and not isinstance(column.type, BigInteger):
        _check_limit(series, _INTEGER_LIMIT, where)
    elif isinstance(column.type, Float) and bool(np.isinf(series).any()):
        raise WarehouseError(f"{where}: an infinite number")
    return series


def _with_dtype(values: pd.Series, column: Column[Any]) -> pd.Series:
    given = values.dtype
    if isinstance(column.type, JSON):
        if given == JSON_TEXT:
            return values.astype("str")
        if isinstance(given, pd.CategoricalDtype) and given.categories.dtype == JSON_TEXT:
            return values.cat.rename_categories(given.categories.astype("str").tolist())
    elif (
        isinstance(given, pd.CategoricalDtype)
        and given.categories.dtype == "str"
        and isinstance(column.type, String)
        and column.name not in column.table.info["key"]
    ):
        return values
    return series_of_column(values, dtype_of(column))


def is_categorical(series: pd.Series) -> bool:
    return isinstance(series.dtype, pd.CategoricalDtype)


def clean_texts(series: pd.Series) -> pd.Series:
    """A column of texts with each one cleaned by ``clean_text``."""
    present = _present_texts(series)
    # One look at all of them: next to none has to be cleaned.
    if is_clean("".join(present)):
        return series
    plain = series.astype("object")
    return plain.where(plain.isna(), plain.map(clean_text, na_action="ignore")).astype("str")


def _present_texts(series: pd.Series) -> list[str]:
    """The texts of a column that are not NULL; of a categorical each once."""
    if is_categorical(series):
        return series.cat.categories.tolist()
    values = series.to_numpy(dtype="object")
    missing = series.isna().to_numpy()
    return (values[~missing] if missing.any() else values).tolist()


def _check_limit(series: pd.Series, limit: int, where: str) -> None:
    if bool((series.abs() >= limit).any()):
        raise WarehouseError(f"{where}: {int(series.abs().max())} is too large for the column")


def json_as_text(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    """The frame with its JSON columns as canonical text (NaN for NULL), as they are hashed and
    stored. Columns that are text already stay.

    Raises ``WarehouseError`` naming table and column for a document that is none (NaN in it).
    """
    texts = {}
    for name in frame.columns:
        if isinstance(table.c[name].type, JSON) and frame[name].dtype == "object":
            values = frame[name].to_numpy(dtype="object")
            present = ~_is_none(values)
            written = np.full(len(values), np.nan, dtype="object")
            try:
                written[present] = dump_documents(values[present].tolist())
            except (TypeError, ValueError) as error:
                raise WarehouseError(f"{table.name}.{name}: {error}") from error
            texts[name] = pd.Series(written, dtype="str", index=frame.index)
    return frame.assign(**texts)


def _is_none(values: NDArray[np.object_]) -> NDArray[np.bool_]:
    return np.fromiter((value is None for value in values.tolist()), np.bool_, len(values))


def row_hashes(frame: pd.DataFrame, table: Table) -> pd.Series:
    """A 64-bit hash (int64) of each row's own columns: equal rows have equal hashes, in every
    process and on both engines."""
    names = own_columns(table)
    later = [name for name in names if HASHED_WHERE_KNOWN in table.c[name].info]
    canonical: dict[str, Any] = {}
    texts = json_as_text(frame[names], table)
    for name in names:
        if name in later:
            continue
        series = texts[name]
        dtype = dtype_of(table.c[name])
        if is_categorical(series):
            canonical[name] = series.cat.add_categories([_MISSING]).fillna(_MISSING)
        elif dtype in ("object", "str"):
            canonical[name] = series.astype("object").where(series.notna(), _MISSING)
        elif dtype == "float64":
            # One zero; pandas hashes every NaN alike.
            canonical[name] = series + 0.0
        elif dtype.startswith("datetime64"):
            canonical[name] = series.astype("int64")
        else:
            canonical[f"{name} is NULL"] = series.isna()
            canonical[name] = series.astype("Int64").fillna(0).astype("int64")
    if frame.empty:
        return pd.Series([], dtype="int64", index=frame.index)
    # Without a search for equal texts first: those that are few are categoricals.
    hashes = _hashes(canonical)
    for name in later:
        known = texts[name].notna().to_numpy()
        if known.any():
            values = texts[name][known].astype("object").reset_index(drop=True)
            hashes[known] = _hashes({"without it": pd.Series(hashes[known]), name: values})
    return pd.Series(hashes, index=frame.index)


def _hashes(columns: dict[str, Any]) -> NDArray[np.int64]:
    found = pd.util.hash_pandas_object(pd.DataFrame(columns), index=False, categorize=False)
    return found.to_numpy().view("int64").copy()
