"""Rolling builds back: what stood before them becomes current again, as a new published build.

History is not rewritten: the rows of the builds stay as superseded, and the rollback can be rolled
back like any other build. What one rebuild published together goes back together, and a build goes
back alone only while nothing that it touched was touched again: every row then stands as it would
if the builds had not been.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd
from sqlalchemy import ColumnElement, Table, and_, func, or_, select

from insights_resources.errors import InvalidInputError, WarehouseError
from insights_resources.marketplaces import ProductKey
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.builds import (
    Build,
    find_builds,
    get_build,
    keys_touched_by,
    stretches,
    superseded_by,
    touched_by,
    written_by,
)
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.frames import own_columns
from insights_resources.warehouse.publication import (
    AuditFinding,
    CommitObserver,
    Part,
    Publication,
    PublishedBuild,
)

#: Tables that one rebuild publishes one after the other, under the writer's lock of the first.
REBUILT_TOGETHER = (
    (tables.product_snapshots, tables.rejected_pages),
    (tables.alerts, tables.alert_states),
)
#: ``code_version`` of a rollback's build.
ROLLBACK = "rollback"

#: Builds that one statement asks about, and that one message names.
_BUILDS_AT_ONCE, _NAMED = 500, 20


@dataclass(frozen=True)
class Changes:
    """How many rows of a table it takes to bring back what stood, and whose rows those are."""

    added: int
    changed: int
    removed: int
    #: The builds that wrote the rows which stand again.
    sources: frozenset[int]
    products: frozenset[ProductKey]

    @property
    def rows(self) -> int:
        return self.added + self.changed + self.removed


@dataclass(frozen=True)
class RollbackPlan:
    """The builds that go back, oldest first; of them ``later`` because they touched the same rows
    since. ``changes`` by table, in the order in which they are published."""

    asked: Build
    builds: tuple[Build, ...]
    later: tuple[Build, ...]
    changes: dict[str, Changes]

    def of_table(self, table: Table) -> list[Build]:
        return [build for build in self.builds if build.table_name == table.name]

    @property
    def days(self) -> tuple[date, date] | None:
        """First and last day of the builds' scopes; None: they are not by day."""
        days = [day for build in self.builds for day in (build.first_day, build.last_day)]
        known = [day for day in days if day is not None]
        return (min(known), max(known)) if len(known) == len(days) else None


def plan_rollback(warehouse: Warehouse, build_id: int, *, with_later: bool) -> RollbackPlan:
    """What rolling this build back means.

    Raises ``InvalidInputError`` for a build that is not there, or not published;
    ``WarehouseError`` when later builds have touched the same rows (unless ``with_later``: then
    they go back too), or when the rows that stood before are not there any more.
    """
    asked = get_build(warehouse, build_id)
    if asked.published_at is None:
        raise InvalidInputError(
            f"{asked} was not published ({asked.status}): nothing of it stands, there is nothing "
            f"to roll back"
        )
    together = {asked, *_companions(warehouse, asked)}
    later = _touched_since(warehouse, together)
    if later and not with_later:
        raise WarehouseError(
            f"{asked} cannot be rolled back alone: rows that it changed were changed again by "
            f"{named(later)}. Roll these back with it (--with-later), or rebuild the days from "
            f"inputs that are right"
        )
    builds = tuple(sorted(together.union(later), key=_number))
    for build in builds:
        _require_history(warehouse, build)
    plan = RollbackPlan(asked, builds, later, {})
    for table in _tables(builds):
        plan.changes[table.name] = _changes(warehouse, table, plan.of_table(table))
    return plan


def roll_back(
    warehouse: Warehouse,
    plan: RollbackPlan,
    *,
    observer: Callable[[Table], CommitObserver | None] = lambda table: None,
) -> list[PublishedBuild]:
    """Publishes what the plan says, one build for each of its tables; nothing when nothing would
    change. ``observer`` gives whoever must be told of a table's commit.

    Raises ``WarehouseError`` when a build that the plan does not know was published meanwhile.
    """
    first_day, last_day = plan.days or (None, None)
    with warehouse.writer_lock(locked_with(plan.asked.table), first_day, last_day):
        now = plan_rollback(warehouse, plan.asked.build_id, with_later=True)
        if now.builds != plan.builds:
            new = [build for build in now.builds if build not in plan.builds]
            raise WarehouseError(
                f"{plan.asked} is not rolled back: {named(new)} changed the same rows meanwhile; "
                f"look at it again"
            )
        if not any(changes.rows for changes in now.changes.values()):
            return []
        return [_publish(warehouse, now, table, observer(table)) for table in _tables(now.builds)]


def _publish(
    warehouse: Warehouse, plan: RollbackPlan, table: Table, observer: CommitObserver | None
) -> PublishedBuild:
    builds, changes = plan.of_table(table), plan.changes[table.name]
    finding = AuditFinding(
        "rolls_back",
        passed=True,
        detail=f"{named(builds)}; what stands again is of {named_ids(changes.sources)}",
    )
    with Publication(
        warehouse,
        table,
        scope=_scope_of(plan),
        code_version=ROLLBACK,
        import_id=_import_of(warehouse, changes.sources),
        observer=observer,
    ) as publication:
        for stretch in _stretches(warehouse, table, builds):
            restored = stretch.restored[own_columns(table)]
            publication.add(Part(restored, stretch.covers, (lambda frame: [finding],)))
        return publication.publish()


def _scope_of(plan: RollbackPlan) -> Scope | None:
    if plan.days is None:
        return None
    products = frozenset[ProductKey]().union(*(each.products for each in plan.changes.values()))
    return Scope(*plan.days, products or None)


def _import_of(warehouse: Warehouse, sources: Collection[int]) -> int | None:
    """The import that all of these builds are of; None: of none, or of several."""
    builds = tables.builds
    found: set[int | None] = set()
    numbers = sorted(sources)
    with warehouse.read() as connection:
        for start in range(0, len(numbers), _BUILDS_AT_ONCE):
            some = numbers[start : start + _BUILDS_AT_ONCE]
            found.update(
                connection.scalars(
                    select(builds.c.import_id).where(builds.c.build_id.in_(some)).distinct()
                )
            )
    return found.pop() if len(found) == 1 else None


def named(builds: Iterable[Build]) -> str:
    """For messages: the builds' numbers."""
    return named_ids(build.build_id for build in builds)


def named_ids(numbers: Iterable[int]) -> str:
    ordered = sorted(numbers)
    if not ordered:
        return "no build"
    more = f" and {len(ordered) - _NAMED} more" if len(ordered) > _NAMED else ""
    return ("build " if len(ordered) == 1 else "builds ") + (
        ", ".join(map(str, ordered[:_NAMED])) + more
    )


def _number(build: Build) -> int:
    return build.build_id


def _tables(builds: Collection[Build]) -> list[Table]:
    """The builds' tables, in the order in which their rebuild publishes them."""
    order = [table for group in REBUILT_TOGETHER for table in group]
    found = {build.table_name: build.table for build in builds}
    return sorted(
        found.values(), key=lambda table: order.index(table) if table in order else len(order)
    )


def locked_with(table: Table) -> Table:
    """The table whose lock a writer of this one takes."""
    return next((group[0] for group in REBUILT_TOGETHER if table in group), table)


def _companions(warehouse: Warehouse, build: Build) -> list[Build]:
    """The other build of the same rebuild, where it publishes two tables.

    Under the lock of its scope nobody opens a build between the two: that of the second table
    belongs to the last one of the first table, with the same scope, before it.
    """
    for first, second in REBUILT_TOGETHER:
        if build.table_name == first.name:
            following = _same_scope(warehouse, second, build, after=True)
            if following and _previous(warehouse, first, following) == build:
                return [following]
        elif build.table_name == second.name:
            previous = _previous(warehouse, first, build)
            return [previous] if previous and previous.published_at is not None else []
    return []


def _previous(warehouse: Warehouse, table: Table, build: Build) -> Build | None:
    return _same_scope(warehouse, table, build, after=False)


def _same_scope(warehouse: Warehouse, table: Table, build: Build, *, after: bool) -> Build | None:
    """The nearest build of a table after (or before) this one, of the same scope and run."""
    found = [
        other
        for other in find_builds(warehouse, table=table, day=build.first_day)
        if (other.build_id > build.build_id) == after and _scope(other) == _scope(build)
    ]
    if not found:
        return None
    nearest = found[-1] if after else found[0]
    return nearest if nearest.published_at is not None or not after else None


def _scope(build: Build) -> tuple[object, ...]:
    return (
        build.first_day,
        build.last_day,
        build.product_count,
        build.run_id,
        build.import_id,
        build.code_version,
    )


def _touched_since(warehouse: Warehouse, builds: Collection[Build]) -> tuple[Build, ...]:
    """The builds that touched rows of these after them, those that touched theirs, and so on, each
    with the other build of its rebuild; oldest first."""
    found, looked_at = set[Build](), list(builds)
    while looked_at:
        build = looked_at.pop()
        for touching in _touched_after(warehouse, build):
            for later in (touching, *_companions(warehouse, touching)):
                if later not in found and later not in builds:
                    found.add(later)
                    looked_at.append(later)
    return tuple(sorted(found, key=_number))


def _touched_after(warehouse: Warehouse, build: Build) -> list[Build]:
    """The builds that wrote, replaced or removed rows with the keys of this one's, after it."""
    rows, moment = build.table.c, build.published_at
    touched = keys_touched_by(build.table, [build])
    if build.first_day is not None and "day" in rows:
        touched = and_(rows.day.between(build.first_day, build.last_day), touched)
    builds = tables.builds
    query = select(builds).where(
        builds.c.table_name == build.table_name,
        or_(
            builds.c.published_at.in_(
                select(rows.recorded_at).where(rows.recorded_at > moment, touched)
            ),
            builds.c.published_at.in_(
                select(rows.superseded_at).where(rows.superseded_at > moment, touched)
            ),
        ),
    )
    with warehouse.read() as connection:
        return [Build.of_row(row) for row in connection.execute(query)]


def _require_history(warehouse: Warehouse, build: Build) -> None:
    """Refuses a build whose rows, or those that it replaced, are not all there."""
    added, changed, removed = (
        getattr(build, name) or 0 for name in ("rows_added", "rows_changed", "rows_removed")
    )
    table = build.table
    with warehouse.read() as connection:
        there = [
            connection.scalar(select(func.count()).select_from(table).where(condition)) or 0
            for condition in (written_by(table, [build]), superseded_by(table, [build]))
        ]
    if there != [added + changed, changed + removed]:
        raise WarehouseError(
            f"{build} cannot be rolled back: it wrote {added + changed} rows and replaced or "
            f"removed {changed + removed}, of which {there[0]} and {there[1]} are still there "
            f"(retention removes old ones). Rebuild the days instead"
        )


@dataclass(frozen=True)
class _Stretch:
    """Some of the rows that builds touched: what stood before them, and what stands."""

    covers: ColumnElement[bool]
    restored: pd.DataFrame
    standing: pd.DataFrame


def _stretches(warehouse: Warehouse, table: Table, builds: Sequence[Build]) -> Iterator[_Stretch]:
    key = list(table.info["key"])
    numbers = [build.build_id for build in builds]
    moments = [build.published_at for build in builds]
    for within in stretches(warehouse, table, builds):
        rows = warehouse.read_frame(select(table).where(within, touched_by(table, builds)))
        wrote = rows[rows["build_id"].isin(numbers)]
        ended = rows[rows["superseded_at"].isin(moments)]
        touched_at = pd.concat(
            [
                wrote[key].assign(touched_at=wrote["recorded_at"]),
                ended[key].assign(touched_at=ended["superseded_at"]),
            ]
        )
        first = touched_at.groupby(key, as_index=False)["touched_at"].min()
        # What stood before the first of the builds that touched the key.
        restored = ended.merge(first, on=key)
        restored = restored[restored["superseded_at"] == restored["touched_at"]]
        yield _Stretch(
            and_(within, keys_touched_by(table, builds, within)),
            restored.reset_index(drop=True),
            rows[rows["superseded_at"].isna()],
        )


def _changes(warehouse: Warehouse, table: Table, builds: Sequence[Build]) -> Changes:
    key = list(table.info["key"])
    of_product = {"marketplace", "asin"} <= set(table.c.keys())
    counts: Counter[str] = Counter()
    sources, products = set[int](), set[ProductKey]()
    for stretch in _stretches(warehouse, table, builds):
        compared = stretch.standing[[*key, "row_hash"]].merge(
            stretch.restored[[*key, "row_hash"]],
            on=key,
            how="outer",
            suffixes=("", "_before"),
            indicator="found",
        )
        differs = compared["row_hash"].ne(compared["row_hash_before"]).fillna(value=True)
        counts.update(compared.loc[differs.astype("bool"), "found"].astype("str"))
        sources.update(map(int, stretch.restored["build_id"].unique()))
        if of_product:
            for frame in (stretch.standing, stretch.restored):
                pairs = frame[["marketplace", "asin"]].drop_duplicates()
                products.update(map(ProductKey._make, pairs.itertuples(index=False, name=None)))
    return Changes(
        counts["right_only"],
        counts["both"],
        counts["left_only"],
        frozenset(sources),
        frozenset(products),
    )
