"""Product summaries and marts on both engines."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import insert, text, update

from insights_assets.competition.rebuild import rebuild_scores
from insights_assets.features.rebuild import rebuild_product_features, rebuild_rank_features
from insights_assets.serving.marts import MARTS, create_marts, read_mart
from insights_assets.serving.product_summaries import (
    changed_product_keys,
    rebuild_product_summaries,
)
from insights_resources.marketplaces import ProductKey
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.contract_views import contract_relation
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import publish, select_current
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
    rebuild_product_features(warehouse, SCOPE)
    rebuild_rank_features(warehouse, SCOPE)
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


@pytest.fixture
def tracked(warehouse: Warehouse) -> Warehouse:
    """Three captured products in a group and one that was never captured."""
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
    return warehouse


def summaries(warehouse: Warehouse) -> pd.DataFrame:
    frame = warehouse.read_frame(select_current(tables.product_summaries))
    return frame.set_index("asin").sort_index()


def test_one_row_a_product_with_the_latest_of_everything(tracked: Warehouse) -> None:
    store_alerts(
        tracked,
        [DAY, DAY - timedelta(days=6), DAY - timedelta(days=7)],
        [DAY - timedelta(days=7), DAY - timedelta(days=6), DAY],
    )
    build = rebuild_product_summaries(tracked, None)
    assert build.row_count == 4
    row = summaries(tracked).loc[ASINS[0]]
    assert row["title"] == f"Kettle 0 on {DAY}"
    assert row["as_of_day"] == pd.Timestamp(DAY)
    assert row["last_captured_at"] == at(DAY)
    assert (row["price"], row["currency"]) == (1000, "EUR")
    assert (row["primary_rank"], row["primary_rank_category"]) == (100, "Home")
    assert row["overall_score"] > 50
    # Both groups give it the same score: the one that comes first is named.
    assert row["best_group_id"] == "all-things"
    # The day a week before is not among the last seven.
    assert (row["alerts_7d"], row["open_alerts"]) == (2, 1)


def test_a_state_that_became_false_again_is_not_open(tracked: Warehouse) -> None:
    store_alerts(tracked, [DAY], [DAY - timedelta(days=1), DAY])
    rebuild_product_summaries(tracked, None)
    assert summaries(tracked).loc[ASINS[0], "open_alerts"] == 0


def test_a_product_never_captured_has_a_row_of_its_name(tracked: Warehouse) -> None:
    rebuild_product_summaries(tracked, None)
    row = summaries(tracked).loc[NEVER]
    assert row["label"] == "Not seen yet"
    assert (row["open_alerts"], row["alerts_7d"]) == (0, 0)
    unknown = row.drop(["marketplace", "label", "open_alerts", "alerts_7d"])
    assert unknown.isna().all()


def test_only_what_changed_is_written_and_named(tracked: Warehouse) -> None:
    first = rebuild_product_summaries(tracked, None)
    assert len(changed_product_keys(tracked, first)) == 4
    again = rebuild_product_summaries(tracked, None)
    assert (again.rows_added, again.rows_changed, again.rows_removed) == (0, 0, 0)
    assert changed_product_keys(tracked, again) == []
    captures = history()
    captures[len(captures) // 3 - 1]["title"] = "Kettle with a new name"
    store(tracked, captures)
    build = rebuild_product_summaries(tracked, None)
    assert changed_product_keys(tracked, build) == [ProductKey(MARKETPLACE, ASINS[0])]
    assert summaries(tracked).loc[ASINS[0], "title"] == "Kettle with a new name"


def test_a_scope_leaves_other_products_alone(tracked: Warehouse) -> None:
    rebuild_product_summaries(tracked, None)
    with tracked.begin() as connection:
        connection.execute(update(tables.products).values(label="renamed"))
    one = ProductKey(MARKETPLACE, ASINS[1])
    build = rebuild_product_summaries(tracked, frozenset({one}))
    assert changed_product_keys(tracked, build) == [one]
    labels = summaries(tracked)["label"]
    assert labels[ASINS[1]] == "renamed"
    assert pd.isna(labels[ASINS[0]])


def test_a_product_that_is_tracked_no_more_loses_its_row(tracked: Warehouse) -> None:
    rebuild_product_summaries(tracked, None)
    with tracked.begin() as connection:
        connection.execute(tables.products.delete().where(tables.products.c.asin == NEVER))
    build = rebuild_product_summaries(tracked, None)
    assert build.rows_removed == 1
    assert changed_product_keys(tracked, build) == [ProductKey(MARKETPLACE, NEVER)]


def test_marts_are_made_and_made_again(tracked: Warehouse) -> None:
    store_alerts(tracked, [DAY, DAY - timedelta(days=6)], [DAY])
    rebuild_product_summaries(tracked, None)
    counts = create_marts(tracked)
    assert list(counts) == list(MARTS)
    days = len(list(SCOPE.days))
    assert counts["mart_price_history_daily"] == 3 * days
    assert counts["mart_group_leaderboard"] == 2 * 3 * days
    assert counts["mart_product_overview"] == 4
    assert counts["mart_alert_summary"] == 2
    assert create_marts(tracked) == counts


def test_marts_give_money_in_units_of_the_currency(tracked: Warehouse) -> None:
    rebuild_product_summaries(tracked, None)
    create_marts(tracked)
    relation = contract_relation(tracked, "mart_product_overview")
    with tracked.read() as connection:
        query = text(f"SELECT asin, price, groups FROM {relation} ORDER BY asin")  # noqa: S608
        rows = {row.asin: row for row in connection.execute(query)}
    assert float(rows[ASINS[0]].price) == 10.0
    assert rows[ASINS[0]].groups == 2
    assert rows[NEVER].price is None


def test_the_leaderboard_knows_the_place_before(tracked: Warehouse) -> None:
    rebuild_product_summaries(tracked, None)
    create_marts(tracked)
    relation = contract_relation(tracked, "mart_group_leaderboard")
    with tracked.read() as connection:
        query = text(
            f"SELECT position, position_before FROM {relation} "  # noqa: S608
            "WHERE is_latest_day = 1 AND group_id = 'kettles' ORDER BY position"
        )
        rows = [tuple(row) for row in connection.execute(query)]
    assert rows == [(1, 1), (2, 2), (3, 3)]


def test_marts_of_an_empty_warehouse(warehouse: Warehouse) -> None:
    assert set(create_marts(warehouse).values()) == {0}


def test_columns_carry_their_meaning(postgres_warehouse: Warehouse) -> None:
    create_marts(postgres_warehouse)
    with postgres_warehouse.read() as connection:
        for name in MARTS:
            query = text(
                "SELECT attname, col_description(attrelid, attnum) FROM pg_attribute "
                "WHERE attrelid = CAST(:view AS regclass) AND attnum > 0"
            )
            stored = {
                row[0]: row[1] for row in connection.execute(query, {"view": f"insights.{name}"})
            }
            assert stored == read_mart(name).columns
