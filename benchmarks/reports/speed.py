"""Seconds from features to stored reports, of the clock and of the processor.

A busy machine inflates the former. With a model, its answers take as long as is said, and the
sandbox's server works in the same process.
"""

from __future__ import annotations

import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from sqlalchemy import func

from benchmarks.reports.platform import capture_history, opened, rebuild_until_reports
from benchmarks.reports.sandbox_writer import asking, sandbox_model
from benchmarks.reports.scenarios import FIRST_DAY, SEED
from insights_assets.reports.rebuild import rebuild_reports
from insights_resources.sandbox import SandboxMarket
from insights_resources.sandbox.product_traits import GROUP_SIZE
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import select_current

#: Makes the stored reports of a scope.
Reporter = Callable[[Warehouse, Scope], object]

#: Days that are captured for one group, and for many: reports look back on 30.
_DAYS_OF_ONE, _DAYS_OF_MANY = 38, 8


def with_a_model(model_seconds: float, workers: int) -> Reporter:
    """Reports of a model whose answers take so long, so many at once."""

    def report(warehouse: Warehouse, scope: Scope) -> None:
        server = sandbox_model(latency=model_seconds)
        with asking(warehouse, server, "sandbox", workers=workers) as writer:
            rebuild_reports(warehouse, scope, model_writer=writer)

    return report


def measure(groups: int, runs: int, url: str | None, reporter: Reporter = rebuild_reports) -> None:
    """Prints the median of one group over several days (``runs``), each for the first time, then of
    many groups on one day; of none of them where their number is 0."""
    if runs:
        _measure_one(runs, url, reporter)
    if groups and url is None:
        _measure_many(groups, reporter)


def _measure_one(runs: int, url: str | None, reporter: Reporter) -> None:
    with tempfile.TemporaryDirectory() as name, opened(Path(name), url) as warehouse:
        days = _DAYS_OF_ONE + runs
        seconds = _seconds(warehouse, Path(name), 1, days, runs, reporter)
        clock, processor = (statistics.median(each) for each in zip(*seconds, strict=True))
        print(
            f"one group of {GROUP_SIZE}, features to stored report: median of {runs} {clock:.2f} s"
            f" (CPU {processor:.2f} s), longest {max(seconds)[0]:.2f} s",
            flush=True,
        )


def _measure_many(groups: int, reporter: Reporter) -> None:
    with tempfile.TemporaryDirectory() as name, opened(Path(name)) as warehouse:
        ((clock, processor),) = _seconds(warehouse, Path(name), groups, _DAYS_OF_MANY, 1, reporter)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{groups} groups in one run ({_written(warehouse)}): {clock:.1f} s "
            f"(CPU {processor:.1f} s), {1000 * processor / groups:.0f} ms of CPU a group, "
            f"peak memory {peak:.0f} MiB"
        )


def _written(warehouse: Warehouse) -> str:
    """How many of the reports are whose."""
    table = tables.competitive_reports
    query = select_current(table, table.c.writer, func.count()).group_by(table.c.writer)
    with warehouse.read() as connection:
        return ", ".join(f"{count} by {writer}" for writer, count in connection.execute(query))


def _seconds(
    warehouse: Warehouse, folder: Path, groups: int, days: int, runs: int, reporter: Reporter
) -> list[tuple[float, float]]:
    """Of the clock and of the processor, for each of the last days, after a history without it."""
    market = SandboxMarket(SEED, groups * GROUP_SIZE, FIRST_DAY)
    last = FIRST_DAY + timedelta(days=days - 1)
    capture_history(warehouse, folder, market, FIRST_DAY, last)
    before = last - timedelta(days=runs)
    rebuild_until_reports(warehouse, Scope(FIRST_DAY, before))
    seconds = []
    for number in range(1, runs + 1):
        scope = Scope.of_day(before + timedelta(days=number))
        began, began_cpu = time.perf_counter(), time.process_time()
        rebuild_until_reports(warehouse, scope)
        reporter(warehouse, scope)
        seconds.append((time.perf_counter() - began, time.process_time() - began_cpu))
    return seconds
