"""The one definition of every table.

From it come the migrations, the database's comments, the SQL contract's views and columns, the
Dagster column schemas and the validation of frames. A column's comment states its unit, its
source and when it is NULL; it is the only place where that is written.

Prefixes: ``dim_`` what is tracked, ``fact_`` what was learned, ``ops_`` how it was made. A
contract view has the table's name without the prefix (see ``contract_views``).

Versioned facts carry ``build_id``, ``row_hash``, ``recorded_at`` and ``superseded_at``
(see ``publication``): a row is *current* when it was recorded and not superseded.
"""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    text,
)
from sqlalchemy.schema import SchemaItem

from insights_resources.warehouse.column_types import (
    CALL_COST_SCALE,
    BigId,
    Json,
    Money,
    UtcDateTime,
)
from insights_resources.warehouse.sql_functions import utc_now

#: PostgreSQL schema of the internal tables. SQLite has none.
INTERNAL_SCHEMA = "warehouse"

metadata = MetaData(
    schema=INTERNAL_SCHEMA,
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    },
)


class Consistency(StrEnum):
    """What a copy of a table's rows outside the database (the cache) may be; stated in each table's
    ``info`` and enforced by ``insights_resources.cache``."""

    #: Never older than the last commit: the table has prices or scores.
    STRONG = "strong"
    #: As old as its entry's time to live at most.
    EVENTUAL = "eventual"
    #: Of a mart's last refresh, in the database already: kept under the mart's version.
    BATCH = "batch"


#: How PostgreSQL divides the large facts; see ``partitions``.
_BY_MONTH = "RANGE (day)"

#: What was captured longer before than this is stale: too old to be compared with others.
FRESH_HOURS = 48

#: Key of a column's ``info``: it came after rows of its table were stored. Where it is NULL it is no
#: part of a row's hash, so that rows that do not know it have not changed.
HASHED_WHERE_KNOWN = "hashed_where_known"

#: Audit columns of a versioned fact: how a row came to be, not what it says.
AUDIT_COLUMNS = ("build_id", "row_hash", "recorded_at", "superseded_at")


def _marketplace() -> Column:
    return Column(
        "marketplace",
        String(32),
        nullable=False,
        comment="Domain of the Amazon marketplace (amazon.de). With asin the key of a product.",
    )


def _asin() -> Column:
    return Column(
        "asin", String(10), nullable=False, comment="Amazon's product id, ten characters."
    )


def _day(what: str) -> Column:
    return Column("day", Date, nullable=False, comment=f"UTC day: {what}.")


def _money(name: str, comment: str) -> Column:
    return Column(name, Money, comment=f"{comment} Unit: currency.")


def _float(name: str, comment: str) -> Column:
    return Column(name, Float(53), comment=comment)


def _int(name: str, comment: str, *, nullable: bool = True) -> Column:
    return Column(name, Integer, comment=comment, nullable=nullable)


def _text(name: str, comment: str, *, nullable: bool = True) -> Column:
    return Column(name, Text, comment=comment, nullable=nullable)


def _versioned_fact(
    name: str,
    *items: SchemaItem,
    key: tuple[str, ...],
    comment: str,
    grain: str,
    consistency: Consistency,
    by_month: bool = False,
) -> Table:
    """A fact table whose rows come from builds; ``key`` is unique among its current rows.

    ``build_id`` is no foreign key: a million rows would cost seconds, and a partition could not be
    attached while anybody writes builds.
    """
    return Table(
        name,
        metadata,
        *items,
        Column(
            "build_id", BigId, nullable=False, comment="The build that wrote this row (ops_builds)."
        ),
        Column(
            "row_hash",
            BigId,
            nullable=False,
            comment="Hash of the row's own columns: equal means that nothing changed.",
        ),
        Column(
            "recorded_at",
            UtcDateTime,
            comment="When the row was published (UTC); NULL: its build is not published.",
        ),
        Column(
            "superseded_at",
            UtcDateTime,
            comment="When a later build replaced or removed the row (UTC); NULL: it stands.",
        ),
        PrimaryKeyConstraint("build_id", *key),
        Index(
            f"uq_{name}_current",
            *key,
            unique=True,
            postgresql_where=text("recorded_at IS NOT NULL AND superseded_at IS NULL"),
            sqlite_where=text("recorded_at IS NOT NULL AND superseded_at IS NULL"),
        ),
        comment=comment,
        info={"grain": grain, "key": key, "versioned": True, "consistency": consistency},
        postgresql_partition_by=_BY_MONTH if by_month else None,
    )


# --- how it was made -----------------------------------------------------------------------------

builds = Table(
    "ops_builds",
    metadata,
    Column("build_id", BigId, primary_key=True, autoincrement=True, comment="Serial number."),
    Column("table_name", String(64), nullable=False, comment="The fact table it writes."),
    Column("first_day", Date, comment="First UTC day of its scope; NULL: not by day."),
    Column("last_day", Date, comment="Last UTC day of its scope; NULL: not by day."),
    Column(
        "product_count", Integer, comment="Number of products it was limited to; NULL: all of them."
    ),
    Column(
        "status",
        String(16),
        nullable=False,
        comment="open, published, rejected (failed its audit) or failed (broke off).",
    ),
    Column("started_at", UtcDateTime, nullable=False, comment="Start of the rebuild (UTC)."),
    Column("published_at", UtcDateTime, comment="When its rows became current (UTC)."),
    Column("row_count", Integer, comment="Rows in its scope."),
    Column("rows_added", Integer, comment="Rows with a key that was not current before."),
    Column("rows_changed", Integer, comment="Rows that replaced a current row of their key."),
    Column("rows_removed", Integer, comment="Current rows that the scope no longer has."),
    Column("code_version", String(64), comment="Version of the code that computed the rows."),
    Column("run_id", String(64), comment="Dagster run; NULL outside of one."),
    Column("import_id", BigId, comment="Import whose rows they are (ops_imports); NULL: of none."),
    Column("audit", Json, comment="The audit's findings: list of {check, passed, detail}."),
    CheckConstraint("status IN ('open', 'published', 'rejected', 'failed')", name="status"),
    Index("ix_ops_builds_table_status", "table_name", "status", "published_at"),
    comment="Each rebuild of a scope of a fact table, published or not, with its audit.",
    info={
        "grain": "one build",
        "key": ("build_id",),
        "versioned": False,
        "consistency": Consistency.EVENTUAL,
    },
)

consumed_builds = Table(
    "ops_consumed_builds",
    metadata,
    Column("consumer", String(64), comment="Fact table that was rebuilt from the build's rows."),
    Column(
        "build_id",
        BigId,
        ForeignKey(f"{INTERNAL_SCHEMA}.ops_builds.build_id"),
        comment="The build.",
    ),
    Column("consumed_at", UtcDateTime, nullable=False, comment="When (UTC)."),
    PrimaryKeyConstraint("consumer", "build_id"),
    comment="Which published builds each layer has already taken in: the rest is pending.",
    info={
        "grain": "consumer, build",
        "key": ("consumer", "build_id"),
        "versioned": False,
        "consistency": Consistency.EVENTUAL,
    },
)

imports = Table(
    "ops_imports",
    metadata,
    Column("import_id", BigId, primary_key=True, autoincrement=True, comment="Serial number."),
    Column("file_name", Text, nullable=False, comment="Name of the file, without its folder."),
    Column("content_hash", String(64), nullable=False, comment="SHA-256 of the file."),
    Column("content_bytes", BigInteger, nullable=False, comment="Size of the file in bytes."),
    Column(
        "layout",
        String(8),
        nullable=False,
        comment="wide (a row is an observation) or long (a row is a change of one series).",
    ),
    Column(
        "options",
        Json,
        nullable=False,
        comment="What was asked for, and {columns: {column: field}} as it was understood.",
    ),
    Column(
        "status", String(16), nullable=False, comment="running, done or failed (broke off: again)."
    ),
    Column("started_at", UtcDateTime, nullable=False, comment="When it began (UTC)."),
    Column("finished_at", UtcDateTime, comment="When it was done or failed (UTC)."),
    Column("first_day", Date, comment="First UTC day of its snapshots; NULL: none."),
    Column("last_day", Date, comment="Last UTC day of its snapshots; NULL: none."),
    Column("rows_read", BigInteger, comment="Rows of the file, its header not counted."),
    Column("rows_rejected", BigInteger, comment="Rows that are not in, each with its reason."),
    Column("snapshots", BigInteger, comment="Snapshots that the file says."),
    Column("snapshots_written", BigInteger, comment="Of them new or changed."),
    Column("snapshots_removed", BigInteger, comment="Snapshots of earlier imports it took away."),
    CheckConstraint("status IN ('running', 'done', 'failed')", name="status"),
    comment="Each import of a history file. The builds that it made carry its id.",
    info={
        "grain": "one import",
        "key": ("import_id",),
        "versioned": False,
        "consistency": Consistency.EVENTUAL,
    },
)

tracking_requests = Table(
    "ops_tracking_requests",
    metadata,
    Column("request_id", BigId, primary_key=True, autoincrement=True, comment="Serial number."),
    _marketplace(),
    _asin(),
    Column(
        "requested_at",
        UtcDateTime,
        nullable=False,
        server_default=utc_now(),
        comment="When it was asked for (UTC).",
    ),
    Column(
        "requested_by",
        String(64),
        nullable=False,
        server_default="sql",
        comment="cli, api, sql, or the id of an alert rule.",
    ),
    Column(
        "status",
        String(16),
        nullable=False,
        server_default="pending",
        comment="pending, running, done or failed.",
    ),
    Column("run_id", String(64), comment="The Dagster run of its last try."),
    Column("finished_at", UtcDateTime, comment="When it was done or failed (UTC)."),
    Column("error", Text, comment="Why it failed; while it is pending, why its last try did."),
    Column("tries", Integer, nullable=False, server_default="0", comment="How often it was tried."),
    Column("started_at", UtcDateTime, comment="When its last try began (UTC); NULL: none has."),
    Column(
        "next_try_at",
        UtcDateTime,
        comment="While it is pending: not tried before (UTC); NULL: at once.",
    ),
    Column(
        "run_key",
        String(64),
        comment="Tag insights/tracking of the run that serves it, with others' requests; NULL: none yet.",
    ),
    Column(
        "confirms_capture_at",
        UtcDateTime,
        comment="The capture that a second one is to confirm, where an alert asks (UTC); NULL: somebody wants the page.",
    ),
    CheckConstraint("status IN ('pending', 'running', 'done', 'failed')", name="status"),
    # An alert asks once for each capture; NULLs are all different.
    Index(
        "uq_ops_tracking_requests_confirms",
        "marketplace",
        "asin",
        "confirms_capture_at",
        unique=True,
    ),
    Index(
        "ix_ops_tracking_requests_open",
        "status",
        postgresql_where=text("status IN ('pending', 'running')"),
        sqlite_where=text("status IN ('pending', 'running')"),
    ),
    comment="Requests to capture a product at once.",
    info={
        "grain": "one request",
        "key": ("request_id",),
        "versioned": False,
        "consistency": Consistency.EVENTUAL,
    },
)

mart_refreshes = Table(
    "ops_mart_refreshes",
    metadata,
    Column("name", String(64), primary_key=True, comment="The mart, without its schema."),
    Column(
        "version",
        BigInteger,
        nullable=False,
        comment="Number of its refreshes: what was read of an older one is out of date.",
    ),
    Column(
        "refreshed_at",
        UtcDateTime,
        nullable=False,
        comment="When the last one began (UTC): it shows all that was committed before, on SQLite "
        "also what came later.",
    ),
    Column("row_count", BigInteger, nullable=False, comment="Rows that the mart has since then."),
    Column("seconds", Float(53), nullable=False, comment="How long it took. Unit: seconds."),
    Column(
        "newest_build_id",
        BigId,
        comment="The build that was published last before it began (builds); NULL: none was.",
    ),
    comment="When each mart was last refreshed.",
    info={
        "grain": "one mart",
        "key": ("name",),
        "versioned": False,
        "consistency": Consistency.EVENTUAL,
    },
)

contract_versions = Table(
    "ops_contract_versions",
    metadata,
    Column(
        "version",
        String(16),
        primary_key=True,
        comment="major.minor: a major one where something went or changed its type, a minor one where something came.",
    ),
    Column("applied_at", UtcDateTime, nullable=False, comment="When this database got it (UTC)."),
    Column("changes", Text, nullable=False, comment="What changed, in words."),
    Column(
        "migration_note",
        Text,
        comment="What consumers have to change; NULL: nothing, nothing broke.",
    ),
    comment="The versions of the SQL contract that this database has had.",
    info={
        "grain": "one version",
        "key": ("version",),
        "versioned": False,
        "consistency": Consistency.EVENTUAL,
    },
)

body_removals = Table(
    "ops_body_removals",
    metadata,
    Column(
        "content_hash",
        String(64),
        primary_key=True,
        comment="SHA-256 of a page's body that no row names any more.",
    ),
    comment="Bodies that retention is about to remove from the page archive.",
    info={
        "grain": "one body",
        "key": ("content_hash",),
        "versioned": False,
        "consistency": Consistency.EVENTUAL,
    },
)

# --- what is tracked -----------------------------------------------------------------------------

products = Table(
    "dim_products",
    metadata,
    _marketplace(),
    _asin(),
    Column("label", Text, comment="A short name given by whoever tracks it; NULL: none given."),
    Column(
        "source",
        String(32),
        nullable=False,
        comment="Who owns the row: file (catalog), api, cli, or a page provider that knows it.",
    ),
    Column(
        "capture_hours",
        Integer,
        comment="A page younger than this is not captured again on its day; NULL: as the setting "
        "INSIGHTS_CAPTURE_HOURS says. Unit: hours.",
    ),
    Column("is_active", Boolean, nullable=False, comment="Whether it is captured."),
    Column("added_at", UtcDateTime, nullable=False, comment="When it was first tracked (UTC)."),
    Column("last_updated_at", UtcDateTime, nullable=False, comment="Last change of the row (UTC)."),
    PrimaryKeyConstraint("marketplace", "asin"),
    Index(
        "ix_dim_products_last_updated_at",
        "last_updated_at",
        postgresql_where=text("is_active"),
        sqlite_where=text("is_active"),
    ),
    comment="The tracked products.",
    info={
        "grain": "marketplace, asin",
        "key": ("marketplace", "asin"),
        "versioned": False,
        "consistency": Consistency.EVENTUAL,
    },
)

competitive_groups = Table(
    "dim_competitive_groups",
    metadata,
    Column("group_id", String(64), primary_key=True, comment="Stable id, lower case with hyphens."),
    Column("name", Text, nullable=False, comment="Name for people."),
    Column("source", String(32), nullable=False, comment="Who owns the row (see products)."),
    Column("is_active", Boolean, nullable=False, comment="Whether it is scored and reported."),
    Column("created_at", UtcDateTime, nullable=False, comment="When it was made (UTC)."),
    Column("last_updated_at", UtcDateTime, nullable=False, comment="Last change of the row (UTC)."),
    Column("template", String(32), comment="Industry template of its reports; NULL: generic."),
    Column(
        "locale",
        String(16),
        comment="How its reports write numbers (CLDR); NULL: as the setting INSIGHTS_LOCALE says.",
    ),
    Index("ix_dim_competitive_groups_active", "is_active", "created_at"),
    comment="Sets of products that compete with each other.",
    info={
        "grain": "group",
        "key": ("group_id",),
        "versioned": False,
        "consistency": Consistency.EVENTUAL,
    },
)

group_members = Table(
    "dim_group_members",
    metadata,
    Column(
        "group_id",
        String(64),
        ForeignKey(f"{INTERNAL_SCHEMA}.dim_competitive_groups.group_id"),
        comment="The group.",
    ),
    _marketplace(),
    _asin(),
    Column("valid_from", Date, nullable=False, comment="First UTC day of the membership."),
    Column("valid_to", Date, comment="Last UTC day of the membership; NULL: it stands."),
    PrimaryKeyConstraint("group_id", "marketplace", "asin", "valid_from"),
    Index("ix_dim_group_members_product", "marketplace", "asin"),
    comment="Which product belongs to which group, from which day to which.",
    info={
        "grain": "group, product, start",
        "key": ("group_id", "marketplace", "asin", "valid_from"),
        "versioned": False,
        "consistency": Consistency.EVENTUAL,
    },
)

alert_rules = Table(
    "dim_alert_rules",
    metadata,
    Column("rule_id", String(64), primary_key=True, comment="Stable id, lower case with hyphens."),
    Column("name", Text, nullable=False, comment="Name for people."),
    Column(
        "condition",
        Json,
        nullable=False,
        comment="What fires it, in the language of docs/alerts.md: one test, or {all: [...]} or {any: [...]} of conditions.",
    ),
    Column(
        "applies_to",
        Json,
        comment="{groups: [group_id], products: ['marketplace/asin']}: members of the groups on each day, and these products; NULL: all products.",
    ),
    Column(
        "severities",
        Json,
        nullable=False,
        comment="Ladder: list of {at_least, severity}, in the unit of the condition's first test; {at_most, severity} where that says at_most; {severity} alone where it has no number.",
    ),
    Column(
        "creep",
        Float(53),
        comment="Move of the first test's value since the last alert, while the condition lasts, that is one more alert; in the test's unit. NULL: none.",
    ),
    Column("is_enabled", Boolean, nullable=False, comment="Whether it fires."),
    Column(
        "source",
        String(32),
        nullable=False,
        comment="Who owns the row: default, file (the catalog file), or who made it.",
    ),
    Column(
        "schema_version",
        Integer,
        nullable=False,
        server_default="1",
        comment="Version of the shape of the JSON columns.",
    ),
    comment="The alert rules.",
    info={
        "grain": "rule",
        "key": ("rule_id",),
        "versioned": False,
        "consistency": Consistency.EVENTUAL,
    },
)

# --- pages and snapshots -------------------------------------------------------------------------

raw_pages = Table(
    "fact_raw_pages",
    metadata,
    Column(
        "page_id",
        String(32),
        nullable=False,
        comment="Hash of provider, product asked for, capture time and content: the same page has the same id.",
    ),
    _marketplace(),
    _asin(),
    _day("the day of captured_at"),
    Column("captured_at", UtcDateTime, nullable=False, comment="When the page was served (UTC)."),
    Column(
        "captured_at_precision",
        String(8),
        nullable=False,
        comment="exact, day or year: how well captured_at is known (saved pages may know less).",
    ),
    Column("provider", String(32), nullable=False, comment="Page provider."),
    Column("requested_url", Text, nullable=False, comment="Address asked for."),
    Column("final_url", Text, comment="Address after redirects; NULL: not known."),
    Column("http_status", Integer, comment="Status of the target; NULL: not known."),
    Column(
        "verdict",
        String(16),
        nullable=False,
        comment="product, blocked, not_found, other or error, by content.",
    ),
    Column("verdict_reason", Text, comment="Why it is no product page; NULL for a product page."),
    Column(
        "content_hash",
        String(64),
        comment="SHA-256 of the body, its name in the archive; NULL: no body.",
    ),
    Column("content_bytes", Integer, comment="Size of the body in bytes; NULL: no body."),
    Column("cost", Money, nullable=False, comment="Credits spent on it. Unit: provider's credits."),
    Column(
        "latency_ms",
        Float(53),
        comment="Answer time of the provider in milliseconds; NULL: not measured.",
    ),
    Column("run_id", String(64), comment="Dagster run that captured it; NULL outside of one."),
    Column("recorded_at", UtcDateTime, nullable=False, comment="When the row was written (UTC)."),
    PrimaryKeyConstraint("page_id", "day"),
    Index("ix_fact_raw_pages_product", "marketplace", "asin", "captured_at"),
    Index("ix_fact_raw_pages_day", "day"),
    comment="Each captured page, written once and never changed.",
    info={
        "grain": "one capture",
        "key": ("page_id",),
        "versioned": False,
        "consistency": Consistency.EVENTUAL,
    },
    postgresql_partition_by=_BY_MONTH,
)

page_requests = Table(
    "ops_page_requests",
    metadata,
    Column("request_id", BigId, primary_key=True, autoincrement=True, comment="Serial number."),
    _marketplace(),
    _asin(),
    _day("the day whose page is wanted"),
    Column(
        "status",
        String(16),
        nullable=False,
        comment="pending (to be sent, or again: see reason), sent, unknown (sent, and no answer came), captured, or missed (the day ended).",
    ),
    Column(
        "reason",
        Text,
        comment="Why it has no page of its product yet; NULL: captured, or not tried yet.",
    ),
    Column("provider", String(32), comment="Who it was sent to last; NULL: never sent."),
    Column(
        "batch_id",
        String(64),
        comment="The provider's batch that it is part of; NULL: sent alone, or not sent.",
    ),
    _int("sends", "How often it was sent, tries included.", nullable=False),
    Column(
        "credits",
        Money,
        nullable=False,
        comment="Credits spent on it; what came to nothing included. Unit: provider's credits.",
    ),
    Column(
        "credits_reserved",
        Money,
        nullable=False,
        comment="Credits of a request that is under way, or whose outcome is unknown. Unit: provider's credits.",
    ),
    Column(
        "owner",
        String(64),
        comment="Who has it: a capture under way, or that broke off; NULL: none.",
    ),
    Column("run_id", String(64), comment="Dagster run that had it last; NULL outside of one."),
    Column("requested_at", UtcDateTime, nullable=False, comment="When it was wanted (UTC)."),
    Column("sent_at", UtcDateTime, comment="When it was sent last (UTC); NULL: never sent."),
    Column("finished_at", UtcDateTime, comment="When it was captured or missed (UTC)."),
    Column("page_id", String(32), comment="The page that it brought last; NULL: none."),
    Column(
        "etag",
        Text,
        comment="The site's ETag of that page, to ask whether it has changed; NULL: it gave none.",
    ),
    Column(
        "last_modified",
        Text,
        comment="The site's Last-Modified of that page, as it was sent; NULL: it gave none.",
    ),
    CheckConstraint(
        "status IN ('pending', 'sent', 'unknown', 'captured', 'missed')", name="status"
    ),
    Index("ix_ops_page_requests_day", "day", "provider"),
    Index("ix_ops_page_requests_product", "marketplace", "asin", "day"),
    Index(
        "uq_ops_page_requests_open",
        "marketplace",
        "asin",
        unique=True,
        postgresql_where=text("status IN ('pending', 'sent', 'unknown')"),
        sqlite_where=text("status IN ('pending', 'sent', 'unknown')"),
    ),
    comment="Each page that was wanted of a provider of live pages, and what came of it.",
    info={
        "grain": "one wanted page",
        "key": ("request_id",),
        "versioned": False,
        "consistency": Consistency.EVENTUAL,
    },
)

product_snapshots = _versioned_fact(
    "fact_product_snapshots",
    Column(
        "page_id",
        String(32),
        nullable=False,
        comment="The page it was read from (raw_pages); of an imported one, made of product and time.",
    ),
    Column(
        "origin",
        String(8),
        nullable=False,
        server_default="page",
        comment="page (read from a captured page) or import (of a history file: see build_id, builds.import_id and imports).",
    ),
    _marketplace(),
    _asin(),
    _day("the day of captured_at"),
    Column("captured_at", UtcDateTime, nullable=False, comment="When the page was served (UTC)."),
    Column(
        "captured_at_precision",
        String(8),
        nullable=False,
        server_default="exact",
        comment="exact, day or year: how well captured_at is known (a day stands at noon UTC).",
    ),
    _text("title", "Title as shown; NULL: not known (an import without it)."),
    _text("brand", "Brand or maker as shown; NULL: not on the page."),
    Column(
        "currency",
        String(3),
        comment="ISO 4217 of every amount here; NULL: the page shows no amount.",
    ),
    _money(
        "price",
        "What any new buyer pays in the buy box, open deals included. NULL: see price_missing_reason.",
    ),
    _money("price_min", "Lower end of a price range; NULL unless only a range shows."),
    _money("price_max", "Upper end of a price range; NULL unless only a range shows."),
    Column(
        "price_missing_reason",
        String(20),
        comment="Why price is NULL: out_of_stock, no_buy_box, map_hidden, variation_range, not_on_page.",
    ),
    _money("list_price", "List price (RRP, UVP, M.R.P.); NULL: none shown."),
    _text("coupon", "Coupon as shown ('5 %', '$3.00'); NULL: none shown."),
    _money("subscribe_save_price", "Subscribe & Save price; NULL: none shown."),
    _money("used_price", "Price of the used offer in the buy box; NULL: none shown."),
    _money("offers_from", "Lowest offer of other sellers that the page names; NULL: none shown."),
    Column("rating", Float(53), comment="Mean rating, 0 to 5 stars; NULL: no ratings shown."),
    _int("rating_count", "Number of ratings (not reviews); NULL: none shown."),
    Column(
        "bsr",
        Json,
        nullable=False,
        comment="Best Sellers Ranks in page order: list of {category, node_id, rank}; node_id NULL: not linked.",
    ),
    Column(
        "availability",
        String(16),
        nullable=False,
        comment="in_stock, limited, preorder, backorder, out_of_stock, unavailable or unknown.",
    ),
    _text("seller", "Buy-box seller as shown; NULL: none."),
    Column(
        "bullets",
        Json,
        comment="Feature bullets: list of texts; NULL: not known (an import has no listing).",
    ),
    Column(
        "attributes",
        Json,
        comment="Rows of the detail tables and lists: {label as shown: value as shown}, units as written, without rank, ratings, seller and ASIN; {}: the page has none; NULL: not known (an import has no listing, an older parser did not read them).",
        info={HASHED_WHERE_KNOWN: True},
    ),
    _text("description", "Product description; NULL: none."),
    Column(
        "images", Json, comment="Main gallery: list of addresses; NULL: not known (as bullets)."
    ),
    Column(
        "breadcrumbs", Json, nullable=False, comment="Category path from the top: list of names."
    ),
    Column("parent_asin", String(10), comment="ASIN of the variation family; NULL: none."),
    Column(
        "field_sources",
        Json,
        nullable=False,
        comment="Where each value stood on the page, or in which column or series of the import: {field: source}.",
    ),
    Column(
        "disputed_fields",
        Json,
        comment="Where sources of the page disagree with the value taken: "
        "{field: {source: what it says}}; NULL: read by a parser that did not compare.",
    ),
    Column(
        "parser_version",
        String(16),
        nullable=False,
        comment="Version of the parser, or of the import (import-1).",
    ),
    _int("schema_version", "Version of the shape of the JSON columns.", nullable=False),
    Index(
        "ix_fact_product_snapshots_asin_captured",
        "asin",
        text("captured_at DESC"),
        # A product's rows are scattered over the days: its prices are read from the index alone.
        postgresql_include=[
            "marketplace",
            "day",
            "currency",
            "price",
            "availability",
            "recorded_at",
            "superseded_at",
        ],
    ),
    Index("ix_fact_product_snapshots_day", "day"),
    key=("page_id", "day"),
    comment="What each product page says, typed; and what imported histories say.",
    grain="one parsed capture",
    consistency=Consistency.STRONG,
    by_month=True,
)

rejected_pages = _versioned_fact(
    "fact_rejected_pages",
    Column("page_id", String(32), nullable=False, comment="The page (raw_pages)."),
    _marketplace(),
    _asin(),
    _day("the day of captured_at"),
    Column("captured_at", UtcDateTime, nullable=False, comment="When the page was served (UTC)."),
    Column("verdict", String(16), nullable=False, comment="The parser's verdict."),
    _text("reason", "Why it gives no snapshot, in words.", nullable=False),
    Column("parser_version", String(16), nullable=False, comment="Version of the parser."),
    Index("ix_fact_rejected_pages_day", "day"),
    key=("page_id", "day"),
    comment="Pages that give no snapshot, with the reason. They can be parsed again.",
    grain="one rejected capture",
    consistency=Consistency.EVENTUAL,
    by_month=True,
)

# --- features ------------------------------------------------------------------------------------

product_features = _versioned_fact(
    "fact_product_features",
    _marketplace(),
    _asin(),
    _day("the row knows everything captured by its end and nothing later"),
    Column(
        "last_captured_at",
        UtcDateTime,
        nullable=False,
        comment="Last capture by the end of the day (UTC).",
    ),
    _int(
        "observations",
        "Captures on the day; 0: the values are carried, over at most 7 days after the day of the last capture.",
        nullable=False,
    ),
    Column(
        "family_asin",
        String(10),
        nullable=False,
        comment="parent_asin of the last capture, or the ASIN itself: products of one family share ratings.",
    ),
    Column(
        "currency",
        String(3),
        comment="ISO 4217 of the amounts, of the last capture in 37 days that shows one; NULL: none known.",
    ),
    _money(
        "price",
        "Daily close: price of the last capture. NULL: that capture shows none (see price_missing_reason), or it is over 7 days old (not_captured).",
    ),
    Column(
        "price_missing_reason",
        String(20),
        comment="Why price is NULL: as in product_snapshots, or not_captured.",
    ),
    _float(
        "price_change_1d",
        "price / last price known at the end of day-1, minus 1 (ratio). Known: shown by a capture of day-1 or of the 7 days before that. NULL: one is missing, or they are in different currencies.",
    ),
    _float("price_change_7d", "The same against the end of day-7."),
    _float("price_change_30d", "The same against the end of day-30."),
    _float(
        "price_mean_7d",
        "Mean price in the day's currency, weighted by the time it was in effect (from its capture to the next capture, at most 7 days), over the 7 days up to the end of the day. Unit: currency. NULL: no price in that time.",
    ),
    _float("price_mean_30d", "The same over 30 days."),
    _float(
        "price_volatility_30d",
        "Standard deviation (ddof 1) of daily log returns in the last 30 days, between closes captured on consecutive days in one currency. NULL: fewer than 10.",
    ),
    _money("price_min_30d", "Lowest price in effect in the last 30 days. NULL: none."),
    _money("price_max_30d", "Highest price in effect in the last 30 days. NULL: none."),
    _float(
        "price_log_return_1d",
        "ln(price / close of the day before), both captured on their day. NULL otherwise.",
    ),
    _float(
        "price_sigma_before",
        "Standard deviation (ddof 1) of the non-zero daily log returns of the 30 days before this day, this day's excluded. NULL: fewer than 2.",
    ),
    _int(
        "price_returns_before",
        "Number of non-zero daily log returns in the 30 days before this day.",
        nullable=False,
    ),
    _money("list_price", "List price of the last capture (carried at most 7 days)."),
    _float(
        "discount_from_list",
        "1 - price / list_price (ratio). NULL: one is missing, or list_price is below price.",
    ),
    _int(
        "days_since_price_change",
        "UTC days since the day of the capture that first showed the present price; captures without a price between are no change. NULL: no price, or the price before it was not seen within 37 days.",
    ),
    _int(
        "primary_rank",
        "Best Sellers Rank listed first (top level) at the last capture. Lower is better.",
    ),
    Column(
        "primary_rank_node",
        String(80),
        comment="Node key of primary_rank (see rank_features.node_key).",
    ),
    _float(
        "primary_rank_median_7d",
        "Median of the daily closes of the same node in the last 7 days (captured days only).",
    ),
    _float(
        "primary_rank_log_change_7d",
        "ln(primary_rank / last known at the end of day-7, of that day or of the 7 before), same node; negative is better. NULL: one is missing.",
    ),
    _float("primary_rank_log_change_30d", "The same against the end of day-30."),
    _float("rating", "Mean rating at the last capture, 0 to 5."),
    _int("rating_count", "Number of ratings at the last capture."),
    _int(
        "ratings_gained_7d",
        "rating_count minus the last known at the end of day-7 (of that day or of the 7 before); negative after a merge.",
    ),
    _int("ratings_gained_30d", "The same against the end of day-30."),
    _float("rating_change_30d", "rating minus the last known at the end of day-30."),
    Column(
        "availability",
        String(16),
        nullable=False,
        comment="Availability at the last capture; unknown when it is over 7 days old.",
    ),
    _float(
        "in_stock_share_7d",
        "Share of the captured days of the last 7 whose close is in_stock or limited (0 to 1); days with unknown left out. NULL: none left.",
    ),
    _float("in_stock_share_30d", "The same over 30 days."),
    _int(
        "out_of_stock_captures",
        "Length of the unbroken run of out_of_stock or unavailable captures up to the last one, within 37 days.",
        nullable=False,
    ),
    _text("seller", "Buy-box seller at the last capture; NULL: none or over 7 days old."),
    _int(
        "seller_changes_30d",
        "Changes between consecutive known buy-box sellers at captures of the last 30 days (the first against the last one known before, within 37 days).",
        nullable=False,
    ),
    _int(
        "title_length",
        "Characters of the title. NULL: listing not known (an import), as in the columns that follow.",
    ),
    _int("bullet_count", "Feature bullets."),
    _int("image_count", "Images of the gallery."),
    _int("description_length", "Characters of the description; 0: the page has none."),
    _float(
        "listing_quality",
        "0 to 100: mean of title length (full at 80 characters), bullets (5), images (7), description (500 characters), each capped. NULL: last capture over 7 days old.",
    ),
    Column(
        "listing_changed",
        Boolean,
        comment="Title, bullets, images or description of the last capture of this day differ from those of the last capture before this day. NULL: no capture on the day, or none in the 7 days before.",
    ),
    Index("ix_fact_product_features_day", "day"),
    key=("marketplace", "asin", "day"),
    comment="Point-in-time features of a product at the end of a day. A row exists for 37 days after the last capture.",
    grain="marketplace, asin, day",
    consistency=Consistency.STRONG,
    by_month=True,
)

rank_features = _versioned_fact(
    "fact_rank_features",
    _marketplace(),
    _asin(),
    _day("the row knows everything captured by its end and nothing later"),
    Column(
        "node_key",
        String(80),
        nullable=False,
        comment="Browse node id; 'category:' and the name (shortened with a hash beyond 80 characters) where the rank is not linked to a node.",
    ),
    Column("node_id", String(20), comment="Browse node id; NULL: not linked."),
    _text("category", "Name of the node as shown.", nullable=False),
    _int("position", "Place in the page's list of ranks, from 1.", nullable=False),
    Column(
        "is_primary",
        Boolean,
        nullable=False,
        comment="Whether it is the first one listed (top level).",
    ),
    Column("is_deepest", Boolean, nullable=False, comment="Whether it is the last one listed."),
    _int(
        "rank",
        "Best Sellers Rank at the last capture, at most 7 days old. Lower is better.",
        nullable=False,
    ),
    _float(
        "rank_median_7d",
        "Median of the daily closes in this node in the last 7 days (captured days only).",
    ),
    _float(
        "rank_log_change_7d",
        "ln(rank / last known in this node at the end of day-7, of that day or of the 7 before). NULL: none.",
    ),
    _float("rank_log_change_30d", "The same against the end of day-30."),
    Index("ix_fact_rank_features_day", "day"),
    key=("marketplace", "asin", "day", "node_key"),
    comment="Point-in-time rank of a product in each browse node at the end of a day.",
    grain="marketplace, asin, day, browse node",
    consistency=Consistency.EVENTUAL,
    by_month=True,
)

# --- competition ---------------------------------------------------------------------------------

competitive_scores = _versioned_fact(
    "fact_competitive_scores",
    _day("scores at its end"),
    Column("group_id", String(64), nullable=False, comment="The group."),
    _marketplace(),
    _asin(),
    Column("method", String(16), nullable=False, comment="standard or robust."),
    _float("price_score", "0 to 100, higher is cheaper than the peers. NULL: see missing_reasons."),
    _float("quality_score", "0 to 100 from ratings. NULL: see missing_reasons."),
    _float("popularity_score", "0 to 100 from ranks against the peers. NULL: see missing_reasons."),
    _float("overall_score", "0 to 100. NULL: fewer than two dimensions."),
    Column(
        "coverage",
        String(32),
        nullable=False,
        comment="The dimensions that counted, comma separated, in the order price, quality, popularity.",
    ),
    _int(
        "position",
        "Place by overall_score among the group's products with the same coverage, from 1; ties share it. NULL: no overall_score.",
    ),
    _int("position_of", "How many products that place is among."),
    _int("peer_count", "Eligible peers.", nullable=False),
    Column(
        "missing_reasons",
        Json,
        nullable=False,
        comment="{dimension: why its score is NULL}: not_captured, stale_capture (over 48 hours), no_price, no_rating, no_rating_count, no_rank, no_peers, no_priced_peers, no_rated_peers, too_few_peers_in_nodes.",
    ),
    Column(
        "inputs",
        Json,
        nullable=False,
        comment="{input: value} that the scores were computed from, prices in currency units; an input that is missing is left out.",
    ),
    Column(
        "peers",
        Json,
        nullable=False,
        comment="{eligible: [asin], left_out: [{asin, reason}]}; reason is the first of other_marketplace, not_captured, stale_capture, other_currency (an unknown one too), same_family, family_represented.",
    ),
    Column(
        "contributions",
        Json,
        nullable=False,
        comment="{dimension: points of overall_score}; their sum is overall_score before rounding. Empty without overall_score.",
    ),
    Index("ix_fact_competitive_scores_day", "day", "group_id"),
    key=("day", "group_id", "marketplace", "asin", "method"),
    comment="Competitive scores of each member of each group.",
    grain="day, group, product, method",
    consistency=Consistency.STRONG,
    by_month=True,
)

# --- alerts --------------------------------------------------------------------------------------

alerts = _versioned_fact(
    "fact_alerts",
    Column(
        "alert_id",
        String(32),
        nullable=False,
        comment="Hash of rule, product, day and transition: a rebuild gives the same.",
    ),
    Column("rule_id", String(64), nullable=False, comment="The rule that fired (alert_rules)."),
    _marketplace(),
    _asin(),
    _day("the day on which it fired"),
    Column(
        "transition",
        String(8),
        nullable=False,
        comment="fired (the condition became true) or crept (the value moved on by the rule's creep since the last alert).",
    ),
    Column("severity", String(8), nullable=False, comment="info, warning or critical."),
    _float(
        "value",
        "Value of the condition's first test, in its measure's unit (price: currency; sigma: log return of the day); NULL: it has none, or it is unknown.",
    ),
    _float(
        "baseline",
        "What the value was compared with, in the same unit (sigma: the usual daily log return); NULL: nothing, or it is unknown.",
    ),
    _float(
        "magnitude",
        "Size that the threshold is compared with: a ratio for percent (0.1 is 10 %), |ln| for factor, standard deviations for sigma, the measure's unit for absolute, the value for a level; NULL as value.",
    ),
    _text("message", "What happened, in words for people.", nullable=False),
    Column("captured_at", UtcDateTime, nullable=False, comment="Capture that showed it (UTC)."),
    Index("ix_fact_alerts_day", "day"),
    key=("alert_id", "day"),
    comment="Alerts: one row each time that a rule fires for a product.",
    grain="one alert",
    consistency=Consistency.EVENTUAL,
    by_month=True,
)

alert_states = _versioned_fact(
    "fact_alert_states",
    Column("rule_id", String(64), nullable=False, comment="The rule."),
    _marketplace(),
    _asin(),
    _day("the day on which the state became this"),
    Column(
        "is_active",
        Boolean,
        nullable=False,
        comment="Whether the condition holds (the rule is not armed).",
    ),
    _float(
        "last_alerted_value",
        "Value of the last alert, for creep; NULL: none since it was re-armed.",
    ),
    Index("ix_fact_alert_states_day", "day"),
    key=("rule_id", "marketplace", "asin", "day"),
    comment="Changes of the state of a rule for a product; the last row by a day is the state on it.",
    grain="rule, product, day of change",
    consistency=Consistency.EVENTUAL,
)

# --- reports and serving -------------------------------------------------------------------------

model_calls = Table(
    "ops_model_calls",
    metadata,
    Column("call_id", String(32), primary_key=True, comment="Drawn at random."),
    Column(
        "request_key",
        String(64),
        nullable=False,
        comment="SHA-256 of what was asked (facts, prompt version, model): a paid outcome is not asked for again.",
    ),
    _text(
        "purpose", "What it was asked for, such as the report of a group and day.", nullable=False
    ),
    _day("the day of the first send, whose budget it counts for"),
    Column(
        "status",
        String(16),
        nullable=False,
        comment="sent, answered, refused (by the model), truncated, invalid (not JSON, or not the schema), failed (not served, not paid) or unknown (sent, and no whole answer came).",
    ),
    _text("reason", "Why there is no answer; NULL: there is one, or it is not known yet."),
    Column("model", String(64), nullable=False, comment="Language model that was asked."),
    Column(
        "api", String(16), nullable=False, comment="responses or chat: OpenAI's interface used."
    ),
    _int("sends", "How often it was sent, tries included.", nullable=False),
    _int("input_tokens", "Tokens read, cached ones included; NULL: not known."),
    _int(
        "cached_input_tokens", "Those of them that came from the server's cache; NULL: not known."
    ),
    _int("output_tokens", "Tokens written, those of reasoning included; NULL: not known."),
    _int(
        "tokens_reserved",
        "Most tokens of a call that is under way, or whose usage is not known; else 0.",
        nullable=False,
    ),
    Column(
        "cost",
        Money(CALL_COST_SCALE),
        comment="By the configured prices, rounded up; NULL: not known, or no price. Unit: USD.",
    ),
    Column(
        "cost_reserved",
        Money(CALL_COST_SCALE),
        comment="What tokens_reserved may cost; NULL: no price. Unit: USD.",
    ),
    Column("answer", Json, comment="The answer, by the schema that was asked for; NULL: none."),
    Column("run_id", String(64), comment="Dagster run that asked; NULL outside of one."),
    Column("sent_at", UtcDateTime, nullable=False, comment="When it was sent last (UTC)."),
    Column(
        "finished_at",
        UtcDateTime,
        comment="When its outcome was noted (UTC); NULL: it is under way, or its process died.",
    ),
    CheckConstraint(
        "status IN ('sent', 'answered', 'refused', 'truncated', 'invalid', 'failed', 'unknown')",
        name="status",
    ),
    Index("ix_ops_model_calls_day", "day"),
    Index("ix_ops_model_calls_request", "request_key", "status"),
    comment="Each call of a language model, noted before it was sent, and what came of it.",
    info={
        "grain": "one call",
        "key": ("call_id",),
        "versioned": False,
        "consistency": Consistency.EVENTUAL,
    },
)

competitive_reports = _versioned_fact(
    "fact_competitive_reports",
    _day("what is known at its end"),
    Column("group_id", String(64), nullable=False, comment="The group."),
    Column(
        "report_id",
        String(32),
        nullable=False,
        comment="Hash of day, group, facts, writer and prompt version.",
    ),
    Column(
        "status",
        String(16),
        nullable=False,
        comment="complete, or no_data when the group has no score that day.",
    ),
    Column(
        "writer", String(32), nullable=False, comment="structured, or model (a language model)."
    ),
    Column(
        "prompt_version",
        String(16),
        nullable=False,
        comment="Version of the prompt (a hash of it), or of the structured writer.",
    ),
    Column(
        "facts_hash",
        String(64),
        nullable=False,
        comment="SHA-256 of the facts: equal facts give the stored report again.",
    ),
    Column(
        "leader_asin",
        String(10),
        comment="Product that leads by overall_score those scored on the dimensions that most products have; NULL: none.",
    ),
    Column(
        "facts",
        Json,
        nullable=False,
        comment="List of {id, subject, name, value, unit, source_table, source_key, source_column}.",
    ),
    Column("report", Json, nullable=False, comment="The report by its schema (reports/schema.py)."),
    Column(
        "verification",
        Json,
        nullable=False,
        comment="{sentences, verified, dropped: [...]}; rejected: the same of an answer not taken.",
    ),
    _text("markdown", "The report as Markdown.", nullable=False),
    _text("html", "The report as one self-contained HTML page with charts.", nullable=False),
    _int("schema_version", "Version of the report's schema.", nullable=False),
    Column("model", String(64), comment="Language model that was asked; NULL: none was."),
    Column(
        "fallback_reason",
        String(32),
        comment="Why the structured writer wrote instead of a model (docs/reports.md); NULL: a model wrote, or the run wanted none.",
    ),
    _int("input_tokens", "Tokens that the model read; NULL: no model, or it did not say."),
    _int("output_tokens", "Tokens that the model wrote; NULL: no model, or it did not say."),
    Column(
        "cost",
        Money(CALL_COST_SCALE),
        comment="What the model's call cost; NULL: no model, or no price is configured. Unit: USD.",
    ),
    Column(
        "industry_template",
        String(32),
        comment="Industry template that it was written by; NULL: written before there were any.",
    ),
    Column(
        "locale",
        String(16),
        comment="Locale (CLDR) of its numbers and amounts; NULL: written before it was kept.",
    ),
    Index("ix_fact_competitive_reports_group", "group_id", "status", "day"),
    key=("day", "group_id"),
    comment="A verified report for each group and day.",
    grain="day, group",
    consistency=Consistency.EVENTUAL,
    by_month=True,
)

product_summaries = _versioned_fact(
    "fact_product_summaries",
    _marketplace(),
    _asin(),
    _text("label", "Name given in the catalog; NULL: none."),
    _text("title", "Title at the last capture; NULL: never captured."),
    _text("brand", "Brand at the last capture."),
    Column("as_of_day", Date, comment="UTC day of the features shown; NULL: never captured."),
    Column(
        "last_captured_at",
        UtcDateTime,
        comment="Last capture that gave a snapshot (UTC); NULL: never.",
    ),
    Column("currency", String(3), comment="ISO 4217 of the amounts."),
    _money("price", "As in product_features. NULL: see price_missing_reason."),
    Column("price_missing_reason", String(20), comment="Why price is NULL."),
    _float("price_change_7d", "As in product_features."),
    _int("primary_rank", "As in product_features."),
    _text("primary_rank_category", "Category of primary_rank."),
    _float("rating", "As in product_features."),
    _int("rating_count", "As in product_features."),
    Column("availability", String(16), comment="As in product_features."),
    _text("seller", "As in product_features."),
    _float(
        "overall_score",
        "Best overall score (standard method) over its groups on the last scored day; NULL: none.",
    ),
    Column("best_group_id", String(64), comment="The group of overall_score."),
    _int("open_alerts", "Rules whose condition holds now.", nullable=False),
    _int("alerts_7d", "Alerts of the 7 days up to as_of_day.", nullable=False),
    key=("marketplace", "asin"),
    comment="The latest of everything about a product, one row each.",
    grain="marketplace, asin",
    consistency=Consistency.STRONG,
)

product_search = _versioned_fact(
    "fact_product_search",
    _marketplace(),
    _asin(),
    _text(
        "folded",
        "Listing as it is searched: title, brand, bullets and description, folded and cut into words (see search_text).",
        nullable=False,
    ),
    _text("tokens", "What the index holds of it, with spaces between.", nullable=False),
    Index(
        "ix_fact_product_search_tokens",
        text("array_to_tsvector(string_to_array(tokens, ' '))"),
        postgresql_using="gin",
        postgresql_where=text("recorded_at IS NOT NULL AND superseded_at IS NULL"),
        # Searches read the list of pending entries through: a short one, in KB.
        postgresql_with={"gin_pending_list_limit": "1024"},
    ).ddl_if(dialect="postgresql"),
    key=("marketplace", "asin"),
    comment="The text of each product's listing, for search_products.",
    grain="marketplace, asin",
    consistency=Consistency.EVENTUAL,
)

VERSIONED_FACTS: tuple[Table, ...] = tuple(
    table for table in metadata.sorted_tables if table.info["versioned"]
)
