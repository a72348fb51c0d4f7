"""Amounts by the page's locale, never by guessing."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insights_assets.snapshots.parser.money import Money, MoneyReader
from insights_assets.snapshots.parser.numbers import number_forms
from insights_resources.marketplaces import MARKETPLACES


def reader(domain: str, language: str | None = None) -> MoneyReader:
    market = MARKETPLACES[domain]
    return MoneyReader(market, number_forms(market, language))


@pytest.mark.parametrize(
    ("domain", "language", "text", "amount", "currency"),
    [
        ("amazon.com", "en-us", "$1,299.00", "1299.00", "USD"),
        ("amazon.com", "es-us", "US$19.99", "19.99", "USD"),
        ("amazon.ca", "en-ca", "CDN$ 145.00", "145.00", "CAD"),
        ("amazon.ca", "en-ca", "$7.48", "7.48", "CAD"),
        ("amazon.ca", "fr-ca", "1 299,00 $", "1299.00", "CAD"),
        ("amazon.com.mx", "es-mx", "$12,499.00", "12499.00", "MXN"),
        ("amazon.com.br", "pt-br", "R$ 1.431,90", "1431.90", "BRL"),
        ("amazon.co.uk", "en-gb", "£48.99", "48.99", "GBP"),
        ("amazon.ie", "en-ie", "€1,048.99", "1048.99", "EUR"),
        ("amazon.de", "de-de", "EUR 21,95", "21.95", "EUR"),
        ("amazon.de", "de-de", "2.998,00 €", "2998.00", "EUR"),
        ("amazon.de", "de-de", "1.299 €", "1299", "EUR"),
        ("amazon.de", "en-gb", "€379.00", "379.00", "EUR"),
        ("amazon.de", "pl-pl", "1 299,00 €", "1299.00", "EUR"),
        ("amazon.fr", "fr-fr", "1 299,00 €", "1299.00", "EUR"),
        ("amazon.it", "it-it", "EUR 33,86", "33.86", "EUR"),
        ("amazon.es", "es-es", "153,90 €", "153.90", "EUR"),
        ("amazon.es", "pt-pt", "39,99 €", "39.99", "EUR"),
        ("amazon.nl", "nl-nl", "EUR 1.032,03", "1032.03", "EUR"),
        ("amazon.com.be", "fr-be", "12,99 €", "12.99", "EUR"),
        ("amazon.se", "sv-se", "1 299,00 kr", "1299.00", "SEK"),
        ("amazon.se", "en-gb", "SEK 1,299.00", "1299.00", "SEK"),
        ("amazon.pl", "pl-pl", "1 299,99 zł", "1299.99", "PLN"),
        ("amazon.com.tr", "tr-tr", "₺1.128,90", "1128.90", "TRY"),
        ("amazon.com.tr", "tr-tr", "128,90 TL", "128.90", "TRY"),
        ("amazon.ae", "en-ae", "AED 1,127.16", "1127.16", "AED"),
        ("amazon.ae", "ar-ae", "\u200f١٬١٢٧٫١٦ درهم", "1127.16", "AED"),
        ("amazon.sa", "ar-sa", "1,299.00 ريال", "1299.00", "SAR"),
        ("amazon.eg", "ar-eg", "جنيه 2,399.00", "2399.00", "EGP"),
        ("amazon.co.za", "en-za", "R1 299,00", "1299.00", "ZAR"),
        ("amazon.co.za", "en-za", "R1,299.00", "1299.00", "ZAR"),
        ("amazon.co.za", "en-za", "R1,299", "1299", "ZAR"),
        ("amazon.co.za", "en-za", "R899.00", "899.00", "ZAR"),
        ("amazon.in", "en-in", "₹1,23,456.00", "123456.00", "INR"),
        ("amazon.in", "en-in", "Rs. 499", "499", "INR"),
        ("amazon.co.jp", "ja-jp", "￥12,800", "12800", "JPY"),
        ("amazon.co.jp", "ja-jp", "1,980円", "1980", "JPY"),
        ("amazon.sg", "en-sg", "S$1,299.00", "1299.00", "SGD"),
        ("amazon.com.au", "en-au", "$233.00", "233.00", "AUD"),
        ("amazon.com", "en-us", "EUR 1,025.50", "1025.50", "EUR"),  # to a visitor from Europe
        ("amazon.com", "en-us", "PKR 4,159.35", "4159.35", "PKR"),
        ("amazon.com", "de-us", "1.299,00 $", "1299.00", "USD"),  # the shop's own translation
        ("amazon.com", "de", "$1,299.00", "1299.00", "USD"),  # a browser's
    ],
)
def test_amounts_in_every_marketplace(
    domain: str, language: str, text: str, amount: str, currency: str
) -> None:
    assert reader(domain, language).first(text) == Money(Decimal(amount), currency)


def test_the_table_covers_every_marketplace() -> None:
    marks = test_amounts_in_every_marketplace.pytestmark  # type: ignore[attr-defined]
    assert {case[0] for case in marks[0].args[1]} == set(MARKETPLACES)


@pytest.mark.parametrize(
    ("domain", "text"),
    [
        ("amazon.com", "1.299"),  # no currency
        ("amazon.com", "$1.2.3"),
        ("amazon.com", "$1.299"),  # 1.299 dollars is nowhere
        ("amazon.de", "1.29 €"),  # neither a group nor a German decimal
        ("amazon.de", "12,345 €"),
        ("amazon.de", "1.2345,00 €"),
        ("amazon.co.jp", "￥12.50"),
        ("amazon.co.za", "R1.299"),
        ("amazon.co.za", "R1,299,00"),
        ("amazon.com", "$0.00"),
        ("amazon.com", ""),
        ("amazon.com", "$" + "9" * 5000),
        ("amazon.com", "$" + "9," * 5000),
    ],
)
def test_what_is_no_amount_is_not_guessed(domain: str, text: str) -> None:
    assert reader(domain).first(text) is None


@pytest.mark.parametrize(
    ("domain", "text", "low", "high"),
    [
        ("amazon.it", "13,89 € - 19,89 €", "13.89", "19.89"),
        ("amazon.com", "$13.89 – $1,019.89", "13.89", "1019.89"),
        ("amazon.co.jp", "￥1,980 ~ ￥2,480", "1980", "2480"),
    ],
)
def test_ranges(domain: str, text: str, low: str, high: str) -> None:
    found = reader(domain).range(text)
    assert found is not None
    assert [money.amount for money in found] == [Decimal(low), Decimal(high)]


@pytest.mark.parametrize("text", ["8,71 € (4,36 € / 100 ml)", "8,71 € + 6,99 € Versand", "8,71 €"])
def test_a_price_with_a_unit_price_or_shipping_is_no_range(text: str) -> None:
    assert reader("amazon.de").range(text) is None
    assert reader("amazon.de").first(text) == Money(Decimal("8.71"), "EUR")


_LANGUAGES = [
    (market.domain, tag.lower()) for market in MARKETPLACES.values() for tag in market.languages
]


@given(
    place=st.sampled_from(_LANGUAGES),
    form_number=st.integers(0, 1),
    cents=st.integers(1, 10**9),
    grouped=st.booleans(),
    before=st.booleans(),
)
def test_what_is_written_is_read_in_every_language(
    place: tuple[str, str], form_number: int, cents: int, grouped: bool, before: bool
) -> None:
    """Amounts as the locale writes them come back exact."""
    domain, language = place
    market = MARKETPLACES[domain]
    forms = number_forms(market, language)
    form = forms[form_number % len(forms)]
    amount = Decimal(cents) if market.currency == "JPY" else Decimal(cents).scaleb(-2)
    whole, _, fraction = f"{amount:,}".partition(".")
    whole = whole.replace(",", form.groups[0] if grouped else "")
    number = whole + (form.decimal + fraction if fraction else "")
    text = f"{market.currency} {number}" if before else f"{number}\u00a0{market.currency}"
    assert MoneyReader(market, forms).first(text) == Money(amount, market.currency)
