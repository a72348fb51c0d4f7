"""How long an import of a million rows takes, and what it holds in memory.

``python -m benchmarks.history_import [ROWS]``: two generated histories of that many rows, one with
an observation a row and one with a series a row, of 2,000 products, rows in the order of time; each
imported into an empty warehouse on SQLite and on PostgreSQL, in a process of its own. The peer is
the same file's rows copied into a plain table without any index: COPY on PostgreSQL, many rows a
statement on SQLite. PostgreSQL is the one at ``INSIGHTS_TEST_POSTGRES_URL``, or one that is started
for it.
"""

from __future__ import annotations

import csv
import os
import random
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from sqlalchemy.engine import make_url

from insights_assets.snapshots.history_import.importing import ImportOptions, import_history
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.schema import migrate
from tests.servers import fresh_database, postgres_server

ROWS = 1_000_000
PRODUCTS = 2_000
_FIRST = datetime(2024, 1, 1, tzinfo=UTC)
_MIB = 1024


def write_wide(path: Path, rows: int) -> None:
    """An observation a row: price, rating, ratings and rank, two days apart at most."""
    chance = random.Random(7)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["asin", "captured_at", "price", "rating", "review_count", "sales_rank", "seller"]
        )
        for number in range(rows):
            product, turn = number % PRODUCTS, number // PRODUCTS
            moment = _FIRST + timedelta(days=turn, minutes=product % 1440, seconds=product // 1440)
            price = (
                "" if chance.random() < 0.02 else f"{10 + product % 90}.{chance.randrange(100):02}"
            )
            writer.writerow(
                [
                    f"B{product:09}",
                    f"{moment:%Y-%m-%dT%H:%M:%SZ}",
                    price,
                    f"{3 + product % 20 / 10:.1f}",
                    100 + turn,
                    1 + chance.randrange(90_000),
                    "Ada" if product % 3 else "Bob",
                ]
            )


def write_long(path: Path, rows: int) -> None:
    """A change of one of four series a row."""
    chance = random.Random(7)
    series = ("new", "buy_box_shipping", "sales_rank", "review_count")
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["asin", "series", "time_utc", "value"])
        for number in range(rows):
            product, turn = number % PRODUCTS, number // PRODUCTS
            name = series[(product + turn) % 4]
            moment = _FIRST + timedelta(days=turn, minutes=product % 1440, seconds=product // 1440)
            value = (
                f"{10 + product % 90}.{chance.randrange(100):02}"
                if name in series[:2]
                else str(1 + chance.randrange(90_000))
            )
            writer.writerow([f"B{product:09}", name, f"{moment:%Y-%m-%dT%H:%M:%S}", value])


def import_one(url: str, path: Path) -> None:
    """Imports into a migrated warehouse and prints seconds, snapshots and peak memory."""
    warehouse = Warehouse.open(url)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MIB
    began, worked = time.perf_counter(), time.process_time()
    summary = import_history(
        warehouse,
        path,
        ImportOptions(marketplace="amazon.de"),
        rejects=path.with_suffix(".rejects.csv"),
    )
    seconds, worked = time.perf_counter() - began, time.process_time() - worked
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MIB
    print(
        f"{seconds:.1f} s ({worked:.1f} s of the processor), "
        f"{summary.rows_read / seconds:,.0f} rows/s, "
        f"{summary.added + summary.changed:,} snapshots written of {summary.snapshots:,}, "
        f"{summary.rows_rejected} rejected, peak {peak:.0f} MiB ({before:.0f} before)",
        flush=True,
    )


def copy_to_postgres(url: str, path: Path) -> float:
    """Seconds of a bare COPY of the file into a plain table."""
    names = path.open().readline().strip().split(",")
    columns = ", ".join(f"{name} text" for name in names)
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain) as connection:
        connection.execute(f"CREATE TABLE plain_rows ({columns})")
        began = time.perf_counter()
        with (
            connection.cursor() as cursor,
            cursor.copy("COPY plain_rows FROM STDIN WITH (FORMAT csv, HEADER)") as copy,
            path.open("rb") as file,
        ):
            while block := file.read(1 << 20):
                copy.write(block)
        connection.commit()
        return time.perf_counter() - began


def insert_into_sqlite(database: Path, path: Path) -> float:
    """Seconds of reading the file and inserting its rows into a plain table."""
    with path.open(newline="") as file, sqlite3.connect(database) as connection:
        reader = csv.reader(file)
        names = next(reader)
        connection.execute(f"CREATE TABLE plain_rows ({', '.join(names)})")
        began = time.perf_counter()
        places = ", ".join("?" for _ in names)
        connection.executemany(f"INSERT INTO plain_rows VALUES ({places})", reader)  # noqa: S608
        connection.commit()
        return time.perf_counter() - began


@contextmanager
def _postgres() -> Iterator[str]:
    given = os.environ.get("INSIGHTS_TEST_POSTGRES_URL")
    if given:
        yield given
        return
    with postgres_server() as url:
        yield url


def _in_a_process(url: str, path: Path) -> None:
    subprocess.run(
        [
            sys.executable,
            "-W",
            "ignore",
            "-m",
            "benchmarks.history_import",
            "--one",
            url,
            str(path),
        ],
        check=True,
    )


def main() -> None:
    if sys.argv[1:2] == ["--one"]:
        import_one(sys.argv[2], Path(sys.argv[3]))
        return
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    with tempfile.TemporaryDirectory() as folder, _postgres() as server:
        for kind, write in (("wide", write_wide), ("long", write_long)):
            path = Path(folder) / f"{kind}.csv"
            write(path, rows)
            print(f"{kind}: {rows:,} rows, {path.stat().st_size / 2**20:.0f} MiB")
            database = Path(folder) / f"{kind}.db"
            warehouse = Warehouse.open(f"sqlite:///{database}")
            migrate(warehouse)
            warehouse.dispose()
            for turn in ("SQLite", "SQLite, the same file again"):
                print(f"  {turn}: ", end="", flush=True)
                _in_a_process(f"sqlite:///{database}", path)
            plain = insert_into_sqlite(Path(folder) / f"{kind}-plain.db", path)
            print(f"  SQLite, plain INSERT: {plain:.1f} s")
            with fresh_database(server) as url:
                warehouse = Warehouse.open(url)
                migrate(warehouse)
                warehouse.dispose()
                for turn in ("PostgreSQL", "PostgreSQL, the same file again"):
                    print(f"  {turn}: ", end="", flush=True)
                    _in_a_process(url, path)
                print(f"  PostgreSQL, bare COPY: {copy_to_postgres(url, path):.1f} s")


if __name__ == "__main__":
    main()
