"""Alerts rebuilt from published features, on both engines."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import delete, func, select, update

from insights_assets.alerts.default_rules import DEFAULT_RULES, sync_default_rules
from insights_assets.alerts.evaluation import alert_id
from insights_assets.alerts.rebuild import audit_alerts, rebuild_alerts
from insights_resources.errors import AuditFailedError, InvalidInputError
from insights_resources.marketplaces import ProductKey
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import PublishedBuild, publish, select_current
from tests.integration.stored_history import build_statuses
from tests.unit.alerts.feature_rows import ASIN, FIRST, MARKETPLACE, day, features, row

OTHER = "B0TEST0002"
LAST = day(6)
SCOPE = Scope(FIRST, LAST)


def store_features(
    warehouse: Warehouse, rows: Iterable[Mapping[str, Any]], scope: Scope = SCOPE
) -> PublishedBuild:
    """Makes these the features of the scope's days."""
    table = tables.product_features
    return publish(
        warehouse,
        table,
        features(rows),
        covers=table.c.day.between(scope.first_day, scope.last_day),
        scope=scope,
        code_version="test",
    )


def prices(*amounts: float | None, asin: str = ASIN, mean: float = 10.0) -> list[dict[str, Any]]:
    """A price for each day from the first, against the same mean; None: captured, no price."""
    return [
        row(
            number,
            asin=asin,
            price=None if amount is None else round(amount * 100),
            price_missing_reason="no_buy_box" if amount is None else None,
            price_mean_7d=mean,
        )
        for number, amount in enumerate(amounts)
    ]


def alerts(warehouse: Warehouse) -> pd.DataFrame:
    frame = warehouse.read_frame(select_current(tables.alerts))
    return frame.sort_values(["day", "rule_id", "asin"], ignore_index=True)


def states(warehouse: Warehouse) -> list[tuple[str, str, date, bool]]:
    frame = warehouse.read_frame(select_current(tables.alert_states))
    return sorted(
        (state.rule_id, state.asin, state.day.date(), bool(state.is_active))
        for state in frame.itertuples()
    )


def story(warehouse: Warehouse) -> list[tuple[date, str, str, str]]:
    return [
        (alert.day.date(), alert.rule_id, alert.asin, alert.transition)
        for alert in alerts(warehouse).itertuples()
    ]


def unchanged(*builds: PublishedBuild) -> bool:
    return all(
        (build.rows_added, build.rows_changed, build.rows_removed) == (0, 0, 0) for build in builds
    )


def set_enabled(warehouse: Warehouse, rule_id: str, *, enabled: bool) -> None:
    table = tables.alert_rules
    with warehouse.begin() as connection:
        connection.execute(
            update(table).where(table.c.rule_id == rule_id).values(is_enabled=enabled)
        )


# --- the rules' rows -----------------------------------------------------------------------------


def rule_rows(warehouse: Warehouse) -> dict[str, Any]:
    with warehouse.read() as connection:
        return {rule.rule_id: rule for rule in connection.execute(select(tables.alert_rules))}


def test_default_rules_are_added_once_and_stay_whose_they_are(warehouse: Warehouse) -> None:
    sync_default_rules(warehouse)
    rows = rule_rows(warehouse)
    assert set(rows) == {
        "price-move",
        "rank-move",
        "rating-drop",
        "out-of-stock",
        "back-in-stock",
        "seller-changed",
        "price-sigma",
    }
    assert rows["rank-move"].condition["at_least"] == rows["rank-move"].creep == 1.5
    assert rows["seller-changed"].creep is None
    assert {rule.applies_to for rule in rows.values()} == {None}
    assert {rule.schema_version for rule in rows.values()} == {1}
    assert all(rule.is_enabled and rule.source == "default" for rule in rows.values())

    table = tables.alert_rules
    with warehouse.begin() as connection:
        of = table.c.rule_id
        connection.execute(
            update(table).where(of == "price-move").values(creep=50, is_enabled=False)
        )
        connection.execute(update(table).where(of == "rank-move").values(creep=9, source="analyst"))
        connection.execute(delete(table).where(of == "rating-drop"))
    sync_default_rules(warehouse)
    rows = rule_rows(warehouse)
    assert (rows["price-move"].creep, rows["price-move"].is_enabled) == (10, False)
    assert (rows["rank-move"].creep, rows["rank-move"].source) == (9, "analyst")
    assert len(rows) == len(DEFAULT_RULES)


@pytest.mark.parametrize(
    ("broken", "field"),
    [
        (
            {"condition": {"measure": "prcie", "at_least": 1}},
            "condition.measure: no measure 'prcie'",
        ),
        ({"condition": []}, "condition: must be an object"),
        ({"severities": []}, "severities: must be a list"),
        ({"creep": -1.0}, "creep: must be"),
        ({"applies_to": {"groups": ["nobodys"]}}, "applies_to.groups: no group 'nobodys'"),
    ],
)
def test_a_rule_that_cannot_be_evaluated_is_named_with_its_field(
    sqlite_warehouse: Warehouse, broken: dict[str, Any], field: str
) -> None:
    sync_default_rules(sqlite_warehouse)
    table = tables.alert_rules
    with sqlite_warehouse.begin() as connection:
        # Of somebody else: the platform's own would be put right.
        values = {**broken, "source": "analyst"}
        connection.execute(update(table).where(table.c.rule_id == "price-move").values(**values))
    with pytest.raises(InvalidInputError, match="alert rule 'price-move'") as refused:
        rebuild_alerts(sqlite_warehouse, SCOPE)
    assert field in str(refused.value)
    set_enabled(sqlite_warehouse, "price-move", enabled=False)
    rebuild_alerts(sqlite_warehouse, SCOPE)


# --- rebuilds ------------------------------------------------------------------------------------


def test_an_alert_says_what_happened(warehouse: Warehouse) -> None:
    sync_default_rules(warehouse)
    store_features(warehouse, prices(10, 12.5))
    rebuilt = rebuild_alerts(warehouse, SCOPE, run_id="run-1")
    assert rebuilt.alerts.rows_added == rebuilt.alerts.row_count == 1
    assert all(finding.passed for finding in rebuilt.alerts.findings)
    alert = alerts(warehouse).iloc[0]
    assert alert["alert_id"] == alert_id("price-move", MARKETPLACE, ASIN, day(1), "fired")
    assert (alert["value"], alert["baseline"], alert["magnitude"]) == (12.5, 10.0, 0.25)
    assert alert["severity"] == "warning"
    assert alert["message"] == (
        "The price of B0TEST0001 on amazon.de rose to 12.50 EUR, "
        "25.0% above its 7-day mean of 10.00 EUR."
    )
    assert alert["captured_at"].isoformat() == f"{day(1)}T12:00:00+00:00"
    pd.testing.assert_frame_equal(rebuilt.new_alerts, alerts(warehouse))
    state = warehouse.read_frame(select_current(tables.alert_states)).iloc[0]
    assert (bool(state["is_active"]), state["last_alerted_value"]) == (True, 12.5)


def test_a_second_rebuild_changes_nothing(warehouse: Warehouse) -> None:
    sync_default_rules(warehouse)
    store_features(warehouse, [*prices(10, 12, None, 13.5, 10, 12), *prices(10, 8, asin=OTHER)])
    rebuild_alerts(warehouse, SCOPE)
    before = alerts(warehouse)
    assert story(warehouse) == [
        (day(1), "price-move", ASIN, "fired"),
        (day(1), "price-move", OTHER, "fired"),
        (day(3), "price-move", ASIN, "crept"),
        (day(5), "price-move", ASIN, "fired"),
    ]
    again = rebuild_alerts(warehouse, SCOPE)
    assert unchanged(again.alerts, again.states)
    assert again.new_alerts.empty
    pd.testing.assert_frame_equal(alerts(warehouse), before)


def test_day_by_day_gives_what_the_whole_range_gives(warehouse: Warehouse) -> None:
    sync_default_rules(warehouse)
    rows = [
        row(
            number,
            price=price,
            price_mean_7d=10.0,
            primary_rank=rank,
            primary_rank_median_7d=100.0,
            availability="out_of_stock" if out else "in_stock",
            out_of_stock_captures=out,
            seller=seller,
            observations=0 if number == 4 else 1,
        )
        for number, (price, rank, out, seller) in enumerate(
            [
                (1000, 100, 0, "A"),
                (1200, 200, 0, "B"),
                (1350, 210, 1, None),
                (1350, None, 2, None),
                (1350, 900, 2, None),
                (1000, 320, 0, "C"),
                (1200, 90, 0, "C"),
            ]
        )
    ]
    new = []
    for number in range(7):
        store_features(warehouse, rows[: number + 1])
        rebuilt = rebuild_alerts(warehouse, Scope.of_day(day(number)))
        new.extend(rebuilt.new_alerts["alert_id"])
    assert story(warehouse) == [
        (day(1), "price-move", ASIN, "fired"),
        (day(1), "rank-move", ASIN, "fired"),
        (day(1), "seller-changed", ASIN, "fired"),
        (day(2), "price-move", ASIN, "crept"),
        (day(3), "out-of-stock", ASIN, "fired"),
        (day(5), "back-in-stock", ASIN, "fired"),
        (day(5), "rank-move", ASIN, "crept"),
        (day(5), "seller-changed", ASIN, "fired"),
        (day(6), "price-move", ASIN, "fired"),
    ]
    assert sorted(new) == sorted(alerts(warehouse)["alert_id"])
    whole = rebuild_alerts(warehouse, SCOPE)
    assert unchanged(whole.alerts, whole.states)


def test_a_late_page_changes_what_follows(warehouse: Warehouse) -> None:
    sync_default_rules(warehouse)
    store_features(warehouse, prices(10, 10, 12, 12, 13.5))
    rebuild_alerts(warehouse, SCOPE)
    assert story(warehouse) == [
        (day(2), "price-move", ASIN, "fired"),
        (day(4), "price-move", ASIN, "crept"),
    ]
    store_features(warehouse, prices(10, 13, 12, 12, 13.5))
    late = rebuild_alerts(warehouse, Scope.of_day(day(1)))
    assert story(warehouse) == [(day(1), "price-move", ASIN, "fired")]
    assert late.new_alerts["day"].dt.date.tolist() == [day(1)]
    assert (late.alerts.rows_added, late.alerts.rows_removed) == (1, 2)
    assert states(warehouse) == [("price-move", ASIN, day(1), True)]


def test_an_alert_goes_with_the_features_that_showed_it(warehouse: Warehouse) -> None:
    sync_default_rules(warehouse)
    store_features(warehouse, prices(10, 12))
    rebuild_alerts(warehouse, SCOPE)
    store_features(warehouse, prices(10))
    rebuilt = rebuild_alerts(warehouse, Scope.of_day(day(0)))
    assert (rebuilt.alerts.rows_removed, rebuilt.states.rows_removed) == (1, 1)
    assert story(warehouse) == []


def test_a_failed_capture_fires_nothing_and_keeps_the_state(warehouse: Warehouse) -> None:
    sync_default_rules(warehouse)
    rows = prices(10, 12, 10, 12)
    rows[2]["observations"] = 0  # only carried
    store_features(warehouse, rows)
    rebuild_alerts(warehouse, SCOPE)
    assert story(warehouse) == [(day(1), "price-move", ASIN, "fired")]


def test_a_rule_that_is_not_enabled_fires_nothing(warehouse: Warehouse) -> None:
    sync_default_rules(warehouse)
    set_enabled(warehouse, "price-move", enabled=False)
    store_features(warehouse, prices(10, 12))
    rebuilt = rebuild_alerts(warehouse, SCOPE)
    assert (rebuilt.alerts.row_count, rebuilt.states.row_count) == (0, 0)
    assert rebuilt.new_alerts.columns.tolist() == alerts(warehouse).columns.tolist()


def test_disabling_keeps_the_alerts_and_ends_the_state(warehouse: Warehouse) -> None:
    sync_default_rules(warehouse)
    store_features(warehouse, prices(10, 12, 12, 12))
    rebuild_alerts(warehouse, Scope(day(0), day(3)))
    set_enabled(warehouse, "price-move", enabled=False)
    for _ in range(2):
        rebuild_alerts(warehouse, Scope.of_day(day(3)))
        assert story(warehouse) == [(day(1), "price-move", ASIN, "fired")]
        assert states(warehouse) == [
            ("price-move", ASIN, day(1), True),
            ("price-move", ASIN, day(3), False),
        ]
    set_enabled(warehouse, "price-move", enabled=True)
    store_features(warehouse, prices(10, 12, 12, 12, 12))
    rebuild_alerts(warehouse, Scope.of_day(day(4)))
    assert story(warehouse)[1:] == [(day(4), "price-move", ASIN, "fired")]


def test_one_product_leaves_the_others(warehouse: Warehouse) -> None:
    sync_default_rules(warehouse)
    store_features(warehouse, [*prices(10, 12), *prices(10, 12, asin=OTHER)])
    rebuild_alerts(warehouse, SCOPE)
    store_features(warehouse, [*prices(10, 10, 12), *prices(10, 10, 10, asin=OTHER)])
    one = Scope(FIRST, LAST, frozenset([ProductKey(MARKETPLACE, ASIN)]))
    rebuilt = rebuild_alerts(warehouse, one)
    assert (rebuilt.alerts.rows_added, rebuilt.alerts.rows_removed) == (1, 1)
    assert story(warehouse) == [
        (day(1), "price-move", OTHER, "fired"),
        (day(2), "price-move", ASIN, "fired"),
    ]
    nobody = Scope(FIRST, LAST, frozenset([ProductKey(MARKETPLACE, "B0NEVER001")]))
    nothing = rebuild_alerts(warehouse, nobody)
    assert unchanged(nothing.alerts, nothing.states)


def test_what_was_last_known_is_read_37_days_back_whatever_the_scope(warehouse: Warehouse) -> None:
    sync_default_rules(warehouse)
    scope = Scope(day(0), day(100))
    rows = [
        row(number, seller=seller) for number, seller in ((0, "A"), (37, "B"), (75, "C"), (76, "D"))
    ]
    store_features(warehouse, rows, scope)
    expected = [
        (day(37), "seller-changed", ASIN, "fired"),
        (day(76), "seller-changed", ASIN, "fired"),
    ]
    rebuild_alerts(warehouse, scope)
    assert story(warehouse) == expected
    for number in (37, 75, 76):
        again = rebuild_alerts(warehouse, Scope.of_day(day(number)))
        assert unchanged(again.alerts, again.states)


def test_nothing_to_read_is_an_empty_build(warehouse: Warehouse) -> None:
    without_rules = rebuild_alerts(warehouse, SCOPE)
    assert (without_rules.alerts.row_count, without_rules.states.row_count) == (0, 0)
    sync_default_rules(warehouse)
    assert rebuild_alerts(warehouse, SCOPE).new_alerts.empty


def test_every_default_rule_speaks(warehouse: Warehouse) -> None:
    sync_default_rules(warehouse)
    rows = [
        row(0, seller="Shop A", rating=4.5, out_of_stock_captures=0),
        row(
            1,
            seller="Shop\u202e\n B",
            availability="unavailable",
            out_of_stock_captures=3,
            price=1150,
            price_mean_7d=10.0,
            price_log_return_1d=math.log(1.15),
            price_sigma_before=0.02,
            price_returns_before=12,
            primary_rank=1500,
            primary_rank_median_7d=1000.0,
            rating=4.2,
            rating_change_30d=4.2 - 4.5,
        ),
        row(2, availability="limited", price=1300, price_mean_7d=10.0),
        row(3, availability="limited", primary_rank=900, primary_rank_median_7d=1500.5),
    ]
    store_features(warehouse, rows)
    rebuild_alerts(warehouse, SCOPE)
    assert alerts(warehouse)["message"].tolist() == [
        "B0TEST0001 on amazon.de is unavailable, as 3 captures in a row show.",
        "The price of B0TEST0001 on amazon.de rose to 11.50 EUR, 15.0% above its 7-day mean of "
        "10.00 EUR.",
        "The price of B0TEST0001 on amazon.de rose by 15.0% in a day to 11.50 EUR, 7.0 times its "
        "usual move.",
        "The Best Sellers Rank of B0TEST0001 on amazon.de worsened to 1,500 from a 7-day median "
        "of 1,000.",
        "The rating of B0TEST0001 on amazon.de fell by 0.3 to 4.2 stars within 30 days.",
        'The buy-box seller of B0TEST0001 on amazon.de changed from "Shop A" to "Shop B".',
        "B0TEST0001 on amazon.de is back in stock in limited quantity after 3 captures in a row "
        "out of stock.",
        "The price of B0TEST0001 on amazon.de rose on from 11.50 EUR at the last alert to 13.00 "
        "EUR, 30.0% above its 7-day mean of 10.00 EUR.",
        "The Best Sellers Rank of B0TEST0001 on amazon.de improved on from 1,500 at the last "
        "alert to 900, against a 7-day median of 1,500.5.",
    ]
    assert alerts(warehouse)["severity"].tolist() == [
        "critical",
        "info",
        "critical",
        "info",
        "warning",
        "warning",
        "info",
        "warning",
        "info",
    ]


# --- audits --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"severity": "terrible"}, "severities_are_known"),
        ({"transition": "began"}, "transitions_are_known"),
        ({"alert_id": "same"}, "alert_ids_are_unique"),
        ({"message": " "}, "messages_say_something"),
        ({"captured_at": pd.Timestamp("2020-01-01", tz="UTC")}, "captured_on_the_day"),
    ],
)
def test_the_audit_finds_wrong_alerts(
    sqlite_warehouse: Warehouse, change: dict[str, Any], check: str
) -> None:
    sync_default_rules(sqlite_warehouse)
    store_features(sqlite_warehouse, [*prices(10, 12), *prices(10, 12, asin=OTHER)])
    rebuild_alerts(sqlite_warehouse, SCOPE)
    good = alerts(sqlite_warehouse)
    assert all(finding.passed for finding in audit_alerts(good))
    failed = [
        finding.check for finding in audit_alerts(good.assign(**change)) if not finding.passed
    ]
    assert failed == [check]


def test_alerts_that_fail_their_audit_are_not_published(sqlite_warehouse: Warehouse) -> None:
    sync_default_rules(sqlite_warehouse)
    store_features(sqlite_warehouse, prices(10, 12))
    rebuild_alerts(sqlite_warehouse, SCOPE)
    # Features that contradict themselves: the last capture is not of the day that observed it.
    rows = prices(10, 10, 12)
    rows[2]["last_captured_at"] -= timedelta(days=1)
    store_features(sqlite_warehouse, rows)
    with pytest.raises(AuditFailedError, match="captured_on_the_day"):
        rebuild_alerts(sqlite_warehouse, SCOPE)
    assert build_statuses(sqlite_warehouse, "fact_alerts") == ["published", "rejected"]
    assert story(sqlite_warehouse) == [(day(1), "price-move", ASIN, "fired")]
    assert states(sqlite_warehouse) == [("price-move", ASIN, day(1), True)]
    with sqlite_warehouse.read() as connection:
        assert connection.scalar(select(func.count()).select_from(tables.alerts)) == 2
