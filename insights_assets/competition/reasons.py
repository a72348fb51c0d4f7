"""Stored reasons, in words: why a score is missing, and why a member is no peer."""

from __future__ import annotations

_MISSING = {
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
_LEFT_OUT = {
    "other_marketplace": "is sold on another marketplace",
    "not_captured": "was not captured",
    "stale_capture": "was last captured over 48 hours before the end of the day",
    "other_currency": "is priced in another currency, or in one that is not known",
    "same_family": "is a variation of the same product",
    "family_represented": "is a variation of another peer, which stands for both",
}


def reason_words(reason: str) -> str:
    """A stored reason for a missing score, as the end of a sentence about the product."""
    return _MISSING.get(reason, reason.replace("_", " "))


def left_out_words(reason: str) -> str:
    """A stored reason for which a member is no peer, as the end of a sentence about it."""
    return _LEFT_OUT.get(reason, reason.replace("_", " "))
