"""Three captured products in a group, and one that was never captured."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import insert

from insights_assets.competition.rebuild import rebuild_scores
from insights_assets.features.rebuild import rebuild_features
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import publish
from tests.integration.stored_history import store_group, store_snapshots
from tests.unit.features.capture_histories import MARKETPLACE, at, capture

DAY = date(2026, 3, 10)
SCOPE = Scope(DAY - timedelta(days=8), DAY)
ASINS = [f"B00000000{n}" for n in range(3)]
NEVER = "B0NEVER000"
LONG_AFTER = datetime(2026, 6, 1, tzinfo=UTC)


def history(price_of_first: int = 1000) -> list[dict[str, Any]]:
    return [
        capture(
            at(day),
            asin=asin,
            title=f"Kettle {number} on {day}",
            price=(price_of_first if number == 0 else 1000 + 100 * number),
            rating=4.0 + number / 10,
            rating_count=100,
            bsr=[("Home", "11", 100 * (number + 1)), ("Kettles", "77", number + 1)],
        )
        for number, asin in enumerate(ASINS)
        for day in SCOPE.days
    ]


def store(warehouse: Warehouse, captures: list[dict[str, Any]]) -> None:
    store_snapshots(warehouse, captures)
    rebuild_features(warehouse, SCOPE)
    rebuild_scores(warehouse, SCOPE, now=LONG_AFTER)


def store_alerts(warehouse: Warehouse, days: list[date], active_from: list[date]) -> None:
    """Alerts of the first product, and a state that becomes active and false again in turn."""
    alerts = pd.DataFrame(
        {
            "alert_id": [f"alert-{n}" for n in range(len(days))],
            "rule_id": "price-move",
            "marketplace": MARKETPLACE,
            "asin": ASINS[0],
            "day": days,
            "transition": "fired",
            "severity": "warning",
            "value": 10.0,
            "baseline": 12.0,
            "magnitude": 0.2,
            "message": "The price fell.",
            "captured_at": [at(day) for day in days],
        }
    )
    states = pd.DataFrame(
        {
            "rule_id": "price-move",
            "marketplace": MARKETPLACE,
            "asin": ASINS[0],
            "day": active_from,
            "is_active": [n % 2 == 0 for n in range(len(active_from))],
            "last_alerted_value": 10.0,
        }
    )
    for table, frame in ((tables.alerts, alerts), (tables.alert_states, states)):
        publish(
            warehouse,
            table,
            frame,
            covers=table.c.day <= DAY,
            scope=SCOPE,
            code_version="test",
        )


def store_products(warehouse: Warehouse) -> None:
    """Products, two groups, and what is computed from their captures."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    with warehouse.begin() as connection:
        for asin in (*ASINS, NEVER):
            connection.execute(
                insert(tables.products).values(
                    marketplace=MARKETPLACE,
                    asin=asin,
                    label="Not seen yet" if asin == NEVER else None,
                    source="file",
                    is_active=True,
                    added_at=now,
                    last_updated_at=now,
                )
            )
    store_group(
        warehouse, "kettles", [(MARKETPLACE, asin, date(2026, 1, 1), None) for asin in ASINS]
    )
    store_group(
        warehouse, "all-things", [(MARKETPLACE, asin, date(2026, 1, 1), None) for asin in ASINS]
    )
    store(warehouse, history())
