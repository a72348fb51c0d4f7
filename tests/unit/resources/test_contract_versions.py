"""What a change of the SQL contract needs, and that the one written down is this code's."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from insights_resources.errors import InvalidInputError
from insights_resources.warehouse.contract import write_documents
from insights_resources.warehouse.contract_versions import (
    VERSIONS,
    ContractVersion,
    changes,
    describe,
    refusal,
)

WRITTEN = Path(__file__).resolve().parents[3] / "docs" / "sql-contract.json"

BEFORE: dict[str, Any] = {
    "version": "3.4",
    "views": {"prices": {"asin": "varchar(10) not null", "price": "numeric(14, 2)"}},
    "functions": {
        "find": {"arguments": "query text", "returns": "TABLE (asin text)"},
        "as_of": {"arguments": "ts timestamptz", "returns": "SETOF insights.prices"},
    },
}


def _after(*path: str, value: object = None) -> dict[str, Any]:
    """The contract with something put in a place, or taken away."""
    after = json.loads(json.dumps(BEFORE))
    place = after
    for name in path[:-1]:
        place = place[name]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return after


BREAKING = {
    "a view goes": _after("views", "prices"),
    "a column goes": _after("views", "prices", "price"),
    "a column changes its type": _after("views", "prices", "price", value="double precision"),
    "a column may be NULL": _after("views", "prices", "asin", value="varchar(10)"),
    "a function goes": _after("functions", "as_of"),
    "a call needs more": _after("functions", "find", "arguments", value="query text, most int"),
    "a call is another": _after("functions", "find", "arguments", value="words text"),
    "rows are others": _after("functions", "find", "returns", value="TABLE (title text)"),
}
ADDED = {
    "a view": _after("views", "alerts", value={"day": "date not null"}),
    "a column": _after("views", "prices", "currency", value="varchar(3)"),
    "a column is never NULL": _after("views", "prices", "price", value="numeric(14, 2) not null"),
    "a function": _after("functions", "search", value={"arguments": "", "returns": "bigint"}),
    "an argument that can be left out": _after(
        "functions", "find", "arguments", value="query text, most int DEFAULT 20"
    ),
    "a column of a function": _after(
        "functions", "find", "returns", value="TABLE (asin text, title text)"
    ),
}


def _versions(number: str, note: str | None = None) -> list[ContractVersion]:
    return [ContractVersion("3.4", "Before."), ContractVersion(number, "After.", note)]


@pytest.mark.parametrize("after", BREAKING.values(), ids=BREAKING)
def test_what_breaks_consumers_needs_a_major_version_and_a_note(after: dict[str, Any]) -> None:
    for number in ("3.4", "3.5", "2.9"):
        refused = refusal(BEFORE, after, _versions(number, "Do this."))
        assert refused is not None
        assert "4.0" in refused
        assert "migration_note" in refused
    assert "migration_note" in (refusal(BEFORE, after, _versions("4.0")) or "")
    assert refusal(BEFORE, after, _versions("4.0", "Do this.")) is None


@pytest.mark.parametrize("after", ADDED.values(), ids=ADDED)
def test_what_is_added_needs_a_minor_version(after: dict[str, Any]) -> None:
    assert "3.5" in (refusal(BEFORE, after, _versions("3.4")) or "")
    assert refusal(BEFORE, after, _versions("3.5")) is None
    assert refusal(BEFORE, after, _versions("3.10")) is None


def test_the_same_contract_needs_nothing() -> None:
    assert changes(BEFORE, BEFORE) == []
    assert refusal(BEFORE, BEFORE, _versions("3.4")) is None


def test_the_contract_is_the_one_that_is_written_down() -> None:
    written = json.loads(WRITTEN.read_text(encoding="utf-8"))
    refused = refusal(written, describe())
    assert refused is None, refused
    assert written == describe(), "run python -m insights_resources.warehouse.contract"


def test_a_change_without_its_version_is_not_written_down(tmp_path: Path) -> None:
    write_documents(tmp_path)
    written = json.loads((tmp_path / "sql-contract.json").read_text(encoding="utf-8"))
    assert written == describe()
    written["views"]["alerts"]["gone_since"] = "text"
    (tmp_path / "sql-contract.json").write_text(json.dumps(written), encoding="utf-8")
    with pytest.raises(InvalidInputError, match=r"alerts\.gone_since is gone"):
        write_documents(tmp_path)


def test_versions_rise_and_major_ones_say_what_to_do() -> None:
    for before, after in pairwise(VERSIONS):
        major, minor = before.order
        assert after.order in ((major, minor + 1), (major + 1, 0)), after
        assert after.order[0] == major or after.migration_note, after
