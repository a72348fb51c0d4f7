"""What the structured writer recommends, and what the scoring formulas expect of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from insights_assets.reports.comparisons import best, leader, out_of_stock
from insights_assets.reports.fact import Member
from insights_assets.reports.prose import Priority, Prose
from insights_assets.reports.schema import Recommendation

#: The fact of what a product's price is compared with.
MEDIAN = "peer_median_price"
_ORDER: dict[Priority, int] = {"high": 0, "medium": 1, "low": 2}


@dataclass(frozen=True)
class Advice:
    """A recommendation that may be made. ``gain``: points of the overall score that it is expected
    to bring; the phrases are those of its action, its reasons and its effect."""

    member: Member
    priority: Priority
    gain: float
    action: str
    why: tuple[str, ...]
    effect: str


def recommendations(n: Prose) -> list[Recommendation]:
    """What to do, the largest expected effect first; little of one product."""
    found = [advice for name in n.template.recommendations for advice in ADVICE[name](n)]
    # Of equal effect, those that the template names first stay first.
    found.sort(key=lambda advice: (_ORDER[advice.priority], -advice.gain))
    limits = n.template.limits
    told: Counter[Member] = Counter()
    made: list[Recommendation] = []
    for advice in found:
        if told[advice.member] < limits.advice_of_a_product and len(made) < limits.recommendations:
            told[advice.member] += 1
            made.append(_written(n, advice))
    return made


def _written(n: Prose, advice: Advice) -> Recommendation:
    return n.recommendation(
        advice.priority,
        n.part(advice.action, advice.member),
        " ".join(n.part(phrase, advice.member) for phrase in advice.why),
        n.part(advice.effect, advice.member),
    )


def _by_gain(n: Prose, gain: float) -> Priority:
    if gain >= n.template.thresholds.high_gain:
        return "high"
    return "medium" if gain >= n.template.thresholds.medium_gain else "low"


def _gains(n: Prose, key: str) -> list[tuple[Member, float]]:
    """Members that a what-if gives enough points, the most first."""
    found = [
        (member, gain)
        for member in n.sheet.members
        if (gain := n.sheet.number(member.subject, f"{key}_gain")) is not None
        and gain >= n.template.thresholds.least_gain
    ]
    return sorted(found, key=lambda pair: (-pair[1], pair[0].number))


def _restock(n: Prose) -> Iterator[Advice]:
    for member in out_of_stock(n.sheet)[:2]:
        has_share = n.sheet.get(member.subject, "in_stock_share_30d") is not None
        why = "restock_why_share" if has_share else "restock_why"
        yield Advice(member, "high", 0.0, "restock_action", (why,), "restock_effect")


def _reprice(n: Prose) -> Iterator[Advice]:
    for member, gain in _gains(n, "at_median_price")[:2]:
        excess = n.sheet.number(member.subject, "price_to_median") or 0.0
        if excess / (1 + excess) > n.template.thresholds.largest_price_change:
            continue
        yield Advice(
            member,
            _by_gain(n, gain),
            gain,
            "reprice_action",
            ("reprice_why", "reprice_matters"),
            "reprice_effect",
        )


def _raise_rating(n: Prose) -> Iterator[Advice]:
    rated = best(n.sheet, n.sheet.members, "rating", lowest=True)
    for member in rated[:1]:
        gain = n.sheet.number(member.subject, "at_more_stars_gain")
        if gain is None or len(rated) < 2:
            continue
        yield Advice(
            member,
            _by_gain(n, gain),
            gain,
            "raise_rating_action",
            ("raise_rating_why", "raise_rating_matters"),
            "raise_rating_effect",
        )


def _win_rank(n: Prose) -> Iterator[Advice]:
    out = out_of_stock(n.sheet)
    in_stock = [pair for pair in _gains(n, "at_median_rank") if pair[0] not in out]
    for member, gain in in_stock[:1]:
        yield Advice(
            member,
            # A rank follows from sales: it is harder to move than a price.
            "medium" if gain >= n.template.thresholds.high_gain else "low",
            gain,
            "win_rank_action",
            ("win_rank_why", "win_rank_matters"),
            "win_rank_effect",
        )


def _use_room(n: Prose) -> Iterator[Advice]:
    first = leader(n.sheet)
    if first is None or first in out_of_stock(n.sheet):
        return
    room, median = n.sheet.get(first.subject, "room_price"), n.sheet.get(first.subject, MEDIAN)
    change = n.sheet.number(first.subject, "room_change") or 0.0
    to_median = n.sheet.number(first.subject, "price_to_median") or 0.0
    if room is None or median is None or to_median > 0:
        return
    # The formula may allow a price that no buyer would: then the peers' is far enough.
    has_score = n.sheet.get(first.subject, "at_median_price") is not None
    reaches_median = has_score and Decimal(room.value) >= Decimal(median.value)
    step = 1 / (1 + to_median) - 1 if reaches_median else change
    thresholds = n.template.thresholds
    if change < thresholds.price_move or step > thresholds.largest_price_change:
        return
    yield Advice(
        first,
        "low",
        0.0,
        "use_room_action",
        ("use_room_why" if to_median else "use_room_why_level", "use_room_matters"),
        "use_room_effect_median" if reaches_median else "use_room_effect",
    )


def _complete_listing(n: Prose) -> Iterator[Advice]:
    for member in best(n.sheet, n.sheet.members, "listing_quality", lowest=True)[:1]:
        quality = n.sheet.number(member.subject, "listing_quality") or 0.0
        if quality < n.template.thresholds.weak_listing:
            yield Advice(
                member,
                "low",
                0.0,
                "complete_listing_action",
                ("complete_listing_why",),
                "complete_listing_effect",
            )


#: The kinds of advice that a template may name.
ADVICE: Mapping[str, Callable[[Prose], Iterator[Advice]]] = {
    "restock": _restock,
    "reprice": _reprice,
    "raise_rating": _raise_rating,
    "win_rank": _win_rank,
    "use_room": _use_room,
    "complete_listing": _complete_listing,
}
