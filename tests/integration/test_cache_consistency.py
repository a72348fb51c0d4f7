"""No price older than its last commit is read through the cache, whatever happens to Redis."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from insights_assets.serving import cached_summaries
from insights_resources.cache import Cache, Count, commits, reading
from insights_resources.warehouse import publication
from insights_resources.warehouse.engine import Warehouse
from insights_resources.wiring import open_cache
from tests.integration.published_prices import PRODUCTS, Prices
from tests.servers import redis_server


@pytest.fixture
def server(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        client.flushall()
        yield client


@pytest.fixture
def prices(warehouse: Warehouse) -> Prices:
    return Prices(warehouse)


@pytest.fixture
def cheap_prices(sqlite_warehouse: Warehouse) -> Prices:
    return Prices(sqlite_warehouse)


@pytest.fixture
def own_redis() -> Iterator[str]:
    """A server that the test may stop."""
    with redis_server() as url:
        yield url


def caches(url: str, prices: Prices, count: int = 2) -> list[Cache]:
    """Caches that know nothing of each other, as those of processes."""
    return [open_cache(url, prices.warehouse) for _ in range(count)]


def process_of(url: str) -> int:
    with redis.Redis.from_url(url) as client:
        return int(client.info("server")["process_id"])


@contextmanager
def stopped(process: int) -> Iterator[None]:
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


class Pause:
    """A point at which one thread waits until another lets it go on."""

    def __init__(self) -> None:
        self.reached, self.go_on = threading.Event(), threading.Event()

    def __call__(self) -> None:
        self.reached.set()
        assert self.go_on.wait(20)


def paused_first(monkeypatch: pytest.MonkeyPatch, pause: Pause) -> None:
    """The first reading of summaries from the database is held up when it has its rows."""
    stored, first = cached_summaries.stored_summaries, threading.Lock()

    def slow(*arguments: Any) -> Any:
        rows = stored(*arguments)
        if first.acquire(blocking=False):
            pause()
        return rows

    monkeypatch.setattr(cached_summaries, "stored_summaries", slow)


def paused_before_the_commit(monkeypatch: pytest.MonkeyPatch, pause: Pause) -> None:
    """Each publication is held up when its entries are fenced and nothing is committed."""
    fence = commits.CachedTable._fence

    def fence_and_wait(self: commits.CachedTable, *arguments: Any, **options: Any) -> bool:
        fenced = fence(self, *arguments, **options)
        pause()
        return fenced

    monkeypatch.setattr(commits.CachedTable, "_fence", fence_and_wait)


# --- publications --------------------------------------------------------------------------------


def test_a_publication_replaces_what_it_changes_and_nothing_else(
    redis_url: str, server: redis.Redis, prices: Prices
) -> None:
    publisher, reader = caches(redis_url, prices)
    prices.publish(publisher)
    assert [prices.read(reader, product) for product in PRODUCTS] == [1] * 5
    prices.publish(publisher, PRODUCTS[:2])
    assert [prices.read(reader, product) for product in PRODUCTS] == [2, 2, 1, 1, 1]
    # They were put there by the publications: nobody computed any.
    assert reader.counters.total() == {Count.REDIS: 10}


def test_a_build_that_changes_nothing_touches_no_entry(
    redis_url: str, server: redis.Redis, cheap_prices: Prices
) -> None:
    publisher, reader = caches(redis_url, cheap_prices)
    cheap_prices.publish(publisher)
    before = server.dump(f"product:amazon.de:{PRODUCTS[0].asin}:summary")
    cheap_prices._numbers = iter([1])  # type: ignore[assignment]
    cheap_prices.publish(publisher)
    assert server.dump(f"product:amazon.de:{PRODUCTS[0].asin}:summary") == before
    assert cheap_prices.read(reader) == 1


def test_a_publication_too_large_to_be_told_row_by_row(
    redis_url: str, server: redis.Redis, prices: Prices, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher, reader = caches(redis_url, prices)
    prices.publish(publisher)
    monkeypatch.setattr(commits, "_FENCED_ENTRIES", 2)
    prices.publish(publisher)
    assert [prices.read(reader, product) for product in PRODUCTS] == [2] * 5
    assert [prices.read(reader, product) for product in PRODUCTS] == [2] * 5
    assert reader.counters.total() == {Count.COMPUTED: 5, Count.REDIS: 5}


@pytest.mark.parametrize("fenced_entries", [0, 20_000], ids=["by tag", "by key"])
def test_a_slow_reading_from_before_a_publication_is_never_kept(
    redis_url: str,
    server: redis.Redis,
    prices: Prices,
    monkeypatch: pytest.MonkeyPatch,
    fenced_entries: int,
) -> None:
    publisher, slow, reader = caches(redis_url, prices, 3)
    prices.publish(None)
    monkeypatch.setattr(commits, "_FENCED_ENTRIES", fenced_entries)
    pause = Pause()
    with ThreadPoolExecutor(1) as pool:
        with monkeypatch.context() as patch:
            paused_first(patch, pause)
            late = pool.submit(prices.read, slow)
            assert pause.reached.wait(10)
        prices.publish(publisher)
        assert prices.read(reader) == 2
        pause.go_on.set()
        # Its read began before the commit.
        assert late.result() == 1
    assert slow.counters.total() == {Count.COMPUTED: 1, Count.VOID: 1}
    assert prices.read(reader) == 2
    assert prices.read(slow) == 2


def test_between_the_fence_and_the_commit_nothing_is_kept(
    redis_url: str, server: redis.Redis, prices: Prices, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher, reader = caches(redis_url, prices)
    prices.publish(publisher)
    pause = Pause()
    paused_before_the_commit(monkeypatch, pause)
    with ThreadPoolExecutor(1) as pool:
        publishing = pool.submit(prices.publish, publisher)
        assert pause.reached.wait(10)
        assert prices.read(reader) == 1
        assert reader.counters.total() == {Count.DIRECT: 1}
        pause.go_on.set()
        publishing.result()
    assert prices.read(reader) == 2
    assert reader.counters.total() == {Count.DIRECT: 1, Count.REDIS: 1}


def test_readers_wait_for_a_commit_rather_than_all_asking_the_database(
    redis_url: str, server: redis.Redis, prices: Prices, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher, reader = caches(redis_url, prices)
    prices.publish(publisher)
    pause = Pause()
    paused_before_the_commit(monkeypatch, pause)
    with ThreadPoolExecutor(9) as pool:
        publishing = pool.submit(prices.publish, publisher)
        assert pause.reached.wait(10)
        readers = [pool.submit(prices.read, reader) for _ in range(8)]
        time.sleep(0.1)
        pause.go_on.set()
        publishing.result()
        assert {each.result() for each in readers} == {2}
    assert reader.counters.total() == {Count.REDIS: 8}


def test_a_publisher_that_died_around_its_commit_leaves_right_prices(
    redis_url: str, server: redis.Redis, prices: Prices, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher, reader = caches(redis_url, prices)
    prices.publish(publisher)
    monkeypatch.setattr(commits.CachedTable, "_lift", lambda *arguments: None)
    prices.publish(publisher)
    for _ in range(2):
        assert prices.read(reader) == 2
    # The fence is as old as one of a process that died: nobody waits for it again.
    server.pexpire(f"cache:changing:product:amazon.de:{PRODUCTS[0].asin}:summary", 500_000)
    began = time.monotonic()
    for _ in range(20):
        assert prices.read(reader) == 2
    assert time.monotonic() - began < 1


def test_a_commit_that_fails_leaves_the_old_prices(
    redis_url: str, server: redis.Redis, prices: Prices, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher, reader = caches(redis_url, prices)
    prices.publish(publisher)
    columns = publication._changed

    def fail_in_the_transaction(*arguments: Any) -> Any:
        columns(*arguments)
        raise OSError("the disk is gone")

    with monkeypatch.context() as patch:
        patch.setattr(publication, "_changed", fail_in_the_transaction)
        with pytest.raises(OSError, match="disk"):
            prices.publish(publisher)
    assert prices.read(reader) == 1
    prices.publish(publisher)
    assert prices.read(reader) == 3


def test_two_overlapping_publications_keep_no_value_that_one_of_them_changed(
    redis_url: str, server: redis.Redis, cheap_prices: Prices
) -> None:
    """The second commits between the first one's reading and its storing."""
    publisher, reader = caches(redis_url, cheap_prices)
    first = cheap_prices.publish(publisher)
    row = tuple(PRODUCTS[0])

    def read_late(rows: Any) -> Any:
        values = cached_summaries.stored_summaries(cheap_prices.warehouse, rows)
        if not values[0] or values[0]["price"] == 1:
            cheap_prices.publish(publisher)
        return values

    in_cache = commits.CachedTable(
        publisher,
        columns=("marketplace", "asin"),
        entry=cached_summaries.summaries_in_cache(cheap_prices.warehouse, publisher).entry,
        tag="summaries",
        read=read_late,
    )
    with in_cache.around_commit(first, [row]):
        pass
    assert cheap_prices.read(reader) == 2


# --- Redis is away -------------------------------------------------------------------------------


def test_a_publication_while_redis_hangs_is_seen_when_it_answers_again(
    own_redis: str, cheap_prices: Prices
) -> None:
    publisher, reader, idle = caches(own_redis, cheap_prices, 3)
    cheap_prices.publish(publisher)
    assert cheap_prices.read(reader) == cheap_prices.read(idle) == 1
    with stopped(process_of(own_redis)):
        began = time.monotonic()
        assert cheap_prices.read(reader) == 1
        assert time.monotonic() - began < 1
        cheap_prices.publish(publisher)
        assert cheap_prices.read(reader) == 2
    # It still has the old entry. One reader saw it hang, the other was idle, a third is new.
    for cache in (reader, idle, *caches(own_redis, cheap_prices, 1)):
        assert cheap_prices.read(cache) == 2
    cheap_prices.publish(publisher)
    assert cheap_prices.read(idle) == 3


def test_a_publication_by_a_process_without_redis_is_seen_within_a_second(
    redis_url: str, server: redis.Redis, cheap_prices: Prices
) -> None:
    publisher, reader = caches(redis_url, cheap_prices)
    cheap_prices.publish(publisher)
    assert cheap_prices.read(reader) == 1
    cheap_prices.publish(None)
    time.sleep(reading.TRUST_SECONDS)
    assert cheap_prices.read(reader) == 2
    # And it is not hidden by those that come after it.
    cheap_prices.publish(None, PRODUCTS[:1])
    cheap_prices.publish(publisher, PRODUCTS[1:])
    assert cheap_prices.read(caches(redis_url, cheap_prices, 1)[0]) == 3


def test_redis_restarted_empty(cheap_prices: Prices) -> None:
    with redis_server() as url:
        port = int(url.rpartition(":")[2].partition("/")[0])
        publisher, reader = caches(url, cheap_prices)
        cheap_prices.publish(publisher)
        assert cheap_prices.read(reader) == 1
    cheap_prices.publish(publisher)
    assert cheap_prices.read(reader) == 2
    with redis_server(port=port) as url:
        again = caches(url, cheap_prices, 1)[0]
        assert [cheap_prices.read(again), cheap_prices.read(again)] == [2, 2]
        assert again.counters.total() == {Count.COMPUTED: 1, Count.REDIS: 1}
        cheap_prices.publish(publisher)
        assert [cheap_prices.read(again), cheap_prices.read(reader)] == [3, 3]


def test_redis_restarted_with_what_it_had_before_a_publication(
    tmp_path: Path, cheap_prices: Prices
) -> None:
    with redis_server("--dir", str(tmp_path)) as url:
        port = int(url.rpartition(":")[2].partition("/")[0])
        publisher, reader = caches(url, cheap_prices)
        cheap_prices.publish(publisher)
        with redis.Redis.from_url(url) as client:
            client.save()
        cheap_prices.publish(publisher)
        assert cheap_prices.read(reader) == 2
    with redis_server("--dir", str(tmp_path), port=port) as url:
        with redis.Redis.from_url(url) as client:
            assert b'"price":"1' in client.get(f"product:amazon.de:{PRODUCTS[0].asin}:summary")
        for cache in (reader, *caches(url, cheap_prices, 1)):
            assert cheap_prices.read(cache) == 2


@pytest.mark.parametrize("policy", ["noeviction", "allkeys-lru"])
def test_redis_full(cheap_prices: Prices, policy: str) -> None:
    with redis_server("--maxmemory", "3mb", "--maxmemory-policy", policy) as url:
        publisher, reader = caches(url, cheap_prices)
        cheap_prices.publish(publisher)
        assert cheap_prices.read(reader) == 1
        with redis.Redis.from_url(url) as client:
            full = 0
            while full < 200:
                try:
                    client.set(f"filler:{full}", "x" * 20_000)
                except redis.exceptions.OutOfMemoryError:
                    break
                full += 1
            began = time.monotonic()
            cheap_prices.publish(publisher)
            for _ in range(20):
                assert [cheap_prices.read(reader, product) for product in PRODUCTS] == [2] * 5
            assert time.monotonic() - began < 5
            used = client.info("memory")["used_memory"]
            assert used < 3.2 * 1024**2


def test_redis_that_became_a_replica_is_not_believed(
    redis_url: str, server: redis.Redis, cheap_prices: Prices
) -> None:
    publisher, reader = caches(redis_url, cheap_prices)
    cheap_prices.publish(publisher)
    assert cheap_prices.read(reader) == 1
    server.replicaof("127.0.0.1", 1)
    try:
        cheap_prices.publish(publisher)
        assert cheap_prices.read(reader) == 2
        for cache in caches(redis_url, cheap_prices):
            assert cheap_prices.read(cache) == 2
    finally:
        server.replicaof("no", "one")
    assert cheap_prices.read(caches(redis_url, cheap_prices, 1)[0]) == 2


# --- everything at once --------------------------------------------------------------------------


class Anything(RuleBasedStateMachine):
    """Publications, losses and reads in any order: every price read is the last one committed."""

    prices: Prices
    url: str

    def __init__(self) -> None:
        super().__init__()
        self.client = redis.Redis.from_url(self.url)
        self.client.flushall()
        self.caches = caches(self.url, self.prices, 3)
        self.saved: dict[bytes, bytes] = {}

    @rule(who=st.integers(0, 2), which=st.sets(st.sampled_from(PRODUCTS), min_size=1))
    def publish(self, who: int, which: set[Any]) -> None:
        self.prices.publish(self.caches[who], which)

    @rule(which=st.sets(st.sampled_from(PRODUCTS), min_size=1))
    def publish_without_redis_and_wait(self, which: set[Any]) -> None:
        self.prices.publish(None, which)
        for cache in self.caches:
            cache.reading.distrust()  # as a second does

    @rule()
    def lose_everything(self) -> None:
        self.client.flushall()

    @rule(number=st.integers(0, 10_000))
    def evict_one(self, number: int) -> None:
        keys = sorted(self.client.scan_iter())
        if keys:
            self.client.delete(keys[number % len(keys)])

    @rule()
    def back_up(self) -> None:
        self.saved = {
            key: dump
            for key in self.client.scan_iter()
            if (dump := self.client.dump(key)) is not None
        }

    @rule()
    def restart_from_the_backup(self) -> None:
        self.client.flushall()
        for key, dump in self.saved.items():
            self.client.restore(key, 0, dump)
        for cache in self.caches:
            cache.reading.distrust()  # as the loss of the connection does

    @rule(who=st.integers(0, 2), tag=st.sampled_from(["all", "summaries", "marketplace:amazon.de"]))
    def clear(self, who: int, tag: str) -> None:
        self.caches[who].clear(tags=[tag])

    @invariant()
    def prices_are_the_last_committed(self) -> None:
        for product in PRODUCTS:
            for cache in self.caches:
                expected = self.prices.committed.get(product, 0)
                assert self.prices.read(cache, product) == expected


@pytest.mark.slow
def test_whatever_happens_in_any_order(
    redis_url: str, server: redis.Redis, sqlite_warehouse: Warehouse
) -> None:
    prices = Prices(sqlite_warehouse)
    machine: Callable[[], Anything] = type(
        "Machine", (Anything,), {"prices": prices, "url": redis_url}
    )
    run_machine(
        machine,
        settings=settings(
            max_examples=25,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.slow
def test_readers_and_publishers_together_while_redis_hangs_and_goes(
    postgres_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For seconds, in threads with caches of their own. Each read is compared with what was
    committed before it began."""
    monkeypatch.setattr(reading, "PAUSE_SECONDS", 0.2)
    prices, over, old = Prices(postgres_warehouse), threading.Event(), []

    def read(cache: Cache, product: Any) -> int:
        count = 0
        while not over.is_set():
            committed = prices.committed[product]
            found = prices.read(cache, product)
            count += 1
            if found < committed:
                old.append((product, found, committed))
        return count

    def publish(cache: Cache, product: Any) -> int:
        count = 0
        while not over.is_set():
            with postgres_warehouse.writer_lock(publication.tables.product_summaries, None, None):
                prices.publish(cache, [product])
            count += 1
            time.sleep(0.05)
        return count

    with redis_server() as url, ThreadPoolExecutor(8) as pool:
        prices.publish(caches(url, prices, 1)[0])
        work = [
            pool.submit(read, cache, product)
            for product, cache in zip(PRODUCTS[:2] * 3, caches(url, prices, 6), strict=True)
        ]
        work += [
            pool.submit(publish, cache, product)
            for product, cache in zip(PRODUCTS[:2], caches(url, prices, 2), strict=True)
        ]
        try:
            time.sleep(3)
            for _ in range(3):
                with stopped(process_of(url)):
                    time.sleep(0.7)
                time.sleep(1.5)
                with redis.Redis.from_url(url) as client:
                    client.flushall()
            time.sleep(1)
        finally:
            over.set()
        counts = [each.result() for each in work]
    assert old == []
    assert min(counts) > 5
