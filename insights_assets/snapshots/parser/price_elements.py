"""An element that shows a price, read as the text a buyer sees once."""

from __future__ import annotations

import re

from selectolax.lexbor import LexborNode

from insights_assets.snapshots.parser.visible_text import clean, inline_text, visible_text

_HAS_SEPARATOR = re.compile(r"\d[^\w]\d")


def price_text(node: LexborNode) -> str:
    """The price that the element shows, as text.

    Modern prices are written twice, once for screen readers and once in parts (symbol, whole,
    decimal, fraction); either may be empty, and the second joins without spaces. Old mobile
    pages set the fraction as a superscript without any separator.
    """
    box = node if "a-price" in _classes(node) else node.css_first("span.a-price")
    if box is None:
        return visible_text(node)
    spoken = box.css_first(".a-offscreen")
    text = "" if spoken is None else clean(spoken.text())
    if text and _HAS_SEPARATOR.search(text):
        return text
    whole = box.css_first(".a-price-whole")
    if whole is None:
        return text or visible_text(box)
    parts = _from_parts(box, whole)
    if text and not (_HAS_SEPARATOR.search(parts) and _digits(parts) == _digits(text)):
        return text
    return parts  # also where the spoken form has lost its separator: "EUR1403" for 14.03


def _from_parts(box: LexborNode, whole: LexborNode) -> str:
    sign = inline_text(box.css_first(".a-price-symbol"))
    number = inline_text(whole)
    fraction = inline_text(box.css_first(".a-price-fraction"))
    if fraction:
        mark = inline_text(whole.css_first(".a-price-decimal"))
        if not mark and number[-1:] not in (".", ","):
            return ""  # the separator is drawn, not written: nothing may be guessed
        number += fraction
    else:
        number = number.rstrip(".,")
    return f"{sign} {number}" if sign else number


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def _classes(node: LexborNode) -> list[str]:
    return (node.attributes.get("class") or "").split()
