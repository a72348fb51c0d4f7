"""Numbers in the words of a report: money as its marketplace writes it, all else in English."""

from __future__ import annotations

from decimal import Decimal

from babel.numbers import format_currency

from insights_resources.marketplaces import MARKETPLACES

#: Where a value is missing.
NONE = "–"


def money_text(amount: Decimal | str, currency: str, marketplace: str) -> str:
    """12.99 in EUR on amazon.de: ``12,99 €``."""
    return format_currency(Decimal(amount), currency, locale=locale_of(marketplace))


def locale_of(marketplace: str) -> str:
    """The CLDR locale of a marketplace's numbers; English for one that is not in the registry."""
    known = MARKETPLACES.get(marketplace)
    return known.locale if known else "en_US"


def percent_text(ratio: float, *, signed: bool = False) -> str:
    """-0.123: ``12.3%`` (the sentence says which way), or ``-12.3%`` signed."""
    return f"{ratio:+.1%}" if signed else f"{abs(ratio):.1%}"


def decimal_text(number: float, decimals: int = 1) -> str:
    return f"{number:,.{decimals}f}"


def count_text(number: float) -> str:
    return f"{number:,.0f}"
