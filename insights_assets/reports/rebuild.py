"""Published scores, features, titles and alerts -> published reports: ``rebuild_reports``."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import and_

from insights_assets.competition.formulas import Method
from insights_assets.reports.comparisons import leader
from insights_assets.reports.facts import FactSheet, fact_sheet
from insights_assets.reports.inputs import ReportInputs, groups_in_scope, read_inputs
from insights_assets.reports.provenance import builds_behind, builds_sentence
from insights_assets.reports.rendering import Provenance, render
from insights_assets.reports.schema import SCHEMA_VERSION, Report
from insights_assets.reports.structured_writer import PROMPT_VERSION, WRITER, write_report
from insights_assets.reports.verification import verify_report
from insights_resources.errors import InvalidInputError
from insights_resources.locales import DEFAULT_LOCALE
from insights_resources.marketplaces import ProductKey
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.frames import empty_frame
from insights_resources.warehouse.publication import (
    AuditFinding,
    CommitObserver,
    PublishedBuild,
    publish,
    select_current,
)
from insights_resources.warehouse.row_conditions import one_of

#: Version of the code that publishes reports.
REPORTS_VERSION = "1"

#: A group's id as the name of a file: ids are of this kind anyway, and nothing else is a name.
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

#: What runs. Quotes in text are escaped: one that is not stands around an attribute.
_ACTIVE = re.compile(r'(?i)<script|\son\w+="|="\s*javascript:')


def rebuild_reports(
    warehouse: Warehouse,
    scope: Scope,
    *,
    run_id: str | None = None,
    observer: CommitObserver | None = None,
    locale: str = DEFAULT_LOCALE,
) -> PublishedBuild:
    """Publishes ``fact_competitive_reports`` for the scope's days: of each active group with
    members on the day (of those with a member among the scope's products).

    Where facts, prompt version and writer are those of the current report, its stored row is taken
    again and nothing is rendered. A day without scores gives a report of status ``no_data`` that
    says why. ``observer`` is told what changes (see ``group_analysis``). ``locale`` is that of
    the readers of groups that name none. Raises
    ``AuditFailedError`` when what it made cannot be right.
    """
    table = tables.competitive_reports
    with warehouse.writer_lock(table, scope.first_day, scope.last_day):
        groups = groups_in_scope(warehouse, scope)
        inputs = read_inputs(warehouse, scope, groups)
        covers = and_(
            table.c.day.between(scope.first_day, scope.last_day), one_of(table.c.group_id, groups)
        )
        stored = warehouse.read_frame(select_current(table).where(covers))
        before = {(row["day"].date(), row["group_id"]): row for row in stored.to_dict("records")}
        rows = [
            _row(fact_sheet(inputs, group_id, day, locale), before.get((day, group_id)))
            for day in scope.days
            for group_id in groups
            if inputs.members(group_id, day)
        ]
        return publish(
            warehouse,
            table,
            pd.DataFrame(rows) if rows else empty_frame(table),
            covers=covers,
            scope=scope,
            audits=(audit_reports, lambda frame: audit_completeness(frame, inputs, scope)),
            code_version=REPORTS_VERSION,
            run_id=run_id,
            observer=observer,
        )


def audit_reports(reports: pd.DataFrame) -> Iterable[AuditFinding]:
    """What must hold before reports are published."""
    complete = reports["status"] == "complete"
    empty = int((complete & reports["report"].map(lambda report: not report["position"])).sum())
    yield AuditFinding("complete_reports_state_a_position", empty == 0, f"{empty} do not")
    unnamed = int((~complete & reports["leader_asin"].notna()).sum())
    yield AuditFinding("no_leader_without_data", unnamed == 0, f"{unnamed} name one")
    active = int(reports["html"].str.contains(_ACTIVE).sum())
    yield AuditFinding("pages_run_no_script", active == 0, f"{active} would")


def audit_completeness(
    reports: pd.DataFrame, inputs: ReportInputs, scope: Scope
) -> Iterable[AuditFinding]:
    """What an empty build lacks: a group whose members have scores has a report that tells them."""
    scored = set()
    for (group_id, day), rows in inputs.scores.items():
        if not scope.first_day <= day <= scope.last_day:
            continue
        members = set(inputs.members(group_id, day))
        if any(
            row["method"] == Method.STANDARD.value
            and row["overall_score"] is not None
            and ProductKey(row["marketplace"], row["asin"]) in members
            for row in rows
        ):
            scored.add((group_id, day))
    complete = reports[reports["status"] == "complete"]
    told = set(zip(complete["group_id"], pd.to_datetime(complete["day"]).dt.date, strict=True))
    silent = len(scored - told)
    yield AuditFinding(
        "groups_with_scores_have_reports", silent == 0, f"{silent} of {len(scored)} have none"
    )


@dataclass(frozen=True)
class StoredReport:
    """A current report as people read it."""

    group_id: str
    markdown: str
    html: str


def current_reports(warehouse: Warehouse, day: date) -> list[StoredReport]:
    """The day's current reports, by group."""
    table = tables.competitive_reports
    query = select_current(table, table.c.group_id, table.c.markdown, table.c.html)
    with warehouse.read() as connection:
        return [
            StoredReport(*row)
            for row in connection.execute(
                query.where(table.c.day == day).order_by(table.c.group_id)
            )
        ]


def write_report_files(warehouse: Warehouse, folder: Path, day: date, group_id: str) -> list[Path]:
    """Writes the current report as ``<folder>/<day>/<group_id>.md``, ``.json`` and ``.html``.

    Each file is replaced as a whole, and names the builds that the report was made from. Returns
    their paths; raises ``InvalidInputError`` when there is no such report.
    """
    if not _FILE_NAME.fullmatch(group_id):
        raise InvalidInputError(f"{group_id!r} is no group id")
    table = tables.competitive_reports
    query = select_current(table, *table.columns).where(
        table.c.day == day, table.c.group_id == group_id
    )
    with warehouse.read() as connection:
        found = connection.execute(query).mappings().first()
        if found is None:
            raise InvalidInputError(
                f"there is no report of {group_id} for {day}: run the job of reports for that day"
            )
        row: dict[str, Any] = dict(found)
        builds = builds_behind(connection, row)
    document = {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in row.items()
        if name not in ("markdown", "html", *tables.AUDIT_COLUMNS)
    }
    sentence = builds_sentence(builds)
    # What is escaped holds no tag: the last one of this name is the page's own.
    page, footer_end, rest = row["html"].rpartition("</footer>")
    contents = {
        "md": f"{row['markdown'].rstrip()}\n{sentence}\n",
        "json": json.dumps(document | {"builds": builds}, ensure_ascii=False, indent=2) + "\n",
        "html": f"{page}<p>{sentence}</p>\n{footer_end}{rest}",
    }
    paths = []
    for suffix, text in contents.items():
        path = folder / day.isoformat() / f"{group_id}.{suffix}"
        _write_at_once(path, text)
        paths.append(path)
    return paths


def _row(sheet: FactSheet, before: Mapping[Any, Any] | None) -> dict[str, Any]:
    """The group's row of the day: the stored one where it would say the same."""
    facts_hash = sheet.digest()
    if (
        before is not None
        and before["facts_hash"] == facts_hash
        and before["prompt_version"] == PROMPT_VERSION
        and before["writer"] == WRITER
        and before["schema_version"] == SCHEMA_VERSION
    ):
        return dict(before)
    written = _NOTHING if sheet.no_data_reason else write_report(sheet)
    verified = verify_report(written, sheet.facts, sheet.locale)
    pages = render(
        sheet,
        verified.report,
        Provenance(facts_hash, WRITER, PROMPT_VERSION, verified.result),
    )
    first = leader(sheet)
    return {
        "day": sheet.day,
        "group_id": sheet.group_id,
        "report_id": _report_id(sheet, facts_hash),
        "status": "no_data" if sheet.no_data_reason else "complete",
        "writer": WRITER,
        "prompt_version": PROMPT_VERSION,
        "facts_hash": facts_hash,
        "leader_asin": None if first is None else first.product.asin,
        "facts": sheet.facts_json(),
        "report": verified.report.model_dump(),
        "verification": verified.result,
        "markdown": pages.markdown,
        "html": pages.html,
        "schema_version": SCHEMA_VERSION,
        "model": None,
        "fallback_reason": None,
        "input_tokens": None,
        "output_tokens": None,
        "cost": None,
        "industry_template": None,
        "locale": None,
    }


_NOTHING = Report(
    position=[],
    changes=[],
    strengths=[],
    weaknesses=[],
    opportunities=[],
    threats=[],
    recommendations=[],
    caveats=[],
)


def _report_id(sheet: FactSheet, facts_hash: str) -> str:
    parts = (sheet.day.isoformat(), sheet.group_id, facts_hash, WRITER, PROMPT_VERSION)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _write_at_once(path: Path, text: str) -> None:
    """Replaces the file; who reads it sees the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
