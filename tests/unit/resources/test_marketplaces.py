"""An ASIN and a marketplace are validated wherever they enter."""

from __future__ import annotations

import pytest

from insights_resources.errors import InvalidInputError
from insights_resources.marketplaces import (
    MARKETPLACES,
    ProductKey,
    is_asin,
    marketplace,
    parse_asin,
    parse_product_key,
)


@pytest.mark.parametrize("text", ["B08N5WRWNW", " b08n5wrwnw ", "0596516177", "193435659x"])
def test_asins_are_accepted_and_made_canonical(text: str) -> None:
    assert is_asin(parse_asin(text))


@pytest.mark.parametrize(
    "text",
    ["", "B08N5WRWN", "B08N5WRWNWW", "B08N5-RWNW", "12345678901", "1234567AX9", "Ｂ08N5WRWNW"],
)
def test_what_is_no_asin_is_named(text: str) -> None:
    with pytest.raises(InvalidInputError, match="not an ASIN"):
        parse_asin(text)


def test_the_registry_has_every_marketplace_of_the_platform() -> None:
    assert len(MARKETPLACES) == 23
    countries = " ".join(sorted(entry.country for entry in MARKETPLACES.values()))
    assert countries == "AE AU BE BR CA DE EG ES FR GB IE IN IT JP MX NL PL SA SE SG TR US ZA"


@pytest.mark.parametrize(
    "name", ["amazon.de", "www.amazon.de", "AMAZON.DE", "https://www.amazon.de/"]
)
def test_a_marketplace_is_found_however_it_is_written(name: str) -> None:
    assert marketplace(name).domain == "amazon.de"


@pytest.mark.parametrize("name", ["amazon.dee", "ebay.de", "", "amazon.de.evil.com"])
def test_an_unknown_marketplace_is_refused_with_those_known(name: str) -> None:
    with pytest.raises(InvalidInputError, match=r"known are .*amazon\.de"):
        marketplace(name)


def test_a_key_is_written_and_read() -> None:
    key = ProductKey("amazon.de", "B08N5WRWNW")
    assert parse_product_key(str(key)) == key
    assert key.url == "https://www.amazon.de/dp/B08N5WRWNW"
    with pytest.raises(InvalidInputError, match="MARKETPLACE/ASIN"):
        parse_product_key("B08N5WRWNW")
