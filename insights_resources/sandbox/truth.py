"""What the pipeline should find in the sandbox: features, scores and alerts, computed apart.

``ExpectedResults`` walks the market's own truth in plain Python loops, by the definitions of the
domain rules, and shares no code with the pipeline. Tests compare whole warehouses with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from insights_resources.marketplaces import ProductKey
from insights_resources.sandbox import expected_alerts, expected_features, expected_scores
from insights_resources.sandbox.market import SandboxMarket
from insights_resources.sandbox.observations import Observations, observe


class ExpectedResults:
    """The results for a market of which the days from first to last were captured.

    Rows are dictionaries with the names of the warehouse's columns. Amounts are floats.
    """

    def __init__(
        self,
        market: SandboxMarket,
        first_day: date,
        last_day: date,
        observations: Observations | None = None,
    ) -> None:
        self.market = market
        self.first_day = first_day
        self.last_day = last_day
        #: Of the market's own truth, or others that were captured in its place.
        self.observations: Observations = observations or observe(market, first_day, last_day)

    @property
    def days(self) -> Iterator[date]:
        for number in range((self.last_day - self.first_day).days + 1):
            yield self.first_day + timedelta(days=number)

    def product_features(self) -> dict[tuple[ProductKey, date], dict[str, Any]]:
        """The rows of ``fact_product_features`` by product and day."""
        rows = {}
        for key, seen in self.observations.items():
            for day in self.days:
                row = expected_features.product_features(seen, day)
                if row is not None:
                    rows[key, day] = row
        return rows

    def rank_features(self) -> dict[tuple[ProductKey, date, str], dict[str, Any]]:
        """The rows of ``fact_rank_features`` by product, day and node key."""
        return {
            (key, day, row["node_key"]): row
            for key, seen in self.observations.items()
            for day in self.days
            for row in expected_features.rank_features(seen, day)
        }

    def scores(self) -> dict[tuple[date, str, ProductKey, str], dict[str, Any]]:
        """The rows of ``fact_competitive_scores`` by day, group, product and method."""
        rows: dict[tuple[date, str, ProductKey, str], dict[str, Any]] = {}
        for group in self.market.groups:
            members = tuple(product.key for product in group.products)
            for day in self.days:
                rows |= self.group_scores(group.group_id, members, day)
        return rows

    def group_scores(
        self, group_id: str, members: tuple[ProductKey, ...], day: date
    ) -> dict[tuple[date, str, ProductKey, str], dict[str, Any]]:
        """Those of one group with these members on a day."""
        return {
            (day, group_id, ProductKey(row["marketplace"], row["asin"]), row["method"]): row
            for row in expected_scores.group_scores(self.observations, members, day)
        }

    def alerts(self) -> dict[ProductKey, list[dict[str, Any]]]:
        """The rows of ``fact_alerts`` by product, in the order of days."""
        return {
            key: expected_alerts.alerts(seen, self.first_day, self.last_day)
            for key, seen in self.observations.items()
        }
