"""The assets of features."""

from collections.abc import Mapping

from dagster import AssetExecutionContext, AssetKey, asset

from insights_assets.features.product_features import LOOK_BACK_DAYS
from insights_assets.features.rebuild import rebuild_product_features, rebuild_rank_features
from insights_assets.partitions import DAILY, SINGLE_RUN
from insights_assets.published_asset import failures_without_traceback, rebuild_published_asset
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


def _from_snapshots(
    sources: Mapping[str, tuple[str, ...]],
) -> dict[str, list[tuple[AssetKey, str]]]:
    return {
        column: [(PRODUCT_SNAPSHOTS, name) for name in names] for column, names in sources.items()
    }


@asset(
    key=PRODUCT_FEATURES,
    group_name="features",
    kinds={"python", "pandas"},
    owners=OWNERS,
    code_version="1",
    partitions_def=DAILY,
    backfill_policy=SINGLE_RUN,
    deps=[PRODUCT_SNAPSHOTS],
    metadata=table_metadata(
        tables.product_features,
        lineage=_from_snapshots(_FEATURE_SOURCES),
        look_back_days=LOOK_BACK_DAYS,
    ),
)
def product_features(
    context: AssetExecutionContext, config: ScopeConfig, warehouse: WarehouseResource
) -> None:
    """What the history of a product amounts to at the end of a day.

    Grain: marketplace, asin, day. Inputs: the snapshots of the day and of the 37 days before it,
    read from the warehouse. Point in time: a day sees nothing captured after it. Idempotent. Read
    by competition, alerts, reports and summaries.
    """
    database = warehouse.open()
    with failures_without_traceback(context):
        rebuild_published_asset(
            context,
            config,
            database,
            table=tables.product_features,
            upstream=[tables.product_snapshots],
            reach_days=LOOK_BACK_DAYS,
            rebuild=lambda scope: [
                rebuild_product_features(database, scope, run_id=context.run.run_id)
            ],
        )


@asset(
    key=RANK_FEATURES,
    group_name="features",
    kinds={"python", "pandas"},
    owners=OWNERS,
    code_version="1",
    partitions_def=DAILY,
    backfill_policy=SINGLE_RUN,
    deps=[PRODUCT_SNAPSHOTS],
    metadata=table_metadata(
        tables.rank_features,
        lineage=_from_snapshots(_RANK_SOURCES),
        look_back_days=LOOK_BACK_DAYS,
    ),
)
def rank_features(
    context: AssetExecutionContext, config: ScopeConfig, warehouse: WarehouseResource
) -> None:
    """Where a product stands in each browse node at the end of a day.

    Grain: marketplace, asin, day, browse node. Inputs: as product_features. Ranks are compared
    within one node only. Idempotent. Read by competition, for the popularity score.
    """
    database = warehouse.open()
    with failures_without_traceback(context):
        rebuild_published_asset(
            context,
            config,
            database,
            table=tables.rank_features,
            upstream=[tables.product_snapshots],
            reach_days=LOOK_BACK_DAYS,
            rebuild=lambda scope: [
                rebuild_rank_features(database, scope, run_id=context.run.run_id)
            ],
        )
