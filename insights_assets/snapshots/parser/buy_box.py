"""What any new buyer pays today, whether it can be bought, and from whom."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from selectolax.lexbor import LexborNode

from insights_assets.snapshots.parser.availability import availability_of_text
from insights_assets.snapshots.parser.money import Money
from insights_assets.snapshots.parser.page_reading import PageReading
from insights_assets.snapshots.parser.price_elements import price_text
from insights_assets.snapshots.parser.seller import seller
from insights_assets.snapshots.parser.visible_text import visible_text
from insights_assets.snapshots.product_snapshot import Availability, PriceMissingReason

#: Where layouts show the price to pay, the surest first. A deal's price comes before the price it
#: replaces, the product's own column before the buy box, which may show another option's.
_PRICE_SELECTORS = (
    "#priceblock_dealprice",
    "#priceblock_saleprice",
    "#priceblock_ourprice",
    "#corePriceDisplay_desktop_feature_div .priceToPay",
    "#corePriceDisplay_mobile_feature_div .priceToPay",
    "#corePrice_desktop .apexPriceToPay",
    "#corePrice_mobile .apexPriceToPay",
    "[id^='newAccordionRow'] #corePrice_feature_div .a-price",
    "#newAccordionRow #newBuyBoxPrice",
    "#newBuyBoxPrice",
    "#price_inside_buybox",
    "#corePrice_feature_div .a-price:not([data-a-strike='true'])",
    "#buyNewSection .offer-price",
    "#actualPriceValue .priceLarge",
    "#actualPriceValue",
    "#buyNewSection .a-color-price",
    "tr.kindle-price td.a-color-price",
    "#kindle-price",
    "#kindle-price-column",
    "#ebooksPrice_feature_div .a-color-price.a-text-bold",
    "#price-block #price",
    "#prices td.a-color-price.a-size-medium",
    "strong#price",
    "#product-price",
    "#price .a-color-price.a-size-medium",
    "#apex_desktop .priceToPay",
    "#apex_desktop .apexPriceToPay",
)
#: Where a range shows while no variation is chosen.
_RANGE_SELECTORS = (
    "#corePrice_desktop .a-price-range",
    "#corePrice_mobile .a-price-range",
    "#corePriceDisplay_desktop_feature_div .a-price-range",
    "#corePriceDisplay_mobile_feature_div .a-price-range",
    "#apex_desktop .a-price-range",
    "#apex_mobile .a-price-range",
    "#priceblock_ourprice",
    "#priceblock_saleprice",
    "#priceblock_dealprice",
    "#actualPriceValue",
)
_AVAILABILITY_SELECTORS = (
    "#availability",
    "#availability_feature_div",
    "#availabilityInsideBuyBox_feature_div",
    "#mobile-availability",
    "#scarcity",
    "#outOfStock",
    ".availGreen, .availOrange, .availRed",
)
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
    if not unavailable and price_range is None and not _has(page, _NO_FEATURED_OFFER):
        headline = _headline_price(page)
    if availability is Availability.UNKNOWN and headline is not None:
        availability = _availability_of_buttons(page)
    missing = None
    if headline is None:
        missing = _why_missing(page, availability, price_range is not None)
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
    for selector in _PRICE_SELECTORS:
        for node in page.offered(selector):
            money = page.money.first(price_text(node))
            if money is not None:
                page.note("price", selector)
                page.note("currency", selector)
                return money
    return _price_in_data(page)


_NEW_OPTION = re.compile(
    r"\"displayPrice\"\s*:\s*\"(?P<price>[^\"]{1,40})\"(?:(?!\"displayPrice\").){0,400}?"
    r"\"buyingOptionType\"\s*:\s*\"NEW\"",
    re.S,
)


def _price_in_data(page: PageReading) -> Money | None:
    """The new item's price in the data that the page's scripts use, in the shown form."""
    for node in page.document.select(".twister-plus-buying-options-price-data"):
        found = _NEW_OPTION.search(node.text())
        if found is not None:
            money = page.money.first(found["price"])
            if money is not None:
                page.note("price", "twister-plus-buying-options-price-data")
                page.note("currency", "twister-plus-buying-options-price-data")
                return money
    return None


def _price_range(page: PageReading) -> tuple[Money, Money] | None:
    for selector in _RANGE_SELECTORS:
        for node in page.offered(selector):
            found = page.money.range(_range_text(node))
            if found is not None:
                for name in ("price_min", "price_max", "currency"):
                    page.note(name, selector)
                return found
    return None


def _range_text(node: LexborNode) -> str:
    prices = node.css("span.a-price")
    if len(prices) == 2:
        return " - ".join(price_text(price) for price in prices)
    return visible_text(node)


def _availability(page: PageReading) -> Availability:
    for selector in _AVAILABILITY_SELECTORS:
        for node in page.offered(selector):
            found = availability_of_text(visible_text(node))
            if found is not None:
                page.note("availability", selector)
                return found
    if _has(page, ("#outOfStock", "#outOfStockBuyBox_feature_div .a-box")):
        page.note("availability", "#outOfStock")
        return Availability.OUT_OF_STOCK
    return Availability.UNKNOWN


def _availability_of_buttons(page: PageReading) -> Availability:
    """A price with a button to buy it and no word about the stock: it can be bought."""
    for selector in _BUY_BUTTONS:
        for node in page.offered(selector):
            page.note("availability", selector)
            label = (node.attributes.get("value") or "") + visible_text(node)
            preorder = _PREORDER_BUTTON.search(label) is not None
            return Availability.PREORDER if preorder else Availability.IN_STOCK
    return Availability.UNKNOWN


def _why_missing(
    page: PageReading, availability: Availability, has_range: bool
) -> PriceMissingReason:
    if has_range:
        return PriceMissingReason.VARIATION_RANGE
    if availability in (Availability.OUT_OF_STOCK, Availability.UNAVAILABLE):
        return PriceMissingReason.OUT_OF_STOCK
    hidden = page.first(_HIDDEN_PRICE)
    if hidden is not None and visible_text(hidden[0]):
        return PriceMissingReason.MAP_HIDDEN
    if _has(page, _NO_FEATURED_OFFER):
        return PriceMissingReason.NO_BUY_BOX
    if _has(page, _NO_VARIATION_CHOSEN):
        return PriceMissingReason.VARIATION_RANGE
    return PriceMissingReason.NOT_ON_PAGE


def _has(page: PageReading, selectors: tuple[str, ...]) -> bool:
    return any(True for selector in selectors for _ in page.offered(selector))
