"""Frames: a table's dtypes, what is refused, and hashes that are the same everywhere."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Table

from insights_resources.errors import WarehouseError
from insights_resources.warehouse import tables
from insights_resources.warehouse.frames import (
    conform,
    empty_frame,
    from_minor,
    own_columns,
    row_hashes,
    to_minor,
)

SNAPSHOTS = tables.product_snapshots

ROW: dict[str, Any] = {
    "page_id": "p1",
    "origin": "page",
    "marketplace": "amazon.de",
    "asin": "B08N5WRWNW",
    "day": date(2026, 3, 2),
    "captured_at": datetime(2026, 3, 2, 9, 30, tzinfo=UTC),
    "captured_at_precision": "exact",
    "title": "Wasserkocher",
    "currency": "EUR",
    "price": 2999,
    "rating": 4.5,
    "rating_count": 120,
    "bsr": [{"category": "Küche", "node_id": None, "rank": 7}],
    "availability": "in_stock",
    "bullets": [],
    "images": ["https://m.media-amazon.com/1.jpg"],
    "breadcrumbs": [],
    "field_sources": {"price": "corePrice"},
    "parser_version": "1",
    "schema_version": 1,
}


def snapshot(**fields: Any) -> dict[str, Any]:
    return dict.fromkeys(own_columns(SNAPSHOTS)) | ROW | fields


def frame_of(*rows: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=own_columns(SNAPSHOTS))


def hash_of(row: dict[str, Any]) -> int:
    return int(row_hashes(conform(frame_of(row), SNAPSHOTS), SNAPSHOTS)[0])


def features(**columns: Any) -> pd.DataFrame:
    """A conformed frame of product features of one row, and some of its columns replaced."""
    row: dict[str, Any] = dict.fromkeys(own_columns(tables.product_features)) | {
        "marketplace": "amazon.de",
        "asin": "B08N5WRWNW",
        "day": date(2026, 3, 2),
        "last_captured_at": datetime(2026, 3, 2, 9, 30, tzinfo=UTC),
        "observations": 1,
        "family_asin": "B08N5WRWNW",
        "price_returns_before": 0,
        "out_of_stock_captures": 0,
        "seller_changes_30d": 0,
        "availability": "in_stock",
    }
    return pd.DataFrame([row]).assign(**columns)


@given(st.decimals(min_value=Decimal("-1e9"), max_value=Decimal("1e9"), places=2))
def test_hundredths_and_back(amount: Decimal) -> None:
    assert from_minor(to_minor(amount)) == amount


def test_missing_amounts_stay_missing() -> None:
    assert to_minor(None) is None
    for missing in (None, pd.NA, float("nan")):
        assert from_minor(missing) is None
    assert from_minor(np.int64(1299)) == Decimal("12.99")
    assert to_minor(Decimal("12980")) == 1298000


@pytest.mark.parametrize("wrong", ["0.005", "NaN", "Infinity"])
def test_an_amount_that_hundredths_cannot_say_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="no amount"):
        to_minor(Decimal(wrong))


@pytest.mark.parametrize("table", tables.metadata.sorted_tables, ids=lambda table: table.name)
def test_every_table_has_an_empty_frame_that_conforms(table: Table) -> None:
    empty = empty_frame(table)
    assert list(empty.columns) == own_columns(table)
    pd.testing.assert_frame_equal(conform(empty, table), empty)
    assert row_hashes(empty, table).dtype == "int64"


def test_rows_of_python_values_get_the_dtypes_of_their_columns() -> None:
    frame = conform(
        frame_of(snapshot(), snapshot(page_id="p2", price=None, rating=None)), SNAPSHOTS
    )
    dtypes = frame.dtypes.astype(str)
    assert dtypes["price"] == "Int64"
    assert dtypes["day"] == "datetime64[s]"
    assert dtypes["captured_at"] == "datetime64[us, UTC]"
    assert dtypes["rating"] == "float64"
    assert dtypes["title"] == dtypes["brand"] == "str"
    assert dtypes["bsr"] == "object"
    assert frame["price"].tolist() == [2999, pd.NA]
    assert frame.loc[0, "bsr"] == ROW["bsr"]
    assert frame["brand"].isna().all()
    pd.testing.assert_frame_equal(conform(frame, SNAPSHOTS), frame)


def test_columns_may_come_in_any_order_and_index() -> None:
    frame = frame_of(snapshot(), snapshot(page_id="p2"))
    shuffled = frame[list(reversed(frame.columns))].set_index(pd.Index([7, 7]))
    pd.testing.assert_frame_equal(conform(shuffled, SNAPSHOTS), conform(frame, SNAPSHOTS))


def test_what_pandas_makes_of_missing_values_is_understood() -> None:
    features_of_floats = features(
        price=[2999.0], primary_rank=np.array([np.nan]), listing_changed=[None], seller=[np.nan]
    )
    frame = conform(features_of_floats, tables.product_features)
    assert frame["price"].tolist() == [2999]
    assert frame["primary_rank"].isna().all()
    assert str(frame["listing_changed"].dtype) == "boolean"


@pytest.mark.parametrize(
    ("day", "moment"),
    [
        (pd.Timestamp("2026-03-02"), pd.Timestamp("2026-03-02T09:30Z")),
        (
            np.datetime64("2026-03-02"),
            datetime(2026, 3, 2, 18, 30, tzinfo=timezone(timedelta(hours=9))),
        ),
    ],
)
def test_days_and_instants_in_other_forms(day: Any, moment: Any) -> None:
    frame = conform(frame_of(snapshot(day=day, captured_at=moment)), SNAPSHOTS)
    pd.testing.assert_frame_equal(frame, conform(frame_of(snapshot()), SNAPSHOTS))


@pytest.mark.parametrize(
    ("column", "wrong", "message"),
    [
        ("price", "29.99", "not a whole number|not whole numbers"),
        ("price", Decimal("29.99"), "not a whole number"),
        ("price", 29.99, "fraction"),
        ("price", True, "True is not|bool is not"),
        ("price", 10**14, "too large"),
        ("rating_count", 2**31, "too large"),
        ("rating", "4.5", "not a number|not numbers"),
        ("rating", float("inf"), "infinite"),
        ("title", 17, "is not text"),
        ("availability", None, "may not be NULL, and is in 1 rows"),
        ("asin", "B08N5WRWNWX", "11 characters, 10 may be"),
        ("day", datetime(2026, 3, 2, 9, 30), "time of day"),  # noqa: DTZ001
        ("day", datetime(2026, 3, 2, tzinfo=UTC), "not a day|not days"),
        ("day", "2026-03-02", "not a day|not days"),
        ("captured_at", datetime(2026, 3, 2, 9, 30), "time zone"),  # noqa: DTZ001
        ("captured_at", "2026-03-02T09:30:00Z", "time zone"),
        ("bullets", "a text", "is not (a )?JSON list"),
        ("breadcrumbs", float("nan"), "may not be NULL"),
    ],
)
def test_a_wrong_value_is_refused_with_table_and_column(
    column: str, wrong: Any, message: str
) -> None:
    # As the only row, and beside a missing value where pandas infers another dtype.
    with pytest.raises(WarehouseError, match=message) as failure:
        conform(frame_of(snapshot(**{column: wrong})), SNAPSHOTS)
    assert f"fact_product_snapshots.{column}" in str(failure.value)
    mixed = frame_of(snapshot(), snapshot(page_id="p2", **{column: wrong})).astype({column: object})
    with pytest.raises(WarehouseError, match=rf"fact_product_snapshots\.{column}"):
        conform(mixed, SNAPSHOTS)


def test_a_truth_value_is_not_a_number() -> None:
    for wrong in ([1], ["yes"]):
        with pytest.raises(WarehouseError, match="listing_changed"):
            conform(features(listing_changed=wrong), tables.product_features)


def test_missing_and_unknown_columns_are_named() -> None:
    frame = frame_of(snapshot()).drop(columns="title").assign(titel="x")
    with pytest.raises(WarehouseError, match=r"missing columns \['title'\].*\['titel'\]"):
        conform(frame, SNAPSHOTS)


def test_a_key_twice_is_refused_with_an_example() -> None:
    with pytest.raises(WarehouseError, match=r"1 rows have the key of another, such as \(p1, 2026"):
        conform(frame_of(snapshot(), snapshot(title="other")), SNAPSHOTS)


def test_hostile_text_conforms_cleaned() -> None:
    frame = conform(frame_of(snapshot(title="a\x00b\ud800c", brand="ok")), SNAPSHOTS)
    assert frame["title"].tolist() == ["a\ufffdb\ufffdc"]
    assert frame["brand"].tolist() == ["ok"]


def test_nan_inside_a_document_is_refused_by_name() -> None:
    frame = conform(frame_of(snapshot(bsr=[{"rank": float("nan")}])), SNAPSHOTS)
    with pytest.raises(WarehouseError, match=r"fact_product_snapshots\.bsr"):
        row_hashes(frame, SNAPSHOTS)


CHANGES: dict[str, Any] = {
    "page_id": "p9",
    "day": date(2026, 3, 3),
    "captured_at": datetime(2026, 3, 2, 9, 30, 0, 1, tzinfo=UTC),
    "title": "Wasserkocher ",
    "brand": "",
    "price": 0,
    "list_price": 2999,
    "rating": 4.500000001,
    "rating_count": None,
    "bsr": [{"category": "Küche", "node_id": "", "rank": 7}],
    "bullets": [""],
    "attributes": {},
    "field_sources": {},
}


@pytest.mark.parametrize("column", CHANGES)
def test_any_change_changes_the_hash(column: str) -> None:
    changed = snapshot(**{column: CHANGES[column]})
    assert hash_of(changed) != hash_of(snapshot())


def test_equal_rows_have_equal_hashes_however_they_came() -> None:
    plain = conform(features(price_change_7d=[0.0], seller=["A"]), tables.product_features)
    other = conform(
        features(
            price_change_7d=[-0.0],
            price=[None],
            price_mean_7d=np.array([-np.nan]),
            seller=pd.Series(["A"], dtype="category"),
        ),
        tables.product_features,
    )
    assert (
        row_hashes(plain, tables.product_features)[0]
        == row_hashes(other, tables.product_features)[0]
    )
    keys_in_another_order = snapshot(bsr=[{"rank": 7, "node_id": None, "category": "Küche"}])
    assert hash_of(keys_in_another_order) == hash_of(snapshot())


def test_the_hash_does_not_depend_on_the_rows_beside_it() -> None:
    knowing = snapshot(page_id="p3", attributes={"Farbe": "Blau", "Gewicht": "1 kg"})
    rows = [snapshot(page_id="p2", price=None, brand="X", rating=None), snapshot(), knowing]
    together = row_hashes(conform(frame_of(*rows), SNAPSHOTS), SNAPSHOTS)
    assert together[1] == hash_of(snapshot())
    assert together[2] == hash_of(knowing)
    same = knowing | {"attributes": {"Gewicht": "1 kg", "Farbe": "Blau"}}
    assert hash_of(same) == hash_of(knowing) != hash_of(knowing | {"attributes": {"Farbe": "Rot"}})


def test_hashes_are_the_same_in_every_process_and_release() -> None:
    """Were they not, the first rebuild after an upgrade would write every row again."""
    code = (
        "from tests.unit.resources.test_frames import hash_of, snapshot; print(hash_of(snapshot()))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONHASHSEED": "7"},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert int(printed) == hash_of(snapshot()) == -5901625646391582970
