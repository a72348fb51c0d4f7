"""Migrations and the SQL contract, on both engines."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from insights_resources.errors import SchemaOutOfDateError
from insights_resources.warehouse.contract import contract_markdown
from insights_resources.warehouse.contract_versions import VERSIONS, recorded_version
from insights_resources.warehouse.contract_views import (
    CONTRACT_SCHEMA,
    contract_relation,
    contract_views,
)
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.schema import (
    current_revision,
    ensure_current,
    migrate,
    newest_revision,
)
from insights_resources.warehouse.tables import INTERNAL_SCHEMA, contract_versions, metadata
from tests.integration.older_schema import downgrade

ROOT = Path(__file__).resolve().parents[2]


def test_migrated_and_defined_are_the_same(postgres_warehouse: Warehouse) -> None:
    with postgres_warehouse.begin() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "version_table_schema": INTERNAL_SCHEMA,
                "include_schemas": True,
                "include_name": lambda name, kind, parents: (
                    kind != "schema" or name == INTERNAL_SCHEMA
                ),
                "compare_type": True,
            },
        )
        assert compare_metadata(context, metadata) == []


def test_migrating_twice_does_nothing(warehouse: Warehouse) -> None:
    assert migrate(warehouse) == []
    assert current_revision(warehouse) == newest_revision()
    ensure_current(warehouse)


def test_an_empty_database_is_refused_with_the_remedy(empty_postgres_database: str) -> None:
    warehouse = Warehouse.open(empty_postgres_database)
    with pytest.raises(SchemaOutOfDateError, match="insights migrate"):
        ensure_current(warehouse)
    assert migrate(warehouse) != []
    ensure_current(warehouse)
    warehouse.dispose()


def test_down_and_up_again(warehouse: Warehouse) -> None:
    downgrade(warehouse, "base")
    with warehouse.begin() as connection:
        schema = INTERNAL_SCHEMA if warehouse.is_postgres else None
        assert set(inspect(connection).get_table_names(schema=schema)) <= {"alembic_version"}
    assert migrate(warehouse)[-1] == newest_revision()


def test_every_contract_view_has_the_columns_of_the_contract(warehouse: Warehouse) -> None:
    with warehouse.begin() as connection:
        for view in contract_views():
            relation = contract_relation(warehouse, view.name)
            result = connection.execute(text(f"SELECT * FROM {relation}"))  # noqa: S608
            assert list(result.keys()) == [column.name for column in view.columns]


def test_the_views_columns_have_the_types_of_the_contract(postgres_warehouse: Warehouse) -> None:
    with postgres_warehouse.read() as connection:
        inspector = inspect(connection)
        for view in contract_views():
            found = inspector.get_columns(view.name, schema=CONTRACT_SCHEMA)
            for column, shown in zip(view.columns, found, strict=True):
                # A type of ours is decorated one of the database's.
                kind = getattr(column.type, "impl", column.type)
                assert shown["type"].python_type is kind.python_type, (view.name, column.name)


def test_every_column_of_the_contract_is_commented(postgres_warehouse: Warehouse) -> None:
    query = text(
        "SELECT c.relname, a.attname, col_description(c.oid, a.attnum), obj_description(c.oid) "
        "FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
        "WHERE c.relnamespace = CAST(:schema AS regnamespace) AND c.relkind IN ('v', 'm') "
        "AND a.attnum > 0"
    )
    with postgres_warehouse.begin() as connection:
        rows = connection.execute(query, {"schema": CONTRACT_SCHEMA}).all()
    assert len(rows) > 200
    for view, column, column_comment, view_comment in rows:
        assert column_comment, f"{view}.{column}"
        assert view_comment, view


def test_the_same_sql_reads_both_engines(sqlite_warehouse: Warehouse) -> None:
    import sqlite3

    database = sqlite_warehouse.engine.url.database
    with sqlite3.connect(":memory:") as connection:
        connection.execute("ATTACH ? AS insights", (database,))
        assert connection.execute("SELECT count(*) FROM insights.product_features").fetchall() == [
            (0,)
        ]


def test_the_contracts_document_is_up_to_date() -> None:
    written = (ROOT / "docs" / "sql-contract.md").read_text(encoding="utf-8")
    assert written == contract_markdown(), "run python -m insights_resources.warehouse.contract"


def test_a_database_tells_the_versions_of_its_contract(warehouse: Warehouse) -> None:
    relation = contract_relation(warehouse, "contract_versions")
    query = text(f"SELECT version FROM {relation} ORDER BY applied_at, version")  # noqa: S608
    numbers = [version.number for version in VERSIONS]
    with warehouse.read() as connection:
        assert list(connection.scalars(query)) == numbers
        assert recorded_version(connection) == numbers[-1]
    # As an older version of this code left it.
    downgrade(warehouse, "0008")
    with warehouse.begin() as connection:
        connection.execute(contract_versions.delete())
    migrate(warehouse)
    with warehouse.read() as connection:
        assert list(connection.scalars(query)) == numbers
