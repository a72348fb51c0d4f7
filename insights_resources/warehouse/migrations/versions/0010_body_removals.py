"""Bodies that retention is about to remove from the page archive."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ops_body_removals",
        sa.Column(
            "content_hash",
            sa.String(64),
            nullable=False,
            comment="SHA-256 of a page's body that no row names any more.",
        ),
        sa.PrimaryKeyConstraint("content_hash", name=op.f("pk_ops_body_removals")),
        schema="warehouse",
        comment="Bodies that retention is about to remove from the page archive.",
    )


def downgrade() -> None:
    op.drop_table("ops_body_removals", schema="warehouse")
