"""Product summaries on both engines."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
from sqlalchemy import update

from insights_assets.serving.product_summaries import (
    changed_product_keys,
    rebuild_product_summaries,
)
from insights_resources.marketplaces import ProductKey
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import select_current
from tests.integration.tracked_products import ASINS, DAY, NEVER, history, store, store_alerts
from tests.unit.features.capture_histories import MARKETPLACE, at


def summaries(warehouse: Warehouse) -> pd.DataFrame:
    frame = warehouse.read_frame(select_current(tables.product_summaries))
    return frame.set_index("asin").sort_index()


def test_one_row_a_product_with_the_latest_of_everything(tracked: Warehouse) -> None:
    store_alerts(
        tracked,
        [DAY, DAY - timedelta(days=6), DAY - timedelta(days=7)],
        [DAY - timedelta(days=7), DAY - timedelta(days=6), DAY],
    )
    build = rebuild_product_summaries(tracked, None)
    assert build.row_count == 4
    row = summaries(tracked).loc[ASINS[0]]
    assert row["title"] == f"Kettle 0 on {DAY}"
    assert row["as_of_day"] == pd.Timestamp(DAY)
    assert row["last_captured_at"] == at(DAY)
    assert (row["price"], row["currency"]) == (1000, "EUR")
    assert (row["primary_rank"], row["primary_rank_category"]) == (100, "Home")
    assert row["overall_score"] > 50
    # Both groups give it the same score: the one that comes first is named.
    assert row["best_group_id"] == "all-things"
    # The day a week before is not among the last seven.
    assert (row["alerts_7d"], row["open_alerts"]) == (2, 1)


def test_a_state_that_became_false_again_is_not_open(tracked: Warehouse) -> None:
    store_alerts(tracked, [DAY], [DAY - timedelta(days=1), DAY])
    rebuild_product_summaries(tracked, None)
    assert summaries(tracked).loc[ASINS[0], "open_alerts"] == 0


def test_a_product_never_captured_has_a_row_of_its_name(tracked: Warehouse) -> None:
    rebuild_product_summaries(tracked, None)
    row = summaries(tracked).loc[NEVER]
    assert row["label"] == "Not seen yet"
    assert (row["open_alerts"], row["alerts_7d"]) == (0, 0)
    unknown = row.drop(["marketplace", "label", "open_alerts", "alerts_7d"])
    assert unknown.isna().all()


def test_only_what_changed_is_written_and_named(tracked: Warehouse) -> None:
    first = rebuild_product_summaries(tracked, None)
    assert len(changed_product_keys(tracked, first)) == 4
    again = rebuild_product_summaries(tracked, None)
    assert (again.rows_added, again.rows_changed, again.rows_removed) == (0, 0, 0)
    assert changed_product_keys(tracked, again) == []
    captures = history()
    captures[len(captures) // 3 - 1]["title"] = "Kettle with a new name"
    store(tracked, captures)
    build = rebuild_product_summaries(tracked, None)
    assert changed_product_keys(tracked, build) == [ProductKey(MARKETPLACE, ASINS[0])]
    assert summaries(tracked).loc[ASINS[0], "title"] == "Kettle with a new name"


def test_a_scope_leaves_other_products_alone(tracked: Warehouse) -> None:
    rebuild_product_summaries(tracked, None)
    with tracked.begin() as connection:
        connection.execute(update(tables.products).values(label="renamed"))
    one = ProductKey(MARKETPLACE, ASINS[1])
    build = rebuild_product_summaries(tracked, frozenset({one}))
    assert changed_product_keys(tracked, build) == [one]
    labels = summaries(tracked)["label"]
    assert labels[ASINS[1]] == "renamed"
    assert pd.isna(labels[ASINS[0]])


def test_a_product_that_is_tracked_no_more_loses_its_row(tracked: Warehouse) -> None:
    rebuild_product_summaries(tracked, None)
    with tracked.begin() as connection:
        connection.execute(tables.products.delete().where(tables.products.c.asin == NEVER))
    build = rebuild_product_summaries(tracked, None)
    assert build.rows_removed == 1
    assert changed_product_keys(tracked, build) == [ProductKey(MARKETPLACE, NEVER)]
