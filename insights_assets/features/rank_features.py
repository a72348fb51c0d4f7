"""Point-in-time rank of products in each browse node (``fact_rank_features``)."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from insights_assets.features import frame_columns
from insights_assets.features.rank_series import Ranks, RankSeries, read_ranks
from insights_assets.features.timeline import Timeline, timelines

#: Columns of a history: those of ``fact_product_snapshots``, ``bsr`` as JSON text.
HISTORY_COLUMNS = ("page_id", "marketplace", "asin", "captured_at", "bsr")


def compute_rank_features(history: pd.DataFrame, first_day: date, last_day: date) -> pd.DataFrame:
    """The rows of ``fact_rank_features`` for the days from ``first_day`` to ``last_day``: one for
    each rank that the last capture shows, while that is at most 7 days old.

    ``history`` holds ``HISTORY_COLUMNS``, as in ``compute_product_features``. Rows are ordered
    by product, day and place on the page.
    """
    return frame_columns.stacked(
        features_of(timeline, read_ranks(timeline.captures))
        for timeline in timelines(history, first_day, last_day)
    )


def features_of(timeline: Timeline, ranks: Ranks) -> dict[str, Any]:
    """The columns of the table for one timeline, whose captures show these ranks."""
    fresh = timeline.known(timeline.last_by_day(), 0)
    rows, offsets = np.nonzero(fresh >= 0)
    fresh = fresh[rows, offsets]
    counts = ranks.first[fresh + 1] - ranks.first[fresh]
    before = np.cumsum(counts) - counts
    entry = np.arange(counts.sum()) + np.repeat(ranks.first[fresh] - before, counts)
    rows, offsets = np.repeat(rows, counts), np.repeat(offsets, counts)

    series = RankSeries(timeline, ranks)
    rank = ranks.rank[entry]
    features = series.features(series.series[entry], offsets, rank)
    ids = ranks.node_ids[entry]
    return {
        "marketplace": timeline.marketplaces.take(rows),
        "asin": timeline.asins.take(rows),
        "day": frame_columns.days(offsets + timeline.first_day),
        "node_key": pd.array(ranks.node_keys[ranks.node[entry]], dtype="str"),
        "node_id": pd.array(np.where(ids == "", np.nan, ids), dtype="str"),
        "category": pd.array(ranks.categories[entry], dtype="str"),
        "position": frame_columns.integers(ranks.position[entry]),
        "is_primary": frame_columns.booleans(ranks.is_primary[entry]),
        "is_deepest": frame_columns.booleans(ranks.is_deepest[entry]),
        "rank": frame_columns.integers(rank),
        "rank_median_7d": features.median_7d,
        "rank_log_change_7d": features.log_change_7d,
        "rank_log_change_30d": features.log_change_30d,
    }
