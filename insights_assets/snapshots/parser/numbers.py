"""Numbers as pages write them: by the page's locale where the separators matter.

Counts and ranks are whole, so that any well-formed grouping is read whichever separator it has
(one language writes both "Nr. 3.845" and "Nr. 17,413"). Amounts are read by the decimal separator
of the page's locale alone: ``1.299`` is 1299 on amazon.de, and 1.299 nowhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from babel import Locale

from insights_resources.marketplaces import MARKETPLACES, Marketplace

#: Arabic-Indic, Persian, Devanagari and full-width digits and separators.
_DIGITS = str.maketrans(
    "٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹०१२३४५६७८९０１２３４５６７８９٫٬，．",
    "0123456789" * 4 + ".,,.",
)
_SPACES = " \u00a0\u2009\u202f"
#: Separators of groups, whatever the locale: a whole number in groups of three (or, in India,
#: two and then three), or without groups.
_WHOLE = re.compile(rf"\d{{1,3}}(?:[.,'’{_SPACES}]\d{{2,3}})*[.,'’{_SPACES}]\d{{3}}(?!\d)|\d+")
_PLAIN = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,4})?")
_RATING_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")


@dataclass(frozen=True)
class NumberForm:
    """How a page writes amounts: its decimal separator, and the characters that group digits."""

    decimal: str
    groups: str


#: Languages that any shop of Amazon's speaks.
_LANGUAGES = frozenset(
    tag.partition("-")[0] for market in MARKETPLACES.values() for tag in market.languages
)
#: South Africa's norm is "R1 299,00"; its shops write "R1,299.00" as well.
_BOTH_WAYS = (NumberForm(",", "'’" + _SPACES), NumberForm(".", ",'’" + _SPACES))


def western_digits(text: str) -> str:
    """The text with digits and separators of other scripts replaced by ours."""
    return text if text.isascii() else text.translate(_DIGITS)


def number_forms(market: Marketplace, language: str | None) -> tuple[NumberForm, ...]:
    """The forms for a marketplace's page in a language (``de-de``; None: the marketplace's own).

    A page in another language of its marketplace writes numbers the way that language does.
    More than one form where the country writes both ways: a number is well-formed in one of them
    at most, for groups have three digits and decimals two.
    """
    locale = _locale(market, language)
    return _BOTH_WAYS if locale == "en_ZA" else (_form(locale),)


def _locale(market: Marketplace, language: str | None) -> str:
    if language is not None:
        offered = [tag for tag in market.languages if tag.lower() == language]
        spoken, _, region = language.partition("-")
        if not offered and region == market.country.lower() and spoken in _LANGUAGES:
            # The shop's own pages for speakers of another language; a browser that translates
            # names no country.
            return spoken
        offered += [tag for tag in market.languages if tag.lower().partition("-")[0] == spoken]
        if offered and offered[0] != market.languages[0]:
            return offered[0].replace("-", "_")
    return market.locale


@lru_cache(maxsize=64)
def _form(locale: str) -> NumberForm:
    # CLDR has no English of Saudi Arabia or Egypt: the language alone then says it.
    if locale in ("en_SA", "en_EG"):
        locale = "en"
    symbols = Locale.parse(locale).number_symbols
    decimal = str(symbols.get("latn", symbols)["decimal"])
    # Shops group with what they like, never with the decimal separator.
    return NumberForm(decimal, ("," if decimal == "." else ".") + "'’" + _SPACES)


def parse_decimal(text: str, *forms: NumberForm) -> Decimal | None:
    """The number, which is the whole text; None when it is well-formed in none of the forms."""
    text = western_digits(text.strip())
    for form in forms:
        if _decimal_pattern(form).fullmatch(text) is not None:
            for group in form.groups:
                text = text.replace(group, "")
            return Decimal(text.replace(form.decimal, "."))
    return None


@lru_cache(maxsize=16)
def _decimal_pattern(form: NumberForm) -> re.Pattern[str]:
    group, fraction = re.escape(form.groups), rf"(?:{re.escape(form.decimal)}\d{{1,2}})?"
    forms = [rf"\d{{1,3}}([{group}])\d{{3}}(?:\1\d{{3}})*{fraction}", rf"\d+{fraction}"]
    if "," in form.groups:  # 1,23,456.00, as in India
        forms.append(rf"\d{{1,2}}(?:,\d{{2}})*,\d{{3}}{fraction}")
    return re.compile("|".join(forms))


def parse_plain(text: str) -> Decimal | None:
    """A number as programs write it: digits and at most one dot ("599.0"); None for others."""
    text = text.strip()
    return Decimal(text) if _PLAIN.fullmatch(text) else None


def whole_numbers(text: str) -> list[int]:
    """The whole numbers of a text, in order, with any grouping: "Nr. 17,413" and "Nr. 3.845"."""
    digits = [re.sub(r"\D", "", found.group()) for found in _WHOLE.finditer(western_digits(text))]
    return [int(number) for number in digits if len(number) <= 15]


#: A count or a rating stands in a few words.
_LONGEST_TEXT = 300
_SHORTENED = re.compile(r"\d[.,]?\d*\s?(?:[KkMm]\b|Tsd|mil\b|万|тыс|mln|Mio)")


def parse_count(text: str) -> int | None:
    """The one whole number of a text such as "1.091 Sternebewertungen" or "(1,344)".

    None without a number, with several, and for shortened ones ("1.2K"), which are no count.
    """
    if len(text) > _LONGEST_TEXT or _SHORTENED.search(text):
        return None
    numbers = set(whole_numbers(text))
    return numbers.pop() if len(numbers) == 1 else None


def parse_rating(text: str) -> Decimal | None:
    """The rating of a text such as "4,7 von 5 Sternen", "5つ星のうち3.9" or "4.7 / 5 yıldız".

    Ratings come with either decimal separator in one language, and with the best possible value
    (5) before or after. None when the text holds no rating from 0 to 5.
    """
    if len(text) > _LONGEST_TEXT:
        return None
    numbers = [
        Decimal(found.replace(",", ".")) for found in _RATING_NUMBER.findall(western_digits(text))
    ]
    if not numbers or len(numbers) > 3:
        return None
    with_fraction = [number for number in numbers if number != number.to_integral_value()]
    if not with_fraction:
        with_fraction = [number for number in numbers if number != 5] or numbers[:1]
    rating = with_fraction[0]
    if len(numbers) > 1 and 5 not in numbers and len(set(numbers)) > 1:
        return None
    return rating if 0 <= rating <= 5 else None
