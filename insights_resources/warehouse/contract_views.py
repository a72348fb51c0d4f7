"""The SQL contract: views of the schema ``insights``, made from the table definitions, a few that
are written by hand (``written_views``), and the marts.

A table's view has its name without the prefix, its own columns, and for versioned facts the
current rows with ``build_id`` and ``recorded_at``. On SQLite the views have the same names without
a schema: ``ATTACH 'insights.db' AS insights`` makes the same statements work.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Column, Table

from insights_resources.warehouse import tables
from insights_resources.warehouse.column_types import Money
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.marts import MARTS, read_mart
from insights_resources.warehouse.tables import INTERNAL_SCHEMA, Consistency
from insights_resources.warehouse.written_views import WRITTEN_VIEWS

CONTRACT_SCHEMA = "insights"
SNAPSHOT_VERSIONS = "product_snapshot_versions"

#: How the platform keeps its place, and its index: no consumer needs these tables.
_INTERNAL_ONLY = {
    "ops_consumed_builds",
    "ops_body_removals",
    "fact_alert_states",
    "fact_product_search",
}
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
    #: Of a mart, which PostgreSQL materializes: the columns that are unique, and other indexes.
    key: tuple[str, ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()

    @property
    def is_mart(self) -> bool:
        return bool(self.key)

    def create(self, *, is_postgres: bool) -> str:
        """The statement that makes it; a mart of PostgreSQL's is empty until it is refreshed."""
        if not is_postgres:
            return f"CREATE VIEW {self.name} AS {self.sqlite_select}"
        name = f"{CONTRACT_SCHEMA}.{self.name}"
        if self.is_mart:
            return f"CREATE MATERIALIZED VIEW {name} AS {self.postgres_select} WITH NO DATA"
        return f"CREATE VIEW {name} AS {self.postgres_select}"

    def create_indexes(self) -> list[str]:
        """The statements that make a mart's indexes on PostgreSQL, the unique one first."""
        if not self.is_mart:
            return []
        relation = f"ON {CONTRACT_SCHEMA}.{self.name}"
        return [
            f"CREATE UNIQUE INDEX {self.key_index} {relation} ({', '.join(self.key)})",
            *(
                f"CREATE INDEX ix_{self.name}_{columns[0]} {relation} ({', '.join(columns)})"
                for columns in self.indexes
            ),
        ]

    @property
    def key_index(self) -> str:
        """Name of a mart's unique index."""
        return f"uq_{self.name}"


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
    marts = [
        ContractView(
            mart.name,
            mart.comment,
            mart.grain,
            Consistency.BATCH,
            mart.columns,
            mart.select(is_postgres=True),
            mart.select(is_postgres=False),
            mart.key,
            mart.indexes,
        )
        for mart in map(read_mart, MARTS)
    ]
    views = [*of_tables, *written, _snapshot_versions(), *marts]
    return sorted(views, key=lambda view: view.name)


def _snapshot_versions() -> ContractView:
    """Every published version of each snapshot, for ``snapshot_as_of``: of a view, because who may
    not read the table may read it, and a condition on it reaches the table's indexes."""
    table = tables.product_snapshots
    return ContractView(
        SNAPSHOT_VERSIONS,
        "Each snapshot as it stood from recorded_at until superseded_at: before and after "
        "re-parses, imports and rollbacks. What stands now is in product_snapshots; what stood at "
        "an instant, snapshot_as_of tells.",
        "one version of a parsed capture",
        None,
        (*contract_columns(table), table.c.superseded_at),
        _versions_select(table, is_postgres=True),
        _versions_select(table, is_postgres=False),
    )


def contract_relation(warehouse: Warehouse, name: str) -> str:
    """The view's name in SQL text for this engine."""
    return f"{CONTRACT_SCHEMA}.{name}" if warehouse.is_postgres else name


def _table_select(table: Table, *, is_postgres: bool) -> str:
    select = _select(table, contract_columns(table), is_postgres=is_postgres)
    if table.info["versioned"]:
        select += " WHERE recorded_at IS NOT NULL AND superseded_at IS NULL"
    return select


def _versions_select(table: Table, *, is_postgres: bool) -> str:
    columns = [*contract_columns(table), table.c.superseded_at]
    return _select(table, columns, is_postgres=is_postgres) + " WHERE recorded_at IS NOT NULL"


def _select(table: Table, columns: Iterable[Column], *, is_postgres: bool) -> str:
    # Every name here comes from the table definitions, none from outside.
    listed = ", ".join(
        f"{column.name} / {10**column.type.scale}.0 AS {column.name}"
        if isinstance(column.type, Money) and not is_postgres
        else str(column.name)
        for column in columns
    )
    source = f"{INTERNAL_SCHEMA}.{table.name}" if is_postgres else table.name
    return f"SELECT {listed} FROM {source}"  # noqa: S608
