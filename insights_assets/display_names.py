"""Products' names as they are shown: page text, made harmless and short enough for a line."""

from __future__ import annotations

import unicodedata

#: Characters of a product's name in sentences and tables.
_NAME_LENGTH = 60


def plain_text(text: str) -> str:
    """Page text on one line, without characters that are not seen (controls, direction marks,
    private use)."""
    kept = "".join(
        " " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c)[0] != "C"
    )
    return " ".join(kept.split())


def short_name(title: str, length: int = _NAME_LENGTH) -> str:
    """A title cut at a word to at most ``length`` characters, to be read in a sentence."""
    text = plain_text(title)
    if len(text) <= length:
        return text
    cut = text[: length - 1]
    head, _, _ = cut.rpartition(" ")
    return (head if len(head) > length // 2 else cut).rstrip(" ,;:-–|/(") + "…"
