"""Frames go into both engines and come out as they were, whatever is in them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, MetaData, Table, Text, insert, select

from insights_resources.warehouse import tables
from insights_resources.warehouse.column_types import clean_text
from insights_resources.warehouse.driver_values import copy_text, frame_from_copy
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.frames import conform
from tests.integration.warehouse_rows import MARKETPLACE, MONDAY, RANKS, publish_ranks

HOSTILE = (
    "plain",
    "",
    " spaces ",
    "NA",
    "\\N",
    "\\\\N",
    "\\",
    "tab\there",
    "line\nbreak",
    "carriage\rreturn\r\n",
    'a "quoted" word',
    "it's 100 %, %s and %%",
    "\x0b\x0c\x08\x7f\x01",
    "\u2028\x85",
    "ケトル 🫖",
    "# no comment",
)
TEXTS = Table("texts", MetaData(), Column("row", Integer), Column("text", Text))


@pytest.fixture
def texts(warehouse: Warehouse) -> Warehouse:
    TEXTS.create(warehouse.engine)
    frame = pd.DataFrame(
        {
            "row": pd.array(range(len(HOSTILE) + 1), dtype="Int64"),
            "text": pd.array([*HOSTILE, np.nan], dtype="str"),
        }
    )
    with warehouse.begin() as connection:
        warehouse.insert_frame(connection, TEXTS, frame)
    return warehouse


def test_texts_come_back_as_they_were(texts: Warehouse) -> None:
    read = texts.read_frame(select(TEXTS).order_by(TEXTS.c.row))
    assert read["text"].dtype == "str"
    assert read["text"].tolist()[:-1] == list(HOSTILE)
    assert read["text"].isna().tolist() == [False] * len(HOSTILE) + [True]
    alone = texts.read_frame(select(TEXTS.c.text).order_by(TEXTS.c.row))
    pd.testing.assert_series_equal(alone["text"], read["text"])


@pytest.mark.parametrize("text", HOSTILE)
def test_conditions_mean_their_values(texts: Warehouse, text: str) -> None:
    found = texts.read_frame(select(TEXTS.c.text).where(TEXTS.c.text.in_([text, "%"])))
    assert found["text"].tolist() == [text]


@pytest.mark.parametrize("alone", HOSTILE)
def test_each_text_alone_comes_back(alone: str) -> None:
    """Whether a column has to be escaped is decided for all of it."""
    frame = pd.DataFrame({"text": pd.array([alone], dtype="str")})
    written = copy_text(frame, TEXTS)
    assert written.count("\n") == 1
    assert frame_from_copy(written.encode(), [TEXTS.c.text])["text"].tolist() == [alone]


def test_a_stream_has_the_same_rows_in_parts(texts: Warehouse) -> None:
    query = select(TEXTS).order_by(TEXTS.c.row)
    with texts.read() as connection:
        parts = list(texts.stream_frames(query, connection, rows=5))
    assert [len(part) for part in parts] == [5, 5, 5, 2]
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), texts.read_frame(query))


def test_a_stream_may_be_left(texts: Warehouse) -> None:
    with texts.read() as connection:
        stream = texts.stream_frames(select(TEXTS), connection, rows=2)
        assert len(next(stream)) == 2
        stream.close()
    assert len(texts.read_frame(select(TEXTS))) == len(HOSTILE) + 1


def test_nothing_has_the_dtypes_of_something(warehouse: Warehouse) -> None:
    nothing = warehouse.read_frame(select(RANKS))
    publish_ranks(warehouse, ("B000000001", MONDAY, 10))
    something = warehouse.read_frame(select(RANKS))
    assert nothing.dtypes.to_dict() == something.dtypes.to_dict()
    assert len(nothing) == 0


def test_each_kind_of_value_comes_back(warehouse: Warehouse) -> None:
    moment = datetime(2026, 3, 2, 23, 59, 59, 999_999, tzinfo=UTC)
    builds = tables.builds
    rows: list[dict[str, Any]] = [
        {"started_at": moment, "first_day": MONDAY, "audit": [{"check": 'a "b" \\ \n', "n": 1}]},
        {"started_at": moment, "first_day": None, "audit": None},
    ]
    with warehouse.begin() as connection:
        for number, row in enumerate(rows):
            connection.execute(
                insert(builds).values(
                    build_id=2**62 + number, table_name="t", status="open", row_count=number, **row
                )
            )
    read = warehouse.read_frame(
        select(builds).where(builds.c.started_at == moment).order_by(builds.c.build_id)
    )
    assert read["build_id"].tolist() == [2**62, 2**62 + 1]
    assert read["started_at"].tolist() == [pd.Timestamp(moment)] * 2
    assert read["first_day"].tolist() == [pd.Timestamp(MONDAY), pd.NaT]
    assert read["audit"].tolist() == [rows[0]["audit"], None]
    assert read["row_count"].tolist() == [0, 1]
    assert read["rows_added"].isna().all()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.text(max_size=8),
            st.floats(allow_nan=True, allow_infinity=False),
            st.integers(1, 2**31 - 1),
            st.sampled_from([True, False, None]),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_what_copy_is_given_is_what_it_gives(rows: list[tuple[Any, ...]]) -> None:
    """COPY's format out of a frame and into one."""
    size = len(rows)
    frame = conform(
        pd.DataFrame(
            {
                "marketplace": [MARKETPLACE] * size,
                "asin": [f"B{number:09d}" for number in range(size)],
                "day": [MONDAY] * size,
                "node_key": ["1"] * size,
                "node_id": [None] * size,
                "category": [clean_text(row[0]) for row in rows],
                "position": [row[2] for row in rows],
                "is_primary": [row[3] is True for row in rows],
                "is_deepest": [row[3] is not None for row in rows],
                "rank": [row[2] for row in rows],
                "rank_median_7d": [row[1] for row in rows],
                "rank_log_change_7d": [-row[1] for row in rows],
                "rank_log_change_30d": [None] * size,
            }
        ),
        RANKS,
    )
    columns = [RANKS.c[name] for name in frame.columns]
    read = frame_from_copy(copy_text(frame, RANKS).encode(), columns)
    pd.testing.assert_frame_equal(read, frame, check_exact=True)
