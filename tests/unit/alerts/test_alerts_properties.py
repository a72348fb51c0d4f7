"""What holds for any history and any rule."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insights_assets.alerts.default_rules import DEFAULT_RULES
from insights_assets.alerts.evaluation import alert_id
from insights_assets.alerts.readings import evaluate, observed_days
from insights_assets.alerts.rules import Rule, Severity
from insights_assets.alerts.transitions import walk
from insights_assets.features.product_features import compute_product_features
from tests.unit.alerts.feature_rows import FIRST, features, row
from tests.unit.features.capture_histories import at, capture, history_frame

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


@settings(max_examples=25, deadline=None)
@given(
    # Mostly above the threshold: what creeps is what lasts.
    stories=st.lists(
        st.lists(
            st.sampled_from([None, 1000, 1150, 1160, 1200, 1300, 1500]), min_size=4, max_size=DAYS
        ),
        min_size=2,
        max_size=2,
    ),
    creep=st.sampled_from([5, 10, 25]),
)
def test_a_creep_is_told_when_the_value_has_moved_on_since_the_last_alert(
    stories: list[list[int | None]], creep: int
) -> None:
    """By the story of each product: while the condition lasts, each alert sets the value that the
    next creep is measured from."""
    rule = Rule.of_row(
        {
            "rule_id": "any",
            "name": "Any",
            "condition": PRICE,
            "applies_to": None,
            "severities": [{"at_least": 10, "severity": "info"}],
            "creep": creep,
        }
    )
    rows = [
        row(number, asin=asin, price=price, price_mean_7d=10.0)
        for asin, prices in zip(ASINS, stories, strict=True)
        for number, price in enumerate(prices)
    ]
    readings = evaluate(rule, observed_days(features(rows)))
    expected = []
    for asin, story in readings.groupby("asin"):
        last = None
        for reading in story.sort_values("day").itertuples():
            if pd.isna(reading.active):
                continue
            if not reading.active:
                last = None
            elif last is None or abs(reading.value / last - 1) >= creep / 100 - 1e-9:
                expected.append((reading.day, asin, "fired" if last is None else "crept"))
                last = reading.value
    alerts = walk(rule, readings, no_states()).alerts
    found = zip(alerts["day"], alerts["asin"], alerts["transition"], strict=True)
    assert sorted(found) == sorted(expected)


@settings(max_examples=15, deadline=None)
@given(condition=CONDITIONS, rows=histories())
def test_a_day_without_a_capture_or_with_nothing_known_changes_nothing(
    condition: Any, rows: list[dict[str, Any]]
) -> None:
    """A failed capture gives no snapshot: its day has values that are only carried."""
    rule = rule_of(condition)
    table = features(rows)
    whole = evaluate(rule, observed_days(table))
    captured = evaluate(rule, observed_days(table[table["observations"] > 0]))
    pd.testing.assert_frame_equal(whole, captured)
    known = whole[whole["active"].notna()]
    walked, of_known = walk(rule, whole, no_states()), walk(rule, known, no_states())
    pd.testing.assert_frame_equal(walked.alerts, of_known.alerts)
    pd.testing.assert_frame_equal(walked.states, of_known.states)


@settings(max_examples=15, deadline=None)
@given(condition=CONDITIONS, rows=histories())
def test_a_scope_in_two_by_its_products_gives_the_same(
    condition: Any, rows: list[dict[str, Any]]
) -> None:
    rule = rule_of(condition)
    table = features(rows)

    def walked(some: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        story = walk(rule, evaluate(rule, observed_days(some)), no_states())
        return story.alerts, story.states

    whole = walked(table)
    parts = [walked(table[table["asin"] == asin]) for asin in ASINS]
    for at_once, one, other in zip(whole, *parts, strict=True):
        filled = [part for part in (one, other) if len(part)] or [one]
        pd.testing.assert_frame_equal(sorted_rows(at_once), sorted_rows(pd.concat(filled)))


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.sampled_from(["in_stock", "out_of_stock", "unavailable", "unknown"]),
        min_size=1,
        max_size=12,
    ),
    st.sampled_from([1, 2, 3]),
)
def test_one_capture_out_of_stock_fires_nothing_and_a_second_in_a_row_does(
    states: list[str], a_day: int
) -> None:
    """From captures to alerts: on the day that ends in a second capture in a row."""
    rule = next(rule for rule in DEFAULT_RULES if rule.rule_id == "out-of-stock")
    made = [
        capture(
            at(FIRST + timedelta(days=number // a_day), 6 + 4 * (number % a_day)),
            page_id=f"p{number:02}",
            availability=state,
        )
        for number, state in enumerate(states)
    ]
    last = FIRST + timedelta(days=(len(states) - 1) // a_day)
    days = observed_days(compute_product_features(history_frame(made), FIRST, last))
    fired = walk(rule, evaluate(rule, days), no_states()).alerts
    expected, armed = [], True
    for number, state in enumerate(states):
        if number + 1 < len(states) and (number + 1) % a_day:
            continue  # not the last of its day
        if state == "unknown":
            continue
        sold_out = [text in ("out_of_stock", "unavailable") for text in states[: number + 1]]
        is_confirmed = len(sold_out) >= 2 and all(sold_out[-2:])
        if is_confirmed and armed:
            expected.append(FIRST + timedelta(days=number // a_day))
        armed = not is_confirmed
    assert [day.date() for day in fired["day"]] == expected


@settings(max_examples=15, deadline=None)
@given(st.lists(st.floats(0, 100), min_size=2, max_size=5), st.floats(0, 100))
def test_a_larger_move_is_never_less_severe(magnitudes: list[float], more: float) -> None:
    order = list(Severity)
    for rule in DEFAULT_RULES:
        if rule.is_event:
            continue
        smaller = rule.severities_of(np.array(magnitudes))
        larger = rule.severities_of(np.array(magnitudes) + more)
        for one, other in zip(smaller, larger, strict=True):
            assert order.index(one) <= order.index(other)


@settings(max_examples=15, deadline=None)
@given(st.floats(-0.0199, 0.0199), st.floats(0, 1), st.integers(0, 40))
def test_a_move_of_less_than_two_percent_is_never_beyond_two_sigma(
    move: float, sigma: float, returns: int
) -> None:
    """The usual move is taken as 1 % at least, and as unknown with fewer than 10 returns."""
    rule = next(rule for rule in DEFAULT_RULES if rule.rule_id == "price-sigma")
    known = {"price_sigma_before": sigma, "price_returns_before": returns}
    (active,) = evaluate(
        rule, observed_days(features([row(0, price_log_return_1d=move, **known)]))
    )["active"]
    assert pd.isna(active) if returns < 10 else not active


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b"]),
            st.sampled_from(["amazon.de", "amazon.fr"]),
            st.sampled_from(ASINS),
            st.dates(),
            st.sampled_from(["fired", "crept"]),
        ),
        unique=True,
        max_size=20,
    )
)
def test_an_id_is_of_rule_product_day_and_transition(
    keys: list[tuple[Any, ...]],
) -> None:
    ids = [alert_id(*key) for key in keys]
    assert ids == [alert_id(*key) for key in keys]
    assert len(set(ids)) == len(ids)
    for one, other in itertools.pairwise(ids):
        assert len(one) == len(other)
