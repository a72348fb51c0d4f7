"""Competitive scores of the members of groups (``fact_competitive_scores``).

Members, their peers and their ranks are compared as arrays over all groups and days at once; only
the documents that explain a score (inputs, peers, contributions) are made row by row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from insights_assets.competition.formulas import (
    SHARED_BY,
    Dimension,
    Method,
    contributions,
    popularity_score,
    price_score,
    robust_quality_score,
    rounded_score,
    standard_quality_score,
)
from insights_assets.competition.peers import (
    Bools,
    Floats,
    Ints,
    Members,
    Pairs,
    compare,
    grouped_median,
    members_of_days,
)

#: Columns of ``fact_product_features`` that are read.
FEATURE_COLUMNS = (
    "marketplace",
    "asin",
    "day",
    "last_captured_at",
    "family_asin",
    "currency",
    "price",
    "price_missing_reason",
    "primary_rank",
    "rating",
    "rating_count",
)
#: Columns of ``fact_rank_features`` that are read.
RANK_COLUMNS = ("marketplace", "asin", "day", "node_key", "position", "rank", "rank_median_7d")
#: Columns of ``dim_group_members`` that are read.
MEMBER_COLUMNS = ("group_id", "marketplace", "asin", "valid_from", "valid_to")

#: Member pairs that are worked on at a time: bounds memory.
_PAIRS_AT_A_TIME = 1_000_000
#: Decimals of inputs and contributions.
_INPUT_DECIMALS = 6
_DIMENSIONS = tuple(Dimension)


class MissingReason(StrEnum):
    """Why a dimension has no score; the first that holds, in this order."""

    NOT_CAPTURED = "not_captured"
    STALE_CAPTURE = "stale_capture"
    NO_PRICE = "no_price"
    NO_RATING = "no_rating"
    NO_RATING_COUNT = "no_rating_count"
    NO_RANK = "no_rank"
    NO_PEERS = "no_peers"
    NO_PRICED_PEERS = "no_priced_peers"
    NO_RATED_PEERS = "no_rated_peers"
    TOO_FEW_PEERS_IN_NODES = "too_few_peers_in_nodes"


@dataclass(frozen=True)
class Scored:
    """One dimension of all members: score (NaN: missing), reason (None: there is a score), and
    the inputs by name."""

    score: Floats
    reason: NDArray[np.object_]
    inputs: dict[str, NDArray[Any]]


def score_groups(
    features: pd.DataFrame,
    rank_features: pd.DataFrame,
    members: pd.DataFrame,
    first_day: date,
    last_day: date,
    *,
    now: datetime,
) -> pd.DataFrame:
    """The rows of ``fact_competitive_scores`` for the days from ``first_day`` to ``last_day``:
    both methods for each member of each group of ``members`` on each day it is valid.

    ``features`` and ``rank_features`` hold those days' rows of the members' products, with the
    warehouse's frame dtypes (``FEATURE_COLUMNS``, ``RANK_COLUMNS``, ``MEMBER_COLUMNS``). ``now``
    tells whether a day has ended. Rows are ordered by day, group, product and method.
    """
    days = np.arange(np.datetime64(first_day, "D"), np.datetime64(last_day, "D") + 1)
    features = features[list(FEATURE_COLUMNS)]
    parts = []
    for some_days in _in_chunks(members, days):
        who = members_of_days(members, features, some_days, now)
        pairs = compare(who)
        ranks = _ranks_of_members(who, rank_features)
        explained = _explained_peers(who, pairs)
        parts += [_score(who, pairs, ranks, method, explained) for method in Method]
    columns = {
        name: pd.concat([part[name] for part in parts], ignore_index=True) for name in parts[0]
    }
    return pd.DataFrame(columns).sort_values(
        ["day", "group_id", "marketplace", "asin", "method"], ignore_index=True
    )


def _in_chunks(members: pd.DataFrame, days: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """The days in runs of a bounded number of pairs; at least one run."""
    sizes = members.groupby("group_id").size().to_numpy(np.int64)
    pairs = int((sizes * sizes).sum())
    at_a_time = max(1, _PAIRS_AT_A_TIME // max(1, pairs))
    for start in range(0, len(days), at_a_time):
        yield days[start : start + at_a_time]


def _score(
    members: Members,
    pairs: Pairs,
    ranks: pd.DataFrame,
    method: Method,
    peers: NDArray[np.object_],
) -> dict[str, pd.Series]:
    """The table's columns for one method."""
    eligible = pairs.eligible
    member, other = pairs.member[eligible], pairs.other[eligible]
    peer_count = np.bincount(member, minlength=len(members.frame)).astype(np.int64)
    unusable = np.full(len(members.frame), None, object)
    unusable[~members.fresh] = MissingReason.STALE_CAPTURE.value
    unusable[~members.captured] = MissingReason.NOT_CAPTURED.value

    by_dimension = (
        _price(members, member, other, peer_count, unusable, method),
        _quality(members, member, other, peer_count, unusable, method),
        _popularity(members, ranks, member, other, peer_count, unusable, method),
    )
    scores = np.stack([scored.score for scored in by_dimension], axis=1)
    # The sum of what is stored, so that a reader who adds it up gets the stored score.
    points = np.round(contributions(scores, method), _INPUT_DECIMALS)
    has_overall = ~np.isnan(points).all(axis=1)
    overall = rounded_score(np.where(has_overall, np.nansum(points, axis=1), np.nan))
    stored = rounded_score(scores)
    coverage = _coverage(scores)
    position, position_of = _positions(members, overall, coverage)
    frame = members.frame
    return {
        "day": frame["day"],
        "group_id": frame["group_id"],
        "marketplace": frame["marketplace"],
        "asin": frame["asin"],
        "method": pd.Series([method.value] * len(frame), dtype="str"),
        "price_score": pd.Series(stored[:, 0]),
        "quality_score": pd.Series(stored[:, 1]),
        "popularity_score": pd.Series(stored[:, 2]),
        "overall_score": pd.Series(overall),
        "coverage": pd.Series(coverage, dtype="str"),
        "position": _nullable(position),
        "position_of": _nullable(position_of),
        "peer_count": _nullable(peer_count),
        "missing_reasons": _documents(
            {str(name): one.reason for name, one in zip(_DIMENSIONS, by_dimension, strict=True)},
            len(frame),
        ),
        "inputs": _documents(
            {name: values for one in by_dimension for name, values in one.inputs.items()},
            len(frame),
        ),
        "peers": pd.Series(peers, dtype=object),
        "contributions": _documents(
            {str(name): points[:, place] for place, name in enumerate(_DIMENSIONS)}, len(frame)
        ),
    }


# --- the dimensions ------------------------------------------------------------------------------


def _price(
    members: Members,
    member: Ints,
    other: Ints,
    peer_count: Ints,
    unusable: NDArray[np.object_],
    method: Method,
) -> Scored:
    price = _numbers(members.frame, "price")
    median, priced = grouped_median(member, price[other], len(price))
    usable = _is_none(unusable)
    score = np.where(usable, price_score(price, median, method), np.nan)
    reason = _first_reason(
        unusable,
        (np.isnan(price), MissingReason.NO_PRICE),
        (peer_count == 0, MissingReason.NO_PEERS),
        (priced == 0, MissingReason.NO_PRICED_PEERS),
    )
    return Scored(
        score,
        reason,
        {
            "currency": members.frame["currency"].to_numpy(object),
            "price": price / 100,
            "price_missing_reason": members.frame["price_missing_reason"].to_numpy(object),
            "peer_median_price": median / 100,
            "priced_peers": priced,
        },
    )


def _quality(
    members: Members,
    member: Ints,
    other: Ints,
    peer_count: Ints,
    unusable: NDArray[np.object_],
    method: Method,
) -> Scored:
    rating = _numbers(members.frame, "rating")
    usable = _is_none(unusable)
    unrated = (np.isnan(rating), MissingReason.NO_RATING)
    if method is Method.STANDARD:
        score = np.where(usable, standard_quality_score(rating), np.nan)
        return Scored(score, _first_reason(unusable, unrated), {"rating": rating})
    count = _numbers(members.frame, "rating_count")
    rated = ~np.isnan(rating[other])
    rated_peers = np.bincount(member[rated], minlength=len(rating)).astype(np.int64)
    total = np.bincount(member[rated], rating[other[rated]], minlength=len(rating))
    mean = np.divide(total, rated_peers, out=np.full(len(rating), np.nan), where=rated_peers > 0)
    score = np.where(usable, robust_quality_score(rating, count, mean), np.nan)
    reason = _first_reason(
        unusable,
        unrated,
        (np.isnan(count), MissingReason.NO_RATING_COUNT),
        (peer_count == 0, MissingReason.NO_PEERS),
        (rated_peers == 0, MissingReason.NO_RATED_PEERS),
    )
    inputs = {
        "rating": rating,
        "rating_count": _whole(count),
        "peer_mean_rating": mean,
        "rated_peers": rated_peers,
    }
    return Scored(score, reason, inputs)


def _popularity(
    members: Members,
    ranks: pd.DataFrame,
    member: Ints,
    other: Ints,
    peer_count: Ints,
    unusable: NDArray[np.object_],
    method: Method,
) -> Scored:
    """In the deepest node of the product in which enough peers have a rank."""
    size = len(members.frame)
    value = _numbers(ranks, "rank" if method is Method.STANDARD else "rank_median_7d")
    known = ~np.isnan(value)
    value, row = value[known], ranks["row"].to_numpy(np.int64)[known]
    node, node_keys = pd.factorize(ranks["node_key"].to_numpy(object)[known], sort=True)
    position = ranks["position"].to_numpy(np.int64)[known]

    # Each eligible pair with each rank of the peer, kept where the product is in that node too.
    first = np.searchsorted(row, np.arange(size + 1))
    count = np.diff(first)[other]
    entry = np.arange(count.sum()) + np.repeat(first[other] - (np.cumsum(count) - count), count)
    nodes = max(1, len(node_keys))
    own_key = row * nodes + node
    order = np.argsort(own_key)
    sought = np.repeat(member, count) * nodes + node[entry]
    place = np.minimum(np.searchsorted(own_key[order], sought), max(len(order) - 1, 0))
    shared = own_key[order[place]] == sought if len(order) else np.zeros(len(sought), bool)
    median, peers_in_node = grouped_median(
        order[place[shared]] if len(order) else np.zeros(0, np.int64),
        value[entry[shared]],
        len(row),
    )

    enough = np.flatnonzero(peers_in_node >= SHARED_BY[method])
    # Of a product's nodes the last one listed, then the lower node id, comes last here.
    enough = enough[np.lexsort((-node[enough], position[enough], row[enough]))]
    chosen = np.full(size, -1)
    chosen[row[enough]] = enough
    found = chosen >= 0
    rank, peer_median = np.append(value, np.nan)[chosen], np.append(median, np.nan)[chosen]
    usable = _is_none(unusable)
    score = np.where(usable & found, popularity_score(rank, peer_median), np.nan)
    reason = _first_reason(
        unusable,
        (np.diff(first) == 0, MissingReason.NO_RANK),
        (peer_count == 0, MissingReason.NO_PEERS),
        (~found, MissingReason.TOO_FEW_PEERS_IN_NODES),
    )
    keys = np.append(np.asarray(node_keys, object), np.array([None], object))
    suffix = "" if method is Method.STANDARD else "_median_7d"
    return Scored(
        score,
        reason,
        {
            "rank_node": keys[np.append(node, -1)[chosen]],
            f"rank{suffix}": _whole(rank) if method is Method.STANDARD else rank,
            f"peer_median_rank{suffix}": peer_median,
            "ranked_peers": np.append(peers_in_node, 0)[chosen],
        },
    )


def _ranks_of_members(members: Members, rank_features: pd.DataFrame) -> pd.DataFrame:
    """The rank rows of each member: row (of ``members``), node_key, position, rank, median."""
    keys = members.frame[["marketplace", "asin", "day"]].reset_index(names="row")
    ranks = keys.merge(rank_features[list(RANK_COLUMNS)], on=["marketplace", "asin", "day"])
    return ranks.sort_values(["row", "position"], ignore_index=True)


# --- positions, coverage, documents --------------------------------------------------------------


def _coverage(scores: Floats) -> NDArray[np.object_]:
    """The names of the dimensions present, for each row."""
    present = ~np.isnan(scores)
    names = np.array(
        [
            ",".join(name for place, name in enumerate(_DIMENSIONS) if mask >> place & 1)
            for mask in range(1 << len(_DIMENSIONS))
        ],
        object,
    )
    return names[present @ (1 << np.arange(len(_DIMENSIONS)))]


def _positions(
    members: Members, overall: Floats, coverage: NDArray[np.object_]
) -> tuple[Floats, Floats]:
    """Place by overall score among the cell's members of the same coverage; ties share it."""
    frame = pd.DataFrame({"cell": members.cell, "coverage": coverage, "overall": overall})
    grouped = frame.groupby(["cell", "coverage"])["overall"]
    position = grouped.rank(method="min", ascending=False).to_numpy(np.float64)
    of = grouped.transform("count").to_numpy(np.float64)
    return position, np.where(np.isnan(overall), np.nan, of)


def _explained_peers(members: Members, pairs: Pairs) -> NDArray[np.object_]:
    """For each member {eligible: [asin], left_out: [{asin, reason}]}, in the order of ASINs."""
    asins = members.frame["asin"].to_numpy(object)
    documents = np.empty(len(asins), object)
    documents[:] = [{"eligible": [], "left_out": []} for _ in range(len(asins))]
    others, reasons = asins[pairs.other].tolist(), pairs.reasons.tolist()
    for member, asin, reason in zip(pairs.member.tolist(), others, reasons, strict=True):
        if reason is None:
            documents[member]["eligible"].append(asin)
        else:
            documents[member]["left_out"].append({"asin": asin, "reason": reason})
    return documents


def _documents(columns: dict[str, NDArray[Any]], size: int) -> pd.Series:
    """{name: value} for each row, without the missing values; numbers rounded."""
    rounded = {
        name: np.round(values, _INPUT_DECIMALS) + 0.0 if values.dtype == np.float64 else values
        for name, values in columns.items()
    }
    present = np.stack([~pd.isna(values) for values in rounded.values()], axis=1)
    documents = np.empty(size, object)
    # Rows that lack the same values are made together: there are few such sets, each a number here.
    pattern = present @ (1 << np.arange(len(rounded)))
    for number in np.unique(pattern).tolist():
        rows = np.flatnonzero(pattern == number)
        names = [name for place, name in enumerate(rounded) if number >> place & 1]
        values = [rounded[name][rows].tolist() for name in names]
        made = np.empty(len(rows), object)
        made[:] = (
            [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]
            if names
            else [{} for _ in rows]
        )
        documents[rows] = made
    return pd.Series(documents, dtype=object)


def _first_reason(
    unusable: NDArray[np.object_], *checks: tuple[Bools, MissingReason]
) -> NDArray[np.object_]:
    """For each row what makes it unusable, else the first reason whose condition holds."""
    reason = unusable.copy()
    for holds, name in checks:
        reason[_is_none(reason) & holds] = name.value
    return reason


def _numbers(frame: pd.DataFrame, name: str) -> Floats:
    return frame[name].to_numpy(np.float64, na_value=np.nan)


def _whole(values: Floats) -> NDArray[np.object_]:
    """Whole numbers as such, None for NaN."""
    whole = np.empty(len(values), object)
    whole[:] = [None if value != value else int(value) for value in values.tolist()]
    return whole


def _nullable(values: Floats | Ints) -> pd.Series:
    missing = np.isnan(values)
    whole = np.where(missing, 0, values).astype(np.int64)
    return pd.Series(pd.arrays.IntegerArray(whole, missing))


def _is_none(values: NDArray[np.object_]) -> Bools:
    return pd.isna(values)
