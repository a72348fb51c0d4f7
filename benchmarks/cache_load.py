"""How reads through the cache go while what they read is published anew.

``python -m benchmarks.cache_load [--reads N] [--products N] [--processes N] [--every SECONDS]``:
Zipf reads (exponent 1) of product summaries by several processes, from an empty cache, while 1 % of
the products, the ten that are read most among them, get a new price every so often. A price says
which publication it is of; each read is compared with the last one committed before it began (the
publisher notes it between its commit and whatever it then tells the cache). Every call of a
computation is recorded with what it read.

Before and after it the same processes read as many keys with a bare ``GET``, which is the measure.
Starts a PostgreSQL and a Valkey of its own.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
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
    """What one process saw. ``computed`` counts (product, version read) of each computation."""

    seconds: float
    processor_seconds: float
    latencies: np.ndarray
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
    bare = [_in_processes(spawn, load, options.processes, _read_bare)]
    over = spawn.Event()
    publisher = spawn.Process(target=_publish_until, args=(load, options.every, over))
    publisher.start()
    reads = _in_processes(spawn, load, options.processes, _read_cached)
    over.set()
    publisher.join()
    bare.append(_in_processes(spawn, load, options.processes, _read_bare))
    warehouse.dispose()
    _report(load, options, reads, bare, publications=max(committed) - 1)


def _in_processes(
    spawn: Any, load: Load, processes: int, target: Callable[[Load, int, Any], None]
) -> list[Reads]:
    queue = spawn.Queue()
    started = [spawn.Process(target=target, args=(load, n, queue)) for n in range(processes)]
    for process in started:
        process.start()
    load.start.wait()
    results = [queue.get() for _ in started]
    for process in started:
        process.join()
    return results


def _product(number: int) -> ProductKey:
    return ProductKey(MARKETPLACE, f"B{number:09}")


def _order(load: Load, process: int) -> list[int]:
    """The products that a process reads, in order. Number 0 is read most."""
    weights = 1 / np.arange(1, load.products + 1)
    random = np.random.default_rng(SEED + process)
    return random.choice(load.products, load.reads, p=weights / weights.sum()).tolist()


def _read_cached(load: Load, process: int, queue: Any) -> None:
    warehouse = Warehouse.open(load.warehouse_url)
    cache = open_cache(load.redis_url, warehouse)
    computed: Counter[tuple[int, int]] = Counter()

    def computation(number: int) -> Callable[[], Any]:
        def compute() -> Any:
            row = stored_summaries(warehouse, [_product(number)])[0]
            computed[number, _version(row)] += 1
            return row

        return compute

    def read(number: int) -> bool:
        before = load.committed[number]
        row = cache.get_or_compute(product_summary_entry(*_product(number)), computation(number))
        return _version(row) >= before

    reads = _timed(load, process, read)
    reads.counts, reads.computed = cache.counters.total(), computed
    cache.close()
    warehouse.dispose()
    queue.put(reads)


def _read_bare(load: Load, process: int, queue: Any) -> None:
    """Values of the size of the entries; the keys lie beside them."""
    with redis.Redis.from_url(load.redis_url) as client:
        value = "x" * 600
        for number in range(process * 1000, process * 1000 + 1000):
            client.set(f"bare:{number}", value)

        def read(number: int) -> bool:
            return client.get(f"bare:{number % 1000}") is not None

        queue.put(_timed(load, process, read))


def _timed(load: Load, process: int, read: Callable[[int], bool]) -> Reads:
    order = _order(load, process)
    latencies = np.empty(len(order))
    load.start.wait()
    old, began, processor = 0, time.perf_counter(), time.process_time()
    last = began
    for position, number in enumerate(order):
        old += not read(number)
        now = time.perf_counter()
        latencies[position], last = now - last, now
    return Reads(last - began, time.process_time() - processor, latencies, {}, old, Counter())


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


def _report(
    load: Load,
    options: argparse.Namespace,
    reads: list[Reads],
    bare: list[list[Reads]],
    publications: int,
) -> None:
    total = load.reads * options.processes
    counts: Counter[Count] = Counter()
    computed: Counter[tuple[int, int]] = Counter()
    for each in reads:
        counts.update(each.counts)
        computed.update(each.computed)
    seconds = max(each.seconds for each in reads)
    latencies = np.sort(np.concatenate([each.latencies for each in reads])) * 1000
    print(
        f"{total:,} reads of {load.products:,} products by {options.processes} processes in "
        f"{seconds:.0f} s; {publications} publications of {load.products * SHARE_PUBLISHED:,.0f}"
    )
    hits = counts[Count.MEMORY] + counts[Count.REDIS] + counts[Count.STALE]
    print(f"hit rate {hits / total:.2%}: " + ", ".join(f"{w} {n:,}" for w, n in counts.items()))
    print(f"older than the last commit before the read: {sum(each.old for each in reads):,}")
    again = {pair: count for pair, count in computed.items() if count > 1}
    print(
        f"computations: {sum(computed.values()):,}, of one key and version more than once: "
        f"{len(again):,} (at most {max(computed.values(), default=0)})"
    )
    print(
        f"latency in ms: median {latencies[total // 2]:.2f}, "
        f"p99 {latencies[total * 99 // 100]:.2f}, longest {latencies[-1]:.1f}"
    )
    rates = [total / max(each.seconds for each in run) for run in bare]
    rate = total / seconds
    print(
        f"reads a second {rate:,.0f}; bare GET {rates[0]:,.0f} before and {rates[1]:,.0f} after: "
        f"{rate / np.mean(rates):.0%} of it"
    )
    cost = sum(each.processor_seconds for each in reads) / total
    bare_cost = sum(each.processor_seconds for run in bare for each in run) / total / len(bare)
    print(
        f"processor time of a reader {cost * 1e6:.0f} us a read, bare GET {bare_cost * 1e6:.0f} us"
    )


if __name__ == "__main__":
    main()
