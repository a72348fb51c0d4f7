"""Which parts of a page belong to the offer that any new buyer gets, and which to other options.

A buy box may be an accordion: one row for a new item, one for a subscription, for a used item,
for an exchange. The rows repeat the ids of the new item's parts, so that an element counts for
the headline only when no other option is around it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

#: Ids, classes and row names around parts that are not the new item's own offer.
_OTHER_OPTION = re.compile(
    r"(?i)^(?:.*_)?(?:used|sns|buyback|tradein|rental?|renewedTier|refurbished|prime(?:Exclusive|Savings)"
    r"|subscri|onml|businessPrice|b2b)\w*(?:AccordionRow|BuyBox|BuySection|Section|BuyNew|Offer)\w*$"
    r"|^(?:usedbuyBox|usedBuySection|buyboxusedDivId|rentBuySection|buyUsed|snsAccordionRowMiddle"
    r"|sns-(?:base|tiered)-price|snsBuyBox\w*|subscriptionPrice|mbc|moreBuyingChoices\w*"
    r"|olp\w*|aod-\w+|all-offers-display\w*|primeExclusivePricingMessage"
    r"|sims-\w+|sp_detail\w*|similarities\w*|comparison_\w*|HLCXComparison\w*|bundle\w*|bxgy\w*"
    r"|usedOffer\w*|dealsAccordionRowPrime\w*)$"
)
_LONGEST_NAME = 100
_SUBSCRIPTION = re.compile(r"(?i)sns|subscri|onml")
_USED = re.compile(r"(?i)used")


def other_option(attributes: Mapping[str, str | None]) -> str | None:
    """The name of the purchase option, other seller or list of other products that an element
    with these attributes holds; None where it holds none of them."""
    for name in (attributes.get("id"), attributes.get("data-a-accordion-row-name")):
        if name and len(name) <= _LONGEST_NAME and _names_other_option(name):
            return name
    classes = attributes.get("class")
    if classes and ("a-carousel" in classes or "sims-fbt" in classes or "comparison" in classes):
        return "carousel"
    return None


@lru_cache(maxsize=4096)  # pages have the same few hundred ids
def _names_other_option(name: str) -> bool:
    return _OTHER_OPTION.match(name) is not None


def is_used(option: str) -> bool:
    """Whether the option is a used item."""
    return _USED.search(option) is not None


def is_subscription(option: str) -> bool:
    """Whether the option is a subscription to the item."""
    return _SUBSCRIPTION.search(option) is not None
