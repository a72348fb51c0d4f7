"""Groups in which one thing happens, and what a report of them must tell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from insights_resources.sandbox.market import SandboxMarket
from insights_resources.sandbox.product_traits import GROUP_SIZE
from insights_resources.sandbox.storylines import (
    ListingHijack,
    PriceWar,
    RatingCollapse,
    Script,
    StockOut,
    Storyline,
)
from insights_resources.sandbox.truth import ExpectedResults

SEED = 7
FIRST_DAY = date(2025, 1, 1)
#: Number of the day that is reported: changes over 30 days need 37 days before it.
REPORT_NUMBER = 40
REPORT_DAY = FIRST_DAY + timedelta(days=REPORT_NUMBER)
#: The report that changes are told since.
LAST_REPORT_DAY = REPORT_DAY - timedelta(days=7)

Kind = Literal["price", "stock", "rating", "seller", "listing"]
Direction = Literal["down", "out", "other"]


@dataclass(frozen=True)
class Event:
    """What happened to a product (its position in the group) in the week before the report."""

    position: int
    kind: Kind
    direction: Direction

    def __str__(self) -> str:
        return f"{self.kind} {self.direction} of product {self.position}"


@dataclass(frozen=True)
class Scenario:
    """A group in which these scripts run, and the events that matter of it."""

    name: str
    group_id: str
    scripts: tuple[Script, ...]
    events: tuple[Event, ...]
    is_calm: bool = True


def scenarios(*, eventful: bool = False) -> list[Scenario]:
    """One for each group of the market, which is a product and its five competitors.

    ``eventful``: again, in groups in which the market goes on around what is scripted.
    """
    told: list[tuple[str, bool]] = [(name, True) for name in _NAMES]
    if eventful:
        told += [(f"{name}, among other events", False) for name in _NAMES]
    plain = _market(len(told), ())
    made = []
    for (name, is_calm), group in zip(told, plain.groups, strict=True):
        leader = _leader(plain, group.group_id) if name.startswith("stock-out") else 0
        scripts, events = _scripts(name.partition(",")[0], leader)
        made.append(Scenario(name, group.group_id, scripts, events, is_calm))
    return made


def market_of(told: list[Scenario]) -> SandboxMarket:
    return _market(
        len(told), tuple(Storyline(one.group_id, one.scripts, one.is_calm) for one in told)
    )


_NAMES = ("price war", "stock-out", "rating collapse", "listing hijack", "nothing")


def _scripts(name: str, leader: int) -> tuple[tuple[Script, ...], tuple[Event, ...]]:
    week = REPORT_NUMBER - 6
    match name:
        case "price war":
            return (PriceWar((2, 4), week, 6),), (
                Event(2, "price", "down"),
                Event(4, "price", "down"),
            )
        case "stock-out":
            return (StockOut(leader, REPORT_NUMBER - 3, 5),), (Event(leader, "stock", "out"),)
        case "rating collapse":
            return (RatingCollapse(2, week, 6),), (Event(2, "rating", "down"),)
        case "listing hijack":
            return (ListingHijack(3, REPORT_NUMBER - 2),), (
                Event(3, "seller", "other"),
                Event(3, "price", "down"),
                Event(3, "listing", "other"),
            )
    return (), ()


def _market(groups: int, storylines: tuple[Storyline, ...]) -> SandboxMarket:
    return SandboxMarket(SEED, groups * GROUP_SIZE, FIRST_DAY, storylines=storylines)


def _leader(market: SandboxMarket, group_id: str) -> int:
    """The position of the product that leads the group, were nothing scripted."""
    calm = SandboxMarket(SEED, len(market.keys), FIRST_DAY, storylines=[Storyline(group_id)])
    group = next(group for group in calm.groups if group.group_id == group_id)
    day = LAST_REPORT_DAY
    rows = ExpectedResults(calm, FIRST_DAY, day).group_scores(
        group_id, tuple(product.key for product in group.products), day
    )
    first = next(
        key
        for (_, _, key, method), row in rows.items()
        if method == "standard" and row["position"] == 1
    )
    return calm.product(first).position
