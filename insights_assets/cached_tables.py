"""Which tables' commits the cache is told of, whoever publishes them."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Table

from insights_assets.competition.group_analysis import analyses_in_cache
from insights_assets.serving.cached_summaries import summaries_in_cache
from insights_resources.cache import Cache
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import CommitObserver


def observers(warehouse: Warehouse, cache: Cache) -> Callable[[Table], CommitObserver | None]:
    """For ``roll_back``: who is told of a table's commit; None where nothing of it is cached."""
    in_cache = {
        tables.competitive_scores: analyses_in_cache,
        tables.competitive_reports: analyses_in_cache,
        tables.product_summaries: summaries_in_cache,
    }

    def observer(table: Table) -> CommitObserver | None:
        tell = in_cache.get(table)
        return None if tell is None else tell(warehouse, cache)

    return observer
