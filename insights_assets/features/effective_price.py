"""Prices weighted by the time they were in effect.

A capture's price is in effect from the capture until the next one of the product, at most 7 days.
A capture without a price ends the price before it and puts nothing in its place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from insights_assets.features.timeline import CARRY_DAYS, DAY, Bools, Floats, Ints, Timeline
from insights_assets.features.windows import trailing


@dataclass(frozen=True)
class PriceWindows:
    """(P, days asked) each, in hundredths of the day's currency; NaN without a price."""

    mean_7d: Floats
    mean_30d: Floats
    lowest_30d: Floats
    highest_30d: Floats


@dataclass(frozen=True)
class EffectivePrices:
    """For each series (a product in one currency) and day: sum of price x time, time, and the
    extremes. The last row is a series without any price."""

    weighted: Floats
    time: Floats
    lowest: Floats
    highest: Floats
    keys: Ints
    currencies: int

    def windows(self, currency: Ints) -> PriceWindows:
        """The windows up to each day in that day's currency ((P, days), codes; -1 unknown)."""
        products = np.arange(len(currency))[:, np.newaxis]
        key = _key(products, currency, self.currencies)
        place = np.minimum(np.searchsorted(self.keys, key), max(len(self.keys) - 1, 0))
        blank = len(self.weighted) - 1
        found = self.keys[place] == key if len(self.keys) else np.zeros(key.shape, bool)
        series = np.where(found, place, blank)
        days = np.arange(currency.shape[1])[np.newaxis, :]

        def mean(window: int) -> Floats:
            time = trailing(self.time, window)
            weighted = trailing(self.weighted, window)
            average = np.divide(weighted, time, out=np.full(time.shape, np.nan), where=time > 0)
            return average[series, days]

        lowest = trailing(self.lowest, 30, np.minimum)[series, days]
        highest = trailing(self.highest, 30, np.maximum)[series, days]
        return PriceWindows(
            mean_7d=mean(7),
            mean_30d=mean(30),
            lowest_30d=np.where(np.isinf(lowest), np.nan, lowest),
            highest_30d=np.where(np.isinf(highest), np.nan, highest),
        )


def effective_prices(
    timeline: Timeline, price: Floats, priced: Bools, currency: Ints
) -> EffectivePrices:
    """The time that each price was in effect, by day. ``price``, ``priced`` and ``currency``
    (codes, -1 unknown) belong to the captures."""
    until = np.full(len(price), timeline.end, dtype=np.int64)
    follows = np.diff(timeline.product) == 0
    until[:-1][follows] = timeline.instant[1:][follows]
    until = np.minimum(until, timeline.instant + CARRY_DAYS * DAY)

    held = np.flatnonzero(priced & (until > timeline.instant))
    currencies = int(currency.max(initial=-1)) + 2
    keys, series = np.unique(
        _key(timeline.product[held], currency[held], currencies), return_inverse=True
    )
    height, width = len(keys) + 1, timeline.width
    weighted, time = np.zeros(height * width), np.zeros(height * width)
    lowest, highest = np.full(height * width, np.inf), np.full(height * width, -np.inf)
    column = timeline.column[held]
    start, end, amount = timeline.instant[held], until[held], price[held]
    # A price reaches into at most eight days: the capture's own, and the seven after it.
    while len(start):
        next_day = timeline.start_of_column(column + 1)
        cell = series * width + column
        duration = (np.minimum(end, next_day) - start).astype(np.float64)
        weighted += np.bincount(cell, amount * duration, height * width)
        time += np.bincount(cell, duration, height * width)
        np.minimum.at(lowest, cell, amount)
        np.maximum.at(highest, cell, amount)
        longer = end > next_day
        start, end, amount = next_day[longer], end[longer], amount[longer]
        column, series = column[longer] + 1, series[longer]

    shape = (height, width)
    return EffectivePrices(
        weighted.reshape(shape),
        time.reshape(shape),
        lowest.reshape(shape),
        highest.reshape(shape),
        keys,
        currencies,
    )


def _key(product: Ints, currency: Ints, currencies: int) -> Ints:
    return product * currencies + (currency + 1)
