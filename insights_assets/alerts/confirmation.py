"""Second captures: a stock-out that was seen once is confirmed, or not, by a page of its own.

A rule that waits for captures in a row out of stock asks for the second one as soon as the first
is known. It asks once for each first capture, whatever becomes of the request.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import pandas as pd
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from insights_assets.alerts.conditions import Level, single_tests
from insights_assets.alerts.evaluation import Members
from insights_assets.alerts.rules import Rule
from insights_resources.marketplaces import ProductKey
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import select_current
from insights_resources.warehouse.row_conditions import in_scope

_KEY = ("marketplace", "asin")
_MEASURE = "out_of_stock_captures"
#: An older first capture waits for the next one that is made anyway.
_RECENT = timedelta(days=1)


def waits_for_captures(rule: Rule) -> bool:
    """Whether the rule holds only after more than one capture in a row out of stock."""
    return any(
        isinstance(test, Level)
        and test.measure.name == _MEASURE
        and not test.is_upper
        and test.bound > 1
        for test in single_tests(rule.condition)
    )


def request_confirmations(
    warehouse: Warehouse, rules: Iterable[Rule], scope: Scope, now: datetime
) -> list[ProductKey]:
    """Leaves a request for a second capture of each product that one capture shows out of stock.

    The products are those of the scope that are tracked, whose last capture by ``now`` is at most
    a day old and the first of its run out of stock, and that such a rule applies to. A scope that
    ends before today asks for nothing. Returns the products that were not asked for before.
    """
    waiting = [rule for rule in rules if waits_for_captures(rule)]
    today = now.date()
    if not waiting or scope.last_day < today:
        return []
    features, products = tables.product_features, tables.products
    seen_once = warehouse.read_frame(
        select_current(
            features, *(features.c[name] for name in (*_KEY, "day", "last_captured_at"))
        ).where(
            in_scope(features, Scope(today, today, scope.products)),
            features.c.out_of_stock_captures == 1,
            features.c.availability.in_(["out_of_stock", "unavailable"]),
            features.c.last_captured_at >= now - _RECENT,
            select(products.c.asin)
            .where(*(products.c[name] == features.c[name] for name in _KEY), products.c.is_active)
            .exists(),
        )
    )
    if seen_once.empty:
        return []
    members = Members(warehouse, waiting)
    rows = []
    for rule in waiting:
        applies = members.applies(rule, seen_once)
        concerned = seen_once if applies is None else seen_once[applies]
        captures = zip(*(concerned[name] for name in (*_KEY, "last_captured_at")), strict=True)
        rows += [
            {
                "marketplace": marketplace,
                "asin": asin,
                "requested_at": now,
                "requested_by": rule.rule_id,
                "status": "pending",
                "confirms_capture_at": pd.Timestamp(captured_at).to_pydatetime(),
            }
            for marketplace, asin, captured_at in captures
        ]
    return _leave(warehouse, rows)


def _leave(warehouse: Warehouse, rows: list[dict[str, object]]) -> list[ProductKey]:
    """Adds the requests that are not there yet; those of products that wait anyway are left out."""
    table = tables.tracking_requests
    dialect_insert = postgresql.insert if warehouse.is_postgres else sqlite.insert
    statement = (
        dialect_insert(table)
        .on_conflict_do_nothing(index_elements=[*_KEY, "confirms_capture_at"])
        .returning(table.c.marketplace, table.c.asin)
    )
    with warehouse.begin() as connection:
        pending = select(table.c.marketplace, table.c.asin).where(table.c.status == "pending")
        waiting = {ProductKey(*row) for row in connection.execute(pending)}
        added: list[ProductKey] = []
        for row in rows:
            key = ProductKey(str(row["marketplace"]), str(row["asin"]))
            if key not in waiting and connection.execute(statement, row).first() is not None:
                added.append(key)
    return added
