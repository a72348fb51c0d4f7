"""Alerts of the default rules by their definitions: one product, one rule, day after day.

A rule is evaluated on days with a capture; where its input is unknown nothing happens and the
state stays. It fires when the condition becomes true, and is armed again once it is false. While
it stays true it fires again (``crept``) when the value has moved on by the threshold since the
last alert. A change of the seller, and being back in stock, are events: each is an alert.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from insights_resources.sandbox.expected_features import product_features
from insights_resources.sandbox.observations import Observation

#: Rating differences are tenths: this absorbs that 4.5 - 4.2 is not quite 0.3 in floating point.
_EPSILON = 1e-9


@dataclass(frozen=True)
class _Reading:
    """A rule's view of a day: whether its condition holds, and the numbers behind it."""

    holds: bool
    value: float | None = None
    baseline: float | None = None
    magnitude: float | None = None


@dataclass(frozen=True)
class _Rule:
    """``read`` gives None when the day says nothing; ``creep`` the move since the last alert.

    What an event's rule tests happens on a day and does not last: each time is an alert.
    """

    rule_id: str
    read: Callable[[dict[str, Any], dict[str, Any] | None], _Reading | None]
    creep: Callable[[float, float], float] | None = None
    threshold: float = 0.0
    is_event: bool = False


def alerts(seen: list[Observation], first_day: date, last_day: date) -> list[dict[str, Any]]:
    """The alerts of a product from ``first_day`` on, by day and rule.

    Keys are columns of ``fact_alerts``: rule_id, day, transition, value, baseline, magnitude.
    """
    days: list[tuple[date, dict[str, Any]]] = []
    day = first_day
    while day <= last_day:
        row = product_features(seen, day)
        if row is not None and row["observations"] > 0:
            days.append((day, row))
        day += timedelta(days=1)
    fired: list[dict[str, Any]] = []
    for rule in RULES:
        fired += _walk(rule, days)
    return sorted(fired, key=lambda alert: (alert["day"], alert["rule_id"]))


def _walk(rule: _Rule, days: list[tuple[date, dict[str, Any]]]) -> list[dict[str, Any]]:
    fired: list[dict[str, Any]] = []
    active, last_alerted = False, None
    before: dict[str, Any] | None = None
    for day, row in days:
        reading = rule.read(row, before)
        before = _remember(row, before)
        if reading is None:
            continue
        transition = None
        if reading.holds and (rule.is_event or not active):
            transition = "fired"
        elif (
            reading.holds
            and rule.creep is not None
            and reading.value is not None
            and last_alerted is not None
            and rule.creep(reading.value, last_alerted) >= rule.threshold - _EPSILON
        ):
            transition = "crept"
        active = reading.holds
        if not active:
            last_alerted = None
        if transition is not None:
            last_alerted = reading.value
            fired.append(
                {
                    "rule_id": rule.rule_id,
                    "day": day,
                    "transition": transition,
                    "value": reading.value,
                    "baseline": reading.baseline,
                    "magnitude": reading.magnitude,
                }
            )
    return fired


def _remember(row: dict[str, Any], before: dict[str, Any] | None) -> dict[str, Any]:
    """What the next day compares with: the last known seller and availability."""
    memory = dict(before or {})
    if row["seller"] is not None:
        memory["seller"] = row["seller"]
    if row["availability"] != "unknown":
        memory["was_out"] = row["out_of_stock_captures"]
    return memory


def _price_move(row: dict[str, Any], _: dict[str, Any] | None) -> _Reading | None:
    if row["price"] is None or row["price_mean_7d"] is None:
        return None
    move = row["price"] / row["price_mean_7d"] - 1
    return _Reading(abs(move) >= 0.10 - _EPSILON, row["price"], row["price_mean_7d"], abs(move))


def _rank_move(row: dict[str, Any], _: dict[str, Any] | None) -> _Reading | None:
    rank, median = row["primary_rank"], row["primary_rank_median_7d"]
    if rank is None or median is None:
        return None
    move = abs(math.log(rank / median))
    return _Reading(move >= math.log(1.5) - _EPSILON, rank, median, move)


def _rating_fall(row: dict[str, Any], _: dict[str, Any] | None) -> _Reading | None:
    change = row["rating_change_30d"]
    if change is None:
        return None
    return _Reading(change <= -0.3 + _EPSILON, row["rating"], row["rating"] - change, -change)


def _out_of_stock(row: dict[str, Any], _: dict[str, Any] | None) -> _Reading | None:
    if row["availability"] == "unknown":
        return None
    captures = row["out_of_stock_captures"]
    return _Reading(captures >= 2, float(captures), None, float(captures))


def _back_in_stock(row: dict[str, Any], before: dict[str, Any] | None) -> _Reading | None:
    if row["availability"] == "unknown" or before is None or "was_out" not in before:
        return None
    back = row["availability"] in ("in_stock", "limited") and before["was_out"] >= 2
    return _Reading(back)


def _seller_changed(row: dict[str, Any], before: dict[str, Any] | None) -> _Reading | None:
    if row["seller"] is None or before is None or "seller" not in before:
        return None
    return _Reading(row["seller"] != before["seller"])


def _unusual_move(row: dict[str, Any], _: dict[str, Any] | None) -> _Reading | None:
    step, sigma = row["price_log_return_1d"], row["price_sigma_before"]
    if step is None or sigma is None or row["price_returns_before"] < 10:
        return None
    usual = max(sigma, 0.01)
    return _Reading(abs(step) / usual >= 2 - _EPSILON, step, usual, abs(step) / usual)


RULES = (
    _Rule("price-move", _price_move, lambda new, old: abs(new / old - 1), 0.10),
    _Rule("rank-move", _rank_move, lambda new, old: abs(math.log(new / old)), math.log(1.5)),
    _Rule("rating-drop", _rating_fall, lambda new, old: old - new, 0.3),
    _Rule("out-of-stock", _out_of_stock),
    _Rule("back-in-stock", _back_in_stock, is_event=True),
    _Rule("seller-changed", _seller_changed, is_event=True),
    _Rule("price-sigma", _unusual_move),
)
