"""Puts the platform together: used by Dagster, by the tests and by the command line alike."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from dagster import Definitions, in_process_executor, load_asset_checks_from_modules
from dagster import load_assets_from_modules as load_assets

import insights_assets.alerts.assets as alerts
import insights_assets.alerts.checks as alerts_checks
import insights_assets.capture.assets as capture
import insights_assets.capture.checks as capture_checks
import insights_assets.catalog.assets as catalog
import insights_assets.catalog.checks as catalog_checks
import insights_assets.competition.assets as competition
import insights_assets.competition.checks as competition_checks
import insights_assets.features.assets as features
import insights_assets.features.checks as features_checks
import insights_assets.reports.assets as reports
import insights_assets.reports.checks as reports_checks
import insights_assets.serving.assets as serving
import insights_assets.serving.checks as serving_checks
import insights_assets.snapshots.assets as snapshots
import insights_assets.snapshots.checks as snapshots_checks
from insights_jobs.charts import charts
from insights_jobs.jobs import JOBS
from insights_jobs.retention import retention
from insights_jobs.schedules import SCHEDULES
from insights_jobs.sensors import SENSORS
from insights_resources.settings import read_settings
from insights_resources.wiring import build_resources

ASSET_MODULES = [
    catalog,
    capture,
    snapshots,
    features,
    competition,
    alerts,
    reports,
    serving,
]
CHECK_MODULES = [
    catalog_checks,
    capture_checks,
    snapshots_checks,
    features_checks,
    competition_checks,
    alerts_checks,
    reports_checks,
    serving_checks,
]


def build_definitions(resource_overrides: Mapping[str, Any] | None = None) -> Definitions:
    """The whole platform over the settings of the environment.

    ``resource_overrides`` replaces resources by name (tests: a warehouse of their own).
    """
    return Definitions(
        assets=load_assets(ASSET_MODULES),
        asset_checks=load_asset_checks_from_modules(CHECK_MODULES),
        jobs=[*JOBS, charts, retention],
        schedules=SCHEDULES,
        sensors=SENSORS,
        resources={**build_resources(read_settings(os.environ)), **(resource_overrides or {})},
        # A run of small steps: a process for each would take three times as long.
        executor=in_process_executor,
    )
