"""Processes that die, and processes that meet: the last good rows stand, one writer at a time."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from datetime import date, timedelta
from multiprocessing.synchronize import Event
from typing import Any, NoReturn

import pytest
from sqlalchemy import event

from insights_resources.errors import WarehouseError
from insights_resources.warehouse import engine as engine_module
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from tests.integration.warehouse_rows import (
    MONDAY,
    RANKS,
    TUESDAY,
    WEDNESDAY,
    build_rows,
    current_ranks,
    publish_ranks,
)
from tests.processes import FORK, run_and_die

A, B = "B000000001", "B000000002"


def die(*arguments: object) -> NoReturn:
    """Ends the process without any chance to clean up."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("still alive")


def die_between_write_and_publication(url: str) -> None:
    publish_ranks(Warehouse.open(url), (A, MONDAY, 11), audits=(die,))


def die_inside_the_last_transaction(url: str) -> None:
    warehouse = Warehouse.open(url)

    @event.listens_for(warehouse.engine, "before_cursor_execute")
    def before(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        # Old rows are superseded and new ones recorded by now, and nothing is committed.
        if statement.startswith("UPDATE") and "ops_builds" in statement:
            die()

    publish_ranks(warehouse, (A, MONDAY, 11))


def die_with_the_lock(url: str) -> None:
    with Warehouse.open(url).writer_lock(RANKS, MONDAY, MONDAY):
        die()


def hold_the_lock(url: str, held: Event, release: Event) -> None:
    with Warehouse.open(url).writer_lock(RANKS, MONDAY, TUESDAY):
        held.set()
        release.wait(60)


@pytest.mark.parametrize(
    "target", [die_between_write_and_publication, die_inside_the_last_transaction]
)
def test_a_process_killed_in_the_middle_changes_nothing_and_a_rerun_completes(
    warehouse: Warehouse, warehouse_url: str, target: Callable[[str], None]
) -> None:
    publish_ranks(warehouse, (A, MONDAY, 10), (B, MONDAY, 20))
    run_and_die(target, warehouse_url)
    assert current_ranks(warehouse) == [(A, MONDAY, 10), (B, MONDAY, 20)]
    assert [row["status"] for row in build_rows(warehouse)] == ["published", "open"]

    publish_ranks(warehouse, (A, MONDAY, 11))
    assert current_ranks(warehouse) == [(A, MONDAY, 11)]


def test_a_killed_writer_leaves_no_lock(warehouse: Warehouse, warehouse_url: str) -> None:
    run_and_die(die_with_the_lock, warehouse_url)
    with warehouse.writer_lock(RANKS, MONDAY, MONDAY):
        publish_ranks(warehouse, (A, MONDAY, 10))
    assert current_ranks(warehouse) == [(A, MONDAY, 10)]


def _is_free(
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
    first: date | None,
    last: date | None,
) -> bool:
    """Whether a writer of these days gets the lock within a moment."""
    monkeypatch.setattr(engine_module, "_LOCK_SECONDS", 0.2)
    try:
        with warehouse.writer_lock(RANKS, first, last):
            return True
    except WarehouseError as error:
        return "fact_rank_features" not in str(error)


def test_another_process_keeps_writers_of_its_days_waiting(
    warehouse: Warehouse, warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, release = FORK.Event(), FORK.Event()
    process = FORK.Process(target=hold_the_lock, args=(warehouse_url, held, release))
    process.start()
    assert held.wait(60)
    try:
        assert not _is_free(warehouse, monkeypatch, MONDAY, MONDAY)
        assert not _is_free(warehouse, monkeypatch, TUESDAY, WEDNESDAY)
        assert not _is_free(warehouse, monkeypatch, None, None)
        # So many days are locked as the whole table.
        assert not _is_free(warehouse, monkeypatch, MONDAY - timedelta(days=400), WEDNESDAY)
        # SQLite has one writer at a time anyway.
        assert _is_free(warehouse, monkeypatch, WEDNESDAY, WEDNESDAY) is warehouse.is_postgres
        with warehouse.writer_lock(tables.product_features, MONDAY, MONDAY):
            pass
    finally:
        release.set()
        process.join(60)
    assert _is_free(warehouse, monkeypatch, None, None)


def test_a_writer_of_the_whole_table_keeps_writers_of_days_waiting(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    with warehouse.writer_lock(RANKS, None, None):
        assert not _is_free(warehouse, monkeypatch, MONDAY, MONDAY)


def test_writers_of_a_day_take_turns(warehouse: Warehouse) -> None:
    """Each reads what stands and adds one: no addition is lost."""
    publish_ranks(warehouse, (A, MONDAY, 1))
    failures: list[BaseException] = []

    def add_one() -> None:
        try:
            with warehouse.writer_lock(RANKS, MONDAY, MONDAY):
                ((_, _, rank),) = current_ranks(warehouse)
                time.sleep(0.02)
                publish_ranks(warehouse, (A, MONDAY, rank + 1))
        except BaseException as error:  # noqa: BLE001 - a thread's error is the test's
            failures.append(error)

    threads = [threading.Thread(target=add_one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert current_ranks(warehouse) == [(A, MONDAY, 5)]


def test_readers_do_not_wait_for_a_writer(warehouse: Warehouse) -> None:
    publish_ranks(warehouse, (A, MONDAY, 10))
    with warehouse.begin() as writing:
        writing.execute(RANKS.update().values(rank=99))
        assert current_ranks(warehouse) == [(A, MONDAY, 10)]


def test_a_reading_transaction_sees_one_state(warehouse: Warehouse) -> None:
    publish_ranks(warehouse, (A, MONDAY, 10))
    query = RANKS.select().where(RANKS.c.superseded_at.is_(None))
    with warehouse.read() as connection:
        before = connection.execute(query).all()
        publish_ranks(warehouse, (A, MONDAY, 11))
        assert connection.execute(query).all() == before
    assert current_ranks(warehouse) == [(A, MONDAY, 11)]
