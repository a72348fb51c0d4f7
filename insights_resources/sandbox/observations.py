"""What the sandbox's pages said over a range of days: the input of the expected results."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from insights_resources.marketplaces import ProductKey
from insights_resources.page_providers.protocol import Verdict
from insights_resources.sandbox.market import SandboxMarket
from insights_resources.sandbox.page_truth import SandboxRank, SnapshotTruth


@dataclass(frozen=True)
class Observation:
    """One capture that shows its product."""

    day: date
    captured_at: datetime
    snapshot: SnapshotTruth


#: Of each product, its observations in the order of their capture.
Observations = dict[ProductKey, list[Observation]]


def observe(market: SandboxMarket, first_day: date, last_day: date) -> Observations:
    """All captures of the days that give a snapshot: robot checks and the like are left out."""
    found: Observations = {}
    for key in market.keys:
        seen = []
        day = first_day
        while day <= last_day:
            for slot in range(market.captures_per_day):
                truth = market.truth(key, day, slot)
                if truth.verdict is Verdict.PRODUCT and truth.snapshot is not None:
                    seen.append(Observation(day, truth.captured_at, truth.snapshot))
            day += timedelta(days=1)
        found[key] = seen
    return found


def node_key(rank: SandboxRank) -> str:
    """The browse node id, or the category's name where the rank is linked to none."""
    return rank.node_id if rank.node_id is not None else f"category:{rank.category}"


def family_asin(snapshot: SnapshotTruth) -> str:
    return snapshot.parent_asin or snapshot.asin
