"""The definitions as a Dagster user meets them: complete, described, and changed on purpose only.

After an intended change, write the snapshot anew:
``python -m tests.unit.jobs.test_definitions``.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from dagster import AssetKey, AssetSpec, BackfillPolicy, Definitions

from insights_jobs.build import build_definitions
from insights_resources.warehouse import tables
from insights_resources.warehouse.frames import own_columns

SNAPSHOT = Path(__file__).with_name("definitions_snapshot.json")

EXPECTED_ASSETS = {
    "catalog/products",
    "catalog/competitive_groups",
    "capture/raw_pages",
    "snapshots/product_snapshots",
    "features/product_features",
    "features/rank_features",
    "competition/competitive_scores",
    "alerts/alerts",
    "reports/competitive_reports",
    "serving/product_summaries",
    "serving/marts",
}
UNPARTITIONED = {
    "catalog/products",
    "catalog/competitive_groups",
    "serving/product_summaries",
    "serving/marts",
}


@pytest.fixture(scope="module")
def definitions() -> Definitions:
    return build_definitions()


@pytest.fixture(scope="module")
def specs(definitions: Definitions) -> dict[str, AssetSpec]:
    return {"/".join(spec.key.path[1:]): spec for spec in definitions.resolve_all_asset_specs()}


def test_the_graph_has_the_assets_of_the_design(specs: dict[str, AssetSpec]) -> None:
    assert set(specs) == EXPECTED_ASSETS


def test_every_asset_is_described(specs: dict[str, AssetSpec]) -> None:
    for name, spec in specs.items():
        assert spec.key.path[0] == "insights"
        assert spec.group_name == name.split("/")[0], name
        assert spec.owners, f"{name} has no owner"
        assert spec.kinds, f"{name} has no kind"
        assert spec.code_version, f"{name} has no code version"
        described = " ".join((spec.description or "").split())
        for part in ("Grain: ", "Inputs: ", "Read by ", "dempotent"):
            assert part in described, f"{name} does not say: {part}"


def test_every_table_shows_its_columns_with_their_comments(specs: dict[str, AssetSpec]) -> None:
    by_name = {table.name.partition("_")[2]: table for table in tables.metadata.sorted_tables}
    for name, spec in specs.items():
        if name == "serving/marts":
            continue
        table = by_name[name.split("/")[1]]
        shown = spec.metadata["dagster/column_schema"]
        assert [column.name for column in shown.columns] == own_columns(table), name
        assert all(column.description for column in shown.columns), name
        assert spec.metadata["dagster/table_name"] == f"insights.{name.split('/')[1]}"


def test_column_lineage_names_columns_that_exist(specs: dict[str, AssetSpec]) -> None:
    columns = {
        spec.key: {column.name for column in spec.metadata["dagster/column_schema"].columns}
        for name, spec in specs.items()
        if name != "serving/marts"
    }
    with_lineage = [spec for spec in specs.values() if "dagster/column_lineage" in spec.metadata]
    assert len(with_lineage) >= 4
    for spec in with_lineage:
        for sources in spec.metadata["dagster/column_lineage"].deps_by_column.values():
            for source in sources:
                assert source.column_name in columns[source.asset_key], (spec.key, source)


def test_dated_assets_are_days_up_to_today_and_run_as_one(
    definitions: Definitions, specs: dict[str, AssetSpec]
) -> None:
    graph = definitions.resolve_asset_graph()
    for name, spec in specs.items():
        node = graph.get(spec.key)
        if name in UNPARTITIONED:
            assert node.partitions_def is None
            continue
        assert node.backfill_policy == BackfillPolicy.single_run(), name
        assert node.partitions_def is not None
        assert node.partitions_def.end_offset == 1, name  # type: ignore[attr-defined]


def test_days_depend_on_the_same_day_only(definitions: Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        for parent in graph.get(key).parent_keys:
            both = graph.get(key).partitions_def, graph.get(parent).partitions_def
            if None not in both:
                assert both[0] == both[1], (key, parent)


def test_keys_jobs_schedules_sensors_and_checks_are_those_of_the_snapshot(
    definitions: Definitions,
) -> None:
    assert describe(definitions) == json.loads(SNAPSHOT.read_text(encoding="utf-8"))


def describe(definitions: Definitions) -> dict[str, object]:
    """Everything that others may refer to by name."""
    graph = definitions.resolve_asset_graph()

    def dependencies(key: AssetKey) -> list[str]:
        return sorted(parent.to_user_string() for parent in graph.get(key).parent_keys)

    repository = definitions.get_repository_def()
    return {
        "assets": {
            key.to_user_string(): dependencies(key) for key in sorted(graph.get_all_asset_keys())
        },
        "checks": sorted(
            f"{key.asset_key.to_user_string()}: {key.name}" for key in graph.asset_check_keys
        ),
        "jobs": {
            job.name: sorted(key.to_user_string() for key in job.asset_layer.executable_asset_keys)
            for job in repository.get_all_jobs()
            if not job.name.startswith("__")
        },
        "schedules": {
            schedule.name: [schedule.cron_schedule, schedule.job_name]
            for schedule in repository.schedule_defs
        },
        "sensors": {
            sensor.name: [sensor.minimum_interval_seconds, sensor.job_name]
            for sensor in repository.sensor_defs
        },
        "resources": sorted(repository.get_top_level_resources()),
    }


if __name__ == "__main__":
    SNAPSHOT.write_text(
        json.dumps(describe(build_definitions()), indent=2, sort_keys=True) + "\n",
        encoding="utf-8",
    )
