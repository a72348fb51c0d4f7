"""Who may write the reports that are judged: each gives what would be published of a day."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from benchmarks.reports.model_answers import ANSWERS
from insights_assets.reports.facts import fact_sheet
from insights_assets.reports.inputs import groups_in_scope, read_inputs
from insights_assets.reports.rebuild import rebuild_reports
from insights_assets.reports.schema import Report
from insights_assets.reports.verification import verify_report
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import is_current


@dataclass(frozen=True)
class Published:
    """A report as it was published: without the sentences that verification dropped."""

    group_id: str
    report: Report
    facts: Sequence[Mapping[str, Any]]
    verification: Mapping[str, Any]


#: Rebuilds the reports of a scope of one day.
Writer = Callable[[Warehouse, Scope], list[Published]]


def structured(warehouse: Warehouse, scope: Scope) -> list[Published]:
    """The platform's own reports, from the warehouse."""
    rebuild_reports(warehouse, scope)
    return stored(warehouse, scope)


def stored(warehouse: Warehouse, scope: Scope) -> list[Published]:
    table = tables.competitive_reports
    columns = (table.c.group_id, table.c.report, table.c.facts, table.c.verification)
    query = select(*columns).where(is_current(table), table.c.day == scope.first_day)
    with warehouse.read() as connection:
        return [
            Published(row.group_id, Report.model_validate(row.report), row.facts, row.verification)
            for row in connection.execute(query.order_by(table.c.group_id))
        ]


def answering(answer: Callable[[Sequence[Mapping[str, Any]]], dict[str, Any]]) -> Writer:
    """A model that answers so, verified as any writer is; nothing is stored."""

    def write(warehouse: Warehouse, scope: Scope) -> list[Published]:
        groups = groups_in_scope(warehouse, scope)
        inputs = read_inputs(warehouse, scope, groups)
        published = []
        for group_id in groups:
            sheet = fact_sheet(inputs, group_id, scope.first_day)
            facts = sheet.facts_json()
            verified = verify_report(Report.model_validate(answer(facts)), sheet.facts)
            published.append(Published(group_id, verified.report, facts, verified.result))
        return published

    return write


WRITERS: dict[str, Writer] = {
    "structured": structured,
    **{name: answering(answer) for name, answer in ANSWERS.items()},
}
