"""The example in docs/scores.md is what the platform says of the products in its table.

After an intended change, write the example anew:
``python -m tests.integration.test_scores_document`` prints it.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import text

from insights_assets.competition.explanation import explain
from insights_assets.competition.explanation_text import explanation_lines, what_if_lines
from insights_assets.competition.formulas import Method
from insights_assets.competition.group_day import read_group_day
from insights_assets.competition.rebuild import rebuild_scores
from insights_assets.competition.what_if import parse_changes, what_if
from insights_assets.features.rebuild import rebuild_features
from insights_resources.scope import Scope
from insights_resources.settings import PROJECT_ROOT
from insights_resources.warehouse.contract_views import CONTRACT_SCHEMA
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.schema import migrate
from tests.integration.stored_history import store_group, store_snapshots
from tests.unit.features.capture_histories import MARKETPLACE, at, capture

DOCUMENT = (PROJECT_ROOT / "docs" / "scores.md").read_text(encoding="utf-8")
COMMAND = re.compile(
    r"\$ insights explain (?P<group>\S+) (?P<asin>\S+) --day (?P<day>\S+) "
    r"--what-if (?P<change>\S+)\n(?P<output>.*?)```",
    re.DOTALL,
)


def example(warehouse: Warehouse) -> tuple[str, str]:
    """What the command in the document prints, over the products of its table; and what stands
    there."""
    shown = COMMAND.search(DOCUMENT)
    assert shown is not None
    day = date.fromisoformat(shown["day"])
    captures = [_capture(row, day) for row in _table()]
    assert len(captures) == 5
    store_snapshots(warehouse, captures)
    store_group(
        warehouse,
        shown["group"],
        [(MARKETPLACE, each["asin"], date(2026, 1, 1), None) for each in captures],
    )
    rebuild_features(warehouse, Scope.of_day(day))
    rebuild_scores(warehouse, Scope.of_day(day))
    group_day = read_group_day(warehouse, shown["group"], day)
    product = group_day.product(shown["asin"])
    found = what_if(group_day, product, Method.STANDARD, parse_changes([shown["change"]]))
    lines = [
        *explanation_lines(explain(group_day, product, Method.STANDARD)),
        "",
        *what_if_lines(group_day, found),
    ]
    return "\n".join(lines) + "\n", shown["output"]


def _table() -> list[list[str]]:
    rows = re.findall(r"^\| (B0KETTLE\d\d \|.*) \|$", DOCUMENT, re.MULTILINE)
    return [[cell.strip() for cell in row.split("|")] for row in rows]


def _capture(row: list[str], day: date) -> dict[str, Any]:
    asin, price, rating, ratings, rank, family = row
    return capture(
        at(day),
        asin=asin,
        price=None if price == "-" else int(Decimal(price) * 100),
        price_missing_reason="out_of_stock" if price == "-" else None,
        rating=float(rating),
        rating_count=int(ratings),
        bsr=[("Kettles", "77", int(rank))],
        parent_asin=None if family == "-" else family,
    )


def test_the_example_is_what_the_command_prints(warehouse: Warehouse) -> None:
    printed, written = example(warehouse)
    assert written == printed


def test_its_sql_is_of_the_view(warehouse: Warehouse) -> None:
    (statement,) = re.findall(r"```sql\n(.*?)```", DOCUMENT, re.DOTALL)
    if not warehouse.is_postgres:
        statement = statement.replace(f"{CONTRACT_SCHEMA}.", "")
    example(warehouse)
    with warehouse.read() as connection:
        assert len(connection.execute(text(statement)).all()) == 15


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        opened = Warehouse.open(f"sqlite:///{Path(folder) / 'insights.db'}")
        migrate(opened)
        print(example(opened)[0])
        opened.dispose()
