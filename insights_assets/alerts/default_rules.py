"""The rules that every warehouse starts with, and how they get there."""

from __future__ import annotations

import math
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite

from insights_assets.alerts.rules import Kind, Rule, Severity, Step
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse

#: Source of the rows that the platform owns.
DEFAULT_SOURCE = "default"


def _ladder(*steps: tuple[float, Severity]) -> tuple[Step, ...]:
    return tuple(Step(at_least, severity) for at_least, severity in steps)


DEFAULT_RULES: tuple[Rule, ...] = (
    Rule(
        "price-move",
        "Price moved against its 7-day mean",
        Kind.PRICE_MOVE,
        0.10,
        _ladder((0.0, Severity.INFO), (0.20, Severity.WARNING), (0.35, Severity.CRITICAL)),
    ),
    Rule(
        "rank-move",
        "Best Sellers Rank moved against its 7-day median",
        Kind.RANK_MOVE,
        math.log(1.5),
        _ladder(
            (0.0, Severity.INFO), (math.log(2), Severity.WARNING), (math.log(4), Severity.CRITICAL)
        ),
    ),
    Rule(
        "rating-drop",
        "Rating fell within 30 days",
        Kind.RATING_DROP,
        0.3,
        _ladder((0.0, Severity.WARNING), (0.5, Severity.CRITICAL)),
    ),
    Rule(
        "out-of-stock",
        "Out of stock, confirmed by a second capture",
        Kind.OUT_OF_STOCK,
        2.0,
        _ladder((0.0, Severity.CRITICAL)),
    ),
    Rule(
        "back-in-stock",
        "Back in stock after a confirmed stock-out",
        Kind.BACK_IN_STOCK,
        2.0,
        _ladder((0.0, Severity.INFO)),
    ),
    Rule(
        "seller-changed",
        "Buy-box seller changed",
        Kind.SELLER_CHANGED,
        None,
        _ladder((0.0, Severity.WARNING)),
    ),
    Rule(
        "price-sigma",
        "Price move beyond what is usual for the product",
        Kind.PRICE_SIGMA,
        2.0,
        _ladder((0.0, Severity.INFO), (3.0, Severity.WARNING), (5.0, Severity.CRITICAL)),
    ),
)


def sync_default_rules(warehouse: Warehouse) -> None:
    """Adds the default rules, and brings those whose source is still ``default`` up to date.

    ``is_enabled`` of a rule that exists stays as it is, and so does the whole of a rule whose
    source is somebody else.
    """
    table = tables.alert_rules
    rows: list[dict[str, Any]] = [
        {
            "rule_id": rule.rule_id,
            "name": rule.name,
            "kind": str(rule.kind),
            "threshold": rule.threshold,
            "severities": [
                {"at_least": step.at_least, "severity": str(step.severity)}
                for step in rule.severities
            ],
            "is_enabled": True,
            "source": DEFAULT_SOURCE,
        }
        for rule in DEFAULT_RULES
    ]
    dialect_insert: Any = postgresql.insert if warehouse.is_postgres else sqlite.insert
    statement = dialect_insert(table)
    statement = statement.on_conflict_do_update(
        index_elements=["rule_id"],
        set_={
            name: statement.excluded[name] for name in ("name", "kind", "threshold", "severities")
        },
        where=table.c.source == DEFAULT_SOURCE,
    )
    with warehouse.begin() as connection:
        connection.execute(statement, rows)
