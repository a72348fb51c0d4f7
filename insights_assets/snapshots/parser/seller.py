"""Who sells the featured offer, as displayed."""

from __future__ import annotations

import re

from selectolax.lexbor import LexborNode

from insights_assets.snapshots.parser.evidence import Rejected
from insights_assets.snapshots.parser.page_reading import PageReading
from insights_assets.snapshots.parser.visible_text import visible_text

#: Elements whose whole text is the seller's name.
_NAME = (
    "#merchant-trust-info-card",
    "#merchantInfoFeature_feature_div .offer-display-feature-text-message",
    (
        "#merchant-info #sellerProfileTriggerId",
        "#tabular-buybox #sellerProfileTriggerId",
        "#sellerProfileTriggerId",
    ),
)
#: What stands there in place of the name at times, while the name stands beside it.
_LINK_LABEL = re.compile(
    r"(?i)^(?:learn more|see more|details?$|about the seller|weitere informationen|mehr erfahren"
    r"|en savoir plus|más información|saiba mais|maggiori informazioni|scopri di più"
    r"|meer informatie|läs mer|dowiedz się więcej|daha fazla bilgi|詳細|معرفة المزيد)"
)
#: The row of a table of the offer whose label means "sold by", in the shops' languages.
_SOLD_BY_LABEL = re.compile(
    r"(?i)sold by|seller|verkauf(?:t)?|verkäufer|vendu par|vendeur|vendido por|vendedor"
    r"|venduto da|venditore|verkocht door|verkoper|säljs av|säljare|sprzedawca|sprzedawane"
    r"|satıcı|satan|prodává|prodejce|sælges af|販売元|出品者|البائع|يباع|يبيع|विक्रेता|卖家|销售"
)
_ROWS = (
    "#tabular-buybox .tabular-buybox-label",
    "#tabular_feature_div .tabular-buybox-label",
    "#tabular-buybox .tabular-buybox-label-column",
    "#sfsb_accordion_head .a-row span:first-child",
    "#merchantInfoFeature_feature_div [offer-display-feature-name='desktop-merchant-info']",
)
#: Where sentences name the seller.
_SENTENCES_IN = ("#merchant-info", "#ships-from", "#availability", "#BBAvailPlusMerchID")
#: Beginnings of sentences that name the seller.
_SOLD_BY = (
    r"(?:(?:ships|dispatched)(?: from)? and )?sold by ",
    r"verkauf (?:und versand )?durch ",
    r"(?:expédié et )?vendu(?: et expédié)? par ",
    r"(?:venduto e spedito|spedito e venduto|venduto) da ",
    r"(?:vendido y enviado|enviado y vendido|vendido e enviado|enviado e vendido|vendido) por ",
    r"(?:verzonden en verkocht|verkocht en verzonden|verkocht) door ",
    r"(?:säljs och levereras|levereras och säljs|säljs) av ",
    r"(?:wysyłka i sprzedaż|sprzedaż i wysyłka|sprzedawane)(?: przez)?:? ",
)
#: What follows the seller in them.
_AND_SHIPPED = (
    r"\s+(?:and fulfilled|in certified|und versand|et expédié|y gestionado|y enviado|e spedito"
    r"|e enviado|en verzonden|och levereras|i wysyłane)\b"
)
#: A dot ends the sentence, except after an initial or inside a name such as Amazon.com. Where the
#: name is a link, it stands apart from the dot.
_SENTENCE_END = r"(?<=\w\w)\.(?:\s|$)|\s\.(?:\s|$)|\s+gift-wrap\b|\s*$"
_SENTENCES = (
    *(re.compile(rf"(?i){sold}(?P<seller>.+?)(?={_AND_SHIPPED})") for sold in _SOLD_BY),
    *(re.compile(rf"(?i){sold}(?P<seller>.+?)(?={_SENTENCE_END})") for sold in _SOLD_BY),
    re.compile(r"(?i)^(?P<seller>.+?) tarafından (?:satıl|gönderil)"),
    re.compile(r"この商品は、?\s*(?P<seller>.+?)\s*が(?:販売|発送)"),
    re.compile(r"(?:販売元は|販売者は)\s*(?P<seller>.+?)\s*(?:です|で)"),
)


def seller(page: PageReading) -> str | None:
    """The featured offer's seller as the page displays it; None where it names none."""

    def in_row(label: LexborNode) -> str | Rejected | None:
        text = label.attributes.get("tabular-attribute-name") or visible_text(label)
        if not _SOLD_BY_LABEL.search(text):
            return Rejected(f"its label does not mean 'sold by': {text[:60]!r}")
        return _name_in(_next_element(label)) or None

    def in_sentence(node: LexborNode) -> str | None:
        text = visible_text(node)[:500]
        found = next(filter(None, (sentence.search(text) for sentence in _SENTENCES)), None)
        return None if found is None else found["seller"].strip()

    def name(node: LexborNode) -> str | Rejected | None:
        text = visible_text(node)
        return Rejected("is the label of a link") if _LINK_LABEL.match(text) else text or None

    page.read("seller", _NAME, name)
    sold_by = page.read("seller", _ROWS, in_row)
    return sold_by or page.read("seller", _SENTENCES_IN, in_sentence, compared=False)


def _name_in(value: LexborNode | None) -> str:
    """The name in a row's value, once: it is written twice where a longer form may unfold."""
    if value is None:
        return ""
    for selector in (".tabular-buybox-text", ".offer-display-feature-text-message", "a", "span"):
        name = visible_text(value.css_first(selector))
        if name:
            return name
    return visible_text(value)


def _next_element(node: LexborNode) -> LexborNode | None:
    following = node.next
    while following is not None and following.tag is not None and following.tag.startswith("-"):
        following = following.next
    return following
