"""Rows of product features written down by hand, for the tests of alerts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd

from insights_resources.warehouse import tables
from insights_resources.warehouse.frames import conform, own_columns

MARKETPLACE = "amazon.de"
ASIN = "B0TEST0001"
FIRST = date(2026, 3, 1)

_DEFAULTS: dict[str, Any] = {
    "marketplace": MARKETPLACE,
    "asin": ASIN,
    "observations": 1,
    "currency": "EUR",
    "availability": "in_stock",
    "price_returns_before": 0,
    "out_of_stock_captures": 0,
    "seller_changes_30d": 0,
}


def day(number: int) -> date:
    """Day ``number`` of the tests, from 0."""
    return FIRST + timedelta(days=number)


def row(number: int, **values: Any) -> dict[str, Any]:
    """Features of day ``number``; money in hundredths; what is not given is NULL."""
    on = day(number)
    columns = own_columns(tables.product_features)
    unknown = set(values) - set(columns)
    assert not unknown, unknown
    given = _DEFAULTS | values
    given.setdefault("family_asin", given["asin"])
    given.setdefault("last_captured_at", datetime(on.year, on.month, on.day, 12, tzinfo=UTC))
    return dict.fromkeys(columns) | given | {"day": on}


def features(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """The rows as the warehouse gives them."""
    listed = list(rows)
    columns = own_columns(tables.product_features)
    frame = pd.DataFrame(
        {name: pd.Series([given[name] for given in listed], dtype="object") for name in columns}
    )
    return conform(frame, tables.product_features)
