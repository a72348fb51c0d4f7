"""Numbers as they are written: their digits in a locale, and what the sign beside them means."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal
from functools import cache

from babel.numbers import (
    get_currency_symbol,
    get_decimal_symbol,
    get_group_symbol,
    list_currencies,
)

from insights_resources.locales import DEFAULT_LOCALE
from insights_resources.marketplaces import MARKETPLACES

NUMBER = re.compile(r"(?:(?<!\w)[+\-−])?\d(?:[.,'’]?\d|[\u00a0\u202f](?=\d{3}(?!\d))\d)*")

_NO_BREAK_SPACES = "\u00a0\u202f"
_SPACES = " " + _NO_BREAK_SPACES
#: Characters of the longest sign, at most.
_LONGEST_SIGN = 5

Parsed = tuple[Decimal, int, bool]


def parsed_number(written: str, locale: str) -> Parsed | None:
    """Number, decimals and whether it has a sign; None: it is no number of this locale."""
    decimal, group = _separators(locale)
    text = written.replace("−", "-").replace("\u202f", "\u00a0").replace("’", "'")
    group = group.replace("\u202f", "\u00a0").replace("’", "'")
    is_signed = text[0] in "+-"
    whole, _, fraction = text.lstrip("+-").partition(decimal)
    # Groups of three, and India's of two before the last three.
    grouped = rf"\d{{1,3}}(?:{re.escape(group)}\d{{2,3}})*{re.escape(group)}\d{{3}}"
    if not re.fullmatch(rf"\d+|{grouped}", whole) or not re.fullmatch(r"\d*", fraction):
        return None
    digits = whole.replace(group, "") + ("." + fraction if fraction else "")
    return Decimal(("-" if text[0] == "-" else "") + digits), len(fraction), is_signed


def is_within(value: Decimal, parsed: Parsed) -> bool:
    """Whether the number is the value in so many decimals; one without a sign tells the size."""
    number, decimals, is_signed = parsed
    if not is_signed:
        value, number = abs(value), abs(number)
    return abs(value - number) <= Decimal(5).scaleb(-decimals - 1)


def is_about(value: Decimal, number: Decimal) -> bool:
    """Whether the number is the value rounded to the digits that are not its last zeros, two at
    least."""
    value, number = abs(value), abs(number)
    if not number:
        return False
    exponent = max(number.normalize().as_tuple().exponent, number.adjusted() - 1)
    return abs(value - number) <= Decimal(1).scaleb(int(exponent))


def currencies_beside(before: str, after: str, locale: str) -> frozenset[str] | None:
    """The currencies that a sign beside a number may mean to the reader; None: there is no sign.

    A sign that is not known means none of them.
    """
    symbols = _symbols(locale)
    following = after.lstrip(_SPACES)
    for length in range(_LONGEST_SIGN, 0, -1):
        sign, neighbour = following[:length], following[length : length + 1]
        if sign in symbols and not (sign[-1].isalpha() and neighbour.isalnum()):
            return symbols[sign]
    preceding = before.rstrip(_NO_BREAK_SPACES)
    for length in range(_LONGEST_SIGN, 0, -1):
        # A letter sign stands before its amount with or without a space, and alone.
        for text, is_of_letters in ((preceding, False), (before.rstrip(_SPACES), True)):
            sign, neighbour = text[-length:], text[:-length][-1:]
            if sign not in symbols or (is_of_letters and not sign[-1].isalpha()):
                continue
            if not (sign[0].isalpha() and neighbour.isalnum()):
                return symbols[sign]
    for neighbour in (following[:1], preceding[-1:]):
        if neighbour and unicodedata.category(neighbour) == "Sc":
            return frozenset()
    return None


@cache
def _separators(locale: str) -> tuple[str, str]:
    return get_decimal_symbol(locale), get_group_symbol(locale)


@cache
def _symbols(locale: str) -> dict[str, frozenset[str]]:
    """Sign -> the currencies it means to the reader: codes, and the registry's currencies as the
    reader's locale signs them, or American English where that leaves a sign free."""
    currencies = {marketplace.currency for marketplace in MARKETPLACES.values()}
    meanings: dict[str, set[str]] = {code: {code} for code in list_currencies()}
    for each in (locale, DEFAULT_LOCALE):
        signs: dict[str, set[str]] = {}
        for currency in currencies:
            signs.setdefault(get_currency_symbol(currency, each), set()).add(currency)
        meanings = signs | meanings if each != locale else meanings | signs
    return {symbol: frozenset(codes) for symbol, codes in meanings.items()}
