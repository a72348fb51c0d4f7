"""Why the parser read a page as it did, for the engineer who was given a wrong value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from insights_assets.snapshots.parse_output import parse_result_to_json
from insights_assets.snapshots.parser.evidence import Evidence, Outcome, Statement
from insights_assets.snapshots.parser.page_reading import PageReading
from insights_assets.snapshots.product_snapshot import ParsedPage, ProductSnapshot

#: What is no field of its own: the key, and what the explanation is made of.
_NOT_EXPLAINED = {"marketplace", "asin", "field_sources", "disputed_fields"}
_LONGEST = 100
_WORDS = {
    Outcome.TAKEN: "taken",
    Outcome.AGREES: "agrees",
    Outcome.DISAGREES: "DISAGREES",
    Outcome.REJECTED: "rejected",
}


def explanation(parsed: ParsedPage, page: PageReading | None) -> str:
    """Each field with its value, the source it was taken from, the sources that agree and those
    that do not, and what was found and rejected, with the reason."""
    return "\n".join(_lines(parsed, page))


def _lines(parsed: ParsedPage, page: PageReading | None) -> Iterator[str]:
    name = f"{parsed.marketplace or 'unknown marketplace'} {parsed.asin or 'unknown ASIN'}"
    yield f"{name}: {parsed.verdict.value} (parser {parsed.parser_version})"
    if page is None:
        yield f"  {parsed.reason}"
        return
    forms = " or ".join(f"1{form.groups[0]}234{form.decimal}56" for form in page.money.forms)
    yield f"  language {page.language or 'not declared'}, numbers written {forms}"
    values = parse_result_to_json(parsed)
    for field in (each.name for each in fields(ProductSnapshot)):
        if field == "price_missing_reason":
            if values[field] is not None:
                yield f"{field}: {values[field]}"
        elif field not in _NOT_EXPLAINED:
            yield f"{field}: {_short(values[field])}"
            yield from _statements(field, page.evidence)


def _statements(field: str, evidence: Evidence) -> Iterator[str]:
    statements = evidence.statements.get(field, [])
    for statement in statements:
        yield f"    {_WORDS[statement.outcome]:9} {_statement(statement)}"
    if not statements:
        source = evidence.sources.get(field)
        yield f"    {'taken':9} {source}" if source else f"    {'-':9} nothing of it on the page"


def _statement(statement: Statement) -> str:
    said = f": {_short(statement.said)}" if statement.said else ""
    why = f" ({statement.why})" if statement.why else ""
    return f"{statement.source}{said}{why}".strip()


def _short(value: Any) -> str:
    if value in (None, [], {}):
        return "none"
    if isinstance(value, dict):
        value = [f"{name}: {said}" for name, said in value.items()]
    text = "; ".join(map(_entry, value)) if isinstance(value, list) else str(value)
    # A page's text may hold what a terminal takes for commands.
    text = "".join(c if c.isprintable() else " " for c in text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _entry(value: Any) -> str:
    return f"{value['rank']} in {value['category']}" if isinstance(value, dict) else str(value)
