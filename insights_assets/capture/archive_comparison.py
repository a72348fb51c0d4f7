"""Whether the page archive has every page that a row names, and no other.

A page is archived first and then recorded: what is in the archive alone, for longer than a capture
takes, is the rest of one that broke off. A row without its body is a loss: its page cannot be read
again by a better parser.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import select, union

from insights_resources.page_archive import PageArchive, StoredFile
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse

#: A body younger than this may be of a page that is about to be recorded.
GRACE = timedelta(hours=1)
_ROWS_AT_ONCE = 10_000


@dataclass
class ArchiveComparison:
    """``missing``: hashes that rows name and the archive has not. ``orphans``: files that no row
    names."""

    bodies: int = 0
    missing: list[str] = field(default_factory=list)
    orphans: list[StoredFile] = field(default_factory=list)

    @property
    def orphan_bytes(self) -> int:
        """What the orphans take, compressed."""
        return sum(orphan.size for orphan in self.orphans)


def compare_archive(
    warehouse: Warehouse, archive: PageArchive, *, now: datetime | None = None
) -> ArchiveComparison:
    """Compares all of the archive with all rows; both are walked in order, once, in little memory.

    Raises ``ArchiveError`` when the archive cannot be read.
    """
    until = (now or datetime.now(UTC)) - GRACE
    found = ArchiveComparison()
    # The files first: what is archived and recorded meanwhile is then no orphan.
    named = _named_hashes(warehouse)
    wanted = next(named, None)
    for file in archive.stored():
        content_hash = file.content_hash
        if content_hash is None:
            _add_orphan(found, file, until)
            continue
        found.bodies += 1
        while wanted is not None and wanted < content_hash:
            _add_missing(found, archive, wanted)
            wanted = next(named, None)
        if wanted == content_hash:
            wanted = next(named, None)
        else:
            _add_orphan(found, file, until)
    while wanted is not None:
        _add_missing(found, archive, wanted)
        wanted = next(named, None)
    return found


def missing_of_day(warehouse: Warehouse, archive: PageArchive, day: date) -> list[str]:
    """Pages of the day whose body the archive has not. Raises ``ArchiveError``."""
    pages = tables.raw_pages
    with warehouse.read() as connection:
        hashes = connection.scalars(
            select(pages.c.content_hash)
            .where(pages.c.day == day, pages.c.content_hash.is_not(None))
            .distinct()
        ).all()
    return [content_hash for content_hash in hashes if not archive.exists(content_hash)]


def _add_orphan(found: ArchiveComparison, file: StoredFile, until: datetime) -> None:
    if file.modified_at is None or file.modified_at < until:
        found.orphans.append(file)


def _add_missing(found: ArchiveComparison, archive: PageArchive, content_hash: str) -> None:
    # Its capture may have archived it after its folder was listed.
    if not archive.exists(content_hash):
        found.missing.append(content_hash)


def _named_hashes(warehouse: Warehouse) -> Iterator[str]:
    """The hashes that rows name, or that retention is about to remove, in order, each once."""
    pages, removals = tables.raw_pages, tables.body_removals
    hashes = union(
        select(pages.c.content_hash).where(pages.c.content_hash.is_not(None)),
        select(removals.c.content_hash),
    ).subquery()
    query = select(hashes.c.content_hash).order_by(hashes.c.content_hash)
    with warehouse.begin() as connection:
        yield from connection.execution_options(yield_per=_ROWS_AT_ONCE).scalars(query)
