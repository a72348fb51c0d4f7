"""Best Sellers Ranks as series: one for each product and browse node."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from insights_assets.features import frame_columns
from insights_assets.features.timeline import (
    LOOK_BACK_DAYS,
    Bools,
    Floats,
    Ints,
    Timeline,
    last_in_cell,
)
from insights_assets.features.windows import log_ratio, median_of_rows, rounded

_NODE_ID_LENGTH = 20
_NODE_KEY_LENGTH = 80


def node_key(node_id: str | None, category: str) -> str:
    """The key of a browse node: its id, else its name (kept within 80 characters)."""
    if node_id:
        return node_id
    key = f"category:{category}"
    if len(key) <= _NODE_KEY_LENGTH:
        return key
    digest = hashlib.sha256(category.encode()).hexdigest()[:16]
    return f"{key[: _NODE_KEY_LENGTH - 17]}:{digest}"


@dataclass(frozen=True)
class Ranks:
    """Each rank of each capture, in the order of captures and of the page.

    ``node`` numbers the keys in ``node_keys``. Ranks are whole and at least 1; a node that a page
    names twice counts where it stands first. ``first`` gives, for each capture, where its ranks
    begin (one more than there are captures).
    """

    capture: Ints
    position: Ints
    rank: Floats
    node: Ints
    node_keys: Any
    node_ids: Any
    categories: Any
    first: Ints

    @property
    def is_primary(self) -> Bools:
        """The first of its capture."""
        return np.diff(self.capture, prepend=-1) != 0

    @property
    def is_deepest(self) -> Bools:
        """The last of its capture."""
        return np.diff(self.capture, append=-1) != 0


#: A rank in the JSON text of either engine. Quotes within a text are escaped there, so that no
#: category can look like one.
_RANK = re.compile(r'"rank": ?([^,}]+)')


def read_ranks(captures: pd.DataFrame) -> Ranks:
    """The ranks in the ``bsr`` column: JSON texts of lists of {category, node_id, rank} in page
    order; missing: none that count.

    Ranks differ from day to day, what they are ranks of hardly ever: texts are told apart without
    their numbers, and each is parsed once.
    """
    texts = captures["bsr"].to_numpy(object)
    listed = np.flatnonzero(~pd.isna(texts))
    together = "\n".join(texts[listed])
    rank = np.array(list(map(float, _RANK.findall(together))))
    shapes = _RANK.sub('"rank":0', together).split("\n") if len(listed) else []
    shape, distinct = pd.factorize(np.array(shapes, dtype=object))
    nodes = _nodes_of(distinct)

    counts = nodes.counts[shape]
    capture = np.repeat(listed, counts)
    starts = np.cumsum(counts) - counts
    place = np.arange(len(rank)) - np.repeat(starts, counts)
    entry = np.repeat(nodes.starts[shape], counts) + place
    node = nodes.node[entry]
    valid = (rank >= 1) & ~_repeated(capture * max(1, len(nodes.keys)) + node)
    capture = capture[valid]
    return Ranks(
        capture=capture,
        position=place[valid] + 1,
        rank=rank[valid],
        node=node[valid],
        node_keys=nodes.keys,
        node_ids=nodes.ids[entry[valid]],
        categories=nodes.names[entry[valid]],
        first=np.searchsorted(capture, np.arange(len(texts) + 1)),
    )


@dataclass(frozen=True)
class _Nodes:
    """The nodes that some lists of ranks name, list by list: where each list starts and how many
    it names; for each entry id (empty: not linked), name, and its number in ``keys``."""

    starts: Ints
    counts: Ints
    ids: Any
    names: Any
    node: Ints
    keys: Any


def _nodes_of(lists: Iterable[str]) -> _Nodes:
    """``lists``: JSON texts."""
    parsed = [json.loads(text) for text in lists]
    counts = np.fromiter(map(len, parsed), np.int64, len(parsed))
    entries = list(chain.from_iterable(parsed))
    ids = np.empty(len(entries), object)
    ids[:] = [_node_id(entry["node_id"]) for entry in entries]
    names = np.empty(len(entries), object)
    names[:] = [entry["category"] for entry in entries]
    # An unlinked category is a node of its own name.
    named = np.empty(len(entries), object)
    named[:] = [node_key(one, name) for one, name in zip(ids, names, strict=True)]
    node, keys = pd.factorize(named)
    return _Nodes(
        starts=np.cumsum(counts) - counts,
        counts=counts,
        ids=ids,
        names=names,
        node=node.astype(np.int64),
        keys=np.asarray(keys, dtype=object),
    )


def _node_id(value: Any) -> str:
    return value if value and len(value) <= _NODE_ID_LENGTH else ""


def _repeated(keys: Ints) -> Bools:
    return pd.Series(keys).duplicated().to_numpy()


@dataclass(frozen=True)
class RankFeatures:
    """What ``rank_features`` says of some (series, day) pairs; NaN for unknown."""

    median_7d: Floats
    log_change_7d: Floats
    log_change_30d: Floats


class RankSeries:
    """The ranks of a timeline by series, on the grid's days."""

    def __init__(self, timeline: Timeline, ranks: Ranks, of_interest: Bools | None = None) -> None:
        """``of_interest`` limits the series to those of the ranks that it marks."""
        self.timeline = timeline
        nodes = max(1, len(ranks.node_keys))
        key = timeline.product[ranks.capture] * nodes + ranks.node
        wanted = np.unique(key if of_interest is None else key[of_interest])
        place = np.minimum(np.searchsorted(wanted, key), max(len(wanted) - 1, 0))
        member = wanted[place] == key if len(wanted) else np.zeros(len(key), bool)
        #: The series of each rank of ``ranks``; -1 where it is in none.
        self.series = np.where(member, place, -1)
        self.rank = np.append(ranks.rank, np.nan)

        held = np.flatnonzero(member)
        captured = ranks.capture[held]
        column = timeline.column[captured]
        self._column = np.append(timeline.column[ranks.capture], -(10**9))
        shape = (len(wanted), timeline.width)
        latest = last_in_cell(self.series[held], column, held, *shape)
        self.by_day = np.maximum.accumulate(latest, axis=1)
        close = np.zeros(len(timeline.product), bool)
        last_on_day = timeline.last_on_day()
        close[last_on_day[last_on_day >= 0]] = True
        at_close = close[captured]
        self.closes = last_in_cell(
            self.series[held[at_close]], column[at_close], held[at_close], *shape
        )

    def features(self, series: Ints, offsets: Ints, rank: Floats) -> RankFeatures:
        """For pairs of a series (-1: none) and an offset of a day, with the rank that stands."""
        day = offsets + LOOK_BACK_DAYS
        if not len(self.by_day):
            nothing = np.full(len(series), np.nan)
            return RankFeatures(nothing, nothing, nothing)
        known = series >= 0

        def log_change(days_before: int) -> Floats:
            then = np.where(known, self.by_day[series, day - days_before], -1)
            recent = self._column[then] >= day - days_before - 7
            return rounded(log_ratio(rank, np.where(recent, self.rank[then], np.nan)))

        week = np.empty((len(series), 7))
        for lag in range(7):
            week[:, lag] = self.rank[self.closes[series, day - lag]]
        median = np.where(known, median_of_rows(week), np.nan)
        return RankFeatures(rounded(median), log_change(7), log_change(30))


def primary_rank_columns(
    timeline: Timeline, ranks: Ranks, rows: Ints, offsets: Ints, fresh: Ints
) -> dict[str, Any]:
    """The primary rank of products and its features in the same node."""
    primary = np.full(len(timeline.captures) + 1, -1)
    is_primary = ranks.is_primary
    primary[ranks.capture[is_primary]] = np.flatnonzero(is_primary)
    entry = primary[fresh]
    series = RankSeries(timeline, ranks, is_primary)
    rank = series.rank[entry]
    features = series.features(np.append(series.series, -1)[entry], offsets, rank)
    keys = np.append(ranks.node_keys, np.array([np.nan], dtype=object))
    return {
        "primary_rank": frame_columns.integers(rank),
        "primary_rank_node": pd.array(keys[np.append(ranks.node, -1)[entry]], dtype="str"),
        "primary_rank_median_7d": features.median_7d,
        "primary_rank_log_change_7d": features.log_change_7d,
        "primary_rank_log_change_30d": features.log_change_30d,
    }
