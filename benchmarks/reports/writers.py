"""Who may write the reports that are judged: each gives what is published of a day."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from benchmarks.reports.model_answers import ANSWERS, Answer, Document, good
from benchmarks.reports.sandbox_writer import asking, sandbox_model
from insights_assets.reports.rebuild import rebuild_reports
from insights_assets.reports.schema import Report
from insights_resources.sandbox.faults import ModelFault
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import is_current

#: Seconds that an answer may take here, and takes where it is slow.
_PATIENCE, _SLOW = 2, 4.0


@dataclass(frozen=True)
class Published:
    """A report as it was published: without the sentences that verification dropped. ``tokens``: in
    and out, that were paid for it."""

    group_id: str
    report: Report
    facts: Sequence[Mapping[str, Any]]
    verification: Mapping[str, Any]
    writer: str
    fallback_reason: str | None
    tokens: int

    @property
    def of_the_answer(self) -> Mapping[str, Any]:
        """What verification said of a model's answer, or of the report where there was none."""
        rejected: Mapping[str, Any] = self.verification.get("rejected", self.verification)
        return rejected


#: Rebuilds the reports of a scope of one day.
Writer = Callable[[Warehouse, Scope], list[Published]]


def structured(warehouse: Warehouse, scope: Scope) -> list[Published]:
    """The platform without a model."""
    rebuild_reports(warehouse, scope, why_no_model=None)
    return stored(warehouse, scope)


def answering(
    name: str, answer: Callable[[Document], Answer] = good, fault: ModelFault | None = None
) -> Writer:
    """The platform with a model of this name, which answers so or fails so."""

    def write(warehouse: Warehouse, scope: Scope) -> list[Published]:
        server = sandbox_model(answer, fault, slow_seconds=_SLOW)
        with asking(warehouse, server, name, seconds=_PATIENCE) as writer:
            rebuild_reports(warehouse, scope, model_writer=writer)
        return stored(warehouse, scope)

    return write


def stored(warehouse: Warehouse, scope: Scope) -> list[Published]:
    table = tables.competitive_reports
    tokens = func.coalesce(table.c.input_tokens, 0) + func.coalesce(table.c.output_tokens, 0)
    query = select(
        table.c.group_id,
        table.c.report,
        table.c.facts,
        table.c.verification,
        table.c.writer,
        table.c.fallback_reason,
        tokens.label("tokens"),
    ).where(is_current(table), table.c.day == scope.first_day)
    with warehouse.read() as connection:
        return [
            Published(**(dict(row) | {"report": Report.model_validate(row["report"])}))
            for row in connection.execute(query.order_by(table.c.group_id)).mappings()
        ]


#: What a model may do instead of answering.
FAULTS = {
    "refusing": ModelFault.REFUSING,
    "truncated": ModelFault.TRUNCATED,
    "non_json": ModelFault.NON_JSON,
    "slow": ModelFault.SLOW,
    "unauthorized": ModelFault.UNAUTHORIZED,
    "server_error": ModelFault.SERVER_ERROR,
}

WRITERS: dict[str, Writer] = {
    "structured": structured,
    **{name: answering(name, answer) for name, answer in ANSWERS.items()},
    **{name: answering(name, fault=fault) for name, fault in FAULTS.items()},
}
