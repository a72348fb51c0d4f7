"""The average rating and the number of ratings."""

from __future__ import annotations

import re
from decimal import Decimal

from insights_assets.snapshots.parser.numbers import parse_count, parse_rating, western_digits
from insights_assets.snapshots.parser.page_reading import PageReading
from insights_assets.snapshots.parser.purchase_options import is_headline_part
from insights_assets.snapshots.parser.visible_text import visible_text

#: Where the product's own rating stands, the surest first; an attribute, or None for the text.
_RATING = (
    ("#acrPopover", "title"),
    ("#averageCustomerReviews .a-icon-alt", None),
    ("#acrCustomerReviewLink .a-icon-alt", None),
    ("#rating-stars [title]", "title"),
    (".crAvgStars .asinReviewsSummary [title]", "title"),
    ("#cm_cr_dp_d_rating_histogram [data-hook='rating-out-of-text']", None),
    ("[data-hook='rating-out-of-text']", None),
    ("#reviewSummary .a-icon-alt", None),
    (".averageStarRating", None),
)
_COUNT = (
    ("#acrCustomerReviewText", None),
    ("#acrCustomerReviewLink .a-size-base", None),
    ("#acrCustomerReviewLink", None),
    ("#rating-stars .review-count", None),
    ("#rating-stars a", None),
    (".crAvgStars > a", None),
    ("[data-hook='total-review-count']", None),
)
_STARS_CLASS = re.compile(r"\bs_ratingStar_(\d)(\d)\b|\bs_star_(\d)_(\d)\b")


def rating(page: PageReading) -> Decimal | None:
    """The product's average rating, 0-5; None where it has none."""
    for selector, attribute in _RATING:
        for node in page.document.select(selector)[:1]:
            if not is_headline_part(node):
                continue
            text = node.attributes.get(attribute) if attribute else visible_text(node)
            value = parse_rating(text or "")
            if value is not None:
                page.note("rating", selector)
                return value
    return None


def rating_count(page: PageReading) -> int | None:
    """How many ratings the average is of; None where there is none.

    "1.2K" and the like are no count.
    """
    for selector, attribute in _COUNT:
        for node in page.document.select(selector)[:1]:
            if not is_headline_part(node):
                continue
            text = node.attributes.get(attribute) if attribute else visible_text(node)
            value = parse_count(western_digits(text or ""))
            if value:
                page.note("rating_count", selector)
                return value
    return None
