"""How reads through the cache go while what they read is published anew.

``python -m benchmarks.cache_load [--reads N] [--products N] [--processes N] [--every SECONDS]``:
Zipf reads (exponent 1) of product summaries by several processes, from an empty cache, while 1 % of
the products, the ten that are read most among them, get a new price every so often. A price says
which publication it is of; each read is compared with the last one committed before it began (the
publisher notes it between its commit and whatever it then tells the cache). Every call of a
computation is recorded with what it read.

After every thousand reads each process makes a hundred bare ``GET``s of a value of the same size,
which are the measure: both are timed in the same minutes, whatever else the machine does. Starts a
PostgreSQL and a Valkey of its own.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from multiprocessing.synchronize import Barrier
from typing import Any

import numpy as np
import redis

from insights_assets.serving.cached_summaries import stored_summaries, summaries_in_cache
from insights_resources.cache import Count, product_summary_entry
from insights_resources.cache.commits import CachedTable
from insights_resources.marketplaces import ProductKey
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import publish
from insights_resources.warehouse.row_conditions import of_products
from insights_resources.warehouse.schema import migrate
from insights_resources.wiring import open_cache
from tests.integration.published_prices import MARKETPLACE, summaries
from tests.servers import fresh_database, postgres_server, redis_server

SHARE_PUBLISHED = 0.01
HOTTEST = 10
_BLOCK = 1000
SEED = 7


@dataclass(frozen=True)
class Load:
    """What every process has to know. ``committed`` is each product's last committed version."""

    warehouse_url: str
    redis_url: str
    products: int
    reads: int
    committed: Any
    start: Barrier


@dataclass
class Reads:
    """What one process saw, with latencies in seconds. ``hits`` says which reads computed nothing;
    ``computed`` counts (product, version read) of each computation."""

    latencies: np.ndarray
    hits: np.ndarray
    processor_seconds: float
    bare_latencies: np.ndarray
    bare_processor_seconds: float
    counts: dict[Count, int]
    old: int
    computed: Counter[tuple[int, int]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reads", type=int, default=1_000_000)
    parser.add_argument("--products", type=int, default=100_000)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--every", type=float, default=15.0)
    options = parser.parse_args()
    with (
        postgres_server() as postgres_url,
        fresh_database(postgres_url) as warehouse_url,
        redis_server() as redis_url,
    ):
        _measure(warehouse_url, redis_url, options)


def _measure(warehouse_url: str, redis_url: str, options: argparse.Namespace) -> None:
    warehouse = Warehouse.open(warehouse_url)
    migrate(warehouse)
    _publish(warehouse, None, range(options.products), 1)
    spawn = multiprocessing.get_context("spawn")
    committed = spawn.Array("q", [1] * options.products, lock=False)
    load = Load(
        warehouse_url,
        redis_url,
        options.products,
        options.reads // options.processes,
        committed,
        spawn.Barrier(options.processes + 1),
    )
    over = spawn.Event()
    publisher = spawn.Process(target=_publish_until, args=(load, options.every, over))
    publisher.start()
    queue = spawn.Queue()
    readers = [spawn.Process(target=_read, args=(load, n, queue)) for n in range(options.processes)]
    for reader in readers:
        reader.start()
    load.start.wait()
    reads = [queue.get() for _ in readers]
    over.set()
    for process in (*readers, publisher):
        process.join()
    warehouse.dispose()
    _report(load, options, reads, publications=max(committed) - 1)


def _product(number: int) -> ProductKey:
    return ProductKey(MARKETPLACE, f"B{number:09}")


def _order(load: Load, process: int) -> list[int]:
    """The products that a process reads, in order. Number 0 is read most."""
    weights = 1 / np.arange(1, load.products + 1)
    random = np.random.default_rng(SEED + process)
    return random.choice(load.products, load.reads, p=weights / weights.sum()).tolist()


def _read(load: Load, process: int, queue: Any) -> None:
    warehouse = Warehouse.open(load.warehouse_url)
    cache = open_cache(load.redis_url, warehouse)
    bare = redis.Redis.from_url(load.redis_url)
    computed: Counter[tuple[int, int]] = Counter()
    old, position, processor, bare_processor = 0, 0, 0.0, 0.0
    order = _order(load, process)
    latencies, hits = np.empty(load.reads), np.ones(load.reads, bool)
    bare_latencies: list[float] = []

    def compute() -> Any:
        row = stored_summaries(warehouse, [_product(order[position])])[0]
        computed[order[position], _version(row)] += 1
        hits[position] = False
        return row

    bare.set(f"bare:{process}", "x" * 600)
    load.start.wait()
    for start in range(0, load.reads, _BLOCK):
        began = time.process_time()
        for position in range(start, min(start + _BLOCK, load.reads)):
            number = order[position]
            entry = product_summary_entry(*_product(number))
            before, asked = load.committed[number], time.perf_counter()
            row = cache.get_or_compute(entry, compute)
            latencies[position] = time.perf_counter() - asked
            old += _version(row) < before
        processor += time.process_time() - began
        began = time.process_time()
        for _ in range(_BLOCK // 10):
            asked = time.perf_counter()
            bare.get(f"bare:{process}")
            bare_latencies.append(time.perf_counter() - asked)
        bare_processor += time.process_time() - began
    counts = cache.counters.total()
    cache.close()
    warehouse.dispose()
    queue.put(
        Reads(
            latencies,
            hits,
            processor,
            np.array(bare_latencies),
            bare_processor,
            counts,
            old,
            computed,
        )
    )


def _version(row: Any) -> int:
    return int(Decimal(row["price"]) * 100)


def _publish(warehouse: Warehouse, observer: Any, numbers: Sequence[int], version: int) -> None:
    products = [_product(number) for number in numbers]
    frame = summaries(products, 0).assign(price=version)
    publish(
        warehouse,
        tables.product_summaries,
        frame,
        covers=of_products(tables.product_summaries, products),
        scope=None,
        code_version="benchmark",
        observer=observer,
    )


class _Noting:
    """The cache's observer; notes what is committed before the cache is told that it is."""

    def __init__(self, in_cache: CachedTable, load: Load, numbers: Sequence[int], version: int):
        self._in_cache, self._load = in_cache, load
        self._numbers, self._version = numbers, version
        self.columns = in_cache.columns

    @contextmanager
    def around_commit(self, build_id: int, changed: Sequence[tuple[Any, ...]]) -> Iterator[None]:
        with self._in_cache.around_commit(build_id, changed):
            yield
            for number in self._numbers:
                self._load.committed[number] = self._version


def _publish_until(load: Load, every: float, over: Any) -> None:
    warehouse = Warehouse.open(load.warehouse_url)
    in_cache = summaries_in_cache(warehouse, open_cache(load.redis_url, warehouse))
    random, version = np.random.default_rng(SEED), 1
    count = round(load.products * SHARE_PUBLISHED) - HOTTEST
    while not over.wait(every):
        version += 1
        others = HOTTEST + random.choice(load.products - HOTTEST, count, replace=False)
        numbers = [*range(HOTTEST), *map(int, others)]
        _publish(warehouse, _Noting(in_cache, load, numbers, version), numbers, version)
    warehouse.dispose()


def _report(load: Load, options: argparse.Namespace, reads: list[Reads], publications: int) -> None:
    total = load.reads * options.processes
    counts: Counter[Count] = Counter()
    computed: Counter[tuple[int, int]] = Counter()
    for each in reads:
        counts.update(each.counts)
        computed.update(each.computed)
    latencies = np.concatenate([each.latencies for each in reads])
    of_hits = latencies[np.concatenate([each.hits for each in reads])]
    bare = np.concatenate([each.bare_latencies for each in reads])
    print(
        f"{total:,} reads of {load.products:,} products by {options.processes} processes in "
        f"{latencies.sum() / options.processes:.0f} s of each; {publications} publications of "
        f"{load.products * SHARE_PUBLISHED:,.0f}"
    )
    found = counts[Count.MEMORY] + counts[Count.REDIS] + counts[Count.STALE]
    print(f"hit rate {found / total:.2%}: " + ", ".join(f"{w} {n:,}" for w, n in counts.items()))
    print(f"older than the last commit before the read: {sum(each.old for each in reads):,}")
    again = [count for count in computed.values() if count > 1]
    print(
        f"computations: {sum(computed.values()):,}, of one key and version more than once: "
        f"{len(again):,} (at most {max(computed.values(), default=0)})"
    )
    for name, times in (("all reads", latencies), ("hits", of_hits), ("bare GET", bare)):
        median, p99 = np.quantile(times, [0.5, 0.99]) * 1000
        rate = options.processes / times.mean()
        print(
            f"{name}: {rate:,.0f} a second ({bare.mean() / times.mean():.0%} of bare GET), "
            f"median {median:.2f} ms, p99 {p99:.1f} ms"
        )
    cost = sum(each.processor_seconds for each in reads) / total
    bare_cost = sum(each.bare_processor_seconds for each in reads) / len(bare)
    print(
        f"processor time of a reader: {cost * 1e6:.0f} us a read, bare GET {bare_cost * 1e6:.0f} us"
    )


if __name__ == "__main__":
    main()
