"""A rule over history, before it is enabled: how often it would have fired, and on what."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date

import pandas as pd
from sqlalchemy import select

from insights_assets.alerts.evaluation import (
    Counts,
    evaluate_rules,
    features_range,
    states_before,
)
from insights_assets.alerts.rules import Rule, Severity
from insights_resources.errors import InvalidInputError
from insights_resources.marketplaces import ProductKey
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse


@dataclass(frozen=True)
class Replay:
    """What a rule says of a range of days. ``alerts`` are rows of ``fact_alerts``, by day."""

    rule: Rule
    scope: Scope
    counts: Counts
    alerts: pd.DataFrame

    @property
    def by_severity(self) -> dict[Severity, int]:
        """The alerts of each severity that occurs, the gravest first."""
        counts = self.alerts["severity"].value_counts()
        return {step: int(counts[step]) for step in reversed(Severity) if step in counts.index}

    @property
    def by_product(self) -> list[tuple[ProductKey, int]]:
        """The alerts of each product that has any, most first."""
        counts = Counter(
            ProductKey(*key)
            for key in zip(self.alerts["marketplace"], self.alerts["asin"], strict=True)
        )
        return sorted(counts.items(), key=lambda item: (-item[1], item[0]))

    @property
    def by_day(self) -> dict[date, int]:
        """The alerts of each day that has any, in order."""
        counts = self.alerts["day"].dt.date.value_counts().sort_index()
        return {day: int(count) for day, count in counts.items()}

    @property
    def peak(self) -> tuple[date, int] | None:
        """The day with most alerts, the first of equal ones."""
        by_day = self.by_day
        return max(by_day.items(), key=lambda item: item[1]) if by_day else None


def stored_rule(warehouse: Warehouse, rule_id: str) -> Rule:
    """The rule with this id, enabled or not; raises ``InvalidInputError``."""
    table = tables.alert_rules
    with warehouse.read() as connection:
        row = connection.execute(select(table).where(table.c.rule_id == rule_id)).first()
        known = connection.scalars(select(table.c.rule_id).order_by(table.c.rule_id)).all()
    if row is None:
        raise InvalidInputError(
            f"no alert rule {rule_id!r}; known are {', '.join(known) or 'none yet'}"
        )
    return Rule.of_row(row._asdict())


def replay(
    warehouse: Warehouse,
    rule: Rule,
    first_day: date,
    last_day: date | None = None,
    *,
    goes_on: bool = False,
) -> Replay:
    """Evaluates the rule over the stored features of these days (``last_day`` None: up to the
    last one), as a rebuild would, and writes nothing.

    ``goes_on``: it begins in the rule's stored states, as the alerts of an enabled rule did;
    otherwise armed. Raises ``InvalidInputError`` when there are no features, or for a rule whose
    group is not known.
    """
    days = features_range(warehouse)
    if days is None:
        raise InvalidInputError(
            "there are no features to replay over yet: run insights demo, or insights backfill"
        )
    if last_day is None and first_day > days[1]:
        raise InvalidInputError(f"{first_day} is after the last day with features, {days[1]}")
    scope = Scope(first_day, last_day or days[1])
    before = states_before(warehouse, scope, [rule.rule_id] if goes_on else [])
    evaluation = evaluate_rules(warehouse, [rule], scope, before)
    alerts = evaluation.alerts.sort_values(["day", "marketplace", "asin"], ignore_index=True)
    return Replay(rule, scope, evaluation.counts[rule.rule_id], alerts)
