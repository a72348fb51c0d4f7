"""How each group's reports are written: its industry template, and its readers' locale."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def _schema() -> str | None:
    # Unlike tables, changed columns are not translated to SQLite's missing schemas.
    return "warehouse" if op.get_bind().dialect.name == "postgresql" else None


def upgrade() -> None:
    for column in (
        sa.Column(
            "template",
            sa.String(32),
            comment="Industry template of its reports; NULL: generic.",
        ),
        sa.Column(
            "locale",
            sa.String(16),
            comment="How its reports write numbers (CLDR); NULL: as the setting INSIGHTS_LOCALE "
            "says.",
        ),
    ):
        op.add_column("dim_competitive_groups", column, schema=_schema())


def downgrade() -> None:
    if _schema():
        # A column under a view cannot go; the migration's end makes the contract's views anew.
        op.execute("DROP VIEW IF EXISTS insights.competitive_groups CASCADE")
    # Not by a copy of the table, which SQLite's batches make: its members' foreign keys hold it.
    for name in ("locale", "template"):
        op.drop_column("dim_competitive_groups", name, schema=_schema())
