"""The job ``retention``: removes rows that are older than the retention file says. ``insights
retention`` does the same.

By itself it only says what it would remove; its schedule, off until switched on, asks for more.
"""

from pathlib import Path

from dagster import Config, Failure, MetadataValue, OpExecutionContext, job, op
from pydantic import Field

from insights_assets.retention import Removal, apply_retention, planned_removals
from insights_assets.retention_policy import read_retention_file
from insights_jobs.jobs import BACKGROUND
from insights_resources.errors import InsightsError
from insights_resources.scope import today_utc
from insights_resources.wiring import (
    CacheResource,
    PageArchiveResource,
    ProjectFiles,
    WarehouseResource,
)


class RetentionConfig(Config):
    """Whether to remove."""

    apply: bool = Field(
        default=False, description="Remove; otherwise only say what would be removed."
    )


@op
def remove_old_rows(
    context: OpExecutionContext,
    config: RetentionConfig,
    warehouse: WarehouseResource,
    page_archive: PageArchiveResource,
    cache: CacheResource,
    files: ProjectFiles,
) -> None:
    """Removes what is older than the policy says, and reports it in the log and as metadata."""
    database, done = warehouse.open(), []
    try:
        policy = read_retention_file(Path(files.retention_file))
        removals = (
            apply_retention(
                database, page_archive.open(), cache.open(database), policy, today_utc()
            )
            if config.apply
            else planned_removals(database, policy, today_utc())
        )
        for removal in removals:
            context.log.info(f"{'removed' if config.apply else 'would remove'} {removal}")
            done.append(removal)
    except InsightsError as error:
        # What was removed before is not undone by it: the report says so.
        raise Failure(
            description=str(error),
            metadata=_report(done, applied=config.apply),
            allow_retries=False,
        ) from error
    context.log.info("nothing is old enough" if not done else f"{len(done)} removals")
    context.add_output_metadata(_report(done, applied=config.apply))


def _report(removals: list[Removal], *, applied: bool) -> dict[str, MetadataValue]:
    lines = ["| of | removed | why | stay |", "|---|---:|---|---:|"]
    lines += [f"| {each.what} | {each.count:,} | {each.why} | {each.kept:,} |" for each in removals]
    return {
        "removed" if applied else "would be removed": MetadataValue.int(
            sum(each.count for each in removals)
        ),
        "report": MetadataValue.md("\n".join(lines)),
    }


@job(
    description="Removes rows older than the retention file says; says what it would remove unless "
    "its config says apply.",
    tags={**BACKGROUND, "dagster/priority": "-10"},
)
def retention() -> None:
    remove_old_rows()
