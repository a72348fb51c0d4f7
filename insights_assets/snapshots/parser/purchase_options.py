"""Which parts of a page belong to the offer that any new buyer gets, and which to other options.

A buy box may be an accordion: one row for a new item, one for a subscription, for a used item,
for an exchange. The rows repeat the ids of the new item's parts, so that an element counts for
the headline only when no other option is around it.
"""

from __future__ import annotations

import re

from selectolax.lexbor import LexborNode

#: Ids, classes and row names around parts that are not the new item's own offer.
_OTHER_OPTION = re.compile(
    r"(?i)^(?:.*_)?(?:used|sns|buyback|tradein|rental?|renewedTier|refurbished|prime(?:Exclusive|Savings)"
    r"|subscri|onml|businessPrice|b2b)\w*(?:AccordionRow|BuyBox|BuySection|Section|BuyNew|Offer)\w*$"
    r"|^(?:usedbuyBox|usedBuySection|buyboxusedDivId|rentBuySection|buyUsed|snsAccordionRowMiddle"
    r"|sns-(?:base|tiered)-price|snsBuyBox\w*|subscriptionPrice|mbc|moreBuyingChoices\w*"
    r"|olp\w*|aod-\w+|all-offers-display\w*|primeExclusivePricingMessage|tp_price_block\w*"
    r"|sims-\w+|sp_detail\w*|similarities\w*|comparison_\w*|HLCXComparison\w*|bundle\w*|bxgy\w*"
    r"|usedOffer\w*|dealsAccordionRowPrime\w*)$"
)
_CAROUSEL = re.compile(r"\b(?:a-carousel(?:-container|-card)?|sims-fbt\w*|comparison\w*)\b")
_SUBSCRIPTION = re.compile(r"(?i)sns|subscri|onml")
_USED = re.compile(r"(?i)used")


def is_headline_part(node: LexborNode) -> bool:
    """Whether no other purchase option, other seller or other product is around the element."""
    return _option_around(node) is None


def is_used_part(node: LexborNode) -> bool:
    option = _option_around(node)
    return option is not None and _USED.search(option) is not None


def is_subscription_part(node: LexborNode) -> bool:
    option = _option_around(node)
    return option is not None and _SUBSCRIPTION.search(option) is not None


def _option_around(node: LexborNode) -> str | None:
    current: LexborNode | None = node
    while current is not None and current.tag not in ("body", "html", "-document"):
        attributes = current.attributes
        for name in (attributes.get("id"), attributes.get("data-a-accordion-row-name")):
            if name and _OTHER_OPTION.match(name):
                return name
        classes = attributes.get("class")
        if classes and _CAROUSEL.search(classes):
            return "carousel"
        current = current.parent
    return None
