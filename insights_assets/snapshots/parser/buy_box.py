"""The buy box: price, availability, seller. What any new buyer pays today.

On pages with an accordion of offers only the row of the new offer counts; prices of other sellers,
of subscriptions and of used items have fields of their own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from selectolax.lexbor import LexborNode

from insights_assets.snapshots.parser.money import Amount, parse_amounts, parse_bare_amount
from insights_assets.snapshots.parser.page import Page, is_hidden, text_of
from insights_assets.snapshots.parser.phrases import (
    AVAILABILITY,
    LIST_PRICE_LABEL,
    NO_LIST_PRICE_LABEL,
    SELLER_SENTENCES,
)
from insights_assets.snapshots.product_snapshot import Availability, PriceMissingReason

#: Boxes of the headline price, best first. Within a box: the price to pay, never a struck one.
_PRICE_BOXES = (
    "#corePriceDisplay_desktop_feature_div",
    "#corePriceDisplay_mobile_feature_div",
    "#apex_desktop_newAccordionRow",
    "#corePrice_desktop",
    "#apex_desktop",
    "#corePrice_feature_div",
    "#corePrice_mobile_feature_div",
    "#newAccordionRow_0",
)
_PRICE_TO_PAY = (
    ".priceToPay",
    ".apexPriceToPay",
    ".reinventPricePriceToPayMargin",
    ".a-price:not([data-a-strike=true]):not(.a-text-price)",
)
#: Single elements that hold the headline price, best first (2013 to 2021, and books).
_PRICE_ELEMENTS = (
    "#priceblock_dealprice",
    "#priceblock_saleprice",
    "#priceblock_ourprice",
    "#priceblock_pospromoprice",
    "#price_inside_buybox",
    "#newBuyBoxPrice",
    "#buyNewSection .offer-price",
    "#kindle-price",
    "#actualPriceValue .priceLarge",
    "#actualPriceValue",
    "#priceBlock .priceLarge",
    "#buyingPriceValue",
    "#newPrice .buyingPrice",
    "#mobile_buybox_price",
    "#buybox .kindle-price .a-color-price",
    "#Ebooks-desktop-KINDLE_ALC-prices-kindlePrice .a-price .a-offscreen",
    "#tp_price_block_total_price_ww .a-offscreen",
    "#tmmSwatches .swatchElement.selected .a-button-selected .a-color-price",
    "#buybox .offer-price",
    "#rightCol .kindle-price td.a-color-price",
)
_RANGE = re.compile(r"\d\s*(?:[^\d\s]{0,4}\s*)[-–~]\s*\D{0,4}\s*\d")

_USED_PRICES = (
    "#usedBuySection .offer-price",
    "#usedAccordionRow .a-price .a-offscreen",
    "#usedAccordionRow #corePrice_feature_div .a-offscreen",
    "#used_buybox_feature_div .a-price .a-offscreen",
    "#usedPrice",
)
_SUBSCRIPTION_PRICES = (
    "#sns-base-price",
    "#subscriptionPrice",
    "#snsPrice .a-color-price",
    "#sns-tiered-price",
    "#snsAccordionRowMiddle .a-price .a-offscreen",
    "#snsDetailPagePrice",
)
_OTHER_OFFERS = (
    "#olp-upd-new-used",
    "#olp-upd-new",
    "#olp-new",
    "#olp-used",
    "#olp_feature_div",
    "#olpLinkWidget_feature_div",
    "#dynamic-aod-ingress-box",
    "#aod-ingress-link",
    "#buybox-see-all-buying-choices",
    "#unqualifiedBuyBox",
    "#mbc-olp-link",
)
_COUPONS = (
    "#couponBadgeRegularVpc",
    "#vpcButton",
    ".couponLabelText",
    "#couponTextpctch label",
    "label[id^=couponText]",
    "#promoPriceBlockMessage_feature_div .couponLabelText",
)
_COUPON_VALUE = re.compile(
    r"\d+(?:[.,]\d+)?\s?%|%\s?\d+|[$€£₹¥￥]\s?\d+(?:[.,]\d+)*|\d+(?:[.,]\d+)*\s?(?:€|zł|kr|TL)"
)

_HIDDEN_BY_SELLER = re.compile(
    r"see price in cart|add (?:this item )?to (?:your )?cart to see|price in cart|"
    r"click to see price|preis im (?:einkaufs)?wagen|prix dans le panier|カートに入れると|"
    r"カートに追加して価格|カート内で価格|prezzo nel carrello|precio en la cesta",
    re.I,
)


@dataclass(frozen=True)
class BuyBox:
    """What the buy box says; amounts are in ``currency``."""

    currency: str
    price: Decimal | None
    price_min: Decimal | None
    price_max: Decimal | None
    price_missing_reason: PriceMissingReason | None
    list_price: Decimal | None
    coupon: str | None
    subscribe_save_price: Decimal | None
    used_price: Decimal | None
    offers_from: Decimal | None
    availability: Availability
    seller: str | None


def read_buy_box(page: Page) -> BuyBox:
    """Everything about the offer on the page."""
    stated = _stated_availability(page)
    price, price_range = _headline(page)
    used = _first_amount(page, "used_price", _USED_PRICES)
    if price is not None and used is not None and price.value == used.value and _only_used(page):
        price = None
    availability = _availability(page, stated, has_price=price is not None)
    if availability in (Availability.OUT_OF_STOCK, Availability.UNAVAILABLE):
        # Whatever amount stands there belongs to nothing that can be bought.
        price = price_range = None
    offers = _offers_from(page)
    reason = None
    if price is None:
        page.sources.pop("price", None)
        reason = _why_no_price(page, availability, price_range is not None, offers is not None)
    currency = next(
        (a.currency for a in (price, *(price_range or ()), used, offers) if a is not None),
        page.marketplace.currency,
    )
    list_price = _list_price(page)
    if list_price is not None and price is not None and list_price.value <= price.value:
        list_price = None
    subscription = _first_amount(page, "subscribe_save_price", _SUBSCRIPTION_PRICES)
    return BuyBox(
        currency,
        _value(price),
        _value(price_range[0]) if price_range else None,
        _value(price_range[1]) if price_range else None,
        reason,
        _value(list_price),
        _coupon(page),
        _value(subscription),
        _value(used),
        _value(offers),
        availability,
        _seller(page),
    )


def _value(amount: Amount | None) -> Decimal | None:
    return None if amount is None else amount.value


def _headline(page: Page) -> tuple[Amount | None, tuple[Amount, Amount] | None]:
    """The price to pay, or the range of the variations when none is chosen."""
    for box_selector in _PRICE_BOXES:
        for box in page.all(box_selector):
            if _is_other_offer(box):
                continue
            price_range = _range_in(page, box)
            if price_range is not None:
                page.found("price_min", box_selector)
                page.found("price_max", box_selector)
                return None, price_range
            for selector in _PRICE_TO_PAY:
                for node in page.all(selector, box):
                    amount = _amount_of_price(page, node)
                    if amount is not None and not _is_per_unit(node) and not _is_other_offer(node):
                        page.found("price", f"{box_selector} {selector}")
                        return amount, None
    for selector in _PRICE_ELEMENTS:
        for node in page.all(selector):
            if _is_other_offer(node):
                continue
            text = text_of(node)
            if _RANGE.search(text):
                amounts = parse_amounts(text, page.style)
                if len(amounts) == 2 and amounts[0].value < amounts[1].value:
                    page.found("price_min", selector)
                    page.found("price_max", selector)
                    return None, (amounts[0], amounts[1])
            amount = _amount_of_text(page, text)
            if amount is not None:
                page.found("price", selector)
                return amount, None
    return _headline_of_old_mobile_page(page), None


def _headline_of_old_mobile_page(page: Page) -> Amount | None:
    """Mobile pages before 2019: a table or list of labelled prices."""
    for selector in (
        "#mobile_buybox_feature_div",
        "#price_feature_div",
        "#buybox_feature_div",
        "#aw-price",
        "#dp-price",
    ):
        box = page.first(selector)
        if box is None:
            continue
        for node in page.all(".dpPrice, .a-color-price, .aw-price, .price", box):
            amount = _amount_of_text(page, text_of(node))
            if amount is not None:
                page.found("price", f"{selector} .price")
                return amount
    return None


def _amount_of_price(page: Page, node: LexborNode) -> Amount | None:
    """The amount of an ``.a-price``: its text for screen readers, else whole and fraction."""
    spoken = node.css_first(".a-offscreen")
    if spoken is not None:
        amount = _amount_of_text(page, text_of(spoken))
        if amount is not None:
            return amount
    whole = node.css_first(".a-price-whole")
    if whole is None:
        return _amount_of_text(page, text_of(node))
    fraction = node.css_first(".a-price-fraction")
    symbol = node.css_first(".a-price-symbol")
    digits = re.sub(r"[^\d]", "", text_of(whole))
    cents = re.sub(r"[^\d]", "", text_of(fraction)) if fraction is not None else ""
    if not digits:
        return None
    amount = _amount_of_text(page, f"{text_of(symbol) if symbol is not None else ''}1")
    currency = amount.currency if amount is not None else page.marketplace.currency
    return Amount(Decimal(f"{digits}.{cents or '0'}"), currency)


def _amount_of_text(page: Page, text: str) -> Amount | None:
    """The amount of an element of prices; of several (with shipping, a unit price) the first."""
    amount = parse_bare_amount(text, page.style)
    if amount is not None:
        return amount
    amounts = parse_amounts(text, page.style)
    return amounts[0] if amounts else None


def _range_in(page: Page, box: LexborNode) -> tuple[Amount, Amount] | None:
    node = box.css_first(".a-price-range")
    if node is None or is_hidden(node):
        return None
    amounts = [
        amount
        for part in node.css(".a-price")
        if (amount := _amount_of_price(page, part)) is not None
    ]
    if len(amounts) == 2 and amounts[0].value < amounts[1].value:
        return amounts[0], amounts[1]
    return None


_OTHER_OFFER_IDS = re.compile(
    r"^(?:used|rental|sns|mbc|olp|aod|tradein|similarities|sims|sponsored|percolate|renewed|"
    r"dealsAccordion|primeExclusive|pep|collector|digital-|kindle-unlimited)",
    re.I,
)


def _is_other_offer(node: LexborNode) -> bool:
    """Whether the element stands in the offer of somebody or something else."""
    current: LexborNode | None = node
    while current is not None and current.tag not in ("body", "html"):
        identifier = current.attributes.get("id") or ""
        if _OTHER_OFFER_IDS.match(identifier):
            return True
        current = current.parent
    return False


def _is_per_unit(node: LexborNode) -> bool:
    """Whether the amount is a price by weight or piece ("(€4.99 / 100 ml)")."""
    current: LexborNode | None = node
    for _ in range(3):
        if current is None:
            return False
        classes = current.attributes.get("class") or ""
        if "pricePerUnit" in classes or "a-size-mini" in classes.split():
            return True
        current = current.parent
    return False


def _only_used(page: Page) -> bool:
    """Whether the page's one buy box is that of a used item."""
    return page.first("#usedBuySection, #usedOnlyBuybox, #usedBuyBoxSection") is not None and (
        page.first(
            "#buyNewSection, #newBuyBoxPrice, #corePriceDisplay_desktop_feature_div, #priceblock_ourprice"
        )
        is None
    )


def _first_amount(page: Page, name: str, selectors: tuple[str, ...]) -> Amount | None:
    for selector in selectors:
        for node in page.all(selector):
            amount = _amount_of_text(page, text_of(node))
            if amount is not None:
                page.found(name, selector)
                return amount
    return None


def _list_price(page: Page) -> Amount | None:
    """A struck price whose label calls it a list price."""
    for selector in (
        "#corePriceDisplay_desktop_feature_div .basisPrice",
        "#corePriceDisplay_mobile_feature_div .basisPrice",
        "#corePrice_desktop tr",
        "#price tr",
        "#price_feature_div tr",
        "#listPriceValue",
        "#listPriceLegalMessage",
        "#print-list-price",
        "#digital-list-price",
        "#buyBoxInner li",
        "#buybox li",
        "#priceBlock tr",
        "#listPrice",
        "#rightCol .print-list-price",
        "#rightCol .digital-list-price",
        "#mobile_buybox_feature_div .a-row",
    ):
        for node in page.all(selector):
            text = text_of(node)
            labelled = selector.startswith(("#listPrice", "#print", "#digital"))
            if NO_LIST_PRICE_LABEL.search(text) or not (labelled or LIST_PRICE_LABEL.search(text)):
                continue
            spoken = node.css_first(".a-offscreen")
            amount = _amount_of_text(page, text_of(spoken)) if spoken is not None else None
            amount = amount or _amount_of_text(page, text)
            if amount is not None:
                page.found("list_price", selector)
                return amount
    return None


def _offers_from(page: Page) -> Amount | None:
    """The lowest offer of other sellers that the page names."""
    lowest: Amount | None = None
    for selector in _OTHER_OFFERS:
        for node in page.all(selector):
            for amount in parse_amounts(text_of(node), page.style):
                if lowest is None or amount.value < lowest.value:
                    lowest = amount
                    page.found("offers_from", selector)
        if lowest is not None:
            return lowest
    return None


def _coupon(page: Page) -> str | None:
    for selector in _COUPONS:
        for node in page.all(selector):
            match = _COUPON_VALUE.search(text_of(node))
            if match:
                page.found("coupon", selector)
                return match[0]
    return None


def _availability_texts(page: Page) -> list[tuple[str, str]]:
    """(source, text) of what is said of availability, best first. The first block only: on
    accordion pages the second one is the used offer's."""
    texts = []
    for selector in (
        "#outOfStock",
        "#availability",
        "#availabilityInsideBuyBox_feature_div",
        "#availability_feature_div",
        "#mobile_buybox_feature_div #availability",
        ".availGreen",
        ".availRed",
        ".availOrange",
        "#pantryAvailability",
        "#ddmAvailabilityMessage",
        "#exports_desktop_unqualifiedBuybox_availability",
        "#dp-availability",
        "#availability-string",
    ):
        node = next((n for n in page.all(selector) if not _is_other_offer(n)), None)
        text = text_of(node) if node is not None else ""
        if text:
            texts.append((selector, text.lower()))
    return texts


def _stated_availability(page: Page) -> Availability | None:
    for selector, text in _availability_texts(page):
        for availability, pattern in AVAILABILITY:
            if pattern.search(text[:400]):
                page.found("availability", selector)
                return availability
    return None


_BUY_BUTTONS = (
    "#add-to-cart-button",
    "#buy-now-button",
    "#add-to-cart-button-ubb",
    "input[name='submit.add-to-cart']",
    "input[name='submit.addToCart']",
    "#one-click-button",
    "#bb_atc_button",
    "#mbbATC",
    "#buyNow",
)


def _availability(page: Page, stated: Availability | None, *, has_price: bool) -> Availability:
    """What is stated; else what can be bought can be bought."""
    if stated is not None:
        return stated
    if has_price:
        for selector in _BUY_BUTTONS:
            if page.first(selector) is not None:
                page.found("availability", selector)
                return Availability.IN_STOCK
    return Availability.UNKNOWN


def _why_no_price(
    page: Page, availability: Availability, has_range: bool, has_offers: bool
) -> PriceMissingReason:
    if has_range:
        return PriceMissingReason.VARIATION_RANGE
    if availability in (Availability.OUT_OF_STOCK, Availability.UNAVAILABLE):
        return PriceMissingReason.OUT_OF_STOCK
    for selector in (
        "#corePriceDisplay_desktop_feature_div",
        "#price",
        "#buybox",
        "#desktop_buybox",
        "#centerCol",
        "#mapLink",
    ):
        node = page.first(selector)
        if node is not None and _HIDDEN_BY_SELLER.search(text_of(node)):
            return PriceMissingReason.MAP_HIDDEN
    if has_offers or page.first("#buybox-see-all-buying-choices, #unqualifiedBuyBox") is not None:
        return PriceMissingReason.NO_BUY_BOX
    return PriceMissingReason.NOT_ON_PAGE


def _seller(page: Page) -> str | None:
    """The buy-box seller as shown."""
    for selector in (
        "#merchantInfoFeature_feature_div .offer-display-feature-text-message",
        "#merchantInfoFeature_feature_div .offer-display-feature-text",
        "#sellerProfileTriggerId",
    ):
        node = next((n for n in page.all(selector) if not _is_other_offer(n)), None)
        if node is not None and (text := text_of(node)):
            page.found("seller", selector)
            return text
    for selector in ("#tabular-buybox .tabular-buybox-text[tabular-attribute-name]",):
        for node in page.all(selector):
            name = (node.attributes.get("tabular-attribute-name") or "").lower()
            if re.search(
                r"sold by|verkäufer|vendu|venduto|vendido|verkocht|vendedor|satıcı|販売元|verkauf",
                name,
            ):
                page.found("seller", "#tabular-buybox")
                return text_of(node) or None
    for selector in (
        "#merchant-info",
        "#merchantInfo",
        "#soldByThirdParty",
        "#mobile_buybox_feature_div #merchant-info",
        "#merchant-info-mobile",
        "#buybox .buybox-merchant-info",
        ".merchant-info",
    ):
        node = next((n for n in page.all(selector) if not _is_other_offer(n)), None)
        if node is None:
            continue
        seller = _seller_in(text_of(node))
        if seller:
            page.found("seller", selector)
            return seller
    return None


def _seller_in(text: str) -> str | None:
    """The seller's name in a sentence about who sells and ships."""
    for pattern in SELLER_SENTENCES:
        match = pattern.search(text)
        if match:
            name = re.split(
                r"(?<=[^.]{3})\.(?:\s|$)|\s+and fulfilled|\. gift|\s+in easy-to-open|\s*\(|。|、",
                match[1],
                maxsplit=1,
                flags=re.I,
            )[0]
            return name.strip(" .\u3002") or None
    return None
