"""The cache before the warehouse: memory over Redis, JSON only.

It may always be empty, and Redis slow, full or gone: the reader then has the database's answer.
Entries of tables with prices or scores are never older than the last commit (``tables.Consistency``
says which); the others may be as old as their time to live. See ``docs/cache.md``.
"""

from insights_resources.cache.cache import Cache, CacheStatus
from insights_resources.cache.counters import Count
from insights_resources.cache.entries import (
    CACHED_TABLES,
    Entry,
    group_analysis_entry,
    product_summary_entry,
    system_status_entry,
)

__all__ = [
    "CACHED_TABLES",
    "Cache",
    "CacheStatus",
    "Count",
    "Entry",
    "group_analysis_entry",
    "product_summary_entry",
    "system_status_entry",
]
