"""The marketplaces, and the key of a product: (marketplace, ASIN).

A marketplace is named by its domain (``amazon.de``). Its locale says how numbers are written on
its pages, whatever language a page is shown in is a matter of the parser.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from insights_resources.errors import InvalidInputError


@dataclass(frozen=True)
class Marketplace:
    """One Amazon shop.

    ``locale`` is the CLDR locale that its own pages use for numbers (CLDR has no English of Saudi
    Arabia or Egypt: that of the Emirates writes numbers as they do); ``languages`` are the
    languages its pages are offered in, the first being the default (BCP 47).
    """

    domain: str
    country: str  # ISO 3166-1 alpha-2
    currency: str  # ISO 4217
    locale: str
    languages: tuple[str, ...]

    @property
    def base_url(self) -> str:
        return f"https://www.{self.domain}"

    def product_url(self, asin: str) -> str:
        """The canonical address of a product's page."""
        return f"{self.base_url}/dp/{asin}"


_REGISTRY = (
    Marketplace("amazon.com", "US", "USD", "en_US", ("en-US", "es-US")),
    Marketplace("amazon.ca", "CA", "CAD", "en_CA", ("en-CA", "fr-CA")),
    Marketplace("amazon.com.mx", "MX", "MXN", "es_MX", ("es-MX",)),
    Marketplace("amazon.com.br", "BR", "BRL", "pt_BR", ("pt-BR",)),
    Marketplace("amazon.co.uk", "GB", "GBP", "en_GB", ("en-GB",)),
    Marketplace("amazon.ie", "IE", "EUR", "en_IE", ("en-IE",)),
    Marketplace(
        "amazon.de",
        "DE",
        "EUR",
        "de_DE",
        ("de-DE", "en-GB", "cs-CZ", "nl-NL", "pl-PL", "tr-TR", "da-DK"),
    ),
    Marketplace("amazon.fr", "FR", "EUR", "fr_FR", ("fr-FR", "en-GB")),
    Marketplace("amazon.it", "IT", "EUR", "it_IT", ("it-IT", "en-GB")),
    Marketplace("amazon.es", "ES", "EUR", "es_ES", ("es-ES", "pt-PT", "en-GB")),
    Marketplace("amazon.nl", "NL", "EUR", "nl_NL", ("nl-NL", "en-GB")),
    Marketplace("amazon.com.be", "BE", "EUR", "nl_BE", ("nl-BE", "fr-BE", "en-GB")),
    Marketplace("amazon.se", "SE", "SEK", "sv_SE", ("sv-SE", "en-GB")),
    Marketplace("amazon.pl", "PL", "PLN", "pl_PL", ("pl-PL", "en-GB")),
    Marketplace("amazon.com.tr", "TR", "TRY", "tr_TR", ("tr-TR", "en-GB")),
    Marketplace("amazon.ae", "AE", "AED", "en_AE", ("en-AE", "ar-AE")),
    Marketplace("amazon.sa", "SA", "SAR", "en_AE", ("ar-SA", "en-AE")),
    Marketplace("amazon.eg", "EG", "EGP", "en_AE", ("ar-EG", "en-AE")),
    Marketplace("amazon.co.za", "ZA", "ZAR", "en_ZA", ("en-ZA",)),
    Marketplace("amazon.in", "IN", "INR", "en_IN", ("en-IN", "hi-IN")),
    Marketplace("amazon.co.jp", "JP", "JPY", "ja_JP", ("ja-JP", "en-US", "zh-CN")),
    Marketplace("amazon.sg", "SG", "SGD", "en_SG", ("en-SG",)),
    Marketplace("amazon.com.au", "AU", "AUD", "en_AU", ("en-AU",)),
)

MARKETPLACES: dict[str, Marketplace] = {m.domain: m for m in _REGISTRY}

#: Ten characters. Ten digits (the last may be X) are a book's ISBN-10; all others start with a
#: letter, today always B.
ASIN_PATTERN = "[0-9]{9}[0-9X]|[A-Z][0-9A-Z]{9}"
_ASIN = re.compile(ASIN_PATTERN)


class ProductKey(NamedTuple):
    """The key of a product everywhere: a marketplace's domain and an ASIN."""

    marketplace: str
    asin: str

    def __str__(self) -> str:
        return f"{self.marketplace}/{self.asin}"

    @property
    def url(self) -> str:
        return marketplace(self.marketplace).product_url(self.asin)


def marketplace(name: str) -> Marketplace:
    """The marketplace with this domain (``amazon.de``; ``www.`` and case are forgiven).

    Raises ``InvalidInputError`` for one that is not in the registry.
    """
    domain = name.strip().lower().removeprefix("https://").removeprefix("www.").rstrip("/")
    found = MARKETPLACES.get(domain)
    if found is None:
        raise InvalidInputError(
            f"unknown marketplace {name!r}; known are {', '.join(sorted(MARKETPLACES))}"
        )
    return found


def is_asin(text: str) -> bool:
    """Whether the text is an ASIN as Amazon writes it (ten upper-case characters)."""
    return _ASIN.fullmatch(text) is not None


def parse_asin(text: str) -> str:
    """The ASIN in its canonical form; raises ``InvalidInputError`` when it is none."""
    asin = text.strip().upper()
    if not is_asin(asin):
        raise InvalidInputError(
            f"{text!r} is not an ASIN: ten letters and digits such as B08N5WRWNW, or an ISBN-10"
        )
    return asin


def product_key(marketplace_name: str, asin: str) -> ProductKey:
    """A validated key; raises ``InvalidInputError``."""
    return ProductKey(marketplace(marketplace_name).domain, parse_asin(asin))


def parse_product_key(text: str) -> ProductKey:
    """``amazon.de/B08N5WRWNW`` as a key; raises ``InvalidInputError``."""
    domain, separator, asin = text.strip().rpartition("/")
    if not separator:
        raise InvalidInputError(f"{text!r} is not MARKETPLACE/ASIN, such as amazon.de/B08N5WRWNW")
    return product_key(domain, asin)
