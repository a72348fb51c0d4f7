"""How an asset that is a published table runs: resolve the scopes, rebuild, report.

The one place that knows how a rebuild looks in Dagster: progress in the run's log, row counts by
day, a failed audit as a failed check, an error of ours as a failure with its message alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any

from dagster import (
    AssetCheckEvaluation,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetExecutionContext,
    AssetKey,
    Failure,
    MetadataValue,
    asset_check,
)
from sqlalchemy import Table, func, select

from insights_assets.run_scope import ScopeConfig, describe_scopes, work_of_run
from insights_resources.errors import (
    AuditFailedError,
    DayNotServableError,
    InsightsError,
    PermanentProviderError,
)
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.contract_views import contract_name
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import PublishedBuild, is_current
from insights_resources.wiring import WarehouseResource

AUDIT_CHECK = "audit"
#: Metadata of a failure after which a later run cannot succeed either.
PERMANENT = "is_permanent"

#: Rebuilds one scope and says what it published.
Rebuild = Callable[[Scope], Sequence[PublishedBuild]]
#: The same for some of the tables of a step.
RebuildOfSome = Callable[[Scope, Sequence[Table]], Sequence[PublishedBuild]]


@contextmanager
def failures_without_traceback(context: AssetExecutionContext) -> Iterator[None]:
    """An ``InsightsError`` says all there is to say: show its message, and do not retry it."""
    try:
        yield
    except AuditFailedError as error:
        context.instance.report_runless_asset_event(
            AssetCheckEvaluation(
                asset_key=_asset_of(context, error.table_name),
                check_name=AUDIT_CHECK,
                passed=False,
                severity=AssetCheckSeverity.ERROR,
                metadata={"problem": MetadataValue.text(str(error))},
            )
        )
        raise Failure(description=str(error), allow_retries=False) from error
    except InsightsError as error:
        # A day that cannot be served is over; a later run asks for a later one.
        is_permanent = isinstance(error, PermanentProviderError) and not isinstance(
            error, DayNotServableError
        )
        raise Failure(
            description=str(error), metadata={PERMANENT: is_permanent}, allow_retries=False
        ) from error


def _asset_of(context: AssetExecutionContext, table_name: str) -> AssetKey:
    """The asset of the step that is this table."""
    keys = {key.path[-1]: key for key in context.selected_asset_keys}
    return keys[contract_name(tables.metadata.tables[f"{tables.INTERNAL_SCHEMA}.{table_name}"])]


def rebuild_published_asset(
    context: AssetExecutionContext,
    config: ScopeConfig,
    warehouse: Warehouse,
    *,
    table: Table,
    upstream: Sequence[Table],
    reach_days: int,
    rebuild: Rebuild,
) -> list[date]:
    """Rebuilds what the run covers of a table by days, and reports it by partition.

    Returns the days that were rebuilt, in order: those of the run, or others that were pending.
    """
    return rebuild_published_assets(
        context,
        config,
        warehouse,
        {context.asset_key: table},
        upstream=upstream,
        reach_days=reach_days,
        rebuild=lambda scope, of: rebuild(scope),
    )


def rebuild_published_assets(
    context: AssetExecutionContext,
    config: ScopeConfig,
    warehouse: Warehouse,
    assets: Mapping[AssetKey, Table],
    *,
    upstream: Sequence[Table],
    reach_days: int,
    rebuild: RebuildOfSome,
) -> list[date]:
    """The same for tables that are rebuilt together; each scope for the tables that need it."""
    works = {
        key: work_of_run(
            context, config, warehouse, consumer=table, upstream=upstream, reach_days=reach_days
        )
        for key, table in assets.items()
    }
    needed: dict[Scope, list[Table]] = {}
    for key, work in works.items():
        for scope in work.scopes:
            needed.setdefault(scope, []).append(assets[key])
    context.log.info(f"covers {describe_scopes(needed)}")
    for scope, of in needed.items():
        for build in rebuild(scope, of):
            log_build(context, build)
    for key, table in assets.items():
        works[key].done(warehouse, table)
        counts = report_rows_by_day(context, warehouse, table, key)
        total = sum(counts.values())
        rows = f"{total:,} {'row' if total == 1 else 'rows'}"
        context.log.info(f"{table.name}: {rows} for {days_of_run(context)}")
    return sorted({day for scope in needed for day in scope.days})


def days_of_run(context: AssetExecutionContext) -> str:
    """For the run's log: the days of its partitions."""
    keys = context.partition_keys
    return keys[0] if len(keys) == 1 else f"{keys[0]} to {keys[-1]}"


def log_build(context: AssetExecutionContext, build: PublishedBuild) -> None:
    context.log.info(
        f"{build.table_name}: build {build.build_id} published, {build.row_count} rows: "
        f"{build.rows_added} added, {build.rows_changed} changed, {build.rows_removed} removed, "
        f"{build.row_count - build.rows_added - build.rows_changed} as before"
    )


def report_rows_by_day(
    context: AssetExecutionContext, warehouse: Warehouse, table: Table, key: AssetKey | None = None
) -> dict[date, int]:
    """Adds the rows that stand for each day of the run to that day's materialization. ``key``: of
    the asset, where the run's step has several."""
    keys = context.partition_keys
    first, last = date.fromisoformat(keys[0]), date.fromisoformat(keys[-1])
    query = (
        select(table.c.day, func.count())
        .where(table.c.day.between(first, last))
        .group_by(table.c.day)
    )
    if table.info["versioned"]:
        query = query.where(is_current(table))
    with warehouse.begin() as connection:
        counts = {row[0]: int(row[1]) for row in connection.execute(query)}
    for day in keys:
        context.add_asset_metadata(
            {"dagster/partition_row_count": counts.get(date.fromisoformat(day), 0)},
            asset_key=key,
            partition_key=day,
        )
    return counts


def audit_check(key: AssetKey, table: Table) -> AssetChecksDefinition:
    """The check that shows the audit of the table's last build."""

    @asset_check(
        asset=key,
        name=AUDIT_CHECK,
        blocking=True,
        description=(
            f"The last build of {table.name} passed its audit. A build that fails it is never "
            f"published: consumers keep the last good rows."
        ),
    )
    def check(warehouse: WarehouseResource) -> AssetCheckResult:
        builds = tables.builds
        with warehouse.open().begin() as connection:
            build = connection.execute(
                select(builds)
                .where(builds.c.table_name == table.name, builds.c.status != "open")
                .order_by(builds.c.build_id.desc())
                .limit(1)
            ).first()
        if build is None:
            return AssetCheckResult(
                passed=True, description="nothing has been built yet", metadata={"build": "none"}
            )
        findings: list[dict[str, Any]] = build.audit or []
        return AssetCheckResult(
            passed=build.status == "published",
            metadata={
                "build": build.build_id,
                "status": build.status,
                "rows": build.row_count or 0,
                "findings": MetadataValue.md(_findings_table(findings)),
            },
        )

    return check


def _findings_table(findings: Sequence[dict[str, Any]]) -> str:
    lines = ["| check | passed | detail |", "|---|---|---|"]
    lines += [
        f"| {finding['check']} | {'yes' if finding['passed'] else '**no**'} | {finding['detail']} |"
        for finding in findings
    ]
    return "\n".join(lines)
