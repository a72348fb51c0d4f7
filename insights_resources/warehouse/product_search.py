"""Search over the listings of products: the function ``insights.search_products`` of the contract,
and the same for SQLite."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, func, select, text

from insights_resources.warehouse import tables
from insights_resources.warehouse.column_types import clean_text
from insights_resources.warehouse.consumer_reads import read_for_consumers
from insights_resources.warehouse.contract_views import CONTRACT_SCHEMA
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.search_text import FIELD_END, query_terms, rank

#: More are never given.
MOST_RESULTS = 1_000


@dataclass(frozen=True)
class FoundProduct:
    """A product that a search found; ``rank`` is above 0 to 1, 1 for all words in the title."""

    marketplace: str
    asin: str
    title: str | None
    brand: str | None
    rank: float


def search_products(
    warehouse: Warehouse, query: str, max_results: int = 20, of_marketplace: str | None = None
) -> list[FoundProduct]:
    """Products whose listing has all words of the query, the best first.

    Any text is a query: words, beginnings of words (``kett*``, three letters at least) and
    ``"phrases"``; what has no word finds nothing. On PostgreSQL by an index, on SQLite by reading
    every listing.
    """

    def read(connection: Connection) -> list[FoundProduct]:
        if not warehouse.is_postgres:
            return _search_sqlite(connection, query, max_results, of_marketplace)
        rows = connection.execute(
            text(f"SELECT * FROM {CONTRACT_SCHEMA}.search_products(:query, :most, :market)"),  # noqa: S608
            {
                "query": clean_text(query),
                "most": max_results,
                "market": of_marketplace and clean_text(of_marketplace),
            },
        )
        return [FoundProduct(*row) for row in rows]

    return read_for_consumers(warehouse, (tables.product_search, tables.product_summaries), read)


def _search_sqlite(
    connection: Connection, query: str, max_results: int, of_marketplace: str | None
) -> list[FoundProduct]:
    terms = query_terms(query)
    if not terms or max_results < 1:
        return []
    searched, summaries = tables.product_search, tables.product_summaries
    conditions: list[Any] = [
        searched.c.recorded_at.is_not(None),
        searched.c.superseded_at.is_(None),
        *(func.instr(searched.c.folded, term.needle) > 0 for term in terms),
    ]
    if of_marketplace is not None:
        conditions.append(searched.c.marketplace == of_marketplace)
    rows = connection.execute(
        select(
            searched.c.marketplace,
            searched.c.asin,
            searched.c.folded,
            summaries.c.title,
            summaries.c.brand,
        )
        .outerjoin(
            summaries,
            and_(
                summaries.c.marketplace == searched.c.marketplace,
                summaries.c.asin == searched.c.asin,
                summaries.c.recorded_at.is_not(None),
                summaries.c.superseded_at.is_(None),
            ),
        )
        .where(*conditions)
    ).all()
    found = [
        (
            row.folded.index(FIELD_END),
            FoundProduct(row.marketplace, row.asin, row.title, row.brand, rank(row.folded, terms)),
        )
        for row in rows
    ]
    found.sort(key=lambda hit: (-hit[1].rank, hit[0], hit[1].marketplace, hit[1].asin))
    return [product for _, product in found[: min(max_results, MOST_RESULTS)]]
