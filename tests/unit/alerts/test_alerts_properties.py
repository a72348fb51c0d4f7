"""What holds for any history and any rule."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insights_assets.alerts.readings import evaluate, observed_days
from insights_assets.alerts.rules import Rule
from insights_assets.alerts.transitions import walk
from tests.unit.alerts.feature_rows import features, row

DAYS = 7
ASINS = ("B0TEST0001", "B0TEST0002")

PRICE = {"measure": "price", "against": "mean_7d", "change": "percent", "at_least": 10}
RANK = {"measure": "primary_rank", "against": "median_7d", "change": "factor", "at_least": 1.5}
TESTS = st.sampled_from(
    [
        PRICE,
        PRICE | {"direction": "up"},
        RANK,
        {"measure": "price", "at_most": 9, "currency": "EUR"},
        {"measure": "seller", "is_not": "A"},
        {"measure": "out_of_stock_captures", "at_least": 2},
    ]
)
CONDITIONS = st.recursive(
    TESTS,
    lambda inner: st.builds(
        lambda name, parts: {name: parts},
        st.sampled_from(["all", "any"]),
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=4,
)


def rule_of(condition: Any) -> Rule:
    """With creep where its first test has a number, and a ladder of one step."""
    lead = condition
    while "measure" not in lead:
        lead = next(iter(lead.values()))[0]
    step: dict[str, Any] = {"severity": "info"}
    creep = None
    if "at_most" in lead:
        step, creep = step | {"at_most": lead["at_most"]}, 1
    elif "at_least" in lead:
        step, creep = step | {"at_least": lead["at_least"]}, lead["at_least"]
    return Rule.of_row(
        {
            "rule_id": "any",
            "name": "Any",
            "condition": condition,
            "applies_to": None,
            "severities": [step],
            "creep": creep,
        }
    )


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Days of some products, some without captures, with unknowns among them."""
    rows = []
    for asin in ASINS:
        for number in range(DAYS):
            out = draw(st.integers(0, 3))
            rows.append(
                row(
                    number,
                    asin=asin,
                    observations=draw(st.integers(0, 2)),
                    price=draw(st.none() | st.sampled_from([800, 1000, 1150, 1300, 1500])),
                    price_mean_7d=draw(st.none() | st.just(10.0)),
                    primary_rank=draw(st.none() | st.sampled_from([50, 100, 160, 300])),
                    primary_rank_median_7d=100.0,
                    seller=draw(st.none() | st.sampled_from(["A", "B"])),
                    availability=draw(
                        st.sampled_from(["unknown", "out_of_stock" if out else "in_stock"])
                    ),
                    out_of_stock_captures=out,
                )
            )
    return rows


def no_states() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "marketplace": pd.Series([], dtype="str"),
            "asin": pd.Series([], dtype="str"),
            "is_active": pd.Series([], dtype="boolean"),
            "last_alerted_value": pd.Series([], dtype="float64"),
        }
    )


def sorted_rows(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values(["day", "marketplace", "asin"], ignore_index=True)


@settings(max_examples=15, deadline=None)
@given(condition=CONDITIONS, rows=histories(), data=st.data())
def test_the_order_of_rows_changes_nothing(
    condition: Any, rows: list[dict[str, Any]], data: st.DataObject
) -> None:
    rule = rule_of(condition)
    one, other = (
        evaluate(rule, observed_days(features(given)))
        for given in (rows, data.draw(st.permutations(rows)))
    )
    order = data.draw(st.permutations(range(len(other))))
    one, other = (walk(rule, given, no_states()) for given in (one, other.iloc[list(order)]))
    pd.testing.assert_frame_equal(sorted_rows(one.alerts), sorted_rows(other.alerts))
    pd.testing.assert_frame_equal(sorted_rows(one.states), sorted_rows(other.states))


@settings(max_examples=15, deadline=None)
@given(condition=CONDITIONS, rows=histories())
def test_it_fires_once_a_transition(condition: Any, rows: list[dict[str, Any]]) -> None:
    """By the story of each product alone: true fires when it was not true before, what is unknown
    changes nothing, and only false arms again."""
    rule = rule_of(condition)
    readings = evaluate(rule, observed_days(features(rows)))
    fired = walk(rule, readings, no_states()).alerts.query("transition == 'fired'")
    expected = []
    for asin, story in readings.groupby("asin"):
        armed = True
        for reading in story.sort_values("day").itertuples():
            if pd.isna(reading.active):
                continue
            if reading.active and armed:
                expected.append((reading.day, asin))
            armed = not reading.active
    assert sorted(zip(fired["day"], fired["asin"], strict=True)) == sorted(expected)


@settings(max_examples=15, deadline=None)
@given(condition=CONDITIONS, rows=histories(), cut=st.integers(1, DAYS - 1))
def test_memory_of_the_days_before_is_as_good_as_the_days(
    condition: Any, rows: list[dict[str, Any]], cut: int
) -> None:
    """Readings of later days are the same whether earlier days stand beside them or are only
    remembered; and a walk in two parts is one walk."""
    rule = rule_of(condition)
    table = features(rows)
    first_later = table["day"].min() + pd.Timedelta(days=cut)
    is_later = table["day"] >= first_later
    memory = table[~is_later & (table["observations"] > 0)]
    whole = observed_days(table)
    later = observed_days(table[is_later], memory)
    pd.testing.assert_frame_equal(later, whole[whole["day"] >= first_later].reset_index(drop=True))
    at_once = walk(rule, evaluate(rule, whole), no_states())
    first = walk(rule, evaluate(rule, observed_days(table[~is_later])), no_states())
    begins = first.states.drop_duplicates(["marketplace", "asin"], keep="last")
    second = walk(rule, evaluate(rule, later), begins)
    for name in ("alerts", "states"):
        parts = [getattr(first, name), getattr(second, name)]
        found = pd.concat([part for part in parts if len(part)] or parts[:1])
        pd.testing.assert_frame_equal(sorted_rows(found), sorted_rows(getattr(at_once, name)))


@pytest.mark.parametrize("name", ["all", "any"])
@settings(max_examples=5, deadline=None)
@given(test=TESTS, rows=histories())
def test_a_combination_of_one_is_that_one(name: str, test: Any, rows: list[dict[str, Any]]) -> None:
    days = observed_days(features(rows))
    pd.testing.assert_frame_equal(
        evaluate(rule_of({name: [test, test]}), days), evaluate(rule_of(test), days)
    )
