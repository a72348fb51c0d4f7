"""Decides what a tick of the micro-batch sensor launches. No Dagster, no I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

#: More failures in a row than this no longer lengthen the pause: 5 minutes become 5 hours.
LONGEST_ROW = 7


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


def time_of_next_try(failures: int, failed_at: datetime, seconds: int) -> datetime:
    """When to try again after so many failures in a row: at once after the first (a process may
    just have died), then after a pause that doubles with each."""
    if failures < 2:
        return failed_at
    return failed_at + timedelta(seconds=seconds * 2 ** (min(failures, LONGEST_ROW) - 1))
