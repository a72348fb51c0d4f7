"""The whole pipeline as a login that is only ``insights_writer``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner
from sqlalchemy import func, select
from sqlalchemy.engine import make_url

from insights_jobs.cli import insights
from insights_jobs.tracking import plan_request_runs
from insights_resources.sandbox import SandboxMarket, SandboxProvider
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import is_current
from insights_resources.warehouse.roles import WRITER

PRODUCTS = 6
DAY = date(2025, 3, 3)


@pytest.fixture
def writer_url(postgres_url: str, postgres_warehouse_url: str) -> Iterator[str]:
    """Warehouse URL of a login that has no other right than the writer's."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(
            f"CREATE ROLE the_pipeline LOGIN PASSWORD 'secret' IN ROLE {WRITER}".encode()
        )
    url = make_url(postgres_warehouse_url).set(username="the_pipeline", password="secret")
    yield url.render_as_string(hide_password=False)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("DROP ROLE the_pipeline")


@pytest.fixture
def run(writer_url: str, tmp_path: Path) -> Callable[..., str]:
    """Runs a command of ``insights``, which succeeds; what it says."""
    environment = {
        "INSIGHTS_DATABASE_URL": writer_url,
        "INSIGHTS_HOME": str(tmp_path),
        "INSIGHTS_SANDBOX_PRODUCTS": str(PRODUCTS),
        "DAGSTER_HOME": "",
    }

    def run(*arguments: object) -> str:
        answer = CliRunner().invoke(insights, list(map(str, arguments)), env=environment)
        assert answer.exit_code == 0, (arguments, answer.output, answer.exception)
        return answer.output

    return run


@pytest.mark.slow
def test_every_command_of_the_pipeline_works_as_a_writer(
    writer_url: str, run: Callable[..., str], tmp_path: Path
) -> None:
    assert "the schema is up to date" in run("migrate")
    run("demo", "--days", 2)
    market = SandboxMarket(seed=7, products=PRODUCTS, first_day=date(2025, 1, 1))
    key = market.keys[0]
    run("track", *key)
    history = tmp_path / "history.csv"
    history.write_text(
        f"marketplace,asin,captured_at,price\n{key.marketplace},{key.asin},{DAY},9.99\n"
    )
    run("import", history)
    run("backfill", "--from", DAY)
    warehouse = Warehouse.open(writer_url)
    summaries = tables.product_summaries
    with warehouse.read() as connection:
        newest = connection.scalar(
            select(func.max(tables.builds.c.build_id)).where(
                tables.builds.c.table_name == summaries.name,
                tables.builds.c.rows_changed > 0,
            )
        )
        group = connection.scalar(select(tables.competitive_reports.c.group_id).limit(1))
        kinds = {
            table.name: connection.scalar(
                select(func.count()).select_from(table).where(is_current(table))
            )
            for table in tables.VERSIONED_FACTS
        }
    with psycopg.connect(
        make_url(writer_url).set(drivername="postgresql").render_as_string(hide_password=False)
    ) as connection:
        connection.execute("SELECT insights.request_tracking(%s, %s)", key)
    (requested,) = plan_request_runs(warehouse, lambda: SandboxProvider(market))
    assert requested.keys == (key,)
    warehouse.dispose()
    # Alerts and rejections are a matter of luck in two days.
    for name in ("fact_rejected_pages", "fact_alerts", "fact_alert_states"):
        assert kinds.pop(name) is not None
    assert all(kinds.values()), kinds
    run("builds", "rollback", newest, "--yes")
    run("report", group)
    assert "pending:" in run("status")
