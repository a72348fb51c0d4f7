"""What a language model is asked for a report: our instructions, and the facts as one document.

Products stand under short ids (P1, P2, ...), in the request as in the answer: theirs are long, and
each citation is paid for.
"""

from __future__ import annotations

import hashlib
import json
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

from insights_assets.reports.amounts import date_text, decimal_text, money_text, percent_text
from insights_assets.reports.fact import GROUP, Fact
from insights_assets.reports.facts import FactSheet
from insights_assets.reports.industry_template import industry_template
from insights_assets.reports.schema import SCHEMA_VERSION, Recommendation, Report, Statement
from insights_resources.language_model import StructuredRequest

_FILE = files("insights_assets.reports") / "prompts" / "report.md"
#: Longest text of a page, or of an event that quotes one, that a model is shown.
_LONGEST_TEXT = 300
#: Decimals of a unit; all other numbers are whole.
_DECIMALS = {"points": 2, "stars": 1, "number": 1}


@cache
def instructions() -> str:
    """What the model is told, whatever the group."""
    return _FILE.read_text(encoding="utf-8")


@cache
def prompt_version() -> str:
    """A hash of the instructions: others would give other reports."""
    return hashlib.sha256(instructions().encode()).hexdigest()[:12]


def report_request(sheet: FactSheet, facts_hash: str, model: str) -> StructuredRequest:
    """The request for the group's report of the day; ``facts_hash``: the sheet's digest."""
    decides = (facts_hash, prompt_version(), str(SCHEMA_VERSION), model)
    return StructuredRequest(
        instructions=instructions(),
        content=json.dumps(_document(sheet), ensure_ascii=False, separators=(",", ":")),
        schema=Report,
        purpose=f"report {sheet.group_id} {sheet.day}",
        key=hashlib.sha256("\n".join(decides).encode()).hexdigest(),
    )


def with_full_ids(report: Report, sheet: FactSheet) -> Report:
    """The answer with the ids of facts as everybody else knows them; an unknown one stays."""
    subjects = {short: subject for subject, short in _short_ids(sheet).items()}

    def full(fact_ids: list[str]) -> list[str]:
        parts = (fact_id.partition(":") for fact_id in fact_ids)
        return [f"{subjects.get(short, short)}:{key}" for short, _, key in parts]

    def statement(each: Statement) -> Statement:
        return each.model_copy(update={"fact_ids": full(each.fact_ids)})

    def recommendation(each: Recommendation) -> Recommendation:
        return each.model_copy(update={"fact_ids": full(each.fact_ids)})

    sections: dict[str, Any] = {
        name: [
            recommendation(each) if isinstance(each, Recommendation) else statement(each)
            for each in getattr(report, name)
        ]
        for name in Report.model_fields
    }
    return Report(**sections)


def _short_ids(sheet: FactSheet) -> dict[str, str]:
    return {member.subject: f"P{member.number}" for member in sheet.members}


def _document(sheet: FactSheet) -> dict[str, object]:
    short = _short_ids(sheet) | {GROUP: GROUP}
    template = industry_template(sheet.industry_template)
    by_subject: dict[str, dict[str, list[str]]] = {subject: {} for subject in short}
    for fact in sheet.facts.values():
        told = [fact.name, _written(fact, sheet.locale), _unit(fact)]
        by_subject[fact.subject][fact.key] = told
    group = by_subject.pop(GROUP)
    return {
        "day": sheet.day.isoformat(),
        "industry": sheet.industry_template,
        "thresholds": template.thresholds.model_dump(),
        "group": group,
        "products": {short[subject]: facts for subject, facts in by_subject.items()},
    }


def _unit(fact: Fact) -> str:
    return "amount" if fact.unit.isupper() else fact.unit


def _written(fact: Fact, locale: str) -> str:
    """The value as a sentence has it; a text is cut."""
    match fact.unit:
        case "text":
            text = str(fact.value)
            return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…"
        case "date":
            return date_text(date.fromisoformat(str(fact.value)), locale)
        case "ratio":
            return percent_text(float(fact.value), locale, signed=True)
        case unit if unit.isupper():
            return money_text(str(fact.value), unit, locale)
        case unit:
            return decimal_text(float(fact.value), locale, _DECIMALS.get(unit, 0))
