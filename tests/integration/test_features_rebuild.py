"""Features rebuilt from published snapshots, on both engines."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import Table

from insights_assets.features import history as reading
from insights_assets.features.product_features import compute_product_features
from insights_assets.features.rank_features import compute_rank_features
from insights_assets.features.rebuild import FEATURES, rebuild_features
from insights_resources.errors import AuditFailedError
from insights_resources.marketplaces import ProductKey
from insights_resources.scope import Scope
from insights_resources.warehouse import row_conditions, tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.frames import conform
from insights_resources.warehouse.publication import select_current
from tests.integration.stored_history import build_statuses, store_snapshots
from tests.unit.features.capture_histories import MARKETPLACE, at, capture, history_frame

FIRST, LAST = date(2026, 3, 10), date(2026, 3, 14)
SCOPE = Scope(FIRST, LAST)
ASINS = [f"B00000000{n}" for n in range(4)]


def captures(asins: list[str] = ASINS) -> list[dict[str, Any]]:
    """Fifty days of a few products with moving prices, ranks, sellers and gaps."""
    return [
        capture(
            at(LAST - timedelta(days=age), 6 + number),
            asin=asin,
            price=None if (age + number) % 11 == 0 else 1000 + 37 * number + 3 * (age % 9),
            rating=4.0 + (age % 3) / 10,
            rating_count=500 - age + number,
            bsr=[("Home", None, 100 + age), ("Kettles", "77", 3 + number)],
            seller="Ada" if age % 5 else "Bob",
            availability="in_stock" if (age + number) % 11 else "out_of_stock",
            bullets=["one", "two"][: 1 + age % 2],
            images=["a.jpg"],
        )
        for number, asin in enumerate(asins)
        for age in range(50)
        if (age * (number + 1)) % 7
    ]


def current(warehouse: Warehouse, table: Any) -> pd.DataFrame:
    frame = warehouse.read_frame(select_current(table))
    return frame.sort_values(list(table.info["key"]), ignore_index=True)


def test_published_rows_are_the_computed_ones(warehouse: Warehouse) -> None:
    store_snapshots(warehouse, captures())
    built, ranked = rebuild_features(warehouse, SCOPE)
    made = history_frame(captures())
    for table, expected in (
        (tables.product_features, compute_product_features(made, FIRST, LAST)),
        (tables.rank_features, compute_rank_features(made, FIRST, LAST)),
    ):
        expected = conform(expected, table)
        expected = expected.sort_values(list(table.info["key"]), ignore_index=True)
        pd.testing.assert_frame_equal(current(warehouse, table), expected, check_exact=True)
    assert built.rows_added == built.row_count == 20
    assert built.rows_by_day[FIRST] == 4
    assert ranked.rows_by_day[FIRST] == 8
    assert all(finding.passed for finding in built.findings + ranked.findings)


@pytest.mark.parametrize("table", FEATURES, ids=str)
def test_a_second_rebuild_changes_nothing(warehouse: Warehouse, table: Table) -> None:
    store_snapshots(warehouse, captures())
    rebuild_features(warehouse, SCOPE, [table])
    again = rebuild_features(warehouse, SCOPE)[FEATURES.index(table)]
    assert (again.rows_added, again.rows_changed, again.rows_removed) == (0, 0, 0)


@pytest.mark.parametrize("table", FEATURES, ids=str)
def test_day_by_day_and_product_by_product_writes_the_same_rows(
    warehouse: Warehouse, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_snapshots(warehouse, captures())
    for day in SCOPE.days:
        for asin in ASINS:
            rebuild_features(warehouse, Scope.of_day(day, [ProductKey(MARKETPLACE, asin)]), [table])
    monkeypatch.setattr(reading, "CAPTURES_AT_A_TIME", 50)
    monkeypatch.setattr(row_conditions, "_MOST_PARAMETERS", 2)
    (at_once,) = rebuild_features(warehouse, SCOPE, [table])
    assert at_once.row_count >= 20
    assert (at_once.rows_added, at_once.rows_changed, at_once.rows_removed) == (0, 0, 0)


def test_a_late_snapshot_changes_its_product_from_its_day_on(warehouse: Warehouse) -> None:
    store_snapshots(warehouse, captures())
    rebuild_features(warehouse, SCOPE)
    before = current(warehouse, tables.product_features)
    late = capture(at(FIRST + timedelta(days=2), 23), asin=ASINS[1], price=777, page_id="late")
    store_snapshots(warehouse, [*captures(), late])

    built, _ = rebuild_features(
        warehouse, Scope(FIRST, LAST, frozenset({ProductKey(MARKETPLACE, ASINS[1])}))
    )
    after = current(warehouse, tables.product_features)
    assert (built.row_count, built.rows_added, built.rows_removed) == (5, 0, 0)
    assert built.rows_changed == 3
    changed = before.compare(after, keep_shape=True).notna().any(axis=1)
    assert set(after.loc[changed, "asin"]) == {ASINS[1]}
    assert after.loc[changed, "day"].min() == pd.Timestamp(FIRST + timedelta(days=2))


def test_rows_go_with_their_snapshots_and_only_in_the_scope(warehouse: Warehouse) -> None:
    store_snapshots(warehouse, captures())
    rebuild_features(warehouse, SCOPE)
    store_snapshots(warehouse, captures(ASINS[:3]))
    only = Scope.of_day(LAST, [ProductKey(MARKETPLACE, ASINS[3])])
    assert [built.rows_removed for built in rebuild_features(warehouse, only)] == [1, 2]
    left = current(warehouse, tables.product_features)
    assert left["asin"].value_counts()[ASINS[3]] == 4


def test_no_snapshots_no_rows(warehouse: Warehouse) -> None:
    nobody = Scope(FIRST, LAST, frozenset())
    for built in rebuild_features(warehouse, SCOPE) + rebuild_features(warehouse, nobody):
        assert built.row_count == 0


def test_an_impossible_price_stays_unpublished(warehouse: Warehouse) -> None:
    store_snapshots(warehouse, captures())
    rebuild_features(warehouse, SCOPE)
    good = current(warehouse, tables.product_features)
    free = capture(at(LAST, 23), asin=ASINS[0], price=0, page_id="free")
    store_snapshots(warehouse, [*captures(), free])
    with pytest.raises(AuditFailedError, match="price_is_positive: 1 of 20"):
        rebuild_features(warehouse, SCOPE)
    pd.testing.assert_frame_equal(current(warehouse, tables.product_features), good)
    assert build_statuses(warehouse, "fact_product_features") == ["published", "rejected"]
    # Of the same history, and published after it.
    assert build_statuses(warehouse, "fact_rank_features") == ["published", "failed"]


@pytest.mark.parametrize("table", FEATURES, ids=str)
@pytest.mark.parametrize("captures_at_a_time", [7, 46])
def test_how_many_captures_are_held_changes_nothing(
    warehouse: Warehouse,
    table: Table,
    captures_at_a_time: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store_snapshots(warehouse, captures())
    monkeypatch.setattr(reading, "CAPTURES_AT_A_TIME", captures_at_a_time)
    (in_parts,) = rebuild_features(warehouse, SCOPE, [table])
    monkeypatch.undo()
    (at_once,) = rebuild_features(warehouse, SCOPE, [table])
    assert in_parts.rows_by_day == at_once.rows_by_day
    assert in_parts.findings == at_once.findings
    assert (at_once.rows_added, at_once.rows_changed, at_once.rows_removed) == (0, 0, 0)


@pytest.mark.parametrize("captures_at_a_time", [7, 1000])
def test_a_product_between_others_goes_with_its_snapshots(
    warehouse: Warehouse, captures_at_a_time: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "CAPTURES_AT_A_TIME", captures_at_a_time)
    store_snapshots(warehouse, captures())
    rebuild_features(warehouse, SCOPE)
    store_snapshots(warehouse, captures([ASINS[0], ASINS[2]]))
    assert [built.rows_removed for built in rebuild_features(warehouse, SCOPE)] == [10, 20]
    left = current(warehouse, tables.product_features)
    assert set(left["asin"]) == {ASINS[0], ASINS[2]}


def test_a_part_that_fails_the_audit_stops_all_parts(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "CAPTURES_AT_A_TIME", 7)
    store_snapshots(warehouse, captures())
    rebuild_features(warehouse, SCOPE)
    good = current(warehouse, tables.product_features)
    free = capture(at(LAST, 23), asin=ASINS[1], price=0, page_id="free")
    store_snapshots(warehouse, [*captures(), free])
    with pytest.raises(AuditFailedError, match="price_is_positive: 1 of 20"):
        rebuild_features(warehouse, SCOPE)
    pd.testing.assert_frame_equal(current(warehouse, tables.product_features), good)
