"""Publication: how rebuilt rows become the ones that consumers see.

A rebuild writes its new and changed rows under a build of its own, unpublished; audits the whole
frame; and only then, in one transaction, records them and supersedes the rows that they replace.
Rows that did not change are not written again. A build that fails its audit stays, unpublished and
explained; a crash before the last transaction leaves nothing that anybody sees.

A row is *current* when it was recorded and not superseded. What was known at an instant are the
rows recorded by then and superseded later or never.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    insert,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from insights_resources.errors import AuditFailedError
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.frames import conform, own_columns, row_hashes

#: Rows that one statement supersedes: below every engine's limit of parameters.
_KEYS_AT_ONCE = 200


@dataclass(frozen=True)
class AuditFinding:
    """One thing that was looked at before publication; one that failed stops it."""

    check: str
    passed: bool
    detail: str


#: Looks at the whole conformed frame of a scope.
Audit = Callable[[pd.DataFrame], Iterable[AuditFinding]]


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
) -> PublishedBuild:
    """Makes the frame's rows the current ones among those that ``covers`` selects.

    The caller holds the writer's lock from before it read its inputs. Raises ``AuditFailedError``
    when a finding failed; ``WarehouseError`` when the frame is not what the table holds.
    """
    build_id = _open_build(warehouse, table, scope, code_version, run_id)
    try:
        conformed = conform(frame, table)
        difference = _write_difference(warehouse, table, conformed, covers, build_id)
        findings = tuple(finding for audit in audits for finding in audit(conformed))
        failed = [finding for finding in findings if not finding.passed]
        if failed:
            _close_build(warehouse, build_id, "rejected", difference, len(conformed), findings)
            raise AuditFailedError(
                f"build {build_id} of {table.name} ({scope or 'all rows'}) failed its audit and "
                f"stays unpublished; consumers keep the last good rows. "
                + "; ".join(f"{finding.check}: {finding.detail}" for finding in failed)
            )
        published_at = _make_current(
            warehouse, table, difference, build_id, len(conformed), findings
        )
    except AuditFailedError:
        raise
    except BaseException as error:
        _close_build(
            warehouse,
            build_id,
            "failed",
            None,
            None,
            (AuditFinding("rebuild", passed=False, detail=f"{type(error).__name__}: {error}"),),
        )
        raise
    return PublishedBuild(
        build_id,
        table.name,
        len(conformed),
        difference.added,
        len(difference.changed_keys),
        len(difference.removed_keys),
        published_at,
        findings,
        _rows_by_day(conformed),
    )


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
            or_(builds.c.rows_added > 0, builds.c.rows_changed > 0, builds.c.rows_removed > 0),
            ~taken_in,
        )
        .order_by(builds.c.build_id)
    )
    with warehouse.read() as connection:
        return [PendingBuild(*row) for row in connection.execute(query)]


def changed_product_days(warehouse: Warehouse, builds: Sequence[PendingBuild]) -> pd.DataFrame:
    """The (marketplace, asin, day) whose rows these builds wrote or superseded, each once."""
    frames = []
    for build in builds:
        table = tables.metadata.tables[f"{tables.INTERNAL_SCHEMA}.{build.table_name}"]
        touched = or_(
            table.c.build_id == build.build_id, table.c.superseded_at == build.published_at
        )
        frames.append(
            warehouse.read_frame(
                select(table.c.marketplace, table.c.asin, table.c.day).where(touched).distinct()
            )
        )
    if not frames:
        return pd.DataFrame(columns=["marketplace", "asin", "day"])
    return pd.concat(frames, ignore_index=True).drop_duplicates(ignore_index=True)


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
    """How a frame differs from the current rows: keys with the build whose row stood for them."""

    added: int
    changed_keys: list[tuple[Any, ...]]
    removed_keys: list[tuple[Any, ...]]


def _open_build(
    warehouse: Warehouse,
    table: Table,
    scope: Scope | None,
    code_version: str,
    run_id: str | None,
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
            )
        )
        return int(result.inserted_primary_key[0])


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
            .where(tables.builds.c.build_id == build_id)
            .values(
                status=status,
                row_count=row_count,
                rows_added=difference.added if difference else None,
                rows_changed=len(difference.changed_keys) if difference else None,
                rows_removed=len(difference.removed_keys) if difference else None,
                audit=[asdict(finding) for finding in findings],
            )
        )


def _write_difference(
    warehouse: Warehouse,
    table: Table,
    frame: pd.DataFrame,
    covers: ColumnElement[bool],
    build_id: int,
) -> _Difference:
    """Compares with the current rows, and writes what is new or changed, unpublished."""
    key = list(table.info["key"])
    hashed = frame.assign(row_hash=row_hashes(frame, table).astype("Int64"))
    with warehouse.begin() as connection:
        current = warehouse.read_frame(
            select(*(table.c[name] for name in key), table.c.row_hash, table.c.build_id).where(
                is_current(table), covers
            ),
            connection,
        )
        merged = hashed[[*key, "row_hash"]].merge(
            current, on=key, how="outer", suffixes=("", "_before"), indicator=True
        )
        is_new = merged["_merge"] == "left_only"
        is_gone = merged["_merge"] == "right_only"
        is_changed = (merged["_merge"] == "both") & (
            merged["row_hash"].ne(merged["row_hash_before"]).fillna(value=False).astype(bool)
        )
        to_write = hashed.merge(merged.loc[is_new | is_changed, key], on=key, how="inner")
        warehouse.insert_frame(connection, table, to_write.assign(build_id=build_id))
        return _Difference(
            int(is_new.sum()),
            _key_values(merged.loc[is_changed], key),
            _key_values(merged.loc[is_gone], key),
        )


def _make_current(
    warehouse: Warehouse,
    table: Table,
    difference: _Difference,
    build_id: int,
    row_count: int,
    findings: Sequence[AuditFinding],
) -> datetime:
    """The one transaction in which the build becomes what consumers see."""
    now = datetime.now(UTC)
    with warehouse.begin() as connection:
        _supersede(connection, table, [*difference.changed_keys, *difference.removed_keys], now)
        connection.execute(
            update(table).where(table.c.build_id == build_id).values(recorded_at=now)
        )
        connection.execute(
            update(tables.builds)
            .where(tables.builds.c.build_id == build_id)
            .values(
                status="published",
                published_at=now,
                row_count=row_count,
                rows_added=difference.added,
                rows_changed=len(difference.changed_keys),
                rows_removed=len(difference.removed_keys),
                audit=[asdict(finding) for finding in findings],
            )
        )
    return now


def _supersede(
    connection: Connection, table: Table, keys: Sequence[tuple[Any, ...]], now: datetime
) -> None:
    columns = tuple_(*(table.c[name] for name in table.info["key"]))
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        connection.execute(
            update(table)
            .where(is_current(table), columns.in_(keys[start : start + _KEYS_AT_ONCE]))
            .values(superseded_at=now)
        )


def _key_values(frame: pd.DataFrame, key: list[str]) -> list[tuple[Any, ...]]:
    """The rows' keys as SQLAlchemy binds them."""
    columns = [
        [value.date() for value in frame[name]]
        if frame[name].dtype.kind == "M"
        else frame[name].tolist()
        for name in key
    ]
    return list(zip(*columns, strict=True))


def _rows_by_day(frame: pd.DataFrame) -> dict[date, int]:
    if "day" not in frame:
        return {}
    return {day.date(): int(count) for day, count in frame["day"].value_counts().items()}
