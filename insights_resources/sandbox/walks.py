"""The moving state of one sandbox product, from which each of its days is read."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from insights_resources.sandbox.product_traits import SandboxProduct


@dataclass(frozen=True)
class Coupon:
    """Per cent of the price, or an amount in minor units; exactly one is set."""

    percent: int | None
    amount: int | None


@dataclass
class Walk:
    """The moving state of one product."""

    product: SandboxProduct
    random: random.Random
    price: float
    deal_share: float = 1.0
    deal_days: int = 0
    coupon: Coupon | None = None
    coupon_days: int = 0
    limited_days: int = 0
    out_days: int = 0
    out_after: int = 0
    out_since: int = 0
    no_buy_box_days: int = 0
    range_days: int = 0
    seller: int = 0
    used_share: float | None = None
    demand: float = 0.0
    rating: float = 0.0
    rating_slide: int = 0
    rating_count: float = 0.0
    listing: dict[str, int] = field(default_factory=dict)
