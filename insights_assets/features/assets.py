"""The assets of features."""

from collections.abc import Iterator, Mapping
from typing import Any

from dagster import AssetExecutionContext, AssetKey, AssetSpec, MaterializeResult, multi_asset

from insights_assets.features.product_features import LOOK_BACK_DAYS
from insights_assets.features.rebuild import FEATURES_VERSION, rebuild_features
from insights_assets.partitions import DAILY, SINGLE_RUN
from insights_assets.published_asset import failures_without_traceback, rebuild_published_assets
from insights_assets.run_scope import ScopeConfig
from insights_assets.snapshots.assets import PRODUCT_SNAPSHOTS
from insights_assets.table_metadata import OWNERS, asset_key, table_metadata
from insights_resources.warehouse import tables
from insights_resources.wiring import WarehouseResource

PRODUCT_FEATURES = asset_key("features", "product_features")
RANK_FEATURES = asset_key("features", "rank_features")

#: Which snapshot columns each feature derives from.
_FEATURE_SOURCES = {
    "last_captured_at": ("captured_at",),
    "observations": ("captured_at",),
    "family_asin": ("parent_asin", "asin"),
    "currency": ("currency",),
    "price": ("price",),
    "price_missing_reason": ("price_missing_reason",),
    "price_change_1d": ("price", "currency"),
    "price_change_7d": ("price", "currency"),
    "price_change_30d": ("price", "currency"),
    "price_mean_7d": ("price", "currency", "captured_at"),
    "price_mean_30d": ("price", "currency", "captured_at"),
    "price_volatility_30d": ("price", "currency"),
    "price_min_30d": ("price", "currency"),
    "price_max_30d": ("price", "currency"),
    "price_log_return_1d": ("price", "currency"),
    "price_sigma_before": ("price", "currency"),
    "price_returns_before": ("price", "currency"),
    "list_price": ("list_price",),
    "discount_from_list": ("price", "list_price"),
    "days_since_price_change": ("price", "currency", "captured_at"),
    "primary_rank": ("bsr",),
    "primary_rank_node": ("bsr",),
    "primary_rank_median_7d": ("bsr",),
    "primary_rank_log_change_7d": ("bsr",),
    "primary_rank_log_change_30d": ("bsr",),
    "rating": ("rating",),
    "rating_count": ("rating_count",),
    "ratings_gained_7d": ("rating_count",),
    "ratings_gained_30d": ("rating_count",),
    "rating_change_30d": ("rating",),
    "availability": ("availability",),
    "in_stock_share_7d": ("availability",),
    "in_stock_share_30d": ("availability",),
    "out_of_stock_captures": ("availability",),
    "seller": ("seller",),
    "seller_changes_30d": ("seller",),
    "title_length": ("title",),
    "bullet_count": ("bullets",),
    "image_count": ("images",),
    "description_length": ("description",),
    "listing_quality": ("title", "bullets", "images", "description"),
    "listing_changed": ("title", "bullets", "images", "description"),
}
_RANK_SOURCES = dict.fromkeys(
    (
        "node_key",
        "node_id",
        "category",
        "position",
        "is_primary",
        "is_deepest",
        "rank",
        "rank_median_7d",
        "rank_log_change_7d",
        "rank_log_change_30d",
    ),
    ("bsr",),
)


_SHARED: dict[str, Any] = {
    "kinds": {"python", "pandas"},
    "owners": OWNERS,
    "code_version": FEATURES_VERSION,
    "deps": [PRODUCT_SNAPSHOTS],
}
_TABLES = {PRODUCT_FEATURES: tables.product_features, RANK_FEATURES: tables.rank_features}


def _from_snapshots(
    sources: Mapping[str, tuple[str, ...]],
) -> dict[str, list[tuple[AssetKey, str]]]:
    return {
        column: [(PRODUCT_SNAPSHOTS, name) for name in names] for column, names in sources.items()
    }


@multi_asset(
    name="insights__features",
    group_name="features",
    specs=[
        AssetSpec(
            PRODUCT_FEATURES,
            description="What the history of a product amounts to at the end of a day. Grain: "
            "marketplace, asin, day. Inputs: the snapshots of the day and of the 37 days before "
            "it, read from the warehouse. Point in time: a day sees nothing captured after it. "
            "Idempotent. Read by competition, alerts, reports and summaries.",
            metadata=table_metadata(
                tables.product_features,
                lineage=_from_snapshots(_FEATURE_SOURCES),
                look_back_days=LOOK_BACK_DAYS,
            ),
            **_SHARED,
        ),
        AssetSpec(
            RANK_FEATURES,
            description="Where a product stands in each browse node at the end of a day. Grain: "
            "marketplace, asin, day, browse node. Inputs: as product_features. Ranks are compared "
            "within one node only. Idempotent. Read by competition, for the popularity score.",
            metadata=table_metadata(
                tables.rank_features,
                lineage=_from_snapshots(_RANK_SOURCES),
                look_back_days=LOOK_BACK_DAYS,
            ),
            **_SHARED,
        ),
    ],
    partitions_def=DAILY,
    backfill_policy=SINGLE_RUN,
    can_subset=True,
)
def features(
    context: AssetExecutionContext, config: ScopeConfig, warehouse: WarehouseResource
) -> Iterator[MaterializeResult]:
    """Both tables of features, from one reading of the history; either of them alone as well."""
    database = warehouse.open()
    chosen = {key: table for key, table in _TABLES.items() if key in context.selected_asset_keys}
    with failures_without_traceback(context):
        rebuild_published_assets(
            context,
            config,
            database,
            chosen,
            upstream=[tables.product_snapshots],
            reach_days=LOOK_BACK_DAYS,
            rebuild=lambda scope, of: rebuild_features(
                database, scope, of, run_id=context.run.run_id
            ),
        )
    for key in chosen:
        yield MaterializeResult(asset_key=key)
