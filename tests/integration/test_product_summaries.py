"""Summaries that lack what is known are never published."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import select

from insights_assets.serving import product_summaries
from insights_assets.serving.product_summaries import rebuild_product_summaries
from insights_resources.errors import AuditFailedError
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import select_current


def summaries(warehouse: Warehouse) -> list[Any]:
    with warehouse.read() as connection:
        return list(connection.execute(select_current(tables.product_summaries)))


def nothing_of(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.iloc[:0]


def without_prices(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(price=pd.NA, price_missing_reason="not_on_page").astype({"price": "Int64"})


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (nothing_of, "summaries_show_the_newest_day: 3 of 3"),
        (without_prices, "summaries_show_known_prices: 3"),
    ],
)
def test_a_summary_that_lacks_what_is_known_is_refused(
    tracked: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
    broken: Callable[[pd.DataFrame], pd.DataFrame],
    check: str,
) -> None:
    rebuild_product_summaries(tracked, None)
    before, read = summaries(tracked), product_summaries._last_features
    assert len(before) == 4
    monkeypatch.setattr(product_summaries, "_last_features", lambda *asked: broken(read(*asked)))
    with pytest.raises(AuditFailedError, match=check):
        rebuild_product_summaries(tracked, None)
    assert summaries(tracked) == before


def test_products_without_features_are_no_fault(tracked: Warehouse) -> None:
    with tracked.begin() as connection:
        connection.execute(tables.product_features.delete())
    built = rebuild_product_summaries(tracked, None)
    assert built.row_count == 4
    with tracked.read() as connection:
        assert set(connection.scalars(select(tables.product_summaries.c.as_of_day))) == {None}
