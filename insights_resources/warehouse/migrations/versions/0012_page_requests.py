"""The pages that are wanted of providers of live pages, what came of each request, and how often
each product is captured."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from insights_resources.warehouse.column_types import BigId, Money, UtcDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_OPEN = sa.text("status IN ('pending', 'sent', 'unknown')")


def _schema() -> str | None:
    # Unlike tables, changed columns are not translated to SQLite's missing schemas.
    return "warehouse" if op.get_bind().dialect.name == "postgresql" else None


def upgrade() -> None:
    op.add_column(
        "dim_products",
        sa.Column(
            "capture_hours",
            sa.Integer(),
            comment="A page younger than this is not captured again on its day; NULL: as the "
            "setting INSIGHTS_CAPTURE_HOURS says. Unit: hours.",
        ),
        schema=_schema(),
    )
    op.create_table(
        "ops_page_requests",
        sa.Column(
            "request_id", BigId, autoincrement=True, nullable=False, comment="Serial number."
        ),
        sa.Column(
            "marketplace",
            sa.String(32),
            nullable=False,
            comment="Domain of the Amazon marketplace (amazon.de). With asin the key of a product.",
        ),
        sa.Column(
            "asin", sa.String(10), nullable=False, comment="Amazon's product id, ten characters."
        ),
        sa.Column(
            "day", sa.Date(), nullable=False, comment="UTC day: the day whose page is wanted."
        ),
        sa.Column(
            "status",
            sa.String(16),
            nullable=False,
            comment="pending (to be sent, or again: see reason), sent, unknown (sent, and no "
            "answer came), captured, or missed (the day ended).",
        ),
        sa.Column(
            "reason",
            sa.Text(),
            comment="Why it has no page of its product yet; NULL: captured, or not tried yet.",
        ),
        sa.Column("provider", sa.String(32), comment="Who it was sent to last; NULL: never sent."),
        sa.Column(
            "batch_id",
            sa.String(64),
            comment="The provider's batch that it is part of; NULL: sent alone, or not sent.",
        ),
        sa.Column(
            "sends",
            sa.Integer(),
            nullable=False,
            comment="How often it was sent, tries included.",
        ),
        sa.Column(
            "credits",
            Money(),
            nullable=False,
            comment="Credits spent on it; what came to nothing included. Unit: provider's credits.",
        ),
        sa.Column(
            "credits_reserved",
            Money(),
            nullable=False,
            comment="Credits of a request that is under way, or whose outcome is unknown. Unit: "
            "provider's credits.",
        ),
        sa.Column(
            "owner",
            sa.String(64),
            comment="Who has it: a capture under way, or that broke off; NULL: none.",
        ),
        sa.Column(
            "run_id", sa.String(64), comment="Dagster run that had it last; NULL outside of one."
        ),
        sa.Column(
            "requested_at", UtcDateTime(), nullable=False, comment="When it was wanted (UTC)."
        ),
        sa.Column(
            "sent_at", UtcDateTime(), comment="When it was sent last (UTC); NULL: never sent."
        ),
        sa.Column("finished_at", UtcDateTime(), comment="When it was captured or missed (UTC)."),
        sa.Column("page_id", sa.String(32), comment="The page that it brought last; NULL: none."),
        sa.Column(
            "etag",
            sa.Text(),
            comment="The site's ETag of that page, to ask whether it has changed; NULL: it gave "
            "none.",
        ),
        sa.Column(
            "last_modified",
            sa.Text(),
            comment="The site's Last-Modified of that page, as it was sent; NULL: it gave none.",
        ),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_ops_page_requests")),
        sa.CheckConstraint(
            "status IN ('pending', 'sent', 'unknown', 'captured', 'missed')",
            name=op.f("ck_ops_page_requests_status"),
        ),
        schema="warehouse",
        comment="Each page that was wanted of a provider of live pages, and what came of it.",
    )
    op.create_index(
        "ix_ops_page_requests_day", "ops_page_requests", ["day", "provider"], schema="warehouse"
    )
    op.create_index(
        "ix_ops_page_requests_product",
        "ops_page_requests",
        ["marketplace", "asin", "day"],
        schema="warehouse",
    )
    op.create_index(
        "uq_ops_page_requests_open",
        "ops_page_requests",
        ["marketplace", "asin"],
        unique=True,
        postgresql_where=_OPEN,
        sqlite_where=_OPEN,
        schema="warehouse",
    )


def downgrade() -> None:
    if _schema():
        # A column under a view cannot go; the migration's end makes the contract's views anew.
        op.execute("DROP VIEW IF EXISTS insights.products CASCADE")
    with op.batch_alter_table("dim_products", schema=_schema()) as batch:
        batch.drop_column("capture_hours")
    op.drop_table("ops_page_requests", schema="warehouse")
