"""Patterns of words over lower-case text."""

from __future__ import annotations

import re


def words(*alternatives: str) -> re.Pattern[str]:
    """One of these whole words or phrases (each a pattern), wherever it stands."""
    return re.compile(rf"\b(?:{'|'.join(alternatives)})(?!\w)")


_ORDINAL_WORDS = (
    *("first", "second", "third", "fourth", "fifth"),
    *("sixth", "seventh", "eighth", "ninth", "tenth"),
)
#: Place in words -> its number.
ORDINALS = {word: place for place, word in enumerate(_ORDINAL_WORDS, start=1)}
