"""The price that any new buyer pays, and what beside it is another price."""

from __future__ import annotations

from decimal import Decimal

import pytest

from insights_assets.snapshots.parser import parse_page
from insights_assets.snapshots.product_snapshot import (
    Availability,
    PriceMissingReason,
    ProductSnapshot,
)
from tests.unit.snapshots.product_page import product_page


def read(body: str, *, domain: str = "amazon.com", language: str = "en-us") -> ProductSnapshot:
    snapshot = parse_page(product_page(body, domain=domain, language=language)).snapshot
    assert snapshot is not None
    return snapshot


def price(amount: str, classes: str = "priceToPay") -> str:
    return f'<span class="a-price {classes}"><span class="a-offscreen">{amount}</span></span>'


def test_a_deal_comes_before_the_price_it_replaces() -> None:
    snapshot = read(
        '<div id="price"><span id="priceblock_ourprice">$75.99</span>'
        '<span id="priceblock_dealprice">$64.59</span></div>'
        '<div id="cerberus-data-metrics" data-asin-price="75.99"></div>'
    )
    assert snapshot.price == Decimal("64.59")
    assert snapshot.field_sources["price"] == "#priceblock_dealprice"


def test_a_price_in_parts_without_its_spoken_form() -> None:
    parts = (
        '<span class="a-price priceToPay"><span class="a-offscreen"> </span><span aria-hidden>'
        '<span class="a-price-symbol">$</span><span class="a-price-whole">1,032'
        '<span class="a-price-decimal">.</span></span><span class="a-price-fraction">97</span>'
        "</span></span>"
    )
    snapshot = read(f'<div id="corePriceDisplay_desktop_feature_div">{parts}</div>')
    assert snapshot.price == Decimal("1032.97")


def test_a_fraction_without_a_written_separator_is_not_guessed() -> None:
    drawn = (
        '<span class="a-price priceToPay"><span aria-hidden="true"><span class="a-price-symbol">'
        '€</span><span class="a-price-whole">66</span><span class="a-price-fraction">99</span>'
        "</span></span>"
    )
    snapshot = read(
        f'<div id="corePriceDisplay_desktop_feature_div">{drawn}</div>'
        '<input id="twister-plus-price-data-price" value="6699"/>'
    )
    assert snapshot.price is None
    assert snapshot.price_missing_reason is PriceMissingReason.NOT_ON_PAGE


def test_the_rows_of_an_accordion_are_different_offers() -> None:
    """The subscription is chosen and the used row has its own stock and seller."""
    snapshot = read(
        '<div id="buyBoxAccordion">'
        '<div id="snsAccordionRowMiddle" data-a-accordion-row-name="snsAccordionRowMiddle">'
        f'<span id="sns-base-price">{price("$7.11")}</span></div>'
        '<div id="newAccordionRow_1" data-a-accordion-row-name="newAccordionRow">'
        f'<div id="corePrice_feature_div">{price("$7.48", "")}</div>'
        '<div id="availability">In Stock</div>'
        '<div id="merchant-info">Ships from and sold by Amazon.com.</div></div>'
        '<div id="usedAccordionRow" data-a-accordion-row-name="usedAccordionRow">'
        f'<div id="corePrice_feature_div">{price("$5.00", "")}</div>'
        '<div id="availability">Only 1 left in stock</div>'
        '<div id="merchant-info">Sold by Amazon Warehouse and Fulfilled by Amazon.</div></div>'
        "</div>"
    )
    assert (snapshot.price, snapshot.subscribe_save_price, snapshot.used_price) == (
        Decimal("7.48"),
        Decimal("7.11"),
        Decimal("5.00"),
    )
    assert (snapshot.availability, snapshot.seller) == (Availability.IN_STOCK, "Amazon.com")


@pytest.mark.parametrize(
    ("label", "is_list_price"),
    [
        ("List Price:", True),
        ("RRP:", True),
        ("M.R.P.:", True),
        ("UVP:", True),
        ("Was:", False),
        ("Typical price:", False),
        ("Lowest price in 30 days:", False),
        ("", False),
    ],
)
def test_only_a_list_price_is_one(label: str, is_list_price: bool) -> None:
    snapshot = read(
        f'<div id="corePriceDisplay_desktop_feature_div">{price("$32.97")}'
        f'<span class="basisPrice">{label} {price("$49.99", "a-text-price")}</span></div>'
    )
    assert snapshot.price == Decimal("32.97")
    assert snapshot.list_price == (Decimal("49.99") if is_list_price else None)


def test_a_range_has_no_headline() -> None:
    snapshot = read('<div id="price"><span id="priceblock_ourprice">$13.89 - $19.89</span></div>')
    assert (snapshot.price, snapshot.price_min, snapshot.price_max) == (
        None,
        Decimal("13.89"),
        Decimal("19.89"),
    )
    assert snapshot.price_missing_reason is PriceMissingReason.VARIATION_RANGE


@pytest.mark.parametrize(
    ("body", "reason", "availability"),
    [
        (
            '<div id="availability">Currently unavailable.</div>',
            PriceMissingReason.OUT_OF_STOCK,
            Availability.OUT_OF_STOCK,
        ),
        (
            '<div id="availability">Available from these sellers.</div><div id="unqualifiedBuyBox">'
            '<a>1 new</a> from <span class="a-color-price">$233.00</span></div>',
            PriceMissingReason.NO_BUY_BOX,
            Availability.UNKNOWN,
        ),
        (
            '<div id="priceNotAvailable_feature_div"><div class="a-section">To see our price, add'
            " this item to your cart.</div></div>",
            PriceMissingReason.MAP_HIDDEN,
            Availability.UNKNOWN,
        ),
        (
            '<div id="partialStateBuybox">To buy, select Size</div>',
            PriceMissingReason.VARIATION_RANGE,
            Availability.UNKNOWN,
        ),
        ("", PriceMissingReason.NOT_ON_PAGE, Availability.UNKNOWN),
    ],
)
def test_why_there_is_no_price(
    body: str, reason: PriceMissingReason, availability: Availability
) -> None:
    snapshot = read(body)
    assert snapshot.price is None
    assert (snapshot.price_missing_reason, snapshot.availability) == (reason, availability)


def test_other_sellers_offers_are_neither_price_nor_seller() -> None:
    snapshot = read(
        '<div id="unqualifiedBuyBox"><span id="buybox-see-all-buying-choices"></span></div>'
        '<div id="olp_feature_div"><span class="olp-padding-right"><a>3 used</a> from '
        '<span class="a-color-price">$7.18</span> + $4.99 shipping</span></div>'
        '<div id="mbc"><div class="mbc-offer-row"><span class="a-size-medium a-color-price">$6.90'
        '</span><span class="a-color-price">($0.10 / 100 ml)</span>'
        '<span class="mbcMerchantName">Some shop</span></div></div>'
    )
    assert (snapshot.price, snapshot.seller) == (None, None)
    assert snapshot.offers_from == Decimal("6.90")


@pytest.mark.parametrize(
    ("text", "coupon"),
    [
        ("Apply 10% coupon", "10%"),
        ("Applica coupon 10%", "10%"),
        ("Utiliser le coupon de 10 %", "10 %"),
        ("%5 kupon uygula", "%5"),
        ("Apply $3.00 coupon", "$3.00"),
        ("Coupon", None),
    ],
)
def test_coupons_as_shown(text: str, coupon: str | None) -> None:
    assert read(f'<label id="couponTextpctch1">{text}</label>').coupon == coupon
    in_a_carousel = f'<div class="a-carousel"><label id="couponTextpctch1">{text}</label></div>'
    assert read(in_a_carousel).coupon is None


@pytest.mark.parametrize(
    ("text", "seller"),
    [
        ("Ships from and sold by Amazon.com. Gift-wrap available.", "Amazon.com"),
        ("Dispatched and sold by Amazon in certified Frustration-Free Packaging.", "Amazon"),
        ("Sold by A. Shop Ltd. and Fulfilled by Amazon.", "A. Shop Ltd."),
        ("Verkauf und Versand durch Amazon.", "Amazon"),
        (
            "Verkauf durch <a>TIBERION-SHOP</a><span>. Für weitere Informationen</span>",
            "TIBERION-SHOP",
        ),
        ("Expédié et vendu par VELIHOTUBUYE.", "VELIHOTUBUYE"),
        ("Venduto e spedito da Amazon.", "Amazon"),
        ("Vendido por NEXT MOBILES y gestionado por Amazon.", "NEXT MOBILES"),
        ("Amazon.com.tr tarafından satılır ve gönderilir.", "Amazon.com.tr"),
        ("この商品は、Amazon.co.jp が販売および発送します。", "Amazon.co.jp"),
    ],
)
def test_sellers_in_sentences(text: str, seller: str) -> None:
    body = f'<span id="price_inside_buybox">$5.00</span><div id="merchant-info">{text}</div>'
    assert read(body).seller == seller
