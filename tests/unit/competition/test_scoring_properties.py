"""What holds for scores of any group."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from insights_assets.competition import formulas, scoring
from insights_assets.competition.formulas import Method
from tests.unit.competition.group_days import DAY, LONG_AFTER, frames, product, row_of, score

METHODS = st.sampled_from(list(Method))
PRICES = st.integers(1, 10_000_000)
RANKS = st.integers(1, 5_000_000)
RATINGS = st.integers(0, 50).map(lambda tenths: tenths / 10)
COUNTS = st.integers(0, 1_000_000)
DIMENSIONS = ("price", "quality", "popularity")


@st.composite
def groups(draw: st.DrawFn) -> list[dict[str, Any]]:
    """One to seven members with gaps, families, other currencies and old captures."""
    made = []
    for number in range(draw(st.integers(1, 7))):
        nodes = draw(st.lists(st.sampled_from("123"), max_size=3, unique=True))
        made.append(
            product(
                f"P{number}",
                price=draw(st.none() | st.integers(1, 5000)),
                rating=draw(st.none() | RATINGS),
                rating_count=draw(st.none() | COUNTS),
                ranks=[(node, draw(st.integers(1, 300))) for node in nodes],
                captured=draw(st.sampled_from([1, 1, 1, 47, 60, None])),
                currency=draw(st.sampled_from(["EUR", "EUR", "EUR", "USD", None])),
                family_asin=draw(st.sampled_from([None, None, None, "F1", "F2"])),
                marketplace=draw(st.sampled_from(["amazon.de", "amazon.de", "amazon.fr"])),
            )
        )
    return made


@settings(max_examples=60, deadline=None)
@given(groups())
def test_scores_are_within_range_and_explain_themselves(made: list[dict[str, Any]]) -> None:
    for row in score(*made).to_dict("records"):
        present = [name for name in DIMENSIONS if not np.isnan(row[f"{name}_score"])]
        assert row["coverage"] == ",".join(present)
        assert set(row["missing_reasons"]) == set(DIMENSIONS) - set(present)
        assert np.isnan(row["overall_score"]) == (len(present) < 2)
        for name in [*present, "overall"]:
            assert np.isnan(row[f"{name}_score"]) or 0 <= row[f"{name}_score"] <= 100
        if len(present) >= 2:
            assert list(row["contributions"]) == present
            total = sum(row["contributions"].values())
            assert row["overall_score"] == pytest.approx(total, abs=0.0051)
            assert 1 <= row["position"] <= row["position_of"]
        assert row["peer_count"] == len(row["peers"]["eligible"])
        assert len(row["peers"]["eligible"]) + len(row["peers"]["left_out"]) == len(made) - 1


@settings(max_examples=60, deadline=None)
@given(groups(), st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(made: list[dict[str, Any]], random: Any) -> None:
    shuffled = list(made)
    random.shuffle(shuffled)
    pd.testing.assert_frame_equal(score(*made), score(*shuffled), check_exact=True)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(groups(), st.data())
def test_a_member_that_is_no_peer_has_no_effect(made: list[dict[str, Any]], data: Any) -> None:
    scores = score(*made)
    asin = data.draw(st.sampled_from([item["asin"] for item in made]))
    peers = row_of(scores, asin)["peers"]
    assume(peers["left_out"])
    gone = data.draw(st.sampled_from([entry["asin"] for entry in peers["left_out"]]))
    without = score(*(item for item in made if item["asin"] != gone))
    for method in Method:
        before, after = row_of(scores, asin, method), row_of(without, asin, method)
        for name in ("price_score", "quality_score", "popularity_score", "overall_score", "inputs"):
            assert before[name] == after[name]


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(groups(), st.sampled_from([2, 10, 1000]))
def test_the_unit_of_prices_does_not_matter(made: list[dict[str, Any]], factor: int) -> None:
    other_unit = [
        item | {"price": None if item["price"] is None else item["price"] * factor} for item in made
    ]
    names = ["price_score", "quality_score", "popularity_score", "overall_score"]
    found, expected = score(*other_unit)[names], score(*made)[names]
    np.testing.assert_allclose(found, expected, atol=0.011)  # one step of the rounding


@given(METHODS, PRICES, PRICES, PRICES)
def test_a_lower_price_never_scores_lower(
    method: Method, price: int, lower: int, median: int
) -> None:
    lower, price = sorted((lower, price))
    cheap, dear = (formulas.price_score(p, median, method) for p in (lower, price))
    assert 0 <= dear <= cheap <= 100


@given(METHODS, PRICES, PRICES)
def test_one_hundredth_more_moves_the_price_score_little(
    method: Method, price: int, median: int
) -> None:
    step = formulas.price_score(price, median, method) - formulas.price_score(
        price + 1, median, method
    )
    steepest = 50 * max(1 / median, np.log2(1 + 1 / price))
    assert -1e-9 <= step <= steepest + 1e-9


@given(RATINGS, RATINGS, COUNTS, RATINGS)
def test_a_higher_rating_never_scores_lower(
    rating: float, higher: float, count: int, mean: float
) -> None:
    rating, higher = sorted((rating, higher))
    assert formulas.standard_quality_score(rating) <= formulas.standard_quality_score(higher)
    low, high = (formulas.robust_quality_score(r, count, mean) for r in (rating, higher))
    assert 0 <= low <= high + 1e-9 <= 100 + 1e-9


@given(st.integers(10, 50), COUNTS, st.integers(10, 50))
def test_robust_quality_lies_between_the_rating_and_the_peers_mean(
    rating: int, count: int, mean: int
) -> None:
    low, high = sorted((rating / 10, mean / 10))
    found = formulas.robust_quality_score(rating / 10, count, mean / 10)
    assert (low - 1) * 25 - 1e-9 <= found <= (high - 1) * 25 + 1e-9


@given(RANKS, RANKS, RANKS, st.integers(2, 1000))
def test_a_better_rank_never_scores_lower_and_only_ratios_count(
    rank: int, better: int, median: int, factor: int
) -> None:
    better, rank = sorted((better, rank))
    assert formulas.popularity_score(rank, median) <= formulas.popularity_score(better, median)
    assert formulas.popularity_score(rank * factor, median * factor) == pytest.approx(
        formulas.popularity_score(rank, median), abs=1e-6
    )


@given(
    METHODS,
    st.lists(st.floats(0, 100), min_size=3, max_size=3),
    st.integers(0, 2),
    st.floats(0, 100),
)
def test_overall_lies_between_its_dimensions_and_rises_with_each(
    method: Method, scores: list[float], place: int, other: float
) -> None:
    overall = formulas.overall_score(scores, method)
    assert min(scores) - 1e-9 <= overall <= max(scores) + 1e-9
    raised = list(scores)
    raised[place] = max(other, scores[place])
    assert formulas.overall_score(raised, method) >= overall - 1e-9


def test_days_worked_on_in_parts_give_the_same_rows(monkeypatch: Any) -> None:
    made = [
        product(f"P{n}", price=100 + n, rating=4.0, rating_count=n, ranks=[("1", n + 1)])
        for n in range(6)
    ]
    data = frames(*made)
    first = DAY.replace(day=8)
    at_once = scoring.score_groups(*data, first, DAY, now=LONG_AFTER)
    monkeypatch.setattr(scoring, "_PAIRS_AT_A_TIME", 1)
    in_parts = scoring.score_groups(*data, first, DAY, now=LONG_AFTER)
    pd.testing.assert_frame_equal(at_once, in_parts, check_exact=True)
