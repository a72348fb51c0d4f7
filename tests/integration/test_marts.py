"""The marts: materialized on PostgreSQL and refreshed while others read, plain views on SQLite."""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.engine import Row
from sqlalchemy.exc import DataError

from insights_assets.serving.marts import MartRefresh, refresh_marts
from insights_assets.serving.product_summaries import rebuild_product_summaries
from insights_resources.warehouse import contract, contract_views, tables
from insights_resources.warehouse.contract_views import contract_relation
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.marts import MARTS, Mart, read_mart
from insights_resources.warehouse.schema import migrate
from tests.integration.tracked_products import ASINS, DAY, NEVER, SCOPE, store_alerts
from tests.unit.features.capture_histories import MARKETPLACE


def refreshed(warehouse: Warehouse) -> dict[str, MartRefresh]:
    return {mart.name: mart for mart in refresh_marts(warehouse)}


def rows_of(warehouse: Warehouse, mart: str, rest: str = "") -> list[Row[Any]]:
    relation = contract_relation(warehouse, mart)
    with warehouse.read() as connection:
        return list(connection.execute(text(f"SELECT * FROM {relation} {rest}")))  # noqa: S608


def test_marts_are_refreshed_and_refreshed_again(tracked: Warehouse) -> None:
    store_alerts(tracked, [DAY, DAY - timedelta(days=6)], [DAY])
    build = rebuild_product_summaries(tracked, None)
    before = datetime.now(UTC)
    first = refreshed(tracked)
    days = len(list(SCOPE.days))
    assert {name: mart.rows for name, mart in first.items()} == {
        "mart_price_history_daily": 3 * days,
        "mart_group_leaderboard": 2 * 3 * days,
        "mart_product_overview": 4,
        "mart_alert_summary": 2,
        "mart_data_quality": 0,
    }
    again = refreshed(tracked)
    for name in MARTS:
        assert len(rows_of(tracked, name)) == again[name].rows == first[name].rows
        assert again[name].version == first[name].version + 1
    for row in rows_of(tracked, "mart_refreshes"):
        assert row.newest_build_id == build.build_id
        assert row.seconds >= 0
    table = tables.mart_refreshes
    with tracked.read() as connection:
        for row in connection.execute(select(table)):
            assert before <= row.refreshed_at <= datetime.now(UTC)


def test_a_mart_shows_its_last_refresh_and_its_view_the_last_commit(
    postgres_warehouse: Warehouse, sqlite_warehouse: Warehouse
) -> None:
    for warehouse in (postgres_warehouse, sqlite_warehouse):
        now = datetime(2026, 1, 1, tzinfo=UTC)
        values = {"source": "file", "is_active": True, "added_at": now, "last_updated_at": now}
        with warehouse.begin() as connection:
            product = insert(tables.products)
            connection.execute(product.values(marketplace=MARKETPLACE, asin=NEVER, **values))
        is_materialized = warehouse.is_postgres
        assert len(rows_of(warehouse, "mart_product_overview")) == (0 if is_materialized else 1)
        refreshed(warehouse)
        assert len(rows_of(warehouse, "mart_product_overview")) == 1


def test_marts_give_money_in_units_of_the_currency(tracked: Warehouse) -> None:
    rebuild_product_summaries(tracked, None)
    refreshed(tracked)
    rows = {row.asin: row for row in rows_of(tracked, "mart_product_overview")}
    assert float(rows[ASINS[0]].price) == 10.0
    assert rows[ASINS[0]].groups == 2
    assert rows[NEVER].price is None


def test_the_leaderboard_knows_the_place_before(tracked: Warehouse) -> None:
    rebuild_product_summaries(tracked, None)
    refreshed(tracked)
    rows = rows_of(
        tracked,
        "mart_group_leaderboard",
        "WHERE is_latest_day = 1 AND group_id = 'kettles' ORDER BY position",
    )
    assert [(row.position, row.position_before) for row in rows] == [(1, 1), (2, 2), (3, 3)]


def test_data_quality_counts_fields(tracked: Warehouse) -> None:
    table = tables.raw_pages
    tracked.make_partitions(table, [DAY])
    with tracked.begin() as connection:
        for number, asin in enumerate(ASINS):
            connection.execute(
                insert(table).values(
                    page_id=f"page-{number}",
                    marketplace=MARKETPLACE,
                    asin=asin,
                    day=DAY,
                    captured_at=datetime(2026, 3, 10, 12, tzinfo=UTC),
                    captured_at_precision="exact",
                    provider="test",
                    requested_url="https://www.amazon.de/",
                    verdict="product",
                    cost=1,
                    recorded_at=datetime(2026, 3, 10, 12, tzinfo=UTC),
                )
            )
    refreshed(tracked)
    (row,) = rows_of(tracked, "mart_data_quality")
    assert (row.captures, row.snapshots, row.with_price, row.with_rank) == (3, 3, 3, 3)
    assert (row.with_brand, row.with_list_price) == (0, 0)
    assert float(row.cost) == 3


def test_what_a_mart_never_lacks_is_never_null(tracked: Warehouse) -> None:
    rebuild_product_summaries(tracked, None)
    store_alerts(tracked, [DAY], [DAY])
    refreshed(tracked)
    for name in MARTS:
        required = [column.name for column in read_mart(name).columns if not column.nullable]
        for row in rows_of(tracked, name):
            assert None not in [getattr(row, column) for column in required], name


def test_columns_have_exactly_the_types_and_comments_of_the_contract(
    postgres_warehouse: Warehouse,
) -> None:
    query = text(
        "SELECT attname, format_type(atttypid, atttypmod), col_description(attrelid, attnum) "
        "FROM pg_attribute WHERE attrelid = CAST(:mart AS regclass) AND attnum > 0 "
        "ORDER BY attnum"
    )
    spelled = {"double precision": "float(53)"}
    dialect = postgres_warehouse.engine.dialect
    with postgres_warehouse.read() as connection:
        for name in MARTS:
            found = [
                (
                    column,
                    spelled.get(kind, kind)
                    .replace("character varying", "varchar")
                    .replace("(14,2)", "(14, 2)"),
                    meaning,
                )
                for column, kind, meaning in connection.execute(query, {"mart": f"insights.{name}"})
            ]
            assert found == [
                (column.name, column.type.compile(dialect=dialect).lower(), column.comment)
                for column in read_mart(name).columns
            ]


@pytest.mark.parametrize("mart", MARTS)
def test_nobody_waits_for_a_refresh_nor_a_refresh_for_readers(
    postgres_warehouse: Warehouse, mart: str
) -> None:
    url = postgres_warehouse.engine.url.set(drivername="postgresql")
    address = url.render_as_string(hide_password=False)
    with psycopg.connect(address) as reader, psycopg.connect(address) as refresher:
        for connection in (reader, refresher):
            # Whoever would wait fails.
            connection.execute("SET lock_timeout = '1s'")
            connection.commit()
        rows = f"SELECT * FROM insights.{mart}"  # noqa: S608
        # A transaction that has read the mart, and stays open.
        reader.execute(rows).fetchall()
        refresher.execute("SELECT warehouse.refresh_mart(%s)", (mart,))
        # The refresh is done and not committed: it is read on.
        reader.execute(rows).fetchall()
        refresher.commit()
        reader.execute(rows).fetchall()


def test_a_mart_without_data_is_filled(postgres_warehouse: Warehouse) -> None:
    with postgres_warehouse.begin() as connection:
        connection.execute(
            text("REFRESH MATERIALIZED VIEW insights.mart_product_overview WITH NO DATA")
        )
    assert refreshed(postgres_warehouse)["mart_product_overview"].rows == 0
    assert rows_of(postgres_warehouse, "mart_product_overview") == []


@pytest.mark.parametrize("name", ["mart_none", "product_features", "x; DROP SCHEMA insights", ""])
def test_what_is_no_mart_is_refused(postgres_warehouse: Warehouse, name: str) -> None:
    with (
        pytest.raises(DataError, match="there is no mart"),
        postgres_warehouse.begin() as connection,
    ):
        connection.execute(text("SELECT warehouse.refresh_mart(:name)"), {"name": name})


def test_migrating_leaves_marts_alone_that_are_current(tracked: Warehouse) -> None:
    refreshed(tracked)
    versions = {row.name: row.version for row in rows_of(tracked, "mart_refreshes")}
    with tracked.begin() as connection:
        contract.replace_contract(connection, is_postgres=tracked.is_postgres)
    assert {row.name: row.version for row in rows_of(tracked, "mart_refreshes")} == versions


def test_a_changed_mart_is_made_anew_and_filled(
    tracked: Warehouse, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rebuild_product_summaries(tracked, None)
    refreshed(tracked)
    relation = contract_relation(tracked, "mart_product_overview")
    if tracked.is_postgres:
        with tracked.begin() as connection:
            for name, source in (("of_mine", relation), ("on_mine", "of_mine")):
                connection.execute(
                    text(f"CREATE VIEW {name} AS SELECT asin FROM {source}")  # noqa: S608
                )
    narrower = read_mart("mart_product_overview")
    changed = Mart(
        narrower.name,
        narrower.comment,
        narrower.grain,
        narrower.key,
        (),
        narrower.columns[:2],
        "SELECT p.marketplace, p.asin FROM {insights}products AS p",
    )
    monkeypatch.setattr(
        contract_views,
        "read_mart",
        lambda name: changed if name == changed.name else read_mart(name),
    )
    with caplog.at_level(logging.WARNING):
        assert migrate(tracked) == []
    rows = rows_of(tracked, "mart_product_overview")
    assert len(rows) == 4
    assert list(rows[0]._mapping) == ["marketplace", "asin"]
    if tracked.is_postgres:
        assert "of_mine, on_mine" in caplog.text
    versions = {row.name: row.version for row in rows_of(tracked, "mart_refreshes")}
    others = {version for name, version in versions.items() if name != changed.name}
    assert versions[changed.name] == max(others) + (1 if tracked.is_postgres else 0)


def test_plain_views_of_older_versions_become_materialized(postgres_warehouse: Warehouse) -> None:
    with postgres_warehouse.begin() as connection:
        for name in MARTS:
            connection.execute(text(f"DROP MATERIALIZED VIEW insights.{name}"))
            connection.execute(text(f"CREATE VIEW insights.{name} AS SELECT 1 AS other"))
        connection.execute(text("COMMENT ON SCHEMA insights IS 'older'"))
    migrate(postgres_warehouse)
    assert all(mart.rows == 0 for mart in refreshed(postgres_warehouse).values())


def test_a_refresh_that_breaks_off_changes_nothing(tracked: Warehouse) -> None:
    rebuild_product_summaries(tracked, None)
    before = refreshed(tracked)
    with tracked.begin() as connection:
        connection.execute(
            delete(tables.mart_refreshes).where(tables.mart_refreshes.c.name == MARTS[0])
        )
        connection.execute(update(tables.products).values(label="renamed"))
    if not tracked.is_postgres:
        return
    with tracked.engine.connect() as connection:
        transaction = connection.begin()
        connection.execute(text("SELECT warehouse.refresh_mart('mart_product_overview')"))
        transaction.rollback()
    labels = {row.label for row in rows_of(tracked, "mart_product_overview")}
    assert "renamed" not in labels
    (row,) = [
        row for row in rows_of(tracked, "mart_refreshes") if row.name == "mart_product_overview"
    ]
    assert row.version == before["mart_product_overview"].version


def test_the_day_of_a_mart_is_that_of_utc(postgres_warehouse: Warehouse) -> None:
    """A group left yesterday counts no more, wherever the server's clock stands."""
    today = datetime.now(UTC).date()
    now = datetime(2026, 1, 1, tzinfo=UTC)
    values = {"source": "file", "is_active": True, "last_updated_at": now}
    with postgres_warehouse.begin() as connection:
        connection.execute(
            insert(tables.products).values(
                marketplace=MARKETPLACE, asin=NEVER, added_at=now, **values
            )
        )
        for group, valid_to in (("left", today - timedelta(days=1)), ("in", today)):
            connection.execute(
                insert(tables.competitive_groups).values(
                    group_id=group, name=group, created_at=now, **values
                )
            )
            connection.execute(
                insert(tables.group_members).values(
                    group_id=group,
                    marketplace=MARKETPLACE,
                    asin=NEVER,
                    valid_from=date(2026, 1, 1),
                    valid_to=valid_to,
                )
            )
        for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
            connection.execute(text(f"SET LOCAL TimeZone = '{zone}'"))
            connection.execute(text("SELECT warehouse.refresh_mart('mart_product_overview')"))
            groups = text("SELECT groups FROM insights.mart_product_overview")
            assert connection.scalar(groups) == 1
