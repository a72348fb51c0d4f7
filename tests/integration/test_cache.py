"""The cache: memory alone, and memory over a real server of Redis's protocol, up and down."""

from __future__ import annotations

import logging
import socket
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

from insights_resources import cache as cache_module
from insights_resources.cache import Cache, group_analysis_key, product_summary_key
from insights_resources.errors import ConfigurationError

HOUR = 3600


@pytest.fixture
def key() -> str:
    """A key that nobody else uses."""
    return f"test:{uuid.uuid4().hex}"


@pytest.fixture
def server(redis_url: str) -> Iterator[redis.Redis]:
    """A client of the server that is not the cache's."""
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture(params=["memory", "redis"])
def cache(request: pytest.FixtureRequest) -> Cache:
    """A fresh cache: memory alone, and memory over Redis in turn."""
    return Cache(request.getfixturevalue("redis_url") if request.param == "redis" else None)


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


def wait_until(condition: Callable[[], bool], seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def failures_told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


# --- values --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        {"price": "12.99", "ranks": [1, 2, 3], "name": "größe ★ 水", "none": None, "yes": True},
        [],
        {},
        0,
        False,
        "",
        "null",
        1.25,
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_comes_back_as_it_was(cache: Cache, key: str, value: Any) -> None:
    assert cache.get_json(key) is None
    cache.set_json(key, value, HOUR)
    assert cache.get_json(key) == value
    assert type(cache.get_json(key)) is type(value)


def test_amounts_and_days_are_kept_as_text(cache: Cache, key: str) -> None:
    cache.set_json(key, {"price": Decimal("12.90"), "day": date(2026, 3, 10)}, HOUR)
    assert cache.get_json(key) == {"price": "12.90", "day": "2026-03-10"}


@pytest.mark.parametrize(
    "value",
    [object(), {1, 2}, b"bytes", float("nan"), {"x": float("inf")}],
    ids=lambda value: type(value).__name__,
)
def test_what_is_not_json_is_refused_and_changes_nothing(
    cache: Cache, key: str, value: Any
) -> None:
    cache.set_json(key, "before", HOUR)
    with pytest.raises((TypeError, ValueError)):
        cache.set_json(key, value, HOUR)
    assert cache.get_json(key) == "before"
    assert cache.get_json(key, strong=True) in ("before", None)


def test_a_reader_who_changes_a_value_changes_nobody_elses(cache: Cache, key: str) -> None:
    mine = {"ranks": [1]}
    cache.set_json(key, mine, HOUR)
    mine["ranks"].append(2)
    cache.get_json(key)["ranks"].append(3)
    assert cache.get_json(key) == {"ranks": [1]}


def test_a_new_value_takes_the_place_of_the_old(cache: Cache, key: str) -> None:
    cache.set_json(key, "old", HOUR)
    cache.set_json(key, "new", HOUR)
    assert cache.get_json(key) == "new"


def test_deleting_forgets_these_keys_and_no_others(cache: Cache, key: str) -> None:
    for name in "abc":
        cache.set_json(f"{key}:{name}", name, HOUR)
    assert cache.delete(f"{key}:a", f"{key}:c", f"{key}:never")
    assert [cache.get_json(f"{key}:{name}") for name in "abc"] == [None, "b", None]
    assert cache.delete()
    assert cache.get_json(f"{key}:b") == "b"


def test_keys_of_different_things_are_different() -> None:
    assert product_summary_key("amazon.de", "B000000001") == "product:amazon.de:B000000001:summary"
    assert group_analysis_key("de-kettles") == "competitive:de-kettles:analysis"


def test_an_entry_ends_with_its_time(cache: Cache, key: str) -> None:
    cache.set_json(key, "soon gone", 1)
    cache.set_json(f"{key}:long", "still there", HOUR)
    assert cache.get_json(key) == "soon gone"
    wait_until(lambda: cache.get_json(key) is None, seconds=2)
    assert cache.get_json(f"{key}:long") == "still there"


def test_a_value_that_waited_in_redis_lives_no_longer_in_memory(redis_url: str, key: str) -> None:
    writer, reader = Cache(redis_url), Cache(redis_url)
    writer.set_json(key, "soon gone", 1)
    assert reader.get_json(key) == "soon gone"
    wait_until(lambda: reader.get_json(key) is None, seconds=2)


# --- memory alone --------------------------------------------------------------------------------


def test_without_redis_nothing_is_known_for_certain(key: str) -> None:
    cache = Cache()
    cache.set_json(key, 1, HOUR)
    assert cache.get_json(key) == 1
    assert cache.get_json(key, strong=True) is None
    assert Cache().get_json(key) is None


# --- memory over Redis ---------------------------------------------------------------------------


def test_other_processes_see_what_one_wrote(redis_url: str, key: str) -> None:
    Cache(redis_url).set_json(key, {"price": "12.99"}, HOUR)
    other = Cache(redis_url)
    assert other.get_json(key) == {"price": "12.99"}
    assert other.get_json(key, strong=True) == {"price": "12.99"}


def test_a_second_read_does_not_ask_redis(redis_url: str, server: redis.Redis, key: str) -> None:
    Cache(redis_url).set_json(key, "value", HOUR)
    reader = Cache(redis_url)
    assert reader.get_json(key) == "value"
    server.delete(key)
    assert reader.get_json(key) == "value"


def test_a_strong_read_never_answers_from_memory(
    redis_url: str, server: redis.Redis, key: str
) -> None:
    one, other = Cache(redis_url), Cache(redis_url)
    one.set_json(key, "old", HOUR)
    assert other.get_json(key) == "old"
    one.set_json(key, "new", HOUR)
    assert other.get_json(key, strong=True) == "new"
    assert one.delete(key)
    assert other.get_json(key, strong=True) is None


def test_a_strong_read_leaves_nothing_in_memory(
    redis_url: str, server: redis.Redis, key: str
) -> None:
    Cache(redis_url).set_json(key, "old", HOUR)
    reader = Cache(redis_url)
    assert reader.get_json(key, strong=True) == "old"
    server.delete(key)
    assert reader.get_json(key) is None


def test_entries_written_together_do_not_end_together(
    redis_url: str, server: redis.Redis, key: str
) -> None:
    cache = Cache(redis_url)
    keys = [f"{key}:{number}" for number in range(50)]
    for one in keys:
        cache.set_json(one, 1, HOUR)
    left = [server.pttl(one) / 1000 for one in keys]
    assert all(0.9 * HOUR - 5 <= seconds <= 1.1 * HOUR for seconds in left)
    assert max(left) - min(left) > 0.05 * HOUR


@pytest.mark.parametrize("foreign", ["not json", "{", "", b"\xff\xfe\x00"], ids=repr)
def test_what_somebody_else_put_there_is_ignored_and_told(
    redis_url: str,
    server: redis.Redis,
    key: str,
    foreign: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    cache = Cache(redis_url)
    server.set(key, foreign)
    assert cache.get_json(key) is None
    assert [message for message in failures_told(caplog) if key in message]
    # The next reads get their own values.
    cache.set_json(f"{key}:own", "mine", HOUR)
    assert cache.get_json(f"{key}:own", strong=True) == "mine"
    cache.set_json(key, "right", HOUR)
    assert cache.get_json(key, strong=True) == "right"


def test_a_key_of_another_kind_is_a_miss(
    redis_url: str, server: redis.Redis, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "_REDIS_PAUSE_SECONDS", 0.0)
    cache = Cache(redis_url)
    server.rpush(key, "a", "b")
    assert cache.get_json(key) is None
    cache.set_json(f"{key}:own", "mine", HOUR)
    assert cache.get_json(f"{key}:own", strong=True) == "mine"


def test_twenty_threads_read_and_write_whole_values_of_their_own_keys(
    cache: Cache, key: str
) -> None:
    keys = [f"{key}:{number}" for number in range(8)]
    start = threading.Barrier(20)

    def work(worker: int) -> list[str]:
        wrong = []
        start.wait()
        for turn in range(60):
            one = keys[(worker + turn) % len(keys)]
            match turn % 4:
                case 0:
                    cache.set_json(one, {"key": one, "by": [worker] * 50}, HOUR)
                case 1 if worker == 0:
                    cache.delete(one)
                case _:
                    value = cache.get_json(one, strong=turn % 2 == 0)
                    if value is not None and (value["key"] != one or len(set(value["by"])) != 1):
                        wrong.append(f"{one}: {value}")
        return wrong

    with ThreadPoolExecutor(20) as pool:
        assert [wrong for found in pool.map(work, range(20)) for wrong in found] == []


# --- Redis down ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["nobody_there", "silent_server"])
def test_with_redis_down_memory_still_works_and_it_is_told_once(
    request: pytest.FixtureRequest, key: str, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    cache = Cache(request.getfixturevalue(kind))
    started = time.monotonic()
    for turn in range(200):
        cache.set_json(key, turn, HOUR)
        assert cache.get_json(key) == turn
        assert cache.get_json(key, strong=True) is None
        assert cache.get_json(f"{key}:never") is None
    # Nobody waits for it again and again.
    assert time.monotonic() - started < 2
    (told,) = failures_told(caplog)
    assert told.startswith("Redis does not answer; reading from the database")


def test_with_redis_down_a_deletion_is_told_as_not_done(nobody_there: str, key: str) -> None:
    cache = Cache(nobody_there)
    cache.set_json(key, "old", HOUR)
    assert cache.delete(key) is False
    assert cache.get_json(key) is None


@pytest.mark.parametrize("url", ["http://example.org", "localhost:6379", "nonsense"])
def test_an_address_that_is_none_is_told_at_once_without_its_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match="INSIGHTS_REDIS_URL is not the address"):
        Cache(url)


def test_a_cache_is_made_without_asking_redis(
    nobody_there: str, caplog: pytest.LogCaptureFixture
) -> None:
    Cache(nobody_there)
    assert failures_told(caplog) == []


@pytest.fixture
def hang(server: redis.Redis) -> Iterator[Callable[[], None]]:
    """Makes the server stop answering for longer than a cache waits; it answers again after the
    test."""

    def pause() -> None:
        server.execute_command("CLIENT", "PAUSE", 600, "ALL")

    yield pause
    server.ping()


def test_a_deletion_that_redis_missed_is_done_as_soon_as_it_answers(
    redis_url: str,
    server: redis.Redis,
    key: str,
    hang: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cache_module, "_REDIS_PAUSE_SECONDS", 0.0)
    cache = Cache(redis_url)
    cache.set_json(key, "old", HOUR)
    hang()
    assert cache.delete(key) is False
    server.ping()  # it answers again
    assert cache.get_json(f"{key}:other") is None
    assert server.exists(key) == 0
    assert cache.get_json(key, strong=True) is None


def test_a_value_that_redis_missed_does_not_leave_the_one_before_it(
    redis_url: str,
    server: redis.Redis,
    key: str,
    hang: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cache_module, "_REDIS_PAUSE_SECONDS", 0.0)
    cache = Cache(redis_url)
    cache.set_json(key, "old", HOUR)
    hang()
    cache.set_json(key, "new", HOUR)
    assert cache.get_json(key) == "new"
    server.ping()
    assert cache.get_json(key, strong=True) in ("new", None)
    cache.set_json(key, "newer", HOUR)
    assert Cache(redis_url).get_json(key) == "newer"


def test_an_answer_that_came_too_late_is_nobody_elses(
    redis_url: str,
    server: redis.Redis,
    key: str,
    hang: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cache_module, "_REDIS_PAUSE_SECONDS", 0.0)
    cache = Cache(redis_url)
    for name in "ab":
        cache.set_json(f"{key}:{name}", name, HOUR)
    hang()
    assert cache.get_json(f"{key}:a", strong=True) is None
    server.ping()
    for _ in range(5):
        assert cache.get_json(f"{key}:b", strong=True) == "b"
        assert cache.get_json(f"{key}:a", strong=True) == "a"


def test_redis_that_answers_again_is_used_and_its_next_failure_told_again(
    redis_url: str,
    server: redis.Redis,
    key: str,
    hang: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(cache_module, "_REDIS_PAUSE_SECONDS", 0.0)
    cache = Cache(redis_url)
    for times in (1, 2):
        hang()
        assert cache.get_json(key, strong=True) is None
        assert len(failures_told(caplog)) == times
        server.ping()
        cache.set_json(key, times, HOUR)
        assert Cache(redis_url).get_json(key) == times
