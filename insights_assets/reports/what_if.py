"""What a change of one product would do to its standard score, with all else as it is."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping
from decimal import Decimal

import numpy as np

from insights_assets.competition.formulas import (
    Dimension,
    Method,
    overall_score,
    popularity_score,
    price_score,
    rounded_score,
    standard_quality_score,
)
from insights_assets.reports.inputs import Row
from insights_resources.marketplaces import ProductKey

Scores = Mapping[Dimension, float | None]


def overall_with(scores: Scores, changed: Dimension, score: float) -> float | None:
    """The overall score when one dimension has another score; None when there is no overall."""
    values = [score if dimension is changed else scores.get(dimension) for dimension in Dimension]
    overall = float(
        rounded_score(
            overall_score(
                [math.nan if value is None else value for value in values], Method.STANDARD
            )
        )
    )
    return None if math.isnan(overall) else overall


def at_price(scores: Scores, price: float, peer_median: float) -> float | None:
    """The overall score at another price."""
    return overall_with(scores, Dimension.PRICE, score_at_price(price, peer_median))


def score_at_price(price: float, peer_median: float) -> float:
    """The price score at another price."""
    return float(rounded_score(price_score(price, peer_median, Method.STANDARD)))


def score_at_rating(rating: float) -> float:
    """The quality score with another rating, in stars."""
    return float(rounded_score(standard_quality_score(rating)))


def score_at_rank(rank: float, peer_median: float) -> float:
    """The popularity score at another rank in the node that was compared."""
    return float(rounded_score(popularity_score(rank, peer_median)))


def dimension_scores(row: Row) -> dict[Dimension, float | None]:
    return {dimension: row[f"{dimension}_score"] for dimension in Dimension}


def overalls_at_price(
    rows: Mapping[ProductKey, Row], changed: ProductKey, price: float
) -> dict[ProductKey, float | None]:
    """The overall scores of a group's products when one of them has another price: those whose
    peer it is are compared with that price too."""
    prices = {product: row["inputs"].get("price") for product, row in rows.items()}
    prices[changed] = price
    overalls: dict[ProductKey, float | None] = {}
    moved, medians, scores = [], [], []
    for product, row in rows.items():
        peers = [ProductKey(product.marketplace, asin) for asin in row["peers"]["eligible"]]
        known = [peer_price for peer in peers if (peer_price := prices.get(peer)) is not None]
        overalls[product] = row["overall_score"]
        # Who has left the group since it was scored has no row any more.
        if known and row["price_score"] is not None and changed in (product, *peers):
            moved.append(product)
            medians.append(statistics.median(known))
            scores.append([_or_nan(score) for score in dimension_scores(row).values()])
    if moved:
        table = np.array(scores, float)
        table[:, list(Dimension).index(Dimension.PRICE)] = price_score(
            [prices[product] for product in moved], medians, Method.STANDARD
        )
        found = rounded_score(overall_score(table, Method.STANDARD))
        overalls |= {
            product: None if math.isnan(overall) else overall
            for product, overall in zip(moved, found.tolist(), strict=True)
        }
    return overalls


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


def highest_price(
    holds: Callable[[float], bool], low: float, high: float, decimals: int
) -> Decimal | None:
    """The highest price, in whole units of the currency's ``decimals``, at which something holds
    that holds at ``low`` and no longer at ``high``; None when that is not so."""
    unit = 10**decimals
    above, below = math.floor(high * unit + 1e-6), max(1, math.floor(low * unit + 1e-6))
    if below >= above or not holds(below / unit) or holds(above / unit):
        return None
    while above - below > 1:
        middle = (above + below) // 2
        if holds(middle / unit):
            below = middle
        else:
            above = middle
    return Decimal(below).scaleb(-decimals)
