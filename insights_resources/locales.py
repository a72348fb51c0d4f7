"""The reader's locale: how numbers, amounts and days are written for whoever reads a report.

A marketplace's own locale, by which its pages are read, is another matter: see ``marketplaces``.
"""

from __future__ import annotations

from babel import Locale, UnknownLocaleError

from insights_resources.errors import InvalidInputError

DEFAULT_LOCALE = "en_US"


def parse_locale(text: str) -> str:
    """``de-de`` as CLDR writes it, ``de_DE``; raises ``InvalidInputError`` for one it has not."""
    try:
        locale = Locale.parse(text.strip().replace("-", "_"), resolve_likely_subtags=False)
    except (UnknownLocaleError, ValueError) as error:
        raise InvalidInputError(
            f"{text!r} is no locale: a language and a country, such as en_US or de_DE"
        ) from error
    return str(locale)
