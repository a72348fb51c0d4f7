"""The production instance as it stands in dagster.yaml, with PostgreSQL and Redis."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from dagster import AssetKey, DagsterInstance
from dagster_postgres import (
    PostgresEventLogStorage,
    PostgresRunStorage,
    PostgresScheduleStorage,
)
from sqlalchemy.engine import make_url

from insights_assets.competition.group_analysis import read_group_analysis
from insights_assets.serving.cached_summaries import read_summary
from insights_jobs.build import build_definitions
from insights_jobs.runs import run_job
from insights_resources.cache import Count
from insights_resources.sandbox import SandboxMarket
from insights_resources.settings import PROJECT_ROOT
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import select_current
from insights_resources.wiring import open_cache

pytestmark = pytest.mark.slow

DAY = date(2025, 3, 3)


@pytest.fixture
def production(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    empty_postgres_database: str,
    postgres_warehouse_url: str,
    redis_url: str,
) -> Iterator[Warehouse]:
    """A home with the project's own dagster.yaml, and the variables of the README."""
    shutil.copy(PROJECT_ROOT / "dagster.yaml", tmp_path)
    storage = make_url(empty_postgres_database).set(drivername="postgresql+psycopg2")
    for name, value in {
        "DAGSTER_HOME": str(tmp_path),
        "DAGSTER_POSTGRES_URL": storage.render_as_string(hide_password=False),
        "INSIGHTS_DATABASE_URL": postgres_warehouse_url,
        "INSIGHTS_REDIS_URL": redis_url,
        "INSIGHTS_HOME": str(tmp_path / "home"),
        "INSIGHTS_SANDBOX_PRODUCTS": "6",
    }.items():
        monkeypatch.setenv(name, value)
    warehouse = Warehouse.open(postgres_warehouse_url)
    yield warehouse
    warehouse.dispose()


def test_the_graph_runs_on_postgres_and_redis_and_names_no_secret(
    production: Warehouse, redis_url: str
) -> None:
    market = SandboxMarket(seed=7, products=6, first_day=date(2025, 1, 1))
    cache = open_cache(redis_url, production)
    assert read_summary(production, cache, market.keys[0]) is None
    run = run_job(build_definitions(), "whole_graph", first_day=DAY, last_day=DAY)
    with DagsterInstance.get() as instance:
        assert isinstance(instance.run_storage, PostgresRunStorage)
        assert isinstance(instance.event_log_storage, PostgresEventLogStorage)
        assert isinstance(instance.schedule_storage, PostgresScheduleStorage)
        stored = instance.get_run_by_id(run.run_id)
        assert stored is not None
        assert stored.is_success
        password = production.engine.url.password
        assert password
        said = "".join(str(entry) for entry in instance.all_logs(run.run_id))
        assert f":{password}@" not in said + str(stored)
        summaries = AssetKey(["insights", "serving", "product_summaries"])
        newest = instance.get_latest_materialization_event(summaries)
        assert newest is not None
        assert newest.asset_materialization is not None
        assert newest.asset_materialization.metadata["dagster/row_count"].value == 6
    assert len(production.read_frame(select_current(tables.product_summaries))) == 6
    # What was published is in the cache: nobody has to compute it.
    asked = cache.counters.total()
    summary = read_summary(production, cache, market.keys[0])
    assert summary is not None
    assert summary["as_of_day"] == DAY.isoformat()
    groups = production.read_frame(select_current(tables.competitive_reports))["group_id"]
    assert len(groups)
    for group_id in groups:
        analysis = read_group_analysis(production, cache, group_id)
        assert analysis is not None
        assert analysis["day"] == DAY.isoformat()
        assert analysis["report"]["report"]["position"]
    found = cache.counters.total()
    assert found[Count.REDIS] - asked.get(Count.REDIS, 0) == 1 + len(groups)
    assert found[Count.COMPUTED] == asked[Count.COMPUTED]
