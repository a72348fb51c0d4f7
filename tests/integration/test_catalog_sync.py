"""The catalog tables follow their sources: each owns its rows, and history is never lost."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Table, select, update

from insights_assets.catalog.catalog_file import Membership, TrackedGroup, TrackedProduct
from insights_assets.catalog.sync import (
    SyncCounts,
    active_products,
    sync_groups,
    sync_products,
    track_additional_products,
)
from insights_resources.errors import CatalogError
from insights_resources.marketplaces import ProductKey
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse

A, B, C, D = (ProductKey("amazon.de", f"B00000000{letter}") for letter in "ABCD")
FIRST_DAY = date(2025, 1, 1)
TODAY = date(2025, 3, 10)
YESTERDAY = TODAY - timedelta(days=1)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def _products(*keys: ProductKey) -> list[TrackedProduct]:
    return [TrackedProduct(key) for key in keys]


def _group(*members: Membership | ProductKey, group_id: str = "kettles") -> TrackedGroup:
    return TrackedGroup(
        group_id,
        group_id.title(),
        tuple(m if isinstance(m, Membership) else Membership(m) for m in members),
    )


def _sync(
    warehouse: Warehouse,
    *groups: TrackedGroup,
    source: str = "file",
    today: date = TODAY,
) -> SyncCounts:
    return sync_groups(warehouse, source, groups, first_day=FIRST_DAY, today=today)


def _rows(warehouse: Warehouse, table: Table) -> list[dict[str, Any]]:
    query = select(table).order_by(*table.primary_key.columns)
    with warehouse.read() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def _tracked(warehouse: Warehouse) -> dict[ProductKey, tuple[str, bool, str | None]]:
    """(source, is_active, label) of each product."""
    return {
        ProductKey(row["marketplace"], row["asin"]): (
            row["source"],
            row["is_active"],
            row["label"],
        )
        for row in _rows(warehouse, tables.products)
    }


def _memberships(
    warehouse: Warehouse, group_id: str = "kettles"
) -> list[tuple[ProductKey, date, date | None]]:
    return [
        (ProductKey(row["marketplace"], row["asin"]), row["valid_from"], row["valid_to"])
        for row in _rows(warehouse, tables.group_members)
        if row["group_id"] == group_id
    ]


def _age(warehouse: Warehouse, *aged: Table) -> None:
    """Sets every row's last change to long ago, so that a change shows however fast it comes."""
    with warehouse.begin() as connection:
        for table in aged:
            connection.execute(update(table).values(last_updated_at=LONG_AGO))


def _changed_since_aged(warehouse: Warehouse, table: Table) -> set[str]:
    name = "asin" if table is tables.products else "group_id"
    return {row[name] for row in _rows(warehouse, table) if row["last_updated_at"] != LONG_AGO}


# --- products ------------------------------------------------------------------------------------


def test_what_leaves_the_file_is_kept_inactive_and_becomes_active_when_it_comes_back(
    warehouse: Warehouse,
) -> None:
    assert sync_products(warehouse, "file", _products(A, B)) == SyncCounts(2, 2, 0, 0)
    added_at = {row["asin"]: row["added_at"] for row in _rows(warehouse, tables.products)}
    assert sync_products(warehouse, "file", _products(A)) == SyncCounts(1, 0, 0, 1)
    assert _tracked(warehouse) == {A: ("file", True, None), B: ("file", False, None)}
    assert active_products(warehouse) == [A]
    assert sync_products(warehouse, "file", _products(A, B)) == SyncCounts(2, 0, 1, 0)
    assert _tracked(warehouse) == {A: ("file", True, None), B: ("file", True, None)}
    assert added_at == {row["asin"]: row["added_at"] for row in _rows(warehouse, tables.products)}


def test_an_empty_file_leaves_the_products_of_other_sources_alone(warehouse: Warehouse) -> None:
    sync_products(warehouse, "file", _products(A))
    sync_products(warehouse, "sandbox", _products(B))
    sync_products(warehouse, "file", [])
    assert _tracked(warehouse) == {A: ("file", False, None), B: ("sandbox", True, None)}


def test_the_same_products_again_change_nothing_not_even_the_time_of_change(
    warehouse: Warehouse,
) -> None:
    products = [TrackedProduct(A, "Our kettle"), TrackedProduct(B)]
    sync_products(warehouse, "file", products)
    _age(warehouse, tables.products)
    before = _rows(warehouse, tables.products)
    assert sync_products(warehouse, "file", reversed(products)) == SyncCounts(2, 0, 0, 0)
    assert _rows(warehouse, tables.products) == before


def test_only_the_product_whose_label_changed_is_updated(warehouse: Warehouse) -> None:
    sync_products(warehouse, "file", [TrackedProduct(A, "Old"), TrackedProduct(B, "Other")])
    _age(warehouse, tables.products)
    renamed = [TrackedProduct(A, "New"), TrackedProduct(B, "Other")]
    assert sync_products(warehouse, "file", renamed) == SyncCounts(2, 0, 1, 0)
    assert _changed_since_aged(warehouse, tables.products) == {A.asin}
    assert _tracked(warehouse)[A] == ("file", True, "New")
    sync_products(warehouse, "file", _products(A, B))
    assert _tracked(warehouse) == {A: ("file", True, None), B: ("file", True, None)}


@pytest.mark.parametrize("own_label", ["Our kettle", None])
def test_two_sources_of_one_product_do_not_take_turns_at_it(
    warehouse: Warehouse, own_label: str | None
) -> None:
    def both() -> list[SyncCounts]:
        return [
            sync_products(warehouse, "file", [TrackedProduct(A, own_label)]),
            sync_products(warehouse, "sandbox", [TrackedProduct(A, "Sandbox kettle")]),
        ]

    both()
    _age(warehouse, tables.products)
    assert both() == [SyncCounts(1, 0, 0, 0), SyncCounts(1, 0, 0, 0)]
    assert _changed_since_aged(warehouse, tables.products) == set()
    assert _tracked(warehouse) == {A: ("file", True, own_label)}


def test_a_product_that_one_source_drops_and_another_lists_stays_tracked_for_good(
    warehouse: Warehouse,
) -> None:
    sync_products(warehouse, "file", _products(A))
    sync_products(warehouse, "file", [])
    sync_products(warehouse, "sandbox", [TrackedProduct(A, "Sandbox kettle")])
    assert _tracked(warehouse) == {A: ("sandbox", True, "Sandbox kettle")}
    # The daily run reads the file again, which does not list it.
    assert sync_products(warehouse, "file", []).deactivated == 0
    assert active_products(warehouse) == [A]


def test_tracking_one_more_product_keeps_those_tracked_before(warehouse: Warehouse) -> None:
    sync_products(warehouse, "file", _products(A))
    track_additional_products(warehouse, "cli", [TrackedProduct(B, "A label")])
    track_additional_products(warehouse, "cli", _products(C, A))
    assert _tracked(warehouse) == {
        A: ("file", True, None),
        B: ("cli", True, "A label"),
        C: ("cli", True, None),
    }


def test_people_who_track_at_the_same_time_do_not_undo_each_other(warehouse: Warehouse) -> None:
    start = threading.Barrier(4)
    wanted = [ProductKey("amazon.de", f"B0000000{number:02d}") for number in range(40)]

    def track(mine: Iterable[ProductKey]) -> None:
        start.wait()
        for key in mine:
            track_additional_products(warehouse, "cli", [TrackedProduct(key)])

    people = [threading.Thread(target=track, args=(wanted[n::4],)) for n in range(4)]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert active_products(warehouse) == wanted


def test_a_run_for_some_products_captures_those_that_are_active(warehouse: Warehouse) -> None:
    sync_products(warehouse, "file", _products(C, A, B))
    sync_products(warehouse, "file", _products(A, C))
    assert active_products(warehouse) == [A, C]
    assert active_products(warehouse, Scope.of_day(TODAY)) == [A, C]
    assert active_products(warehouse, Scope.of_day(TODAY, [B, C, D])) == [C]


# --- groups and their members --------------------------------------------------------------------


def test_members_of_a_new_group_count_from_the_first_day_and_later_ones_from_today(
    warehouse: Warehouse,
) -> None:
    _sync(warehouse, _group(A, B), today=date(2025, 2, 1))
    assert _memberships(warehouse) == [(A, FIRST_DAY, None), (B, FIRST_DAY, None)]
    counts = _sync(warehouse, _group(A, B, C))
    assert counts == SyncCounts(1, 0, 1, 0)
    assert _memberships(warehouse) == [
        (A, FIRST_DAY, None),
        (B, FIRST_DAY, None),
        (C, TODAY, None),
    ]


def test_a_removed_member_was_one_until_yesterday_and_counts_from_today_when_it_comes_back(
    warehouse: Warehouse,
) -> None:
    _sync(warehouse, _group(A, B))
    _sync(warehouse, _group(A))
    assert _memberships(warehouse) == [(A, FIRST_DAY, None), (B, FIRST_DAY, YESTERDAY)]
    # The days after do not move the end.
    _sync(warehouse, _group(A), today=TODAY + timedelta(days=7))
    assert _memberships(warehouse) == [(A, FIRST_DAY, None), (B, FIRST_DAY, YESTERDAY)]
    back = TODAY + timedelta(days=8)
    _sync(warehouse, _group(A, B), today=back)
    assert _memberships(warehouse) == [
        (A, FIRST_DAY, None),
        (B, FIRST_DAY, YESTERDAY),
        (B, back, None),
    ]


def test_a_member_added_and_removed_on_one_day_leaves_no_trace(warehouse: Warehouse) -> None:
    _sync(warehouse, _group(A), today=YESTERDAY)
    _sync(warehouse, _group(A, B))
    _sync(warehouse, _group(A))
    assert _memberships(warehouse) == [(A, FIRST_DAY, None)]


def test_days_in_the_catalog_override_the_usual_ones(warehouse: Warehouse) -> None:
    march, later = date(2025, 3, 1), date(2025, 9, 30)
    _sync(warehouse, _group(A, Membership(B, march, later)))
    assert _memberships(warehouse) == [(A, FIRST_DAY, None), (B, march, later)]
    february = date(2025, 2, 1)
    _sync(warehouse, _group(A, Membership(B, february)))
    assert _memberships(warehouse) == [(A, FIRST_DAY, None), (B, february, None)]


def test_the_same_groups_again_change_nothing_not_even_the_time_of_change(
    warehouse: Warehouse,
) -> None:
    ended = Membership(B, date(2025, 2, 1), date(2025, 2, 20))
    ends_later = Membership(C, None, date(2025, 4, 1))
    groups = [_group(A, ended, ends_later), _group(A, group_id="teapots")]
    assert _sync(warehouse, *groups) == SyncCounts(2, 2, 0, 0)
    _age(warehouse, tables.competitive_groups)
    before = [_rows(warehouse, t) for t in (tables.competitive_groups, tables.group_members)]
    for today in (TODAY, TODAY + timedelta(days=1), TODAY + timedelta(days=100)):
        assert _sync(warehouse, *groups, today=today) == SyncCounts(2, 0, 0, 0)
    after = [_rows(warehouse, t) for t in (tables.competitive_groups, tables.group_members)]
    assert after == before


def test_only_the_group_whose_members_changed_is_updated(warehouse: Warehouse) -> None:
    _sync(warehouse, _group(A, B), _group(C, D, group_id="teapots"))
    _age(warehouse, tables.competitive_groups)
    _sync(warehouse, _group(A, B), _group(C, group_id="teapots"))
    assert _changed_since_aged(warehouse, tables.competitive_groups) == {"teapots"}


def test_how_a_groups_reports_are_written_follows_the_catalog(warehouse: Warehouse) -> None:
    group = _group(A, B)

    def told() -> tuple[str | None, str | None]:
        (row,) = _rows(warehouse, tables.competitive_groups)
        return row["template"], row["locale"]

    _sync(warehouse, replace(group, template="grocery", locale="de_DE"))
    assert told() == ("grocery", "de_DE")
    assert _sync(warehouse, replace(group, template="books")) == SyncCounts(1, 0, 1, 0)
    assert told() == ("books", None)
    assert _sync(warehouse, replace(group, template="books")) == SyncCounts(1, 0, 0, 0)


def test_a_group_that_leaves_the_file_is_inactive_and_keeps_its_members(
    warehouse: Warehouse,
) -> None:
    _sync(warehouse, _group(A, B), _group(C, group_id="teapots"))
    assert _sync(warehouse, _group(C, group_id="teapots")) == SyncCounts(1, 0, 0, 1)
    groups = {r["group_id"]: r["is_active"] for r in _rows(warehouse, tables.competitive_groups)}
    assert groups == {"kettles": False, "teapots": True}
    assert len(_memberships(warehouse)) == 2
    assert _sync(warehouse, _group(A, B), _group(C, group_id="teapots")).changed == 1
    groups = {r["group_id"]: r["is_active"] for r in _rows(warehouse, tables.competitive_groups)}
    assert groups == {"kettles": True, "teapots": True}
    assert _memberships(warehouse) == [(A, FIRST_DAY, None), (B, FIRST_DAY, None)]


def test_a_group_id_of_another_source_is_refused_and_nothing_is_changed(
    warehouse: Warehouse,
) -> None:
    _sync(warehouse, _group(A, B), source="sandbox")
    _sync(warehouse, _group(A, group_id="teapots"))
    before = [_rows(warehouse, t) for t in (tables.competitive_groups, tables.group_members)]
    with pytest.raises(CatalogError, match=r"'kettles'.*belongs to 'sandbox'.*another id"):
        # The first group is fine and would be changed, the second one would be new.
        _sync(
            warehouse,
            _group(A, C, group_id="teapots"),
            _group(D, group_id="toasters"),
            _group(C),
        )
    after = [_rows(warehouse, t) for t in (tables.competitive_groups, tables.group_members)]
    assert after == before


def test_groups_of_other_sources_stay_when_the_file_is_emptied(warehouse: Warehouse) -> None:
    _sync(warehouse, _group(A, B), source="sandbox")
    _age(warehouse, tables.competitive_groups)
    assert _sync(warehouse) == SyncCounts(0, 0, 0, 0)
    assert _changed_since_aged(warehouse, tables.competitive_groups) == set()


def test_a_dated_member_may_leave_and_come_back_with_the_same_first_day(
    warehouse: Warehouse,
) -> None:
    dated = Membership(B, date(2025, 2, 1))
    _sync(warehouse, _group(A, dated))
    _sync(warehouse, _group(A))
    assert _memberships(warehouse)[1:] == [(B, date(2025, 2, 1), YESTERDAY)]
    _sync(warehouse, _group(A, dated), today=TODAY + timedelta(days=5))
    assert _memberships(warehouse)[1:] == [(B, date(2025, 2, 1), None)]


@pytest.mark.parametrize("first", [date(2025, 2, 1), None])
def test_the_end_of_a_membership_that_is_over_can_be_corrected(
    warehouse: Warehouse, first: date | None
) -> None:
    _sync(warehouse, _group(A, Membership(B, first, date(2025, 2, 20))))
    _sync(warehouse, _group(A, Membership(B, first, date(2025, 2, 25))))
    assert _memberships(warehouse)[1:] == [(B, first or FIRST_DAY, date(2025, 2, 25))]


def test_a_product_is_never_twice_a_member_on_one_day(warehouse: Warehouse) -> None:
    _sync(warehouse, _group(A, B))
    _sync(warehouse, _group(A))  # B ended yesterday, having been one since the first day
    april, may = date(2025, 4, 1), date(2025, 5, 1)
    _sync(warehouse, _group(A, B), today=april)
    _sync(warehouse, _group(A), today=may)  # and was one for April
    since = date(2025, 3, 1)
    _sync(warehouse, _group(A, Membership(B, since)), today=may)
    assert _memberships(warehouse)[1:] == [
        (B, FIRST_DAY, since - timedelta(days=1)),
        (B, since, None),
    ]
