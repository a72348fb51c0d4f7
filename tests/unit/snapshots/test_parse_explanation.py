"""What ``insights parse --explain`` tells the engineer who was given a wrong value."""

from __future__ import annotations

from insights_assets.snapshots.parse_explanation import explanation
from insights_assets.snapshots.parser import explain_page, parse_page
from insights_resources.page_providers.document import PageDocument
from tests.unit.snapshots.product_page import product_page

_PAGE = product_page(
    '<div id="corePriceDisplay_desktop_feature_div">'
    '<span class="a-price priceToPay"><span class="a-offscreen">8,71 €</span></span>'
    '<span class="basisPrice">Statt: <span class="a-price"><span class="a-offscreen">10,99 €'
    "</span></span></span></div>"
    '<div id="usedAccordionRow_1"><span id="price_inside_buybox">5,00 €</span></div>'
    '<span id="newBuyBoxPrice">9,99 €</span><span id="acrPopover" title="4,7 von 5"></span>'
    '<div style="display:none"><span id="acrCustomerReviewText">12 Bewertungen</span></div>'
    '<div id="availability">Auf Lager</div>',
    domain="amazon.de",
    language="de-de",
)


def lines_of(text: str, field: str) -> list[str]:
    lines = text.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith(f"{field}:"))
    end = next((n for n in range(start + 1, len(lines)) if not lines[n].startswith(" ")), None)
    return [" ".join(line.split()) for line in lines[start:end]]


def explained(content: bytes) -> str:
    return explanation(*explain_page(PageDocument.from_bytes(content)))


def test_each_field_with_its_source_and_the_alternatives() -> None:
    text = explained(_PAGE)
    assert text.splitlines()[0].startswith("amazon.de B08N5WRWNW: product (parser ")
    assert text.splitlines()[1] == "  language de-de, numbers written 1.234,56"
    assert lines_of(text, "price") == [
        "price: 8.71",
        "taken #corePriceDisplay_desktop_feature_div .priceToPay: EUR 8.71",
        "DISAGREES #newBuyBoxPrice: EUR 9.99",
        "rejected #price_inside_buybox: 5,00 € (belongs to another offer (usedAccordionRow_1))",
    ]
    assert lines_of(text, "list_price") == [
        "list_price: none",
        "rejected #corePriceDisplay_desktop_feature_div .basisPrice: Statt: 10,99 € "
        "(its label is not that of a list price: 'Statt: 10,99 €')",
    ]
    assert lines_of(text, "rating") == ["rating: 4.7", "taken #acrPopover: 4.7"]
    assert lines_of(text, "rating_count") == [
        "rating_count: none",
        "rejected #acrCustomerReviewText: 12 Bewertungen (is not shown)",
    ]
    assert lines_of(text, "coupon") == ["coupon: none", "- nothing of it on the page"]


def test_explaining_changes_nothing() -> None:
    parsed, _ = explain_page(PageDocument.from_bytes(_PAGE))
    assert parsed == parse_page(_PAGE)


def test_a_price_that_was_not_looked_for() -> None:
    page = product_page(
        '<div id="availability">Currently unavailable.</div><span id="price_inside_buybox">$5'
        "</span>"
    )
    assert lines_of(explained(page), "price") == [
        "price: none",
        "rejected (the page says out_of_stock)",
    ]
    assert lines_of(explained(page), "price_missing_reason") == [
        "price_missing_reason: out_of_stock"
    ]


def test_a_page_that_is_no_product() -> None:
    assert explained(b"<title>Hello</title>").splitlines()[1] == "  no product title: Hello"


def test_a_page_cannot_command_the_terminal() -> None:
    page = product_page(title="A\x1b[2Jthing\x07", body="")
    assert "\x1b" not in explained(page)
    assert "\x07" not in explained(page)
