"""Numbers in the words of a report, as the reader's locale (CLDR) writes them.

An amount keeps its currency: 12.99 EUR is ``€12.99`` for an American, ``12,99 €`` for a German.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from functools import cache

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal, format_percent

#: Where a value is missing.
NONE = "–"

#: The last digit of a pattern's whole part, and the fraction that follows it.
_FRACTION = re.compile(r"0(?:\.[0#]+)?(?!.*0)")


def money_text(amount: Decimal | str, currency: str, locale: str) -> str:
    """12.99 in EUR: ``€12.99`` in en_US, ``12,99 €`` in de_DE."""
    return format_currency(Decimal(amount), currency, locale=locale)


def percent_text(ratio: float, locale: str, *, signed: bool = False) -> str:
    """-0.123: ``12.3%`` (the sentence says which way), or ``-12.3%`` signed."""
    pattern = _pattern(locale, "percent", 1)
    if signed:
        return format_percent(ratio, format=f"+{pattern};-{pattern}", locale=locale)
    return format_percent(abs(ratio), format=pattern, locale=locale)


def decimal_text(number: float, locale: str, decimals: int = 1) -> str:
    return format_decimal(number, format=_pattern(locale, "decimal", decimals), locale=locale)


def count_text(number: float, locale: str) -> str:
    return decimal_text(number, locale, 0)


def date_text(day: date, locale: str) -> str:
    """``Nov 28, 2026`` in en_US."""
    return format_date(day, "medium", locale=locale)


@cache
def _pattern(locale: str, kind: str, decimals: int) -> str:
    """The locale's pattern of such numbers, with exactly so many decimals."""
    known = Locale.parse(locale)
    formats = known.percent_formats if kind == "percent" else known.decimal_formats
    return _FRACTION.sub("0" + ("." + "0" * decimals if decimals else ""), formats[None].pattern)
