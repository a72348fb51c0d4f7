"""The facts of what has changed: since the last report, and the events of the last days."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from insights_assets.reports.fact import (
    FEATURES_TABLE,
    GROUP,
    SCORES_TABLE,
    Fact,
    Member,
    fact_of,
    product_source,
    score_source,
)
from insights_assets.reports.group_facts import ALERT_DAYS
from insights_assets.reports.inputs import ReportInputs, Row
from insights_resources.warehouse.frames import from_minor

ALERTS_TABLE = "fact_alerts"
#: Events of one product that are facts; the others are counted.
MOST_EVENTS = 5
#: What is told of a day whose listing is another than before.
_NEW_LISTING = "The listing (title, bullets, images or description) changed."
#: The default rule of a new seller in the buy box, and what stands in place of a rule for that.
SELLER_RULE = "seller-changed"
LISTING_RULE = "listing-changed"


def last_report_fact(inputs: ReportInputs, group_id: str, day: date) -> Iterator[Fact]:
    """The day that changes are told since; none: there is no report near enough."""
    last = inputs.last_report(group_id, day)
    source = {"group_id": group_id, "day": str(last)}
    name = "day of the last report"
    yield from fact_of(GROUP, "last_report", name, last, "date", SCORES_TABLE, source, "day")


def change_facts(
    inputs: ReportInputs, member: Member, score: Row | None, day: date, group_id: str
) -> Iterator[Fact]:
    """What the product was at the last report, and how far it has moved since."""
    last = inputs.last_report(group_id, day)
    if last is None:
        return
    standing = inputs.standings[group_id, last].get(member.product)
    if standing is not None and score is not None:
        yield from _score_changes(member, score, standing, last)
    now, before = (inputs.features.get((member.product, each)) for each in (day, last))
    if now is not None and before is not None:
        yield from _page_changes(member, now, before, last)


def _score_changes(member: Member, score: Row, standing: Row, last: date) -> Iterator[Fact]:
    source = score_source(member, score, last)

    def fact(key: str, name: str, value: object, unit: str, column: str) -> Iterator[Fact]:
        yield from fact_of(member.subject, key, name, value, unit, SCORES_TABLE, source, column)

    before, overall = standing["overall_score"], score["overall_score"]
    # Scores of other dimensions do not follow one another, nor do places among them.
    if before is None or overall is None or standing["coverage"] != score["coverage"]:
        return
    yield from fact(
        "position_before", "place at the last report", standing["position"], "count", "position"
    )
    yield from fact(
        "overall_before", "overall score at the last report", before, "points", "overall_score"
    )
    yield from fact(
        "overall_change",
        "change of the overall score since the last report",
        round(overall - before, 2),
        "points",
        "overall_score of the report's day - overall_score",
    )


def _page_changes(member: Member, now: Row, before: Row, last: date) -> Iterator[Fact]:
    source = product_source(member, last)

    def fact(key: str, name: str, value: object, unit: str, column: str) -> Iterator[Fact]:
        yield from fact_of(member.subject, key, name, value, unit, FEATURES_TABLE, source, column)

    yield from fact(
        "availability_before",
        "availability at the last report",
        before["availability"],
        "text",
        "availability",
    )
    if before["currency"] is None or before["price"] is None:
        return
    yield from fact(
        "price_before",
        "price at the last report",
        from_minor(before["price"]),
        before["currency"],
        "price",
    )
    if now["price"] is not None and now["currency"] == before["currency"]:
        yield from fact(
            "price_since_report",
            "price change since the last report",
            now["price"] / before["price"] - 1,
            "ratio",
            "price of the report's day / price - 1",
        )


@dataclass(frozen=True)
class _Event:
    """``columns``: those of the table's row of the day that ``text`` and ``rule`` come from."""

    day: date
    text: str
    rule: str
    table: str
    columns: tuple[str, str]
    alert: dict[str, str] = field(default_factory=dict)


def event_facts(
    inputs: ReportInputs, member: Member, alerts: Sequence[Row], day: date
) -> Iterator[Fact]:
    """What happened to the product in the last ``ALERT_DAYS``, newest first, by which rule and
    when: its alerts, and changes of its listing, which no rule need watch."""
    first = day - timedelta(days=ALERT_DAYS - 1)
    events = [
        _Event(
            row["day"],
            row["message"],
            row["rule_id"],
            ALERTS_TABLE,
            ("message", "rule_id"),
            {"alert_id": row["alert_id"]},
        )
        for row in alerts
        if row["day"] >= first and (row["marketplace"], row["asin"]) == tuple(member.product)
    ]
    for each in (first + timedelta(days=number) for number in range(ALERT_DAYS)):
        features = inputs.features.get((member.product, each))
        if features is not None and features["listing_changed"]:
            columns = ("listing_changed is true",) * 2
            events.append(_Event(each, _NEW_LISTING, LISTING_RULE, FEATURES_TABLE, columns))
    events.sort(key=lambda event: event.day, reverse=True)
    for number, event in enumerate(events[:MOST_EVENTS], start=1):
        source = product_source(member, event.day) | event.alert
        text_column, rule_column = event.columns
        for suffix, name, value, unit, column in (
            ("", "event", event.text, "text", text_column),
            ("_rule", "rule of the event", event.rule, "text", rule_column),
            ("_day", "day of the event", event.day, "date", "day"),
        ):
            key = f"event_{number}{suffix}"
            yield from fact_of(member.subject, key, name, value, unit, event.table, source, column)
