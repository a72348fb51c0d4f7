"""What a report may say: each fact has its source, and says what stands there."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insights_assets.display_names import short_name
from insights_assets.reports.comparisons import leader
from insights_assets.reports.fact import FEATURES_TABLE, SCORES_TABLE
from insights_assets.reports.facts import FactSheet, fact_sheet
from insights_assets.reports.inputs import FEATURES_READ, Membership, ReportInputs
from insights_resources.marketplaces import ProductKey
from insights_resources.warehouse import tables
from tests.unit.competition.group_days import DAY, product, row_of, score
from tests.unit.reports.sheets import GROUP_ID, alert, inputs_of, kettle, kettles, sheet_of

A = ProductKey("amazon.de", "A000000000")
B = ProductKey("amazon.de", "B000000000")
TABLES = {table.name: table for table in tables.metadata.tables.values()}


def full_inputs() -> ReportInputs:
    """A group in which every feature is known."""
    every = {
        "price_change_7d": -0.05,
        "price_change_30d": 0.1,
        "list_price": 1999,
        "discount_from_list": 0.5,
        "days_since_price_change": 3,
        "primary_rank_log_change_7d": 0.7,
        "ratings_gained_30d": -4,
        "rating_change_30d": -0.2,
        "in_stock_share_30d": 0.75,
        "listing_quality": 55.5,
    }
    return inputs_of(
        *kettles(),
        features={"A000000000": every},
        labels={"B000000000": "Our kettle"},
        alerts=[alert("A", 1), alert("B", 6), alert("B", 20)],
    )


def order_of(sheet: FactSheet) -> str:
    """First letters of the products, in the report's order."""
    return "".join(member.product.asin[0] for member in sheet.members)


# --- sources -------------------------------------------------------------------------------------


def test_every_fact_names_a_table_columns_of_its_key_and_a_column() -> None:
    sheet = fact_sheet(full_inputs(), GROUP_ID, DAY)
    assert len(sheet.facts) > 100
    for fact in sheet.facts.values():
        table = TABLES[fact.source_table]
        if fact.subject == "group":
            # Of all rows of the group on the day.
            assert set(fact.source_key) - {"day"} == {"group_id"}, fact
        elif fact.source_table in (FEATURES_TABLE, SCORES_TABLE):
            assert set(fact.source_key) == set(table.info["key"]), fact
        else:
            assert {"marketplace", "asin"} <= set(fact.source_key) <= set(table.columns.keys())
        for part in fact.source_column.removeprefix("what-if from ").split(" and "):
            assert part.split(".")[0].split(" ")[0] in table.columns, fact


def test_facts_of_features_say_what_the_row_says() -> None:
    inputs = full_inputs()
    sheet = fact_sheet(inputs, GROUP_ID, DAY)
    seen = set()
    for fact in sheet.facts.values():
        if fact.source_table != FEATURES_TABLE or fact.subject == "group":
            continue
        key = ProductKey(fact.source_key["marketplace"], fact.source_key["asin"])
        assert str(key) == fact.subject
        assert fact.source_key["day"] == DAY.isoformat()
        if fact.key in ("price_above_cheapest", "price_above_cheapest_share"):
            continue  # of two rows
        stored: Any = inputs.features[key, DAY][fact.source_column]
        if fact.unit == "EUR":
            assert Decimal(str(fact.value)) * 100 == stored
        elif fact.source_column == "primary_rank_log_change_7d":
            assert fact.value == pytest.approx(1.013753, abs=1e-6)  # e to the 0.7th, less 1
        else:
            assert fact.value == stored
        seen.add(fact.source_column)
    not_stated = {"marketplace", "asin", "day", "observations", "currency", "primary_rank_node"}
    assert seen == set(FEATURES_READ) - not_stated - {
        "price_missing_reason",
        "listing_changed",
    }


def test_facts_of_scores_say_what_the_row_says() -> None:
    inputs = full_inputs()
    sheet = fact_sheet(inputs, GROUP_ID, DAY)
    rows = {(row["asin"], row["method"]): row for row in inputs.scores[GROUP_ID, DAY]}
    compared = 0
    for fact in sheet.facts.values():
        if fact.source_table != SCORES_TABLE or fact.subject == "group":
            continue
        assert fact.source_key["group_id"] == GROUP_ID
        row = rows[fact.source_key["asin"], fact.source_key["method"]]
        column, _, name = fact.source_column.partition(".")
        if fact.source_column in row:
            assert fact.value == row[fact.source_column], fact
            compared += 1
        elif column == "inputs" and name in row["inputs"] and "stars" not in fact.id:
            assert float(fact.value) == pytest.approx(row["inputs"][name], abs=0.005), fact
            compared += 1
    assert compared == 4 * (8 + 2 + 3)


def test_a_name_is_sourced_where_it_was_read() -> None:
    inputs = inputs_of(kettle("A", 1000, 4.0, 1), kettle("B", 1100, 4.0, 2, captured=None))
    earlier = DAY - timedelta(days=3)
    inputs._titles.clear()
    inputs.add_titles([{"marketplace": A[0], "asin": A[1], "day": earlier, "title": "Old title"}])
    inputs.add_titles(
        [{"marketplace": A[0], "asin": A[1], "day": DAY + timedelta(days=1), "title": "Tomorrow's"}]
    )
    facts = fact_sheet(inputs, GROUP_ID, DAY).facts
    name = facts["amazon.de/A000000000:name"]
    assert (name.value, name.source_table, name.source_column) == (
        "Old title",
        "fact_product_snapshots",
        "title",
    )
    assert name.source_key["day"] == earlier.isoformat()
    # Never captured and without a label: the catalog alone knows it.
    nameless = facts["amazon.de/B000000000:name"]
    assert (nameless.value, nameless.source_table, nameless.source_column) == (
        "B000000000",
        "dim_group_members",
        "asin",
    )
    inputs.labels[A] = "Our kettle"
    labelled = fact_sheet(inputs, GROUP_ID, DAY).facts["amazon.de/A000000000:name"]
    assert (labelled.value, labelled.source_table, labelled.source_column) == (
        "Our kettle",
        "dim_products",
        "label",
    )


def test_what_is_missing_is_no_fact() -> None:
    sheet = sheet_of(
        kettle("A", None, 4.0, None),
        kettle("B", 1000, None, 3),
        features={"A000000000": {"price_missing_reason": "no_buy_box"}},
    )
    assert sheet.get(str(A), "price") is None
    assert sheet.get(str(A), "primary_rank") is None
    assert sheet.get(str(B), "rating") is None
    assert sheet.text(str(A), "price_missing_reason") == "no_buy_box"
    assert sheet.missing[str(A)]["price"] == "no_price"
    # One dimension is no overall score, nor a place.
    assert sheet.get(str(A), "overall") is None
    assert sheet.get(str(A), "position") is None
    assert sheet.number("group", "scored") == 0
    assert all(fact.value is not None for fact in sheet.facts.values())


def test_counts_of_the_group_are_those_of_its_rows() -> None:
    sheet = sheet_of(
        *kettles(),
        product("E", captured=None),
        features={
            "A000000000": {"availability": "out_of_stock"},
            "B000000000": {"availability": "unavailable", "observations": 0},
            "C000000000": {"availability": "limited"},
        },
        alerts=[
            alert("A", 0, severity="critical"),
            alert("A", 6),
            alert("B", 6, severity="info"),
            alert("B", 7, severity="critical"),  # the eighth day back
            alert("B", 29),
            alert("B", 30),  # before what a report looks at
            alert("B", -1),  # tomorrow's
            alert("X", 0),  # of no member
        ],
    )
    numbers = {
        key: sheet.number("group", key)
        for key in ("members", "scored", "out_of_stock", "carried", "alerts_7d", "critical_7d")
    }
    assert numbers == {
        "members": 5,
        "scored": 4,
        "out_of_stock": 2,
        "carried": 2,
        "alerts_7d": 3,
        "critical_7d": 1,
    }
    assert sheet.number(str(A), "alerts_7d") == 2
    assert sheet.number(str(B), "alerts_7d") == 1
    assert [line.day for line in sheet.alerts] == [
        DAY - timedelta(days=back) for back in (0, 6, 6, 7, 29)
    ]


# --- the hash of the facts -----------------------------------------------------------------------


def _price(inputs: ReportInputs) -> None:
    inputs.features[A, DAY] = dict(inputs.features[A, DAY]) | {"price": 1001}


def _score(inputs: ReportInputs) -> None:
    _change_score(inputs, {"price_score": 12.34})


def _reason(inputs: ReportInputs) -> None:
    _change_score(inputs, {"missing_reasons": {"price": "no_price"}})


def _change_score(inputs: ReportInputs, change: dict[str, Any]) -> None:
    rows = inputs.scores[GROUP_ID, DAY]
    place = next(n for n, row in enumerate(rows) if row["method"] == "standard")
    rows[place] = dict(rows[place]) | change


def _title(inputs: ReportInputs) -> None:
    inputs.add_titles([{"marketplace": A[0], "asin": A[1], "day": DAY, "title": "A new title"}])


def _alert(inputs: ReportInputs) -> None:
    inputs.alerts[A][0] = dict(inputs.alerts[A][0]) | {"message": "The price rose."}


def _group_name(inputs: ReportInputs) -> None:
    inputs.groups[GROUP_ID] = "Kettles of Germany"


def _label(inputs: ReportInputs) -> None:
    inputs.labels[A] = "Our other kettle"


def _history(inputs: ReportInputs) -> None:
    earlier = DAY - timedelta(days=29)
    inputs.features[A, earlier] = dict(inputs.features[A, DAY]) | {"day": earlier}


def _member(inputs: ReportInputs) -> None:
    joined = Membership(ProductKey("amazon.de", "Z000000000"), DAY, None)
    inputs.memberships[GROUP_ID].append(joined)


@pytest.mark.parametrize(
    "change",
    [_price, _score, _reason, _title, _alert, _group_name, _label, _history, _member],
    ids=lambda change: change.__name__.strip("_"),
)
def test_whatever_the_report_shows_changes_its_hash(
    change: Callable[[ReportInputs], None],
) -> None:
    inputs = full_inputs()
    before = fact_sheet(inputs, GROUP_ID, DAY).digest()
    change(inputs)
    assert fact_sheet(inputs, GROUP_ID, DAY).digest() != before


def test_another_day_has_another_hash() -> None:
    inputs = full_inputs()
    days = {fact_sheet(inputs, GROUP_ID, DAY - timedelta(days=n)).digest() for n in range(3)}
    assert len(days) == 3


def test_what_the_report_does_not_show_leaves_its_hash_alone() -> None:
    inputs = full_inputs()
    before = fact_sheet(inputs, GROUP_ID, DAY).digest()
    # The order in which rows are read.
    shuffle = random.Random(1).shuffle
    shuffle(inputs.scores[GROUP_ID, DAY])
    shuffle(inputs.memberships[GROUP_ID])
    shuffle(inputs.alerts[B])
    inputs.features = dict(reversed(inputs.features.items()))
    # What is outside of it: other groups, other products, before the 30 days, after the day.
    inputs.groups["pots"] = "Pots"
    inputs.memberships["pots"].append(Membership(A, DAY, None))
    inputs.scores["pots", DAY].append(dict(inputs.scores[GROUP_ID, DAY][0]))
    inputs.alerts[A] += [alert("A", 30), alert("A", -1)]
    stranger = ProductKey("amazon.de", "X000000000")
    inputs.memberships[GROUP_ID].append(Membership(stranger, DAY + timedelta(days=1), None))
    inputs.features[stranger, DAY] = inputs.features[A, DAY]
    for back in (30, -1):
        other = DAY - timedelta(days=back)
        inputs.features[A, other] = dict(inputs.features[A, DAY]) | {"day": other, "price": 1}
    late = DAY + timedelta(days=1)
    inputs.add_titles([{"marketplace": A[0], "asin": A[1], "day": late, "title": "Later"}])
    assert fact_sheet(inputs, GROUP_ID, DAY).digest() == before


# --- order and leader ----------------------------------------------------------------------------


def test_products_stand_in_the_order_of_their_scores() -> None:
    sheet = sheet_of(*kettles())
    assert order_of(sheet) == "ABDC"
    assert [member.number for member in sheet.members] == [1, 2, 3, 4]
    assert leader(sheet) == sheet.members[0]


def test_a_higher_score_from_other_dimensions_leads_nothing() -> None:
    # E has no rank: its mean of price and quality is above everybody's mean of three.
    sheet = sheet_of(*kettles()[1:], kettle("E", 600, 5.0, None))
    scores = {m.product.asin[0]: sheet.number(m.subject, "overall") for m in sheet.members}
    assert scores["E"] == max(scores.values())
    assert order_of(sheet) == "BCDE"
    assert [m.product.asin[0] for m in sheet.ranked()] == ["B", "C", "D"]
    first = leader(sheet)
    assert first is not None
    assert first.product == B
    lead = sheet.get("group", "lead")
    assert lead is not None
    assert lead.value == pytest.approx(scores["B"] - scores["C"])


def test_of_as_many_scores_those_with_more_dimensions_are_compared() -> None:
    sheet = sheet_of(
        kettle("A", 1000, 4.0, 10),
        kettle("B", 1000, 4.1, 11),
        kettle("C", 1000, 5.0, None),
        kettle("D", 1000, 4.9, None),
        kettle("E", None, None, 12),
    )
    assert [m.product.asin[0] for m in sheet.ranked()] == ["A", "B"]
    assert order_of(sheet) == "ABCDE"


def test_nobody_leads_where_no_two_scores_can_be_compared() -> None:
    # A by price and quality, B by price and popularity; C and D by one dimension alone.
    sheet = sheet_of(
        kettle("A", 1000, 4.0, None),
        kettle("B", 1100, None, 2),
        kettle("C", None, None, 5),
        kettle("D", None, None, 6),
    )
    assert {m.product.asin[0] for m in sheet.scored()} == {"A", "B"}
    assert len(sheet.ranked()) == 1
    assert leader(sheet) is None
    assert sheet.get("group", "lead") is None


def test_the_only_product_with_a_score_is_the_first() -> None:
    sheet = sheet_of(kettle("A", 1000, 4.0, None), kettle("B", 1100, None, None))
    first = leader(sheet)
    assert first is not None
    assert first.product == A


# --- what-ifs ------------------------------------------------------------------------------------

#: Price, tenths of stars and rank of four products; the first is looked at.
_KNOWN = st.lists(
    st.tuples(st.integers(500, 2000), st.integers(20, 49), st.integers(1, 500)),
    min_size=4,
    max_size=4,
)


@settings(deadline=None, max_examples=30)
@given(_KNOWN)
def test_the_score_at_the_median_price_is_the_one_that_this_price_would_have(
    known: list[tuple[int, int, int]],
) -> None:
    group = [kettle(f"P{n}", p, r / 10, k) for n, (p, r, k) in enumerate(known)]
    sheet = sheet_of(*group)
    one, *others = group
    subject = f"amazon.de/{one['asin']}"
    median = sheet.get(subject, "peer_median_price")
    at_median = sheet.number(subject, "at_median_price")
    assert median is not None
    minor = int(Decimal(str(median.value)) * 100)
    assert minor == sorted(other["price"] for other in others)[1]
    if minor == one["price"]:
        assert at_median is None
        return
    assert at_median is not None
    truth = row_of(score(one | {"price": minor}, *others), one["asin"])["overall_score"]
    assert at_median == pytest.approx(truth, abs=0.011)
    gain = sheet.number(subject, "at_median_price_gain")
    assert gain == pytest.approx(at_median - (sheet.number(subject, "overall") or 0), abs=1e-6)


@pytest.mark.slow
@settings(deadline=None, max_examples=30)
@given(_KNOWN)
def test_the_scores_with_more_stars_and_at_the_median_rank_are_those_of_a_rescoring(
    known: list[tuple[int, int, int]],
) -> None:
    group = [kettle(f"P{n}", p, r / 10, k) for n, (p, r, k) in enumerate(known)]
    sheet = sheet_of(*group)
    one, *others = group
    subject = f"amazon.de/{one['asin']}"
    better = one | {"rating": round(one["rating"] + 0.1, 1)}
    truth = row_of(score(better, *others), one["asin"])["overall_score"]
    assert sheet.number(subject, "more_stars") == better["rating"]
    assert sheet.number(subject, "at_more_stars") == pytest.approx(truth, abs=0.011)
    median = sorted(other["ranks"][1][1] for other in others)[1]
    assert sheet.number(subject, "compared_peer_median_rank") == median
    at_median = sheet.number(subject, "at_median_rank")
    if one["ranks"][1][1] <= median:
        assert at_median is None
        return
    moved = one | {"ranks": [("home", 10, 10.0), ("kettles", median, float(median))]}
    truth = row_of(score(moved, *others), one["asin"])["overall_score"]
    assert at_median == pytest.approx(truth, abs=0.011)


def overalls_with(
    group: list[dict[str, Any]], subject: str, price: Decimal
) -> tuple[float, list[float]]:
    """The overall scores of this product at another price, and of the others."""
    minor = int(price * 100)
    scores = score(
        *(one | {"price": minor} if subject.endswith(one["asin"]) else one for one in group)
    )
    rows = {one["asin"]: row_of(scores, one["asin"])["overall_score"] for one in group}
    return rows.pop(subject.partition("/")[2]), list(rows.values())


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(_KNOWN.flatmap(lambda known: st.sampled_from([known, known[:3], known[:2]])))
def test_up_to_the_price_of_its_room_the_leader_leads_and_beyond_it_does_not(
    known: list[tuple[int, int, int]],
) -> None:
    group = [kettle(f"P{n}", p, r / 10, k) for n, (p, r, k) in enumerate(known)]
    sheet = sheet_of(*group)
    first = leader(sheet)
    assert first is not None
    room = sheet.get(first.subject, "room_price")
    if room is None:
        return
    price = Decimal(str(room.value))
    assert price > Decimal(str(sheet.facts[f"{first.subject}:price"].value))
    own, others = overalls_with(group, first.subject, price)
    assert sheet.number(first.subject, "room_overall") == pytest.approx(own, abs=0.011)
    assert own >= max(others) - 0.021
    own, others = overalls_with(group, first.subject, price + Decimal("0.01"))
    assert own < max(others) + 0.021


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(_KNOWN.flatmap(lambda known: st.sampled_from([known, known[:3], known[:2]])))
def test_at_the_price_to_catch_up_the_second_is_level_with_the_leader(
    known: list[tuple[int, int, int]],
) -> None:
    group = [kettle(f"P{n}", p, r / 10, k) for n, (p, r, k) in enumerate(known)]
    sheet = sheet_of(*group)
    first, second = sheet.ranked()[:2]
    place = [one["asin"] for one in group if one["asin"] != second.product.asin].index(
        first.product.asin
    )
    catch_up = sheet.get(second.subject, "catch_up_price")
    if catch_up is None:
        return
    price = Decimal(str(catch_up.value))
    assert price < Decimal(str(sheet.facts[f"{second.subject}:price"].value))
    own, others = overalls_with(group, second.subject, price)
    assert own >= others[place] - 0.021
    own, others = overalls_with(group, second.subject, price + Decimal("0.01"))
    assert own < others[place] + 0.021


def test_of_two_alike_the_room_ends_where_both_cost_the_same() -> None:
    sheet = sheet_of(kettle("A", 1000, 4.0, None), kettle("B", 1200, 4.0, None))
    assert sheet.facts[f"{A}:room_price"].value == "12.00"
    assert sheet.facts[f"{A}:room_change"].value == 0.2
    assert sheet.facts[f"{B}:catch_up_price"].value == "10.00"


# --- no data -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("products", "scored", "reason"),
    [
        (
            [kettle("A", 1000, 4.0, 1)],
            False,
            "Nothing has been scored for this group on this day.",
        ),
        (
            [kettle("A", 1000, 4.0, 1, captured=60), product("B", captured=None)],
            True,
            "None of the group's products was captured within 48 hours before the end of the day.",
        ),
        (
            [kettle("A", None, None, None), kettle("B", None, None, None)],
            True,
            "No product of the group could be scored (no price, no rank, no rating).",
        ),
    ],
)
def test_a_day_without_scores_says_why(
    products: list[dict[str, Any]], scored: bool, reason: str
) -> None:
    sheet = sheet_of(*products, scored=scored)
    assert sheet.no_data_reason == reason
    assert leader(sheet) is None


def test_one_score_of_one_dimension_is_data() -> None:
    sheet = sheet_of(kettle("A", None, 4.0, None))
    assert sheet.no_data_reason is None
    assert leader(sheet) is None


# --- names ---------------------------------------------------------------------------------------


def names_of(sheet: FactSheet) -> list[str]:
    return [member.name for member in sorted(sheet.members, key=lambda m: m.product)]


def test_products_of_one_title_are_told_apart() -> None:
    same = dict.fromkeys(("A000000000", "B000000000"), "Kettle")
    two = [kettle("A", 1000, 4.0, 1), kettle("B", 1000, 4.0, 1)]
    assert names_of(sheet_of(*two, titles=same)) == [
        "Kettle [A000000000]",
        "Kettle [B000000000]",
    ]
    abroad = [two[0], kettle("A", 1000, 4.0, 1, marketplace="amazon.fr")]
    assert names_of(sheet_of(*abroad, titles=same)) == [
        "Kettle [amazon.de/A000000000]",
        "Kettle [amazon.fr/A000000000]",
    ]


@pytest.mark.parametrize("title", ["", "   ", "\u200b\u202e\u2066", "\x00\x1f\ud800\ue000"])
def test_a_title_that_shows_nothing_gives_way_to_the_asin(title: str) -> None:
    sheet = sheet_of(kettle("A", 1000, 4.0, 1), titles={"A000000000": title})
    assert names_of(sheet) == ["A000000000"]


@given(st.text(max_size=300))
def test_a_name_is_one_short_line_of_visible_text(title: str) -> None:
    name = short_name(title)
    assert len(name) <= 60
    assert name == " ".join(name.split())
    assert all(unicodedata.category(c)[0] != "C" for c in name)
    assert short_name(name) == name


def test_a_long_name_is_cut_between_words() -> None:
    assert short_name("Electric kettle " * 200) == (
        "Electric kettle Electric kettle Electric kettle Electric…"
    )
    assert short_name("K" * 2000) == "K" * 59 + "…"


# --- history -------------------------------------------------------------------------------------


def test_the_history_holds_one_currency_and_one_node() -> None:
    inputs = inputs_of(kettle("A", 1000, 4.0, 1))
    row = inputs.features[A, DAY]
    for back, other in (
        (1, {"price": 900, "primary_rank": 40}),
        (2, {"price": 800, "currency": "USD"}),
        (3, {"primary_rank_node": "toys", "primary_rank": 2}),
        (29, {"price": 700}),
        (30, {"price": 600}),
    ):
        day = DAY - timedelta(days=back)
        inputs.features[A, day] = dict(row) | other | {"day": day}
    (line,) = fact_sheet(inputs, GROUP_ID, DAY).history
    assert (line.currency, line.rank_node) == ("EUR", "home")
    assert line.prices == (7.0, *[None] * 25, 10.0, None, 9.0, 10.0)
    assert line.ranks == (10, *[None] * 25, None, 10, 40, 10)
