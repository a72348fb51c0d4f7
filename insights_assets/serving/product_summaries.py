"""Published facts -> one row a product: ``rebuild_product_summaries``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd
from sqlalchemy import ColumnElement, Connection, Select, Table, and_, func, or_, select

from insights_assets.competition.formulas import Method
from insights_assets.serving.product_search import index_listings, pending_listings
from insights_resources.marketplaces import ProductKey
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import (
    AuditFinding,
    CommitObserver,
    PublishedBuild,
    is_current,
    publish,
    select_current,
)
from insights_resources.warehouse.row_conditions import of_products

#: Version of the code: raise it when a rebuild would give other rows.
SUMMARIES_VERSION = "1"
#: What a summary shows the newest of.
SUMMARIZED = (
    tables.product_snapshots,
    tables.product_features,
    tables.rank_features,
    tables.competitive_scores,
    tables.alerts,
    tables.alert_states,
)
#: Days up to ``as_of_day`` whose alerts are counted.
_ALERT_DAYS = 7

_PRODUCT = ["marketplace", "asin"]
_FEATURES = (
    "last_captured_at",
    "currency",
    "price",
    "price_missing_reason",
    "price_change_7d",
    "primary_rank",
    "rating",
    "rating_count",
    "availability",
    "seller",
)


def rebuild_product_summaries(
    warehouse: Warehouse,
    only: frozenset[ProductKey] | None,
    *,
    run_id: str | None = None,
    observer: CommitObserver | None = None,
) -> PublishedBuild:
    """Publishes ``fact_product_summaries`` for these products, or for all that are tracked, and
    before them what search finds them by.

    A product that was never captured has a row of its key and label. ``observer`` is told what
    changes (see ``cached_summaries``). Raises ``AuditFailedError``
    when a row says what cannot be.
    """
    table = tables.product_summaries
    with warehouse.writer_lock(table, None, None):
        listings = pending_listings(warehouse)
        rows, newest = _summaries(warehouse, only)
        index_listings(warehouse, rows, only, listings, run_id=run_id)
        return publish(
            warehouse,
            table,
            rows,
            covers=of_products(table, only),
            scope=None,
            audits=(audit_summaries, lambda frame: audit_completeness(frame, newest)),
            code_version=SUMMARIES_VERSION,
            run_id=run_id,
            observer=observer,
        )


def changed_product_keys(warehouse: Warehouse, build: PublishedBuild) -> list[ProductKey]:
    """The products whose row the build wrote, replaced or removed, in order."""
    table = tables.product_summaries
    query = (
        select(table.c.marketplace, table.c.asin)
        .where(
            or_(
                table.c.build_id == build.build_id,
                table.c.superseded_at == build.published_at,
            )
        )
        .distinct()
        .order_by(table.c.marketplace, table.c.asin)
    )
    with warehouse.read() as connection:
        return [ProductKey(*row) for row in connection.execute(query)]


def audit_summaries(summaries: pd.DataFrame) -> Iterable[AuditFinding]:
    """What must hold before summaries are published."""
    never = summaries["as_of_day"].isna()
    wrong = int((never & (summaries["price"].notna() | summaries["rating"].notna())).sum())
    yield AuditFinding(
        "values_have_a_day", wrong == 0, f"{wrong} rows have values and no day of features"
    )
    unnamed = int((summaries["price"].notna() & summaries["currency"].isna()).sum())
    yield AuditFinding("prices_have_a_currency", unnamed == 0, f"{unnamed} prices have none")
    score = summaries["overall_score"]
    wrong = int(((score < 0) | (score > 100)).sum())
    yield AuditFinding("overall_score_is_0_to_100", wrong == 0, f"{wrong} rows are not")


def audit_completeness(summaries: pd.DataFrame, newest: pd.DataFrame) -> Iterable[AuditFinding]:
    """What an empty build lacks: tracked products with features of the ``newest`` day (marketplace,
    asin, day) show that day, and the price that these have."""
    shown = newest.merge(summaries, on=_PRODUCT, suffixes=("_known", ""))
    wrong = int((shown["as_of_day"] != shown["day"]).fillna(value=True).sum())
    yield AuditFinding(
        "summaries_show_the_newest_day", wrong == 0, f"{wrong} of {len(shown)} do not"
    )
    wrong = int((shown["price_known"].notna() & shown["price"].isna()).sum())
    yield AuditFinding("summaries_show_known_prices", wrong == 0, f"{wrong} do not")


def _summaries(
    warehouse: Warehouse, only: frozenset[ProductKey] | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One row for each tracked product, all parts read in one consistent view; and products with
    their price of the newest day with features, for the audit."""
    products = tables.products
    with warehouse.read() as connection:
        rows = warehouse.read_frame(
            select(products.c.marketplace, products.c.asin, products.c.label).where(
                of_products(products, only)
            ),
            connection,
        )
        parts = (
            _last_features(warehouse, connection, only),
            _last_snapshots(warehouse, connection, only),
            _best_scores(warehouse, connection, only),
            _open_alerts(warehouse, connection, only),
        )
        for part in parts:
            rows = rows.merge(part, on=_PRODUCT, how="left")
        recent = _recent_alerts(warehouse, connection, only, rows)
        features = tables.product_features
        newest = warehouse.read_frame(
            select_current(
                features,
                *(features.c[name] for name in ("marketplace", "asin", "day", "price")),
            ).where(
                features.c.day
                == select(func.max(features.c.day)).where(is_current(features)).scalar_subquery(),
                of_products(features, only),
            ),
            connection,
        )
    rows = rows.merge(recent, on=_PRODUCT, how="left")
    # Features may not have been rebuilt since the capture; what is known of it is shown.
    rows["last_captured_at"] = rows["last_captured_at"].fillna(rows.pop("captured_at"))
    counts = ["open_alerts", "alerts_7d"]
    rows[counts] = rows[counts].astype("Int64").fillna(0)
    return rows, newest


def _last_features(
    warehouse: Warehouse, connection: Connection, only: frozenset[ProductKey] | None
) -> pd.DataFrame:
    """Each product's newest features, and the category of their rank."""
    table, ranks = tables.product_features, tables.rank_features
    query = _last_rows(
        table,
        table.c.day,
        only,
        table.c.day.label("as_of_day"),
        *(table.c[name] for name in _FEATURES),
        ranks.c.category.label("primary_rank_category"),
    ).outerjoin(
        ranks,
        and_(
            ranks.c.marketplace == table.c.marketplace,
            ranks.c.asin == table.c.asin,
            ranks.c.day == table.c.day,
            ranks.c.node_key == table.c.primary_rank_node,
            is_current(ranks),
        ),
    )
    return warehouse.read_frame(query, connection)


def _last_snapshots(
    warehouse: Warehouse, connection: Connection, only: frozenset[ProductKey] | None
) -> pd.DataFrame:
    """Title and brand at each product's last capture that knows a title (an import may not)."""
    table = tables.product_snapshots
    columns = (table.c.captured_at, table.c.title, table.c.brand)
    titled = table.c.title.is_not(None)
    query = _last_rows(
        table, table.c.captured_at, only, *columns, table.c.page_id, condition=titled
    ).where(titled)
    frame = warehouse.read_frame(query, connection)
    # Two providers may have captured in the same instant: the same one is taken each time.
    frame = frame.sort_values("page_id").drop_duplicates(_PRODUCT, keep="last")
    return frame.drop(columns="page_id")


def _best_scores(
    warehouse: Warehouse, connection: Connection, only: frozenset[ProductKey] | None
) -> pd.DataFrame:
    """The best overall score of each product's last scored day; of equal ones the group whose id
    comes first."""
    table = tables.competitive_scores
    standard = table.c.method == Method.STANDARD.value
    query = _last_rows(
        table,
        table.c.day,
        only,
        table.c.overall_score,
        table.c.group_id.label("best_group_id"),
        condition=and_(standard, table.c.overall_score.is_not(None)),
    ).where(standard, table.c.overall_score.is_not(None))
    frame = warehouse.read_frame(query, connection)
    frame = frame.sort_values(["overall_score", "best_group_id"], ascending=[False, True])
    return frame.drop_duplicates(_PRODUCT)


def _open_alerts(
    warehouse: Warehouse, connection: Connection, only: frozenset[ProductKey] | None
) -> pd.DataFrame:
    """How many rules' last state is that their condition holds."""
    table = tables.alert_states
    last = (
        select(
            table.c.rule_id,
            table.c.marketplace,
            table.c.asin,
            func.max(table.c.day).label("last_day"),
        )
        .where(is_current(table), of_products(table, only))
        .group_by(table.c.rule_id, table.c.marketplace, table.c.asin)
        .subquery()
    )
    query = (
        select_current(table, table.c.marketplace, table.c.asin, func.count().label("open_alerts"))
        .join(
            last,
            and_(
                last.c.rule_id == table.c.rule_id,
                last.c.marketplace == table.c.marketplace,
                last.c.asin == table.c.asin,
                last.c.last_day == table.c.day,
            ),
        )
        .where(table.c.is_active)
        .group_by(table.c.marketplace, table.c.asin)
    )
    return warehouse.read_frame(query, connection)


def _recent_alerts(
    warehouse: Warehouse,
    connection: Connection,
    only: frozenset[ProductKey] | None,
    rows: pd.DataFrame,
) -> pd.DataFrame:
    """Alerts of the days up to each product's ``as_of_day``."""
    table = tables.alerts
    week = pd.Timedelta(days=_ALERT_DAYS)
    query = select_current(
        table, table.c.alert_id, table.c.marketplace, table.c.asin, table.c.day
    ).where(of_products(table, only))
    if rows["as_of_day"].notna().any():
        query = query.where(table.c.day > (rows["as_of_day"].min() - week).date())
    alerts = warehouse.read_frame(query, connection)
    alerts = alerts.merge(rows[[*_PRODUCT, "as_of_day"]], on=_PRODUCT)
    counted = (alerts["day"] <= alerts["as_of_day"]) & (alerts["day"] > alerts["as_of_day"] - week)
    return alerts[counted].groupby(_PRODUCT, as_index=False).agg(alerts_7d=("alert_id", "size"))


def _last_rows(
    table: Table,
    moment: ColumnElement[Any],
    only: frozenset[ProductKey] | None,
    *columns: ColumnElement[Any],
    condition: ColumnElement[bool] | None = None,
) -> Select[Any]:
    """marketplace, asin and the columns of each product's rows with the highest ``moment``."""
    standing = and_(is_current(table), of_products(table, only))
    considered = standing if condition is None else and_(standing, condition)
    last = (
        select(table.c.marketplace, table.c.asin, func.max(moment).label("moment"))
        .where(considered)
        .group_by(table.c.marketplace, table.c.asin)
        .subquery()
    )
    return (
        select_current(table, table.c.marketplace, table.c.asin, *columns)
        .select_from(table)
        .join(
            last,
            and_(
                last.c.marketplace == table.c.marketplace,
                last.c.asin == table.c.asin,
                last.c.moment == moment,
            ),
        )
    )
