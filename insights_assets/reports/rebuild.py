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
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import and_, func

from insights_assets.competition.formulas import Method
from insights_assets.reports.comparisons import leader
from insights_assets.reports.facts import FactSheet, fact_sheet
from insights_assets.reports.inputs import ReportInputs, groups_in_scope, read_inputs
from insights_assets.reports.narratives import (
    LEAST_VERIFIED,
    ModelWriter,
    Narrative,
    NotAsked,
    structured,
)
from insights_assets.reports.prompt import prompt_version, report_request
from insights_assets.reports.provenance import builds_behind, builds_sentence
from insights_assets.reports.rendering import Provenance, render
from insights_assets.reports.schema import SCHEMA_VERSION
from insights_assets.reports.structured_writer import PROMPT_VERSION, WRITER
from insights_resources.errors import InvalidInputError
from insights_resources.language_model import ExpectedCost, LanguageModel
from insights_resources.locales import DEFAULT_LOCALE
from insights_resources.marketplaces import ProductKey
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.column_types import CALL_COST_SCALE
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.frames import empty_frame, to_minor
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
    model_writer: ModelWriter | None = None,
    why_no_model: str | None = NotAsked.NO_MODEL.value,
) -> PublishedBuild:
    """Publishes ``fact_competitive_reports`` for the scope's days: of each active group with
    members on the day (of those with a member among the scope's products).

    Where facts, prompt version and writer are those of the current report, its stored row is taken
    again and nothing is rendered. A day without scores gives a report of status ``no_data`` that
    says why. ``observer`` is told what changes (see ``group_analysis``). ``locale`` is that of
    the readers of groups that name none. ``model_writer`` writes those that it is asked for, before
    the days are locked: an answer takes a minute. ``why_no_model``: why it is asked for no others;
    None: it is not to be, and nothing that it wrote is kept. Raises ``AuditFailedError`` when what
    it made cannot be right.
    """
    narratives: dict[str, Narrative] = {}
    if model_writer is not None:
        narratives = model_writer.narratives(_sheets(warehouse, scope, locale))
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
            _row(
                fact_sheet(inputs, group_id, day, locale),
                before.get((day, group_id)),
                narratives,
                _why_no_model(day, model_writer, why_no_model),
            )
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


def expected_cost_of_reports(
    warehouse: Warehouse, model: LanguageModel, scope: Scope, locale: str
) -> tuple[ExpectedCost, int]:
    """What a model's reports of the scope may cost at most, by the facts that are published now,
    and how many of the days have no scores to go by."""
    sheets = [sheet for sheet in _sheets(warehouse, scope, locale) if not sheet.no_data_reason]
    requests = [report_request(sheet, sheet.digest(), model.name) for sheet in sheets]
    days = {sheet.day for sheet in sheets}
    return model.expected_cost(requests), sum(day not in days for day in scope.days)


def _sheets(warehouse: Warehouse, scope: Scope, locale: str) -> list[FactSheet]:
    """The facts of each group and day of the scope."""
    groups = groups_in_scope(warehouse, scope)
    inputs = read_inputs(warehouse, scope, groups)
    return [
        fact_sheet(inputs, group_id, day, locale)
        for day in scope.days
        for group_id in groups
        if inputs.members(group_id, day)
    ]


def _why_no_model(day: date, model_writer: ModelWriter | None, otherwise: str | None) -> str | None:
    """Why a report that the model did not write was written without it."""
    is_asked = model_writer is not None and day >= model_writer.first_day
    return NotAsked.FACTS_CHANGED.value if is_asked else otherwise


def audit_reports(reports: pd.DataFrame) -> Iterable[AuditFinding]:
    """What must hold before reports are published."""
    complete = reports["status"] == "complete"
    empty = int((complete & reports["report"].map(lambda report: not report["position"])).sum())
    yield AuditFinding("complete_reports_state_a_position", empty == 0, f"{empty} do not")
    unnamed = int((~complete & reports["leader_asin"].notna()).sum())
    yield AuditFinding("no_leader_without_data", unnamed == 0, f"{unnamed} name one")
    held = [
        verification["verified"] >= LEAST_VERIFIED * verification["sentences"]
        for verification in reports["verification"]
    ]
    unverified = held.count(False)
    yield AuditFinding("reports_are_verified", unverified == 0, f"{unverified} are not")
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
    """A current report as people read it. ``tokens``: in and out, that a model took; ``cost`` in
    USD, None: none, or no price is configured."""

    group_id: str
    markdown: str
    html: str
    writer: str
    fallback_reason: str | None
    tokens: int
    cost: Decimal | None


def current_reports(warehouse: Warehouse, day: date) -> list[StoredReport]:
    """The day's current reports, by group."""
    table = tables.competitive_reports
    tokens = func.coalesce(table.c.input_tokens, 0) + func.coalesce(table.c.output_tokens, 0)
    columns = (
        table.c.group_id,
        table.c.markdown,
        table.c.html,
        table.c.writer,
        table.c.fallback_reason,
        tokens.label("tokens"),
        table.c.cost,
    )
    query = select_current(table, *columns)
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
        name: value.isoformat()
        if isinstance(value, date)
        else str(value)
        if isinstance(value, Decimal)
        else value
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


def _row(
    sheet: FactSheet,
    before: Mapping[Any, Any] | None,
    narratives: Mapping[str, Narrative],
    why_no_model: str | None,
) -> dict[str, Any]:
    """The group's row of the day: the stored one where it would say the same."""
    facts_hash = sheet.digest()
    if sheet.no_data_reason is not None:
        why_no_model = None
    narrative = narratives.get(facts_hash)
    if (
        before is not None
        and before["facts_hash"] == facts_hash
        and before["schema_version"] == SCHEMA_VERSION
        and _says_the_same(before, narrative, why_no_model)
    ):
        return dict(before)
    if narrative is None:
        narrative = structured(sheet, why_no_model)
    usage = narrative.usage
    pages = render(
        sheet,
        narrative.verified.report,
        Provenance(
            facts_hash,
            narrative.writer,
            narrative.prompt_version,
            narrative.verified.result,
            model=narrative.model,
            fallback_reason=narrative.fallback_reason,
            input_tokens=None if usage is None else usage.input_tokens,
            output_tokens=None if usage is None else usage.output_tokens,
            cost=None if usage is None else usage.cost,
        ),
    )
    first = leader(sheet)
    return {
        "day": sheet.day,
        "group_id": sheet.group_id,
        "report_id": _report_id(sheet, facts_hash, narrative),
        "status": "no_data" if sheet.no_data_reason else "complete",
        "writer": narrative.writer,
        "prompt_version": narrative.prompt_version,
        "facts_hash": facts_hash,
        "leader_asin": None if first is None else first.product.asin,
        "facts": sheet.facts_json(),
        "report": narrative.verified.report.model_dump(),
        "verification": narrative.verification(),
        "markdown": pages.markdown,
        "html": pages.html,
        "schema_version": SCHEMA_VERSION,
        "model": narrative.model,
        "fallback_reason": narrative.fallback_reason,
        "input_tokens": None if usage is None else usage.input_tokens,
        "output_tokens": None if usage is None else usage.output_tokens,
        "cost": None if usage is None else to_minor(usage.cost, CALL_COST_SCALE),
        "industry_template": sheet.industry_template,
        "locale": sheet.locale,
    }


def _says_the_same(
    before: Mapping[Any, Any], narrative: Narrative | None, why_no_model: str | None
) -> bool:
    """Whether a stored report of the same facts is what would be written now. What a model wrote
    by the present prompt stays where the model is not asked: it is paid for, and verified."""
    writer, version = before["writer"], before["prompt_version"]
    reason, model = (
        None if pd.isna(before[name]) else before[name] for name in ("fallback_reason", "model")
    )
    if narrative is not None:
        return (writer, version, reason, model) == (
            narrative.writer,
            narrative.prompt_version,
            narrative.fallback_reason,
            narrative.model,
        )
    if writer != WRITER:
        return why_no_model is not None and version == prompt_version()
    return (version, reason) == (PROMPT_VERSION, why_no_model)


def _report_id(sheet: FactSheet, facts_hash: str, narrative: Narrative) -> str:
    writer, version = narrative.writer, narrative.prompt_version
    parts = (sheet.day.isoformat(), sheet.group_id, facts_hash, writer, version)
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
