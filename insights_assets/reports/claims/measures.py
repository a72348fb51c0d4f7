"""What is compared of products, by the nouns that name it, and which of two values is better."""

from __future__ import annotations

import re

from insights_assets.reports.claims.word_patterns import words

#: Measures of which less is better.
LOWER_IS_BETTER = frozenset({"price", "primary_rank"})
#: Keys of the facts that one product has more of than another.
COMPARED = frozenset(
    {"price", "rating", "rating_count", "ratings_gained_30d", "primary_rank", "discount_from_list"}
    | {"overall", "robust_overall", "price_score", "quality_score", "popularity_score"}
    | {"listing_quality", "in_stock_share_30d"}
)
#: Words -> the key of the measure that they name.
_MEASURES: tuple[tuple[re.Pattern[str], str], ...] = (
    (words(r"price[- ]scores?"), "price_score"),
    (words(r"quality(?: scores?)?"), "quality_score"),
    (words(r"popularity(?: scores?)?"), "popularity_score"),
    (words(r"listings?(?: quality)?"), "listing_quality"),
    (words("ratings", "reviewed"), "rating_count"),
    (words(r"share of (?:the )?(?:time|days)", "in stock", "share"), "in_stock_share_30d"),
    (words("overall", "scores?", "scored", "points?"), "overall"),
    (words("rank", "sales rank_*", "sells?(?! for)"), "primary_rank"),
    (words("rating", "rated", "stars?"), "rating"),
    (
        words(
            "prices?", "priced", "costs?", "sells? for", "asks?", "amounts?", "charges?", "discount"
        ),
        "price",
    ),
)


def measure_near(text: str, place: int) -> str | None:
    """The measure named nearest to a place of the text, rather before it; None: none is."""
    nearest: tuple[int, int, str] | None = None
    for pattern, key in _MEASURES:
        for match in pattern.finditer(text):
            away = place - match.end() if match.end() <= place else (match.start() - place) * 2
            # Of words at one place the longer one: "price score", not "price".
            found = (max(0, away), -len(match[0]), key)
            if nearest is None or found < nearest:
                nearest = found
    return None if nearest is None else nearest[2]
