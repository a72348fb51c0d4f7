"""The sensors: they read what is pending from the warehouse, so nothing is lost between ticks."""

from datetime import UTC, datetime
from itertools import takewhile

from dagster import (
    DagsterInstance,
    DefaultSensorStatus,
    RunRequest,
    RunsFilter,
    SensorEvaluationContext,
    SkipReason,
    sensor,
)

from insights_assets.features.product_features import LOOK_BACK_DAYS
from insights_assets.partitions import DAILY
from insights_assets.serving.product_summaries import SUMMARIZED
from insights_assets.snapshots.rebuild import pending_scopes
from insights_jobs.jobs import (
    FAST,
    micro_batch,
    on_demand,
    on_demand_config,
    range_tags,
    scope_run_config,
)
from insights_jobs.micro_batch_plan import LONGEST_ROW, DayRange, plan_runs, time_of_next_try
from insights_jobs.runs import UNFINISHED
from insights_jobs.tracking import plan_request_runs, request_tags, settle_requests
from insights_resources.scope import today_utc
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import pending
from insights_resources.wiring import PageProviderResource, WarehouseResource

MICRO_BATCH_SECONDS = 300
TRACKING_SECONDS = 5

#: What the micro-batch rebuilds from published rows, and from which.
_FOLLOWING = (
    (tables.product_features, (tables.product_snapshots,)),
    (tables.rank_features, (tables.product_snapshots,)),
    (tables.alerts, (tables.product_features,)),
    (tables.product_summaries, SUMMARIZED),
)


def pending_days(warehouse: Warehouse) -> set[DayRange]:
    """The days with pages to parse, or with rows that a later layer has not taken in yet."""
    days = {DayRange(scope.first_day, scope.last_day) for scope in pending_scopes(warehouse)}
    for consumer, upstream in _FOLLOWING:
        for build in pending(warehouse, consumer, upstream):
            if build.first_day is not None and build.last_day is not None:
                days.add(DayRange(build.first_day, build.last_day))
    return days


def _failures_in_a_row(instance: DagsterInstance) -> tuple[int, datetime | None]:
    """How many of the last micro-batches failed without one that succeeded since, and when the
    last of them ended."""
    records = instance.get_run_records(RunsFilter(job_name=micro_batch.name), limit=LONGEST_ROW)
    failed = list(takewhile(lambda record: record.dagster_run.is_failure, records))
    ended = failed[0].end_time if failed else None
    return len(failed), None if ended is None else datetime.fromtimestamp(ended, UTC)


@sensor(
    job=micro_batch,
    minimum_interval_seconds=MICRO_BATCH_SECONDS,
    default_status=DefaultSensorStatus.RUNNING,
    description="Every 5 minutes: parses the pages that came in and rebuilds what follows.",
)
def micro_batch_sensor(
    context: SensorEvaluationContext, warehouse: WarehouseResource
) -> list[RunRequest] | SkipReason:
    """One run for each stretch of days with something pending; none while one is under way.

    While runs go on failing, the time to the next try doubles: what fails is still pending, and
    trying every 5 minutes would only fill the event log.
    """
    unfinished = context.instance.get_runs(
        RunsFilter(job_name=micro_batch.name, statuses=UNFINISHED), limit=1
    )
    if unfinished:
        return SkipReason(f"micro-batch {unfinished[0].run_id} is still under way")
    runs = plan_runs(
        pending_days(warehouse.open()),
        reach_days=LOOK_BACK_DAYS,
        first_day=DAILY.start.date(),
        today=today_utc(),
    )
    if not runs:
        return SkipReason("nothing is pending")
    failures, failed_at = _failures_in_a_row(context.instance)
    if failed_at is not None:
        next_try = time_of_next_try(failures, failed_at, MICRO_BATCH_SECONDS)
        if datetime.now(UTC) < next_try:
            return SkipReason(
                f"the last {failures} micro-batches failed; the next try is at "
                f"{next_try:%Y-%m-%d %H:%M} UTC (or launch the job micro_batch by hand)"
            )
    return [
        RunRequest(
            run_config=scope_run_config(FAST, covers="pending"),
            tags=range_tags(days.first.isoformat(), days.last.isoformat()),
        )
        for days in runs
    ]


@sensor(
    job=on_demand,
    minimum_interval_seconds=TRACKING_SECONDS,
    default_status=DefaultSensorStatus.RUNNING,
    description=(
        "Every 5 seconds: captures the products of pending tracking requests (of SQL, the API and "
        "alerts that want a second capture), and ends the requests whose runs have ended."
    ),
)
def tracking_requests_sensor(
    context: SensorEvaluationContext,
    warehouse: WarehouseResource,
    pages: PageProviderResource,
) -> list[RunRequest] | SkipReason:
    """A run for each batch of requests whose time has come.

    A request is taken, under the key of its run, before the run is asked for: a tick that breaks
    off between loses nothing, for a later one finds requests without a run and tries again.
    """
    database = warehouse.open()
    settle_requests(database, context.instance)
    runs = plan_request_runs(database, pages.open)
    if not runs:
        return SkipReason("no request is due")
    return [
        RunRequest(
            run_key=run.run_key,
            run_config=on_demand_config(run.keys, even_if_fresh=run.even_if_fresh),
            tags={
                **range_tags(run.day.isoformat(), run.day.isoformat()),
                **request_tags(run.run_key),
            },
        )
        for run in runs
    ]


SENSORS = [micro_batch_sensor, tracking_requests_sensor]
