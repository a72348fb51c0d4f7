"""The contract in a database: views and functions brought to those of this code; its document."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, Table, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.schema import SetColumnComment, SetTableComment

from insights_resources.errors import InvalidInputError
from insights_resources.warehouse.contract_versions import (
    VERSIONS,
    describe,
    record_versions,
    refusal,
    versions_are_recorded,
)
from insights_resources.warehouse.contract_views import (
    CONTRACT_SCHEMA,
    ContractView,
    contract_views,
)
from insights_resources.warehouse.database_functions import FUNCTIONS, DatabaseFunction
from insights_resources.warehouse.tables import INTERNAL_SCHEMA

_log = logging.getLogger(__name__)

#: PostgreSQL's SQLSTATE for a function that would return something else than before.
_OTHER_RESULT = "42P13"


def contract_is_current(connection: Connection, *, is_postgres: bool) -> bool:
    """Whether the database's views and functions are those of this code."""
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
    ) and versions_are_recorded(connection)


def replace_contract(connection: Connection, *, is_postgres: bool) -> None:
    """Makes the views and functions those of this code, inside the caller's transaction.

    On PostgreSQL a view is replaced in place while that is possible, so that other people's views
    on it stay. Where it is not (a column went or changed its type), and where a mart's definition
    has changed, they are dropped with it, and a warning names them. A mart that is new or changed
    is filled at once.
    """
    record_versions(connection)
    if not is_postgres:
        for view in contract_views():
            sql = view.create(is_postgres=False)
            if _sqlite_view(connection, view.name) != sql:
                connection.exec_driver_sql(f"DROP VIEW IF EXISTS {view.name}")
                connection.exec_driver_sql(sql)
        return
    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {CONTRACT_SCHEMA}"))
    views = contract_views()
    # Marts read the views, and functions fill the marts.
    for view in (view for view in views if not view.is_mart):
        _replace_view(connection, view)
        _comment_view(connection, view)
    for function in FUNCTIONS:
        _replace_function(connection, function)
    for view in (view for view in views if view.is_mart):
        _replace_mart(connection, view)
    connection.exec_driver_sql(f"COMMENT ON SCHEMA {CONTRACT_SCHEMA} IS '{_schema_comment()}'")


def _replace_view(connection: Connection, view: ContractView) -> None:
    name = f"{CONTRACT_SCHEMA}.{view.name}"
    sql = view.create(is_postgres=True)
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(sql.replace("CREATE VIEW", "CREATE OR REPLACE VIEW", 1))
    except ProgrammingError:
        _warn_of_dependents(connection, "pg_class", name, "regclass")
        connection.exec_driver_sql(f"DROP VIEW {name} CASCADE")
        connection.exec_driver_sql(sql)


def _replace_mart(connection: Connection, view: ContractView) -> None:
    name = f"{CONTRACT_SCHEMA}.{view.name}"
    statements = [view.create(is_postgres=True), *view.create_indexes()]
    made_by = hashlib.sha256("\n".join(statements).encode()).hexdigest()[:16]
    found = connection.execute(
        text(
            "SELECT relkind, obj_description(to_regclass(:index), 'pg_class') FROM pg_class "
            "WHERE oid = to_regclass(:name)"
        ),
        {"name": name, "index": f"{CONTRACT_SCHEMA}.{view.key_index}"},
    ).first()
    if found is None or found[1] != made_by:
        if found is not None:
            _warn_of_dependents(connection, "pg_class", name, "regclass")
            # Before they were materialized, marts were plain views.
            kind = "MATERIALIZED VIEW" if found[0] == "m" else "VIEW"
            connection.exec_driver_sql(f"DROP {kind} {name} CASCADE")
        for statement in statements:
            connection.exec_driver_sql(statement)
        connection.exec_driver_sql(
            f"COMMENT ON INDEX {CONTRACT_SCHEMA}.{view.key_index} IS '{made_by}'"
        )
        connection.execute(
            text(f"SELECT {INTERNAL_SCHEMA}.refresh_mart(:name)"), {"name": view.name}
        )
    _comment_view(connection, view)


def _replace_function(connection: Connection, function: DatabaseFunction) -> None:
    sql = function.create().replace("%", "%%")
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(sql)
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) != _OTHER_RESULT:
            raise
        _warn_of_dependents(connection, "pg_proc", function.signature, "regprocedure")
        connection.exec_driver_sql(f"DROP FUNCTION {function.signature} CASCADE")
        connection.exec_driver_sql(sql)
    if function.runs_as_owner:
        connection.exec_driver_sql(f"REVOKE ALL ON FUNCTION {function.signature} FROM PUBLIC")
    comment = function.comment.replace("'", "''")
    connection.exec_driver_sql(f"COMMENT ON FUNCTION {function.signature} IS '{comment}'")


def _warn_of_dependents(connection: Connection, catalog: str, name: str, kind: str) -> None:
    """Names other people's views on what is about to be dropped; ours are made anew."""
    dependents = connection.scalars(
        text(
            "WITH RECURSIVE dependents AS ("  # noqa: S608
            "SELECT r.ev_class FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid "
            "WHERE d.refclassid = CAST(:catalog AS regclass) "
            f"AND d.refobjid = CAST(CAST(:name AS {kind}) AS oid) AND r.ev_class <> d.refobjid "
            "UNION SELECT r.ev_class FROM dependents "
            "JOIN pg_depend d ON d.refobjid = dependents.ev_class "
            "AND d.refclassid = CAST('pg_catalog.pg_class' AS regclass) "
            "JOIN pg_rewrite r ON r.oid = d.objid WHERE r.ev_class <> d.refobjid"
            ") SELECT ev_class::regclass::text FROM dependents "
            "JOIN pg_class c ON c.oid = ev_class WHERE NOT (c.relname = ANY (:ours) "
            "AND c.relnamespace = CAST(:schema AS regnamespace))"
        ),
        {
            "name": name,
            "catalog": f"pg_catalog.{catalog}",
            "ours": [view.name for view in contract_views()],
            "schema": CONTRACT_SCHEMA,
        },
    ).all()
    if dependents:
        _log.warning(
            "%s has changed what it gives: views on it are dropped, make them again: %s",
            name,
            ", ".join(sorted(dependents)),
        )


def _sqlite_view(connection: Connection, name: str) -> str | None:
    return connection.scalar(
        text("SELECT sql FROM sqlite_master WHERE type = 'view' AND name = :name"), {"name": name}
    )


def _schema_comment() -> str:
    """What the contract's schema is, and a digest of its views, functions and their comments."""
    parts = [contract_markdown()]
    for view in contract_views():
        parts += [view.create(is_postgres=True), *view.create_indexes()]
    parts += [function.create() + function.comment for function in FUNCTIONS]
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    return (
        f"The SQL contract: what consumers read. Version {VERSIONS[-1].number}, made by {digest}."
    )


def contract_markdown() -> str:
    """The contract as a document: each view with its grain, its columns and their meaning."""
    lines = [
        f"# The SQL contract, version {VERSIONS[-1].number}",
        "",
        "Generated from the table definitions (`insights_resources/warehouse/tables.py`), and the",
        "views written by hand (`written_views.py`) and marts (`marts_sql`) beside it, by",
        "`python -m insights_resources.warehouse.contract`; do not edit.",
        "",
        "What is in the views and functions stays: a column that goes, changes its type or may be",
        "NULL from now on comes with a new major version and a note what to do, additions with a",
        "minor one. `contract_versions` has the versions that a database has had.",
        "",
        "Views of the schema `insights`. On PostgreSQL every column carries the same comment. On",
        "SQLite, attach the file as `insights` and the same statements work. Times are UTC; a",
        "missing value is NULL, never 0; amounts are exact, in the currency beside them.",
        "",
        "SQL always sees the last commit, but for the marts. Consistency says what a copy in the",
        "cache may be ([why](cache.md)): strong, never older than the last commit; eventual, as",
        "old as its time to live; batch, of the mart's present version.",
        "",
        "Marts (`mart_...`) are materialized on PostgreSQL: they show what was committed before",
        "their last refresh, `mart_refreshes.refreshed_at`, and nobody who reads one waits for its",
        "refresh. For the price or the score of the last commit read the other views. On SQLite",
        "marts are plain views.",
    ]
    for view in contract_views():
        lines += [
            "",
            f"## insights.{view.name}",
            "",
            f"{view.comment} Grain: {view.grain}."
            + (f" Unique: {', '.join(view.key)}." if view.is_mart else "")
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
    lines += ["", "## Functions (PostgreSQL)"]
    for function in FUNCTIONS:
        if function.schema == CONTRACT_SCHEMA:
            lines += [
                "",
                f"### insights.{function.name}({function.arguments})",
                "",
                f"{function.comment} Returns: {function.returns}.",
            ]
    return "\n".join(lines) + "\n"


def _type_name(column: Column) -> str:
    return column.type.compile(dialect=postgresql.dialect()).lower()


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
    kind = "MATERIALIZED VIEW" if view.is_mart else "VIEW"
    connection.exec_driver_sql(
        statement.replace("COMMENT ON TABLE", f"COMMENT ON {kind}", 1).replace("%", "%%")
    )
    for column in commented.columns:
        connection.execute(SetColumnComment(column))


def write_documents(folder: Path) -> None:
    """Writes ``sql-contract.md`` and ``sql-contract.json``; raises ``InvalidInputError`` when a
    change since they were last written needs a version."""
    description = folder / "sql-contract.json"
    if description.exists():
        refused = refusal(json.loads(description.read_text(encoding="utf-8")), describe())
        if refused:
            raise InvalidInputError(refused)
    description.write_text(
        json.dumps(describe(), indent=2, sort_keys=True) + "\n", encoding="utf-8"
    )
    (folder / "sql-contract.md").write_text(contract_markdown(), encoding="utf-8")


if __name__ == "__main__":
    write_documents(Path("docs"))
