"""What holds for rebuilds of any history: a second one, and one in parts, write nothing new."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from insights_assets.alerts.default_rules import sync_default_rules
from insights_assets.alerts.rebuild import rebuild_alerts
from insights_assets.competition.rebuild import rebuild_scores
from insights_assets.features.rebuild import rebuild_features
from insights_resources.marketplaces import ProductKey
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import PublishedBuild, select_current
from tests.integration.stored_history import store_group, store_snapshots
from tests.unit.features.capture_histories import MARKETPLACE, at, capture

FIRST = date(2026, 3, 10)
DAYS = 6
LAST = FIRST + timedelta(days=DAYS - 1)
SCOPE = Scope(FIRST, LAST)
ASINS = ("B0TEST0001", "B0TEST0002", "B0TEST0003")
LATER = datetime(2026, 6, 1, tzinfo=UTC)
TABLES = (
    tables.product_features,
    tables.rank_features,
    tables.competitive_scores,
    tables.alerts,
    tables.alert_states,
)


@st.composite
def captures(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Captures of three products, of which the first has one on the first and on the last day."""
    moments = [(ASINS[0], 0, 12), (ASINS[0], DAYS - 1, 12)]
    moments += draw(
        st.lists(
            st.tuples(
                st.sampled_from(ASINS), st.integers(0, DAYS - 1), st.sampled_from([0, 8, 20])
            ),
            unique=True,
            max_size=20,
        )
    )
    return [
        capture(
            at(FIRST + timedelta(days=number), hour),
            asin=asin,
            price=draw(st.none() | st.sampled_from([800, 1000, 1300])),
            rating=draw(st.none() | st.sampled_from([3.9, 4.5])),
            rating_count=draw(st.none() | st.sampled_from([10, 400])),
            bsr=draw(st.sampled_from([(), (("Home", None, 5),), (("Home", None, 60),)])),
            availability=draw(st.sampled_from(["in_stock", "out_of_stock", "unknown"])),
            seller=draw(st.none() | st.sampled_from(["Ada", "Bob"])),
        )
        for asin, number, hour in moments
    ]


def rebuild(warehouse: Warehouse, scope: Scope) -> list[PublishedBuild]:
    """Everything that follows the snapshots, in its order."""
    built = rebuild_features(warehouse, scope)
    built.append(rebuild_scores(warehouse, scope, now=LATER))
    alerts = rebuild_alerts(warehouse, scope)
    return [*built, alerts.alerts, alerts.states]


def changes(builds: list[PublishedBuild]) -> dict[str, tuple[int, int, int]]:
    return {
        build.table_name: (build.rows_added, build.rows_changed, build.rows_removed)
        for build in builds
        if build.rows_added or build.rows_changed or build.rows_removed
    }


def contents(warehouse: Warehouse) -> dict[str, pd.DataFrame]:
    return {
        table.name: warehouse.read_frame(
            select_current(table, *(table.c[name] for name in (*table.info["key"], "row_hash")))
        )
        .sort_values(list(table.info["key"]))
        .reset_index(drop=True)
        for table in TABLES
    }


@pytest.fixture
def history(sqlite_warehouse_url: str) -> Iterator[Warehouse]:
    warehouse = Warehouse.open(sqlite_warehouse_url)
    sync_default_rules(warehouse)
    store_group(warehouse, "g", [(MARKETPLACE, asin, FIRST, None) for asin in ASINS])
    yield warehouse
    warehouse.dispose()


@pytest.mark.slow
@settings(
    max_examples=12,
    deadline=None,
    # The warehouse is one: each history takes the place of the one before it.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(made=captures(), cut=st.integers(0, DAYS - 2), of=st.integers(1, len(ASINS) - 1))
def test_a_second_rebuild_and_one_in_parts_write_nothing(
    history: Warehouse, made: list[dict[str, Any]], cut: int, of: int
) -> None:
    store_snapshots(history, made)
    rebuild(history, SCOPE)
    before = contents(history)
    assert changes(rebuild(history, SCOPE)) == {}
    middle = FIRST + timedelta(days=cut)
    keys = [ProductKey(MARKETPLACE, asin) for asin in ASINS]
    for part in (
        Scope(FIRST, middle),
        Scope(middle + timedelta(days=1), LAST),
        Scope(FIRST, LAST, frozenset(keys[:of])),
        Scope(FIRST, LAST, frozenset(keys[of:])),
    ):
        assert changes(rebuild(history, part)) == {}, part
    for name, frame in contents(history).items():
        pd.testing.assert_frame_equal(frame, before[name])


@pytest.mark.slow
@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(made=captures(), random=st.randoms(use_true_random=False))
def test_the_order_in_which_pages_and_parts_came_does_not_matter(
    history: Warehouse, tmp_path: Path, made: list[dict[str, Any]], random: Any
) -> None:
    """At once, and in any order of days and products one by one: the same rows, ids included."""
    store_snapshots(history, made)
    rebuild(history, SCOPE)
    expected = contents(history)
    shuffled = list(made)
    random.shuffle(shuffled)
    store_snapshots(history, [made[0], made[1]])
    rebuild(history, SCOPE)
    store_snapshots(history, shuffled)
    parts = [Scope(FIRST, LAST, frozenset({ProductKey(MARKETPLACE, asin)})) for asin in ASINS]
    random.shuffle(parts)
    for part in parts:
        rebuild(history, part)
    for name, frame in contents(history).items():
        pd.testing.assert_frame_equal(frame, expected[name])
