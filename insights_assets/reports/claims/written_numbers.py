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

from insights_resources.marketplaces import MARKETPLACES

NUMBER = re.compile(r"(?:(?<!\w)[+\-−])?\d(?:[.,'’]?\d|[\u00a0\u202f](?=\d{3}(?!\d))\d)*")

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


def currencies_beside(before: str, after: str) -> frozenset[str] | None:
    """The currencies that a sign beside a number may mean; None: there is no sign.

    A sign that is not known means none of them.
    """
    symbols = _symbols()
    following = after.lstrip(" \u00a0\u202f")
    for symbol, codes in symbols.items():
        if following.startswith(symbol) and not _goes_on(symbol, following[len(symbol) :][:1]):
            return codes
    preceding = before.rstrip("\u00a0\u202f")
    spaced = before.rstrip(" \u00a0\u202f")
    for symbol, codes in symbols.items():
        # A letter sign stands before its amount with or without a space, and alone.
        text = spaced if symbol[-1].isalpha() else preceding
        if text.endswith(symbol) and not _goes_on(symbol, text[: -len(symbol)][-1:], start=True):
            return codes
    if following[:1] and unicodedata.category(following[0]) == "Sc":
        return frozenset()
    if preceding[-1:] and unicodedata.category(preceding[-1]) == "Sc":
        return frozenset()
    return None


def _goes_on(symbol: str, neighbour: str, *, start: bool = False) -> bool:
    """Whether a sign of letters is part of a longer word."""
    edge = symbol[0] if start else symbol[-1]
    return edge.isalpha() and neighbour.isalnum()


@cache
def _separators(locale: str) -> tuple[str, str]:
    return get_decimal_symbol(locale), get_group_symbol(locale)


@cache
def _symbols() -> dict[str, frozenset[str]]:
    """Sign -> the currencies it may mean, the longest signs first: codes, and the registry's."""
    meanings: dict[str, set[str]] = {code: {code} for code in list_currencies()}
    for marketplace in MARKETPLACES.values():
        for locale in (marketplace.locale, "en_US"):
            symbol = get_currency_symbol(marketplace.currency, locale)
            meanings.setdefault(symbol, set()).add(marketplace.currency)
    return {
        symbol: frozenset(codes)
        for symbol, codes in sorted(meanings.items(), key=lambda item: (-len(item[0]), item[0]))
    }
