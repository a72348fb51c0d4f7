"""The sandbox marketplace: the same everywhere, stable in time, and eventful."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, date, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from insights_resources.errors import ConfigurationError, InvalidInputError
from insights_resources.marketplaces import ProductKey, is_asin
from insights_resources.page_providers.protocol import Verdict
from insights_resources.sandbox.market import SandboxMarket
from insights_resources.sandbox.page_truth import SandboxTruth, SnapshotTruth

FIRST = date(2025, 1, 1)


def walk(market: SandboxMarket, key: ProductKey, days: int) -> list[SandboxTruth]:
    return [market.truth(key, FIRST + timedelta(days=n)) for n in range(days)]


@pytest.fixture(scope="module")
def market() -> SandboxMarket:
    return SandboxMarket()


@pytest.fixture(scope="module")
def history(market: SandboxMarket) -> dict[ProductKey, list[SandboxTruth]]:
    return {key: walk(market, key, 180) for key in market.keys}


@pytest.fixture(scope="module")
def snapshots(history: dict[ProductKey, list[SandboxTruth]]) -> list[SnapshotTruth]:
    return [t.snapshot for truths in history.values() for t in truths if t.snapshot is not None]


def test_the_same_arguments_give_the_same_bytes_in_another_process() -> None:
    market = SandboxMarket(seed=3, products=7)
    pages = b"".join(market.page(key, date(2025, 2, 14)) for key in market.keys)
    code = (
        "import hashlib; from datetime import date;"
        "from insights_resources.sandbox.market import SandboxMarket;"
        "m = SandboxMarket(seed=3, products=7);"
        "print(hashlib.sha256(b''.join(m.page(k, date(2025, 2, 14)) for k in m.keys)).hexdigest())"
    )
    other = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONHASHSEED": "12345"},
    )
    assert other.stdout.strip() == hashlib.sha256(pages).hexdigest()


def test_another_seed_is_another_market() -> None:
    assert set(SandboxMarket(seed=1).keys).isdisjoint(SandboxMarket(seed=2).keys)


def test_a_day_does_not_depend_on_which_days_were_asked_before() -> None:
    late_first, in_order = SandboxMarket(seed=5), SandboxMarket(seed=5)
    day = FIRST + timedelta(days=60)
    straight = [late_first.truth(key, day) for key in late_first.keys]
    for n in range(200):
        for key in in_order.keys[::5]:
            in_order.truth(key, FIRST + timedelta(days=n))
    assert [in_order.truth(key, day) for key in in_order.keys] == straight


def test_more_captures_a_day_leave_the_first_one_as_it_was() -> None:
    once, thrice = SandboxMarket(seed=5), SandboxMarket(seed=5, captures_per_day=3)
    day = FIRST + timedelta(days=33)
    for key in once.keys:
        assert once.truth(key, day) == thrice.truth(key, day)
        moments = [thrice.truth(key, day, slot).captured_at for slot in range(3)]
        assert moments == sorted(set(moments))
        assert all(moment.date() == day for moment in moments)


def test_a_quarter_of_24_products_takes_well_under_a_second() -> None:
    market = SandboxMarket(seed=11)
    started = time.process_time()
    for key in market.keys:
        walk(market, key, 90)
    assert time.process_time() - started < 1.0


def test_groups_of_about_six_in_at_least_four_marketplaces(market: SandboxMarket) -> None:
    assert [len(group.products) for group in market.groups] == [6, 6, 6, 6]
    assert {key.marketplace for key in market.keys} == {
        "amazon.com",
        "amazon.de",
        "amazon.co.jp",
        "amazon.fr",
    }
    assert all(is_asin(key.asin) for key in market.keys)


@pytest.mark.parametrize("products", [1, 5, 13, 100])
def test_any_number_of_products(products: int) -> None:
    market = SandboxMarket(products=products)
    assert len(market.keys) == products
    assert len({group.group_id for group in market.groups}) == len(market.groups)
    assert max(len(g.products) for g in market.groups) <= 9
    for group in market.groups:
        assert len({p.key.marketplace for p in group.products}) == 1


def test_each_group_has_a_variation_family_with_shared_ratings(
    market: SandboxMarket, history: dict[ProductKey, list[SandboxTruth]]
) -> None:
    for group in market.groups:
        first, second = group.products[0], group.products[1]
        assert first.parent_asin is not None
        assert first.parent_asin == second.parent_asin
        pairs = zip(history[first.key], history[second.key], strict=True)
        both = [(a.snapshot, b.snapshot) for a, b in pairs if a.snapshot and b.snapshot]
        assert all((a.rating, a.rating_count) == (b.rating, b.rating_count) for a, b in both)


def test_captures_of_the_first_slot_spread_over_the_early_morning(
    history: dict[ProductKey, list[SandboxTruth]],
) -> None:
    moments = {truths[0].captured_at for truths in history.values()}
    assert all(5 <= moment.hour < 7 and moment.tzinfo is UTC for moment in moments)
    assert len(moments) > 12


@pytest.mark.parametrize(
    ("what", "happens"),
    [
        ("a deal or list price", lambda s: s.list_price is not None and s.price < s.list_price),
        ("a coupon in per cent", lambda s: s.coupon is not None and "%" in s.coupon),
        ("a coupon in money", lambda s: s.coupon is not None and "%" not in s.coupon),
        ("Subscribe & Save", lambda s: s.subscribe_save_price is not None),
        ("a used offer", lambda s: s.used_price is not None),
        ("another seller's offer", lambda s: s.offers_from is not None and s.used_price is None),
        ("out of stock", lambda s: s.price_missing_reason == "out_of_stock"),
        ("only a few left", lambda s: s.availability == "limited"),
        ("nobody in the buy box", lambda s: s.price_missing_reason == "no_buy_box"),
        ("not sent to here, no offer", lambda s: s.price_missing_reason == "not_on_page"),
        ("not sent to here, a price", lambda s: s.price and s.availability == "unknown"),
        ("a price range", lambda s: s.price_min is not None and s.price_min < s.price_max),
        ("a pre-order", lambda s: s.availability == "preorder" and s.rating is None),
        ("no description", lambda s: s.description is None),
        ("no parent", lambda s: s.parent_asin is None),
        ("two ranks", lambda s: len(s.bsr) == 2),
        ("three ranks", lambda s: len(s.bsr) == 3),
        ("no ranks", lambda s: len(s.bsr) == 0),
    ],
)
def test_each_state_occurs(what: str, happens: object, snapshots: list[SnapshotTruth]) -> None:
    assert callable(happens)
    assert any(happens(s) for s in snapshots), what


def test_pages_that_are_no_product_occur_and_are_rare(
    history: dict[ProductKey, list[SandboxTruth]],
) -> None:
    verdicts = Counter(t.verdict for truths in history.values() for t in truths)
    assert set(verdicts) == {Verdict.PRODUCT, Verdict.BLOCKED, Verdict.NOT_FOUND, Verdict.OTHER}
    assert 0.01 < verdicts[Verdict.BLOCKED] / verdicts.total() < 0.04
    assert verdicts[Verdict.NOT_FOUND] + verdicts[Verdict.OTHER] < 0.02 * verdicts.total()


def test_each_development_occurs(history: dict[ProductKey, list[SandboxTruth]]) -> None:
    seen: Counter[str] = Counter()
    for truths in history.values():
        shown = [t.snapshot for t in truths if t.snapshot is not None]
        layouts = {t.layout for t in truths}
        seen["layout change"] += len(layouts) == 2
        for before, after in pairwise(shown):
            seen["seller change"] += None not in (before.seller, after.seller) and (
                before.seller != after.seller
            )
            seen["title edit"] += before.title != after.title
            seen["bullet edit"] += before.bullets != after.bullets
            seen["image edit"] += before.images != after.images
            if before.rating_count is not None and after.rating_count is not None:
                seen["ratings lost"] += after.rating_count < before.rating_count
                seen["ratings gained"] += after.rating_count > before.rating_count
    for what in (
        "layout change",
        "seller change",
        "title edit",
        "bullet edit",
        "image edit",
        "ratings lost",
        "ratings gained",
    ):
        assert seen[what] > 0, what
    assert seen["ratings lost"] < seen["ratings gained"] / 20


def test_all_layouts_occur_in_each_marketplace(
    history: dict[ProductKey, list[SandboxTruth]],
) -> None:
    for domain in {key.marketplace for key in history}:
        layouts = {t.layout for k, ts in history.items() if k.marketplace == domain for t in ts}
        assert layouts == {"modern", "classic", "mobile"}


def test_stock_outs_last_for_days_and_rank_suffers(
    history: dict[ProductKey, list[SandboxTruth]],
) -> None:
    worse = total = longest = 0
    for truths in history.values():
        shown = [t.snapshot for t in truths if t.snapshot is not None]
        run = 0
        for before, after in pairwise(shown):
            run = run + 1 if after.availability == "out_of_stock" else 0
            longest = max(longest, run)
            if run >= 2 and before.bsr and after.bsr:
                total += 1
                worse += after.bsr[0].rank > before.bsr[0].rank
    assert longest >= 3
    assert worse / total > 0.7


def test_a_cheaper_day_sells_better(history: dict[ProductKey, list[SandboxTruth]]) -> None:
    """Ranks follow prices: days of low price have, in the mean, the lower (better) rank."""
    better = 0
    for truths in history.values():
        priced = [
            (t.snapshot.price, t.snapshot.bsr[0].rank)
            for t in truths
            if t.snapshot is not None and t.snapshot.price is not None and t.snapshot.bsr
        ]
        priced.sort()
        third = len(priced) // 3
        cheap = sum(rank for _, rank in priced[:third])
        dear = sum(rank for _, rank in priced[-third:])
        better += cheap < dear
    assert better > 0.8 * len(history)


def test_amounts_have_the_currency_s_decimals(snapshots: list[SnapshotTruth]) -> None:
    for s in snapshots:
        exponent = 0 if s.currency == "JPY" else -2
        for amount in (s.price, s.list_price, s.used_price, s.offers_from, s.subscribe_save_price):
            assert amount is None or (amount > 0 and amount.as_tuple().exponent == exponent)


def test_a_missing_price_has_a_reason_and_a_price_has_none(snapshots: list[SnapshotTruth]) -> None:
    for s in snapshots:
        assert (s.price is None) == (s.price_missing_reason is not None)
        # Where the page says instead of it that the item is not sent to the visitor, no seller.
        not_sent = s.price is not None and s.availability == "unknown"
        assert (s.price is None or not_sent) == (s.seller is None)


def test_products_of_a_group_have_different_ranks(market: SandboxMarket) -> None:
    for group in market.groups:
        for n in range(60):
            ranks: Counter[tuple[str, int]] = Counter()
            for product in group.products:
                snapshot = market.truth(product.key, FIRST + timedelta(days=n)).snapshot
                for entry in snapshot.bsr if snapshot else ():
                    ranks[entry.category, entry.rank] += 1
            assert not ranks or max(ranks.values()) == 1


def test_what_the_market_does_not_have_is_refused(market: SandboxMarket) -> None:
    key = market.keys[0]
    with pytest.raises(InvalidInputError, match="2024-12-31"):
        market.truth(key, date(2024, 12, 31))
    with pytest.raises(InvalidInputError, match="slot 1"):
        market.truth(key, FIRST, slot=1)
    with pytest.raises(InvalidInputError, match="B000000000"):
        market.truth(ProductKey("amazon.com", "B000000000"), FIRST)
    with pytest.raises(ConfigurationError):
        SandboxMarket(products=0)
    with pytest.raises(ConfigurationError):
        SandboxMarket(captures_per_day=0)


def test_pages_are_of_a_real_size_and_fast(market: SandboxMarket) -> None:
    started = time.process_time()
    sizes = []
    for key in market.keys:
        for n in range(0, 40, 4):
            day = FIRST + timedelta(days=n)
            page = market.page(key, day)
            if market.truth(key, day).verdict is Verdict.PRODUCT:
                sizes.append(len(page))
    elapsed = (time.process_time() - started) / (24 * 10)
    assert min(sizes) > 15_000
    assert max(sizes) < 60_000
    assert elapsed < 0.01


def test_hostile_characters_are_escaped(market: SandboxMarket) -> None:
    """Brands such as "Wexley & Moss" stand on a page as a browser must write them."""
    key = next(k for k in market.keys if "&" in market.product(k).brand)
    days = (FIRST + timedelta(days=n) for n in range(10))
    day = next(d for d in days if market.truth(key, d).verdict is Verdict.PRODUCT)
    text = market.page(key, day).decode()
    assert "Wexley &amp; Moss" in text
    assert "Wexley & Moss" not in text.replace("&amp;", "#")


def test_the_rating_is_shown_with_one_decimal_in_the_page_s_language(
    market: SandboxMarket,
) -> None:
    language = market.product(market.keys[6]).language
    assert language.tag == "de-de"
    assert language.stars(Decimal(4)) == "4,0 von 5 Sternen"
