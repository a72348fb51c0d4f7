"""Rank features worked out by hand."""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import Any

import pandas as pd
import pytest

from insights_assets.features.rank_features import compute_rank_features
from insights_assets.features.rank_series import node_key
from insights_resources.warehouse import tables
from insights_resources.warehouse.frames import conform
from tests.unit.features.capture_histories import at, capture, history_frame, rows_of

DAY = date(2026, 3, 10)

Rank = tuple[str, str | None, Any]


def ranks(*captures: tuple[int, list[Rank]], day: date = DAY) -> list[dict[str, Any]]:
    """The day's rows for captures at noon as (days ago, ranks)."""
    made = [capture(at(DAY - timedelta(days=days)), bsr=bsr) for days, bsr in captures]
    frame = compute_rank_features(history_frame(made), day, day)
    pd.testing.assert_frame_equal(conform(frame, tables.rank_features), frame)
    return rows_of(frame)


def test_each_rank_of_the_last_capture_is_a_row_in_page_order() -> None:
    found = ranks(
        (30, [("Kettles", "77", 40)]),
        (7, [("Home", None, 50), ("Kettles", "77", 8)]),
        (1, [("Home", None, 200), ("Toasters", "88", 3)]),
        (0, [("Home", None, 100), ("Kitchen", "66", 30), ("Kettles", "77", 4)]),
    )
    places = [
        (row["node_key"], row["node_id"], row["position"], row["is_primary"], row["is_deepest"])
        for row in found
    ]
    assert places == [
        ("category:Home", None, 1, True, False),
        ("66", "66", 2, False, False),
        ("77", "77", 3, False, True),
    ]
    assert [row["rank"] for row in found] == [100, 30, 4]
    assert [row["rank_median_7d"] for row in found] == [150.0, 30.0, 4.0]
    assert [row["rank_log_change_7d"] for row in found] == [
        pytest.approx(math.log(2), abs=1e-6),
        None,
        pytest.approx(math.log(0.5), abs=1e-6),
    ]
    assert [row["rank_log_change_30d"] for row in found] == [
        None,
        None,
        pytest.approx(math.log(0.1), abs=1e-6),
    ]


def test_ranks_are_carried_for_seven_days() -> None:
    assert len(ranks((7, [("Home", None, 5)]))) == 1
    assert ranks((8, [("Home", None, 5)])) == []
    assert ranks((1, [("Home", None, 5)]), (0, [])) == []


def test_a_node_that_is_named_twice_counts_where_it_stands_first() -> None:
    found = ranks((0, [("Home", "1", 5), ("Home", "1", 9), ("Pots", "2", 7)]))
    assert [(row["node_key"], row["rank"], row["position"]) for row in found] == [
        ("1", 5, 1),
        ("2", 7, 3),
    ]


def test_what_is_no_rank_is_left_out() -> None:
    found = ranks((0, [("Home", "1", 0), ("Pots", "2", 7)]))
    assert [(row["node_key"], row["is_primary"]) for row in found] == [("2", True)]


def test_long_names_from_a_page_stay_within_the_key() -> None:
    first, second = ("x" * 500 + end for end in ("a", "b"))
    found = ranks((0, [(first, None, 1), (second, "9" * 50, 2)]))
    keys = [row["node_key"] for row in found]
    assert keys == [node_key(None, first), node_key(None, second)]
    assert len(set(keys)) == 2
    assert all(len(key) <= 80 for key in keys)
    assert [row["node_id"] for row in found] == [None, None]
