"""Scores rebuilt from published features, on both engines."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import update

from insights_assets.competition import rebuild
from insights_assets.competition.rebuild import audit_scores, rebuild_scores
from insights_assets.features.rebuild import rebuild_features
from insights_resources.errors import AuditFailedError
from insights_resources.marketplaces import ProductKey
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import PublishedBuild, select_current
from tests.integration.stored_history import store_group, store_snapshots
from tests.unit.features.capture_histories import MARKETPLACE, at, capture

DAY = date(2026, 3, 10)
SCOPE = Scope(DAY - timedelta(days=1), DAY)
LONG_AFTER = datetime(2026, 6, 1, tzinfo=UTC)
SINCE = date(2026, 1, 1)
ASINS = [f"B00000000{n}" for n in range(6)]


def history(price_of_first: int = 1000) -> list[dict[str, Any]]:
    return [
        capture(
            at(day),
            asin=asin,
            price=price_of_first if number == 0 else 1000 + 100 * number,
            rating=4.0 + number / 10,
            rating_count=100,
            bsr=[("Home", None, 100 * (number + 1)), ("Kettles", "77", number + 1)],
        )
        for number, asin in enumerate(ASINS)
        for day in SCOPE.days
    ]


def rebuild_all(
    warehouse: Warehouse, scope: Scope = SCOPE, captures: list[dict[str, Any]] | None = None
) -> PublishedBuild:
    store_snapshots(warehouse, history() if captures is None else captures)
    rebuild_features(warehouse, SCOPE)
    return rebuild_scores(warehouse, scope, now=LONG_AFTER)


def members(*asins: str, valid_to: date | None = None) -> list[tuple[str, str, date, date | None]]:
    return [(MARKETPLACE, asin, SINCE, valid_to) for asin in asins]


def scores(warehouse: Warehouse) -> pd.DataFrame:
    frame = warehouse.read_frame(select_current(tables.competitive_scores))
    return frame.sort_values(list(tables.competitive_scores.info["key"]), ignore_index=True)


def test_scores_of_the_groups_are_published(warehouse: Warehouse) -> None:
    store_group(warehouse, "kettles", members(*ASINS[:4]))
    store_group(warehouse, "pots", members(*ASINS[3:]))
    built = rebuild_all(warehouse)
    assert built.row_count == built.rows_added == (4 + 3) * 2 * 2
    assert all(finding.passed for finding in built.findings)
    row = (
        scores(warehouse)
        .query("group_id == 'kettles' and asin == @ASINS[0] and method == 'standard'")
        .iloc[-1]
    )
    assert row["day"].date() == DAY
    assert row["price_score"] == round((2 - 1000 / 1200) * 50, 2)
    assert row["quality_score"] == 80.0
    assert row["inputs"]["rank_node"] == "77"
    assert row["peers"]["eligible"] == ASINS[1:4]
    assert row["coverage"] == "price,quality,popularity"


def test_a_second_rebuild_changes_nothing(warehouse: Warehouse) -> None:
    store_group(warehouse, "kettles", members(*ASINS))
    rebuild_all(warehouse)
    again = rebuild_scores(warehouse, SCOPE, now=LONG_AFTER)
    assert again.row_count > 0
    assert (again.rows_added, again.rows_changed, again.rows_removed) == (0, 0, 0)


def test_a_product_brings_the_whole_of_its_groups(warehouse: Warehouse) -> None:
    store_group(warehouse, "kettles", members(*ASINS[:4]))
    store_group(warehouse, "pots", members(*ASINS[3:]))
    rebuild_all(warehouse)
    store_snapshots(warehouse, history(price_of_first=5000))
    rebuild_features(warehouse, SCOPE)
    one = Scope.of_day(DAY, [ProductKey(MARKETPLACE, ASINS[0])])
    built = rebuild_scores(warehouse, one, now=LONG_AFTER)
    assert built.row_count == 4 * 2
    assert built.rows_changed == 4 * 2  # the medians of its peers moved too
    assert (built.rows_added, built.rows_removed) == (0, 0)
    whole = rebuild_scores(warehouse, Scope.of_day(DAY), now=LONG_AFTER)
    assert (whole.rows_added, whole.rows_changed, whole.rows_removed) == (0, 0, 0)


def test_who_has_left_the_group_loses_the_scores_after_it(warehouse: Warehouse) -> None:
    store_group(warehouse, "kettles", members(*ASINS[:4]))
    rebuild_all(warehouse)
    gone = tables.group_members.c.asin == ASINS[0]
    with warehouse.begin() as connection:
        connection.execute(
            update(tables.group_members).where(gone).values(valid_to=SCOPE.first_day)
        )
    scope = Scope.of_day(DAY, [ProductKey(MARKETPLACE, ASINS[0])])
    built = rebuild_scores(warehouse, scope, now=LONG_AFTER)
    assert (built.row_count, built.rows_removed, built.rows_changed) == (6, 2, 6)
    left = scores(warehouse)
    assert left.loc[left["asin"] == ASINS[0], "day"].dt.date.unique().tolist() == [SCOPE.first_day]


def test_an_inactive_group_keeps_what_it_had(warehouse: Warehouse) -> None:
    store_group(warehouse, "kettles", members(*ASINS[:4]))
    store_group(warehouse, "old", members(*ASINS[3:]), is_active=False)
    rebuild_all(warehouse)
    assert set(scores(warehouse)["group_id"]) == {"kettles"}
    with warehouse.begin() as connection:
        connection.execute(update(tables.competitive_groups).values(is_active=False))
    built = rebuild_scores(warehouse, SCOPE, now=LONG_AFTER)
    assert (built.row_count, built.rows_removed) == (0, 0)
    assert len(scores(warehouse)) == 16


def test_members_without_captures_are_shown_without_scores(warehouse: Warehouse) -> None:
    store_group(warehouse, "kettles", members(ASINS[0], "B0NEVER001"))
    rebuild_all(warehouse)
    row = scores(warehouse).query("asin == 'B0NEVER001'").iloc[0]
    assert set(row["missing_reasons"].values()) == {"not_captured"}
    assert row["coverage"] == ""
    assert pd.isna(row["overall_score"])


def test_nothing_to_score_is_an_empty_build(warehouse: Warehouse) -> None:
    built = rebuild_scores(warehouse, SCOPE, now=LONG_AFTER)
    assert (built.row_count, built.rows_added) == (0, 0)
    nobody = Scope.of_day(DAY, [ProductKey(MARKETPLACE, ASINS[0])])
    assert rebuild_scores(warehouse, nobody, now=LONG_AFTER).row_count == 0


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"price_score": 100.01}, "price_score_is_0_to_100"),
        ({"overall_score": float("nan")}, "overall_needs_two_dimensions"),
        ({"overall_score": 1.0}, "contributions_sum_to_overall"),
        ({"quality_score": float("nan")}, "missing_scores_have_reasons"),
        ({"position": 9}, "scored_products_are_placed"),
    ],
)
def test_the_audit_finds_wrong_scores(
    sqlite_warehouse: Warehouse, change: dict[str, Any], check: str
) -> None:
    store_group(sqlite_warehouse, "kettles", members(*ASINS))
    rebuild_all(sqlite_warehouse)
    frame = scores(sqlite_warehouse)
    assert all(finding.passed for finding in audit_scores(frame))
    for name, value in change.items():
        frame.loc[0, name] = value
    assert check in {finding.check for finding in audit_scores(frame) if not finding.passed}


def _without_price(frame: pd.DataFrame) -> pd.DataFrame:
    said = [{**reasons, "price": "no_price"} for reasons in frame["missing_reasons"]]
    return frame.assign(price_score=float("nan"), missing_reasons=said)


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (lambda frame: frame.iloc[:0], "members_with_features_have_scores"),
        (lambda frame: frame[frame["method"] == "robust"], "members_with_features_have_scores"),
        (_without_price, "price_scores_use_what_is_known"),
    ],
)
def test_scores_that_lack_what_is_known_are_refused(
    sqlite_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, broken: Any, check: str
) -> None:
    store_group(sqlite_warehouse, "kettles", members(*ASINS))
    rebuild_all(sqlite_warehouse)
    before, right = scores(sqlite_warehouse), rebuild.score_groups
    monkeypatch.setattr(
        rebuild, "score_groups", lambda *given, **more: broken(right(*given, **more))
    )
    with pytest.raises(AuditFailedError, match=check):
        rebuild_scores(sqlite_warehouse, SCOPE, now=LONG_AFTER)
    pd.testing.assert_frame_equal(scores(sqlite_warehouse), before)


def test_prices_that_are_gone_are_no_fault_of_the_scores(sqlite_warehouse: Warehouse) -> None:
    store_group(sqlite_warehouse, "kettles", members(*ASINS))
    rebuild_all(sqlite_warehouse)
    gone = [
        capture(at(day), asin=asin, price=None, rating=None, bsr=[])
        for asin in ASINS
        for day in SCOPE.days
    ]
    rebuild_all(sqlite_warehouse, captures=gone)
    assert scores(sqlite_warehouse)["overall_score"].isna().all()
