"""A backfill of everything derived equals what the sandbox knows to be true.

The expected rows are computed apart, in plain loops over the market's own truth. 45 days hold the
longest look-back; the slow lane takes 90, on PostgreSQL.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import Table

from insights_resources.marketplaces import ProductKey
from insights_resources.page_providers.protocol import Verdict
from insights_resources.sandbox.truth import ExpectedResults
from insights_resources.warehouse import tables
from insights_resources.warehouse.column_types import Money
from insights_resources.warehouse.publication import select_current
from tests.integration.platform_fixture import Platform, make_platform
from tests.servers import fresh_database

FIRST = date(2025, 2, 3)
#: Fields of a snapshot that are compared here; the parser's own test compares all of them.
COMPARED = (
    "title",
    "brand",
    "currency",
    "price",
    "list_price",
    "rating_count",
    "availability",
    "seller",
    "price_missing_reason",
    "parent_asin",
)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(("sqlite", 45), id="45 days"),
        pytest.param(("postgresql", 90), id="90 days", marks=pytest.mark.slow),
    ],
)
def span(request: pytest.FixtureRequest) -> tuple[str, list[date]]:
    """The engine, and the days."""
    engine, days = request.param
    return engine, [FIRST + timedelta(days=number) for number in range(days)]


@pytest.fixture(scope="module")
def days(span: tuple[str, list[date]]) -> list[date]:
    return span[1]


@pytest.fixture(scope="module")
def platform(
    request: pytest.FixtureRequest,
    span: tuple[str, list[date]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Platform]:
    """Captured once, then backfilled: as an engineer does after a better parser."""
    engine, days = span
    folder = tmp_path_factory.mktemp("truth")
    with ExitStack() as stack:
        url = f"sqlite:///{folder / 'insights.db'}"
        if engine == "postgresql":
            server, template = map(request.getfixturevalue, ("postgres_url", "_postgres_template"))
            url = stack.enter_context(fresh_database(server, template))
        monkeypatch = stack.enter_context(pytest.MonkeyPatch.context())
        made = make_platform(folder, url, monkeypatch)
        made.run("whole_graph", days[0], days[-1])
        made.run("rebuild_derived", days[0], days[-1])
        yield made
        made.warehouse.dispose()


@pytest.fixture(scope="module")
def expected(platform: Platform, days: list[date]) -> ExpectedResults:
    return ExpectedResults(platform.market, days[0], days[-1])


def _rows(platform: Platform, table: Table) -> list[dict[str, Any]]:
    """The current rows, with amounts and missing values in plain Python."""
    frame = platform.warehouse.read_frame(select_current(table))
    money = {column.name for column in table.columns if isinstance(column.type, Money)}
    rows = []
    for values in frame.itertuples(index=False, name=None):
        row: dict[str, Any] = {}
        for name, value in zip(frame.columns, values, strict=True):
            if not isinstance(value, list | dict) and pd.isna(value):
                row[name] = None
            elif name in money:
                row[name] = Decimal(int(value)).scaleb(-2)
            elif isinstance(value, pd.Timestamp):
                row[name] = value.date() if name == "day" else value.to_pydatetime()
            else:
                row[name] = value
        rows.append(row)
    return rows


def _same(found: Any, right: Any) -> bool:
    if found is None or right is None:
        return found is None and right is None
    if isinstance(right, str | bool):
        return bool(found == right)
    if isinstance(right, dict):
        return set(found) == set(right) and all(_same(found[name], right[name]) for name in right)
    if isinstance(right, int | float | Decimal):
        # Written figures are rounded to six digits behind the point.
        return math.isclose(float(found), float(right), rel_tol=1e-6, abs_tol=2e-6)
    return bool(found == right)


def _key(row: dict[str, Any]) -> ProductKey:
    return ProductKey(row["marketplace"], row["asin"])


def _compare(found: dict[Any, dict[str, Any]], right: dict[Any, dict[str, Any]]) -> None:
    assert set(found) == set(right)
    assert len(right) > 100
    wrong = [
        f"{key} {name}: {row[name]!r}, true is {right[key][name]!r}"
        for key, row in found.items()
        for name in right[key]
        if name in row and not _same(row[name], right[key][name])
    ]
    assert not wrong, f"{len(wrong)} differences, such as {wrong[:5]}"


def test_snapshots(platform: Platform, days: list[date]) -> None:
    found = {(_key(row), row["day"]): row for row in _rows(platform, tables.product_snapshots)}
    for key in platform.market.keys:
        for day in days:
            truth = platform.market.truth(key, day)
            row = found.pop((key, day), None)
            assert (row is not None) == (truth.verdict is Verdict.PRODUCT), (key, day)
            if row is None or truth.snapshot is None:
                continue
            for name in COMPARED:
                assert row[name] == getattr(truth.snapshot, name), (key, day, name)
            assert [entry["rank"] for entry in row["bsr"]] == [
                entry.rank for entry in truth.snapshot.bsr
            ]
    assert found == {}


def test_pages_that_show_no_product_are_rejected_with_a_reason(
    platform: Platform, days: list[date]
) -> None:
    rejected = _rows(platform, tables.rejected_pages)
    right = {
        (key, day): truth.verdict.value
        for key in platform.market.keys
        for day in days
        if (truth := platform.market.truth(key, day)).verdict is not Verdict.PRODUCT
    }
    assert len(right) > 3
    assert {(_key(row), row["day"]): row["verdict"] for row in rejected} == right
    assert all(row["reason"] for row in rejected)


def test_product_features(platform: Platform, expected: ExpectedResults) -> None:
    found = {(_key(row), row["day"]): row for row in _rows(platform, tables.product_features)}
    _compare(found, expected.product_features())


def test_rank_features(platform: Platform, expected: ExpectedResults) -> None:
    found = {
        (_key(row), row["day"], row["node_key"]): row
        for row in _rows(platform, tables.rank_features)
    }
    _compare(found, expected.rank_features())


def test_scores(platform: Platform, expected: ExpectedResults) -> None:
    found = {
        (row["day"], row["group_id"], _key(row), row["method"]): row
        | {"peers": row["peers"]["eligible"]}
        for row in _rows(platform, tables.competitive_scores)
    }
    right = expected.scores()
    for row in right.values():
        row.pop("missing_reasons", None)
    for row in found.values():
        row["peers"] = sorted(row["peers"])
    _compare(found, right)


def test_alerts(platform: Platform, expected: ExpectedResults) -> None:
    found = {
        (_key(row), row["day"], row["rule_id"], row["transition"])
        for row in _rows(platform, tables.alerts)
    }
    right = {
        (key, row["day"], row["rule_id"], row["transition"])
        for key, rows in expected.alerts().items()
        for row in rows
    }
    assert len(right) > 10
    assert found == right
