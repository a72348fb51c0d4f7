"""Products' names as they are shown: page text, made harmless and short enough for a line."""

from __future__ import annotations

import unicodedata

#: Characters of a product's name in sentences and tables.
_NAME_LENGTH = 60
#: Accents on one letter: more are no writing of any language, and cover the lines around them.
_MOST_ACCENTS = 3
#: Letters and symbols that show nothing: fillers of Korean syllables, the empty braille cell.
_BLANK = frozenset("\u115f\u1160\u3164\uffa0\u2800")
#: Spaces at which a line does not break.
_NO_BREAK = frozenset("\u00a0\u202f")


def visible_text(text: str) -> str:
    """The text without characters that are not seen (controls, direction marks, private use) and
    without heaps of accents; every space but a no-break one is a plain one."""
    if text.isascii() and text.isprintable():
        return text
    kept = []
    accents = 0
    for c in text:
        if c.isspace():
            kept.append(c if c in _NO_BREAK else " ")
            accents = 0
            continue
        category = unicodedata.category(c)
        if category[0] == "C" or c in _BLANK:
            continue
        accents = accents + 1 if category in ("Mn", "Me") else 0
        if accents <= _MOST_ACCENTS:
            kept.append(c)
    return "".join(kept)


def plain_text(text: str) -> str:
    """Page text on one line, with nothing that is not seen (see ``visible_text``)."""
    return " ".join(visible_text(text).split())


def is_right_to_left(text: str) -> bool:
    """Whether some of it is written from right to left: it reorders digits and signs beside it."""
    return any(unicodedata.bidirectional(c) in ("R", "AL", "AN") for c in text)


def short_name(title: str, length: int = _NAME_LENGTH) -> str:
    """A title cut at a word to at most ``length`` characters, to be read in a sentence."""
    text = plain_text(title)
    if len(text) <= length:
        return text
    cut = text[: length - 1]
    head, _, _ = cut.rpartition(" ")
    return (head if len(head) > length // 2 else cut).rstrip(" ,;:-–|/(") + "…"
