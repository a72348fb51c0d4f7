"""How fast snapshots are loaded, against bare COPY and against pandas.

``python -m benchmarks.load [--rows N] [--runs N] [--sample N] [--url URL]``: generated snapshots of
31 days (2 KB each, 1,000,000 of them unless told) are written into the empty, partitioned table
with all its indexes, each time by

- bare COPY: a file in COPY's text format with every column ready, sent as it is;
- ``insert_frame`` of frames that are conformed and hashed already;
- ``publish``, the platform's way: a build for each day, of a frame as the parser gives it, which is
  conformed, hashed, compared with what stands, and written and made current in one transaction.

Time in which the benchmark itself reads the next day's frame is not counted.

They take turns, so that other load meets all of them. ``DataFrame.to_sql(method="multi")`` writes a
sample of the rows into the same table, and its rate is taken for that of all rows.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
from sqlalchemy import MetaData, select, text

from benchmarks.generated_history import fill
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.frames import (
    conform,
    from_minor,
    json_as_text,
    own_columns,
    row_hashes,
)
from insights_resources.warehouse.publication import publish
from insights_resources.warehouse.schema import migrate
from tests.servers import fresh_database, postgres_server

TABLE = tables.product_snapshots
LAST_DAY = date(2026, 3, 31)
DAYS = 31
SEED = 7
_BLOCK = 1 << 20
_STAGED = "staged_snapshots"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", help="a PostgreSQL server on which databases may be made")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--sample", type=int, default=5_000)
    options = parser.parse_args()
    server = nullcontext(options.url) if options.url else postgres_server()
    with server as url, fresh_database(url) as database, tempfile.TemporaryDirectory() as folder:
        warehouse = Warehouse.open(database)
        try:
            _measure(warehouse, Path(folder) / "rows", options.rows, options.runs, options.sample)
        finally:
            warehouse.dispose()


def _measure(warehouse: Warehouse, file: Path, rows: int, runs: int, sample: int) -> None:
    migrate(warehouse)
    fill(warehouse, -(-rows // DAYS), LAST_DAY, DAYS, SEED)
    rows = _stage(warehouse, file, rows)
    print(f"{rows:,} snapshots, {file.stat().st_size / rows:.0f} bytes each", flush=True)
    ways = {
        "bare COPY": lambda: _copy(warehouse, file),
        "insert_frame": lambda: _insert_frames(warehouse),
        "publish": lambda: _publish(warehouse),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(runs):
        for name, way in ways.items():
            _empty(warehouse)
            cpu = time.process_time()
            seconds[name].append(way())
            print(
                f"  {name:14s} {seconds[name][-1]:7.1f} s  "
                f"{time.process_time() - cpu:6.1f} s of CPU here, its reading too",
                flush=True,
            )
            _check(warehouse, rows, name)
    medians = {name: statistics.median(some) for name, some in seconds.items()}
    bare = medians["bare COPY"]
    for name, median in medians.items():
        print(f"{name}: median {median:.1f} s, {rows / median:,.0f} rows/s, {bare / median:.0%}")
    _empty(warehouse)
    sampled = _to_sql(warehouse, sample) * rows / sample
    print(
        f"to_sql(method='multi'), from {sample:,} rows: {sampled:.0f} s; that / publish: "
        f"{sampled / medians['publish']:.1f}"
    )


def _stage(warehouse: Warehouse, file: Path, rows: int) -> int:
    """Puts the table's rows into another and into a file, and empties it; how many they are."""
    names = ", ".join(own_columns(TABLE))
    written = ", ".join(column.name for column in TABLE.columns)
    with warehouse.begin() as connection:
        connection.execute(
            text(f"CREATE TABLE {_STAGED} AS SELECT {names} FROM {TABLE} LIMIT {rows}")  # noqa: S608
        )
        connection.execute(text(f"CREATE INDEX ON {_STAGED} (day)"))
        driver = connection.connection.driver_connection
        assert driver is not None
        with (
            driver.cursor() as cursor,
            cursor.copy(f"COPY (SELECT {written} FROM {TABLE} LIMIT {rows}) TO STDOUT") as copy,  # noqa: S608
            file.open("wb") as output,
        ):
            for block in copy:
                output.write(block)
        return int(connection.scalar(text(f"SELECT count(*) FROM {_STAGED}")) or 0)  # noqa: S608


def _empty(warehouse: Warehouse) -> None:
    with warehouse.begin() as connection:
        connection.execute(text(f"TRUNCATE {TABLE}"))
    with warehouse.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CHECKPOINT"))


def _check(warehouse: Warehouse, rows: int, name: str) -> None:
    with warehouse.read() as connection:
        found = connection.scalar(text(f"SELECT count(*) FROM {TABLE}"))  # noqa: S608
    if found != rows:
        raise AssertionError(f"{name} wrote {found} rows instead of {rows}")


def _copy(warehouse: Warehouse, file: Path) -> float:
    began = time.perf_counter()
    written = ", ".join(column.name for column in TABLE.columns)
    with warehouse.begin() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        with (
            driver.cursor() as cursor,
            cursor.copy(f"COPY {TABLE} ({written}) FROM STDIN") as copy,
            file.open("rb") as source,
        ):
            while block := source.read(_BLOCK):
                copy.write(block)
    return time.perf_counter() - began


def _insert_frames(warehouse: Warehouse) -> float:
    seconds = 0.0
    with warehouse.begin() as connection:
        for frame in _frames(warehouse):
            conformed = json_as_text(conform(frame, TABLE), TABLE)
            ready = conformed.assign(
                build_id=1,
                row_hash=row_hashes(conformed, TABLE),
                recorded_at=pd.Timestamp("2026-04-01T01:00:00Z").as_unit("us"),
            )
            began = time.perf_counter()
            warehouse.insert_frame(connection, TABLE, ready)
            seconds += time.perf_counter() - began
        began = time.perf_counter()
    return seconds + time.perf_counter() - began


def _publish(warehouse: Warehouse) -> float:
    seconds = 0.0
    for frame in _frames(warehouse):
        began = time.perf_counter()
        day = frame["day"].iloc[0].date()
        with warehouse.writer_lock(TABLE, day, day):
            publish(
                warehouse,
                TABLE,
                frame,
                covers=TABLE.c.day == day,
                scope=Scope.of_day(day),
                code_version="benchmark",
            )
        seconds += time.perf_counter() - began
    return seconds


def _frames(warehouse: Warehouse) -> Iterator[pd.DataFrame]:
    """The staged rows by day, with JSON as documents."""
    staged = TABLE.to_metadata(MetaData(), schema=None, name=_STAGED)
    with warehouse.read() as connection:
        days = connection.scalars(select(staged.c.day).distinct().order_by(staged.c.day)).all()
    for day in days:
        yield warehouse.read_frame(
            select(*(staged.c[name] for name in own_columns(TABLE))).where(staged.c.day == day)
        )


def _to_sql(warehouse: Warehouse, sample: int) -> float:
    """Seconds for a sample."""
    frame = next(_frames(warehouse)).head(sample)
    plain = pd.DataFrame(
        {
            name: series.map(from_minor) if name in _MONEY else series
            for name, series in frame.items()
        }
    )
    ready = plain.assign(build_id=1, row_hash=0, recorded_at=datetime.now(UTC))
    ready["day"] = ready["day"].dt.date
    began = time.perf_counter()
    ready.to_sql(
        TABLE.name,
        warehouse.engine,
        schema=TABLE.schema,
        if_exists="append",
        index=False,
        method="multi",
        chunksize=1_000,
        dtype={name: TABLE.c[name].type for name in ready.columns},
    )
    return time.perf_counter() - began


_MONEY = [c.name for c in TABLE.columns if type(c.type).__name__ == "Money"]


if __name__ == "__main__":
    main()
