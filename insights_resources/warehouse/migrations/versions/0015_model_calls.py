"""Calls of a language model, noted before they are sent, and what a report says of its writer."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from insights_resources.warehouse.column_types import Json, Money, UtcDateTime

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def _schema() -> str | None:
    # Unlike tables, changed columns are not translated to SQLite's missing schemas.
    return "warehouse" if op.get_bind().dialect.name == "postgresql" else None


def _of_reports() -> list[sa.Column]:
    return [
        sa.Column(
            "model",
            sa.String(64),
            comment="Language model that was asked; NULL: none was.",
        ),
        sa.Column(
            "fallback_reason",
            sa.String(32),
            comment="Why the structured writer wrote instead of a model (docs/reports.md); NULL: a model wrote, or the run wanted none.",
        ),
        sa.Column(
            "input_tokens",
            sa.Integer(),
            comment="Tokens that the model read; NULL: no model, or it did not say.",
        ),
        sa.Column(
            "output_tokens",
            sa.Integer(),
            comment="Tokens that the model wrote; NULL: no model, or it did not say.",
        ),
        sa.Column(
            "cost",
            Money(6),
            comment="What the model's call cost; NULL: no model, or no price is configured. Unit: USD.",
        ),
        sa.Column(
            "industry_template",
            sa.String(32),
            comment="Industry template that it was written by; NULL: written before there were any.",
        ),
        sa.Column(
            "locale",
            sa.String(16),
            comment="Locale (CLDR) of its numbers and amounts; NULL: written before it was kept.",
        ),
    ]


#: Column -> its type, its comment before, and now.
_COMMENTS: dict[str, tuple[Any, str, str]] = {
    "writer": (
        sa.String(32),
        "structured, or the language model's name.",
        "structured, or model (a language model).",
    ),
    "prompt_version": (
        sa.String(16),
        "Version of the prompt or of the structured writer.",
        "Version of the prompt (a hash of it), or of the structured writer.",
    ),
    "verification": (
        Json,
        "{sentences, verified, dropped: [...]}.",
        "{sentences, verified, dropped: [...]}; rejected: the same of an answer not taken.",
    ),
}


def _comment(before: int, after: int) -> None:
    # SQLite has no comments.
    if op.get_bind().dialect.name != "postgresql":
        return
    for name, (kind, *comments) in _COMMENTS.items():
        op.alter_column(
            "fact_competitive_reports",
            name,
            schema=_schema(),
            existing_type=kind,
            existing_nullable=False,
            existing_comment=comments[before],
            comment=comments[after],
        )


def upgrade() -> None:
    _comment(0, 1)
    for column in _of_reports():
        op.add_column("fact_competitive_reports", column, schema=_schema())
    op.create_table(
        "ops_model_calls",
        sa.Column("call_id", sa.String(32), nullable=False, comment="Drawn at random."),
        sa.Column(
            "request_key",
            sa.String(64),
            nullable=False,
            comment="SHA-256 of what was asked (facts, prompt version, model): a paid outcome is not asked for again.",
        ),
        sa.Column(
            "purpose",
            sa.Text(),
            nullable=False,
            comment="What it was asked for, such as the report of a group and day.",
        ),
        sa.Column(
            "day",
            sa.Date(),
            nullable=False,
            comment="UTC day: the day of the first send, whose budget it counts for.",
        ),
        sa.Column(
            "status",
            sa.String(16),
            nullable=False,
            comment="sent, answered, refused (by the model), truncated, invalid (not JSON, or not the schema), failed (not served, not paid) or unknown (sent, and no whole answer came).",
        ),
        sa.Column(
            "reason",
            sa.Text(),
            comment="Why there is no answer; NULL: there is one, or it is not known yet.",
        ),
        sa.Column("model", sa.String(64), nullable=False, comment="Language model that was asked."),
        sa.Column(
            "api",
            sa.String(16),
            nullable=False,
            comment="responses or chat: OpenAI's interface used.",
        ),
        sa.Column(
            "sends",
            sa.Integer(),
            nullable=False,
            comment="How often it was sent, tries included.",
        ),
        sa.Column(
            "input_tokens",
            sa.Integer(),
            comment="Tokens read, cached ones included; NULL: not known.",
        ),
        sa.Column(
            "cached_input_tokens",
            sa.Integer(),
            comment="Those of them that came from the server's cache; NULL: not known.",
        ),
        sa.Column(
            "output_tokens",
            sa.Integer(),
            comment="Tokens written, those of reasoning included; NULL: not known.",
        ),
        sa.Column(
            "tokens_reserved",
            sa.Integer(),
            nullable=False,
            comment="Most tokens of a call that is under way, or whose usage is not known; else 0.",
        ),
        sa.Column(
            "cost",
            Money(6),
            comment="By the configured prices, rounded up; NULL: not known, or no price. Unit: USD.",
        ),
        sa.Column(
            "cost_reserved",
            Money(6),
            comment="What tokens_reserved may cost; NULL: no price. Unit: USD.",
        ),
        sa.Column(
            "answer", Json, comment="The answer, by the schema that was asked for; NULL: none."
        ),
        sa.Column("run_id", sa.String(64), comment="Dagster run that asked; NULL outside of one."),
        sa.Column("sent_at", UtcDateTime(), nullable=False, comment="When it was sent last (UTC)."),
        sa.Column(
            "finished_at",
            UtcDateTime(),
            comment="When its outcome was noted (UTC); NULL: it is under way, or its process died.",
        ),
        sa.PrimaryKeyConstraint("call_id", name=op.f("pk_ops_model_calls")),
        sa.CheckConstraint(
            "status IN ('sent', 'answered', 'refused', 'truncated', 'invalid', 'failed', 'unknown')",
            name=op.f("ck_ops_model_calls_status"),
        ),
        schema="warehouse",
        comment="Each call of a language model, noted before it was sent, and what came of it.",
    )
    op.create_index("ix_ops_model_calls_day", "ops_model_calls", ["day"], schema="warehouse")
    op.create_index(
        "ix_ops_model_calls_request",
        "ops_model_calls",
        ["request_key", "status"],
        schema="warehouse",
    )


def downgrade() -> None:
    _comment(1, 0)
    if _schema():
        # A column under a view cannot go; the migration's end makes the contract's views anew.
        op.execute("DROP VIEW IF EXISTS insights.competitive_reports CASCADE")
    for column in _of_reports():
        op.drop_column("fact_competitive_reports", column.name, schema=_schema())
    op.drop_table("ops_model_calls", schema="warehouse")
