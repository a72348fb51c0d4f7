"""How small a change of a layout the audit of snapshots notices: ``python -m
benchmarks.drift_sensitivity``.

Products of the sandbox, as many as asked for and taken for one marketplace's, on a day and on the
day before; a share of them, drawn anew each time, then loses its price, or has it ten times as
high. Printed is the share of such days that the audit stops.
"""

from __future__ import annotations

import time
from datetime import date, timedelta

import numpy as np

from insights_assets.snapshots.drift import Pairs, judge, pairs_of
from insights_resources.sandbox import SandboxMarket
from tests.unit.snapshots.market_observations import market_observations

FIRST = date(2025, 1, 21)
PRODUCTS = (10, 24, 100)
SHARES = (0.0, 0.1, 0.2, 0.3, 0.5, 0.8)
DRAWS = 100
ASPECTS = {"gone": "price gone", "tenfold": "price jumped"}


def main() -> None:
    began = time.process_time()
    market = SandboxMarket(seed=7, products=600)
    known, new = (
        market_observations(market, [day]).assign(marketplace="one")
        for day in (FIRST, FIRST + timedelta(days=1))
    )
    pairs = pairs_of(new, known)
    random = np.random.default_rng(7)
    for change in ASPECTS:
        print(f"\nprices {change}: products, then by share of them that changed")
        print("        " + "".join(f"{share:>7.0%}" for share in SHARES))
        for products in PRODUCTS:
            stopped = [_stopped(pairs, products, share, change, random) for share in SHARES]
            print(f"{products:>8}" + "".join(f"{part:>7.0%}" for part in stopped))
    print(f"\n{DRAWS} draws each, {time.process_time() - began:.0f} s of processor time")


def _stopped(
    pairs: Pairs, products: int, share: float, change: str, random: np.random.Generator
) -> float:
    stopped = 0
    for _ in range(DRAWS):
        chosen = random.choice(len(pairs), products, replace=False)
        some = Pairs(
            *(frame.iloc[chosen].copy() for frame in (pairs.after, pairs.before, pairs.same_page)),
            is_own=pairs.is_own[chosen],
        )
        hit = random.random(products) < share
        if change == "gone":
            some.after.loc[hit, ["price", "offer"]] = np.nan
        else:
            some.after.loc[hit, ["price", "offer"]] *= 10
        stopped += any(
            drift.aspect == ASPECTS[change] for judged in judge(some) for drift in judged.drifts
        )
    return stopped / DRAWS


if __name__ == "__main__":
    main()
