"""Amounts of money as pages write them, strictly by the page's locale."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from insights_assets.snapshots.parser.numbers import NumberForm, parse_decimal, western_digits
from insights_resources.marketplaces import MARKETPLACES, Marketplace

#: What stands for a currency beside an amount. "$" and "kr" are their marketplace's own.
CURRENCY_SIGNS: dict[str, str] = {
    "US$": "USD",
    "CDN$": "CAD",
    "CA$": "CAD",
    "C$": "CAD",
    "MX$": "MXN",
    "MEX$": "MXN",
    "AU$": "AUD",
    "A$": "AUD",
    "S$": "SGD",
    "R$": "BRL",
    "€": "EUR",
    "£": "GBP",
    "kr": "SEK",
    "zł": "PLN",
    "zl": "PLN",
    "₺": "TRY",
    "TL": "TRY",
    "₹": "INR",
    "Rs.": "INR",
    "Rs": "INR",
    "￥": "JPY",
    "JP¥": "JPY",
    "¥": "JPY",
    "円": "JPY",
    "R": "ZAR",
    "د.إ.": "AED",
    "د.إ": "AED",
    "درهم": "AED",
    "ر.س.": "SAR",
    "ر.س": "SAR",
    "ريال": "SAR",
    "﷼": "SAR",
    "\u20c1": "SAR",
    "ج.م.": "EGP",
    "ج.م": "EGP",
    "جنيه": "EGP",
}
#: Currencies in which shops show prices to visitors from elsewhere, by their codes.
CURRENCY_CODES = frozenset(market.currency for market in MARKETPLACES.values()) | {
    "ARS", "BGN", "CHF", "CLP", "CNY", "COP", "CZK", "DKK", "GHS", "GTQ", "HKD", "HUF", "IDR",
    "ILS", "JMD", "KES", "KRW", "KZT", "LBP", "MAD", "MUR", "MYR", "NAD", "NGN", "NOK", "NZD",
    "PAB", "PEN", "PHP", "PKR", "PYG", "QAR", "RON", "RUB", "THB", "TTD", "TWD", "TZS", "UAH",
    "UYU", "VND", "XCD",
}  # fmt: skip
#: Currencies without a minor unit on their pages.
_WHOLE_ONLY = frozenset(["JPY", "KRW"])

_NUMBER = r"\d(?:[\d.,'’ \u00a0\u2009\u202f]*\d)?"
_SIGN = "|".join(
    sorted(
        (re.escape(sign) for sign in (*CURRENCY_SIGNS, "$", *CURRENCY_CODES)), key=len, reverse=True
    )
)
_AMOUNT = re.compile(
    rf"(?P<before>(?<![^\W\d_])(?:{_SIGN}))?[ \u00a0\u202f]*(?P<number>{_NUMBER})"
    rf"(?:[ \u00a0\u202f]*(?P<after>(?:{_SIGN})(?![^\W\d_])))?"
)
_LONGEST_NUMBER = 24
_LONGEST_TEXT = 2000
_RANGE_DASH = re.compile(r"\s*(?:[-–—~〜～]|to|bis|à|a|até|tot|till|do)\s*")
_INVISIBLE = re.compile("[\u061c\u200b-\u200f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True)
class Money:
    """An exact amount and its ISO 4217 currency."""

    amount: Decimal
    currency: str


@dataclass(frozen=True)
class FoundAmount:
    """An amount and where it stands in its text."""

    money: Money
    start: int
    end: int


@dataclass(frozen=True)
class MoneyReader:
    """Reads amounts on pages of one marketplace in one language."""

    market: Marketplace
    forms: tuple[NumberForm, ...]

    def find(self, text: str) -> tuple[FoundAmount, ...]:
        """All amounts of a text, in order. A number without a currency beside it is none."""
        return tuple(self._amounts(text))

    def first(self, text: str) -> Money | None:
        """The first amount: what follows a price is its unit price, its shipping or its saving."""
        found = next(self._amounts(text), None)
        return None if found is None else found.money

    def range(self, text: str) -> tuple[Money, Money] | None:
        """Two different amounts of one currency with a dash between them, the lower one first."""
        found = self.find(text)
        if len(found) < 2:
            return None
        low, high = found[0], found[1]
        between = _plain(text)[low.end : high.start]
        if (
            _RANGE_DASH.fullmatch(between) is None
            or low.money.currency != high.money.currency
            or low.money.amount >= high.money.amount
        ):
            return None
        return low.money, high.money

    def _amounts(self, text: str) -> Iterator[FoundAmount]:
        for match in _AMOUNT.finditer(_plain(text)):
            money = self._money(match)
            if money is not None:
                yield FoundAmount(money, match.start(), match.end())

    def _money(self, match: re.Match[str]) -> Money | None:
        sign = match["before"] or match["after"]
        if sign is None:
            return None
        currency = self._currency(sign)
        if len(match["number"]) > _LONGEST_NUMBER:
            return None
        amount = parse_decimal(match["number"], *self.forms)
        if amount is None or amount <= 0:
            return None
        if currency in _WHOLE_ONLY and amount != amount.to_integral_value():
            return None
        return Money(amount, currency)

    def _currency(self, sign: str) -> str:
        if sign in CURRENCY_CODES:
            return sign
        if sign == "$":
            return self.market.currency if "$" in _dollar_currencies(self.market) else "USD"
        return CURRENCY_SIGNS[sign]


def _plain(text: str) -> str:
    """The text with our digits and without marks that steer its direction."""
    text = text[:_LONGEST_TEXT]
    return text if text.isascii() else western_digits(_INVISIBLE.sub("", text))


@lru_cache(maxsize=32)
def _dollar_currencies(market: Marketplace) -> str:
    return "$" if market.currency in ("USD", "CAD", "AUD", "SGD", "MXN") else ""
