"""A page is what its content says, whatever its address and status were."""

from __future__ import annotations

import pytest

from insights_resources.marketplaces import MARKETPLACES, ProductKey
from insights_resources.page_providers.document import PageDocument
from insights_resources.page_providers.page_identity import MARKETPLACE_IDS
from insights_resources.page_providers.protocol import Verdict
from insights_resources.page_providers.verdict import (
    PageJudgement,
    judge_page,
    page_marketplace,
)

ASIN = "B08N5WRWNW"
TITLE = '<div id="dp"><span id="productTitle">A thing</span></div>'
FORM = f'<form id="addToCart"><input id="ASIN" name="ASIN" value="{ASIN}"/></form>'


def canonical(host: str = "www.amazon.de", asin: str = ASIN) -> str:
    return f'<link rel="canonical" href="https://{host}/A-thing/dp/{asin}"/>'


def judge(html: str, target: ProductKey | None = None, **asked: str) -> PageJudgement:
    whole = f"{html}</html>" if html else ""
    return judge_page(PageDocument.from_bytes(whole.encode()), target, **asked)


@pytest.mark.parametrize(
    ("html", "verdict"),
    [
        (canonical() + TITLE, Verdict.PRODUCT),
        ('<form action="/errors/validateCaptcha"><input id="captchacharacters">', Verdict.BLOCKED),
        ("<script>var ue_sn = 'opfcaptcha.amazon.de';</script>", Verdict.BLOCKED),
        ("<script>AwsWafIntegration.getToken()</script>", Verdict.BLOCKED),
        ('<a href="/dogsofamazon"><img src="https://x/error/title._TTD_.png"></a>', "not_found"),
        ("<title>Page Not Found</title>", Verdict.NOT_FOUND),
        ("<title>Seite wurde nicht gefunden.</title>", Verdict.NOT_FOUND),
        ("<title>ページが見つかりません</title>", Verdict.NOT_FOUND),
        ("<title>Amazon.com Page Not Found</title>", Verdict.NOT_FOUND),
        ("<title>Documento no encontrado</title>", Verdict.NOT_FOUND),
        (
            '<a href="/ref=cs_503_link"><img src="https://x/error/logo.png"></a>'
            '<a href="/dogsofamazon"><img src="dog.jpg"></a>',
            Verdict.OTHER,
        ),
        ("<script>window.gokuProps = {};</script>", Verdict.BLOCKED),
        ('<a href="/dogsofamazon/"><img src="https://x/error/500_503.png"></a>', Verdict.OTHER),
        ('<form name="signIn"></form>', Verdict.OTHER),
        (canonical() + "<h1>A film</h1>", Verdict.OTHER),
        (TITLE, Verdict.OTHER),  # no ASIN
        (canonical("www.otto.de") + TITLE + FORM, Verdict.OTHER),
        (canonical("www.amazon.cn") + TITLE + FORM, Verdict.OTHER),
        (canonical("amazon.de.evil.com") + TITLE + FORM, Verdict.OTHER),
        (TITLE + FORM, Verdict.OTHER),  # no marketplace
        ("", Verdict.ERROR),
    ],
)
def test_verdicts_by_content(html: str, verdict: str) -> None:
    judged = judge(html)
    assert judged.verdict == verdict
    assert (judged.reason is None) == (judged.verdict is Verdict.PRODUCT)


@pytest.mark.parametrize(
    ("html", "asked", "reason"),
    [
        (
            canonical() + TITLE,
            ProductKey("amazon.de", "B000000000"),
            f"page is for {ASIN}, B000000000 was asked",
        ),
        (
            canonical() + TITLE,
            ProductKey("amazon.fr", ASIN),
            "page is of amazon.de, amazon.fr was asked",
        ),
        # A variation whose family was asked for is another product.
        (
            canonical() + TITLE + "<script>'parentAsin':'B0PARENT00'</script>",
            ProductKey("amazon.de", "B0PARENT00"),
            f"page is for {ASIN}, B0PARENT00 was asked",
        ),
    ],
)
def test_another_product_than_asked_is_rejected(html: str, asked: ProductKey, reason: str) -> None:
    judged = judge(html, asked)
    assert (judged.verdict, judged.reason) == (Verdict.OTHER, reason)
    assert (judged.marketplace, judged.asin) == ("amazon.de", ASIN)


def test_half_of_what_is_asked_is_checked_too() -> None:
    page = canonical() + TITLE
    assert judge(page, marketplace="amazon.de", asin=ASIN).verdict is Verdict.PRODUCT
    assert judge(page, marketplace="amazon.fr").verdict is Verdict.OTHER
    assert judge(page, asin="B000000000").verdict is Verdict.OTHER


def test_a_page_that_does_not_name_its_marketplace_is_of_the_one_asked() -> None:
    judged = judge(TITLE + FORM, ProductKey("amazon.nl", ASIN))
    assert (judged.verdict, judged.marketplace) == (Verdict.PRODUCT, "amazon.nl")


def test_a_page_may_be_asked_for_by_its_address_or_by_what_it_sells() -> None:
    """The address of a variation family shows one of its variations."""
    page = canonical(asin="B0FAMILY00") + TITLE + FORM
    for asin in ("B0FAMILY00", ASIN):
        judged = judge(page, ProductKey("amazon.de", asin))
        assert (judged.verdict, judged.asin) == (Verdict.PRODUCT, asin)
    assert judge(page).asin == "B0FAMILY00"


@pytest.mark.parametrize("domain", sorted(MARKETPLACES))
def test_every_marketplace_is_known_by_its_address_its_script_and_its_id(domain: str) -> None:
    identity = {name: key for key, name in MARKETPLACE_IDS.items()}[domain]
    for html in (
        canonical(f"www.{domain}"),
        f'<meta property="og:url" content="https://{domain}/dp/{ASIN}">',
        f"<script>var ue_sn='www.{domain}';</script>",
        f"<script>ue_mid = '{identity}',</script>",
        f'<script>{{"obfuscatedMarketId":"{identity}"}}</script>',
    ):
        assert page_marketplace(PageDocument.from_bytes(html.encode())) == domain


@pytest.mark.parametrize(
    ("language", "domain"),
    [
        ("ja-jp", "amazon.co.jp"),
        ("pl-pl", None),
        ("en-gb", None),
        ("en", None),
        ("en-in", "amazon.in"),
    ],
)
def test_a_language_names_a_marketplace_only_where_no_other_speaks_it(
    language: str, domain: str | None
) -> None:
    html = f'<html lang="{language}">'
    assert page_marketplace(PageDocument.from_bytes(html.encode())) == domain


@pytest.mark.parametrize("asin", ["b08n5wrwnw", "B08N5WRWN", "<script>", "B08N5WRWN\u0130"])
def test_what_is_no_asin_is_not_taken_for_one(asin: str) -> None:
    judged = judge(f'<script>ue_sn="www.amazon.de"</script>{TITLE}<input id="ASIN" value="{asin}">')
    assert (judged.verdict, judged.asin) == (Verdict.OTHER, None)
