"""The schedules. Off the full hour, when everybody else's run."""

from dagster import RunRequest, ScheduleEvaluationContext, schedule

from insights_assets.capture.assets import RAW_PAGES
from insights_assets.serving.assets import PRODUCT_SUMMARIES
from insights_jobs.jobs import DERIVED, scope_run_config, whole_graph
from insights_jobs.retention import remove_old_rows, retention


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


SCHEDULES = [daily_batch, monthly_retention]
