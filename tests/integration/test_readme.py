"""What the README shows works as it stands there."""

from __future__ import annotations

import re
import sqlite3
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from insights_jobs.cli import insights
from insights_resources.settings import PROJECT_ROOT, read_settings
from tests.integration.platform_fixture import make_platform

README = (PROJECT_ROOT / "README.md").read_text(encoding="utf-8")
STATEMENTS = re.findall(r"```sql\n(.*?)```", README, re.DOTALL)


def test_its_sql_gives_rows_on_both_engines(
    tmp_path: Path, warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = make_platform(tmp_path, warehouse_url, monkeypatch)
    platform.run("whole_graph", date(2025, 3, 3), date(2025, 3, 8))
    assert len(STATEMENTS) == 3
    for statement in STATEMENTS:
        if platform.warehouse.is_postgres:
            with platform.warehouse.read() as connection:
                rows = connection.execute(text(statement)).all()
        else:
            # As the README says: any SQLite client, with the file attached under this name.
            with sqlite3.connect(":memory:") as client:
                client.execute("ATTACH ? AS insights", (make_url(warehouse_url).database,))
                rows = client.execute(statement).fetchall()
            client.close()
        assert rows, statement
    platform.warehouse.dispose()


def test_its_table_of_commands_is_complete() -> None:
    table = README.partition("## The command line")[2]
    shown = set(re.findall(r"^\| `insights (\w+)", table, re.MULTILINE))
    # `setup` is what `make setup` calls.
    assert shown == set(insights.commands) - {"setup"}


def test_every_setting_that_it_names_is_one() -> None:
    named = set(re.findall(r"\bINSIGHTS_[A-Z_]+\b", README))
    assert len(named) >= 8
    for name in named:
        value = {"INSIGHTS_PAGES": "sandbox", "INSIGHTS_FIRST_DAY": "2025-01-01"}.get(name, "")
        read_settings({name: value})


def test_every_file_that_it_links_to_is_there() -> None:
    for target in re.findall(r"\]\((?!https?://)([^)#]+)\)", README):
        assert (PROJECT_ROOT / target).exists(), target
