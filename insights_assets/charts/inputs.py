"""What charts show, read from the warehouse.

A day's value is that of its last capture. A value that features carry over from an earlier day is
not shown: a day without a capture is a gap.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, func, select

from insights_assets.competition.formulas import Method
from insights_assets.competition.group_day import product_names, require_group
from insights_resources.errors import InvalidInputError
from insights_resources.marketplaces import ProductKey
from insights_resources.warehouse import tables
from insights_resources.warehouse.consumer_reads import read_for_consumers
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import is_current
from insights_resources.warehouse.row_conditions import of_products

#: Days that charts show where nobody says how many.
DEFAULT_DAYS = 30
#: Days that charts can show: more than two years of days cannot be told apart.
MOST_DAYS = 800

Row = dict[str, Any]


@dataclass
class ProductHistory:
    """A product's captured days of a span: one value for each of ``days``, None where it is
    missing. Amounts are in currency units. ``ranks`` has a list for each node by its key, in the
    order of the page's last day, ``categories`` the nodes' names."""

    product: ProductKey
    name: str | None
    days: Sequence[date]
    currency: str | None = None
    prices: list[float | None] = field(default_factory=list)
    list_prices: list[float | None] = field(default_factory=list)
    is_out_of_stock: list[bool] = field(default_factory=list)
    has_coupon: list[bool] = field(default_factory=list)
    ranks: dict[str, list[float | None]] = field(default_factory=dict)
    categories: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class GroupScores:
    """The standard scores of a group on a day: rows of ``fact_competitive_scores``."""

    group_id: str
    group_name: str
    day: date
    rows: Sequence[Row]


@dataclass(frozen=True)
class ChartInputs:
    """All that the charts of a product or of a group show. ``scores`` is of the last scored day in
    the span of each group; ``names`` has what people call the products."""

    days: Sequence[date]
    histories: Sequence[ProductHistory]
    scores: Sequence[GroupScores]
    names: dict[ProductKey, str]
    group_name: str | None = None


#: The facts that charts are drawn from.
_READ = (
    tables.product_features,
    tables.rank_features,
    tables.product_snapshots,
    tables.competitive_scores,
    tables.product_summaries,
)


def read_product(
    warehouse: Warehouse,
    product: ProductKey,
    first: date | None = None,
    last: date | None = None,
    *,
    count: int = DEFAULT_DAYS,
) -> ChartInputs:
    """A product's days from ``first`` to ``last``, and the scores of the groups it was in.

    Without ``last`` they end with the last day that has features, without ``first`` they are
    ``count`` days.

    Raises ``InvalidInputError`` for a product, or a span of days, without anything captured.
    """
    return read_for_consumers(
        warehouse,
        _READ,
        lambda connection: _read_product(connection, product, first, last, count),
    )


def _read_product(
    connection: Connection,
    product: ProductKey,
    first: date | None,
    last: date | None,
    count: int,
) -> ChartInputs:
    features = tables.product_features
    own = and_(features.c.marketplace == product.marketplace, features.c.asin == product.asin)
    known = _span(connection, features, own)
    if known is None:
        raise InvalidInputError(
            f"nothing is known of {product}: capture it with insights track "
            f"{product.marketplace} {product.asin}"
        )
    days = _days(first, last, count, known, f"{product} has features")
    scores = tables.competitive_scores
    groups = connection.scalars(
        select(scores.c.group_id)
        .where(
            is_current(scores),
            scores.c.marketplace == product.marketplace,
            scores.c.asin == product.asin,
            scores.c.day.between(days[0], days[-1]),
        )
        .distinct()
        .order_by(scores.c.group_id)
    ).all()
    found = [_scores_of(connection, group_id, days) for group_id in groups]
    with_it = [each for each in found if each is not None and product in map(_product, each.rows)]
    names = product_names(
        connection, [product, *(_product(row) for each in with_it for row in each.rows)]
    )
    return ChartInputs(days, _histories(connection, [product], days, names), with_it, names)


def read_group(
    warehouse: Warehouse,
    group_id: str,
    first: date | None = None,
    last: date | None = None,
    *,
    count: int = DEFAULT_DAYS,
) -> ChartInputs:
    """The days of those who were a group's members on its last scored day among them, the best
    overall score first. Without ``last`` they end with the last day that has scores, without
    ``first`` they are ``count`` days.

    Raises ``InvalidInputError`` for a group that there is not, or days without a score of it.
    """
    return read_for_consumers(
        warehouse, _READ, lambda connection: _read_group(connection, group_id, first, last, count)
    )


def _read_group(
    connection: Connection, group_id: str, first: date | None, last: date | None, count: int
) -> ChartInputs:
    scores = tables.competitive_scores
    require_group(connection, group_id)
    known = _span(connection, scores, scores.c.group_id == group_id)
    if known is None:
        raise InvalidInputError(
            f"{group_id} has no score on any day; make them with insights backfill --from DAY"
        )
    days = _days(first, last, count, known, f"{group_id} has scores")
    found = _scores_of(connection, group_id, days)
    if found is None:
        raise InvalidInputError(
            f"{group_id} has no score from {days[0]} to {days[-1]}; it has scores from "
            f"{known[0]} to {known[1]}"
        )
    members = [_product(row) for row in found.rows]
    names = product_names(connection, members)
    return ChartInputs(
        days,
        _histories(connection, members, days, names),
        [found],
        names,
        group_name=found.group_name,
    )


def _span(
    connection: Connection, table: Table, of_subject: ColumnElement[bool]
) -> tuple[date, date] | None:
    """The first and the last day of its rows."""
    row = connection.execute(
        select(func.min(table.c.day), func.max(table.c.day)).where(is_current(table), of_subject)
    ).one()
    return None if row[0] is None else (row[0], row[1])


def _days(
    first: date | None, last: date | None, count: int, known: tuple[date, date], has: str
) -> Sequence[date]:
    until = last or (known[1] if first is None else max(known[1], first))
    since = first or until - timedelta(days=count - 1)
    if until < since:
        raise InvalidInputError(f"the last day, {until}, is before the first, {since}")
    size = (until - since).days + 1
    if size > MOST_DAYS:
        raise InvalidInputError(
            f"{since} to {until} are {size} days; a chart shows at most {MOST_DAYS}"
        )
    if until < known[0] or since > known[1]:
        raise InvalidInputError(
            f"nothing to show from {since} to {until}: {has} from {known[0]} to {known[1]}"
        )
    return [since + timedelta(days=number) for number in range(size)]


def _scores_of(connection: Connection, group_id: str, days: Sequence[date]) -> GroupScores | None:
    """The group's standard scores on its last scored day of these, the best first."""
    scores, groups = tables.competitive_scores, tables.competitive_groups
    of_group = and_(
        is_current(scores), scores.c.group_id == group_id, scores.c.method == Method.STANDARD.value
    )
    day = connection.scalar(
        select(func.max(scores.c.day)).where(of_group, scores.c.day.between(days[0], days[-1]))
    )
    if day is None:
        return None
    rows = [
        dict(row._mapping)
        for row in connection.execute(select(scores).where(of_group, scores.c.day == day))
    ]
    name = connection.scalar(select(groups.c.name).where(groups.c.group_id == group_id))
    ordered = sorted(
        rows,
        key=lambda row: (
            row["overall_score"] is None,
            -(row["overall_score"] or 0.0),
            _product(row),
        ),
    )
    return GroupScores(group_id, name or group_id, day, ordered)


def _product(row: Row) -> ProductKey:
    return ProductKey(row["marketplace"], row["asin"])


def _histories(
    connection: Connection,
    products: Sequence[ProductKey],
    days: Sequence[date],
    names: dict[ProductKey, str],
) -> list[ProductHistory]:
    """The products' histories, in their order."""
    features = _by_product(
        _read(
            connection,
            tables.product_features,
            ("currency", "price", "price_missing_reason", "list_price"),
            products,
            days,
            tables.product_features.c.observations > 0,
        )
    )
    ranks = _by_product(
        _read(
            connection,
            tables.rank_features,
            ("node_key", "category", "position", "rank"),
            products,
            days,
        )
    )
    coupons = _by_product(
        _read(
            connection,
            tables.product_snapshots,
            ("coupon",),
            products,
            days,
            tables.product_snapshots.c.coupon.is_not(None),
        )
    )
    return [
        _history(
            ProductHistory(product, names.get(product), days),
            {row["day"]: row for row in features.get(product, [])},
            ranks.get(product, []),
            {row["day"] for row in coupons.get(product, [])},
        )
        for product in products
    ]


def _history(
    history: ProductHistory, by_day: dict[date, Row], ranks: Sequence[Row], coupons: set[date]
) -> ProductHistory:
    captured = [by_day.get(day) for day in history.days]
    currencies = [row["currency"] for row in captured if row is not None and row["currency"]]
    history.currency = currencies[-1] if currencies else None
    for name, values in (("price", history.prices), ("list_price", history.list_prices)):
        values += [
            # Amounts in another currency are not of the same line.
            float(row[name])
            if row is not None and row[name] is not None and row["currency"] == history.currency
            else None
            for row in captured
        ]
    history.is_out_of_stock = [
        row is not None and row["price_missing_reason"] == "out_of_stock" for row in captured
    ]
    history.has_coupon = [day in coupons for day in history.days]
    places = {day: place for place, day in enumerate(history.days)}
    for row in sorted(ranks, key=lambda each: (each["day"], each["position"])):
        # A rank is carried for a week after its capture.
        if row["day"] not in by_day:
            continue
        line = history.ranks.setdefault(row["node_key"], [None] * len(history.days))
        line[places[row["day"]]] = float(row["rank"])
        history.categories[row["node_key"]] = row["category"]
    return history


def _read(
    connection: Connection,
    table: Table,
    columns: Iterable[str],
    products: Sequence[ProductKey],
    days: Sequence[date],
    *conditions: ColumnElement[bool],
) -> list[Row]:
    query = select(
        table.c.marketplace, table.c.asin, table.c.day, *(table.c[name] for name in columns)
    ).where(
        is_current(table),
        table.c.day.between(days[0], days[-1]),
        of_products(table, set(products)),
        *conditions,
    )
    return [dict(row._mapping) for row in connection.execute(query)]


def _by_product(rows: Sequence[Row]) -> dict[ProductKey, list[Row]]:
    found: dict[ProductKey, list[Row]] = {}
    for row in rows:
        found.setdefault(_product(row), []).append(row)
    return found
