"""What the features' definitions promise, each for any history.

``test_features_properties`` compares with a slow reading of the definitions; here each promise
stands by itself, without a second implementation.
"""

from __future__ import annotations

import statistics
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.unit.features.capture_histories import at, capture, rows_of
from tests.unit.features.test_features_properties import FIRST, both, captures

#: Each property takes seconds: the quick lane has the shorter forms of them.
pytestmark = pytest.mark.slow

EXAMPLES = settings(max_examples=8, deadline=None)

PRICES = st.integers(1, 500_000)
#: Where nothing is known in between: what a capture may say of the price.
MAYBE = st.none() | st.sampled_from([899, 1000, 1099, 2500])
#: Columns that a capture outside of the last so many days does not touch, whatever it says; but
#: for the values carried from it.
WINDOWED = {
    7: ["in_stock_share_7d", "primary_rank_median_7d"],
    30: ["in_stock_share_30d"],
    # The first return of the 30 days is against the close of the day before them.
    31: ["price_volatility_30d"],
}


def products(made: list[dict[str, Any]], first: date = FIRST, last: date = FIRST) -> Any:
    """The product features as rows."""
    return rows_of(both(made, first, last)[0])


def row_on_first(made: list[dict[str, Any]]) -> dict[str, Any]:
    (row,) = products(made)
    return row


def day(before: int, hour: float = 12) -> datetime:
    """An instant so many days before FIRST."""
    return at(FIRST - timedelta(days=before), hour)


def said_otherwise(item: dict[str, Any]) -> dict[str, Any]:
    """The same capture with every value another."""
    return item | {
        "price": 77,
        "list_price": 99,
        "rating": 1.0,
        "rating_count": 77,
        "bsr": [("Home", None, 77), ("Kitchen", "100", 77), ("Kettles", "200", 77)],
        "availability": "in_stock" if item["availability"] != "in_stock" else "out_of_stock",
        "seller": "Eve",
        "title": "Another",
        "bullets": ("x",) * 4,
        "images": ("y.jpg",) * 4,
        "description": "z" * 77,
    }


@st.composite
def daily(draw: st.DrawFn, least: int = 1) -> list[dict[str, Any]]:
    """A capture on each of the days up to FIRST, with a price."""
    amounts = draw(st.lists(PRICES, min_size=least, max_size=40))
    return [
        capture(day(before), page_id=f"p{before}", price=price, list_price=2 * price)
        for before, price in enumerate(reversed(amounts))
    ]


# --- the day and what is carried ------------------------------------------------------------------


@EXAMPLES
@given(captures(), st.lists(st.floats(0, 23.9), min_size=1, max_size=3, unique=True))
def test_the_close_is_the_last_capture_of_the_day(
    made: list[dict[str, Any]], hours: list[float]
) -> None:
    """Whatever stood on the day before it, and whatever that said."""
    assume(made)
    item = made[0] | {"captured_at": at(FIRST, 23.99), "page_id": "zz"}
    of_others = [other for other in made if other["captured_at"] < at(FIRST, 0)]
    alone = products([*of_others, item])
    earlier = [
        said_otherwise(item) | {"captured_at": at(FIRST, hour), "page_id": f"e{number}"}
        for number, hour in enumerate(hours)
    ]
    beside = products([*of_others, *earlier, item])
    names = ["price", "list_price", "rating", "rating_count", "availability", "seller"]
    names += ["primary_rank", "title_length", "price_log_return_1d", "in_stock_share_30d"]
    (one,), (other,) = (
        [row for row in rows if row["asin"] == item["asin"]] for rows in (alone, beside)
    )
    assert {name: one[name] for name in names} == {name: other[name] for name in names}


@EXAMPLES
@given(captures())
def test_a_gap_carries_the_last_value_seven_days_and_then_nothing(
    made: list[dict[str, Any]],
) -> None:
    last = FIRST + timedelta(days=20)
    for row in products(made, FIRST, last):
        history = [item for item in made if item["asin"] == row["asin"]]
        seen = [item for item in history if item["captured_at"] < at(row["day"], 24)]
        newest = max(seen, key=lambda item: (item["captured_at"], item["page_id"]))
        age = (row["day"] - newest["captured_at"].date()).days
        for name in ("price", "list_price", "rating", "rating_count", "seller"):
            assert row[name] == (newest[name] if age <= 7 else None), (name, age)
        assert row["availability"] == (newest["availability"] if age <= 7 else "unknown")
        assert (row["title_length"] is None) == (age > 7)
        assert (row["observations"] == 0) == (age > 0)
        if age > 7:
            assert row["price_missing_reason"] == "not_captured"


@EXAMPLES
@given(captures(), st.integers(-400, 400))
def test_days_are_all_alike(made: list[dict[str, Any]], days: int) -> None:
    """A history that happens later gives the same features later."""
    shift = timedelta(days=days)
    later = [item | {"captured_at": item["captured_at"] + shift} for item in made]
    for here, there in zip(
        both(made, FIRST, FIRST + timedelta(days=2)),
        both(later, FIRST + shift, FIRST + shift + timedelta(days=2)),
        strict=True,
    ):
        moved = there.assign(day=there["day"] - pd.Timedelta(shift))
        if "last_captured_at" in moved:
            moved["last_captured_at"] -= pd.Timedelta(shift)
        pd.testing.assert_frame_equal(here, moved, check_dtype=False)


# --- windows --------------------------------------------------------------------------------------


@pytest.mark.parametrize("days", WINDOWED)
@EXAMPLES
@given(made=captures(), hour=st.sampled_from([0.0, 12.0, 23.9999]))
def test_a_window_begins_after_the_end_of_its_first_day(
    days: int, made: list[dict[str, Any]], hour: float
) -> None:
    """(end of D-W, end of D]: what D-W says to its last instant is out, the first instant after
    is in."""
    mine = [item for item in made if item["asin"].endswith("A")]
    closing = capture(day(0), page_id="close", bsr=[("Home", None, 9)], price=900)
    start = at(FIRST - timedelta(days=days - 1), 0)
    inside = [item for item in mine if item["captured_at"] >= start]
    outside = [
        *(said_otherwise(item) for item in mine if item["captured_at"] < start),
        capture(at(FIRST - timedelta(days=days), hour), page_id="out", price=5, asin=ASIN),
    ]
    close = closing | {"asin": ASIN}
    with_others, without = row_on_first([*inside, *outside, close]), row_on_first([*inside, close])
    for name in WINDOWED[days]:
        assert with_others[name] == without[name], name


ASIN = "B00000000A"


@pytest.mark.parametrize("days", [7, 30])
def test_the_first_instant_of_a_window_is_in(days: int) -> None:
    closing = capture(day(0), page_id="close", availability="out_of_stock")
    first = capture(at(FIRST - timedelta(days=days - 1), 0), page_id="first")
    last_out = capture(at(FIRST - timedelta(days=days), 23.9999), page_id="out")
    assert row_on_first([first, closing])[f"in_stock_share_{days}d"] == 0.5
    assert row_on_first([last_out, closing])[f"in_stock_share_{days}d"] == 0.0


@pytest.mark.parametrize("days", [1, 7, 30])
@EXAMPLES
@given(
    then=PRICES,
    now=PRICES,
    older=st.integers(0, 9),
    between=st.lists(st.tuples(st.integers(1, 29), MAYBE), max_size=6),
)
def test_a_change_is_between_its_two_ends(
    days: int, then: int, now: int, older: int, between: list[tuple[int, int | None]]
) -> None:
    """Against the last price at or before its start, at most 7 days older; whatever was between.
    Where nothing is known then, there is no change."""
    made = [
        capture(day(days + older), page_id="then", price=then),
        capture(day(0), page_id="now", price=now),
        *(
            capture(day(before), page_id=f"b{number}", price=price)
            for number, (before, price) in enumerate(between)
            if before < days
        ),
    ]
    found = row_on_first(made)[f"price_change_{days}d"]
    if older > 7:
        assert found is None
    else:
        assert found == pytest.approx(now / then - 1, abs=1e-6, rel=1e-6)


@EXAMPLES
@given(
    st.integers(0, 100_000), st.integers(0, 100_000), st.integers(0, 7), st.sampled_from([7, 30])
)
def test_ratings_gained_keep_their_sign(then: int, now: int, older: int, days: int) -> None:
    """A merge may take ratings away; the way back is the same number with the other sign."""

    def gained(first: int, last: int) -> Any:
        return row_on_first(
            [
                capture(day(days + older), page_id="then", rating_count=first, rating=4.0),
                capture(day(0), page_id="now", rating_count=last, rating=3.6),
            ]
        )

    there, back = gained(then, now), gained(now, then)
    assert there[f"ratings_gained_{days}d"] == now - then == -back[f"ratings_gained_{days}d"]
    if days == 30:
        assert there["rating_change_30d"] == pytest.approx(-0.4)


# --- prices ---------------------------------------------------------------------------------------


@EXAMPLES
@given(daily())
def test_volatility_needs_ten_returns_and_is_their_standard_deviation(
    made: list[dict[str, Any]],
) -> None:
    row = row_on_first(made)
    prices = [item["price"] for item in sorted(made, key=lambda item: item["captured_at"])]
    returns = np.diff(np.log(np.array(prices[-31:], float))).tolist()
    if len(returns) < 10:
        assert row["price_volatility_30d"] is None
    else:
        expected = statistics.stdev(returns)
        assert row["price_volatility_30d"] == pytest.approx(expected, abs=1e-6)
    # Thirty returns that end the day before: the first is from the close of the 31st day before.
    before = np.diff(np.log(np.array(prices[-32:-1], float))).tolist()
    moves = [move for move in before if move != 0]
    assert row["price_returns_before"] == len(moves)
    if len(moves) >= 2:
        # The move that is tested is not among them.
        assert row["price_sigma_before"] == pytest.approx(statistics.stdev(moves), abs=1e-6)
    else:
        assert row["price_sigma_before"] is None


@EXAMPLES
@given(captures(), st.sampled_from([2, 7, 100]))
def test_the_unit_of_prices_does_not_matter(made: list[dict[str, Any]], factor: int) -> None:
    def times(value: int | None) -> int | None:
        return None if value is None else value * factor

    other_unit = [
        item | {"price": times(item["price"]), "list_price": times(item["list_price"])}
        for item in made
    ]
    scaled = ("price", "list_price", "price_min_30d", "price_max_30d")
    means = ("price_mean_7d", "price_mean_30d")
    for here, there in zip(products(made), products(other_unit), strict=True):
        for name, value in here.items():
            if name in scaled:
                assert there[name] == times(value), name
            elif name in means and value is not None:
                assert there[name] == pytest.approx(value * factor, abs=1e-6 * factor), name
            elif isinstance(value, float):
                assert there[name] == pytest.approx(value, abs=2e-6), name
            else:
                assert there[name] == value, name


@EXAMPLES
@given(captures())
def test_every_value_is_within_its_range(made: list[dict[str, Any]]) -> None:
    for row in products(made, FIRST, FIRST + timedelta(days=3)):
        low, high = row["price_min_30d"], row["price_max_30d"]
        assert (low is None) == (high is None) == (row["price_mean_30d"] is None)
        if low is not None:
            assert low / 100 - 1e-6 <= row["price_mean_30d"] <= high / 100 + 1e-6
            if row["price_mean_7d"] is not None:
                assert low / 100 - 1e-6 <= row["price_mean_7d"] <= high / 100 + 1e-6
        for name in ("in_stock_share_7d", "in_stock_share_30d", "discount_from_list"):
            assert row[name] is None or 0 <= row[name] <= 1, name
        assert row["listing_quality"] is None or 0 <= row["listing_quality"] <= 100
        assert row["price_volatility_30d"] is None or row["price_volatility_30d"] >= 0
        assert 0 <= row["seller_changes_30d"] < max(len(made), 1)
        assert 0 <= row["out_of_stock_captures"] <= len(made)
        # A missing price says why, and only that.
        assert (row["price"] is None) == (row["price_missing_reason"] is not None)


@EXAMPLES
@given(daily(least=2), st.data())
def test_a_mean_weighs_by_time_and_not_by_captures(
    made: list[dict[str, Any]], data: st.DataObject
) -> None:
    """A page that is captured twice while it stays as it is changes no price statistic."""
    held = data.draw(st.sampled_from([item for item in made if item["captured_at"] < day(0)]))
    again = held | {
        "captured_at": held["captured_at"] + data.draw(st.integers(1, 11)) * timedelta(hours=1),
        "page_id": "again",
    }
    before, after = row_on_first(made), row_on_first([*made, again])
    assert after["observations"] == before["observations"]
    for name in (*(n for n in before if n.startswith("price_")), "days_since_price_change"):
        assert before[name] == after[name], name


@EXAMPLES
@given(PRICES, st.lists(st.integers(1, 36), unique=True, max_size=10))
def test_a_price_that_stays_is_its_own_statistics(price: int, days: list[int]) -> None:
    made = [capture(day(before), page_id=str(before), price=price) for before in [0, *days]]
    row = row_on_first(made)
    assert row["price_mean_7d"] == row["price_mean_30d"] == pytest.approx(price / 100)
    assert row["price_min_30d"] == row["price_max_30d"] == price
    assert row["days_since_price_change"] is None
    assert all(row[f"price_change_{span}d"] in (0, None) for span in (1, 7, 30))
    assert row["price_volatility_30d"] in (0, None)


# --- ranks, sellers, listings ---------------------------------------------------------------------


@EXAMPLES
@given(captures(), st.integers(2, 50))
def test_only_ratios_of_ranks_count(made: list[dict[str, Any]], factor: int) -> None:
    other = [
        item | {"bsr": [(name, node, rank * factor) for name, node, rank in item["bsr"]]}
        for item in made
    ]
    for here, there in zip(both(made, FIRST, FIRST), both(other, FIRST, FIRST), strict=True):
        for name in here.columns:
            if "log_change" in name:
                np.testing.assert_allclose(here[name], there[name], atol=2e-6)
            elif name.endswith(("rank", "rank_median_7d")):
                np.testing.assert_allclose(
                    here[name].astype("float64") * factor, there[name].astype("float64")
                )


@EXAMPLES
@given(captures())
def test_the_primary_rank_is_the_first_of_the_nodes(made: list[dict[str, Any]]) -> None:
    features, ranks = both(made, FIRST, FIRST + timedelta(days=3))
    primary = ranks[ranks["is_primary"].astype("bool")].set_index(["asin", "day"])
    assert not primary.index.duplicated().any()
    shown = features[features["primary_rank"].notna()].set_index(["asin", "day"])
    assert set(shown.index) == set(primary.index)
    other = primary.loc[shown.index]
    assert shown["primary_rank_node"].tolist() == other["node_key"].tolist()
    assert shown["primary_rank"].tolist() == other["rank"].tolist()
    for name in ("median_7d", "log_change_7d", "log_change_30d"):
        np.testing.assert_allclose(shown[f"primary_rank_{name}"], other[f"rank_{name}"])


@EXAMPLES
@given(captures())
def test_sellers_are_told_apart_and_no_more(made: list[dict[str, Any]]) -> None:
    """Another name for each changes nothing but the name."""
    names = {None: None, "Ada": "Zoe", "Bob": "Yul"}
    renamed = [item | {"seller": names[item["seller"]]} for item in made]
    for here, there in zip(products(made), products(renamed), strict=True):
        assert here | {"seller": names[here["seller"]]} == there


@EXAMPLES
@given(
    st.lists(st.integers(0, 900), min_size=4, max_size=4),
    st.integers(0, 3),
    st.integers(0, 900),
)
def test_more_of_a_listing_is_never_worse(sizes: list[int], part: int, more: int) -> None:
    def quality(title: int, bullets: int, images: int, description: int) -> float:
        item = capture(
            day(0),
            title="t" * title,
            bullets=("b",) * (bullets % 12),
            images=("i",) * (images % 12),
            description="d" * description,
        )
        return float(row_on_first([item])["listing_quality"])

    # Lists of a dozen at most.
    small = [size % 6 if place in (1, 2) else size for place, size in enumerate(sizes)]
    larger = list(small)
    larger[part] += more % 6 if part in (1, 2) else more
    assert 0 <= quality(*small) <= quality(*larger) <= 100


@EXAMPLES
@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(1, 7))
def test_a_listing_changed_when_it_differs_from_the_day_before(
    title: int, bullets: int, images: int, before: int
) -> None:
    listing = {
        "title": "t" * title,
        "bullets": tuple("b" * number for number in range(bullets)),
        "images": tuple("i" * number for number in range(images)),
    }
    item = capture(day(before), page_id="before", **listing)
    same = item | {"captured_at": day(0), "page_id": "now"}

    def changed(now: dict[str, Any]) -> bool:
        return bool(row_on_first([item, now])["listing_changed"])

    assert not changed(same)
    # A price is no listing.
    assert not changed(same | {"price": 1, "seller": "Eve"})
    for other in ({"title": "Edited"}, {"bullets": ("x",) * 10}, {"images": ("y",) * 10}):
        assert changed(same | other)
    assert row_on_first([same])["listing_changed"] is None


# --- scopes ---------------------------------------------------------------------------------------


@EXAMPLES
@given(captures())
def test_products_do_not_see_each_other(made: list[dict[str, Any]]) -> None:
    """A scope in two by its products gives the same rows."""
    last = FIRST + timedelta(days=2)
    first = [item for item in made if item["asin"].endswith("A")]
    rest = [item for item in made if not item["asin"].endswith("A")]
    for whole, one, other in zip(
        both(made, FIRST, last), both(first, FIRST, last), both(rest, FIRST, last), strict=True
    ):
        parts = pd.concat([one, other], ignore_index=True)
        pd.testing.assert_frame_equal(whole, parts, check_exact=True)
