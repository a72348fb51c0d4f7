"""What each writer's reports tell of what happened, and whether all that they tell is true."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.reports.claims import claims, sentences, tells
from benchmarks.reports.platform import capture_history, opened, rebuild_until_reports
from benchmarks.reports.scenarios import (
    FIRST_DAY,
    LAST_REPORT_DAY,
    REPORT_DAY,
    Event,
    Kind,
    Scenario,
    market_of,
    scenarios,
)
from benchmarks.reports.truths import GroupTruth, truth_of
from benchmarks.reports.writers import WRITERS, Published
from insights_assets.reports.rebuild import rebuild_reports
from insights_assets.reports.schema import Report
from insights_resources.sandbox.truth import ExpectedResults
from insights_resources.scope import Scope

#: Facts that say such a thing, by the part of their ids after the product.
_KEYS: dict[Kind, re.Pattern[str]] = {
    "price": re.compile(r"price(?:_change_\d+d|_since_report|_before)?"),
    "stock": re.compile(r"availability(?:_before)?|in_stock_share_30d"),
    "rating": re.compile(r"rating(?:_change_30d|_since_report|_before)?"),
    "seller": re.compile(r"seller\w*"),
    "listing": re.compile(r"listing_changed\w*|title\w*|bullets\w*"),
}
#: Alert rules whose events are of the kind.
_RULES: dict[Kind, tuple[str, ...]] = {
    "price": ("price-move", "price-sigma"),
    "stock": ("out-of-stock",),
    "rating": ("rating-drop",),
    "seller": ("seller-changed",),
    "listing": (),
}


@dataclass(frozen=True)
class Judgement:
    """Of one report: ``told`` of ``events``, sentences, and what of its claims is false."""

    scenario: str
    events: int
    missed: tuple[Event, ...]
    written: int
    verified: int
    claims: int
    false: tuple[str, ...]


def evaluate(writers: Iterable[str], url: str | None, *, eventful: bool, verbose: bool) -> None:
    """Prints a table for each writer, a line for each scenario."""
    told = scenarios(eventful=eventful)
    market = market_of(told)
    expected = ExpectedResults(market, FIRST_DAY, REPORT_DAY)
    with tempfile.TemporaryDirectory() as name, opened(Path(name), url) as warehouse:
        capture_history(warehouse, Path(name), market, FIRST_DAY, REPORT_DAY)
        rebuild_until_reports(warehouse, Scope(FIRST_DAY, REPORT_DAY))
        rebuild_reports(warehouse, Scope.of_day(LAST_REPORT_DAY))
        for writer in writers:
            published = {
                each.group_id: each for each in WRITERS[writer](warehouse, Scope.of_day(REPORT_DAY))
            }
            judged = [
                judge(scenario, published[scenario.group_id], truth_of(expected, scenario.group_id))
                for scenario in told
            ]
            _print(writer, judged, verbose=verbose)
            if verbose:
                for scenario in told:
                    print(f"\n--- {scenario.name}")
                    for read in sentences(
                        published[scenario.group_id].report, truth_of(expected, scenario.group_id)
                    ):
                        print("   ", " ".join(sentence.said for sentence in read))


def judge(scenario: Scenario, published: Published, truth: GroupTruth) -> Judgement:
    found = list(claims(published.report, truth))
    events = [event for event in scenario.events if truth.bears_out(event)]
    return Judgement(
        scenario=scenario.name,
        events=len(events),
        missed=tuple(event for event in events if not _is_told(event, published, truth)),
        written=published.verification["sentences"],
        verified=published.verification["verified"],
        claims=len(found),
        false=tuple(claim for claim, holds in found if not holds),
    )


def _is_told(event: Event, published: Published, truth: GroupTruth) -> bool:
    """By a part of the report that says it and cites a fact of that kind about the product."""
    facts = {fact["id"]: fact for fact in published.facts}
    name = truth.products[event.position].name
    subject = next(
        fact["subject"]
        for fact in published.facts
        if (fact["name"], fact["value"]) == ("name", name)
    )
    for part, read in zip(
        _parts(published.report), sentences(published.report, truth), strict=True
    ):
        cites = any(
            facts[fact_id]["subject"] == subject and _is_of(event.kind, fact_id, facts)
            for fact_id in part.fact_ids
            if fact_id in facts
        )
        if cites and any(tells(sentence, event) for sentence in read):
            return True
    return False


def _is_of(kind: Kind, fact_id: str, facts: Mapping[str, Mapping[str, Any]]) -> bool:
    key = fact_id.rpartition(":")[2]
    event = re.match(r"(.*:event_\d+)(?:_day|_rule)?$", fact_id)
    if event:
        rule = facts.get(f"{event[1]}_rule")
        return rule is not None and rule["value"] in _RULES[kind]
    return _KEYS[kind].fullmatch(key) is not None


def _parts(report: Report) -> list[Any]:
    return [part for section in type(report).model_fields for part in getattr(report, section)]


def _print(writer: str, judged: list[Judgement], *, verbose: bool) -> None:
    print(f"\n{writer}: {'recall':>36} {'verified':>14} {'claims read':>12} {'false':>6}")
    for one in judged:
        recall = f"{one.events - len(one.missed)} of {one.events}" if one.events else "–"
        verified = f"{one.verified} of {one.written}"
        print(f"  {one.scenario:40} {recall:>6} {verified:>14} {one.claims:12} {len(one.false):6}")
        for event in one.missed:
            print(f"      not told: {event}")
        if verbose:
            for claim in one.false:
                print(f"      false: {claim}")
