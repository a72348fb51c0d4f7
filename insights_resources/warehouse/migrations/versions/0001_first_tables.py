"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from insights_resources.warehouse.column_types import BigId, Json, Money, UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:

    op.create_table(
        "dim_alert_rules",
        sa.Column(
            "rule_id",
            sa.String(length=64),
            nullable=False,
            comment="Stable id, lower case with hyphens.",
        ),
        sa.Column("name", sa.Text(), nullable=False, comment="Name for people."),
        sa.Column(
            "kind",
            sa.String(length=32),
            nullable=False,
            comment="The condition that it tests (see rules.py).",
        ),
        sa.Column(
            "threshold",
            sa.Float(precision=53),
            nullable=True,
            comment="The condition's threshold; NULL: the kind has none.",
        ),
        sa.Column(
            "severities",
            Json,
            nullable=False,
            comment="Ladder: list of {at_least, severity} by magnitude.",
        ),
        sa.Column("is_enabled", sa.Boolean(), nullable=False, comment="Whether it fires."),
        sa.Column(
            "source", sa.String(length=32), nullable=False, comment="default, or who made it."
        ),
        sa.PrimaryKeyConstraint("rule_id", name=op.f("pk_dim_alert_rules")),
        schema="warehouse",
        comment="The alert rules.",
        info={"grain": "rule", "key": ("rule_id",), "versioned": False},
    )
    op.create_table(
        "dim_competitive_groups",
        sa.Column(
            "group_id",
            sa.String(length=64),
            nullable=False,
            comment="Stable id, lower case with hyphens.",
        ),
        sa.Column("name", sa.Text(), nullable=False, comment="Name for people."),
        sa.Column(
            "source",
            sa.String(length=32),
            nullable=False,
            comment="Who owns the row (see products).",
        ),
        sa.Column(
            "is_active", sa.Boolean(), nullable=False, comment="Whether it is scored and reported."
        ),
        sa.Column("created_at", UtcDateTime(), nullable=False, comment="When it was made (UTC)."),
        sa.Column(
            "last_updated_at",
            UtcDateTime(),
            nullable=False,
            comment="Last change of the row (UTC).",
        ),
        sa.PrimaryKeyConstraint("group_id", name=op.f("pk_dim_competitive_groups")),
        schema="warehouse",
        comment="Sets of products that compete with each other.",
        info={"grain": "group", "key": ("group_id",), "versioned": False},
    )
    op.create_index(
        "ix_dim_competitive_groups_active",
        "dim_competitive_groups",
        ["is_active", "created_at"],
        unique=False,
        schema="warehouse",
    )
    op.create_table(
        "dim_products",
        sa.Column(
            "marketplace",
            sa.String(length=32),
            nullable=False,
            comment="Domain of the Amazon marketplace (amazon.de). With asin the key of a product.",
        ),
        sa.Column(
            "asin",
            sa.String(length=10),
            nullable=False,
            comment="Amazon's product id, ten characters.",
        ),
        sa.Column(
            "label",
            sa.Text(),
            nullable=True,
            comment="A short name given by whoever tracks it; NULL: none given.",
        ),
        sa.Column(
            "source",
            sa.String(length=32),
            nullable=False,
            comment="Who owns the row: file (catalog), api, cli, or a page provider that knows it.",
        ),
        sa.Column("is_active", sa.Boolean(), nullable=False, comment="Whether it is captured."),
        sa.Column(
            "added_at", UtcDateTime(), nullable=False, comment="When it was first tracked (UTC)."
        ),
        sa.Column(
            "last_updated_at",
            UtcDateTime(),
            nullable=False,
            comment="Last change of the row (UTC).",
        ),
        sa.PrimaryKeyConstraint("marketplace", "asin", name=op.f("pk_dim_products")),
        schema="warehouse",
        comment="The tracked products.",
        info={"grain": "marketplace, asin", "key": ("marketplace", "asin"), "versioned": False},
    )
    op.create_index(
        "ix_dim_products_last_updated_at",
        "dim_products",
        ["last_updated_at"],
        unique=False,
        schema="warehouse",
        postgresql_where=sa.text("is_active"),
        sqlite_where=sa.text("is_active"),
    )
    op.create_table(
        "fact_raw_pages",
        sa.Column(
            "page_id",
            sa.String(length=32),
            nullable=False,
            comment="Hash of provider, product asked for, capture time and content: the same page has the same id.",
        ),
        sa.Column(
            "marketplace",
            sa.String(length=32),
            nullable=False,
            comment="Domain of the Amazon marketplace (amazon.de). With asin the key of a product.",
        ),
        sa.Column(
            "asin",
            sa.String(length=10),
            nullable=False,
            comment="Amazon's product id, ten characters.",
        ),
        sa.Column("day", sa.Date(), nullable=False, comment="UTC day: the day of captured_at."),
        sa.Column(
            "captured_at", UtcDateTime(), nullable=False, comment="When the page was served (UTC)."
        ),
        sa.Column(
            "captured_at_precision",
            sa.String(length=8),
            nullable=False,
            comment="exact, day or year: how well captured_at is known (saved pages may know less).",
        ),
        sa.Column("provider", sa.String(length=32), nullable=False, comment="Page provider."),
        sa.Column("requested_url", sa.Text(), nullable=False, comment="Address asked for."),
        sa.Column(
            "final_url",
            sa.Text(),
            nullable=True,
            comment="Address after redirects; NULL: not known.",
        ),
        sa.Column(
            "http_status",
            sa.Integer(),
            nullable=True,
            comment="Status of the target; NULL: not known.",
        ),
        sa.Column(
            "verdict",
            sa.String(length=16),
            nullable=False,
            comment="product, blocked, not_found, other or error, by content.",
        ),
        sa.Column(
            "verdict_reason",
            sa.Text(),
            nullable=True,
            comment="Why it is no product page; NULL for a product page.",
        ),
        sa.Column(
            "content_hash",
            sa.String(length=64),
            nullable=True,
            comment="SHA-256 of the body, its name in the archive; NULL: no body.",
        ),
        sa.Column(
            "content_bytes",
            sa.Integer(),
            nullable=True,
            comment="Size of the body in bytes; NULL: no body.",
        ),
        sa.Column(
            "cost",
            Money(),
            nullable=False,
            comment="Credits spent on it. Unit: provider's credits.",
        ),
        sa.Column(
            "latency_ms",
            sa.Float(precision=53),
            nullable=True,
            comment="Answer time of the provider in milliseconds; NULL: not measured.",
        ),
        sa.Column(
            "run_id",
            sa.String(length=64),
            nullable=True,
            comment="Dagster run that captured it; NULL outside of one.",
        ),
        sa.Column(
            "recorded_at", UtcDateTime(), nullable=False, comment="When the row was written (UTC)."
        ),
        sa.PrimaryKeyConstraint("page_id", "day", name=op.f("pk_fact_raw_pages")),
        schema="warehouse",
        comment="Each captured page, written once and never changed.",
        info={"grain": "one capture", "key": ("page_id",), "versioned": False},
    )
    op.create_index(
        "ix_fact_raw_pages_day", "fact_raw_pages", ["day"], unique=False, schema="warehouse"
    )
    op.create_index(
        "ix_fact_raw_pages_product",
        "fact_raw_pages",
        ["marketplace", "asin", "captured_at"],
        unique=False,
        schema="warehouse",
    )
    op.create_table(
        "ops_builds",
        sa.Column("build_id", BigId, autoincrement=True, nullable=False, comment="Serial number."),
        sa.Column(
            "table_name", sa.String(length=64), nullable=False, comment="The fact table it writes."
        ),
        sa.Column(
            "first_day",
            sa.Date(),
            nullable=True,
            comment="First UTC day of its scope; NULL: not by day.",
        ),
        sa.Column(
            "last_day",
            sa.Date(),
            nullable=True,
            comment="Last UTC day of its scope; NULL: not by day.",
        ),
        sa.Column(
            "product_count",
            sa.Integer(),
            nullable=True,
            comment="Number of products it was limited to; NULL: all of them.",
        ),
        sa.Column(
            "status",
            sa.String(length=16),
            nullable=False,
            comment="open, published, rejected (failed its audit) or failed (broke off).",
        ),
        sa.Column(
            "started_at", UtcDateTime(), nullable=False, comment="Start of the rebuild (UTC)."
        ),
        sa.Column(
            "published_at",
            UtcDateTime(),
            nullable=True,
            comment="When its rows became current (UTC).",
        ),
        sa.Column("row_count", sa.Integer(), nullable=True, comment="Rows in its scope."),
        sa.Column(
            "rows_added",
            sa.Integer(),
            nullable=True,
            comment="Rows with a key that was not current before.",
        ),
        sa.Column(
            "rows_changed",
            sa.Integer(),
            nullable=True,
            comment="Rows that replaced a current row of their key.",
        ),
        sa.Column(
            "rows_removed",
            sa.Integer(),
            nullable=True,
            comment="Current rows that the scope no longer has.",
        ),
        sa.Column(
            "code_version",
            sa.String(length=64),
            nullable=True,
            comment="Version of the code that computed the rows.",
        ),
        sa.Column(
            "run_id",
            sa.String(length=64),
            nullable=True,
            comment="Dagster run; NULL outside of one.",
        ),
        sa.Column(
            "audit",
            Json,
            nullable=True,
            comment="The audit's findings: list of {check, passed, detail}.",
        ),
        sa.CheckConstraint(
            "status IN ('open', 'published', 'rejected', 'failed')",
            name=op.f("ck_ops_builds_status"),
        ),
        sa.PrimaryKeyConstraint("build_id", name=op.f("pk_ops_builds")),
        schema="warehouse",
        comment="Each rebuild of a scope of a fact table, published or not, with its audit.",
        info={"grain": "one build", "key": ("build_id",), "versioned": False},
    )
    op.create_index(
        "ix_ops_builds_table_status",
        "ops_builds",
        ["table_name", "status", "published_at"],
        unique=False,
        schema="warehouse",
    )
    op.create_table(
        "ops_tracking_requests",
        sa.Column(
            "request_id", BigId, autoincrement=True, nullable=False, comment="Serial number."
        ),
        sa.Column(
            "marketplace",
            sa.String(length=32),
            nullable=False,
            comment="Domain of the Amazon marketplace (amazon.de). With asin the key of a product.",
        ),
        sa.Column(
            "asin",
            sa.String(length=10),
            nullable=False,
            comment="Amazon's product id, ten characters.",
        ),
        sa.Column(
            "requested_at", UtcDateTime(), nullable=False, comment="When it was asked for (UTC)."
        ),
        sa.Column(
            "requested_by",
            sa.String(length=64),
            nullable=False,
            comment="cli, api, sql or an alert rule.",
        ),
        sa.Column(
            "status",
            sa.String(length=16),
            nullable=False,
            comment="pending, running, done or failed.",
        ),
        sa.Column(
            "run_id", sa.String(length=64), nullable=True, comment="The Dagster run that served it."
        ),
        sa.Column(
            "finished_at", UtcDateTime(), nullable=True, comment="When it was done or failed (UTC)."
        ),
        sa.Column("error", sa.Text(), nullable=True, comment="Why it failed."),
        sa.CheckConstraint(
            "status IN ('pending', 'running', 'done', 'failed')",
            name=op.f("ck_ops_tracking_requests_status"),
        ),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_ops_tracking_requests")),
        schema="warehouse",
        comment="Requests to capture a product at once.",
        info={"grain": "one request", "key": ("request_id",), "versioned": False},
    )
    op.create_table(
        "dim_group_members",
        sa.Column("group_id", sa.String(length=64), nullable=False, comment="The group."),
        sa.Column(
            "marketplace",
            sa.String(length=32),
            nullable=False,
            comment="Domain of the Amazon marketplace (amazon.de). With asin the key of a product.",
        ),
        sa.Column(
            "asin",
            sa.String(length=10),
            nullable=False,
            comment="Amazon's product id, ten characters.",
        ),
        sa.Column(
            "valid_from", sa.Date(), nullable=False, comment="First UTC day of the membership."
        ),
        sa.Column(
            "valid_to",
            sa.Date(),
            nullable=True,
            comment="Last UTC day of the membership; NULL: it stands.",
        ),
        sa.ForeignKeyConstraint(
            ["group_id"],
            ["warehouse.dim_competitive_groups.group_id"],
            name=op.f("fk_dim_group_members_group_id"),
        ),
        sa.PrimaryKeyConstraint(
            "group_id", "marketplace", "asin", "valid_from", name=op.f("pk_dim_group_members")
        ),
        schema="warehouse",
        comment="Which product belongs to which group, from which day to which.",
        info={
            "grain": "group, product, start",
            "key": ("group_id", "marketplace", "asin", "valid_from"),
            "versioned": False,
        },
    )
    op.create_index(
        "ix_dim_group_members_product",
        "dim_group_members",
        ["marketplace", "asin"],
        unique=False,
        schema="warehouse",
    )
    op.create_table(
        "fact_alert_states",
        sa.Column("rule_id", sa.String(length=64), nullable=False, comment="The rule."),
        sa.Column(
            "marketplace",
            sa.String(length=32),
            nullable=False,
            comment="Domain of the Amazon marketplace (amazon.de). With asin the key of a product.",
        ),
        sa.Column(
            "asin",
            sa.String(length=10),
            nullable=False,
            comment="Amazon's product id, ten characters.",
        ),
        sa.Column(
            "day",
            sa.Date(),
            nullable=False,
            comment="UTC day: the day on which the state became this.",
        ),
        sa.Column(
            "is_active",
            sa.Boolean(),
            nullable=False,
            comment="Whether the condition holds (the rule is not armed).",
        ),
        sa.Column(
            "last_alerted_value",
            sa.Float(precision=53),
            nullable=True,
            comment="Value of the last alert, for creep; NULL: none since it was re-armed.",
        ),
        sa.Column(
            "build_id", BigId, nullable=False, comment="The build that wrote this row (ops_builds)."
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
            nullable=True,
            comment="When the row was published (UTC); NULL: its build is not published.",
        ),
        sa.Column(
            "superseded_at",
            UtcDateTime(),
            nullable=True,
            comment="When a later build replaced or removed the row (UTC); NULL: it stands.",
        ),
        sa.ForeignKeyConstraint(
            ["build_id"],
            ["warehouse.ops_builds.build_id"],
            name=op.f("fk_fact_alert_states_build_id"),
        ),
        sa.PrimaryKeyConstraint(
            "build_id", "rule_id", "marketplace", "asin", "day", name=op.f("pk_fact_alert_states")
        ),
        schema="warehouse",
        comment="Changes of the state of a rule for a product; the last row by a day is the state on it.",
        info={
            "grain": "rule, product, day of change",
            "key": ("rule_id", "marketplace", "asin", "day"),
            "versioned": True,
        },
    )
    op.create_index(
        "ix_fact_alert_states_day", "fact_alert_states", ["day"], unique=False, schema="warehouse"
    )
    op.create_index(
        "uq_fact_alert_states_current",
        "fact_alert_states",
        ["rule_id", "marketplace", "asin", "day"],
        unique=True,
        schema="warehouse",
        postgresql_where=sa.text("recorded_at IS NOT NULL AND superseded_at IS NULL"),
        sqlite_where=sa.text("recorded_at IS NOT NULL AND superseded_at IS NULL"),
    )
    op.create_table(
        "fact_alerts",
        sa.Column(
            "alert_id",
            sa.String(length=32),
            nullable=False,
            comment="Hash of rule, product, day and transition: a rebuild gives the same.",
        ),
        sa.Column(
            "rule_id",
            sa.String(length=64),
            nullable=False,
            comment="The rule that fired (alert_rules).",
        ),
        sa.Column(
            "marketplace",
            sa.String(length=32),
            nullable=False,
            comment="Domain of the Amazon marketplace (amazon.de). With asin the key of a product.",
        ),
        sa.Column(
            "asin",
            sa.String(length=10),
            nullable=False,
            comment="Amazon's product id, ten characters.",
        ),
        sa.Column("day", sa.Date(), nullable=False, comment="UTC day: the day on which it fired."),
        sa.Column(
            "transition",
            sa.String(length=8),
            nullable=False,
            comment="fired (the condition became true) or crept (it moved on by the threshold since the last alert).",
        ),
        sa.Column(
            "severity", sa.String(length=8), nullable=False, comment="info, warning or critical."
        ),
        sa.Column(
            "value",
            sa.Float(precision=53),
            nullable=True,
            comment="The value that fired it, in the rule kind's unit.",
        ),
        sa.Column(
            "baseline",
            sa.Float(precision=53),
            nullable=True,
            comment="What it was compared with; NULL: the kind has none.",
        ),
        sa.Column(
            "magnitude",
            sa.Float(precision=53),
            nullable=True,
            comment="Size of the move that the threshold is compared with.",
        ),
        sa.Column("message", sa.Text(), nullable=False, comment="One sentence for people."),
        sa.Column(
            "captured_at", UtcDateTime(), nullable=False, comment="Capture that showed it (UTC)."
        ),
        sa.Column(
            "build_id", BigId, nullable=False, comment="The build that wrote this row (ops_builds)."
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
            nullable=True,
            comment="When the row was published (UTC); NULL: its build is not published.",
        ),
        sa.Column(
            "superseded_at",
            UtcDateTime(),
            nullable=True,
            comment="When a later build replaced or removed the row (UTC); NULL: it stands.",
        ),
        sa.ForeignKeyConstraint(
            ["build_id"], ["warehouse.ops_builds.build_id"], name=op.f("fk_fact_alerts_build_id")
        ),
        sa.PrimaryKeyConstraint("build_id", "alert_id", "day", name=op.f("pk_fact_alerts")),
        schema="warehouse",
        comment="Alerts: one row each time that a rule fires for a product.",
        info={"grain": "one alert", "key": ("alert_id", "day"), "versioned": True},
    )
    op.create_index("ix_fact_alerts_day", "fact_alerts", ["day"], unique=False, schema="warehouse")
    op.create_index(
        "uq_fact_alerts_current",
        "fact_alerts",
        ["alert_id", "day"],
        unique=True,
        schema="warehouse",
        postgresql_where=sa.text("recorded_at IS NOT NULL AND superseded_at IS NULL"),
        sqlite_where=sa.text("recorded_at IS NOT NULL AND superseded_at IS NULL"),
    )
    op.create_table(
        "fact_competitive_reports",
        sa.Column("day", sa.Date(), nullable=False, comment="UTC day: what is known at its end."),
        sa.Column("group_id", sa.String(length=64), nullable=False, comment="The group."),
        sa.Column(
            "report_id",
            sa.String(length=32),
            nullable=False,
            comment="Hash of day, group, facts, writer and prompt version.",
        ),
        sa.Column(
            "status",
            sa.String(length=16),
            nullable=False,
            comment="complete, or no_data when the group has no score that day.",
        ),
        sa.Column(
            "writer",
            sa.String(length=32),
            nullable=False,
            comment="structured, or the language model's name.",
        ),
        sa.Column(
            "prompt_version",
            sa.String(length=16),
            nullable=False,
            comment="Version of the prompt or of the structured writer.",
        ),
        sa.Column(
            "facts_hash",
            sa.String(length=64),
            nullable=False,
            comment="SHA-256 of the facts: equal facts give the stored report again.",
        ),
        sa.Column(
            "leader_asin",
            sa.String(length=10),
            nullable=True,
            comment="Product that leads by overall_score those scored on the dimensions that most products have; NULL: none.",
        ),
        sa.Column(
            "facts",
            Json,
            nullable=False,
            comment="List of {id, subject, name, value, unit, source_table, source_key, source_column}.",
        ),
        sa.Column(
            "report", Json, nullable=False, comment="The report by its schema (reports/schema.py)."
        ),
        sa.Column(
            "verification", Json, nullable=False, comment="{sentences, verified, dropped: [...]}."
        ),
        sa.Column("markdown", sa.Text(), nullable=False, comment="The report as Markdown."),
        sa.Column(
            "html",
            sa.Text(),
            nullable=False,
            comment="The report as one self-contained HTML page with charts.",
        ),
        sa.Column(
            "schema_version",
            sa.Integer(),
            nullable=False,
            comment="Version of the report's schema.",
        ),
        sa.Column(
            "build_id", BigId, nullable=False, comment="The build that wrote this row (ops_builds)."
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
            nullable=True,
            comment="When the row was published (UTC); NULL: its build is not published.",
        ),
        sa.Column(
            "superseded_at",
            UtcDateTime(),
            nullable=True,
            comment="When a later build replaced or removed the row (UTC); NULL: it stands.",
        ),
        sa.ForeignKeyConstraint(
            ["build_id"],
            ["warehouse.ops_builds.build_id"],
            name=op.f("fk_fact_competitive_reports_build_id"),
        ),
        sa.PrimaryKeyConstraint(
            "build_id", "day", "group_id", name=op.f("pk_fact_competitive_reports")
        ),
        schema="warehouse",
        comment="A verified report for each group and day.",
        info={"grain": "day, group", "key": ("day", "group_id"), "versioned": True},
    )
    op.create_index(
        "ix_fact_competitive_reports_group",
        "fact_competitive_reports",
        ["group_id", "status", "day"],
        unique=False,
        schema="warehouse",
    )
    op.create_index(
        "uq_fact_competitive_reports_current",
        "fact_competitive_reports",
        ["day", "group_id"],
        unique=True,
        schema="warehouse",
        postgresql_where=sa.text("recorded_at IS NOT NULL AND superseded_at IS NULL"),
        sqlite_where=sa.text("recorded_at IS NOT NULL AND superseded_at IS NULL"),
    )
    op.create_table(
        "fact_competitive_scores",
        sa.Column("day", sa.Date(), nullable=False, comment="UTC day: scores at its end."),
        sa.Column("group_id", sa.String(length=64), nullable=False, comment="The group."),
        sa.Column(
            "marketplace",
            sa.String(length=32),
            nullable=False,
            comment="Domain of the Amazon marketplace (amazon.de). With asin the key of a product.",
        ),
        sa.Column(
            "asin",
            sa.String(length=10),
            nullable=False,
            comment="Amazon's product id, ten characters.",
        ),
        sa.Column("method", sa.String(length=16), nullable=False, comment="standard or robust."),
        sa.Column(
            "price_score",
            sa.Float(precision=53),
            nullable=True,
            comment="0 to 100, higher is cheaper than the peers. NULL: see missing_reasons.",
        ),
        sa.Column(
            "quality_score",
            sa.Float(precision=53),
            nullable=True,
            comment="0 to 100 from ratings. NULL: see missing_reasons.",
        ),
        sa.Column(
            "popularity_score",
            sa.Float(precision=53),
            nullable=True,
            comment="0 to 100 from ranks against the peers. NULL: see missing_reasons.",
        ),
        sa.Column(
            "overall_score",
            sa.Float(precision=53),
            nullable=True,
            comment="0 to 100. NULL: fewer than two dimensions.",
        ),
        sa.Column(
            "coverage",
            sa.String(length=32),
            nullable=False,
            comment="The dimensions that counted, comma separated, in the order price, quality, popularity.",
        ),
        sa.Column(
            "position",
            sa.Integer(),
            nullable=True,
            comment="Place by overall_score among the group's products with the same coverage, from 1; ties share it. NULL: no overall_score.",
        ),
        sa.Column(
            "position_of",
            sa.Integer(),
            nullable=True,
            comment="How many products that place is among.",
        ),
        sa.Column("peer_count", sa.Integer(), nullable=False, comment="Eligible peers."),
        sa.Column(
            "missing_reasons",
            Json,
            nullable=False,
            comment="{dimension: why its score is NULL}: not_captured, stale_capture (over 48 hours), no_price, no_rating, no_rating_count, no_rank, no_peers, no_priced_peers, no_rated_peers, too_few_peers_in_nodes.",
        ),
        sa.Column(
            "inputs",
            Json,
            nullable=False,
            comment="{input: value} that the scores were computed from, prices in currency units; an input that is missing is left out.",
        ),
        sa.Column(
            "peers",
            Json,
            nullable=False,
            comment="{eligible: [asin], left_out: [{asin, reason}]}; reason is the first of other_marketplace, not_captured, stale_capture, other_currency (an unknown one too), same_family, family_represented.",
        ),
        sa.Column(
            "contributions",
            Json,
            nullable=False,
            comment="{dimension: points of overall_score}; their sum is overall_score before rounding. Empty without overall_score.",
        ),
        sa.Column(
            "build_id", BigId, nullable=False, comment="The build that wrote this row (ops_builds)."
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
            nullable=True,
            comment="When the row was published (UTC); NULL: its build is not published.",
        ),
        sa.Column(
            "superseded_at",
            UtcDateTime(),
            nullable=True,
            comment="When a later build replaced or removed the row (UTC); NULL: it stands.",
        ),
        sa.ForeignKeyConstraint(
            ["build_id"],
            ["warehouse.ops_builds.build_id"],
            name=op.f("fk_fact_competitive_scores_build_id"),
        ),
        sa.PrimaryKeyConstraint(
            "build_id",
            "day",
            "group_id",
            "marketplace",
            "asin",
            "method",
            name=op.f("pk_fact_competitive_scores"),
        ),
        schema="warehouse",
        comment="Competitive scores of each member of each group.",
        info={
            "grain": "day, group, product, method",
            "key": ("day", "group_id", "marketplace", "asin", "method"),
            "versioned": True,
        },
    )
    op.create_index(
        "ix_fact_competitive_scores_day",
        "fact_competitive_scores",
        ["day", "group_id"],
        unique=False,
        schema="warehouse",
    )
    op.create_index(
        "uq_fact_competitive_scores_current",
        "fact_competitive_scores",
        ["day", "group_id", "marketplace", "asin", "method"],
        unique=True,
        schema="warehouse",
        postgresql_where=sa.text("recorded_at IS NOT NULL AND superseded_at IS NULL"),
        sqlite_where=sa.text("recorded_at IS NOT NULL AND superseded_at IS NULL"),
    )
    op.create_table(
        "fact_product_features",
        sa.Column(
            "marketplace",
            sa.String(length=32),
            nullable=False,
            comment="Domain of the Amazon marketplace (amazon.de). With asin the key of a product.",
        ),
        sa.Column(
            "asin",
            sa.String(length=10),
            nullable=False,
            comment="Amazon's product id, ten characters.",
        ),
        sa.Column(
            "day",
            sa.Date(),
            nullable=False,
            comment="UTC day: the row knows everything captured by its end and nothing later.",
        ),
        sa.Column(
            "last_captured_at",
            UtcDateTime(),
            nullable=False,
            comment="Last capture by the end of the day (UTC).",
        ),
        sa.Column(
            "observations",
            sa.Integer(),
            nullable=False,
            comment="Captures on the day; 0: the values are carried, over at most 7 days after the day of the last capture.",
        ),
        sa.Column(
            "family_asin",
            sa.String(length=10),
            nullable=False,
            comment="parent_asin of the last capture, or the ASIN itself: products of one family share ratings.",
        ),
        sa.Column(
            "currency",
            sa.String(length=3),
            nullable=True,
            comment="ISO 4217 of the amounts, of the last capture in 37 days that shows one; NULL: none known.",
        ),
        sa.Column(
            "price",
            Money(),
            nullable=True,
            comment="Daily close: price of the last capture. NULL: that capture shows none (see price_missing_reason), or it is over 7 days old (not_captured). Unit: currency.",
        ),
        sa.Column(
            "price_missing_reason",
            sa.String(length=20),
            nullable=True,
            comment="Why price is NULL: as in product_snapshots, or not_captured.",
        ),
        sa.Column(
            "price_change_1d",
            sa.Float(precision=53),
            nullable=True,
            comment="price / last price known at the end of day-1, minus 1 (ratio). Known: shown by a capture of day-1 or of the 7 days before that. NULL: one is missing, or they are in different currencies.",
        ),
        sa.Column(
            "price_change_7d",
            sa.Float(precision=53),
            nullable=True,
            comment="The same against the end of day-7.",
        ),
        sa.Column(
            "price_change_30d",
            sa.Float(precision=53),
            nullable=True,
            comment="The same against the end of day-30.",
        ),
        sa.Column(
            "price_mean_7d",
            sa.Float(precision=53),
            nullable=True,
            comment="Mean price in the day's currency, weighted by the time it was in effect (from its capture to the next capture, at most 7 days), over the 7 days up to the end of the day. Unit: currency. NULL: no price in that time.",
        ),
        sa.Column(
            "price_mean_30d",
            sa.Float(precision=53),
            nullable=True,
            comment="The same over 30 days.",
        ),
        sa.Column(
            "price_volatility_30d",
            sa.Float(precision=53),
            nullable=True,
            comment="Standard deviation (ddof 1) of daily log returns in the last 30 days, between closes captured on consecutive days in one currency. NULL: fewer than 10.",
        ),
        sa.Column(
            "price_min_30d",
            Money(),
            nullable=True,
            comment="Lowest price in effect in the last 30 days. NULL: none. Unit: currency.",
        ),
        sa.Column(
            "price_max_30d",
            Money(),
            nullable=True,
            comment="Highest price in effect in the last 30 days. NULL: none. Unit: currency.",
        ),
        sa.Column(
            "price_log_return_1d",
            sa.Float(precision=53),
            nullable=True,
            comment="ln(price / close of the day before), both captured on their day. NULL otherwise.",
        ),
        sa.Column(
            "price_sigma_before",
            sa.Float(precision=53),
            nullable=True,
            comment="Standard deviation (ddof 1) of the non-zero daily log returns of the 30 days before this day, this day's excluded. NULL: fewer than 2.",
        ),
        sa.Column(
            "price_returns_before",
            sa.Integer(),
            nullable=False,
            comment="Number of non-zero daily log returns in the 30 days before this day.",
        ),
        sa.Column(
            "list_price",
            Money(),
            nullable=True,
            comment="List price of the last capture (carried at most 7 days). Unit: currency.",
        ),
        sa.Column(
            "discount_from_list",
            sa.Float(precision=53),
            nullable=True,
            comment="1 - price / list_price (ratio). NULL: one is missing, or list_price is below price.",
        ),
        sa.Column(
            "days_since_price_change",
            sa.Integer(),
            nullable=True,
            comment="UTC days since the day of the capture that first showed the present price; captures without a price between are no change. NULL: no price, or the price before it was not seen within 37 days.",
        ),
        sa.Column(
            "primary_rank",
            sa.Integer(),
            nullable=True,
            comment="Best Sellers Rank listed first (top level) at the last capture. Lower is better.",
        ),
        sa.Column(
            "primary_rank_node",
            sa.String(length=80),
            nullable=True,
            comment="Node key of primary_rank (see rank_features.node_key).",
        ),
        sa.Column(
            "primary_rank_median_7d",
            sa.Float(precision=53),
            nullable=True,
            comment="Median of the daily closes of the same node in the last 7 days (captured days only).",
        ),
        sa.Column(
            "primary_rank_log_change_7d",
            sa.Float(precision=53),
            nullable=True,
            comment="ln(primary_rank / last known at the end of day-7, of that day or of the 7 before), same node; negative is better. NULL: one is missing.",
        ),
        sa.Column(
            "primary_rank_log_change_30d",
            sa.Float(precision=53),
            nullable=True,
            comment="The same against the end of day-30.",
        ),
        sa.Column(
            "rating",
            sa.Float(precision=53),
            nullable=True,
            comment="Mean rating at the last capture, 0 to 5.",
        ),
        sa.Column(
            "rating_count",
            sa.Integer(),
            nullable=True,
            comment="Number of ratings at the last capture.",
        ),
        sa.Column(
            "ratings_gained_7d",
            sa.Integer(),
            nullable=True,
            comment="rating_count minus the last known at the end of day-7 (of that day or of the 7 before); negative after a merge.",
        ),
        sa.Column(
            "ratings_gained_30d",
            sa.Integer(),
            nullable=True,
            comment="The same against the end of day-30.",
        ),
        sa.Column(
            "rating_change_30d",
            sa.Float(precision=53),
            nullable=True,
            comment="rating minus the last known at the end of day-30.",
        ),
        sa.Column(
            "availability",
            sa.String(length=16),
            nullable=False,
            comment="Availability at the last capture; unknown when it is over 7 days old.",
        ),
        sa.Column(
            "in_stock_share_7d",
            sa.Float(precision=53),
            nullable=True,
            comment="Share of the captured days of the last 7 whose close is in_stock or limited (0 to 1); days with unknown left out. NULL: none left.",
        ),
        sa.Column(
            "in_stock_share_30d",
            sa.Float(precision=53),
            nullable=True,
            comment="The same over 30 days.",
        ),
        sa.Column(
            "out_of_stock_captures",
            sa.Integer(),
            nullable=False,
            comment="Length of the unbroken run of out_of_stock or unavailable captures up to the last one, within 37 days.",
        ),
        sa.Column(
            "seller",
            sa.Text(),
            nullable=True,
            comment="Buy-box seller at the last capture; NULL: none or over 7 days old.",
        ),
        sa.Column(
            "seller_changes_30d",
            sa.Integer(),
            nullable=False,
            comment="Changes between consecutive known buy-box sellers at captures of the last 30 days (the first against the last one known before, within 37 days).",
        ),
        sa.Column("title_length", sa.Integer(), nullable=True, comment="Characters of the title."),
        sa.Column("bullet_count", sa.Integer(), nullable=True, comment="Feature bullets."),
        sa.Column("image_count", sa.Integer(), nullable=True, comment="Images of the gallery."),
        sa.Column(
            "description_length",
            sa.Integer(),
            nullable=True,
            comment="Characters of the description; 0: the page has none.",
        ),
        sa.Column(
            "listing_quality",
            sa.Float(precision=53),
            nullable=True,
            comment="0 to 100: mean of title length (full at 80 characters), bullets (5), images (7), description (500 characters), each capped. NULL: last capture over 7 days old.",
        ),
        sa.Column(
            "listing_changed",
            sa.Boolean(),
            nullable=True,
            comment="Title, bullets, images or description of the last capture of this day differ from those of the last capture before this day. NULL: no capture on the day, or none in the 7 days before.",
        ),
        sa.Column(
            "build_id", BigId, nullable=False, comment="The build that wrote this row (ops_builds)."
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
            nullable=True,
            comment="When the row was published (UTC); NULL: its build is not published.",
        ),
        sa.Column(
            "superseded_at",
            UtcDateTime(),
            nullable=True,
            comment="When a later build replaced or removed the row (UTC); NULL: it stands.",
        ),
        sa.ForeignKeyConstraint(
            ["build_id"],
            ["warehouse.ops_builds.build_id"],
            name=op.f("fk_fact_product_features_build_id"),
        ),
        sa.PrimaryKeyConstraint(
            "build_id", "marketplace", "asin", "day", name=op.f("pk_fact_product_features")
        ),
        schema="warehouse",
        comment="Point-in-time features of a product at the end of a day. A row exists for 37 days after the last capture.",
        info={
            "grain": "marketplace, asin, day",
            "key": ("marketplace", "asin", "day"),
            "versioned": True,
        },
    )
    op.create_index(
        "ix_fact_product_features_day",
        "fact_product_features",
        ["day"],
        unique=False,
        schema="warehouse",
    )
    op.create_index(
        "uq_fact_product_features_current",
        "fact_product_features",
        ["marketplace", "asin", "day"],
        unique=True,
        schema="warehouse",
        postgresql_where=sa.text("recorded_at IS NOT NULL AND superseded_at IS NULL"),
        sqlite_where=sa.text("recorded_at IS NOT NULL AND superseded_at IS NULL"),
    )
    op.create_table(
        "fact_product_snapshots",
        sa.Column(
            "page_id",
            sa.String(length=32),
            nullable=False,
            comment="The page it was read from (raw_pages).",
        ),
        sa.Column(
            "marketplace",
            sa.String(length=32),
            nullable=False,
            comment="Domain of the Amazon marketplace (amazon.de). With asin the key of a product.",
        ),
        sa.Column(
            "asin",
            sa.String(length=10),
            nullable=False,
            comment="Amazon's product id, ten characters.",
        ),
        sa.Column("day", sa.Date(), nullable=False, comment="UTC day: the day of captured_at."),
        sa.Column(
            "captured_at", UtcDateTime(), nullable=False, comment="When the page was served (UTC)."
        ),
        sa.Column("title", sa.Text(), nullable=False, comment="Title as shown."),
        sa.Column(
            "brand",
            sa.Text(),
            nullable=True,
            comment="Brand or maker as shown; NULL: not on the page.",
        ),
        sa.Column(
            "currency",
            sa.String(length=3),
            nullable=True,
            comment="ISO 4217 of every amount here; NULL: the page shows no amount.",
        ),
        sa.Column(
            "price",
            Money(),
            nullable=True,
            comment="What any new buyer pays in the buy box, open deals included. NULL: see price_missing_reason. Unit: currency.",
        ),
        sa.Column(
            "price_min",
            Money(),
            nullable=True,
            comment="Lower end of a price range; NULL unless only a range shows. Unit: currency.",
        ),
        sa.Column(
            "price_max",
            Money(),
            nullable=True,
            comment="Upper end of a price range; NULL unless only a range shows. Unit: currency.",
        ),
        sa.Column(
            "price_missing_reason",
            sa.String(length=20),
            nullable=True,
            comment="Why price is NULL: out_of_stock, no_buy_box, map_hidden, variation_range, not_on_page.",
        ),
        sa.Column(
            "list_price",
            Money(),
            nullable=True,
            comment="List price (RRP, UVP, M.R.P.); NULL: none shown. Unit: currency.",
        ),
        sa.Column(
            "coupon",
            sa.Text(),
            nullable=True,
            comment="Coupon as shown ('5 %', '$3.00'); NULL: none shown.",
        ),
        sa.Column(
            "subscribe_save_price",
            Money(),
            nullable=True,
            comment="Subscribe & Save price; NULL: none shown. Unit: currency.",
        ),
        sa.Column(
            "used_price",
            Money(),
            nullable=True,
            comment="Price of the used offer in the buy box; NULL: none shown. Unit: currency.",
        ),
        sa.Column(
            "offers_from",
            Money(),
            nullable=True,
            comment="Lowest offer of other sellers that the page names; NULL: none shown. Unit: currency.",
        ),
        sa.Column(
            "rating",
            sa.Float(precision=53),
            nullable=True,
            comment="Mean rating, 0 to 5 stars; NULL: no ratings shown.",
        ),
        sa.Column(
            "rating_count",
            sa.Integer(),
            nullable=True,
            comment="Number of ratings (not reviews); NULL: none shown.",
        ),
        sa.Column(
            "bsr",
            Json,
            nullable=False,
            comment="Best Sellers Ranks in page order: list of {category, node_id, rank}; node_id NULL: not linked.",
        ),
        sa.Column(
            "availability",
            sa.String(length=16),
            nullable=False,
            comment="in_stock, limited, preorder, backorder, out_of_stock, unavailable or unknown.",
        ),
        sa.Column(
            "seller", sa.Text(), nullable=True, comment="Buy-box seller as shown; NULL: none."
        ),
        sa.Column("bullets", Json, nullable=False, comment="Feature bullets: list of texts."),
        sa.Column(
            "description", sa.Text(), nullable=True, comment="Product description; NULL: none."
        ),
        sa.Column("images", Json, nullable=False, comment="Main gallery: list of addresses."),
        sa.Column(
            "breadcrumbs",
            Json,
            nullable=False,
            comment="Category path from the top: list of names.",
        ),
        sa.Column(
            "parent_asin",
            sa.String(length=10),
            nullable=True,
            comment="ASIN of the variation family; NULL: none.",
        ),
        sa.Column(
            "field_sources",
            Json,
            nullable=False,
            comment="Where each value stood on the page: {field: source}.",
        ),
        sa.Column(
            "parser_version", sa.String(length=16), nullable=False, comment="Version of the parser."
        ),
        sa.Column(
            "schema_version",
            sa.Integer(),
            nullable=False,
            comment="Version of the shape of the JSON columns.",
        ),
        sa.Column(
            "build_id", BigId, nullable=False, comment="The build that wrote this row (ops_builds)."
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
            nullable=True,
            comment="When the row was published (UTC); NULL: its build is not published.",
        ),
        sa.Column(
            "superseded_at",
            UtcDateTime(),
            nullable=True,
            comment="When a later build replaced or removed the row (UTC); NULL: it stands.",
        ),
        sa.ForeignKeyConstraint(
            ["build_id"],
            ["warehouse.ops_builds.build_id"],
            name=op.f("fk_fact_product_snapshots_build_id"),
        ),
        sa.PrimaryKeyConstraint(
            "build_id", "page_id", "day", name=op.f("pk_fact_product_snapshots")
        ),
        schema="warehouse",
        comment="What each product page says, typed.",
        info={"grain": "one parsed capture", "key": ("page_id", "day"), "versioned": True},
    )
    op.create_index(
        "ix_fact_product_snapshots_day",
        "fact_product_snapshots",
        ["day"],
        unique=False,
        schema="warehouse",
    )
    op.create_index(
        "uq_fact_product_snapshots_current",
        "fact_product_snapshots",
        ["page_id", "day"],
        unique=True,
        schema="warehouse",
        postgresql_where=sa.text("recorded_at IS NOT NULL AND superseded_at IS NULL"),
        sqlite_where=sa.text("recorded_at IS NOT NULL AND superseded_at IS NULL"),
    )
    op.create_table(
        "fact_product_summaries",
        sa.Column(
            "marketplace",
            sa.String(length=32),
            nullable=False,
            comment="Domain of the Amazon marketplace (amazon.de). With asin the key of a product.",
        ),
        sa.Column(
            "asin",
            sa.String(length=10),
            nullable=False,
            comment="Amazon's product id, ten characters.",
        ),
        sa.Column(
            "label", sa.Text(), nullable=True, comment="Name given in the catalog; NULL: none."
        ),
        sa.Column(
            "title",
            sa.Text(),
            nullable=True,
            comment="Title at the last capture; NULL: never captured.",
        ),
        sa.Column("brand", sa.Text(), nullable=True, comment="Brand at the last capture."),
        sa.Column(
            "as_of_day",
            sa.Date(),
            nullable=True,
            comment="UTC day of the features shown; NULL: never captured.",
        ),
        sa.Column(
            "last_captured_at",
            UtcDateTime(),
            nullable=True,
            comment="Last capture that gave a snapshot (UTC); NULL: never.",
        ),
        sa.Column(
            "currency", sa.String(length=3), nullable=True, comment="ISO 4217 of the amounts."
        ),
        sa.Column(
            "price",
            Money(),
            nullable=True,
            comment="As in product_features. NULL: see price_missing_reason. Unit: currency.",
        ),
        sa.Column(
            "price_missing_reason",
            sa.String(length=20),
            nullable=True,
            comment="Why price is NULL.",
        ),
        sa.Column(
            "price_change_7d",
            sa.Float(precision=53),
            nullable=True,
            comment="As in product_features.",
        ),
        sa.Column("primary_rank", sa.Integer(), nullable=True, comment="As in product_features."),
        sa.Column(
            "primary_rank_category", sa.Text(), nullable=True, comment="Category of primary_rank."
        ),
        sa.Column(
            "rating", sa.Float(precision=53), nullable=True, comment="As in product_features."
        ),
        sa.Column("rating_count", sa.Integer(), nullable=True, comment="As in product_features."),
        sa.Column(
            "availability", sa.String(length=16), nullable=True, comment="As in product_features."
        ),
        sa.Column("seller", sa.Text(), nullable=True, comment="As in product_features."),
        sa.Column(
            "overall_score",
            sa.Float(precision=53),
            nullable=True,
            comment="Best overall score (standard method) over its groups on the last scored day; NULL: none.",
        ),
        sa.Column(
            "best_group_id",
            sa.String(length=64),
            nullable=True,
            comment="The group of overall_score.",
        ),
        sa.Column(
            "open_alerts", sa.Integer(), nullable=False, comment="Rules whose condition holds now."
        ),
        sa.Column(
            "alerts_7d",
            sa.Integer(),
            nullable=False,
            comment="Alerts of the 7 days up to as_of_day.",
        ),
        sa.Column(
            "build_id", BigId, nullable=False, comment="The build that wrote this row (ops_builds)."
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
            nullable=True,
            comment="When the row was published (UTC); NULL: its build is not published.",
        ),
        sa.Column(
            "superseded_at",
            UtcDateTime(),
            nullable=True,
            comment="When a later build replaced or removed the row (UTC); NULL: it stands.",
        ),
        sa.ForeignKeyConstraint(
            ["build_id"],
            ["warehouse.ops_builds.build_id"],
            name=op.f("fk_fact_product_summaries_build_id"),
        ),
        sa.PrimaryKeyConstraint(
            "build_id", "marketplace", "asin", name=op.f("pk_fact_product_summaries")
        ),
        schema="warehouse",
        comment="The latest of everything about a product, one row each.",
        info={"grain": "marketplace, asin", "key": ("marketplace", "asin"), "versioned": True},
    )
    op.create_index(
        "uq_fact_product_summaries_current",
        "fact_product_summaries",
        ["marketplace", "asin"],
        unique=True,
        schema="warehouse",
        postgresql_where=sa.text("recorded_at IS NOT NULL AND superseded_at IS NULL"),
        sqlite_where=sa.text("recorded_at IS NOT NULL AND superseded_at IS NULL"),
    )
    op.create_table(
        "fact_rank_features",
        sa.Column(
            "marketplace",
            sa.String(length=32),
            nullable=False,
            comment="Domain of the Amazon marketplace (amazon.de). With asin the key of a product.",
        ),
        sa.Column(
            "asin",
            sa.String(length=10),
            nullable=False,
            comment="Amazon's product id, ten characters.",
        ),
        sa.Column(
            "day",
            sa.Date(),
            nullable=False,
            comment="UTC day: the row knows everything captured by its end and nothing later.",
        ),
        sa.Column(
            "node_key",
            sa.String(length=80),
            nullable=False,
            comment="Browse node id; 'category:' and the name (shortened with a hash beyond 80 characters) where the rank is not linked to a node.",
        ),
        sa.Column(
            "node_id",
            sa.String(length=20),
            nullable=True,
            comment="Browse node id; NULL: not linked.",
        ),
        sa.Column("category", sa.Text(), nullable=False, comment="Name of the node as shown."),
        sa.Column(
            "position",
            sa.Integer(),
            nullable=False,
            comment="Place in the page's list of ranks, from 1.",
        ),
        sa.Column(
            "is_primary",
            sa.Boolean(),
            nullable=False,
            comment="Whether it is the first one listed (top level).",
        ),
        sa.Column(
            "is_deepest", sa.Boolean(), nullable=False, comment="Whether it is the last one listed."
        ),
        sa.Column(
            "rank",
            sa.Integer(),
            nullable=False,
            comment="Best Sellers Rank at the last capture, at most 7 days old. Lower is better.",
        ),
        sa.Column(
            "rank_median_7d",
            sa.Float(precision=53),
            nullable=True,
            comment="Median of the daily closes in this node in the last 7 days (captured days only).",
        ),
        sa.Column(
            "rank_log_change_7d",
            sa.Float(precision=53),
            nullable=True,
            comment="ln(rank / last known in this node at the end of day-7, of that day or of the 7 before). NULL: none.",
        ),
        sa.Column(
            "rank_log_change_30d",
            sa.Float(precision=53),
            nullable=True,
            comment="The same against the end of day-30.",
        ),
        sa.Column(
            "build_id", BigId, nullable=False, comment="The build that wrote this row (ops_builds)."
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
            nullable=True,
            comment="When the row was published (UTC); NULL: its build is not published.",
        ),
        sa.Column(
            "superseded_at",
            UtcDateTime(),
            nullable=True,
            comment="When a later build replaced or removed the row (UTC); NULL: it stands.",
        ),
        sa.ForeignKeyConstraint(
            ["build_id"],
            ["warehouse.ops_builds.build_id"],
            name=op.f("fk_fact_rank_features_build_id"),
        ),
        sa.PrimaryKeyConstraint(
            "build_id", "marketplace", "asin", "day", "node_key", name=op.f("pk_fact_rank_features")
        ),
        schema="warehouse",
        comment="Point-in-time rank of a product in each browse node at the end of a day.",
        info={
            "grain": "marketplace, asin, day, browse node",
            "key": ("marketplace", "asin", "day", "node_key"),
            "versioned": True,
        },
    )
    op.create_index(
        "ix_fact_rank_features_day", "fact_rank_features", ["day"], unique=False, schema="warehouse"
    )
    op.create_index(
        "uq_fact_rank_features_current",
        "fact_rank_features",
        ["marketplace", "asin", "day", "node_key"],
        unique=True,
        schema="warehouse",
        postgresql_where=sa.text("recorded_at IS NOT NULL AND superseded_at IS NULL"),
        sqlite_where=sa.text("recorded_at IS NOT NULL AND superseded_at IS NULL"),
    )
    op.create_table(
        "fact_rejected_pages",
        sa.Column("page_id", sa.String(length=32), nullable=False, comment="The page (raw_pages)."),
        sa.Column(
            "marketplace",
            sa.String(length=32),
            nullable=False,
            comment="Domain of the Amazon marketplace (amazon.de). With asin the key of a product.",
        ),
        sa.Column(
            "asin",
            sa.String(length=10),
            nullable=False,
            comment="Amazon's product id, ten characters.",
        ),
        sa.Column("day", sa.Date(), nullable=False, comment="UTC day: the day of captured_at."),
        sa.Column(
            "captured_at", UtcDateTime(), nullable=False, comment="When the page was served (UTC)."
        ),
        sa.Column("verdict", sa.String(length=16), nullable=False, comment="The parser's verdict."),
        sa.Column(
            "reason", sa.Text(), nullable=False, comment="Why it gives no snapshot, in words."
        ),
        sa.Column(
            "parser_version", sa.String(length=16), nullable=False, comment="Version of the parser."
        ),
        sa.Column(
            "build_id", BigId, nullable=False, comment="The build that wrote this row (ops_builds)."
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
            nullable=True,
            comment="When the row was published (UTC); NULL: its build is not published.",
        ),
        sa.Column(
            "superseded_at",
            UtcDateTime(),
            nullable=True,
            comment="When a later build replaced or removed the row (UTC); NULL: it stands.",
        ),
        sa.ForeignKeyConstraint(
            ["build_id"],
            ["warehouse.ops_builds.build_id"],
            name=op.f("fk_fact_rejected_pages_build_id"),
        ),
        sa.PrimaryKeyConstraint("build_id", "page_id", "day", name=op.f("pk_fact_rejected_pages")),
        schema="warehouse",
        comment="Pages that give no snapshot, with the reason. They can be parsed again.",
        info={"grain": "one rejected capture", "key": ("page_id", "day"), "versioned": True},
    )
    op.create_index(
        "ix_fact_rejected_pages_day",
        "fact_rejected_pages",
        ["day"],
        unique=False,
        schema="warehouse",
    )
    op.create_index(
        "uq_fact_rejected_pages_current",
        "fact_rejected_pages",
        ["page_id", "day"],
        unique=True,
        schema="warehouse",
        postgresql_where=sa.text("recorded_at IS NOT NULL AND superseded_at IS NULL"),
        sqlite_where=sa.text("recorded_at IS NOT NULL AND superseded_at IS NULL"),
    )
    op.create_table(
        "ops_consumed_builds",
        sa.Column(
            "consumer",
            sa.String(length=64),
            nullable=False,
            comment="Fact table that was rebuilt from the build's rows.",
        ),
        sa.Column("build_id", BigId, nullable=False, comment="The build."),
        sa.Column("consumed_at", UtcDateTime(), nullable=False, comment="When (UTC)."),
        sa.ForeignKeyConstraint(
            ["build_id"],
            ["warehouse.ops_builds.build_id"],
            name=op.f("fk_ops_consumed_builds_build_id"),
        ),
        sa.PrimaryKeyConstraint("consumer", "build_id", name=op.f("pk_ops_consumed_builds")),
        schema="warehouse",
        comment="Which published builds each layer has already taken in: the rest is pending.",
        info={"grain": "consumer, build", "key": ("consumer", "build_id"), "versioned": False},
    )

    op.create_index(
        "ix_fact_product_snapshots_asin_captured",
        "fact_product_snapshots",
        ["asin", sa.text("captured_at DESC")],
        unique=False,
        schema="warehouse",
    )


def downgrade() -> None:

    op.drop_table("ops_consumed_builds", schema="warehouse")
    op.drop_index(
        "uq_fact_rejected_pages_current",
        table_name="fact_rejected_pages",
        schema="warehouse",
        postgresql_where=sa.text("recorded_at IS NOT NULL AND superseded_at IS NULL"),
        sqlite_where=sa.text("recorded_at IS NOT NULL AND superseded_at IS NULL"),
    )
    op.drop_index(
        "ix_fact_rejected_pages_day", table_name="fact_rejected_pages", schema="warehouse"
    )
    op.drop_table("fact_rejected_pages", schema="warehouse")
    op.drop_index(
        "uq_fact_rank_features_current",
        table_name="fact_rank_features",
        schema="warehouse",
        postgresql_where=sa.text("recorded_at IS NOT NULL AND superseded_at IS NULL"),
        sqlite_where=sa.text("recorded_at IS NOT NULL AND superseded_at IS NULL"),
    )
    op.drop_index("ix_fact_rank_features_day", table_name="fact_rank_features", schema="warehouse")
    op.drop_table("fact_rank_features", schema="warehouse")
    op.drop_index(
        "uq_fact_product_summaries_current",
        table_name="fact_product_summaries",
        schema="warehouse",
        postgresql_where=sa.text("recorded_at IS NOT NULL AND superseded_at IS NULL"),
        sqlite_where=sa.text("recorded_at IS NOT NULL AND superseded_at IS NULL"),
    )
    op.drop_table("fact_product_summaries", schema="warehouse")
    op.drop_index(
        "uq_fact_product_snapshots_current",
        table_name="fact_product_snapshots",
        schema="warehouse",
        postgresql_where=sa.text("recorded_at IS NOT NULL AND superseded_at IS NULL"),
        sqlite_where=sa.text("recorded_at IS NOT NULL AND superseded_at IS NULL"),
    )
    op.drop_index(
        "ix_fact_product_snapshots_day", table_name="fact_product_snapshots", schema="warehouse"
    )
    op.drop_table("fact_product_snapshots", schema="warehouse")
    op.drop_index(
        "uq_fact_product_features_current",
        table_name="fact_product_features",
        schema="warehouse",
        postgresql_where=sa.text("recorded_at IS NOT NULL AND superseded_at IS NULL"),
        sqlite_where=sa.text("recorded_at IS NOT NULL AND superseded_at IS NULL"),
    )
    op.drop_index(
        "ix_fact_product_features_day", table_name="fact_product_features", schema="warehouse"
    )
    op.drop_table("fact_product_features", schema="warehouse")
    op.drop_index(
        "uq_fact_competitive_scores_current",
        table_name="fact_competitive_scores",
        schema="warehouse",
        postgresql_where=sa.text("recorded_at IS NOT NULL AND superseded_at IS NULL"),
        sqlite_where=sa.text("recorded_at IS NOT NULL AND superseded_at IS NULL"),
    )
    op.drop_index(
        "ix_fact_competitive_scores_day", table_name="fact_competitive_scores", schema="warehouse"
    )
    op.drop_table("fact_competitive_scores", schema="warehouse")
    op.drop_index(
        "uq_fact_competitive_reports_current",
        table_name="fact_competitive_reports",
        schema="warehouse",
        postgresql_where=sa.text("recorded_at IS NOT NULL AND superseded_at IS NULL"),
        sqlite_where=sa.text("recorded_at IS NOT NULL AND superseded_at IS NULL"),
    )
    op.drop_index(
        "ix_fact_competitive_reports_group",
        table_name="fact_competitive_reports",
        schema="warehouse",
    )
    op.drop_table("fact_competitive_reports", schema="warehouse")
    op.drop_index(
        "uq_fact_alerts_current",
        table_name="fact_alerts",
        schema="warehouse",
        postgresql_where=sa.text("recorded_at IS NOT NULL AND superseded_at IS NULL"),
        sqlite_where=sa.text("recorded_at IS NOT NULL AND superseded_at IS NULL"),
    )
    op.drop_index("ix_fact_alerts_day", table_name="fact_alerts", schema="warehouse")
    op.drop_table("fact_alerts", schema="warehouse")
    op.drop_index(
        "uq_fact_alert_states_current",
        table_name="fact_alert_states",
        schema="warehouse",
        postgresql_where=sa.text("recorded_at IS NOT NULL AND superseded_at IS NULL"),
        sqlite_where=sa.text("recorded_at IS NOT NULL AND superseded_at IS NULL"),
    )
    op.drop_index("ix_fact_alert_states_day", table_name="fact_alert_states", schema="warehouse")
    op.drop_table("fact_alert_states", schema="warehouse")
    op.drop_index(
        "ix_dim_group_members_product", table_name="dim_group_members", schema="warehouse"
    )
    op.drop_table("dim_group_members", schema="warehouse")
    op.drop_table("ops_tracking_requests", schema="warehouse")
    op.drop_index("ix_ops_builds_table_status", table_name="ops_builds", schema="warehouse")
    op.drop_table("ops_builds", schema="warehouse")
    op.drop_index("ix_fact_raw_pages_product", table_name="fact_raw_pages", schema="warehouse")
    op.drop_index("ix_fact_raw_pages_day", table_name="fact_raw_pages", schema="warehouse")
    op.drop_table("fact_raw_pages", schema="warehouse")
    op.drop_index(
        "ix_dim_products_last_updated_at",
        table_name="dim_products",
        schema="warehouse",
        postgresql_where=sa.text("is_active"),
        sqlite_where=sa.text("is_active"),
    )
    op.drop_table("dim_products", schema="warehouse")
    op.drop_index(
        "ix_dim_competitive_groups_active", table_name="dim_competitive_groups", schema="warehouse"
    )
    op.drop_table("dim_competitive_groups", schema="warehouse")
    op.drop_table("dim_alert_rules", schema="warehouse")
