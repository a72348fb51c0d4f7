"""Layouts beside the common ones, each in its smallest form: what a reader sees is what is read."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from insights_assets.snapshots.parser import parse_page
from insights_assets.snapshots.product_snapshot import ProductSnapshot
from insights_resources.page_providers.protocol import Verdict
from tests.unit.snapshots.product_page import product_page


def read(body: str, **page: str) -> ProductSnapshot:
    snapshot = parse_page(product_page(body, **page)).snapshot
    assert snapshot is not None
    return snapshot


def price(amount: str, classes: str = "", attributes: str = "") -> str:
    return (
        f'<span class="a-price {classes}" {attributes}>'
        f'<span class="a-offscreen">{amount}</span></span>'
    )


def core_price(body: str, form: str = "desktop") -> str:
    return f'<div id="corePriceDisplay_{form}_feature_div">{body}</div>'


PARTS = (
    '<span aria-hidden="true"><span class="a-price-symbol">EUR</span><span class="a-price-whole">14'
    '<span class="a-price-decimal">.</span></span><span class="a-price-fraction">03</span></span>'
)


@pytest.mark.parametrize(
    ("body", "amount"),
    [
        pytest.param('<span id="priceblock_pospromoprice">$9.99</span>', "9.99", id="promotion"),
        pytest.param(
            core_price(
                price("", "apex-pricetopay-value") + price("$599.00", "apex-pricetopay-value")
            ),
            "599.00",
            id="first block empty",
        ),
        pytest.param(
            core_price(
                '<span id="apex-pricetopay-accessibility-label" class="aok-offscreen">'
                " $20.25 with 12 percent savings </span>"
            ),
            "20.25",
            id="for screen readers alone",
        ),
        pytest.param(
            f'<div id="corePrice_mobile_feature_div">{price("$19.99")}'
            f"{price('$25.00', attributes='data-a-strike=true')}</div>",
            "19.99",
            id="phone",
        ),
        pytest.param(
            f'<div id="apex_mobile">{price("$19.99", "priceToPay")}</div>',
            "19.99",
            id="phone, apex",
        ),
        pytest.param(
            '<div id="corePrice_feature_div">'
            + price("$4.00", "apex-priceperunit-value", 'data-a-size="mini"')
            + price("$6.71", "apex-pricetopay-value")
            + "</div>",
            "6.71",
            id="unit price first",
        ),
        pytest.param(
            '<div id="buybox"><span id="price" class="a-size-medium a-color-price header-price">'
            "$21.99</span></div>",
            "21.99",
            id="printed book",
        ),
        pytest.param(
            '<span id="kindle-price-inside-buybox">$7.99</span>', "7.99", id="e-book in the buy box"
        ),
        pytest.param(
            '<span id="Ebooks-desktop-KINDLE_ALC-prices-kindlePrice">$8.49</span>',
            "8.49",
            id="e-book beside a membership",
        ),
        pytest.param('<span id="adbl_bb_price">$17.72</span>', "17.72", id="audiobook"),
        pytest.param(
            '<form id="addToCart"><input type="hidden" value="66.99" '
            'name="items[0.base][customerVisiblePrice][amount]"/><input type="hidden" value="EUR" '
            'name="items[0.base][customerVisiblePrice][currencyCode]"/></form>',
            "66.99",
            id="in the cart's form alone",
        ),
    ],
)
def test_the_price_to_pay(body: str, amount: str) -> None:
    assert read(body).price == Decimal(amount)


@pytest.mark.parametrize(
    ("spoken", "amount", "currency"),
    [
        ("EUR1403", "14.03", "EUR"),  # it has lost its separator
        ("EUR14.03", "14.03", "EUR"),
        ("$7", "7", "USD"),  # says another number: the spoken form is the one to be read
    ],
)
def test_a_spoken_price_that_lost_its_separator(spoken: str, amount: str, currency: str) -> None:
    snapshot = read(
        core_price(
            f'<span class="a-price priceToPay"><span class="a-offscreen">{spoken}</span>{PARTS}'
            "</span>"
        )
    )
    assert (snapshot.price, snapshot.currency) == (Decimal(amount), currency)


@pytest.mark.parametrize(
    ("label", "list_price"),
    [
        ("List Price: $39.99", Decimal("39.99")),
        ("Typical price: $39.99", None),
        ("One-Time Price: $39.99", None),
    ],
)
@pytest.mark.parametrize("form", ["desktop", "mobile"])
def test_the_list_price_since_2025(form: str, label: str, list_price: Decimal | None) -> None:
    name = label.partition(":")[0]
    snapshot = read(
        core_price(
            price("$29.99", "priceToPay")
            + '<span class="apex-basisprice-feature">'
            + f'<span class="aok-offscreen">{label}</span><span>{name}:</span>'
            + price("$39.99", "apex-basisprice-value", "data-a-strike=true")
            + "</span>",
            form,
        )
    )
    assert (snapshot.price, snapshot.list_price) == (Decimal("29.99"), list_price)


@pytest.mark.parametrize(
    ("body", "seller"),
    [
        pytest.param(
            '<div id="merchantInfoFeature_feature_div"><a id="sellerProfileTriggerId" '
            'class="offer-display-feature-text-message">Learn more about the seller</a>'
            '<span id="merchant-trust-info-card">A Seller</span></div>',
            "A Seller",
            id="a label in place of the name",
        ),
        pytest.param(
            '<div id="merchantInfoFeature_feature_div"><a id="sellerProfileTriggerId" '
            'class="offer-display-feature-text-message">Learn more about the seller</a></div>',
            None,
            id="the label alone",
        ),
        pytest.param(
            '<div id="sfsb_accordion_head">'
            '<div class="a-row"><span>Ships from:</span><span>Amazon</span></div>'
            '<div class="a-row"><span>Sold by:</span><span>A Seller</span></div></div>',
            "A Seller",
            id="head of an accordion's row",
        ),
    ],
)
def test_the_seller(body: str, seller: str | None) -> None:
    offered = core_price(price("$5.00", "priceToPay"))
    assert read(offered + body).seller == seller


@pytest.mark.parametrize(
    ("byline", "brand"),
    [
        ("Visit the Anker Store", "Anker"),
        ("Besök Anker-butiken", "Anker"),
        ("Bezoek de Anker-winkel", "Anker"),
        ("Anker Mağazasını ziyaret edin", "Anker"),
        ("Anker Store’u ziyaret edin", "Anker"),
        ("Visita la tienda de Anker", "Anker"),
        ("Visitar la tienda de Anker", "Anker"),
        ("Consulter la boutique Anker", "Anker"),
        ("Visiter la boutique Anker", "Anker"),
        ("访问 Anker 商店", "Anker"),
        ("Levi's", "Levi's"),
        ("Marke: L’Oréal Paris", "L’Oréal Paris"),
        ("Format: DVD", None),
        ("Besök något annat", None),  # a form nobody knows is no brand
    ],
)
def test_the_brand(byline: str, brand: str | None) -> None:
    assert read(f'<a id="bylineInfo">{byline}</a>').brand == brand


def test_the_brand_of_the_facts_where_the_byline_is_not_understood() -> None:
    facts = (
        '<div id="productOverview_feature_div"><table><tr class="po-brand"><td>Märke</td>'
        "<td>Anker</td></tr></table></div>"
    )
    assert read(f'<a id="bylineInfo">Besök något annat</a>{facts}').brand == "Anker"


def image(name: str, size: str = "_AC_SL1500_") -> str:
    return f"https://m.media-amazon.com/images/I/{name}.{size}.jpg"


def test_a_gallery_that_stands_in_quotes() -> None:
    entries = f'[{{"hiRes":"{image("51a")}"}},{{"hiRes":"{image("51b")}","alt":"it\\\'s"}}]'
    snapshot = read(
        "<div id=\"imageBlock_feature_div\"><script>var data = {'colorImages': "
        f"{{ 'initial': A.$.parseJSON('{entries}') }} }};</script></div>"
    )
    assert snapshot.images == (image("51a"), image("51b"))


def test_a_video_is_no_image() -> None:
    snapshot = read(
        '<div id="altImages"><ul>'
        f'<li class="item imageThumbnail"><img src="{image("41a", "_AC_US40_")}"/></li>'
        f'<li class="item videoThumbnail"><img src="{image("41c", "_SS40_")}"/></li>'
        f'<li class="item"><img src="{image("41d", "_SS40_PKdp-play-icon-overlay__")}"/></li>'
        "</ul></div>"
    )
    assert snapshot.images == ("https://m.media-amazon.com/images/I/41a.jpg",)


def test_a_count_that_is_shown_shortened_and_said_in_full() -> None:
    snapshot = read('<span id="acrCustomerReviewText" aria-label="12,345 Reviews">(12K)</span>')
    assert snapshot.rating_count == 12345
    assert read('<span id="acrCustomerReviewText">(12K)</span>').rating_count is None


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ('<span id="title" class="a-size-small">A thing</span>', "A thing"),
        ('<div id="mas-title"><div class="a-row"><span>An app</span></div></div>', "An app"),
        ('<h1 id="gc-asin-title">A gift card</h1>', "A gift card"),
    ],
)
def test_titles_of_other_kinds_of_products(title: str, text: str) -> None:
    page = product_page(title, title="").replace(b'<span id="productTitle">  </span>', b"")
    parsed = parse_page(page)
    assert (parsed.verdict, parsed.reason) == (Verdict.PRODUCT, None)
    assert parsed.snapshot is not None
    assert parsed.snapshot.title == text


@pytest.mark.parametrize(
    ("body", "disputes"),
    [
        pytest.param(core_price(price("$5.00", "priceToPay")), {}, id="one source"),
        pytest.param(
            core_price(price("$5.00", "priceToPay")) + '<i id="price_inside_buybox">$5.00</i>',
            {},
            id="two that agree",
        ),
        pytest.param(
            core_price(price("$5.00", "priceToPay")) + '<i id="price_inside_buybox">$6.00</i>',
            {"price": {"#price_inside_buybox": "USD 6.00"}},
            id="two that do not",
        ),
        pytest.param(
            core_price(price("$5.00", "priceToPay"))
            + '<input type="hidden" id="attach-base-product-price" value="50.0"/>',
            {"price": {"#attach-base-product-price": "USD 50.0"}},
            id="the scripts' number",
        ),
        pytest.param(
            '<input type="hidden" id="attach-base-product-price" value="50.0"/>',
            {"price": {"#attach-base-product-price": "USD 50.0"}},
            id="a price that no source shows",
        ),
        pytest.param(
            '<span id="priceblock_dealprice">$5.00</span><span id="priceblock_ourprice">$7</span>'
            '<div id="cerberus-data-metrics" data-asin-price="7.00"></div>',
            {},
            id="a deal and what it replaces",
        ),
        pytest.param(
            '<span id="acrPopover" title="4.5 out of 5 stars"></span><div id="reviewsMedley">'
            '<span data-hook="rating-out-of-text">4.1 out of 5</span></div>',
            {"rating": {"#reviewsMedley [data-hook='rating-out-of-text']": "4.1"}},
            id="ratings",
        ),
        pytest.param(
            '<a id="bylineInfo">Brand: ANKER</a><div id="productOverview_feature_div"><table>'
            '<tr class="po-brand"><td>Brand</td><td>Anker</td></tr></table></div>',
            {},
            id="one name in other letters",
        ),
    ],
)
def test_sources_that_disagree_are_named(body: str, disputes: dict[str, Any]) -> None:
    assert read(body).disputed_fields == disputes
