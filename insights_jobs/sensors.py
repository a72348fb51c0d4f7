"""The sensors: they read what is pending from the warehouse, so nothing is lost between ticks."""

from dagster import (
    DagsterRunStatus,
    DefaultSensorStatus,
    RunRequest,
    RunsFilter,
    SensorEvaluationContext,
    SkipReason,
    sensor,
)
from sqlalchemy import func, or_, select

from insights_assets.features.product_features import LOOK_BACK_DAYS
from insights_assets.partitions import DAILY
from insights_assets.snapshots.rebuild import pending_scopes
from insights_jobs.jobs import FAST, micro_batch, range_tags, scope_run_config
from insights_jobs.micro_batch_plan import DayRange, plan_runs
from insights_resources.scope import today_utc
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import pending
from insights_resources.wiring import WarehouseResource

MICRO_BATCH_SECONDS = 300

_UNFINISHED = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
]
#: What the micro-batch rebuilds from published rows, and from which.
_FOLLOWING = (
    (tables.product_features, (tables.product_snapshots,)),
    (tables.rank_features, (tables.product_snapshots,)),
    (tables.alerts, (tables.product_features,)),
)
#: What the summaries show the newest of.
_SUMMARIZED = (
    tables.product_snapshots,
    tables.product_features,
    tables.rank_features,
    tables.competitive_scores,
    tables.alerts,
)


def pending_days(warehouse: Warehouse) -> set[DayRange]:
    """The days with pages to parse, or with rows that a later layer has not taken in yet."""
    days = {DayRange(scope.first_day, scope.last_day) for scope in pending_scopes(warehouse)}
    for consumer, upstream in _FOLLOWING:
        for build in pending(warehouse, consumer, upstream):
            if build.first_day is not None and build.last_day is not None:
                days.add(DayRange(build.first_day, build.last_day))
    return days | _days_not_summarized(warehouse)


def _days_not_summarized(warehouse: Warehouse) -> set[DayRange]:
    """The days of what was published since the summaries were last rebuilt."""
    builds = tables.builds
    is_published = builds.c.status == "published"
    last_rebuild = (
        select(func.max(builds.c.started_at))
        .where(is_published, builds.c.table_name == tables.product_summaries.name)
        .scalar_subquery()
    )
    query = (
        select(builds.c.first_day, builds.c.last_day)
        .where(
            is_published,
            builds.c.table_name.in_([table.name for table in _SUMMARIZED]),
            or_(builds.c.rows_added > 0, builds.c.rows_changed > 0, builds.c.rows_removed > 0),
            builds.c.first_day.is_not(None),
            or_(last_rebuild.is_(None), builds.c.published_at > last_rebuild),
        )
        .distinct()
    )
    with warehouse.read() as connection:
        return {DayRange(*row) for row in connection.execute(query)}


@sensor(
    job=micro_batch,
    minimum_interval_seconds=MICRO_BATCH_SECONDS,
    default_status=DefaultSensorStatus.RUNNING,
    description="Every 5 minutes: parses the pages that came in and rebuilds what follows.",
)
def micro_batch_sensor(
    context: SensorEvaluationContext, warehouse: WarehouseResource
) -> list[RunRequest] | SkipReason:
    """One run for each stretch of days with something pending; none while one is under way."""
    unfinished = context.instance.get_runs(
        RunsFilter(job_name=micro_batch.name, statuses=_UNFINISHED), limit=1
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
    return [
        RunRequest(
            run_config=scope_run_config(FAST, covers="pending"),
            tags=range_tags(days.first.isoformat(), days.last.isoformat()),
        )
        for days in runs
    ]


SENSORS = [micro_batch_sensor]
