"""The states of a rule, day by day, as tables."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from insights_assets.alerts.default_rules import DEFAULT_RULES
from insights_assets.alerts.transitions import Walk, walk
from tests.unit.alerts.feature_rows import ASIN, MARKETPLACE, day

RULES = {rule.rule_id: rule for rule in DEFAULT_RULES}
#: A day of a table: whether the condition holds (None: unknown) and the value.
Day = tuple[bool | None, float]
NAN = math.nan


def readings(days: list[Day], asin: str = ASIN) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "marketplace": pd.array([MARKETPLACE] * len(days), dtype="str"),
            "asin": pd.array([asin] * len(days), dtype="str"),
            "day": np.array([day(n) for n in range(len(days))], dtype="datetime64[s]"),
            "active": pd.array([pd.NA if d[0] is None else d[0] for d in days], dtype="boolean"),
            "value": np.array([d[1] for d in days], dtype=float),
            "baseline": np.full(len(days), NAN),
            "magnitude": np.full(len(days), NAN),
        }
    )


def begin(*states: tuple[str, bool, float]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "marketplace": pd.array([MARKETPLACE] * len(states), dtype="str"),
            "asin": pd.array([state[0] for state in states], dtype="str"),
            "is_active": pd.array([state[1] for state in states], dtype="boolean"),
            "last_alerted_value": np.array([state[2] for state in states], dtype=float),
        }
    )


def alerted(walked: Walk) -> list[tuple[int, str]]:
    return [
        ((alert.day.date() - day(0)).days, alert.transition) for alert in walked.alerts.itertuples()
    ]


def state_changes(walked: Walk) -> list[tuple[int, bool, float | None]]:
    return [
        (
            (state.day.date() - day(0)).days,
            bool(state.is_active),
            None if math.isnan(state.last_alerted_value) else state.last_alerted_value,
        )
        for state in walked.states.itertuples()
    ]


@pytest.mark.parametrize(
    ("days", "alerts", "states"),
    [
        # fires on becoming true, not while it lasts
        ([(False, 10), (True, 12), (True, 12)], [(1, "fired")], [(1, True, 12)]),
        # a first day that holds fires
        ([(True, 12)], [(0, "fired")], [(0, True, 12)]),
        # armed again once it was false
        (
            [(True, 12), (False, 10), (True, 12)],
            [(0, "fired"), (2, "fired")],
            [(0, True, 12), (1, False, None), (2, True, 12)],
        ),
        # unknown changes nothing, neither while it lasts nor while it is armed
        ([(True, 12), (None, NAN), (True, 12)], [(0, "fired")], [(0, True, 12)]),
        ([(False, 10), (None, NAN), (True, 12)], [(2, "fired")], [(2, True, 12)]),
        # creeps away by another tenth of the last alerted value, up or down
        (
            [(True, 12), (True, 13.1), (True, 13.2), (True, 14.5), (True, 14.52)],
            [(0, "fired"), (2, "crept"), (4, "crept")],
            [(0, True, 12), (2, True, 13.2), (4, True, 14.52)],
        ),
        (
            [(True, 12), (True, 10.8)],
            [(0, "fired"), (1, "crept")],
            [(0, True, 12), (1, True, 10.8)],
        ),
        # after it is armed again, the last alerted value is forgotten
        (
            [(True, 12), (False, 10), (True, 20)],
            [(0, "fired"), (2, "fired")],
            [(0, True, 12), (1, False, None), (2, True, 20)],
        ),
        # nothing known, nothing happens
        ([(None, NAN), (None, NAN)], [], []),
        ([], [], []),
    ],
)
def test_a_price_rule(
    days: list[Day], alerts: list[tuple[int, str]], states: list[tuple[int, bool, float | None]]
) -> None:
    walked = walk(RULES["price-move"], readings(days), begin())
    assert alerted(walked) == alerts
    assert state_changes(walked) == states


def test_ranks_creep_by_their_ratio() -> None:
    walked = walk(
        RULES["rank-move"],
        readings([(True, 200), (True, 299), (True, 300), (True, 201), (True, 200)]),
        begin(),
    )
    assert alerted(walked) == [(0, "fired"), (2, "crept"), (4, "crept")]
    assert walked.alerts["last_alerted_value"].tolist()[1:] == [200, 300]


def test_a_rating_creeps_down_and_never_up() -> None:
    walked = walk(
        RULES["rating-drop"],
        readings([(True, 4.3), (True, 4.1), (True, 4.0), (True, 4.4), (True, 3.7)]),
        begin(),
    )
    assert alerted(walked) == [(0, "fired"), (2, "crept"), (4, "crept")]
    assert walked.alerts["last_alerted_value"].tolist()[1:] == [4.3, 4.0]


@pytest.mark.parametrize("rule_id", ["out-of-stock", "price-sigma"])
def test_other_rules_do_not_creep(rule_id: str) -> None:
    walked = walk(RULES[rule_id], readings([(True, 2.0), (True, 9.0)]), begin())
    assert alerted(walked) == [(0, "fired")]
    assert state_changes(walked) == [(0, True, 2.0)]


@pytest.mark.parametrize("rule_id", ["back-in-stock", "seller-changed"])
def test_an_event_fires_on_each_of_its_days(rule_id: str) -> None:
    days: list[Day] = [(True, NAN), (True, NAN), (None, NAN), (False, NAN), (True, NAN)]
    walked = walk(RULES[rule_id], readings(days), begin())
    assert alerted(walked) == [(0, "fired"), (1, "fired"), (4, "fired")]
    assert state_changes(walked) == [(0, True, None), (3, False, None), (4, True, None)]


@pytest.mark.parametrize(
    ("state", "days", "alerts"),
    [
        ((True, 12.0), [(True, 12.5)], []),
        ((True, 12.0), [(True, 14.0)], [(0, "crept")]),
        ((True, NAN), [(True, 14.0)], []),
        ((True, 12.0), [(False, 10.0), (True, 12.0)], [(1, "fired")]),
        ((False, NAN), [(True, 12.0)], [(0, "fired")]),
        ((True, 0.0), [(True, 12.0)], []),
    ],
)
def test_it_goes_on_from_the_state_before(
    state: tuple[bool, float], days: list[Day], alerts: list[tuple[int, str]]
) -> None:
    walked = walk(RULES["price-move"], readings(days), begin((ASIN, *state)))
    assert alerted(walked) == alerts


def test_products_have_states_of_their_own() -> None:
    both = pd.concat(
        [
            readings([(True, 12), (True, 12), (True, 12)], "B0TEST0002"),
            readings([(True, 12), (False, 10), (True, 12)], "B0TEST0001"),
        ],
        ignore_index=True,
    )
    before = begin(("B0TEST0003", True, 5.0), ("B0TEST0002", True, 12.0))
    walked = walk(RULES["price-move"], both, before)
    fired = walked.alerts[["asin", "day"]].itertuples(index=False, name=None)
    assert [(asin, on.date()) for asin, on in fired] == [
        ("B0TEST0001", day(0)),
        ("B0TEST0001", day(2)),
    ]
    # the alerts keep the index of their readings
    assert walked.alerts.index.tolist() == [3, 5]


def test_a_walk_in_two_parts_is_one_walk() -> None:
    random = np.random.default_rng(7)
    rule = RULES["price-move"]
    for _ in range(50):
        days: list[Day] = [
            ((True, False, None)[random.integers(3)], float(random.uniform(8, 16)))
            for _ in range(12)
        ]
        table = readings(days)
        whole = walk(rule, table, begin())
        first = walk(rule, table.iloc[:6], begin())
        last = [(ASIN, s.is_active, s.last_alerted_value) for s in first.states.itertuples()][-1:]
        second = walk(rule, table.iloc[6:], begin(*last))
        assert alerted(whole) == alerted(first) + alerted(second)
        assert state_changes(whole) == state_changes(first) + state_changes(second)
