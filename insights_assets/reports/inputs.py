"""What reports are made from, read for a whole scope at once."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import ColumnElement, Connection, Select, Table, and_, or_, select

from insights_assets.competition.formulas import Method
from insights_resources.marketplaces import ProductKey
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import is_current, select_current
from insights_resources.warehouse.row_conditions import of_products, one_of

#: Days of history that charts and the list of alerts show, up to the report's day.
HISTORY_DAYS = 30
#: Days before a report's day in which the last report is looked for, to tell what has changed.
LAST_REPORT_DAYS = 7
#: Days before a report's day in which its products' titles are looked for.
_TITLE_DAYS = 37

Row = Mapping[str, Any]

#: Columns of ``fact_product_features`` that reports read.
FEATURES_READ = (
    "marketplace",
    "asin",
    "day",
    "observations",
    "currency",
    "price",
    "price_missing_reason",
    "price_change_7d",
    "price_change_30d",
    "list_price",
    "discount_from_list",
    "days_since_price_change",
    "primary_rank",
    "primary_rank_node",
    "primary_rank_log_change_7d",
    "rating",
    "rating_count",
    "ratings_gained_30d",
    "rating_change_30d",
    "availability",
    "in_stock_share_30d",
    "listing_quality",
    "listing_changed",
)
#: Columns of ``fact_competitive_scores`` that the comparison with the last report reads.
STANDING_READ = (
    "marketplace",
    "asin",
    "day",
    "group_id",
    "overall_score",
    "position",
    "coverage",
)
#: Columns of ``fact_product_snapshots`` that tell of Subscribe & Save.
SUBSCRIPTION_READ = (
    "marketplace",
    "asin",
    "day",
    "captured_at",
    "page_id",
    "currency",
    "subscribe_save_price",
)
_ALERTS = (
    "alert_id",
    "rule_id",
    "marketplace",
    "asin",
    "day",
    "severity",
    "message",
)


@dataclass(frozen=True)
class Membership:
    """A product in a group, from a day to a day (None: still)."""

    product: ProductKey
    valid_from: date
    valid_to: date | None

    def holds_on(self, day: date) -> bool:
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)


@dataclass
class ReportInputs:
    """Rows as dictionaries by their keys: missing is None, day a ``date``, money in hundredths."""

    groups: dict[str, str] = field(default_factory=dict)
    #: Industry template and locale of the groups that name one.
    templates: dict[str, str] = field(default_factory=dict)
    locales: dict[str, str] = field(default_factory=dict)
    memberships: dict[str, list[Membership]] = field(default_factory=lambda: defaultdict(list))
    labels: dict[ProductKey, str] = field(default_factory=dict)
    features: dict[tuple[ProductKey, date], Row] = field(default_factory=dict)
    scores: dict[tuple[str, date], list[Row]] = field(default_factory=lambda: defaultdict(list))
    #: Standard scores of the days before, as far as ``STANDING_READ``.
    standings: dict[tuple[str, date], dict[ProductKey, Row]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    alerts: dict[ProductKey, list[Row]] = field(default_factory=lambda: defaultdict(list))
    #: The last capture of the day that shows a Subscribe & Save price, as ``SUBSCRIPTION_READ``.
    subscriptions: dict[tuple[ProductKey, date], Row] = field(default_factory=dict)
    _titles: dict[ProductKey, tuple[list[date], list[str]]] = field(default_factory=dict)

    def members(self, group_id: str, day: date) -> list[ProductKey]:
        """The group's products on that day, in order."""
        return sorted({m.product for m in self.memberships[group_id] if m.holds_on(day)})

    def last_report(self, group_id: str, day: date) -> date | None:
        """The last day before with scores, and so with a report; None: none is near enough."""
        earlier = (day - timedelta(days=back) for back in range(1, LAST_REPORT_DAYS + 1))
        return next((each for each in earlier if (group_id, each) in self.standings), None)

    def title(self, product: ProductKey, day: date) -> tuple[date, str] | None:
        """Day and title of the last capture by the end of the day; None: none in its history."""
        days, titles = self._titles.get(product, ([], []))
        place = bisect_right(days, day)
        return (days[place - 1], titles[place - 1]) if place else None

    def add_titles(self, rows: Sequence[Row]) -> None:
        """Titles in the order of their captures."""
        for row in rows:
            days, titles = self._titles.setdefault(_product(row), ([], []))
            days.append(row["day"])
            titles.append(row["title"])


def groups_in_scope(warehouse: Warehouse, scope: Scope) -> list[str]:
    """The active groups to report: with a member in the scope, or with a report of before in it
    (of its products: with one of them as a member)."""
    groups, members = tables.competitive_groups, tables.group_members
    reports = tables.competitive_reports
    joined = select(members.c.group_id).where(
        _overlaps(scope), of_products(members, scope.products)
    )
    active = select(groups.c.group_id).where(groups.c.is_active)
    with warehouse.read() as connection:
        found = set(connection.scalars(joined))
        if scope.products is None:
            found |= set(
                connection.scalars(
                    select(reports.c.group_id).where(
                        is_current(reports), reports.c.day.between(scope.first_day, scope.last_day)
                    )
                )
            )
        return sorted(found & set(connection.scalars(active)))


def read_inputs(warehouse: Warehouse, scope: Scope, groups: Sequence[str]) -> ReportInputs:
    """All that the reports of these groups on the scope's days are made from, in one view."""
    inputs = ReportInputs()
    with warehouse.read() as connection:
        _read_groups(inputs, connection, scope, groups)
        history = scope.first_day - timedelta(days=HISTORY_DAYS - 1)
        for row in _rows(
            warehouse,
            connection,
            _of_members(tables.product_features, FEATURES_READ, groups),
            history,
            scope.last_day,
        ):
            inputs.features[_product(row), row["day"]] = row
        scores = tables.competitive_scores
        for row in _rows(
            warehouse,
            connection,
            select_current(scores).where(one_of(scores.c.group_id, groups)),
            scope.first_day,
            scope.last_day,
        ):
            inputs.scores[row["group_id"], row["day"]].append(row)
        standings = select_current(scores, *(scores.c[name] for name in STANDING_READ)).where(
            one_of(scores.c.group_id, groups), scores.c.method == Method.STANDARD.value
        )
        for row in _rows(
            warehouse,
            connection,
            standings,
            scope.first_day - timedelta(days=LAST_REPORT_DAYS),
            scope.last_day,
        ):
            inputs.standings[row["group_id"], row["day"]][_product(row)] = row
        for row in _rows(
            warehouse,
            connection,
            _of_members(tables.alerts, _ALERTS, groups),
            history,
            scope.last_day,
        ):
            inputs.alerts[_product(row)].append(row)
        snapshots = tables.product_snapshots
        titles = _of_members(
            snapshots, ("marketplace", "asin", "day", "captured_at", "page_id", "title"), groups
        )
        # An imported history may know no title: the last one known stands.
        titles = titles.where(snapshots.c.title.is_not(None)).order_by(
            snapshots.c.captured_at, snapshots.c.page_id
        )
        first = scope.first_day - timedelta(days=_TITLE_DAYS)
        inputs.add_titles(_rows(warehouse, connection, titles, first, scope.last_day))
        subscriptions = (
            _of_members(snapshots, SUBSCRIPTION_READ, groups)
            .where(snapshots.c.subscribe_save_price.is_not(None))
            .order_by(snapshots.c.captured_at, snapshots.c.page_id)
        )
        for row in _rows(warehouse, connection, subscriptions, scope.first_day, scope.last_day):
            inputs.subscriptions[_product(row), row["day"]] = row
    return inputs


def _read_groups(
    inputs: ReportInputs, connection: Connection, scope: Scope, groups: Sequence[str]
) -> None:
    table, members, products = tables.competitive_groups, tables.group_members, tables.products
    for row in connection.execute(
        select(table.c.group_id, table.c.name, table.c.template, table.c.locale).where(
            one_of(table.c.group_id, groups)
        )
    ):
        inputs.groups[row.group_id] = row.name
        if row.template is not None:
            inputs.templates[row.group_id] = row.template
        if row.locale is not None:
            inputs.locales[row.group_id] = row.locale
    for row in connection.execute(
        select(members, products.c.label)
        .outerjoin(
            products,
            and_(
                products.c.marketplace == members.c.marketplace,
                products.c.asin == members.c.asin,
            ),
        )
        .where(one_of(members.c.group_id, groups), _overlaps(scope))
    ):
        product = ProductKey(row.marketplace, row.asin)
        inputs.memberships[row.group_id].append(Membership(product, row.valid_from, row.valid_to))
        if row.label:
            inputs.labels[product] = row.label


def _overlaps(scope: Scope) -> ColumnElement[bool]:
    members = tables.group_members
    return and_(
        members.c.valid_from <= scope.last_day,
        or_(members.c.valid_to.is_(None), members.c.valid_to >= scope.first_day),
    )


def _of_members(table: Table, columns: Sequence[str], groups: Sequence[str]) -> Select[Any]:
    members = tables.group_members
    is_member = (
        select(members.c.asin)
        .where(
            members.c.marketplace == table.c.marketplace,
            members.c.asin == table.c.asin,
            one_of(members.c.group_id, groups),
        )
        .exists()
    )
    return select_current(table, *(table.c[name] for name in columns)).where(is_member)


def _rows(
    warehouse: Warehouse, connection: Connection, query: Select[Any], first: date, last: date
) -> list[Row]:
    day = query.selected_columns["day"]
    frame = warehouse.read_frame(query.where(day.between(first, last)), connection)
    columns = {
        str(name): (
            [value.date() for value in series]
            if name == "day"
            else [
                None if missing else value
                for value, missing in zip(series.astype(object), pd.isna(series), strict=True)
            ]
        )
        for name, series in frame.items()
    }
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


def _product(row: Row) -> ProductKey:
    return ProductKey(row["marketplace"], row["asin"])
