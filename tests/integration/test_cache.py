"""Reads through the cache: memory alone, and memory over a real server of Redis's protocol."""

from __future__ import annotations

import asyncio
import logging
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import redis

from insights_resources.cache import Cache, Count, Entry, product_summary_entry, reading
from insights_resources.errors import CacheError, ConfigurationError
from insights_resources.warehouse import tables

HOUR = 3600


@pytest.fixture
def server(redis_url: str) -> Iterator[redis.Redis]:
    """A client of the server that is not the cache's; the server is empty at first."""
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        client.flushall()
        yield client


@pytest.fixture
def entry() -> Entry:
    """An entry that may be old, and that nobody else uses."""
    return Entry(f"test:{uuid.uuid4().hex}", HOUR, (tables.products,), ("tests",))


def strong(entry: Entry) -> Entry:
    return Entry(entry.key, entry.seconds, (tables.product_summaries,), entry.tags)


def open_cache(url: str | None) -> Cache:
    """A cache before a warehouse in which nothing is ever published."""
    return Cache(url, published_builds=lambda: [1])


@pytest.fixture(params=["memory", "redis"])
def cache(request: pytest.FixtureRequest, server: redis.Redis, redis_url: str) -> Cache:
    """A fresh cache: memory alone, and memory over Redis in turn."""
    return open_cache(redis_url if request.param == "redis" else None)


@pytest.fixture
def nobody_there() -> str:
    """The address of a port on which nothing listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"redis://127.0.0.1:{listener.getsockname()[1]}/0"


@pytest.fixture
def silent_server() -> Iterator[str]:
    """The address of a server that takes connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(50)
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"


def failures_told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def not_asked() -> Any:
    raise AssertionError("the database was read")


class Computation:
    """Gives 1, 2, ... and can be held up."""

    def __init__(self) -> None:
        self.calls = 0
        self.begun, self.may_end = threading.Event(), threading.Event()
        self.may_end.set()

    def __call__(self) -> int:
        self.calls += 1
        call = self.calls
        self.begun.set()
        assert self.may_end.wait(10)
        return call


# --- values --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        {"price": "12.99", "ranks": [1, 2, 3], "name": "größe ★ 水\n=", "none": None, "yes": True},
        [],
        {},
        0,
        False,
        "",
        "null",
        1.25,
        None,
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_comes_back_as_it_was(cache: Cache, entry: Entry, value: Any) -> None:
    assert cache.get_or_compute(entry, lambda: value) == value
    again = cache.get_or_compute(entry, not_asked)
    assert again == value
    assert type(again) is type(value)


def test_amounts_and_days_are_text_from_the_first_read_on(cache: Cache, entry: Entry) -> None:
    row = {"price": Decimal("12.90"), "day": date(2026, 3, 10)}
    expected = {"price": "12.90", "day": "2026-03-10"}
    assert cache.get_or_compute(entry, lambda: row) == expected
    assert cache.get_or_compute(entry, not_asked) == expected


@pytest.mark.parametrize(
    "value",
    [object(), {1, 2}, b"bytes", float("nan"), {"x": float("inf")}],
    ids=lambda value: type(value).__name__,
)
def test_what_is_not_json_is_refused_and_blocks_nobody(
    cache: Cache, entry: Entry, value: Any
) -> None:
    with pytest.raises((TypeError, ValueError)):
        cache.get_or_compute(entry, lambda: value)
    assert cache.get_or_compute(entry, lambda: "right") == "right"


def test_what_a_computation_raises_is_the_readers_and_blocks_nobody(
    cache: Cache, entry: Entry
) -> None:
    for each in (entry, strong(entry)):
        with pytest.raises(ZeroDivisionError):
            cache.get_or_compute(each, lambda: 1 / 0)
        assert cache.get_or_compute(each, lambda: 2) == 2
        cache.clear(keys=[each.key]) if cache.redis else cache.reading.memory.clear()


def test_a_reader_who_changes_a_value_changes_nobody_elses(cache: Cache, entry: Entry) -> None:
    mine = {"ranks": [1]}
    cache.get_or_compute(entry, lambda: mine)["ranks"].append(2)
    cache.get_or_compute(entry, not_asked)["ranks"].append(3)
    assert cache.get_or_compute(entry, not_asked) == {"ranks": [1]}


def test_async_readers_share_the_entries_of_the_others(cache: Cache, entry: Entry) -> None:
    async def compute() -> dict[str, int]:
        return {"n": 1}

    async def not_asked_async() -> Any:
        return not_asked()

    async def read() -> list[Any]:
        first = await cache.get_or_compute_async(entry, compute)
        others = (cache.get_or_compute_async(entry, not_asked_async) for _ in range(20))
        values = [first, *await asyncio.gather(*others)]
        await cache.close_async()
        return values

    # Each loop has its own connections.
    for _ in range(2):
        assert asyncio.run(read()) == [{"n": 1}] * 21
    assert cache.get_or_compute(entry, not_asked) == {"n": 1}


def test_an_entry_ends_with_its_time(redis_url: str, server: redis.Redis, entry: Entry) -> None:
    open_cache(redis_url).get_or_compute(entry, lambda: 1)
    seconds = server.pttl(entry.key) / 1000
    # A tenth more or less, and a tenth as an aged one.
    assert 0.99 * HOUR < seconds <= 1.2 * HOUR


def test_entries_written_together_do_not_end_together(
    redis_url: str, server: redis.Redis, entry: Entry
) -> None:
    cache = open_cache(redis_url)
    keys = [f"{entry.key}:{n}" for n in range(20)]
    for key in keys:
        cache.get_or_compute(Entry(key, HOUR, entry.tables), lambda: 1)
    assert len({server.pttl(key) // 10_000 for key in keys}) > 5


def test_that_there_is_nothing_is_known_for_a_minute(
    redis_url: str, server: redis.Redis, entry: Entry
) -> None:
    cache = open_cache(redis_url)
    assert cache.get_or_compute(strong(entry), lambda: None) is None
    assert cache.get_or_compute(strong(entry), not_asked) is None
    assert server.pttl(entry.key) / 1000 - 0.1 * HOUR < 67


# --- consistency ---------------------------------------------------------------------------------


def test_every_table_says_how_old_a_copy_of_it_may_be() -> None:
    for table in tables.metadata.sorted_tables:
        assert isinstance(table.info["consistency"], tables.Consistency), table.name
        if any("price" in column.name or "score" in column.name for column in table.columns):
            assert table.info["consistency"] is tables.Consistency.STRONG, table.name


def test_an_entry_of_a_strong_table_is_strong_whatever_else_it_has() -> None:
    mixed = (tables.competitive_reports, tables.competitive_scores)
    assert Entry("k", HOUR, mixed).is_strong
    assert not Entry("k", HOUR, (tables.competitive_reports,)).is_strong


def test_a_strong_entry_is_never_in_memory(redis_url: str, server: redis.Redis) -> None:
    entry, cache = product_summary_entry("amazon.de", "B000000001"), open_cache(redis_url)
    assert entry.key == "product:amazon.de:B000000001:summary"
    cache.get_or_compute(entry, lambda: 1)
    assert cache.get_or_compute(entry, not_asked) == 1
    server.delete(entry.key)
    assert cache.get_or_compute(entry, lambda: 2) == 2
    assert Cache(None).get_or_compute(entry, lambda: 3) == 3


def test_without_a_database_to_ask_nothing_strong_is_served(
    redis_url: str, server: redis.Redis, entry: Entry
) -> None:
    cache = Cache(redis_url)
    for n in (1, 2):
        assert cache.get_or_compute(strong(entry), lambda n=n: n) == n


def test_an_entry_that_may_be_old_is_in_memory(
    redis_url: str, server: redis.Redis, entry: Entry
) -> None:
    cache = open_cache(redis_url)
    cache.get_or_compute(entry, lambda: 1)
    server.delete(entry.key)
    assert cache.get_or_compute(entry, not_asked) == 1
    assert cache.counters.total() == {Count.COMPUTED: 1, Count.MEMORY: 1}


# --- one computation -----------------------------------------------------------------------------


def test_of_twenty_threads_one_computes(cache: Cache, entry: Entry) -> None:
    computation = Computation()
    computation.may_end.clear()
    with ThreadPoolExecutor(20) as pool:
        readers = [pool.submit(cache.get_or_compute, entry, computation) for _ in range(20)]
        computation.begun.wait(10)
        time.sleep(0.1)
        computation.may_end.set()
        assert {reader.result() for reader in readers} == {1}
    assert computation.calls == 1


def test_of_twenty_threads_one_computes_what_may_not_be_old(
    redis_url: str, server: redis.Redis, entry: Entry
) -> None:
    computation, cache = Computation(), open_cache(redis_url)
    computation.may_end.clear()
    with ThreadPoolExecutor(20) as pool:
        readers = [pool.submit(cache.get_or_compute, strong(entry), computation) for _ in range(20)]
        computation.begun.wait(10)
        time.sleep(0.1)
        computation.may_end.set()
        assert {reader.result() for reader in readers} == {1}
    assert computation.calls == 1


def test_of_async_readers_and_threads_one_computes(
    redis_url: str, server: redis.Redis, entry: Entry
) -> None:
    computation, cache = Computation(), open_cache(redis_url)

    async def compute() -> int:
        await asyncio.sleep(0.1)
        return computation()

    async def read() -> list[int]:
        here = [cache.get_or_compute_async(strong(entry), compute) for _ in range(10)]
        threads = [
            asyncio.to_thread(cache.get_or_compute, strong(entry), computation) for _ in range(4)
        ]
        values = await asyncio.gather(*here, *threads)
        await cache.close_async()
        return values

    assert set(asyncio.run(read())) == {1}
    assert computation.calls == 1


def test_without_redis_a_strong_reader_gets_no_reading_that_began_before_him(
    entry: Entry,
) -> None:
    cache, computation = open_cache(None), Computation()
    computation.may_end.clear()
    with ThreadPoolExecutor(20) as pool:
        first = pool.submit(cache.get_or_compute, strong(entry), computation)
        computation.begun.wait(10)
        # What the first one reads may be from before a commit that these know of.
        later = [pool.submit(cache.get_or_compute, strong(entry), computation) for _ in range(10)]
        time.sleep(0.1)
        assert computation.calls == 1
        computation.may_end.set()
        assert first.result() == 1
        assert {reader.result() for reader in later} == {2}
    assert computation.calls == 2


_READER = """
import sys, time
from insights_resources.cache import Cache, Entry
from insights_resources.warehouse import tables
url, key = sys.argv[1:]
cache = Cache(url, published_builds=lambda: [1])
entry = Entry(key, 3600, (tables.product_summaries,))
def compute():
    cache.redis.rpush("computed", key)
    time.sleep(0.3)
    return 7
while not cache.redis.exists("go"):
    time.sleep(0.001)
print(cache.get_or_compute(entry, compute))
"""


@pytest.mark.slow
def test_of_several_processes_one_computes(
    redis_url: str, server: redis.Redis, entry: Entry
) -> None:
    readers = [
        subprocess.Popen(
            [sys.executable, "-c", _READER, redis_url, entry.key], stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    time.sleep(5)
    server.set("go", 1)
    assert [reader.communicate(timeout=60)[0].strip() for reader in readers] == ["7"] * 4
    assert server.llen("computed") == 1


def lock(server: redis.Redis, url: str, entry: Entry, px: int | None = None) -> None:
    """Somebody else has begun to compute the entry."""
    open_cache(url).get_or_compute(strong(Entry(f"{entry.key}:x", HOUR, entry.tables)), lambda: 1)
    server.set(f"cache:lock:{entry.key}", f"somebody {server.get('cache:version')}", px=px)


def test_a_reader_that_died_while_computing_blocks_nobody_beyond_its_lease(
    redis_url: str, server: redis.Redis, entry: Entry
) -> None:
    lock(server, redis_url, entry, px=300)
    began = time.monotonic()
    assert open_cache(redis_url).get_or_compute(strong(entry), lambda: 1) == 1
    assert 0.2 < time.monotonic() - began < 1
    assert open_cache(redis_url).get_or_compute(strong(entry), not_asked) == 1


def test_nobody_waits_longer_than_a_lease_for_somebody_elses_computation(
    redis_url: str, server: redis.Redis, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "LOCK_SECONDS", 0.3)
    lock(server, redis_url, entry)
    began = time.monotonic()
    assert open_cache(redis_url).get_or_compute(strong(entry), lambda: 1) == 1
    assert 0.3 < time.monotonic() - began < 1.5
    # His is the right to store it.
    assert not server.exists(entry.key)


def test_an_async_reader_that_is_cancelled_leaves_the_others_a_claim_that_ends(
    redis_url: str, server: redis.Redis, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "LOCK_SECONDS", 0.3)
    cache = open_cache(redis_url)

    async def compute() -> int:
        await asyncio.sleep(30)
        return 1

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(cache.get_or_compute_async(strong(entry), compute), 0.1)
        await cache.close_async()

    asyncio.run(give_up())
    assert cache.get_or_compute(strong(entry), lambda: 2) == 2


# --- aged entries --------------------------------------------------------------------------------


def age(server: redis.Redis, entry: Entry) -> None:
    server.pexpire(entry.key, 60_000)


@pytest.mark.parametrize("make", [lambda entry: entry, strong], ids=["eventual", "strong"])
def test_an_aged_entry_is_served_while_somebody_computes_it_anew(
    redis_url: str, server: redis.Redis, entry: Entry, make: Callable[[Entry], Entry]
) -> None:
    entry = make(entry)
    open_cache(redis_url).get_or_compute(entry, lambda: "aged")
    age(server, entry)
    computation, others = Computation(), open_cache(redis_url)
    computation.may_end.clear()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(open_cache(redis_url).get_or_compute, entry, computation)
        computation.begun.wait(10)
        assert others.get_or_compute(entry, not_asked) == "aged"
        computation.may_end.set()
        assert first.result() == 1
    assert open_cache(redis_url).get_or_compute(entry, not_asked) == 1
    assert others.counters.total() == {Count.STALE: 1}


def test_an_aged_entry_is_served_when_it_cannot_be_computed(
    redis_url: str, server: redis.Redis, entry: Entry, caplog: pytest.LogCaptureFixture
) -> None:
    open_cache(redis_url).get_or_compute(entry, lambda: "aged")
    age(server, entry)
    assert open_cache(redis_url).get_or_compute(entry, lambda: 1 / 0) == "aged"
    assert any("keeps its aged value" in told for told in failures_told(caplog))
    assert open_cache(redis_url).get_or_compute(entry, lambda: "new") == "new"


# --- clearing ------------------------------------------------------------------------------------


def test_clearing_forgets_these_keys_or_tags_and_no_others(
    redis_url: str, server: redis.Redis, entry: Entry
) -> None:
    cache = open_cache(redis_url)

    def tagged(name: str, *tags: str, seen: str = "tests") -> Entry:
        return Entry(f"{entry.key}:{name}", HOUR, entry.tables, tags, lambda value: (seen,))

    entries = [tagged("a", "red"), tagged("b", "red", "big"), tagged("c", seen="found-in-value")]

    def forgotten() -> list[str]:
        """Who has to be computed; afterwards all are there again."""
        other, found = open_cache(redis_url), []
        for each in entries:
            other.get_or_compute(each, lambda each=each: found.append(each.key[-1]))
        return found

    assert forgotten() == ["a", "b", "c"]
    assert forgotten() == []
    assert cache.clear(keys=[entries[0].key, "never:there"]) == 1
    assert forgotten() == ["a"]
    cache.clear(tags=["big"])
    assert forgotten() == ["b"]
    cache.clear(tags=["red"])
    assert forgotten() == ["a", "b"]
    cache.clear(tags=["found-in-value"])
    assert forgotten() == ["c"]
    cache.clear_all()
    assert forgotten() == ["a", "b", "c"]


def test_what_is_cleared_leaves_the_memory_of_every_process(
    redis_url: str, server: redis.Redis, entry: Entry
) -> None:
    cache, other = open_cache(redis_url), open_cache(redis_url)
    other.get_or_compute(entry, lambda: "old")
    cache.clear(tags=["tests"])
    other.reading.distrust()  # or half a second passes
    # The next read of anything that goes to Redis.
    other.get_or_compute(strong(Entry(f"{entry.key}:x", HOUR, entry.tables)), lambda: 1)
    assert other.get_or_compute(entry, lambda: "new") == "new"


def test_a_computation_that_began_before_a_clearing_is_not_kept(
    redis_url: str, server: redis.Redis, entry: Entry
) -> None:
    computation, cache = Computation(), open_cache(redis_url)
    computation.may_end.clear()
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(cache.get_or_compute, strong(entry), computation)
        computation.begun.wait(10)
        open_cache(redis_url).clear(tags=["tests"])
        computation.may_end.set()
        assert slow.result() == 1
    assert cache.get_or_compute(strong(entry), computation) == 2
    assert cache.counters.total()[Count.VOID] == 1


def test_clearing_all_frees_the_memory_and_touches_nothing_of_others(
    redis_url: str, server: redis.Redis
) -> None:
    cache = open_cache(redis_url)
    for n in range(3):
        cache.get_or_compute(product_summary_entry("amazon.de", f"B00000000{n}"), lambda: 1)
    server.set("somebody:elses", "value")
    assert cache.clear_all() == 3
    assert not server.keys("product:*")
    assert server.get("somebody:elses") == "value"


def test_clearing_without_an_answer_is_an_error(nobody_there: str) -> None:
    with pytest.raises(CacheError, match="nothing was cleared"):
        open_cache(nobody_there).clear(keys=["product:a:b:summary"])
    with pytest.raises(CacheError, match="there is no Redis"):
        open_cache(None).clear(tags=["all"])
    with pytest.raises(CacheError, match="does not answer"):
        open_cache(nobody_there).status()


def test_a_tag_that_cannot_be_one_is_refused(cache: Cache, entry: Entry) -> None:
    for tag in ("two words", "a=b", ""):
        with pytest.raises(ValueError, match="cannot be a tag"):
            Entry(entry.key, HOUR, entry.tables, (tag,)).all_tags(None)


# --- counters ------------------------------------------------------------------------------------


def test_reads_are_counted_by_where_they_were_answered(
    redis_url: str, server: redis.Redis, entry: Entry
) -> None:
    cache = open_cache(redis_url)
    cache.get_or_compute(entry, lambda: 1)
    for _ in range(3):
        cache.get_or_compute(entry, not_asked)
    cache.get_or_compute(product_summary_entry("amazon.de", "B000000001"), lambda: 1)
    for _ in range(2):
        cache.get_or_compute(product_summary_entry("amazon.de", "B000000001"), not_asked)
    cache.close()
    status = open_cache(redis_url).status()
    counts = {what: count for what, count in status.counts.items() if count}
    assert counts == {Count.MEMORY: 3, Count.REDIS: 2, Count.COMPUTED: 2}
    assert status.entries["product:*:summary"] == 1
    assert status.is_writable
    assert status.used_bytes > 0


# --- Redis is not what it should be --------------------------------------------------------------


@pytest.mark.parametrize("kind", ["nobody_there", "silent_server"])
def test_with_redis_down_reads_are_answered_in_time_and_it_is_told_once(
    request: pytest.FixtureRequest, entry: Entry, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    cache = open_cache(request.getfixturevalue(kind))
    began = time.monotonic()
    for turn in range(200):
        assert cache.get_or_compute(strong(entry), lambda turn=turn: turn) == turn
        assert cache.get_or_compute(entry, lambda: "first") == "first"
    # Nobody waits for it again and again.
    assert time.monotonic() - began < 2
    (told,) = failures_told(caplog)
    assert told.startswith("Redis does not answer; reading from the database")


@pytest.mark.parametrize("url", ["http://example.org", "localhost:6379", "nonsense"])
def test_an_address_that_is_none_is_told_at_once_without_its_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match="INSIGHTS_REDIS_URL is not the address"):
        Cache(url)


def test_a_cache_is_made_without_asking_redis(
    nobody_there: str, caplog: pytest.LogCaptureFixture
) -> None:
    open_cache(nobody_there)
    assert failures_told(caplog) == []


@pytest.mark.parametrize("foreign", ["not JSON", "{'also': not}", "", "\n1", "a=b\n1"])
def test_what_others_put_there_is_a_miss_and_replaced(
    redis_url: str, server: redis.Redis, entry: Entry, foreign: str
) -> None:
    server.set(entry.key, foreign)
    assert open_cache(redis_url).get_or_compute(strong(entry), lambda: "right") == "right"
    assert open_cache(redis_url).get_or_compute(strong(entry), not_asked) == "right"


def test_a_key_of_another_kind_is_replaced_and_stops_no_other_read(
    redis_url: str, server: redis.Redis, entry: Entry
) -> None:
    cache = open_cache(redis_url)
    other = strong(Entry(f"{entry.key}:other", HOUR, entry.tables))
    cache.get_or_compute(other, lambda: "mine")
    server.rpush(entry.key, "a", "b")
    assert cache.get_or_compute(strong(entry), lambda: "right") == "right"
    assert cache.get_or_compute(strong(entry), not_asked) == "right"
    # Even where the cache's own keys are of another kind, the reads of others go on.
    server.delete(entry.key)
    server.delete("cache:version")
    server.rpush("cache:version", "a")
    assert cache.get_or_compute(strong(entry), lambda: "from the database") == "from the database"
    assert cache.get_or_compute(other, not_asked) == "mine"
