"""What people may write as a condition, and what each says of rows worked out by hand."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from insights_assets.alerts.conditions import is_event, parse_condition, single_tests
from insights_assets.alerts.measures import MEASURES, TEXT_MEASURES
from insights_assets.alerts.readings import evaluate, observed_days
from insights_assets.alerts.rules import Rule
from insights_resources.errors import InvalidInputError
from insights_resources.settings import PROJECT_ROOT
from tests.unit.alerts.feature_rows import features, row

PRICE = {"measure": "price", "against": "mean_7d", "change": "percent", "at_least": 10}
RANK = {"measure": "primary_rank", "against": "median_7d", "change": "factor", "at_least": 2}
SELLER = {"event": "seller_changed"}


def rule(condition: Any, **columns: Any) -> Rule:
    """A rule with this condition; info from the start, for all products."""
    document = {"at_least": 1, "severity": "info"}
    lead = next(single_tests(parse_condition(condition)))
    if not hasattr(lead, "at_least") and not hasattr(lead, "bound"):
        document = {"severity": "info"}
    elif getattr(lead, "is_upper", False):
        document = {"at_most": 1, "severity": "info"}
    given = {
        "rule_id": "mine",
        "name": "Mine",
        "condition": condition,
        "applies_to": None,
        "severities": [document],
        "creep": None,
    }
    return Rule.of_row(given | columns)


def holds(condition: Any, *rows: dict[str, Any]) -> list[bool | None]:
    active = evaluate(rule(condition), observed_days(features(rows)))["active"]
    return [
        None if value is None else bool(value)
        for value in active.astype("object").where(active.notna(), None)
    ]


@pytest.mark.parametrize(
    ("condition", "path", "problem"),
    [
        (3, "condition", "must be an object"),
        ({}, "condition", "none of all, any, measure, event"),
        ({"all": []}, "condition.all", "must be a list of conditions"),
        ({"any": {}}, "condition.any", "must be a list of conditions"),
        ({"all": [PRICE], "any": [PRICE]}, "condition.any", "no such field"),
        ({"all": [PRICE, {"any": [7]}]}, "condition.all[1].any[0]", "must be an object"),
        ({"any": [PRICE, SELLER]}, "condition.any", "mixes events"),
        ({"measure": "pirce", "at_least": 1}, "condition.measure", "known are price,"),
        ({"measure": ["price"], "at_least": 1}, "condition.measure", "known are price,"),
        ({**PRICE, "at_least": 0}, "condition.at_least", "must be above 0"),
        ({**PRICE, "at_least": "10"}, "condition.at_least", "must be a number"),
        ({**PRICE, "at_least": True}, "condition.at_least", "must be a number"),
        ({**PRICE, "at_least": float("nan")}, "condition.at_least", "must be a number"),
        ({**PRICE, "change": "percentage"}, "condition.change", "percent, absolute, factor"),
        ({**PRICE, "against": "mean_8d"}, "condition.against", "one of mean_7d, mean_30d"),
        ({**PRICE, "direction": "sideways"}, "condition.direction", "up, down, either"),
        ({**PRICE, "at_most": 5}, "condition.at_most", "no such field"),
        ({**PRICE, "currency": "EUR"}, "condition.currency", "for amounts only"),
        ({**PRICE, "change": "absolute"}, "condition.currency", "needs its currency"),
        ({**RANK, "at_least": 1}, "condition.at_least", "must be above 1 for factor"),
        ({**PRICE, "change": "sigma"}, "condition.against", "leave against out"),
        ({**RANK, "change": "sigma"}, "condition.change", "of price only"),
        (
            {
                "measure": "listing_quality",
                "against": "7d_ago",
                "change": "absolute",
                "at_least": 5,
            },
            "condition.against",
            "has nothing to be compared with",
        ),
        ({"measure": "rating"}, "condition", "needs one of at_least, at_most"),
        ({"measure": "rating", "at_least": 1, "at_most": 2}, "condition", "needs one of"),
        ({"measure": "price", "at_most": 20}, "condition.currency", "needs its currency"),
        ({"measure": "price", "at_most": 20, "currency": "eur"}, "condition.currency", "EUR"),
        ({"measure": "availability", "is": "sold_out"}, "condition.is", "is never 'sold_out'"),
        ({"measure": "availability", "is": []}, "condition.is", "a text or a list of texts"),
        ({"measure": "seller", "is": "A", "is_not": "B"}, "condition", "one of is, is_not"),
        ({"measure": "seller", "at_least": 1}, "condition.at_least", "no such field"),
        ({"event": "meteor"}, "condition.event", "seller_changed, back_in_stock"),
        ({"event": "seller_changed", "after_captures": 2}, "condition.after_captures", "no such"),
        ({"event": "back_in_stock"}, "condition.after_captures", "must be a whole number"),
        ({"event": "back_in_stock", "after_captures": 0}, "condition.after_captures", "from 1 on"),
        ({"all": [PRICE] * 21}, "condition", "more than 20 tests"),
        (
            {"all": [{"all": [{"all": [{"all": [{"all": [{"all": [PRICE]}]}]}]}]}]},
            "condition.all[0].all[0].all[0].all[0].all[0].all",
            "deeper than 5",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_path(condition: Any, path: str, problem: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        parse_condition(condition)
    assert str(refused.value).startswith(f"{path}: ")
    assert problem in str(refused.value)


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"rule_id": "Mine"}, "rule_id: must be lower-case"),
        ({"rule_id": "a" * 65}, "rule_id: must be lower-case"),
        ({"name": " "}, "name: must be a text"),
        ({"severities": {}}, "severities: must be a list of steps"),
        ({"severities": [{"at_least": 0}]}, "severities[0].severity: must be one of info, warning"),
        ({"severities": [{"severity": "info"}]}, "severities[0].at_least: must be a number"),
        ({"severities": [{"at_most": 3, "severity": "info"}]}, "severities[0].at_most: no such"),
        (
            {"severities": [{"at_least": -1, "severity": "info"}]},
            "severities[0].at_least: must be 0",
        ),
        ({"severities": [{"at_least": 1, "severity": "info"}] * 2}, "two steps with the same"),
        ({"creep": 0}, "creep: must be above 0"),
        ({"creep": "5"}, "creep: must be a number"),
        (
            {"condition": SELLER, "severities": [{"at_least": 0, "severity": "info"}]},
            "severities[0].at_least: no such field",
        ),
        ({"condition": SELLER, "severities": [{"severity": "info"}] * 2}, "has several steps"),
        (
            {"condition": SELLER, "severities": [{"severity": "info"}], "creep": 3},
            "creep: the first condition has no number",
        ),
        (
            {"condition": {"measure": "price", "change": "sigma", "at_least": 2}, "creep": 3},
            "creep: the move of a day",
        ),
        ({"condition": RANK, "creep": 1}, "creep: must be above 1"),
        ({"applies_to": {}}, "applies_to: names no groups"),
        ({"applies_to": []}, "applies_to: must be an object"),
        ({"applies_to": {"brands": ["A"]}}, "applies_to.brands: no such field"),
        ({"applies_to": {"groups": "kettles"}}, "applies_to.groups: must be a list"),
        ({"applies_to": {"products": ["B08N5WRWNW"]}}, "applies_to.products[0]: 'B08N5WRWNW'"),
    ],
)
def test_a_row_that_is_wrong_is_named_with_its_field(columns: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        rule(**{"condition": PRICE} | columns)
    assert str(refused.value).startswith("alert rule ")
    assert problem in str(refused.value)
    assert str(refused.value).endswith("Correct or disable it.")


@pytest.mark.parametrize(
    ("condition", "event"),
    [
        (PRICE, False),
        (SELLER, True),
        ({"all": [PRICE, SELLER]}, True),
        ({"any": [SELLER, {"event": "listing_changed"}]}, True),
        ({"any": [PRICE, RANK]}, False),
        ({"any": [{"all": [PRICE, SELLER]}, SELLER]}, True),
    ],
)
def test_a_condition_with_an_event_in_it_happens_on_a_day(condition: Any, event: bool) -> None:
    assert is_event(parse_condition(condition)) is event


#: Price move: true, false, unknown; rank move: the same.
_PRICES = {True: 1200, False: 1000, None: None}
_RANKS = {True: 300, False: 100, None: None}


@pytest.mark.parametrize(
    ("price", "rank", "both", "either"),
    [
        (True, True, True, True),
        (True, False, False, True),
        (False, False, False, False),
        (True, None, None, True),
        (None, True, None, True),
        (False, None, False, None),
        (None, False, False, None),
        (None, None, None, None),
    ],
)
def test_all_and_any_of_what_is_unknown(
    price: bool | None, rank: bool | None, both: bool | None, either: bool | None
) -> None:
    day = row(
        0,
        price=_PRICES[price],
        price_mean_7d=10.0,
        primary_rank=_RANKS[rank],
        primary_rank_median_7d=100.0,
    )
    assert holds({"all": [PRICE, RANK]}, day) == [both]
    assert holds({"any": [PRICE, RANK]}, day) == [either]
    assert holds({"all": [{"any": [PRICE, RANK]}, {"all": [PRICE, RANK]}]}, day) == [both]


@pytest.mark.parametrize(
    ("condition", "values", "expected"),
    [
        # directions
        ({**PRICE, "direction": "up"}, {"price": 1200, "price_mean_7d": 10.0}, True),
        ({**PRICE, "direction": "down"}, {"price": 1200, "price_mean_7d": 10.0}, False),
        ({**PRICE, "direction": "down"}, {"price": 900, "price_mean_7d": 10.0}, True),
        # absolute, in the currency named and in no other
        (
            {**PRICE, "change": "absolute", "at_least": 2, "currency": "EUR"},
            {"price": 1200, "price_mean_7d": 10.0},
            True,
        ),
        (
            {**PRICE, "change": "absolute", "at_least": 2, "currency": "EUR"},
            {"price": 1199, "price_mean_7d": 10.0},
            False,
        ),
        (
            {**PRICE, "change": "absolute", "at_least": 2, "currency": "USD"},
            {"price": 9900, "price_mean_7d": 10.0},
            None,
        ),
        # against a past value, which the features store as a change
        ({**PRICE, "against": "30d_ago"}, {"price": 1100, "price_change_30d": 0.1}, True),
        ({**PRICE, "against": "30d_ago"}, {"price": 1100, "price_change_30d": 0.099999}, False),
        ({**PRICE, "against": "30d_ago"}, {"price": 1100}, None),
        (
            {**PRICE, "against": "7d_ago", "change": "absolute", "at_least": 1, "currency": "EUR"},
            {"price": 2999, "price_change_7d": 0.034495},  # 28.99 before
            True,
        ),
        (
            {**PRICE, "against": "list_price", "at_least": 30, "direction": "down"},
            {"price": 700, "list_price": 1000},
            True,
        ),
        ({**PRICE, "against": "min_30d"}, {"price": 1099, "price_min_30d": 1000}, False),
        (
            {**RANK, "against": "7d_ago", "direction": "down"},
            {"primary_rank": 50, "primary_rank_log_change_7d": -0.693148},
            True,
        ),
        (
            {
                "measure": "rating_count",
                "against": "7d_ago",
                "change": "absolute",
                "at_least": 100,
                "direction": "up",
            },
            {"rating_count": 400, "ratings_gained_7d": 100},
            True,
        ),
        (
            {"measure": "rating_count", "against": "30d_ago", "change": "percent", "at_least": 50},
            {"rating_count": 300, "ratings_gained_30d": 100},
            True,
        ),
        (
            {"measure": "price", "change": "sigma", "at_least": 2, "direction": "down"},
            {"price_log_return_1d": 0.2, "price_sigma_before": 0.02, "price_returns_before": 20},
            False,
        ),
        # levels and states
        ({"measure": "rating", "at_most": 4}, {"rating": 4.0}, True),
        ({"measure": "rating", "at_most": 4}, {"rating": 4.1}, False),
        ({"measure": "rating", "at_most": 4}, {}, None),
        ({"measure": "price", "at_most": 9.99, "currency": "EUR"}, {"price": 999}, True),
        ({"measure": "price", "at_most": 9.99, "currency": "JPY"}, {"price": 999}, None),
        ({"measure": "in_stock_share_7d", "at_least": 0.5}, {"in_stock_share_7d": 0.5}, True),
        ({"measure": "out_of_stock_captures", "at_least": 1}, {"availability": "unknown"}, None),
        ({"measure": "availability", "is": ["preorder", "backorder"]}, {}, False),
        ({"measure": "availability", "is_not": "in_stock"}, {"availability": "limited"}, True),
        ({"measure": "availability", "is_not": "in_stock"}, {"availability": "unknown"}, None),
        ({"measure": "seller", "is_not": "Our shop"}, {"seller": "A"}, True),
        ({"measure": "seller", "is_not": ["Our shop", "A"]}, {"seller": "A"}, False),
        ({"measure": "seller", "is_not": "Our shop"}, {}, None),
        ({"event": "listing_changed"}, {"listing_changed": True}, True),
        ({"event": "listing_changed"}, {"listing_changed": False}, False),
        ({"event": "listing_changed"}, {}, None),
    ],
)
def test_a_single_test(condition: Any, values: dict[str, Any], expected: bool | None) -> None:
    assert holds(condition, row(0, **values)) == [expected]


@pytest.mark.parametrize("name", MEASURES)
def test_every_measure_can_be_tested(name: str) -> None:
    measure = MEASURES[name]
    amount = {"currency": "EUR"} if measure.unit == "currency" else {}
    level = {"measure": name, "at_least": 1, **amount}
    assert holds(level, row(0, **{measure.column: 3 if amount == {} else 300})) == [True]
    for against in measure.baselines:
        change = {"measure": name, "against": against, "change": "percent", "at_least": 10}
        assert holds(change, row(0)) == [None]


@pytest.mark.parametrize("name", TEXT_MEASURES)
def test_every_text_can_be_tested(name: str) -> None:
    measure = TEXT_MEASURES[name]
    text = "A" if measure.values is None else measure.values[0]
    assert holds({"measure": name, "is": text}, row(0, **{measure.column: text})) == [True]


def test_the_document_names_every_measure_and_every_baseline() -> None:
    document = (PROJECT_ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")
    table = document.partition("### Measures")[2].partition("\n## ")[0].partition("\n### ")[0]
    rows = [line.split("|")[1:4] for line in table.splitlines() if line.startswith("| `")]
    known = {
        name: set(re.findall(r"`(\w+)`", against))
        for names, _, against in rows
        for name in re.findall(r"`(\w+)`", names)
    }
    expected = {name: set(measure.baselines) for name, measure in MEASURES.items()}
    assert known == expected | {name: set() for name in TEXT_MEASURES}


def test_the_documents_examples_are_rules() -> None:
    document = (PROJECT_ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", document, re.DOTALL)
    listed = yaml.safe_load(blocks[0])["alert_rules"]
    examples = [yaml.safe_load(example) for example in re.split(r"\n(?=#)", blocks[1])]
    assert len(examples) == 4
    for example in (*listed, *examples):
        rule(**{name: example[name] for name in ("condition", "severities")})


def test_a_ladder_of_a_level_that_falls_goes_down() -> None:
    ladder = [
        {"at_most": 3, "severity": "critical"},
        {"at_most": 4, "severity": "info"},
        {"at_most": 3.5, "severity": "warning"},
    ]
    falling = rule({"measure": "rating", "at_most": 4}, severities=ladder)
    days = observed_days(
        features([row(n, rating=value) for n, value in enumerate((4.0, 3.6, 3.5, 3.0, 1.0))])
    )
    magnitudes = evaluate(falling, days)["magnitude"].to_numpy()
    assert list(map(str, falling.severities_of(magnitudes))) == [
        "info",
        "info",
        "warning",
        "critical",
        "critical",
    ]
