"""Features worked out by hand, each from the captures that show it."""

from __future__ import annotations

import itertools
import math
import statistics
from datetime import date, timedelta
from typing import Any

import pandas as pd
import pytest

from insights_assets.features.product_features import compute_product_features
from insights_resources.warehouse import tables
from insights_resources.warehouse.frames import conform
from tests.unit.features.capture_histories import ASIN, at, capture, history_frame, rows_of

DAY = date(2026, 3, 10)


def ago(days: int, hour: float = 12, **fields: Any) -> dict[str, Any]:
    """A capture some days before DAY."""
    return capture(at(DAY - timedelta(days=days), hour), **fields)


def features(*captures: dict[str, Any], day: date = DAY) -> dict[str, Any]:
    """The single row of the day."""
    rows = rows_of(compute_product_features(history_frame(captures), day, day))
    assert len(rows) == 1
    return rows[0]


def priced(*prices: tuple[int, int | None]) -> list[dict[str, Any]]:
    """Captures at noon as (days ago, price)."""
    return [ago(days, price=price) for days, price in prices]


def check(row: dict[str, Any], expected: dict[str, Any]) -> None:
    for name, value in expected.items():
        wanted = pytest.approx(value, abs=1e-6) if isinstance(value, float) else value
        assert row[name] == wanted, f"{name}: {row[name]!r}, not {value!r}"


# --- the row -------------------------------------------------------------------------------------


def test_the_frame_is_what_the_table_holds() -> None:
    frame = compute_product_features(history_frame([ago(0, price=1000), ago(3)]), DAY, DAY)
    pd.testing.assert_frame_equal(conform(frame, tables.product_features), frame)


def test_no_snapshots_give_an_empty_frame_of_the_table() -> None:
    frame = compute_product_features(history_frame([]), DAY, DAY)
    assert frame.empty
    pd.testing.assert_frame_equal(conform(frame, tables.product_features), frame)


def test_the_close_is_the_last_capture_with_all_its_gaps() -> None:
    row = features(
        ago(0, 9, price=1000, list_price=1500, rating=4.5, rating_count=10, seller="Ada"),
        ago(0, 21, price_missing_reason="out_of_stock", availability="out_of_stock"),
    )
    check(
        row,
        {
            "last_captured_at": at(DAY, 21),
            "observations": 2,
            "price": None,
            "price_missing_reason": "out_of_stock",
            "currency": "EUR",
            "list_price": None,
            "rating": None,
            "rating_count": None,
            "seller": None,
            "availability": "out_of_stock",
            "family_asin": ASIN,
        },
    )


@pytest.mark.parametrize(("age", "is_known"), [(0, True), (7, True), (8, False), (37, False)])
def test_values_are_carried_for_seven_days(age: int, is_known: bool) -> None:
    row = features(
        ago(
            age,
            price=1000,
            rating=4.5,
            rating_count=9,
            seller="Ada",
            bsr=[("Home", None, 5)],
            parent_asin="B0PARENT01",
        )
    )
    assert row["observations"] == int(age == 0)
    assert row["price"] == (1000 if is_known else None)
    assert row["price_missing_reason"] == (None if is_known else "not_captured")
    assert row["availability"] == ("in_stock" if is_known else "unknown")
    for name in ("rating", "rating_count", "seller", "primary_rank", "title_length"):
        assert (row[name] is not None) == is_known, name
    assert row["listing_quality"] is None or is_known
    assert (row["currency"], row["family_asin"]) == ("EUR", "B0PARENT01")


def test_a_row_exists_for_37_days_after_the_last_capture() -> None:
    frame = compute_product_features(history_frame([ago(0)]), DAY, DAY + timedelta(days=60))
    assert frame["day"].dt.date.tolist() == [DAY + timedelta(days=n) for n in range(38)]


@pytest.mark.parametrize(("hour", "observations"), [(0, 1), (23.9999, 1), (24, 0)])
def test_a_day_is_from_midnight_to_before_midnight(hour: float, observations: int) -> None:
    row = features(ago(1, 12), ago(0, hour))
    assert row["observations"] == observations


# --- price ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        # yesterday, a week ago, a month ago
        ([(0, 1100), (1, 1000), (7, 2200), (30, 880)], (0.1, -0.5, 0.25)),
        # the last price known at the end of day-W, at most seven days older
        ([(0, 1100), (8, 1000)], (0.1, 0.1, None)),
        ([(0, 1100), (9, 1000)], (None, 0.1, None)),
        ([(0, 1100), (14, 1000)], (None, 0.1, None)),
        ([(0, 1100), (15, 1000)], (None, None, None)),
        ([(0, 1100), (37, 1000)], (None, None, 0.1)),
        # a capture without a price is passed over on the way back, not at the end
        ([(0, 1100), (1, None), (2, 1000)], (0.1, None, None)),
        ([(0, None), (1, 1000)], (None, None, None)),
        # a carried price compares as well
        ([(1, 1100), (2, 1000)], (0.0, None, None)),
        ([(3, 1100), (7, 1000)], (0.0, 0.1, None)),
    ],
)
def test_price_changes(
    history: list[tuple[int, int | None]], expected: tuple[float | None, ...]
) -> None:
    row = features(*priced(*history))
    names = ("price_change_1d", "price_change_7d", "price_change_30d")
    check(row, dict(zip(names, expected, strict=True)))


def test_no_change_between_currencies() -> None:
    row = features(ago(1, price=1000, currency="USD"), ago(0, price=1000))
    check(row, {"price_change_1d": None, "price_log_return_1d": None, "price_mean_7d": 10.0})
    check(row, {"price_min_30d": 1000, "price_max_30d": 1000, "days_since_price_change": 0})


@pytest.mark.parametrize(
    ("captures", "mean", "lowest", "highest"),
    [
        # 10.00 for 12 hours, then 20.00 for 12 hours
        ([(0, 0, 1000), (0, 12, 2000)], 15.0, 1000, 2000),
        # 10.00 for 6 hours, nothing for 6, 20.00 for 12
        ([(0, 0, 1000), (0, 6, None), (0, 12, 2000)], (6 * 10 + 12 * 20) / 18, 1000, 2000),
        # the price before the window holds into it: 7 days at noon, replaced at noon today
        ([(7, 12, 1000), (0, 12, 2000)], (6.5 * 10 + 0.5 * 20) / 7, 1000, 2000),
        # a price is in effect for seven days at most: it ran out two days ago
        ([(9, 24, 1000)], 10.0, 1000, 1000),
        ([(14, 0, 1000)], None, 1000, 1000),
        ([(37, 23, 1000)], None, None, None),
        # its last hour of effect is the first one of the 30 days
        ([(37, 25, 1000)], None, 1000, 1000),
        # two captures in one instant: the later page replaces the earlier one at once
        ([(0, 0, 9999), (0, 0, 1000)], 10.0, 1000, 1000),
    ],
)
def test_prices_weigh_by_the_time_they_were_in_effect(
    captures: list[tuple[int, float, int | None]],
    mean: float | None,
    lowest: int | None,
    highest: int | None,
) -> None:
    row = features(*(ago(d, h, price=p, page_id=f"{n}") for n, (d, h, p) in enumerate(captures)))
    check(row, {"price_mean_7d": mean, "price_min_30d": lowest, "price_max_30d": highest})


def test_the_mean_of_30_days_reaches_further_than_that_of_7() -> None:
    row = features(*priced(*((n, 1000 if n < 10 else 2000) for n in range(37))))
    # 10.00 since noon nine days ago.
    check(row, {"price_mean_7d": 10.0, "price_mean_30d": (9.5 * 10 + 20.5 * 20) / 30})


def test_volatility_is_of_returns_between_consecutive_captured_days() -> None:
    prices = [1000, 1010, 1010, 990, 1005, 1020, 1020, 1000, 980, 990, 1000, 1100]
    history = priced(*((len(prices) - 1 - n, p) for n, p in enumerate(prices)))
    returns = [math.log(b / a) for a, b in itertools.pairwise(prices)]
    moves = [r for r in returns[:-1] if r != 0]
    row = features(*history)
    check(
        row,
        {
            "price_volatility_30d": statistics.stdev(returns),
            "price_log_return_1d": math.log(1.1),
            "price_sigma_before": statistics.stdev(moves),
            "price_returns_before": len(moves),
        },
    )
    # Without one of the days in the middle two returns are missing: nine are too few.
    check(features(*history[:5], *history[6:]), {"price_volatility_30d": None})


def test_a_steady_price_has_no_volatility() -> None:
    row = features(*priced(*((n, 1999) for n in range(31))))
    check(row, {"price_volatility_30d": 0.0, "price_sigma_before": None, "price_returns_before": 0})


def test_the_window_of_earlier_returns_leaves_the_day_out_and_30_days_in() -> None:
    history = priced(*((n, 1000) for n in range(1, 30)), (30, 1100), (31, 1000), (0, 2000))
    row = features(*history)
    # Days -30 (+10 %) and -29 (back) moved; the present day's doubling does not count.
    moves = [math.log(1.1), -math.log(1.1)]
    check(row, {"price_returns_before": 2, "price_sigma_before": statistics.stdev(moves)})
    later = features(*history, day=DAY + timedelta(days=1))
    check(later, {"price_returns_before": 2})  # -29 and the doubling


@pytest.mark.parametrize(
    ("price", "list_price", "discount"),
    [
        (800, 1000, 0.2),
        (1000, 1000, 0.0),
        (1100, 1000, None),
        (800, None, None),
        (None, 1000, None),
    ],
)
def test_discount_from_list(
    price: int | None, list_price: int | None, discount: float | None
) -> None:
    row = features(ago(0, price=price, list_price=list_price))
    check(row, {"discount_from_list": discount, "list_price": list_price})


@pytest.mark.parametrize(
    ("history", "days"),
    [
        ([(5, 900), (3, 1000), (0, 1000)], 3),
        ([(5, 900), (3, 1000)], 3),
        ([(3, 1000), (0, 1000)], None),
        ([(1, 900), (0, 1000)], 0),
        # no price in between is no change
        ([(9, 900), (4, 1000), (2, None), (0, 1000)], 4),
        # back to an old price is a change
        ([(9, 1000), (4, 900), (2, 1000)], 2),
        ([(37, 900), (20, 1000), (0, 1000)], 20),
        ([(38, 900), (20, 1000), (0, 1000)], None),
        ([(5, 900), (3, 1000), (0, None)], None),
        ([(12, 900), (8, 1000)], None),
    ],
)
def test_days_since_the_price_changed(
    history: list[tuple[int, int | None]], days: int | None
) -> None:
    check(features(*priced(*history)), {"days_since_price_change": days})


# --- rank and ratings ----------------------------------------------------------------------------


def ranked(days: int, *ranks: tuple[str, int], hour: float = 12) -> dict[str, Any]:
    return ago(days, hour, bsr=[(f"Node {node}", node, rank) for node, rank in ranks])


def test_the_primary_rank_is_compared_in_its_own_node() -> None:
    row = features(
        ranked(30, ("1", 50), ("2", 9)),
        ranked(7, ("2", 400), ("1", 200)),  # in another place of the list: still node 1
        ranked(1, ("2", 3)),
        ranked(0, ("1", 100), ("2", 5)),
    )
    check(
        row,
        {
            "primary_rank": 100,
            "primary_rank_node": "1",
            "primary_rank_log_change_7d": math.log(0.5),
            "primary_rank_log_change_30d": math.log(2),
            "primary_rank_median_7d": 100.0,
        },
    )


def test_the_median_rank_is_of_the_closes_of_seven_days() -> None:
    row = features(
        ranked(7, ("1", 9_000)),
        ranked(6, ("1", 10)),
        ranked(3, ("1", 9_000), hour=9),
        ranked(3, ("1", 20), hour=15),
        ranked(1, ("1", 60)),
        ranked(0, ("1", 40)),
    )
    check(row, {"primary_rank_median_7d": 30.0})


def test_no_rank_is_no_rank() -> None:
    row = features(ranked(7, ("1", 10)), ranked(0))
    check(
        row,
        {
            "primary_rank": None,
            "primary_rank_node": None,
            "primary_rank_median_7d": None,
            "primary_rank_log_change_7d": None,
        },
    )


def test_an_unlinked_category_is_a_node_of_its_name() -> None:
    row = features(ago(0, bsr=[("Home & Kitchen", None, 12)]))
    check(row, {"primary_rank_node": "category:Home & Kitchen", "primary_rank": 12})


def test_ratings_gained_keep_their_sign_and_find_the_last_known() -> None:
    row = features(
        ago(33, rating=4.6, rating_count=100),
        ago(8, rating_count=240),
        ago(7, rating=4.4),
        ago(0, rating=4.5, rating_count=230),
    )
    check(row, {"ratings_gained_7d": -10, "ratings_gained_30d": 130, "rating_change_30d": -0.1})


# --- availability, seller, listing ---------------------------------------------------------------


def test_shares_in_stock_are_of_the_captured_days_with_a_known_state() -> None:
    row = features(
        ago(7, availability="in_stock"),
        ago(6, availability="limited"),
        ago(4, availability="out_of_stock"),
        ago(3, availability="unknown"),
        ago(2, 9, availability="out_of_stock"),
        ago(2, 18, availability="in_stock"),
        ago(0, availability="preorder"),
    )
    check(row, {"in_stock_share_7d": 0.5, "in_stock_share_30d": 0.6})
    nothing = features(ago(3, availability="unknown"))
    check(nothing, {"in_stock_share_7d": None, "in_stock_share_30d": None})


@pytest.mark.parametrize(
    ("states", "run"),
    [
        (["in_stock"], 0),
        (["out_of_stock"], 1),
        (["out_of_stock", "in_stock", "unavailable", "out_of_stock"], 2),
        (["out_of_stock", "unknown"], 0),
        (["out_of_stock"] * 38, 38),
        (["out_of_stock"] * 45, 38),
    ],
)
def test_the_run_of_sold_out_captures(states: list[str], run: int) -> None:
    captures = [ago(len(states) - 1 - n, availability=state) for n, state in enumerate(states)]
    check(features(*captures), {"out_of_stock_captures": run})


@pytest.mark.parametrize(
    ("sellers", "changes"),
    [
        ([(0, "Ada")], 0),
        ([(1, "Ada"), (0, "Bob")], 1),
        ([(2, "Ada"), (1, None), (0, "Bob")], 1),
        ([(2, "Ada"), (1, None), (0, "Ada")], 0),
        ([(3, "Ada"), (2, "Bob"), (0, "Ada")], 2),
        # the change is in the window, what it differs from before it
        ([(36, "Ada"), (29, "Bob")], 1),
        ([(31, "Ada"), (30, "Bob"), (0, "Bob")], 0),
        # what it differs from is beyond the look-back
        ([(38, "Ada"), (29, "Bob")], 0),
    ],
)
def test_changes_of_the_seller(sellers: list[tuple[int, str | None]], changes: int) -> None:
    row = features(*(ago(days, seller=seller) for days, seller in sellers))
    check(row, {"seller_changes_30d": changes})


def test_listing_quality_is_the_mean_of_four_capped_parts() -> None:
    row = features(
        ago(
            0,
            title="t" * 40,
            bullets=["a"] * 9,
            images=["i"] * 7,
            description="d" * 125,
        )
    )
    check(
        row,
        {
            "title_length": 40,
            "bullet_count": 9,
            "image_count": 7,
            "description_length": 125,
            "listing_quality": (0.5 + 1 + 1 + 0.25) / 4 * 100,
        },
    )
    check(features(ago(0)), {"description_length": 0, "bullet_count": 0})


@pytest.mark.parametrize(
    ("before", "now", "changed"),
    [
        ({}, {}, False),
        ({}, {"price": 1, "seller": "Ada"}, False),
        ({"title": "An old title"}, {}, True),
        ({"bullets": ["a", "b"]}, {"bullets": ["b", "a"]}, True),
        ({"images": ["a.jpg"]}, {"images": ["a.jpg", "b.jpg"]}, True),
        ({"description": "Old."}, {}, True),
    ],
)
def test_a_changed_listing(before: dict[str, Any], now: dict[str, Any], changed: bool) -> None:
    check(features(ago(7, **before), ago(0, **now)), {"listing_changed": changed})
    check(features(ago(8, **before), ago(0, **now)), {"listing_changed": None})
    check(features(ago(7, **before), ago(1, **now)), {"listing_changed": None})
