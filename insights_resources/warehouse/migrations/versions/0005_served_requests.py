"""Tracking requests that are served by a sensor: their tries, their run, and inserts by SQL."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.schema import SetColumnComment

from insights_resources.warehouse.column_types import UtcDateTime
from insights_resources.warehouse.sql_functions import utc_now

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TABLE = "ops_tracking_requests"
#: What an insert may leave out: column, type, and its value then.
_DEFAULTS = (
    ("requested_at", UtcDateTime(), utc_now()),
    ("requested_by", sa.String(64), "sql"),
    ("status", sa.String(16), "pending"),
)
_ADDED = ("tries", "started_at", "next_try_at", "run_key", "confirms_capture_at")
_CONFIRMS = "uq_ops_tracking_requests_confirms"
_OPEN = "ix_ops_tracking_requests_open"

#: What columns mean, before and after.
_COMMENTS = {
    "requested_by": (
        "cli, api, sql or an alert rule.",
        "cli, api, sql, or the id of an alert rule.",
    ),
    "run_id": ("The Dagster run that served it.", "The Dagster run of its last try."),
    "error": ("Why it failed.", "Why it failed; while it is pending, why its last try did."),
}


def _is_postgres() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _schema() -> str | None:
    # Unlike tables, changed columns are not translated to SQLite's missing schemas.
    return "warehouse" if _is_postgres() else None


def _table_args() -> tuple[sa.CheckConstraint, ...]:
    # SQLite's new table has only the checks that are said here.
    return (
        sa.CheckConstraint(
            "status IN ('pending', 'running', 'done', 'failed')",
            name=op.f("ck_ops_tracking_requests_status"),
        ),
    )


def upgrade() -> None:
    relation = "warehouse." if _is_postgres() else ""
    # Nobody would know whether their runs have ended.
    op.execute(
        f"UPDATE {relation}{_TABLE} SET status = 'failed', "  # noqa: S608
        f"error = 'broke off; ask again' WHERE status = 'running'"
    )
    with op.batch_alter_table(_TABLE, schema=_schema(), table_args=_table_args()) as batch:
        for name, kind, default in _DEFAULTS:
            batch.alter_column(
                name, existing_type=kind, existing_nullable=False, server_default=default
            )
        batch.add_column(
            sa.Column(
                "tries",
                sa.Integer(),
                nullable=False,
                server_default="0",
                comment="How often it was tried.",
            )
        )
        batch.add_column(
            sa.Column(
                "started_at",
                UtcDateTime(),
                comment="When its last try began (UTC); NULL: none has.",
            )
        )
        batch.add_column(
            sa.Column(
                "next_try_at",
                UtcDateTime(),
                comment="While it is pending: not tried before (UTC); NULL: at once.",
            )
        )
        batch.add_column(
            sa.Column(
                "run_key",
                sa.String(64),
                comment="Tag insights/tracking of the run that serves it, with others' requests; NULL: none yet.",
            )
        )
        batch.add_column(
            sa.Column(
                "confirms_capture_at",
                UtcDateTime(),
                comment="The capture that a second one is to confirm, where an alert asks (UTC); NULL: somebody wants the page.",
            )
        )
    op.create_index(
        _CONFIRMS,
        _TABLE,
        ["marketplace", "asin", "confirms_capture_at"],
        unique=True,
        schema=_schema(),
    )
    op.create_index(
        _OPEN,
        _TABLE,
        ["status"],
        schema=_schema(),
        postgresql_where=sa.text("status IN ('pending', 'running')"),
        sqlite_where=sa.text("status IN ('pending', 'running')"),
    )
    _comment(1)


def downgrade() -> None:
    if _is_postgres():
        # A column under a view cannot go; the migration's end makes the contract's views anew.
        op.execute("DROP VIEW IF EXISTS insights.tracking_requests CASCADE")
    op.drop_index(_OPEN, _TABLE, schema=_schema())
    op.drop_index(_CONFIRMS, _TABLE, schema=_schema())
    with op.batch_alter_table(_TABLE, schema=_schema(), table_args=_table_args()) as batch:
        for name in _ADDED:
            batch.drop_column(name)
        for name, kind, _ in _DEFAULTS:
            batch.alter_column(
                name, existing_type=kind, existing_nullable=False, server_default=None
            )
    _comment(0)


def _comment(version: int) -> None:
    if not _is_postgres():
        return
    for name, texts in _COMMENTS.items():
        column = sa.Column(name, sa.Text(), comment=texts[version])
        sa.Table(_TABLE, sa.MetaData(), column, schema="warehouse")
        op.execute(SetColumnComment(column))
