"""Platforms of six products, on each engine in turn or on SQLite alone; and tracked products."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from insights_resources.warehouse.engine import Warehouse
from tests.integration.platform_fixture import Platform, make_platform
from tests.integration.tracked_products import store_products


@pytest.fixture
def platform(
    tmp_path: Path, warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Platform]:
    made = make_platform(tmp_path, warehouse_url, monkeypatch, products=6)
    yield made
    made.warehouse.dispose()


@pytest.fixture
def sqlite_platform(
    tmp_path: Path, sqlite_warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Platform]:
    made = make_platform(tmp_path, sqlite_warehouse_url, monkeypatch, products=6)
    yield made
    made.warehouse.dispose()


@pytest.fixture
def tracked(warehouse: Warehouse) -> Warehouse:
    """Three captured products in two groups and one that was never captured."""
    store_products(warehouse)
    return warehouse
