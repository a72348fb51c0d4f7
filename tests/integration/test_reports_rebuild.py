"""Reports rebuilt from published scores, features and alerts, and their files, on both engines."""

from __future__ import annotations

import json
import os
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from selectolax.lexbor import LexborHTMLParser
from sqlalchemy import func, select, update

from insights_assets.competition.rebuild import rebuild_scores
from insights_assets.features.rebuild import rebuild_features
from insights_assets.reports import narratives
from insights_assets.reports import rebuild as reports_rebuild
from insights_assets.reports.rebuild import rebuild_reports, write_report_files
from insights_assets.reports.schema import SCHEMA_VERSION, Report
from insights_resources.errors import AuditFailedError, InvalidInputError
from insights_resources.marketplaces import ProductKey
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import PublishedBuild, publish, select_current
from tests.integration.stored_history import build_statuses, store_group, store_snapshots
from tests.unit.features.capture_histories import MARKETPLACE, at, capture

DAY = date(2026, 3, 10)
SCOPE = Scope(DAY - timedelta(days=1), DAY)
LONG_AFTER = datetime(2026, 6, 1, tzinfo=UTC)
SINCE = date(2026, 1, 1)
ASINS = [f"B00000000{n}" for n in range(6)]
HOSTILE = "JavaScript: <script>alert(1)</script> | [x](javascript:alert(1)) </footer>"
REPORTS = tables.competitive_reports


def history(price_of_first: int = 1000) -> list[dict[str, Any]]:
    return [
        capture(
            at(day),
            asin=asin,
            title=HOSTILE if number == 0 else f"Kettle {number}",
            price=price_of_first if number == 0 else 1000 + 100 * number,
            rating=4.0 + number / 10,
            rating_count=100,
            bsr=[("Home", None, 100 * (number + 1)), ("Kettles", "77", number + 1)],
        )
        for number, asin in enumerate(ASINS)
        for day in SCOPE.days
    ]


def store(warehouse: Warehouse, price_of_first: int = 1000) -> None:
    """Makes these the snapshots, features and scores of the days."""
    store_snapshots(warehouse, history(price_of_first))
    rebuild_features(warehouse, SCOPE)
    rebuild_scores(warehouse, SCOPE, now=LONG_AFTER)


def store_alert(warehouse: Warehouse, message: str) -> None:
    alerts = pd.DataFrame(
        {
            "alert_id": ["alert-1"],
            "rule_id": "price-move",
            "marketplace": MARKETPLACE,
            "asin": ASINS[0],
            "day": [DAY],
            "transition": "fired",
            "severity": "warning",
            "value": 10.0,
            "baseline": 12.0,
            "magnitude": 0.2,
            "message": message,
            "captured_at": [at(DAY)],
        }
    )
    covers = tables.alerts.c.day == DAY
    publish(
        warehouse, tables.alerts, alerts, covers=covers, scope=Scope.of_day(DAY), code_version="t"
    )


def members(*asins: str, valid_to: date | None = None) -> list[tuple[str, str, date, date | None]]:
    return [(MARKETPLACE, asin, SINCE, valid_to) for asin in asins]


@pytest.fixture
def scored(warehouse: Warehouse) -> Warehouse:
    """Two groups, with scores of two days."""
    store_group(warehouse, "kettles", members(*ASINS[:4]))
    store_group(warehouse, "pots", members(*ASINS[3:]))
    store(warehouse)
    return warehouse


def reports(warehouse: Warehouse) -> pd.DataFrame:
    frame = warehouse.read_frame(select_current(REPORTS))
    frame["day"] = frame["day"].dt.date
    return frame.set_index(["day", "group_id"]).sort_index()


def changes(built: PublishedBuild) -> tuple[int, int, int]:
    return built.rows_added, built.rows_changed, built.rows_removed


def stored_rows(warehouse: Warehouse) -> int:
    with warehouse.read() as connection:
        return connection.scalar(select(func.count()).select_from(REPORTS)) or 0


# --- publication ---------------------------------------------------------------------------------


def test_each_group_has_a_verified_report_for_each_day(scored: Warehouse) -> None:
    built = rebuild_reports(scored, SCOPE, run_id="run-1")
    assert changes(built) == (4, 0, 0)
    assert all(finding.passed for finding in built.findings)
    row = reports(scored).loc[(DAY, "kettles")]
    assert (row["status"], row["writer"]) == ("complete", "structured")
    assert row["leader_asin"] == ASINS[0]
    assert row["verification"]["dropped"] == []
    assert row["verification"]["sentences"] > 5
    report = Report.model_validate(row["report"])
    assert report.position[0].text.startswith("“JavaScript: <script>alert(1)</script>")
    assert {fact["id"] for fact in row["facts"]} >= set(report.position[0].fact_ids)
    assert row["markdown"].startswith("# kettles, 10 March 2026")
    assert LexborHTMLParser(row["html"]).css_first("script") is None


def test_facts_name_rows_that_stand_in_the_warehouse(scored: Warehouse) -> None:
    rebuild_reports(scored, SCOPE)
    facts = reports(scored).loc[(DAY, "kettles"), "facts"]
    named = {table.name: table for table in tables.metadata.tables.values()}
    looked_up = 0
    with scored.read() as connection:
        for fact in facts:
            table = named[fact["source_table"]]
            if fact["subject"] == "group" or fact["source_column"] not in table.columns:
                continue
            # An alert's fact counts rows: there may be none.
            if fact["source_table"] == "fact_alerts":
                continue
            query = select_current(table, table.c[fact["source_column"]])
            for name, value in fact["source_key"].items():
                query = query.where(
                    table.c[name] == (date.fromisoformat(value) if name == "day" else value)
                )
            (found,) = set(connection.scalars(query))
            if fact["unit"] == "text":
                assert str(found).startswith(str(fact["value"])[:20])
            else:
                assert float(found) == pytest.approx(float(fact["value"]), abs=1e-6)
            looked_up += 1
    assert looked_up > 50


def test_a_second_rebuild_writes_nothing(scored: Warehouse) -> None:
    rebuild_reports(scored, SCOPE)
    rows = stored_rows(scored)
    again = rebuild_reports(scored, SCOPE)
    assert (again.row_count, changes(again)) == (4, (0, 0, 0))
    assert stored_rows(scored) == rows == 4


def test_equal_facts_from_new_builds_keep_the_report_and_write_none(
    scored: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    rebuild_reports(scored, SCOPE)
    before = reports(scored)
    # Everything behind the reports becomes other and then the same again, under new builds.
    store(scored, price_of_first=5000)
    store(scored)

    def refuse(sheet: Any) -> Report:
        raise AssertionError("a report is written although nothing changed")

    monkeypatch.setattr(narratives, "write_report", refuse)
    assert changes(rebuild_reports(scored, SCOPE)) == (0, 0, 0)
    pd.testing.assert_frame_equal(reports(scored), before)


def test_a_new_version_of_the_writer_writes_again(
    scored: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    rebuild_reports(scored, SCOPE)
    monkeypatch.setattr(reports_rebuild, "PROMPT_VERSION", "next")
    monkeypatch.setattr(narratives, "PROMPT_VERSION", "next")
    built = rebuild_reports(scored, SCOPE)
    assert changes(built) == (0, 4, 0)
    assert set(reports(scored)["prompt_version"]) == {"next"}


def test_a_groups_locale_and_template_shape_its_reports(scored: Warehouse) -> None:
    groups = tables.competitive_groups
    with scored.begin() as connection:
        connection.execute(
            update(groups)
            .where(groups.c.group_id == "kettles")
            .values(template="books", locale="de_DE")
        )
    rebuild_reports(scored, SCOPE, locale="en_GB")
    told = reports(scored).loc[DAY]["markdown"]
    assert "10,00 €" in told["kettles"]
    assert "No title is known" in told["kettles"]
    assert "€13.00" in told["pots"]
    assert "No product is known" in told["pots"]


def test_a_changed_score_gives_a_new_report_and_supersedes_the_old(scored: Warehouse) -> None:
    rebuild_reports(scored, SCOPE)
    before = reports(scored)
    store(scored, price_of_first=1250)
    built = rebuild_reports(scored, SCOPE)
    # The first product is a kettle, and no pot.
    assert changes(built) == (0, 2, 0)
    after = reports(scored)
    for day in SCOPE.days:
        old, new = before.loc[(day, "kettles")], after.loc[(day, "kettles")]
        assert old["facts_hash"] != new["facts_hash"]
        assert old["report_id"] != new["report_id"]
        assert "€12.50" in new["html"]
        assert before.loc[(day, "pots"), "report_id"] == after.loc[(day, "pots"), "report_id"]
    one = (REPORTS.c.day == DAY) & (REPORTS.c.group_id == "kettles")
    with scored.read() as connection:
        rows = connection.execute(
            select(REPORTS.c.report_id, REPORTS.c.superseded_at, REPORTS.c.build_id)
            .where(one)
            .order_by(REPORTS.c.build_id)
        ).all()
    assert [row.report_id for row in rows] == [
        before.loc[(DAY, "kettles"), "report_id"],
        after.loc[(DAY, "kettles"), "report_id"],
    ]
    assert rows[0].superseded_at is not None
    assert rows[1].superseded_at is None
    assert rows[1].build_id == built.build_id


def test_a_new_alert_gives_a_new_report_of_its_groups(scored: Warehouse) -> None:
    rebuild_reports(scored, SCOPE)
    store_alert(scored, "The price of the kettle fell.")
    built = rebuild_reports(scored, Scope.of_day(DAY))
    assert changes(built) == (0, 1, 0)
    assert "The price of the kettle fell." in reports(scored).loc[(DAY, "kettles"), "markdown"]


def test_a_product_brings_the_reports_of_its_groups_alone(scored: Warehouse) -> None:
    rebuild_reports(scored, SCOPE)
    store(scored, price_of_first=1250)
    pot = Scope.of_day(DAY, [ProductKey(MARKETPLACE, ASINS[5])])
    built = rebuild_reports(scored, pot)
    assert (built.row_count, changes(built)) == (1, (0, 0, 0))
    kettle = Scope.of_day(DAY, [ProductKey(MARKETPLACE, ASINS[1])])
    built = rebuild_reports(scored, kettle)
    assert (built.row_count, changes(built)) == (1, (0, 1, 0))
    both = Scope.of_day(DAY, [ProductKey(MARKETPLACE, ASINS[3])])
    assert rebuild_reports(scored, both).row_count == 2
    # The day before is still as it was.
    assert "12,50" not in reports(scored).loc[(SCOPE.first_day, "kettles"), "html"]
    nobody = Scope.of_day(DAY, [ProductKey(MARKETPLACE, "B0NOBODY00")])
    assert (rebuild_reports(scored, nobody).row_count, len(reports(scored))) == (0, 4)


def test_a_day_without_scores_has_a_report_that_says_why(warehouse: Warehouse) -> None:
    store_group(warehouse, "kettles", members(*ASINS[:4]))
    rebuild_reports(warehouse, Scope.of_day(DAY))
    row = reports(warehouse).loc[(DAY, "kettles")]
    assert row["status"] == "no_data"
    assert pd.isna(row["leader_asin"])
    assert "Nothing has been scored for this group on this day." in row["markdown"]
    assert "Nothing has been scored for this group on this day." in row["html"]
    assert all(part == [] for part in row["report"].values())
    # The scores come later: then there is a report.
    store(warehouse)
    assert changes(rebuild_reports(warehouse, Scope.of_day(DAY))) == (0, 1, 0)
    assert reports(warehouse).loc[(DAY, "kettles"), "status"] == "complete"


def test_a_group_that_everybody_left_loses_its_report(scored: Warehouse) -> None:
    rebuild_reports(scored, SCOPE)
    with scored.begin() as connection:
        connection.execute(
            update(tables.group_members)
            .where(tables.group_members.c.group_id == "pots")
            .values(valid_to=SCOPE.first_day)
        )
    built = rebuild_reports(scored, SCOPE)
    assert built.rows_removed == 1
    assert (DAY, "pots") not in reports(scored).index
    assert (SCOPE.first_day, "pots") in reports(scored).index


def test_an_inactive_group_keeps_the_reports_it_had(scored: Warehouse) -> None:
    rebuild_reports(scored, SCOPE)
    with scored.begin() as connection:
        connection.execute(update(tables.competitive_groups).values(is_active=False))
    store(scored, price_of_first=1250)
    built = rebuild_reports(scored, SCOPE)
    assert (built.row_count, changes(built)) == (0, (0, 0, 0))
    assert len(reports(scored)) == 4


def test_a_report_that_cannot_be_right_stays_unpublished(
    scored: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    rebuild_reports(scored, SCOPE)
    before = reports(scored)
    store(scored, price_of_first=1250)
    empty = Report(**{name: [] for name in Report.model_fields})
    monkeypatch.setattr(narratives, "write_report", lambda sheet: empty)
    with pytest.raises(AuditFailedError, match="complete_reports_state_a_position: 2 do not"):
        rebuild_reports(scored, SCOPE)
    pd.testing.assert_frame_equal(reports(scored), before)
    assert build_statuses(scored, REPORTS.name) == ["published", "rejected"]


def test_nothing_to_report_is_an_empty_build(warehouse: Warehouse) -> None:
    built = rebuild_reports(warehouse, SCOPE)
    assert (built.row_count, changes(built)) == (0, (0, 0, 0))


# --- files ---------------------------------------------------------------------------------------


def test_files_hold_the_report_and_name_its_builds(scored: Warehouse, tmp_path: Path) -> None:
    store_alert(scored, "The price of the kettle fell.")
    built = rebuild_reports(scored, SCOPE)
    folder = tmp_path / "reports"
    paths = write_report_files(scored, folder, DAY, "kettles")
    assert paths == [folder / "2026-03-10" / f"kettles.{kind}" for kind in ("md", "json", "html")]
    assert sorted(path.name for path in (folder / "2026-03-10").iterdir()) == [
        "kettles.html",
        "kettles.json",
        "kettles.md",
    ]
    markdown, document, html = (path.read_text(encoding="utf-8") for path in paths)
    stored = reports(scored).loc[(DAY, "kettles")]
    found = json.loads(document)

    with scored.read() as connection:
        builds = {
            table.name: list(
                connection.scalars(
                    select(table.c.build_id)
                    .where(table.c.superseded_at.is_(None), table.c.day == DAY)
                    .distinct()
                )
            )
            for table in (tables.competitive_scores, tables.product_features, tables.alerts)
        }
    assert all(len(ids) == 1 for ids in builds.values())
    assert found["builds"] == {REPORTS.name: [built.build_id]} | builds
    sentence = "Builds: " + "; ".join(f"{k} {v[0]}" for k, v in found["builds"].items()) + "."
    assert markdown == f"{stored['markdown'].rstrip()}\n{sentence}\n"
    page = LexborHTMLParser(html)
    assert page.css("footer p")[-1].text() == sentence
    # A title that spells the end of the footer is not taken for it.
    assert len(page.css("footer")) == 1
    assert html.count(sentence) == 1


def test_the_json_file_is_the_schema(scored: Warehouse, tmp_path: Path) -> None:
    rebuild_reports(scored, SCOPE)
    _, path, _ = write_report_files(scored, tmp_path, DAY, "kettles")
    found = json.loads(path.read_text(encoding="utf-8"))
    stored = reports(scored).loc[(DAY, "kettles")]
    assert Report.model_validate(found["report"]).model_dump() == stored["report"]
    assert found["facts"] == stored["facts"]
    assert {
        name: found[name] for name in ("day", "group_id", "status", "schema_version", "report_id")
    } == {
        "day": "2026-03-10",
        "group_id": "kettles",
        "status": "complete",
        "schema_version": SCHEMA_VERSION,
        "report_id": stored["report_id"],
    }
    ids = {fact["id"] for fact in found["facts"]}
    for section in Report.model_fields:
        for statement in found["report"][section]:
            assert set(statement["fact_ids"]) <= ids
    assert not set(found) & {"html", "markdown", "build_id", "row_hash", "superseded_at"}


def test_a_report_without_alerts_says_that_no_build_of_them_was_read(
    scored: Warehouse, tmp_path: Path
) -> None:
    rebuild_reports(scored, SCOPE)
    markdown, path, _ = write_report_files(scored, tmp_path, DAY, "kettles")
    assert json.loads(path.read_text())["builds"]["fact_alerts"] == []
    assert markdown.read_text().rstrip().endswith("fact_alerts none.")


def test_files_of_an_old_report_keep_naming_what_it_was_made_from(
    scored: Warehouse, tmp_path: Path
) -> None:
    rebuild_reports(scored, SCOPE)
    _, path, _ = write_report_files(scored, tmp_path, DAY, "pots")
    before = path.read_text()
    # Scores of before are superseded, and no report is made from the new ones yet.
    store_snapshots(scored, [row | {"price": row["price"] + 1} for row in history()])
    rebuild_features(scored, SCOPE)
    rebuild_scores(scored, SCOPE, now=LONG_AFTER)
    write_report_files(scored, tmp_path, DAY, "pots")
    assert path.read_text() == before
    rebuild_reports(scored, SCOPE)
    write_report_files(scored, tmp_path, DAY, "pots")
    assert json.loads(path.read_text())["builds"] != json.loads(before)["builds"]


def test_a_file_is_replaced_as_a_whole(
    scored: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rebuild_reports(scored, SCOPE)
    paths = write_report_files(scored, tmp_path, DAY, "kettles")
    before = {path: path.read_bytes() for path in paths}
    # Who has the old file open goes on reading it.
    with paths[2].open("rb") as reader:
        start = reader.read(100)
        store(scored, price_of_first=1250)
        rebuild_reports(scored, SCOPE)
        write_report_files(scored, tmp_path, DAY, "kettles")
        assert start + reader.read() == before[paths[2]]
    after = {path: path.read_bytes() for path in paths}
    assert all(after[path] != before[path] for path in paths)
    assert {path.stat().st_mode & 0o777 for path in paths} == {0o644}

    def crash(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    store(scored)
    rebuild_reports(scored, SCOPE)
    monkeypatch.setattr(os, "replace", crash)
    with pytest.raises(OSError, match="No space left"):
        write_report_files(scored, tmp_path, DAY, "kettles")
    assert {path: path.read_bytes() for path in paths[0].parent.iterdir()} == after


def test_a_report_that_is_not_there_is_told_with_what_to_do(
    scored: Warehouse, tmp_path: Path
) -> None:
    rebuild_reports(scored, SCOPE)
    for day, group_id in ((DAY, "pans"), (DAY + timedelta(days=1), "kettles")):
        message = f"there is no report of {group_id} for {day}: run the job of reports for that day"
        with pytest.raises(InvalidInputError, match=re.escape(message)):
            write_report_files(scored, tmp_path, day, group_id)
    assert list(tmp_path.rglob("*.md")) == []


@pytest.mark.parametrize(
    "group_id",
    ["..", "../kettles", "a/b", "/etc/passwd", "a\\b", ".hidden", "", "kettles\n", "käse", "a b"],
)
def test_a_group_id_cannot_leave_the_folder(
    sqlite_warehouse: Warehouse, tmp_path: Path, group_id: str
) -> None:
    store_group(sqlite_warehouse, group_id, members(*ASINS[:4]))
    rebuild_reports(sqlite_warehouse, Scope.of_day(DAY))
    assert group_id in reports(sqlite_warehouse).index.get_level_values("group_id")
    folder = tmp_path / "deep" / "reports"
    with pytest.raises(InvalidInputError, match="is no group id"):
        write_report_files(sqlite_warehouse, folder, DAY, group_id)
    assert not folder.parent.exists()


@pytest.mark.parametrize(
    ("lost", "found"),
    [
        (lambda rows: [row for row in rows if row["group_id"] == "pots"], "2 of 4"),
        (lambda rows: [row | {"status": "no_data", "leader_asin": None} for row in rows], "4 of 4"),
    ],
)
def test_reports_that_are_silent_about_scores_are_refused(
    scored: Warehouse, monkeypatch: pytest.MonkeyPatch, lost: Any, found: str
) -> None:
    rebuild_reports(scored, SCOPE)
    before, publish_rows = reports(scored), reports_rebuild.publish

    def publish_less(warehouse: Warehouse, table: Any, frame: pd.DataFrame, **more: Any) -> Any:
        rows = lost(frame.to_dict("records"))
        return publish_rows(warehouse, table, pd.DataFrame(rows), **more)

    monkeypatch.setattr(reports_rebuild, "publish", publish_less)
    with pytest.raises(AuditFailedError, match=f"groups_with_scores_have_reports: {found}"):
        rebuild_reports(scored, SCOPE)
    pd.testing.assert_frame_equal(reports(scored), before)
