"""A rule: a condition, the products that it applies to, its severities and its creep.

Rules are rows of ``dim_alert_rules``, which people write too: ``Rule.of_row`` checks all of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd

from insights_assets.alerts.conditions import (
    Change,
    Condition,
    Direction,
    Level,
    SingleTest,
    choice_of,
    fail,
    fields_of,
    is_event,
    number_of,
    parse_condition,
    single_tests,
)
from insights_assets.alerts.measures import (
    BASE_COLUMNS,
    ChangeType,
    Floats,
    signed_change,
)
from insights_resources.errors import InvalidInputError
from insights_resources.marketplaces import ProductKey, parse_product_key

#: Differences of decimal fractions miss a threshold they reach by some 1e-16 (4.5 - 4.2 < 0.3).
TOLERANCE = 1e-9

_RULE_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LONGEST_ID = 64


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True)
class Step:
    """Alerts whose magnitude reaches ``bound`` are of this severity. The bound is a size as
    ``Change.size_of`` gives it, or the value of a level."""

    bound: float
    severity: Severity


@dataclass(frozen=True)
class AppliesTo:
    """The products named, and the members of the groups on each day."""

    groups: tuple[str, ...] = ()
    products: tuple[ProductKey, ...] = ()


@dataclass(frozen=True)
class Rule:
    """A row of ``dim_alert_rules`` that can be evaluated.

    ``severities`` has a step at least, the mildest bound first. ``creep`` is the size of a move of
    the value since the last alert that is one more alert; None: there is none. ``applies_to``
    None: to all products.
    """

    rule_id: str
    name: str
    condition: Condition
    severities: tuple[Step, ...]
    creep: float | None = None
    applies_to: AppliesTo | None = None

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Rule:
        """The rule of a row that people may have written.

        Raises ``InvalidInputError`` naming the rule and the field when it cannot be evaluated.
        """
        rule_id = row["rule_id"]
        try:
            if (
                not isinstance(rule_id, str)
                or not _RULE_ID.fullmatch(rule_id)
                or len(rule_id) > _LONGEST_ID
            ):
                fail(
                    "rule_id",
                    f"must be lower-case letters, digits and single hyphens, at most "
                    f"{_LONGEST_ID} characters",
                )
            name = row["name"]
            if not isinstance(name, str) or not name.strip():
                fail("name", f"must be a text, is {name!r}")
            condition = parse_condition(row["condition"])
            lead = next(single_tests(condition))
            return cls(
                rule_id,
                name,
                condition,
                _severities(row["severities"], lead),
                _creep(row["creep"], lead),
                _applies_to(row["applies_to"]),
            )
        except InvalidInputError as error:
            raise InvalidInputError(
                f"alert rule {rule_id!r}: {error}. Correct or disable it."
            ) from error

    @property
    def lead(self) -> SingleTest:
        """The test that is written first."""
        return next(single_tests(self.condition))

    @property
    def is_event(self) -> bool:
        """Whether its condition is something that happens on a day, and does not last."""
        return is_event(self.condition)

    def moved_since(self, value: Floats, alerted: Floats) -> Floats:
        """The size of the value's move since the last alert; NaN where one is missing, or where
        the rule has no creep."""
        lead = self.lead
        if self.creep is None:
            return np.full(len(value), np.nan)
        if isinstance(lead, Level):
            return alerted - value if lead.is_upper else value - alerted
        if not isinstance(lead, Change):
            raise InvalidInputError(f"alert rule {self.rule_id!r}: creep: its lead has no number")
        return in_direction(signed_change(value, alerted, lead.change), lead.direction)

    def severities_of(self, magnitudes: Floats) -> list[Severity]:
        """Of the highest step that each reaches; of the lowest when it reaches none."""
        sign = -1.0 if _is_upper(self.lead) else 1.0
        bounds = np.array([sign * step.bound for step in self.severities])
        sizes = np.where(np.isnan(magnitudes), -np.inf, sign * magnitudes)
        reached = np.searchsorted(bounds, sizes + TOLERANCE, side="right") - 1
        return [self.severities[max(step, 0)].severity for step in reached]


def in_direction(signed: Floats, direction: Direction) -> Floats:
    """The size of changes that count in this direction: those of the other one are below 0."""
    if direction is Direction.UP:
        return signed
    return -signed if direction is Direction.DOWN else np.abs(signed)


def feature_columns(rules: Iterable[Rule]) -> list[str]:
    """The columns of product features that these rules need."""
    named = {
        column for rule in rules for test in single_tests(rule.condition) for column in test.columns
    }
    return [*BASE_COLUMNS, *sorted(named - set(BASE_COLUMNS))]


def _is_upper(lead: SingleTest) -> bool:
    return isinstance(lead, Level) and lead.is_upper


def _severities(document: Any, lead: SingleTest) -> tuple[Step, ...]:
    where = "severities"
    if not isinstance(document, list | tuple) or not document:
        fail(
            where,
            f"must be a list of steps such as {{at_least: 0, severity: info}}, is {document!r}",
        )
    if not isinstance(lead, Change | Level):
        if len(document) > 1:
            fail(where, "has several steps, but the first condition has no number to go by")
        fields = fields_of(document[0], f"{where}[0]", ["severity"])
        return (Step(0.0, choice_of(fields.get("severity"), Severity, f"{where}[0].severity")),)
    bound = "at_most" if _is_upper(lead) else "at_least"
    steps = []
    for number, step in enumerate(document):
        at = f"{where}[{number}]"
        fields = fields_of(step, at, [bound, "severity"])
        severity = choice_of(fields.get("severity"), Severity, f"{at}.severity")
        steps.append(Step(_size(fields.get(bound), lead, f"{at}.{bound}"), severity))
    steps.sort(key=lambda step: step.bound, reverse=_is_upper(lead))
    if len({step.bound for step in steps}) < len(steps):
        fail(where, "has two steps with the same bound")
    return tuple(steps)


def _size(value: Any, lead: Change | Level, where: str) -> float:
    written = number_of(value, where)
    if isinstance(lead, Level):
        return written
    least = 1.0 if lead.change is ChangeType.FACTOR else 0.0
    if written < least:
        fail(where, f"must be {least:g} or more for {lead.change}, is {written:g}")
    return lead.size_of(written)


def _creep(value: Any, lead: SingleTest) -> float | None:
    # From SQL a missing number may come as NaN.
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return None
    if not isinstance(lead, Change | Level):
        fail("creep", "the first condition has no number that could move on: leave it out")
    if isinstance(lead, Change) and lead.change is ChangeType.SIGMA:
        fail("creep", "the move of a day (sigma) does not creep: leave it out")
    size = _size(value, lead, "creep")
    if not size > 0:
        is_factor = isinstance(lead, Change) and lead.change is ChangeType.FACTOR
        fail("creep", f"must be above {1 if is_factor else 0}, is {value!r}")
    return size


def _applies_to(document: Any) -> AppliesTo | None:
    if document is None:
        return None
    fields = fields_of(document, "applies_to", ["groups", "products"])
    if not fields:
        fail("applies_to", "names no groups and no products; leave it out for all products")
    for name, listed in fields.items():
        if (
            not isinstance(listed, list | tuple)
            or not listed
            or not all(isinstance(item, str) for item in listed)
        ):
            fail(f"applies_to.{name}", f"must be a list of texts, is {listed!r}")
    products = []
    for number, text in enumerate(fields.get("products", ())):
        try:
            products.append(parse_product_key(text))
        except InvalidInputError as error:
            fail(f"applies_to.products[{number}]", str(error))
    return AppliesTo(tuple(fields.get("groups", ())), tuple(products))
