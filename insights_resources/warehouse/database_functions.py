"""Functions of the PostgreSQL database, replaced at each migration as the contract's views are.

Those of the schema ``insights`` belong to the contract: consumers call them. Those of ``warehouse``
do for the pipeline what only the owner of the tables may do.
"""

from __future__ import annotations

from dataclasses import dataclass

from insights_resources.warehouse import tables
from insights_resources.warehouse.contract_views import (
    CONTRACT_SCHEMA,
    contract_columns,
    contract_name,
)
from insights_resources.warehouse.tables import INTERNAL_SCHEMA


@dataclass(frozen=True)
class DatabaseFunction:
    """One function: ``arguments`` with their names ("ts timestamptz"), ``types`` of them alone."""

    schema: str
    name: str
    arguments: str
    types: str
    returns: str
    body: str
    comment: str
    language: str = "sql"
    volatility: str = "VOLATILE"
    #: SECURITY DEFINER, with a fixed search path; nobody may call it but whom it is granted to.
    runs_as_owner: bool = False

    @property
    def signature(self) -> str:
        return f"{self.schema}.{self.name}({self.types})"

    def create(self) -> str:
        """The statement that makes or replaces it."""
        owner = (
            "SECURITY DEFINER SET search_path = pg_catalog, pg_temp" if self.runs_as_owner else ""
        )
        return (
            f"CREATE OR REPLACE FUNCTION {self.schema}.{self.name}({self.arguments}) "
            f"RETURNS {self.returns} LANGUAGE {self.language} {self.volatility} {owner} "
            f"AS $function$\n{self.body.strip()}\n$function$"
        )


def _snapshot_as_of() -> DatabaseFunction:
    table = tables.product_snapshots
    # The view's row type: what a consumer of product_snapshots knows already.
    columns = ", ".join(str(column.name) for column in contract_columns(table))
    return DatabaseFunction(
        CONTRACT_SCHEMA,
        "snapshot_as_of",
        arguments="ts timestamptz",
        types="timestamptz",
        returns=f"SETOF {CONTRACT_SCHEMA}.{contract_name(table)}",
        body=f"SELECT {columns} FROM {INTERNAL_SCHEMA}.{table.name} "  # noqa: S608
        f"WHERE recorded_at <= ts AND (superseded_at IS NULL OR superseded_at > ts)",
        comment="The snapshots as they stood at an instant: what was known then, before later "
        "re-parses and imports. Columns as in product_snapshots.",
        volatility="STABLE",
    )


#: In the order in which they are made.
FUNCTIONS: tuple[DatabaseFunction, ...] = (_snapshot_as_of(),)
