"""Explanations of scores say what is stored, and a what-if says what a rebuild would."""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import Table, select, text, update

from insights_assets.competition.explanation import INPUTS, explain
from insights_assets.competition.explanation_text import (
    explanation_lines,
    filled_formula,
    what_if_lines,
)
from insights_assets.competition.formulas import OVERALL_DIMENSIONS, Dimension, Method
from insights_assets.competition.group_day import GroupDay, read_group_day
from insights_assets.competition.rebuild import rebuild_scores
from insights_assets.competition.what_if import Change, Changed, parse_changes, what_if
from insights_resources.errors import InvalidInputError
from insights_resources.marketplaces import ProductKey
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.contract_views import contract_relation
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.frames import own_columns
from insights_resources.warehouse.publication import is_current, publish, select_current
from insights_resources.warehouse.written_views import WrittenView
from tests.integration.platform_fixture import FIRST_DAY, make_platform

LAST_DAY = FIRST_DAY + timedelta(days=2)
KEY = ("day", "group_id", "marketplace", "asin", "method")
SCORES = tables.competitive_scores
#: Inputs by what the view shows them as, by dimension.
VALUES = {
    Dimension.PRICE: (("price",), ("peer_median_price",), "priced_peers"),
    Dimension.QUALITY: (("rating",), ("peer_mean_rating",), "rated_peers"),
    Dimension.POPULARITY: (
        ("rank", "rank_median_7d"),
        ("peer_median_rank", "peer_median_rank_median_7d"),
        "ranked_peers",
    ),
}


# A platform of twelve products over three days is behind most of them.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def sandbox_file(
    tmp_path_factory: pytest.TempPathFactory, _sqlite_template: Path
) -> Iterator[Path]:
    """The warehouse of a platform of three days: read it, and change only copies."""
    folder = tmp_path_factory.mktemp("sandbox")
    path = folder / "insights.db"
    shutil.copy(_sqlite_template, path)
    with pytest.MonkeyPatch.context() as monkeypatch:
        platform = make_platform(folder, f"sqlite:///{path}", monkeypatch, products=12)
        platform.run("whole_graph", FIRST_DAY, LAST_DAY)
        platform.warehouse.dispose()
        yield path


@pytest.fixture(scope="module")
def sandbox(sandbox_file: Path) -> Iterator[Warehouse]:
    opened = Warehouse.open(f"sqlite:///{sandbox_file}")
    yield opened
    opened.dispose()


@pytest.fixture(scope="module")
def sandbox_days(sandbox: Warehouse) -> list[GroupDay]:
    """Every group and day of it."""
    return list(group_days(sandbox))


@pytest.fixture
def copy_of_sandbox(sandbox_file: Path, tmp_path: Path) -> Iterator[Warehouse]:
    shutil.copy(sandbox_file, tmp_path / "copy.db")
    opened = Warehouse.open(f"sqlite:///{tmp_path / 'copy.db'}")
    yield opened
    opened.dispose()


def stored_scores(warehouse: Warehouse) -> pd.DataFrame:
    return warehouse.read_frame(select_current(SCORES))


def group_days(warehouse: Warehouse) -> Iterator[GroupDay]:
    with warehouse.read() as connection:
        found = connection.execute(
            select(SCORES.c.group_id, SCORES.c.day).where(is_current(SCORES)).distinct()
        ).all()
    for group_id, day in sorted(found):
        yield read_group_day(warehouse, group_id, day)


# --- explain -------------------------------------------------------------------------------------


def value_of(formula: str) -> float:
    """What a formula with its numbers gives."""
    plain = formula.replace(",", "").replace("×", "*").replace("−", "-")
    assert re.fullmatch(r"[-+*/(). 0-9]*(log(2|10))?[-+*/(). 0-9]*", plain), formula
    return float(eval(plain, {"log2": math.log2, "log10": math.log10}))


def test_every_explanation_of_the_sandbox_equals_the_stored_score(
    sandbox: Warehouse, sandbox_days: list[GroupDay]
) -> None:
    seen = 0
    reasons, left_out = set(), set()
    for group_day in sandbox_days:
        for row in group_day.scores.to_dict("records"):
            seen += 1
            product = ProductKey(row["marketplace"], row["asin"])
            explained = explain(group_day, product, Method(row["method"]))
            assert explained.is_reproduced, "the features of then give the stored row"
            inputs: dict[str, Any] = {}
            for each in explained.dimensions:
                stored = row[f"{each.dimension}_score"]
                assert each.score == (None if math.isnan(stored) else stored)
                assert (each.score is None) == (each.reason is not None)
                assert each.contribution == row["contributions"].get(str(each.dimension))
                inputs |= each.inputs
                if each.score is None:
                    reasons.add(each.reason)
                    continue
                formula = filled_formula(each.dimension, explained.method, each.inputs)
                kept = min(100.0, max(0.0, value_of(formula)))
                assert kept == pytest.approx(each.score, abs=0.0051), formula
                if each.contribution is not None:
                    share = each.score * each.weight / each.total_weight
                    assert each.contribution == pytest.approx(share, abs=0.0051)
            assert inputs == row["inputs"]
            points = [d.contribution for d in explained.dimensions if d.contribution is not None]
            if explained.overall is None:
                assert points == []
                assert len(explained.coverage.split(",")) < OVERALL_DIMENSIONS + 1
            else:
                assert abs(sum(points) - explained.overall) < 0.0051
            assert [peer.product.asin for peer in explained.peers] == row["peers"]["eligible"]
            assert [
                {"asin": member.product.asin, "reason": member.left_out}
                for member in explained.left_out
            ] == row["peers"]["left_out"]
            prices = [peer.price for peer in explained.peers if peer.price is not None]
            assert len(prices) == row["inputs"]["priced_peers"]
            if prices:
                median = pd.Series(prices).median()
                assert row["inputs"]["peer_median_price"] == pytest.approx(median, abs=1e-6)
            ranks = [peer.rank for peer in explained.peers if peer.rank is not None]
            if "rank_node" in row["inputs"]:
                assert len(ranks) == row["inputs"]["ranked_peers"]
            left_out |= {member.left_out for member in explained.left_out}
            told = "\n".join(explanation_lines(explained))
            for member in (*explained.peers, *explained.left_out):
                assert member.product.asin in told
            assert "Note:" not in told
    assert seen == len(stored_scores(sandbox)) > 60
    assert reasons
    assert left_out


def test_the_inputs_of_the_dimensions_are_all_there_are() -> None:
    for by_dimension in INPUTS.values():
        names = [name for inputs in by_dimension.values() for name in inputs]
        assert len(names) == len(set(names))


def test_an_explanation_is_of_what_was_known_when_it_was_scored(
    copy_of_sandbox: Warehouse,
) -> None:
    group_day = next(group_days(copy_of_sandbox))
    (before, *_) = group_day.products
    told = list(explanation_lines(explain(group_day, before, Method.STANDARD)))
    features = copy_of_sandbox.read_frame(select_current(tables.product_features))
    features["price"] = features["price"] * 2
    _publish(copy_of_sandbox, tables.product_features, features)
    again = read_group_day(copy_of_sandbox, group_day.group_id, group_day.day)
    assert list(explanation_lines(explain(again, before, Method.STANDARD))) == told
    rebuild_scores(copy_of_sandbox, Scope(FIRST_DAY, LAST_DAY))
    rebuilt = read_group_day(copy_of_sandbox, group_day.group_id, group_day.day)
    told_now = list(explanation_lines(explain(rebuilt, before, Method.STANDARD)))
    assert told_now != told
    assert not any(line.startswith("Note:") for line in told_now)


def test_a_stored_score_that_the_code_no_longer_gives_is_said_to_be_one(
    copy_of_sandbox: Warehouse,
) -> None:
    with copy_of_sandbox.begin() as connection:
        connection.execute(update(SCORES).values(quality_score=12.34))
    group_day = next(group_days(copy_of_sandbox))
    explained = explain(group_day, group_day.products[0], Method.STANDARD)
    assert explained[Dimension.QUALITY].score == 12.34
    assert f"insights backfill --from {group_day.day}" in list(explanation_lines(explained))[-1]


def _publish(warehouse: Warehouse, table: Table, frame: pd.DataFrame) -> None:
    publish(
        warehouse,
        table,
        frame[own_columns(table)],
        covers=table.c.day.between(FIRST_DAY, LAST_DAY),
        scope=Scope(FIRST_DAY, LAST_DAY),
        code_version="test",
    )


# --- errors --------------------------------------------------------------------------------------


def test_an_unknown_group_is_named_beside_those_that_there_are(sandbox: Warehouse) -> None:
    known = ", ".join(sorted({each.group_id for each in group_days(sandbox)}))
    with pytest.raises(InvalidInputError, match=f"no group 'nobody'; known are {known}"):
        read_group_day(sandbox, "nobody")


def test_a_day_without_scores_names_the_nearest_with_some(sandbox: Warehouse) -> None:
    group_id = next(group_days(sandbox)).group_id
    after = LAST_DAY + timedelta(days=9)
    with pytest.raises(InvalidInputError) as caught:
        read_group_day(sandbox, group_id, after)
    assert str(caught.value) == (
        f"{group_id} has no score on {after}; the nearest day with scores: {LAST_DAY}; for this "
        f"one run insights backfill --from {after}"
    )


def test_a_day_between_two_names_both(copy_of_sandbox: Warehouse) -> None:
    group_id = next(group_days(copy_of_sandbox)).group_id
    gap = FIRST_DAY + timedelta(days=1)
    left = stored_scores(copy_of_sandbox)
    _publish(copy_of_sandbox, SCORES, left[left["day"].dt.date != gap])
    with pytest.raises(InvalidInputError) as caught:
        read_group_day(copy_of_sandbox, group_id, gap)
    after = gap + timedelta(days=1)
    assert f"the nearest days with scores: {FIRST_DAY} and {after};" in str(caught.value)


def test_before_anything_was_scored_it_says_what_to_run(sqlite_warehouse: Warehouse) -> None:
    with pytest.raises(InvalidInputError, match="known are none: run insights demo first"):
        read_group_day(sqlite_warehouse, "de-kettles")


def test_who_is_no_member_is_named_beside_those_who_are(sandbox: Warehouse) -> None:
    group_day = next(group_days(sandbox))
    with pytest.raises(InvalidInputError) as caught:
        group_day.product("B000000001")
    assert str(caught.value).startswith(
        f"B000000001 was no member of {group_day.group_id} on {group_day.day}; its members were "
        f"{group_day.products[0]}, "
    )
    first = group_day.products[0]
    with pytest.raises(InvalidInputError, match=f"amazon.in/{first.asin} was no member"):
        group_day.product(first.asin, "amazon.in")
    assert group_day.product(first.asin) == first


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("cost=3", "'cost=3' is no change: give price=12.99, rating=4.6 or rank=120"),
        ("price", "'price' is no change"),
        ("price=twelve", "'twelve' is no number"),
        ("price=", "'' is no number"),
        ("price=NaN", "'NaN' is no number"),
        ("price=Infinity", "'Infinity' is no number"),
        ("price=0", "a price is above zero, with at most two decimals"),
        ("price=1.999", "a price is above zero, with at most two decimals"),
        ("price=1e12", "a price is below ten thousand million"),
        ("rating=5.1", "a rating is 0 to 5 stars"),
        ("rating=-1", "a rating is 0 to 5 stars"),
        ("rank=0", "a rank is 1 or more"),
        ("rank=99999999999", "a rank is 1 or more"),
    ],
)
def test_a_change_that_cannot_be_is_refused(given: str, problem: str) -> None:
    with pytest.raises(InvalidInputError, match=re.escape(problem)):
        parse_changes([given])


def test_two_values_for_one_thing_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="rank is changed twice"):
        parse_changes(["rank=1", "price=2", "rank=3"])


def test_half_a_rank_is_refused_and_any_of_who_shows_none(sandbox_days: list[GroupDay]) -> None:
    half = parse_changes(["rank=3.5"])
    refused = 0
    for group_day in sandbox_days:
        for product in group_day.products:
            if not _has(group_day.features, product):
                with pytest.raises(InvalidInputError, match="has no features on"):
                    what_if(group_day, product, Method.STANDARD, half)
                continue
            problem = (
                "a rank is a whole number"
                if _has(group_day.rank_features, product)
                else "shows no Best Sellers Rank on"
            )
            with pytest.raises(InvalidInputError, match=problem):
                what_if(group_day, product, Method.STANDARD, half)
            refused += 1
    assert refused


def _has(frame: pd.DataFrame, product: ProductKey) -> bool:
    return bool(
        ((frame["marketplace"] == product.marketplace) & (frame["asin"] == product.asin)).any()
    )


# --- what-if -------------------------------------------------------------------------------------


def unchanged(group_day: GroupDay, product: ProductKey, method: Method) -> list[Change]:
    """Changes to the values that the product has."""
    row = explain(group_day, product, method)
    kind = "rank" if method is Method.STANDARD else "rank_median_7d"
    found = {
        Changed.PRICE: row[Dimension.PRICE].inputs.get("price"),
        Changed.RATING: row[Dimension.QUALITY].inputs.get("rating"),
        Changed.RANK: row[Dimension.POPULARITY].inputs.get(kind),
    }
    return parse_changes(f"{what}={value}" for what, value in found.items() if value is not None)


def test_a_what_if_with_the_values_there_are_changes_nothing(
    sandbox_days: list[GroupDay],
) -> None:
    seen = 0
    for group_day in sandbox_days:
        if group_day.day != LAST_DAY:
            continue
        for method in Method:
            for product in group_day.products[:4]:
                changes = unchanged(group_day, product, method)
                if not changes:
                    continue
                found = what_if(group_day, product, method, changes)
                pd.testing.assert_frame_equal(found.before, found.after)
                assert all(change.before == change.value for change in found.changes)
                seen += len(changes)
    assert seen > 20


@pytest.mark.parametrize("method", list(Method))
@pytest.mark.parametrize(
    "changes",
    [["rank=3"], ["price=33", "rating=2.1", "rank=4000"]],
    ids=lambda each: "+".join(each),
)
def test_a_what_if_is_what_a_rebuild_over_changed_data_gives(
    copy_of_sandbox: Warehouse, method: Method, changes: list[str]
) -> None:
    group_day = next(
        each
        for each in group_days(copy_of_sandbox)
        if each.day == LAST_DAY and len(each.products) > 2
    )
    product = next(
        each
        for each in group_day.products
        if "rank_node" in explain(group_day, each, method)[Dimension.POPULARITY].inputs
    )
    found = what_if(group_day, product, method, parse_changes(changes))
    node = explain(group_day, product, method)[Dimension.POPULARITY].inputs["rank_node"]

    def change(table: Table, *conditions: Any, **values: Any) -> None:
        with copy_of_sandbox.begin() as connection:
            connection.execute(
                update(table)
                .where(
                    is_current(table),
                    table.c.marketplace == product.marketplace,
                    table.c.asin == product.asin,
                    table.c.day == group_day.day,
                    *conditions,
                )
                .values(values)
            )

    features, ranks = tables.product_features, tables.rank_features
    for each in parse_changes(changes):
        match each.what:
            case Changed.PRICE:
                change(features, price=each.value, price_missing_reason=None)
            case Changed.RATING:
                change(features, rating=float(each.value))
            case Changed.RANK:
                rank = int(each.value)
                at = ranks.c.node_key == node
                if method is Method.STANDARD:
                    change(ranks, at, rank=rank)
                    change(features, features.c.primary_rank_node == node, primary_rank=rank)
                else:
                    change(ranks, at, rank_median_7d=float(rank))
    built = rebuild_scores(copy_of_sandbox, Scope.of_day(group_day.day))
    assert built.rows_changed > 0
    rebuilt = read_group_day(copy_of_sandbox, group_day.group_id, group_day.day).scores
    rebuilt = rebuilt[rebuilt["method"] == method.value].reset_index(drop=True)
    pd.testing.assert_frame_equal(
        found.after[own_columns(SCORES)], rebuilt[own_columns(SCORES)], check_dtype=False
    )
    told = "\n".join(what_if_lines(group_day, found))
    own = rebuilt[rebuilt["asin"] == product.asin].iloc[0]
    assert f"{own['overall_score']:.2f}" in told


def test_a_price_can_be_thought_of_where_there_is_none(sandbox_days: list[GroupDay]) -> None:
    for group_day in sandbox_days:
        for product in group_day.products:
            explained = explain(group_day, product, Method.STANDARD)
            if explained[Dimension.PRICE].reason != "no_price":
                continue
            found = what_if(group_day, product, Method.STANDARD, parse_changes(["price=20"]))
            row = found.after[found.after["asin"] == product.asin].iloc[0]
            assert not math.isnan(row["price_score"])
            assert found.changes[0].before is None
            assert "(now –)" in next(what_if_lines(group_day, found)).replace("none", "–")
            return
    pytest.fail("the sandbox's days have no product without a price")


# --- the view ------------------------------------------------------------------------------------


def explanations(warehouse: Warehouse) -> dict[tuple[Any, ...], dict[str, Any]]:
    """The view's rows by score and dimension."""
    query = f"SELECT * FROM {contract_relation(warehouse, 'score_explanations')}"  # noqa: S608
    with warehouse.read() as connection:
        rows = [dict(row._mapping) for row in connection.execute(text(query))]
    for row in rows:
        for name in ("inputs", "peers", "left_out"):
            if isinstance(row[name], str):
                row[name] = json.loads(row[name])
        row["day"] = str(row["day"])
    keyed = {tuple(row[name] for name in (*KEY, "dimension")): row for row in rows}
    assert len(keyed) == len(rows)
    return keyed


def first_of(inputs: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((inputs[name] for name in names if name in inputs), None)


def test_the_view_has_every_score_of_the_sandbox_as_it_is_stored(
    sandbox: Warehouse, warehouse: Warehouse
) -> None:
    _publish(warehouse, SCORES, stored_scores(sandbox))
    stored = stored_scores(warehouse)
    found = explanations(warehouse)
    assert len(found) == 3 * len(stored) > 200
    for row in stored.to_dict("records"):
        key = (str(row["day"].date()), *(row[name] for name in KEY[1:]))
        inputs: dict[str, Any] = {}
        for dimension in Dimension:
            shown = found[*key, str(dimension)]
            score = row[f"{dimension}_score"]
            assert shown["score"] == (None if math.isnan(score) else score)
            assert shown["missing_reason"] == row["missing_reasons"].get(str(dimension))
            assert shown["contribution"] == row["contributions"].get(str(dimension))
            own, peers, count = VALUES[dimension]
            assert shown["value"] == first_of(row["inputs"], own)
            assert shown["peer_value"] == first_of(row["inputs"], peers)
            assert shown["compared_peers"] == row["inputs"].get(count)
            assert shown["peers"] == row["peers"]["eligible"]
            assert shown["left_out"] == row["peers"]["left_out"]
            assert shown["peer_count"] == row["peer_count"] == len(shown["peers"])
            assert (shown["currency"] is not None) == (
                dimension is Dimension.PRICE and "currency" in row["inputs"]
            )
            inputs |= shown["inputs"]
        assert inputs == row["inputs"], "each input belongs to one dimension"
        points = [found[*key, str(dimension)]["contribution"] for dimension in Dimension]
        known = [point for point in points if point is not None]
        if math.isnan(row["overall_score"]):
            assert known == []
        else:
            assert abs(sum(known) - row["overall_score"]) < 0.0051


def test_a_placeholder_that_there_is_not_is_refused() -> None:
    view = WrittenView("v", "", "", (), "SELECT {nothing:s.inputs.price} FROM {fact_alerts} AS s")
    for is_postgres in (False, True):
        with pytest.raises(ValueError, match="no placeholder of the kind 'nothing'"):
            view.select(is_postgres=is_postgres)
