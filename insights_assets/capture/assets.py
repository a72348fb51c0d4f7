"""The asset of raw pages."""

from datetime import UTC, datetime

from dagster import AssetExecutionContext, asset
from pydantic import Field

from insights_assets.capture.capture import capture_pages, plan_targets
from insights_assets.capture.capture_report import (
    capture_metadata,
    left_out_in_words,
    raise_when_nothing_came,
)
from insights_assets.capture.freshness import fresh_products
from insights_assets.capture.live_status import status_metadata
from insights_assets.catalog.assets import PRODUCTS
from insights_assets.catalog.sync import active_products
from insights_assets.partitions import DAILY, SINGLE_RUN
from insights_assets.published_asset import failures_without_traceback, report_rows_by_day
from insights_assets.run_scope import ScopeConfig, partition_scope
from insights_assets.table_metadata import OWNERS, asset_key, table_metadata
from insights_resources.marketplaces import ProductKey
from insights_resources.page_providers.protocol import LivePageProvider
from insights_resources.warehouse import tables
from insights_resources.wiring import (
    CaptureLimits,
    PageArchiveResource,
    PageProviderResource,
    WarehouseResource,
)

RAW_PAGES = asset_key("capture", "raw_pages")


class CaptureConfig(ScopeConfig):
    """What a run captures."""

    anew: bool = Field(
        default=False,
        description=(
            "Capture pages as they are now, even where one of the day is there already: a request "
            "of somebody, or an alert that wants a second capture."
        ),
    )
    even_if_fresh: bool = Field(
        default=False,
        description=(
            "Capture live pages even of products whose page of today is younger than their window: "
            "an alert wants a second capture, or somebody asks for one."
        ),
    )


#: A line in the run's log for each so many pages.
_LOG_EVERY = 100


@asset(
    key=RAW_PAGES,
    group_name="capture",
    kinds={"python", "html"},
    owners=OWNERS,
    code_version="1",
    partitions_def=DAILY,
    backfill_policy=SINGLE_RUN,
    deps=[PRODUCTS],
    metadata=table_metadata(tables.raw_pages),
)
def raw_pages(
    context: AssetExecutionContext,
    config: CaptureConfig,
    warehouse: WarehouseResource,
    page_archive: PageArchiveResource,
    pages: PageProviderResource,
    capture_limits: CaptureLimits,
) -> None:
    """Every captured page: the body in the archive by its hash, and a row about it.

    Grain: one capture. Inputs: the active products, the page provider. Written one by one as they
    arrive, and never changed: a crash keeps what was paid for. Idempotent: the same page twice is
    one row. A past day is refused unless the provider can serve that day. Live pages, each of which
    costs, are left out while the day's is fresh. Read by snapshots, by each version of the parser
    anew.
    """
    database, provider = warehouse.open(), pages.open()
    with failures_without_traceback(context):
        scope = partition_scope(context, config)
        products = active_products(database, scope)
        fresh: dict[ProductKey, datetime] = {}
        if isinstance(provider, LivePageProvider) and not config.even_if_fresh:
            fresh = fresh_products(
                database, products, hours=capture_limits.capture_hours, now=datetime.now(UTC)
            )
            products = [key for key in products if key not in fresh]
            if fresh:
                context.log.info(f"{len(fresh)} products have a page that is young enough")
        targets = plan_targets(provider, scope, products, anew=config.anew)
        context.log.info(f"asking {provider.name} for {len(targets)} pages of {scope}")

        def log_progress(done: int, wanted: int) -> None:
            if done % _LOG_EVERY == 0:
                context.log.info(f"{done} of {wanted} pages")

        summary = capture_pages(
            provider,
            page_archive.open(),
            database,
            targets,
            run_id=context.run.run_id,
            budget=capture_limits.budget(),
            progress=log_progress,
        )
        context.log.info(
            f"{summary.pages} pages, {summary.new_pages} of them new: "
            + (
                ", ".join(f"{count} {verdict}" for verdict, count in summary.verdicts.items())
                or "none"
            )
        )
        report_rows_by_day(context, database, tables.raw_pages)
        if isinstance(provider, LivePageProvider):
            for line in left_out_in_words(summary):
                context.log.warning(line)
            context.add_output_metadata(
                {"fresh": len(fresh), **capture_metadata(summary), **status_metadata(provider)}
            )
            raise_when_nothing_came(summary)
