"""The expected results: hand-computed examples, and the sanity of whole walks."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from insights_resources.marketplaces import ProductKey
from insights_resources.sandbox.expected_alerts import alerts
from insights_resources.sandbox.expected_features import product_features, rank_features
from insights_resources.sandbox.expected_scores import group_scores
from insights_resources.sandbox.market import SandboxMarket
from insights_resources.sandbox.observations import Observation
from insights_resources.sandbox.page_truth import SandboxRank, SnapshotTruth
from insights_resources.sandbox.truth import ExpectedResults

FIRST = date(2025, 3, 1)
KEY = ProductKey("amazon.com", "B0AAAAAAAA")

BASE = SnapshotTruth(
    marketplace="amazon.com",
    asin="B0AAAAAAAA",
    title="x" * 80,
    currency="USD",
    brand="Brand",
    price=Decimal("10.00"),
    price_min=None,
    price_max=None,
    price_missing_reason=None,
    list_price=None,
    coupon=None,
    subscribe_save_price=None,
    used_price=None,
    offers_from=None,
    rating=Decimal("4.5"),
    rating_count=100,
    bsr=(SandboxRank("Toys", None, 100), SandboxRank("Blocks", "11", 10)),
    availability="in_stock",
    seller="Amazon.com",
    bullets=("a", "b", "c", "d", "e"),
    attributes={},
    description="y" * 500,
    images=tuple("1234567"),
    breadcrumbs=(),
    parent_asin=None,
)

GONE = {
    "price": None,
    "price_missing_reason": "out_of_stock",
    "availability": "out_of_stock",
    "seller": None,
}


def seen(day_number: int, hour: int = 6, **changes: Any) -> Observation:
    day = FIRST + timedelta(days=day_number)
    moment = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
    return Observation(day, moment, replace(BASE, **changes))


def on(number: int) -> date:
    return FIRST + timedelta(days=number)


def features(past: list[Observation], number: int) -> dict[str, Any]:
    row = product_features(past, on(number))
    assert row is not None
    return row


def test_price_changes_compare_with_the_price_known_then() -> None:
    past = [seen(n, price=Decimal(10 + n)) for n in range(9)]
    row = features(past, 8)
    assert row["price_change_1d"] == pytest.approx(18 / 17 - 1)
    assert row["price_change_7d"] == pytest.approx(18 / 11 - 1)
    assert row["price_change_30d"] is None


def test_a_gap_is_bridged_for_seven_days_and_no_longer() -> None:
    past = [seen(0)]
    assert features(past, 7)["price"] == 10.0
    assert features(past, 7)["observations"] == 0
    gone = features(past, 8)
    assert gone["price"] is None
    assert gone["price_missing_reason"] == "not_captured"
    assert gone["availability"] == "unknown"
    assert product_features(past, on(37)) is not None
    assert product_features(past, on(38)) is None


def test_the_mean_price_is_weighted_by_time() -> None:
    """Ten for 18 hours from 06:00, then twenty for the next day's 18 hours after 6 at ten."""
    past = [seen(0), seen(1, price=Decimal(20))]
    assert features(past, 1)["price_mean_7d"] == pytest.approx((24 * 10 + 18 * 20) / 42)


def test_out_of_stock_is_no_price_and_not_zero() -> None:
    past = [seen(0), seen(1, **GONE)]
    row = features(past, 1)
    assert row["price"] is None
    assert row["price_missing_reason"] == "out_of_stock"
    assert row["price_mean_7d"] == 10.0
    assert row["in_stock_share_7d"] == 0.5
    assert row["out_of_stock_captures"] == 1


def test_volatility_needs_ten_returns() -> None:
    past = [seen(n, price=Decimal(10 + n % 2)) for n in range(11)]
    assert features(past, 9)["price_volatility_30d"] is None
    step = math.log(1.1)
    expected = step * math.sqrt(10 / 9)  # ten returns of plus and minus one step, mean zero
    assert features(past, 10)["price_volatility_30d"] == pytest.approx(expected)


def test_falling_counts_keep_their_sign() -> None:
    past = [seen(0, rating_count=100), seen(7, rating_count=60)]
    assert features(past, 7)["ratings_gained_7d"] == -40


def test_ranks_compare_within_their_node() -> None:
    other = (SandboxRank("Toys", None, 50), SandboxRank("Games", "12", 3))
    rows = rank_features([seen(0), seen(7, bsr=other)], on(7))
    assert [row["node_key"] for row in rows] == ["category:Toys", "12"]
    assert rows[0]["rank_log_change_7d"] == pytest.approx(math.log(0.5))
    assert rows[1]["rank_log_change_7d"] is None
    assert [row["is_deepest"] for row in rows] == [False, True]


def test_days_since_a_price_change_need_a_change() -> None:
    assert features([seen(0), seen(1)], 1)["days_since_price_change"] is None
    past = [seen(0, price=Decimal(9)), seen(1), seen(2, **GONE), seen(3)]
    assert features(past, 3)["days_since_price_change"] == 2


def test_scores_by_hand() -> None:
    keys = [ProductKey("amazon.com", f"B0AAAAAAA{n}") for n in range(4)]
    prices, ratings, ranks = (10, 20, 30, 20), ("4.0", "4.5", "3.5", "5.0"), (10, 100, 1000, 10)
    observations = {
        key: [
            seen(
                0,
                asin=key.asin,
                price=Decimal(prices[n]),
                rating=Decimal(ratings[n]),
                rating_count=50,
                bsr=(SandboxRank("Toys", None, ranks[n]),),
            )
        ]
        for n, key in enumerate(keys)
    }
    rows = group_scores(observations, tuple(keys), FIRST)
    standard = next(r for r in rows if r["asin"] == keys[0].asin and r["method"] == "standard")
    assert standard["price_score"] == 75.0  # half of the median 20
    assert standard["quality_score"] == 80.0
    assert standard["popularity_score"] == 100.0  # ten times better than the median 100
    assert standard["overall_score"] == 85.0
    assert (standard["position"], standard["position_of"]) == (1, 4)
    robust = next(r for r in rows if r["asin"] == keys[0].asin and r["method"] == "robust")
    mean = (4.5 + 3.5 + 5.0) / 3
    assert robust["price_score"] == 100.0
    assert robust["quality_score"] == pytest.approx(((mean + 4.0) / 2 - 1) / 4 * 100, abs=0.005)


def test_of_a_family_one_peer_counts_and_of_its_own_none() -> None:
    keys = [ProductKey("amazon.com", f"B0AAAAAAA{n}") for n in range(4)]
    parents = ("B0PARENT01", "B0PARENT01", "B0PARENT02", "B0PARENT02")
    observations = {
        key: [seen(0, asin=key.asin, parent_asin=parents[n], bsr=(SandboxRank("T", None, 9 - n),))]
        for n, key in enumerate(keys)
    }
    rows = group_scores(observations, tuple(keys), FIRST)
    assert {row["asin"]: row["peers"] for row in rows} == {
        keys[0].asin: [keys[3].asin],
        keys[1].asin: [keys[3].asin],
        keys[2].asin: [keys[1].asin],
        keys[3].asin: [keys[1].asin],
    }


def test_a_price_alert_fires_once_creeps_and_is_armed_again() -> None:
    prices = [*[10] * 8, 15, 17, *[17] * 12, 10]
    past = [seen(n, price=Decimal(price)) for n, price in enumerate(prices)]
    fired = [
        (alert["day"], alert["transition"])
        for alert in alerts(past, FIRST, on(len(prices) - 1))
        if alert["rule_id"] == "price-move"
    ]
    assert fired == [(on(8), "fired"), (on(9), "crept"), (on(22), "fired")]


def test_a_single_capture_out_of_stock_is_not_yet_an_alert() -> None:
    past = [seen(0), seen(1, **GONE), seen(2), seen(3, **GONE), seen(4, **GONE), seen(5)]
    fired = [
        (a["rule_id"], a["day"])
        for a in alerts(past, FIRST, on(5))
        if a["rule_id"] in ("out-of-stock", "back-in-stock")
    ]
    assert fired == [("out-of-stock", on(4)), ("back-in-stock", on(5))]


def test_each_new_seller_is_an_alert() -> None:
    past = [seen(n, seller=seller) for n, seller in enumerate(["A", "B", "C", "C", "A"])]
    fired = [a["day"] for a in alerts(past, FIRST, on(4)) if a["rule_id"] == "seller-changed"]
    assert fired == [on(1), on(2), on(4)]


def test_a_missed_capture_fires_nothing() -> None:
    assert alerts([seen(0), seen(4)], FIRST, on(6)) == []


def test_a_walk_over_the_market_fires_every_rule() -> None:
    expected = ExpectedResults(SandboxMarket(), date(2025, 1, 1), date(2025, 3, 31))
    rules = {alert["rule_id"] for fired in expected.alerts().values() for alert in fired}
    assert rules == {
        "price-move",
        "rank-move",
        "rating-drop",
        "out-of-stock",
        "back-in-stock",
        "seller-changed",
        "price-sigma",
    }


def test_scores_of_a_walk_are_in_range_and_ranked() -> None:
    expected = ExpectedResults(SandboxMarket(), date(2025, 1, 1), date(2025, 1, 31))
    rows = list(expected.scores().values())
    assert len(rows) == 24 * 31 * 2
    for row in rows:
        for name in ("price_score", "quality_score", "popularity_score", "overall_score"):
            assert row[name] is None or 0 <= row[name] <= 100
        assert (row["position"] is None) == (row["overall_score"] is None)
        assert row["asin"] not in row["peers"]
