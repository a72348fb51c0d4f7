"""How listings and queries are folded and cut into words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insights_resources.warehouse.search_text import (
    QUERY_TERMS,
    WEIGHTS,
    document,
    fold,
    query_terms,
    rank,
)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Kettle", "kettle"),
        ("ÉDITION Ñandú", "edition nandu"),
        ("Größe STRASSE", "grosse strasse"),
        ("İstanbul ısı", "istanbul isi"),
        ("Łódź, Đà Nẵng, smørrebrød, cœur", "lodz, da nang, smorrebrod, coeur"),
        ("ЁЛКА Й", "елка и"),
        ("ΣΊΣΥΦΟΣ", "σισυφοσ"),
        ("ＷＭＦ　１．７Ｌ", "wmf 1.7l"),
        ("ｹﾄﾙ ﾄﾞｱ", "ケトル ドア"),
        ("m² ½ ①", "m2 1⁄2 1"),
        ("Brand™", "brand "),
        ("soft\u00adhyphen zero\u200bwidth", "softhyphen zerowidth"),
        ("كِتَاب", "كتاب"),
        ("が", "が"),
    ],
)
def test_case_accents_and_compatibility_characters_do_not_count(text: str, folded: str) -> None:
    assert fold(text) == folded


@pytest.mark.parametrize(
    ("query", "needles"),
    [
        ("Red KETTLE", [" red ", " kettle "]),
        ("wi-fi/bluetooth 1.7 l", [" wi ", " fi ", " bluetooth ", " 1 ", " 7 ", " l "]),
        ('"red kettle" steel', [" red kettle ", " steel "]),
        ('red "kettle', [" red ", " kettle "]),
        ('""', []),
        ("kett* ke* *x k*t", [" kett", " ke ", " x ", " k ", " t "]),
        ("USBケーブル", [" usb ", "ケーブル"]),
        ('"USBケーブル 2m"', [" usb ケーブル 2 m ".replace("2 m", "2m")]),
        ("電気ケトル", ["電気ケトル"]),
        ("茶", ["茶"]),
        ("กาน้ำ", ["กาน\u0e49\u0e4d\u0e32"]),
        ("ケトル*", ["ケトル"]),
        ("' & | ! <-> :* \\ \" % _ ; --", []),
        ("\x00\ud800", []),
        ("", []),
    ],
)
def test_what_a_query_asks_for(query: str, needles: list[str]) -> None:
    assert [term.needle for term in query_terms(query)] == needles


def test_a_long_query_is_cut() -> None:
    assert len(query_terms("word " * 10_000)) == QUERY_TERMS
    assert [term.needle for term in query_terms("x" * 10_000)] == [f" {'x' * 200} "]


def test_fields_weigh_by_what_they_are() -> None:
    made = document("amazon.de", "Kettle", "Acme", ["boils fast", "quiet"], "for tea")
    ranks = [rank(made.folded, query_terms(word)) for word in ("kettle", "acme", "quiet", "tea")]
    assert tuple(ranks) == WEIGHTS
    assert rank(made.folded, query_terms("kettle tea")) == pytest.approx((1.0 + 0.1) / 2)


def test_a_phrase_stays_within_one_bullet() -> None:
    made = document("amazon.de", None, None, ["boils fast", "quiet"], None)
    assert query_terms('"boils fast"')[0].needle in made.folded
    assert query_terms('"fast quiet"')[0].needle not in made.folded


_TEXTS = st.text(
    st.one_of(
        st.sampled_from("aAéß'\"*-. \t\n日本ケーブルのกา한글x1™"), st.characters(codec="utf-8")
    ),
    max_size=60,
)


@given(_TEXTS)
def test_a_listing_is_found_by_any_word_of_it(title: str) -> None:
    """The index never hides what the text has: each term's tokens are among the listing's."""
    made = document("amazon.de", title, None, None, None)
    tokens = set(made.tokens.split(" "))
    for term in query_terms(title.replace('"', " ").replace("*", " ")):
        assert term.needle in made.folded
        assert set(term.tokens) <= tokens
        assert {f"!{token}" for token in term.tokens} <= tokens


@given(_TEXTS, _TEXTS)
def test_tokens_hold_nothing_that_means_something_to_the_index(title: str, other: str) -> None:
    made = document("amazon.de", title, other, [other], title)
    for token in made.tokens.split(" "):
        assert token
        assert not set(token) & set("'\\&|:<>()\x00")
    assert made.folded.count("\n") == len(WEIGHTS) - 1
