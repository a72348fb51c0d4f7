"""The average rating and the number of ratings."""

from __future__ import annotations

from decimal import Decimal

from selectolax.lexbor import LexborNode

from insights_assets.snapshots.parser.numbers import parse_count, parse_rating, western_digits
from insights_assets.snapshots.parser.page_reading import PageReading
from insights_assets.snapshots.parser.visible_text import visible_text

#: Where the product's own rating stands, the surest first. In all of these only the first element
#: is the product's: what follows are single reviews.
_RATING = (
    "#acrPopover",
    "#averageCustomerReviews .a-icon-alt",
    "#acrCustomerReviewLink .a-icon-alt",
    "#rating-stars [title]",
    "#cm_cr_dp_d_rating_histogram [data-hook='rating-out-of-text']",
    "#reviewsMedley [data-hook='rating-out-of-text']",
    "#reviewSummary .a-icon-alt",
)
_RATING_OTHERWISE = (
    ".crAvgStars .asinReviewsSummary [title]",
    "[data-hook='rating-out-of-text']",
    ".averageStarRating",
)
_COUNT = (
    ("#acrCustomerReviewText", "#acrCustomerReviewLink .a-size-base", "#acrCustomerReviewLink"),
    ("#rating-stars .review-count", "#rating-stars a"),
    "#cm_cr_dp_d_rating_histogram [data-hook='total-review-count']",
    "#reviewsMedley [data-hook='total-review-count']",
)
_COUNT_OTHERWISE = (".crAvgStars > a", "[data-hook='total-review-count']")


def rating(page: PageReading) -> Decimal | None:
    """The product's average rating, 0-5; None where it has none."""

    def stars(node: LexborNode) -> Decimal | None:
        title = parse_rating(node.attributes.get("title") or "")
        return parse_rating(visible_text(node)) if title is None else title

    return page.read("rating", _RATING, stars, otherwise=_RATING_OTHERWISE, most=1)


def rating_count(page: PageReading) -> int | None:
    """How many ratings the average is of; None where there is none.

    "1.2K" and the like are no count.
    """

    def count(node: LexborNode) -> int | None:
        label = node.attributes.get("aria-label") or ""
        for text in (label, visible_text(node)):
            number = parse_count(western_digits(text))
            if number:
                return number
        return None

    return page.read("rating_count", _COUNT, count, otherwise=_COUNT_OTHERWISE, most=1)
