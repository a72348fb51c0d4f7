"""The formulas of the scores, for single values and for arrays alike.

Each takes numbers or arrays (NaN: missing) and returns the same shape; a score is NaN where an
input is missing, else 0 to 100, not rounded. The one definition for scores and for what-ifs.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike


class Method(StrEnum):
    STANDARD = "standard"
    ROBUST = "robust"


class Dimension(StrEnum):
    PRICE = "price"
    QUALITY = "quality"
    POPULARITY = "popularity"


#: Weight of each dimension in the overall score, by method, when all are present.
WEIGHTS: dict[Method, dict[Dimension, float]] = {
    Method.STANDARD: {Dimension.PRICE: 1.0, Dimension.QUALITY: 1.0, Dimension.POPULARITY: 1.0},
    Method.ROBUST: {Dimension.PRICE: 0.35, Dimension.QUALITY: 0.35, Dimension.POPULARITY: 0.30},
}
#: Ratings that the peers' mean counts for in the robust quality.
PRIOR_RATINGS = 50
#: Peers that must share a node for a popularity in it.
SHARED_BY: dict[Method, int] = {Method.STANDARD: 2, Method.ROBUST: 3}
#: Dimensions that an overall score needs.
OVERALL_DIMENSIONS = 2
#: Decimals of a stored score.
SCORE_DECIMALS = 2


def price_score(price: ArrayLike, peer_median: ArrayLike, method: Method) -> Any:
    """Cheaper than the peers is better; 50 at their median. Both in one currency and unit."""
    ratio = _ratio(price, peer_median)
    if method is Method.STANDARD:
        return _clamped((2 - ratio) * 50)
    return _clamped(50 - 50 * np.log2(ratio))


def standard_quality_score(rating: ArrayLike) -> Any:
    """The rating (0 to 5 stars) as a share of 5."""
    return _clamped(np.asarray(rating, float) / 5 * 100)


def robust_quality_score(rating: ArrayLike, rating_count: ArrayLike, peer_mean: ArrayLike) -> Any:
    """The rating drawn towards the mean of the rated peers as if ``PRIOR_RATINGS`` more had given
    that, on the scale from 1 to 5 stars."""
    count = np.asarray(rating_count, float)
    drawn = PRIOR_RATINGS * np.asarray(peer_mean, float) + count * np.asarray(rating, float)
    return _clamped((drawn / (PRIOR_RATINGS + count) - 1) / 4 * 100)


def popularity_score(rank: ArrayLike, peer_median: ArrayLike) -> Any:
    """A lower rank than the peers in one browse node is better; 50 at their median."""
    return _clamped(50 - 50 * np.log10(_ratio(rank, peer_median)))


def contributions(scores: ArrayLike, method: Method) -> Any:
    """Points that each dimension adds to the overall score: (..., 3) as ``scores`` (price,
    quality, popularity in that order). NaN where the dimension is missing, and everywhere where
    fewer than ``OVERALL_DIMENSIONS`` are present; else they sum to the overall score."""
    values = np.asarray(scores, float)
    present = ~np.isnan(values)
    weights = np.array([WEIGHTS[method][dimension] for dimension in Dimension])
    weight = np.where(present, weights, 0.0)
    total = weight.sum(axis=-1, keepdims=True)
    enough = present.sum(axis=-1, keepdims=True) >= OVERALL_DIMENSIONS
    share = np.divide(weight, total, out=np.full(values.shape, np.nan), where=enough & present)
    return values * share


def overall_score(scores: ArrayLike, method: Method) -> Any:
    """The weighted mean of the dimensions present; NaN with fewer than two. (..., 3) -> (...)."""
    points = contributions(scores, method)
    none = np.isnan(points).all(axis=-1)
    return np.where(none, np.nan, np.nansum(points, axis=-1))[()]


def rounded_score(score: ArrayLike) -> Any:
    """As it is stored; never a negative zero."""
    return np.round(np.asarray(score, float), SCORE_DECIMALS) + 0.0


def _ratio(value: ArrayLike, reference: ArrayLike) -> Any:
    """value / reference, NaN unless both are above zero."""
    above, below = np.broadcast_arrays(np.asarray(value, float), np.asarray(reference, float))
    usable = (above > 0) & (below > 0)
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=usable)


def _clamped(score: Any) -> Any:
    return np.clip(score, 0.0, 100.0)[()]
