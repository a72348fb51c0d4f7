"""Decides what a tick of the micro-batch sensor launches. No Dagster, no I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True, order=True)
class DayRange:
    """UTC days, both included."""

    first: date
    last: date


def plan_runs(
    changed: Iterable[DayRange], *, reach_days: int, first_day: date, today: date
) -> list[DayRange]:
    """The ranges of days to run, one run each, the newest first.

    A changed day also changes the ``reach_days`` after it, up to today. Ranges that touch become
    one; far apart ones stay apart, so that a page of long ago does not rebuild the years between.
    Days before ``first_day`` have no partition and are left out.
    """
    reached = sorted(
        DayRange(max(days.first, first_day), min(days.last + timedelta(days=reach_days), today))
        for days in changed
        if days.last >= first_day and days.first <= today
    )
    runs: list[DayRange] = []
    for days in reached:
        if runs and days.first <= runs[-1].last + timedelta(days=1):
            runs[-1] = DayRange(runs[-1].first, max(runs[-1].last, days.last))
        else:
            runs.append(days)
    return runs[::-1]
