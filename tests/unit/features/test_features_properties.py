"""What holds for features of any history."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insights_assets.features import timeline
from insights_assets.features.product_features import compute_product_features
from insights_assets.features.rank_features import compute_rank_features
from tests.unit.features.capture_histories import (
    assert_rows_equal,
    at,
    capture,
    history_frame,
    naive_features,
    naive_ranks,
)

FIRST = date(2026, 3, 10)
_HOURS = st.sampled_from([0.0, 0.5, 6.0, 12.0, 12.0, 23.75, 23.9999])
_NODES = st.sampled_from(
    [("Home", None), ("Kitchen", "100"), ("Kettles", "200"), ("Kitchen", None), ("Home", "100")]
)


@st.composite
def captures(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Captures of up to three products around the first day, gaps and ties included."""
    made = []
    for asin in draw(st.sampled_from([("A",), ("A", "B"), ("A", "B", "C")])):
        moments = draw(
            st.lists(st.tuples(st.integers(-45, 8), _HOURS), max_size=draw(st.integers(1, 40)))
        )
        for number, (offset, hour) in enumerate(moments):
            nodes = draw(st.lists(_NODES, max_size=3))
            made.append(
                capture(
                    at(FIRST + timedelta(days=offset), hour),
                    page_id=f"{asin}{number}",
                    asin=f"B00000000{asin}",
                    price=draw(st.sampled_from([None, 999, 1000, 1000, 1099, 2500])),
                    currency=draw(st.sampled_from(["EUR", "EUR", "EUR", "EUR", "USD"])),
                    list_price=draw(st.sampled_from([None, 1000, 3000])),
                    rating=draw(st.sampled_from([None, 4.1, 4.2, 3.9])),
                    rating_count=draw(st.sampled_from([None, 10, 12, 30])),
                    bsr=[(name, node, draw(st.integers(1, 50))) for name, node in nodes],
                    availability=draw(
                        st.sampled_from(
                            ["in_stock", "limited", "out_of_stock", "unavailable", "unknown"]
                        )
                    ),
                    seller=draw(st.sampled_from([None, "Ada", "Bob"])),
                    title=draw(st.sampled_from(["A kettle", "A kettle " * 12])),
                    bullets=draw(st.sampled_from([(), ("one",), ("one", "two")])),
                    description=draw(st.sampled_from([None, "Boils water."])),
                    images=draw(st.sampled_from([(), ("a.jpg",)])),
                    parent_asin=draw(st.sampled_from([None, "B0PARENT01"])),
                )
            )
    return made


def both(made: list[dict[str, Any]], first: date, last: date) -> list[pd.DataFrame]:
    frame = history_frame(made)
    return [
        compute_product_features(frame, first, last),
        compute_rank_features(frame, first, last),
    ]


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(captures())
def test_agrees_with_the_definitions_read_one_day_at_a_time(made: list[dict[str, Any]]) -> None:
    last = FIRST + timedelta(days=4)
    products, ranks = both(made, FIRST, last)
    assert_rows_equal(products, naive_features(made, FIRST, last))
    assert_rows_equal(ranks, naive_ranks(made, FIRST, last))


@settings(max_examples=40, deadline=None)
@given(captures(), st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(made: list[dict[str, Any]], random: Any) -> None:
    shuffled = list(made)
    random.shuffle(shuffled)
    for before, after in zip(both(made, FIRST, FIRST), both(shuffled, FIRST, FIRST), strict=True):
        pd.testing.assert_frame_equal(before, after, check_exact=True)


@settings(max_examples=40, deadline=None)
@given(captures(), st.integers(0, 6))
def test_a_scope_in_two_parts_gives_the_same_rows(made: list[dict[str, Any]], cut: int) -> None:
    middle, last = FIRST + timedelta(days=cut), FIRST + timedelta(days=7)
    whole = both(made, FIRST, last)
    left, right = both(made, FIRST, middle), both(made, middle + timedelta(days=1), last)
    for at_once, early, late in zip(whole, left, right, strict=True):
        parts = pd.concat([early, late]).sort_values(
            ["marketplace", "asin", "day"], kind="stable", ignore_index=True
        )
        pd.testing.assert_frame_equal(at_once, parts, check_exact=True)


@settings(max_examples=40, deadline=None)
@given(captures())
def test_later_captures_change_no_earlier_day(made: list[dict[str, Any]]) -> None:
    known = [item for item in made if item["captured_at"] < at(FIRST, 24)]
    for then, now in zip(both(known, FIRST, FIRST), both(made, FIRST, FIRST), strict=True):
        pd.testing.assert_frame_equal(then, now, check_exact=True)


@settings(max_examples=40, deadline=None)
@given(captures())
def test_captures_before_the_look_back_change_nothing(made: list[dict[str, Any]]) -> None:
    start = at(FIRST - timedelta(days=timeline.LOOK_BACK_DAYS), 0)
    recent = [item for item in made if item["captured_at"] >= start]
    for with_all, with_recent in zip(
        both(made, FIRST, FIRST), both(recent, FIRST, FIRST), strict=True
    ):
        pd.testing.assert_frame_equal(with_all, with_recent, check_exact=True)


def test_products_worked_on_in_parts_give_the_same_rows(monkeypatch: Any) -> None:
    made = [
        capture(
            at(FIRST - timedelta(days=day), 10),
            asin=f"B00000{number:04d}",
            price=1000 + number + day,
            currency="EUR" if number % 2 else "USD",
            bsr=[("Home", None, 5 + number)],
            seller="Ada" if day % 3 else "Bob",
        )
        for number in range(12)
        for day in range(20)
    ]
    at_once = both(made, FIRST - timedelta(days=3), FIRST)
    monkeypatch.setattr(timeline, "_CELLS_AT_A_TIME", 100)
    in_parts = both(made, FIRST - timedelta(days=3), FIRST)
    for whole, parts in zip(at_once, in_parts, strict=True):
        pd.testing.assert_frame_equal(whole, parts, check_exact=True)
