"""Point-in-time features of products at the end of each day (``fact_product_features``).

The definitions are the comments of the table's columns; this module is their arithmetic. Prices
are whole hundredths of the currency until a statistic derives from them.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from insights_assets.features import frame_columns
from insights_assets.features.effective_price import effective_prices
from insights_assets.features.listing import listing_columns
from insights_assets.features.rank_series import Ranks, primary_rank_columns, read_ranks
from insights_assets.features.timeline import (
    LOOK_BACK_DAYS,
    Floats,
    Ints,
    Timeline,
    timelines,
)
from insights_assets.features.windows import (
    log_ratio,
    rounded,
    trailing_count,
    trailing_deviation,
)

#: Columns of a history. Those of ``fact_product_snapshots``, ``bsr`` as JSON text where its day
#: counts; of the listing its lengths and ``listing``, a number that is equal where listings are,
#: of each day's last captures.
HISTORY_COLUMNS = (
    "page_id",
    "marketplace",
    "asin",
    "captured_at",
    "currency",
    "price",
    "price_missing_reason",
    "list_price",
    "rating",
    "rating_count",
    "availability",
    "seller",
    "parent_asin",
    "bsr",
    "title_length",
    "bullet_count",
    "image_count",
    "description_length",
    "listing",
)

MINOR_UNITS = 100
#: Returns that a 30-day volatility needs.
_VOLATILITY_RETURNS = 10


def compute_product_features(
    history: pd.DataFrame, first_day: date, last_day: date
) -> pd.DataFrame:
    """The rows of ``fact_product_features`` for the days from ``first_day`` to ``last_day``.

    ``history`` holds ``HISTORY_COLUMNS`` of the published snapshots of the products, with the
    warehouse's frame dtypes (money as Int64 hundredths), captured from 37 days before ``first_day``
    on; order, and captures outside of that time, do not matter. A product has a row for each day on
    which its last capture is at most 37 days old. Rows are ordered by product and day.
    """
    return frame_columns.stacked(
        features_of(timeline, read_ranks(timeline.captures))
        for timeline in timelines(history, first_day, last_day)
    )


def features_of(timeline: Timeline, ranks: Ranks) -> dict[str, Any]:
    """The columns of the table for one timeline, whose captures show these ranks."""
    by_day = timeline.last_by_day()
    last = timeline.known(by_day, 0, LOOK_BACK_DAYS)
    rows, offsets = np.nonzero(last >= 0)
    fresh = timeline.known(by_day, 0)[rows, offsets]
    last = last[rows, offsets]
    captures = timeline.captures

    columns: dict[str, Any] = {
        "marketplace": timeline.marketplaces.take(rows),
        "asin": timeline.asins.take(rows),
        "day": frame_columns.days(offsets + timeline.first_day),
        "last_captured_at": frame_columns.instants(timeline.instant[last]),
        "observations": frame_columns.integers(timeline.counts()[rows, offsets + LOOK_BACK_DAYS]),
        "family_asin": _family(timeline, rows, last),
    }
    columns |= _price_columns(timeline, rows, offsets, last, fresh)
    columns |= primary_rank_columns(timeline, ranks, rows, offsets, fresh)
    columns |= _rating_columns(timeline, rows, offsets, fresh)
    columns |= _availability_columns(timeline, rows, offsets, last, fresh)
    columns["seller"] = frame_columns.taken(captures["seller"], fresh)
    columns["seller_changes_30d"] = frame_columns.integers(_seller_changes(timeline)[rows, offsets])
    columns |= listing_columns(timeline, rows, offsets, fresh)
    return columns


def _family(timeline: Timeline, rows: Ints, last: Ints) -> Any:
    parents = timeline.captures["parent_asin"].to_numpy(object)[last]
    missing = pd.isna(parents)
    parents = np.where(missing, timeline.asins.to_numpy(object)[rows], parents)
    return pd.array(parents, dtype="str")


# --- price ---------------------------------------------------------------------------------------


def _price_columns(
    timeline: Timeline, rows: Ints, offsets: Ints, last: Ints, fresh: Ints
) -> dict[str, Any]:
    price, currency = timeline.values("price"), timeline.codes("currency")
    list_price = timeline.values("list_price")
    priced = ~np.isnan(price[:-1])
    priced_by_day = timeline.last_by_day(priced)
    now = price[fresh]

    def change(days_before: int) -> Floats:
        then = timeline.known(priced_by_day, days_before)[rows, offsets]
        reference = np.where(currency[then] == currency[fresh], price[then], np.nan)
        usable = reference > 0
        ratio = np.divide(now, reference, out=np.full(len(now), np.nan), where=usable)
        return rounded(ratio - 1)

    shown = timeline.last_by_day(currency[:-1] >= 0)
    shows_currency = timeline.known(shown, 0, LOOK_BACK_DAYS)
    in_effect = effective_prices(timeline, price[:-1], priced, currency[:-1])
    window = in_effect.windows(currency[shows_currency])

    returns = _daily_log_returns(timeline, price, currency)
    observed = ~np.isnan(returns)
    volatility, _ = trailing_deviation(returns, observed, 30, _VOLATILITY_RETURNS)
    moved = observed & (returns != 0)
    sigma, moves = trailing_deviation(returns, moved, 30, 2, skip=1)

    reason = frame_columns.taken(timeline.captures["price_missing_reason"], fresh).to_numpy(object)
    reason = np.where(np.isnan(now), np.where(fresh < 0, "not_captured", reason), np.nan)
    usual = list_price[fresh]
    discounted = (usual > 0) & (usual >= now)
    discount = 1 - np.divide(now, usual, out=np.full(len(now), np.nan), where=discounted)
    return {
        "currency": frame_columns.taken(
            timeline.captures["currency"], shows_currency[rows, offsets]
        ),
        "price": frame_columns.integers(now),
        "price_missing_reason": pd.array(reason, dtype="str"),
        "price_change_1d": change(1),
        "price_change_7d": change(7),
        "price_change_30d": change(30),
        "price_mean_7d": rounded(window.mean_7d[rows, offsets] / MINOR_UNITS),
        "price_mean_30d": rounded(window.mean_30d[rows, offsets] / MINOR_UNITS),
        "price_volatility_30d": rounded(volatility[rows, offsets]),
        "price_min_30d": frame_columns.integers(window.lowest_30d[rows, offsets]),
        "price_max_30d": frame_columns.integers(window.highest_30d[rows, offsets]),
        "price_log_return_1d": rounded(returns[rows, offsets + LOOK_BACK_DAYS]),
        "price_sigma_before": rounded(sigma[rows, offsets]),
        "price_returns_before": frame_columns.integers(moves[rows, offsets]),
        "list_price": frame_columns.integers(usual),
        "discount_from_list": rounded(discount),
        "days_since_price_change": frame_columns.integers(
            _days_since_change(timeline, price, currency, priced, fresh, offsets)
        ),
    }


def _daily_log_returns(timeline: Timeline, price: Floats, currency: Ints) -> Floats:
    """(P, width): ln of the close over the close of the day before, both captured on their day
    and in one currency; NaN otherwise."""
    close = timeline.last_on_day()
    before = np.full_like(close, -1)
    before[:, 1:] = close[:, :-1]
    comparable = (close >= 0) & (before >= 0) & (currency[close] == currency[before])
    return np.where(comparable, log_ratio(price[close], price[before]), np.nan)


def _days_since_change(
    timeline: Timeline, price: Floats, currency: Ints, priced: Any, fresh: Ints, offsets: Ints
) -> Floats:
    """Days since the capture that first showed the present price; NaN without a price, or when
    the price before it was not seen in the look-back."""
    positions = np.flatnonzero(priced)
    if not len(positions):
        return np.full(len(fresh), np.nan)
    same_product = np.zeros(len(positions), bool)
    same_product[1:] = np.diff(timeline.product[positions]) == 0
    same_price = np.zeros(len(positions), bool)
    same_price[1:] = (np.diff(price[positions]) == 0) & (np.diff(currency[positions]) == 0)
    order = np.arange(len(positions))
    start = np.maximum.accumulate(np.where(same_product & same_price, 0, order))
    column = timeline.column[positions]
    # The column of the last other price before each capture's run; a far past when there is none.
    other = np.where(same_product[start], column[np.maximum(start - 1, 0)], -(10**9))

    place = np.full(len(priced) + 1, -1)
    place[positions] = order
    here = place[fresh]
    day = offsets + LOOK_BACK_DAYS
    known = (here >= 0) & (other[here] >= day - LOOK_BACK_DAYS)
    return np.where(known, day - column[start[here]], np.nan)


# --- ratings -------------------------------------------------------------------------------------


def _rating_columns(timeline: Timeline, rows: Ints, offsets: Ints, fresh: Ints) -> dict[str, Any]:
    rating, count = timeline.values("rating"), timeline.values("rating_count")
    rated_by_day = timeline.last_by_day(~np.isnan(rating[:-1]))
    counted_by_day = timeline.last_by_day(~np.isnan(count[:-1]))

    def gained(days_before: int) -> Any:
        then = timeline.known(counted_by_day, days_before)[rows, offsets]
        return frame_columns.integers(count[fresh] - count[then])

    month_ago = timeline.known(rated_by_day, 30)[rows, offsets]
    return {
        "rating": rating[fresh],
        "rating_count": frame_columns.integers(count[fresh]),
        "ratings_gained_7d": gained(7),
        "ratings_gained_30d": gained(30),
        "rating_change_30d": rounded(rating[fresh] - rating[month_ago]),
    }


# --- availability and seller ---------------------------------------------------------------------


def _availability_columns(
    timeline: Timeline, rows: Ints, offsets: Ints, last: Ints, fresh: Ints
) -> dict[str, Any]:
    text = timeline.captures["availability"].to_numpy(object)
    in_stock = np.append((text == "in_stock") | (text == "limited"), False)
    observed = np.append(text != "unknown", False)
    close = timeline.last_on_day()
    in_stock_days, observed_days = in_stock[close], observed[close]

    def share(days: int) -> Floats:
        of = trailing_count(observed_days, days)[rows, offsets]
        part = trailing_count(in_stock_days, days)[rows, offsets]
        return rounded(np.divide(part, of, out=np.full(len(rows), np.nan), where=of > 0))

    at_close = np.append(text, "unknown")[fresh]
    return {
        "availability": pd.array(at_close, dtype="str"),
        "in_stock_share_7d": share(7),
        "in_stock_share_30d": share(30),
        "out_of_stock_captures": frame_columns.integers(
            _out_of_stock_run(timeline, text, rows, offsets, last)
        ),
    }


def _out_of_stock_run(
    timeline: Timeline, availability: Any, rows: Ints, offsets: Ints, last: Ints
) -> Ints:
    """Length of the run of sold-out captures that ends at the last one, within the look-back."""
    sold_out = (availability == "out_of_stock") | (availability == "unavailable")
    positions = np.arange(len(sold_out))
    before_run = np.maximum.accumulate(np.where(sold_out, -1, positions))[last]
    older = np.cumsum(timeline.counts(), axis=1)
    older = np.hstack([np.zeros((timeline.products, 1), np.int64), older])
    first_seen = np.searchsorted(timeline.product, np.arange(timeline.products))
    first_seen = first_seen[rows] + older[rows, offsets]  # columns before day - 37
    return last - np.maximum(before_run, first_seen - 1)


def _seller_changes(timeline: Timeline) -> Ints:
    """(P, days): changes of the known seller at captures of the last 30 days.

    A change counts on day D while its capture is in D's window and the capture it differs from
    is in D's look-back, so it lives from its day to the earlier of those two ends.
    """
    seller = timeline.codes("seller")[:-1]
    positions = np.flatnonzero(seller >= 0)
    product, column = timeline.product[positions], timeline.column[positions]
    changed = 1 + np.flatnonzero((np.diff(product) == 0) & (np.diff(seller[positions]) != 0))
    begins = column[changed]
    ends = np.minimum(begins + 30, column[changed - 1] + LOOK_BACK_DAYS + 1)
    steps = np.zeros((timeline.products, timeline.width + 1), np.int64)
    np.add.at(steps, (product[changed], begins), 1)
    np.add.at(steps, (product[changed], np.minimum(ends, timeline.width)), -1)
    return np.cumsum(steps, axis=1)[:, LOOK_BACK_DAYS : timeline.width]
