"""Frames go into both engines and come out as they were, whatever is in them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Float,
    Integer,
    MetaData,
    Table,
    Text,
    insert,
    literal_column,
    select,
)

from insights_resources.errors import WarehouseError
from insights_resources.warehouse import tables
from insights_resources.warehouse.column_types import Json, Money, UtcDateTime, clean_text
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.frames import dtype_of
from insights_resources.warehouse.series_of_column import series_of_column
from tests.integration.warehouse_rows import MONDAY, RANKS, publish_ranks

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
def test_each_text_alone_comes_back(warehouse: Warehouse, alone: str) -> None:
    """Whether a column has to be escaped is decided for all of it, and so is how it is read."""
    TEXTS.create(warehouse.engine)
    frame = pd.DataFrame({"text": pd.array([alone], dtype="str")})
    with warehouse.begin() as connection:
        warehouse.insert_frame(connection, TEXTS, frame)
    assert warehouse.read_frame(select(TEXTS.c.text))["text"].tolist() == [alone]


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


VALUES = Table(
    "kinds_of_values",
    MetaData(),
    Column("row", Integer),
    Column("number", Integer),
    Column("large", BigInteger),
    Column("amount", Money()),
    Column("small_amount", Money(6)),
    Column("share", Float(53)),
    Column("truth", Boolean),
    Column("day", Date),
    Column("instant", UtcDateTime()),
    Column("text", Text),
    Column("document", Json),
)
_INSTANTS = st.integers(-(2**51), 2**52).map(
    lambda microseconds: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
)
_TEXTS = st.text(max_size=60).map(clean_text)


def _or_null(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(
            _or_null(st.integers(-(2**31) + 1, 2**31 - 1)),
            _or_null(st.integers(-(2**63), 2**63 - 1)),
            _or_null(st.integers(-(10**14) + 1, 10**14 - 1)),
            _or_null(st.integers(-(10**14) + 1, 10**14 - 1)),
            _or_null(st.floats(allow_nan=False, allow_infinity=False)),
            _or_null(st.booleans()),
            _or_null(st.dates(date(1900, 1, 1), date(2200, 1, 1))),
            _or_null(_INSTANTS),
            _or_null(_TEXTS),
            _or_null(st.lists(_TEXTS, max_size=3)),
        ),
        max_size=8,
    )
)
def test_what_is_written_is_what_is_read(warehouse: Warehouse, rows: list[tuple[Any, ...]]) -> None:
    """Values of every kind, NULLs among them, in the order of the rows."""
    numbered = [(number, *row) for number, row in enumerate(rows)]
    frame = pd.DataFrame(
        {
            column.name: series_of_column(
                pd.Series([row[place] for row in numbered], dtype="object"), dtype_of(column)
            )
            for place, column in enumerate(VALUES.columns)
        }
    )
    with warehouse.begin() as connection:
        VALUES.drop(connection, checkfirst=True)
        VALUES.create(connection)
        warehouse.insert_frame(connection, VALUES, frame)
    read = warehouse.read_frame(select(VALUES).order_by(VALUES.c.row))
    pd.testing.assert_frame_equal(read, frame, check_exact=True)


def test_rows_of_many_blocks_come_back_in_order(warehouse: Warehouse) -> None:
    """More rows than are read at once, whose texts change their length and repeat."""
    count = 25_003
    numbers = np.arange(count)
    frame = pd.DataFrame(
        {
            "row": pd.array(numbers, dtype="Int64"),
            "text": pd.array(["é" * (n // 100 % 50) for n in numbers.tolist()], dtype="str"),
        }
    )
    TEXTS.create(warehouse.engine)
    with warehouse.begin() as connection:
        warehouse.insert_frame(connection, TEXTS, frame)
    read = warehouse.read_frame(select(TEXTS).order_by(TEXTS.c.row))
    pd.testing.assert_frame_equal(read, frame)


def test_a_query_of_another_type_than_said_is_refused(postgres_warehouse_url: str) -> None:
    warehouse = Warehouse.open(postgres_warehouse_url)
    mean = literal_column("CAST(1.5 AS numeric)", Float()).label("mean")
    with pytest.raises(WarehouseError, match=r"mean: .*cast it"):
        warehouse.read_frame(select(mean))
    warehouse.dispose()
