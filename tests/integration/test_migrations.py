"""Migrations of a database that is in use: forward, back, at once, and killed on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, delete, event, func, insert, or_, select, text, update

from insights_assets.snapshots.history_import.importing import ImportOptions, import_history
from insights_jobs.build import build_definitions
from insights_resources.errors import SchemaOutOfDateError
from insights_resources.warehouse import schema as schema_module
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.schema import (
    alembic_config,
    current_revision,
    migrate,
    newest_revision,
)
from insights_resources.warehouse.tables import INTERNAL_SCHEMA
from insights_resources.wiring import WarehouseResource
from tests.integration.older_schema import downgrade
from tests.integration.platform_fixture import Platform
from tests.processes import run_and_die

pytestmark = pytest.mark.slow

FIRST, LAST = date(2025, 2, 28), date(2025, 3, 1)
Rows = dict[str, dict[str, list[Any]]]


def revisions() -> list[str]:
    """The oldest first."""
    script = ScriptDirectory.from_config(alembic_config())
    return [revision.revision for revision in script.walk_revisions()][::-1]


def contents(warehouse: Warehouse) -> Rows:
    """The values of each column of each table, in the order of the table's key, as stored."""
    schema = INTERNAL_SCHEMA if warehouse.is_postgres else None
    found = MetaData()
    with warehouse.read() as connection:
        found.reflect(connection, schema=schema, only=_is_ours)
        read: Rows = {}
        for table in found.sorted_tables:
            key = [column for column in table.c if column.name in _key_of(table.name)]
            rows = connection.execute(select(table).order_by(*(key or table.c))).mappings().all()
            read[table.name] = {
                column.name: [row[column.name] for row in rows] for column in table.c
            }
    return read


def _is_ours(name: str, metadata: MetaData) -> bool:
    # Partitions are read through their table; which version it is, is the test's to say.
    return name != "alembic_version" and not name[-7:].replace("_", "").isdigit()


def _key_of(name: str) -> tuple[str, ...]:
    known = tables.metadata.tables.get(f"{INTERNAL_SCHEMA}.{name}")
    if known is None:
        return ()
    more = ("build_id",) if known.info["versioned"] else ()
    return (*known.info["key"], *more)


def shared(rows: Rows, others: Rows) -> Rows:
    """Those of the tables and columns that the others have too."""
    return {
        name: {column: values for column, values in columns.items() if column in others[name]}
        for name, columns in rows.items()
        if name in others
    }


@pytest.fixture
def used(platform: Platform, tmp_path: Path) -> Warehouse:
    """A warehouse with rows in all its tables, as the platform itself writes them."""
    platform.run("whole_graph", FIRST, LAST)
    warehouse = platform.warehouse
    history = tmp_path / "history.csv"
    history.write_text("asin,time,price\nB000000001,2025-03-02T10:00:00Z,12.99\n")
    import_history(
        warehouse,
        history,
        ImportOptions(marketplace="amazon.com"),
        rejects=tmp_path / "rejects.csv",
    )
    with warehouse.begin() as connection:
        connection.execute(
            insert(tables.tracking_requests).values(marketplace="amazon.de", asin="B000000001")
        )
        connection.execute(insert(tables.body_removals).values(content_hash="0" * 64))
        # The sandbox's pages cost nothing and are not requested.
        connection.execute(
            insert(tables.page_requests).values(
                marketplace="amazon.de",
                asin="B000000001",
                day=LAST,
                status="pending",
                sends=0,
                credits=0,
                credits_reserved=0,
                requested_at=datetime.now(UTC),
            )
        )
        # Nor is a language model asked.
        connection.execute(
            insert(tables.model_calls).values(
                call_id="0" * 32,
                request_key="0" * 64,
                purpose="report de-kettles",
                day=LAST,
                status="answered",
                model="gpt",
                api="responses",
                sends=1,
                tokens_reserved=0,
                cost=Decimal("0.001250"),
                answer={"position": []},
                sent_at=datetime.now(UTC),
            )
        )
        connection.execute(
            update(tables.competitive_reports).values(model="gpt", cost=Decimal("0.001250"))
        )
        empty = [
            table.name
            for table in tables.metadata.sorted_tables
            if not connection.scalar(select(func.count()).select_from(table))
        ]
    # Alerts and rejections are a matter of luck in two days.
    assert set(empty) <= {"fact_alerts", "fact_alert_states", "fact_rejected_pages"}
    return warehouse


def test_each_revision_back_and_forward_keeps_what_it_knows(used: Warehouse) -> None:
    _forget_what_older_versions_do_not_know(used)
    before = contents(used)
    lowest: Rows = {}
    for revision in reversed(revisions()):
        downgrade(used, revision) if revision == newest_revision() else _step_to(used, revision)
        lowest = contents(used)
        kept = shared(lowest, before)
        for name, columns in kept.items():
            for column, values in columns.items():
                assert len(values) == len(before[name][column]), (revision, name, column)
    for revision in revisions()[1:]:
        with used.begin() as connection:
            command.upgrade(alembic_config(connection), revision)
    migrate(used)
    with used.read() as connection:
        # Going forward again fills what search needs.
        assert connection.scalar(select(func.count()).select_from(tables.product_search))
    _forget_what_older_versions_do_not_know(used)
    after = contents(used)
    assert set(after) == set(before)
    kept_before, kept_after = shared(before, lowest), shared(after, lowest)
    assert len(kept_before) > 15
    for name, columns in kept_before.items():
        for column, values in columns.items():
            # A snapshot that has lost its attributes is another row.
            if (name, column) != ("fact_product_snapshots", "row_hash"):
                assert kept_after[name][column] == values, (name, column)


def _forget_what_older_versions_do_not_know(warehouse: Warehouse) -> None:
    """Search and imports came with a revision: the ones below it drop their rows and builds. Rules
    of before could not say what rules say now: going back drops them, and the older version's own
    come by themselves."""
    builds, consumed = tables.builds, tables.consumed_builds
    searched = tables.product_search
    with warehouse.begin() as connection:
        theirs = list(
            connection.scalars(
                select(builds.c.build_id).where(
                    or_(builds.c.table_name == searched.name, builds.c.import_id.is_not(None))
                )
            )
        )
        connection.execute(
            delete(consumed).where(
                or_(consumed.c.build_id.in_(theirs), consumed.c.consumer == searched.name)
            )
        )
        connection.execute(delete(searched))
        connection.execute(
            delete(tables.product_snapshots).where(tables.product_snapshots.c.origin == "import")
        )
        connection.execute(delete(builds).where(builds.c.build_id.in_(theirs)))
        connection.execute(delete(tables.imports))
        connection.execute(delete(tables.alert_rules))


def _step_to(warehouse: Warehouse, revision: str) -> None:
    with warehouse.begin() as connection:
        command.downgrade(alembic_config(connection), revision)


#: Columns of reports that came with the newest revision.
OF_THE_NEWEST = (
    *("model", "fallback_reason", "input_tokens", "output_tokens", "cost"),
    *("industry_template", "locale"),
)


def test_a_step_down_and_up_at_the_newest_loses_no_row(used: Warehouse) -> None:
    before = contents(used)
    *_, older, _newest = revisions()
    downgrade(used, older)
    assert migrate(used) == [newest_revision()]
    after = contents(used)
    for name, columns in before.items():
        for column, values in columns.items():
            if after[name][column] != values:
                # What the older schema cannot hold is gone, and marts that are made anew are
                # refreshed anew; nothing else has changed.
                assert name in ("ops_body_removals", "ops_mart_refreshes", "ops_model_calls") or (
                    name == "fact_competitive_reports" and column in OF_THE_NEWEST
                ), (name, column)


# --- processes -----------------------------------------------------------------------------------


@pytest.fixture
def old(warehouse: Warehouse) -> Warehouse:
    """A database as the first version left it, with a product in it."""
    downgrade(warehouse, revisions()[0])
    with warehouse.begin() as connection:
        connection.execute(
            text(
                f"INSERT INTO {relation(warehouse, 'dim_products')} "  # noqa: S608
                "(marketplace, asin, source, is_active, added_at, last_updated_at) "
                "VALUES ('amazon.de', 'B000000001', 'file', :yes, :now, :now)"
            ),
            {"yes": True, "now": "2026-01-01T00:00:00.000000Z"},
        )
    return warehouse


def relation(warehouse: Warehouse, name: str) -> str:
    return f"{INTERNAL_SCHEMA}.{name}" if warehouse.is_postgres else name


def products(warehouse: Warehouse) -> list[str]:
    with warehouse.read() as connection:
        return list(connection.scalars(select(tables.products.c.asin)))


def insights(url: str, folder: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("INSIGHTS_")
    } | {"INSIGHTS_DATABASE_URL": url, "INSIGHTS_HOME": str(folder), "DAGSTER_HOME": ""}
    return subprocess.Popen(
        [sys.executable, "-c", "from insights_jobs.cli import main; main()", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_processes_at_once_migrate_it_once(
    old: Warehouse, warehouse_url: str, tmp_path: Path
) -> None:
    both = [insights(warehouse_url, tmp_path, "migrate") for _ in range(2)]
    said = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    applied = [output.count(newest_revision()) for output, _ in said]
    assert sorted(applied)[0] == 0 or "up to date" in "".join(output for output, _ in said), said
    assert current_revision(old) == newest_revision()
    assert products(old) == ["B000000001"]
    assert migrate(old) == []


def die_in_the_middle(url: str, revision: str) -> None:
    warehouse = Warehouse.open(url)

    @event.listens_for(warehouse.engine, "before_cursor_execute")
    def before(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if statement.startswith("UPDATE") and "alembic_version" in statement:
            version = str(rest[0])
            if revision in version or f"'{revision}'" in statement:
                os.kill(os.getpid(), signal.SIGKILL)

    migrate(warehouse)


@pytest.mark.parametrize("place", [1, len(revisions()) // 2, -1])
def test_a_migration_killed_in_the_middle_changes_nothing_and_runs_again(
    old: Warehouse, warehouse_url: str, place: int
) -> None:
    run_and_die(die_in_the_middle, warehouse_url, revisions()[place])
    # All of it is one transaction.
    assert current_revision(old) == revisions()[0]
    assert migrate(old) == revisions()[1:]
    assert products(old) == ["B000000001"]


def test_a_start_with_an_old_schema_says_so_and_stops(
    postgres_warehouse: Warehouse, postgres_warehouse_url: str, tmp_path: Path
) -> None:
    downgrade(postgres_warehouse, revisions()[0])
    remedy = (
        f"the warehouse's schema is {revisions()[0]}, this version needs {newest_revision()}: run "
        f"`insights migrate`"
    )
    for arguments in (["status"], ["report", "kettles"], ["backfill", "--from", "2025-03-01"]):
        process = insights(postgres_warehouse_url, tmp_path, *arguments)
        output, errors = process.communicate(timeout=120)
        assert process.returncode == 1, (arguments, output, errors)
        assert remedy in " ".join((output + errors).split()), (arguments, output, errors)
        assert "Traceback" not in output + errors
    # Under Dagster the definitions load, and what opens the warehouse stops with the remedy.
    definitions = build_definitions({"warehouse": WarehouseResource(url=postgres_warehouse_url)})
    assert definitions.get_repository_def().get_all_jobs()
    with pytest.raises(SchemaOutOfDateError, match="insights migrate"):
        WarehouseResource(url=postgres_warehouse_url).open()
    assert current_revision(postgres_warehouse) == revisions()[0]


def test_waiting_for_another_process_ends_with_a_message(
    sqlite_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    from filelock import FileLock

    downgrade(sqlite_warehouse, revisions()[0])
    monkeypatch.setattr(schema_module, "_MIGRATION_SECONDS", 0.2)
    began = time.monotonic()
    with (
        FileLock(sqlite_warehouse.lock_file("migrate")),
        pytest.raises(Exception, match="another process has been migrating"),
    ):
        migrate(sqlite_warehouse)
    assert time.monotonic() - began < 30
