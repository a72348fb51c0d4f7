"""The SQL contract: views of the schema ``insights``, made from the table definitions, and a few
that are written by hand (``written_views``).

A table's view has its name without the prefix, its own columns, and for versioned facts the
current rows with ``build_id`` and ``recorded_at``. On SQLite the views have the same names without
a schema: ``ATTACH 'insights.db' AS insights`` makes the same statements work.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass

from sqlalchemy import Column, Connection, MetaData, Table, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.schema import SetColumnComment, SetTableComment

from insights_resources.warehouse import tables
from insights_resources.warehouse.column_types import MONEY_SCALE, Money
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.tables import INTERNAL_SCHEMA, Consistency
from insights_resources.warehouse.written_views import WRITTEN_VIEWS

_log = logging.getLogger(__name__)

CONTRACT_SCHEMA = "insights"

#: How the platform keeps its place: no consumer needs these tables.
_INTERNAL_ONLY = {"ops_consumed_builds", "fact_alert_states"}
#: Columns of publication that tell a consumer nothing.
_HIDDEN_COLUMNS = {"row_hash", "superseded_at"}


@dataclass(frozen=True)
class ContractView:
    """A view of the contract: what it and its columns mean, and its SELECT on either engine."""

    name: str
    comment: str
    grain: str
    #: What a copy of its rows in the cache may be; None: there are no copies.
    consistency: Consistency | None
    columns: tuple[Column, ...]
    postgres_select: str
    sqlite_select: str

    def create(self, *, is_postgres: bool) -> str:
        """The statement that makes it."""
        if is_postgres:
            return f"CREATE VIEW {CONTRACT_SCHEMA}.{self.name} AS {self.postgres_select}"
        return f"CREATE VIEW {self.name} AS {self.sqlite_select}"


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


def contract_views() -> list[ContractView]:
    """All views of the contract, by name."""
    of_tables = [
        ContractView(
            contract_name(table),
            table.comment or "",
            table.info["grain"],
            table.info["consistency"],
            tuple(contract_columns(table)),
            _table_select(table, is_postgres=True),
            _table_select(table, is_postgres=False),
        )
        for table in contract_tables()
    ]
    written = [
        ContractView(
            view.name,
            view.comment,
            view.grain,
            None,
            view.columns,
            view.select(is_postgres=True),
            view.select(is_postgres=False),
        )
        for view in WRITTEN_VIEWS
    ]
    return sorted([*of_tables, *written], key=lambda view: view.name)


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
        _sqlite_view(connection, view.name) == view.create(is_postgres=False)
        for view in contract_views()
    )


def replace_contract_views(connection: Connection, *, is_postgres: bool) -> None:
    """Makes the views those of this code, inside the caller's transaction.

    On PostgreSQL a view is replaced in place while that is possible, so that other people's views
    on it stay. Where it is not (a column went or changed its type) they are dropped with it, and a
    warning names them.
    """
    if not is_postgres:
        for view in contract_views():
            sql = view.create(is_postgres=False)
            if _sqlite_view(connection, view.name) != sql:
                connection.exec_driver_sql(f"DROP VIEW IF EXISTS {view.name}")
                connection.exec_driver_sql(sql)
        return
    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {CONTRACT_SCHEMA}"))
    for view in contract_views():
        _replace_view(connection, view)
        _comment_view(connection, view)
    connection.exec_driver_sql(f"COMMENT ON SCHEMA {CONTRACT_SCHEMA} IS '{_schema_comment()}'")


def _replace_view(connection: Connection, view: ContractView) -> None:
    name = f"{CONTRACT_SCHEMA}.{view.name}"
    sql = view.create(is_postgres=True)
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(sql.replace("CREATE VIEW", "CREATE OR REPLACE VIEW", 1))
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
        connection.exec_driver_sql(f"DROP VIEW {name} CASCADE")
        connection.exec_driver_sql(sql)


def _sqlite_view(connection: Connection, name: str) -> str | None:
    return connection.scalar(
        text("SELECT sql FROM sqlite_master WHERE type = 'view' AND name = :name"), {"name": name}
    )


def _schema_comment() -> str:
    """What the contract's schema is, and a digest of its views and their comments."""
    parts = [contract_markdown()]
    parts += [view.create(is_postgres=True) for view in contract_views()]
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    return f"The SQL contract: what consumers read. Version {digest}."


def contract_markdown() -> str:
    """The contract as a document: each view with its grain, its columns and their meaning."""
    lines = [
        "# The SQL contract",
        "",
        "Generated from the table definitions (`insights_resources/warehouse/tables.py`) and the",
        "views written by hand (`written_views.py` beside it) by",
        "`python -m insights_resources.warehouse.contract_views`; do not edit.",
        "",
        "Views of the schema `insights`. On PostgreSQL every column carries the same comment. On",
        "SQLite, attach the file as `insights` and the same statements work. Times are UTC; a",
        "missing value is NULL, never 0; amounts are exact, in the currency beside them.",
        "",
        "SQL always sees the last commit. Consistency says what a copy in the cache may be",
        "([why](cache.md)): strong, never older than the last commit; eventual, as old as its time",
        "to live.",
    ]
    for view in contract_views():
        lines += [
            "",
            f"## insights.{view.name}",
            "",
            f"{view.comment} Grain: {view.grain}."
            + (f" Consistency: {view.consistency}." if view.consistency else ""),
            "",
            "| column | type | NULL | meaning |",
            "|---|---|---|---|",
        ]
        lines += [
            f"| `{column.name}` | {_type_name(column)} | {'yes' if column.nullable else 'no'} "
            f"| {(column.comment or '').replace('|', chr(92) + '|')} |"
            for column in view.columns
        ]
    return "\n".join(lines) + "\n"


def _type_name(column: Column) -> str:
    return column.type.compile(dialect=postgresql.dialect()).lower()


def _table_select(table: Table, *, is_postgres: bool) -> str:
    # Every name here comes from the table definitions, none from outside.
    columns = ", ".join(
        f"{column.name} / {10**MONEY_SCALE}.0 AS {column.name}"
        if isinstance(column.type, Money) and not is_postgres
        else str(column.name)
        for column in contract_columns(table)
    )
    source = f"{INTERNAL_SCHEMA}.{table.name}" if is_postgres else table.name
    select = f"SELECT {columns} FROM {source}"  # noqa: S608
    if table.info["versioned"]:
        select += " WHERE recorded_at IS NOT NULL AND superseded_at IS NULL"
    return select


def _comment_view(connection: Connection, view: ContractView) -> None:
    # Comments are literals in DDL: the compiler of a throw-away table definition quotes them.
    commented = Table(
        view.name,
        MetaData(),
        *(Column(column.name, column.type, comment=column.comment) for column in view.columns),
        schema=CONTRACT_SCHEMA,
        comment=view.comment,
    )
    statement = str(SetTableComment(commented).compile(dialect=connection.dialect))
    connection.exec_driver_sql(
        statement.replace("COMMENT ON TABLE", "COMMENT ON VIEW", 1).replace("%", "%%")
    )
    for column in commented.columns:
        connection.execute(SetColumnComment(column))


if __name__ == "__main__":
    from pathlib import Path

    Path("docs/sql-contract.md").write_text(contract_markdown(), encoding="utf-8")
