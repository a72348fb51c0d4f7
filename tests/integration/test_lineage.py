"""Lineage: from a score, or a report's fact, to the pages that it was made from."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import func, insert, select, text, update

from insights_assets.competition.rebuild import rebuild_scores
from insights_assets.features.rebuild import rebuild_features
from insights_assets.snapshots import rebuild as snapshots_rebuild
from insights_assets.snapshots.drift import SMALL_MARKETPLACES
from insights_assets.snapshots.history_import.importing import ImportOptions, import_history
from insights_assets.snapshots.rebuild import rebuild_snapshots
from insights_jobs.cli.lineage import lineage
from insights_resources.marketplaces import MARKETPLACES
from insights_resources.page_archive import PageArchive
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.lineage import (
    COLUMNS,
    LineageRow,
    fact_lineage,
    score_lineage,
)
from insights_resources.warehouse.publication import select_current
from tests.integration.platform_fixture import Platform

FIRST, DAY = date(2025, 3, 1), date(2025, 3, 3)

pytestmark = pytest.mark.slow


def kinds(rows: list[LineageRow]) -> Counter[tuple[int, str]]:
    return Counter((row.level, row.kind) for row in rows)


def of_kind(rows: list[LineageRow], kind: str) -> list[LineageRow]:
    return [row for row in rows if row.kind == kind]


def a_score(warehouse: Warehouse) -> Any:
    """A score with peers."""
    table = tables.competitive_scores
    with warehouse.read() as connection:
        rows = connection.execute(
            select_current(table).where(table.c.day == DAY, table.c.method == "standard")
        ).all()
    return max(rows, key=lambda row: len(row.peers["eligible"]))


def test_scores_and_facts_lead_to_the_pages(
    platform: Platform, warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform.run("whole_graph", FIRST, DAY)
    warehouse = platform.warehouse
    archive = PageArchive(str(platform.folder / "pages"))
    score = a_score(warehouse)
    asked = (score.group_id, score.asin, DAY)
    rows = score_lineage(warehouse, *asked)

    family = {score.asin, *score.peers["eligible"]}
    assert kinds(rows)[0, "score"] == 1
    assert {row.asin for row in of_kind(rows, "features")} == family
    assert {row.asin for row in of_kind(rows, "rank_features")} <= family
    captures = of_kind(rows, "snapshot")
    assert {row.asin for row in captures} == family
    assert {row.day for row in captures} == {FIRST, FIRST + timedelta(1), DAY}
    pages = of_kind(rows, "page")
    assert {row.page_id for row in pages} == {row.page_id for row in captures}
    assert {row.level for row in pages} == {3}
    for row in pages:
        assert row.content_hash is not None
        assert archive.exists(row.content_hash)
    assert [row.level for row in rows] == sorted(row.level for row in rows)

    # What there is not.
    assert score_lineage(warehouse, "no-such-group", score.asin, DAY) == []
    assert score_lineage(warehouse, score.group_id, score.asin, DAY + timedelta(1)) == []
    assert fact_lineage(warehouse, score.group_id, DAY, "no such fact") == []

    every_fact_leads_to_its_rows(warehouse)
    the_command_prints_it(warehouse_url, asked, rows, monkeypatch)
    an_older_score_leads_to_what_it_was_made_from(warehouse, archive, asked, monkeypatch)


def the_command_prints_it(
    warehouse_url: str,
    asked: tuple[str, str, date],
    rows: list[LineageRow],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    group_id, asin, day = asked
    monkeypatch.setenv("INSIGHTS_DATABASE_URL", warehouse_url)
    printed = CliRunner().invoke(lineage, [group_id, asin, "--day", str(day)])
    assert printed.exit_code == 0, printed.output
    lines = printed.output.splitlines()
    assert len(lines) == len(rows)
    assert lines[0].startswith("score standard")
    assert lines[-1].startswith("      page sandbox")
    assert rows[-1].content_hash in lines[-1]
    nothing = CliRunner().invoke(lineage, [group_id, "--fact", "x", "--day", str(day)])
    assert str(nothing.exception) == f"there is no fact 'x' in a report of {group_id} on {day}"
    assert CliRunner().invoke(lineage, [group_id, "--day", str(day)]).exit_code == 2


def test_imported_history_leads_to_its_file(warehouse: Warehouse, tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    path.write_text(
        "asin,time,price\nB000000001,2025-03-02T10:00:00Z,12.99\n"
        "B000000001,2025-03-03T10:00:00Z,13.99\n"
    )
    import_history(
        warehouse,
        path,
        ImportOptions(marketplace="amazon.com"),
        rejects=tmp_path / "rejects.csv",
    )
    rebuild_features(warehouse, Scope.of_day(DAY))
    warehouse.make_partitions(tables.competitive_scores, [DAY])
    with warehouse.begin() as connection:
        features = connection.execute(select_current(tables.product_features)).one()
        connection.execute(
            insert(tables.competitive_scores).values(
                day=DAY,
                group_id="imported",
                marketplace="amazon.com",
                asin=features.asin,
                method="standard",
                coverage="",
                peer_count=0,
                missing_reasons={},
                inputs={},
                peers={"eligible": [], "left_out": []},
                contributions={},
                build_id=connection.scalar(select(func.max(tables.builds.c.build_id))),
                row_hash=1,
                recorded_at=datetime.now(UTC),
            )
        )
        connection.execute(update(tables.builds).values(started_at=datetime.now(UTC)))
    rows = score_lineage(warehouse, "imported", features.asin, DAY)
    assert [row.name for row in of_kind(rows, "snapshot")] == ["import", "import"]
    (source,) = of_kind(rows, "import")
    assert (source.name, source.content_hash) == (
        "history.csv",
        hashlib.sha256(path.read_bytes()).hexdigest(),
    )
    assert of_kind(rows, "page") == []


def every_fact_leads_to_its_rows(warehouse: Warehouse) -> None:
    table = tables.competitive_reports
    with warehouse.read() as connection:
        reports = connection.execute(select_current(table).where(table.c.day == DAY)).all()
    expected: dict[str, Callable[[Counter[tuple[int, str]]], bool]] = {
        "fact_competitive_scores": lambda found: found[1, "score"] > 0 and found[4, "page"] > 0,
        "fact_product_features": lambda found: found[1, "features"] > 0 and found[3, "page"] > 0,
        "fact_product_snapshots": lambda found: found[1, "snapshot"] > 0 and found[2, "page"] > 0,
        # No alert is a count, too.
        "fact_alerts": lambda found: found[1, "alert"] == 0 or found[4, "page"] > 0,
    }
    sources = set()
    for report in reports:
        for fact in report.facts:
            rows = fact_lineage(warehouse, report.group_id, DAY, fact["id"])
            found = kinds(rows)
            source = fact["source_table"]
            sources.add(source)
            assert found[0, "fact"] == 1, fact
            if source.startswith("dim_"):
                assert found[1, "catalog"] == 1, fact
            else:
                assert expected[source](found), (fact, found)
            if source == "fact_alerts" and fact["id"].endswith("alerts_7d"):
                assert len(of_kind(rows, "alert")) == fact["value"], fact
    assert sources >= {
        "fact_competitive_scores",
        "fact_product_features",
        "fact_alerts",
        "dim_competitive_groups",
    }


def an_older_score_leads_to_what_it_was_made_from(
    warehouse: Warehouse,
    archive: PageArchive,
    asked: tuple[str, str, date],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = score_lineage(warehouse, *asked)
    moment = max(row.recorded_at for row in before if row.recorded_at is not None)
    parse = snapshots_rebuild.parse_page

    def dearer(content: bytes, target: Any) -> Any:
        parsed = parse(content, target=target)
        snapshot = parsed.snapshot
        if snapshot is None or snapshot.price is None:
            return parsed
        price = snapshot.price + len(str(target.asin).strip("B")) * ord(target.asin[-1])
        return replace(parsed, snapshot=replace(snapshot, price=price))

    monkeypatch.setattr(snapshots_rebuild, "parse_page", dearer)
    scope = Scope.of_day(DAY)
    rebuild_snapshots(warehouse, archive, scope, accept_drift=[*MARKETPLACES, SMALL_MARKETPLACES])
    # The score stands as it is, and so does what it was made from, which nobody else uses now.
    assert score_lineage(warehouse, *asked) == before

    rebuild_features(warehouse, scope)
    rebuild_scores(warehouse, scope)
    after = score_lineage(warehouse, *asked)
    assert kinds(after) == kinds(before)
    (old,), (new,) = of_kind(before, "score"), of_kind(after, "score")
    assert old.build_id != new.build_id
    changed = {row.build_id for row in of_kind(after, "snapshot")} - {
        row.build_id for row in of_kind(before, "snapshot")
    }
    assert len(changed) == 1
    assert {row.content_hash for row in after} == {row.content_hash for row in before}
    assert score_lineage(warehouse, *asked, as_of=moment) == before
    assert score_lineage(warehouse, *asked, as_of=datetime.fromisoformat("2020-01-01T00Z")) == []
    if warehouse.is_postgres:
        by_hand_in_sql(warehouse, asked, after)


def by_hand_in_sql(
    warehouse: Warehouse, asked: tuple[str, str, date], rows: list[LineageRow]
) -> None:
    group_id, asin, day = asked
    with warehouse.read() as connection:
        given = connection.execute(
            text("SELECT * FROM insights.lineage(:group, :asin, :day)"),
            {"group": group_id, "asin": asin, "day": day},
        )
        assert list(given.keys()) == [name for name, _ in COLUMNS]
        assert len(given.all()) == len(rows)
