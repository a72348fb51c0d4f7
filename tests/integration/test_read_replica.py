"""Consumers' reads with a real streaming replica: never older than the last commit."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from sqlalchemy import Connection, Text, func, select, text, type_coerce

from insights_assets.serving.cached_summaries import read_summary, stored_summaries
from insights_resources.errors import ReadTimeoutError
from insights_resources.warehouse import engine, tables
from insights_resources.warehouse.consumer_reads import read_for_consumers
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.schema import migrate
from insights_resources.wiring import open_cache
from tests.integration.published_prices import PRODUCTS, Prices
from tests.servers import fresh_database, postgres_replica, postgres_server, warehouse_url

pytestmark = pytest.mark.slow

FACTS = [tables.product_summaries]


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[str, str]]:
    """A primary and its replica."""
    with postgres_server() as primary, postgres_replica(primary) as replica:
        yield primary, replica


@pytest.fixture
def warehouse(servers: tuple[str, str]) -> Iterator[Warehouse]:
    """A migrated warehouse with its replica, which has caught up."""
    primary, replica = servers
    with fresh_database(primary) as url:
        opened = Warehouse.open(url)
        migrate(opened)
        name = opened.engine.url.database
        assert name is not None
        opened.replica = Warehouse.open(warehouse_url(replica, name))
        caught_up(primary, replica)
        yield opened
        opened.dispose()


def caught_up(primary: str, replica: str) -> None:
    """Returns once the replica has replayed all there is."""
    with psycopg.connect(primary) as there:
        (position,) = there.execute("SELECT pg_current_wal_insert_lsn()").fetchone() or (None,)
    deadline = time.monotonic() + 30
    with psycopg.connect(replica, autocommit=True) as here:
        while True:
            row = here.execute("SELECT pg_last_wal_replay_lsn() >= %s", [position]).fetchone()
            if row == (True,):
                return
            assert time.monotonic() < deadline, "the replica does not catch up"
            time.sleep(0.02)


@contextmanager
def lagging(replica: str) -> Iterator[None]:
    """The replica stands still."""
    with psycopg.connect(replica, autocommit=True) as connection:
        connection.execute("SELECT pg_wal_replay_pause()")
        try:
            yield
        finally:
            connection.execute("SELECT pg_wal_replay_resume()")


def is_replica(connection: Connection) -> bool:
    return bool(connection.scalar(text("SELECT pg_is_in_recovery()")))


def price(warehouse: Warehouse) -> int:
    (row,) = stored_summaries(warehouse, [PRODUCTS[0]])
    return 0 if row is None else int(row["price"])


def test_a_replica_that_has_everything_answers(
    servers: tuple[str, str], warehouse: Warehouse
) -> None:
    Prices(warehouse).publish(None)
    caught_up(*servers)
    assert read_for_consumers(warehouse, FACTS, is_replica)
    assert price(warehouse) == 1


def test_a_replica_that_lags_is_not_asked(servers: tuple[str, str], warehouse: Warehouse) -> None:
    prices = Prices(warehouse)
    prices.publish(None)
    caught_up(*servers)
    with lagging(servers[1]):
        # What it has is still the last.
        assert read_for_consumers(warehouse, FACTS, is_replica)
        prices.publish(None)
        assert not read_for_consumers(warehouse, FACTS, is_replica)
        assert price(warehouse) == 2
        # Of another table nothing was published.
        assert read_for_consumers(warehouse, [tables.competitive_reports], is_replica)
    caught_up(*servers)
    assert read_for_consumers(warehouse, FACTS, is_replica)


def test_no_read_is_older_than_the_last_commit_before_it(
    servers: tuple[str, str], warehouse: Warehouse, redis_url: str
) -> None:
    """Plain reads, and reads through the cache, beside a publisher and a replica that now and then
    stands still; some of them the replica did answer."""
    prices, ended, served = Prices(warehouse), threading.Event(), [0, 0]
    publisher = open_cache(redis_url, warehouse)
    assert publisher.redis is not None
    publisher.redis.flushall()
    prices.publish(publisher)
    wrong: list[str] = []

    def read() -> None:
        cache = open_cache(redis_url, warehouse)
        while not ended.is_set():
            committed = prices.committed[PRODUCTS[0]]
            summary = read_summary(warehouse, cache, PRODUCTS[0])
            cached = 0 if summary is None else int(float(summary["price"]))
            if cached < committed:
                wrong.append(f"{cached} through the cache after {committed}")
            committed = prices.committed[PRODUCTS[0]]
            if price(warehouse) < committed:
                wrong.append(f"an older price than {committed}")
            served[read_for_consumers(warehouse, FACTS, is_replica)] += 1
        cache.close()

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(20):
        if number % 5 == 4:
            with lagging(servers[1]):
                prices.publish(publisher)
                time.sleep(0.1)
        else:
            prices.publish(publisher)
            time.sleep(0.05)
    ended.set()
    for reader in readers:
        reader.join()
    publisher.close()
    assert wrong == []
    assert min(served) > 0, f"{served[0]} reads of the primary, {served[1]} of the replica"


def test_a_replica_that_goes_away_in_the_middle_of_a_read_is_replaced_by_the_primary(
    servers: tuple[str, str], warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    Prices(warehouse).publish(None)
    caught_up(*servers)

    def breaks_on_the_replica(connection: Connection) -> bool:
        if is_replica(connection):
            connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        return is_replica(connection)

    monkeypatch.setattr(engine, "_REST_SECONDS", 0.2)
    assert read_for_consumers(warehouse, FACTS, breaks_on_the_replica) is False
    # Left alone for a while, then asked again.
    assert not read_for_consumers(warehouse, FACTS, is_replica)
    time.sleep(0.25)
    assert read_for_consumers(warehouse, FACTS, is_replica)


def test_a_replica_that_is_gone_costs_one_attempt(
    warehouse: Warehouse, caplog: pytest.LogCaptureFixture
) -> None:
    Prices(warehouse).publish(None)
    gone = Warehouse.open("postgresql://me:secret@127.0.0.1:1/none")
    assert warehouse.replica is not None
    warehouse.replica.dispose()
    warehouse.replica = gone
    assert [price(warehouse) for _ in range(3)] == [1, 1, 1]
    (warning,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert "cannot be reached" in warning
    assert "secret" not in warning


def test_another_database_is_never_taken_for_the_replica(
    servers: tuple[str, str], warehouse: Warehouse
) -> None:
    """With builds of the same numbers, but not the same builds."""
    with fresh_database(servers[0]) as url:
        other = Warehouse.open(url)
        migrate(other)
        other_prices = Prices(other)
        for _ in range(3):
            other_prices.publish(None)
        prices = Prices(warehouse)
        prices.publish(None)
        warehouse.replica = other
        assert price(warehouse) == 1
        warehouse.replica = None
        other.dispose()


def test_an_error_of_the_read_itself_is_not_tried_again(
    servers: tuple[str, str], warehouse: Warehouse
) -> None:
    Prices(warehouse).publish(None)
    caught_up(*servers)
    tries: list[bool] = []

    def fails(connection: Connection) -> None:
        tries.append(is_replica(connection))
        raise KeyError("a bug")

    with pytest.raises(KeyError, match="a bug"):
        read_for_consumers(warehouse, FACTS, fails)
    assert tries == [True]


@pytest.mark.parametrize("has_replica", [True, False])
@pytest.mark.parametrize("by_copy", [True, False])
def test_a_read_that_takes_too_long_is_broken_off(
    servers: tuple[str, str], warehouse: Warehouse, *, has_replica: bool, by_copy: bool
) -> None:
    Prices(warehouse).publish(None)
    caught_up(*servers)
    replica = warehouse.replica
    if not has_replica:
        warehouse.replica = None
    warehouse.read_seconds = 0.2
    tries = []

    def sleeps(connection: Connection) -> None:
        tries.append(1)
        slow = select(type_coerce(func.pg_sleep(20), Text).label("slept"))
        if by_copy:
            warehouse.read_frame(slow, connection)
        else:
            connection.execute(slow)

    began = time.monotonic()
    with pytest.raises(ReadTimeoutError, match=r"0\.2 seconds.*INSIGHTS_READ_SECONDS"):
        read_for_consumers(warehouse, FACTS, sleeps)
    assert time.monotonic() - began < 10
    assert len(tries) == 1
    # Nothing of it is left in the connection for the next one, who has no limit.
    with warehouse.read() as connection:
        assert connection.scalar(text("SHOW statement_timeout")) == "0"
    if replica is not None:
        replica.dispose()
