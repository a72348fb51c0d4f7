"""Monthly partitions on PostgreSQL: made when rows need them, beside readers and writers."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pandas as pd
import pytest
from alembic import command
from sqlalchemy import Connection, Table, insert, inspect, select, text
from sqlalchemy.exc import DBAPIError

from insights_resources.errors import WarehouseError
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.frames import conform
from insights_resources.warehouse.partitions import PARTITIONED, partition_name
from insights_resources.warehouse.publication import Part, Publication, is_current
from insights_resources.warehouse.schema import alembic_config, migrate, newest_revision
from insights_resources.warehouse.tables import INTERNAL_SCHEMA
from tests.integration.older_schema import downgrade
from tests.integration.warehouse_rows import (
    MONDAY,
    RANKS,
    WEEK,
    current_ranks,
    in_days,
    page_row,
    publish_ranks,
    ranks,
)

A, B = "B000000001", "B000000002"
LONG_AGO, LEAP_DAY, LAST = date(2013, 1, 31), date(2024, 2, 29), date(2026, 12, 31)
ALWAYS = Scope(LONG_AGO, LAST)
MAKE_LONG_AGO = text("SELECT warehouse.make_partition('fact_rank_features', '2013-01-01')")


def partitions(connection: Connection, table: Table) -> list[str]:
    """The table's partitions, by name."""
    query = text(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
        "WHERE i.inhparent = CAST(:parent AS regclass) ORDER BY 1"
    )
    return list(connection.scalars(query, {"parent": str(table)}))


def partitions_of_ranks(warehouse: Warehouse) -> list[str]:
    with warehouse.read() as connection:
        return partitions(connection, RANKS)


def make(warehouse: Warehouse, name: str | None, month: str | None) -> Any:
    with warehouse.begin() as connection:
        return connection.scalar(
            text(f"SELECT {INTERNAL_SCHEMA}.make_partition(:name, CAST(:month AS date))"),
            {"name": name, "month": month},
        )


def test_rows_of_any_month_find_their_partition(postgres_warehouse: Warehouse) -> None:
    rows = [(A, LONG_AGO, 1), (A, LEAP_DAY, 2), (A, LAST, 3), (B, LAST, 4)]
    publish_ranks(postgres_warehouse, *rows, scope=ALWAYS)
    assert sorted(current_ranks(postgres_warehouse)) == rows
    assert partitions_of_ranks(postgres_warehouse) == [
        "fact_rank_features_2013_01",
        "fact_rank_features_2024_02",
        "fact_rank_features_2026_12",
    ]


@pytest.mark.parametrize("table", PARTITIONED, ids=str)
def test_a_partition_has_what_its_table_has(postgres_warehouse: Warehouse, table: Table) -> None:
    postgres_warehouse.make_partitions(table, [MONDAY, MONDAY + timedelta(days=1)])
    with postgres_warehouse.read() as connection:
        assert partitions(connection, table) == [partition_name(table, MONDAY)]
        found = inspect(connection)
        names = (partition_name(table, MONDAY), table.name)
        made, whole = (found.get_columns(name, schema=INTERNAL_SCHEMA) for name in names)
        for mine, other in zip(made, whole, strict=True):
            for what in ("name", "nullable", "default"):
                assert mine[what] == other[what]
            assert str(mine["type"]) == str(other["type"])
        made, whole = (found.get_indexes(name, schema=INTERNAL_SCHEMA) for name in names)
        assert len(whole) >= 1
        assert len(made) == len(whole)
        keys = [found.get_pk_constraint(name, schema=INTERNAL_SCHEMA) for name in names]
        assert keys[0]["constrained_columns"] == keys[1]["constrained_columns"] != []


def test_a_month_is_made_once(postgres_warehouse: Warehouse) -> None:
    assert make(postgres_warehouse, RANKS.name, "2026-03-31") is True
    assert make(postgres_warehouse, RANKS.name, "2026-03-01") is False
    assert partitions_of_ranks(postgres_warehouse) == ["fact_rank_features_2026_03"]


def test_many_writers_need_a_month_at_once(postgres_warehouse: Warehouse) -> None:
    ready = threading.Barrier(6)
    failures: list[BaseException] = []

    def write(day: date) -> None:
        try:
            ready.wait(60)
            publish_ranks(postgres_warehouse, (A, day, 1), scope=Scope.of_day(day))
        except BaseException as error:  # noqa: BLE001 - a thread's error is the test's
            failures.append(error)

    threads = [threading.Thread(target=write, args=(MONDAY.replace(day=n),)) for n in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert len(current_ranks(postgres_warehouse)) == 6


def test_a_month_that_was_dropped_is_made_again(postgres_warehouse: Warehouse) -> None:
    publish_ranks(postgres_warehouse, (A, MONDAY, 1))
    with postgres_warehouse.begin() as connection:
        connection.execute(text("DROP TABLE warehouse.fact_rank_features_2026_03"))
    publish_ranks(postgres_warehouse, (A, MONDAY, 2))
    assert current_ranks(postgres_warehouse) == [(A, MONDAY, 2)]


def test_a_month_is_made_beside_open_transactions(postgres_warehouse: Warehouse) -> None:
    """Of readers and of writers of the table and of builds; nor do they wait for it."""
    warehouse = postgres_warehouse
    publish_ranks(warehouse, (A, MONDAY, 1))
    with warehouse.read() as reader, warehouse.begin() as writer:
        before = reader.execute(select(RANKS)).all()
        writer.execute(RANKS.update().values(rank=7))
        writer.execute(tables.builds.update().values(code_version="x"))
        with warehouse.begin() as maker:
            maker.execute(text("SET LOCAL lock_timeout = '100ms'"))
            maker.execute(MAKE_LONG_AGO)
            # Attached and not committed: readers and writers go on.
            for other in (reader, writer):
                other.execute(text("SET LOCAL lock_timeout = '100ms'"))
            assert reader.execute(select(RANKS)).all() == before
            writer.execute(RANKS.update().values(rank=8))
        assert reader.execute(select(RANKS)).all() == before
    publish_ranks(warehouse, (A, LONG_AGO, 3), scope=Scope.of_day(LONG_AGO))
    assert current_ranks(warehouse) == [(A, LONG_AGO, 3), (A, MONDAY, 8)]


@pytest.mark.parametrize(
    ("name", "month"),
    [
        ("ops_builds", "2026-03-01"),
        ("fact_alert_states", "2026-03-01"),
        ("fact_alerts; DROP TABLE warehouse.fact_alerts", "2026-03-01"),
        (None, "2026-03-01"),
        ("fact_alerts", None),
        ("fact_alerts", "infinity"),
        ("fact_alerts", "0001-01-01 BC"),
    ],
)
def test_what_is_no_month_of_a_known_table_is_refused(
    postgres_warehouse: Warehouse, name: str | None, month: str | None
) -> None:
    with pytest.raises(DBAPIError, match="is no ") as refused:
        make(postgres_warehouse, name, month)
    assert refused.value.orig.sqlstate == "22023"  # type: ignore[union-attr]


def test_only_who_was_granted_it_makes_partitions(postgres_warehouse: Warehouse) -> None:
    """And then without any right to the tables."""
    call = text("SELECT warehouse.make_partition('fact_alerts', '2026-03-01')")
    with postgres_warehouse.engine.connect() as connection, connection.begin() as transaction:
        connection.execute(text("CREATE ROLE insights_test_maker"))
        connection.execute(text("GRANT USAGE ON SCHEMA warehouse TO insights_test_maker"))
        connection.execute(text("SET LOCAL ROLE insights_test_maker"))
        with pytest.raises(DBAPIError, match="permission denied"), connection.begin_nested():
            connection.execute(call)
        connection.execute(text("RESET ROLE"))
        connection.execute(
            text(
                "GRANT EXECUTE ON FUNCTION warehouse.make_partition(text, date) "
                "TO insights_test_maker"
            )
        )
        connection.execute(text("SET LOCAL ROLE insights_test_maker"))
        assert connection.scalar(call) is True
        transaction.rollback()


def test_reads_of_days_look_at_their_months_alone(postgres_warehouse: Warehouse) -> None:
    publish_ranks(postgres_warehouse, (A, LONG_AGO, 1), (A, MONDAY, 2), (A, LAST, 3), scope=ALWAYS)
    query = select(RANKS.c.rank).where(is_current(RANKS), in_days(WEEK))
    assert relations_read(postgres_warehouse, query) == ["fact_rank_features_2026_03"]


def relations_read(warehouse: Warehouse, query: Any) -> list[str]:
    """The tables that the plan reads."""
    with warehouse.read() as connection:
        compiled = query.compile(connection, compile_kwargs={"literal_binds": True})
        plan = connection.exec_driver_sql(f"EXPLAIN (FORMAT json) {compiled}").scalar_one()
    return sorted(set(_relations(plan[0]["Plan"])))


def _relations(node: dict[str, Any]) -> list[str]:
    here = [node["Relation Name"]] if "Relation Name" in node else []
    return here + [name for child in node.get("Plans", ()) for name in _relations(child)]


#: Columns that came after the months: an older schema knows nothing of them.
LATER = {
    *("attributes", "model", "fallback_reason", "input_tokens", "output_tokens", "cost"),
    *("industry_template", "locale"),
}


def _rows(warehouse: Warehouse) -> dict[str, Sequence[Any]]:
    with warehouse.read() as connection:
        return {
            table.name: connection.execute(
                select(*(column for column in table.columns if column.name not in LATER)).order_by(
                    *table.primary_key.columns
                )
            ).all()
            for table in (*PARTITIONED, tables.builds)
        }


def _fill(warehouse: Warehouse) -> None:
    publish_ranks(warehouse, (A, LONG_AGO, 1), (A, MONDAY, 2), (B, LAST, 3), scope=ALWAYS)
    publish_ranks(warehouse, (A, MONDAY, 4), scope=WEEK)
    days = (LONG_AGO, LEAP_DAY, LAST)
    warehouse.make_partitions(tables.raw_pages, days)
    with warehouse.begin() as connection:
        connection.execute(
            insert(tables.raw_pages), [page_row(f"page-{day}", day=day) for day in days]
        )


def test_down_and_up_again_keeps_every_row(warehouse: Warehouse) -> None:
    _fill(warehouse)
    before = _rows(warehouse)
    assert len(before["fact_rank_features"]) == 4
    assert len(before["fact_raw_pages"]) == 3
    downgrade(warehouse, "0006")
    assert _rows(warehouse) == before
    if warehouse.is_postgres:
        with warehouse.read() as connection:
            for table in PARTITIONED:
                found = inspect(connection)
                assert table.name in found.get_table_names(schema=INTERNAL_SCHEMA)
                assert partitions(connection, table) == []
                refers = found.get_foreign_keys(table.name, schema=INTERNAL_SCHEMA)
                assert len(refers) == (0 if table is tables.raw_pages else 1)
    assert "0007" in migrate(warehouse)
    assert _rows(warehouse) == before
    publish_ranks(warehouse, (A, MONDAY, 5))
    assert current_ranks(warehouse) == [(A, LONG_AGO, 1), (A, MONDAY, 5), (B, LAST, 3)]


def test_the_migration_keeps_grants_comments_and_views_on_the_contract(
    postgres_warehouse: Warehouse,
) -> None:
    warehouse = postgres_warehouse
    _fill(warehouse)
    downgrade(warehouse, "0006")
    with warehouse.begin() as connection:
        connection.execute(text("CREATE SCHEMA insights"))
        connection.execute(
            text(
                "CREATE VIEW insights.rank_features AS "
                "SELECT r.marketplace, r.asin, r.rank FROM warehouse.fact_rank_features r"
            )
        )
        connection.execute(
            text("CREATE VIEW mine AS SELECT sum(rank) AS total FROM insights.rank_features")
        )
        connection.execute(text("GRANT SELECT ON warehouse.fact_rank_features TO PUBLIC"))
        command.upgrade(alembic_config(connection), "0007")
    with warehouse.begin() as connection:
        assert connection.scalar(text("SELECT total FROM mine")) == 10
        assert partitions(connection, RANKS) == [
            "fact_rank_features_2013_01",
            "fact_rank_features_2026_03",
            "fact_rank_features_2026_12",
        ]
        name = {"name": str(RANKS)}
        acl = connection.scalar(
            text("SELECT relacl::text FROM pg_class WHERE oid = CAST(:name AS regclass)"), name
        )
        assert ",=r/" in acl
        comment = text("SELECT obj_description(CAST(:name AS regclass))")
        assert connection.scalar(comment, name) == RANKS.comment


def test_the_migration_names_views_on_internal_tables_and_changes_nothing(
    postgres_warehouse: Warehouse,
) -> None:
    warehouse = postgres_warehouse
    _fill(warehouse)
    downgrade(warehouse, "0006")
    with warehouse.begin() as connection:
        connection.execute(text("CREATE VIEW mine AS SELECT * FROM warehouse.fact_alerts"))
    before = _rows(warehouse)
    with pytest.raises(WarehouseError, match=r"the views public\.mine read it"):
        migrate(warehouse)
    assert _rows(warehouse) == before
    with warehouse.begin() as connection:
        connection.execute(text("DROP VIEW mine"))
    assert migrate(warehouse)[-1] == newest_revision()


def test_a_build_that_is_being_written_does_not_mislead_the_planner(
    postgres_warehouse: Warehouse,
) -> None:
    """As autovacuum finds a new month in the middle of a large publication."""
    numbers = range(20_000)
    rows = ranks((A, MONDAY, 1))
    many = pd.DataFrame(
        {name: [rows[name].iloc[0]] * len(numbers) for name in rows.columns}
    ).assign(asin=[f"B{n:09d}" for n in numbers])
    with Publication(postgres_warehouse, RANKS, scope=WEEK, code_version="test") as publication:
        for start in (0, 10_000):
            some = many.iloc[start : start + 10_000]
            publication.add(Part(conform(some, RANKS), RANKS.c.asin.in_(some["asin"].iloc[:1])))
        # The first part was many rows: nobody had to wait for autovacuum.
        with postgres_warehouse.read() as connection:
            plan = "\n".join(
                connection.scalars(
                    text(
                        "EXPLAIN SELECT rank FROM insights.rank_features "
                        "WHERE asin = 'B000000007' AND marketplace = 'amazon.de' "
                        "AND day >= DATE '2026-01-01'"
                    )
                )
            )
            known = set(
                connection.scalars(
                    text(
                        "SELECT attname FROM pg_stats "
                        "WHERE tablename = 'fact_rank_features_2026_03'"
                    )
                )
            )
        publication.publish()
    assert "asin" in plan.split("Index Cond", 1)[1].splitlines()[0], plan
    assert "asin" in known
    assert "recorded_at" not in known
