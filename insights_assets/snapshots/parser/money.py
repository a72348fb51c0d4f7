"""Amounts of money as pages write them.

A number is read by the grammar of the page's locale, whole or not at all: ``1.299`` is 1299 on a
German page and no amount on an English one. Only a number that the locale cannot have written, and
that one other convention can (``66.99`` on a German page), is read by that other one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from insights_resources.marketplaces import Marketplace

_SPACE = " \u00a0\u202f\u2009"
#: Grouping in threes with point or comma decimals, or in threes by spaces, or Indian.
_GRAMMARS = {
    "point": re.compile(r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d{1,2})?"),
    "comma": re.compile(rf"(?:\d{{1,3}}(?:[.{_SPACE}]\d{{3}})+|\d+)(?:,\d{{1,2}})?"),
    "indian": re.compile(r"(?:\d{1,2}(?:,\d{2})*,\d{3}|\d+)(?:\.\d{1,2})?"),
    "whole": re.compile(r"(?:\d{1,3}(?:,\d{3})+|\d+)"),
}
_DECIMAL_COMMA = {
    "de",
    "fr",
    "it",
    "es",
    "nl",
    "sv",
    "pl",
    "tr",
    "pt",
    "cs",
    "da",
    "fi",
    "nb",
    "ru",
}
#: Regions that write a decimal point although their language writes a comma elsewhere.
_POINT_REGIONS = {"es-US", "es-MX"}
#: Currencies without decimals.
_WHOLE_CURRENCIES = {"JPY"}

#: Marks of a currency, longest first; None: the marketplace's own (a bare $ or kr).
_CURRENCY_MARKS: tuple[tuple[str, str | None], ...] = (
    ("CDN$", "CAD"),
    ("CA$", "CAD"),
    ("C$", "CAD"),
    ("AU$", "AUD"),
    ("A$", "AUD"),
    ("US$", "USD"),
    ("S$", "SGD"),
    ("MX$", "MXN"),
    ("R$", "BRL"),
    ("USD", "USD"),
    ("CAD", "CAD"),
    ("AUD", "AUD"),
    ("SGD", "SGD"),
    ("MXN", "MXN"),
    ("BRL", "BRL"),
    ("EUR", "EUR"),
    ("GBP", "GBP"),
    ("SEK", "SEK"),
    ("PLN", "PLN"),
    ("TRY", "TRY"),
    ("AED", "AED"),
    ("SAR", "SAR"),
    ("EGP", "EGP"),
    ("ZAR", "ZAR"),
    ("INR", "INR"),
    ("JPY", "JPY"),
    ("Rs.", "INR"),
    ("Rs", "INR"),
    ("TL", "TRY"),
    ("zł", "PLN"),
    ("kr", None),
    ("درهم", "AED"),
    ("د.إ", "AED"),
    ("ريال", "SAR"),
    ("ر.س", "SAR"),
    ("جنيه", "EGP"),
    ("ج.م", "EGP"),
    ("€", "EUR"),
    ("£", "GBP"),
    ("₺", "TRY"),
    ("₹", "INR"),
    ("￥", "JPY"),
    ("¥", "JPY"),
    ("円", "JPY"),
    ("﷼", "SAR"),
    ("$", None),
    ("R", "ZAR"),
)
_MARK = "|".join(re.escape(mark) for mark, _ in _CURRENCY_MARKS)
_NUMBER = rf"\d[\d.,{_SPACE}]*\d|\d"
_AMOUNT = re.compile(
    rf"(?P<before>{_MARK})[\s{_SPACE}]*(?P<first>{_NUMBER})"
    rf"|(?P<second>{_NUMBER})[\s{_SPACE}]*(?P<after>{_MARK})(?![A-Za-z])"
)
_BARE_NUMBER = re.compile(_NUMBER)
_MARK_CURRENCY = dict(_CURRENCY_MARKS)
_EASTERN_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩٫٬", "0123456789.,")


@dataclass(frozen=True)
class Amount:
    """An exact amount and its currency (ISO 4217)."""

    value: Decimal
    currency: str


@dataclass(frozen=True)
class NumberStyle:
    """How a page writes numbers: by its marketplace, and by the language it is shown in."""

    marketplace: Marketplace
    language: str | None = None

    @property
    def grammar(self) -> str:
        """The grammar for amounts in the marketplace's currency."""
        if self.marketplace.currency in _WHOLE_CURRENCIES:
            return "whole"
        if self.marketplace.country == "IN":
            return "indian"
        shown = self.language or self.marketplace.languages[0]
        if shown in _POINT_REGIONS or self.marketplace.country in ("MX", "US"):
            return "point"
        return "comma" if shown.partition("-")[0] in _DECIMAL_COMMA else "point"


def parse_number(text: str, style: NumberStyle) -> Decimal | None:
    """The number that this text is, as a whole; None when no convention, or more than one other
    than the page's own, could have written it."""
    text = text.strip()
    if _GRAMMARS[style.grammar].fullmatch(text):
        return _value(text, style.grammar)
    if style.grammar == "whole":
        # Yen have no decimals; "2,480.00" appears where another language formats them.
        return _value(text, "point") if _GRAMMARS["point"].fullmatch(text) else None
    others = {"point", "comma", "indian"} - {style.grammar}
    readings = {_value(text, grammar) for grammar in others if _GRAMMARS[grammar].fullmatch(text)}
    return readings.pop() if len(readings) == 1 else None


def parse_amounts(text: str, style: NumberStyle) -> list[Amount]:
    """Every amount with a currency's mark in the text, in order; zero is no amount."""
    amounts = []
    for match in _AMOUNT.finditer(text.translate(_EASTERN_DIGITS)):
        mark = match["before"] or match["after"]
        value = parse_number(match["first"] or match["second"], style)
        if value is not None and value > 0:
            amounts.append(Amount(value, _MARK_CURRENCY[mark] or style.marketplace.currency))
    return amounts


def parse_amount(text: str | None, style: NumberStyle) -> Amount | None:
    """The one amount in the text. None when there is none, or several that differ."""
    if not text:
        return None
    amounts = parse_amounts(text, style)
    if len({(amount.value, amount.currency) for amount in amounts}) == 1:
        return amounts[0]
    return None


def parse_bare_amount(text: str | None, style: NumberStyle) -> Amount | None:
    """As ``parse_amount``, where the element alone says that it is money."""
    if not text:
        return None
    found = parse_amount(text, style)
    if found is not None or parse_amounts(text, style):
        return found
    text = text.translate(_EASTERN_DIGITS).strip()
    if not _BARE_NUMBER.fullmatch(text):
        return None
    value = parse_number(text, style)
    return Amount(value, style.marketplace.currency) if value else None


def _value(text: str, grammar: str) -> Decimal:
    plain = re.sub(rf"[{_SPACE}]", "", text)
    if grammar == "comma":
        return Decimal(plain.replace(".", "").replace(",", "."))
    return Decimal(plain.replace(",", ""))
