"""Publication: how rebuilt rows become the ones that consumers see.

A rebuild audits all its rows; only then, in one transaction, the new and the changed ones are
written under a build of its own, current at once, and those that they replace superseded. Rows that
did not change are not written again. Of a build in parts all but the last are written before,
unpublished, and recorded in that transaction. A build that fails its audit stays, with its rows,
unpublished and explained; a crash before the end of the transaction leaves nothing that anybody
sees.

A row is *current* when it was recorded and not superseded. What was known at an instant are the
rows recorded by then and superseded later or never.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
import pandas as pd
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    MetaData,
    Select,
    Table,
    and_,
    insert,
    or_,
    select,
    text,
    union,
    union_all,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from insights_resources.errors import AuditFailedError, WarehouseError
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.column_types import clean_json
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.frames import (
    conform,
    empty_frame,
    json_as_text,
    own_columns,
    row_hashes,
)

_log = logging.getLogger(__name__)

#: A publication of so many rows changes what the planner should know of the table.
_MANY_ROWS = 10_000
#: Builds that one statement asks about: below every engine's limit of parameters.
_BUILDS_AT_ONCE = 500


@dataclass(frozen=True)
class AuditFinding:
    """One thing that was looked at before publication; one that failed stops it."""

    check: str
    passed: bool
    detail: str


@dataclass(frozen=True)
class RowsFinding:
    """The same of rows looked at one by one: how many are wrong. Adds up over parts."""

    check: str
    wrong: int
    rows: int

    def as_finding(self) -> AuditFinding:
        return AuditFinding(
            self.check, self.wrong == 0, f"{self.wrong} of {self.rows} rows are not so"
        )


#: Looks at the whole conformed frame of a scope, or of a part.
Audit = Callable[[pd.DataFrame], Iterable[AuditFinding | RowsFinding]]


@dataclass(frozen=True)
class Part:
    """Some rows of a build: those that become the current ones among what ``covers`` selects."""

    frame: pd.DataFrame
    covers: ColumnElement[bool]
    audits: Sequence[Audit] = ()


class CommitObserver(Protocol):
    """Who has copies of a table's rows and must know what changes before anybody sees it."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the table's key that tell its copies apart."""

    def around_commit(
        self, build_id: int, changed: Sequence[tuple[Any, ...]]
    ) -> AbstractContextManager[None]:
        """Entered when all is written, left when it is committed; ``changed`` has these columns of
        each row that the build adds, replaces or removes, each once."""


@dataclass(frozen=True)
class PublishedBuild:
    """A build whose rows are current; ``rows_by_day`` counts the scope's rows, changed or not."""

    build_id: int
    table_name: str
    row_count: int
    rows_added: int
    rows_changed: int
    rows_removed: int
    published_at: datetime
    findings: tuple[AuditFinding, ...]
    rows_by_day: dict[date, int]


@dataclass(frozen=True)
class PendingBuild:
    """A published build that a later layer has not taken in yet, and the days of its scope."""

    build_id: int
    table_name: str
    published_at: datetime
    first_day: date | None
    last_day: date | None


def is_current(table: Table) -> ColumnElement[bool]:
    """The condition that a row of a versioned fact stands."""
    return and_(table.c.recorded_at.is_not(None), table.c.superseded_at.is_(None))


def select_current(table: Table, *columns: ColumnElement[Any]) -> Select[Any]:
    """The current rows: these columns, or all that are not of publication."""
    chosen = columns or tuple(table.c[name] for name in own_columns(table))
    return select(*chosen).where(is_current(table))


def publish(
    warehouse: Warehouse,
    table: Table,
    frame: pd.DataFrame,
    *,
    covers: ColumnElement[bool],
    scope: Scope | None,
    audits: Sequence[Audit] = (),
    code_version: str,
    run_id: str | None = None,
    import_id: int | None = None,
    allow_empty: bool = True,
    observer: CommitObserver | None = None,
) -> PublishedBuild:
    """Makes the frame's rows the current ones among those that ``covers`` selects.

    The caller holds the writer's lock from before it read its inputs. ``import_id``: the import
    whose rows they are. ``allow_empty`` False: a frame without rows fails the audit. ``observer``
    is told what changes around the commit. Raises ``AuditFailedError`` when a finding failed;
    ``WarehouseError`` when the frame is not what the table holds, or another writer was in between.
    """
    with Publication(
        warehouse,
        table,
        scope=scope,
        code_version=code_version,
        run_id=run_id,
        import_id=import_id,
        allow_empty=allow_empty,
        observer=observer,
    ) as publication:
        publication.add(Part(frame, covers, audits))
        return publication.publish()


class Publication:
    """A build of rows too many to be held at once: parts are added, then all become current
    together. No two parts cover the same row.

    A context manager: an exception inside marks the build as failed. Arguments as of ``publish``.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        table: Table,
        *,
        scope: Scope | None,
        code_version: str,
        run_id: str | None = None,
        import_id: int | None = None,
        allow_empty: bool = True,
        observer: CommitObserver | None = None,
    ) -> None:
        self._warehouse, self._table, self._scope = warehouse, table, scope
        self._allow_empty, self._observer = allow_empty, observer
        self._difference = _Difference()
        self._is_analyzed = False
        self._rows_by_day = Counter[date]()
        self._row_count = 0
        self._found: list[AuditFinding | RowsFinding] = []
        self.build_id = _open_build(warehouse, table, scope, code_version, run_id, import_id)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            _note_failure(self._warehouse, self.build_id, error)

    def add(self, part: Part) -> None:
        """Compares the part with the current rows; the part before it is written, unpublished."""
        self._write_unpublished()
        conformed = conform(part.frame, self._table)
        self._difference = self._difference.followed_by(
            _difference(self._warehouse, self._table, conformed, part.covers)
        )
        self._found += [finding for audit in part.audits for finding in audit(conformed)]
        self._rows_by_day.update(_rows_by_day(conformed))
        self._row_count += len(conformed)

    def publish(self) -> PublishedBuild:
        """Makes the rows current. Raises ``AuditFailedError`` when a finding failed."""
        difference, table = self._difference, self._table
        findings = _merged(self._found)
        if not self._allow_empty:
            findings.append(
                AuditFinding("has_rows", self._row_count > 0, f"{self._row_count} rows")
            )
        failed = [finding for finding in findings if not finding.passed]
        if failed:
            self._write_unpublished()
            _close_build(
                self._warehouse, self.build_id, "rejected", difference, self._row_count, findings
            )
            raise AuditFailedError(
                f"build {self.build_id} of {table.name} ({self._scope or 'all rows'}) failed its "
                f"audit and stays unpublished; consumers keep the last good rows. "
                + "; ".join(f"{finding.check}: {finding.detail}" for finding in failed),
                table.name,
            )
        published_at = _make_current(
            self._warehouse,
            table,
            difference,
            self.build_id,
            self._row_count,
            findings,
            self._observer,
        )
        if difference.added + difference.changed >= _MANY_ROWS:
            _analyze(self._warehouse, table, difference.days)
        return PublishedBuild(
            self.build_id,
            table.name,
            self._row_count,
            difference.added,
            difference.changed,
            difference.removed,
            published_at,
            tuple(findings),
            dict(self._rows_by_day),
        )

    def _write_unpublished(self) -> None:
        rows = self._difference.unwritten
        if rows is None or rows.empty:
            return
        _make_partitions(self._warehouse, self._table, rows)
        with self._warehouse.begin() as connection:
            _insert(self._warehouse, connection, self._table, rows, self.build_id, None)
        if len(rows) >= _MANY_ROWS and not self._is_analyzed:
            # A month that is new to the planner is read by any index until it is analyzed.
            _analyze(self._warehouse, self._table, self._difference.days)
            self._is_analyzed = True


def pending(warehouse: Warehouse, consumer: Table, upstream: Sequence[Table]) -> list[PendingBuild]:
    """Published builds of the upstream tables that changed something and that the consumer has
    not taken in, oldest first."""
    builds, consumed = tables.builds, tables.consumed_builds
    taken_in = (
        select(consumed.c.build_id)
        .where(consumed.c.consumer == consumer.name, consumed.c.build_id == builds.c.build_id)
        .exists()
    )
    query = (
        select(
            builds.c.build_id,
            builds.c.table_name,
            builds.c.published_at,
            builds.c.first_day,
            builds.c.last_day,
        )
        .where(
            builds.c.status == "published",
            builds.c.table_name.in_([table.name for table in upstream]),
            _changed_something(),
            ~taken_in,
        )
        .order_by(builds.c.build_id)
    )
    with warehouse.read() as connection:
        return [PendingBuild(*row) for row in connection.execute(query)]


def _changed_something() -> ColumnElement[bool]:
    builds = tables.builds
    return or_(builds.c.rows_added > 0, builds.c.rows_changed > 0, builds.c.rows_removed > 0)


def last_builds(warehouse: Warehouse, of: Sequence[Table], each: int = 20) -> list[int]:
    """The last published builds of these tables that changed something, so many of each table."""
    builds = tables.builds
    of_each = [
        select(builds.c.build_id)
        .where(
            builds.c.table_name == table.name,
            builds.c.status == "published",
            _changed_something(),
        )
        .order_by(builds.c.published_at.desc())
        .limit(each)
        .subquery()
        for table in of
    ]
    query = union_all(*(select(some.c.build_id) for some in of_each))
    with warehouse.read() as connection:
        return list(connection.scalars(query))


def changed_product_days(warehouse: Warehouse, builds: Sequence[PendingBuild]) -> pd.DataFrame:
    """The (marketplace, asin, day) whose rows these builds wrote or superseded, each once."""
    by_table: dict[str, list[PendingBuild]] = {}
    for build in builds:
        by_table.setdefault(build.table_name, []).append(build)
    frames = [
        _touched(warehouse, tables.metadata.tables[f"{tables.INTERNAL_SCHEMA}.{name}"], some)
        for name, together in by_table.items()
        for some in (
            together[start : start + _BUILDS_AT_ONCE]
            for start in range(0, len(together), _BUILDS_AT_ONCE)
        )
    ]
    if not frames:
        return empty_frame(tables.product_features)[["marketplace", "asin", "day"]]
    return pd.concat(frames, ignore_index=True).drop_duplicates(ignore_index=True)


def _touched(warehouse: Warehouse, table: Table, builds: Sequence[PendingBuild]) -> pd.DataFrame:
    columns = (table.c.marketplace, table.c.asin, table.c.day)
    superseded: ColumnElement[bool] = table.c.superseded_at.in_(
        [build.published_at for build in builds]
    )
    days = [day for build in builds for day in (build.first_day, build.last_day)]
    known = [day for day in days if day is not None]
    if len(known) == len(days):
        # A build supersedes within its scope: spares a look at the rows of all other days.
        superseded = and_(superseded, table.c.day.between(min(known), max(known)))
    wrote = select(*columns).where(table.c.build_id.in_([build.build_id for build in builds]))
    return warehouse.read_frame(union(wrote, select(*columns).where(superseded)))


def mark_consumed(warehouse: Warehouse, consumer: Table, build_ids: Iterable[int]) -> None:
    """Records that the consumer has taken these builds in; doing so twice is doing it once."""
    consumed = tables.consumed_builds
    now = datetime.now(UTC)
    rows = [
        {"consumer": consumer.name, "build_id": build_id, "consumed_at": now}
        for build_id in build_ids
    ]
    if not rows:
        return
    dialect_insert = postgresql.insert if warehouse.is_postgres else sqlite.insert
    statement: Any = dialect_insert(consumed).on_conflict_do_nothing()
    with warehouse.begin() as connection:
        connection.execute(statement, rows)


@dataclass(frozen=True)
class _Difference:
    """How frames differ from the current rows.

    ``unwritten`` has the last frame's rows that are new or changed, with their hash where it had to
    be compared (None: no frame yet), ``written`` is how many such rows the frames before it had,
    and ``days`` the first and the last day of them all; ``superseded`` has the key and the build
    of each current row that is changed or removed.
    """

    added: int = 0
    changed: int = 0
    removed: int = 0
    written: int = 0
    unwritten: pd.DataFrame | None = None
    days: tuple[date, ...] = ()
    superseded: tuple[pd.DataFrame, ...] = ()

    def followed_by(self, other: _Difference) -> _Difference:
        """Of both frames, once this one's rows are written."""
        return _Difference(
            self.added + other.added,
            self.changed + other.changed,
            self.removed + other.removed,
            self.added + self.changed,
            other.unwritten,
            _first_and_last(self.days + other.days),
            self.superseded + other.superseded,
        )


def _merged(findings: Iterable[AuditFinding | RowsFinding]) -> list[AuditFinding]:
    """The findings of all parts, one a check: rows add up, of the others the first that failed."""
    counted: dict[str, RowsFinding] = {}
    merged: dict[str, AuditFinding] = {}
    for finding in findings:
        check = finding.check
        if isinstance(finding, RowsFinding):
            before = counted.get(check, RowsFinding(check, 0, 0))
            counted[check] = RowsFinding(
                check, before.wrong + finding.wrong, before.rows + finding.rows
            )
            merged[check] = counted[check].as_finding()
        elif check not in merged or merged[check].passed > finding.passed:
            merged[check] = finding
    return list(merged.values())


def _open_build(
    warehouse: Warehouse,
    table: Table,
    scope: Scope | None,
    code_version: str,
    run_id: str | None,
    import_id: int | None,
) -> int:
    with warehouse.begin() as connection:
        result = connection.execute(
            insert(tables.builds).values(
                table_name=table.name,
                first_day=scope.first_day if scope else None,
                last_day=scope.last_day if scope else None,
                product_count=(
                    len(scope.products) if scope and scope.products is not None else None
                ),
                status="open",
                started_at=datetime.now(UTC),
                code_version=code_version,
                run_id=run_id,
                import_id=import_id,
            )
        )
        return int(result.inserted_primary_key[0])  # type: ignore[index]


def _close_build(
    warehouse: Warehouse,
    build_id: int,
    status: str,
    difference: _Difference | None,
    row_count: int | None,
    findings: Sequence[AuditFinding],
) -> None:
    """Ends a build that is not published."""
    with warehouse.begin() as connection:
        connection.execute(
            update(tables.builds)
            # Not one whose publication went through although its caller heard of an error.
            .where(tables.builds.c.build_id == build_id, tables.builds.c.status == "open")
            .values(
                status=status,
                row_count=row_count,
                rows_added=difference.added if difference else None,
                rows_changed=difference.changed if difference else None,
                rows_removed=difference.removed if difference else None,
                audit=_as_json(findings),
            )
        )


def _note_failure(warehouse: Warehouse, build_id: int, error: BaseException) -> None:
    """Marks a build as failed; without a database it stays open, which is as invisible."""
    finding = AuditFinding("rebuild", passed=False, detail=f"{type(error).__name__}: {error}")
    try:
        _close_build(warehouse, build_id, "failed", None, None, (finding,))
    except (WarehouseError, SQLAlchemyError) as second:
        error.add_note(f"build {build_id} could not be marked as failed: {second}")


def _difference(
    warehouse: Warehouse,
    table: Table,
    frame: pd.DataFrame,
    covers: ColumnElement[bool],
) -> _Difference:
    """Compares a frame with the current rows."""
    key = list(table.info["key"])
    query = select(*(table.c[name] for name in (*key, "row_hash", "build_id"))).where(
        is_current(table), covers
    )
    current = warehouse.read_frame(query)
    if current.empty:
        return _Difference(added=len(frame), unwritten=frame, days=_days_of(frame))
    storable = _with_hash(frame, table)
    compared = (
        storable[[*key, "row_hash"]]
        .assign(position=np.arange(len(storable)))
        .merge(current, on=key, how="outer", suffixes=("", "_before"), indicator="found")
    )
    is_new = compared["found"] == "left_only"
    is_gone = compared["found"] == "right_only"
    is_changed = (compared["found"] == "both") & ~_equal(
        compared["row_hash"], compared["row_hash_before"]
    )
    positions = compared.loc[is_new | is_changed, "position"].astype("int64").sort_values()
    unwritten = storable.iloc[positions.to_numpy()]
    superseded = compared.loc[is_changed | is_gone, [*key, "build_id"]].reset_index(drop=True)
    return _Difference(
        int(is_new.sum()),
        int(is_changed.sum()),
        int(is_gone.sum()),
        unwritten=unwritten,
        days=_days_of(unwritten),
        superseded=(superseded,),
    )


def _analyze(warehouse: Warehouse, table: Table, days: tuple[date, ...]) -> None:
    """Lets the planner know of many new rows now: autovacuum comes a minute later, and a plan that
    takes a full table for an empty one may run for an hour. What is published stays so."""
    if not warehouse.is_postgres:
        return
    try:
        with warehouse.begin() as connection:
            connection.execute(
                text(
                    f"SELECT {tables.INTERNAL_SCHEMA}.analyze_written("
                    "CAST(:name AS text), CAST(:first AS date), CAST(:last AS date))"
                ),
                {
                    "name": table.name,
                    "first": days[0] if days else None,
                    "last": days[-1] if days else None,
                },
            )
    except (WarehouseError, SQLAlchemyError) as error:
        _log.warning("the statistics of %s could not be brought up to date: %s", table.name, error)


def _with_hash(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    """The rows as they are stored and compared: JSON as text, and with their hash."""
    storable = json_as_text(frame, table)
    return storable.assign(row_hash=row_hashes(storable, table).astype("Int64"))


def _days_of(rows: pd.DataFrame) -> tuple[date, ...]:
    """The first and the last day of rows; of none, and of a table without days, nothing."""
    if "day" not in rows or rows.empty:
        return ()
    return _first_and_last(rows["day"].agg(["min", "max"]).dt.date)


def _first_and_last(days: Iterable[date]) -> tuple[date, ...]:
    ordered = sorted(days)
    return (ordered[0], ordered[-1]) if ordered else ()


def _within(table: Table, days: tuple[date, ...]) -> list[ColumnElement[bool]]:
    """That a row is of these days, which is known of it: spares a look at other partitions."""
    return [table.c.day.between(days[0], days[-1])] if days else []


def _insert(
    warehouse: Warehouse,
    connection: Connection,
    table: Table,
    rows: pd.DataFrame,
    build_id: int,
    recorded_at: datetime | None,
) -> None:
    """Writes rows of a difference under their build; ``recorded_at`` None: unpublished."""
    # What no row has is NULL without being written.
    unused = [name for name in rows.columns if rows[name].isna().all()]

    def completed(some: pd.DataFrame) -> pd.DataFrame:
        storable = some if "row_hash" in some else _with_hash(some, table)
        if recorded_at is not None:
            moment = pd.Series(recorded_at, some.index, dtype="datetime64[us, UTC]")
            storable = storable.assign(recorded_at=moment)
        return storable.drop(columns=unused).assign(build_id=build_id)

    warehouse.insert_frame(connection, table, rows, completed)


def _make_partitions(warehouse: Warehouse, table: Table, rows: pd.DataFrame) -> None:
    if "day" in rows:
        months = np.unique(rows["day"].to_numpy("datetime64[M]"))
        warehouse.make_partitions(table, months.astype("datetime64[D]").tolist())


def _equal(left: pd.Series, right: pd.Series) -> pd.Series:
    return left.eq(right).fillna(value=False).astype("bool")


def _make_current(
    warehouse: Warehouse,
    table: Table,
    difference: _Difference,
    build_id: int,
    row_count: int,
    findings: Sequence[AuditFinding],
    observer: CommitObserver | None,
) -> datetime:
    """The one transaction in which the build becomes what consumers see."""
    if difference.unwritten is not None:
        _make_partitions(warehouse, table, difference.unwritten)
    now = datetime.now(UTC)
    with ExitStack() as around_commit, warehouse.begin() as connection:
        _supersede(warehouse, connection, table, difference.superseded, now)
        if difference.written:
            connection.execute(
                update(table)
                .where(table.c.build_id == build_id, *_within(table, difference.days))
                .values(recorded_at=now)
            )
        rows = difference.unwritten
        if rows is not None:
            _insert(warehouse, connection, table, rows, build_id, now)
        connection.execute(
            update(tables.builds)
            .where(tables.builds.c.build_id == build_id)
            .values(
                status="published",
                published_at=now,
                row_count=row_count,
                rows_added=difference.added,
                rows_changed=difference.changed,
                rows_removed=difference.removed,
                audit=_as_json(findings),
            )
        )
        if observer is not None:
            changed = _changed(warehouse, connection, table, difference, build_id, observer.columns)
            around_commit.enter_context(observer.around_commit(build_id, changed))
    return now


def _changed(
    warehouse: Warehouse,
    connection: Connection,
    table: Table,
    difference: _Difference,
    build_id: int,
    columns: Sequence[str],
) -> list[tuple[Any, ...]]:
    """These columns of the rows that the build adds, replaces or removes, each once, in order."""
    names = list(columns)
    wrote = select(*(table.c[name] for name in names)).where(
        table.c.build_id == build_id, *_within(table, difference.days)
    )
    rows = pd.concat(
        [
            warehouse.read_frame(wrote.distinct(), connection),
            *(part[names] for part in difference.superseded),
        ]
    )
    return sorted(set(rows.itertuples(index=False, name=None)))


def _supersede(
    warehouse: Warehouse,
    connection: Connection,
    table: Table,
    parts: Sequence[pd.DataFrame],
    now: datetime,
) -> None:
    """Ends the current rows with these keys and builds; all of them, or ``WarehouseError``."""
    rows = sum(map(len, parts))
    if not rows:
        return
    names = list(parts[0].columns)
    # A statement could name a few hundred keys; a table that lasts as long as this joins them all.
    ended = Table(
        "ended_rows",
        MetaData(),
        *(Column(name, table.c[name].type, nullable=False) for name in names),
        prefixes=["TEMPORARY"],
    )
    ended.create(connection)
    for part in parts:
        warehouse.insert_frame(connection, ended, part)
    if warehouse.is_postgres:
        # Else the planner takes it for a small table.
        connection.execute(text("ANALYZE ended_rows"))
    count = connection.execute(
        update(table)
        .where(
            table.c.superseded_at.is_(None),
            *_within(table, _first_and_last(day for part in parts for day in _days_of(part))),
            *(table.c[name] == ended.c[name] for name in names),
        )
        .values(superseded_at=now)
    ).rowcount
    ended.drop(connection)
    if count != rows:
        raise WarehouseError(
            f"{table.name}: {rows - count} rows were replaced by another writer meanwhile; "
            f"rebuild again, with the writer's lock held from before the inputs are read"
        )


def _as_json(findings: Sequence[AuditFinding]) -> list[dict[str, Any]]:
    return [clean_json(asdict(finding)) for finding in findings]


def _rows_by_day(frame: pd.DataFrame) -> dict[date, int]:
    if "day" not in frame:
        return {}
    days, counts = np.unique(frame["day"].to_numpy("datetime64[D]"), return_counts=True)
    return dict(zip(days.tolist(), counts.tolist(), strict=True))
