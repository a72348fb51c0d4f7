"""The parser reads the sandbox: every field of every page, as the truth has it."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta

import pytest

from insights_assets.snapshots.parser import parse_page
from insights_resources.page_providers.protocol import Verdict
from insights_resources.sandbox.market import SandboxMarket
from tests.unit.sandbox_comparison import misread_fields

FIRST = date(2025, 1, 1)


def differences(market: SandboxMarket, days: range, slot: int = 0) -> list[str]:
    """What the parser reads otherwise than it is, in words."""
    wrong = []
    for key in market.keys:
        for number in days:
            day = FIRST + timedelta(days=number)
            truth = market.truth(key, day, slot)
            parsed = parse_page(market.page(key, day, slot), target=key)
            where = f"{key} {day} {truth.layout}"
            if parsed.verdict is not truth.verdict:
                wrong.append(f"{where}: {parsed.verdict} {parsed.reason} is {truth.verdict}")
                continue
            if parsed.asin != truth.shown_asin and truth.verdict is not Verdict.BLOCKED:
                wrong.append(f"{where}: the page's ASIN is {truth.shown_asin}, not {parsed.asin}")
            assert (parsed.snapshot is None) == (truth.snapshot is None)
            if parsed.snapshot is None or truth.snapshot is None:
                continue
            for misread in misread_fields(parsed.snapshot, truth.snapshot):
                wrong.append(f"{where}: {misread}")
    return wrong


def report(wrong: list[str]) -> str:
    """How many of each kind, and three examples of each."""
    kinds: dict[str, list[str]] = defaultdict(list)
    for line in wrong:
        kinds[line.split(": ", 1)[1].split()[0]].append(line)
    lines = [f"{len(wrong)} differences"]
    for kind, examples in kinds.items():
        lines += [f"{kind}: {len(examples)}", *examples[:: len(examples) // 3 or 1][:3]]
    return "\n".join(lines)


@pytest.mark.slow
def test_every_field_of_forty_days() -> None:
    wrong = differences(SandboxMarket(), range(40))
    assert not wrong, report(wrong)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_field_with_other_seeds_and_marketplaces(seed: int) -> None:
    """36 products: two more marketplaces and other draws of everything."""
    wrong = differences(SandboxMarket(seed=seed, products=36), range(20, 100, 9))
    assert not wrong, report(wrong)


def test_every_field_of_a_later_slot() -> None:
    wrong = differences(SandboxMarket(seed=4, captures_per_day=3), range(0, 60, 6), slot=2)
    assert not wrong, report(wrong)
