"""``snapshot_as_of``: what was known at an instant, in SQL and in Python alike."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pandas as pd
import pytest
from sqlalchemy import text

from insights_resources.marketplaces import ProductKey
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.frames import empty_frame, to_minor
from insights_resources.warehouse.point_in_time import snapshot_as_of
from insights_resources.warehouse.publication import PublishedBuild, publish
from insights_resources.warehouse.rollback import plan_rollback, roll_back

TABLE = tables.product_snapshots
DAY = date(2026, 3, 2)
ONE, OTHER = "B000000001", "B000000002"
Prices = dict[str, str]


def publish_prices(warehouse: Warehouse, prices: Prices) -> PublishedBuild:
    """The day's snapshots, one a product, as a parser reads them."""
    rows = pd.DataFrame(
        {
            "page_id": list(prices),
            "origin": "page",
            "marketplace": "amazon.de",
            "asin": list(prices),
            "day": pd.Timestamp(DAY),
            "captured_at": pd.Timestamp(f"{DAY}T08:00Z"),
            "captured_at_precision": "exact",
            "currency": "EUR",
            "price": [to_minor(Decimal(price)) for price in prices.values()],
            "bsr": [[]] * len(prices),
            "availability": "in_stock",
            "parent_asin": None,
        }
    )
    empty = empty_frame(TABLE)
    for column in TABLE.columns:
        if column.name in empty and column.name not in rows and not column.nullable:
            rows[column.name] = [NEEDED[column.name]] * len(rows)
    frame = rows.reindex(columns=empty.columns).astype(object).where(lambda f: f.notna(), None)
    with warehouse.writer_lock(TABLE, DAY, DAY):
        return publish(
            warehouse,
            TABLE,
            frame,
            covers=TABLE.c.day == DAY,
            scope=Scope.of_day(DAY),
            code_version="test",
        )


NEEDED: dict[str, object] = {
    "breadcrumbs": [],
    "attributes": {},
    "field_sources": {},
    "disputed_fields": {},
    "parser_version": "1",
    "schema_version": 1,
}


def known_at(warehouse: Warehouse, moment: datetime) -> Prices:
    """The prices that stood, by Python; the same by SQL where there are functions."""
    frame = snapshot_as_of(warehouse, moment)
    known = {
        row.asin: str(Decimal(int(row.price)).scaleb(-2)) for row in frame.itertuples(index=False)
    }
    if warehouse.is_postgres:
        with warehouse.read() as connection:
            rows = connection.execute(
                text("SELECT asin, price, build_id FROM insights.snapshot_as_of(:moment)"),
                {"moment": moment},
            ).all()
        assert {row.asin: str(row.price) for row in rows} == known
        assert len(rows) == len(frame)
        assert {row.build_id for row in rows} == set(frame["build_id"])
    return known


def test_each_instant_knows_what_had_been_published_by_then(warehouse: Warehouse) -> None:
    first = publish_prices(warehouse, {ONE: "10.00", OTHER: "20.00"}).published_at
    # A better parser reads one price otherwise, and the other product not at all.
    second = publish_prices(warehouse, {ONE: "11.00"})
    undone = roll_back(warehouse, plan_rollback(warehouse, second.build_id, with_later=False))
    back = max(build.published_at for build in undone)
    last = publish_prices(warehouse, {ONE: "12.00", OTHER: "20.00"}).published_at

    moment = timedelta(microseconds=1)
    before, after = {ONE: "10.00", OTHER: "20.00"}, {ONE: "11.00"}
    assert known_at(warehouse, datetime(2020, 1, 1, tzinfo=UTC)) == {}
    assert known_at(warehouse, first - moment) == {}
    assert known_at(warehouse, first) == before
    assert known_at(warehouse, second.published_at - moment) == before
    assert known_at(warehouse, second.published_at) == after
    assert known_at(warehouse, back - moment) == after
    assert known_at(warehouse, back) == before
    now = {ONE: "12.00", OTHER: "20.00"}
    assert known_at(warehouse, last) == now
    assert known_at(warehouse, datetime(2100, 1, 1, tzinfo=UTC)) == now


def test_products_and_days_narrow_it(warehouse: Warehouse) -> None:
    moment = publish_prices(warehouse, {ONE: "10.00", OTHER: "20.00"}).published_at
    one = snapshot_as_of(warehouse, moment, products=[ProductKey("amazon.de", ONE)])
    assert one["asin"].tolist() == [ONE]
    assert len(snapshot_as_of(warehouse, moment, first_day=DAY, last_day=DAY)) == 2
    assert snapshot_as_of(warehouse, moment, first_day=DAY + timedelta(days=1)).empty
    assert snapshot_as_of(warehouse, moment, last_day=DAY - timedelta(days=1)).empty
    assert snapshot_as_of(warehouse, moment, products=[]).empty


def test_an_instant_without_a_zone_is_refused(sqlite_warehouse: Warehouse) -> None:
    with pytest.raises(Exception, match="has no time zone"):
        snapshot_as_of(sqlite_warehouse, datetime(2026, 3, 2))  # noqa: DTZ001 - that is the point
