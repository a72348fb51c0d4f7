"""Functions of the PostgreSQL database, replaced at each migration as the contract's views are.

Those of the schema ``insights`` belong to the contract: consumers call them. Those of ``warehouse``
do for the pipeline what only the owner of the tables may do.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from insights_resources.marketplaces import ASIN_PATTERN, MARKETPLACES
from insights_resources.warehouse import tables
from insights_resources.warehouse.contract_views import (
    CONTRACT_SCHEMA,
    SNAPSHOT_VERSIONS,
    contract_columns,
    contract_name,
)
from insights_resources.warehouse.marts import MARTS
from insights_resources.warehouse.partitions import PARTITIONED
from insights_resources.warehouse.tables import INTERNAL_SCHEMA


class Caller(StrEnum):
    """Who may call a function (see ``roles``)."""

    #: insights_reader and insights_writer.
    CONSUMERS = "consumers"
    #: insights_writer, and whom an administrator grants it to.
    PIPELINE = "pipeline"


@dataclass(frozen=True)
class DatabaseFunction:
    """One function: ``arguments`` with their names ("ts timestamptz"), ``types`` of them alone.

    One of the contract is the consumers' to call, one of ``warehouse`` the pipeline's, unless
    ``restricted_to`` says so.
    """

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
    restricted_to: Caller | None = None

    @property
    def callers(self) -> Caller:
        """Who may call it."""
        of_schema = Caller.CONSUMERS if self.schema == CONTRACT_SCHEMA else Caller.PIPELINE
        return self.restricted_to or of_schema

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
        # Reads a view, so that consumers may call it, and runs as the caller, so that PostgreSQL
        # plans it as a part of the caller's query.
        body=f"SELECT {columns} FROM {CONTRACT_SCHEMA}.{SNAPSHOT_VERSIONS} "  # noqa: S608
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


def _request_tracking() -> DatabaseFunction:
    known = ", ".join(f"'{domain}'" for domain in sorted(MARKETPLACES))
    return DatabaseFunction(
        CONTRACT_SCHEMA,
        "request_tracking",
        arguments="marketplace text, asin text",
        types="text, text",
        returns="bigint",
        language="plpgsql",
        body=f"""
#variable_conflict use_variable
DECLARE
    made bigint;
BEGIN
    IF marketplace IS NULL OR marketplace NOT IN ({known}) THEN
        RAISE EXCEPTION 'unknown marketplace %', coalesce(quote_literal(marketplace), 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                HINT = 'Give its domain in lower case, such as amazon.de.';
    END IF;
    IF asin IS NULL OR asin !~ '^(?:{ASIN_PATTERN})$' THEN
        RAISE EXCEPTION '% is not an ASIN', coalesce(quote_literal(asin), 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                HINT = 'Ten letters and digits such as B08N5WRWNW, or an ISBN-10.';
    END IF;
    INSERT INTO {INTERNAL_SCHEMA}.{tables.tracking_requests.name} (marketplace, asin)
        VALUES (marketplace, asin) RETURNING request_id INTO made;
    RETURN made;
END
""",  # noqa: S608
        comment="Asks to capture a product now; the request's id (see tracking_requests). For the "
        "pipeline, and for whom an administrator grants it to.",
        runs_as_owner=True,
        restricted_to=Caller.PIPELINE,
    )


def _make_partition() -> DatabaseFunction:
    names = ", ".join(f"'{table.name}'" for table in PARTITIONED)
    return DatabaseFunction(
        INTERNAL_SCHEMA,
        "make_partition",
        arguments="table_name text, month date",
        types="text, date",
        returns="boolean",
        # CREATE ... PARTITION OF would wait behind every reader of the table, and keep later ones
        # waiting. Attaching waits for none; it makes the indexes, and an empty table is quickly
        # looked through.
        body=f"""
DECLARE
    first date := date_trunc('month', month)::date;
    partition text := format('%s_%s', table_name, to_char(month, 'YYYY_MM'));
BEGIN
    IF table_name IS NULL OR table_name <> ALL (ARRAY[{names}]) THEN
        RAISE invalid_parameter_value USING MESSAGE =
            format('%s is no table with monthly partitions', coalesce(table_name, 'NULL'));
    END IF;
    IF month IS NULL OR NOT month BETWEEN '0001-01-01' AND '9999-12-31' THEN
        RAISE invalid_parameter_value USING MESSAGE =
            format('%s is no month', coalesce(month::text, 'NULL'));
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('insights/partitions/' || table_name, 0));
    IF EXISTS (
        SELECT FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = format('{INTERNAL_SCHEMA}.%I', table_name)::regclass
        AND c.relname = partition
    ) THEN
        RETURN false;
    END IF;
    EXECUTE format(
        'CREATE TABLE {INTERNAL_SCHEMA}.%I (LIKE {INTERNAL_SCHEMA}.%I '
        'INCLUDING ALL EXCLUDING INDEXES EXCLUDING COMMENTS)', partition, table_name
    );
    EXECUTE format(
        'ALTER TABLE {INTERNAL_SCHEMA}.%I ATTACH PARTITION {INTERNAL_SCHEMA}.%I '
        'FOR VALUES FROM (%L) TO (%L)',
        table_name, partition, first, (first + interval '1 month')::date
    );
    RETURN true;
END
""",  # noqa: S608
        comment="Makes the partition of a month unless it is there; whether it was made.",
        language="plpgsql",
        runs_as_owner=True,
    )


#: In the order in which they are made.
FUNCTIONS: tuple[DatabaseFunction, ...] = (
    _snapshot_as_of(),
    _refresh_mart(),
    _request_tracking(),
    _make_partition(),
)
