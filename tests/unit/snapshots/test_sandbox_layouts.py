"""Each kind of offer in each layout that Amazon's pages have, read as what it is.

The sandbox has to show every one of them: a case that it cannot render fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import date, timedelta

import pytest
from selectolax.lexbor import LexborHTMLParser

from insights_assets.snapshots.parser import parse_page
from insights_assets.snapshots.product_snapshot import (
    Availability,
    PriceMissingReason,
    ProductSnapshot,
)
from insights_resources.marketplaces import ProductKey
from insights_resources.sandbox import SandboxMarket
from insights_resources.sandbox.page_truth import SnapshotTruth
from tests.unit.sandbox_comparison import misread_fields

MARKET = SandboxMarket()
FIRST = date(2025, 1, 1)
DEMO = [FIRST + timedelta(days=number) for number in range(14)]
LONGER = [FIRST + timedelta(days=number) for number in range(90)]
LAYOUTS = ("modern", "classic", "mobile")

MODERN_PRICE = "#corePriceDisplay_desktop_feature_div .priceToPay"
MOBILE_PRICE = "#corePriceDisplay_mobile_feature_div .priceToPay"
OLDER_MOBILE_PRICE = "#corePrice_mobile_feature_div .apexPriceToPay"
Case = Callable[[SnapshotTruth], object]
ACCORDION = "#buyBoxAccordion [id^='newAccordionRow']"


#: How a page refuses the delivery to its visitor: where it says so, and what remains of the offer.
REFUSAL: dict[str, tuple[str, Case]] = {
    "beside the offer": (
        "#deliveryBlockMessage .a-color-error, #ddmDeliveryMessage .a-color-error",
        lambda t: t.seller,
    ),
    "in place of seller and stock": (
        "[id^='exports_'][id$='undeliverable_buybox']",
        lambda t: t.price and not t.seller,
    ),
    "in place of the offer": ("#outOfStock", lambda t: t.price_missing_reason == "not_on_page"),
}


@dataclass(frozen=True)
class Shown:
    """A page of the sandbox, and what is true about it."""

    key: ProductKey
    day: date
    truth: SnapshotTruth
    content: bytes

    @property
    def tree(self) -> LexborHTMLParser:
        return LexborHTMLParser(self.content)

    def read(self) -> ProductSnapshot:
        parsed = parse_page(self.content, target=self.key)
        assert parsed.snapshot is not None, parsed.reason
        return parsed.snapshot


def shown_in(layout: str | None, days: list[date], is_case: Case) -> Iterator[Shown]:
    for day in days:
        for key in MARKET.keys:
            truth = MARKET.truth(key, day, layout=layout).snapshot
            if truth is not None and is_case(truth):
                yield Shown(key, day, truth, MARKET.page(key, day, layout=layout))


def has_price(truth: SnapshotTruth) -> bool:
    return truth.price is not None and truth.availability != "unknown"


#: Layout, what the page shows, where it shows it, and on which pages that is so.
CASES: list[tuple[str, str, str, Case]] = [
    ("classic", "a price", "#priceblock_ourprice", has_price),
    ("classic", "a sale", "#priceblock_saleprice", has_price),
    ("classic", "a deal", "#priceblock_dealprice", has_price),
    ("modern", "a price", MODERN_PRICE, has_price),
    ("modern", "a deal", "#dealBadge_feature_div .dealBadge", has_price),
    ("mobile", "a price", MOBILE_PRICE, has_price),
    ("mobile", "a price in the block of 2021", OLDER_MOBILE_PRICE, has_price),
    ("mobile", "a deal", "#dealBadge_feature_div .dealBadge", has_price),
    ("classic", "a list price", ".priceBlockStrikePriceString", lambda t: t.list_price),
    ("modern", "a list price", ".basisPrice [data-a-strike]", lambda t: t.list_price),
    ("mobile", "a list price", ".basisPrice [data-a-strike]", lambda t: t.list_price),
    (
        "mobile",
        "a list price in the block of 2021",
        "#corePrice_mobile_feature_div [data-a-strike]",
        lambda t: t.list_price,
    ),
    ("classic", "a coupon", ".couponFeature", lambda t: t.coupon),
    ("modern", "a coupon", "[id^='couponText']", lambda t: t.coupon),
    ("mobile", "a coupon", "[id^='couponText']", lambda t: t.coupon),
    ("classic", "a used offer", "#usedBuySection", lambda t: t.used_price),
    ("modern", "a used offer", f"{ACCORDION} ~ #usedAccordionRow", lambda t: t.used_price),
    ("mobile", "a used offer", f"{ACCORDION} ~ #usedAccordionRow", lambda t: t.used_price),
    ("classic", "a subscription", "#sns-base-price", lambda t: t.subscribe_save_price),
    ("modern", "a subscription", "#sns-base-price", lambda t: t.subscribe_save_price),
    ("mobile", "a subscription", "#sns-base-price", lambda t: t.subscribe_save_price),
    ("classic", "no variation chosen", "#partialStateBuybox", lambda t: t.price_min),
    ("modern", "no variation chosen", ".a-price-range", lambda t: t.price_min),
    ("mobile", "no variation chosen", ".a-price-range", lambda t: t.price_min),
    *(
        (layout, *case)
        for layout in LAYOUTS
        for case in (
            (
                "a chosen variation",
                "#twister_feature_div",
                lambda t: t.parent_asin and t.price,
            ),
            (
                "no featured offer",
                "#buybox-see-all-buying-choices",
                lambda t: t.price_missing_reason == "no_buy_box",
            ),
            ("nothing in stock", "#outOfStock", lambda t: t.availability == "out_of_stock"),
            ("a few left", "#availability", lambda t: t.availability == "limited"),
            (
                "a pre-order",
                "#add-to-cart-button",
                lambda t: t.availability == "preorder",
            ),
            ("details as a list", "#detailBullets_feature_div", lambda t: t.bsr),
            ("details as a table", "#prodDetails table", lambda t: t.bsr),
            *((f"a refusal {kind}", *refusal) for kind, refusal in REFUSAL.items()),
        )
    ),
    *(
        (layout, "details that unfold", "[id^='productDetails_expanderTables']", lambda t: t.bsr)
        for layout in ("modern", "mobile")
    ),
]


@pytest.mark.parametrize(
    ("layout", "shows", "selector", "is_case"),
    CASES,
    ids=[f"{layout}: {shows}" for layout, shows, _, _ in CASES],
)
def test_every_field_is_read_where_the_page_shows(
    layout: str, shows: str, selector: str, is_case: Case
) -> None:
    pages = shown_in(layout, LONGER, is_case)
    page = next((page for page in pages if page.tree.css_first(selector) is not None), None)
    assert page is not None, f"the sandbox has no {layout} page with {shows}"
    wrong = misread_fields(page.read(), page.truth)
    assert not wrong, (page.key, page.day, wrong)


def test_a_product_says_the_same_in_each_layout() -> None:
    """Phones are shown no path of categories; all else is there, in other places."""
    names = [field.name for field in fields(SnapshotTruth) if field.name != "breadcrumbs"]
    for number, key in enumerate(MARKET.keys):
        day = DEMO[number % len(DEMO)]
        seen = []
        for layout in LAYOUTS:
            read = parse_page(MARKET.page(key, day, layout=layout), target=key).snapshot
            if read is not None:
                values = {name: getattr(read, name) for name in names}
                seen.append(values | {"coupon": "".join((read.coupon or "").split())})
        assert all(values == seen[0] for values in seen), (key, day)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_other_variations_prices_are_nothing_of_the_chosen_one(layout: str) -> None:
    compared = 0
    for page in shown_in(layout, DEMO[:3], lambda t: t.parent_asin and t.price):
        swatches = page.tree.css(
            "li.inline-twister-swatch[data-initiallyselected='false'] .olpMessageWrapper,"
            " li.swatchAvailable .twisterSwatchPrice"
        )
        compared += len(swatches)
        snapshot = page.read()
        assert snapshot.price == page.truth.price
        assert snapshot.parent_asin == page.truth.parent_asin
        assert snapshot.asin == page.key.asin
        amounts = {snapshot.price, snapshot.list_price, snapshot.offers_from, snapshot.used_price}
        assert amounts == {
            page.truth.price,
            page.truth.list_price,
            page.truth.offers_from,
            page.truth.used_price,
        }
    assert compared > 10


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_not_sent_to_the_visitor_is_not_out_of_stock(layout: str) -> None:
    """It is sold, only not to there: no price is lost that is shown, no stock-out is invented."""
    for kind, (selector, is_case) in REFUSAL.items():
        pages = (p for p in shown_in(layout, LONGER, is_case) if p.tree.css_first(selector))
        page = next(pages)
        snapshot = page.read()
        assert page.tree.css_first("#add-to-cart-button") is None
        assert snapshot.price == page.truth.price
        if kind == "in place of the offer":
            assert snapshot.price_missing_reason is PriceMissingReason.NOT_ON_PAGE
        else:
            assert snapshot.price is not None
        if kind == "beside the offer":
            assert snapshot.availability in (Availability.IN_STOCK, Availability.LIMITED)
            assert snapshot.seller == page.truth.seller is not None
        else:
            assert snapshot.availability is Availability.UNKNOWN
            assert snapshot.seller is None


def test_any_day_is_captured_in_all_layouts() -> None:
    """Whenever the demo runs: its fortnight ends yesterday."""
    for day in LONGER:
        assert {MARKET.truth(key, day).layout for key in MARKET.keys} == set(LAYOUTS), day


@pytest.mark.parametrize("kind", REFUSAL)
def test_a_quarter_s_captures_meet_a_refusal(kind: str) -> None:
    selector, is_case = REFUSAL[kind]
    pages = shown_in(None, LONGER, is_case)
    assert any(page.tree.css_first(selector) is not None for page in pages)


def test_a_phone_s_page_is_one() -> None:
    page = next(shown_in("mobile", DEMO, has_price))
    assert page.tree.css_first("meta[name='viewport']") is not None
    assert page.tree.css_first("h1#title") is not None
    assert page.tree.css_first("#productTitle") is None
    assert page.tree.css_first("#dp-container") is None
