"""The schema's version: migrating to this code's, and refusing to work on another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from filelock import FileLock
from sqlalchemy import Connection, text

from insights_resources.errors import SchemaOutOfDateError
from insights_resources.warehouse.contract_views import replace_contract_views
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.tables import INTERNAL_SCHEMA

MIGRATIONS = Path(__file__).with_name("migrations")
#: Any number, as long as every version uses the same.
_MIGRATION_LOCK = 5_312_477_100_294


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's configuration, without a file; migrations run on the connection given."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def newest_revision() -> str:
    """The revision that this code needs."""
    return str(ScriptDirectory.from_config(alembic_config()).get_current_head())


def current_revision(warehouse: Warehouse) -> str | None:
    """The revision that the database has; None for an empty one."""
    with warehouse.read() as connection:
        return _revision_on(connection, warehouse)


def migrate(warehouse: Warehouse) -> list[str]:
    """Brings the database to this code's schema, with the contract's views; the revisions applied.

    Takes a lock and runs in one transaction: safe to call twice, from two machines, or to break
    off. Does nothing when the schema is current.
    """
    if current_revision(warehouse) == newest_revision():
        return []
    with _migration_lock(warehouse), warehouse.begin() as connection:
        if warehouse.is_postgres:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        before = _revision_on(connection, warehouse)
        if before == newest_revision():
            return []
        command.upgrade(alembic_config(connection), "head")
        replace_contract_views(connection, is_postgres=warehouse.is_postgres)
        script = ScriptDirectory.from_config(alembic_config())
        return [
            revision.revision
            for revision in reversed(list(script.iterate_revisions("head", before or "base")))
        ]


def ensure_current(warehouse: Warehouse) -> None:
    """Raises ``SchemaOutOfDateError`` unless the database has this code's schema."""
    found, needed = current_revision(warehouse), newest_revision()
    if found != needed:
        raise SchemaOutOfDateError(
            f"the warehouse's schema is {found or 'empty'}, this version needs {needed}: "
            f"run `insights migrate`"
        )


def _revision_on(connection: Connection, warehouse: Warehouse) -> str | None:
    context = MigrationContext.configure(
        connection,
        opts={"version_table_schema": INTERNAL_SCHEMA if warehouse.is_postgres else None},
    )
    return context.get_current_revision()


@contextmanager
def _migration_lock(warehouse: Warehouse) -> Iterator[None]:
    """Keeps two processes from migrating one SQLite file (PostgreSQL has its advisory lock)."""
    if warehouse.is_postgres:
        yield
        return
    with FileLock(f"{warehouse.engine.url.database}.migrate.lock", timeout=120):
        yield
