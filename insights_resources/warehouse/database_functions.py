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
from insights_resources.warehouse.marts import MARTS
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


def _refresh_mart() -> DatabaseFunction:
    marts = ", ".join(f"'{name}'" for name in MARTS)
    return DatabaseFunction(
        INTERNAL_SCHEMA,
        "refresh_mart",
        arguments="mart text",
        types="text",
        returns="bigint",
        # Each statement sees what was committed before it: the refresh sees the build noted.
        body=f"""
DECLARE
    is_filled boolean;
    newest bigint;
    counted bigint;
    refreshed bigint;
BEGIN
    SELECT relispopulated INTO is_filled
    FROM pg_class
    WHERE mart IN ({marts})
        AND oid = to_regclass('{CONTRACT_SCHEMA}.' || quote_ident(mart)) AND relkind = 'm';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no mart %', quote_literal(mart)
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- One refresh at a time: whoever waited for it notes when his own began.
    PERFORM pg_advisory_xact_lock(hashtextextended('{CONTRACT_SCHEMA}.' || mart, 0));
    INSERT INTO {INTERNAL_SCHEMA}.ops_mart_refreshes AS r
        (name, version, refreshed_at, row_count, seconds)
    VALUES (mart, 1, clock_timestamp(), 0, 0)
    ON CONFLICT (name) DO UPDATE
        SET version = r.version + 1, refreshed_at = excluded.refreshed_at;
    SELECT build_id INTO newest
    FROM {INTERNAL_SCHEMA}.ops_builds
    WHERE status = 'published'
    ORDER BY published_at DESC, build_id DESC
    LIMIT 1;
    IF is_filled THEN
        EXECUTE format('REFRESH MATERIALIZED VIEW CONCURRENTLY {CONTRACT_SCHEMA}.%I', mart);
    ELSE
        EXECUTE format('REFRESH MATERIALIZED VIEW {CONTRACT_SCHEMA}.%I', mart);
    END IF;
    EXECUTE format('ANALYZE {CONTRACT_SCHEMA}.%I', mart);
    EXECUTE format('SELECT count(*) FROM {CONTRACT_SCHEMA}.%I', mart) INTO counted;
    UPDATE {INTERNAL_SCHEMA}.ops_mart_refreshes AS r
    SET row_count = counted,
        seconds = extract(epoch FROM clock_timestamp() - r.refreshed_at),
        newest_build_id = newest
    WHERE r.name = mart
    RETURNING r.version INTO refreshed;
    RETURN refreshed;
END""",  # noqa: S608
        comment="Refreshes a mart while others read it, and notes it in ops_mart_refreshes. "
        "Returns the mart's new version.",
        language="plpgsql",
        runs_as_owner=True,
    )


#: In the order in which they are made.
FUNCTIONS: tuple[DatabaseFunction, ...] = (_snapshot_as_of(), _refresh_mart())
