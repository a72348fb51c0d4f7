"""What a page is, judged by its content: one definition for page providers and the parser.

A robot check arrives with HTTP 200, a search page under a product's address, a product's page in
place of another's. A page is a product's only when it shows a title in the place of a product
title, names its ASIN, comes from a marketplace of the registry, and is whole.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from selectolax.lexbor import LexborNode

from insights_resources.marketplaces import MARKETPLACES, ProductKey
from insights_resources.page_providers.document import PageDocument
from insights_resources.page_providers.page_identity import (
    MARKETPLACE_IDS,
    amazon_domain,
    page_asins,
    page_marketplace,
)
from insights_resources.page_providers.protocol import Verdict

__all__ = [
    "MARKETPLACE_IDS",
    "TITLE_SELECTORS",
    "PageJudgement",
    "judge_page",
    "page_marketplace",
    "product_title",
]


@dataclass(frozen=True)
class PageJudgement:
    """``reason`` is None exactly for ``PRODUCT``. ``marketplace`` (a domain of the registry) and
    ``asin`` are what the page itself says, also for a rejected page; None when it does not."""

    verdict: Verdict
    reason: str | None
    marketplace: str | None
    asin: str | None


#: Where the layouts of 2013 to 2026 show a product's title, the surest first.
TITLE_SELECTORS = (
    "#productTitle",
    "#ebooksProductTitle",
    "#ebooksTitle",
    "#btAsinTitle",
    "h1#product-title",
    "#dmusicProductTitle_feature_div h1",
    "h1#title",
    "#title_feature_div h1",
    "#udp h1",
    "span#title",
    "#mas-title .a-row > span",
    "#mas-title span.a-size-large",
    "#gc-asin-title",
)

#: Signs of a robot check: they never occur in a product's page.
_ROBOT_CHECK = (
    "form[action*='/errors/validateCaptcha']",
    "#captchacharacters",
    "form[action*='validateCaptcha']",
    "#challenge-container",
)
_ROBOT_SCRIPT = re.compile(
    r"\bAwsWafIntegration\b|\bwindow\.gokuProps\b|\bawsWafCookieDomainList\b|\bopfcaptcha\.amazon\."
)
_NOT_FOUND_IMAGE = re.compile(r"/error/(?:title\.|404|en_US/title)")
_SERVER_ERROR_IMAGE = re.compile(r"/error/(?:500|503)|cs_50[03]_")
_NOT_FOUND_TITLE = re.compile(
    r"(?i)^\s*(?:amazon\.\S+\s*[:-]?\s*)?(?:404\b|page not found|document not found"
    r"|(?:seite|dokument) (?:wurde )?nicht gefunden|(?:page|document) introuvable"
    r"|page non trouvée|documento no encontrado|お探しのページは見つかりません"
    r"|pagina non trovata|p[aá]gina no encontrada|p[aá]gina n[aã]o encontrada"
    r"|pagina niet gevonden|sidan hittades inte|nie znaleziono strony|sayfa bulunamad[ıi]"
    r"|ページが見つかりません|لم يتم العثور على الصفحة|पेज नहीं मिला)"
)
_SIGN_IN = "form[name='signIn'], #ap_email, #authportal-main-section"
_SEARCH = "#search [data-component-type='s-search-result'], #s-results-list-atf"


def judge_page(
    document: PageDocument,
    target: ProductKey | None = None,
    *,
    marketplace: str | None = None,
    asin: str | None = None,
) -> PageJudgement:
    """The verdict on a page, and on whether it is the page that was asked for.

    What was asked is ``target``, or its halves ``marketplace`` (domain) and ``asin`` where only
    one is known. Another product's page is ``OTHER``, also that of a variation of the product.
    A page that does not name its marketplace is taken to be of the one asked.
    """
    if target is not None:
        marketplace, asin = target
    if document.problem is not None:
        return PageJudgement(Verdict.ERROR, document.problem, None, None)
    domain = amazon_domain(document)
    known = domain if domain in MARKETPLACES else None
    own_asins = page_asins(document)
    own_asin = asin if asin in own_asins else next(iter(own_asins), None)

    def rejected(verdict: Verdict, reason: str) -> PageJudgement:
        return PageJudgement(verdict, reason, known, own_asin)

    if product_title(document) is None:
        return rejected(*_what_else(document))
    if own_asin is None:
        return rejected(Verdict.OTHER, "the page has a title but names no ASIN")
    if domain is not None and known is None:
        return rejected(Verdict.OTHER, f"the page is of {domain}, which is not supported")
    if known is None and (marketplace is None or not _has_detail_page(document)):
        return rejected(Verdict.OTHER, "the page does not show that it is of an Amazon marketplace")
    if asin is not None and own_asin != asin:
        return rejected(Verdict.OTHER, f"page is for {own_asin}, {asin} was asked")
    if marketplace is not None and known is not None and known != marketplace:
        return rejected(Verdict.OTHER, f"page is of {known}, {marketplace} was asked")
    if not document.is_whole:
        return rejected(Verdict.ERROR, "the page is cut off: it has no end")
    return PageJudgement(Verdict.PRODUCT, None, known or marketplace, own_asin)


def product_title(document: PageDocument) -> tuple[LexborNode, str] | None:
    """The element that shows the product's title and the selector that found it."""
    for selector in TITLE_SELECTORS:
        node = document.select_first(selector)
        if node is not None and node.text(strip=True):
            return node, selector
    return None


def _has_detail_page(document: PageDocument) -> bool:
    """Parts that only Amazon's detail pages have."""
    found = document.select_first(
        "#dp, #dp-container, #ppd, #averageCustomerReviews_feature_div, [data-csa-c-asin], #udp"
    )
    return found is not None


def _what_else(document: PageDocument) -> tuple[Verdict, str]:
    if any(document.select_first(selector) is not None for selector in _ROBOT_CHECK):
        return Verdict.BLOCKED, "robot check in place of the page"
    if _ROBOT_SCRIPT.search(document.html):
        return Verdict.BLOCKED, "robot check in place of the page"
    sources = [node.attributes.get("src") or "" for node in document.select("img[src*='/error/']")]
    if any(_SERVER_ERROR_IMAGE.search(source) for source in sources):
        return Verdict.OTHER, "Amazon's error page: something went wrong at its end"
    title = document.select_first("title")
    title_text = "" if title is None else title.text(strip=True)
    if any(_NOT_FOUND_IMAGE.search(source) for source in sources):
        return Verdict.NOT_FOUND, "Amazon's page for an address that does not exist"
    if _NOT_FOUND_TITLE.search(title_text):
        return Verdict.NOT_FOUND, f"the page's title says so: {title_text[:80]}"
    if document.select_first("a[href*='ref=cs_50']") is not None:
        return Verdict.OTHER, "Amazon's error page: something went wrong at its end"
    if document.select_first("a[href^='/dogsofamazon']") is not None:
        return Verdict.NOT_FOUND, "Amazon's page for an address that does not exist"
    if document.select_first(_SIGN_IN) is not None:
        return Verdict.OTHER, "a sign-in page"
    if document.select_first(_SEARCH) is not None:
        return Verdict.OTHER, "a search page"
    if not document.html.strip():
        return Verdict.ERROR, "the page is empty"
    return Verdict.OTHER, "no product title" + (f": {title_text[:80]}" if title_text else "")
