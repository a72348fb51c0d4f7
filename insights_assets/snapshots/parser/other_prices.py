"""The amounts beside the headline price: list price, coupon, subscription, used, other sellers."""

from __future__ import annotations

import re
from decimal import Decimal
from itertools import islice

from selectolax.lexbor import LexborNode

from insights_assets.snapshots.parser.evidence import Rejected
from insights_assets.snapshots.parser.money import Money
from insights_assets.snapshots.parser.numbers import western_digits
from insights_assets.snapshots.parser.page_reading import PageReading, Part
from insights_assets.snapshots.parser.price_elements import price_text
from insights_assets.snapshots.parser.visible_text import clean, visible_text

#: Labels of the manufacturer's or shop's list price. Other struck prices are earlier or typical
#: prices, and are none.
LIST_PRICE_LABEL = re.compile(
    r"(?i)\blist(?:ed)? price|^\s*list:|\brrp\b|suggested (?:retail )?price|\bmsrp\b|\bm\.?r\.?p\b"
    r"|\buvp\b|unverb\.? ?preisempf|preisempfehlung|listenpreis"
    r"|prix (?:de vente )?conseillé|prix public"
    r"|precio (?:recomendado|de lista|sugerido)|\bpvpr\b|\bpvr\b|\bpvp recomendado"
    r"|preço (?:recomendado|de lista|sugerido)|^\s*de:"
    r"|prezzo (?:consigliato|di listino)|adviesprijs|catalogusprijs|lijstprijs"
    r"|rek(?:ommenderat|\.) ?(?:ca-?)?pris|listpris|cirkapris|vejl\w* pris"
    r"|cena (?:katalogowa|detaliczna|sugerowana)|sugerowana cena"
    r"|liste fiyat|tavsiye edilen|önerilen (?:satış )?fiyat"
    r"|doporučená (?:\w+ )?cena|参考価格|定価|希望小売価格"
    r"|سعر التجزئة المقترح|السعر (?:المقترح|الموصى به|بالقائمة|في القائمة)|سعر القائمة"
    r"|सूची मूल्य|एमआरपी|अधिकतम खुदरा|建议零售价|市场价"
)
_NOT_LIST_PRICE = re.compile(
    r"(?i)\bwas\b|typical|previous|lowest|median|statt|bisher|niedrigster|vorheriger|ancien"
    r"|plus bas|anterior|más bajo|mais baixo|precedente|più basso|mediano|vorige|laagste"
    r"|tidigare|lägsta|poprzednia|najniższa|önceki|en düşük|過去価格|最低価格"
)
#: Marks that a word may be written with or without.
_ARABIC_VOWELS = re.compile("[\u064b-\u0652]")
_STRUCK = (
    "#price .priceBlockStrikePriceString",
    "#listPriceValue",
    "#list-price",
    "#prices .a-text-strike",
    "#price .a-text-strike",
    "#buybox tr.digital-list-price .a-text-strike",
    "#digital-list-price",
    "#print-list-price",
    "#buyBoxInner .a-text-strike",
    "#buyNewInner .a-text-strike",
    "#newAccordionRow .a-text-strike",
    "#newPitchPriceWrapper_feature_div .a-text-strike",
    "#ebooksPrice_feature_div .a-text-strike",
    "#corePriceDisplay_desktop_feature_div .basisPrice",
    "#corePriceDisplay_mobile_feature_div .basisPrice",
    "#corePrice_desktop [data-a-strike='true']",
    "#corePrice_mobile [data-a-strike='true']",
    "#corePrice_mobile_feature_div [data-a-strike='true']",
    "#apex_desktop .basisPrice",
    "#corePriceDisplay_desktop_feature_div .apex-basisprice-feature",
    "#corePriceDisplay_mobile_feature_div .apex-basisprice-feature",
)
_COUPON = (
    "[id^='couponText']",
    "#promoPriceBlockMessage_feature_div label[for^='checkboxpct']",
    "#promotions_feature_div label[for^='checkboxpct']",
    "#vpcButton .a-label",
    "#unclippedCoupon",
    "#couponFeature",
    "[id^='couponFeature'] .couponRow",
    "#promoPriceBlockMessage_feature_div .promoPriceBlockMessage",
)
_PERCENT = r"(?:[%٪]\s?\d{1,2}(?:[.,]\d)?|\d{1,2}(?:[.,]\d)?\s?[%٪])"
_COUPON_PERCENT = re.compile(_PERCENT)
_SUBSCRIPTION = (
    "#sns-base-price",
    "#snsBasePrice",
    "#snsPrice",
    "#subscriptionPrice",
    "[id^='snsAccordionRow'] .a-price",
)
_USED = (
    "#usedBuySection .offer-price",
    "#usedBuySection .a-color-price",
    "[id^='usedAccordionRow'] #usedPrice",
    "[id^='usedAccordionRow'] .a-price",
    "[id^='usedAccordionRow'] .header-price",
    "#usedPrice",
    "[id^='usedAccordionRow'] .a-color-price",
)
#: Places of one kind, and offers within one.
_MOST_PLACES = 10
_MOST_OFFERS = 40
_OTHER_SELLERS = (
    "#olp_feature_div",
    "#olpLinkWidget_feature_div",
    "#olp-upd-new",
    "#unqualifiedBuyBox",
    "#moreBuyingChoices_feature_div",
    "#mbc",
    "#dynamic-aod-ingress-box",
    "#aod-ingress-link",
    "#new-used-offers",
    "#olp-sl-new-used",
)


def list_price(page: PageReading, headline: Decimal | None) -> Decimal | None:
    """The list price that the page shows by that name.

    None where it shows none, or only an earlier or typical price, or one below the price itself.
    """

    def labelled(node: LexborNode) -> Money | Rejected | None:
        label = _ARABIC_VOWELS.sub("", _label_of(node))
        if _NOT_LIST_PRICE.search(label) or not LIST_PRICE_LABEL.search(label):
            return Rejected(f"its label is not that of a list price: {label[:60]!r}")
        money = page.money.first(price_text(node))
        if money is not None and headline is not None and money.amount < headline:
            return Rejected("is below the price itself")
        return money

    return _amount(page.read("list_price", _STRUCK, labelled))


def _amount(money: Money | None) -> Decimal | None:
    return None if money is None else money.amount


def _label_of(node: LexborNode) -> str:
    """What stands before a struck price: in it, or in the row or line that it is the value of."""
    own = visible_text(node)
    if node.parent is not None and node.parent.css_first("#listPriceLegalMessage") is not None:
        return "List Price:"  # the note on what a list price is stands beside it
    if LIST_PRICE_LABEL.search(own) or _NOT_LIST_PRICE.search(own):
        return own
    current = node
    for _ in range(4):
        parent = current.parent
        if parent is None:
            return ""
        if parent.tag in ("tr", "li", "p") or current.tag in ("td",):
            break
        current = parent
    else:
        return visible_text(current)[:120]
    first = parent.css_first("td, .a-color-secondary")
    return visible_text(first) if first is not None else visible_text(parent)[:120]


def coupon(page: PageReading) -> str | None:
    """What the coupon that anyone may clip takes off, as shown: "5 %" or "$3.00"."""

    def saving(node: LexborNode) -> str | None:
        text = visible_text(node)
        percent = _COUPON_PERCENT.search(western_digits(text))
        if percent is not None:
            return percent.group()
        amounts = page.money.find(text)
        if not amounts:
            return None
        return clean(western_digits(text)[amounts[0].start : amounts[0].end])

    return page.read("coupon", _COUPON, saving, compared=False)


def subscribe_save_price(page: PageReading) -> Decimal | None:
    """What one delivery costs by subscription, before what more subscriptions take off."""
    return _amount(
        page.read(
            "subscribe_save_price",
            _SUBSCRIPTION,
            page.price_at,
            among=Part.SUBSCRIPTION,
            compared=False,
        )
    )


def used_price(page: PageReading) -> Decimal | None:
    """The price of the used item that the buy box offers beside the new one."""
    return _amount(page.read("used_price", _USED, page.price_at, among=Part.USED, compared=False))


def offers_from(page: PageReading) -> Decimal | None:
    """The lowest offer of other sellers, new or used, that the page names."""
    offers = [
        (money, selector)
        for selector in _OTHER_SELLERS
        for node in islice(page.elements(selector, Part.SHOWN), _MOST_PLACES)
        for money in _offers(page, node)
    ]
    if not offers:
        return None
    lowest, selector = min(offers, key=lambda offer: offer[0].amount)
    page.evidence.consider("offers_from", selector, lowest)
    return lowest.amount


def _offers(page: PageReading, node: LexborNode) -> list[Money]:
    """The prices of offers: of each part the first amount, for shipping follows its offer."""
    parts = node.css(
        ".olp-padding-right, .olp-text-box, .a-size-medium.a-color-price, .a-color-price"
    )
    texts = [_one_price(part) for part in parts[:_MOST_OFFERS] or [node]]
    found = [page.money.first(text) for text in texts if not text.startswith("(")]  # unit prices
    if not any(found):
        found = [page.money.first(visible_text(node))]
    return [money for money in found if money is not None]


def _one_price(node: LexborNode) -> str:
    return price_text(node) if node.css_first("span.a-price") else visible_text(node)
