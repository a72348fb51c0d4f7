"""What a rule's condition may measure of a product on a day, and what it may be compared with.

The names are those that people write into rules; ``docs/alerts.md`` lists them (a test keeps it
complete). Everything comes from the day's row of product features.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from insights_resources.warehouse.column_types import MONEY_SCALE

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class ChangeType(StrEnum):
    """How a value's change against a baseline is counted."""

    PERCENT = "percent"
    ABSOLUTE = "absolute"
    FACTOR = "factor"
    SIGMA = "sigma"


class Unit(StrEnum):
    MONEY = "currency"
    STARS = "stars"
    RANK = "rank"
    COUNT = "count"
    SHARE = "share, 0 to 1"
    DAYS = "days"
    POINTS = "points, 0 to 100"


@dataclass(frozen=True)
class Baseline:
    """What a measure is compared with.

    ``column`` holds the baseline itself, or, where ``stored_change`` is given, the change against
    it: a ratio minus 1 (percent), a logarithm (factor) or a difference (absolute). ``words`` say
    it of a product ("its 7-day mean"); ``days`` is how long ago it was, where it is a past value.
    """

    column: str
    words: str
    stored_change: ChangeType | None = None
    days: int | None = None


@dataclass(frozen=True)
class Measure:
    """A number of a product on a day. ``words`` name it in messages; ``needs_availability``: it
    is unknown on days whose availability is."""

    name: str
    column: str
    words: str
    unit: Unit
    baselines: Mapping[str, Baseline] = field(default_factory=dict)
    needs_availability: bool = False


@dataclass(frozen=True)
class TextMeasure:
    """A text of a product on a day; ``values`` are all that it may be, None: any."""

    name: str
    column: str
    words: str
    values: tuple[str, ...] | None = None


def _past(column: str, words: str, change: ChangeType, days: int) -> Baseline:
    return Baseline(column, words, change, days)


_PRICE_BASELINES = {
    "mean_7d": Baseline("price_mean_7d", "its 7-day mean"),
    "mean_30d": Baseline("price_mean_30d", "its 30-day mean"),
    "min_30d": Baseline("price_min_30d", "its lowest price of 30 days"),
    "max_30d": Baseline("price_max_30d", "its highest price of 30 days"),
    "list_price": Baseline("list_price", "its list price"),
    "1d_ago": _past("price_change_1d", "its price a day before", ChangeType.PERCENT, 1),
    "7d_ago": _past("price_change_7d", "its price 7 days before", ChangeType.PERCENT, 7),
    "30d_ago": _past("price_change_30d", "its price 30 days before", ChangeType.PERCENT, 30),
}
_RANK_BASELINES = {
    "median_7d": Baseline("primary_rank_median_7d", "a 7-day median"),
    "7d_ago": _past("primary_rank_log_change_7d", "that of 7 days before", ChangeType.FACTOR, 7),
    "30d_ago": _past(
        "primary_rank_log_change_30d", "that of 30 days before", ChangeType.FACTOR, 30
    ),
}
_RATING_COUNT_BASELINES = {
    "7d_ago": _past("ratings_gained_7d", "that of 7 days before", ChangeType.ABSOLUTE, 7),
    "30d_ago": _past("ratings_gained_30d", "that of 30 days before", ChangeType.ABSOLUTE, 30),
}

MEASURES: dict[str, Measure] = {
    measure.name: measure
    for measure in (
        Measure("price", "price", "price", Unit.MONEY, _PRICE_BASELINES),
        Measure("list_price", "list_price", "list price", Unit.MONEY),
        Measure(
            "discount_from_list", "discount_from_list", "discount from the list price", Unit.SHARE
        ),
        Measure(
            "price_volatility_30d", "price_volatility_30d", "30-day price volatility", Unit.SHARE
        ),
        Measure(
            "days_since_price_change",
            "days_since_price_change",
            "time since the last price change",
            Unit.DAYS,
        ),
        Measure("primary_rank", "primary_rank", "Best Sellers Rank", Unit.RANK, _RANK_BASELINES),
        Measure(
            "rating",
            "rating",
            "rating",
            Unit.STARS,
            {
                "30d_ago": _past(
                    "rating_change_30d", "that of 30 days before", ChangeType.ABSOLUTE, 30
                )
            },
        ),
        Measure(
            "rating_count", "rating_count", "number of ratings", Unit.COUNT, _RATING_COUNT_BASELINES
        ),
        Measure("in_stock_share_7d", "in_stock_share_7d", "7-day share in stock", Unit.SHARE),
        Measure("in_stock_share_30d", "in_stock_share_30d", "30-day share in stock", Unit.SHARE),
        Measure(
            "out_of_stock_captures",
            "out_of_stock_captures",
            "number of captures in a row out of stock",
            Unit.COUNT,
            needs_availability=True,
        ),
        Measure(
            "seller_changes_30d",
            "seller_changes_30d",
            "number of buy-box seller changes in 30 days",
            Unit.COUNT,
        ),
        Measure("listing_quality", "listing_quality", "listing quality", Unit.POINTS),
        Measure("title_length", "title_length", "length of the title", Unit.COUNT),
        Measure("bullet_count", "bullet_count", "number of bullets", Unit.COUNT),
        Measure("image_count", "image_count", "number of images", Unit.COUNT),
        Measure(
            "description_length", "description_length", "length of the description", Unit.COUNT
        ),
    )
}

TEXT_MEASURES: dict[str, TextMeasure] = {
    measure.name: measure
    for measure in (
        TextMeasure(
            "availability",
            "availability",
            "availability",
            ("in_stock", "limited", "preorder", "backorder", "out_of_stock", "unavailable"),
        ),
        TextMeasure("seller", "seller", "buy-box seller"),
    )
}

#: Columns of product features that every reading and message needs, whatever its rule measures.
BASE_COLUMNS = (
    "marketplace",
    "asin",
    "day",
    "last_captured_at",
    "observations",
    "currency",
    "price",
    "availability",
    "out_of_stock_captures",
    "seller",
)

_MONEY_COLUMNS = frozenset({"price", "list_price", "price_min_30d", "price_max_30d"})
_HUNDREDTHS = 10**MONEY_SCALE


def numbers(days: pd.DataFrame, column: str) -> Floats:
    """A column of features as floats; amounts in currency units; NaN where it is NULL."""
    values = days[column].to_numpy(np.float64, na_value=np.nan)
    return values / _HUNDREDTHS if column in _MONEY_COLUMNS else values


def measured(measure: Measure, days: pd.DataFrame) -> Floats:
    """The measure on each day; NaN where it is unknown."""
    values = numbers(days, measure.column)
    if measure.needs_availability:
        return np.where((days["availability"] != "unknown").to_numpy(np.bool_), values, np.nan)
    return values


def signed_change(value: Floats, baseline: Floats, change: ChangeType) -> Floats:
    """The change from the baseline to the value, above 0 where the value is larger: a ratio minus
    1 (percent), a difference (absolute) or a logarithm (factor). NaN where one is missing or a
    quotient has no meaning."""
    if change is ChangeType.ABSOLUTE:
        return value - baseline
    ratio = value / np.where(baseline == 0, np.nan, baseline)
    if change is ChangeType.PERCENT:
        return ratio - 1
    return np.log(np.where(ratio > 0, ratio, np.nan))


def compared(
    measure: Measure, baseline: Baseline, change: ChangeType, days: pd.DataFrame
) -> tuple[Floats, Floats, Floats]:
    """(value, baseline, signed change) on each day; NaN where unknown."""
    value = measured(measure, days)
    column = numbers(days, baseline.column)
    if baseline.stored_change is None:
        return value, column, signed_change(value, column, change)
    past = _PAST_VALUE[baseline.stored_change](value, column)
    if measure.unit is Unit.MONEY:
        # An amount again: the stored ratio is rounded.
        past = np.round(past, MONEY_SCALE)
    elif measure.unit in (Unit.RANK, Unit.COUNT):
        past = np.round(past)
    if change is baseline.stored_change:
        return value, past, np.where(np.isnan(value), np.nan, column)
    return value, past, signed_change(value, past, change)


_PAST_VALUE: dict[ChangeType, Callable[[Floats, Floats], Floats]] = {
    ChangeType.PERCENT: lambda value, ratio: value / np.where(ratio == -1, np.nan, 1 + ratio),
    ChangeType.FACTOR: lambda value, logarithm: value / np.exp(logarithm),
    ChangeType.ABSOLUTE: lambda value, difference: value - difference,
}
