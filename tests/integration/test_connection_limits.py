"""Nobody waits for ever: servers that do not answer, processes that want too much at once."""

from __future__ import annotations

import socket
import time

import pytest

from insights_resources.errors import WarehouseUnreachableError
from insights_resources.warehouse import engine
from insights_resources.warehouse.engine import Warehouse


def test_a_server_that_does_not_answer_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        port = deaf.getsockname()[1]
        # libpq's shortest time-out; without one in the address it is ten seconds.
        silent = Warehouse.open(f"postgresql://me@127.0.0.1:{port}/db?connect_timeout=2")
        began = time.monotonic()
        with pytest.raises(WarehouseUnreachableError, match="cannot be reached"), silent.read():
            pass
        assert time.monotonic() - began < 8


def test_connections_of_a_process_are_bounded(
    postgres_warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_CONNECTIONS", 1)
    monkeypatch.setattr(engine, "_MORE_CONNECTIONS", 0)
    monkeypatch.setattr(engine, "_CONNECT_SECONDS", 2)
    warehouse = Warehouse.open(postgres_warehouse_url)
    with (
        warehouse.read(),
        pytest.raises(WarehouseUnreachableError, match="all 1 connections"),
        warehouse.read(),
    ):
        pass
    warehouse.dispose()
