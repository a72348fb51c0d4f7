"""Retention: old months go, prices that people still need stay, and nothing is left half done."""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from dagster import DagsterInstance
from sqlalchemy import Table, func, insert, select, text, update
from sqlalchemy.exc import ProgrammingError

from insights_assets.retention import Removal, apply_retention, planned_removals
from insights_assets.retention_policy import RetentionPolicy
from insights_assets.snapshots import rebuild as snapshots_rebuild
from insights_assets.snapshots.rebuild import pending_scopes, rebuild_snapshots
from insights_jobs.retention import retention
from insights_resources.errors import ArchiveError, WarehouseError
from insights_resources.page_archive import PageArchive
from insights_resources.scope import Scope
from insights_resources.warehouse import retention as mechanics
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import is_current, select_current
from insights_resources.warehouse.roles import WRITER
from insights_resources.warehouse.rollback import plan_rollback
from insights_resources.wiring import (
    CacheResource,
    PageArchiveResource,
    ProjectFiles,
    WarehouseResource,
    open_cache,
)
from tests.integration.stored_history import store_snapshots
from tests.integration.test_command_line import DONE, FAILED, Home
from tests.integration.warehouse_rows import (
    RANKS,
    current_ranks,
    page_row,
    publish_ranks,
    stored_rows,
)
from tests.unit.features.capture_histories import at, capture

A, B, C = "B000000001", "B000000002", "B000000003"
TODAY = date(2026, 11, 25)
OLD, NEWER = date(2025, 1, 15), date(2025, 3, 10)
SNAPSHOTS, PAGES = tables.product_snapshots, tables.raw_pages
#: Months before March 2025 go.
SINCE_MARCH = (TODAY - date(2025, 3, 2)).days


@pytest.fixture
def archive(tmp_path: Path) -> PageArchive:
    return PageArchive(str(tmp_path / "pages"))


def policy(*listed: Table, days: int = SINCE_MARCH, superseded: int | None = None) -> Any:
    return RetentionPolicy(dict.fromkeys(listed, days), superseded)


def apply(
    warehouse: Warehouse, archive: PageArchive, rules: RetentionPolicy, today: date = TODAY
) -> list[str]:
    """Removes; what was said."""
    cache = open_cache(None, warehouse)
    try:
        return [str(each) for each in apply_retention(warehouse, archive, cache, rules, today)]
    finally:
        cache.close()


def plan(warehouse: Warehouse, rules: RetentionPolicy) -> list[Removal]:
    return list(planned_removals(warehouse, rules, TODAY))


def partitions(warehouse: Warehouse, table: Table) -> list[str]:
    with warehouse.read() as connection:
        return sorted(
            connection.scalars(
                text(
                    "SELECT inhrelid::regclass::text FROM pg_inherits "
                    "WHERE inhparent = CAST(:name AS regclass)"
                ),
                {"name": f"warehouse.{table.name}"},
            )
        )


def ranks_of_three_months(warehouse: Warehouse) -> None:
    for day in (OLD, OLD + timedelta(days=30), NEWER):
        publish_ranks(warehouse, (A, day, 1), (B, day, 2), scope=Scope.of_day(day))


def test_months_that_are_old_go_and_the_others_stay(
    warehouse: Warehouse, archive: PageArchive
) -> None:
    ranks_of_three_months(warehouse)
    assert apply(warehouse, archive, policy(RANKS)) == [
        "rank_features: 2 rows of 2025-01",
        "rank_features: 2 rows of 2025-02",
    ]
    assert current_ranks(warehouse) == [(A, NEWER, 1), (B, NEWER, 2)]
    assert apply(warehouse, archive, policy(RANKS)) == []
    # A month that was removed can be written again.
    publish_ranks(warehouse, (C, OLD, 3), scope=Scope.of_day(OLD))
    assert (C, OLD, 3) in current_ranks(warehouse)


def test_on_postgres_they_are_dropped_as_partitions(
    postgres_warehouse: Warehouse, archive: PageArchive
) -> None:
    ranks_of_three_months(postgres_warehouse)
    # One that is empty goes too.
    postgres_warehouse.make_partitions(RANKS, [date(2024, 5, 1)])
    assert len(partitions(postgres_warehouse, RANKS)) == 4
    apply(postgres_warehouse, archive, policy(RANKS))
    assert partitions(postgres_warehouse, RANKS) == ["warehouse.fact_rank_features_2025_03"]


def test_first_it_is_only_said(warehouse: Warehouse) -> None:
    ranks_of_three_months(warehouse)
    publish_ranks(warehouse, (A, NEWER, 9), scope=Scope.of_day(NEWER))
    rules = policy(RANKS, superseded=0)
    before = stored_rows(warehouse)
    planned = [str(each) for each in planned_removals(warehouse, rules, TODAY + timedelta(days=2))]
    assert planned[:2] == ["rank_features: 2 rows of 2025-01", "rank_features: 2 rows of 2025-02"]
    assert stored_rows(warehouse) == before


def snapshot(asin: str, day: date, price: int = 1000, hour: int = 12) -> dict[str, Any]:
    return capture(at(day, hour), asin=asin, price=price)


def current_snapshots(warehouse: Warehouse) -> list[tuple[str, date]]:
    query = select_current(SNAPSHOTS, SNAPSHOTS.c.asin, SNAPSHOTS.c.day)
    with warehouse.read() as connection:
        return sorted((row[0], row[1]) for row in connection.execute(query))


def test_the_last_snapshot_of_a_product_stays_and_still_can_be_replaced(
    warehouse: Warehouse, archive: PageArchive
) -> None:
    store_snapshots(
        warehouse,
        [
            snapshot(A, OLD),
            snapshot(A, NEWER),
            # Never captured again; of two on its last day the later one.
            snapshot(B, OLD - timedelta(days=1)),
            snapshot(B, OLD, price=1100, hour=9),
            snapshot(B, OLD, price=1200, hour=20),
        ],
    )
    assert apply(warehouse, archive, policy(SNAPSHOTS)) == [
        "product_snapshots: 3 rows of 2025-01, 1 stay as the last of their products"
    ]
    assert current_snapshots(warehouse) == [(A, NEWER), (B, OLD)]
    with warehouse.read() as connection:
        price = connection.scalar(
            select(SNAPSHOTS.c.price).where(is_current(SNAPSHOTS), SNAPSHOTS.c.asin == B)
        )
    assert price == 12
    assert apply(warehouse, archive, policy(SNAPSHOTS)) == []
    if warehouse.is_postgres:
        assert partitions(warehouse, SNAPSHOTS) == [
            "warehouse.fact_product_snapshots_2025_01",
            "warehouse.fact_product_snapshots_2025_03",
        ]
    # Once there is a later one it goes like the others.
    store_snapshots(warehouse, [snapshot(B, date(2025, 4, 1))])
    apply(warehouse, archive, policy(SNAPSHOTS))
    assert current_snapshots(warehouse) == [(A, NEWER), (B, date(2025, 4, 1))]


def test_a_last_snapshot_that_was_superseded_keeps_no_row(
    warehouse: Warehouse, archive: PageArchive
) -> None:
    """What stands counts: of a product whose only snapshot was taken back nothing stays."""
    store_snapshots(warehouse, [snapshot(A, OLD), snapshot(B, OLD)])
    store_snapshots(warehouse, [snapshot(A, OLD)])
    apply(warehouse, archive, policy(SNAPSHOTS))
    assert current_snapshots(warehouse) == [(A, OLD)]
    assert stored_rows(warehouse, SNAPSHOTS) == 1


def store_pages(
    warehouse: Warehouse, archive: PageArchive, *pages: tuple[str, date, bytes]
) -> None:
    """Pages, each (id, day, body)."""
    warehouse.make_partitions(PAGES, [day for _, day, _ in pages])
    with warehouse.begin() as connection:
        for page_id, day, body in pages:
            moment = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
            row = page_row(page_id, day=day, captured_at=moment, content_hash=archive.put(body))
            connection.execute(insert(PAGES).values(row))


def bodies(archive: PageArchive, *contents: bytes) -> list[bool]:
    """Whether each is in the archive."""
    return [archive.exists(hashlib.sha256(content).hexdigest()) for content in contents]


def test_bodies_go_with_the_last_page_that_names_them(
    warehouse: Warehouse, archive: PageArchive
) -> None:
    store_pages(
        warehouse,
        archive,
        ("p1", OLD, b"old"),
        ("p2", OLD, b"twice"),
        ("p3", OLD + timedelta(days=31), b"twice"),
        ("p4", OLD, b"old and new"),
        ("p5", NEWER, b"old and new"),
    )
    done = apply(warehouse, archive, policy(PAGES, tables.rejected_pages))
    assert done[-1] == "page archive: 2 bodies that no page names"
    assert bodies(archive, b"old", b"twice", b"old and new") == [False, False, True]


class BrokenArchive(PageArchive):
    def remove(self, content_hash: str) -> None:
        raise ArchiveError("the archive is away")


def test_bodies_that_could_not_be_removed_are_removed_by_the_next_run(
    warehouse: Warehouse, archive: PageArchive, tmp_path: Path
) -> None:
    store_pages(warehouse, archive, ("p1", OLD, b"old"), ("p2", OLD, b"comes again"))
    rules = policy(PAGES, tables.rejected_pages)
    with pytest.raises(ArchiveError, match="away"):
        apply(warehouse, BrokenArchive(str(tmp_path / "pages")), rules)
    assert bodies(archive, b"old", b"comes again") == [True, True]
    assert [str(each) for each in plan(warehouse, rules)] == [
        "page archive: 2 bodies that no page names, of an earlier run"
    ]
    store_pages(warehouse, archive, ("p3", NEWER, b"comes again"))
    assert apply(warehouse, archive, rules) == ["page archive: 1 bodies that no page names"]
    assert bodies(archive, b"old", b"comes again") == [False, True]
    assert plan(warehouse, rules) == []


def test_a_rebuild_of_days_whose_pages_are_gone_keeps_what_was_read_from_them(
    warehouse: Warehouse, archive: PageArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_snapshots(warehouse, [snapshot(A, OLD), snapshot(A, NEWER)])
    with warehouse.read() as connection:
        rows = connection.execute(select(SNAPSHOTS.c.day, SNAPSHOTS.c.page_id)).all()
    ids = {row.day: row.page_id for row in rows}
    store_pages(warehouse, archive, (ids[OLD], OLD, b"one"), (ids[NEWER], NEWER, b"two"))
    apply(warehouse, archive, policy(PAGES, tables.rejected_pages))
    assert pending_scopes(warehouse) == []
    rebuilt = rebuild_snapshots(warehouse, archive, Scope(OLD, OLD + timedelta(days=5)))
    assert rebuilt.snapshots.rows_removed == 0
    assert current_snapshots(warehouse) == [(A, OLD), (A, NEWER)]
    # Of a day whose pages are there, a rebuild says what they say: these are no products'.
    monkeypatch.setattr(snapshots_rebuild, "audit_snapshots", lambda frame, pages: ())
    rebuild_snapshots(warehouse, archive, Scope.of_day(NEWER))
    assert current_snapshots(warehouse) == [(A, OLD)]


def test_rows_superseded_long_ago_go_before_those_that_stand(
    warehouse: Warehouse, archive: PageArchive
) -> None:
    publish_ranks(warehouse, (A, NEWER, 1), scope=Scope.of_day(NEWER))
    changed = publish_ranks(warehouse, (A, NEWER, 2), scope=Scope.of_day(NEWER)).build_id
    rules = policy(superseded=100)
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    assert apply(warehouse, archive, rules, tomorrow) == []
    assert apply(warehouse, archive, rules, tomorrow + timedelta(days=100)) == [
        "rank_features: 1 rows superseded, or never published, for 100 days"
    ]
    assert current_ranks(warehouse) == [(A, NEWER, 2)]
    # What stood before that build is gone, and it says so.
    with pytest.raises(WarehouseError, match="retention"):
        plan_rollback(warehouse, changed, with_later=False)


def test_rows_of_builds_that_were_never_published_go_too(
    warehouse: Warehouse, archive: PageArchive
) -> None:
    publish_ranks(warehouse, (A, NEWER, 1), scope=Scope.of_day(NEWER))
    with warehouse.begin() as connection:
        connection.execute(update(RANKS).values(recorded_at=None))
        connection.execute(update(tables.builds).values(status="rejected"))
    later = datetime.now(UTC).date() + timedelta(days=101)
    assert len(apply(warehouse, archive, policy(superseded=100), later)) == 1
    assert stored_rows(warehouse) == 0


def test_a_reader_is_waited_for_and_keeps_nobody_waiting(
    postgres_warehouse: Warehouse, archive: PageArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a long query reads the table, its month stays and other readers go on."""
    ranks_of_three_months(postgres_warehouse)
    monkeypatch.setattr(mechanics, "_TRIES", 2)
    monkeypatch.setattr(mechanics, "_PAUSE_SECONDS", 0.1)
    with postgres_warehouse.read() as reader:
        reader.execute(select(func.count()).select_from(RANKS)).all()
        with ThreadPoolExecutor(1) as background:
            removing = background.submit(apply, postgres_warehouse, archive, policy(RANKS))
            slowest, reads = 0.0, 0
            while not removing.done():
                began = time.monotonic()
                assert len(current_ranks(postgres_warehouse)) == 6
                slowest, reads = max(slowest, time.monotonic() - began), reads + 1
            with pytest.raises(WarehouseError, match="2025-01-01 could not be dropped in 2 tries"):
                removing.result()
        assert reads > 1
        assert slowest < 10
    apply(postgres_warehouse, archive, policy(RANKS))
    assert len(current_ranks(postgres_warehouse)) == 2


def test_the_writer_of_a_month_is_waited_for(
    warehouse: Warehouse, archive: PageArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    ranks_of_three_months(warehouse)
    monkeypatch.setattr("insights_resources.warehouse.engine._LOCK_SECONDS", 0.2)
    with (
        warehouse.writer_lock(RANKS, OLD, OLD),
        pytest.raises(WarehouseError, match="another process"),
    ):
        apply(warehouse, archive, policy(RANKS))
    assert len(current_ranks(warehouse)) == 6


def test_the_pipelines_login_may_do_it(
    postgres_url: str, postgres_warehouse: Warehouse, archive: PageArchive
) -> None:
    """It owns nothing, and can drop nothing by itself."""
    store_snapshots(postgres_warehouse, [snapshot(A, OLD), snapshot(A, NEWER), snapshot(B, OLD)])
    name = f"pipeline_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'secret' IN ROLE {WRITER}")
        own = postgres_warehouse.engine.url.set(username=name, password="secret")
        pipeline = Warehouse.open(own.render_as_string(hide_password=False))
        try:
            assert apply(pipeline, archive, policy(SNAPSHOTS)) == [
                "product_snapshots: 1 rows of 2025-01, 1 stay as the last of their products"
            ]
            assert current_snapshots(postgres_warehouse) == [(A, NEWER), (B, OLD)]
            with (
                pytest.raises(ProgrammingError, match="must be owner"),
                pipeline.begin() as connection,
            ):
                connection.execute(text("DROP TABLE warehouse.fact_product_snapshots_2025_03"))
        finally:
            pipeline.dispose()
            admin.execute(f"DROP ROLE {name}")


# --- the job, and the command line ---------------------------------------------------------------


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "retention.yaml"
    path.write_text(
        "keep_days: {competitive_scores: 130, competitive_reports: 60, rank_features: 200}\n"
    )
    return path


@pytest.fixture
def job_resources(
    warehouse_url: str, tmp_path: Path, rules: Path
) -> Iterator[tuple[Warehouse, dict[str, Any]]]:
    warehouse = Warehouse.open(warehouse_url)
    ranks_of_three_months(warehouse)
    yield (
        warehouse,
        {
            "warehouse": WarehouseResource(url=warehouse_url),
            "page_archive": PageArchiveResource(url=str(tmp_path / "pages")),
            "cache": CacheResource(),
            "files": ProjectFiles(
                catalog_file="",
                retention_file=str(rules),
                reports_folder="",
                first_day="2025-01-01",
            ),
        },
    )
    warehouse.dispose()


def test_the_job_says_first_and_removes_when_asked(
    job_resources: tuple[Warehouse, dict[str, Any]],
) -> None:
    warehouse, resources = job_resources
    with DagsterInstance.ephemeral() as instance:
        said = retention.execute_in_process(resources=resources, instance=instance)
        (event,) = said.get_step_success_events()
        assert len(current_ranks(warehouse)) == 6
        config = {"ops": {"remove_old_rows": {"config": {"apply": True}}}}
        done = retention.execute_in_process(
            resources=resources, instance=instance, run_config=config
        )
        assert current_ranks(warehouse) == []
        for run, name in ((said, "would be removed"), (done, "removed")):
            (output,) = [
                event.step_output_data
                for event in run.all_events
                if event.event_type_value == "STEP_OUTPUT"
            ]
            assert output.metadata[name].value == 6
            assert "| rank_features | 2 | rows of 2025-01 | 0 |" in output.metadata["report"].value
    assert event.step_key == "remove_old_rows"


def test_the_command_says_first_and_removes_when_asked(tmp_path: Path, rules: Path) -> None:
    home = Home(tmp_path / "home", {"INSIGHTS_RETENTION": str(rules)})
    assert home.insights("migrate").code == DONE
    with home.warehouse() as warehouse:
        ranks_of_three_months(warehouse)
        said = home.insights("retention")
        assert (said.code, said.err) == (DONE, "")
        assert "would remove rank_features: 2 rows of 2025-01" in said.out.splitlines()
        assert said.out.endswith("nothing is removed yet: --apply does it\n")
        assert len(current_ranks(warehouse)) == 6
        done = home.insights("retention", "--apply")
        assert "removed rank_features: 2 rows of 2025-01" in done.out.splitlines()
        assert current_ranks(warehouse) == []
    assert "nothing is older than" in home.insights("retention", "--apply").out
    missing = home.insights("retention", INSIGHTS_RETENTION=tmp_path / "none.yaml")
    assert missing.code == FAILED
    assert "INSIGHTS_RETENTION" in missing.error
