"""The asset of alerts."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from dagster import AssetExecutionContext, asset

from insights_assets.alerts.confirmation import request_confirmations
from insights_assets.alerts.default_rules import sync_default_rules
from insights_assets.alerts.rebuild import enabled_rules, rebuild_alerts
from insights_assets.alerts.rule_file import read_catalog_rules, sync_catalog_rules
from insights_assets.features.assets import PRODUCT_FEATURES
from insights_assets.partitions import DAILY, SINGLE_RUN
from insights_assets.published_asset import failures_without_traceback, rebuild_published_asset
from insights_assets.run_scope import ScopeConfig
from insights_assets.table_metadata import OWNERS, asset_key, table_metadata
from insights_resources.scope import Scope, today_utc
from insights_resources.warehouse import tables
from insights_resources.warehouse.publication import PublishedBuild
from insights_resources.wiring import ProjectFiles, WarehouseResource

ALERTS = asset_key("alerts", "alerts")


@asset(
    key=ALERTS,
    group_name="alerts",
    kinds={"python", "pandas"},
    owners=OWNERS,
    code_version="1",
    partitions_def=DAILY,
    backfill_policy=SINGLE_RUN,
    deps=[PRODUCT_FEATURES],
    metadata=table_metadata(tables.alerts),
)
def alerts(
    context: AssetExecutionContext,
    config: ScopeConfig,
    warehouse: WarehouseResource,
    files: ProjectFiles,
) -> None:
    """One row each time that a rule fires for a product.

    Grain: one alert. Inputs: the features day by day, the rules (`alert_rules`, brought up to date
    with the platform's own and the catalog file's first), and the state of each rule on the day
    before (`alert_states`). A rule fires when its condition becomes true and is armed again
    when it has been false; a failed capture fires nothing. Idempotent: ids are deterministic, a
    rebuild gives the same alerts. Only alerts of today are announced in the run's log: a rebuild
    of the past notifies nobody, and only a stock-out of today asks for the second capture that
    confirms it. Read by people, reports and summaries.
    """
    database = warehouse.open()
    today = today_utc()

    def rebuild(scope: Scope) -> Sequence[PublishedBuild]:
        built = rebuild_alerts(database, scope, run_id=context.run.run_id)
        of_today = built.new_alerts[built.new_alerts["day"] == pd.Timestamp(today)]
        for severity, message in zip(of_today["severity"], of_today["message"], strict=True):
            context.log.warning(f"alert ({severity}): {message}")
        for key in request_confirmations(
            database, enabled_rules(database), scope, datetime.now(UTC)
        ):
            context.log.info(f"{key} is out of stock: a second capture is asked for")
        return [built.states, built.alerts]

    with failures_without_traceback(context):
        sync_catalog_rules(database, read_catalog_rules(Path(files.catalog_file)))
        sync_default_rules(database)
        rebuild_published_asset(
            context,
            config,
            database,
            table=tables.alerts,
            upstream=[tables.product_features],
            reach_days=0,
            rebuild=rebuild,
        )
