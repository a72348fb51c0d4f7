"""What may be scripted in the sandbox: who does what on which days, on top of chance.

A ``Storyline`` is for one group. Its scripts move products as chance does, so that ranks, ratings
and all that is computed from pages follow by the market's own rules. Days are numbers: 0 is the
market's first day. Products are positions in their group.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Protocol

from insights_resources.sandbox.walks import Walk

#: No chance of an event is that high.
_NEVER = 1.0 - 2.0**-53
#: What is left of random moves on calm days.
_CALM_MOVES = 0.15


class Script(Protocol):
    """Something that happens to some products of a group."""

    @property
    def positions(self) -> tuple[int, ...]:
        """The products that it happens to."""

    def runs_on(self, day_number: int) -> bool: ...

    def move(self, walk: Walk, day_number: int) -> None:
        """Moves one of its products on a day on which it runs, after chance has."""


@dataclass(frozen=True)
class Storyline:
    """The scripts of a group. ``is_calm``: nothing else happens in it, from the first day on.

    A calm group has no event by chance, moves of its values are small, and each of its pages is
    served, shows its product and delivers it. In one that is not calm the market goes on around
    the scripts.
    """

    group_id: str
    scripts: tuple[Script, ...] = ()
    is_calm: bool = True


@dataclass(frozen=True)
class PriceWar:
    """Each day the next of the products goes below what the last one asked by ``step``, as a share
    of its usual price. Their prices then stay where they are, in a calm group."""

    positions: tuple[int, ...]
    first_day: int
    days: int
    step: float = 0.04

    def runs_on(self, day_number: int) -> bool:
        return self.first_day <= day_number < self.first_day + self.days

    def move(self, walk: Walk, day_number: int) -> None:
        _clear_offer(walk)
        _clear_stock(walk)
        turn = day_number - self.first_day
        if self.positions[turn % len(self.positions)] == walk.product.position:
            _set_price(walk, 1.0 - self.step * (turn + 1))


@dataclass(frozen=True)
class StockOut:
    """The product is out of stock on all of these days, and in stock again after them."""

    position: int
    first_day: int
    days: int

    @property
    def positions(self) -> tuple[int, ...]:
        return (self.position,)

    def runs_on(self, day_number: int) -> bool:
        return self.first_day <= day_number < self.first_day + self.days

    def move(self, walk: Walk, day_number: int) -> None:
        _clear_stock(walk)
        walk.out_since = day_number - self.first_day + 1
        walk.out_days = self.days - walk.out_since + 1


@dataclass(frozen=True)
class RatingCollapse:
    """The rating falls by ``fall`` stars, evenly, while many new ratings come in.

    Of a family the first product's ratings are everybody's: only that one can be scripted.
    """

    position: int
    first_day: int
    days: int
    fall: float = 0.6
    new_ratings_a_day: int = 60

    @property
    def positions(self) -> tuple[int, ...]:
        return (self.position,)

    def runs_on(self, day_number: int) -> bool:
        return self.first_day <= day_number < self.first_day + self.days

    def move(self, walk: Walk, day_number: int) -> None:
        walk.rating = max(1.2, walk.rating - self.fall / self.days)
        walk.rating_count += self.new_ratings_a_day


@dataclass(frozen=True)
class ListingHijack:
    """From one day on another seller has the buy box, at a price lower by ``price_cut``, under
    another title and other bullets. Nobody undoes it."""

    position: int
    first_day: int
    price_cut: float = 0.25

    @property
    def positions(self) -> tuple[int, ...]:
        return (self.position,)

    def runs_on(self, day_number: int) -> bool:
        return self.first_day <= day_number

    def move(self, walk: Walk, day_number: int) -> None:
        _clear_offer(walk)
        _clear_stock(walk)
        if day_number == self.first_day:
            walk.seller = (walk.seller + 1) % len(walk.product.sellers)
            walk.listing["title"] += 2
            walk.listing["bullets"] += 2
            _set_price(walk, 1.0 - self.price_cut)


class CalmRandom(random.Random):
    """Chance on calm days: it brings no event about, and moves values only a little."""

    def random(self) -> float:
        return _NEVER

    def getrandbits(self, k: int, /) -> int:
        # Said again so that whole numbers are drawn from bits, not from ``random``.
        return super().getrandbits(k)

    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2

    def gauss(self, mu: float = 0.0, sigma: float = 1.0) -> float:
        # Of a sum of twelve, for the usual ways to a normal number need ``random``.
        size = sum(self.getrandbits(32) for _ in range(12)) / 2**32 - 6.0
        return mu + _CALM_MOVES * sigma * size


def _set_price(walk: Walk, share: float) -> None:
    walk.price = walk.product.charm(walk.product.anchor * share)


def _clear_offer(walk: Walk) -> None:
    """No deal hides the scripted price."""
    walk.deal_days = 0


def _clear_stock(walk: Walk) -> None:
    """The page shows an offer, or that there is none, and nothing in between."""
    walk.limited_days = walk.out_days = walk.out_after = walk.out_since = 0
    walk.no_buy_box_days = walk.range_days = 0
