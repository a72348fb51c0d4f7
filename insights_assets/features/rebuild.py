"""Published snapshots -> published features of products and of their ranks: ``rebuild_features``.

37 days more than the scope has are read (see ``history``), so a snapshot that comes late changes
the rows of its product up to 37 days after its day: whoever sets the scope covers those.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from sqlalchemy import Table, and_

from insights_assets.features import frame_columns, product_features, rank_features
from insights_assets.features.history import read_histories
from insights_assets.features.rank_series import Ranks, read_ranks
from insights_assets.features.timeline import Timeline, timelines
from insights_resources.marketplaces import ProductKey
from insights_resources.scope import Scope
from insights_resources.warehouse import publication, tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import (
    AuditFinding,
    Part,
    Publication,
    PublishedBuild,
    RowsFinding,
)
from insights_resources.warehouse.row_conditions import in_scope, products_between

#: Version of the code that computes features: raise it when a rebuild would give other rows.
FEATURES_VERSION = "1"


@dataclass(frozen=True)
class Expected:
    """What snapshots let expect: products by day with a capture, and with a rank at the last
    capture of the day."""

    captured: Counter[date]
    ranked: Counter[date]

    @classmethod
    def of(cls, history: pd.DataFrame, scope: Scope) -> Expected:
        """Of the scope's days in the history of some products."""
        keys = ["marketplace", "asin", "captured_at", "page_id"]
        day = history["captured_at"].to_numpy("datetime64[D]")
        inside = (day >= np.datetime64(scope.first_day)) & (day <= np.datetime64(scope.last_day))
        moments = history.loc[inside, [*keys, "bsr"]].assign(day=day[inside].astype("M8[s]"))
        moments = moments.sort_values(keys)
        closes = moments.drop_duplicates(["marketplace", "asin", "day"], keep="last")
        ranked = closes[closes["bsr"].notna() & (closes["bsr"] != "[]")]
        return cls(_by_day(closes), _by_day(ranked))


def _by_day(rows: pd.DataFrame) -> Counter[date]:
    days, counts = np.unique(rows["day"].to_numpy("datetime64[D]"), return_counts=True)
    return Counter(dict(zip(days.tolist(), counts.tolist(), strict=True)))


Audit = Callable[[pd.DataFrame, Expected], Iterable[AuditFinding | RowsFinding]]


_POSITIVE = ("price", "price_min_30d", "price_max_30d", "price_mean_7d", "price_mean_30d")
_SHARES = ("in_stock_share_7d", "in_stock_share_30d", "discount_from_list")


def audit_product_features(
    features: pd.DataFrame, expected: Expected
) -> Iterable[AuditFinding | RowsFinding]:
    """What must hold before product features are published."""
    observed = features[features["observations"] > 0]
    yield _completeness("captured_products_have_features", observed, expected.captured)
    for name in _POSITIVE:
        yield _none(f"{name}_is_positive", features[name] <= 0)
    for name in _SHARES:
        yield _none(f"{name}_is_0_to_1", (features[name] < 0) | (features[name] > 1))
    yield _none("primary_rank_is_1_or_more", features["primary_rank"] < 1)
    yield _none("rating_is_0_to_5", (features["rating"] < 0) | (features["rating"] > 5))
    quality = features["listing_quality"]
    yield _none("listing_quality_is_0_to_100", (quality < 0) | (quality > 100))
    yield _none(
        "lowest_mean_and_highest_price_are_in_order",
        (features["price_min_30d"] > features["price_mean_30d"] * 100 + 0.01)
        | (features["price_max_30d"] < features["price_mean_30d"] * 100 - 0.01),
    )
    yield _none(
        "a_missing_price_has_a_reason",
        features["price"].isna() & features["price_missing_reason"].isna(),
    )


def audit_rank_features(
    ranks: pd.DataFrame, expected: Expected
) -> Iterable[AuditFinding | RowsFinding]:
    """What must hold before rank features are published."""
    yield _completeness("ranked_products_have_ranks", ranks[ranks["is_primary"]], expected.ranked)
    yield _none("rank_is_1_or_more", ranks["rank"] < 1)
    yield _none("position_is_1_or_more", ranks["position"] < 1)
    yield _none("median_is_1_or_more", ranks["rank_median_7d"] < 1)


def _completeness(check: str, rows: pd.DataFrame, expected: Counter[date]) -> AuditFinding:
    """Each day has at least as many rows as products that it is known to have."""
    found = _by_day(rows)
    short = {day: count for day, count in sorted(expected.items()) if found[day] < count}
    detail = f"{len(expected)} days with captures"
    if short:
        day, count = next(iter(short.items()))
        detail = f"{len(short)} days lack rows, first {day}: {found[day]} of {count}"
    return AuditFinding(check, not short, detail)


def _none(check: str, wrong: pd.Series) -> RowsFinding:
    """No row may be wrong (unknown is not wrong)."""
    return RowsFinding(check, int(wrong.fillna(value=False).sum()), len(wrong))


@dataclass(frozen=True)
class _Layer:
    """One table of features: how its rows are computed, and what must hold of them."""

    table: Table
    compute: Callable[[Timeline, Ranks], frame_columns.Columns]
    audit: Audit

    def audit_against(self, expected: Expected) -> publication.Audit:
        return lambda frame: self.audit(frame, expected)


_LAYERS = (
    _Layer(tables.product_features, product_features.features_of, audit_product_features),
    _Layer(tables.rank_features, rank_features.features_of, audit_rank_features),
)
#: The tables of this layer, in the order in which they are published.
FEATURES = tuple(layer.table for layer in _LAYERS)


def rebuild_features(
    warehouse: Warehouse,
    scope: Scope,
    of: Collection[Table] = FEATURES,
    *,
    run_id: str | None = None,
) -> list[PublishedBuild]:
    """Computes and publishes the tables of features for the scope, from one reading of history.

    The same snapshots give the same rows, and rows that did not change are not written again.
    Raises ``AuditFailedError`` when what it computed cannot be right; a table published before it
    stays published.
    """
    layers = [layer for layer in _LAYERS if layer.table in of]
    with ExitStack() as held:
        for layer in layers:
            held.enter_context(warehouse.writer_lock(layer.table, scope.first_day, scope.last_day))
        builds = [
            held.enter_context(
                Publication(
                    warehouse,
                    layer.table,
                    scope=scope,
                    code_version=FEATURES_VERSION,
                    run_id=run_id,
                )
            )
            for layer in layers
        ]
        after: ProductKey | None = None
        for history in read_histories(warehouse, scope):
            expected = Expected.of(history.snapshots, scope)
            frames = _computed(layers, history.snapshots, scope)
            for layer, build, frame in zip(layers, builds, frames, strict=True):
                covers = and_(
                    in_scope(layer.table, scope),
                    products_between(layer.table, after, history.up_to),
                )
                build.add(Part(frame, covers, (layer.audit_against(expected),)))
            after = history.up_to
        return [build.publish() for build in builds]


def _computed(
    layers: Sequence[_Layer], snapshots: pd.DataFrame, scope: Scope
) -> list[pd.DataFrame]:
    """The rows of each table: captures are laid out, and their ranks read, once for all."""
    parts: list[list[frame_columns.Columns]] = [[] for _ in layers]
    for timeline in timelines(snapshots, scope.first_day, scope.last_day):
        ranks = read_ranks(timeline.captures)
        for layer, computed in zip(layers, parts, strict=True):
            computed.append(layer.compute(timeline, ranks))
    return list(map(frame_columns.stacked, parts))
