"""The rules that every warehouse starts with, and how they get there."""

from __future__ import annotations

from typing import Any

from sqlalchemy.dialects import postgresql, sqlite

from insights_assets.alerts.rules import Rule
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse

#: Source of the rows that the platform owns.
DEFAULT_SOURCE = "default"


def _row(
    rule_id: str,
    name: str,
    condition: dict[str, Any],
    severities: list[dict[str, Any]],
    creep: float | None = None,
) -> dict[str, Any]:
    return {
        "rule_id": rule_id,
        "name": name,
        "condition": condition,
        "applies_to": None,
        "severities": severities,
        "creep": creep,
    }


#: The rows' columns but for ``is_enabled`` and ``source``.
DEFAULT_ROWS: tuple[dict[str, Any], ...] = (
    _row(
        "price-move",
        "Price moved against its 7-day mean",
        {"measure": "price", "against": "mean_7d", "change": "percent", "at_least": 10},
        [
            {"at_least": 0, "severity": "info"},
            {"at_least": 20, "severity": "warning"},
            {"at_least": 35, "severity": "critical"},
        ],
        creep=10,
    ),
    _row(
        "rank-move",
        "Best Sellers Rank moved against its 7-day median",
        {"measure": "primary_rank", "against": "median_7d", "change": "factor", "at_least": 1.5},
        [
            {"at_least": 1, "severity": "info"},
            {"at_least": 2, "severity": "warning"},
            {"at_least": 4, "severity": "critical"},
        ],
        creep=1.5,
    ),
    _row(
        "rating-drop",
        "Rating fell within 30 days",
        {
            "measure": "rating",
            "against": "30d_ago",
            "change": "absolute",
            "at_least": 0.3,
            "direction": "down",
        },
        [{"at_least": 0, "severity": "warning"}, {"at_least": 0.5, "severity": "critical"}],
        creep=0.3,
    ),
    _row(
        "out-of-stock",
        "Out of stock, confirmed by a second capture",
        {"measure": "out_of_stock_captures", "at_least": 2},
        [{"at_least": 0, "severity": "critical"}],
    ),
    _row(
        "back-in-stock",
        "Back in stock after a confirmed stock-out",
        {"event": "back_in_stock", "after_captures": 2},
        [{"severity": "info"}],
    ),
    _row(
        "seller-changed",
        "Buy-box seller changed",
        {"event": "seller_changed"},
        [{"severity": "warning"}],
    ),
    _row(
        "price-sigma",
        "Price move beyond what is usual for the product",
        {"measure": "price", "change": "sigma", "at_least": 2},
        [
            {"at_least": 0, "severity": "info"},
            {"at_least": 3, "severity": "warning"},
            {"at_least": 5, "severity": "critical"},
        ],
    ),
)

DEFAULT_RULES: tuple[Rule, ...] = tuple(map(Rule.of_row, DEFAULT_ROWS))


def sync_default_rules(warehouse: Warehouse) -> None:
    """Adds the default rules, and brings those whose source is still ``default`` up to date.

    ``is_enabled`` of a rule that exists stays as it is, and so does the whole of a rule whose
    source is somebody else.
    """
    table = tables.alert_rules
    rows = [{**row, "is_enabled": True, "source": DEFAULT_SOURCE} for row in DEFAULT_ROWS]
    dialect_insert: Any = postgresql.insert if warehouse.is_postgres else sqlite.insert
    statement = dialect_insert(table)
    statement = statement.on_conflict_do_update(
        index_elements=["rule_id"],
        set_={name: statement.excluded[name] for name in DEFAULT_ROWS[0] if name != "rule_id"},
        where=table.c.source == DEFAULT_SOURCE,
    )
    with warehouse.begin() as connection:
        connection.execute(statement, rows)
