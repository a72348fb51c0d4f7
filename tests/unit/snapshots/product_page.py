"""Small product pages in the structure of real ones, for one question at a time."""

from __future__ import annotations


def product_page(
    body: str = "",
    *,
    domain: str = "amazon.com",
    asin: str = "B08N5WRWNW",
    title: str = "A thing",
    language: str = "en-us",
) -> bytes:
    """A page of a product with the given parts between its title and its end."""
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8"/>'
        f'<link rel="canonical" href="https://www.{domain}/A-thing/dp/{asin}"/></head><body>'
        f'<div id="dp"><div id="ppd"><span id="productTitle"> {title} </span>{body}</div></div>'
        "</body></html>"
    ).encode()
