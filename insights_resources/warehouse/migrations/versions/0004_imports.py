"""Imported histories: their files, and snapshots that no page stands behind."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.schema import SetColumnComment

from insights_resources.warehouse.column_types import BigId, Json, UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_SNAPSHOTS = "fact_product_snapshots"
_NEWEST_FIRST = "ix_fact_product_snapshots_asin_captured"
#: What a page always shows and an import may not know: column and type.
_MAY_BE_UNKNOWN = (("title", sa.Text()), ("bullets", Json), ("images", Json))

#: What columns mean, before and after.
_COMMENTS = {
    "fact_product_features": {
        "title_length": (
            "Characters of the title.",
            "Characters of the title. NULL: listing not known (an import), as in the columns that follow.",
        ),
    },
    "fact_product_snapshots": {
        "page_id": (
            "The page it was read from (raw_pages).",
            "The page it was read from (raw_pages); of an imported one, made of product and time.",
        ),
        "title": (
            "Title as shown.",
            "Title as shown; NULL: not known (an import without it).",
        ),
        "bullets": (
            "Feature bullets: list of texts.",
            "Feature bullets: list of texts; NULL: not known (an import has no listing).",
        ),
        "images": (
            "Main gallery: list of addresses.",
            "Main gallery: list of addresses; NULL: not known (as bullets).",
        ),
        "field_sources": (
            "Where each value stood on the page: {field: source}.",
            "Where each value stood on the page, or in which column or series of the import: {field: source}.",
        ),
        "parser_version": (
            "Version of the parser.",
            "Version of the parser, or of the import (import-1).",
        ),
    },
}
_TABLE_COMMENTS = (
    "What each product page says, typed.",
    "What each product page says, typed; and what imported histories say.",
)


def _is_postgres() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _schema() -> str | None:
    # Unlike tables, added columns are not translated to SQLite's missing schemas.
    return "warehouse" if _is_postgres() else None


def upgrade() -> None:
    op.create_table(
        "ops_imports",
        sa.Column("import_id", BigId, autoincrement=True, nullable=False, comment="Serial number."),
        sa.Column(
            "file_name", sa.Text(), nullable=False, comment="Name of the file, without its folder."
        ),
        sa.Column("content_hash", sa.String(64), nullable=False, comment="SHA-256 of the file."),
        sa.Column(
            "content_bytes", sa.BigInteger(), nullable=False, comment="Size of the file in bytes."
        ),
        sa.Column(
            "layout",
            sa.String(8),
            nullable=False,
            comment="wide (a row is an observation) or long (a row is a change of one series).",
        ),
        sa.Column(
            "options",
            Json,
            nullable=False,
            comment="What was asked for, and {columns: {column: field}} as it was understood.",
        ),
        sa.Column(
            "status",
            sa.String(16),
            nullable=False,
            comment="running, done or failed (broke off: again).",
        ),
        sa.Column("started_at", UtcDateTime, nullable=False, comment="When it began (UTC)."),
        sa.Column("finished_at", UtcDateTime, comment="When it was done or failed (UTC)."),
        sa.Column("first_day", sa.Date(), comment="First UTC day of its snapshots; NULL: none."),
        sa.Column("last_day", sa.Date(), comment="Last UTC day of its snapshots; NULL: none."),
        sa.Column(
            "rows_read", sa.BigInteger(), comment="Rows of the file, its header not counted."
        ),
        sa.Column(
            "rows_rejected",
            sa.BigInteger(),
            comment="Rows that are not in, each with its reason.",
        ),
        sa.Column("snapshots", sa.BigInteger(), comment="Snapshots that the file says."),
        sa.Column("snapshots_written", sa.BigInteger(), comment="Of them new or changed."),
        sa.Column(
            "snapshots_removed",
            sa.BigInteger(),
            comment="Snapshots of earlier imports it took away.",
        ),
        sa.CheckConstraint("status IN ('running', 'done', 'failed')", name="status"),
        sa.PrimaryKeyConstraint("import_id"),
        comment="Each import of a history file. The builds that it made carry its id.",
        schema="warehouse",
    )
    op.add_column(
        "ops_builds",
        sa.Column(
            "import_id", BigId, comment="Import whose rows they are (ops_imports); NULL: of none."
        ),
        schema=_schema(),
    )
    op.add_column(
        _SNAPSHOTS,
        sa.Column(
            "origin",
            sa.String(8),
            nullable=False,
            server_default="page",
            comment="page (read from a captured page) or import (of a history file: see build_id, builds.import_id and imports).",
        ),
        schema=_schema(),
    )
    op.add_column(
        _SNAPSHOTS,
        sa.Column(
            "captured_at_precision",
            sa.String(8),
            nullable=False,
            server_default="exact",
            comment="exact, day or year: how well captured_at is known (a day stands at noon UTC).",
        ),
        schema=_schema(),
    )
    relation = "warehouse." if _is_postgres() else ""
    # Constants: no text from outside.
    op.execute(
        f"UPDATE {relation}{_SNAPSHOTS} SET captured_at_precision = p.captured_at_precision "  # noqa: S608
        f"FROM {relation}fact_raw_pages AS p "
        f"WHERE p.page_id = {_SNAPSHOTS}.page_id AND p.day = {_SNAPSHOTS}.day "
        f"AND p.captured_at_precision <> 'exact'"
    )
    _set_nullable(True)
    _comment(1)


def downgrade() -> None:
    relation = "warehouse." if _is_postgres() else ""
    op.execute(f"DELETE FROM {relation}{_SNAPSHOTS} WHERE origin = 'import'")  # noqa: S608
    _set_nullable(False)
    _comment(0)
    op.drop_column(_SNAPSHOTS, "captured_at_precision", schema=_schema())
    op.drop_column(_SNAPSHOTS, "origin", schema=_schema())
    op.drop_column("ops_builds", "import_id", schema=_schema())
    op.drop_table("ops_imports", schema="warehouse")


def _set_nullable(nullable: bool) -> None:
    if _is_postgres():
        for name, kind in _MAY_BE_UNKNOWN:
            op.alter_column(
                _SNAPSHOTS, name, existing_type=kind, nullable=nullable, schema="warehouse"
            )
        return
    with op.batch_alter_table(_SNAPSHOTS, recreate="always") as batch:
        for name, kind in _MAY_BE_UNKNOWN:
            batch.alter_column(name, existing_type=kind, nullable=nullable)
    # The new table has its indexes as they could be read back: without the order.
    op.drop_index(_NEWEST_FIRST, _SNAPSHOTS)
    op.create_index(_NEWEST_FIRST, _SNAPSHOTS, ["asin", sa.text("captured_at DESC")])


def _comment(version: int) -> None:
    if not _is_postgres():
        return
    for table, columns in _COMMENTS.items():
        for name, texts in columns.items():
            column = sa.Column(name, sa.Text(), comment=texts[version])
            sa.Table(table, sa.MetaData(), column, schema="warehouse")
            op.execute(SetColumnComment(column))
    op.create_table_comment(_SNAPSHOTS, _TABLE_COMMENTS[version], schema="warehouse")
