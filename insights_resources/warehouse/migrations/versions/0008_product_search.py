"""The text of listings, for search."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from insights_resources.warehouse.column_types import BigId, UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_TABLE = "fact_product_search"
_STANDING = sa.text("recorded_at IS NOT NULL AND superseded_at IS NULL")


def upgrade() -> None:
    op.create_table(
        _TABLE,
        sa.Column(
            "marketplace",
            sa.String(32),
            nullable=False,
            comment="Domain of the Amazon marketplace (amazon.de). With asin the key of a product.",
        ),
        sa.Column(
            "asin",
            sa.String(10),
            nullable=False,
            comment="Amazon's product id, ten characters.",
        ),
        sa.Column(
            "folded",
            sa.Text(),
            nullable=False,
            comment="Listing as it is searched: title, brand, bullets and description, folded and "
            "cut into words (see search_text).",
        ),
        sa.Column(
            "tokens",
            sa.Text(),
            nullable=False,
            comment="What the index holds of it, with spaces between.",
        ),
        sa.Column(
            "build_id",
            BigId,
            nullable=False,
            comment="The build that wrote this row (ops_builds).",
        ),
        sa.Column(
            "row_hash",
            BigId,
            nullable=False,
            comment="Hash of the row's own columns: equal means that nothing changed.",
        ),
        sa.Column(
            "recorded_at",
            UtcDateTime(),
            comment="When the row was published (UTC); NULL: its build is not published.",
        ),
        sa.Column(
            "superseded_at",
            UtcDateTime(),
            comment="When a later build replaced or removed the row (UTC); NULL: it stands.",
        ),
        sa.PrimaryKeyConstraint(
            "build_id", "marketplace", "asin", name=op.f("pk_fact_product_search")
        ),
        schema="warehouse",
        comment="The text of each product's listing, for search_products.",
    )
    op.create_index(
        "uq_fact_product_search_current",
        _TABLE,
        ["marketplace", "asin"],
        unique=True,
        schema="warehouse",
        postgresql_where=_STANDING,
        sqlite_where=_STANDING,
    )
    if op.get_bind().dialect.name == "postgresql":
        op.create_index(
            "ix_fact_product_search_tokens",
            _TABLE,
            [sa.text("array_to_tsvector(string_to_array(tokens, ' '))")],
            schema="warehouse",
            postgresql_using="gin",
            postgresql_where=_STANDING,
            postgresql_with={"gin_pending_list_limit": "1024"},
        )


def downgrade() -> None:
    op.drop_table(_TABLE, schema="warehouse")
