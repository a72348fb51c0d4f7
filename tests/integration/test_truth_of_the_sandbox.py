"""A backfill of everything derived equals what the sandbox knows to be true.

The expected rows are computed apart, in plain loops over the market's own truth. 45 days hold the
longest look-back; 60 days are taken on PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date, timedelta

import pytest

from insights_resources.page_providers.protocol import Verdict
from insights_resources.sandbox.truth import ExpectedResults
from insights_resources.warehouse import tables
from tests.integration.platform_fixture import Platform, make_platform
from tests.integration.truth_comparison import (
    alerts,
    assert_same_rows,
    current_rows,
    product_features,
    product_of,
    rank_features,
    scores,
)
from tests.servers import fresh_database

pytestmark = pytest.mark.slow

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
        pytest.param(("postgresql", 60), id="60 days"),
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


def test_snapshots(platform: Platform, days: list[date]) -> None:
    found = {
        (product_of(row), row["day"]): row
        for row in current_rows(platform.warehouse, tables.product_snapshots)
    }
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
    rejected = current_rows(platform.warehouse, tables.rejected_pages)
    right = {
        (key, day): truth.verdict.value
        for key in platform.market.keys
        for day in days
        if (truth := platform.market.truth(key, day)).verdict is not Verdict.PRODUCT
    }
    assert len(right) > 3
    assert {(product_of(row), row["day"]): row["verdict"] for row in rejected} == right
    assert all(row["reason"] for row in rejected)


def test_product_features(platform: Platform, expected: ExpectedResults) -> None:
    assert_same_rows(product_features(platform.warehouse), expected.product_features())


def test_rank_features(platform: Platform, expected: ExpectedResults) -> None:
    assert_same_rows(rank_features(platform.warehouse), expected.rank_features())


def test_scores(platform: Platform, expected: ExpectedResults) -> None:
    assert_same_rows(scores(platform.warehouse), expected.scores())


def test_alerts(platform: Platform, expected: ExpectedResults) -> None:
    right = {
        (key, row["day"], row["rule_id"], row["transition"])
        for key, rows in expected.alerts().items()
        for row in rows
    }
    assert len(right) > 10
    assert alerts(platform.warehouse) == right
