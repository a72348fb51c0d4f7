"""How long rebuilds of many products take, and how much memory.

``python -m benchmarks.rebuild_scale [--url URL] [--products N,N,...] [--all-days]``: for each
number of products (10,000, 30,000 and 100,000) a database is filled with their snapshots of 31
days, and groups of six, a fifth as many as products. Then what a night does is rebuilt: features
(of products and of ranks), scores and alerts of the newest day, over the history that they look
back on. The same is rebuilt again, which must write nothing. ``--all-days`` first rebuilds the
features of the 30 days before, which gives alerts the history that they have in use.

The features of the day are compared with a part of them as one SQL statement, and with a plain loop
over a sample of products. Without ``--url`` (of a server on which databases may be made) a server
is started for the time of the benchmark. Memory is the greatest resident set of this process.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from contextlib import nullcontext
from datetime import date, timedelta

from benchmarks.features_in_sql import differing_values, seconds_in_sql, seconds_of_loop
from benchmarks.generated_history import fill
from insights_assets.alerts.rebuild import rebuild_alerts
from insights_assets.competition.rebuild import rebuild_scores
from insights_assets.features.rebuild import rebuild_features
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import PublishedBuild
from insights_resources.warehouse.schema import migrate
from tests.servers import fresh_database, postgres_server

LAST_DAY = date(2026, 3, 31)
DAYS = 31
SEED = 7
LOOPED = 200

Rebuild = Callable[[Warehouse, Scope], list[PublishedBuild]]

FEATURES, PRODUCTS_ALONE = "features of products and ranks", "features of products alone"
REBUILDS: dict[str, Rebuild] = {
    FEATURES: rebuild_features,
    "scores": lambda warehouse, scope: [rebuild_scores(warehouse, scope)],
    "alerts": lambda warehouse, scope: [rebuild_alerts(warehouse, scope).alerts],
}
AGAIN: dict[str, Rebuild] = {
    **REBUILDS,
    PRODUCTS_ALONE: lambda warehouse, scope: rebuild_features(
        warehouse, scope, [tables.product_features]
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", help="a PostgreSQL server on which databases may be made")
    parser.add_argument("--products", default="10000,30000,100000")
    parser.add_argument("--all-days", action="store_true")
    options = parser.parse_args()
    server = nullcontext(options.url) if options.url else postgres_server()
    with server as url:
        for products in map(int, options.products.split(",")):
            with fresh_database(url) as database:
                warehouse = Warehouse.open(database)
                try:
                    _measure(warehouse, products, all_days=options.all_days)
                finally:
                    warehouse.dispose()


def _measure(warehouse: Warehouse, products: int, *, all_days: bool) -> None:
    migrate(warehouse)
    began = time.perf_counter()
    history = fill(warehouse, products, LAST_DAY, DAYS, SEED)
    print(
        f"\n{products:,} products, {history.snapshots:,} snapshots of {DAYS} days, "
        f"{history.groups:,} groups; written in {time.perf_counter() - began:.0f} s",
        flush=True,
    )
    if all_days:
        before = Scope(history.first_day, LAST_DAY - timedelta(days=1))
        _rebuild(f"{FEATURES}, {DAYS - 1} days", rebuild_features, warehouse, before, products)
    newest = Scope.of_day(LAST_DAY)
    for name, rebuild in REBUILDS.items():
        _rebuild(name, rebuild, warehouse, newest, products)
    seconds = {
        name: _rebuild(f"{name}, again", rebuild, warehouse, newest, products, writes=False)
        for name, rebuild in AGAIN.items()
    }
    in_sql = seconds_in_sql(warehouse, LAST_DAY)
    wrong = {name: count for name, count in differing_values(warehouse, LAST_DAY).items() if count}
    print(
        f"  9 of 42 features as one SQL statement  {in_sql:7.1f} s; product features / that: "
        f"{seconds[PRODUCTS_ALONE] / in_sql:.2f}; "
        + (f"values that differ: {wrong}" if wrong else "all values agree")
    )
    looped = seconds_of_loop(warehouse, LAST_DAY, LOOPED) * products / LOOPED
    print(
        f"  a loop over products, from {LOOPED}      {looped:7.1f} s without reading and writing; "
        f"that / product features: {looped / seconds[PRODUCTS_ALONE]:.1f}",
        flush=True,
    )


def _rebuild(
    name: str,
    rebuild: Rebuild,
    warehouse: Warehouse,
    scope: Scope,
    products: int,
    *,
    writes: bool = True,
) -> float:
    began, cpu = time.perf_counter(), time.process_time()
    builds = rebuild(warehouse, scope)
    seconds = time.perf_counter() - began
    written = sum(each.rows_added + each.rows_changed + each.rows_removed for each in builds)
    if not writes and written:
        raise AssertionError(f"{name} wrote {written} rows that were there")
    rows = sum(each.row_count for each in builds)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"  {name:38s} {seconds:7.1f} s  {1e6 * seconds / products:7.0f} us a product  "
        f"{time.process_time() - cpu:6.1f} s of CPU here  {rows:9,} rows, "
        f"{written:9,} written  peak {peak:5.0f} MiB",
        flush=True,
    )
    return seconds


if __name__ == "__main__":
    main()
