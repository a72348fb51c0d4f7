"""An open warehouse: connections, frames in and out, and the lock of a writer."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from filelock import FileLock
from sqlalchemy import Connection, Engine, Select, Table, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.types import JSON

from insights_resources.errors import ConfigurationError, WarehouseError
from insights_resources.warehouse.column_types import MONEY_SCALE, Money, dump_json
from insights_resources.warehouse.frames import as_series, from_minor
from insights_resources.warehouse.tables import INTERNAL_SCHEMA

#: How long a statement waits for SQLite's one writer, in seconds.
_SQLITE_BUSY_SECONDS = 60
#: How long a rebuild waits for another writer of its days, in seconds.
_LOCK_SECONDS = 600
_ROWS_AT_ONCE = 5_000


class Warehouse:
    """A warehouse that can be read and written; made by ``open``."""

    def __init__(self, engine: Engine) -> None:
        self.is_postgres = engine.dialect.name == "postgresql"
        self.engine = (
            engine
            if self.is_postgres
            else engine.execution_options(schema_translate_map={INTERNAL_SCHEMA: None})
        )

    @classmethod
    def open(cls, url: str) -> Warehouse:
        """The warehouse at ``postgresql+psycopg://...`` or ``sqlite:///file`` (its folder is made).

        Nothing is connected yet. Raises ``ConfigurationError`` for another kind of address.
        """
        parsed = make_url(url)
        if parsed.drivername == "postgresql+psycopg":
            # Without server-side prepared statements, for poolers in transaction mode.
            return cls(
                create_engine(parsed, pool_pre_ping=True, connect_args={"prepare_threshold": None})
            )
        if parsed.drivername == "sqlite" and parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
            engine = create_engine(parsed, connect_args={"timeout": _SQLITE_BUSY_SECONDS})
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
            return cls(engine)
        raise ConfigurationError(
            f"a warehouse cannot be at {parsed.drivername}: give postgresql+psycopg:// or "
            f"sqlite:///file"
        )

    def dispose(self) -> None:
        """Closes its connections."""
        self.engine.dispose()

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction: committed at the end, rolled back by an exception."""
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads: one consistent view, which waits for no writer."""
        with self.engine.connect() as connection:
            reading = connection.execution_options(insights_reads_only=True)
            with reading.begin():
                yield reading

    def read_frame(self, query: Select[Any], connection: Connection | None = None) -> pd.DataFrame:
        """The query's rows as a frame, with the dtypes of ``frames`` by its columns' types."""
        if connection is None:
            with self.read() as own:
                return self.read_frame(query, own)
        result = connection.execute(query)
        rows = result.fetchall()
        columns = list(query.selected_columns)
        values: list[Any] = list(zip(*rows, strict=True)) if rows else [()] * len(columns)
        series = {}
        for column, raw in zip(columns, values, strict=True):
            data: list[Any] = list(raw)
            if isinstance(column.type, Money):
                data = [None if v is None else int(v.scaleb(MONEY_SCALE)) for v in data]
            series[column.name] = as_series(data, column)
        return pd.DataFrame(series)

    def insert_frame(self, connection: Connection, table: Table, frame: pd.DataFrame) -> int:
        """Appends the frame's rows: COPY on PostgreSQL, many rows a statement on SQLite.

        Returns the number of rows. The frame has the dtypes of ``frames``, and any of the table's
        columns.
        """
        if frame.empty:
            return 0
        if self.is_postgres:
            self._copy(connection, table, frame)
            return len(frame)
        names = list(frame.columns)
        columns = [_bind_values(frame[name], table, name) for name in names]
        statement = table.insert()
        for start in range(0, len(frame), _ROWS_AT_ONCE):
            block = [column[start : start + _ROWS_AT_ONCE] for column in columns]
            connection.execute(
                statement, [dict(zip(names, row, strict=True)) for row in zip(*block, strict=True)]
            )
        return len(frame)

    def _copy(self, connection: Connection, table: Table, frame: pd.DataFrame) -> None:
        from psycopg import sql

        names = list(frame.columns)
        columns = [_copy_values(frame[name], table, name) for name in names]
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
            sql.Identifier(INTERNAL_SCHEMA, table.name),
            sql.SQL(", ").join(map(sql.Identifier, names)),
        )
        driver = connection.connection.driver_connection
        if driver is None:
            raise WarehouseError("the connection to PostgreSQL is closed")
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in zip(*columns, strict=True):
                copy.write_row(row)

    @contextmanager
    def writer_lock(
        self, table: Table, first_day: date | None, last_day: date | None
    ) -> Iterator[None]:
        """Held by the one writer of these days of a table (no days: of all of it).

        Advisory locks on PostgreSQL, in a transaction of their own; a lock file beside the database
        on SQLite, which has one writer at a time anyway. Waits up to ten minutes.
        """
        if not self.is_postgres:
            database = self.engine.url.database
            with FileLock(f"{database}.{table.name}.lock", timeout=_LOCK_SECONDS):
                yield
            return
        with self.engine.begin() as connection:
            connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'"))
            # Always in the order of the days: two writers cannot wait for each other.
            for key in _lock_keys(table.name, first_day, last_day):
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})
            yield


def _lock_keys(table_name: str, first_day: date | None, last_day: date | None) -> list[int]:
    names = [table_name]
    if first_day is not None and last_day is not None:
        names = [
            f"{table_name}/{first_day + timedelta(days=offset)}"
            for offset in range((last_day - first_day).days + 1)
        ]
    return [
        int.from_bytes(hashlib.sha256(f"insights/{name}".encode()).digest()[:8], signed=True)
        for name in names
    ]


def _prepare_sqlite(connection: Any, record: Any) -> None:
    # SQLAlchemy begins transactions itself (see _begin_sqlite): the driver would only begin one
    # before a write, and two readers that both go on to write would end in a deadlock error.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    reads_only = connection.get_execution_options().get("insights_reads_only", False)
    connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")


def _bind_values(series: pd.Series, table: Table, name: str) -> list[Any]:
    """A column's values as SQLAlchemy binds them."""
    if isinstance(table.c[name].type, Money):
        return [from_minor(value) for value in series]
    if isinstance(series.dtype, pd.DatetimeTZDtype):
        return [None if value is pd.NaT else value.to_pydatetime() for value in series]
    if series.dtype.kind == "M":
        return [None if value is pd.NaT else value.date() for value in series]
    missing = series.isna() if series.dtype != "object" else series.map(lambda v: v is None)
    return [
        None if is_missing else (value.item() if isinstance(value, np.generic) else value)
        for value, is_missing in zip(series, missing, strict=True)
    ]


def _copy_values(series: pd.Series, table: Table, name: str) -> list[Any]:
    """A column's values as COPY writes them (a zero byte cannot be stored and is left out)."""
    values = _bind_values(series, table, name)
    if isinstance(table.c[name].type, JSON):
        return [None if v is None else dump_json(v).replace("\\u0000", "") for v in values]
    if series.dtype == "str":
        return [v.replace("\x00", "") if isinstance(v, str) else v for v in values]
    return values
