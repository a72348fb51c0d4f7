"""Scores worked out by hand."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from insights_assets.competition import formulas
from insights_assets.competition.formulas import Method
from tests.unit.competition.group_days import DAY, END, product, row_of, score

STANDARD, ROBUST = Method.STANDARD, Method.ROBUST


# --- formulas ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("price", "median", "standard", "robust"),
    [
        (2000, 2000, 50.0, 50.0),
        (1000, 2000, 75.0, 100.0),
        (3000, 2000, 25.0, 50 - 50 * math.log2(1.5)),
        (4000, 2000, 0.0, 0.0),
        (9000, 2000, 0.0, 0.0),
        (1, 2000, 99.975, 100.0),
        (2000, math.nan, math.nan, math.nan),
        (math.nan, 2000, math.nan, math.nan),
        (0, 2000, math.nan, math.nan),
        (2000, 0, math.nan, math.nan),
    ],
)
def test_price_score(price: float, median: float, standard: float, robust: float) -> None:
    assert formulas.price_score(price, median, STANDARD) == pytest.approx(standard, nan_ok=True)
    assert formulas.price_score(price, median, ROBUST) == pytest.approx(robust, nan_ok=True)


@pytest.mark.parametrize(
    ("rating", "count", "mean", "standard", "robust"),
    [
        (4.5, 50, 4.1, 90.0, (4.3 - 1) / 4 * 100),
        (5.0, 0, 4.0, 100.0, 75.0),
        (5.0, 950, 3.0, 100.0, (4.9 - 1) / 4 * 100),
        (0.0, 10_000, 1.0, 0.0, 0.0),
        (4.5, math.nan, 4.1, 90.0, math.nan),
        (4.5, 10, math.nan, 90.0, math.nan),
        (math.nan, 10, 4.0, math.nan, math.nan),
    ],
)
def test_quality_score(
    rating: float, count: float, mean: float, standard: float, robust: float
) -> None:
    assert formulas.standard_quality_score(rating) == pytest.approx(standard, nan_ok=True)
    found = formulas.robust_quality_score(rating, count, mean)
    assert found == pytest.approx(robust, nan_ok=True)


@pytest.mark.parametrize(
    ("rank", "median", "expected"),
    [
        (100, 100, 50.0),
        (10, 100, 100.0),
        (1, 1000, 100.0),
        (1000, 100, 0.0),
        (200, 100, 50 - 50 * math.log10(2)),
        (math.nan, 100, math.nan),
        (100, math.nan, math.nan),
    ],
)
def test_popularity_score(rank: float, median: float, expected: float) -> None:
    assert formulas.popularity_score(rank, median) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    ("scores", "standard", "robust"),
    [
        ((60.0, 90.0, 30.0), 60.0, 0.35 * 60 + 0.35 * 90 + 0.30 * 30),
        ((60.0, 90.0, math.nan), 75.0, 75.0),
        ((60.0, math.nan, 30.0), 45.0, (0.35 * 60 + 0.30 * 30) / 0.65),
        ((60.0, math.nan, math.nan), math.nan, math.nan),
        ((math.nan, math.nan, math.nan), math.nan, math.nan),
        ((0.0, 0.0, math.nan), 0.0, 0.0),
    ],
)
def test_overall_score(scores: tuple[float, ...], standard: float, robust: float) -> None:
    assert formulas.overall_score(scores, STANDARD) == pytest.approx(standard, nan_ok=True)
    assert formulas.overall_score(scores, ROBUST) == pytest.approx(robust, nan_ok=True)


def test_formulas_take_arrays() -> None:
    assert formulas.price_score([1000, 2000], 2000, STANDARD).tolist() == [75.0, 50.0]
    both = formulas.overall_score([[60.0, 90.0, 30.0], [60.0, 40.0, math.nan]], STANDARD)
    assert both.tolist() == [60.0, 50.0]


# --- a whole group -------------------------------------------------------------------------------

GROUP = (
    product("A", price=1000, rating=4.5, rating_count=50, ranks=[("home", 100), ("7", 5)]),
    product("B", price=2000, rating=4.0, rating_count=10, ranks=[("home", 1000), ("7", 50)]),
    product("C", price=3000, rating=4.2, rating_count=90, ranks=[("home", 400), ("7", 20)]),
    product("D", price=2500, ranks=[("home", 10_000)]),
)


def test_a_group_by_the_standard_method() -> None:
    row = row_of(score(*GROUP), "A")
    # Peers' prices 20, 30, 25: median 25. Node 7 is shared by B and C: ranks 50 and 20.
    popularity = 50 - 50 * math.log10(5 / 35)
    assert row["price_score"] == 80.0
    assert row["quality_score"] == 90.0
    assert row["popularity_score"] == round(popularity, 2)
    assert row["overall_score"] == pytest.approx((80 + 90 + popularity) / 3, abs=0.006)
    assert row["coverage"] == "price,quality,popularity"
    assert row["peer_count"] == 3
    assert row["missing_reasons"] == {}
    assert row["peers"] == {
        "eligible": ["B000000000", "C000000000", "D000000000"],
        "left_out": [],
    }
    assert row["inputs"] == {
        "currency": "EUR",
        "price": 10.0,
        "peer_median_price": 25.0,
        "priced_peers": 3,
        "rating": 4.5,
        "rank_node": "7",
        "rank": 5,
        "peer_median_rank": 35.0,
        "ranked_peers": 2,
    }
    assert row["contributions"] == {
        "price": pytest.approx(80 / 3, abs=1e-6),
        "quality": 30.0,
        "popularity": pytest.approx(popularity / 3, abs=1e-6),
    }


def test_a_group_by_the_robust_method() -> None:
    row = row_of(score(*GROUP), "A", "robust")
    # Node 7 has only two peers, so the node of all three counts: ranks 1000, 400, 10000.
    mean = (4.0 + 4.2) / 2
    quality = ((50 * mean + 50 * 4.5) / 100 - 1) / 4 * 100
    popularity = 50 - 50 * math.log10(100 / 1000)
    assert row["price_score"] == 100.0  # 50 - 50 log2(0.4) is above 100
    assert row["quality_score"] == pytest.approx(quality, abs=0.006)
    assert row["popularity_score"] == popularity == 100.0
    assert row["overall_score"] == pytest.approx(
        0.35 * 100 + 0.35 * quality + 0.30 * 100, abs=0.006
    )
    assert row["inputs"]["peer_mean_rating"] == pytest.approx(mean)
    assert row["inputs"]["rated_peers"] == 2
    assert row["inputs"]["rank_node"] == "home"
    assert row["inputs"]["rank_median_7d"] == 100.0
    assert sum(row["contributions"].values()) == pytest.approx(row["overall_score"], abs=0.006)


def test_products_are_placed_among_equal_coverage() -> None:
    scores = score(*GROUP)
    places = {
        asin: (row_of(scores, asin)["position"], row_of(scores, asin)["position_of"])
        for asin in "ABCD"
    }
    assert places == {"A": (1, 3), "C": (2, 3), "B": (3, 3), "D": (1, 1)}
    assert row_of(scores, "D")["coverage"] == "price,popularity"
    assert row_of(scores, "D")["missing_reasons"] == {"quality": "no_rating"}


def test_equal_scores_share_a_place() -> None:
    twins = [product(asin, price=1000, rating=4.0) for asin in "ABC"]
    scores = score(*twins, product("D", price=1000, rating=3.0))
    assert [row_of(scores, asin)["position"] for asin in "ABCD"] == [1, 1, 1, 4]


def test_one_dimension_is_no_overall_score() -> None:
    row = row_of(score(product("A", rating=4.0), product("B", rating=4.0)), "A")
    assert row["quality_score"] == 80.0
    assert row["overall_score"] is None
    assert row["position"] is None
    assert row["position_of"] is None
    assert row["coverage"] == "quality"
    assert row["contributions"] == {}
    assert row["missing_reasons"] == {"price": "no_price", "popularity": "no_rank"}


# --- missing -------------------------------------------------------------------------------------

FULL: dict[str, Any] = {"price": 1000, "rating": 4.0, "rating_count": 5, "ranks": [("1", 10)]}


@pytest.mark.parametrize(
    ("own", "peers", "standard", "robust"),
    [
        (
            {},
            [FULL] * 3,
            {"price": "no_price", "quality": "no_rating", "popularity": "no_rank"},
            {"price": "no_price", "quality": "no_rating", "popularity": "no_rank"},
        ),
        (
            FULL,
            [],
            {"price": "no_peers", "popularity": "no_peers"},
            {"price": "no_peers", "quality": "no_peers", "popularity": "no_peers"},
        ),
        (
            FULL,
            [{}, {}, {}],
            {"price": "no_priced_peers", "popularity": "too_few_peers_in_nodes"},
            {
                "price": "no_priced_peers",
                "quality": "no_rated_peers",
                "popularity": "too_few_peers_in_nodes",
            },
        ),
        (FULL, [FULL] * 2, {}, {"popularity": "too_few_peers_in_nodes"}),
        (FULL, [FULL] * 3, {}, {}),
        (FULL | {"rating_count": None}, [FULL] * 3, {}, {"quality": "no_rating_count"}),
        (
            FULL | {"captured": 48.01},
            [FULL] * 3,
            dict.fromkeys(("price", "quality", "popularity"), "stale_capture"),
            dict.fromkeys(("price", "quality", "popularity"), "stale_capture"),
        ),
        (FULL | {"captured": 48}, [FULL] * 3, {}, {}),
        (
            {"captured": None},
            [FULL] * 3,
            dict.fromkeys(("price", "quality", "popularity"), "not_captured"),
            dict.fromkeys(("price", "quality", "popularity"), "not_captured"),
        ),
    ],
)
def test_a_missing_score_says_why(
    own: dict[str, Any],
    peers: list[dict[str, Any]],
    standard: dict[str, str],
    robust: dict[str, str],
) -> None:
    scores = score(
        product("A", **own), *(product(f"P{n}", **known) for n, known in enumerate(peers))
    )
    for method, reasons in (("standard", standard), ("robust", robust)):
        row = row_of(scores, "A", method)
        assert row["missing_reasons"] == reasons
        for dimension in ("price", "quality", "popularity"):
            assert (row[f"{dimension}_score"] is None) == (dimension in reasons)


# --- peers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({}, None),
        ({"marketplace": "amazon.fr"}, "other_marketplace"),
        ({"currency": "USD"}, "other_currency"),
        ({"currency": None}, "other_currency"),
        ({"captured": 49}, "stale_capture"),
        ({"captured": None}, "not_captured"),
        ({"family_asin": "A"}, "same_family"),
    ],
)
def test_who_is_no_peer(other: dict[str, Any], reason: str | None) -> None:
    scores = score(
        product("A", **FULL), product("B", **FULL), product("X", **(FULL | {"price": 90} | other))
    )
    row = row_of(scores, "A")
    left_out = [] if reason is None else [{"asin": "X000000000", "reason": reason}]
    eligible = ["B000000000", "X000000000"] if reason is None else ["B000000000"]
    assert row["peers"] == {"eligible": eligible, "left_out": left_out}
    assert row["inputs"]["priced_peers"] == len(eligible)


def test_a_family_counts_once_with_its_best_ranked_product() -> None:
    family = [
        product("F1", family_asin="F", price=100, primary_rank=70),
        product("F2", family_asin="F", price=200, primary_rank=7),
        product("F3", family_asin="F", price=300, primary_rank=7),
        product("F4", family_asin="F", price=400),
    ]
    row = row_of(score(product("A", price=200), *family), "A")
    assert row["peers"]["eligible"] == ["F200000000"]
    assert {entry["reason"] for entry in row["peers"]["left_out"]} == {"family_represented"}
    assert row["price_score"] == 50.0


def test_a_stale_product_does_not_stand_for_its_family() -> None:
    best = product("F1", family_asin="F", price=100, primary_rank=1, captured=60)
    next_best = product("F2", family_asin="F", price=200, primary_rank=9)
    row = row_of(score(product("A", price=200), best, next_best), "A")
    assert row["peers"]["eligible"] == ["F200000000"]
    assert row["peers"]["left_out"] == [{"asin": "F100000000", "reason": "stale_capture"}]


def test_the_deepest_shared_node_wins_and_deep_means_listed_last() -> None:
    peers = [product(f"P{n}", ranks=[("1", 10), ("2", 20), ("3", 30)]) for n in range(2)]
    lone = product("Q", ranks=[("4", 40)])
    row = row_of(score(product("A", ranks=[("3", 3), ("2", 2), ("4", 4)]), *peers, lone), "A")
    assert row["inputs"]["rank_node"] == "2"
    assert row["inputs"]["peer_median_rank"] == 20.0


def test_robust_popularity_reads_the_week_not_the_day() -> None:
    peers = [product(f"P{n}", ranks=[("1", 999, 100.0)]) for n in range(3)]
    row = row_of(score(product("A", ranks=[("1", 1, 100.0)]), *peers), "A", "robust")
    assert row["popularity_score"] == 50.0


# --- days and members ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("member", "is_in"),
    [
        ((DAY, DAY), True),
        ((DAY - timedelta(days=9), DAY - timedelta(days=1)), False),
        ((DAY + timedelta(days=1), None), False),
        ((DAY, None), True),
    ],
)
def test_members_are_those_of_the_day(member: tuple[date, date | None], is_in: bool) -> None:
    scores = score(product("A", **FULL), product("B", member=member, **FULL))
    assert ("B000000000" in set(scores["asin"])) == is_in
    assert row_of(scores, "A")["peer_count"] == int(is_in)


def test_memberships_that_overlap_count_once() -> None:
    again = product("B", member=(DAY, DAY), **FULL)
    scores = score(product("A", **FULL), product("B", **FULL), again)
    assert row_of(scores, "B")["peer_count"] == 1
    assert row_of(scores, "A")["peer_count"] == 1


def test_a_product_is_scored_in_each_of_its_groups() -> None:
    scores = score(
        product("A", price=1000),
        product("B", price=2000),
        product("A", price=1000, group_id="h"),
        product("C", price=500, group_id="h"),
    )
    own = scores[(scores["asin"] == "A000000000") & (scores["method"] == "standard")]
    assert dict(zip(own["group_id"], own["price_score"], strict=True)) == {"g": 75.0, "h": 0.0}


@pytest.mark.parametrize(
    ("now", "stale"), [(END - timedelta(hours=1), False), (END, True), (END + timedelta(1), True)]
)
def test_today_is_measured_by_the_newest_capture_of_the_group(now: datetime, stale: bool) -> None:
    scores = score(
        product("A", **(FULL | {"captured": 60})),
        product("B", **(FULL | {"captured": 20})),
        now=now,
    )
    assert (row_of(scores, "A")["missing_reasons"].get("quality") == "stale_capture") == stale


def test_a_range_of_days_has_rows_for_each_day_of_membership() -> None:
    scores = score(product("A", **FULL), first=DAY - timedelta(days=1), last=DAY)
    assert scores["day"].dt.date.tolist() == [DAY - timedelta(days=1)] * 2 + [DAY] * 2
    assert scores["missing_reasons"].iloc[0]["price"] == "not_captured"


def test_no_members_no_rows() -> None:
    scores = score(product("A", member=(date(2027, 1, 1), None), **FULL))
    assert scores.empty
    assert list(scores.columns)[:5] == ["day", "group_id", "marketplace", "asin", "method"]
