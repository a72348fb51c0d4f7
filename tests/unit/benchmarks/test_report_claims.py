"""The reader that judges reports by the truth finds what is false in them, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.reports.claims import claims, sentences, tells
from benchmarks.reports.scenarios import Event
from benchmarks.reports.truths import GroupTruth, ProductTruth
from insights_assets.reports.schema import Report, Statement


def product(position: int, name: str, price: int | None, **now: Any) -> ProductTruth:
    features = {
        "price": None if price is None else price / 100,
        "price_change_1d": 0.0,
        "price_change_7d": 0.0,
        "price_change_30d": 0.0,
        "rating": 4.5,
        "rating_change_30d": 0.0,
        "primary_rank": 100 * (position + 1),
        "primary_rank_log_change_7d": 0.0,
        "availability": "in_stock",
    }
    return ProductTruth(
        position=position,
        name=name,
        now=features | now,
        overall=80.0 - 10 * position,
        price=price,
        prices=frozenset({3000} if price is None else {price, 3000}),
        peer_median=2500,
        coverage="price,quality,popularity",
        is_new_seller=position == 1,
        is_new_listing=False,
    )


GROUP = GroupTruth(
    "Bottles",
    (
        product(0, "Ridge 18 oz", 2400, price_change_7d=-0.2),
        product(1, "Mesa 24 oz", 3000, rating=3.9, rating_change_30d=-0.6),
        product(2, "Basin 32 oz", None, availability="out_of_stock"),
    ),
)


def report(text: str) -> Report:
    sections: dict[str, Any] = {name: [] for name in Report.model_fields}
    return Report(**(sections | {"threats": [Statement(text=text, fact_ids=[])]}))


def verdicts(text: str) -> list[bool]:
    return [holds for _, holds in claims(report(text), GROUP)]


TRUE = (
    "“Ridge 18 oz” became cheaper by 20.0% over 7 days and now costs $24.00.",
    "“Ridge 18 oz” has cut its price from $30.00 to $24.00.",
    "“Ridge 18 oz” is the cheapest at $24.00, “Mesa 24 oz” the dearest at $30.00.",
    "At $24.00 “Ridge 18 oz” is 4.0% below the median of its peers, $25.00.",
    "The rating of “Mesa 24 oz” fell by 0.6 over 30 days to 3.9 stars.",
    "“Basin 32 oz” is sold out at present.",
    "The buy box of “Mesa 24 oz” has another seller.",
    "“Ridge 18 oz” leads Bottles with an overall score of 80.0 points.",
)
FALSE = (
    "“Ridge 18 oz” became dearer by 20.0% over 7 days and now costs $24.00.",
    "“Ridge 18 oz” became cheaper by 21.0% over 7 days and now costs $24.00.",
    "“Ridge 18 oz” became cheaper by 20.0% over 7 days and now costs $24.50.",
    "“Mesa 24 oz” is the cheapest at $30.00, “Ridge 18 oz” the dearest at $24.00.",
    "“Mesa 24 oz” became cheaper over 7 days.",
    "The rating of “Mesa 24 oz” rose by 0.6 over 30 days to 3.9 stars.",
    "“Ridge 18 oz” is sold out at present.",
    "“Basin 32 oz” is well stocked.",
    "No product is known to be out of stock.",
    "The buy box of “Ridge 18 oz” has another seller.",
    "“Mesa 24 oz” leads Bottles with an overall score of 70.0 points.",
    "“Zephyra Glide” outsells its rivals.",
    "Buyers should visit https://deals.example for more.",
)


@pytest.mark.parametrize("text", TRUE)
def test_what_is_true_is_read_and_holds(text: str) -> None:
    found = verdicts(text)
    assert found
    assert all(found)


@pytest.mark.parametrize("text", FALSE)
def test_what_is_false_is_found(text: str) -> None:
    assert not all(verdicts(text))


def test_what_might_be_is_no_claim() -> None:
    assert verdicts("“Mesa 24 oz” would draw level with “Ridge 18 oz” at $19.00, if it cut.") == []


def test_an_event_is_told_by_its_product_and_its_direction() -> None:
    fall = Event(0, "price", "down")

    def is_told(text: str) -> bool:
        (read,) = sentences(report(text), GROUP)
        return any(tells(sentence, fall) for sentence in read)

    assert is_told("“Ridge 18 oz” became cheaper.")
    assert is_told("Watch “Ridge 18 oz” closely. It has cut its price.")
    assert not is_told("“Ridge 18 oz” became dearer.")
    assert not is_told("“Mesa 24 oz” became cheaper. Watch “Ridge 18 oz” closely.")
    assert not is_told("The rating of “Ridge 18 oz” fell.")
