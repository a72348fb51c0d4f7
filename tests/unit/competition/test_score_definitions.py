"""What the scores' definition promises, each for any group (see also test_scoring_properties)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from insights_assets.competition import formulas
from insights_assets.competition.formulas import Method
from insights_assets.competition.scoring import score_groups
from tests.unit.competition.group_days import DAY, LONG_AFTER, frames, product, row_of, score
from tests.unit.competition.test_scoring_properties import (
    COUNTS,
    DIMENSIONS,
    METHODS,
    RANKS,
    RATINGS,
    groups,
)

#: Each property takes seconds: the quick lane has the shorter forms of them.
pytestmark = pytest.mark.slow

EXAMPLES = settings(max_examples=10, deadline=None)
SCORES = [f"{name}_score" for name in (*DIMENSIONS, "overall")]
#: One step of the rounding.
STEP = 0.0101


@st.composite
def rivals(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Two to five members that are all peers of each other, with prices and ranks."""
    return [
        product(
            f"P{number}",
            price=draw(st.integers(1, 5000)),
            rating=draw(st.none() | RATINGS),
            rating_count=draw(st.none() | COUNTS),
            ranks=[("1", draw(st.integers(1, 300)))],
        )
        for number in range(draw(st.integers(2, 5)))
    ]


def changed(made: list[dict[str, Any]], asin: str, **values: Any) -> list[dict[str, Any]]:
    return [item | values if item["asin"] == asin else item for item in made]


def eligible(scores: pd.DataFrame, asin: str) -> list[str]:
    return list(row_of(scores, asin)["peers"]["eligible"])


def assert_same_scores(one: pd.DataFrame, other: pd.DataFrame, asins: list[str]) -> None:
    for asin in asins:
        for method in Method:
            before, after = row_of(one, asin, method), row_of(other, asin, method)
            for name in [*SCORES, "inputs", "missing_reasons", "contributions"]:
                assert before[name] == after[name], (asin, method, name)


# --- monotonicity ---------------------------------------------------------------------------------


@EXAMPLES
@given(groups(), st.data())
def test_what_is_better_of_a_product_never_scores_it_lower(
    made: list[dict[str, Any]], data: st.DataObject
) -> None:
    item = data.draw(st.sampled_from(made))
    better: dict[str, Any] = {}
    if item["price"] is not None:
        better["price"] = data.draw(st.integers(1, item["price"]))
    if item["rating"] is not None:
        better["rating"] = data.draw(st.integers(round(item["rating"] * 10), 50)) / 10
    factor = data.draw(st.integers(1, 9))
    better["ranks"] = [
        (node, max(rank // factor, 1), median / factor) for node, rank, median in item["ranks"]
    ]
    before, after = score(*made), score(*changed(made, item["asin"], **better))
    for method in Method:
        old, new = row_of(before, item["asin"], method), row_of(after, item["asin"], method)
        assert old["coverage"] == new["coverage"]
        for name in SCORES:
            if old[name] is not None:
                assert new[name] >= old[name], name


@EXAMPLES
@given(rivals(), st.integers(2, 9))
def test_a_dearer_peer_never_makes_a_product_score_lower(
    made: list[dict[str, Any]], factor: int
) -> None:
    asin, peer = made[0]["asin"], made[-1]
    before, after = score(*made), score(*changed(made, peer["asin"], price=peer["price"] * factor))
    assert peer["asin"] in eligible(before, asin)
    for method in Method:
        old, new = (row_of(scores, asin, method)["price_score"] for scores in (before, after))
        assert new >= old


# --- continuity -----------------------------------------------------------------------------------


@settings(deadline=None)
@given(RATINGS, RATINGS, COUNTS)
def test_a_tenth_of_a_star_or_one_rating_more_moves_quality_little(
    rating: float, mean: float, count: int
) -> None:
    higher = min(rating + 0.1, 5.0)
    of_rating = formulas.standard_quality_score(higher) - formulas.standard_quality_score(rating)
    assert 0 <= of_rating <= 2 + 1e-9
    drawn = formulas.robust_quality_score(rating, count, mean)
    assert 0 <= formulas.robust_quality_score(higher, count, mean) - drawn <= 2.5 + 1e-9
    one_more = formulas.robust_quality_score(rating, count + 1, mean)
    assert (
        abs(one_more - drawn) <= 25 * abs(rating - mean) / (formulas.PRIOR_RATINGS + count) + 1e-9
    )
    assert abs(formulas.robust_quality_score(rating, count, mean + 0.01) - drawn) <= 0.25 + 1e-9


@settings(deadline=None)
@given(RANKS, RANKS)
def test_one_place_moves_popularity_little(rank: int, median: int) -> None:
    step = formulas.popularity_score(rank, median) - formulas.popularity_score(rank + 1, median)
    assert -1e-9 <= step <= 50 * np.log10(1 + 1 / rank) + 1e-9


@settings(deadline=None)
@given(
    METHODS,
    st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), min_size=3, max_size=3),
    st.integers(0, 3),
)
def test_overall_moves_no_further_than_its_dimensions(
    method: Method, pairs: list[tuple[float, float]], missing: int
) -> None:
    def overall(place: int) -> float:
        values = [pair[place] for pair in pairs]
        if missing < len(values):
            values[missing] = np.nan
        return float(formulas.overall_score(values, method))

    farthest = max(abs(one - other) for one, other in pairs)
    assert abs(overall(0) - overall(1)) <= farthest + 1e-9


# --- units ----------------------------------------------------------------------------------------


@EXAMPLES
@given(groups(), st.sampled_from([2, 10, 1000]))
def test_the_unit_of_ranks_does_not_matter(made: list[dict[str, Any]], factor: int) -> None:
    other = [
        item
        | {
            "ranks": [
                (node, rank * factor, median * factor) for node, rank, median in item["ranks"]
            ],
            "primary_rank": None if item["primary_rank"] is None else item["primary_rank"] * factor,
        }
        for item in made
    ]
    np.testing.assert_allclose(score(*other)[SCORES], score(*made)[SCORES], atol=STEP)


@EXAMPLES
@given(groups())
def test_scores_have_two_decimals(made: list[dict[str, Any]]) -> None:
    values = score(*made)[SCORES].to_numpy(float)
    np.testing.assert_array_equal(values, np.round(values, 2))
    assert not np.signbit(values[values == 0]).any()


# --- peers ----------------------------------------------------------------------------------------


@EXAMPLES
@given(groups(), st.data())
def test_whatever_an_ineligible_member_says_has_no_effect(
    made: list[dict[str, Any]], data: st.DataObject
) -> None:
    """Its values, that is: a member of a family may begin to stand for it when its rank is better,
    and is left out of this."""
    scores = score(*made)
    asin = data.draw(st.sampled_from([item["asin"] for item in made]))
    gone = [
        entry["asin"]
        for entry in row_of(scores, asin)["peers"]["left_out"]
        if entry["reason"] != "family_represented"
    ]
    assume(gone)
    says = {
        "price": data.draw(st.none() | st.integers(1, 5000)),
        "rating": data.draw(st.none() | RATINGS),
        "rating_count": data.draw(st.none() | COUNTS),
        "ranks": [(node, data.draw(st.integers(1, 300)), 5.0) for node in "123"],
        "primary_rank": data.draw(st.integers(1, 300)),
    }
    other = score(*changed(made, data.draw(st.sampled_from(gone)), **says))
    assert_same_scores(scores, other, [asin])


@EXAMPLES
@given(rivals(), st.none() | st.integers(1, 5000), RATINGS)
def test_a_worse_ranked_sibling_of_a_peer_changes_nothing_for_others(
    made: list[dict[str, Any]], price: int | None, rating: float
) -> None:
    """A family counts once among peers, however many of it are members."""
    peer = made[-1]
    sibling = peer | {
        "asin": "ZZZZZZZZZZ",
        "price": price,
        "rating": rating,
        "rating_count": 7,
        "primary_rank": peer["primary_rank"] + 1,
    }
    others = [item["asin"] for item in made[:-1]]
    assert_same_scores(score(*made), score(*made, sibling), others)


@EXAMPLES
@given(groups())
def test_peers_are_other_families_of_the_same_market_each_once(made: list[dict[str, Any]]) -> None:
    by_asin = {item["asin"]: item for item in made}
    for row in score(*made).to_dict("records"):
        own, found = by_asin[row["asin"]], row["peers"]["eligible"]
        families = [by_asin[asin]["family_asin"] for asin in found]
        assert len(set(families)) == len(families)
        assert own["family_asin"] not in families or own["captured"] is None
        for asin in found:
            peer = by_asin[asin]
            assert (peer["marketplace"], peer["currency"]) == (own["marketplace"], own["currency"])
            assert peer["captured"] is not None
            assert peer["captured"] <= 48
        for entry in row["peers"]["left_out"]:
            assert entry["reason"]


@EXAMPLES
@given(groups())
def test_products_are_placed_among_equal_dimension_sets(made: list[dict[str, Any]]) -> None:
    scores = score(*made)
    for _, rows in scores.groupby(["method", "coverage"]):
        placed = rows[rows["overall_score"].notna()]
        for row in placed.itertuples():
            assert row.position == 1 + (placed["overall_score"] > row.overall_score).sum()
            assert row.position_of == len(placed)
    without = scores[scores["overall_score"].isna()]
    assert without["position"].isna().all()


# --- scopes ---------------------------------------------------------------------------------------


@EXAMPLES
@given(groups(), groups(), st.booleans())
def test_groups_do_not_see_each_other(
    one: list[dict[str, Any]], other: list[dict[str, Any]], share: bool
) -> None:
    """A scope in two by its groups gives the same rows, also where they share products."""
    second = [
        item | {"group_id": "h"}
        if share
        else item | {"group_id": "h", "asin": f"Q{item['asin'][1:]}"}
        for item in (one if share else other)
    ]
    parts = pd.concat([score(*one), score(*second)], ignore_index=True)
    pd.testing.assert_frame_equal(score(*one, *second), parts, check_exact=True)


@EXAMPLES
@given(groups(), st.integers(0, 3))
def test_days_do_not_see_each_other(made: list[dict[str, Any]], cut: int) -> None:
    """A scope in two by its days, and a second time, gives the same rows."""
    data = frames(*made)
    first, last = DAY - timedelta(days=2), DAY + timedelta(days=2)
    middle = first + timedelta(days=cut)
    whole = score_groups(*data, first, last, now=LONG_AFTER)
    parts = [
        score_groups(*data, first, middle, now=LONG_AFTER),
        score_groups(*data, middle + timedelta(days=1), last, now=LONG_AFTER),
    ]
    pd.testing.assert_frame_equal(whole, pd.concat(parts, ignore_index=True), check_exact=True)
    again = score_groups(*data, first, last, now=LONG_AFTER)
    pd.testing.assert_frame_equal(whole, again, check_exact=True)


def test_a_price_at_the_peers_median_scores_fifty() -> None:
    made = [product(f"P{number}", price=1000, rating=4.0) for number in range(3)]
    for method in Method:
        assert row_of(score(*made), "P1", method)["price_score"] == pytest.approx(50)
