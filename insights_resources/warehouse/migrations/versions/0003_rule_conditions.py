"""Alert rules as conditions: kind and threshold become a condition, with products and creep."""

from __future__ import annotations

import math
from typing import Any

import sqlalchemy as sa
from alembic import op

from insights_resources.warehouse.column_types import Json

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_RULE_COMMENTS = {
    "severities": (
        "Ladder: list of {at_least, severity} by magnitude.",
        "Ladder: list of {at_least, severity}, in the unit of the condition's first test; {at_most, severity} where that says at_most; {severity} alone where it has no number.",
    ),
    "source": (
        "default, or who made it.",
        "Who owns the row: default, file (the catalog file), or who made it.",
    ),
}
_ALERT_COMMENTS = {
    "transition": (
        "fired (the condition became true) or crept (it moved on by the threshold since the last alert).",
        "fired (the condition became true) or crept (the value moved on by the rule's creep since the last alert).",
    ),
    "value": (
        "The value that fired it, in the rule kind's unit.",
        "Value of the condition's first test, in its measure's unit (price: currency; sigma: log return of the day); NULL: it has none, or it is unknown.",
    ),
    "baseline": (
        "What it was compared with; NULL: the kind has none.",
        "What the value was compared with, in the same unit (sigma: the usual daily log return); NULL: nothing, or it is unknown.",
    ),
    "magnitude": (
        "Size of the move that the threshold is compared with.",
        "Size that the threshold is compared with: a ratio for percent (0.1 is 10 %), |ln| for factor, standard deviations for sigma, the measure's unit for absolute, the value for a level; NULL as value.",
    ),
    "message": ("One sentence for people.", "What happened, in words for people."),
}
_DAYS_AGO_DOWN = {
    "measure": "rating",
    "against": "30d_ago",
    "change": "absolute",
    "direction": "down",
}


def _is_postgres() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _schema() -> str | None:
    # Unlike tables, changed columns are not translated to SQLite's missing schemas.
    return "warehouse" if _is_postgres() else None


def _rules() -> sa.Table:
    """The table with the columns of both versions."""
    return sa.Table(
        "dim_alert_rules",
        sa.MetaData(),
        sa.Column("rule_id", sa.String(64)),
        sa.Column("kind", sa.String(32)),
        sa.Column("threshold", sa.Float(53)),
        sa.Column("condition", Json),
        sa.Column("creep", sa.Float(53)),
        sa.Column("severities", Json),
        sa.Column("is_enabled", sa.Boolean),
        schema=_schema(),
    )


def _condition_of(kind: str, threshold: float | None) -> tuple[dict[str, Any], float | None] | None:
    """(condition, creep) of a rule of version 0002; None: it could not be evaluated there."""
    if kind == "seller_changed":
        return {"event": "seller_changed"}, None
    if threshold is None or not threshold > 0:
        return None
    if kind == "price_move":
        percent = round(threshold * 100, 9)
        return {
            "measure": "price",
            "against": "mean_7d",
            "change": "percent",
            "at_least": percent,
        }, percent
    if kind == "rank_move":
        factor = round(math.exp(threshold), 9)
        return {
            "measure": "primary_rank",
            "against": "median_7d",
            "change": "factor",
            "at_least": factor,
        }, factor
    if kind == "rating_drop":
        return {**_DAYS_AGO_DOWN, "at_least": threshold}, threshold
    if kind == "out_of_stock":
        return {"measure": "out_of_stock_captures", "at_least": threshold}, None
    if kind == "back_in_stock":
        return {"event": "back_in_stock", "after_captures": math.ceil(threshold)}, None
    if kind == "price_sigma":
        return {"measure": "price", "change": "sigma", "at_least": threshold}, None
    return None


def _ladder_of(kind: str, severities: Any) -> Any:
    """The ladder in the condition's unit; one that cannot be read stays, to be reported."""
    try:
        if kind in ("seller_changed", "back_in_stock"):
            lowest = min(severities, key=lambda step: step["at_least"])
            return [{"severity": lowest["severity"]}]
        if kind == "price_move":
            return [{**step, "at_least": round(step["at_least"] * 100, 9)} for step in severities]
        if kind == "rank_move":
            return [
                {**step, "at_least": round(math.exp(max(step["at_least"], 0.0)), 9)}
                for step in severities
            ]
    except (TypeError, KeyError, ValueError, OverflowError):
        return severities
    return severities


def upgrade() -> None:
    if _is_postgres():
        # A column under a view cannot go; the migration's end makes the contract's views anew.
        op.execute("DROP VIEW IF EXISTS insights.alert_rules CASCADE")
    with op.batch_alter_table("dim_alert_rules", schema=_schema()) as batch:
        batch.add_column(
            sa.Column(
                "condition",
                Json,
                comment="What fires it, in the language of docs/alerts.md: one test, or {all: [...]} or {any: [...]} of conditions.",
            )
        )
        batch.add_column(
            sa.Column(
                "applies_to",
                Json,
                comment="{groups: [group_id], products: ['marketplace/asin']}: members of the groups on each day, and these products; NULL: all products.",
            )
        )
        batch.add_column(
            sa.Column(
                "creep",
                sa.Float(53),
                comment="Move of the first test's value since the last alert, while the condition lasts, that is one more alert; in the test's unit. NULL: none.",
            )
        )
        batch.add_column(
            sa.Column(
                "schema_version",
                sa.Integer(),
                nullable=False,
                server_default="1",
                comment="Version of the shape of the JSON columns.",
            )
        )
    rules = _rules()
    connection = op.get_bind()
    for row in connection.execute(sa.select(rules)).all():
        converted = _condition_of(row.kind, row.threshold)
        # What could not be evaluated stopped every rebuild; it is kept for people to read, off.
        values: dict[str, Any] = {
            "condition": {"kind": row.kind, "threshold": row.threshold},
            "is_enabled": False,
        }
        if converted is not None:
            values = {
                "condition": converted[0],
                "creep": converted[1],
                "severities": _ladder_of(row.kind, row.severities),
            }
        connection.execute(sa.update(rules).where(rules.c.rule_id == row.rule_id).values(**values))
    with op.batch_alter_table("dim_alert_rules", schema=_schema()) as batch:
        batch.alter_column("condition", existing_type=Json, nullable=False)
        batch.drop_column("kind")
        batch.drop_column("threshold")
    _comment(1)


def downgrade() -> None:
    if _is_postgres():
        op.execute("DROP VIEW IF EXISTS insights.alert_rules CASCADE")
    # The older language cannot say what rules say now: its default rules come by themselves.
    op.execute(sa.delete(_rules()))
    with op.batch_alter_table("dim_alert_rules", schema=_schema()) as batch:
        batch.add_column(
            sa.Column(
                "kind",
                sa.String(32),
                nullable=False,
                comment="The condition that it tests (see rules.py).",
            )
        )
        batch.add_column(
            sa.Column(
                "threshold",
                sa.Float(53),
                comment="The condition's threshold; NULL: the kind has none.",
            )
        )
        for name in ("condition", "applies_to", "creep", "schema_version"):
            batch.drop_column(name)
    _comment(0)


def _comment(version: int) -> None:
    """Comments of columns whose meaning changed (SQLite has none)."""
    if not _is_postgres():
        return
    for table, comments in (("dim_alert_rules", _RULE_COMMENTS), ("fact_alerts", _ALERT_COMMENTS)):
        for name, texts in comments.items():
            op.alter_column(
                table,
                name,
                schema=_schema(),
                comment=texts[version],
                existing_comment=texts[1 - version],
            )
