"""The SQL contract: views of the schema ``insights``, made from the table definitions.

A view has the table's name without its prefix, its own columns, and for versioned facts the
current rows with ``build_id`` and ``recorded_at``. On SQLite the views have the same names without
a schema: ``ATTACH 'insights.db' AS insights`` makes the same statements work.
"""

from __future__ import annotations

import hashlib
import logging

from sqlalchemy import Column, Connection, MetaData, Table, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.schema import SetColumnComment, SetTableComment

from insights_resources.warehouse import tables
from insights_resources.warehouse.column_types import MONEY_SCALE, Money
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.tables import INTERNAL_SCHEMA

_log = logging.getLogger(__name__)

CONTRACT_SCHEMA = "insights"

#: How the platform keeps its place: no consumer needs these tables.
_INTERNAL_ONLY = {"ops_consumed_builds", "fact_alert_states"}
#: Columns of publication that tell a consumer nothing.
_HIDDEN_COLUMNS = {"row_hash", "superseded_at"}


def contract_name(table: Table) -> str:
    """Name of the table's view: its own without the prefix."""
    return table.name.partition("_")[2]


def contract_tables() -> list[Table]:
    """The tables that consumers see, in the order of their definition's names."""
    return [
        table
        for table in sorted(tables.metadata.sorted_tables, key=contract_name)
        if table.name not in _INTERNAL_ONLY
    ]


def contract_columns(table: Table) -> list[Column]:
    """The columns of the table's view."""
    versioned = table.info["versioned"]
    return [
        column for column in table.columns if not (versioned and column.name in _HIDDEN_COLUMNS)
    ]


def contract_relation(warehouse: Warehouse, name: str) -> str:
    """The view's name in SQL text for this engine."""
    return f"{CONTRACT_SCHEMA}.{name}" if warehouse.is_postgres else name


def contract_is_current(connection: Connection, *, is_postgres: bool) -> bool:
    """Whether the database's views are those of this code."""
    if is_postgres:
        comment = connection.scalar(
            text(
                "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace "
                "WHERE nspname = :name"
            ),
            {"name": CONTRACT_SCHEMA},
        )
        return comment == _schema_comment()
    return all(
        _sqlite_view(connection, contract_name(table)) == _view_sql(table, is_postgres=False)
        for table in contract_tables()
    )


def replace_contract_views(connection: Connection, *, is_postgres: bool) -> None:
    """Makes the views those of this code, inside the caller's transaction.

    On PostgreSQL a view is replaced in place while that is possible, so that other people's views
    on it stay. Where it is not (a column went or changed its type) they are dropped with it, and a
    warning names them.
    """
    if not is_postgres:
        for table in contract_tables():
            name, sql = contract_name(table), _view_sql(table, is_postgres=False)
            if _sqlite_view(connection, name) != sql:
                connection.execute(text(f"DROP VIEW IF EXISTS {name}"))
                connection.execute(text(sql))
        return
    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {CONTRACT_SCHEMA}"))
    for table in contract_tables():
        _replace_view(connection, table)
        _comment_view(connection, table)
    connection.exec_driver_sql(f"COMMENT ON SCHEMA {CONTRACT_SCHEMA} IS '{_schema_comment()}'")


def _replace_view(connection: Connection, table: Table) -> None:
    name = f"{CONTRACT_SCHEMA}.{contract_name(table)}"
    sql = _view_sql(table, is_postgres=True)
    try:
        with connection.begin_nested():
            connection.execute(text(sql.replace("CREATE VIEW", "CREATE OR REPLACE VIEW", 1)))
    except ProgrammingError:
        dependents = connection.scalars(
            text(
                "SELECT DISTINCT r.ev_class::regclass::text FROM pg_depend d "
                "JOIN pg_rewrite r ON r.oid = d.objid "
                "WHERE d.refobjid = CAST(:name AS regclass) AND r.ev_class <> d.refobjid"
            ),
            {"name": name},
        ).all()
        if dependents:
            _log.warning(
                "%s has changed its columns: views on it are dropped, make them again: %s",
                name,
                ", ".join(sorted(dependents)),
            )
        connection.execute(text(f"DROP VIEW {name} CASCADE"))
        connection.execute(text(sql))


def _sqlite_view(connection: Connection, name: str) -> str | None:
    return connection.scalar(
        text("SELECT sql FROM sqlite_master WHERE type = 'view' AND name = :name"), {"name": name}
    )


def _schema_comment() -> str:
    """What the contract's schema is, and a digest of its views and their comments."""
    parts = [contract_markdown()]
    parts += [_view_sql(table, is_postgres=True) for table in contract_tables()]
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    return f"The SQL contract: what consumers read. Version {digest}."


def contract_markdown() -> str:
    """The contract as a document: each view with its grain, its columns and their meaning."""
    lines = [
        "# The SQL contract",
        "",
        "Generated from the table definitions (`insights_resources/warehouse/tables.py`) by",
        "`python -m insights_resources.warehouse.contract_views`; do not edit.",
        "",
        "Views of the schema `insights`. On PostgreSQL every column carries the same comment. On",
        "SQLite, attach the file as `insights` and the same statements work. Times are UTC; a",
        "missing value is NULL, never 0; amounts are exact, in the currency beside them.",
    ]
    for table in contract_tables():
        lines += [
            "",
            f"## insights.{contract_name(table)}",
            "",
            f"{table.comment} Grain: {table.info['grain']}.",
            "",
            "| column | type | NULL | meaning |",
            "|---|---|---|---|",
        ]
        lines += [
            f"| `{column.name}` | {_type_name(column)} | {'yes' if column.nullable else 'no'} "
            f"| {(column.comment or '').replace('|', chr(92) + '|')} |"
            for column in contract_columns(table)
        ]
    return "\n".join(lines) + "\n"


def _type_name(column: Column) -> str:
    return column.type.compile(dialect=postgresql.dialect()).lower()


def _view_sql(table: Table, *, is_postgres: bool) -> str:
    # Every name here comes from the table definitions, none from outside.
    columns = ", ".join(
        f"{column.name} / {10**MONEY_SCALE}.0 AS {column.name}"
        if isinstance(column.type, Money) and not is_postgres
        else str(column.name)
        for column in contract_columns(table)
    )
    source = f"{INTERNAL_SCHEMA}.{table.name}" if is_postgres else table.name
    name = f"{CONTRACT_SCHEMA}.{contract_name(table)}" if is_postgres else contract_name(table)
    sql = f"CREATE VIEW {name} AS SELECT {columns} FROM {source}"  # noqa: S608
    if table.info["versioned"]:
        sql += " WHERE recorded_at IS NOT NULL AND superseded_at IS NULL"
    return sql


def _comment_view(connection: Connection, table: Table) -> None:
    # Comments are literals in DDL: the compiler of a throw-away table definition quotes them.
    view = Table(
        contract_name(table),
        MetaData(),
        *(
            Column(column.name, column.type, comment=column.comment)
            for column in contract_columns(table)
        ),
        schema=CONTRACT_SCHEMA,
        comment=table.comment,
    )
    statement = str(SetTableComment(view).compile(dialect=connection.dialect))
    connection.exec_driver_sql(
        statement.replace("COMMENT ON TABLE", "COMMENT ON VIEW", 1).replace("%", "%%")
    )
    for column in view.columns:
        connection.execute(SetColumnComment(column))


if __name__ == "__main__":
    from pathlib import Path

    Path("docs/sql-contract.md").write_text(contract_markdown(), encoding="utf-8")
