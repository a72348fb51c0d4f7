"""Rating and number of ratings."""

from __future__ import annotations

import re
from decimal import Decimal

from insights_assets.snapshots.parser.page import Page, text_of

_RATING_ELEMENTS = (
    ("#acrPopover", "title"),
    ("#averageCustomerReviews .a-icon-alt", None),
    ("#averageCustomerReviews_feature_div .a-icon-alt", None),
    ("#averageCustomerReviews .reviewCountTextLinkedHistogram", "title"),
    ("#acrCustomerReviewLink .a-icon-alt", None),
    ("#cmrsSummary .a-icon-alt", None),
    ("[data-hook=rating-out-of-text]", None),
    ("#reviewSummary .arp-rating-out-of-text", None),
    ("#revSum .swSprite", "title"),
    (".crAvgStars .swSprite", "title"),
    ("#cm-cr-dp-mobile-reviews .a-icon-alt", None),
    ("#cr-dp-summary .a-icon-alt", None),
    ("#mobile-customer-reviews .a-icon-alt", None),
)
_COUNT_ELEMENTS = (
    "#acrCustomerReviewText",
    "[data-hook=total-review-count]",
    "#acrCustomerReviewLink",
    "#averageCustomerReviewCount",
    ".crAvgStars a",
    "#revSum .crAvgStars a",
    "#cm-cr-dp-mobile-reviews .a-size-small",
)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
_COUNT = re.compile(r"\d[\d.,'\u00a0\u202f ]*\d|\d")
_EASTERN_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩٫٬", "0123456789.,")


def read_rating(page: Page) -> Decimal | None:
    """Stars, 0 to 5, as shown; None when the page shows none."""
    for selector, attribute in _RATING_ELEMENTS:
        for node in page.all(selector):
            text = (node.attributes.get(attribute) or "") if attribute else text_of(node)
            rating = _stars(text.translate(_EASTERN_DIGITS))
            if rating is not None:
                page.found("rating", selector)
                return rating
    return None


def _stars(text: str) -> Decimal | None:
    """The rating in "4.5 out of 5", "4,5 von 5", "5つ星のうち3.9", "5 yıldız üzerinden 4,5"."""
    numbers = _NUMBER.findall(text)
    if len(numbers) != 2:
        return None
    # One is the scale; in Japanese and Turkish it comes first.
    if numbers[1] in ("5", "5.0", "5,0"):
        stars = numbers[0]
    elif numbers[0] == "5":
        stars = numbers[1]
    else:
        return None
    value = Decimal(stars.replace(",", "."))
    return value if 0 < value <= 5 else None


def read_rating_count(page: Page) -> int | None:
    """Number of ratings; a rounded one ("1.2K") is not taken."""
    for selector in _COUNT_ELEMENTS:
        for node in page.all(selector):
            text = text_of(node).translate(_EASTERN_DIGITS)
            numbers = _COUNT.findall(text)
            if len(numbers) != 1 or re.search(r"\d\s?[kKmM]\b|[千万]", text):
                continue
            count = int(re.sub(r"\D", "", numbers[0]))
            if count:
                page.found("rating_count", selector)
                return count
    return None
