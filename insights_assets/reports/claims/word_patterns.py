"""Words that claim something of size, order or movement, as patterns over lower-case text."""

from __future__ import annotations

import re


def words(*alternatives: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(alternatives)})(?!\w)")


#: The measure that a word is about, by the nouns around it: its key among the facts.
MEASURES: tuple[tuple[re.Pattern[str], str], ...] = (
    (words(r"price[- ]scores?"), "price_score"),
    (words(r"quality(?: scores?)?"), "quality_score"),
    (words(r"popularity(?: scores?)?"), "popularity_score"),
    (words(r"listings?(?: quality)?"), "listing_quality"),
    (words("ratings", "reviewed"), "rating_count"),
    (words(r"share of (?:the )?(?:time|days)", "in stock", "share"), "in_stock_share_30d"),
    (words("overall", "scores?", "scored", "points?"), "overall"),
    (words("rank", "sales rank_*", "sells"), "primary_rank"),
    (words("rating", "rated", "stars?"), "rating"),
    (words("prices?", "priced", "costs?", "amounts?", "charges?", "discount"), "price"),
)


def measure_near(text: str, place: int) -> str | None:
    """The measure named nearest to a place of the text, rather before it; None: none is."""
    nearest: tuple[int, int, str] | None = None
    for pattern, key in MEASURES:
        for match in pattern.finditer(text):
            away = place - match.end() if match.end() <= place else (match.start() - place) * 2
            # Of words at one place the longer one: "price score", not "price".
            found = (max(0, away), -len(match[0]), key)
            if nearest is None or found < nearest:
                nearest = found
    return None if nearest is None else nearest[2]


_ORDINAL_WORDS = (
    *("first", "second", "third", "fourth", "fifth"),
    *("sixth", "seventh", "eighth", "ninth", "tenth"),
)
#: Place in words -> its number.
ORDINALS = {word: place for place, word in enumerate(_ORDINAL_WORDS, start=1)}
