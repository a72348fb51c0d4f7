"""Column types: exact money, aware times and canonical JSON on both engines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect

from insights_resources.warehouse import column_types
from insights_resources.warehouse.column_types import (
    Money,
    UtcDateTime,
    clean_json,
    clean_text,
    dump_documents,
    dump_json,
    is_clean,
)

DIALECTS: list[Dialect] = [sqlite.dialect(), postgresql.dialect()]
AMOUNTS = st.decimals(
    min_value=Decimal("-999999999999.99"), max_value=Decimal("999999999999.99"), places=2
)
both_engines = pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)


@both_engines
@given(amount=AMOUNTS)
def test_money_comes_back_as_it_was_stored(dialect: Dialect, amount: Decimal) -> None:
    money = Money()
    bound = money.process_bind_param(amount, dialect)
    assert isinstance(bound, int if dialect.name == "sqlite" else Decimal)
    assert money.process_result_value(bound, dialect) == amount


@both_engines
def test_a_currency_without_decimals_is_stored_like_the_others(dialect: Dialect) -> None:
    yen = Money().process_bind_param(Decimal("12980"), dialect)
    assert Money().process_result_value(yen, dialect) == Decimal("12980")


@both_engines
@pytest.mark.parametrize("wrong", [Decimal("12.995"), Decimal("NaN"), Decimal("Infinity")])
def test_money_that_would_be_rounded_is_refused(dialect: Dialect, wrong: Decimal) -> None:
    with pytest.raises(ValueError, match="no amount"):
        Money().process_bind_param(wrong, dialect)


@both_engines
def test_amounts_far_below_a_cent_have_decimals_of_their_own(dialect: Dialect) -> None:
    cost = Money(6)
    assert cost.compile(dialect=dialect) == {"sqlite": "BIGINT"}.get(dialect.name, "NUMERIC(14, 6)")
    bound = cost.process_bind_param(Decimal("0.000125"), dialect)
    assert cost.process_result_value(bound, dialect) == Decimal("0.000125")
    with pytest.raises(ValueError, match="at most 6 decimals"):
        cost.process_bind_param(Decimal("0.0000125"), dialect)


@both_engines
def test_money_is_never_a_float(dialect: Dialect) -> None:
    with pytest.raises(TypeError, match="must be a Decimal"):
        Money().process_bind_param(12.99, dialect)
    assert Money().process_bind_param(None, dialect) is None
    assert Money().process_result_value(None, dialect) is None


@both_engines
def test_an_instant_comes_back_in_utc(dialect: Dialect) -> None:
    tokyo = datetime(2026, 3, 2, 8, 30, 0, 123456, tzinfo=timezone(timedelta(hours=9)))
    bound = UtcDateTime().process_bind_param(tokyo, dialect)
    read = UtcDateTime().process_result_value(bound, dialect)
    assert read == tokyo
    assert read is not None
    assert read.tzinfo is UTC


def test_instants_sort_as_text_on_sqlite() -> None:
    moments = [datetime(2026, 3, 2, 9, tzinfo=UTC) + timedelta(milliseconds=ms) for ms in (0, 5)]
    texts = [UtcDateTime().process_bind_param(moment, DIALECTS[0]) for moment in moments]
    assert texts == sorted(texts)
    assert len(set(map(len, texts))) == 1


@both_engines
def test_a_time_without_a_zone_is_refused(dialect: Dialect) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        UtcDateTime().process_bind_param(datetime(2026, 3, 2), dialect)  # noqa: DTZ001


def test_equal_documents_have_one_text() -> None:
    assert dump_json({"b": [1, Decimal("9.90")], "a": "é"}) == '{"a":"é","b":[1,"9.90"]}'
    assert dump_json({"at": datetime(2026, 3, 2, tzinfo=UTC)}) == (
        '{"at":"2026-03-02T00:00:00+00:00"}'
    )


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_a_number_that_json_does_not_have_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        dump_json({"value": wrong})


@pytest.mark.parametrize(
    ("hostile", "stored"),
    [
        ("kettle\x00\x00", "kettle\ufffd\ufffd"),
        ("half \ud83d emoji", "half \ufffd emoji"),
        ("a whole 😀 emoji, a tab\t and \\u0000", "a whole 😀 emoji, a tab\t and \\u0000"),
    ],
)
def test_what_no_database_stores_is_shown_as_replaced(hostile: str, stored: str) -> None:
    assert clean_text(hostile) == stored
    assert is_clean(hostile) == (hostile == stored)
    assert is_clean(stored)
    document: Any = {hostile: [hostile, {"deep": (hostile, 1, None)}]}
    assert clean_json(document) == {stored: [stored, {"deep": [stored, 1, None]}]}


_DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.decimals(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


@given(st.lists(_DOCUMENTS, max_size=6))
def test_many_documents_are_written_as_each_alone(documents: list[Any]) -> None:
    assert dump_documents(documents) == [dump_json(clean_json(one)) for one in documents]


@pytest.mark.parametrize("text", ["\\u0000", "\x00", "\ud800", '","', "],["])
def test_documents_in_blocks_keep_their_order(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(column_types, "_DOCUMENTS_AT_ONCE", 2)
    documents = [[text, number] for number in range(5)]
    assert dump_documents(documents) == [dump_json(clean_json(one)) for one in documents]
