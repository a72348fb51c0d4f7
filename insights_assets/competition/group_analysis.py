"""A group's last scores and the report on them, through the cache."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, and_, func, select

from insights_resources.cache import Cache, group_analysis_entry
from insights_resources.cache.commits import CachedTable
from insights_resources.warehouse import tables
from insights_resources.warehouse.consumer_reads import read_for_consumers
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import is_current
from insights_resources.warehouse.row_conditions import one_of

_SCORE = (
    "marketplace",
    "asin",
    "method",
    "overall_score",
    "price_score",
    "quality_score",
    "popularity_score",
    "coverage",
    "position",
    "position_of",
    "missing_reasons",
)
_REPORT = ("report_id", "status", "writer", "leader_asin", "schema_version", "report")


def read_group_analysis(warehouse: Warehouse, cache: Cache, group_id: str) -> dict[str, Any] | None:
    """``group_id``, the last ``day`` with scores, its ``scores`` (all methods, by method, position
    and product) and the day's ``report`` (None: there is none yet) as JSON, of the last commit
    before the call or later; None: the group has no score."""
    return cache.get_or_compute(
        group_analysis_entry(group_id), lambda: stored_analyses(warehouse, [(group_id,)])[0]
    )


async def read_group_analysis_async(
    warehouse: Warehouse, cache: Cache, group_id: str
) -> dict[str, Any] | None:
    """The same for an event loop."""

    async def compute() -> dict[str, Any] | None:
        found = await asyncio.to_thread(stored_analyses, warehouse, [(group_id,)])
        return found[0]

    return await cache.get_or_compute_async(group_analysis_entry(group_id), compute)


def analyses_in_cache(warehouse: Warehouse, cache: Cache) -> CachedTable:
    """What a build of scores or of reports tells the cache."""
    return CachedTable(
        cache,
        columns=("group_id",),
        entry=group_analysis_entry,
        tag="analyses",
        read=lambda groups: stored_analyses(warehouse, groups),
    )


def stored_analyses(
    warehouse: Warehouse, groups: Sequence[tuple[Any, ...]]
) -> list[dict[str, Any] | None]:
    """The groups' analyses as they are in the database, in the order asked for."""
    wanted = [group_id for (group_id,) in groups]
    found = read_for_consumers(
        warehouse,
        [tables.competitive_scores, tables.competitive_reports],
        lambda connection: _analyses(connection, wanted),
    )
    return [found.get(group_id) for group_id in wanted]


def _analyses(connection: Connection, wanted: Sequence[str]) -> dict[str, dict[str, Any]]:
    """group -> its analysis."""
    scores, reports = tables.competitive_scores, tables.competitive_reports
    last = (
        select(scores.c.group_id, func.max(scores.c.day).label("day"))
        .where(is_current(scores), one_of(scores.c.group_id, wanted))
        .group_by(scores.c.group_id)
        .subquery()
    )
    of_last_day = {
        table: select(
            table.c.group_id, table.c.day, *(table.c[name] for name in columns)
        ).join_from(
            table, last, and_(table.c.group_id == last.c.group_id, table.c.day == last.c.day)
        )
        for table, columns in ((scores, _SCORE), (reports, _REPORT))
    }
    found: dict[str, dict[str, Any]] = {}
    ordered = of_last_day[scores].where(is_current(scores))
    ordered = ordered.order_by(
        scores.c.method, scores.c.position.nulls_last(), scores.c.marketplace, scores.c.asin
    )
    for row in connection.execute(ordered).mappings():
        analysis = found.setdefault(
            row["group_id"],
            {"group_id": row["group_id"], "day": row["day"], "scores": [], "report": None},
        )
        analysis["scores"].append({name: row[name] for name in _SCORE})
    for row in connection.execute(of_last_day[reports].where(is_current(reports))).mappings():
        found[row["group_id"]]["report"] = {name: row[name] for name in _REPORT}
    return found
