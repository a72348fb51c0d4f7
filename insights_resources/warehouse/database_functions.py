"""Functions of the PostgreSQL database, replaced at each migration as the contract's views are.

Those of the schema ``insights`` belong to the contract: consumers call them. Those of ``warehouse``
do for the pipeline what only the owner of the tables may do.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from insights_resources.marketplaces import ASIN_PATTERN, MARKETPLACES
from insights_resources.warehouse import lineage, search_text, tables
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
    #: Settings while it runs, as "name = value".
    settings: tuple[str, ...] = ()

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
        settings = " ".join(f"SET {setting}" for setting in self.settings)
        return (
            f"CREATE OR REPLACE FUNCTION {self.schema}.{self.name}({self.arguments}) "
            f"RETURNS {self.returns} LANGUAGE {self.language} {self.volatility} {owner} "
            f"{settings} AS $function$\n{self.body.strip()}\n$function$"
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
    -- While a large build is written, all rows of its month are unpublished. Autovacuum would tell
    -- the planner so, which would then take the index of current rows for an empty one.
    IF EXISTS (
        SELECT FROM pg_attribute
        WHERE attrelid = format('{INTERNAL_SCHEMA}.%I', partition)::regclass
        AND attname = 'recorded_at' AND NOT attnotnull
    ) THEN
        EXECUTE format(
            'ALTER TABLE {INTERNAL_SCHEMA}.%I ALTER COLUMN recorded_at SET STATISTICS 0', partition
        );
    END IF;
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


def _fold_text() -> DatabaseFunction:
    """``search_text.fold`` in SQL."""
    letters = search_text.LETTERS
    folded = (
        f"translate(normalize(regexp_replace(normalize("
        f"translate(t, '{search_text.MARKS_AFTER_NAMES}', '  '), NFKD), "
        f"'[{search_text.REMOVED}]', '', 'g'), NFKC), "
        f"'{''.join(letters)}', '{''.join(letters.values())}')"
    )
    for letter, spelled_out in search_text.SPELLED_OUT.items():
        folded = f"replace({folded}, '{letter}', '{spelled_out}')"
    return DatabaseFunction(
        INTERNAL_SCHEMA,
        "fold_text",
        arguments="t text",
        types="text",
        returns="text",
        body=f"SELECT {folded}",
        comment="A text without case, accents and compatibility characters.",
        volatility="IMMUTABLE",
    )


def _search_terms() -> DatabaseFunction:
    """``search_text.query_terms`` in SQL."""
    unspaced = search_text.UNSPACED
    return DatabaseFunction(
        INTERNAL_SCHEMA,
        "search_terms",
        arguments="query text",
        types="text",
        returns="TABLE (needle text, tokens text[], is_prefix boolean)",
        body=f"""
WITH folded AS (
    SELECT left(
        {INTERNAL_SCHEMA}.fold_text(left(query, {search_text.QUERY_CHARACTERS})),
        {search_text.FOLDED_CHARACTERS}
    ) AS t
), parts AS (
    SELECT p.place, p.part, p.place % 2 = 0 AND p.place < count(*) OVER () AS is_phrase
    FROM folded
    CROSS JOIN LATERAL unnest(string_to_array(t, '"')) WITH ORDINALITY AS p (part, place)
), separated AS (
    SELECT place, is_phrase,
        CASE WHEN is_phrase THEN regexp_replace(part, '[{search_text.SEPARATORS}]+', ' ', 'g')
            ELSE regexp_replace(part, '[{search_text.SEPARATORS_BUT_STAR}]+', ' ', 'g') END AS part
    FROM parts
), spaced AS (
    SELECT place, is_phrase,
        regexp_replace(
            regexp_replace(part, '([{unspaced}])([^{unspaced} ])', '\\1 \\2', 'g'),
            '([^{unspaced} ])([{unspaced}])', '\\1 \\2', 'g'
        ) AS part
    FROM separated
), asked AS (
    SELECT place, 0::bigint AS word_place, false AS is_prefix,
        btrim(regexp_replace(part, ' +', ' ', 'g'), ' ') AS words
    FROM spaced
    WHERE is_phrase
    UNION ALL
    SELECT s.place, w.word_place,
        w.word LIKE '%*' AND length(rtrim(w.word, '*')) >= {search_text.SHORTEST_PREFIX}
            AND w.word !~ '^[{unspaced}]',
        rtrim(w.word, '*')
    FROM spaced AS s
    CROSS JOIN LATERAL unnest(string_to_array(regexp_replace(s.part, '\\*+', '* ', 'g'), ' '))
        WITH ORDINALITY AS w (word, word_place)
    WHERE NOT s.is_phrase
)
SELECT
    CASE WHEN words ~ '^[{unspaced}]' THEN '' ELSE ' ' END || words
        || CASE WHEN is_prefix OR words ~ '[{unspaced}]$' THEN '' ELSE ' ' END,
    ARRAY(
        SELECT CASE WHEN w.word ~ '^[{unspaced}]' THEN substr(w.word, n.first::integer, 2)
            ELSE left(w.word, {search_text.TOKEN_CHARACTERS}) END
        FROM unnest(string_to_array(words, ' ')) WITH ORDINALITY AS w (word, place)
        CROSS JOIN LATERAL generate_series(
            1, CASE WHEN w.word ~ '^[{unspaced}]' THEN greatest(length(w.word) - 1, 1) ELSE 1 END
        ) AS n (first)
        ORDER BY w.place, n.first
    ),
    is_prefix
FROM asked
WHERE words <> ''
ORDER BY place, word_place
LIMIT {search_text.QUERY_TERMS}""",  # noqa: S608
        comment="What a search asks for: pieces of folded text, and their tokens in the index.",
        volatility="IMMUTABLE",
    )


#: Ranking costs by row and term: so many of both, and rows enough for what is asked for.
_RANKED = 900
#: Rows that may be looked at for a phrase, or a run of several characters, whose words they have.
_LOOKED_AT = 1_500


def _search_products() -> DatabaseFunction:
    searched, summaries = tables.product_search.name, tables.product_summaries.name
    named, market = search_text.NAMED, search_text.OF_MARKETPLACE
    title, brand, bullets, description = search_text.WEIGHTS

    def hits(wanted: str) -> str:
        return f"""
        SELECT c.marketplace, c.asin, e1.title_end, found.rank
        FROM (
            SELECT r.marketplace, r.asin, r.folded
            FROM (
                -- Joined to nothing, the text is decompressed once and not by every function.
                SELECT s.marketplace, s.asin, s.folded || '' AS folded
                FROM {INTERNAL_SCHEMA}.{searched} AS s
                WHERE s.recorded_at IS NOT NULL AND s.superseded_at IS NULL
                    AND array_to_tsvector(string_to_array(s.tokens, ' ')) @@ {wanted}
                LIMIT looked_at
            ) AS r
            WHERE in_order IS NULL OR strpos(r.folded, in_order) > 0
            LIMIT ranked
        ) AS c
        CROSS JOIN LATERAL (
            SELECT strpos(c.folded, E'\\n') AS title_end OFFSET 0
        ) AS e1
        CROSS JOIN LATERAL (
            SELECT title_end + strpos(substr(c.folded, title_end + 1), E'\\n') AS brand_end OFFSET 0
        ) AS e2
        CROSS JOIN LATERAL (
            SELECT brand_end + strpos(substr(c.folded, brand_end + 1), E'\\n') AS bullets_end
            OFFSET 0
        ) AS e3
        CROSS JOIN LATERAL (
            SELECT bool_and(p.place > 0) AS has_all,
                avg(CASE WHEN p.place < title_end THEN {title} WHEN p.place < brand_end THEN {brand}
                    WHEN p.place < bullets_end THEN {bullets} ELSE {description} END
                )::double precision AS rank
            FROM (SELECT strpos(c.folded, needle) AS place FROM unnest(needles) AS n (needle)) AS p
        ) AS found
        WHERE found.has_all"""  # noqa: S608

    return DatabaseFunction(
        CONTRACT_SCHEMA,
        "search_products",
        arguments="query text, max_results integer DEFAULT 20, of_marketplace text DEFAULT NULL",
        types="text, integer, text",
        returns="TABLE (marketplace text, asin text, title text, brand text, "
        "rank double precision)",
        body=f"""
#variable_conflict use_column
DECLARE
    needles text[];
    in_names tsquery;
    anywhere tsquery;
    in_order text;
    ranked integer;
    looked_at integer;
    wanted integer := least(greatest(coalesce(max_results, 20), 0), 1000);
BEGIN
    -- No token holds a quotation mark: what separates words is in none.
    SELECT array_agg(t.needle), string_agg(q.in_names, ' & ')::tsquery,
        string_agg(q.anywhere, ' & ')::tsquery,
        (array_agg(t.needle ORDER BY cardinality(t.tokens) DESC)
            FILTER (WHERE cardinality(t.tokens) > 1))[1]
    INTO needles, in_names, anywhere, in_order
    FROM {INTERNAL_SCHEMA}.search_terms(query) AS t
    CROSS JOIN LATERAL (
        SELECT string_agg('''{named}' || k.token || x.ending, ' & ') AS in_names,
            string_agg('''' || k.token || x.ending, ' & ') AS anywhere
        FROM unnest(t.tokens) AS k (token)
        CROSS JOIN (SELECT CASE WHEN t.is_prefix THEN ''':*' ELSE '''' END AS ending) AS x
    ) AS q;
    IF needles IS NULL OR wanted = 0 THEN
        RETURN;
    END IF;
    IF of_marketplace IS NOT NULL THEN
        IF of_marketplace !~ '^[a-z.-]+$' THEN
            RETURN;
        END IF;
        in_names := in_names && ('''{market}' || of_marketplace || '''')::tsquery;
        anywhere := anywhere && ('''{market}' || of_marketplace || '''')::tsquery;
    END IF;
    ranked := greatest({_RANKED} / (2 + cardinality(needles)), 2 * wanted);
    looked_at := CASE WHEN in_order IS NULL THEN ranked ELSE greatest({_LOOKED_AT}, ranked) END;
    RETURN QUERY
    WITH named_hits AS MATERIALIZED ({hits("in_names")}
    ), other_hits AS MATERIALIZED ({hits("anywhere")}
            AND (SELECT count(*) FROM named_hits) < wanted
    ), best AS (
        SELECT * FROM named_hits UNION SELECT * FROM other_hits
        ORDER BY rank DESC, title_end, marketplace, asin
        LIMIT wanted
    )
    SELECT b.marketplace::text, b.asin::text, p.title, p.brand, b.rank
    FROM best AS b
    LEFT JOIN {INTERNAL_SCHEMA}.{summaries} AS p
        ON p.marketplace = b.marketplace AND p.asin = b.asin
        AND p.recorded_at IS NOT NULL AND p.superseded_at IS NULL
    ORDER BY b.rank DESC, b.title_end, b.marketplace, b.asin;
END""",  # noqa: S608
        comment="Products whose listing (title, brand, bullets, description at the last capture "
        "that knows them) has all words of the query, the best first: words, beginnings (kett*, "
        'at least three letters) and "phrases"; in Chinese, Japanese, Korean and Thai any piece of '
        "text. Case and accents do not count. rank is above 0 to 1: 1 when every word stands in "
        "the title, less for brand, bullets and description. Of very many hits the best of some "
        "are given, and a phrase of words that very many listings have is looked for in some. "
        "max_results at most 1000.",
        language="plpgsql",
        volatility="STABLE",
        runs_as_owner=True,
        # One plan, by the index, whatever the words are.
        settings=(
            "enable_seqscan = off",
            "enable_indexscan = off",
            "plan_cache_mode = force_generic_plan",
            "jit = off",
        ),
    )


def _analyze_facts() -> DatabaseFunction:
    # Autovacuum looks after the partitions. The tables above them, by which queries over several
    # months are planned, nobody analyzes unless told to.
    statements = "\n".join(
        f"    EXECUTE format('ANALYZE %s {INTERNAL_SCHEMA}.{table.name}', only_it);"
        for table in PARTITIONED
    )
    return DatabaseFunction(
        INTERNAL_SCHEMA,
        "analyze_facts",
        arguments="",
        types="",
        returns="void",
        body=f"""
DECLARE
    -- Without it the partitions are analyzed too; PostgreSQL knows it since version 18.
    only_it text := CASE WHEN current_setting('server_version_num')::integer >= 180000
        THEN 'ONLY' ELSE '' END;
BEGIN
{statements}
END""",
        comment="Brings the planner's statistics of the tables with monthly partitions up to date.",
        language="plpgsql",
        runs_as_owner=True,
    )


def _analyze_written() -> DatabaseFunction:
    names = ", ".join(f"'{table.name}'" for table in tables.VERSIONED_FACTS)
    return DatabaseFunction(
        INTERNAL_SCHEMA,
        "analyze_written",
        arguments="table_name text, first date, last date",
        types="text, date, date",
        returns="void",
        body=f"""
DECLARE
    relation text;
BEGIN
    IF table_name IS NULL OR table_name <> ALL (ARRAY[{names}]) THEN
        RAISE invalid_parameter_value USING MESSAGE =
            format('%s is no table of facts', coalesce(table_name, 'NULL'));
    END IF;
    FOR relation IN
        SELECT c.relname
        FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
        WHERE (i.inhparent = format('{INTERNAL_SCHEMA}.%I', table_name)::regclass
                AND c.relname BETWEEN table_name || to_char(first, '_YYYY_MM')
                    AND table_name || to_char(last, '_YYYY_MM'))
            OR (c.oid = format('{INTERNAL_SCHEMA}.%I', table_name)::regclass AND c.relkind = 'r')
    LOOP
        EXECUTE format('ANALYZE {INTERNAL_SCHEMA}.%I', relation);
    END LOOP;
END""",  # noqa: S608
        comment="Brings the planner's statistics up to date of a table that many rows were written "
        "to: of the months of these days, or of the table itself.",
        language="plpgsql",
        runs_as_owner=True,
    )


def _lineage() -> DatabaseFunction:
    names = ("group_id", "asin", "day", "method", "as_of")
    return DatabaseFunction(
        CONTRACT_SCHEMA,
        "lineage",
        arguments="group_id text, asin text, day date, method text DEFAULT 'standard', "
        "as_of timestamptz DEFAULT now()",
        types="text, text, date, text, timestamptz",
        returns=_lineage_rows(),
        body=lineage.parameters_in_order(names, lineage.lineage_select(is_postgres=True)),
        comment=f"Where a score came from. {lineage.COMMENT}",
        volatility="STABLE",
        runs_as_owner=True,
    )


def _fact_lineage() -> DatabaseFunction:
    names = ("group_id", "day", "fact_id", "as_of")
    return DatabaseFunction(
        CONTRACT_SCHEMA,
        "fact_lineage",
        arguments="group_id text, day date, fact_id text, as_of timestamptz DEFAULT now()",
        types="text, date, text, timestamptz",
        returns=_lineage_rows(),
        body=lineage.parameters_in_order(names, lineage.fact_lineage_select(is_postgres=True)),
        comment=f"Where a fact of a report came from (competitive_reports.facts). "
        f"{lineage.COMMENT}",
        volatility="STABLE",
        runs_as_owner=True,
    )


def _lineage_rows() -> str:
    return f"TABLE ({', '.join(f'{name} {kind}' for name, kind in lineage.COLUMNS)})"


def _drop_partition() -> DatabaseFunction:
    names = ", ".join(f"'{table.name}'" for table in PARTITIONED)
    return DatabaseFunction(
        INTERNAL_SCHEMA,
        "drop_partition",
        arguments="table_name text, month date",
        types="text, date",
        returns="boolean",
        # The caller bounds how long it waits for readers (lock_timeout): who comes meanwhile waits
        # behind it.
        body=f"""
DECLARE
    partition text := format('%s_%s', table_name, to_char(month, 'YYYY_MM'));
BEGIN
    IF table_name IS NULL OR table_name <> ALL (ARRAY[{names}]) THEN
        RAISE invalid_parameter_value USING MESSAGE =
            format('%s is no table with monthly partitions', coalesce(table_name, 'NULL'));
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('insights/partitions/' || table_name, 0));
    IF NOT EXISTS (
        SELECT FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = format('{INTERNAL_SCHEMA}.%I', table_name)::regclass
        AND c.relname = partition
    ) THEN
        RETURN false;
    END IF;
    EXECUTE format('DROP TABLE {INTERNAL_SCHEMA}.%I', partition);
    RETURN true;
END
""",
        comment="Drops the partition of a month with its rows; whether there was one.",
        language="plpgsql",
        runs_as_owner=True,
    )


#: In the order in which they are made.
FUNCTIONS: tuple[DatabaseFunction, ...] = (
    _snapshot_as_of(),
    _refresh_mart(),
    _request_tracking(),
    _make_partition(),
    _fold_text(),
    _search_terms(),
    _search_products(),
    _lineage(),
    _fact_lineage(),
    _drop_partition(),
    _analyze_facts(),
    _analyze_written(),
)
