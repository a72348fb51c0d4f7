"""Scripted storylines of the sandbox: they happen as told, and nothing else changes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal

import pytest

from insights_resources.errors import ConfigurationError
from insights_resources.marketplaces import ProductKey
from insights_resources.page_providers.protocol import Verdict
from insights_resources.sandbox.market import SandboxMarket
from insights_resources.sandbox.page_truth import SnapshotTruth
from insights_resources.sandbox.storylines import (
    ListingHijack,
    PriceWar,
    RatingCollapse,
    StockOut,
    Storyline,
)
from insights_resources.sandbox.truth import ExpectedResults

FIRST = date(2025, 1, 1)
GROUP = "us-water-bottles"
#: When scripts begin here.
START = 30


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def shown(market: SandboxMarket, position: int, number: int) -> SnapshotTruth:
    """What the page of a product of the first group says."""
    snapshot = market.truth(market.keys[position], day(number)).snapshot
    assert snapshot is not None
    return snapshot


def price(market: SandboxMarket, position: int, number: int) -> Decimal:
    found = shown(market, position, number).price
    assert found is not None
    return found


def digest(market: SandboxMarket, keys: Iterable[ProductKey], days: Iterable[int]) -> str:
    """Of what pages say that anything later is computed from."""
    said = hashlib.sha256()
    for number in days:
        for key in keys:
            truth = market.truth(key, day(number))
            told: tuple[object, ...] = (key, truth.verdict.value, truth.captured_at)
            if (page := truth.snapshot) is not None:
                told += (page.title, page.price, page.availability, page.seller, page.rating)
                told += (page.rating_count, page.bsr, page.bullets, page.images)
            said.update(repr(told).encode())
    return said.hexdigest()


@pytest.fixture(scope="module")
def calm() -> SandboxMarket:
    return SandboxMarket(storylines=[Storyline(GROUP)])


# --- what stays as it is -------------------------------------------------------------------------


def test_equal_seeds_give_what_they_gave_before_there_were_storylines() -> None:
    market = SandboxMarket()
    assert digest(market, market.keys, range(0, 120, 3)) == (
        "4ceddf3a543908638dd53e6f579db224a31b6a8a6c6a0a343d845f16a871529a"
    )


def test_groups_without_a_storyline_are_as_they_are_without_any(calm: SandboxMarket) -> None:
    plain = SandboxMarket()
    assert calm.keys == plain.keys
    for key in plain.keys[6:]:
        assert calm.page(key, day(50)) == plain.page(key, day(50))
    others = plain.keys[6:]
    assert digest(calm, others, range(90)) == digest(plain, others, range(90))


def test_until_a_script_begins_an_eventful_group_is_as_it_is_without() -> None:
    plain = SandboxMarket()
    scripted = SandboxMarket(storylines=[Storyline(GROUP, (StockOut(2, START, 5),), is_calm=False)])
    before = range(START)
    assert digest(scripted, plain.keys, before) == digest(plain, plain.keys, before)
    assert shown(scripted, 2, START).availability == "out_of_stock"


# --- what is scripted ----------------------------------------------------------------------------


def test_values_of_a_calm_group_hardly_move(calm: SandboxMarket) -> None:
    for position in range(6):
        pages = [shown(calm, position, number) for number in range(90)]
        assert len({(p.price, p.seller, p.title, p.bullets, p.availability) for p in pages}) == 1
        assert {p.availability for p in pages} == {"in_stock"}
        ratings = [p.rating for p in pages if p.rating is not None]
        assert max(ratings) - min(ratings) <= Decimal("0.1")
        ranks = [p.bsr[0].rank for p in pages]
        assert len(set(ranks)) > 10
        assert max(ranks[30:]) / min(ranks[30:]) < 1.2


def test_nothing_fires_an_alert_in_a_calm_group(calm: SandboxMarket) -> None:
    fired = ExpectedResults(calm, day(0), day(60)).alerts()
    assert [alert for key in calm.keys[:6] for alert in fired[key]] == []
    assert any(fired[key] for key in calm.keys[6:])


def test_each_page_of_a_calm_group_shows_its_product(calm: SandboxMarket) -> None:
    verdicts = {calm.truth(key, day(n)).verdict for key in calm.keys[:6] for n in range(90)}
    assert verdicts == {Verdict.PRODUCT}


def test_products_at_war_undercut_each_other_in_turn() -> None:
    market = SandboxMarket(storylines=[Storyline(GROUP, (PriceWar((2, 4), START, 6),))])
    for turn in range(6):
        moved, other = ((2, 4), (4, 2))[turn % 2]
        number = START + turn
        assert price(market, moved, number) < price(market, moved, number - 1)
        assert price(market, other, number) == price(market, other, number - 1)
    for position, fall in ((2, 0.20), (4, 0.24)):
        before = price(market, position, START - 1)
        after = price(market, position, START + 20)
        assert float(1 - after / before) == pytest.approx(fall, abs=0.04)
    assert price(market, 3, START + 6) == price(market, 3, START - 1)


def test_a_war_moves_ranks_and_fires_alerts() -> None:
    market = SandboxMarket(storylines=[Storyline(GROUP, (PriceWar((2, 4), START, 6),))])
    assert shown(market, 4, START + 8).bsr[0].rank < 0.85 * shown(market, 4, START - 1).bsr[0].rank
    fired = ExpectedResults(market, day(0), day(START + 8)).alerts()
    assert {"price-move"} <= {alert["rule_id"] for alert in fired[market.keys[4]]}
    assert [alert for position in (0, 1, 3, 5) for alert in fired[market.keys[position]]] == []


def test_a_product_is_out_of_stock_on_the_scripted_days_and_no_others() -> None:
    market = SandboxMarket(storylines=[Storyline(GROUP, (StockOut(3, START, 5),))])
    out = [
        number
        for number in range(START + 20)
        if shown(market, 3, number).availability == "out_of_stock"
    ]
    assert out == list(range(START, START + 5))
    assert shown(market, 3, START + 2).price is None
    assert shown(market, 3, START + 4).bsr[0].rank > 1.5 * shown(market, 3, START - 1).bsr[0].rank
    fired = ExpectedResults(market, day(0), day(START + 10)).alerts()[market.keys[3]]
    events = [(a["rule_id"], a["day"]) for a in fired if "stock" in a["rule_id"]]
    assert events == [("out-of-stock", day(START + 1)), ("back-in-stock", day(START + 5))]


def test_a_rating_falls_as_far_as_told_while_many_ratings_come_in() -> None:
    market = SandboxMarket(storylines=[Storyline(GROUP, (RatingCollapse(2, START, 6),))])
    before, after = shown(market, 2, START - 1), shown(market, 2, START + 5)
    assert before.rating is not None
    assert after.rating is not None
    assert before.rating - after.rating == pytest.approx(Decimal("0.6"), abs=Decimal("0.1"))
    assert before.rating_count is not None
    assert after.rating_count is not None
    assert after.rating_count - before.rating_count >= 360
    fired = ExpectedResults(market, day(0), day(START + 6)).alerts()[market.keys[2]]
    assert {alert["rule_id"] for alert in fired} == {"rating-drop"}


def test_a_hijacker_takes_buy_box_price_and_texts_and_keeps_them() -> None:
    market = SandboxMarket(storylines=[Storyline(GROUP, (ListingHijack(3, START),))])
    before = shown(market, 3, START - 1)
    for number in (START, START + 30):
        page = shown(market, 3, number)
        assert page.seller not in (before.seller, None)
        assert page.title != before.title
        assert page.bullets != before.bullets
        assert price(market, 3, number) < Decimal("0.8") * price(market, 3, START - 1)
    fired = ExpectedResults(market, day(0), day(40)).alerts()[market.keys[3]]
    assert {"seller-changed", "price-move"} <= {alert["rule_id"] for alert in fired}


def test_in_an_eventful_group_chance_does_not_hide_what_is_scripted() -> None:
    scripts = (PriceWar((2, 4), START, 8), StockOut(0, START, 8))
    for seed in range(12):
        market = SandboxMarket(
            seed=seed, products=6, storylines=[Storyline(GROUP, scripts, is_calm=False)]
        )
        for number in range(START, START + 8):
            told = [market.truth(market.keys[p], day(number)).snapshot for p in (0, 2, 4)]
            assert told[0] is None or told[0].availability == "out_of_stock"
            assert all(page is None or page.availability != "out_of_stock" for page in told[1:])


# --- what is refused -----------------------------------------------------------------------------


def test_a_storyline_of_an_unknown_group_or_product_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no group somewhere"):
        SandboxMarket(storylines=[Storyline("somewhere")])
    with pytest.raises(ConfigurationError, match="names product 6"):
        SandboxMarket(storylines=[Storyline(GROUP, (StockOut(6, START, 3),))])
