"""What sources of a page say that disagree with the value taken."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from insights_resources.warehouse.column_types import Json

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _schema() -> str | None:
    # Unlike tables, added columns are not translated to SQLite's missing schemas.
    return "warehouse" if op.get_bind().dialect.name == "postgresql" else None


def upgrade() -> None:
    op.add_column(
        "fact_product_snapshots",
        sa.Column(
            "disputed_fields",
            Json,
            nullable=True,
            comment="Where sources of the page disagree with the value taken: "
            "{field: {source: what it says}}; NULL: read by a parser that did not compare.",
        ),
        schema=_schema(),
    )


def downgrade() -> None:
    op.drop_column("fact_product_snapshots", "disputed_fields", schema=_schema())
