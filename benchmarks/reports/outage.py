"""Whether every group has its report when the model is down for the whole run."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

from sqlalchemy import func, select

from benchmarks.reports.platform import capture_history, opened, rebuild_until_reports
from benchmarks.reports.scenarios import FIRST_DAY, SEED
from benchmarks.reports.speed import Reporter
from insights_assets.reports.rebuild import rebuild_reports
from insights_resources.sandbox import SandboxMarket
from insights_resources.sandbox.product_traits import GROUP_SIZE
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.publication import is_current

_DAYS = 3


def measure(groups: int, url: str | None, reporter: Reporter = rebuild_reports) -> None:
    """Prints how many of the groups have a report, and who wrote it; fails when one has none.

    ``reporter`` rebuilds with a model that does not answer; without one there is none to ask.
    """
    market = SandboxMarket(SEED, groups * GROUP_SIZE, FIRST_DAY)
    last = FIRST_DAY + timedelta(days=_DAYS - 1)
    with tempfile.TemporaryDirectory() as name, opened(Path(name), url) as warehouse:
        capture_history(warehouse, Path(name), market, FIRST_DAY, last)
        rebuild_until_reports(warehouse, Scope(FIRST_DAY, last))
        began, began_cpu = time.perf_counter(), time.process_time()
        reporter(warehouse, Scope.of_day(last))
        seconds, cpu = time.perf_counter() - began, time.process_time() - began_cpu
        table = tables.competitive_reports
        query = (
            select(table.c.writer, table.c.status, func.count())
            .where(is_current(table), table.c.day == last)
            .group_by(table.c.writer, table.c.status)
        )
        with warehouse.read() as connection:
            found = Counter(
                {(writer, status): count for writer, status, count in connection.execute(query)}
            )
    told = ", ".join(f"{count} {status} by {writer}" for (writer, status), count in found.items())
    print(
        f"{found.total()} of {groups} groups have a report ({told}) "
        f"after {seconds:.1f} s (CPU {cpu:.1f} s)"
    )
    if found.total() != groups:
        raise AssertionError(f"{groups - found.total()} groups have no report")
