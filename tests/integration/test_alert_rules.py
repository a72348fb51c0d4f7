"""Rules as rows and in files, for groups and products, and replayed before they are enabled."""

from __future__ import annotations

import json
import math
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import select, text, update

from insights_assets.alerts import evaluation
from insights_assets.alerts.default_rules import DEFAULT_RULES, sync_default_rules
from insights_assets.alerts.rebuild import rebuild_alerts
from insights_assets.alerts.replay import replay, stored_rule
from insights_assets.alerts.rule_file import (
    read_catalog_rules,
    read_rule_file,
    sync_catalog_rules,
)
from insights_assets.catalog.catalog_file import read_catalog_file
from insights_resources.errors import CatalogError, InvalidInputError
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import select_current
from insights_resources.warehouse.schema import migrate
from insights_resources.warehouse.tables import INTERNAL_SCHEMA
from tests.integration.older_schema import downgrade
from tests.integration.stored_history import store_group
from tests.integration.test_alerts_rebuild import (
    LAST,
    OTHER,
    SCOPE,
    alerts,
    prices,
    rule_rows,
    set_enabled,
    states,
    store_features,
    story,
    unchanged,
)
from tests.unit.alerts.feature_rows import ASIN, FIRST, MARKETPLACE, day, row

THIRD = "B0TEST0003"
RULE = """\
id: undercut
name: Cheaper, and sold by somebody else
condition:
  all:
    - {measure: price, against: mean_7d, change: percent, at_least: 10, direction: down}
    - {measure: seller, is_not: Our shop}
severities:
  - {at_least: 0, severity: warning}
  - {at_least: 25, severity: critical}
creep: 10
"""


def in_catalog(*rules: str) -> str:
    """The rules as a catalog file lists them."""
    listed = ["  - " + rule.strip().replace("\n", "\n    ") for rule in rules]
    return "\n".join(["products: []", "alert_rules:", *listed, ""])


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    return tmp_path / "catalog.yaml"


def sync(warehouse: Warehouse, catalog: Path, *rules: str) -> None:
    """What the asset does first, with a catalog of these rules."""
    catalog.write_text(in_catalog(*rules) if rules else "products: []\n", encoding="utf-8")
    assert read_catalog_file(catalog).groups == ()
    sync_catalog_rules(warehouse, read_catalog_rules(catalog))
    sync_default_rules(warehouse)


def only(warehouse: Warehouse, rule_id: str) -> None:
    """Leaves no other rule enabled."""
    table = tables.alert_rules
    with warehouse.begin() as connection:
        connection.execute(update(table).values(is_enabled=table.c.rule_id == rule_id))


# --- where rules come from -----------------------------------------------------------------------


def test_a_rule_of_the_catalog_fires(warehouse: Warehouse, catalog: Path) -> None:
    sync(warehouse, catalog, RULE)
    only(warehouse, "undercut")
    sellers = ["Our shop", "A", "A", "A", "A", None]
    rows = [
        one | {"seller": seller}
        for one, seller in zip(prices(8, 8, 12, 8, 7, 5), sellers, strict=True)
    ]
    store_features(warehouse, rows)
    rebuild_alerts(warehouse, SCOPE)
    assert story(warehouse) == [
        (day(1), "undercut", ASIN, "fired"),
        (day(3), "undercut", ASIN, "fired"),
        (day(4), "undercut", ASIN, "crept"),
    ]
    found = alerts(warehouse)
    assert found["severity"].tolist() == ["warning", "warning", "critical"]
    assert found["message"].tolist()[1:] == [
        '"Cheaper, and sold by somebody else": The price of B0TEST0001 on amazon.de fell to 8.00 '
        "EUR, 20.0% below its 7-day mean of 10.00 EUR. The buy-box seller of B0TEST0001 on "
        'amazon.de is "A".',
        '"Cheaper, and sold by somebody else": The price of B0TEST0001 on amazon.de fell on from '
        "8.00 EUR at the last alert to 7.00 EUR, 30.0% below its 7-day mean of 10.00 EUR. The "
        'buy-box seller of B0TEST0001 on amazon.de is "A".',
    ]


def test_any_tells_what_holds(sqlite_warehouse: Warehouse, catalog: Path) -> None:
    either = RULE.replace("  all:", "  any:").replace("is_not: Our shop", "is: A")
    sync(sqlite_warehouse, catalog, either)
    only(sqlite_warehouse, "undercut")
    store_features(sqlite_warehouse, [one | {"seller": "A"} for one in prices(10)])
    rebuild_alerts(sqlite_warehouse, SCOPE)
    assert alerts(sqlite_warehouse)["message"].tolist() == [
        '"Cheaper, and sold by somebody else": The buy-box seller of B0TEST0001 on amazon.de is '
        '"A".'
    ]


def test_the_file_owns_its_rules_and_no_others(warehouse: Warehouse, catalog: Path) -> None:
    mild = (
        "id: price-move\nname: Mild\ncondition: {measure: rating, at_most: 2}\n"
        "severities: [{at_most: 2, severity: info}]\n"
    )
    sync(warehouse, catalog, RULE, mild)
    rows = rule_rows(warehouse)
    assert (rows["undercut"].source, rows["undercut"].is_enabled) == ("file", True)
    assert (rows["price-move"].source, rows["price-move"].name) == ("file", "Mild")
    assert rows["rank-move"].source == "default"

    sync(warehouse, catalog, RULE + "enabled: false\n")
    rows = rule_rows(warehouse)
    assert not rows["undercut"].is_enabled
    assert rows["price-move"].source == "default"
    assert stored_rule(warehouse, "price-move") == DEFAULT_RULES[0]

    sync(warehouse, catalog, RULE)
    assert rule_rows(warehouse)["undercut"].is_enabled
    sync(warehouse, catalog)
    assert not rule_rows(warehouse)["undercut"].is_enabled
    assert sum(rule.is_enabled for rule in rule_rows(warehouse).values()) == len(DEFAULT_RULES)


def test_somebody_elses_rule_stays_theirs(warehouse: Warehouse, catalog: Path) -> None:
    sync(warehouse, catalog, RULE)
    with warehouse.begin() as connection:
        connection.execute(
            update(tables.alert_rules)
            .where(tables.alert_rules.c.rule_id == "undercut")
            .values(source="analyst")
        )
    before = rule_rows(warehouse)
    other = RULE.replace("undercut", "another")
    with pytest.raises(CatalogError, match=r"'undercut' .* belongs to 'analyst'"):
        sync(warehouse, catalog, other, RULE)
    assert rule_rows(warehouse) == before


def test_a_rule_that_was_inserted_by_sql_is_one(warehouse: Warehouse) -> None:
    """As docs/alerts.md shows it: plain SQL, and the version of the shape comes by itself."""
    name = "warehouse.dim_alert_rules" if warehouse.is_postgres else "dim_alert_rules"
    with warehouse.begin() as connection:
        connection.execute(
            text(
                f"INSERT INTO {name} (rule_id, name, condition, severities, is_enabled, source) "  # noqa: S608
                "VALUES ('low-rating', 'Rating of 3.5 or less', "
                """'{"measure": "rating", "at_most": 3.5}', """
                """'[{"at_most": 3.5, "severity": "warning"}]', true, 'me')"""
            )
        )
    store_features(warehouse, [row(0, rating=3.6), row(1, rating=3.5), row(2, rating=3.4)])
    rebuild_alerts(warehouse, SCOPE)
    assert story(warehouse) == [(day(1), "low-rating", ASIN, "fired")]
    assert alerts(warehouse)["message"].tolist() == [
        "The rating of B0TEST0001 on amazon.de is 3.5 stars (the rule's bound is at most 3.5 "
        "stars)."
    ]


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("alert_rules: 3\n", 1, "must be a list of rules"),
        ("alert_rules:\n  - 3\n", 2, "a rule must have the fields id, name"),
        ("alert_rules:\n  - {id: x}\n", 2, "alert rule 'x': name: is missing"),
        (in_catalog(RULE + "colour: red\n"), 3, "colour: no such field"),
        (in_catalog(RULE, RULE), 13, "'undercut' is listed twice"),
        (in_catalog(RULE + "enabled: maybe\n"), 3, "enabled: must be true or false"),
        (in_catalog(RULE + "creep: 20\n"), 13, "'creep' stands twice"),
        (
            in_catalog(RULE.replace("percent", "per cent")),
            3,
            "alert rule 'undercut': condition.all[0].change: must be one of percent",
        ),
        ("alert_rules:\n  - [\n", 3, "not YAML"),
    ],
)
def test_a_mistake_in_the_file_is_named(catalog: Path, text: str, line: int, problem: str) -> None:
    catalog.write_text(text, encoding="utf-8")
    with pytest.raises(CatalogError) as refused:
        read_catalog_rules(catalog)
    assert str(refused.value).startswith(f"{catalog}, line {line}: ")
    assert problem in str(refused.value)


@pytest.mark.parametrize("text", ["", "products: []\n", "# alert_rules:\n", "alert_rules:\n"])
def test_a_catalog_without_rules_has_none(catalog: Path, text: str) -> None:
    catalog.write_text(text, encoding="utf-8")
    assert read_catalog_rules(catalog) == []


def test_rules_of_before_are_what_they_were(warehouse: Warehouse) -> None:
    """Rows with kind and threshold become conditions that mean the same."""
    downgrade(warehouse, "0002")
    name = f"{INTERNAL_SCHEMA}.dim_alert_rules" if warehouse.is_postgres else "dim_alert_rules"
    old: list[tuple[str, str, float | None, list[tuple[float, str]]]] = [
        (
            "price-move",
            "price_move",
            0.1,
            [(0, "info"), (0.2, "warning"), (0.35, "critical")],
        ),
        (
            "rank-move",
            "rank_move",
            math.log(1.5),
            [(0, "info"), (math.log(2), "warning"), (math.log(4), "critical")],
        ),
        ("rating-drop", "rating_drop", 0.3, [(0, "warning"), (0.5, "critical")]),
        ("out-of-stock", "out_of_stock", 2.0, [(0, "critical")]),
        ("back-in-stock", "back_in_stock", 2.0, [(0, "info")]),
        ("seller-changed", "seller_changed", None, [(0, "warning")]),
        ("price-sigma", "price_sigma", 2.0, [(0, "info"), (3, "warning"), (5, "critical")]),
        ("broken", "price_mvoe", 1.0, []),
    ]
    names = {rule.rule_id: rule.name for rule in DEFAULT_RULES}
    statement = text(
        f"INSERT INTO {name} (rule_id, name, kind, threshold, severities, is_enabled, source) "  # noqa: S608
        f"VALUES (:id, :name, :kind, :threshold, "
        f"{'CAST(:ladder AS jsonb)' if warehouse.is_postgres else ':ladder'}, true, 'analyst')"
    )
    with warehouse.begin() as connection:
        for rule_id, kind, threshold, ladder in old:
            steps = [{"at_least": bound, "severity": severity} for bound, severity in ladder]
            values = {"id": rule_id, "name": names.get(rule_id, "Broken"), "kind": kind}
            connection.execute(
                statement, values | {"threshold": threshold, "ladder": json.dumps(steps)}
            )
    migrate(warehouse)
    rows = rule_rows(warehouse)
    assert not rows.pop("broken").is_enabled
    for rule in DEFAULT_RULES:
        assert rows[rule.rule_id].is_enabled
        assert rows[rule.rule_id].source == "analyst"
        assert stored_rule(warehouse, rule.rule_id) == rule


# --- to whom they apply --------------------------------------------------------------------------


def set_rule(warehouse: Warehouse, rule_id: str, **values: Any) -> None:
    table = tables.alert_rules
    with warehouse.begin() as connection:
        connection.execute(
            update(table).where(table.c.rule_id == rule_id).values(source="me", **values)
        )


def test_a_rule_applies_to_members_on_their_days_and_to_products(warehouse: Warehouse) -> None:
    store_group(
        warehouse,
        "kettles",
        [
            (MARKETPLACE, ASIN, day(0), day(2)),
            (MARKETPLACE, ASIN, day(5), None),
            ("amazon.fr", THIRD, day(0), None),
        ],
    )
    sync_default_rules(warehouse)
    only(warehouse, "price-move")
    applies_to = {"groups": ["kettles"], "products": [f"{MARKETPLACE}/{OTHER}"]}
    set_rule(warehouse, "price-move", applies_to=applies_to)
    rows = [
        *prices(10, 12, 12, 12, 12, 12, 12),
        *prices(10, 10, 10, 12, asin=OTHER),
        *prices(12, asin=THIRD),
    ]
    store_features(warehouse, rows)
    rebuild_alerts(warehouse, SCOPE)
    assert story(warehouse) == [
        (day(1), "price-move", ASIN, "fired"),
        (day(3), "price-move", OTHER, "fired"),
        (day(5), "price-move", ASIN, "fired"),
    ]
    # Who has left is not alerted any more.
    assert states(warehouse) == [
        ("price-move", ASIN, day(1), True),
        ("price-move", ASIN, day(3), False),
        ("price-move", ASIN, day(5), True),
        ("price-move", OTHER, day(3), True),
    ]
    replayed = replay(warehouse, stored_rule(warehouse, "price-move"), FIRST, LAST)
    assert (replayed.counts.product_days, replayed.counts.held) == (9, 5)


# --- replay --------------------------------------------------------------------------------------


@pytest.fixture
def history(warehouse: Warehouse) -> Warehouse:
    """A week of three products, with alerts of several rules."""
    sync_default_rules(warehouse)
    sellers = ["A", "B", None, "B", "A", "A", "B"]
    rows = [
        one | {"seller": seller}
        for one, seller in zip(prices(10, 12, None, 13.5, 10, 8, 8), sellers, strict=True)
    ]
    rows += prices(12, 10, 12, 10, 12, 12, 20, asin=OTHER)
    rows += prices(10, 10, 10, 10, 10, 10, 10, asin=THIRD)
    store_features(warehouse, rows)
    rebuild_alerts(warehouse, SCOPE)
    return warehouse


@pytest.mark.parametrize("rows_at_once", [1_000_000, 3])
@pytest.mark.parametrize("first", [0, 3, 6])
def test_a_replay_of_an_enabled_rule_is_its_alerts(
    history: Warehouse, monkeypatch: pytest.MonkeyPatch, rows_at_once: int, first: int
) -> None:
    monkeypatch.setattr(evaluation, "_ROWS_AT_ONCE", rows_at_once)
    stored = alerts(history)
    for rule in DEFAULT_RULES:
        replayed = replay(
            history, stored_rule(history, rule.rule_id), day(first), LAST, goes_on=True
        )
        of_rule = stored[(stored["rule_id"] == rule.rule_id)]
        of_days = of_rule[of_rule["day"].dt.date >= day(first)]
        pd.testing.assert_frame_equal(
            replayed.alerts,
            of_days.sort_values(["day", "marketplace", "asin"], ignore_index=True),
        )
    assert len(stored) > 8


def test_a_replay_tells_how_often_and_on_what(history: Warehouse) -> None:
    before = history.read_frame(select_current(tables.alerts))
    replayed = replay(history, stored_rule(history, "price-move"), FIRST)
    assert replayed.scope == Scope(FIRST, LAST)
    assert (replayed.counts.product_days, replayed.counts.known) == (21, 20)
    assert [(key.asin, count) for key, count in replayed.by_product] == [(OTHER, 4), (ASIN, 3)]
    assert replayed.by_severity == {"critical": 2, "warning": 5}
    assert replayed.by_day[day(0)] == 1
    assert replayed.peak is not None
    assert replayed.peak[0] == min(d for d, n in replayed.by_day.items() if n == replayed.peak[1])
    assert sum(replayed.by_day.values()) == len(replayed.alerts) == 7
    after = history.read_frame(select_current(tables.alerts))
    assert after.equals(before)
    with history.read() as connection:
        assert len(connection.execute(select(tables.builds)).all()) == 3


def test_a_rule_that_is_not_stored_is_replayed_armed(history: Warehouse, tmp_path: Path) -> None:
    path = tmp_path / "rule.yaml"
    path.write_text(
        "- id: out-of-line\n  name: Out of line\n"
        "  condition: {measure: price, against: mean_7d, change: percent, at_least: 15}\n"
        "  severities: [{at_least: 0, severity: info}]\n",
        encoding="utf-8",
    )
    replayed = replay(history, read_rule_file(path), day(6), day(6))
    assert [key.asin for key, _ in replayed.by_product] == [ASIN, OTHER]
    assert set(rule_rows(history)) == {rule.rule_id for rule in DEFAULT_RULES}


def test_a_disabled_rule_is_replayed_as_it_would_have_fired(history: Warehouse) -> None:
    set_enabled(history, "price-move", enabled=False)
    rebuild_alerts(history, SCOPE)
    replayed = replay(history, stored_rule(history, "price-move"), FIRST, LAST, goes_on=True)
    assert len(replayed.alerts) == 7


def test_a_replay_says_what_it_lacks(sqlite_warehouse: Warehouse, tmp_path: Path) -> None:
    sync_default_rules(sqlite_warehouse)
    with pytest.raises(InvalidInputError, match="no alert rule 'price-mvoe'; known are back-in-"):
        stored_rule(sqlite_warehouse, "price-mvoe")
    rule = stored_rule(sqlite_warehouse, "price-move")
    with pytest.raises(InvalidInputError, match="no features to replay over"):
        replay(sqlite_warehouse, rule, FIRST)
    store_features(sqlite_warehouse, prices(10))
    with pytest.raises(InvalidInputError, match="after the last day with features"):
        replay(sqlite_warehouse, rule, date(2027, 1, 1))
    assert replay(sqlite_warehouse, rule, day(3), day(4)).alerts.empty
    for text_of_file, problem in (("", "is empty"), ("id: x\n", "name: is missing")):
        path = tmp_path / "rule.yaml"
        path.write_text(text_of_file, encoding="utf-8")
        with pytest.raises(InvalidInputError, match=problem) as refused:
            read_rule_file(path)
        assert not isinstance(refused.value, CatalogError)


def test_stretches_of_any_size_give_the_same(
    history: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    for rows_at_once in (1, 4, 7):
        monkeypatch.setattr(evaluation, "_ROWS_AT_ONCE", rows_at_once)
        monkeypatch.setattr(evaluation, "_MOST_PRODUCTS", rows_at_once % 3)
        again = rebuild_alerts(history, SCOPE)
        assert unchanged(again.alerts, again.states)
