"""The warehouse's rows beside rows computed apart, in plain loops."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pandas as pd
from sqlalchemy import Table

from insights_resources.marketplaces import ProductKey
from insights_resources.warehouse import tables
from insights_resources.warehouse.column_types import Money
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import select_current


def current_rows(warehouse: Warehouse, table: Table) -> list[dict[str, Any]]:
    """The current rows, with amounts and missing values in plain Python."""
    frame = warehouse.read_frame(select_current(table))
    money = {column.name for column in table.columns if isinstance(column.type, Money)}
    rows = []
    for values in frame.itertuples(index=False, name=None):
        row: dict[str, Any] = {}
        for name, value in zip(frame.columns, values, strict=True):
            if not isinstance(value, list | dict) and pd.isna(value):
                row[name] = None
            elif name in money:
                row[name] = Decimal(int(value)).scaleb(-2)
            elif isinstance(value, pd.Timestamp):
                row[name] = value.date() if name == "day" else value.to_pydatetime()
            else:
                row[name] = value
        rows.append(row)
    return rows


def _same(found: Any, right: Any) -> bool:
    if found is None or right is None:
        return found is None and right is None
    if isinstance(right, str | bool):
        return bool(found == right)
    if isinstance(right, dict):
        return set(found) == set(right) and all(_same(found[name], right[name]) for name in right)
    if isinstance(right, int | float | Decimal):
        # Written figures are rounded to six digits behind the point.
        return math.isclose(float(found), float(right), rel_tol=1e-6, abs_tol=2e-6)
    return bool(found == right)


def product_of(row: dict[str, Any]) -> ProductKey:
    return ProductKey(row["marketplace"], row["asin"])


def assert_same_rows(found: dict[Any, dict[str, Any]], right: dict[Any, dict[str, Any]]) -> None:
    """The same keys, and in each row the same values as far as written figures tell."""
    assert set(found) == set(right)
    assert len(right) > 100
    wrong = [
        f"{key} {name}: {row[name]!r}, true is {right[key][name]!r}"
        for key, row in found.items()
        for name in right[key]
        if name in row and not _same(row[name], right[key][name])
    ]
    assert not wrong, f"{len(wrong)} differences, such as {wrong[:5]}"


def product_features(warehouse: Warehouse) -> dict[Any, dict[str, Any]]:
    """By product and day, as ``ExpectedResults`` has them; the others likewise."""
    rows = current_rows(warehouse, tables.product_features)
    return {(product_of(row), row["day"]): row for row in rows}


def rank_features(warehouse: Warehouse) -> dict[Any, dict[str, Any]]:
    rows = current_rows(warehouse, tables.rank_features)
    return {(product_of(row), row["day"], row["node_key"]): row for row in rows}


def scores(warehouse: Warehouse) -> dict[Any, dict[str, Any]]:
    """With ``peers`` as the eligible ones' ASINs in ascending order."""
    return {
        (row["day"], row["group_id"], product_of(row), row["method"]): row
        | {"peers": sorted(row["peers"]["eligible"])}
        for row in current_rows(warehouse, tables.competitive_scores)
    }


def alerts(warehouse: Warehouse) -> set[tuple[Any, ...]]:
    """(product, day, rule, transition)."""
    return {
        (product_of(row), row["day"], row["rule_id"], row["transition"])
        for row in current_rows(warehouse, tables.alerts)
    }
