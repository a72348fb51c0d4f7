"""Large facts by month on PostgreSQL, and no fact refers to its build by a foreign key there.

A table that holds rows already is written anew, month by month: for that time it takes its room on
the disk twice. SQLite's tables stay as they are, foreign keys too: dropping one would write the
table anew, and they cost little there.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from insights_resources.errors import WarehouseError

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_BY_MONTH = (
    "fact_raw_pages",
    "fact_product_snapshots",
    "fact_rejected_pages",
    "fact_product_features",
    "fact_rank_features",
    "fact_competitive_scores",
    "fact_alerts",
    "fact_competitive_reports",
)
#: Of these only the foreign key goes.
_WHOLE = ("fact_alert_states", "fact_product_summaries")
#: The only fact that is not of builds.
_WITHOUT_BUILDS = "fact_raw_pages"


def upgrade() -> None:
    if not _is_postgres():
        return
    for table in _BY_MONTH:
        _write_anew(table, by_month=True)
    for table in _WHOLE:
        op.drop_constraint(f"fk_{table}_build_id", table, schema="warehouse")


def downgrade() -> None:
    if not _is_postgres():
        return
    for table in _BY_MONTH:
        _write_anew(table, by_month=False)
    for table in (*_BY_MONTH, *_WHOLE):
        if table != _WITHOUT_BUILDS:
            op.create_foreign_key(
                f"fk_{table}_build_id",
                table,
                "ops_builds",
                ["build_id"],
                ["build_id"],
                source_schema="warehouse",
                referent_schema="warehouse",
            )
    op.execute("DROP FUNCTION IF EXISTS warehouse.make_partition(text, date)")


def _is_postgres() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _write_anew(table: str, *, by_month: bool) -> None:
    """Replaces a table by one with the same columns, comments, grants, indexes and rows."""
    new, old = f"warehouse.{table}", f"warehouse.{table}_before_0007"
    # From here on nobody writes rows that would stay behind.
    op.execute(f"LOCK TABLE {new} IN ACCESS EXCLUSIVE MODE")
    primary_key = _texts(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE conrelid = CAST(:name AS regclass) AND contype = 'p'",
        new,
    )[0]
    indexes = _texts(
        "SELECT pg_get_indexdef(indexrelid) FROM pg_index "
        "WHERE indrelid = CAST(:name AS regclass) AND NOT indisprimary",
        new,
    )
    comments = _texts(
        "SELECT format('COMMENT ON TABLE %s IS %L', CAST(:name AS text), "
        "obj_description(CAST(:name AS regclass)))",
        new,
    )
    grants = _texts(
        "SELECT format('GRANT %s ON %s TO %s%s', g.privilege_type, CAST(:name AS text), "
        "CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END, "
        "CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) "
        "FROM pg_class c, aclexplode(c.relacl) g "
        "WHERE c.oid = CAST(:name AS regclass) AND g.grantee <> c.relowner",
        new,
    )
    op.execute(f"ALTER TABLE {new} RENAME TO {table}_before_0007")
    op.execute(
        f"CREATE TABLE {new} (LIKE {old} INCLUDING ALL EXCLUDING INDEXES)"
        + (" PARTITION BY RANGE (day)" if by_month else "")
    )
    if by_month:
        for statement in _texts(
            "SELECT format('CREATE TABLE %s_%s PARTITION OF %s FOR VALUES FROM (%L) "  # noqa: S608
            "TO (%L)', CAST(:name AS text), to_char(month, 'YYYY_MM'), CAST(:name AS text), "
            "month::date, (month + interval '1 month')::date) "
            f"FROM (SELECT date_trunc('month', day::timestamp) AS month FROM {old} GROUP BY 1) m",
            new,
        ):
            op.execute(_literal(statement))
    op.execute(f"INSERT INTO {new} SELECT * FROM {old}")  # noqa: S608
    _move_views(old, new)
    op.execute(f"DROP TABLE {old}")
    op.execute(f"ALTER TABLE {new} ADD CONSTRAINT pk_{table} {primary_key}")
    for statement in (*indexes, *comments, *grants):
        # A partitioned table's index is shown as that of the table alone.
        op.execute(_literal(statement.replace(" ON ONLY ", " ON ", 1)))
    op.execute(f"ANALYZE {new}")


def _move_views(old: str, new: str) -> None:
    """The contract's views on the old table read the new one, in place: views on them stay."""
    # With nothing on the path every name in a definition has its schema.
    op.execute("SET LOCAL search_path = ''")
    dependents = (
        "FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid JOIN pg_class v ON v.oid = r.ev_class "
        "WHERE d.classid = 'pg_catalog.pg_rewrite'::regclass "
        "AND d.refobjid = CAST(:name AS regclass) "
        "AND (v.relnamespace = to_regnamespace('insights') AND v.relkind = 'v') IS {ours}"
    )
    others = _texts(
        f"SELECT DISTINCT v.oid::regclass::text {dependents.format(ours='NOT TRUE')}", old
    )
    if others:
        raise WarehouseError(
            f"{new} is written anew, and the views {', '.join(others)} read it: tables of the schema "
            f"warehouse are internal. Drop these views, migrate, and make them again on the views of "
            f"the schema insights"
        )
    for statement in _texts(
        "SELECT DISTINCT format('CREATE OR REPLACE VIEW %s AS %s', v.oid::regclass, "
        f"pg_get_viewdef(v.oid)) {dependents.format(ours='TRUE')}",
        old,
    ):
        op.execute(_literal(statement.replace(old.split(".")[1], new.split(".")[1])))
    op.execute("RESET search_path")


def _texts(query: str, name: str) -> list[str]:
    return list(op.get_bind().scalars(sa.text(query), {"name": name}))


def _literal(statement: str) -> sa.TextClause:
    return sa.text(statement.replace(":", r"\:"))
