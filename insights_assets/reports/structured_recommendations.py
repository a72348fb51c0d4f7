"""What the structured writer recommends, and what the scoring formulas expect of it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from insights_assets.reports.comparisons import best, leader, out_of_stock
from insights_assets.reports.fact import Member
from insights_assets.reports.facts import FactSheet
from insights_assets.reports.prose import Priority, Prose
from insights_assets.reports.schema import Recommendation

#: Smaller moves of a price are not worth a sentence (ratio).
PRICE_MOVE = 0.02
#: A change of the price beyond this is no advice (ratio).
LARGEST_PRICE_CHANGE = 0.3
#: A listing below this is incomplete (points).
WEAK_LISTING = 60.0
#: Points of the overall score that make a recommendation of high or of medium priority.
_HIGH_GAIN, _MEDIUM_GAIN = 5.0, 2.0
_MOST_RECOMMENDATIONS = 6
#: The fact of what a product's price is compared with.
MEDIAN = "peer_median_price"
_ORDER: dict[Priority, int] = {"high": 0, "medium": 1, "low": 2}


def recommendations(sheet: FactSheet, n: Prose) -> list[Recommendation]:
    """What to do, the most important first."""
    made = [
        *_restock(sheet, n),
        *_reprice(sheet, n),
        *_raise_rating(sheet, n),
        *_win_rank(sheet, n),
        *_use_room(sheet, n),
        *_complete_listing(sheet, n),
    ]
    made.sort(key=lambda recommendation: _ORDER[recommendation.priority])
    return made[:_MOST_RECOMMENDATIONS]


def _by_gain(gain: float) -> Priority:
    if gain >= _HIGH_GAIN:
        return "high"
    return "medium" if gain >= _MEDIUM_GAIN else "low"


def _gains(sheet: FactSheet, key: str, least: float) -> list[tuple[Member, float]]:
    """Members that a what-if gives at least so many points, the most first."""
    found = [
        (member, gain)
        for member in sheet.members
        if (gain := sheet.number(member.subject, f"{key}_gain")) is not None and gain >= least
    ]
    return sorted(found, key=lambda pair: (-pair[1], pair[0].number))


def _effect(n: Prose, key: str, member: Member) -> str:
    return (
        f"With all else as it is, the overall score would go from {n.points(member, 'overall')} to "
        f"{n.points(member, key)} points."
    )


def _restock(sheet: FactSheet, n: Prose) -> Iterator[Recommendation]:
    for member in out_of_stock(sheet)[:2]:
        n.also(member, "availability")
        why = "It cannot be bought now"
        if sheet.get(member.subject, "in_stock_share_30d") is not None:
            why += (
                f", and was in stock on {n.percent(member, 'in_stock_share_30d')} of the captured "
                f"days of the last 30 days"
            )
        yield n.recommendation(
            "high",
            f"Bring {n.name(member)} back into stock.",
            f"{why}.",
            "It can be bought again, and its rank need not fall further.",
        )


def _reprice(sheet: FactSheet, n: Prose) -> Iterator[Recommendation]:
    for member, gain in _gains(sheet, "at_median_price", 1.0)[:2]:
        excess = sheet.number(member.subject, "price_to_median") or 0.0
        if excess / (1 + excess) > LARGEST_PRICE_CHANGE:
            continue
        yield n.recommendation(
            _by_gain(gain),
            (
                f"Bring the price of {n.name(member)} from {n.money(member, 'price')} "
                f"towards the median of "
                f"its peers, {n.money(member, 'peer_median_price')}."
            ),
            (
                f"It costs {n.percent(member, 'price_to_median')} more than that, and "
                f"its price score is {n.points(member, 'price_score')} points."
            ),
            _effect(n, "at_median_price", member),
        )


def _raise_rating(sheet: FactSheet, n: Prose) -> Iterator[Recommendation]:
    rated = best(sheet, sheet.members, "rating", lowest=True)
    for member in rated[:1]:
        gain = sheet.number(member.subject, "at_more_stars_gain")
        if gain is None or len(rated) < 2:
            continue
        yield n.recommendation(
            _by_gain(gain),
            f"Find out from its reviews what lowers the rating of {n.name(member)}, and mend it.",
            f"With {n.points(member, 'rating')} stars it is rated the lowest of the group.",
            (
                f"At {n.points(member, 'more_stars')} stars, with all else as it is, "
                f"the overall score "
                f"would go from {n.points(member, 'overall')} to "
                f"{n.points(member, 'at_more_stars')} points."
            ),
        )


def _win_rank(sheet: FactSheet, n: Prose) -> Iterator[Recommendation]:
    for member, gain in _gains(sheet, "at_median_rank", 1.0)[:1]:
        yield n.recommendation(
            # A rank follows from sales: it is harder to move than a price.
            "medium" if gain >= _HIGH_GAIN else "low",
            f"Win sales for {n.name(member)}, by advertising or a limited deal.",
            (
                f"Its Best Sellers Rank of {n.count(member, 'compared_rank')} stands against a "
                f"median of {_median_rank(sheet, n, member)} of its peers in the same category."
            ),
            _effect(n, "at_median_rank", member),
        )


def _median_rank(sheet: FactSheet, n: Prose, member: Member) -> str:
    rank = sheet.number(member.subject, "compared_peer_median_rank") or 0.0
    return n.decimal(member, "compared_peer_median_rank", 0 if rank.is_integer() else 1)


def _use_room(sheet: FactSheet, n: Prose) -> Iterator[Recommendation]:
    first = leader(sheet)
    if first is None or sheet.get(first.subject, "room_price") is None:
        return
    change = sheet.number(first.subject, "room_change") or 0.0
    if change < PRICE_MOVE or (sheet.number(first.subject, "price_to_median") or 0.0) > 0:
        return
    room, median = sheet.get(first.subject, "room_price"), sheet.get(first.subject, MEDIAN)
    at_median = sheet.get(first.subject, "at_median_price")
    yield n.recommendation(
        "low",
        f"Test a higher price for the leader, {n.name(first)}.",
        (
            f"At {n.money(first, 'price')} it is {n.percent(first, 'price_to_median')} below the "
            f"median of its peers, {n.money(first, MEDIAN)}."
            if sheet.number(first.subject, "price_to_median")
            else f"At {n.money(first, 'price')} it costs as much as the median of its peers."
        ),
        # The formula may allow a price that no buyer would: then the peers' is far enough.
        (
            f"Even at that median it keeps the lead, with all else as it is: its overall score "
            f"would be {n.points(first, 'at_median_price')} points."
            if room and median and at_median and Decimal(room.value) >= Decimal(median.value)
            else f"Up to {n.money(first, 'room_price')} it keeps the lead, with all else as it "
            f"is; there its overall score would be {n.points(first, 'room_overall')} points."
        ),
    )


def _complete_listing(sheet: FactSheet, n: Prose) -> Iterator[Recommendation]:
    weakest = best(sheet, sheet.members, "listing_quality", lowest=True)[:1]
    for member in weakest:
        if (sheet.number(member.subject, "listing_quality") or 0.0) >= WEAK_LISTING:
            continue
        yield n.recommendation(
            "low",
            f"Complete the listing of {n.name(member)}: title, bullets, images and description.",
            f"Its listing quality is {n.points(member, 'listing_quality')} points.",
            "Buyers find what they look for; the scores do not count listings.",
        )
