"""Rejected pages: which there are and why, and another try with the parser as it is now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from insights_assets.snapshots.rebuild import rebuild_snapshots
from insights_resources.marketplaces import ProductKey
from insights_resources.page_archive import PageArchive
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import select_current


@dataclass(frozen=True)
class Rejection:
    """A page that gives no snapshot, and why."""

    page_id: str
    key: ProductKey
    day: date
    captured_at: datetime
    verdict: str
    reason: str
    parser_version: str


@dataclass(frozen=True)
class Replay:
    """What another try gave: of ``tried`` pages ``accepted`` are snapshots now."""

    tried: tuple[Rejection, ...]
    accepted: tuple[Rejection, ...]
    still_rejected: tuple[Rejection, ...]


def find_rejections(
    warehouse: Warehouse,
    *,
    first_day: date | None = None,
    last_day: date | None = None,
    marketplace: str | None = None,
    verdict: str | None = None,
    reason: str | None = None,
    limit: int | None = None,
) -> list[Rejection]:
    """The pages that stand rejected, the newest first; ``reason``: a part of it, in any case."""
    table = tables.rejected_pages
    conditions: list[Any] = []
    if first_day is not None:
        conditions.append(table.c.day >= first_day)
    if last_day is not None:
        conditions.append(table.c.day <= last_day)
    if marketplace is not None:
        conditions.append(table.c.marketplace == marketplace)
    if verdict is not None:
        conditions.append(table.c.verdict == verdict)
    if reason is not None:
        conditions.append(table.c.reason.icontains(reason, autoescape=True))
    query = (
        select_current(table)
        .where(*conditions)
        .order_by(table.c.captured_at.desc(), table.c.page_id)
        .limit(limit)
    )
    with warehouse.read() as connection:
        return [_rejection(row) for row in connection.execute(query)]


def _rejection(row: Any) -> Rejection:
    return Rejection(
        row.page_id,
        ProductKey(row.marketplace, row.asin),
        row.day,
        row.captured_at,
        row.verdict,
        row.reason,
        row.parser_version,
    )


def replay(
    warehouse: Warehouse, archive: PageArchive, rejections: Sequence[Rejection]
) -> Iterator[tuple[date, Replay]]:
    """Parses the pages again, day by day, the oldest first.

    The layer's own rebuild, so that other pages of the same products on these days are read again
    too. What follows from new snapshots is pending for the next micro-batch. Raises
    ``AuditFailedError`` when a day's build is refused; the days before it stay done.
    """
    by_day: dict[date, list[Rejection]] = defaultdict(list)
    for rejection in rejections:
        by_day[rejection.day].append(rejection)
    for day, tried in sorted(by_day.items()):
        rebuild_snapshots(
            warehouse, archive, Scope.of_day(day, {rejection.key for rejection in tried})
        )
        ids = {rejection.page_id for rejection in tried}
        still = [
            found
            for found in find_rejections(warehouse, first_day=day, last_day=day)
            if found.page_id in ids
        ]
        refused = {rejection.page_id for rejection in still}
        accepted = [rejection for rejection in tried if rejection.page_id not in refused]
        yield day, Replay(tuple(tried), tuple(accepted), tuple(still))
