"""Tracks products on demand: one run in this process for the products asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from dagster import Definitions
from rich.console import Console
from sqlalchemy import insert, select, tuple_, update

from insights_assets.capture.assets import RAW_PAGES
from insights_assets.catalog.catalog_file import TrackedProduct
from insights_assets.catalog.sync import track_additional_products
from insights_jobs.jobs import FAST, on_demand, scope_run_config
from insights_jobs.runs import RunFailedError, StepProgress, run_job
from insights_resources.errors import InsightsError
from insights_resources.marketplaces import ProductKey
from insights_resources.scope import today_utc
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import is_current


def track_products(
    definitions: Definitions,
    warehouse: Warehouse,
    keys: Sequence[ProductKey],
    *,
    requested_by: str,
    on_progress: Callable[[StepProgress], None] = lambda progress: None,
) -> str:
    """Adds the products to the catalog, captures them and rebuilds what follows; the run's id.

    The request stands in ``ops_tracking_requests`` before the run begins, so that one which broke
    off can be seen.
    """
    track_additional_products(warehouse, requested_by, [TrackedProduct(key) for key in keys])
    requests = tables.tracking_requests
    with warehouse.begin() as connection:
        ids = [
            connection.execute(
                insert(requests)
                .values(
                    marketplace=key.marketplace,
                    asin=key.asin,
                    requested_at=datetime.now(UTC),
                    requested_by=requested_by,
                    status="running",
                )
                .returning(requests.c.request_id)
            ).scalar_one()
            for key in keys
        ]

    def finish(status: str, *, run_id: str | None = None, error: str | None = None) -> None:
        with warehouse.begin() as connection:
            connection.execute(
                update(requests)
                .where(requests.c.request_id.in_(ids))
                .values(status=status, run_id=run_id, error=error, finished_at=datetime.now(UTC))
            )

    today = today_utc()
    try:
        finished = run_job(
            definitions,
            on_demand.name,
            first_day=today,
            last_day=today,
            run_config=scope_run_config([RAW_PAGES, *FAST], products=keys),
            on_progress=on_progress,
        )
    except InsightsError as error:
        run_id = error.run_id if isinstance(error, RunFailedError) else None
        finish("failed", run_id=run_id, error=str(error))
        raise
    finish("done", run_id=finished.run_id)
    return finished.run_id


def print_tracked(console: Console, warehouse: Warehouse, keys: Sequence[ProductKey]) -> None:
    """What is now known of each product: its summary, or why its last page gave none."""
    summaries, rejections = tables.product_summaries, tables.rejected_pages
    with warehouse.begin() as connection:
        known = {
            ProductKey(row.marketplace, row.asin): row
            for row in connection.execute(
                select(summaries).where(
                    is_current(summaries),
                    tuple_(summaries.c.marketplace, summaries.c.asin).in_(keys),
                )
            )
        }
        refused = {
            ProductKey(row.marketplace, row.asin): row.reason
            for row in connection.execute(
                select(rejections)
                .where(
                    is_current(rejections),
                    tuple_(rejections.c.marketplace, rejections.c.asin).in_(keys),
                )
                .order_by(rejections.c.captured_at)
            )
        }
    for key in keys:
        row = known.get(key)
        if row is None or row.title is None:
            console.print(
                f"{key}: no snapshot; {refused.get(key, 'no page came')}",
                style="yellow",
                highlight=False,
                markup=False,
                soft_wrap=True,
            )
            continue
        price = (
            f"{row.price} {row.currency}"
            if row.price is not None
            else f"no price ({row.price_missing_reason})"
        )
        rating = f"{row.rating} of 5 ({row.rating_count} ratings)" if row.rating else "no rating"
        console.print(
            f"{key}: {row.title[:70]} | {price} | {rating} | {row.availability}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
