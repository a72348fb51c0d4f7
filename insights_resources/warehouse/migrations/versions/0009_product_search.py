"""The text of listings, for search, with that of the products that there are."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pandas as pd
import sqlalchemy as sa
from alembic import op

from insights_resources.warehouse.column_types import BigId, Json, UtcDateTime
from insights_resources.warehouse.frames import row_hashes
from insights_resources.warehouse.search_text import document

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_TABLE = "fact_product_search"
_PRODUCTS_AT_ONCE = 5_000
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
    _index_products()
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
    relation = "warehouse." if op.get_bind().dialect.name == "postgresql" else ""
    op.drop_table(_TABLE, schema="warehouse")
    for table, column in (("ops_consumed_builds", "consumer"), ("ops_builds", "table_name")):
        op.execute(f"DELETE FROM {relation}{table} WHERE {column} = '{_TABLE}'")  # noqa: S608


def _versioned(name: str, *columns: sa.Column) -> sa.Table:
    """A table, as far as it is needed here."""
    return sa.Table(
        name,
        sa.MetaData(),
        sa.Column("marketplace", sa.String(32)),
        sa.Column("asin", sa.String(10)),
        *columns,
        sa.Column("build_id", BigId),
        sa.Column("row_hash", BigId),
        sa.Column("recorded_at", UtcDateTime()),
        sa.Column("superseded_at", UtcDateTime()),
        schema="warehouse",
    )


def _index_products() -> None:
    """Writes a published build of all listings, as if ``serving/product_summaries`` had."""
    connection = op.get_bind()
    search = _versioned(_TABLE, sa.Column("folded", sa.Text()), sa.Column("tokens", sa.Text()))
    builds = sa.Table(
        "ops_builds",
        sa.MetaData(),
        sa.Column("build_id", BigId, primary_key=True),
        sa.Column("table_name", sa.String(64)),
        sa.Column("status", sa.String(16)),
        *(sa.Column(name, UtcDateTime()) for name in ("started_at", "published_at")),
        *(
            sa.Column(name, sa.Integer())
            for name in ("row_count", "rows_added", "rows_changed", "rows_removed")
        ),
        sa.Column("code_version", sa.String(64)),
        schema="warehouse",
    )
    listings = _listings(connection)
    if not listings:
        return
    now = datetime.now(UTC)
    values = {
        "table_name": _TABLE,
        "status": "published",
        "started_at": now,
        "published_at": now,
        "row_count": len(listings),
        "rows_added": len(listings),
        "rows_changed": 0,
        "rows_removed": 0,
        "code_version": "1",
    }
    build_id = connection.execute(sa.insert(builds).values(values)).inserted_primary_key[0]  # type: ignore[index]
    for start in range(0, len(listings), _PRODUCTS_AT_ONCE):
        some = listings[start : start + _PRODUCTS_AT_ONCE]
        details = _details(connection, {asin for _, asin, _, _ in some})
        rows = []
        for marketplace, asin, title, brand in some:
            made = document(
                marketplace, title, brand, *details.get((marketplace, asin), (None, None))
            )
            rows.append((marketplace, asin, made.folded, made.tokens))
        frame = pd.DataFrame(rows, columns=["marketplace", "asin", "folded", "tokens"], dtype="str")
        frame["row_hash"] = row_hashes(frame, search)
        audit = {"build_id": build_id, "recorded_at": now}
        values_of_rows: list[dict[str, Any]] = [
            {str(name): value for name, value in row.items()} | audit
            for row in frame.to_dict(orient="records")
        ]
        connection.execute(sa.insert(search), values_of_rows)
    _take_in(connection, now)


def _listings(connection: sa.Connection) -> list[Any]:
    """(marketplace, asin, title, brand) of each product with a title."""
    summaries = _versioned(
        "fact_product_summaries", sa.Column("title", sa.Text()), sa.Column("brand", sa.Text())
    )
    columns = (summaries.c[name] for name in ("marketplace", "asin", "title", "brand"))
    query = sa.select(*columns).where(_STANDING, summaries.c.title.is_not(None))
    return list(connection.execute(query.order_by("marketplace", "asin")))


def _details(connection: sa.Connection, asins: set[str]) -> dict[tuple[str, str], Any]:
    """Bullets and description at each product's last capture that knows them."""
    snapshots = _versioned(
        "fact_product_snapshots",
        sa.Column("page_id", sa.String(32)),
        sa.Column("captured_at", UtcDateTime()),
        sa.Column("bullets", Json),
        sa.Column("description", sa.Text()),
    )
    known = (_STANDING, snapshots.c.bullets.is_not(None), snapshots.c.asin.in_(sorted(asins)))
    key = (snapshots.c.marketplace, snapshots.c.asin)
    newest_first = (snapshots.c.captured_at.desc(), snapshots.c.page_id.desc())
    ranked = (
        sa.select(
            *key,
            snapshots.c.bullets,
            snapshots.c.description,
            sa.func.row_number().over(partition_by=key, order_by=newest_first).label("place"),
        )
        .where(*known)
        .subquery()
    )
    rows = connection.execute(sa.select(ranked).where(ranked.c.place == 1))
    return {(row.marketplace, row.asin): (row.bullets, row.description) for row in rows}


def _take_in(connection: sa.Connection, now: datetime) -> None:
    """Notes that what was published until now is indexed."""
    moment = now if op.get_bind().dialect.name == "postgresql" else f"{now:%Y-%m-%dT%H:%M:%S.%fZ}"
    relation = "warehouse." if op.get_bind().dialect.name == "postgresql" else ""
    connection.execute(
        sa.text(
            f"INSERT INTO {relation}ops_consumed_builds (consumer, build_id, consumed_at) "  # noqa: S608
            f"SELECT '{_TABLE}', build_id, :moment FROM {relation}ops_builds "
            "WHERE table_name = 'fact_product_snapshots' AND status = 'published'"
        ),
        {"moment": moment},
    )
