"""The prices of a product are read from the index of its captures alone (PostgreSQL)."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_NAME, _TABLE = "ix_fact_product_snapshots_asin_captured", "fact_product_snapshots"
_INCLUDED = (
    "marketplace",
    "day",
    "currency",
    "price",
    "availability",
    "recorded_at",
    "superseded_at",
)


def upgrade() -> None:
    _make(_INCLUDED)


def downgrade() -> None:
    _make(())


def _make(included: Sequence[str]) -> None:
    if op.get_bind().dialect.name != "postgresql":
        return  # SQLite's indexes include nothing
    op.drop_index(_NAME, _TABLE, schema="warehouse")
    op.create_index(
        _NAME,
        _TABLE,
        ["asin", sa.text("captured_at DESC")],
        schema="warehouse",
        postgresql_include=list(included),
    )
