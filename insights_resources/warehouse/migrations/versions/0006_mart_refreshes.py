"""When each mart was last refreshed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from insights_resources.warehouse.column_types import BigId, UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ops_mart_refreshes",
        sa.Column("name", sa.String(64), nullable=False, comment="The mart, without its schema."),
        sa.Column(
            "version",
            sa.BigInteger(),
            nullable=False,
            comment="Number of its refreshes: what was read of an older one is out of date.",
        ),
        sa.Column(
            "refreshed_at",
            UtcDateTime(),
            nullable=False,
            comment="When the last one began (UTC): it shows all that was committed before, on "
            "SQLite also what came later.",
        ),
        sa.Column(
            "row_count",
            sa.BigInteger(),
            nullable=False,
            comment="Rows that the mart has since then.",
        ),
        sa.Column(
            "seconds", sa.Float(53), nullable=False, comment="How long it took. Unit: seconds."
        ),
        sa.Column(
            "newest_build_id",
            BigId,
            comment="The build that was published last before it began (builds); NULL: none was.",
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_ops_mart_refreshes")),
        schema="warehouse",
        comment="When each mart was last refreshed.",
    )


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        # The table's view in the contract is made anew at the migration's end.
        op.execute("DROP VIEW IF EXISTS insights.mart_refreshes CASCADE")
    op.drop_table("ops_mart_refreshes", schema="warehouse")
