"""An open warehouse: connections, frames in and out, and the lock of a writer."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock, Timeout
from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Engine,
    Select,
    Table,
    create_engine,
    event,
    text,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from insights_resources.errors import (
    ConfigurationError,
    WarehouseError,
    WarehouseUnreachableError,
)
from insights_resources.warehouse.binary_copy import frame_from_rows, rows_of_copy
from insights_resources.warehouse.driver_values import (
    blocks,
    constants_first,
    copy_text,
    series_from_sqlite,
    sqlite_rows,
)
from insights_resources.warehouse.partitions import is_partitioned, missing_months
from insights_resources.warehouse.sql_functions import fingerprint, sqlite_fingerprint
from insights_resources.warehouse.tables import INTERNAL_SCHEMA

#: Rows that are read, and turned into columns, at once.
_ROWS_OF_A_PART = 200_000
#: How long a statement waits for SQLite's one writer, in seconds.
_SQLITE_BUSY_SECONDS = 60
#: How long a rebuild waits for another writer of its days, in seconds.
_LOCK_SECONDS = 600
#: How long a statement of a consumer may take, in seconds, unless the settings say otherwise.
READ_SECONDS = 30
#: Connections that a process keeps, and how many more it may open while all are in use. A rebuild
#: has up to three at once.
_CONNECTIONS, _MORE_CONNECTIONS = 5, 10
#: How long to wait for a connection, and how old one gets, in seconds.
_CONNECT_SECONDS, _CONNECTION_SECONDS = 10, 1800
#: Arguments of libpq: a server that is gone without a word is noticed within a minute.
_NETWORK: dict[str, int] = {
    "connect_timeout": _CONNECT_SECONDS,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}
#: How long a replica that failed is left alone, in seconds.
_REST_SECONDS = 10
#: PostgreSQL's SQLSTATE for a lock that was not to be had in time.
_LOCK_NOT_AVAILABLE = "55P03"
#: A writer of more days than this locks the whole table: a server has a bounded number of locks.
_LOCKED_DAYS = 120


class Warehouse:
    """A warehouse that can be read and written; made by ``open``.

    ``replica``: where consumers may read instead (see ``consumer_reads``); ``read_seconds``: how
    long a statement of theirs may take.
    """

    def __init__(self, engine: Engine) -> None:
        self.replica: Warehouse | None = None
        self.read_seconds: float = READ_SECONDS
        self._rests_until = 0.0
        self.is_postgres = engine.dialect.name == "postgresql"
        self.engine = (
            engine
            if self.is_postgres
            else engine.execution_options(schema_translate_map={INTERNAL_SCHEMA: None})
        )

    @classmethod
    def open(cls, url: str) -> Warehouse:
        """The warehouse at ``postgresql://...`` or ``sqlite:///file`` (its folder is made).

        Nothing is connected yet. Raises ``ConfigurationError`` for another kind of address, or a
        folder that cannot be made.
        """
        try:
            parsed = make_url(url)
        except (ArgumentError, ValueError) as error:
            # Without the address: it may hold a password.
            raise ConfigurationError(
                "the warehouse's address is not a URL: give postgresql://user:password@host/name "
                "or sqlite:///file"
            ) from error
        if parsed.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
            return cls(
                create_engine(
                    parsed.set(drivername="postgresql+psycopg"),
                    pool_pre_ping=True,
                    pool_size=_CONNECTIONS,
                    max_overflow=_MORE_CONNECTIONS,
                    pool_timeout=_CONNECT_SECONDS,
                    pool_recycle=_CONNECTION_SECONDS,
                    connect_args={
                        # Without server-side prepared statements, for poolers in transaction mode.
                        "prepare_threshold": None,
                        # What the address says itself goes before these.
                        **{
                            name: value
                            for name, value in _NETWORK.items()
                            if name not in parsed.query
                        },
                    },
                )
            )
        if parsed.drivername == "sqlite" and parsed.database:
            folder = Path(parsed.database).parent
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise ConfigurationError(
                    f"the warehouse's folder {folder} cannot be made: {error}"
                ) from error
            engine = create_engine(parsed, connect_args={"timeout": _SQLITE_BUSY_SECONDS})
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
            return cls(engine)
        raise ConfigurationError(
            f"a warehouse cannot be at {parsed.drivername}://: give "
            f"postgresql://user:password@host/name or sqlite:///file"
        )

    def lock_file(self, name: str) -> Path:
        """The file that this name's lock is taken on, in a folder beside the SQLite file."""
        folder = Path(f"{self.engine.url.database}.locks")
        folder.mkdir(exist_ok=True)
        return folder / f"{name}.lock"

    @property
    def address(self) -> str:
        """Where it is, without the password."""
        return self.engine.url.render_as_string(hide_password=True)

    def dispose(self) -> None:
        """Closes its connections, and those of its replica."""
        self.engine.dispose()
        if self.replica is not None:
            self.replica.dispose()

    def rest(self) -> None:
        """Is not asked for a while: a replica that failed."""
        self._rests_until = time.monotonic() + _REST_SECONDS

    @property
    def is_resting(self) -> bool:
        return time.monotonic() < self._rests_until

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction: committed at the end, rolled back by an exception.

        Raises ``WarehouseError`` when the warehouse cannot be reached.
        """
        with self._connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads: one consistent view, which waits for no writer.

        Raises ``WarehouseError`` when the warehouse cannot be reached.
        """
        with self._connect() as connection:
            reading = (
                connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
                if self.is_postgres
                else connection.execution_options(insights_reads_only=True)
            )
            with reading.begin():
                yield reading

    @contextmanager
    def _connect(self) -> Iterator[Connection]:
        try:
            connection = self.engine.connect()
        except DBAPIError as error:
            raise WarehouseUnreachableError(
                f"the warehouse at {self.address} cannot be reached: {error.orig}"
            ) from error
        except PoolTimeout as error:
            raise WarehouseUnreachableError(
                f"all {_CONNECTIONS + _MORE_CONNECTIONS} connections of this process to the "
                f"warehouse were in use for {_CONNECT_SECONDS} seconds: do less at once"
            ) from error
        with connection:
            yield connection

    def read_frame(
        self, query: Select[Any] | CompoundSelect[Any], connection: Connection | None = None
    ) -> pd.DataFrame:
        """The query's rows as a frame, with the dtypes of ``frames`` by its columns' types."""
        if connection is None:
            with self.read() as own:
                return self.read_frame(query, own)
        parts = list(self.stream_frames(query, connection))
        return parts[0] if len(parts) == 1 else pd.concat(parts, ignore_index=True)

    def stream_frames(
        self,
        query: Select[Any] | CompoundSelect[Any],
        connection: Connection,
        rows: int = _ROWS_OF_A_PART,
    ) -> Generator[pd.DataFrame, None, None]:
        """The same in parts of so many rows, in the query's order; at least one part.

        The connection serves nothing else until the last part was taken.
        """
        columns = list(query.selected_columns)
        stream = self._copy_out if self.is_postgres else self._fetch
        yield from stream(query, connection, columns, rows)

    @staticmethod
    def _fetch(
        query: Select[Any] | CompoundSelect[Any],
        connection: Connection,
        columns: Sequence[ColumnElement[Any]],
        rows: int,
    ) -> Iterator[pd.DataFrame]:
        result = connection.execute(query)
        try:
            is_first = True
            # The driver's own rows: SQLAlchemy would convert value by value.
            while (found := result.cursor.fetchmany(rows)) or is_first:
                values = list(zip(*found, strict=True)) if found else [()] * len(columns)
                yield pd.DataFrame(
                    {
                        column.name: series_from_sqlite(raw, column)
                        for column, raw in zip(columns, values, strict=True)
                    }
                )
                is_first = False
        finally:
            result.close()

    @staticmethod
    def _copy_out(
        query: Select[Any] | CompoundSelect[Any],
        connection: Connection,
        columns: Sequence[ColumnElement[Any]],
        rows: int,
    ) -> Iterator[pd.DataFrame]:
        # COPY takes no parameters: SQLAlchemy writes the values as literals of their types, and
        # doubles each % for a driver that would look for parameters.
        compiled = query.compile(
            dialect=connection.dialect, compile_kwargs={"literal_binds": True}
        ).string.replace("%%", "%")
        driver = connection.connection.driver_connection
        if driver is None:
            raise WarehouseError("the connection to PostgreSQL is closed")
        with (
            driver.cursor() as cursor,
            cursor.copy(f"COPY ({compiled}) TO STDOUT (FORMAT binary)".encode()) as copy,
            ThreadPoolExecutor(1) as reader,
        ):
            parts = rows_of_copy(iter(copy), rows)

            def take() -> list[bytes]:
                return next(parts, [])

            # While a part is worked on, the next one is taken: the server works meanwhile.
            ahead = reader.submit(take)
            try:
                part = ahead.result()
                is_first = True
                while part or is_first:
                    ahead = reader.submit(take)
                    yield frame_from_rows(part, columns)
                    is_first, part = False, ahead.result()
            finally:
                wait([ahead])

    def make_partitions(self, table: Table, days: Iterable[date]) -> None:
        """Makes the monthly partitions that rows of these days need, where there are none yet.

        Called before the transaction that writes them: one that has begun need not see partitions
        that came later. Does nothing on SQLite, and for a table that is kept in one piece. Safe
        beside readers, writers and others that make the same ones; waits for none but the last.
        """
        if not self.is_postgres or not is_partitioned(table):
            return
        # Asked each time: another process may have dropped one since (retention).
        with self.begin() as connection:
            months = missing_months(connection, table, days)
        for month in months:
            with self.begin() as connection:
                connection.execute(
                    text(f"SELECT {INTERNAL_SCHEMA}.make_partition(:name, :month)"),
                    {"name": table.name, "month": month},
                )

    def insert_frame(
        self,
        connection: Connection,
        table: Table,
        frame: pd.DataFrame,
        completed: Callable[[pd.DataFrame], pd.DataFrame] | None = None,
    ) -> int:
        """Appends the frame's rows: COPY on PostgreSQL, many rows a statement on SQLite.

        Returns the number of rows. The frame has the dtypes of ``frames``, and any of the table's
        columns. The partitions of its days are there (``make_partitions``). ``completed`` makes the
        rows to write of some of the frame's, a block at a time: what it costs is then spent while
        the server takes in the block before. It gives each block the same columns.
        """
        if frame.empty:
            return 0
        pieces = map(completed, blocks(frame)) if completed else blocks(frame)
        if self.is_postgres:
            self._copy(connection, table, pieces)
        else:
            self._insert(connection, table, pieces)
        return len(frame)

    @staticmethod
    def _insert(connection: Connection, table: Table, pieces: Iterable[pd.DataFrame]) -> None:
        quote = connection.dialect.identifier_preparer.quote
        for piece in pieces:
            names = ", ".join(map(quote, piece.columns))
            places = ", ".join("?" for _ in piece.columns)
            statement = f"INSERT INTO {quote(table.name)} ({names}) VALUES ({places})"  # noqa: S608
            connection.exec_driver_sql(statement, sqlite_rows(piece, table))

    @staticmethod
    def _copy(connection: Connection, table: Table, pieces: Iterable[pd.DataFrame]) -> None:
        from psycopg import sql

        driver = connection.connection.driver_connection
        if driver is None:
            raise WarehouseError("the connection to PostgreSQL is closed")
        pieces = iter(pieces)
        columns: list[str] = []

        def next_text() -> bytes:
            piece = next(pieces, None)
            if piece is None:
                return b""
            if not columns:
                columns.extend(constants_first(piece).columns)
            return copy_text(piece[columns], table).encode()

        relation = [table.schema, table.name] if table.schema else [table.name]
        # While the server takes in a block, the next one is written as text.
        with ThreadPoolExecutor(1) as writer:
            block = next_text()
            statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
                sql.Identifier(*relation), sql.SQL(", ").join(map(sql.Identifier, columns))
            )
            with driver.cursor() as cursor, cursor.copy(statement) as copy:
                while block:
                    ahead = writer.submit(next_text)
                    try:
                        copy.write(block)
                    finally:
                        wait([ahead])
                    block = ahead.result()

    @contextmanager
    def writer_lock(
        self, table: Table, first_day: date | None, last_day: date | None
    ) -> Iterator[None]:
        """Held by the one writer of these days of a table (no days: of all of it).

        Advisory locks on PostgreSQL, in a transaction of their own; a lock file beside the database
        on SQLite, which has one writer at a time anyway. Waits up to ten minutes, then raises
        ``WarehouseError``. Not to be taken twice by one writer.
        """
        days = "" if first_day is None else f", days {first_day} to {last_day}"
        refused = WarehouseError(
            f"another process has been writing {table.name}{days} for {_LOCK_SECONDS // 60} "
            f"minutes: try again when it has ended"
        )
        if not self.is_postgres:
            lock = FileLock(self.lock_file(table.name), timeout=_LOCK_SECONDS)
            try:
                lock.acquire()
            except Timeout as error:
                raise refused from error
            try:
                yield
            finally:
                lock.release()
            return
        with self.begin() as connection:
            connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'"))
            # The rebuild may take long, and this connection has nothing to say meanwhile.
            connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
            try:
                for function, key in _advisory_locks(table.name, first_day, last_day):
                    connection.execute(text(f"SELECT {function}(:key)"), {"key": key})
            except OperationalError as error:
                if getattr(error.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
                    raise refused from error
                raise
            yield

    @contextmanager
    def held(self, name: str) -> Iterator[Callable[[], None]]:
        """Holds a name for the time of the block, or until this process dies: meanwhile
        ``is_held`` says so to everybody. Each name is held by one at most.

        Gives what holds it again after the database went away: to be called when it is back.
        """
        if not self.is_postgres:
            with FileLock(self.lock_file(name)):
                yield lambda: None
            # Nobody holds a name twice: its file would only be in the way.
            self.lock_file(name).unlink(missing_ok=True)
            return
        with ExitStack() as held:

            def hold() -> None:
                connection = held.enter_context(self._connection_that_may_be_lost())
                connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
                connection.execute(
                    text("SELECT pg_advisory_xact_lock(:key)"), {"key": _lock_key(f"held/{name}")}
                )

            hold()
            yield hold

    @contextmanager
    def _connection_that_may_be_lost(self) -> Iterator[Connection]:
        """A transaction that only holds locks: losing it meanwhile is no error at its end."""
        with self._connect() as connection:
            try:
                yield connection
            finally:
                try:
                    connection.rollback()
                except DBAPIError as error:
                    connection.invalidate(error)

    def is_held(self, name: str) -> bool:
        """Whether some process holds the name (see ``held``)."""
        if not self.is_postgres:
            file = self.lock_file(name)
            if not file.exists():
                return False
            try:
                with FileLock(file, timeout=0):
                    return False
            except Timeout:
                return True
        with self.begin() as connection:
            return not connection.scalar(
                text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": _lock_key(f"held/{name}")}
            )


def _advisory_locks(
    table_name: str, first_day: date | None, last_day: date | None
) -> Iterator[tuple[str, int]]:
    """The locks of a writer, as (function, key), always in the order of the days: two writers
    cannot wait for each other. Writers of days share the table's own lock, which a writer of the
    whole table has alone."""
    whole_table = _lock_key(table_name)
    if first_day is None or last_day is None or (last_day - first_day).days >= _LOCKED_DAYS:
        yield "pg_advisory_xact_lock", whole_table
        return
    yield "pg_advisory_xact_lock_shared", whole_table
    for offset in range((last_day - first_day).days + 1):
        yield "pg_advisory_xact_lock", _lock_key(f"{table_name}/{first_day + timedelta(offset)}")


def _lock_key(name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"insights/{name}".encode()).digest()[:8], signed=True)


def _prepare_sqlite(connection: Any, record: Any) -> None:
    # SQLAlchemy begins transactions itself (see _begin_sqlite): the driver would only begin one
    # before a write, and two readers that both go on to write would end in a deadlock error.
    connection.isolation_level = None
    connection.create_function(fingerprint.name, -1, sqlite_fingerprint, deterministic=True)
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    reads_only = connection.get_execution_options().get("insights_reads_only", False)
    connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")
