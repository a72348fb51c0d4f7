"""The asset of competitive reports."""

from datetime import date
from pathlib import Path

from dagster import AssetExecutionContext, MetadataValue, asset

from insights_assets.alerts.assets import ALERTS
from insights_assets.competition.assets import COMPETITIVE_SCORES
from insights_assets.features.assets import PRODUCT_FEATURES
from insights_assets.partitions import DAILY, SINGLE_RUN
from insights_assets.published_asset import failures_without_traceback, rebuild_published_asset
from insights_assets.reports.rebuild import rebuild_reports, write_report_files
from insights_assets.run_scope import ScopeConfig
from insights_assets.snapshots.assets import PRODUCT_SNAPSHOTS
from insights_assets.table_metadata import OWNERS, asset_key, table_metadata
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import select_current
from insights_resources.wiring import ProjectFiles, WarehouseResource

COMPETITIVE_REPORTS = asset_key("reports", "competitive_reports")


@asset(
    key=COMPETITIVE_REPORTS,
    group_name="reports",
    kinds={"python", "markdown"},
    owners=OWNERS,
    code_version="1",
    partitions_def=DAILY,
    backfill_policy=SINGLE_RUN,
    deps=[COMPETITIVE_SCORES, PRODUCT_FEATURES, PRODUCT_SNAPSHOTS, ALERTS],
    metadata=table_metadata(tables.competitive_reports, look_back_days=30),
)
def competitive_reports(
    context: AssetExecutionContext,
    config: ScopeConfig,
    warehouse: WarehouseResource,
    files: ProjectFiles,
) -> None:
    """A verified report with recommendations for each group and day.

    Grain: day, group. Inputs: the day's scores, the features and alerts of the 30 days before it.
    Every number in a sentence matches a fact that it cites, or the sentence is dropped. Stored as
    JSON, Markdown and one HTML page with charts, also written to the folder of reports; the
    Markdown is shown here. Idempotent: equal facts keep the stored report. Read by people.
    """
    database = warehouse.open()
    folder = Path(files.reports_folder)
    with failures_without_traceback(context):
        rebuild_published_asset(
            context,
            config,
            database,
            table=tables.competitive_reports,
            upstream=[tables.competitive_scores, tables.alerts],
            reach_days=0,
            rebuild=lambda scope: [rebuild_reports(database, scope, run_id=context.run.run_id)],
        )
        for key in context.partition_keys:
            day = date.fromisoformat(key)
            stored = _reports_of(database, day)
            written = {
                group_id: write_report_files(database, folder, day, group_id) for group_id in stored
            }
            if not stored:
                continue
            context.add_asset_metadata(
                {
                    "reports": MetadataValue.md("\n\n---\n\n".join(stored.values())),
                    "files": MetadataValue.json(
                        {group: [path.name for path in paths] for group, paths in written.items()}
                    ),
                    "folder": MetadataValue.path(str(folder / key)),
                },
                partition_key=key,
            )


def _reports_of(warehouse: Warehouse, day: date) -> dict[str, str]:
    """Group -> Markdown of the day's current reports."""
    table = tables.competitive_reports
    query = select_current(table, table.c.group_id, table.c.markdown).where(table.c.day == day)
    with warehouse.begin() as connection:
        return {
            row.group_id: row.markdown
            for row in connection.execute(query.order_by(table.c.group_id))
        }
