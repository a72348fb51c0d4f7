"""One text of a history file as one value, or the reason why it is none.

Nothing is guessed: a thousands separator, a decimal comma, a sentinel such as -1 is refused with a
reason instead of being read as something that it may not be. An empty text is no value and never
comes here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from babel.core import get_global
from babel.numbers import get_currency_precision

from insights_assets.snapshots.product_snapshot import Availability, PriceMissingReason
from insights_resources.errors import InvalidInputError
from insights_resources.marketplaces import marketplace, parse_asin

#: Parses a text that is not empty; raises ``ValueError`` with the reason in words.
Parse = Callable[[str], float | str]

_AMOUNT = re.compile(r"(\d{1,12})(?:\.(\d*))?")
_INTEGER = re.compile(r"(-?\d{1,15})(?:\.0*)?")
_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d*)?")
_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d(?::?\d\d)?)?"
)
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_LARGEST_INTEGER = 2**31 - 1


def amount(text: str) -> float:
    """An amount above zero as whole hundredths (exact in a float up to the column's limit)."""
    found = _AMOUNT.fullmatch(text)
    if found is None:
        if text.startswith("-"):
            raise ValueError("a negative amount; where there is no offer the cell must be empty")
        raise ValueError("not an amount: digits, and a point before the decimals")
    whole, fraction = found.group(1), (found.group(2) or "").rstrip("0")
    if len(fraction) > 2:
        raise ValueError("an amount with more than two decimals")
    hundredths = int(whole) * 100 + int(fraction.ljust(2, "0"))
    if hundredths == 0:
        raise ValueError("an amount of zero; where there is no offer the cell must be empty")
    return float(hundredths)


def rank(text: str) -> float:
    """A Best Sellers Rank, 1 or more."""
    return _integer(text, 1, "a rank is 1 or more; where there is none the cell must be empty")


def count(text: str) -> float:
    """A count, 0 or more."""
    return _integer(text, 0, "a count is 0 or more; where there is none the cell must be empty")


def stars(text: str) -> float:
    """A mean rating, 0 to 5."""
    if _NUMBER.fullmatch(text) is None:
        raise ValueError("not a number: digits, and a point before the decimals")
    value = float(text)
    if not 0 <= value <= 5:
        raise ValueError("a rating is 0 to 5 stars")
    return value


def any_text(text: str) -> str:
    return text


def asin(text: str) -> str:
    try:
        return parse_asin(text)
    except InvalidInputError:
        raise ValueError("not an ASIN: ten letters and digits, or an ISBN-10") from None


def marketplace_domain(text: str) -> str:
    try:
        return marketplace(text).domain
    except InvalidInputError:
        raise ValueError("not a marketplace that is known, such as amazon.de") from None


def currency_code(text: str) -> str:
    """An ISO 4217 code."""
    code = text.upper()
    if code not in _currencies():
        raise ValueError("not a currency (ISO 4217), such as EUR")
    return code


def is_currency(text: str) -> bool:
    return text.upper() in _currencies()


def currency_decimals(code: str) -> int:
    """Decimals of amounts in this currency (0 for JPY)."""
    return get_currency_precision(code)


def availability(text: str) -> str:
    return _one_of(text, [item.value for item in Availability])


def price_missing_reason(text: str) -> str:
    return _one_of(text, [item.value for item in PriceMissingReason])


def moment_form(text: str) -> str | None:
    """``exact`` for a time, ``day`` for a date alone, None for neither (only the form counts)."""
    if _MOMENT.fullmatch(text):
        return "exact"
    return "day" if _DAY.fullmatch(text) else None


def is_real_moment(text: str) -> bool:
    """Whether a text of the right form is in the calendar."""
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _integer(text: str, least: int, reason: str) -> float:
    found = _INTEGER.fullmatch(text)
    if found is None:
        raise ValueError("not a whole number")
    value = int(found.group(1))
    if value < least:
        raise ValueError(reason)
    if value > _LARGEST_INTEGER:
        raise ValueError("too large a number")
    return float(value)


def _one_of(text: str, known: list[str]) -> str:
    value = text.lower()
    if value not in known:
        raise ValueError(f"none of {', '.join(known)}")
    return value


def _currencies() -> frozenset[str]:
    global _known_currencies
    if _known_currencies is None:
        _known_currencies = frozenset(get_global("all_currencies"))
    return _known_currencies


_known_currencies: frozenset[str] | None = None
