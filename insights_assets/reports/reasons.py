"""Stored reasons for missing scores, in words."""

from __future__ import annotations

_REASONS = {
    "not_captured": "was not captured",
    "stale_capture": "was last captured over 48 hours before the end of the day",
    "no_price": "shows no price",
    "no_rating": "shows no rating",
    "no_rating_count": "shows no number of ratings",
    "no_rank": "shows no Best Sellers Rank",
    "no_peers": "has no peers to be compared with",
    "no_priced_peers": "has no peers with a price",
    "no_rated_peers": "has no peers with a rating",
    "too_few_peers_in_nodes": "shares no category with enough of its peers",
}


def reason_words(reason: str) -> str:
    """A stored reason for a missing score, as the end of a sentence about the product."""
    return _REASONS.get(reason, reason.replace("_", " "))
