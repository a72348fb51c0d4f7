"""The schedules. Off the full hour, when everybody else's run."""

from datetime import UTC, datetime

from dagster import RunRequest, RunsFilter, ScheduleEvaluationContext, SkipReason, schedule

from insights_assets.capture.assets import RAW_PAGES
from insights_assets.capture.freshness import due_products
from insights_assets.serving.assets import PRODUCT_SUMMARIES
from insights_jobs.jobs import (
    DERIVED,
    capture_due,
    on_demand_config,
    range_tags,
    scope_run_config,
    whole_graph,
)
from insights_jobs.retention import remove_old_rows, retention
from insights_jobs.runs import UNFINISHED
from insights_resources.page_providers.protocol import LivePageProvider
from insights_resources.wiring import CaptureLimits, PageProviderResource, WarehouseResource

#: Products of one run: the others are due a quarter of an hour later.
DUE_OF_A_RUN = 500


@schedule(
    job=whole_graph,
    cron_schedule="23 2 * * *",
    execution_timezone="UTC",
    description=(
        "Captures every product once a day and brings everything up to date, late pages of "
        "earlier days included. Spends page credits: switched on by hand."
    ),
)
def daily_batch(context: ScheduleEvaluationContext) -> RunRequest:
    """The day that has just begun (UTC), as one run."""
    day = context.scheduled_execution_time.date().isoformat()
    return RunRequest(
        run_key=day,
        partition_key=day,
        run_config=scope_run_config(
            [RAW_PAGES, PRODUCT_SUMMARIES, *DERIVED], covers="partitions_and_pending"
        ),
    )


@schedule(
    job=capture_due,
    cron_schedule="7,22,37,52 * * * *",
    execution_timezone="UTC",
    description=(
        "Every 15 minutes: captures the live pages of products that are wanted more often than "
        "daily (capture_hours in the catalog), and those that could not be had before. Spends page "
        "credits: switched on by hand."
    ),
)
def due_captures(
    context: ScheduleEvaluationContext,
    warehouse: WarehouseResource,
    pages: PageProviderResource,
    capture_limits: CaptureLimits,
) -> RunRequest | SkipReason:
    """A run of the products that are due; none while one is under way."""
    unfinished = context.instance.get_runs(
        RunsFilter(job_name=capture_due.name, statuses=UNFINISHED), limit=1
    )
    if unfinished:
        return SkipReason(f"run {unfinished[0].run_id} is still under way")
    if not isinstance(pages.open(), LivePageProvider):
        return SkipReason("pages are not live: their provider has all of a day's at once")
    now = datetime.now(UTC)
    due = due_products(warehouse.open(), hours=capture_limits.capture_hours, now=now)
    if not due:
        return SkipReason("no product is due")
    return RunRequest(
        run_config=on_demand_config(due[:DUE_OF_A_RUN]),
        tags=range_tags(now.date().isoformat(), now.date().isoformat()),
    )


@schedule(
    job=retention,
    cron_schedule="41 4 2 * *",
    execution_timezone="UTC",
    description=(
        "Removes rows older than the retention file says, on the 2nd of each month. Switched on by "
        "hand, after a run of the job that says what it would remove."
    ),
)
def monthly_retention(context: ScheduleEvaluationContext) -> RunRequest:
    """A run that removes."""
    return RunRequest(
        run_key=context.scheduled_execution_time.date().isoformat(),
        run_config={"ops": {remove_old_rows.name: {"config": {"apply": True}}}},
    )


SCHEDULES = [daily_batch, due_captures, monthly_retention]
