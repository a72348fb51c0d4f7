"""Lineage: from a score, or from a fact of a report, down to the pages that it came from.

The functions ``insights.lineage`` and ``insights.fact_lineage`` of the contract, and the same for
SQLite, from one statement.

Each row is followed through what stood when its build began, not through what stands now: after a
re-parse an older score still leads to the snapshots that it was made from. Features of a day come
from the snapshots of the 37 days before it and of the day itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Date,
    Integer,
    String,
    bindparam,
    column,
    text,
)

from insights_resources.warehouse import tables
from insights_resources.warehouse.column_types import UtcDateTime
from insights_resources.warehouse.consumer_reads import read_for_consumers
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.tables import INTERNAL_SCHEMA

#: Days before its own that a day's features read.
_LOOK_BACK = 37
#: Days, its own included, whose alerts a report counts.
_ALERT_DAYS = 7

#: What each row of the answer is made of, in order: name, and type on PostgreSQL.
COLUMNS = (
    ("level", "integer"),
    ("kind", "text"),
    ("name", "text"),
    ("marketplace", "text"),
    ("asin", "text"),
    ("day", "date"),
    ("captured_at", "timestamptz"),
    ("build_id", "bigint"),
    ("recorded_at", "timestamptz"),
    ("page_id", "text"),
    ("content_hash", "text"),
)

COMMENT = (
    "Rows, the thing itself at level 0 and what it was made from below it. kind: fact, score, "
    "alert, features, rank_features, snapshot, page, import or catalog; name: the fact's id, the "
    "score's method, the alert's rule, the browse node, the page's provider, the imported file, or "
    "the catalog's table. build_id and recorded_at: the build that published the row, and when; "
    "content_hash: SHA-256 of a page's body in the archive, NULL without a body. Rows are followed "
    "through what stood when each was made; as_of: what stood at an instant, now unless given."
)

#: Everything that a build may be made from, with the instant at which that one began.
_BUILDS = "JOIN {s}ops_builds AS b ON b.build_id = r.build_id"


@dataclass(frozen=True)
class LineageRow:
    """A row of the answer; see ``COMMENT``."""

    level: int
    kind: str
    name: str | None
    marketplace: str | None
    asin: str | None
    day: date | None
    captured_at: datetime | None
    build_id: int | None
    recorded_at: datetime | None
    page_id: str | None
    content_hash: str | None


def score_lineage(
    warehouse: Warehouse,
    group_id: str,
    asin: str,
    day: date,
    method: str = "standard",
    *,
    as_of: datetime | None = None,
) -> list[LineageRow]:
    """Where a score came from, by level; empty: there is no such score.

    A product that is in the group on several marketplaces gives a score, and its origins, for each.
    """
    values = {"group_id": group_id, "asin": asin, "day": day, "method": method}
    statement = (
        "SELECT * FROM insights.lineage(:group_id, :asin, :day, :method, :as_of)"
        if warehouse.is_postgres
        else lineage_select(is_postgres=False)
    )
    return _read(warehouse, statement, values, as_of)


def fact_lineage(
    warehouse: Warehouse,
    group_id: str,
    day: date,
    fact_id: str,
    *,
    as_of: datetime | None = None,
) -> list[LineageRow]:
    """Where a fact of the report of a group and day came from; empty: there is no such fact."""
    values = {"group_id": group_id, "day": day, "fact_id": fact_id}
    statement = (
        "SELECT * FROM insights.fact_lineage(:group_id, :day, :fact_id, :as_of)"
        if warehouse.is_postgres
        else fact_lineage_select(is_postgres=False)
    )
    return _read(warehouse, statement, values, as_of)


def _read(
    warehouse: Warehouse, sql: str, values: dict[str, Any], as_of: datetime | None
) -> list[LineageRow]:
    statement = text(sql).bindparams(
        bindparam("day", type_=Date), bindparam("as_of", type_=UtcDateTime)
    )
    kinds = {
        "integer": Integer,
        "bigint": BigInteger,
        "text": String,
        "date": Date,
        "timestamptz": UtcDateTime,
    }
    typed = statement.columns(*(column(name, kinds[kind]()) for name, kind in COLUMNS))
    parameters = values | {"as_of": as_of or datetime.now(UTC)}

    def read(connection: Connection) -> list[LineageRow]:
        return [LineageRow(*row) for row in connection.execute(typed, parameters)]

    return read_for_consumers(warehouse, _READ_TABLES, read)


_READ_TABLES = (tables.competitive_scores, tables.competitive_reports)


def lineage_select(*, is_postgres: bool) -> str:
    """The statement for a score; parameters group_id, asin, day, method, as_of."""
    engine = _Engine(is_postgres)
    return engine.statement(
        f"""
scores AS (
    SELECT 0 AS level, r.*, b.started_at AS made_at
    FROM {{s}}fact_competitive_scores AS r {_BUILDS}
    WHERE r.day = :day AND r.group_id = :group_id AND r.asin = :asin AND r.method = :method
        AND {_known(":as_of")}
),
alerts AS (
    SELECT 0 AS level, r.*, r.recorded_at AS made_at
    FROM {{s}}fact_alerts AS r WHERE r.day = :day AND 1 = 0
),
named AS (
    SELECT 1 AS level, marketplace, asin, day, made_at FROM scores WHERE 1 = 0
),
titled AS (
    SELECT 1 AS level, marketplace, asin, day, made_at FROM scores WHERE 1 = 0
)""",  # noqa: S608
        top="",
    )


def fact_lineage_select(*, is_postgres: bool) -> str:
    """The statement for a report's fact; parameters group_id, day, fact_id, as_of."""
    engine = _Engine(is_postgres)
    key = engine.text_in("f.value", "source_key", "{}")
    return engine.statement(
        f"""
facts AS (
    SELECT r.day, r.build_id, r.recorded_at, b.started_at AS made_at,
        {engine.text_in("f.value", "id")} AS fact_id,
        {engine.text_in("f.value", "source_table")} AS source_table,
        {key.format("marketplace")} AS marketplace,
        {key.format("asin")} AS asin,
        {key.format("method")} AS method,
        coalesce({engine.day(key.format("day"))}, r.day) AS source_day
    FROM {{s}}fact_competitive_reports AS r {_BUILDS}
    {engine.elements("r.facts", "f")}
    WHERE r.day = :day AND r.group_id = :group_id AND {_known(":as_of")}
        AND {engine.text_in("f.value", "id")} = :fact_id
),
products AS (
    SELECT DISTINCT f.*, m.marketplace AS of_marketplace, m.asin AS of_asin
    FROM facts AS f
    JOIN {{s}}dim_group_members AS m ON m.group_id = :group_id
        AND m.valid_from <= :day AND (m.valid_to IS NULL OR m.valid_to >= :day)
    WHERE f.asin IS NULL
    UNION ALL
    SELECT f.*, f.marketplace, f.asin FROM facts AS f WHERE f.asin IS NOT NULL
),
scores AS (
    SELECT 1 AS level, r.*, b.started_at AS made_at
    FROM products AS p
    JOIN {{s}}fact_competitive_scores AS r
        ON r.marketplace = p.of_marketplace AND r.asin = p.of_asin
    {_BUILDS}
    WHERE p.source_table = 'fact_competitive_scores'
        AND r.day = :day AND r.group_id = :group_id AND r.method = coalesce(p.method, 'standard')
        AND {_known("p.made_at")}
),
alerts AS (
    SELECT 1 AS level, r.*, b.started_at AS made_at
    FROM products AS p
    JOIN {{s}}fact_alerts AS r ON r.marketplace = p.of_marketplace AND r.asin = p.of_asin
    {_BUILDS}
    WHERE p.source_table = 'fact_alerts'
        AND r.day BETWEEN {engine.minus(":day", _ALERT_DAYS - 1)} AND :day
        AND {_known("p.made_at")}
),
named AS (
    SELECT 1 AS level, of_marketplace AS marketplace, of_asin AS asin, source_day AS day, made_at
    FROM products WHERE source_table = 'fact_product_features'
),
titled AS (
    SELECT 1 AS level, of_marketplace AS marketplace, of_asin AS asin, source_day AS day, made_at
    FROM products WHERE source_table = 'fact_product_snapshots'
)""",  # noqa: S608
        top=f"""
SELECT 0 AS level, 'fact' AS kind, fact_id AS name, marketplace, asin, day,
    {engine.no_instant} AS captured_at, build_id, recorded_at,
    {engine.no_text} AS page_id, {engine.no_text} AS content_hash
FROM facts
UNION ALL
SELECT 1, 'catalog', source_table, marketplace, asin, {engine.no_day}, {engine.no_instant},
    {engine.no_number}, {engine.no_instant}, {engine.no_text}, {engine.no_text}
FROM facts WHERE source_table LIKE 'dim%'
UNION ALL""",  # noqa: S608
    )


def _known(moment: str) -> str:
    """That the row ``r`` stood at a moment."""
    return f"r.recorded_at <= {moment} AND (r.superseded_at IS NULL OR r.superseded_at > {moment})"


@dataclass(frozen=True)
class _Engine:
    """What the engines spell differently."""

    is_postgres: bool

    def statement(self, starts: str, top: str) -> str:
        """The whole statement. ``starts`` are the rows that it begins with: scores, alerts, and
        products with the day of their features (``named``) or snapshots (``titled``)."""
        look_back = _LOOK_BACK
        # A day that the planner knows spares it the other months.
        earliest = self.minus(":day", _LOOK_BACK + _ALERT_DAYS)
        features = f"""
    SELECT w.level, r.marketplace, r.asin, r.day, r.build_id, r.recorded_at{{more}},
        b.started_at AS made_at
    FROM wanted AS w
    JOIN {{{{s}}}}{{table}} AS r
        ON r.marketplace = w.marketplace AND r.asin = w.asin AND r.day = w.day
    {_BUILDS.replace("{", "{{").replace("}", "}}")}
    WHERE r.day BETWEEN {earliest} AND :day AND {_known("w.made_at")}"""  # noqa: S608
        template = f"""
WITH {starts},
wanted AS (
    SELECT level + 1 AS level, marketplace, asin, day, made_at FROM scores
    UNION
    SELECT s.level + 1, s.marketplace, {self.element_text("e.value")}, s.day, s.made_at
    FROM scores AS s {self.elements(self.list_in("s.peers", "eligible"), "e")}
    UNION
    SELECT level + 1, marketplace, asin, day, made_at FROM alerts
    UNION
    SELECT level, marketplace, asin, day, made_at FROM named
),
features AS ({features.format(more="", table="fact_product_features")}
),
rank_features AS ({features.format(more=", r.node_key", table="fact_rank_features")}
),
captures AS (
    SELECT DISTINCT f.level + 1 AS level, r.marketplace, r.asin, r.day, r.page_id, r.origin,
        r.captured_at, r.build_id, r.recorded_at, b.import_id
    FROM features AS f
    JOIN {{s}}fact_product_snapshots AS r ON r.marketplace = f.marketplace AND r.asin = f.asin
        AND r.day BETWEEN {self.minus("f.day", look_back)} AND f.day
    {_BUILDS}
    WHERE r.day BETWEEN {earliest} AND :day AND {_known("f.made_at")}
    UNION
    SELECT t.level, r.marketplace, r.asin, r.day, r.page_id, r.origin, r.captured_at, r.build_id,
        r.recorded_at, b.import_id
    FROM titled AS t
    JOIN {{s}}fact_product_snapshots AS r
        ON r.marketplace = t.marketplace AND r.asin = t.asin AND r.day = t.day
    {_BUILDS}
    WHERE {_known("t.made_at")}
),
found AS ({top}
SELECT level, 'score' AS kind, method AS name, marketplace, asin, day,
    {self.no_instant} AS captured_at, build_id, recorded_at,
    {self.no_text} AS page_id, {self.no_text} AS content_hash
FROM scores
UNION ALL
SELECT level, 'alert', rule_id, marketplace, asin, day, captured_at, build_id, recorded_at,
    {self.no_text}, {self.no_text}
FROM alerts
UNION ALL
SELECT level, 'features', {self.no_text}, marketplace, asin, day, {self.no_instant}, build_id,
    recorded_at, {self.no_text}, {self.no_text}
FROM features
UNION ALL
SELECT level, 'rank_features', node_key, marketplace, asin, day, {self.no_instant}, build_id,
    recorded_at, {self.no_text}, {self.no_text}
FROM rank_features
UNION ALL
SELECT level, 'snapshot', origin, marketplace, asin, day, captured_at, build_id, recorded_at,
    page_id, {self.no_text}
FROM captures
UNION ALL
SELECT c.level + 1, 'page', p.provider, c.marketplace, c.asin, c.day, p.captured_at,
    {self.no_number}, p.recorded_at, p.page_id, p.content_hash
FROM captures AS c
JOIN {{s}}fact_raw_pages AS p ON p.page_id = c.page_id AND p.day = c.day
WHERE c.origin = 'page'
UNION ALL
SELECT DISTINCT c.level + 1, 'import', i.file_name, {self.no_text}, {self.no_text}, {self.no_day},
    {self.no_instant}, {self.no_number}, i.finished_at, {self.no_text}, i.content_hash
FROM captures AS c
JOIN {{s}}ops_imports AS i ON i.import_id = c.import_id
)
SELECT DISTINCT level, kind, name, marketplace, asin, day, captured_at, build_id, recorded_at,
    page_id, content_hash
FROM found
ORDER BY level, kind, marketplace, asin, day, captured_at, name"""  # noqa: S608
        return template.replace("{s}", f"{INTERNAL_SCHEMA}." if self.is_postgres else "").strip()

    @property
    def no_text(self) -> str:
        return "CAST(NULL AS TEXT)"

    @property
    def no_number(self) -> str:
        return "CAST(NULL AS BIGINT)" if self.is_postgres else "NULL"

    @property
    def no_day(self) -> str:
        return "CAST(NULL AS DATE)" if self.is_postgres else "NULL"

    @property
    def no_instant(self) -> str:
        return "CAST(NULL AS TIMESTAMPTZ)" if self.is_postgres else "NULL"

    def minus(self, day: str, days: int) -> str:
        if self.is_postgres:
            return f"({day} - {days})"
        return f"date({day}, '-{days} days')"

    def day(self, value: str) -> str:
        return f"CAST({value} AS DATE)" if self.is_postgres else value

    def text_in(self, document: str, key: str, inner: str | None = None) -> str:
        """The text of a key; with ``inner`` that of a key of the object that is its value."""
        if inner is None:
            return (
                f"({document} ->> '{key}')"
                if self.is_postgres
                else f"json_extract({document}, '$.{key}')"
            )
        return (
            f"({document} -> '{key}' ->> '{inner}')"
            if self.is_postgres
            else f"json_extract({document}, '$.{key}.{inner}')"
        )

    def list_in(self, document: str, key: str) -> str:
        return (
            f"{document} -> '{key}'" if self.is_postgres else f"json_extract({document}, '$.{key}')"
        )

    def elements(self, document: str, name: str) -> str:
        """Joins the elements of a list, each as ``name.value``."""
        if self.is_postgres:
            return f"CROSS JOIN LATERAL jsonb_array_elements({document}) AS {name} (value)"
        return f"JOIN json_each({document}) AS {name}"

    def element_text(self, value: str) -> str:
        return f"{value} #>> '{{}}'" if self.is_postgres else value


def parameters_in_order(names: Sequence[str], statement: str) -> str:
    """The statement with ``$1``, ``$2``, ... for these parameters: the body of a function."""
    for number, name in enumerate(names, start=1):
        statement = statement.replace(f":{name}", f"${number}")
    return statement
