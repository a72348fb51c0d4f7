"""Rows of PostgreSQL's COPY in its binary format as a frame, whole columns at a time.

A row is the number of its fields (2 bytes) and for each field its size (4 bytes; -1: NULL) and its
value, numbers with the highest byte first. Where a field stands in the bytes of all rows is known
once the sizes of those before it are: each column is read from all rows at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import Boolean, ColumnElement, Date, Float, Integer
from sqlalchemy.types import JSON

from insights_resources.errors import WarehouseError
from insights_resources.warehouse.column_types import Money, UtcDateTime
from insights_resources.warehouse.frames import dtype_of

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: Rows that are read at once, column by column: few enough that the processor's cache holds them.
_ROWS_OF_A_BLOCK = 10_000
#: Bytes before the first row, in one message with it, and the message after the last row.
_HEADER = 19
_END = b"\xff\xff"
#: Bytes of the widest number: so many stand behind the last row, for a NULL at its end.
_WIDEST = 8

_INTEGERS = {2: ">i2", 4: ">i4", 8: ">i8"}
_FLOATS = {4: ">f4", 8: ">f8"}
#: Days, and microseconds, count from 2000.
_EPOCH_DAYS = 10_957
_EPOCH_MICROSECONDS = _EPOCH_DAYS * 86_400_000_000

#: A NUMERIC's digits are of base 10,000; of its signs all that follow are no finite number.
_DIGITS = 10_000
_NEGATIVE, _NOT_FINITE = 0x4000, 0xC000

#: Texts of at most so many bytes are compared with the row before: ordered rows repeat themselves.
_SHORT = 32


def rows_of_copy(messages: Iterator[bytes], at_a_time: int) -> Iterator[list[bytes]]:
    """The messages of a COPY as rows, in parts of so many; the last part may be empty."""
    messages = iter(messages)
    messages = chain([next(messages)[_HEADER:]], messages)
    while rows := list(islice(messages, at_a_time)):
        if rows[-1] == _END:
            rows.pop()
        yield rows


def frame_from_rows(rows: Sequence[bytes], columns: Sequence[ColumnElement[Any]]) -> pd.DataFrame:
    """The rows as a frame with the dtypes of ``frames``.

    Raises ``WarehouseError`` for a column that the database gives as another type than it has here.
    """
    blocks = [
        _columns_of_block(rows[start : start + _ROWS_OF_A_BLOCK], columns)
        for start in range(0, max(1, len(rows)), _ROWS_OF_A_BLOCK)
    ]
    series = {}
    for column, parts in zip(columns, zip(*blocks, strict=True), strict=True):
        values, missing = map(np.concatenate, zip(*parts, strict=True))
        series[column.name] = _series(values, missing, column)
    return pd.DataFrame(series, copy=False)


def _columns_of_block(
    rows: Sequence[bytes], columns: Sequence[ColumnElement[Any]]
) -> list[tuple[NDArray[Any], Bools]]:
    """For each column the values and which of them are missing."""
    fields = _Fields(b"".join(rows) + bytes(_WIDEST), np.fromiter(map(len, rows), np.int64))
    return [_values(fields.next(), column) for column in columns]


class _Fields:
    """The fields of all rows, one column after the other."""

    def __init__(self, data: bytes, row_sizes: Ints) -> None:
        self._data = data
        self._place = np.cumsum(row_sizes) - row_sizes + 2

    def next(self) -> _Field:
        size = _at(self._data, self._place, ">i4").astype(np.int64)
        field = _Field(self._data, self._place + 4, size)
        self._place = field.place + np.maximum(size, 0)
        return field


def _at(data: bytes, place: Ints, dtype: str) -> NDArray[Any]:
    """What stands at the places (in bytes) as values of the dtype."""
    width = np.dtype(dtype).itemsize
    anywhere: NDArray[Any] = np.ndarray((len(data) - width + 1,), dtype, data, strides=(1,))
    return anywhere[place]


class _Field:
    """One column: where each row's value stands, and its size in bytes (-1: NULL)."""

    def __init__(self, data: bytes, place: Ints, size: Ints) -> None:
        self.data, self.place, self.size = data, place, size
        self.missing: Bools = size < 0

    def at(self, offset: int | Ints, dtype: str) -> NDArray[Any]:
        """What stands so many bytes behind the beginning of each value; 0 for NULL."""
        place = np.minimum(self.place + offset, len(self.data) - np.dtype(dtype).itemsize)
        return np.where(self.missing, 0, _at(self.data, place, dtype))

    def numbers(self, kinds: dict[int, str], column: ColumnElement[Any]) -> NDArray[Any]:
        """The values as numbers of one of the kinds, by size; 0 for NULL."""
        sizes = np.unique(self.size[~self.missing]).tolist()
        if not sizes:
            return np.zeros(len(self.size))
        if len(sizes) > 1 or sizes[0] not in kinds:
            raise WarehouseError(
                f"{column.name}: PostgreSQL gives values of {sizes} bytes for a column that is "
                f"{column.type!r} here: cast it to that in the query"
            )
        return self.at(0, kinds[sizes[0]])

    def amounts(self, scale: int) -> tuple[Ints, Bools]:
        """Values of NUMERIC in units of so many decimals, and which of them are missing or not
        finite."""
        count, weight = self.at(0, ">i2"), self.at(2, ">i2")
        sign = self.at(4, ">u2")
        total = np.zeros(len(count))
        for place in range(int(count.max(initial=0))):
            digits = np.where(place < count, self.at(8 + 2 * place, ">i2"), 0)
            # The first digit counts 10,000 to the power of the weight. Exact below 2^53.
            total += digits * np.power(float(_DIGITS), weight - place) * 10**scale
        whole = np.rint(total).astype(np.int64)
        return np.where(sign == _NEGATIVE, -whole, whole), self.missing | (sign >= _NOT_FINITE)

    def texts(self, skip: int = 0) -> NDArray[np.object_]:
        """The values as texts, without so many bytes before each; NaN for NULL."""
        start, size = self.place + skip, np.where(self.missing, 0, self.size - skip)
        longest = int(size.max(initial=0))
        if longest > _SHORT:
            bounds = zip(start.tolist(), (start + size).tolist(), strict=True)
            texts = np.empty(len(size), object)
            texts[:] = [self.data[first:after].decode() for first, after in bounds]
        else:
            texts = self._short_texts(start, size, max(1, longest))
        texts[self.missing] = np.nan
        return texts

    def _short_texts(self, start: Ints, size: Ints, width: int) -> NDArray[np.object_]:
        """Each text made once for all rows in a row that have it."""
        padded = _at(self.data + bytes(width), start, f"S{width}")
        if (size < width).any():
            # Zeros in place of what follows the text: no text holds one.
            padded.view(np.uint8).reshape(-1, width)[np.arange(width) >= size[:, np.newaxis]] = 0
        begins = np.ones(len(padded), bool)
        begins[1:] = padded[1:] != padded[:-1]
        texts = np.array([text.decode() for text in padded[begins].tolist()], object)
        return texts[np.cumsum(begins) - 1]


def _values(field: _Field, column: ColumnElement[Any]) -> tuple[NDArray[Any], Bools]:
    """The values of a column, anything for the missing ones, and which those are."""
    kind = column.type
    if isinstance(kind, Money):
        return field.amounts(kind.scale)
    if isinstance(kind, Integer):
        return field.numbers(_INTEGERS, column).astype(np.int64), field.missing
    if isinstance(kind, Float):
        return field.numbers(_FLOATS, column).astype(np.float64), field.missing
    if isinstance(kind, Boolean):
        return field.numbers({1: "u1"}, column).astype(bool), field.missing
    if isinstance(kind, UtcDateTime):
        microseconds = field.numbers({8: ">i8"}, column).astype(np.int64)
        return (microseconds + _EPOCH_MICROSECONDS).astype("datetime64[us]"), field.missing
    if isinstance(kind, Date):
        days = field.numbers({4: ">i4"}, column).astype(np.int64)
        return (days + _EPOCH_DAYS).astype("datetime64[D]"), field.missing
    # The version of JSONB's format comes first.
    return field.texts(skip=1 if isinstance(kind, JSON) else 0), field.missing


def _series(values: NDArray[Any], missing: Bools, column: ColumnElement[Any]) -> pd.Series:
    """One column with the dtype of ``frames``."""
    kind = column.type
    if isinstance(kind, Money | Integer):
        return pd.Series(pd.arrays.IntegerArray(values, missing))
    if isinstance(kind, Boolean):
        return pd.Series(pd.arrays.BooleanArray(values, missing))
    if isinstance(kind, UtcDateTime | Date):
        values[missing] = np.datetime64("NaT")
        if isinstance(kind, Date):
            return pd.Series(values.astype("datetime64[s]"))
        return pd.Series(values).dt.tz_localize("UTC")
    if isinstance(kind, Float):
        values[missing] = np.nan
    elif isinstance(kind, JSON):
        present = ~missing
        documents = np.full(len(values), None, object)
        documents[present] = _parsed(values[present].tolist())
        values = documents
    return pd.Series(values, dtype=dtype_of(column))


def _parsed(texts: list[str]) -> NDArray[np.object_]:
    """JSON texts as documents."""
    documents = np.empty(len(texts), object)
    documents[:] = list(map(json.loads, texts))
    return documents
