"""What each writer's reports tell of what happened, and whether all that they tell is true."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
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
    "listing": ("listing-changed",),
}


@dataclass(frozen=True)
class Judgement:
    """Of one report: ``missed`` of ``events``, sentences that were written and held (of the model's
    answer where there was one), those that did not, what of its claims is false, and who wrote it:
    with the reason, where a model was asked in vain."""

    scenario: str
    events: int
    missed: tuple[Event, ...]
    written: int
    verified: int
    dropped: tuple[str, ...]
    claims: int
    false: tuple[str, ...]
    written_by: str
    tokens: int


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
    found, answer = list(claims(published.report, truth)), published.of_the_answer
    events = [event for event in scenario.events if truth.bears_out(event)]
    return Judgement(
        scenario=scenario.name,
        events=len(events),
        missed=tuple(event for event in events if not _is_told(event, published, truth)),
        written=answer["sentences"],
        verified=answer["verified"],
        dropped=tuple(f"{each['sentence']} [{each['reason']}]" for each in answer["dropped"]),
        claims=len(found),
        false=tuple(claim for claim, holds in found if not holds),
        written_by=" ".join(filter(None, (published.writer, published.fallback_reason))),
        tokens=published.tokens,
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
    print(f"\n{writer:42} {'told':>9} {'verified':>14} {'false':>10} {'tokens':>7}  written by")
    for one in judged:
        _print_line(f"  {one.scenario}", [one])
        for event in one.missed:
            print(f"      not told: {event}")
        for claim in one.false:
            print(f"      false: {claim}")
        if verbose:
            for sentence in one.dropped:
                print(f"      dropped: {sentence}")
    _print_line(f"  all as {writer}", judged)


def _print_line(name: str, judged: list[Judgement]) -> None:
    events = sum(one.events for one in judged)
    told = events - sum(len(one.missed) for one in judged)
    recall = f"{told} of {events}" if events else "–"
    verified = f"{sum(one.verified for one in judged)} of {sum(one.written for one in judged)}"
    false = f"{sum(len(one.false) for one in judged)} of {sum(one.claims for one in judged)}"
    writers = Counter(one.written_by for one in judged)
    by = ", ".join(f"{count} {name}" for name, count in writers.items())
    tokens = sum(one.tokens for one in judged)
    print(f"{name:42} {recall:>9} {verified:>14} {false:>10} {tokens:7}  {by}", flush=True)
