"""Whether every group has its report when the model is down for the whole run: its server does not
run, or fails each time."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

from sqlalchemy import func, select

from benchmarks.reports.platform import capture_history, opened, rebuild_until_reports
from benchmarks.reports.sandbox_writer import asking, model_writer, sandbox_model
from benchmarks.reports.scenarios import FIRST_DAY, SEED
from insights_assets.reports.rebuild import rebuild_reports
from insights_resources.sandbox import SandboxMarket
from insights_resources.sandbox.faults import ModelFault
from insights_resources.sandbox.http_server import serving
from insights_resources.sandbox.product_traits import GROUP_SIZE
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import is_current

_DAYS = 3


def measure(groups: int, url: str | None) -> None:
    """Prints for each way to be down how many of the groups have a report, who wrote it and why;
    fails when one has none."""
    market = SandboxMarket(SEED, groups * GROUP_SIZE, FIRST_DAY)
    last = FIRST_DAY + timedelta(days=_DAYS - 1)
    with tempfile.TemporaryDirectory() as name, opened(Path(name), url) as warehouse:
        capture_history(warehouse, Path(name), market, FIRST_DAY, last)
        rebuild_until_reports(warehouse, Scope(FIRST_DAY, last))
        # Each on a day of its own, so that each writes all of its reports.
        for number, (how, reporter) in enumerate(
            (("stopped", _stopped), ("HTTP 500", _failing)), start=1
        ):
            scope = Scope.of_day(FIRST_DAY + timedelta(days=number))
            began, began_cpu = time.perf_counter(), time.process_time()
            reporter(warehouse, scope)
            seconds, cpu = time.perf_counter() - began, time.process_time() - began_cpu
            found = _found(warehouse, scope)
            told = ", ".join(f"{count} {kind}" for kind, count in found.items())
            print(
                f"{how}: {found.total()} of {groups} groups have a report ({told}) "
                f"after {seconds:.1f} s (CPU {cpu:.1f} s)",
                flush=True,
            )
            if found.total() != groups:
                raise AssertionError(f"{groups - found.total()} groups have no report")


def _stopped(warehouse: Warehouse, scope: Scope) -> None:
    with serving(sandbox_model()) as url:
        pass
    rebuild_reports(warehouse, scope, model_writer=model_writer(warehouse, url, "stopped"))


def _failing(warehouse: Warehouse, scope: Scope) -> None:
    with asking(warehouse, sandbox_model(fault=ModelFault.SERVER_ERROR), "failing") as writer:
        rebuild_reports(warehouse, scope, model_writer=writer)


def _found(warehouse: Warehouse, scope: Scope) -> Counter[str]:
    """Reports of the day by status, writer and reason."""
    table = tables.competitive_reports
    kind = (table.c.status, table.c.writer, func.coalesce(table.c.fallback_reason, "asked"))
    query = (
        select(*kind, func.count())
        .where(is_current(table), table.c.day == scope.first_day)
        .group_by(*kind)
    )
    with warehouse.read() as connection:
        rows = connection.execute(query)
        return Counter({f"{a} {by} {why}": count for a, by, why, count in rows})
