"""What a page is, judged by its content. The one definition, for capture and for the parser.

A robot check, an error page and a list of search results all may arrive with HTTP 200. A page is a
product's only when it is Amazon's, has a product's title and the product's own id; when in doubt it
is not one.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from urllib.parse import urlsplit

from insights_resources.marketplaces import MARKETPLACES, ProductKey, is_asin
from insights_resources.page_providers.document import PageDocument
from insights_resources.page_providers.protocol import Verdict

#: Amazon's own ids of its marketplaces, as they stand in a page's scripts.
MARKETPLACE_IDS = {
    "ATVPDKIKX0DER": "amazon.com",
    "A2EUQ1WTGCTBG2": "amazon.ca",
    "A1AM78C64UM0Y8": "amazon.com.mx",
    "A2Q3Y263D00KWC": "amazon.com.br",
    "A1F83G8C2ARO7P": "amazon.co.uk",
    "A28R8C7NBKEWEA": "amazon.ie",
    "A1PA6795UKMFR9": "amazon.de",
    "A13V1IB3VIYZZH": "amazon.fr",
    "APJ6JRA9NG5V4": "amazon.it",
    "A1RKKUPIHCS9HS": "amazon.es",
    "A1805IZSGTT6HS": "amazon.nl",
    "AMEN7PMS3EDWL": "amazon.com.be",
    "A2NODRKZP88ZB9": "amazon.se",
    "A1C3SOZRARQ6R3": "amazon.pl",
    "A33AVAJ2PDY3EV": "amazon.com.tr",
    "A2VIGQ35RCS4UG": "amazon.ae",
    "A17E79C6D8DWNP": "amazon.sa",
    "ARBP9OOSHTCHU": "amazon.eg",
    "AE08WJ6YKNBMC": "amazon.co.za",
    "A21TJRUUN4KGV": "amazon.in",
    "A1VC38T7YXB528": "amazon.co.jp",
    "A19VAU5U5O7RUS": "amazon.sg",
    "A39IBJ37TRP1C6": "amazon.com.au",
}

_HOST = re.compile(r"(?:www\.|smile\.|m\.)?(amazon\.[a-z.]{1,6}[a-z])\Z")
_SITE_SCRIPT = re.compile(r"ue_sn\s*=\s*['\"](?:www\.|m\.|smile\.)?(amazon\.[a-z.]{1,6}[a-z])['\"]")
_SITE_ID = re.compile(
    r"(?:ue_mid|marketplaceId|obfuscatedMarketId)['\"]?\s*[:=]\s*['\"](A[A-Z0-9]{12,13})['\"]"
)
_SITE_LINK = re.compile(r"https?://(?:www\.)?(amazon\.[a-z.]{1,6}[a-z])/")
_SITE_TITLE = re.compile(r"\b(amazon\.[a-z.]{1,6}[a-z])\b", re.I)
_ASIN_IN_PATH = re.compile(
    r"/(?:dp|gp/product|gp/aw/d|product)/(?:[^/]+/)?([A-Z0-9]{10})(?:[/?#]|\Z)"
)
_ASIN_IN_ACTION = re.compile(
    r"(?:[?&](?:asin|ASIN)=|/gp/aw/d(?:/|%2F|%252F))([A-Z0-9]{10})(?![A-Z0-9])"
)

#: Signs of each kind of robot check; any one is enough on a page without a product.
_ROBOT_CHECKS = (
    ("/errors/validatecaptcha", "robot check with a captcha"),
    ("opfcaptcha", "robot check with a captcha"),
    ("api-services-support@amazon.com", "robot check (automated access)"),
    ("to discuss automated access to amazon data", "robot check (automated access)"),
    ("awswafcookiedomainlist", "JavaScript challenge of the web application firewall"),
    ("challenge.js", "JavaScript challenge of the web application firewall"),
    ("awswafintegration", "JavaScript challenge of the web application firewall"),
    ("gokuprops", "JavaScript challenge of the web application firewall"),
    ("bm-verify", "JavaScript challenge"),
    ("/_sec/verify", "JavaScript challenge"),
    ("captchacharacters", "robot check with a captcha"),
    ("cvf_captcha", "captcha of the sign-in"),
    ('id="captchacharacters"', "robot check with a captcha"),
    ("verify you are human", "robot check"),
    ("continue shopping", "interstitial that asks for a click"),
)
_NOT_FOUND = (
    "/dogsofamazon",
    "dogs of amazon",
    "g/01/error/",
    "page not found",
    "looking for something?",
    "dokument nicht gefunden",
    "suchen sie bestimmte informationen",
    "the web address you entered is not a functioning page",
    "la page que vous recherchez",
    "ご指定のページが見つかりません",
)

#: Where a product's title stands: desktop, e-books, mobile, and the pages of before 2014.
TITLE_SELECTORS = (
    "#productTitle",
    "#ebooksProductTitle",
    "#gc-asin-title",
    "#title",
    "#btAsinTitle",
    "#ebook-title",
    "#mobile-title",
)
_OWN_ID_INPUTS = "input#ASIN, input[name=ASIN], input[name='ASIN.0'], input[name=asin], input#asin"
#: Pages of music and film have ids and titles, but nothing of them is a product's.
_MEDIA_PAGES = "#dmusic_buybox_feature_div, #dmusicProductTitle_feature_div, .dv-node-dp-badges, #dv-action-box, #dv-main-bottom-section, #dv-dp-left-content"


@dataclass(frozen=True)
class PageJudgement:
    """The verdict; in words why a page is no product's; what the page itself says it is."""

    verdict: Verdict
    reason: str | None
    marketplace: str | None
    asin: str | None


def judge_page(
    document: PageDocument, target: ProductKey | None = None, *, marketplace: str | None = None
) -> PageJudgement:
    """What the page is; never raises.

    With ``target`` (or ``marketplace``), a product page of another product (or another
    marketplace) is ``OTHER``, and the reason names both. Where the page does not say its
    marketplace, the one given is taken.
    """
    if document.problem is not None:
        return PageJudgement(Verdict.ERROR, document.problem, None, None)
    expected = target.marketplace if target else marketplace
    found = page_marketplace(document)
    asin = page_asin(document, target)
    title = page_title(document)
    if title is None:
        verdict, reason = _judge_without_title(document, found)
        return PageJudgement(verdict, reason, found, asin)
    site = found or expected

    def other(reason: str) -> PageJudgement:
        return PageJudgement(Verdict.OTHER, reason, found, asin)

    if site is None:
        return other("the page does not say which Amazon marketplace it is of")
    if document.tree.css_first(_MEDIA_PAGES) is not None:
        return other("page of a film or of music, which is no product with offers")
    if asin is None and target is not None and _mentions_only(document, target.asin):
        asin = target.asin
    if asin is None:
        return other("the page does not say which product it is of")
    if expected is not None and site != expected:
        return other(f"the page is of {site}, {expected} was asked for")
    if target is not None and asin != target.asin:
        return other(f"the page is of {asin}, {target.asin} was asked for")
    return PageJudgement(Verdict.PRODUCT, None, site, asin)


def page_title(document: PageDocument) -> str | None:
    """The product's title, white space folded; None when the page has none."""
    for selector in TITLE_SELECTORS:
        node = document.tree.css_first(selector)
        if node is not None:
            text = " ".join(node.text(separator=" ").split())
            if text:
                return text
    return _title_of_old_mobile_page(document)


def page_marketplace(document: PageDocument) -> str | None:
    """The marketplace that the page says it is of; None when it does not say, or is no Amazon's."""
    for address in _own_addresses(document):
        host = urlsplit(address).hostname or ""
        match = _HOST.fullmatch(host)
        if match and match[1] in MARKETPLACES:
            return match[1]
        if host and not match and not host.endswith("amazon.com"):
            return None
    match = _SITE_SCRIPT.search(document.html)
    if match and match[1] in MARKETPLACES:
        return match[1]
    match = _SITE_ID.search(document.html)
    if match and match[1] in MARKETPLACE_IDS:
        return MARKETPLACE_IDS[match[1]]
    title = document.tree.css_first("title")
    match = _SITE_TITLE.search(title.text()) if title is not None else None
    if match and match[1].lower() in MARKETPLACES:
        return match[1].lower()
    linked = {site for site in _SITE_LINK.findall(document.html) if site in MARKETPLACES}
    return linked.pop() if len(linked) == 1 else None


def page_asin(document: PageDocument, target: ProductKey | None = None) -> str | None:
    """The product that the page says it is of.

    The canonical address comes first: the form's hidden id is that of the variation in the buy
    box, which an unavailable product may borrow from another.
    """
    candidates: list[str] = []
    for address in _own_addresses(document):
        match = _ASIN_IN_PATH.search(urlsplit(address).path)
        if match and is_asin(match[1]):
            candidates.append(match[1])
    for node in document.tree.css(_OWN_ID_INPUTS):
        value = (node.attributes.get("value") or "").strip()
        if is_asin(value):
            candidates.append(value)
            break
    for selector in (
        "#averageCustomerReviews[data-asin]",
        "#dp[data-asin]",
        "#title_feature_div[data-csa-c-asin]",
        "[data-feature-name=title][data-csa-c-asin]",
    ):
        holder = document.tree.css_first(selector)
        if holder is not None:
            attributes = holder.attributes
            value = attributes.get("data-asin") or attributes.get("data-csa-c-asin") or ""
            if is_asin(value):
                candidates.append(value)
    return candidates[0] if candidates else _asin_of_links(document)


def _asin_of_links(document: PageDocument) -> str | None:
    """The one product that most of the page's own actions are about (old mobile pages, which
    give no address of their own); None when no product stands out."""
    counts = Counter(filter(is_asin, _ASIN_IN_ACTION.findall(document.html)))
    if not counts:
        return None
    (asin, most), *rest = counts.most_common(2)
    return asin if most >= 2 and all(count * 2 <= most for _, count in rest) else None


def _own_addresses(document: PageDocument) -> list[str]:
    """The addresses that the page gives as its own, most reliable first."""
    addresses = []
    for selector, attribute in (
        ("link[rel=canonical]", "href"),
        ("meta[property='og:url']", "content"),
        ("link[rel=alternate][media*=handheld]", "href"),
    ):
        node = document.tree.css_first(selector)
        value = (node.attributes.get(attribute) or "").strip() if node is not None else ""
        if value.startswith("http"):
            addresses.append(value)
    return addresses


def _mentions_only(document: PageDocument, asin: str) -> bool:
    """Whether the page's own links to products all lead to this one (excerpts of a page)."""
    linked = {
        match
        for match in re.findall(
            r"/(?:dp|product-reviews|gp/product)/([A-Z0-9]{10})\b", document.html
        )
    }
    return linked == {asin}


def _title_of_old_mobile_page(document: PageDocument) -> str | None:
    """The title of the mobile pages of 2013 and 2014, which name it only in a form of their own."""
    if document.tree.css_first("form[action*='/gp/aw/'], a[href*='/gp/aw/']") is None:
        return None
    for selector in ("#aw-product-title", "#productTitle_mobile", "h1", "font[size='+1']"):
        node = document.tree.css_first(selector)
        if node is not None:
            text = " ".join(node.text(separator=" ").split())
            if text:
                return text
    return None


def _judge_without_title(document: PageDocument, site: str | None) -> tuple[Verdict, str]:
    text = document.html.lower()
    is_small = len(text) < 100_000
    heading = document.tree.css_first("title")
    if heading is not None and "something went wrong" in heading.text().lower():
        return Verdict.OTHER, "error page of the shop"
    if is_small:
        for sign, reason in _ROBOT_CHECKS:
            if sign in text:
                return Verdict.BLOCKED, reason
        for sign in _NOT_FOUND:
            if sign in text:
                return Verdict.NOT_FOUND, "the shop says that there is no such page"
    if site is None and "amazon" not in text[:200_000]:
        return Verdict.OTHER, "the page is not Amazon's"
    tree = document.tree
    if tree.css_first("#ap_signin_form, form[name=signIn], #ap_email") is not None:
        return Verdict.OTHER, "sign-in page"
    if (
        tree.css_first(
            "[data-component-type='s-search-result'], #s-results-list-atf, .s-result-item"
        )
        is not None
    ):
        return Verdict.OTHER, "list of search results"
    if (
        tree.css_first(
            "#zg, #zg-ordered-list, #zg_centerListWrapper, [class*='zg-grid'], .zg-bdg-text"
        )
        is not None
    ):
        return Verdict.OTHER, "list of best sellers"
    if tree.css_first(_MEDIA_PAGES) is not None or "dmusic" in text:
        return Verdict.OTHER, "page of a film or of music, which is no product with offers"
    if "something went wrong" in text or "service unavailable" in text or "internal error" in text:
        return Verdict.OTHER, "error page of the shop"
    if is_small and len(text) < 3_000:
        return Verdict.OTHER, "the page is cut off or nearly empty"
    return Verdict.OTHER, "the page has no product's title"
