"""From readings to alerts: a rule's state for each product, walked day by day.

A rule *fires* when its condition becomes true, and is armed again once the condition has been
false. A day that says nothing changes nothing. While the condition lasts, a move of the value by
the rule's creep since the last alert is one more alert: it *crept*. A condition that is an event
fires on each day that it happens on.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from insights_assets.alerts.measures import Bools, Floats
from insights_assets.alerts.readings import product_keys
from insights_assets.alerts.rules import TOLERANCE, Rule

FIRED = "fired"
CREPT = "crept"

_PRODUCT = ["marketplace", "asin"]


@dataclass(frozen=True)
class Walk:
    """What became of a rule's readings.

    ``alerts``: the rows of the readings that are alerts, on their index, with ``transition`` and
    ``last_alerted_value`` (of the alert before it, while the condition lasted; NaN: none).
    ``states``: marketplace, asin, day, is_active, last_alerted_value; a row for each change.
    """

    alerts: pd.DataFrame
    states: pd.DataFrame


def walk(rule: Rule, readings: pd.DataFrame, before: pd.DataFrame) -> Walk:
    """Takes the rule through the readings (see ``readings.evaluate``; one a product and day).

    ``before``: the state that each product begins in (marketplace, asin, is_active,
    last_alerted_value); products that it lacks begin armed.
    """
    known = readings[readings["active"].notna()].sort_values("day", kind="stable")
    codes, products = pd.factorize(np.concatenate([product_keys(before), product_keys(known)]))
    machine = _Machine(rule, len(products))
    begins, row_product = codes[: len(before)], codes[len(before) :]
    machine.active[begins] = before["is_active"].to_numpy(np.bool_)
    machine.last_alerted[begins] = before["last_alerted_value"].to_numpy(np.float64)

    holds = known["active"].to_numpy(np.bool_)
    value = known["value"].to_numpy(np.float64)
    size = len(known)
    fired, crept = np.zeros(size, np.bool_), np.zeros(size, np.bool_)
    changed, alerted_before = np.zeros(size, np.bool_), np.full(size, np.nan)
    alerted_after = np.full(size, np.nan)
    days = known["day"].to_numpy("datetime64[s]")
    bounds = np.unique([0, *(1 + np.flatnonzero(days[1:] != days[:-1])), size])
    for start, stop in itertools.pairwise(bounds):
        rows, who = slice(start, stop), row_product[start:stop]
        alerted_before[rows] = machine.last_alerted[who]
        fired[rows], crept[rows], changed[rows] = machine.step(who, holds[rows], value[rows])
        alerted_after[rows] = machine.last_alerted[who]

    alerts = known.assign(
        transition=np.where(fired, FIRED, CREPT), last_alerted_value=alerted_before
    )
    states = known[[*_PRODUCT, "day"]].assign(
        is_active=pd.array(holds, dtype="boolean"), last_alerted_value=alerted_after
    )
    return Walk(alerts[fired | crept], states[changed].reset_index(drop=True))


class _Machine:
    """A rule's present state for each of some products."""

    def __init__(self, rule: Rule, products: int) -> None:
        self._rule = rule
        self.active: Bools = np.zeros(products, np.bool_)
        self.last_alerted: Floats = np.full(products, np.nan)

    def step(
        self, who: NDArray[np.intp], holds: Bools, value: Floats
    ) -> tuple[Bools, Bools, Bools]:
        """One day of the products ``who``: which fire, which creep, whose state changes."""
        was, last = self.active[who], self.last_alerted[who]
        fired = holds if self._rule.is_event else holds & ~was
        crept = np.zeros(len(who), np.bool_)
        if self._rule.creep is not None and not self._rule.is_event:
            moved_on = self._rule.moved_since(value, last) >= self._rule.creep - TOLERANCE
            crept = holds & was & moved_on
        alerted = np.where(fired | crept, value, np.where(holds, last, np.nan))
        same = (alerted == last) | (np.isnan(alerted) & np.isnan(last))
        self.active[who], self.last_alerted[who] = holds, alerted
        return fired, crept, (holds != was) | ~same
