"""The asset of competitive reports."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from dagster import AssetExecutionContext, MetadataValue, asset
from pydantic import Field

from insights_assets.alerts.assets import ALERTS
from insights_assets.competition.assets import COMPETITIVE_SCORES
from insights_assets.competition.group_analysis import analyses_in_cache
from insights_assets.features.assets import PRODUCT_FEATURES
from insights_assets.partitions import DAILY, SINGLE_RUN
from insights_assets.published_asset import failures_without_traceback, rebuild_published_asset
from insights_assets.reports.inputs import HISTORY_DAYS
from insights_assets.reports.narratives import ModelWriter, NotAsked
from insights_assets.reports.rebuild import (
    StoredReport,
    current_reports,
    rebuild_reports,
    write_report_files,
)
from insights_assets.reports.rendering import charts_as_markdown
from insights_assets.run_scope import ScopeConfig
from insights_assets.snapshots.assets import PRODUCT_SNAPSHOTS
from insights_assets.table_metadata import OWNERS, asset_key, table_metadata
from insights_resources.language_model import LanguageModel
from insights_resources.scope import today_utc
from insights_resources.warehouse import tables
from insights_resources.wiring import (
    CacheResource,
    LanguageModelResource,
    ProjectFiles,
    WarehouseResource,
)

COMPETITIVE_REPORTS = asset_key("reports", "competitive_reports")

#: Days before today of which a language model writes reports without being told to: the daily
#: batch's yesterday.
_DAYS_BACK = 1


class ReportConfig(ScopeConfig):
    """What a run covers, and who writes."""

    narrative: Literal["recent", "model", "structured"] = Field(
        default="recent",
        description=(
            "recent: a configured language model writes the reports of today and yesterday, the "
            "structured writer those of earlier days. model: the model writes all of them; the "
            "run's log names the cost first. structured: the structured writer writes all."
        ),
    )
    ask_again: bool = Field(
        default=False,
        description="Ask the model also where it has answered the same facts before.",
    )


@asset(
    key=COMPETITIVE_REPORTS,
    group_name="reports",
    kinds={"python", "markdown", "openai"},
    owners=OWNERS,
    code_version="1",
    partitions_def=DAILY,
    backfill_policy=SINGLE_RUN,
    deps=[COMPETITIVE_SCORES, PRODUCT_FEATURES, PRODUCT_SNAPSHOTS, ALERTS],
    metadata=table_metadata(tables.competitive_reports, look_back_days=HISTORY_DAYS),
)
def competitive_reports(
    context: AssetExecutionContext,
    config: ReportConfig,
    warehouse: WarehouseResource,
    files: ProjectFiles,
    cache: CacheResource,
    language_model: LanguageModelResource,
) -> None:
    """A verified report with recommendations for each group and day.

    Grain: day, group. Inputs: the day's scores, the features and alerts of the 30 days before it.
    A language model writes it where one is configured, else, and whenever that fails, the
    structured writer. Every claim of a sentence matches the facts that it cites, or it is dropped.
    Stored as JSON, Markdown and one HTML page with charts, also written to the folder of reports;
    the Markdown is shown here, with the charts of the run's last day. Idempotent: equal facts keep
    the stored report, and an answer is paid for once. The analyses of the groups that changed are
    put into the cache. Read by people.
    """
    database = warehouse.open()
    in_cache = analyses_in_cache(database, cache.open(database))
    folder = Path(files.reports_folder)
    writer = _model_writer(context, config, language_model.open(database), language_model.workers)
    with failures_without_traceback(context):
        days = rebuild_published_asset(
            context,
            config,
            database,
            table=tables.competitive_reports,
            upstream=[tables.competitive_scores, tables.product_features, tables.alerts],
            # Charts and alerts of a report go back so far.
            reach_days=HISTORY_DAYS - 1,
            rebuild=lambda scope: [
                rebuild_reports(
                    database,
                    scope,
                    run_id=context.run.run_id,
                    observer=in_cache,
                    locale=files.locale,
                    model_writer=writer,
                    why_no_model=_why_no_model(config, writer),
                )
            ],
        )
        for day in days:
            reports = current_reports(database, day)
            for report in reports:
                write_report_files(database, folder, day, report.group_id)
            if reports and day.isoformat() in context.partition_keys:
                is_last = day.isoformat() == context.partition_keys[-1]
                _show(context, day, reports, folder, with_charts=is_last)


def _model_writer(
    context: AssetExecutionContext,
    config: ReportConfig,
    model: LanguageModel | None,
    workers: int,
) -> ModelWriter | None:
    if model is None or config.narrative == "structured":
        return None
    return ModelWriter(
        model,
        first_day=date.min
        if config.narrative == "model"
        else today_utc() - timedelta(days=_DAYS_BACK),
        workers=workers,
        run_id=context.run.run_id,
        anew=config.ask_again,
        log=context.log.info,
    )


def _why_no_model(config: ReportConfig, writer: ModelWriter | None) -> str | None:
    """Why the model is not asked for the other reports; None: because the run says so."""
    if config.narrative == "structured":
        return None
    return NotAsked.NO_MODEL.value if writer is None else NotAsked.BACKFILL.value


def _show(
    context: AssetExecutionContext,
    day: date,
    reports: Sequence[StoredReport],
    folder: Path,
    *,
    with_charts: bool,
) -> None:
    """Adds the day's reports to its materialization. Charts are large, and every event is kept for
    ever: a long backfill shows those of one day only."""
    metadata: dict[str, Any] = {
        "reports": MetadataValue.md("\n\n---\n\n".join(report.markdown for report in reports)),
        "folder": MetadataValue.path(str(folder / day.isoformat())),
        "writers": MetadataValue.json(dict(Counter(report.writer for report in reports))),
        "fallbacks": MetadataValue.json(
            dict(Counter(report.fallback_reason for report in reports if report.fallback_reason))
        ),
        "tokens": sum(report.tokens for report in reports),
        "cost_usd": float(sum((report.cost or Decimal(0) for report in reports), Decimal(0))),
    }
    if with_charts:
        metadata["charts"] = MetadataValue.md(
            "\n\n".join(charts_as_markdown(report.html) for report in reports)
        )
    context.add_asset_metadata(metadata, partition_key=day.isoformat())
