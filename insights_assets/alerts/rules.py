"""What each kind of rule tests, for many products and days at once.

A *reading* says of a product and a day whether a rule's condition holds: true, false, or unknown
where an input is missing, which is not false.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from insights_assets.features.timeline import LOOK_BACK_DAYS
from insights_resources.errors import InvalidInputError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Columns of product features that readings and messages need.
FEATURE_COLUMNS = (
    "marketplace",
    "asin",
    "day",
    "last_captured_at",
    "observations",
    "currency",
    "price",
    "price_mean_7d",
    "price_log_return_1d",
    "price_sigma_before",
    "price_returns_before",
    "primary_rank",
    "primary_rank_median_7d",
    "rating",
    "rating_change_30d",
    "availability",
    "out_of_stock_captures",
    "seller",
)

#: Differences of decimal fractions miss a threshold they reach by some 1e-16 (4.5 - 4.2 < 0.3).
TOLERANCE = 1e-9
#: A usual move is estimated from at least so many returns that are not zero, and is at least 1 %.
_LEAST_RETURNS = 10
_LEAST_SIGMA = 0.01
_DECIMALS = 6


class Kind(StrEnum):
    PRICE_MOVE = "price_move"
    RANK_MOVE = "rank_move"
    RATING_DROP = "rating_drop"
    OUT_OF_STOCK = "out_of_stock"
    BACK_IN_STOCK = "back_in_stock"
    SELLER_CHANGED = "seller_changed"
    PRICE_SIGMA = "price_sigma"


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True)
class Step:
    """Alerts of at least this magnitude are of this severity."""

    at_least: float
    severity: Severity


@dataclass(frozen=True)
class Rule:
    """A row of ``dim_alert_rules``; the ladder ``severities`` ascends and has a step."""

    rule_id: str
    name: str
    kind: Kind
    threshold: float | None
    severities: tuple[Step, ...]

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Rule:
        """The rule of a row that people may have written.

        Raises ``InvalidInputError`` naming the rule when it cannot be evaluated.
        """
        rule_id = str(row["rule_id"])
        try:
            kind = Kind(row["kind"])
            steps = [
                Step(float(step["at_least"]), Severity(step["severity"]))
                for step in row["severities"]
            ]
        except (ValueError, TypeError, KeyError) as error:
            raise InvalidInputError(
                f"alert rule {rule_id!r}: {error!r}. Kinds: {', '.join(Kind)}; severities: a list "
                f"of {{at_least, severity}} with one of {', '.join(Severity)}. "
                f"Correct or disable it."
            ) from error
        threshold = None if pd.isna(row["threshold"]) else float(row["threshold"])
        if kind is not Kind.SELLER_CHANGED and (threshold is None or not threshold > 0):
            raise InvalidInputError(
                f"alert rule {rule_id!r}: kind {kind} needs a threshold above 0. "
                f"Correct or disable it."
            )
        if not steps:
            raise InvalidInputError(
                f"alert rule {rule_id!r}: its severities are empty. Correct or disable it."
            )
        steps.sort(key=lambda step: step.at_least)
        return cls(rule_id, str(row["name"]), kind, threshold, tuple(steps))

    @property
    def is_event(self) -> bool:
        """Whether its condition is something that happens on a day, and does not last."""
        return self.kind in (Kind.BACK_IN_STOCK, Kind.SELLER_CHANGED)

    @property
    def creep(self) -> Callable[[Floats, Floats], Floats] | None:
        """The size of a move of the value from another one, where a slow move is followed."""
        return _CREEP.get(self.kind)

    def severity_of(self, magnitude: float) -> Severity:
        """Of the highest step that is reached; of the lowest when none is."""
        severity = self.severities[0].severity
        for step in self.severities:
            if magnitude >= step.at_least - TOLERANCE:
                severity = step.severity
        return severity


def ratio_move(value: Floats, baseline: Floats) -> Floats:
    """|value / baseline - 1|; NaN where one is missing or the baseline is 0."""
    return np.abs(_ratio(value, baseline) - 1)


def log_move(value: Floats, baseline: Floats) -> Floats:
    """|ln(value / baseline)|; NaN where one is missing or 0."""
    ratio = _ratio(value, baseline)
    return np.abs(np.log(np.where(ratio > 0, ratio, np.nan)))


def fall(value: Floats, baseline: Floats) -> Floats:
    """baseline - value; NaN where one is missing. A rise is below 0."""
    return baseline - value


def _ratio(value: Floats, baseline: Floats) -> Floats:
    return value / np.where(baseline == 0, np.nan, baseline)


_CREEP: dict[Kind, Callable[[Floats, Floats], Floats]] = {
    Kind.PRICE_MOVE: ratio_move,
    Kind.RANK_MOVE: log_move,
    Kind.RATING_DROP: fall,
}


def observed_days(features: pd.DataFrame) -> pd.DataFrame:
    """The days with captures by product and day, with what was last known before each.

    ``features`` has ``FEATURE_COLUMNS``. Adds ``seller_before`` (text) and
    ``out_of_stock_before`` (float: the run of captures out of stock at the end of the last day
    whose availability was known); missing when nothing is known in the 37 days before. A day
    without captures says nothing and is left out.
    """
    days = features[features["observations"] > 0]
    days = days.sort_values(["marketplace", "asin", "day"], ignore_index=True)
    captures = days["out_of_stock_captures"].astype("float64")
    days["seller_before"] = _known_before(days, days["seller"].astype("object")).astype("str")
    days["out_of_stock_before"] = _known_before(
        days, captures.where(days["availability"] != "unknown")
    )
    return days


def _known_before(days: pd.DataFrame, values: pd.Series) -> pd.Series:
    """The product's last value that is not missing on an earlier day, at most 37 days earlier."""
    product = [days["marketplace"], days["asin"]]
    known_on = days["day"].where(values.notna())
    before = values.groupby(product).ffill().groupby(product).shift()
    since = known_on.groupby(product).ffill().groupby(product).shift()
    return before.where(days["day"] - since <= pd.Timedelta(days=LOOK_BACK_DAYS))


def evaluate(rule: Rule, days: pd.DataFrame) -> pd.DataFrame:
    """The rule's readings of ``observed_days``, row by row on the same index.

    Columns: marketplace, asin, day, active (boolean; NA: unknown), value, baseline, magnitude
    (float64; money in currency units; NaN where the kind has none or it is unknown).
    """
    reading = _READ[rule.kind](days, math.nan if rule.threshold is None else rule.threshold)
    active = pd.array(reading.holds, dtype="boolean")
    active[~reading.known] = pd.NA
    return pd.DataFrame(
        {
            "marketplace": days["marketplace"],
            "asin": days["asin"],
            "day": days["day"],
            "active": active,
            "value": np.round(reading.value, _DECIMALS),
            "baseline": np.round(reading.baseline, _DECIMALS),
            "magnitude": np.round(reading.magnitude, _DECIMALS),
        },
        index=days.index,
    )


@dataclass(frozen=True)
class _Reading:
    holds: Bools
    known: Bools
    value: Floats
    baseline: Floats
    magnitude: Floats


def _floats(days: pd.DataFrame, name: str) -> Floats:
    return days[name].to_numpy(np.float64, na_value=np.nan)


def _reaches(magnitude: Floats, threshold: float) -> Bools:
    return magnitude >= threshold - TOLERANCE


def _move(value: Floats, baseline: Floats, magnitude: Floats, threshold: float) -> _Reading:
    known = ~np.isnan(magnitude)
    return _Reading(_reaches(magnitude, threshold), known, value, baseline, magnitude)


def _price_move(days: pd.DataFrame, threshold: float) -> _Reading:
    price, mean = _floats(days, "price") / 100, _floats(days, "price_mean_7d")
    return _move(price, mean, ratio_move(price, mean), threshold)


def _rank_move(days: pd.DataFrame, threshold: float) -> _Reading:
    rank, median = _floats(days, "primary_rank"), _floats(days, "primary_rank_median_7d")
    return _move(rank, median, log_move(rank, median), threshold)


def _rating_drop(days: pd.DataFrame, threshold: float) -> _Reading:
    rating, change = _floats(days, "rating"), _floats(days, "rating_change_30d")
    return _move(rating, rating - change, -change, threshold)


def _out_of_stock(days: pd.DataFrame, threshold: float) -> _Reading:
    captures = _floats(days, "out_of_stock_captures")
    known = (days["availability"] != "unknown").to_numpy(np.bool_)
    return _Reading(
        _reaches(captures, threshold), known, captures, np.full(len(days), np.nan), captures
    )


def _back_in_stock(days: pd.DataFrame, threshold: float) -> _Reading:
    before = _floats(days, "out_of_stock_before")
    in_stock = days["availability"].isin(["in_stock", "limited"]).to_numpy(np.bool_)
    known = (days["availability"] != "unknown").to_numpy(np.bool_) & ~np.isnan(before)
    return _event(in_stock & _reaches(before, threshold), known)


def _seller_changed(days: pd.DataFrame, threshold: float) -> _Reading:
    seller, before = days["seller"], days["seller_before"]
    known = (seller.notna() & before.notna()).to_numpy(np.bool_)
    return _event((seller != before).to_numpy(np.bool_), known)


def _event(holds: Bools, known: Bools) -> _Reading:
    nothing = np.full(len(holds), np.nan)
    return _Reading(holds, known, nothing, nothing, nothing)


def _price_sigma(days: pd.DataFrame, threshold: float) -> _Reading:
    log_return = _floats(days, "price_log_return_1d")
    usual = np.maximum(_floats(days, "price_sigma_before"), _LEAST_SIGMA)
    enough = _floats(days, "price_returns_before") >= _LEAST_RETURNS
    sigmas = np.where(enough, np.abs(log_return) / usual, np.nan)
    return _move(log_return, usual, sigmas, threshold)


_READ: dict[Kind, Callable[[pd.DataFrame, float], _Reading]] = {
    Kind.PRICE_MOVE: _price_move,
    Kind.RANK_MOVE: _rank_move,
    Kind.RATING_DROP: _rating_drop,
    Kind.OUT_OF_STOCK: _out_of_stock,
    Kind.BACK_IN_STOCK: _back_in_stock,
    Kind.SELLER_CHANGED: _seller_changed,
    Kind.PRICE_SIGMA: _price_sigma,
}
