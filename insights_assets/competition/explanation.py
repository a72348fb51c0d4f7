"""How a stored score came about: ``explain``.

The numbers are the stored ones. The values of the peers are those of the features that were current
when the group was scored; the group is scored again from them, and an explanation says when that no
longer gives the stored score.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from insights_assets.competition.formulas import WEIGHTS, Dimension, Method
from insights_assets.competition.group_day import GroupDay, score_row
from insights_resources.marketplaces import ProductKey

#: Inputs of each dimension by method, in the order in which they are told.
INPUTS: dict[Method, dict[Dimension, tuple[str, ...]]] = {
    Method.STANDARD: {
        Dimension.PRICE: (
            "price",
            "price_missing_reason",
            "currency",
            "peer_median_price",
            "priced_peers",
        ),
        Dimension.QUALITY: ("rating",),
        Dimension.POPULARITY: ("rank", "rank_node", "peer_median_rank", "ranked_peers"),
    },
    Method.ROBUST: {
        Dimension.PRICE: (
            "price",
            "price_missing_reason",
            "currency",
            "peer_median_price",
            "priced_peers",
        ),
        Dimension.QUALITY: ("rating", "rating_count", "peer_mean_rating", "rated_peers"),
        Dimension.POPULARITY: (
            "rank_median_7d",
            "rank_node",
            "peer_median_rank_median_7d",
            "ranked_peers",
        ),
    },
}


@dataclass(frozen=True)
class ExplainedDimension:
    """A dimension of a score. ``score`` None: ``reason`` says why. ``inputs`` has what is known of
    ``INPUTS``. ``contribution`` is in points of the overall score, None without one; ``weight`` and
    ``total_weight`` (of the dimensions present) say how it came from the score."""

    dimension: Dimension
    score: float | None
    reason: str | None
    inputs: Mapping[str, Any]
    weight: float
    total_weight: float
    contribution: float | None


@dataclass(frozen=True)
class Member:
    """Another member of the group as it was seen when the score was computed. Values are None where
    they are missing; ``rank`` is in the node that is compared (its 7-day median for the robust
    method). ``left_out`` is the reason for which it is no peer, None for a peer."""

    product: ProductKey
    left_out: str | None
    price: float | None
    price_missing_reason: str | None
    rating: float | None
    rating_count: int | None
    rank: float | None


@dataclass(frozen=True)
class Explanation:
    """A score with all that it came from.

    ``category`` is the name of the node in which ranks are compared, None: there is none, or no
    name is known. ``is_reproduced``: scoring the features of then again gives exactly the stored
    row.
    """

    group_day: GroupDay
    product: ProductKey
    method: Method
    overall: float | None
    coverage: str
    position: int | None
    position_of: int | None
    dimensions: tuple[ExplainedDimension, ...]
    category: str | None
    peers: tuple[Member, ...]
    left_out: tuple[Member, ...]
    is_reproduced: bool

    def __getitem__(self, dimension: Dimension) -> ExplainedDimension:
        return self.dimensions[list(Dimension).index(dimension)]


def explain(group_day: GroupDay, product: ProductKey, method: Method) -> Explanation:
    """The stored score of a member of the group, explained."""
    row = score_row(group_day.scores, product, method)
    present = [name for name in Dimension if row[f"{name}_score"] is not None]
    weights = WEIGHTS[method]
    dimensions = tuple(
        ExplainedDimension(
            dimension=name,
            score=row[f"{name}_score"],
            reason=row["missing_reasons"].get(str(name)),
            inputs={
                each: row["inputs"][each] for each in INPUTS[method][name] if each in row["inputs"]
            },
            weight=weights[name],
            total_weight=sum(weights[each] for each in present),
            contribution=row["contributions"].get(str(name)),
        )
        for name in Dimension
    )
    node = row["inputs"].get("rank_node")
    eligible = [
        _member(group_day, ProductKey(product.marketplace, asin), None, node, method)
        for asin in row["peers"]["eligible"]
    ]
    left_out = [
        _member(
            group_day, _left_out_product(group_day, product, **each), each["reason"], node, method
        )
        for each in row["peers"]["left_out"]
    ]
    return Explanation(
        group_day=group_day,
        product=product,
        method=method,
        overall=row["overall_score"],
        coverage=row["coverage"],
        position=row["position"],
        position_of=row["position_of"],
        dimensions=dimensions,
        category=group_day.rank_rows.get((product, str(node)), {}).get("category"),
        peers=tuple(eligible),
        left_out=tuple(left_out),
        is_reproduced=_is_reproduced(group_day, row, product, method),
    )


def _left_out_product(
    group_day: GroupDay, product: ProductKey, asin: str, reason: str
) -> ProductKey:
    """Who was left out: an ASIN may be a member on several marketplaces."""
    same_market = reason != "other_marketplace"
    return next(
        each
        for each in group_day.products
        if each.asin == asin and (each.marketplace == product.marketplace) == same_market
    )


def _member(
    group_day: GroupDay, product: ProductKey, left_out: str | None, node: str | None, method: Method
) -> Member:
    own = group_day.feature_rows.get(product, {})
    rank = group_day.rank_rows.get((product, str(node)), {})
    price = own.get("price")
    return Member(
        product=product,
        left_out=left_out,
        price=None if price is None else price / 100,
        price_missing_reason=own.get("price_missing_reason"),
        rating=own.get("rating"),
        rating_count=own.get("rating_count"),
        rank=rank.get("rank" if method is Method.STANDARD else "rank_median_7d"),
    )


def _is_reproduced(
    group_day: GroupDay, stored: Mapping[str, Any], product: ProductKey, method: Method
) -> bool:
    again = score_row(group_day.scored_again, product, method)
    return all(again[name] == stored[name] for name in again)
