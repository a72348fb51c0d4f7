"""The rows of a history file as texts, in blocks of bounded size: CSV (also gzipped) and Parquet.

Both come out as the same texts, so that everything after this knows one form. Values of Parquet are
written in the shortest way that reads back as the same value.
"""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from insights_resources.errors import InvalidInputError

ROWS_A_BLOCK = 50_000
#: Bytes of a row, for an estimate of how many there are.
_BYTES_A_ROW = 40
_PARQUET, _GZIP, _ZIP = b"PAR1", b"\x1f\x8b", b"PK\x03\x04"
_DELIMITERS = ",;\t|"


@dataclass
class Rejection:
    """A row that is not in: its number in the file, why, and its cells."""

    row: int
    reason: str
    cells: Sequence[str]


@dataclass
class Block:
    """Rows as columns of texts. ``row`` is the line in a CSV file, or the number of the row."""

    row: NDArray[np.int64]
    columns: list[NDArray[Any]]
    malformed: list[Rejection] = field(default_factory=list)

    def cells(self, position: int) -> list[str]:
        return [str(column[position]) for column in self.columns]


class HistoryFile:
    """A file of rows; ``header`` names its columns, ``blocks`` gives its rows each time anew.

    Raises ``InvalidInputError`` for a file of another kind, or without a header.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as file:
            start = file.read(4096)
        self._is_parquet = start.startswith(_PARQUET)
        self._is_gzip = start.startswith(_GZIP)
        if start.startswith(_ZIP):
            raise InvalidInputError(
                f"{path} is a ZIP file or a spreadsheet: save it as CSV (or as Parquet)"
            )
        if not self._is_parquet and not self._is_gzip and b"\0" in start:
            raise InvalidInputError(f"{path} is neither CSV in UTF-8 nor Parquet")
        if self._is_parquet:
            self.header, self.estimated_rows = _parquet_header(path)
        else:
            with self._open() as text:
                first = text.readline()
            self._delimiter = max(_DELIMITERS, key=first.count)
            self.header = next(csv.reader(io.StringIO(first), delimiter=self._delimiter), [])
            size = path.stat().st_size * (6 if self._is_gzip else 1)
            self.estimated_rows = size // _BYTES_A_ROW
        if not self.header:
            raise InvalidInputError(f"{path} is empty: it needs a first line with column names")

    @property
    def row_name(self) -> str:
        """What the number of a row counts."""
        return "row" if self._is_parquet else "line"

    def blocks(self, rows: int = ROWS_A_BLOCK) -> Iterator[Block]:
        """All rows, a block at a time.

        Raises ``InvalidInputError`` for a compressed file that is damaged.
        """
        if self._is_parquet:
            yield from _parquet_blocks(self.path, self.header, rows)
            return
        try:
            with self._open() as text:
                yield from _csv_blocks(text, len(self.header), self._delimiter, rows)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InvalidInputError(f"{self.path}: damaged gzip file ({error})") from error

    @contextmanager
    def _open(self) -> Iterator[TextIO]:
        # Bytes that are no UTF-8 become lone surrogates, so that only their row is refused.
        options: dict[str, Any] = {
            "mode": "rt",
            "encoding": "utf-8-sig",
            "errors": "surrogateescape",
            "newline": "",
        }
        opener: Any = gzip.open if self._is_gzip else open
        with opener(self.path, **options) as file:
            yield file


def _csv_blocks(text: TextIO, width: int, delimiter: str, rows: int) -> Iterator[Block]:
    read = _lines_of_a_record(text, delimiter)
    while lines := list(itertools.islice(text, rows)):
        columns = _plain_columns(lines, width, delimiter)
        if columns is not None:
            yield Block(np.arange(read + 1, read + 1 + len(lines)), columns)
            read += len(lines)
            continue
        # A record at the end of these lines may go on in the next ones.
        reader = csv.reader(itertools.chain(lines, text), delimiter=delimiter)
        yield _block_of_records(reader, read, len(lines), width)
        read += reader.line_num


def _lines_of_a_record(text: TextIO, delimiter: str) -> int:
    """Passes over the first record, the header; how many lines it has."""
    reader = csv.reader(text, delimiter=delimiter)
    next(reader, None)
    return reader.line_num


def _plain_columns(lines: Sequence[str], width: int, delimiter: str) -> list[NDArray[Any]] | None:
    """The cells of lines without anything to understand in them: each is a row of ``width`` cells,
    none of them quoted. None: there is something."""
    together = "".join(lines)
    if "\r" in together:
        together = together.replace("\r\n", "\n")
    if (
        width == 1
        or '"' in together
        or "\r" in together
        or max(map(len, lines)) > csv.field_size_limit()
        or any(line.count(delimiter) != width - 1 for line in lines)
    ):
        return None
    cells = together.removesuffix("\n").replace("\n", delimiter).split(delimiter)
    return [_texts(cells[place::width]) for place in range(width)]


def _block_of_records(reader: Any, before: int, lines: int, width: int) -> Block:
    """The records that begin in so many lines; ``before`` is how many lines came before them."""
    cells: list[list[str]] = []
    numbers: list[int] = []
    malformed: list[Rejection] = []
    while reader.line_num < lines:
        try:
            row = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            malformed.append(Rejection(before + reader.line_num, f"not CSV: {error}", []))
            continue
        if len(row) == width:
            cells.append(row)
            numbers.append(before + reader.line_num)
        elif row:  # a blank line is no row
            reason = f"{len(row)} cells, the header has {width}"
            malformed.append(Rejection(before + reader.line_num, reason, row))
    return _block(numbers, cells, width, malformed)


def _block(
    lines: list[int], cells: Sequence[Sequence[str]], width: int, malformed: list[Rejection]
) -> Block:
    by_column = list(zip(*cells, strict=True)) if cells else [()] * width
    columns = [_texts(column) for column in by_column]
    return Block(np.array(lines, dtype=np.int64), columns, malformed)


def _texts(values: Sequence[str]) -> NDArray[Any]:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@contextmanager
def _duckdb(path: Path) -> Iterator[Any]:
    import duckdb

    with duckdb.connect(
        config={
            "memory_limit": "512MB",
            "threads": 1,
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
    ) as connection:
        try:
            yield connection
        except duckdb.Error as error:
            raise InvalidInputError(f"{path}: Parquet that cannot be read: {error}") from error


def _parquet_header(path: Path) -> tuple[list[str], int]:
    with _duckdb(path) as connection:
        described = connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)])
        header = [str(row[0]) for row in described.fetchall()]
        counted = connection.execute("SELECT count(*) FROM read_parquet(?)", [str(path)])
        return header, int(counted.fetchone()[0])


def _parquet_blocks(path: Path, header: Sequence[str], rows: int) -> Iterator[Block]:
    with _duckdb(path) as connection:
        described = connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)])
        kinds = {str(row[0]): str(row[1]) for row in described.fetchall()}
        wanted = ", ".join(_as_text(name, kinds[name]) for name in header)
        result = connection.execute(
            f"SELECT {wanted} FROM read_parquet(?, binary_as_string = true)",  # noqa: S608 - quoted names
            [str(path)],
        )
        number = 1
        while cells := result.fetchmany(rows):
            yield _block(list(range(number, number + len(cells))), cells, len(header), [])
            number += len(cells)


def _as_text(name: str, kind: str) -> str:
    """SQL for a column's values as texts; empty for NULL, and for a float that is no number."""
    column = _quoted(name)
    if kind in ("FLOAT", "DOUBLE"):
        return f"CASE WHEN isnan({column}) THEN '' ELSE coalesce(CAST({column} AS VARCHAR), '') END"
    if kind == "TIMESTAMP WITH TIME ZONE":
        # An instant in UTC, whatever zone the session has.
        column = f"make_timestamp(epoch_us({column}))"
    return f"coalesce(CAST({column} AS VARCHAR), '')"
