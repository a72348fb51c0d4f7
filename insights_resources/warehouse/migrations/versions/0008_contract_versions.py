"""The versions of the SQL contract."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from insights_resources.warehouse.column_types import UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ops_contract_versions",
        sa.Column(
            "version",
            sa.String(16),
            nullable=False,
            comment="major.minor: a major one where something went or changed its type, a minor one where something came.",
        ),
        sa.Column(
            "applied_at",
            UtcDateTime(),
            nullable=False,
            comment="When this database got it (UTC).",
        ),
        sa.Column("changes", sa.Text(), nullable=False, comment="What changed, in words."),
        sa.Column(
            "migration_note",
            sa.Text(),
            comment="What consumers have to change; NULL: nothing, nothing broke.",
        ),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_ops_contract_versions")),
        schema="warehouse",
        comment="The versions of the SQL contract that this database has had.",
    )


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        # The table's view in the contract is made anew at the migration's end.
        op.execute("DROP VIEW IF EXISTS insights.contract_versions CASCADE")
    op.drop_table("ops_contract_versions", schema="warehouse")
