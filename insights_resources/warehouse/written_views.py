"""Views of the contract that are written by hand: where one question spans several columns.

A written view has one SELECT with a few placeholders for what the engines spell differently:

- ``{table}``, by a table's name: the table itself, with its schema;
- ``{number:column.key}``, ``{text:column.key}``: the value of a key of a JSON object, NULL without
  that key; ``{whole:column.key}`` the same as an integer;
- ``{list:column.key}``: the list that is the value of a key, as JSON;
- ``{number_of:column.expression}``, ``{text_of:...}``: of the key that an expression gives;
- ``{hours_since:column.now}``: hours since an instant, at the time of the query;
- ``{object:column.key,key}``: the object with only these of its keys, those that it has.

It reads the tables, never another view, so that views can be made and dropped in any order.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import Column, Float, Integer, String, Text

from insights_resources.warehouse import tables
from insights_resources.warehouse.column_types import BigId, Json, UtcDateTime
from insights_resources.warehouse.tables import FRESH_HOURS, INTERNAL_SCHEMA

_PLACEHOLDER = re.compile(
    r"\{(?P<kind>[a-z_]+):(?P<column>[a-z_]+\.[a-z_]+)\.(?P<key>[a-z0-9_.,]+)\}"
)
_TABLE = re.compile(r"\{(?P<name>[a-z_]+)\}")


@dataclass(frozen=True)
class WrittenView:
    """A view by hand: its name, what it and its columns mean, and its SELECT with placeholders."""

    name: str
    comment: str
    grain: str
    columns: tuple[Column, ...]
    template: str

    def select(self, *, is_postgres: bool) -> str:
        """The SELECT for an engine; raises ``ValueError`` for a placeholder that there is not."""
        spell = _postgres if is_postgres else _sqlite
        filled = _PLACEHOLDER.sub(lambda m: spell(m["kind"], m["column"], m["key"]), self.template)
        prefix = f"{INTERNAL_SCHEMA}." if is_postgres else ""
        return _TABLE.sub(lambda m: prefix + m["name"], filled).strip()


def _postgres(kind: str, column: str, key: str) -> str:
    value = f"{column} ->> '{key}'"
    match kind:
        case "text":
            return f"({value})"
        case "number":
            return f"CAST({value} AS DOUBLE PRECISION)"
        case "whole":
            return f"CAST({value} AS INTEGER)"
        case "hours_since":
            return f"CAST(EXTRACT(EPOCH FROM {key}() - {column}) / 3600 AS DOUBLE PRECISION)"
        case "list":
            return f"({column} -> '{key}')"
        case "text_of":
            return f"({column} ->> {key})"
        case "number_of":
            return f"CAST({column} ->> {key} AS DOUBLE PRECISION)"
        case "object":
            pairs = ", ".join(f"'{name}', {column} -> '{name}'" for name in key.split(","))
            return f"jsonb_strip_nulls(jsonb_build_object({pairs}))"
    raise ValueError(f"a written view has no placeholder of the kind {kind!r}")


def _sqlite(kind: str, column: str, key: str) -> str:
    # json_extract: SQLite has -> and ->> since 3.38 only.
    match kind:
        case "text" | "list":
            return f"json_extract({column}, '$.{key}')"
        case "number":
            return f"CAST(json_extract({column}, '$.{key}') AS REAL)"
        case "hours_since":
            return f"((julianday('{key}') - julianday({column})) * 24)"
        case "whole":
            return f"CAST(json_extract({column}, '$.{key}') AS INTEGER)"
        case "text_of":
            return f"json_extract({column}, '$.' || {key})"
        case "number_of":
            return f"CAST(json_extract({column}, '$.' || {key}) AS REAL)"
        case "object":
            pairs = ", ".join(
                f"'{name}', json_extract({column}, '$.{name}')" for name in key.split(",")
            )
            # A merge patch takes the keys whose value is null away.
            return f"json_patch('{{}}', json_object({pairs}))"
    raise ValueError(f"a written view has no placeholder of the kind {kind!r}")


def _column(name: str, kind: object, comment: str, *, nullable: bool = True) -> Column:
    return Column(name, kind, nullable=nullable, comment=comment)  # type: ignore[arg-type]


def _same(name: str) -> Column:
    """A column that is one of the scores' own."""
    column = tables.competitive_scores.c[name]
    return _column(name, column.type, column.comment or "", nullable=bool(column.nullable))


_SCORE_EXPLANATIONS = WrittenView(
    name="score_explanations",
    comment=(
        "How each competitive score came about: a row for each of its dimensions, with what went "
        "in, who was compared with, who was left out and why, and what it adds to the overall "
        "score. The formulas: docs/scores.md."
    ),
    grain="day, group, product, method, dimension",
    columns=(
        _same("day"),
        _same("group_id"),
        _same("marketplace"),
        _same("asin"),
        _same("method"),
        _column("dimension", String(16), "price, quality or popularity.", nullable=False),
        _column(
            "score",
            Float(53),
            "Score of the dimension, 0 to 100, higher is better. NULL: see missing_reason.",
        ),
        _column(
            "missing_reason",
            Text(),
            "Why score is NULL (see competitive_scores.missing_reasons); NULL: there is a score.",
        ),
        _column(
            "contribution",
            Float(53),
            "Points that the dimension adds to overall_score; the dimensions' sum is overall_score "
            "before rounding. NULL: no score, or no overall_score.",
        ),
        _same("overall_score"),
        _column(
            "value",
            Float(53),
            "The product's own value: price in currency units, rating in stars, Best Sellers Rank "
            "in rank_node (standard) or its 7-day median (robust). NULL: not known, or (ranks) no "
            "node is shared with enough peers.",
        ),
        _column(
            "peer_value",
            Float(53),
            "What it is compared with, in the unit of value: the peers' median price, their mean "
            "rating, their median rank. NULL: no peer has a value, or (quality of the standard "
            "method) nothing is compared.",
        ),
        _column(
            "compared_peers",
            Integer(),
            "How many peers have a value in peer_value. NULL: nothing is compared.",
        ),
        _column(
            "currency",
            String(3),
            "ISO 4217 of value and peer_value of the price. NULL: another dimension, or not known.",
        ),
        _column(
            "rating_count",
            Integer(),
            "Number of ratings behind value in the quality of the robust method. NULL: another "
            "dimension or method, or not known.",
        ),
        _column(
            "rank_node",
            Text(),
            "Node key in which ranks are compared (see rank_features.node_key). NULL: another "
            "dimension, or none is shared with enough peers.",
        ),
        _column(
            "inputs",
            Json,
            "{input: value} of this dimension, as in competitive_scores.inputs.",
            nullable=False,
        ),
        _same("peer_count"),
        _column("peers", Json, "List of the ASINs of the eligible peers.", nullable=False),
        _column(
            "left_out",
            Json,
            "List of {asin, reason} of the members that are no peers (reasons: "
            "competitive_scores.peers).",
            nullable=False,
        ),
        _column("build_id", BigId, "The build that wrote the score (builds).", nullable=False),
        _column("recorded_at", UtcDateTime, "When the score was published (UTC).", nullable=False),
    ),
    template="""
SELECT
    s.day,
    s.group_id,
    s.marketplace,
    s.asin,
    s.method,
    d.dimension,
    CASE d.dimension
        WHEN 'price' THEN s.price_score
        WHEN 'quality' THEN s.quality_score
        ELSE s.popularity_score
    END AS score,
    {text_of:s.missing_reasons.d.dimension} AS missing_reason,
    {number_of:s.contributions.d.dimension} AS contribution,
    s.overall_score,
    CASE d.dimension
        WHEN 'price' THEN {number:s.inputs.price}
        WHEN 'quality' THEN {number:s.inputs.rating}
        ELSE COALESCE({number:s.inputs.rank}, {number:s.inputs.rank_median_7d})
    END AS value,
    CASE d.dimension
        WHEN 'price' THEN {number:s.inputs.peer_median_price}
        WHEN 'quality' THEN {number:s.inputs.peer_mean_rating}
        ELSE COALESCE(
            {number:s.inputs.peer_median_rank}, {number:s.inputs.peer_median_rank_median_7d}
        )
    END AS peer_value,
    CASE d.dimension
        WHEN 'price' THEN {whole:s.inputs.priced_peers}
        WHEN 'quality' THEN {whole:s.inputs.rated_peers}
        ELSE {whole:s.inputs.ranked_peers}
    END AS compared_peers,
    CASE WHEN d.dimension = 'price' THEN {text:s.inputs.currency} END AS currency,
    CASE WHEN d.dimension = 'quality' THEN {whole:s.inputs.rating_count} END AS rating_count,
    CASE WHEN d.dimension = 'popularity' THEN {text:s.inputs.rank_node} END AS rank_node,
    CASE d.dimension
        WHEN 'price' THEN
            {object:s.inputs.currency,price,price_missing_reason,peer_median_price,priced_peers}
        WHEN 'quality' THEN
            {object:s.inputs.rating,rating_count,peer_mean_rating,rated_peers}
        ELSE
            {object:s.inputs.rank_node,rank,peer_median_rank,rank_median_7d,peer_median_rank_median_7d,ranked_peers}
    END AS inputs,
    s.peer_count,
    {list:s.peers.eligible} AS peers,
    {list:s.peers.left_out} AS left_out,
    s.build_id,
    s.recorded_at
FROM {fact_competitive_scores} AS s
CROSS JOIN (
    SELECT 'price' AS dimension
    UNION ALL
    SELECT 'quality'
    UNION ALL
    SELECT 'popularity'
) AS d
WHERE s.recorded_at IS NOT NULL AND s.superseded_at IS NULL
""",
)

_PRODUCT_FRESHNESS = WrittenView(
    name="product_freshness",
    comment=(
        "How old what is known of each active product is, as of the time of the query: the last "
        "good snapshot goes on serving, and this says for how long."
    ),
    grain="product",
    columns=(
        _same("marketplace"),
        _same("asin"),
        _column(
            "last_captured_at",
            UtcDateTime(),
            "When the product's last snapshot was captured (UTC). NULL: there is none.",
        ),
        _column("age_hours", Float(53), "Hours since then. NULL: there is no snapshot."),
        _column(
            "is_stale",
            Integer(),
            f"1: that is over {FRESH_HOURS} hours ago, so that the product has no part in scores; "
            f"0: it is not. NULL: there is no snapshot.",
        ),
        _column(
            "request_status",
            String(16),
            "Of the live page that is wanted now (page_requests.status). NULL: none is.",
        ),
        _column(
            "request_reason",
            Text(),
            "Why that page has not come yet. NULL: none is wanted, or it was not tried yet.",
        ),
    ),
    template=f"""
SELECT product.marketplace, product.asin, summary.last_captured_at,
    {{hours_since:summary.last_captured_at.now}} AS age_hours,
    CASE WHEN summary.last_captured_at IS NULL THEN NULL
        WHEN {{hours_since:summary.last_captured_at.now}} > {FRESH_HOURS} THEN 1 ELSE 0
    END AS is_stale,
    request.status AS request_status, request.reason AS request_reason
FROM {{dim_products}} AS product
LEFT JOIN {{fact_product_summaries}} AS summary
    ON summary.marketplace = product.marketplace AND summary.asin = product.asin
    AND summary.recorded_at IS NOT NULL AND summary.superseded_at IS NULL
LEFT JOIN {{ops_page_requests}} AS request
    ON request.marketplace = product.marketplace AND request.asin = product.asin
    AND request.status IN ('pending', 'sent', 'unknown')
WHERE product.is_active
""",  # noqa: S608
)

WRITTEN_VIEWS = (_SCORE_EXPLANATIONS, _PRODUCT_FRESHNESS)
