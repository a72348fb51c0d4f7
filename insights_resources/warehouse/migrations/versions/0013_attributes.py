"""The rows of a page's detail tables and lists; NULL in the rows that stand, whose parser did not read
them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from insights_resources.warehouse.column_types import Json

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_SNAPSHOTS = "fact_product_snapshots"


def _schema() -> str | None:
    # Unlike tables, added columns are not translated to SQLite's missing schemas.
    return "warehouse" if op.get_bind().dialect.name == "postgresql" else None


def upgrade() -> None:
    op.add_column(
        _SNAPSHOTS,
        sa.Column(
            "attributes",
            Json,
            comment="Rows of the detail tables and lists: {label as shown: value as shown}, units as written, without rank, ratings, seller and ASIN; {}: the page has none; NULL: not known (an import has no listing, an older parser did not read them).",
        ),
        schema=_schema(),
    )


def downgrade() -> None:
    if _schema():
        # A column under a view cannot go; the migration's end makes the contract's views anew.
        for view in ("product_snapshots", "product_snapshot_versions"):
            op.execute(f"DROP VIEW IF EXISTS insights.{view} CASCADE")
    # A row that says less is another one: with its hash a rebuild would take it to be unchanged.
    relation = f"warehouse.{_SNAPSHOTS}" if _schema() else _SNAPSHOTS
    op.execute(
        f"UPDATE {relation} SET row_hash = (row_hash | 1) - (row_hash & 1) "  # noqa: S608
        "WHERE attributes IS NOT NULL"
    )
    op.drop_column(_SNAPSHOTS, "attributes", schema=_schema())
