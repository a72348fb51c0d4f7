"""Each kind of rule on rows worked out by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from insights_assets.alerts.default_rules import DEFAULT_RULES
from insights_assets.alerts.readings import evaluate, observed_days
from insights_assets.alerts.rules import Severity
from tests.unit.alerts.feature_rows import ASIN, MARKETPLACE, features, row

RULES = {rule.rule_id: rule for rule in DEFAULT_RULES}


def read(rule_id: str, *rows: dict[str, Any]) -> list[tuple[bool | None, float, float, float]]:
    """(active, value, baseline, magnitude) of each observed day."""
    readings = evaluate(RULES[rule_id], observed_days(features(rows)))
    assert str(readings["active"].dtype) == "boolean"
    return [
        (
            None if pd.isna(reading.active) else bool(reading.active),
            reading.value,
            reading.baseline,
            reading.magnitude,
        )
        for reading in readings.itertuples()
    ]


def holds(rule_id: str, *rows: dict[str, Any]) -> list[bool | None]:
    return [reading[0] for reading in read(rule_id, *rows)]


@pytest.mark.parametrize(
    ("price", "mean", "active", "magnitude"),
    [
        (1100, 10.0, True, 0.1),
        (1099, 10.0, False, 0.099),
        (900, 10.0, True, 0.1),
        (901, 10.0, False, 0.099),
        (2200, 20.0, True, 0.1),  # 0.10000000000000009: not the decimal fraction either
        (5500, 10.0, True, 4.5),
    ],
)
def test_price_move(price: int, mean: float, active: bool, magnitude: float) -> None:
    reading = read("price-move", row(0, price=price, price_mean_7d=mean))
    assert reading == [(active, price / 100, mean, magnitude)]


@pytest.mark.parametrize(
    "known", [{"price": 1000}, {"price_mean_7d": 10.0}, {"price": 1000, "price_mean_7d": 0.0}]
)
def test_a_price_without_its_mean_says_nothing(known: dict[str, Any]) -> None:
    assert holds("price-move", row(0, **known)) == [None]


@pytest.mark.parametrize(
    ("rank", "median", "active"),
    [
        (150, 100.0, True),
        (149, 100.0, False),
        (2, 3.0, True),
        (67, 100.0, False),
        (66, 100.0, True),
    ],
)
def test_rank_move(rank: int, median: float, active: bool) -> None:
    reading = read("rank-move", row(0, primary_rank=rank, primary_rank_median_7d=median))
    size = pytest.approx(abs(math.log(rank / median)), abs=1e-6)
    assert reading == [(active, rank, median, size)]


def test_a_missing_rank_says_nothing() -> None:
    assert holds("rank-move", row(0, primary_rank=3), row(1, primary_rank_median_7d=3.0)) == [
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("rating", "change", "active"),
    [
        (4.2, 4.2 - 4.5, True),  # -0.2999999999999998
        (4.0, -0.5, True),
        (4.3, 4.3 - 4.5, False),
        (4.8, 0.4, False),
    ],
)
def test_rating_drop(rating: float, change: float, active: bool) -> None:
    reading = read("rating-drop", row(0, rating=rating, rating_change_30d=change))
    assert reading == [
        (
            active,
            rating,
            pytest.approx(rating - change, abs=1e-6),
            pytest.approx(-change, abs=1e-6),
        )
    ]


def test_a_rating_without_history_says_nothing() -> None:
    assert holds("rating-drop", row(0, rating=4.0)) == [None]


def test_out_of_stock_is_confirmed_by_a_second_capture() -> None:
    rows = [
        row(0),
        row(1, availability="out_of_stock", out_of_stock_captures=1),
        row(2, availability="unavailable", out_of_stock_captures=2),
        row(3, availability="unknown"),
        row(4, availability="in_stock"),
    ]
    assert holds("out-of-stock", *rows) == [False, False, True, None, False]
    assert read("out-of-stock", rows[2])[0][1] == 2


def test_back_in_stock_follows_a_confirmed_stock_out() -> None:
    def out(number: int, captures: int) -> dict[str, Any]:
        return row(number, availability="out_of_stock", out_of_stock_captures=captures)

    once = [row(0), out(1, 1), row(2)]
    assert holds("back-in-stock", *once) == [None, False, False]
    twice = [row(0), out(1, 1), out(2, 2), row(3, availability="limited"), row(4)]
    assert holds("back-in-stock", *twice) == [None, False, False, True, False]


def test_what_is_not_known_does_not_hide_the_stock_out_before_it() -> None:
    out = row(0, availability="out_of_stock", out_of_stock_captures=2)
    carried = row(1, availability="out_of_stock", out_of_stock_captures=2, observations=0)
    unknown = row(2, availability="unknown")
    assert holds("back-in-stock", out, carried, unknown, row(3)) == [None, None, True]
    assert holds("back-in-stock", out, row(1, availability="preorder"), row(2)) == [
        None,
        False,
        False,
    ]


def test_seller_changed_compares_with_the_last_one_known() -> None:
    sellers = ["A", "A", None, "B", "B", "A"]
    rows = [row(number, seller=seller) for number, seller in enumerate(sellers)]
    assert holds("seller-changed", *rows) == [None, False, None, True, False, True]


def test_what_was_known_over_37_days_ago_is_not_known() -> None:
    assert holds("seller-changed", row(0, seller="A"), row(37, seller="B")) == [None, True]
    assert holds("seller-changed", row(0, seller="A"), row(38, seller="B")) == [None, None]


def test_products_do_not_see_each_other() -> None:
    rows = [
        row(0, seller="A"),
        row(0, asin="B0TEST0002", seller="B"),
        row(1, asin="B0TEST0002", seller="B"),
        row(1, marketplace="amazon.fr", seller="C"),
        row(2, seller="A"),
    ]
    days = observed_days(features(rows))
    readings = evaluate(RULES["seller-changed"], days).set_index(["marketplace", "asin", "day"])
    assert readings.index.is_monotonic_increasing
    assert readings["active"].fillna(value=False).sum() == 0
    known = readings[readings["active"].notna()].index.droplevel("day").tolist()
    assert known == [(MARKETPLACE, ASIN), (MARKETPLACE, "B0TEST0002")]


@pytest.mark.parametrize(
    ("log_return", "sigma", "returns", "active"),
    [
        (0.06, 0.03, 10, True),
        (-0.06, 0.03, 10, True),
        (0.059, 0.03, 10, False),
        (0.02, 0.001, 10, True),  # the floor: 1 %
        (0.019, 0.001, 10, False),
        (0.0, 0.03, 10, False),
        (0.5, 0.03, 9, None),
        (None, 0.03, 10, None),
        (0.5, None, 10, None),
    ],
)
def test_price_sigma(
    log_return: float | None, sigma: float | None, returns: int, active: bool | None
) -> None:
    day = row(
        0,
        price_log_return_1d=log_return,
        price_sigma_before=sigma,
        price_returns_before=returns,
    )
    ((found, value, baseline, magnitude),) = read("price-sigma", day)
    assert found is active
    if active is not None and log_return is not None and sigma is not None:
        assert (value, baseline) == (log_return, max(sigma, 0.01))
        assert magnitude == pytest.approx(abs(log_return) / max(sigma, 0.01))


@pytest.mark.parametrize("rule_id", RULES)
def test_no_days_give_no_readings(rule_id: str) -> None:
    assert read(rule_id) == []
    assert read(rule_id, row(0, observations=0)) == []


@pytest.mark.parametrize(
    ("magnitude", "severity"),
    [
        (0.1, Severity.INFO),
        (0.2, Severity.WARNING),
        (0.2 - 1e-12, Severity.WARNING),
        (0.34, Severity.WARNING),
        (9.0, Severity.CRITICAL),
        (math.nan, Severity.INFO),
        (-1.0, Severity.INFO),
    ],
)
def test_the_ladder_gives_the_severity(magnitude: float, severity: Severity) -> None:
    assert RULES["price-move"].severities_of(np.array([magnitude])) == [severity]
