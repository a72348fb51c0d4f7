"""What a change of one product would do to its standard score, with all else as it is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import ROUND_FLOOR, Decimal

from insights_assets.competition.formulas import (
    Dimension,
    Method,
    overall_score,
    popularity_score,
    price_score,
    rounded_score,
    standard_quality_score,
)

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
    score = float(price_score(price, peer_median, Method.STANDARD))
    return overall_with(scores, Dimension.PRICE, score)


def at_rating(scores: Scores, rating: float) -> float | None:
    """The overall score with another rating, in stars."""
    return overall_with(scores, Dimension.QUALITY, float(standard_quality_score(rating)))


def at_rank(scores: Scores, rank: float, peer_median: float) -> float | None:
    """The overall score at another rank in the node that was compared."""
    return overall_with(scores, Dimension.POPULARITY, float(popularity_score(rank, peer_median)))


def highest_price_for(
    scores: Scores, overall: float, peer_median: float, decimals: int
) -> Decimal | None:
    """The highest price, in whole units of the currency's ``decimals``, at which the overall
    score is at least this; None when no price within the formula's slope reaches it.

    The standard price score falls in a straight line from 100 to 0 at twice the peers' median.
    """
    present = [score for score in scores.values() if score is not None]
    others = sum(present) - (scores.get(Dimension.PRICE) or 0.0)
    needed = overall * len(present) - others
    if scores.get(Dimension.PRICE) is None or not 0 < needed < 100:
        return None
    exact = Decimal(str(round(peer_median * (2 - needed / 50), 6)))
    price = exact.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_FLOOR)
    return price if price > 0 else None
