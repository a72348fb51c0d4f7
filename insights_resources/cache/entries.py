"""What can be in the cache: each kind of entry with its key, its time to live, its tags and what it
is read from."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import Table

from insights_resources.warehouse import tables
from insights_resources.warehouse.tables import Consistency

#: An answer that there is nothing is kept for this long at most.
NOTHING_SECONDS = 60
#: Every entry's tag: without it nothing that is stored counts.
ALL = "all"

_NAME = re.compile(r"[^\s=]+")


@dataclass(frozen=True)
class Entry:
    """One thing to cache. ``tags`` are known before it is read; ``tags_of`` gives those that its
    value tells."""

    key: str
    seconds: int
    tables: tuple[Table, ...]
    tags: tuple[str, ...] = ()
    tags_of: Callable[[Any], tuple[str, ...]] = lambda value: ()

    @cached_property
    def is_strong(self) -> bool:
        """Whether it has anything from a table whose copies may never be old."""
        return any(table.info["consistency"] is Consistency.STRONG for table in self.tables)

    def all_tags(self, value: Any) -> tuple[str, ...]:
        """Every tag of the entry with this value; raises ``ValueError`` for one that is none."""
        tags = (ALL, *self.tags, *self.tags_of(value))
        for tag in tags:
            if not _NAME.fullmatch(tag):
                raise ValueError(f"{tag!r} cannot be a tag: no spaces, no =")
        return tags


def product_summary_entry(marketplace: str, asin: str) -> Entry:
    """A product's row of ``product_summaries``; tags ``summaries`` and ``marketplace:...``."""
    return Entry(
        f"product:{marketplace}:{asin}:summary",
        24 * 3600,
        (tables.product_summaries,),
        ("summaries", f"marketplace:{marketplace}"),
    )


def group_analysis_entry(group_id: str) -> Entry:
    """A group's last scores and its report of that day; tags ``analyses``, ``group:...`` and the
    ``marketplace:...`` of each product."""
    return Entry(
        f"competitive:{group_id}:analysis",
        3600,
        (tables.competitive_scores, tables.competitive_reports),
        ("analyses", f"group:{group_id}"),
        lambda analysis: tuple(
            sorted({f"marketplace:{score['marketplace']}" for score in analysis["scores"]})
            if analysis
            else ()
        ),
    )


def system_status_entry() -> Entry:
    """What the platform is doing."""
    return Entry("system:status", 300, (tables.builds,), ("status",))


#: Tables whose publications change entries.
CACHED_TABLES = (tables.product_summaries, tables.competitive_scores, tables.competitive_reports)
#: The keys of all entries, as patterns of Redis.
KEY_PATTERNS = ("product:*:summary", "competitive:*:analysis", "system:status")
