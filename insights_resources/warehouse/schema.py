"""The schema's version: migrating to this code's, and refusing to work on another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from filelock import FileLock, Timeout
from sqlalchemy import Connection, text

from insights_resources.errors import SchemaOutOfDateError, WarehouseError
from insights_resources.warehouse.contract import contract_is_current, replace_contract
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.roles import become_admin, grant, require_owner
from insights_resources.warehouse.tables import INTERNAL_SCHEMA

MIGRATIONS = Path(__file__).with_name("migrations")
#: Any number, as long as every version uses the same.
_MIGRATION_LOCK = 5_312_477_100_294
#: How long a process waits for another that migrates the same database, in seconds.
_MIGRATION_SECONDS = 300


@dataclass(frozen=True)
class SchemaStatus:
    """What a database has, and what this code needs.

    ``found`` is None for an empty database. ``pending`` are the revisions to apply, in order; empty
    also for a database of a newer version (``is_newer``). ``contract_is_current`` says whether the
    contract's views and functions are those of this code.
    """

    found: str | None
    needed: str
    pending: tuple[str, ...]
    is_newer: bool
    contract_is_current: bool

    @property
    def is_current(self) -> bool:
        return self.found == self.needed


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's configuration, without a file; migrations run on the connection given."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def newest_revision() -> str:
    """The revision that this code needs."""
    return str(_script().get_current_head())


def current_revision(warehouse: Warehouse) -> str | None:
    """The revision that the database has; None for an empty one."""
    with warehouse.read() as connection:
        return _revision_on(connection, warehouse)


def schema_status(warehouse: Warehouse) -> SchemaStatus:
    """Where the database stands; raises ``WarehouseError`` when it cannot be reached."""
    with warehouse.read() as connection:
        return _status_on(connection, warehouse)


def migrate(warehouse: Warehouse) -> list[str]:
    """Brings the database to this code's schema, and the contract's views and functions with it.

    Returns the revisions applied, in order. Takes a lock and runs in one transaction: safe to call
    twice, from two machines, or to break off. On PostgreSQL the roles and what each may do are
    brought up to date as well, by a login that may. Raises ``SchemaOutOfDateError`` for a database
    of a newer version, ``ConfigurationError`` for a login that may not do what is needed.
    """
    status = schema_status(warehouse)
    if status.is_newer:
        raise SchemaOutOfDateError(_newer(status))
    if not warehouse.is_postgres and status.is_current and status.contract_is_current:
        return []
    with _migration_transaction(warehouse) as connection:
        is_admin = warehouse.is_postgres and become_admin(connection)
        status = _status_on(connection, warehouse)
        if status.is_newer:
            raise SchemaOutOfDateError(_newer(status))
        if status.pending or not status.contract_is_current:
            if warehouse.is_postgres:
                require_owner(connection)
            if status.pending:
                with _without_views(connection, warehouse):
                    command.upgrade(alembic_config(connection), "head")
            replace_contract(connection, is_postgres=warehouse.is_postgres)
        if is_admin:
            grant(connection)
        return list(status.pending)


def ensure_current(warehouse: Warehouse) -> None:
    """Raises ``SchemaOutOfDateError`` unless the database has this code's schema."""
    status = schema_status(warehouse)
    if status.is_newer:
        raise SchemaOutOfDateError(_newer(status))
    if not status.is_current:
        raise SchemaOutOfDateError(
            f"the warehouse's schema is {status.found or 'empty'}, this version needs "
            f"{status.needed}: run `insights migrate`"
        )


def _newer(status: SchemaStatus) -> str:
    return (
        f"the warehouse's schema is {status.found}, which this version (it knows up to "
        f"{status.needed}) does not know: a newer version has migrated it, install that one"
    )


def _script() -> ScriptDirectory:
    return ScriptDirectory.from_config(alembic_config())


def _status_on(connection: Connection, warehouse: Warehouse) -> SchemaStatus:
    found, script = _revision_on(connection, warehouse), _script()
    known = [revision.revision for revision in script.walk_revisions()]
    is_newer = found is not None and found not in known
    # Newest first: what comes before the database's own is pending.
    pending = known[: known.index(found)] if found in known else known
    return SchemaStatus(
        found=found,
        needed=newest_revision(),
        pending=() if is_newer else tuple(reversed(pending)),
        is_newer=is_newer,
        contract_is_current=contract_is_current(connection, is_postgres=warehouse.is_postgres),
    )


def _revision_on(connection: Connection, warehouse: Warehouse) -> str | None:
    context = MigrationContext.configure(
        connection,
        opts={"version_table_schema": INTERNAL_SCHEMA if warehouse.is_postgres else None},
    )
    return context.get_current_revision()


@contextmanager
def _migration_transaction(warehouse: Warehouse) -> Iterator[Connection]:
    """A transaction of the one process that migrates."""
    if warehouse.is_postgres:
        with warehouse.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            yield connection
        return
    lock = FileLock(warehouse.lock_file("migrate"), timeout=_MIGRATION_SECONDS)
    try:
        lock.acquire()
    except Timeout as error:
        raise WarehouseError(
            f"another process has been migrating {warehouse.address} for {_MIGRATION_SECONDS} s"
        ) from error
    try:
        # A migration that rebuilds a table drops it, which must not touch the rows that refer to
        # it; the switch has no effect inside a transaction.
        with warehouse.engine.connect() as connection:
            _set_foreign_keys(connection, enforced=False)
            try:
                with connection.begin():
                    yield connection
            finally:
                _set_foreign_keys(connection, enforced=True)
    finally:
        lock.release()


def _set_foreign_keys(connection: Connection, *, enforced: bool) -> None:
    driver = connection.connection.driver_connection
    if driver is None:
        raise WarehouseError("the connection to SQLite is closed")
    driver.execute(f"PRAGMA foreign_keys = {'ON' if enforced else 'OFF'}")


@contextmanager
def _without_views(connection: Connection, warehouse: Warehouse) -> Iterator[None]:
    """SQLite cannot rename a table that a view reads: its views go, and come again afterwards.

    On PostgreSQL they stay; a migration that changes a column under a view drops that view.
    """
    if warehouse.is_postgres:
        yield
        return
    views = connection.execute(
        text("SELECT name, sql FROM sqlite_master WHERE type = 'view' ORDER BY rowid")
    ).all()
    for name, _ in views:
        connection.exec_driver_sql(f'DROP VIEW "{name}"')
    yield
    for _, sql in views:
        connection.exec_driver_sql(sql)
