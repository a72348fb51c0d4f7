"""Whether rules' conditions hold, for many products and days at once.

A *reading* says of a product and a day whether a rule's condition holds: true, false, or unknown
where an input is missing, which is not false. ``all`` is false where one part is, and otherwise
unknown where one part is; ``any`` is true where one part is, and otherwise unknown where one is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from insights_assets.alerts.conditions import (
    AllOf,
    AnyOf,
    Change,
    Condition,
    Event,
    EventType,
    Level,
    SingleTest,
    State,
)
from insights_assets.alerts.measures import Bools, Floats, compared, measured, numbers
from insights_assets.alerts.rules import TOLERANCE, Rule, in_direction
from insights_assets.features.timeline import LOOK_BACK_DAYS

#: A usual move is estimated from at least so many returns that are not zero, and is at least 1 %.
_LEAST_RETURNS = 10
_LEAST_SIGMA = 0.01
_DECIMALS = 6

_KEY = ["marketplace", "asin"]
#: What is remembered of a product from one day with captures to the next.
MEMORY_COLUMNS = (*_KEY, "day", "availability", "out_of_stock_captures", "seller")


@dataclass(frozen=True)
class Reading:
    """A test on each day: whether it holds and whether that is known, the value, what it was
    compared with, and the size that the threshold is compared with (NaN: none, or unknown)."""

    holds: Bools
    known: Bools
    value: Floats
    baseline: Floats
    magnitude: Floats


def observed_days(features: pd.DataFrame, memory: pd.DataFrame | None = None) -> pd.DataFrame:
    """The days with captures by product and day, with what was last known before each.

    ``features`` has ``rules.feature_columns``; ``memory`` (``MEMORY_COLUMNS``) earlier days of the
    same products with captures. Adds ``seller_before`` (text) and ``out_of_stock_before`` (float:
    the run of captures out of stock at the end of the last day whose availability was known);
    missing when nothing is known in the 37 days before. A day without captures says nothing and
    is left out.
    """
    days = features[features["observations"] > 0]
    earlier = 0 if memory is None else len(memory)
    remembered = days[list(MEMORY_COLUMNS)]
    if memory is not None and earlier:
        remembered = pd.concat([memory[list(MEMORY_COLUMNS)], remembered], ignore_index=True)
    product, _ = pd.factorize(product_keys(remembered), sort=True)
    positions = np.lexsort((remembered["day"].to_numpy(), product))
    order = remembered.reset_index(drop=True).iloc[positions]
    product = product[positions]
    captures = order["out_of_stock_captures"].astype("float64")
    sellers = _known_before(order["day"], order["seller"].astype("object"), product)
    stock = _known_before(order["day"], captures.where(order["availability"] != "unknown"), product)
    # Rows of the memory come first in ``remembered``, and have served.
    wanted = order.index[order.index >= earlier]
    days = days.iloc[wanted - earlier].reset_index(drop=True)
    days["seller_before"] = sellers.loc[wanted].astype("str").array
    days["out_of_stock_before"] = stock.loc[wanted].to_numpy()
    return days


def product_keys(frame: pd.DataFrame) -> NDArray[np.object_]:
    """Marketplace and ASIN of each row as one text, which sorts as the two: far quicker to tell
    apart than pairs are."""
    return np.asarray(
        frame["marketplace"].to_numpy(np.object_) + "\0" + frame["asin"].to_numpy(np.object_),
        dtype=np.object_,
    )


def _known_before(days: pd.Series, values: pd.Series, product: NDArray[np.intp]) -> pd.Series:
    """The product's last value that is not missing on an earlier day, at most 37 days earlier."""
    known_on = days.where(values.notna())
    before = values.groupby(product).ffill().groupby(product).shift()
    since = known_on.groupby(product).ffill().groupby(product).shift()
    return before.where(days - since <= pd.Timedelta(days=LOOK_BACK_DAYS))


def evaluate(rule: Rule, days: pd.DataFrame, applies: Bools | None = None) -> pd.DataFrame:
    """The rule's readings of ``observed_days``, row by row on the same index.

    ``applies`` says on which rows it applies (None: on all): on the others its condition is false.
    Columns: marketplace, asin, day, active (boolean; NA: unknown), and of its first test value,
    baseline, magnitude (float64; money in currency units; NaN where there is none or it is
    unknown).
    """
    holds, known = _holds(rule.condition, days)
    lead = read_test(rule.lead, days)
    if applies is not None:
        holds, known = holds & applies, known | ~applies
    active = pd.array(holds & known, dtype="boolean")
    active[~known] = pd.NA
    return pd.DataFrame(
        {
            "marketplace": days["marketplace"],
            "asin": days["asin"],
            "day": days["day"],
            "active": active,
            "value": np.round(lead.value, _DECIMALS),
            "baseline": np.round(lead.baseline, _DECIMALS),
            "magnitude": np.round(lead.magnitude, _DECIMALS),
        },
        index=days.index,
    )


def read_test(test: SingleTest, days: pd.DataFrame) -> Reading:
    """A single test on each day."""
    if isinstance(test, Change):
        return _change(test, days)
    if isinstance(test, Level):
        return _level(test, days)
    if isinstance(test, State):
        return _state(test, days)
    return _EVENTS[test.event](test, days)


def _holds(condition: Condition, days: pd.DataFrame) -> tuple[Bools, Bools]:
    """Whether it holds, and whether that is known."""
    if isinstance(condition, AllOf):
        return _all(_holds(part, days) for part in condition.conditions)
    if isinstance(condition, AnyOf):
        # Any of them holds unless all of their contraries do.
        contraries = (_holds(part, days) for part in condition.conditions)
        none, known = _all((known & ~holds, known) for holds, known in contraries)
        return known & ~none, known
    reading = read_test(condition, days)
    return reading.holds & reading.known, reading.known


def _all(parts: Iterable[tuple[Bools, Bools]]) -> tuple[Bools, Bools]:
    readings = list(parts)
    holds = np.logical_and.reduce([known & holds for holds, known in readings])
    one_is_false = np.logical_or.reduce([known & ~holds for holds, known in readings])
    return holds, holds | one_is_false


def _reaches(size: Floats, threshold: float) -> Bools:
    return size >= threshold - TOLERANCE


def _change(test: Change, days: pd.DataFrame) -> Reading:
    if test.baseline is None:
        return _sigma(test, days)
    value, baseline, signed = compared(test.measure, test.baseline, test.change, days)
    size = in_direction(signed, test.direction)
    known = ~np.isnan(size) & _is_in(test.currency, days)
    return Reading(_reaches(size, test.size_of(test.at_least)), known, value, baseline, size)


def _sigma(test: Change, days: pd.DataFrame) -> Reading:
    log_return = numbers(days, "price_log_return_1d")
    usual = np.maximum(numbers(days, "price_sigma_before"), _LEAST_SIGMA)
    enough = numbers(days, "price_returns_before") >= _LEAST_RETURNS
    signed = np.where(enough, log_return / usual, np.nan)
    size = in_direction(signed, test.direction)
    return Reading(_reaches(size, test.at_least), ~np.isnan(size), log_return, usual, size)


def _level(test: Level, days: pd.DataFrame) -> Reading:
    value = measured(test.measure, days)
    holds = value <= test.bound + TOLERANCE if test.is_upper else value >= test.bound - TOLERANCE
    known = ~np.isnan(value) & _is_in(test.currency, days)
    return Reading(holds, known, value, np.full(len(days), np.nan), value)


def _is_in(currency: str | None, days: pd.DataFrame) -> Bools:
    """An amount in another currency than the test's says nothing."""
    if currency is None:
        return np.ones(len(days), np.bool_)
    return (days["currency"] == currency).to_numpy(np.bool_)


def _state(test: State, days: pd.DataFrame) -> Reading:
    texts = days[test.measure.column]
    known = texts.notna().to_numpy(np.bool_)
    if test.measure.values is not None:
        known = known & texts.isin(test.measure.values).to_numpy(np.bool_)
    is_one = texts.isin(test.values).to_numpy(np.bool_)
    return _without_numbers(~is_one if test.is_not else is_one, known)


def _without_numbers(holds: Bools, known: Bools) -> Reading:
    nothing = np.full(len(holds), np.nan)
    return Reading(holds, known, nothing, nothing, nothing)


def _seller_changed(test: Event, days: pd.DataFrame) -> Reading:
    seller, before = days["seller"], days["seller_before"]
    known = (seller.notna() & before.notna()).to_numpy(np.bool_)
    return _without_numbers((seller != before).to_numpy(np.bool_), known)


def _back_in_stock(test: Event, days: pd.DataFrame) -> Reading:
    before = numbers(days, "out_of_stock_before")
    in_stock = days["availability"].isin(["in_stock", "limited"]).to_numpy(np.bool_)
    known = (days["availability"] != "unknown").to_numpy(np.bool_) & ~np.isnan(before)
    return _without_numbers(in_stock & _reaches(before, float(test.after_captures or 1)), known)


def _listing_changed(test: Event, days: pd.DataFrame) -> Reading:
    changed = days["listing_changed"]
    return _without_numbers(
        changed.fillna(value=False).to_numpy(np.bool_), changed.notna().to_numpy(np.bool_)
    )


_EVENTS: dict[EventType, Callable[[Event, pd.DataFrame], Reading]] = {
    EventType.SELLER_CHANGED: _seller_changed,
    EventType.BACK_IN_STOCK: _back_in_stock,
    EventType.LISTING_CHANGED: _listing_changed,
}
