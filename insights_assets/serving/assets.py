"""The assets that consumers read: one row a product, and the marts."""

from dagster import AssetExecutionContext, MaterializeResult, MetadataValue, asset
from sqlalchemy import func, select

from insights_assets.alerts.assets import ALERTS
from insights_assets.catalog.assets import PRODUCTS
from insights_assets.competition.assets import COMPETITIVE_SCORES
from insights_assets.features.assets import PRODUCT_FEATURES, RANK_FEATURES
from insights_assets.published_asset import failures_without_traceback, log_build
from insights_assets.reports.assets import COMPETITIVE_REPORTS
from insights_assets.run_scope import ScopeConfig
from insights_assets.serving.cached_summaries import summaries_in_cache
from insights_assets.serving.marts import refresh_marts
from insights_assets.serving.product_summaries import (
    SUMMARIZED,
    changed_product_keys,
    rebuild_product_summaries,
)
from insights_assets.snapshots.assets import PRODUCT_SNAPSHOTS
from insights_assets.table_metadata import OWNERS, asset_key, table_metadata
from insights_resources.marketplaces import parse_product_key
from insights_resources.warehouse import tables
from insights_resources.warehouse.publication import is_current, mark_consumed, pending
from insights_resources.wiring import CacheResource, WarehouseResource

PRODUCT_SUMMARIES = asset_key("serving", "product_summaries")
MARTS = asset_key("serving", "marts")


@asset(
    key=PRODUCT_SUMMARIES,
    group_name="serving",
    kinds={"python", "redis"},
    owners=OWNERS,
    code_version="1",
    deps=[
        PRODUCTS,
        PRODUCT_SNAPSHOTS,
        PRODUCT_FEATURES,
        RANK_FEATURES,
        COMPETITIVE_SCORES,
        ALERTS,
    ],
    metadata=table_metadata(tables.product_summaries),
)
def product_summaries(
    context: AssetExecutionContext,
    config: ScopeConfig,
    warehouse: WarehouseResource,
    cache: CacheResource,
) -> MaterializeResult:
    """The latest of everything about a product, in one row.

    Grain: marketplace, asin. Inputs: the newest snapshot, features, scores and alerts. Idempotent;
    the summaries that changed are put into the cache. Read by the API, by people with SQL and by
    the marts.
    """
    database = warehouse.open()
    with failures_without_traceback(context):
        only = frozenset(map(parse_product_key, config.products)) or None
        # Before anything is read: what is published from now on is for the next run.
        waiting = pending(database, tables.product_summaries, SUMMARIZED)
        in_cache = summaries_in_cache(database, cache.open(database))
        build = rebuild_product_summaries(
            database, only, run_id=context.run.run_id, observer=in_cache
        )
        log_build(context, build)
        changed = changed_product_keys(database, build)
        if only is None:
            mark_consumed(database, tables.product_summaries, [each.build_id for each in waiting])
    table = tables.product_summaries
    with database.begin() as connection:
        rows = connection.scalar(select(func.count()).where(is_current(table)))
    context.log.info(f"{rows or 0:,} products, {len(changed):,} of them changed")
    return MaterializeResult(metadata={"dagster/row_count": rows or 0, "changed": len(changed)})


@asset(
    key=MARTS,
    group_name="serving",
    kinds={"sql"},
    owners=OWNERS,
    code_version="1",
    deps=[PRODUCT_SUMMARIES, COMPETITIVE_SCORES, PRODUCT_FEATURES, ALERTS, COMPETITIVE_REPORTS],
    metadata={
        "insights/grain": "each mart's own, see docs/sql-contract.md",
        "dagster/table_name": "insights.mart_refreshes",
    },
)
def marts(context: AssetExecutionContext, warehouse: WarehouseResource) -> MaterializeResult:
    """What a BI tool starts from: price history, leaderboard, overview, alerts, data quality.

    Grain: each mart's own (docs/sql-contract.md). Inputs: the contract's views. Idempotent: each is
    refreshed as a whole in one transaction, while others read it. Read by analysts.
    """
    rows, lines = 0, ["| mart | rows | seconds | version |", "|---|--:|--:|--:|"]
    metadata: dict[str, int | float] = {}
    with failures_without_traceback(context):
        for mart in refresh_marts(warehouse.open()):
            context.log.info(f"{mart.name}: {mart.rows:,} rows, {mart.seconds:.1f} s")
            rows += mart.rows
            lines.append(f"| {mart.name} | {mart.rows:,} | {mart.seconds:.1f} | {mart.version} |")
            # As numbers too: the UI draws them over time.
            metadata[mart.name] = mart.rows
            metadata[f"{mart.name}_seconds"] = round(mart.seconds, 3)
    return MaterializeResult(
        metadata={
            "dagster/row_count": rows,
            "refreshes": MetadataValue.md("\n".join(lines)),
            **metadata,
        }
    )
