"""The versions of the SQL contract, and what a change of it needs.

Semantic: a major version when something goes, changes its type or may be NULL from now on, a minor
one when something is added. ``docs/sql-contract.json`` is the contract as it was last written down;
``refusal`` says what a change since then lacks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, insert, select
from sqlalchemy.dialects import postgresql

from insights_resources.warehouse import tables
from insights_resources.warehouse.contract_views import CONTRACT_SCHEMA, contract_views
from insights_resources.warehouse.database_functions import FUNCTIONS

#: As ``describe`` gives it.
Description = Mapping[str, Any]


@dataclass(frozen=True)
class ContractVersion:
    """``number``: major.minor. A major one has a ``migration_note``: what consumers have to do."""

    number: str
    changes: str
    migration_note: str | None = None

    @property
    def order(self) -> tuple[int, int]:
        major, _, minor = self.number.partition(".")
        return int(major), int(minor)


#: The oldest first. One for each change of the contract: add yours at the end, then run
#: ``python -m insights_resources.warehouse.contract``.
VERSIONS: tuple[ContractVersion, ...] = (
    ContractVersion(
        "1.0",
        "The first with a number: views of the tables, score_explanations, "
        "product_snapshot_versions, the marts, snapshot_as_of and request_tracking.",
    ),
    ContractVersion("1.1", "search_products: products by the words of their listings."),
    ContractVersion(
        "1.2", "lineage and fact_lineage: from a score or a report's fact to the pages below it."
    ),
    ContractVersion(
        "1.3",
        "page_requests: pages that were wanted, and what came of each; products: capture_hours; "
        "product_freshness.",
    ),
    ContractVersion(
        "1.4",
        "product_snapshots, product_snapshot_versions, snapshot_as_of: attributes, the rows of a "
        "page's detail tables and lists.",
    ),
    ContractVersion("1.5", "competitive_groups: template and locale of a group's reports."),
    ContractVersion(
        "1.6",
        "model_calls: calls of a language model, and what they cost; competitive_reports: model, "
        "fallback_reason, input_tokens, output_tokens, cost, industry_template, locale.",
    ),
)


@dataclass(frozen=True)
class Change:
    """One difference of two contracts, in words."""

    what: str
    is_breaking: bool


def describe() -> dict[str, Any]:
    """The contract of this code: views with their columns, functions, and the newest version."""
    return {
        "version": VERSIONS[-1].number,
        "views": {
            view.name: {
                column.name: column.type.compile(dialect=postgresql.dialect()).lower()
                + ("" if column.nullable else " not null")
                for column in view.columns
            }
            for view in contract_views()
        },
        "functions": {
            function.name: {"arguments": function.arguments, "returns": function.returns}
            for function in FUNCTIONS
            if function.schema == CONTRACT_SCHEMA
        },
    }


def changes(before: Description, after: Description) -> list[Change]:
    """What a consumer of ``before`` meets in ``after``."""
    return [
        *_changes_of_views(before["views"], after["views"]),
        *_changes_of_functions(before["functions"], after["functions"]),
    ]


def _changes_of_views(
    before: Mapping[str, Mapping[str, str]], after: Mapping[str, Mapping[str, str]]
) -> Iterator[Change]:
    for name in sorted({*before, *after}):
        if name not in after:
            yield Change(f"the view {name} is gone", is_breaking=True)
        elif name not in before:
            yield Change(f"the view {name} is new", is_breaking=False)
        else:
            yield from _changes_of_columns(name, before[name], after[name])


def _changes_of_columns(
    view: str, before: Mapping[str, str], after: Mapping[str, str]
) -> Iterator[Change]:
    for column in sorted({*before, *after}):
        was, now = before.get(column), after.get(column)
        if now is None:
            yield Change(f"{view}.{column} is gone", is_breaking=True)
        elif was is None:
            yield Change(f"{view}.{column} is new", is_breaking=False)
        elif was != now:
            # What is never NULL any more troubles nobody.
            yield Change(
                f"{view}.{column} was {was}, is {now}", is_breaking=now != f"{was} not null"
            )


def _changes_of_functions(
    before: Mapping[str, Mapping[str, str]], after: Mapping[str, Mapping[str, str]]
) -> Iterator[Change]:
    for name in sorted({*before, *after}):
        if name not in after:
            yield Change(f"the function {name} is gone", is_breaking=True)
        elif name not in before:
            yield Change(f"the function {name} is new", is_breaking=False)
        elif before[name] != after[name]:
            was, now = before[name], after[name]
            calls_go_on = now["arguments"] == was["arguments"] or _adds_defaults(
                was["arguments"], now["arguments"]
            )
            rows_go_on = now["returns"] == was["returns"] or _adds_columns(
                was["returns"], now["returns"]
            )
            yield Change(
                f"{name}({was['arguments']}) returned {was['returns']}, is "
                f"({now['arguments']}), {now['returns']}",
                is_breaking=not (calls_go_on and rows_go_on),
            )


def _adds_defaults(before: str, after: str) -> bool:
    added = after.removeprefix(f"{before}, " if before else "")
    return added != after and all(" default " in each.lower() for each in added.split(", "))


def _adds_columns(before: str, after: str) -> bool:
    return before.lower().startswith("table") and after.startswith(before.removesuffix(")") + ", ")


def refusal(
    before: Description, after: Description, versions: Sequence[ContractVersion] = VERSIONS
) -> str | None:
    """Why ``after`` may not take the place of ``before``, and what to do; None when it may."""
    found = changes(before, after)
    if not found:
        return None
    written = ContractVersion(before["version"], "").order
    newest = versions[-1]
    breaking = [change.what for change in found if change.is_breaking]
    told = "; ".join(breaking or [change.what for change in found])
    if breaking and newest.order[0] <= written[0]:
        needed = f"{written[0] + 1}.0"
        return (
            f"the SQL contract breaks its consumers: {told}. Keep it, or add the version {needed} "
            f"with a migration_note for them to VERSIONS in contract_versions.py"
        )
    if breaking and not newest.migration_note:
        return f"the version {newest.number} needs a migration_note: {told}"
    if newest.order <= written:
        needed = f"{written[0]}.{written[1] + 1}"
        return (
            f"the SQL contract has more than {before['version']}: {told}. Add the version {needed} "
            f"to VERSIONS in contract_versions.py"
        )
    return None


def recorded_version(connection: Connection) -> str | None:
    """The version of the contract that the database has; None: it has none yet."""
    recorded = connection.scalars(select(tables.contract_versions.c.version)).all()
    return max(recorded, key=lambda number: ContractVersion(number, "").order, default=None)


def versions_are_recorded(connection: Connection) -> bool:
    """Whether the database knows all versions of this code."""
    recorded = connection.scalars(select(tables.contract_versions.c.version)).all()
    return {version.number for version in VERSIONS} <= set(recorded)


def record_versions(connection: Connection) -> None:
    """Writes down the versions that the database does not know yet, as applied now."""
    table = tables.contract_versions
    recorded = connection.scalars(select(table.c.version)).all()
    now = datetime.now(UTC)
    for version in VERSIONS:
        if version.number not in recorded:
            connection.execute(
                insert(table).values(
                    version=version.number,
                    applied_at=now,
                    changes=version.changes,
                    migration_note=version.migration_note,
                )
            )
