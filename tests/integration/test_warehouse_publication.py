"""Publication: what consumers see while a layer is rebuilt, well or badly."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest
from sqlalchemy import and_, or_, select, text

from insights_resources.errors import AuditFailedError, WarehouseError
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.contract_views import contract_relation
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import (
    AuditFinding,
    changed_product_days,
    mark_consumed,
    pending,
    publish,
)
from tests.integration.warehouse_rows import (
    MARKETPLACE,
    MONDAY,
    RANKS,
    TUESDAY,
    WEDNESDAY,
    WEEK,
    build_rows,
    current_ranks,
    in_days,
    publish_ranks,
    ranks,
    stored_rows,
)

A, B, C = "B000000001", "B000000002", "B000000003"


def no_rank_over_1000(frame: pd.DataFrame) -> Iterable[AuditFinding]:
    bad = int((frame["rank"] > 1000).sum())
    yield AuditFinding("rank_is_plausible", bad == 0, f"{bad} ranks over 1000")


def test_published_rows_are_what_consumers_see(warehouse: Warehouse) -> None:
    build = publish_ranks(warehouse, (A, MONDAY, 10), (B, MONDAY, 20), (A, TUESDAY, 11))
    assert current_ranks(warehouse) == [(A, MONDAY, 10), (A, TUESDAY, 11), (B, MONDAY, 20)]
    assert (build.row_count, build.rows_added, build.rows_changed, build.rows_removed) == (
        3,
        3,
        0,
        0,
    )
    assert build.rows_by_day == {MONDAY: 2, TUESDAY: 1}
    (row,) = build_rows(warehouse)
    assert row["status"] == "published"
    assert row["published_at"] == build.published_at
    assert (row["first_day"], row["last_day"]) == (MONDAY, WEDNESDAY)


def test_the_same_frame_twice_writes_no_row(warehouse: Warehouse) -> None:
    rows = ((A, MONDAY, 10), (B, MONDAY, 20))
    publish_ranks(warehouse, *rows)
    again = publish_ranks(warehouse, *reversed(rows))
    assert stored_rows(warehouse) == 2
    assert (again.rows_added, again.rows_changed, again.rows_removed) == (0, 0, 0)
    assert again.row_count == 2


def test_only_what_changed_is_written_and_the_rest_keeps_its_build(warehouse: Warehouse) -> None:
    first = publish_ranks(warehouse, (A, MONDAY, 10), (B, MONDAY, 20), (C, MONDAY, 30))
    second = publish_ranks(warehouse, (A, MONDAY, 10), (B, MONDAY, 21), (C, TUESDAY, 31))
    assert current_ranks(warehouse) == [(A, MONDAY, 10), (B, MONDAY, 21), (C, TUESDAY, 31)]
    assert (second.rows_added, second.rows_changed, second.rows_removed) == (1, 1, 1)
    assert stored_rows(warehouse) == 5
    stored = warehouse.read_frame(
        select(RANKS.c.asin, RANKS.c["rank"], RANKS.c.build_id, RANKS.c.superseded_at)
    ).set_index("rank")
    assert stored.loc[10, "build_id"] == first.build_id
    assert pd.isna(stored.loc[10, "superseded_at"])
    for ended in (20, 30):
        assert stored.loc[ended, "superseded_at"] == second.published_at


def test_rows_outside_of_what_the_build_covers_stay(warehouse: Warehouse) -> None:
    publish_ranks(warehouse, (A, MONDAY, 10), (A, WEDNESDAY, 12))
    publish_ranks(warehouse, (B, MONDAY, 20), scope=Scope.of_day(MONDAY))
    assert current_ranks(warehouse) == [(A, WEDNESDAY, 12), (B, MONDAY, 20)]


def test_an_empty_frame_removes_what_it_covers_unless_that_is_refused(
    warehouse: Warehouse,
) -> None:
    publish_ranks(warehouse, (A, MONDAY, 10))
    with pytest.raises(AuditFailedError, match="has_rows"):
        publish_ranks(warehouse, allow_empty=False)
    assert current_ranks(warehouse) == [(A, MONDAY, 10)]
    assert publish_ranks(warehouse).rows_removed == 1
    assert current_ranks(warehouse) == []


def test_what_was_removed_can_come_again(warehouse: Warehouse) -> None:
    publish_ranks(warehouse, (A, MONDAY, 10))
    publish_ranks(warehouse)
    build = publish_ranks(warehouse, (A, MONDAY, 10))
    assert build.rows_added == 1
    assert current_ranks(warehouse) == [(A, MONDAY, 10)]


def test_a_rejected_build_is_invisible_and_explained(warehouse: Warehouse) -> None:
    publish_ranks(warehouse, (A, MONDAY, 10), (B, MONDAY, 20))
    with pytest.raises(AuditFailedError) as failure:
        publish_ranks(warehouse, (A, MONDAY, 9999), (B, MONDAY, 21), audits=(no_rank_over_1000,))
    for part in ("fact_rank_features", "2026-03-02 to 2026-03-04", "1 ranks over 1000"):
        assert part in str(failure.value)
    assert current_ranks(warehouse) == [(A, MONDAY, 10), (B, MONDAY, 20)]
    rejected = build_rows(warehouse)[-1]
    assert rejected["status"] == "rejected"
    assert rejected["published_at"] is None
    assert rejected["audit"] == [
        {"check": "rank_is_plausible", "passed": False, "detail": "1 ranks over 1000"}
    ]
    # Its rows can be compared with the ones that stand.
    refused = warehouse.read_frame(
        select(RANKS.c["rank"], RANKS.c.recorded_at).where(RANKS.c.build_id == rejected["build_id"])
    )
    assert sorted(refused["rank"]) == [21, 9999]
    assert refused["recorded_at"].isna().all()
    # And the next good build goes through.
    publish_ranks(warehouse, (A, MONDAY, 12), (B, MONDAY, 20))
    assert current_ranks(warehouse) == [(A, MONDAY, 12), (B, MONDAY, 20)]


def test_passed_findings_are_kept_with_the_build(warehouse: Warehouse) -> None:
    build = publish_ranks(warehouse, (A, MONDAY, 10), audits=(no_rank_over_1000,))
    assert build.findings == (AuditFinding("rank_is_plausible", True, "0 ranks over 1000"),)
    assert build_rows(warehouse)[0]["audit"] == [
        {"check": "rank_is_plausible", "passed": True, "detail": "0 ranks over 1000"}
    ]


def test_a_frame_that_the_table_cannot_hold_leaves_a_failed_build(warehouse: Warehouse) -> None:
    publish_ranks(warehouse, (A, MONDAY, 10))
    twice = pd.concat([ranks((A, MONDAY, 1)), ranks((A, MONDAY, 2))])
    with pytest.raises(WarehouseError, match="key of another"):
        publish(warehouse, RANKS, twice, covers=in_days(WEEK), scope=WEEK, code_version="test")
    assert current_ranks(warehouse) == [(A, MONDAY, 10)]
    failed = build_rows(warehouse)[-1]
    assert failed["status"] == "failed"
    assert "key of another" in failed["audit"][0]["detail"]


def test_an_error_in_the_middle_leaves_the_last_good_rows(warehouse: Warehouse) -> None:
    def breaks(frame: pd.DataFrame) -> Iterable[AuditFinding]:
        # A message with a character that PostgreSQL does not store.
        raise RuntimeError("the disk is full \x00")

    publish_ranks(warehouse, (A, MONDAY, 10))
    with pytest.raises(RuntimeError, match="disk is full"):
        publish_ranks(warehouse, (A, MONDAY, 11), audits=(breaks,))
    assert current_ranks(warehouse) == [(A, MONDAY, 10)]
    assert [row["status"] for row in build_rows(warehouse)] == ["published", "failed"]
    publish_ranks(warehouse, (A, MONDAY, 11))
    assert current_ranks(warehouse) == [(A, MONDAY, 11)]


def test_a_writer_without_the_lock_is_found_out(warehouse: Warehouse) -> None:
    def another_writer_is_faster(frame: pd.DataFrame) -> Iterable[AuditFinding]:
        publish_ranks(warehouse, (A, MONDAY, 99))
        yield AuditFinding("fine", passed=True, detail="")

    publish_ranks(warehouse, (A, MONDAY, 10))
    with pytest.raises(WarehouseError, match="another writer"):
        publish_ranks(warehouse, (A, MONDAY, 11), audits=(another_writer_is_faster,))
    assert current_ranks(warehouse) == [(A, MONDAY, 99)]


def test_what_was_known_on_a_date_can_be_asked(warehouse: Warehouse) -> None:
    first = publish_ranks(warehouse, (A, MONDAY, 10), (B, MONDAY, 20))
    second = publish_ranks(warehouse, (A, MONDAY, 11))

    def known_at(moment: datetime) -> list[int]:
        frame = warehouse.read_frame(
            select(RANKS.c["rank"])
            .where(
                RANKS.c.recorded_at <= moment,
                or_(RANKS.c.superseded_at.is_(None), RANKS.c.superseded_at > moment),
            )
            .order_by("rank")
        )
        return frame["rank"].tolist()

    instant = timedelta(microseconds=1)
    assert known_at(first.published_at - instant) == []
    assert known_at(first.published_at) == [10, 20]
    assert known_at(second.published_at - instant) == [10, 20]
    assert known_at(second.published_at) == [11]


def test_the_contract_shows_current_rows_only(warehouse: Warehouse) -> None:
    publish_ranks(warehouse, (A, MONDAY, 10))
    publish_ranks(warehouse, (A, MONDAY, 11))
    with pytest.raises(AuditFailedError):
        publish_ranks(warehouse, (A, MONDAY, 2000), audits=(no_rank_over_1000,))
    relation = contract_relation(warehouse, "rank_features")
    with warehouse.read() as connection:
        rows = connection.execute(text(f"SELECT asin, rank FROM {relation}")).all()  # noqa: S608
    assert rows == [(A, 11)]


def test_thousands_of_rows_change_at_once(warehouse: Warehouse) -> None:
    asins = [f"B{number:09d}" for number in range(2500)]
    publish_ranks(warehouse, *((asin, MONDAY, 10) for asin in asins))
    build = publish_ranks(warehouse, *((asin, MONDAY, 11) for asin in asins[:-500]))
    assert (build.rows_added, build.rows_changed, build.rows_removed) == (0, 2000, 500)
    assert len(current_ranks(warehouse)) == 2000


def test_a_later_layer_finds_what_it_has_not_taken_in(warehouse: Warehouse) -> None:
    consumer = tables.competitive_scores
    assert pending(warehouse, consumer, [RANKS]) == []
    first = publish_ranks(warehouse, (A, MONDAY, 10), (B, TUESDAY, 20))
    publish_ranks(warehouse, (A, MONDAY, 10), (B, TUESDAY, 20))  # changes nothing
    third = publish_ranks(warehouse, (A, MONDAY, 11))
    with pytest.raises(AuditFailedError):
        publish_ranks(warehouse, (A, MONDAY, 2000), audits=(no_rank_over_1000,))

    waiting = pending(warehouse, consumer, [RANKS, tables.product_features])
    assert [build.build_id for build in waiting] == [first.build_id, third.build_id]
    assert (waiting[0].first_day, waiting[0].last_day) == (MONDAY, WEDNESDAY)
    assert waiting[1].published_at == third.published_at

    mark_consumed(warehouse, consumer, [first.build_id])
    mark_consumed(warehouse, consumer, [first.build_id])
    mark_consumed(warehouse, consumer, [])
    assert [b.build_id for b in pending(warehouse, consumer, [RANKS])] == [third.build_id]
    # Another layer keeps its own place.
    assert len(pending(warehouse, tables.product_summaries, [RANKS])) == 2


@pytest.mark.parametrize("scope", [WEEK, None])
def test_changed_product_days_are_those_written_and_those_removed(
    warehouse: Warehouse, scope: Scope | None
) -> None:
    publish_ranks(warehouse, (A, MONDAY, 10), (B, TUESDAY, 20), (C, WEDNESDAY, 30))
    before = pending(warehouse, tables.competitive_scores, [RANKS])
    mark_consumed(warehouse, tables.competitive_scores, [build.build_id for build in before])
    publish(
        warehouse,
        RANKS,
        ranks((A, MONDAY, 10), (B, TUESDAY, 21), (A, TUESDAY, 11)),
        covers=in_days(WEEK),
        scope=scope,
        code_version="test",
    )

    def days(frame: pd.DataFrame) -> set[tuple[str, str, date]]:
        return {(m, asin, day.date()) for m, asin, day in frame.itertuples(index=False)}

    changed = changed_product_days(
        warehouse, pending(warehouse, tables.competitive_scores, [RANKS])
    )
    assert days(changed) == {
        (MARKETPLACE, B, TUESDAY),
        (MARKETPLACE, A, TUESDAY),
        (MARKETPLACE, C, WEDNESDAY),
    }
    assert len(days(changed_product_days(warehouse, before))) == 3
    nothing = changed_product_days(warehouse, [])
    assert list(nothing.columns) == ["marketplace", "asin", "day"]
    assert nothing.empty


def test_two_current_rows_of_one_key_are_impossible(warehouse: Warehouse) -> None:
    publish_ranks(warehouse, (A, MONDAY, 10))
    build = publish_ranks(warehouse, (A, MONDAY, 11))
    from sqlalchemy.exc import IntegrityError

    with pytest.raises(IntegrityError), warehouse.begin() as connection:
        connection.execute(
            RANKS.update()
            .where(and_(RANKS.c.build_id != build.build_id))
            .values(superseded_at=None, recorded_at=datetime.now(UTC))
        )
