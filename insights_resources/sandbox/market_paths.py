"""How a group's products change from day to day: prices, stock, ranks, ratings, listings.

A path is extended one day at a time from each product's own stream of random numbers, so that a
day's state never depends on how many days are asked for.
"""

from __future__ import annotations

import math
import random
import threading
from dataclasses import dataclass

from insights_resources.errors import ConfigurationError
from insights_resources.sandbox.product_traits import SandboxGroup, SandboxProduct
from insights_resources.sandbox.random_streams import digest, stream
from insights_resources.sandbox.storylines import CalmRandom, Script, Storyline
from insights_resources.sandbox.walks import Coupon, Walk

#: Share of days on which the page says that the item is not delivered to its visitor.
_REFUSED_DELIVERIES = 0.04


@dataclass(frozen=True)
class DayState:
    """One product on one day. Amounts in minor units; ``ranks`` from the top level downwards.

    ``stock`` is ``in_stock``, ``limited`` (then ``units_left``), ``out_of_stock`` or
    ``preorder``. ``seller`` is a position in the product's sellers. ``delivery`` is what the page
    says to where its visitor is: ``here`` (delivered), else it is refused: ``refused`` beside an
    offer that is otherwise complete, ``price_only`` where the refusal replaces seller and stock,
    ``no_offer`` where it replaces the offer.
    """

    price: int
    deal: int | None
    list_price: int | None
    coupon: Coupon | None
    subscription: int | None
    used: int | None
    other_offer: int | None
    stock: str
    units_left: int
    buy_box: bool
    shows_range: bool
    seller: int
    delivery: str
    ranks: tuple[int, ...]
    rating_tenths: int | None
    rating_count: int | None
    title_variant: int
    bullet_variant: int
    bullet_count: int
    image_count: int
    image_shift: int

    @property
    def headline(self) -> int:
        """What the buy box asks: the deal's price while it runs."""
        return self.price if self.deal is None else self.deal


class GroupPath:
    """The states of a group's products, day by day from day number 0."""

    def __init__(
        self, seed: int, number: int, group: SandboxGroup, storyline: Storyline | None = None
    ) -> None:
        self.group = group
        self.is_calm = storyline is not None and storyline.is_calm
        self._random = self._chance(seed, "group", number)
        self._walks = [self._start(seed, number, product) for product in group.products]
        self._scripts = _scripts(group, storyline)
        self._war: tuple[int, int] | None = None
        self._war_days = 0
        self._days: list[tuple[DayState, ...]] = []
        self._lock = threading.Lock()

    def on(self, day_number: int) -> tuple[DayState, ...]:
        """The states of all the group's products on a day, in the group's order."""
        with self._lock:
            while len(self._days) <= day_number:
                self._days.append(self._next_day(len(self._days)))
        return self._days[day_number]

    def _chance(self, *purpose: object) -> random.Random:
        return CalmRandom(digest(*purpose)) if self.is_calm else stream(*purpose)

    def _start(self, seed: int, number: int, product: SandboxProduct) -> Walk:
        rng = self._chance(seed, "walk", number, product.position)
        return Walk(
            product=product,
            random=rng,
            price=product.charm(product.anchor),
            demand=rng.gauss(0.0, 0.2),
            rating=product.rating,
            rating_count=float(product.rating_count),
            listing={"title": 0, "bullets": 0, "count": 5, "images": 5 + rng.randrange(3), "at": 0},
        )

    def _next_day(self, number: int) -> tuple[DayState, ...]:
        self._fight_price_war(number)
        yesterday = [walk.price / walk.product.anchor for walk in self._walks]
        scripts = [
            [s for s in self._scripts if position in s.positions and s.runs_on(number)]
            for position in range(len(self._walks))
        ]
        for position, walk in enumerate(self._walks):
            rivals = [p for i, p in enumerate(yesterday) if i != position]
            at_war = self._war is not None and position in self._war
            if number:
                _reprice(walk, min(rivals, default=1.0), at_war or bool(scripts[position]))
            _run_promotions(walk)
            _run_stock(walk, number)
            for script in scripts[position]:
                script.move(walk, number)
            _sell(walk, number)
            _edit_listing(walk)
        for walk in self._walks:
            self._share_ratings(walk)
        ranks = self._ranks(number)
        return tuple(
            _state(walk, number, ranks[position], is_calm=self.is_calm)
            for position, walk in enumerate(self._walks)
        )

    def _fight_price_war(self, number: int) -> None:
        """Now and then two products undercut each other for some days."""
        rng = self._random
        if self._war is None:
            if number > 3 and len(self._walks) > 1 and rng.random() < 0.02:
                first, second = rng.sample(range(len(self._walks)), 2)
                self._war, self._war_days = (first, second), rng.randint(5, 11)
            return
        self._war_days -= 1
        attacker = self._walks[self._war[self._war_days % 2]]
        rival = self._walks[self._war[(self._war_days + 1) % 2]]
        share = min(
            attacker.price / attacker.product.anchor,
            rival.price / rival.product.anchor - 0.03,
        )
        attacker.price = attacker.product.charm(attacker.product.anchor * max(0.7, share))
        if self._war_days == 0:
            self._war = None

    def _share_ratings(self, walk: Walk) -> None:
        head = self._walks[walk.product.family]
        if head is not walk:
            walk.rating, walk.rating_count = head.rating, head.rating_count

    def _ranks(self, number: int) -> list[tuple[int, ...]]:
        """Ranks of each product, from the top level down; no two are equal in one node."""
        ranks: list[list[int]] = [[] for _ in self._walks]
        shares = (1.0, *(share for _, _, share in self.group.line.nodes))
        order = sorted(range(len(self._walks)), key=lambda i: _log_rank(self._walks[i]))
        for depth, share in enumerate(shares):
            taken = 0
            for position in order:
                walk = self._walks[position]
                if number < walk.product.launch - 6:
                    continue  # a pre-order that hardly anybody has ordered yet has no rank
                if depth == 1 and not walk.product.has_mid_node:
                    continue
                taken = max(taken + 1, round(math.exp(_log_rank(walk)) * share))
                ranks[position].append(taken)
        return [tuple(r) for r in ranks]


def _scripts(group: SandboxGroup, storyline: Storyline | None) -> tuple[Script, ...]:
    """The storyline's scripts; raises ``ConfigurationError`` for a product that has none."""
    scripts = () if storyline is None else storyline.scripts
    for position in (position for script in scripts for position in script.positions):
        if not 0 <= position < len(group.products):
            raise ConfigurationError(
                f"a storyline of {group.group_id} names product {position}; the group has"
                f" {len(group.products)}, counted from 0"
            )
    return scripts


def _log_rank(walk: Walk) -> float:
    return walk.product.log_rank - walk.demand


def _reprice(walk: Walk, cheapest_rival: float, is_led: bool) -> None:
    """``is_led``: a price war or a script sets the price."""
    rng, product = walk.random, walk.product
    change, noise, reaction = rng.random(), rng.gauss(0.0, 0.07), rng.random()
    if is_led:
        return
    share = walk.price / product.anchor
    if change < product.reprice_chance:
        pace = 0.3 if product.reprice_chance > 0.4 else 0.6
        walk.price = product.charm(product.anchor * (share + pace * (math.exp(noise) - share)))
    elif cheapest_rival < 0.85 * share and reaction < 0.1:
        walk.price = product.charm(product.anchor * max(0.75, share - 0.03))


def _run_promotions(walk: Walk) -> None:
    rng = walk.random
    if walk.deal_days:
        walk.deal_days -= 1
    elif rng.random() < 0.018:
        walk.deal_days, walk.deal_share = rng.randint(2, 7), rng.uniform(0.66, 0.88)
    if walk.coupon_days:
        walk.coupon_days -= 1
        walk.coupon = walk.coupon if walk.coupon_days else None
    elif rng.random() < 0.012:
        walk.coupon_days = rng.randint(4, 14)
        percent, money = rng.choice((5, 10, 15, 20)), rng.choice((1, 2, 3, 5))
        # One dollar, euro or pound; one hundred yen; fifty rupees.
        unit = {"JPY": 100, "INR": 5000}.get(walk.product.currency, 100)
        amount = money * unit
        by_percent = rng.random() < 0.6
        walk.coupon = Coupon(percent, None) if by_percent else Coupon(None, amount)
    if walk.product.has_used:
        start, share = rng.random(), rng.uniform(0.6, 0.85)
        if walk.used_share is None:
            walk.used_share = share if start < 0.1 else None
        elif start < 0.05:
            walk.used_share = None


def _run_stock(walk: Walk, number: int) -> None:
    rng = walk.random
    trouble = rng.random()
    limited, out = rng.randint(2, 4), rng.randint(2, 6)
    if walk.out_days:
        walk.out_days -= 1
        walk.out_since += 1
    elif walk.limited_days:
        walk.limited_days -= 1
        if walk.limited_days == 0 and walk.out_after:
            walk.out_days, walk.out_since, walk.out_after = walk.out_after, 1, 0
    elif number > walk.product.launch:
        walk.out_since = 0
        if trouble < 0.009:
            walk.limited_days, walk.out_after = limited, out
        elif trouble < 0.013:
            walk.out_days, walk.out_since = out, 1
        elif trouble < 0.018:
            walk.limited_days, walk.out_after = limited, 0
    lost, days = rng.random(), rng.randint(1, 2)
    if walk.no_buy_box_days:
        walk.no_buy_box_days -= 1
    elif lost < 0.008 and number > walk.product.launch:
        walk.no_buy_box_days = days
    choice, range_days = rng.random(), rng.randint(1, 2)
    if walk.range_days:
        walk.range_days -= 1
    elif choice < 0.008 and walk.product.has_range_pages and number > walk.product.launch:
        walk.range_days = range_days
    change, seller = rng.random(), rng.randrange(len(walk.product.sellers))
    if change < 0.02:
        walk.seller = seller


def _sell(walk: Walk, number: int) -> None:
    """Demand (the fall of the rank's logarithm) and ratings after one more day."""
    rng, product = walk.random, walk.product
    share = walk.price * (walk.deal_share if walk.deal_days else 1.0) / product.anchor
    pull = -1.4 * math.log(max(share, 0.2))
    if walk.out_days:
        pull -= 0.35 * min(walk.out_since, 6)
    walk.demand += 0.35 * (pull - walk.demand) + rng.gauss(0.0, 0.07)
    news, slide = rng.random(), rng.randint(10, 20)
    step, merge = rng.gauss(0.0, 0.008), rng.random()
    if walk.rating_slide:
        walk.rating_slide -= 1
        walk.rating = max(1.2, walk.rating - 0.03)
    else:
        walk.rating += 0.01 * (product.rating - walk.rating) + step
        if news < 0.004:
            walk.rating_slide = slide
    walk.rating = min(4.9, walk.rating)
    if number < product.launch:
        return
    new = product.ratings_a_day * math.exp(0.5 * walk.demand) * rng.uniform(0.3, 1.7)
    walk.rating_count += 0.0 if walk.out_days else new
    if merge < 0.004:
        walk.rating_count *= 0.72 + 0.2 * rng.random()


def _edit_listing(walk: Walk) -> None:
    rng, listing = walk.random, walk.listing
    edit, what = rng.random(), rng.randrange(5)
    if edit >= 0.015:
        return
    if what == 0:
        listing["title"] += 1
    elif what == 1:
        listing["bullets"] += 1
    elif what == 2:
        listing["count"] = 4 + listing["count"] % 3
    elif what == 3:
        listing["images"] = 4 + (listing["images"] - 3) % 5
    else:
        listing["at"] += 1


def _state(walk: Walk, number: int, ranks: tuple[int, ...], *, is_calm: bool) -> DayState:
    product, listing = walk.product, walk.listing
    price = int(walk.price)
    preorder = number < product.launch
    deal = product.charm(price * walk.deal_share) if walk.deal_days and not preorder else None
    list_price = None
    if product.list_ratio is not None:
        list_price = product.charm(product.anchor * product.list_ratio)
    headline = price if deal is None else deal
    if deal is not None:
        list_price = max(list_price or 0, price)
    if list_price is not None and list_price <= headline:
        list_price = None
    stock = "in_stock"
    if preorder:
        stock = "preorder"
    elif walk.out_days:
        stock = "out_of_stock"
    elif walk.limited_days:
        stock = "limited"
    rated = int(walk.rating_count) > 0
    return DayState(
        price=price,
        deal=deal,
        list_price=list_price,
        coupon=walk.coupon,
        subscription=round(headline * 0.95) if product.has_subscription else None,
        used=None if walk.used_share is None else round(headline * walk.used_share),
        other_offer=product.charm(price * 1.04) if product.has_other_offers else None,
        stock=stock,
        units_left=2 * walk.limited_days - 1 if walk.limited_days else 0,
        buy_box=not walk.no_buy_box_days,
        shows_range=bool(walk.range_days),
        seller=walk.seller,
        delivery="here" if is_calm else _delivery(product, number, stock),
        ranks=ranks,
        rating_tenths=round(walk.rating * 10) if rated else None,
        rating_count=int(walk.rating_count) if rated else None,
        title_variant=listing["title"],
        bullet_variant=listing["bullets"],
        bullet_count=listing["count"],
        image_count=listing["images"],
        image_shift=listing["at"],
    )


def _delivery(product: SandboxProduct, number: int, stock: str) -> str:
    """Two days at a time, from its own stream: it depends on the visitor, not on the market."""
    if stock not in ("in_stock", "limited"):
        return "here"
    rng = stream("delivery", product.key, number // 2)
    if rng.random() >= _REFUSED_DELIVERIES:
        return "here"
    return rng.choice(("refused", "price_only", "no_offer"))
