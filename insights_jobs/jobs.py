"""The jobs: which part of the graph runs together.

``insights/urgency`` is what the instance's concurrency limits go by (see dagster.yaml): background
runs never take the last slot.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from dagster import AssetKey, AssetSelection, define_asset_job

from insights_assets.alerts.assets import ALERTS
from insights_assets.capture.assets import RAW_PAGES
from insights_assets.competition.assets import COMPETITIVE_SCORES
from insights_assets.features.assets import PRODUCT_FEATURES, RANK_FEATURES, features
from insights_assets.reports.assets import COMPETITIVE_REPORTS
from insights_assets.serving.assets import PRODUCT_SUMMARIES
from insights_assets.snapshots.assets import PRODUCT_SNAPSHOTS
from insights_assets.snapshots.drift import SMALL_MARKETPLACES
from insights_resources.marketplaces import ProductKey, marketplace

URGENCY_TAG = "insights/urgency"
BACKGROUND = {URGENCY_TAG: "background"}
URGENT = {URGENCY_TAG: "urgent", "dagster/priority": "10"}
#: Of a run that serves tracking requests: their ``run_key``.
TRACKING_TAG = "insights/tracking"

FIRST_DAY_TAG = "dagster/asset_partition_range_start"

#: Everything that a day's pages lead to. All partitioned, all rebuilt from the archive.
DERIVED = [
    PRODUCT_SNAPSHOTS,
    PRODUCT_FEATURES,
    RANK_FEATURES,
    COMPETITIVE_SCORES,
    ALERTS,
    COMPETITIVE_REPORTS,
]
#: The part of it that follows a page within minutes.
FAST = [PRODUCT_SNAPSHOTS, PRODUCT_FEATURES, RANK_FEATURES, ALERTS, PRODUCT_SUMMARIES]

#: Assets whose run takes a ``ScopeConfig``.
_CONFIGURED = frozenset({RAW_PAGES, PRODUCT_SUMMARIES, *DERIVED})

whole_graph = define_asset_job(
    "whole_graph",
    AssetSelection.all(),
    description="Everything for the days of the run, from the catalog and the pages to the marts.",
    tags=BACKGROUND,
)
micro_batch = define_asset_job(
    "micro_batch",
    AssetSelection.assets(*FAST),
    description="What is pending: pages that came in, and everything that follows within minutes.",
)
on_demand = define_asset_job(
    "on_demand",
    AssetSelection.assets(RAW_PAGES, *FAST),
    description="Captures some products now, and everything that follows within minutes.",
    tags=URGENT,
)
capture_due = define_asset_job(
    "capture_due",
    AssetSelection.assets(RAW_PAGES, *FAST),
    description="Captures live pages that are due between two daily batches, and what follows.",
    tags=BACKGROUND,
)
rebuild_derived = define_asset_job(
    "rebuild_derived",
    AssetSelection.assets(*DERIVED),
    description="Rebuilds days from the archived pages, after a better parser or formula.",
    tags=BACKGROUND,
)

JOBS = [whole_graph, micro_batch, on_demand, capture_due, rebuild_derived]


#: Steps that make several assets.
_SHARED_STEPS = dict.fromkeys(features.keys, features.op.name)


def step_of(asset: AssetKey) -> str:
    """The step that makes the asset, as runs and their configuration name it."""
    return _SHARED_STEPS.get(asset, asset.to_python_identifier())


def scope_run_config(
    assets: Iterable[AssetKey],
    *,
    covers: Literal["partitions", "pending", "partitions_and_pending"] = "partitions",
    products: Iterable[ProductKey] = (),
) -> dict[str, Any]:
    """Run config that gives each of these assets the same scope."""
    scope = {"covers": covers, "products": sorted(map(str, products))}
    return {"ops": {step_of(key): {"config": dict(scope)} for key in assets if key in _CONFIGURED}}


def on_demand_config(
    products: Iterable[ProductKey], *, even_if_fresh: bool = False
) -> dict[str, Any]:
    """Run config of ``on_demand`` and ``capture_due``: these products as they are now;
    ``even_if_fresh``: also those whose live page is young enough."""
    config = scope_run_config([RAW_PAGES, *FAST], products=products)
    config["ops"][step_of(RAW_PAGES)]["config"] |= {"anew": True, "even_if_fresh": even_if_fresh}
    return config


def accepted_drift_config(marketplaces: Iterable[str]) -> dict[str, Any]:
    """Run config that takes the changes of these marketplaces for real, in snapshots.

    Raises ``InvalidInputError`` for what is no marketplace.
    """
    accepted = [
        name if name == SMALL_MARKETPLACES else marketplace(name).domain for name in marketplaces
    ]
    key = PRODUCT_SNAPSHOTS.to_python_identifier()
    return {"ops": {key: {"config": {"accept_drift": accepted}}}} if accepted else {}


def narrative_config(narrative: str) -> dict[str, Any]:
    """Run config that says who writes the reports (see ``ReportConfig``)."""
    key = COMPETITIVE_REPORTS.to_python_identifier()
    return {"ops": {key: {"config": {"narrative": narrative}}}}


def range_tags(first_day: str, last_day: str) -> dict[str, str]:
    """Run tags for a range of partitions as one run."""
    return {
        FIRST_DAY_TAG: first_day,
        "dagster/asset_partition_range_end": last_day,
    }
