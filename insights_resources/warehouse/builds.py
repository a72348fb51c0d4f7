"""Builds as they are recorded: found, and compared by the rows that they changed.

A build holds only the rows that were new or changed. What it *touched* are their keys, and the keys
of the rows that it superseded; what stood before and after it is read from the rows' own times.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from itertools import chain
from typing import Any

import pandas as pd
from sqlalchemy import (
    ColumnElement,
    Row,
    Table,
    and_,
    false,
    func,
    or_,
    select,
    true,
    tuple_,
)

from insights_resources.errors import InvalidInputError
from insights_resources.warehouse import tables
from insights_resources.warehouse.column_types import Money
from insights_resources.warehouse.contract_views import contract_name
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.frames import from_minor, json_as_text, own_columns

STATUSES = ("open", "published", "rejected", "failed")


@dataclass(frozen=True)
class Build:
    """A row of ``ops_builds``."""

    build_id: int
    table_name: str
    first_day: date | None
    last_day: date | None
    product_count: int | None
    status: str
    started_at: datetime
    published_at: datetime | None
    row_count: int | None
    rows_added: int | None
    rows_changed: int | None
    rows_removed: int | None
    code_version: str | None
    run_id: str | None
    import_id: int | None
    #: The findings, {check, passed, detail} each.
    audit: tuple[dict[str, Any], ...] = field(compare=False)

    @classmethod
    def of_row(cls, row: Row[Any]) -> Build:
        values = row._asdict()
        return cls(**values | {"audit": tuple(values["audit"] or ())})

    @property
    def table(self) -> Table:
        return tables.metadata.tables[f"{tables.INTERNAL_SCHEMA}.{self.table_name}"]

    def __str__(self) -> str:
        return f"build {self.build_id} of {self.table_name}"


class Change(StrEnum):
    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True)
class RowChange:
    """A row that differs: its key, and of a changed one each column's value before and after."""

    change: Change
    key: dict[str, Any]
    columns: dict[str, tuple[Any, Any]]


@dataclass(frozen=True)
class Comparison:
    """How rows differ: so many of each change, changed rows by column, and some of the rows."""

    counts: Counter[Change]
    same: int
    by_column: Counter[str]
    sample: tuple[RowChange, ...]


@dataclass(frozen=True)
class RowsAt:
    """What a table said: the rows that ``known`` selects, and over them those of a build that was
    not published."""

    known: ColumnElement[bool]
    laid_over: Build | None = None


def fact_table(name: str) -> Table:
    """The versioned fact of this name, with or without its prefix; raises ``InvalidInputError``."""
    for table in tables.VERSIONED_FACTS:
        if name in (table.name, contract_name(table)):
            return table
    known = ", ".join(sorted(map(contract_name, tables.VERSIONED_FACTS)))
    raise InvalidInputError(f"no table {name!r} has builds; those that have: {known}")


def find_builds(
    warehouse: Warehouse,
    *,
    table: Table | None = None,
    status: str | None = None,
    day: date | None = None,
    limit: int | None = None,
) -> list[Build]:
    """The builds of a table, of a status, with a day in their scope (builds that are not by day
    have none), the newest first."""
    builds = tables.builds
    query = select(builds).order_by(builds.c.build_id.desc()).limit(limit)
    if table is not None:
        query = query.where(builds.c.table_name == table.name)
    if status is not None:
        query = query.where(builds.c.status == status)
    if day is not None:
        query = query.where(builds.c.first_day <= day, builds.c.last_day >= day)
    with warehouse.read() as connection:
        return [Build.of_row(row) for row in connection.execute(query)]


def get_build(warehouse: Warehouse, build_id: int) -> Build:
    """The build of this number; raises ``InvalidInputError`` when there is none."""
    with warehouse.read() as connection:
        row = connection.execute(
            select(tables.builds).where(tables.builds.c.build_id == build_id)
        ).first()
    if row is None:
        raise InvalidInputError(f"there is no build {build_id}; insights builds list names them")
    return Build.of_row(row)


def touched_by(table: Table, builds: Sequence[Build]) -> ColumnElement[bool]:
    """Rows of the builds' table that one of them wrote or superseded."""
    return or_(written_by(table, builds), superseded_by(table, builds))


def written_by(table: Table, builds: Sequence[Build]) -> ColumnElement[bool]:
    return table.c.build_id.in_([build.build_id for build in builds])


def superseded_by(table: Table, builds: Sequence[Build]) -> ColumnElement[bool]:
    """The rows that they replaced or removed."""
    moments = [build.published_at for build in builds if build.published_at is not None]
    if not moments:
        return false()
    return and_(table.c.superseded_at.in_(moments), _within_days(table, builds))


def _within_days(table: Table, builds: Sequence[Build]) -> ColumnElement[bool]:
    """A build supersedes within its scope: spares a look at the rows of all other days."""
    days = [day for build in builds for day in (build.first_day, build.last_day)]
    known = [day for day in days if day is not None]
    if "day" not in table.c or len(known) < len(days):
        return true()
    return table.c.day.between(min(known), max(known))


def keys_touched_by(
    table: Table, builds: Sequence[Build], within: ColumnElement[bool] | None = None
) -> ColumnElement[bool]:
    """Rows of the table with the key of one that the builds wrote or superseded. ``within`` limits
    the rows that are looked at."""
    key = [table.c[name] for name in table.info["key"]]
    query = select(*key).where(touched_by(table, builds))
    if within is not None:
        query = query.where(within)
    return tuple_(*key).in_(query.correlate(None))


def stretches(
    warehouse: Warehouse, table: Table, builds: Sequence[Build]
) -> Iterator[ColumnElement[bool]]:
    """Conditions that divide the rows that the builds touched, so that each part can be held: by
    day, where the table has days."""
    if "day" not in table.c:
        yield true()
        return
    query = select(table.c.day).where(touched_by(table, builds)).distinct().order_by(table.c.day)
    with warehouse.read() as connection:
        days = list(connection.scalars(query))
    for day in days:
        yield table.c.day == day


def rows_before(build: Build) -> RowsAt:
    """What stood before the build; of an unpublished one: when it began."""
    rows = build.table.c
    moment = build.published_at
    if moment is None:
        return RowsAt(_known_at(build.table, build.started_at))
    return RowsAt(
        and_(
            rows.recorded_at < moment,
            or_(rows.superseded_at.is_(None), rows.superseded_at >= moment),
        )
    )


def rows_after(build: Build) -> RowsAt:
    """What stood once the build was published; of an unpublished one: what would have stood, but
    that the rows which it would have removed are not recorded one by one."""
    if build.published_at is None:
        return RowsAt(_known_at(build.table, build.started_at), laid_over=build)
    return RowsAt(_known_at(build.table, build.published_at))


def _known_at(table: Table, moment: datetime) -> ColumnElement[bool]:
    return and_(
        table.c.recorded_at <= moment,
        or_(table.c.superseded_at.is_(None), table.c.superseded_at > moment),
    )


def compare(
    warehouse: Warehouse, before: RowsAt, after: RowsAt, builds: Sequence[Build], *, sample: int
) -> Comparison:
    """How the rows with a key that one of the builds (of one table) touched differ between two
    times; at most ``sample`` rows of each kind of change."""
    table = builds[0].table
    counts: Counter[Change] = Counter()
    by_column: Counter[str] = Counter()
    same = 0
    samples: dict[Change, list[RowChange]] = {change: [] for change in Change}
    for within in stretches(warehouse, table, builds):
        old, new = (
            _rows(warehouse, table, rows, and_(within, keys_touched_by(table, builds, within)))
            for rows in (before, after)
        )
        part = compare_frames(old, new, table, sample=sample)
        counts += part.counts
        by_column += part.by_column
        same += part.same
        for change in part.sample:
            if len(samples[change.change]) < sample:
                samples[change.change].append(change)
    return Comparison(counts, same, by_column, tuple(chain.from_iterable(samples.values())))


def _rows(
    warehouse: Warehouse, table: Table, rows: RowsAt, condition: ColumnElement[bool]
) -> pd.DataFrame:
    columns = [table.c[name] for name in own_columns(table)]
    frame = warehouse.read_frame(select(*columns).where(rows.known, condition))
    if rows.laid_over is None:
        return frame
    over = warehouse.read_frame(
        select(*columns).where(written_by(table, [rows.laid_over]), condition)
    )
    if over.empty:
        return frame
    both = pd.concat([over, frame], ignore_index=True) if len(frame) else over
    return both.drop_duplicates(subset=list(table.info["key"]), ignore_index=True)


def compare_frames(
    before: pd.DataFrame, after: pd.DataFrame, table: Table, *, sample: int
) -> Comparison:
    """How two frames of a table's own columns differ; each has a key once."""
    key = list(table.info["key"])
    old, new = json_as_text(before, table), json_as_text(after, table)
    found = old[key].merge(new[key], on=key, how="outer", indicator="found")
    gone = found.loc[found["found"] == "left_only", key]
    came = found.loc[found["found"] == "right_only", key]
    both = found.loc[found["found"] == "both", key].sort_values(key)
    left, right = (both.merge(frame, on=key, how="left") for frame in (old, new))
    differs = pd.DataFrame(
        {name: _differs(left[name], right[name]) for name in old.columns if name not in key},
        index=left.index,
    )
    changed = differs.any(axis=1)
    rows = [
        RowChange(
            Change.CHANGED,
            _values(left.loc[position, key], table),
            {
                name: (
                    _value(left.at[position, name], table, name),
                    _value(right.at[position, name], table, name),
                )
                for name in map(str, differs.columns[differs.loc[position].to_numpy()])
            },
        )
        for position in left.index[changed][:sample]
    ]
    for change, keys in ((Change.ADDED, came), (Change.REMOVED, gone)):
        first = keys.sort_values(key).head(sample)
        rows += [RowChange(change, _values(row, table), {}) for _, row in first.iterrows()]
    return Comparison(
        Counter(
            {
                Change.ADDED: len(came),
                Change.CHANGED: int(changed.sum()),
                Change.REMOVED: len(gone),
            }
        ),
        int((~changed).sum()),
        Counter({str(name): int(count) for name, count in differs.sum().items() if count}),
        tuple(rows),
    )


def _differs(left: pd.Series, right: pd.Series) -> pd.Series:
    """Value by value; a missing value equals another."""
    unequal = left.ne(right).fillna(value=False).astype("bool")
    missing = left.isna(), right.isna()
    return (unequal & ~(missing[0] | missing[1])) | (missing[0] != missing[1])


def _values(row: pd.Series, table: Table) -> dict[str, Any]:
    return {str(name): _value(value, table, str(name)) for name, value in row.items()}


def _value(value: Any, table: Table, name: str) -> Any:
    """A value as people read it: amounts as decimals, days as days, None for a missing one."""
    if value is None or value is pd.NA or value != value:
        return None
    kind = table.c[name].type
    if isinstance(kind, Money):
        return from_minor(value, kind.scale)
    if isinstance(value, pd.Timestamp):
        return value.date() if value.tzinfo is None else value.to_pydatetime()
    return value


def rows_standing(warehouse: Warehouse, build: Build) -> int:
    """How many of the rows that the build wrote still stand."""
    rows = build.table.c
    query = select(func.count()).where(
        written_by(build.table, [build]),
        rows.recorded_at.is_not(None),
        rows.superseded_at.is_(None),
    )
    with warehouse.read() as connection:
        return int(connection.scalar(query) or 0)


def consumers_of(warehouse: Warehouse, build: Build) -> list[str]:
    """The tables that have taken the build in, by name."""
    consumed = tables.consumed_builds
    query = select(consumed.c.consumer).where(consumed.c.build_id == build.build_id)
    with warehouse.read() as connection:
        return sorted(connection.scalars(query))
