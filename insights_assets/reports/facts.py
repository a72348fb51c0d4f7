"""The facts of a group on a day: all that a report may say, with the row and column of each.

Facts hold nothing that changes when equal data is rebuilt (no build ids, no times of work), so
that equal pages give equal reports.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

from insights_assets.competition.formulas import Dimension, Method
from insights_assets.display_names import plain_text, short_name
from insights_assets.reports.change_facts import (
    MOST_EVENTS,
    change_facts,
    event_facts,
    last_report_fact,
)
from insights_assets.reports.fact import (
    SCORES_TABLE,
    Fact,
    Member,
    fact_of,
    score_source,
)
from insights_assets.reports.group_facts import gap_facts, group_facts, lead_facts
from insights_assets.reports.industry_template import GENERIC
from insights_assets.reports.inputs import HISTORY_DAYS, ReportInputs, Row
from insights_assets.reports.product_facts import (
    feature_facts,
    name_facts,
    score_facts,
    subscription_facts,
    what_if_facts,
)
from insights_resources.locales import DEFAULT_LOCALE
from insights_resources.marketplaces import ProductKey
from insights_resources.warehouse.column_types import dump_json


@dataclass(frozen=True)
class AlertLine:
    """An alert of the last ``HISTORY_DAYS``."""

    day: date
    severity: str
    product: ProductKey
    message: str


@dataclass(frozen=True)
class HistoryLine:
    """A member's last days, one value a day (None: missing), oldest first."""

    product: ProductKey
    currency: str | None
    prices: tuple[float | None, ...]
    rank_node: str | None
    ranks: tuple[int | None, ...]


@dataclass(frozen=True)
class FactSheet:
    """All that the report of a group and day is made from."""

    day: date
    group_id: str
    group_name: str
    members: tuple[Member, ...]
    facts: Mapping[str, Fact]
    missing: Mapping[str, Mapping[str, str]]
    alerts: tuple[AlertLine, ...]
    history: tuple[HistoryLine, ...]
    no_data_reason: str | None
    #: Locale (CLDR) of the reader: of numbers, amounts and days.
    locale: str = DEFAULT_LOCALE
    #: Name of the template that chooses what matters in the group's industry.
    industry_template: str = GENERIC

    def get(self, subject: str, key: str) -> Fact | None:
        return self.facts.get(f"{subject}:{key}")

    def number(self, subject: str, key: str) -> float | None:
        """The fact's value as a number; None: there is no such fact."""
        fact = self.get(subject, key)
        return None if fact is None else float(fact.value)

    def text(self, subject: str, key: str) -> str | None:
        fact = self.get(subject, key)
        return None if fact is None else str(fact.value)

    def events(self, subject: str) -> list[str]:
        """The keys of the product's events, the newest first: ``event_1`` ..."""
        numbered = (f"event_{number}" for number in range(1, MOST_EVENTS + 1))
        return [key for key in numbered if self.get(subject, key) is not None]

    def scored(self) -> list[Member]:
        """Members with an overall score: those of ``ranked`` first."""
        return [m for m in self.members if self.get(m.subject, "overall") is not None]

    def ranked(self) -> list[Member]:
        """The members whose overall scores can be compared, the highest first.

        Scores of other dimensions have no place among each other: these are the members with the
        dimensions that most members have (the more dimensions, where as many have others).
        """
        scored = self.scored()
        return [m for m in scored if self._coverage(m) == self._coverage(scored[0])]

    def _coverage(self, member: Member) -> str | None:
        return self.text(member.subject, "coverage")

    def days(self) -> list[date]:
        """The days of ``history``."""
        return [self.day - timedelta(days=back) for back in range(HISTORY_DAYS - 1, -1, -1)]

    def facts_json(self) -> list[dict[str, Any]]:
        return [asdict(fact) for fact in self.facts.values()]

    def digest(self) -> str:
        """SHA-256 of all that the report shows: of the facts, and of charts, alerts and gaps,
        and of how it is written."""
        shown = {
            "facts": self.facts_json(),
            "members": [(m.subject, m.name, m.number, m.is_scored) for m in self.members],
            "missing": self.missing,
            "alerts": [asdict(alert) for alert in self.alerts],
            "history": [asdict(line) for line in self.history],
            "no_data_reason": self.no_data_reason,
            "locale": self.locale,
            "industry_template": self.industry_template,
        }
        return hashlib.sha256(dump_json(shown).encode()).hexdigest()


def fact_sheet(
    inputs: ReportInputs, group_id: str, day: date, locale: str = DEFAULT_LOCALE
) -> FactSheet:
    """The facts of a group with members on that day; ``locale``: of a group that names none."""
    products = inputs.members(group_id, day)
    rows = inputs.scores.get((group_id, day), [])
    by_method = {
        method: {
            ProductKey(row["marketplace"], row["asin"]): row
            for row in rows
            if row["method"] == method.value
        }
        for method in Method
    }
    standard = {key: row for key, row in by_method[Method.STANDARD].items() if key in products}
    group_name = short_name(inputs.groups[group_id])
    names = _names(inputs, products, day, group_name)
    compared = _compared_dimensions(standard.values())
    ordered = sorted(products, key=lambda product: _order(product, standard.get(product), compared))
    members = tuple(
        Member(product, names[product], number, _has_score(standard.get(product)))
        for number, product in enumerate(ordered, start=1)
    )
    alerts = _alerts(inputs, products, day)
    facts: list[Fact] = []
    for member in members:
        score = standard.get(member.product)
        features = inputs.features.get((member.product, day))
        facts += name_facts(inputs, member, day)
        if features is not None:
            facts += feature_facts(member, features, day)
        subscription = inputs.subscriptions.get((member.product, day))
        if subscription is not None:
            facts += subscription_facts(member, subscription, features, day)
        if score is not None:
            facts += score_facts(member, score, day)
            facts += what_if_facts(member, score, day)
        facts += change_facts(inputs, member, score, day, group_id)
        facts += event_facts(inputs, member, alerts, day)
        robust = by_method[Method.ROBUST].get(member.product)
        if robust is not None:
            source = score_source(member, robust, day)
            for key, name, unit, column in (
                ("robust_overall", "robust overall score", "points", "overall_score"),
                ("robust_coverage", "dimensions of the robust score", "text", "coverage"),
            ):
                facts += fact_of(
                    member.subject, key, name, robust[column], unit, SCORES_TABLE, source, column
                )
    facts += group_facts(inputs, group_id, day, members, alerts, standard)
    facts += last_report_fact(inputs, group_id, day)
    facts += lead_facts(members, standard, group_id, day)
    of_day = {
        product: row
        for product in products
        if (row := inputs.features.get((product, day))) is not None
    }
    facts += gap_facts(members, standard, of_day, day)
    return FactSheet(
        day=day,
        group_id=group_id,
        group_name=group_name,
        members=members,
        facts={fact.id: fact for fact in facts},
        missing={
            str(product): dict(row["missing_reasons"])
            for product, row in sorted(standard.items())
            if row["missing_reasons"]
        },
        alerts=tuple(
            AlertLine(
                row["day"],
                row["severity"],
                ProductKey(row["marketplace"], row["asin"]),
                plain_text(row["message"]),
            )
            for row in alerts
        ),
        history=tuple(_history(inputs, member.product, day) for member in members),
        no_data_reason=_no_data_reason(standard),
        locale=inputs.locales.get(group_id, locale),
        industry_template=inputs.templates.get(group_id, GENERIC),
    )


def _has_score(row: Row | None) -> bool:
    return row is not None and any(row[f"{name}_score"] is not None for name in Dimension)


def _compared_dimensions(rows: Iterable[Row]) -> str | None:
    """The coverage that most overall scores have; of as many, the one with more dimensions."""
    counts = Counter(row["coverage"] for row in rows if row["overall_score"] is not None)
    return max(counts, key=lambda each: (counts[each], each.count(","), each), default=None)


def _order(product: ProductKey, row: Row | None, compared: str | None) -> tuple[Any, ...]:
    """Products that can be compared first, by their score; then those with another one."""
    if row is None or row["overall_score"] is None:
        return (2, 0.0, product)
    return (int(row["coverage"] != compared), -row["overall_score"], product)


def _no_data_reason(standard: Mapping[ProductKey, Row]) -> str | None:
    if any(_has_score(row) for row in standard.values()):
        return None
    if not standard:
        return "Nothing has been scored for this group on this day."
    reasons = Counter(
        reason for row in standard.values() for reason in set(row["missing_reasons"].values())
    )
    if set(reasons) <= {"not_captured", "stale_capture"}:
        return (
            "None of the group's products was captured within 48 hours before the end of the day."
        )
    words = ", ".join(reason.replace("_", " ") for reason, _ in sorted(reasons.items()))
    return f"No product of the group could be scored ({words})."


def _names(
    inputs: ReportInputs, products: Sequence[ProductKey], day: date, group_name: str
) -> dict[ProductKey, str]:
    """A name for each, different from all others' and from the group's."""
    names = {
        product: short_name(inputs.labels.get(product) or _title(inputs, product, day))
        or product.asin
        for product in products
    }
    counts = Counter([*names.values(), group_name])
    twice = {name for name, count in counts.items() if count > 1}
    markets = Counter(product.asin for product in products)
    return {
        product: (
            f"{name} [{product if markets[product.asin] > 1 else product.asin}]"
            if name in twice
            else name
        )
        for product, name in names.items()
    }


def _title(inputs: ReportInputs, product: ProductKey, day: date) -> str:
    titled = inputs.title(product, day)
    return "" if titled is None else titled[1]


def _alerts(inputs: ReportInputs, products: Sequence[ProductKey], day: date) -> list[Row]:
    """The members' alerts of the last ``HISTORY_DAYS``, newest first."""
    first = day - timedelta(days=HISTORY_DAYS - 1)
    found = [
        row
        for product in products
        for row in inputs.alerts.get(product, [])
        if first <= row["day"] <= day
    ]
    severity = {"critical": 0, "warning": 1, "info": 2}
    return sorted(
        found,
        key=lambda row: (
            -row["day"].toordinal(),
            severity.get(row["severity"], 3),
            row["alert_id"],
        ),
    )


def _history(inputs: ReportInputs, product: ProductKey, day: date) -> HistoryLine:
    days = [day - timedelta(days=back) for back in range(HISTORY_DAYS - 1, -1, -1)]
    rows = [inputs.features.get((product, each)) for each in days]
    last = rows[-1]
    currency = None if last is None else last["currency"]
    node = None if last is None else last["primary_rank_node"]
    return HistoryLine(
        product,
        currency,
        # Values in another currency or node are not of the same line.
        tuple(
            None
            if row is None or row["price"] is None or row["currency"] != currency
            else int(row["price"]) / 100
            for row in rows
        ),
        node,
        tuple(
            None
            if row is None or row["primary_rank"] is None or row["primary_rank_node"] != node
            else int(row["primary_rank"])
            for row in rows
        ),
    )
