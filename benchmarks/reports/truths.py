"""What is true of a group on the report's day, from the market itself and nothing stored."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from benchmarks.reports.scenarios import LAST_REPORT_DAY, REPORT_DAY, Event
from insights_resources.marketplaces import ProductKey
from insights_resources.sandbox.expected_features import product_features
from insights_resources.sandbox.truth import ExpectedResults

#: Days over which a report may say that something changed.
WINDOWS = (1, 7, 30)
#: Smaller moves are none that a report must tell: of prices (ratio), of ratings (stars).
_PRICE_MOVE, _RATING_MOVE = 0.05, 0.25


@dataclass(frozen=True)
class ProductTruth:
    """``now``: its features of the day; ``overall``: its standard score,
    of the dimensions in ``coverage``. Amounts are in the
    currency's smallest unit; ``prices`` all of the last 30 days."""

    position: int
    name: str
    now: Mapping[str, Any]
    overall: float | None
    price: int | None
    prices: frozenset[int]
    peer_median: int | None
    coverage: str
    is_new_seller: bool
    is_new_listing: bool

    @property
    def is_out(self) -> bool:
        return bool(self.now["availability"] == "out_of_stock")

    def price_change(self, window: int) -> float | None:
        change: float | None = self.now[f"price_change_{window}d"]
        return change


@dataclass(frozen=True)
class GroupTruth:
    name: str
    products: tuple[ProductTruth, ...]

    def bears_out(self, event: Event) -> bool:
        """Whether the pages show what was scripted, at the end of the day. Where the market goes
        on around it, a price may have come back, or have been as low a week before."""
        product = self.products[event.position]
        match event.kind:
            case "price":
                return (product.price_change(7) or 0.0) <= -_PRICE_MOVE
            case "stock":
                return product.is_out
            case "rating":
                return (product.now["rating_change_30d"] or 0.0) <= -_RATING_MOVE
            case "seller":
                return product.is_new_seller
            case "listing":
                return product.is_new_listing

    def values(self, column: str) -> list[float]:
        """The products' values of a feature, where they have one."""
        return [p.now[column] for p in self.products if p.now[column] is not None]


def truth_of(expected: ExpectedResults, group_id: str) -> GroupTruth:
    group = next(group for group in expected.market.groups if group.group_id == group_id)
    keys = tuple(product.key for product in group.products)
    rows = {
        key: row
        for (_, _, key, method), row in expected.group_scores(group_id, keys, REPORT_DAY).items()
        if method == "standard"
    }
    features = {key: product_features(expected.observations[key], REPORT_DAY) or {} for key in keys}

    def minor(key: ProductKey, amount: Decimal | float | None) -> int | None:
        decimals = expected.market.product(key).language.decimals
        return None if amount is None else round(float(amount) * 10**decimals)

    products = []
    for key in keys:
        product, seen = expected.market.product(key), expected.observations[key]
        peer_prices = [
            price
            for asin in rows[key]["peers"]
            if (price := features[ProductKey(key.marketplace, asin)]["price"]) is not None
        ]
        week = [each.snapshot for each in seen if each.day >= LAST_REPORT_DAY]
        products.append(
            ProductTruth(
                position=product.position,
                name=product.label,
                now=features[key],
                overall=rows[key]["overall_score"],
                price=minor(key, features[key]["price"]),
                prices=frozenset(
                    amount
                    for each in seen
                    if (REPORT_DAY - each.day).days <= 30
                    and (amount := minor(key, each.snapshot.price)) is not None
                ),
                peer_median=minor(key, statistics.median(peer_prices)) if peer_prices else None,
                coverage=rows[key]["coverage"],
                is_new_seller=len({page.seller for page in week if page.seller}) > 1,
                is_new_listing=len({(page.title, page.bullets) for page in week}) > 1,
            )
        )
    return GroupTruth(group.name, tuple(products))
