"""The asset of product snapshots."""

from dagster import AssetExecutionContext, asset
from pydantic import Field

from insights_assets.capture.assets import RAW_PAGES
from insights_assets.partitions import DAILY, SINGLE_RUN
from insights_assets.published_asset import (
    days_of_run,
    failures_without_traceback,
    log_build,
    report_rows_by_day,
)
from insights_assets.run_scope import ScopeConfig, describe_scopes, partition_scope
from insights_assets.snapshots.rebuild import pending_scopes, rebuild_snapshots, require_pages
from insights_assets.table_metadata import OWNERS, asset_key, table_metadata
from insights_resources.scope import today_utc
from insights_resources.warehouse import tables
from insights_resources.wiring import PageArchiveResource, WarehouseResource

PRODUCT_SNAPSHOTS = asset_key("snapshots", "product_snapshots")

_LOG_EVERY = 200


class SnapshotsConfig(ScopeConfig):
    """What a run parses, and which changes of whole marketplaces it takes for real."""

    accept_drift: list[str] = Field(
        default_factory=list,
        description=(
            "Marketplaces (amazon.de; small-marketplaces) whose pages have really changed: the "
            "audit's findings of drift there are kept and stop nothing."
        ),
    )


@asset(
    key=PRODUCT_SNAPSHOTS,
    group_name="snapshots",
    kinds={"python", "html"},
    owners=OWNERS,
    code_version="1",
    partitions_def=DAILY,
    backfill_policy=SINGLE_RUN,
    deps=[RAW_PAGES],
    metadata=table_metadata(
        tables.product_snapshots,
        lineage={
            name: [(RAW_PAGES, name)]
            for name in ("page_id", "marketplace", "asin", "day", "captured_at")
        },
    ),
)
def product_snapshots(
    context: AssetExecutionContext,
    config: SnapshotsConfig,
    warehouse: WarehouseResource,
    page_archive: PageArchiveResource,
) -> None:
    """What each captured page says about its product, typed.

    Grain: one parsed capture. Inputs: raw_pages and the archive. A page that is no page of the
    product asked for goes to `rejected_pages` with the reason. Idempotent: the same pages give
    the same rows; a better parser gives new rows, and the old ones stay as superseded. Read by
    features, alerts, reports and summaries.
    """
    database, archive = warehouse.open(), page_archive.open()

    def log_progress(done: int, total: int) -> None:
        if done % _LOG_EVERY == 0:
            context.log.info(f"{done} of {total} pages parsed")

    with failures_without_traceback(context):
        scopes = [partition_scope(context, config)] if config.includes_partitions else []
        for scope in scopes:
            require_pages(database, scope, today_utc())
        if config.includes_pending:
            scopes += pending_scopes(database)
        context.log.info(f"covers {describe_scopes(scopes)}")
        rejected = 0
        for scope in scopes:
            builds = rebuild_snapshots(
                database,
                archive,
                scope,
                run_id=context.run.run_id,
                progress=log_progress,
                accept_drift=config.accept_drift,
            )
            log_build(context, builds.snapshots)
            log_build(context, builds.rejections)
            rejected += builds.rejections.row_count
        counts = report_rows_by_day(context, database, tables.product_snapshots)
        context.log.info(
            f"{sum(counts.values()):,} snapshots for {days_of_run(context)}; "
            f"{rejected:,} of the pages covered were rejected"
        )
