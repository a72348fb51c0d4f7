"""Who is what in a group: first, cheapest, best rated, out of stock, moving most."""

from __future__ import annotations

from collections.abc import Iterable

from insights_assets.competition.formulas import Dimension
from insights_assets.reports.fact import GROUP, Member
from insights_assets.reports.facts import FactSheet
from insights_assets.reports.group_facts import OUT_OF_STOCK


def best(
    sheet: FactSheet, members: Iterable[Member], key: str, *, lowest: bool = False
) -> list[Member]:
    """Members with the fact, the best first."""
    having = [m for m in members if sheet.get(m.subject, key) is not None]
    sign = 1 if lowest else -1
    return sorted(having, key=lambda m: (sign * (sheet.number(m.subject, key) or 0.0), m.number))


def priced_alike(sheet: FactSheet) -> list[Member]:
    """The most members whose prices can be compared (one marketplace and currency), cheapest
    first."""
    kinds: dict[tuple[str, str], list[Member]] = {}
    for member in sheet.members:
        price = sheet.get(member.subject, "price")
        if price is not None:
            kinds.setdefault((member.product.marketplace, price.unit), []).append(member)
    most = max(kinds.values(), key=len, default=[])
    return best(sheet, most, "price", lowest=True)


def ranked_alike(sheet: FactSheet) -> list[Member]:
    """The most members whose top-level ranks can be compared (one node), best first."""
    nodes: dict[tuple[str, str], list[Member]] = {}
    lines = {str(line.product): line for line in sheet.history}
    for member in sheet.members:
        node = lines[member.subject].rank_node
        if node is not None and sheet.get(member.subject, "primary_rank") is not None:
            nodes.setdefault((member.product.marketplace, node), []).append(member)
    most = max(nodes.values(), key=len, default=[])
    return best(sheet, most, "primary_rank", lowest=True)


def movers(sheet: FactSheet, key: str, least: float) -> list[Member]:
    """Members whose fact moved at least so much, the largest move first."""
    moved = [m for m in sheet.members if abs(sheet.number(m.subject, key) or 0.0) >= least]
    return sorted(moved, key=lambda m: (-abs(sheet.number(m.subject, key) or 0.0), m.number))


def out_of_stock(sheet: FactSheet) -> list[Member]:
    return [m for m in sheet.members if sheet.text(m.subject, "availability") in OUT_OF_STOCK]


def is_ahead(sheet: FactSheet) -> bool:
    """Whether the first has a higher score than the second."""
    return (sheet.number(GROUP, "lead") or 0.0) > 0


def differ(sheet: FactSheet, one: Member, other: Member, key: str) -> bool:
    return sheet.number(one.subject, key) != sheet.number(other.subject, key)


def leader(sheet: FactSheet) -> Member | None:
    """The first of those that can be compared; None: there is no score, or no two of them can."""
    ranked = sheet.ranked()
    return ranked[0] if ranked and (len(ranked) > 1 or len(sheet.scored()) == 1) else None


def best_rated(sheet: FactSheet) -> list[Member]:
    rated = best(sheet, sheet.members, "rating")
    return sorted(
        rated,
        key=lambda m: (
            -(sheet.number(m.subject, "rating") or 0.0),
            -(sheet.number(m.subject, "rating_count") or 0.0),
            m.number,
        ),
    )


def dimensions(sheet: FactSheet, member: Member) -> list[tuple[Dimension, float]]:
    """The member's dimensions that have a score, the best first."""
    scores = [
        (dimension, score)
        for dimension in Dimension
        if (score := sheet.number(member.subject, f"{dimension}_score")) is not None
    ]
    return sorted(scores, key=lambda pair: -pair[1])
