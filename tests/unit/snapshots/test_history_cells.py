"""What a history file's cells and header mean, and why they are refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from insights_assets.snapshots.history_import import cell_values, plain_cells
from insights_assets.snapshots.history_import.checking import CheckedRows, Fields, RowChecker
from insights_assets.snapshots.history_import.file_rows import HistoryFile
from insights_assets.snapshots.history_import.layout import Layout, layout_of
from insights_resources.errors import InvalidInputError

NOW = datetime(2026, 5, 1, tzinfo=UTC)
ASIN = "B08N5WRWNW"


def layout(header: list[str], **options: Any) -> Layout:
    told = {"renamed": {}, "marketplace_name": "amazon.de", "currency": None} | options
    return layout_of(header, **told)


def checked(folder: Path, text: str | bytes, **options: Any) -> CheckedRows:
    """The rows of a small file, checked."""
    path = folder / "history.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    file = HistoryFile(path)
    checker = RowChecker(layout(file.header, **options), NOW, Fields())
    (block,) = file.blocks()
    return checker.check(block)


@given(st.decimals(min_value=Decimal("0.01"), max_value=Decimal("99999999.99"), places=2))
def test_an_amount_is_exact(amount: Decimal) -> None:
    assert cell_values.amount(str(amount)) == int(amount * 100)
    assert cell_values.amount(f"{amount}000") == int(amount * 100)


WRONG_CELLS = [
    ("asin", "B08N5WRWN", "not an ASIN"),
    ("asin", "", "asin: empty"),
    ("timestamp", "", "captured_at: empty"),
    ("timestamp", "yesterday", "no time such as"),
    ("timestamp", "1714560000", "no time such as"),
    ("timestamp", "31.05.2024", "no time such as"),
    ("timestamp", "2024-05", "no time such as"),
    ("timestamp", "2024-02-30", "not in the calendar"),
    ("timestamp", "2024-05-31T25:00", "not in the calendar"),
    ("timestamp", "2026-05-01T00:00:01Z", "in the future"),
    ("timestamp", "2026-05-02", "in the future"),
    ("timestamp", "1970-01-01T00:00:00Z", "before Amazon opened"),
    ("price", "1,299.00", "not an amount"),
    ("price", "12,99", "not an amount"),
    ("price", "€12.99", "not an amount"),
    ("price", "1e3", "not an amount"),
    ("price", "NaN", "not an amount"),
    ("price", "12.999", "more than two decimals"),
    ("price", "-1", "negative amount"),
    ("price", "0.00", "amount of zero"),
    ("price", "9999999999999", "not an amount"),
    ("rating", "45", "0 to 5"),
    ("rating", "-0.1", "0 to 5"),
    ("rating", "good", "not a number"),
    ("review_count", "-1", "a count is 0 or more"),
    ("review_count", "1.5", "not a whole number"),
    ("review_count", "99999999999", "too large"),
    ("sales_rank", "0", "a rank is 1 or more"),
    ("rank_category_3169321", "-1", "a rank is 1 or more"),
    ("availability", "maybe", "none of in_stock"),
    ("price_missing_reason", "sold", "none of out_of_stock"),
    ("currency", "EURO", "not a currency"),
    ("marketplace", "amazon.xx", "not a marketplace"),
    ("parent_asin", "x", "not an ASIN"),
]


@pytest.mark.parametrize(("column", "cell", "reason"), WRONG_CELLS)
def test_a_wrong_cell_rejects_its_row_alone_and_says_why(
    tmp_path: Path, column: str, cell: str, reason: str
) -> None:
    good = {"asin": ASIN, "timestamp": "2024-05-31T12:00:00Z", "price": "9.99"}
    wrong = good | {column: cell}
    header = list(wrong)
    lines = [header, [good.get(name, "") for name in header], [wrong[name] for name in header]]
    text = "\n".join(",".join(f'"{cell}"' for cell in line) for line in lines)
    # Without a marketplace of its own, or with an empty cell, a row has the option's.
    rows = checked(tmp_path, text)
    assert len(rows.rows) == 1
    (rejection,) = rows.rejected
    assert rejection.row == 3
    assert reason in rejection.reason
    assert list(rejection.cells) == lines[2]


@pytest.mark.parametrize(
    ("text", "moment", "by_day"),
    [
        ("2024-05-31T14:05:06Z", "2024-05-31 14:05:06", False),
        ("2024-05-31T14:05", "2024-05-31 14:05:00", False),
        ("2024-05-31 14:05:06.250", "2024-05-31 14:05:06.25", False),
        ("2024-05-31T01:00:00+02:00", "2024-05-30 23:00:00", False),
        ("2024-05-31", "2024-05-31 12:00:00", True),
        # The day has begun: it is not the future, though its noon has not come.
        ("2026-05-01", "2026-05-01 12:00:00", True),
    ],
)
def test_times_are_utc_and_keep_their_precision(
    tmp_path: Path, text: str, moment: str, by_day: bool
) -> None:
    rows = checked(tmp_path, f"asin,date,price\n{ASIN},{text},1\n")
    assert rows.rejected == []
    assert pd.to_datetime(rows.rows["instant"][0], unit="us") == pd.Timestamp(moment)
    assert bool(rows.rows["by_day"][0]) is by_day


def test_a_row_tells_all_that_is_wrong_with_it(tmp_path: Path) -> None:
    rows = checked(tmp_path, "asin,date,price\nnone,never,free\n")
    (rejection,) = rows.rejected
    for field in ("asin:", "captured_at:", "price:"):
        assert field in rejection.reason


def test_malformed_lines_and_bytes_reject_their_rows_alone(tmp_path: Path) -> None:
    text = (
        (
            f"asin,date,price\n{ASIN},2024-05-01,1\n{ASIN},2024-05-02\n{ASIN},2024-05-03,1,2\n\n"
        ).encode()
        + b"B08N5WRWNW,2024-05-04,\xff\xfe1\n"
        + f"{ASIN},2024-05-05,1\n".encode()
    )
    rows = checked(tmp_path, text)
    assert len(rows.rows) == 2
    assert [(r.row, r.reason.partition(",")[0]) for r in rows.rejected][:2] == [
        (3, "2 cells"),
        (4, "4 cells"),
    ]
    assert rows.rejected[2].row == 6
    assert "no UTF-8" in rows.rejected[2].reason


def test_yen_have_no_decimals(tmp_path: Path) -> None:
    text = f"asin,date,price\n{ASIN},2024-05-01,1980\n{ASIN},2024-05-02,1980.5\n"
    rows = checked(tmp_path, text, marketplace_name="amazon.co.jp")
    assert rows.rows["price"].tolist() == [198_000]
    assert "no decimals" in rows.rejected[0].reason


def test_a_lower_case_asin_and_a_shop_in_another_form_are_understood(tmp_path: Path) -> None:
    text = f"asin;marketplace;date;price\n{ASIN.lower()};www.Amazon.fr;2024-05-01;1\n"
    rows = checked(tmp_path, text, marketplace_name=None).rows
    assert (rows["asin"][0], rows["marketplace"][0]) == (ASIN, "amazon.fr")


def test_series_that_are_not_known_are_counted(tmp_path: Path) -> None:
    text = f"asin,series,time_utc,value\n{ASIN},weather,2024-05-01,9\n{ASIN},new,2024-05-01,9\n"
    rows = checked(tmp_path, text)
    assert len(rows.rows) == 1
    assert rows.ignored == {"weather": 1}
    told = checked(tmp_path, text, renamed={"weather": "count_new"})
    assert len(told.rows) == 2


def test_columns_are_known_by_usual_names() -> None:
    read = layout(["ASIN", "Product Name", "Time", "price_usd", "review_count", "note"])
    assert read.described(
        ["ASIN", "Product Name", "Time", "price_usd", "review_count", "note"]
    ) == {
        "ASIN": "asin",
        "Product Name": "title",
        "Time": "captured_at",
        "price_usd": "price",
        "review_count": "rating_count",
    }
    assert (read.kind, read.currency, read.ignored) == ("wide", "USD", ("note",))
    assert layout(["asin", "series", "time_utc", "value"]).kind == "long"


def test_what_is_told_goes_before_what_a_name_says() -> None:
    read = layout(["asin", "date", "price", "offer"], renamed={"offer": "price"})
    assert read.columns["price"] == 3
    assert read.ignored == ("price",)


@pytest.mark.parametrize(
    ("header", "options", "message"),
    [
        (["asin", "price"], {}, "captured_at"),
        (["date", "price"], {}, "asin"),
        (["asin", "date"], {}, "no values"),
        (["asin", "date", "price", "price"], {}, "twice"),
        (["asin", "date", "time", "price"], {}, "would both be captured_at"),
        (["asin", "date", "price_usd", "list_price_eur"], {}, "EUR and USD"),
        (["asin", "date", "price_usd"], {"currency": "EUR"}, "EUR and USD"),
        (["asin", "date", "price"], {"renamed": {"prize": "price"}}, "'prize'"),
        (["asin", "date", "price"], {"renamed": {"price": "cost"}}, "no field 'cost'"),
        (["asin", "date", "price"], {"marketplace_name": None}, "--marketplace"),
        (["asin", "date", "price"], {"marketplace_name": "amazon.xx"}, "unknown marketplace"),
    ],
)
def test_a_header_that_cannot_be_understood_is_refused(
    header: list[str], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidInputError, match=message):
        layout(header, **options)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"PK\x03\x04 a spreadsheet", "save it as CSV"),
        ("asin,date\n".encode("utf-16"), "neither CSV"),
        (b"PAR1 but no more", "Parquet that cannot be read"),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "history"
    path.write_bytes(content)
    with pytest.raises(InvalidInputError, match=message):
        HistoryFile(path)


#: Texts that look like numbers, more or less.
_NUMBERS_OR_SO = st.one_of(
    st.from_regex(r"\A\d{0,11}(\.\d{0,4})?\Z"),
    st.text("0123456789.-+, eE\u0661x", max_size=12),
)


@given(st.lists(_NUMBERS_OR_SO, max_size=20))
def test_plain_numbers_are_read_together_as_one_by_one(texts: list[str]) -> None:
    column = np.array(texts, dtype=object)
    for many, one in (
        (plain_cells.amounts, cell_values.amount),
        (plain_cells.ranks, cell_values.rank),
        (plain_cells.counts, cell_values.count),
        (plain_cells.stars, cell_values.stars),
    ):
        values, read = many(column)
        for text, value, is_read in zip(texts, values.tolist(), read.tolist(), strict=True):
            if is_read:
                assert np.isnan(value) if text == "" else value == one(text)


def test_the_plainest_numbers_are_read_together() -> None:
    texts = np.array(["12.5", "7", "", "1299.99", "4.999", "x"], dtype=object)
    values, read = plain_cells.amounts(texts)
    assert read.tolist() == [True, True, True, True, False, False]
    assert values[[0, 1, 3]].tolist() == [1250, 700, 129999]


@given(
    st.lists(
        st.one_of(
            st.datetimes().map(lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%S")),
            st.datetimes().map(lambda moment: moment.strftime("%Y-%m-%d %H:%M:%SZ")),
            st.dates().map(str),
            st.from_regex(r"\A\d{4}-\d\d-\d\d([T ]\d\d:\d\d:\d\dZ?)?\Z"),
        ),
        max_size=20,
    )
)
def test_plain_times_are_read_together_as_one_by_one(texts: list[str]) -> None:
    found = plain_cells.moments(np.array(texts, dtype=object))
    for place, text in enumerate(texts):
        assert found.read[place] == cell_values.is_real_moment(text)
        if found.read[place]:
            assert found.by_day[place] == (cell_values.moment_form(text) == "day")
            moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
            micros = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
            assert found.micros[place] == micros
