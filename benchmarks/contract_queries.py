"""How long the queries take that dashboards and the API make, on a large warehouse.

``python -m benchmarks.contract_queries [--url URL | --warehouse URL] [--products N] [--days N]
[--publish N]``: a database is filled with the snapshots of 200,000 products over 50 days
(10,000,000 of them, listings of some 600 bytes), and features, scores, alerts, summaries and marts
of the newest day are made by their own rebuilds. Then each query runs for random products, groups
and words:

- *cold*: 40 times each after the system's cache was dropped (where that is allowed: Linux, root);
  PostgreSQL's own cache of 128 MB holds what it happened to read last;
- *warm*: 500 times each, the first 50 not counted;
- *under writes*: as in use, in turn, first alone and then while another process makes the partition
  of a month and publishes 1,000,000 snapshots into it.

Each query's plan is looked at: which partitions of the large facts it reads. Without ``--url`` a
server is started for the time of the benchmark, on a disk (fsync is off). ``--warehouse URL`` is a
database that stays: filled when it is new, measured as it is when it is not, so that the hour of
filling need not be an idle one.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from psycopg.rows import tuple_row
from sqlalchemy import func, select
from sqlalchemy.engine import make_url

from benchmarks.generated_history import fill
from insights_assets.alerts.rebuild import rebuild_alerts
from insights_assets.competition.rebuild import rebuild_scores
from insights_assets.features.rebuild import rebuild_features
from insights_assets.serving.marts import refresh_marts
from insights_assets.serving.product_summaries import rebuild_product_summaries
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.frames import own_columns
from insights_resources.warehouse.publication import Part, Publication, is_current
from insights_resources.warehouse.schema import migrate
from tests.servers import fresh_database, postgres_server

LAST_DAY = date(2026, 3, 20)
SEED = 7
WARM, FIRST_RUNS = 500, 50
COLD = 40
ALONE_SECONDS = 60
ROWS_AT_ONCE = 50_000
WORDS = [
    "kettle",
    "temperature",
    "cordless",
    "borosilicate",
    "family",
    "tea",
    "filter",
    "protection",
]

Parameters = dict[str, Any]


@dataclass(frozen=True)
class Query:
    """One statement of a consumer, and where its parameters come from."""

    name: str
    sql: str
    parameters: Callable[[random.Random, Known], Parameters]


@dataclass(frozen=True)
class Known:
    """What may be asked for."""

    products: list[tuple[str, str]]
    groups: list[str]


def _product(chance: random.Random, known: Known) -> Parameters:
    marketplace, asin = chance.choice(known.products)
    return {"marketplace": marketplace, "asin": asin, "since": LAST_DAY - timedelta(days=90)}


def _group(chance: random.Random, known: Known) -> Parameters:
    return {"group": chance.choice(known.groups), "day": LAST_DAY}


def _day(chance: random.Random, known: Known) -> Parameters:
    return {"day": LAST_DAY, "after": chance.randrange(0, 50) * 100}


def _words(chance: random.Random, known: Known) -> Parameters:
    return {"query": " ".join(chance.sample(WORDS, 2))}


def _title(chance: random.Random, known: Known) -> Parameters:
    return {"query": chance.choice(known.products)[1]}


QUERIES = (
    Query(
        "latest snapshot of an ASIN",
        "SELECT * FROM insights.product_snapshots "
        "WHERE marketplace = %(marketplace)s AND asin = %(asin)s "
        "ORDER BY captured_at DESC LIMIT 1",
        _product,
    ),
    Query(
        "90 days of prices of an ASIN",
        "SELECT captured_at, currency, price, availability FROM insights.product_snapshots "
        "WHERE marketplace = %(marketplace)s AND asin = %(asin)s AND day >= %(since)s "
        "ORDER BY captured_at",
        _product,
    ),
    Query(
        "summary of an ASIN",
        "SELECT * FROM insights.product_summaries "
        "WHERE marketplace = %(marketplace)s AND asin = %(asin)s",
        _product,
    ),
    Query(
        "leaderboard of a group (mart)",
        "SELECT * FROM insights.mart_group_leaderboard "
        "WHERE group_id = %(group)s AND is_latest_day = 1 ORDER BY position",
        _group,
    ),
    Query(
        "scores of a group on a day",
        "SELECT * FROM insights.competitive_scores "
        "WHERE group_id = %(group)s AND day = %(day)s ORDER BY method, position",
        _group,
    ),
    Query(
        "a page of the alerts of a day",
        "SELECT * FROM insights.alerts WHERE day = %(day)s "
        "ORDER BY severity, alert_id LIMIT 100 OFFSET %(after)s",
        _day,
    ),
    Query(
        "search for two words of many products",
        "SELECT * FROM insights.search_products(%(query)s)",
        _words,
    ),
    Query(
        "search for a word of one product",
        "SELECT * FROM insights.search_products(%(query)s)",
        _title,
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", help="a PostgreSQL server on which databases may be made")
    parser.add_argument("--products", type=int, default=200_000)
    parser.add_argument("--days", type=int, default=50)
    parser.add_argument("--publish", type=int, default=1_000_000)
    parser.add_argument("--warehouse", help="a warehouse's URL: filled once, and kept")
    parser.add_argument("--only-fill", action="store_true", help="measure another time")
    options = parser.parse_args()
    with ExitStack() as stack:
        if options.warehouse:
            database = options.warehouse
        else:
            url = options.url or stack.enter_context(postgres_server(in_memory=False))
            database = stack.enter_context(fresh_database(url))
        warehouse = Warehouse.open(database)
        migrate(warehouse)
        known = _known(warehouse)
        if not known.products:
            _fill(warehouse, options.products, options.days)
            known = _known(warehouse)
        warehouse.dispose()
        if not options.only_fill:
            _measure(database, known, options.publish)


def _measure(database: str, known: Known, publish: int) -> None:
    _show_plans(database, known)
    with _reader(database) as read:
        for query in QUERIES if _drop_system_cache() else ():
            _report(query, _times(read, query, known, COLD, 1))
    print("\nwarm")
    with _reader(database) as read:
        for query in QUERIES:
            _report(query, _times(read, query, known, WARM, 2)[FIRST_RUNS:])
    _under_writes(database, known, publish)


def _fill(warehouse: Warehouse, products: int, days: int) -> None:
    began = time.perf_counter()
    history = fill(warehouse, products, LAST_DAY, days, SEED, short_listings=True)
    print(f"{history.snapshots:,} snapshots in {time.perf_counter() - began:.0f} s", flush=True)
    newest = Scope.of_day(LAST_DAY)
    steps: dict[str, Callable[[], Any]] = {
        "features": lambda: rebuild_features(warehouse, newest),
        "scores": lambda: rebuild_scores(warehouse, newest),
        "alerts": lambda: rebuild_alerts(warehouse, newest),
        "summaries and search": lambda: rebuild_product_summaries(warehouse, None),
        "marts": lambda: list(refresh_marts(warehouse)),
    }
    for name, step in steps.items():
        began = time.perf_counter()
        step()
        print(f"{name} of {products:,} products in {time.perf_counter() - began:.0f} s", flush=True)
    with warehouse.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")


def _known(warehouse: Warehouse) -> Known:
    with warehouse.read() as connection:
        products = connection.execute(select(tables.products.c.marketplace, tables.products.c.asin))
        return Known(
            [(row.marketplace, row.asin) for row in products],
            list(connection.scalars(select(tables.competitive_groups.c.group_id))),
        )


Read = Callable[[Query, Parameters], list[tuple[Any, ...]]]


@contextmanager
def _reader(database: str) -> Iterator[Read]:
    """A consumer's connection as docs/operations.md sets it up, which reads each answer whole."""
    address = make_url(database).set(drivername="postgresql")
    with psycopg.connect(
        address.render_as_string(hide_password=False), autocommit=True, row_factory=tuple_row
    ) as connection:
        connection.execute("SET plan_cache_mode = force_custom_plan")
        yield lambda query, parameters: connection.execute(query.sql, parameters).fetchall()


def _times(read: Read, query: Query, known: Known, runs: int, seed: int) -> list[float]:
    """Seconds of each run."""
    chance = random.Random(seed)
    return [_timed(read, query, query.parameters(chance, known)) for _ in range(runs)]


def _timed(read: Read, query: Query, parameters: Parameters) -> float:
    began = time.perf_counter()
    read(query, parameters)
    return time.perf_counter() - began


def _report(query: Query, seconds: list[float]) -> None:
    median, p95, p99 = 1000 * np.percentile(seconds, (50, 95, 99))
    print(f"  {query.name:40s} median {median:7.2f}  p95 {p95:7.2f}  p99 {p99:7.2f} ms", flush=True)


def _show_plans(database: str, known: Known) -> None:
    """Which tables, or partitions, each query's plan reads."""
    chance = random.Random(3)
    with _reader(database) as read:
        for query in QUERIES:
            explained = Query(query.name, f"EXPLAIN (FORMAT JSON) {query.sql}", query.parameters)
            ((plan,),) = read(explained, query.parameters(chance, known))
            scans = sorted(set(_relations(plan[0]["Plan"])))
            print(f"  {query.name:40s} reads {', '.join(scans) or 'what the function reads'}")


def _relations(node: dict[str, Any]) -> Iterator[str]:
    if "Relation Name" in node:
        yield f"{node['Relation Name']} ({node['Node Type']})"
    for child in node.get("Plans", ()):
        yield from _relations(child)


def _drop_system_cache() -> bool:
    try:
        Path("/proc/sys/vm/drop_caches").write_text("3")
    except OSError as error:
        print(f"\ncold: not measured, the system's cache cannot be dropped ({error})")
        return False
    print("\ncold")
    return True


# --- under writes --------------------------------------------------------------------------------


def _under_writes(database: str, known: Known, rows: int) -> None:
    deadline = time.monotonic() + ALONE_SECONDS
    alone = _in_turn(database, known, lambda: time.monotonic() < deadline)
    writer = multiprocessing.get_context("spawn").Process(target=_publish, args=(database, rows))
    writer.start()
    beside = _in_turn(database, known, writer.is_alive)
    writer.join()
    if writer.exitcode:
        raise RuntimeError("the publication failed")
    print("\nunder writes: the same queries in turn, alone and beside the publication")
    for query in QUERIES:
        before, after = (np.percentile(each[query.name], 99) for each in (alone, beside))
        print(
            f"  {query.name:40s} p99 {1000 * before:7.2f} -> {1000 * after:7.2f} ms: "
            f"{after / before:4.1f} times ({len(beside[query.name])} runs)"
        )


def _in_turn(database: str, known: Known, goes_on: Callable[[], bool]) -> dict[str, list[float]]:
    chance = random.Random(4)
    taken: dict[str, list[float]] = {query.name: [] for query in QUERIES}
    with _reader(database) as read:
        while goes_on():
            for query in QUERIES:
                taken[query.name].append(_timed(read, query, query.parameters(chance, known)))
                time.sleep(0.005)
    return taken


def _publish(database: str, rows: int) -> None:
    """Publishes so many snapshots as those of a month that has no partition yet."""
    warehouse, table = Warehouse.open(database), tables.product_snapshots
    with warehouse.read() as connection:
        newest = connection.scalar(select(func.max(table.c.day)))
    target = (newest.replace(day=1) + timedelta(days=45)).replace(day=15)
    columns = [table.c[name] for name in own_columns(table)]
    began, written = time.perf_counter(), 0
    try:
        with (
            warehouse.writer_lock(table, target, target),
            Publication(
                warehouse, table, scope=Scope.of_day(target), code_version="benchmark"
            ) as build,
            warehouse.read() as connection,
        ):
            query = select(*columns).where(is_current(table)).limit(rows)
            for number, frame in enumerate(
                warehouse.stream_frames(query, connection, ROWS_AT_ONCE)
            ):
                shift = np.datetime64(target) - frame["day"].to_numpy("datetime64[D]")
                moved = frame.assign(
                    day=frame["day"] + shift,
                    captured_at=frame["captured_at"] + shift,
                )
                # Each part covers its own pages: none of them stands yet.
                pages = moved["page_id"]
                build.add(
                    Part(moved, (table.c.day == target) & (table.c.page_id == f"part-{number}"))
                )
                written += len(pages)
            build.publish()
        seconds = time.perf_counter() - began
        print(f"\n{written:,} snapshots published in {seconds:.0f} s", flush=True)
    finally:
        warehouse.dispose()


if __name__ == "__main__":
    main()
