"""What any new buyer pays today, whether it can be bought, and from whom."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from selectolax.lexbor import LexborNode

from insights_assets.snapshots.parser.availability import NOT_SENT_HERE, availability_of_text
from insights_assets.snapshots.parser.money import CURRENCY_CODES, Money
from insights_assets.snapshots.parser.numbers import parse_plain
from insights_assets.snapshots.parser.page_reading import PageReading, Part
from insights_assets.snapshots.parser.price_elements import price_text
from insights_assets.snapshots.parser.seller import seller
from insights_assets.snapshots.parser.visible_text import visible_text
from insights_assets.snapshots.product_snapshot import Availability, PriceMissingReason

#: A price that is neither a struck one nor that of a unit ("$0.50 / ounce").
_ONE_PRICE = (
    ".a-price:not([data-a-strike='true']):not(.apex-priceperunit-value):not([data-a-size='mini'])"
)
#: Where layouts show the price to pay, the surest first. A deal's price comes before the price it
#: replaces, the product's own column before the buy box, which may show another option's.
_PRICE = (
    (
        "#priceblock_dealprice",
        "#priceblock_pospromoprice",
        "#priceblock_saleprice",
        "#priceblock_ourprice",
    ),
    (
        "#corePriceDisplay_desktop_feature_div .priceToPay",
        "#corePriceDisplay_desktop_feature_div .apex-pricetopay-value",
        "#corePriceDisplay_mobile_feature_div .priceToPay",
        "#corePriceDisplay_mobile_feature_div .apex-pricetopay-value",
        "#corePrice_desktop .apexPriceToPay",
        "#corePrice_mobile .apexPriceToPay",
        "#corePrice_mobile_feature_div .apexPriceToPay",
    ),
    # For screen readers, where the price shown has its separator drawn: "66,99 € mit 15 Prozent".
    ("#apex-pricetopay-accessibility-label", "#apex_desktop .apex-pricetopay-accessibility-label"),
    f"[id^='newAccordionRow'] #corePrice_feature_div {_ONE_PRICE}",
    ("#newAccordionRow #newBuyBoxPrice", "#newBuyBoxPrice"),
    "[id^='newAccordionRow'] .mobb-header-css .a-color-price",
    "#price_inside_buybox",
    f"#corePrice_feature_div {_ONE_PRICE}",
    f"#corePrice_mobile_feature_div {_ONE_PRICE}",
    ("#buyNewSection .offer-price", "#buyNewSection .a-color-price"),
    ("#actualPriceValue .priceLarge", "#actualPriceValue"),
    "#buybox tr.kindle-price td.a-color-price",
    ("#kindle-price", "#kindle-price-column", "#kindle-price-inside-buybox"),
    (
        "#Ebooks-desktop-KINDLE_ALC-prices-kindlePrice",
        "#Ebooks-mobile-KINDLE_ALC-prices-kindlePrice",
    ),
    ("#adbl_bb_price", "#adbl_bb_price_1"),
    "#ebooksPrice_feature_div .a-color-price.a-text-bold",
    "#price-block #price",
    "#prices td.a-color-price.a-size-medium",
    ("strong#price", "span#price.a-color-price"),
    "#product-price",
    "#price .a-color-price.a-size-medium",
    (
        "#apex_desktop .priceToPay",
        "#apex_desktop .apexPriceToPay",
        "#apex_mobile .priceToPay",
        "#apex_mobile .apexPriceToPay",
    ),
    "#tp_price_block_total_price_ww",
)
#: Where a range shows while no variation is chosen.
_RANGE = (
    "#corePrice_desktop .a-price-range",
    "#corePrice_mobile .a-price-range",
    "#corePrice_mobile_feature_div .a-price-range",
    "#corePriceDisplay_desktop_feature_div .a-price-range",
    "#corePriceDisplay_mobile_feature_div .a-price-range",
    "#apex_desktop .a-price-range",
    "#apex_mobile .a-price-range",
    "#priceblock_ourprice",
    "#priceblock_saleprice",
    "#priceblock_dealprice",
    "#actualPriceValue",
)
#: The price in numbers for the page's scripts: bare and in no locale, so that it is compared with
#: the price to pay and never taken for it.
_PRICE_IN_NUMBERS = (
    ("#attach-base-product-price", "value"),
    ("#buyOneClick input[name='displayedPrice']", "value"),
)
#: The same, but it keeps the regular price while a deal runs.
_REGULAR_PRICE_IN_NUMBERS = ("#cerberus-data-metrics", "data-asin-price")
_DEAL_SOURCE = "#priceblock_dealprice"
_AVAILABILITY = (
    "#availability",
    "#availability_feature_div",
    "#availabilityInsideBuyBox_feature_div",
    "#mobile-availability",
    "#scarcity",
    "#outOfStock",
)
_AVAILABILITY_OTHERWISE = (".availGreen, .availOrange, .availRed",)
_HIDDEN_PRICE = (
    "#priceNotAvailable_feature_div .a-section",
    "#map_feature_div a",
    "#mapPrice",
    "#price-see-in-cart",
    "a[href*='map-popover']",
    "[data-action='a-modal'][data-a-modal*='see-price']",
)
_NO_FEATURED_OFFER = (
    "#unqualifiedBuyBox",
    "#unqualifiedBuyBox_feature_div .a-box",
    "#buybox-see-all-buying-choices",
    "#buybox-see-all-buying-choices-announce",
)
_NO_VARIATION_CHOSEN = (
    "#partialStateBuybox",
    "#partialStateBuyBox",
    "#partialState_buybox_desktop",
)
_BUY_BUTTONS = (
    "#add-to-cart-button",
    "#add-to-cart-button-ubb",
    "#buy-now-button",
    "#one-click-button",
    "#buyOneClick",
    "#bb_atc_button",
)
_PREORDER_BUTTON = re.compile(
    r"(?i)pre-?order|vorbestell|précommand|reservar|予約|pré-venda|preordin"
)


@dataclass(frozen=True)
class BuyBox:
    """The featured offer. ``price`` or ``price_min`` and ``price_max`` or ``missing``."""

    price: Decimal | None
    price_min: Decimal | None
    price_max: Decimal | None
    missing: PriceMissingReason | None
    currency: str | None
    availability: Availability
    seller: str | None


def read_buy_box(page: PageReading) -> BuyBox:
    """The featured offer of the page; notes the sources of its fields."""
    availability = _availability(page)
    unavailable = availability in (Availability.OUT_OF_STOCK, Availability.UNAVAILABLE)
    price_range = None if unavailable else _price_range(page)
    headline = None
    if unavailable:
        page.evidence.not_looked_for("price", f"the page says {availability.value}")
    if not unavailable and price_range is None and not page.has(_NO_FEATURED_OFFER):
        headline = _headline_price(page)
    if availability is Availability.UNKNOWN and headline is not None:
        availability = _availability_of_buttons(page)
    page.evidence.follows("currency", "price")
    missing = None
    if headline is None:
        missing = _why_missing(page, availability, price_range is not None)
    if missing in (None, PriceMissingReason.NOT_ON_PAGE):
        _compare_with_numbers(page)
    money = headline or (price_range[0] if price_range else None)
    sold_by = None
    if headline is not None or (not unavailable and missing is PriceMissingReason.MAP_HIDDEN):
        sold_by = seller(page)
    return BuyBox(
        price=headline.amount if headline else None,
        price_min=price_range[0].amount if price_range else None,
        price_max=price_range[1].amount if price_range else None,
        missing=missing,
        currency=money.currency if money else None,
        availability=availability,
        seller=sold_by,
    )


def _headline_price(page: PageReading) -> Money | None:
    return (
        page.read("price", _PRICE, page.price_at)
        or _price_in_data(page)
        or _price_in_cart_form(page)
    )


_NEW_OPTION = re.compile(
    r"\"displayPrice\"\s*:\s*\"(?P<price>[^\"]{1,40})\"(?:(?!\"displayPrice\").){0,400}?"
    r"\"buyingOptionType\"\s*:\s*\"NEW\"",
    re.S,
)


def _price_in_data(page: PageReading) -> Money | None:
    """The new item's price in the data that the page's scripts use, in the shown form."""

    def new_option(node: LexborNode) -> Money | None:
        found = _NEW_OPTION.search(node.text())
        return None if found is None else page.money.first(found["price"])

    return page.read(
        "price", [".twister-plus-buying-options-price-data"], new_option, among=Part.PAGE
    )


def _price_in_cart_form(page: PageReading) -> Money | None:
    """What the form that puts the item into the cart says it costs: a plain number, and the code
    of its currency in a field of its own."""

    def amount_and_code(form: LexborNode) -> Money | None:
        amount = form.css_first("input[name$='[customerVisiblePrice][amount]']")
        code = form.css_first("input[name$='[customerVisiblePrice][currencyCode]']")
        if amount is None or code is None or page.option_around(amount) is not None:
            return None
        number = parse_plain(amount.attributes.get("value") or "")
        currency = (code.attributes.get("value") or "").strip()
        return Money(number, currency) if number and currency in CURRENCY_CODES else None

    return page.read("price", ["form#addToCart"], amount_and_code)


def _compare_with_numbers(page: PageReading) -> None:
    sources = [*_PRICE_IN_NUMBERS]
    if page.evidence.sources.get("price") != _DEAL_SOURCE:
        sources.append(_REGULAR_PRICE_IN_NUMBERS)
    taken: Money | None = page.evidence.taken("price")
    currency = page.market.currency if taken is None else taken.currency
    for selector, attribute in sources:
        for node in page.offered(selector):
            number = parse_plain(node.attributes.get(attribute) or "")
            if number:
                page.evidence.witness("price", selector, Money(number, currency))
            break


def _price_range(page: PageReading) -> tuple[Money, Money] | None:
    found = page.read(
        "price_min", _RANGE, lambda node: page.money.range(_range_text(node)), compared=False
    )
    page.evidence.follows("price_max", "price_min")
    page.evidence.follows("currency", "price_min")
    return found


def _range_text(node: LexborNode) -> str:
    prices = node.css("span.a-price")
    if len(prices) == 2:
        return " - ".join(price_text(price) for price in prices)
    return visible_text(node)


def _availability(page: PageReading) -> Availability:
    def stock(node: LexborNode) -> Availability | None:
        return availability_of_text(visible_text(node))

    found = page.read("availability", _AVAILABILITY, stock, otherwise=_AVAILABILITY_OTHERWISE)
    if found is None and any(
        not NOT_SENT_HERE.search(visible_text(node))
        for selector in ("#outOfStock", "#outOfStockBuyBox_feature_div .a-box")
        for node in page.offered(selector)
    ):  # that box also holds what is sold, only not to where the visitor is
        found = Availability.OUT_OF_STOCK
        page.evidence.consider("availability", "#outOfStock", found)
    return found or Availability.UNKNOWN


def _availability_of_buttons(page: PageReading) -> Availability:
    """A price with a button to buy it and no word about the stock: it can be bought."""

    def button(node: LexborNode) -> Availability:
        label = (node.attributes.get("value") or "") + visible_text(node)
        preorder = _PREORDER_BUTTON.search(label) is not None
        return Availability.PREORDER if preorder else Availability.IN_STOCK

    found = page.read("availability", _BUY_BUTTONS, button, compared=False)
    return found or Availability.UNKNOWN


def _why_missing(
    page: PageReading, availability: Availability, has_range: bool
) -> PriceMissingReason:
    if has_range:
        return PriceMissingReason.VARIATION_RANGE
    if availability in (Availability.OUT_OF_STOCK, Availability.UNAVAILABLE):
        return PriceMissingReason.OUT_OF_STOCK
    hidden = page.document.first(_HIDDEN_PRICE)
    if hidden is not None and visible_text(hidden):
        return PriceMissingReason.MAP_HIDDEN
    if page.has(_NO_FEATURED_OFFER):
        return PriceMissingReason.NO_BUY_BOX
    if page.has(_NO_VARIATION_CHOSEN):
        return PriceMissingReason.VARIATION_RANGE
    return PriceMissingReason.NOT_ON_PAGE
