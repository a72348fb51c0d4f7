"""The asset of competitive scores."""

from dagster import AssetExecutionContext, asset

from insights_assets.catalog.assets import COMPETITIVE_GROUPS
from insights_assets.competition.group_analysis import analyses_in_cache
from insights_assets.competition.rebuild import rebuild_scores
from insights_assets.features.assets import PRODUCT_FEATURES, RANK_FEATURES
from insights_assets.partitions import DAILY, SINGLE_RUN
from insights_assets.published_asset import failures_without_traceback, rebuild_published_asset
from insights_assets.run_scope import ScopeConfig
from insights_assets.table_metadata import OWNERS, asset_key, table_metadata
from insights_resources.warehouse import tables
from insights_resources.wiring import CacheResource, WarehouseResource

COMPETITIVE_SCORES = asset_key("competition", "competitive_scores")


@asset(
    key=COMPETITIVE_SCORES,
    group_name="competition",
    kinds={"python", "pandas"},
    owners=OWNERS,
    code_version="1",
    partitions_def=DAILY,
    backfill_policy=SINGLE_RUN,
    deps=[PRODUCT_FEATURES, RANK_FEATURES, COMPETITIVE_GROUPS],
    metadata=table_metadata(
        tables.competitive_scores,
        lineage={
            "price_score": [(PRODUCT_FEATURES, "price"), (PRODUCT_FEATURES, "currency")],
            "quality_score": [(PRODUCT_FEATURES, "rating"), (PRODUCT_FEATURES, "rating_count")],
            "popularity_score": [(RANK_FEATURES, "rank"), (RANK_FEATURES, "rank_median_7d")],
            "overall_score": [
                (PRODUCT_FEATURES, "price"),
                (PRODUCT_FEATURES, "rating"),
                (PRODUCT_FEATURES, "rating_count"),
                (RANK_FEATURES, "rank"),
                (RANK_FEATURES, "rank_median_7d"),
            ],
            "peers": [(PRODUCT_FEATURES, "family_asin"), (PRODUCT_FEATURES, "last_captured_at")],
        },
    ),
)
def competitive_scores(
    context: AssetExecutionContext,
    config: ScopeConfig,
    warehouse: WarehouseResource,
    cache: CacheResource,
) -> None:
    """How each member of a group stands against its peers, 0 to 100, and why.

    Grain: day, group, product, method (standard, robust). Inputs: the day's features and the
    members as of that day. Every row stores its inputs, its peers, who was left out, and each
    dimension's contribution. Idempotent; the analyses of the groups that changed are put into the
    cache. Read by reports, summaries and marts.
    """
    database = warehouse.open()
    in_cache = analyses_in_cache(database, cache.open(database))
    with failures_without_traceback(context):
        rebuild_published_asset(
            context,
            config,
            database,
            table=tables.competitive_scores,
            upstream=[tables.product_features, tables.rank_features],
            reach_days=0,
            rebuild=lambda scope: [
                rebuild_scores(database, scope, run_id=context.run.run_id, observer=in_cache)
            ],
        )
