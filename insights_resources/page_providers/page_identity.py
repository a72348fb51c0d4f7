"""Which marketplace and product a page says it is about, from its own content."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from insights_resources.marketplaces import MARKETPLACES, is_asin
from insights_resources.page_providers.document import PageDocument

#: Amazon's own ids of its shops, as its pages carry them.
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

_ASIN_IN_PATH = re.compile(
    r"/(?:dp|gp/product|gp/aw/d|gp/aw/cr|product-reviews|exec/obidos/ASIN)/"
    r"(?:[^/?#]{1,80}/)?([A-Z0-9]{10})(?=[/?#]|$)"
)
_SERVER_NAME = re.compile(r"\bue_sn\s*=\s*[\"'](?:[a-z]+\.)?(amazon\.[a-z.]{2,6})[\"']")
_SERVER_ID = re.compile(
    r"(?:\bue_mid|[\"']?(?:obfuscatedMarketId|obfuscatedMarketplaceId|marketplaceId)[\"']?)"
    r"\s*[=:]\s*[\"'](A[0-9A-Z]{11,14})[\"']"
)
_CURRENT_ASIN = re.compile(r"[\"'](?:currentAsin|winningAsin)[\"']\s*:\s*[\"']([A-Z0-9]{10})[\"']")
_AMAZON_HOST = re.compile(r"(?:[a-z-]+\.)*(amazon\.[a-z]{2,3}(?:\.[a-z]{2})?)")

#: Elements that carry the ASIN of the product the page sells, the surest first: what the buy box
#: would put into the cart, then the page's own parts. Carousels carry other products' ASINs.
_ASIN_ELEMENTS = (
    ("input#ASIN", "value"),
    ("form#addToCart input[name='ASIN']", "value"),
    ("form#handleBuy input[name='ASIN']", "value"),
    ("#title_feature_div[data-csa-c-asin]", "data-csa-c-asin"),
    ("#averageCustomerReviews[data-asin]", "data-asin"),
    ("#cerberus-data-metrics[data-asin]", "data-asin"),
    ("#apex_desktop[data-csa-c-asin]", "data-csa-c-asin"),
    ("#buybox[data-csa-c-asin]", "data-csa-c-asin"),
    ("input[name='ASIN.0']", "value"),
    ("form#addToCart input[name='a']", "value"),
    ("#main-image[data-fling-asin]", "data-fling-asin"),
)
_REVIEW_LINKS = "#rating-stars a, a#acrCustomerReviewLink, #product-title ~ a"


def page_addresses(document: PageDocument) -> Iterator[str]:
    """The page's own address, as its head gives it: canonical link, then Open Graph."""
    for selector, attribute in (
        ("link[rel='canonical']", "href"),
        ("meta[property='og:url']", "content"),
    ):
        # Saved pages have lost their head at times, so that its parts stand in the body.
        for node in document.select(f"head {selector}") or document.select(selector):
            address = node.attributes.get(attribute)
            if address:
                yield address.strip()


def amazon_host(address: str) -> str | None:
    """The Amazon domain of an address (``amazon.de``), of any shop; None for other hosts."""
    try:
        host = urlsplit(address).hostname or ""
    except ValueError:
        return None
    found = _AMAZON_HOST.fullmatch(host.lower())
    return None if found is None else found.group(1)


def amazon_domain(document: PageDocument) -> str | None:
    """The Amazon domain that the page says it comes from, in the registry or not."""
    names_host = False
    for address in page_addresses(document):
        domain = amazon_host(address)
        if domain is not None:
            return domain
        names_host = names_host or urlsplit_host(address) is not None
    if names_host:
        return None  # of its own, and it is not Amazon's
    found = _SERVER_NAME.search(document.html)
    if found is not None:
        return found.group(1)
    for found in _SERVER_ID.finditer(document.html):
        if found.group(1) in MARKETPLACE_IDS:
            return MARKETPLACE_IDS[found.group(1)]
    return _domain_by_language(document)


def page_marketplace(document: PageDocument) -> str | None:
    """The marketplace of the registry that the page says it is of; None when it does not say, or
    is of another shop."""
    domain = amazon_domain(document)
    return domain if domain in MARKETPLACES else None


def urlsplit_host(address: str) -> str | None:
    """The host of an absolute address; None without one."""
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


def page_language(document: PageDocument) -> str | None:
    """The page's language as it declares it (``de-de``), in lower case with a hyphen."""
    value = document.language
    return value.strip().lower().replace("_", "-") or None if value else None


def _domain_by_language(document: PageDocument) -> str | None:
    """The one marketplace whose pages are offered in the page's language and region."""
    language = page_language(document)
    if language is None or "-" not in language:
        return None
    offered = [
        market.domain
        for market in MARKETPLACES.values()
        if language in (tag.lower() for tag in market.languages)
    ]
    return offered[0] if len(offered) == 1 else None


def page_asins(document: PageDocument) -> tuple[str, ...]:
    """The ASINs that the page is about, the page's own first; empty when it names none.

    More than one where the address of a variation family, or of one variation, shows another
    variation: the address's ASIN (canonical link) comes before the one that the buy box sells.
    """
    found = []
    for address in page_addresses(document):
        asin = asin_in_address(address)
        if asin is not None:
            found.append(asin)
            break
    sold = _sold_asin(document)
    if sold is not None:
        found.append(sold)
    return tuple(dict.fromkeys(found))


def _sold_asin(document: PageDocument) -> str | None:
    for selector, attribute in _ASIN_ELEMENTS:
        node = document.select_first(selector)
        value = (node.attributes.get(attribute) or "").strip() if node is not None else ""
        if is_asin(value):
            return value
    found = _CURRENT_ASIN.search(document.html)
    if found is not None and is_asin(found.group(1)):
        return found.group(1)
    for node in document.select(_REVIEW_LINKS):
        asin = asin_in_address(node.attributes.get("href") or "")
        if asin is not None:
            return asin
    return None


def asin_in_address(address: str) -> str | None:
    """The ASIN in a product page's address."""
    found = _ASIN_IN_PATH.search(address)
    return found.group(1) if found is not None and is_asin(found.group(1)) else None
