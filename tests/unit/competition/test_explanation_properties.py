"""What holds for explanations and what-ifs of any group."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from insights_assets.competition.explanation import explain
from insights_assets.competition.explanation_text import explanation_lines, what_if_lines
from insights_assets.competition.formulas import Dimension, Method
from insights_assets.competition.group_day import GroupDay, score_row
from insights_assets.competition.what_if import Changed, parse_changes, what_if
from insights_resources.marketplaces import ProductKey
from tests.unit.competition.group_days import DAY, LONG_AFTER, frames, product
from tests.unit.competition.test_scoring_properties import METHODS, PRICES, RATINGS, groups


def group_day(made: list[dict[str, Any]], name: str = "Kettles") -> GroupDay:
    """The group as it would be read from a warehouse that was rebuilt from these products."""
    features, ranks, _ = frames(*made)
    members = {ProductKey(each["marketplace"], each["asin"]): name for each in made}
    empty = pd.DataFrame(
        {
            "marketplace": [each.marketplace for each in sorted(members)],
            "asin": [each.asin for each in sorted(members)],
        }
    )
    unscored = GroupDay("g", "g", DAY, LONG_AFTER, empty, features, ranks, members)
    return GroupDay("g", "g", DAY, LONG_AFTER, unscored.scored_again, features, ranks, members)


def any_of(data: st.DataObject, day: GroupDay) -> ProductKey:
    return data.draw(st.sampled_from(day.products))


@settings(max_examples=8, deadline=None)
@given(groups(), METHODS, st.data())
def test_any_score_is_explained_by_what_is_stored(
    made: list[dict[str, Any]], method: Method, data: st.DataObject
) -> None:
    day = group_day(made)
    key = any_of(data, day)
    row = score_row(day.scores, key, method)
    explained = explain(day, key, method)
    assert explained.is_reproduced
    assert [each.score for each in explained.dimensions] == [
        row[f"{name}_score"] for name in Dimension
    ]
    assert [member.product.asin for member in explained.peers] == row["peers"]["eligible"]
    assert len(explained.left_out) == len(row["peers"]["left_out"])
    total = sum(each.contribution or 0.0 for each in explained.dimensions)
    assert total == pytest.approx(explained.overall or 0.0, abs=0.0051)
    told = list(explanation_lines(explained))
    assert sum(line.startswith(tuple(Dimension)) for line in told) == 3
    for each in explained.dimensions:
        if each.score is None:
            assert any(f"{each.dimension:<12}       –  none: the product " in line for line in told)


@settings(max_examples=8, deadline=None)
@given(groups(), METHODS, st.data())
def test_values_there_are_change_nothing(
    made: list[dict[str, Any]], method: Method, data: st.DataObject
) -> None:
    day = group_day(made)
    key = any_of(data, day)
    own = day.feature_rows.get(key)
    assume(own is not None)
    assert own is not None
    node = explain(day, key, method)[Dimension.POPULARITY].inputs.get("rank_node")
    known = {
        Changed.PRICE: None if own["price"] is None else own["price"] / 100,
        Changed.RATING: own["rating"],
        Changed.RANK: None
        if node is None
        else day.rank_rows[key, node]["rank" if method is Method.STANDARD else "rank_median_7d"],
    }
    changes = parse_changes(f"{what}={value}" for what, value in known.items() if value is not None)
    found = what_if(day, key, method, changes)
    pd.testing.assert_frame_equal(found.before, found.after, check_exact=True)
    if changes:
        nothing = ("nothing changes for the other", "it is alone")
        assert any(line.startswith(nothing) for line in what_if_lines(day, found))


@settings(max_examples=8, deadline=None)
@given(groups(), METHODS, PRICES, RATINGS, st.data())
def test_a_what_if_is_the_score_of_a_group_that_is_so(
    made: list[dict[str, Any]], method: Method, price: int, rating: float, data: st.DataObject
) -> None:
    """The same as scoring a group whose product has the price and rating from the start."""
    number = data.draw(st.integers(0, len(made) - 1))
    assume(made[number]["captured"] is not None)
    assume(made[number]["currency"] is not None)
    key = ProductKey(made[number]["marketplace"], made[number]["asin"])
    changes = parse_changes([f"price={price / 100:.2f}", f"rating={rating}"])
    found = what_if(group_day(made), key, method, changes)
    changed = [*made]
    changed[number] = made[number] | {"price": price, "rating": rating}
    expected = group_day(changed).scores
    expected = expected[expected["method"] == method.value].reset_index(drop=True)
    columns = [name for name in expected if name != "inputs"]
    pd.testing.assert_frame_equal(found.after[columns], expected[columns], check_exact=True)
    # What a product costs in another currency is no input of the others, and its own stays.
    assert found.after["inputs"].tolist() == expected["inputs"].tolist()


def test_a_price_of_who_shows_no_currency_is_in_the_marketplaces() -> None:
    made = [
        product("A", price=None, currency=None, rating=4.0),
        product("B", price=2000, rating=4.0),
        product("C", price=3000, rating=4.0),
    ]
    day = group_day(made)
    key = ProductKey("amazon.de", "A000000000")
    assert explain(day, key, Method.STANDARD)[Dimension.PRICE].reason == "no_price"
    found = what_if(day, key, Method.STANDARD, parse_changes(["price=25"]))
    assert score_row(found.after, key, Method.STANDARD)["price_score"] == 50.0


def test_names_of_pages_are_told_without_what_a_terminal_would_obey() -> None:
    made = [product("A", price=2000, rating=4.0), product("B", price=2000, rating=4.0)]
    day = group_day(made, name="\x1b[31mred\x07 kettle\u202e")
    told = "\n".join(explanation_lines(explain(day, day.products[0], Method.STANDARD)))
    assert "[31mred kettle" in told
    assert not {"\x1b", "\x07", "\u202e"} & set(told)


def test_a_day_that_is_not_over_is_explained_as_it_was_when_it_was_scored() -> None:
    """Who was fresh then is a peer in the explanation, although the day has ended since."""
    made = [
        product("A", price=2000, rating=4.0, captured=14),
        product("B", price=2000, rating=4.0, captured=60),
        product("C", price=2000, rating=4.0, captured=61),
    ]
    features, ranks, _ = frames(*made)
    noon = datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC)
    known = pd.DataFrame(
        {"marketplace": ["amazon.de"] * 3, "asin": [each["asin"] for each in made]}
    )
    then = GroupDay("g", "g", DAY, noon, known, features, ranks, {})
    day = GroupDay("g", "g", DAY, noon, then.scored_again, features, ranks, {})
    explained = explain(day, day.products[0], Method.STANDARD)
    assert explained.is_reproduced
    assert [peer.product.asin[0] for peer in explained.peers] == ["B", "C"]
    over = GroupDay("g", "g", DAY, LONG_AFTER, day.scores, features, ranks, {})
    assert not explain(over, day.products[0], Method.STANDARD).is_reproduced
