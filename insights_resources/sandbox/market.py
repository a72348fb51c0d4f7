"""The sandbox marketplace: simulated products, and the truth behind each of their pages."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from insights_resources.errors import ConfigurationError, InvalidInputError
from insights_resources.marketplaces import ProductKey
from insights_resources.page_providers.protocol import Verdict
from insights_resources.sandbox.market_paths import DayState, GroupPath
from insights_resources.sandbox.page_rendering import PageExtras, render_page
from insights_resources.sandbox.page_rendering import not_found_page as render_not_found
from insights_resources.sandbox.page_truth import SandboxRank, SandboxTruth, SnapshotTruth
from insights_resources.sandbox.product_traits import SandboxGroup, SandboxProduct, build_groups
from insights_resources.sandbox.random_streams import stream
from insights_resources.sandbox.storylines import Storyline

_EARLIEST_CAPTURE = timedelta(hours=5)

#: Of a thousand captures: how many meet a robot check, a missing page, another product's page.
_ROBOT_CHECKS, _MISSING, _OTHER_PRODUCT = 20, 2, 3


@dataclass(frozen=True)
class _Place:
    path: GroupPath
    product: SandboxProduct


class SandboxMarket:
    """A deterministic marketplace: the same arguments give the same pages, in any process.

    ``products`` are spread over competitive groups of about six, each in one marketplace. Any day
    from ``first_day`` on has ``captures_per_day`` pages of each product, numbered by slot; a day's
    pages do not depend on which other days are asked for. ``storylines`` script what happens in
    some groups; all others are as they are without.
    """

    def __init__(
        self,
        seed: int = 7,
        products: int = 24,
        first_day: date = date(2025, 1, 1),
        captures_per_day: int = 1,
        storylines: Iterable[Storyline] = (),
    ) -> None:
        if products < 1 or captures_per_day < 1:
            raise ConfigurationError(
                f"the sandbox needs at least one product and one capture a day,"
                f" got {products} and {captures_per_day}"
            )
        if captures_per_day > 17:
            raise ConfigurationError(
                f"the sandbox captures at most 17 times a day, got {captures_per_day}"
            )
        self.seed = seed
        self.first_day = first_day
        self.captures_per_day = captures_per_day
        self.groups: tuple[SandboxGroup, ...] = build_groups(seed, products)
        scripted = {storyline.group_id: storyline for storyline in storylines}
        self._places: dict[ProductKey, _Place] = {}
        for number, group in enumerate(self.groups):
            path = GroupPath(seed, number, group, scripted.pop(group.group_id, None))
            for product in group.products:
                self._places[product.key] = _Place(path, product)
        if scripted:
            raise ConfigurationError(f"the sandbox has no group {', '.join(sorted(scripted))}")

    @property
    def keys(self) -> tuple[ProductKey, ...]:
        """The products, group by group."""
        return tuple(self._places)

    def knows(self, key: ProductKey) -> bool:
        return key in self._places

    def product(self, key: ProductKey) -> SandboxProduct:
        """A product's fixed traits; raises ``InvalidInputError`` for an unknown one."""
        return self._place(key).product

    def captured_at(self, key: ProductKey, day: date, slot: int = 0) -> datetime:
        """When a slot's page is served: 05:00 to 07:00 UTC for slot 0, later slots after it."""
        minute = self._place(key).product.capture_minute
        apart = timedelta(hours=17) / self.captures_per_day
        start = datetime.combine(day, time.min, tzinfo=UTC)
        moment = start + _EARLIEST_CAPTURE + timedelta(minutes=minute, seconds=minute * 7 % 60)
        return (moment + slot * apart).replace(microsecond=0)

    def truth(
        self, key: ProductKey, day: date, slot: int = 0, layout: str | None = None
    ) -> SandboxTruth:
        """What the page of that slot says. Raises ``InvalidInputError`` outside of the market.

        ``layout`` is taken in place of the one in which the product is captured on that day.
        """
        place = self._place(key)
        number = self._day_number(day, slot)
        # Each page of a calm group is served.
        chance = 1000
        if not place.path.is_calm:
            chance = stream(self.seed, "page", key, day, slot).randrange(1000)
        verdict, shown = Verdict.PRODUCT, place.product
        snapshot: SnapshotTruth | None = None
        if chance < _ROBOT_CHECKS:
            verdict = Verdict.BLOCKED
        elif chance < _ROBOT_CHECKS + _MISSING:
            verdict = Verdict.NOT_FOUND
        elif chance < _ROBOT_CHECKS + _MISSING + _OTHER_PRODUCT and self._sibling(place):
            verdict, shown = Verdict.OTHER, self._sibling(place) or shown
        else:
            state = self._state(place, number, day, slot)
            snapshot = _snapshot(place.product, state, layout or shown.layout_on(number))
        about_product = verdict in (Verdict.PRODUCT, Verdict.OTHER)
        return SandboxTruth(
            key=key,
            day=day,
            slot=slot,
            captured_at=self.captured_at(key, day, slot),
            verdict=verdict,
            http_status=404 if verdict is Verdict.NOT_FOUND else 200,
            layout=layout or shown.layout_on(number),
            shown_asin=shown.key.asin if about_product else None,
            snapshot=snapshot,
        )

    def page(self, key: ProductKey, day: date, slot: int = 0, layout: str | None = None) -> bytes:
        """The bytes of that slot's page; UTF-8. ``layout`` as in ``truth``."""
        truth = self.truth(key, day, slot, layout)
        place = self._place(key)
        number = self._day_number(day, slot)
        if truth.verdict is Verdict.OTHER:
            place = self._place(ProductKey(key.marketplace, truth.shown_asin or key.asin))
        state = self._state(place, number, day, slot)
        snapshot = _snapshot(place.product, state, truth.layout)
        product = place.product
        return render_page(
            product,
            snapshot,
            truth,
            PageExtras(
                day=day,
                deal=state.deal is not None,
                regular_price=product.amount(state.price),
                units_left=state.units_left,
                delivery=_delivery(state),
                release_day=self.first_day + timedelta(days=product.launch),
                details_form=product.details_form,
                neighbours=tuple(
                    (p.key.asin, p.label, p.amount(s.headline))
                    for p, s in zip(place.path.group.products, place.path.on(number), strict=True)
                    if p.key != product.key
                ),
            ),
        )

    def not_found_page(self, marketplace: str) -> bytes:
        """What an ASIN that the market does not have gets."""
        return render_not_found(marketplace)

    def _place(self, key: ProductKey) -> _Place:
        place = self._places.get(key)
        if place is None:
            raise InvalidInputError(f"the sandbox has no product {key}")
        return place

    def _sibling(self, place: _Place) -> SandboxProduct | None:
        """The product that a redirect leads to: the next one of its group."""
        products = place.path.group.products
        if len(products) < 2:
            return None
        return products[(place.product.position + 1) % len(products)]

    def _day_number(self, day: date, slot: int) -> int:
        number = (day - self.first_day).days
        if number < 0:
            raise InvalidInputError(f"the sandbox opens on {self.first_day}; it has no {day}")
        if not 0 <= slot < self.captures_per_day:
            raise InvalidInputError(
                f"the sandbox captures {self.captures_per_day} times a day; it has no slot {slot}"
            )
        return number

    def _state(self, place: _Place, number: int, day: date, slot: int) -> DayState:
        """The day's state; later slots move a little within the day."""
        state = place.path.on(number)[place.product.position]
        if slot == 0 or place.path.is_calm:
            return state
        rng = stream(self.seed, "slot", place.product.key, day, slot)
        ranks = tuple(max(1, round(r * math.exp(rng.gauss(0.0, 0.04)))) for r in state.ranks)
        price = state.price
        if state.deal is None and rng.random() < 0.1:
            price = place.product.charm(price * rng.uniform(0.95, 1.04))
        list_price = state.list_price
        if list_price is not None and list_price <= price:
            list_price = None
        subscription = state.subscription
        if subscription is not None and state.deal is None:
            subscription = round(price * 0.95)
        return replace(
            state, ranks=ranks, price=price, list_price=list_price, subscription=subscription
        )


def _delivery(state: DayState) -> str:
    """Only a page that offers the product refuses its delivery."""
    return state.delivery if state.buy_box and not state.shows_range else "here"


def _snapshot(product: SandboxProduct, state: DayState, layout: str) -> SnapshotTruth:
    """What a page in this state shows: parts that a real page leaves out are None here.

    An item that is not delivered to the visitor costs what the page says it costs, for any buyer
    elsewhere pays that. Its stock is what the page says of it: labelled real pages that refuse the
    delivery and say "in stock" are in stock. Where the refusal stands in the stock's place it is
    unknown, never out of stock: the item is sold, only not to there.
    """

    def money(minor: int | None) -> Decimal | None:
        return None if minor is None else product.amount(minor)

    reason = None
    if state.stock == "out_of_stock":
        reason = "out_of_stock"
    elif not state.buy_box:
        reason = "no_buy_box"
    elif state.shows_range:
        reason = "variation_range"
    delivery = _delivery(state)
    if delivery == "no_offer":
        reason = "not_on_page"
    sold = reason is None
    # What may be chosen or clipped beside the offer, which nobody may order here otherwise.
    has_options = sold and state.stock != "preorder" and delivery == "here"
    preorder = state.stock == "preorder"
    says_stock = sold and delivery != "price_only"
    availability = state.stock if says_stock or reason == "out_of_stock" else "unknown"
    used = state.used if has_options else None
    # One line names the lowest of the other offers: the used one, where there is one.
    offers = None
    if sold and not preorder:
        offers = used if used is not None else state.other_offer
    elif reason == "no_buy_box":
        offers = state.other_offer or product.charm(state.price * 1.04)
    coupon = None
    if has_options and state.coupon is not None:
        if state.coupon.percent is not None:
            coupon = product.language.percentage(state.coupon.percent)
        else:
            coupon = product.language.modern(product.amount(state.coupon.amount or 0))
        coupon = " ".join(coupon.split())
    line = product.line
    nodes = [(line.top_category, None), *((name, node) for name, node, _ in line.nodes)]
    if not product.has_mid_node:
        nodes.pop(1)
    images = [
        product.image_ids[(state.image_shift + i) % len(product.image_ids)]
        for i in range(state.image_count)
    ]
    return SnapshotTruth(
        marketplace=product.key.marketplace,
        asin=product.key.asin,
        title=product.title(state.title_variant),
        currency=product.currency,
        brand=product.brand,
        price=money(state.headline) if sold else None,
        price_min=money(state.price) if reason == "variation_range" else None,
        price_max=(
            money(product.charm(state.price * 1.35)) if reason == "variation_range" else None
        ),
        price_missing_reason=reason,
        list_price=money(state.list_price) if sold else None,
        coupon=coupon,
        subscribe_save_price=money(state.subscription) if has_options else None,
        used_price=money(used),
        offers_from=money(offers),
        rating=None if state.rating_tenths is None else Decimal(state.rating_tenths) / 10,
        rating_count=state.rating_count,
        bsr=tuple(
            SandboxRank(category, node, rank)
            for (category, node), rank in zip(nodes, state.ranks, strict=False)
        ),
        availability=availability,
        seller=product.sellers[state.seller] if says_stock else None,
        bullets=product.bullets(state.bullet_variant, state.bullet_count),
        attributes=product.attributes,
        description=product.description,
        images=tuple(
            f"https://m.media-amazon.com/images/I/{image}._AC_SL1500_.jpg" for image in images
        ),
        breadcrumbs=() if layout == "mobile" else line.breadcrumbs,
        parent_asin=product.parent_asin,
    )
