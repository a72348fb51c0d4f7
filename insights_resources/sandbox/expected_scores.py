"""Competitive scores by their definitions, one product at a time, in plain loops.

Dictionary keys are the columns of ``fact_competitive_scores``; ``peers`` is the list of eligible
peers' ASINs in ascending order. Scores are rounded to 2 decimals at the very end.
"""

from __future__ import annotations

import math
import statistics
from datetime import date, datetime, timedelta
from typing import Any

from insights_resources.marketplaces import ProductKey
from insights_resources.sandbox.expected_features import (
    end_of_day,
    product_features,
    rank_features,
)
from insights_resources.sandbox.observations import Observations

_WEIGHTS = {
    "standard": {"price": 1.0, "quality": 1.0, "popularity": 1.0},
    "robust": {"price": 0.35, "quality": 0.35, "popularity": 0.30},
}
_PRIOR_RATINGS = 50
_FRESH = timedelta(hours=48)


def group_scores(
    seen: Observations, members: tuple[ProductKey, ...], day: date, *, day_is_over: bool = True
) -> list[dict[str, Any]]:
    """A row for each member and method. ``day_is_over`` is False for today.

    A member without features (never captured, or not for 37 days) has a row without scores.
    """
    features: dict[ProductKey, dict[str, Any]] = {}
    nodes: dict[ProductKey, list[dict[str, Any]]] = {}
    for key in members:
        row = product_features(seen[key], day)
        if row is not None:
            features[key], nodes[key] = row, rank_features(seen[key], day)
    reference = end_of_day(day)
    if not day_is_over and features:
        reference = max(row["last_captured_at"] for row in features.values())
    rows = []
    for method in ("standard", "robust"):
        scored = [
            _score(key, features, nodes, reference, method)
            if key in features
            else _unscored(key, method)
            for key in members
        ]
        for row in scored:
            row["day"] = day
            _place(row, scored)
        rows += scored
    for row in rows:
        for name in ("price_score", "quality_score", "popularity_score", "overall_score"):
            row[name] = None if row[name] is None else round(row[name], 2)
    return rows


def eligible_peers(
    key: ProductKey, features: dict[ProductKey, dict[str, Any]], reference: datetime
) -> list[ProductKey]:
    """The products that a product is compared with, ascending by ASIN."""
    own = features[key]
    best: dict[str, ProductKey] = {}
    for other in sorted(features, key=lambda k: k.asin):
        row = features[other]
        if other == key or other.marketplace != key.marketplace:
            continue
        if own["currency"] is None or row["currency"] != own["currency"]:
            continue
        if row["family_asin"] == own["family_asin"]:
            continue
        if reference - row["last_captured_at"] > _FRESH:
            continue
        present = best.get(row["family_asin"])
        if present is None or _rank_order(row) < _rank_order(features[present]):
            best[row["family_asin"]] = other
    return sorted(best.values(), key=lambda k: k.asin)


def _rank_order(row: dict[str, Any]) -> float:
    return math.inf if row["primary_rank"] is None else float(row["primary_rank"])


def _score(
    key: ProductKey,
    features: dict[ProductKey, dict[str, Any]],
    nodes: dict[ProductKey, list[dict[str, Any]]],
    reference: datetime,
    method: str,
) -> dict[str, Any]:
    own = features[key]
    peers = eligible_peers(key, features, reference)
    is_fresh = reference - own["last_captured_at"] <= _FRESH
    dimensions: dict[str, float | None] = dict.fromkeys(("price", "quality", "popularity"))
    if is_fresh:
        dimensions = {
            "price": _price_score(own, [features[p] for p in peers], method),
            "quality": _quality_score(own, [features[p] for p in peers], method),
            "popularity": _popularity_score(nodes[key], [nodes[p] for p in peers], method),
        }
    present = {name: value for name, value in dimensions.items() if value is not None}
    overall, contributions = None, {}
    if len(present) >= 2:
        total = sum(_WEIGHTS[method][name] for name in present)
        contributions = {
            name: value * _WEIGHTS[method][name] / total for name, value in present.items()
        }
        overall = sum(contributions.values())
    return {
        "marketplace": key.marketplace,
        "asin": key.asin,
        "method": method,
        "price_score": dimensions["price"],
        "quality_score": dimensions["quality"],
        "popularity_score": dimensions["popularity"],
        "overall_score": overall,
        "coverage": ",".join(present),
        "peer_count": len(peers),
        "peers": [peer.asin for peer in peers],
        "contributions": contributions,
    }


def _unscored(key: ProductKey, method: str) -> dict[str, Any]:
    return {
        "marketplace": key.marketplace,
        "asin": key.asin,
        "method": method,
        "price_score": None,
        "quality_score": None,
        "popularity_score": None,
        "overall_score": None,
        "coverage": "",
        "peer_count": 0,
        "peers": [],
        "contributions": {},
    }


def _clamp(value: float) -> float:
    return min(100.0, max(0.0, value))


def _price_score(own: dict[str, Any], peers: list[dict[str, Any]], method: str) -> float | None:
    prices = [peer["price"] for peer in peers if peer["price"] is not None]
    if own["price"] is None or not prices:
        return None
    ratio = own["price"] / statistics.median(prices)
    return _clamp((2 - ratio) * 50 if method == "standard" else 50 - 50 * math.log2(ratio))


def _quality_score(own: dict[str, Any], peers: list[dict[str, Any]], method: str) -> float | None:
    rating, count = own["rating"], own["rating_count"]
    if rating is None:
        return None
    if method == "standard":
        return float(rating / 5 * 100)
    rated = [peer["rating"] for peer in peers if peer["rating"] is not None]
    if not rated or count is None:
        return None
    mean = statistics.fmean(rated)
    blended = (_PRIOR_RATINGS * mean + count * rating) / (_PRIOR_RATINGS + count)
    return float((blended - 1) / 4 * 100)


def _popularity_score(
    own: list[dict[str, Any]], peers: list[list[dict[str, Any]]], method: str
) -> float | None:
    column, needed = ("rank", 2) if method == "standard" else ("rank_median_7d", 3)
    # From the deepest node up; equal depth cannot occur, since each node has its place in the list.
    for node in sorted(own, key=lambda row: -row["position"]):
        ranks = [
            row[column]
            for peer in peers
            for row in peer
            if row["node_key"] == node["node_key"] and row[column] is not None
        ]
        if len(ranks) >= needed and node[column] is not None:
            return _clamp(50 - 50 * math.log10(node[column] / statistics.median(ranks)))
    return None


def _place(row: dict[str, Any], scored: list[dict[str, Any]]) -> None:
    """Position among the rows of the same coverage; ties share the better place."""
    row["position"] = row["position_of"] = None
    if row["overall_score"] is None:
        return
    rivals = [
        round(other["overall_score"], 2)
        for other in scored
        if other["overall_score"] is not None and other["coverage"] == row["coverage"]
    ]
    row["position_of"] = len(rivals)
    row["position"] = 1 + sum(1 for score in rivals if score > round(row["overall_score"], 2))
