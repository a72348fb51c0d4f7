"""Builds as who runs the platform meets them: found, compared, and rolled back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func

from insights_assets.cached_tables import observers
from insights_assets.capture.capture import capture_pages, plan_targets
from insights_assets.snapshots import rebuild as snapshots_rebuild
from insights_assets.snapshots.rebuild import pending_scopes, rebuild_snapshots
from insights_resources.cache import CACHED_TABLES
from insights_resources.errors import AuditFailedError, InvalidInputError, WarehouseError
from insights_resources.page_archive import PageArchive
from insights_resources.page_providers.protocol import Verdict
from insights_resources.sandbox import SandboxMarket, SandboxProvider
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.builds import (
    Change,
    Comparison,
    compare,
    fact_table,
    find_builds,
    get_build,
    rows_after,
    rows_before,
)
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import (
    AuditFinding,
    PublishedBuild,
    changed_product_days,
    mark_consumed,
    pending,
    select_current,
)
from insights_resources.warehouse.rollback import RollbackPlan, plan_rollback, roll_back
from insights_resources.wiring import open_cache
from tests.integration.published_prices import PRODUCTS, Prices
from tests.integration.test_command_line import DONE, FAILED, WRONG_USAGE, Home
from tests.integration.warehouse_rows import (
    MONDAY,
    RANKS,
    TUESDAY,
    WEDNESDAY,
    current_ranks,
    publish_ranks,
    stored_rows,
)

A, B, C, D = "B000000001", "B000000002", "B000000003", "B000000004"


def refuse(frame: pd.DataFrame) -> Iterable[AuditFinding]:
    yield AuditFinding("never_right", passed=False, detail="no row is")


def break_off(frame: pd.DataFrame) -> Iterable[AuditFinding]:
    raise RuntimeError("the machine is switched off")


def reject_ranks(warehouse: Warehouse, *rows: tuple[str, date, int]) -> int:
    """A build of these rows that fails its audit; its number."""
    with pytest.raises(AuditFailedError):
        publish_ranks(warehouse, *rows, audits=(refuse,))
    return find_builds(warehouse, limit=1)[0].build_id


def back(warehouse: Warehouse, build: int, *, with_later: bool = False) -> list[PublishedBuild]:
    return roll_back(warehouse, plan_rollback(warehouse, build, with_later=with_later))


def changes(found: Comparison) -> dict[str, list[Any]]:
    """Each change's rows by ASIN, with what differs."""
    said: dict[str, list[Any]] = {}
    for row in found.sample:
        said.setdefault(row.change.value, []).append((row.key["asin"], row.columns))
    return said


# --- found ---------------------------------------------------------------------------------------


def test_builds_are_found_by_table_status_and_day(warehouse: Warehouse) -> None:
    first = publish_ranks(warehouse, (A, MONDAY, 10), scope=Scope.of_day(MONDAY)).build_id
    second = publish_ranks(warehouse, (A, TUESDAY, 11), scope=Scope.of_day(TUESDAY)).build_id
    refused = reject_ranks(warehouse, (A, TUESDAY, 12))

    def found(**conditions: Any) -> list[int]:
        return [build.build_id for build in find_builds(warehouse, **conditions)]

    assert found() == [refused, second, first]
    assert found(limit=2) == [refused, second]
    assert found(status="rejected") == [refused]
    assert found(day=MONDAY) == [refused, first]
    assert found(day=MONDAY - timedelta(1)) == []
    assert found(table=RANKS, status="published") == [second, first]
    assert found(table=tables.product_features) == []


@pytest.mark.parametrize("name", ["rank_features", "fact_rank_features"])
def test_a_table_is_known_by_both_its_names(name: str) -> None:
    assert fact_table(name) is RANKS


def test_an_unknown_table_and_an_unknown_build_are_named(warehouse: Warehouse) -> None:
    with pytest.raises(InvalidInputError, match=r"'pages'.*competitive_scores"):
        fact_table("pages")
    with pytest.raises(InvalidInputError, match="no build 7"):
        get_build(warehouse, 7)


# --- compared ------------------------------------------------------------------------------------


def test_a_build_is_compared_with_what_stood_before_it(warehouse: Warehouse) -> None:
    publish_ranks(warehouse, (A, MONDAY, 10), (B, MONDAY, 20), (C, MONDAY, 30))
    number = publish_ranks(warehouse, (A, MONDAY, 11), (B, MONDAY, 20), (D, TUESDAY, 40)).build_id
    # What happens later is no matter.
    publish_ranks(warehouse, (A, MONDAY, 99))
    build = get_build(warehouse, number)
    found = compare(warehouse, rows_before(build), rows_after(build), [build], sample=5)
    assert found.counts == Counter({Change.ADDED: 1, Change.CHANGED: 1, Change.REMOVED: 1})
    assert found.by_column == Counter({"rank": 1})
    assert changes(found) == {
        "added": [(D, {})],
        "changed": [(A, {"rank": (10, 11)})],
        "removed": [(C, {})],
    }


def test_a_refused_build_is_compared_with_what_stood_when_it_began(warehouse: Warehouse) -> None:
    publish_ranks(warehouse, (A, MONDAY, 10), (B, MONDAY, 20), (C, MONDAY, 30))
    build = get_build(warehouse, reject_ranks(warehouse, (A, MONDAY, 9), (B, MONDAY, 20)))
    publish_ranks(warehouse, (A, MONDAY, 50))
    found = compare(warehouse, rows_before(build), rows_after(build), [build], sample=5)
    assert changes(found) == {"changed": [(A, {"rank": (10, 9)})]}
    # Of the third product it is only known that there was one.
    assert build.rows_removed == 1


def test_two_builds_are_compared_in_the_rows_that_either_touched(warehouse: Warehouse) -> None:
    one = publish_ranks(warehouse, (A, MONDAY, 10), (B, MONDAY, 20)).build_id
    other = reject_ranks(warehouse, (A, MONDAY, 7), (B, MONDAY, 20), (C, TUESDAY, 5))
    left, right = get_build(warehouse, one), get_build(warehouse, other)
    found = compare(warehouse, rows_after(left), rows_after(right), [left, right], sample=5)
    assert changes(found) == {"added": [(C, {})], "changed": [(A, {"rank": (10, 7)})]}
    assert found.same == 1
    reverse = compare(warehouse, rows_after(right), rows_after(left), [left, right], sample=5)
    assert changes(reverse) == {"changed": [(A, {"rank": (7, 10)})], "removed": [(C, {})]}


def test_amounts_are_compared_as_amounts_and_samples_are_bounded(warehouse: Warehouse) -> None:
    prices = Prices(warehouse)
    prices.publish(None)
    build = get_build(warehouse, prices.publish(None))
    found = compare(warehouse, rows_before(build), rows_after(build), [build], sample=2)
    assert found.counts[Change.CHANGED] == len(PRODUCTS)
    assert [row.columns for row in found.sample] == [
        {"price": (Decimal("1.00"), Decimal("2.00"))}
    ] * 2


# --- rolled back ---------------------------------------------------------------------------------


def test_what_stood_before_the_last_build_stands_again(warehouse: Warehouse) -> None:
    first = publish_ranks(warehouse, (A, MONDAY, 10), (B, MONDAY, 20), (C, TUESDAY, 30)).build_id
    before = current_ranks(warehouse)
    bad = publish_ranks(warehouse, (A, MONDAY, 1), (B, MONDAY, 20), (D, TUESDAY, 40)).build_id
    plan = plan_rollback(warehouse, bad, with_later=False)
    counted = plan.changes[RANKS.name]
    assert (counted.added, counted.changed, counted.removed) == (1, 1, 1)
    assert current_ranks(warehouse) != before, "a plan changes nothing"
    (build,) = roll_back(warehouse, plan)
    assert current_ranks(warehouse) == before
    assert (build.rows_added, build.rows_changed, build.rows_removed) == (1, 1, 1)
    stored = get_build(warehouse, build.build_id)
    assert (stored.status, stored.code_version) == ("published", "rollback")
    assert (stored.first_day, stored.last_day) == (MONDAY, WEDNESDAY)
    assert stored.audit[0]["detail"] == f"build {bad}; what stands again is of build {first}"
    # Nothing is rewritten: the rows of all three are there.
    assert stored_rows(warehouse) == 3 + 2 + 2


def test_a_rollback_can_be_rolled_back(warehouse: Warehouse) -> None:
    publish_ranks(warehouse, (A, MONDAY, 10))
    publish_ranks(warehouse, (B, MONDAY, 20))
    second = find_builds(warehouse, limit=1)[0].build_id
    (undone,) = back(warehouse, second)
    assert current_ranks(warehouse) == [(A, MONDAY, 10)]
    back(warehouse, undone.build_id)
    assert current_ranks(warehouse) == [(B, MONDAY, 20)]


def test_later_layers_take_a_rollback_in_as_any_other_change(warehouse: Warehouse) -> None:
    publish_ranks(warehouse, (A, MONDAY, 10), (B, MONDAY, 20))
    publish_ranks(warehouse, (A, MONDAY, 11), (B, MONDAY, 20))
    consumer = tables.competitive_scores
    taken_in = pending(warehouse, consumer, [RANKS])
    mark_consumed(warehouse, consumer, [build.build_id for build in taken_in])
    (undone,) = back(warehouse, taken_in[-1].build_id)
    waiting = pending(warehouse, consumer, [RANKS])
    assert [build.build_id for build in waiting] == [undone.build_id]
    changed = changed_product_days(warehouse, waiting)
    assert [(asin, day.date()) for _, asin, day in changed.itertuples(index=False)] == [(A, MONDAY)]


def test_a_build_under_later_ones_is_refused_and_goes_back_with_them(warehouse: Warehouse) -> None:
    publish_ranks(warehouse, (A, MONDAY, 10), (B, MONDAY, 20), (C, MONDAY, 30))
    before = current_ranks(warehouse)
    bad = publish_ranks(warehouse, (A, MONDAY, 11), (B, MONDAY, 20), (C, MONDAY, 30)).build_id
    # The next touches its row and another one, which the one after touches too.
    publish_ranks(warehouse, (A, MONDAY, 12), (B, MONDAY, 22), (C, MONDAY, 30))
    publish_ranks(warehouse, (A, MONDAY, 12), (B, MONDAY, 23), (C, MONDAY, 30))
    # This one touches rows of its own.
    publish_ranks(warehouse, (D, TUESDAY, 40), scope=Scope.of_day(TUESDAY))
    with pytest.raises(WarehouseError, match=r"build \d+ .* builds \d+, \d+\. .*--with-later"):
        plan_rollback(warehouse, bad, with_later=False)
    plan = plan_rollback(warehouse, bad, with_later=True)
    assert [build.build_id for build in plan.builds] == [bad, bad + 1, bad + 2]
    roll_back(warehouse, plan)
    assert current_ranks(warehouse) == [*before, (D, TUESDAY, 40)]


def test_a_build_that_only_removed_rows_is_noticed_as_a_later_one(warehouse: Warehouse) -> None:
    bad = publish_ranks(warehouse, (A, MONDAY, 10)).build_id
    publish_ranks(warehouse)
    with pytest.raises(WarehouseError, match="changed again"):
        plan_rollback(warehouse, bad, with_later=False)


def test_what_is_already_back_is_not_published_again(warehouse: Warehouse) -> None:
    publish_ranks(warehouse, (A, MONDAY, 10))
    bad = publish_ranks(warehouse, (A, MONDAY, 11)).build_id
    back(warehouse, bad)
    builds = len(find_builds(warehouse))
    with pytest.raises(WarehouseError, match="changed again"):
        back(warehouse, bad)
    assert back(warehouse, bad, with_later=True) == []
    assert len(find_builds(warehouse)) == builds
    assert current_ranks(warehouse) == [(A, MONDAY, 10)]


@pytest.mark.parametrize("status", ["rejected", "failed"])
def test_a_build_that_is_not_published_cannot_go_back(warehouse: Warehouse, status: str) -> None:
    publish_ranks(warehouse, (A, MONDAY, 10))
    if status == "rejected":
        number = reject_ranks(warehouse, (A, MONDAY, 11))
    else:
        with pytest.raises(RuntimeError):
            publish_ranks(warehouse, (A, MONDAY, 11), audits=(break_off,))
        number = find_builds(warehouse, limit=1)[0].build_id
    with pytest.raises(InvalidInputError, match=rf"was not published \({status}\)"):
        plan_rollback(warehouse, number, with_later=False)


def test_it_is_refused_when_what_stood_before_was_removed(warehouse: Warehouse) -> None:
    publish_ranks(warehouse, (A, MONDAY, 10), (B, MONDAY, 20))
    bad = publish_ranks(warehouse, (A, MONDAY, 11)).build_id
    with warehouse.begin() as connection:
        connection.execute(
            delete(RANKS).where(RANKS.c.superseded_at.is_not(None), RANKS.c.asin == A)
        )
    with pytest.raises(WarehouseError, match=r"replaced or removed 2, of which 1 and 1"):
        plan_rollback(warehouse, bad, with_later=False)


def test_a_build_that_comes_between_the_plan_and_the_deed_stops_it(warehouse: Warehouse) -> None:
    publish_ranks(warehouse, (A, MONDAY, 10))
    plan = plan_rollback(
        warehouse, publish_ranks(warehouse, (A, MONDAY, 11)).build_id, with_later=False
    )
    publish_ranks(warehouse, (A, MONDAY, 12))
    with pytest.raises(WarehouseError, match="meanwhile"):
        roll_back(warehouse, plan)
    assert current_ranks(warehouse) == [(A, MONDAY, 12)]


def test_a_rollback_waits_for_the_writer_of_its_days(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("insights_resources.warehouse.engine._LOCK_SECONDS", 0.2)
    build = publish_ranks(warehouse, (A, MONDAY, 10)).build_id
    with (
        warehouse.writer_lock(RANKS, TUESDAY, TUESDAY),
        pytest.raises(WarehouseError, match="another process"),
    ):
        back(warehouse, build)


def test_snapshots_and_rejections_of_one_rebuild_go_back_together(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    market = SandboxMarket(seed=7, products=4)
    provider, archive = SandboxProvider(market), PageArchive(str(tmp_path / "pages"))
    scope = Scope.of_day(date(2025, 3, 1))
    capture_pages(
        provider, archive, warehouse, plan_targets(provider, scope, market.keys), run_id=None
    )
    rebuild_snapshots(warehouse, archive, scope)

    def standing() -> list[list[tuple[Any, ...]]]:
        with warehouse.read() as connection:
            return [
                sorted(connection.execute(select_current(table, table.c.page_id, table.c.row_hash)))
                for table in (tables.product_snapshots, tables.rejected_pages)
            ]

    before = standing()
    assert len(before[0]) >= 3
    parse, refused = snapshots_rebuild.parse_page, market.keys[0]

    def worse_parser(content: bytes, target: Any) -> Any:
        parsed = parse(content, target=target)
        if target != refused:
            return parsed
        return replace(parsed, verdict=Verdict.OTHER, reason="a layout", snapshot=None)

    monkeypatch.setattr(snapshots_rebuild, "parse_page", worse_parser)
    worse = rebuild_snapshots(warehouse, archive, scope)
    assert standing() != before
    for asked in (worse.rejections.build_id, worse.snapshots.build_id):
        plan = plan_rollback(warehouse, asked, with_later=False)
        assert [build.build_id for build in plan.builds] == [
            worse.snapshots.build_id,
            worse.rejections.build_id,
        ]
        assert plan.later == ()
    undone = roll_back(warehouse, plan)
    assert [build.table_name for build in undone] == [
        "fact_product_snapshots",
        "fact_rejected_pages",
    ]
    assert standing() == before
    assert pending_scopes(warehouse) == []
    # The two of the rollback belong together as well.
    again = plan_rollback(warehouse, undone[1].build_id, with_later=False)
    assert [build.build_id for build in again.builds] == [build.build_id for build in undone]


def test_no_reader_of_the_cache_has_the_price_that_was_rolled_back(
    warehouse: Warehouse, redis_url: str
) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    cache, prices = open_cache(redis_url, warehouse), Prices(warehouse)
    prices.publish(cache)
    bad = prices.publish(cache)
    assert prices.read(cache) == 2
    roll_back(
        warehouse,
        plan_rollback(warehouse, bad, with_later=False),
        observer=observers(warehouse, cache),
    )
    assert prices.read(cache) == 1
    cache.close()


def test_every_cached_table_tells_the_cache(sqlite_warehouse: Warehouse) -> None:
    cache = open_cache(None, sqlite_warehouse)
    observer = observers(sqlite_warehouse, cache)
    told = {table for table in tables.VERSIONED_FACTS if observer(table) is not None}
    assert told == set(CACHED_TABLES)


_STATES = st.dictionaries(
    st.tuples(st.sampled_from([A, B, C]), st.sampled_from([MONDAY, TUESDAY])),
    st.integers(1, 3),
    max_size=5,
)


@pytest.mark.slow
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(states=st.lists(_STATES, min_size=2, max_size=6), data=st.data())
def test_a_rollback_gives_what_would_stand_without_the_builds(
    warehouse: Warehouse, states: list[dict[tuple[str, date], int]], data: st.DataObject
) -> None:
    """Of the last build exactly the rows before it; of any build with those above it, what the
    others give when these are left out."""
    with warehouse.begin() as connection:
        connection.execute(delete(RANKS))
        connection.execute(delete(tables.builds))
    numbers = [
        publish_ranks(
            warehouse, *((asin, day, rank) for (asin, day), rank in state.items())
        ).build_id
        for state in states
    ]
    chosen = data.draw(st.integers(0, len(states) - 1))
    plan = plan_rollback(warehouse, numbers[chosen], with_later=True)
    roll_back(warehouse, plan)
    assert current_as_dictionary(warehouse) == without(states, numbers, plan)
    if chosen == len(states) - 1:
        assert current_as_dictionary(warehouse) == states[-2]
    with warehouse.read() as connection:
        twice = connection.execute(
            select_current(RANKS, func.count()).group_by(RANKS.c.asin, RANKS.c.day)
        ).scalars()
        assert set(twice) <= {1}


def current_as_dictionary(warehouse: Warehouse) -> dict[tuple[str, date], int]:
    return {(asin, day): rank for asin, day, rank in current_ranks(warehouse)}


def without(
    states: list[dict[tuple[str, date], int]], numbers: list[int], plan: RollbackPlan
) -> dict[tuple[str, date], int]:
    """What stands when each build's changes are made in turn, but those of the plan."""
    back_again = {build.build_id for build in plan.builds}
    standing: dict[tuple[str, date], int] = {}
    previous: dict[tuple[str, date], int] = {}
    for number, state in zip(numbers, states, strict=True):
        if number not in back_again:
            for key in previous.keys() | state.keys():
                if previous.get(key) == state.get(key):
                    continue
                if key in state:
                    standing[key] = state[key]
                else:
                    del standing[key]
        previous = state
    return standing


# --- on the command line -------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A user whose warehouse has a good build, a bad one, and one that was refused."""
    home = Home(tmp_path / "home")
    assert home.insights("migrate").code == DONE
    with home.warehouse() as warehouse:
        publish_ranks(warehouse, (A, MONDAY, 10), (B, MONDAY, 20))
        publish_ranks(warehouse, (A, MONDAY, 1), (B, MONDAY, 20), (C, TUESDAY, 3))
        reject_ranks(warehouse, (A, MONDAY, 7))
    return home


def test_list_names_the_newest_first(home: Home) -> None:
    answer = home.insights("builds", "list")
    assert answer.code == DONE
    lines = [line.split() for line in answer.out.splitlines()]
    assert [line[:3] for line in lines[1:4]] == [
        ["3", "rank_features", "rejected"],
        ["2", "rank_features", "published"],
        ["1", "rank_features", "published"],
    ]
    assert lines[2][3:8] == ["2026-03-02..2026-03-04", "3", "1", "1", "0"]
    only = home.insights("builds", "list", "--status", "published", "--limit", 1).out.splitlines()
    assert [line.split()[0] for line in only[1:-1]] == ["2"]
    assert home.insights("builds", "list", "--table", "alerts").out == "no build is like that\n"


def test_show_says_what_is_known_of_a_build(home: Home) -> None:
    answer = home.insights("builds", "show", 3)
    assert "3 of fact_rank_features, rejected" in answer.out
    assert "FAILED  never_right: no row is" in answer.out
    shown = home.insights("builds", "show", 1).out
    assert "1 of the rows that it wrote" in shown
    assert "2: 2 added, 0 changed, 0 removed" in shown


def test_compare_shows_columns_and_rows(home: Home) -> None:
    lines = home.insights("builds", "compare", 2).out.splitlines()
    assert "1 added, 1 changed, 0 removed, 0 of the same rows equal" in lines
    assert "    rank: 10 -> 1" in lines
    refused = home.insights("builds", "compare", 3).out
    assert "    rank: 1 -> 7" in refused
    assert "would also have removed 2 rows" in refused
    both = home.insights("builds", "compare", 1, 3, "--rows", 0).out.splitlines()
    assert "0 added, 1 changed, 0 removed, 1 of the same rows equal" in both
    assert not any("->" in line for line in both)


def test_rollback_says_what_it_would_do_before_it_does_it(home: Home) -> None:
    answer = home.insights("builds", "rollback", 2)
    assert (answer.code, answer.err) == (DONE, "")
    assert "0 rows come back, 1 change back, 1 go" in answer.out
    with home.warehouse() as warehouse:
        assert len(current_ranks(warehouse)) == 3
    done = home.insights("builds", "rollback", 2, "--yes")
    assert done.code == DONE
    assert "build 4 of fact_rank_features published" in done.out
    with home.warehouse() as warehouse:
        assert current_ranks(warehouse) == [(A, MONDAY, 10), (B, MONDAY, 20)]
    assert "nothing would change" in home.insights("builds", "rollback", 2, "--with-later").out


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["rollback", 1, "--yes"], FAILED, "--with-later"),
        (["rollback", 3], WRONG_USAGE, "was not published"),
        (["rollback", 9], WRONG_USAGE, "no build 9"),
        (["show", 9], WRONG_USAGE, "no build 9"),
        (["compare", 1, 9], WRONG_USAGE, "no build 9"),
        (["list", "--table", "pages"], WRONG_USAGE, "'pages'"),
        (["list", "--status", "good"], WRONG_USAGE, "rejected"),
    ],
    ids=lambda value: "-".join(map(str, value)) if isinstance(value, list) else "",
)
def test_what_cannot_be_done_is_one_message(
    home: Home, arguments: list[object], code: int, says: str
) -> None:
    answer = home.insights("builds", *arguments)
    assert answer.code == code
    assert says in answer.error


def test_builds_of_two_tables_are_not_compared(home: Home) -> None:
    with home.warehouse() as warehouse:
        other = Prices(warehouse).publish(None)
    answer = home.insights("builds", "compare", 1, other)
    assert answer.code == WRONG_USAGE
    assert "two builds of one table" in answer.error
