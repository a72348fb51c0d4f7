"""The warehouse behind a real PgBouncer in transaction mode: every transaction of a client may be
on another connection to the server, and every connection is shared with strangers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import select, text
from sqlalchemy.engine import make_url

from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import publish, select_current
from insights_resources.warehouse.schema import migrate
from tests.integration.platform_fixture import make_platform
from tests.integration.warehouse_rows import (
    MONDAY,
    RANKS,
    TUESDAY,
    WEDNESDAY,
    current_ranks,
    publish_ranks,
    ranks,
)
from tests.servers import fresh_database, pgbouncer, pgbouncer_program

pytestmark = pytest.mark.skipif(
    pgbouncer_program() is None, reason="needs PgBouncer (Debian: apt-get install pgbouncer)"
)

POOL = 6
A, B = "B000000001", "B000000002"


@pytest.fixture(scope="module")
def pooled_server(postgres_url: str) -> Iterator[str]:
    with pgbouncer(postgres_url, POOL) as url:
        yield url


@pytest.fixture
def pooled_url(pooled_server: str, postgres_url: str) -> Iterator[str]:
    """Warehouse URL, through the pooler, of an empty database."""
    with fresh_database(postgres_url) as url:
        pooler = make_url(pooled_server)
        pooled = make_url(url).set(host=pooler.host, port=pooler.port)
        yield pooled.render_as_string(hide_password=False)


@pytest.fixture
def pooled(pooled_url: str) -> Iterator[Warehouse]:
    warehouse = Warehouse.open(pooled_url)
    migrate(warehouse)
    yield warehouse
    warehouse.dispose()


def connections_of_the_pool(pooled_url: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """As many clients at once as there are connections to the server: each has another one."""
    url = make_url(pooled_url).set(drivername="postgresql").render_as_string(hide_password=False)
    clients = [psycopg.connect(url, prepare_threshold=None) for _ in range(POOL)]
    try:
        for client in clients:
            client.execute("SELECT 1")
        yield from clients
    finally:
        for client in clients:
            client.close()


@pytest.mark.slow
def test_a_schema_is_migrated_from_two_clients_at_once(pooled_url: str) -> None:
    clients = [Warehouse.open(pooled_url) for _ in range(2)]
    with ThreadPoolExecutor(2) as together:
        applied = sorted(map(len, together.map(migrate, clients)))
    assert applied[0] == 0, "one of them found it done"
    assert applied[1] > 0
    publish_ranks(clients[0], (A, MONDAY, 10))
    assert current_ranks(clients[1]) == [(A, MONDAY, 10)]
    for client in clients:
        client.dispose()


@pytest.mark.slow
def test_clients_publish_and_read_at_once(pooled_url: str, pooled: Warehouse) -> None:
    """Two writers and readers of their own connections; each published state is seen as a whole."""
    days = [MONDAY, TUESDAY]
    asins = [f"B{n:09}" for n in range(400)]
    ended = threading.Event()

    def write(day: date) -> None:
        client = Warehouse.open(pooled_url)
        for rank in range(1, 6):
            scope = Scope.of_day(day)
            with client.writer_lock(RANKS, day, day):
                publish(
                    client,
                    RANKS,
                    ranks(*((asin, day, rank) for asin in asins)),
                    covers=RANKS.c.day == day,
                    scope=scope,
                    code_version="test",
                )
        client.dispose()

    def look() -> int:
        client = Warehouse.open(pooled_url)
        looks = 0
        while not ended.is_set() or not looks:
            frame = client.read_frame(select_current(RANKS, RANKS.c.day, RANKS.c["rank"]))
            for _, of_day in frame.groupby("day"):
                assert (len(of_day), of_day["rank"].nunique()) == (len(asins), 1)
            looks += 1
        client.dispose()
        return looks

    with ThreadPoolExecutor(4) as together:
        readers = [together.submit(look) for _ in range(2)]
        try:
            list(together.map(write, days))
        finally:
            ended.set()
        assert all(reader.result() for reader in readers)
    assert {rank for _, _, rank in current_ranks(pooled)} == {5}


def test_writers_of_one_day_wait_for_each_other(pooled_url: str, pooled: Warehouse) -> None:
    """The lock is of the transaction, not of a connection that somebody else uses next."""
    inside: list[int] = []
    most: list[int] = []

    def write(number: int) -> None:
        client = Warehouse.open(pooled_url)
        with client.writer_lock(RANKS, MONDAY, MONDAY):
            inside.append(number)
            most.append(len(inside))
            publish_ranks(client, (A, MONDAY, number), scope=Scope.of_day(MONDAY))
            inside.remove(number)
        client.dispose()

    with ThreadPoolExecutor(3) as together:
        list(together.map(write, [1, 2, 3]))
    assert most == [1, 1, 1]
    assert len(current_ranks(pooled)) == 1
    with pooled.read() as connection:
        held = connection.scalar(
            text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1")
        )
    assert held == 0


def test_nothing_of_a_session_is_left_to_the_next_client(
    pooled_url: str, pooled: Warehouse
) -> None:
    """Whatever a client sets ends with its transaction, also when that fails."""
    publish_ranks(pooled, (A, MONDAY, 10), (B, MONDAY, 20))
    publish_ranks(pooled, (A, MONDAY, 11), (B, MONDAY, 20))
    with pooled.writer_lock(RANKS, MONDAY, WEDNESDAY):
        current_ranks(pooled)
    for _ in range(20):
        with pooled.read() as connection:
            connection.execute(select(tables.builds).where(tables.builds.c.build_id > 0)).all()
    with pytest.raises(ZeroDivisionError), pooled.writer_lock(RANKS, MONDAY, MONDAY):
        publish_ranks(pooled, (A, MONDAY, 1 // 0))
    left = """
        SELECT 'setting ' || name || ' = ' || setting FROM pg_settings
        WHERE source = 'session' AND name NOT IN
            ('client_encoding', 'DateStyle', 'TimeZone', 'standard_conforming_strings',
             'application_name', 'transaction_isolation', 'transaction_read_only',
             'transaction_deferrable')
        UNION ALL SELECT 'statement ' || name FROM pg_prepared_statements
        UNION ALL SELECT 'cursor ' || name FROM pg_cursors WHERE name <> ''
        UNION ALL SELECT 'lock ' || objid FROM pg_locks
            WHERE locktype = 'advisory' AND pid = pg_backend_pid()
        UNION ALL SELECT 'temporary table ' || relname FROM pg_class
            WHERE relpersistence = 't' AND pg_table_is_visible(oid)
    """
    pids, found = set(), []
    for client in connections_of_the_pool(pooled_url):
        pids.add(client.execute("SELECT pg_backend_pid()").fetchone())
        found += client.execute(left).fetchall()
    assert len(pids) == POOL, "every connection of the pool was looked at"
    assert found == []


@pytest.mark.slow
def test_the_whole_line_runs_through_it(
    tmp_path: Path, pooled_url: str, pooled: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = make_platform(tmp_path, pooled_url, monkeypatch, products=6)
    day = date(2025, 2, 3)
    platform.run("whole_graph", day, day + timedelta(days=1))
    try:
        with pooled.read() as connection:
            statuses = set(connection.scalars(select(tables.builds.c.status)))
            rows = {
                table.name: connection.execute(select_current(table).limit(1)).first()
                for table in tables.VERSIONED_FACTS
            }
        assert statuses == {"published"}
        assert all(
            rows[table.name] is not None
            for table in (
                tables.product_snapshots,
                tables.product_features,
                tables.rank_features,
                tables.competitive_scores,
                tables.competitive_reports,
                tables.product_summaries,
            )
        )
    finally:
        platform.warehouse.dispose()
