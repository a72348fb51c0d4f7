"""A history file -> published snapshots: ``import_history``.

The whole file is read and checked first, row by row, and set aside by product; then the snapshots
of some products at a time are published. So a damaged file changes nothing, and a crash later
leaves whole products, each as before or as the file says; importing again does the rest, and what
is there already is not written again.

A file is the history of its products from its first row of each to its last: within that time it
replaces what earlier imports said, also by what it no longer says. Pages are never touched.
"""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TextIO

import numpy as np
import pandas as pd
from sqlalchemy import ColumnElement, and_, exists, func, insert, not_, select, true, update
from sqlalchemy.exc import SQLAlchemyError

from insights_assets.snapshots.history_import.checking import Fields, RowChecker
from insights_assets.snapshots.history_import.file_rows import HistoryFile, Rejection
from insights_assets.snapshots.history_import.layout import Layout, layout_of
from insights_assets.snapshots.history_import.observations import Observations, observations
from insights_assets.snapshots.history_import.snapshot_rows import IMPORT_VERSION, snapshots_of
from insights_assets.snapshots.history_import.staging import StagedRows, one_ahead
from insights_assets.snapshots.publishing import Origin, of_origin, publish_snapshots
from insights_resources.errors import InvalidInputError, WarehouseError
from insights_resources.marketplaces import ProductKey
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import PublishedBuild, is_current
from insights_resources.warehouse.row_conditions import in_scope, one_of

#: Called as it goes on: (``reading`` or ``writing``, rows so far, rows in all or an estimate).
Progress = Callable[[str, int, int], None]

_DAY = 86_400_000_000


@dataclass(frozen=True)
class ImportOptions:
    """How to understand a file.

    ``marketplace`` and ``currency`` (ISO 4217; default: the marketplace's) hold for rows that do
    not say their own. ``renamed``: column or series -> field. ``rank_category``: the category of
    ``sales_rank``. ``carry_days``: in a long file, after so many days without a change a series is
    unknown (None: it stands until its next change). ``add``: take nothing away (wide files only).
    """

    marketplace: str | None = None
    currency: str | None = None
    renamed: Mapping[str, str] = field(default_factory=dict)
    rank_category: str | None = None
    carry_days: int | None = None
    add: bool = False


@dataclass
class ImportSummary:
    """What an import did. Rows are the file's, snapshots what they say.

    ``ignored_rows``: rows of each series that is not imported. ``duplicates``: rows that only
    repeat another. ``replaced``: rejected rows that a later row of the file contradicts (they are
    counted in ``rows_rejected`` too). ``page_product_days``: (product, day) pairs with imported
    snapshots that have snapshots of pages as well.
    """

    layout: Layout
    columns: dict[str, str]
    import_id: int
    rows_read: int = 0
    rows_rejected: int = 0
    ignored_rows: Counter[str] = field(default_factory=Counter)
    duplicates: int = 0
    replaced: int = 0
    snapshots: int = 0
    added: int = 0
    changed: int = 0
    removed: int = 0
    products: int = 0
    first_day: date | None = None
    last_day: date | None = None
    page_product_days: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    rejects_file: Path | None = None

    @property
    def unchanged(self) -> int:
        return self.snapshots - self.added - self.changed


def import_history(
    warehouse: Warehouse,
    path: Path,
    options: ImportOptions,
    *,
    rejects: Path,
    now: datetime | None = None,
    progress: Progress = lambda stage, done, total: None,
) -> ImportSummary:
    """Imports the file; see the module's docstring.

    Rows that are refused go to ``rejects``, with line and reason, and nothing else is refused for
    them; without any, no such file is left. Raises ``InvalidInputError`` for a file or options that
    cannot be understood: then nothing is changed.
    """
    if rejects.resolve() == path.resolve():
        raise InvalidInputError(f"{rejects} is the history itself: name another file for rejects")
    file = HistoryFile(path)
    layout = layout_of(
        file.header,
        renamed=options.renamed,
        marketplace_name=options.marketplace,
        currency=options.currency,
    )
    if layout.kind == "long" and options.add:
        raise InvalidInputError(
            "--add is for files with one observation a row: a series can only be imported whole, "
            "since what is known at a change depends on the changes of the other series before it"
        )
    if layout.kind == "wide" and options.carry_days is not None:
        raise InvalidInputError("--carry-days is for files with one series a row")
    import_id = _begin(warehouse, path, layout, file.header, options)
    summary = ImportSummary(layout, layout.described(file.header), import_id)
    fields = Fields()
    try:
        with (
            StagedRows(file.estimated_rows) as staged,
            _RejectsFile(rejects, file) as refused,
        ):
            _read(file, layout, fields, staged, refused, summary, now, progress)
            contradicted: dict[int, int] = {}
            done = 0
            total = summary.rows_read - summary.rows_rejected - summary.ignored_rows.total()

            def prepared() -> Iterator[_Part]:
                for rows in staged.parts():
                    seen = observations(rows, layout, fields.names, options.carry_days)
                    snapshots = snapshots_of(seen, layout, options.rank_category)
                    yield _Part(len(rows), seen, snapshots)

            for part in one_ahead(prepared()):
                _publish(warehouse, part, options, summary)
                summary.duplicates += part.seen.duplicates
                contradicted.update(part.seen.replaced)
                done += part.rows
                progress("writing", done, total)
            _reject_contradicted(file, contradicted, refused, summary)
            summary.rejects_file = rejects if refused.written else None
    except BaseException as error:
        _note_failure(warehouse, import_id, error)
        raise
    _finish(warehouse, summary)
    return summary


def _read(
    file: HistoryFile,
    layout: Layout,
    fields: Fields,
    staged: StagedRows,
    refused: _RejectsFile,
    summary: ImportSummary,
    now: datetime | None,
    progress: Progress,
) -> None:
    checker = RowChecker(layout, now or datetime.now(UTC), fields)
    for block in file.blocks():
        checked = checker.check(block)
        staged.add(checked.rows)
        refused.write(checked.rejected)
        summary.rows_read += len(block.row) + len(block.malformed)
        summary.rows_rejected += len(checked.rejected)
        summary.ignored_rows += checked.ignored
        for rejection in checked.rejected:
            summary.reasons[_kind_of(rejection.reason)] += 1
        progress("reading", summary.rows_read, max(file.estimated_rows, summary.rows_read))


def _kind_of(reason: str) -> str:
    """A reason without the value that it names, to be counted."""
    first = reason.partition("; ")[0]
    before, quote, rest = first.partition("'")
    after = rest.rpartition("'")[2]
    return f"{before}…{after}" if quote and after else first


@dataclass(frozen=True)
class _Part:
    """Some products: the number of their rows, and all that the file says of them."""

    rows: int
    seen: Observations
    snapshots: pd.DataFrame


def _publish(
    warehouse: Warehouse, part: _Part, options: ImportOptions, summary: ImportSummary
) -> None:
    """Publishes the snapshots of some products."""
    seen = part.seen
    products = frozenset(
        ProductKey(str(site), str(asin))
        for site, asin in zip(seen.marketplaces, seen.asins, strict=True)
    )
    first, last = _day(int(seen.instant.min())), _day(int(seen.instant.max()))
    scope = Scope(first, last, products)
    table = tables.product_snapshots
    with warehouse.writer_lock(table, first, last):
        covers = and_(in_scope(table, scope), _not_left_alone(warehouse, seen, scope, options))
        build = publish_snapshots(
            warehouse,
            part.snapshots,
            Origin.IMPORT,
            covers=covers,
            scope=scope,
            code_version=IMPORT_VERSION,
            import_id=summary.import_id,
        )
    _count(summary, build, len(products), first, last)
    summary.page_product_days += _days_with_pages(warehouse, scope)


def _not_left_alone(
    warehouse: Warehouse, seen: Observations, scope: Scope, options: ImportOptions
) -> ColumnElement[bool]:
    """Which of the products' imported snapshots the file replaces: those within each product's own
    time in it; with ``add``, only those of the very instants that it has."""
    table = tables.product_snapshots
    query = select(table.c.page_id, table.c.marketplace, table.c.asin, table.c.captured_at).where(
        is_current(table), of_origin(Origin.IMPORT), in_scope(table, scope)
    )
    there = warehouse.read_frame(query)
    if there.empty:
        return true()
    first = np.searchsorted(seen.product, np.arange(len(seen.asins)))
    last = np.append(first[1:], len(seen)) - 1
    spans = pd.DataFrame(
        {
            "marketplace": pd.array(seen.marketplaces, dtype="str"),
            "asin": pd.array(seen.asins, dtype="str"),
            "first": seen.instant[first],
            "last": seen.instant[last],
        }
    )
    there = there.merge(spans, on=["marketplace", "asin"])
    instant = there["captured_at"].dt.tz_localize(None).to_numpy("datetime64[us]").astype(np.int64)
    if options.add:
        theirs = pd.MultiIndex.from_arrays([there["marketplace"], there["asin"], instant])
        ours = pd.MultiIndex.from_arrays(
            [seen.marketplaces[seen.product], seen.asins[seen.product], seen.instant]
        )
        outside = ~theirs.isin(ours)
    else:
        outside = (instant < there["first"].to_numpy()) | (instant > there["last"].to_numpy())
    if not outside.any():
        return true()
    return not_(one_of(table.c.page_id, there.loc[outside, "page_id"].tolist()))


def _days_with_pages(warehouse: Warehouse, scope: Scope) -> int:
    """(product, day) pairs of the scope with snapshots of both origins."""
    table = tables.product_snapshots
    imported = table.alias("imported")
    both = (
        select(table.c.marketplace, table.c.asin, table.c.day)
        .where(
            is_current(table),
            of_origin(Origin.PAGE),
            in_scope(table, scope),
            exists().where(
                imported.c.marketplace == table.c.marketplace,
                imported.c.asin == table.c.asin,
                imported.c.day == table.c.day,
                imported.c.origin == Origin.IMPORT.value,
                imported.c.recorded_at.is_not(None),
                imported.c.superseded_at.is_(None),
            ),
        )
        .distinct()
        .subquery()
    )
    with warehouse.read() as connection:
        return int(connection.scalar(select(func.count()).select_from(both)) or 0)


def _count(
    summary: ImportSummary, build: PublishedBuild, products: int, first: date, last: date
) -> None:
    summary.snapshots += build.row_count
    summary.added += build.rows_added
    summary.changed += build.rows_changed
    summary.removed += build.rows_removed
    summary.products += products
    summary.first_day = first if summary.first_day is None else min(first, summary.first_day)
    summary.last_day = last if summary.last_day is None else max(last, summary.last_day)


def _reject_contradicted(
    file: HistoryFile,
    contradicted: Mapping[int, int],
    refused: _RejectsFile,
    summary: ImportSummary,
) -> None:
    """Writes the rows that a later one contradicts, from the file once more."""
    if not contradicted:
        return
    kind = f"{file.row_name} … says something else of the same product and time, and stands"
    wanted = np.array(sorted(contradicted), dtype=np.int64)
    for block in file.blocks():
        for place in np.flatnonzero(np.isin(block.row, wanted)):
            row = int(block.row[place])
            reason = kind.replace("…", str(contradicted[row]))
            refused.write([Rejection(row, reason, block.cells(int(place)))])
    summary.replaced = len(contradicted)
    summary.rows_rejected += len(contradicted)
    summary.reasons[kind] += len(contradicted)


class _RejectsFile:
    """A CSV file of the rows that are not in: line, reason, and the row's own cells. It is made
    with the first of them; one of an earlier import goes."""

    def __init__(self, path: Path, file: HistoryFile) -> None:
        self._path = path
        self._header = [file.row_name, "reason", *file.header]
        self._file: TextIO | None = None
        self.written = 0

    def __enter__(self) -> _RejectsFile:
        self._path.unlink(missing_ok=True)
        return self

    def __exit__(self, *error: object) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, rejections: Iterable[Rejection]) -> None:
        for rejection in rejections:
            if self._file is None:
                # Bytes that were no UTF-8 come out as they went in.
                self._file = self._path.open(
                    "w", encoding="utf-8", errors="surrogateescape", newline=""
                )
                csv.writer(self._file).writerow(self._header)
            csv.writer(self._file).writerow([rejection.row, rejection.reason, *rejection.cells])
            self.written += 1


def _begin(
    warehouse: Warehouse, path: Path, layout: Layout, header: list[str], options: ImportOptions
) -> int:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = file.tell()
    with warehouse.begin() as connection:
        result = connection.execute(
            insert(tables.imports).values(
                file_name=path.name,
                content_hash=digest,
                content_bytes=size,
                layout=layout.kind,
                options={
                    **{name: value for name, value in asdict(options).items() if value},
                    "columns": layout.described(header),
                },
                status="running",
                started_at=datetime.now(UTC),
            )
        )
        return int(result.inserted_primary_key[0])  # type: ignore[index]


def _finish(warehouse: Warehouse, summary: ImportSummary) -> None:
    with warehouse.begin() as connection:
        connection.execute(
            update(tables.imports)
            .where(tables.imports.c.import_id == summary.import_id)
            .values(
                status="done",
                finished_at=datetime.now(UTC),
                first_day=summary.first_day,
                last_day=summary.last_day,
                rows_read=summary.rows_read,
                rows_rejected=summary.rows_rejected,
                snapshots=summary.snapshots,
                snapshots_written=summary.added + summary.changed,
                snapshots_removed=summary.removed,
            )
        )


def _note_failure(warehouse: Warehouse, import_id: int, error: BaseException) -> None:
    """Marks an import as failed; without a database it stays running, which it is not either."""
    try:
        with warehouse.begin() as connection:
            connection.execute(
                update(tables.imports)
                .where(tables.imports.c.import_id == import_id)
                .values(status="failed", finished_at=datetime.now(UTC))
            )
    except (WarehouseError, SQLAlchemyError) as second:
        error.add_note(f"import {import_id} could not be marked as failed: {second}")


def _day(micros: int) -> date:
    return date(1970, 1, 1) + timedelta(days=micros // _DAY)


def has_sandbox_pages(warehouse: Warehouse) -> bool:
    """Whether simulated pages are in the same database, which real histories should not share."""
    pages = tables.raw_pages
    with warehouse.read() as connection:
        return bool(connection.scalar(select(exists().where(pages.c.provider == "sandbox"))))
