"""What cache and freshness windows save: 30 days of a mixed workload, and the calls it costs.

``python -m benchmarks.capture_costs [--products N] [--days N] [--reads N] [--requests N]``: every
product is captured once a day and some more often; people ask for products on demand, and the API
reads summaries, both by Zipf's law. Each capture goes through the real capture, the ledger and the
freshness windows to the sandbox's Firecrawl, which counts its calls, on a clock that is moved on;
each read goes through the cache. Without cache and windows each of them would be a call.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from pathlib import Path

from benchmarks.capture import quick_provider
from insights_assets.capture.capture import capture_pages
from insights_assets.capture.freshness import due_products, fresh_products
from insights_assets.catalog.catalog_file import TrackedProduct
from insights_assets.catalog.sync import sync_products
from insights_assets.serving.cached_summaries import read_summary
from insights_assets.serving.product_summaries import rebuild_product_summaries
from insights_assets.snapshots.rebuild import rebuild_snapshots
from insights_resources.cache import Cache
from insights_resources.marketplaces import ProductKey
from insights_resources.page_archive import PageArchive
from insights_resources.page_providers.protocol import PageTarget
from insights_resources.sandbox.firecrawl_server import SandboxFirecrawl
from insights_resources.sandbox.http_server import serving
from insights_resources.sandbox.market import SandboxMarket
from insights_resources.scope import Scope
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.schema import migrate

FIRST = date(2026, 3, 1)
#: The daily batch, and how often products with a window of their own are looked at.
BATCH_AT, DUE_EVERY = timedelta(hours=2, minutes=23), timedelta(minutes=15)
#: Every tenth product is wanted every four hours.
OFTEN, OFTEN_HOURS, USUAL_HOURS = 10, 4, 6


class Clock:
    """The time of the simulation."""

    def __init__(self) -> None:
        self.now = datetime.combine(FIRST, datetime.min.time(), UTC)

    def __call__(self) -> datetime:
        return self.now


class Simulation:
    """The platform's parts on a clock of their own; ``wanted`` counts what would be a call each."""

    def __init__(self, warehouse: Warehouse, folder: Path, products: int) -> None:
        self.clock = Clock()
        self.market = SandboxMarket(seed=7, products=products, first_day=date(2025, 1, 1))
        self.firecrawl = SandboxFirecrawl(self.market, now=self.clock)
        self.warehouse, self.cache = warehouse, Cache(None)
        self.archive = PageArchive(str(folder / "pages"))
        self.wanted = {"scheduled": 0, "on demand": 0, "reads": 0}
        self.called = {"scheduled": 0, "on demand": 0, "reads": 0}
        self.url = ""
        sync_products(
            warehouse,
            "file",
            [
                TrackedProduct(key, None, OFTEN_HOURS if number % OFTEN == 0 else None)
                for number, key in enumerate(self.market.keys)
            ],
        )

    def capture(self, kind: str, keys: list[ProductKey]) -> None:
        """Captures those that are not fresh, as the asset does."""
        now = self.clock.now
        fresh = fresh_products(self.warehouse, keys, hours=USUAL_HOURS, now=now)
        targets = [PageTarget(key, now.date()) for key in keys if key not in fresh]
        before = sum(self.firecrawl.requests.values())
        if targets:
            provider = quick_provider(self.url, now=self.clock)
            capture_pages(provider, self.archive, self.warehouse, targets, run_id=None)
        self.called[kind] += sum(self.firecrawl.requests.values()) - before

    def due(self) -> list[ProductKey]:
        """What the schedule between two batches would capture."""
        return due_products(self.warehouse, hours=USUAL_HOURS, now=self.clock.now)

    def publish(self, day: date) -> None:
        """Parses the day's pages, and brings the summaries up to date."""
        scope = Scope.of_day(day)
        rebuild_snapshots(self.warehouse, self.archive, scope)
        rebuild_product_summaries(self.warehouse, None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--products", type=int, default=60)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--requests", type=int, default=200, help="a day")
    parser.add_argument("--reads", type=int, default=2_000, help="a day")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        warehouse = Warehouse.open(f"sqlite:///{Path(folder) / 'insights.db'}")
        migrate(warehouse)
        simulation = Simulation(warehouse, Path(folder), options.products)
        with serving(simulation.firecrawl) as url:
            simulation.url = url
            began = time.perf_counter()
            run(simulation, options.days, options.requests, options.reads)
        print(
            f"{options.days} days of {options.products} products in "
            f"{time.perf_counter() - began:.0f} s"
        )
        for kind, wanted in simulation.wanted.items():
            called = simulation.called[kind]
            print(f"  {kind:10s} {wanted:8,} wanted, {called:6,} calls")
        wanted, called = sum(simulation.wanted.values()), sum(simulation.called.values())
        print(
            f"  together   {wanted:8,} wanted, {called:6,} calls: {1 - called / wanted:.1%} fewer"
        )
        warehouse.dispose()


def run(simulation: Simulation, days: int, requests: int, reads: int) -> None:
    """Plays the days."""
    chance, keys = random.Random(11), list(simulation.market.keys)
    popularity = list(accumulate(1 / rank for rank in range(1, len(keys) + 1)))
    chance.shuffle(keys)
    often = sum(number % OFTEN == 0 for number in range(len(keys)))
    for number in range(days):
        midnight = datetime.combine(FIRST + timedelta(days=number), datetime.min.time(), UTC)
        events: list[tuple[datetime, str]] = [(midnight + BATCH_AT, "batch")]
        events += [
            (midnight + each * DUE_EVERY, "due") for each in range(timedelta(days=1) // DUE_EVERY)
        ]
        for kind, count in (("request", requests), ("read", reads)):
            events += [
                (midnight + timedelta(seconds=chance.uniform(0, 86_399)), kind)
                for _ in range(count)
            ]
        for at, kind in sorted(events):
            simulation.clock.now = at
            if kind == "batch":
                simulation.wanted["scheduled"] += len(keys)
                simulation.capture("scheduled", keys)
                simulation.publish(at.date())
            elif kind == "due":
                if due := simulation.due():
                    simulation.capture("scheduled", due)
            else:
                (key,) = chance.choices(keys, cum_weights=popularity)
                if kind == "request":
                    simulation.wanted["on demand"] += 1
                    simulation.capture("on demand", [key])
                else:
                    simulation.wanted["reads"] += 1
                    if read_summary(simulation.warehouse, simulation.cache, key) is None:
                        simulation.called["reads"] += 1
        # Without windows those would be captured every four hours as well.
        simulation.wanted["scheduled"] += often * (24 // OFTEN_HOURS)


if __name__ == "__main__":
    main()
