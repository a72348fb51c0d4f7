"""Which sentences the facts support: numbers, percentages, amounts, names, days."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insights_assets.reports.amounts import date_text, money_text, percent_text
from insights_assets.reports.fact import GROUP, Fact
from insights_assets.reports.schema import Recommendation, Report, Statement
from insights_assets.reports.verification import problem_of, verify_report
from insights_resources.marketplaces import MARKETPLACES


def fact(
    value: Any,
    unit: str,
    name: str = "a fact",
    subject: str = "amazon.de/B0TEST0001",
    key: str | None = None,
) -> Fact:
    return Fact(f"{subject}:{key or name}", subject, name, value, unit, "fact_x", {}, "x")


def facts_of(*facts: Fact) -> dict[str, Fact]:
    return {each.id: each for each in facts}


def price_change(value: float) -> Fact:
    return fact(value, "ratio", "price change over 7 days", key="price_change_7d")


def price(value: str, currency: str = "EUR", marketplace: str = "amazon.de") -> Fact:
    return fact(value, currency, "price", f"{marketplace}/B0TEST0001")


def reader_of(facts: list[Fact]) -> str:
    """The locale of the marketplace whose price is among the facts; else an American reader."""
    known = (fact.subject.partition("/")[0] for fact in facts if fact.name == "price")
    return next((MARKETPLACES[name].locale for name in known), "en_US")


@pytest.mark.parametrize(
    ("sentence", "facts"),
    [
        ("It costs 12,99 €.", [price("12.99")]),
        ("It costs 1.299,00 €.", [price("1299.00")]),
        ("It costs 1\u202f299,00 €.", [price("1299.00", "EUR", "amazon.fr")]),
        ("It costs $1,299.00.", [price("1299.00", "USD", "amazon.com")]),
        ("It costs USD 12.99.", [price("12.99", "USD", "amazon.com")]),
        ("It costs 12.99 USD.", [price("12.99", "USD", "amazon.com")]),
        ("It costs £12.99.", [price("12.99", "GBP", "amazon.co.uk")]),
        ("It costs ₹1,23,456.00.", [price("123456.00", "INR", "amazon.in")]),
        ("It costs ￥1,700.", [price("1700.00", "JPY", "amazon.co.jp")]),
        ("It costs 1\u00a0299,00 kr.", [price("1299.00", "SEK", "amazon.se")]),
        ("It costs R$\u00a012,99.", [price("12.99", "BRL", "amazon.com.br")]),
        ("It costs AED12.99.", [price("12.99", "AED", "amazon.ae")]),
        ("It costs 13 €.", [price("12.99")]),  # within its rounding
        ("It became cheaper by 12.3% over 7 days.", [price_change(-0.1234)]),
        ("It changed by -12.3%.", [fact(-0.1234, "ratio")]),
        ("It rose by 12 per cent.", [price_change(0.1234)]),
        (
            "It has 4.5 stars from 2,020 ratings.",
            [fact(4.5, "stars", "rating"), fact(2020, "count", "rating_count")],
        ),
        ("It is 1st of 5.", [fact(1, "count", "position"), fact(5, "count", "position_of")]),
        ("Three alerts fired.", [fact(3, "count", "alerts_7d")]),
        (
            "Two of 5 are out of stock.",
            [fact(2, "count", "out_of_stock", GROUP), fact(5, "count", "members", GROUP)],
        ),
        ("It has stood for 12 days.", [fact(12, "days")]),
        ("No alert fired.", [fact(0, "count")]),
        ("The score fell by 0.4 points.", [fact(-0.4, "points", "overall_change")]),
        ("It has 43.25 points.", [fact(43.25, "points")]),
        ("It has 43.3 points.", [fact(43.25, "points")]),  # halves may be rounded either way
        ("It has 43.2 points.", [fact(43.25, "points")]),
    ],
)
def test_what_the_facts_say_holds(sentence: str, facts: list[Fact]) -> None:
    assert problem_of(sentence, facts, locale=reader_of(facts)) is None


@pytest.mark.parametrize(
    ("sentence", "facts"),
    [
        # the wrong number, or rounded wrongly
        ("It costs 12,98 €.", [price("12.99")]),
        ("It costs 12 €.", [price("12.99")]),
        ("It has 4.6 stars.", [fact(4.5, "stars")]),
        ("It has 43.4 points.", [fact(43.25, "points")]),
        ("It has 44 points.", [fact(43.25, "points")]),
        ("Four alerts fired.", [fact(3, "count")]),
        # the wrong kind of number
        ("It costs 12.99.", [price("12.99")]),
        ("It has 12,99 €.", [fact(12.99, "points")]),
        ("It rose by 12%.", [fact(12, "points")]),
        ("It rose by 0.12.", [fact(0.12, "ratio")]),
        # another currency, or another way of writing it
        ("It costs $12.99.", [price("12.99")]),
        ("It costs 12,99 zł.", [price("12.99")]),
        ("It costs 12.99 €.", [price("1299.00")]),
        ("It costs 1.299 €.", [price("1.30")]),
        ("It costs 12,99 ₿.", [price("12.99")]),
        ("It costs CA$12.99.", [price("12.99", "USD", "amazon.com")]),
        # the wrong sign
        ("It changed by +12.3%.", [fact(-0.1234, "ratio")]),
        ("It changed by −0.3 stars.", [fact(0.3, "stars")]),
        # another window than that of the facts
        ("It rose by 12% over 30 days.", [price_change(0.12)]),
        # sizes that cannot be looked up
        ("It halved its price.", [fact(-0.5, "ratio")]),
        ("It sells twice as much.", [fact(2, "count")]),
        ("It has millions of ratings.", [fact(2_000_000, "count")]),
        ("It lost ½ of its rank.", [fact(0.5, "number")]),
        ("It has 2k ratings.", [fact(2000, "count")]),
        ("It has 1.2.3 points.", [fact(1.2, "points")]),
        ("It has 1,2 points.", [fact(1.2, "points")]),
        ("It has 12,34 ratings.", [fact(1234, "count")]),
        ("It has X3 ratings.", [fact(3, "count")]),
        ("It costs XAED0.01.", [price("0.01", "AED", "amazon.ae")]),
    ],
)
def test_what_they_do_not_say_is_found(sentence: str, facts: list[Fact]) -> None:
    assert problem_of(sentence, facts, locale=reader_of(facts)) is not None


@pytest.mark.parametrize(
    ("locale", "right", "wrong"),
    [
        ("en_US", "€1,299.50", "1.299,50 €"),
        ("de_DE", "1.299,50 €", "€1,299.50"),
        ("fr_FR", "1\u202f299,50 €", "1.299,50 €"),
        ("en_IN", "€1,299.50", "€1.299,50"),
    ],
)
def test_an_amount_is_written_for_its_reader_in_its_own_currency(
    locale: str, right: str, wrong: str
) -> None:
    facts = [price("1299.50")]
    assert problem_of(f"It costs {right}.", facts, locale=locale) is None
    assert problem_of(f"It costs {wrong}.", facts, locale=locale) is not None


def test_a_sign_means_what_it_means_to_the_reader() -> None:
    canadian = [price("12.99", "CAD", "amazon.ca")]
    assert problem_of("It costs $12.99.", canadian, locale="en_CA") is None
    assert problem_of("It costs $12.99.", canadian, locale="en_US") is not None
    assert problem_of("It costs CA$12.99.", canadian, locale="en_US") is None


@pytest.mark.parametrize("locale", ["en_US", "de_DE", "fr_FR", "ja_JP", "pt_BR", "ar_EG"])
def test_a_cited_day_is_no_claim_of_numbers(locale: str) -> None:
    day = date_text(date(2026, 11, 28), locale)
    text = f"It is of {day}."
    assert problem_of(text, [fact("2026-11-28", "date")], locale=locale) is None
    assert (
        problem_of(f"It rose since {day}.", [fact("2026-11-27", "date")], locale=locale) is not None
    )


def test_digits_of_a_name_are_no_claims() -> None:
    name = fact("Bottle 1.5 l (2 pieces)", "text", "name")
    score = fact(90.0, "points", "overall")
    facts = {each.id: each for each in (name, score)}
    assert problem_of("“Bottle 1.5 l (2 pieces)” leads.", [name], facts) is None
    assert problem_of("B0TEST0001 leads.", [name], facts) is None
    assert problem_of("“Bottle 1.5 l (2 pieces)” has 1.5 points.", [name]) is not None


@pytest.mark.parametrize("title", ["5", "5.20", "99", "4.5 stars", "%"])
def test_a_title_of_digits_excuses_no_other_number(title: str) -> None:
    name = fact(title, "text", "name")
    for sentence in (
        "It has 15 points.",
        "It has 5.21 points.",
        "It costs 99,00 €.",
        "It has 4.5%.",
    ):
        assert problem_of(sentence, [name, fact(1, "points")]) is not None


def test_a_private_character_hides_no_number() -> None:
    name = fact("Kettle", "text", "name")
    assert problem_of("\ue000 has 7\ue000 points.", [name, fact(1, "points")]) is not None


def _report(**sections: Any) -> Report:
    empty: dict[str, Any] = {name: [] for name in Report.model_fields}
    return Report(**(empty | sections))


def test_only_the_failing_sentence_is_dropped() -> None:
    facts = facts_of(
        fact("Kettle", "text", "name"),
        fact(3, "count", "alerts_7d"),
        fact(1, "count", "position"),
        fact(70.0, "points", "overall"),
    )
    ids = list(facts)
    text = "“Kettle” has 3 alerts. It has 4 of them. So it is first! “Kettle” is first! 5 are lost."
    verified = verify_report(_report(position=[Statement(text=text, fact_ids=ids)]), facts)
    (kept,) = verified.report.position
    assert kept.text == "“Kettle” has 3 alerts. “Kettle” is first!"
    assert kept.fact_ids == ids
    assert verified.result["sentences"] == 5
    assert verified.result["verified"] == 2
    assert [drop["sentence"] for drop in verified.result["dropped"]] == [
        "It has 4 of them.",
        "So it is first!",  # who "it" is has gone
        "5 are lost.",
    ]
    assert {drop["section"] for drop in verified.result["dropped"]} == {"position"}
    assert all(drop["reason"] for drop in verified.result["dropped"])


def test_a_statement_without_a_sentence_left_is_gone() -> None:
    verified = verify_report(
        _report(threats=[Statement(text="It has 4.", fact_ids=["a"])]), {"a": fact(3, "count")}
    )
    assert verified.report.threats == []


@pytest.mark.parametrize(
    ("fact_ids", "reason"), [([], "cites no fact"), (["a", "made-up"], "made-up, which is no fact")]
)
def test_a_statement_needs_facts_that_exist(fact_ids: list[str], reason: str) -> None:
    verified = verify_report(
        _report(caveats=[Statement(text="All is well.", fact_ids=fact_ids)]),
        {"a": fact(3, "count")},
    )
    assert verified.report.caveats == []
    assert reason in verified.result["dropped"][0]["reason"]


def test_a_recommendation_goes_as_a_whole() -> None:
    facts = {"a": price("12.99")}

    def recommendation(effect: str) -> Recommendation:
        return Recommendation(
            action="Sell it at 12,99 €.",
            why="It is dear.",
            priority="high",
            expected_effect=effect,
            fact_ids=["a"],
        )

    good, bad = recommendation("Buyers come."), recommendation("It sells 100 more.")
    verified = verify_report(_report(recommendations=[bad, good]), facts, "de_DE")
    assert verified.report.recommendations == [good]
    assert verified.result["sentences"] == 6
    assert verified.result["verified"] == 3
    assert len(verified.result["dropped"]) == 3


def test_the_full_stop_of_a_title_ends_no_sentence() -> None:
    facts = facts_of(
        fact("Dr. 5 Mix. Set of 3. Best", "text", "name"), fact(4.5, "stars", "rating")
    )
    text = "“Dr. 5 Mix. Set of 3. Best” has 4.5 stars."
    verified = verify_report(_report(position=[Statement(text=text, fact_ids=list(facts))]), facts)
    assert verified.result == {"sentences": 1, "verified": 1, "dropped": []}
    assert verified.report.position[0].text == text


_AMOUNTS = st.integers(min_value=1, max_value=10**9)


_LOCALES = st.sampled_from(sorted({market.locale for market in MARKETPLACES.values()}))


@given(_LOCALES, st.sampled_from(sorted(MARKETPLACES)), _AMOUNTS, st.integers(1, 10**6))
def test_every_reader_is_written_amounts_that_are_found_and_no_others(
    locale: str, name: str, minor: int, off: int
) -> None:
    currency = MARKETPLACES[name].currency
    # Yen have no decimals.
    step = 100 if currency == "JPY" else 1
    right, wrong = Decimal(minor * step).scaleb(-2), Decimal((minor + off) * step).scaleb(-2)
    facts = [price(str(right), currency, name)]
    assert (
        problem_of(f"It costs {money_text(right, currency, locale)}.", facts, locale=locale) is None
    )
    assert problem_of(f"It costs {money_text(wrong, currency, locale)}.", facts, locale=locale)


@given(_LOCALES, st.floats(-0.99, 9.99), st.floats(0.0011, 5))
def test_every_ratio_is_found_as_a_percentage_and_no_other(
    locale: str, ratio: float, off: float
) -> None:
    facts = [fact(round(ratio, 6), "ratio")]
    further, signed = (
        percent_text(abs(ratio) + off, locale),
        percent_text(ratio, locale, signed=True),
    )
    assert problem_of(f"It moved by {percent_text(ratio, locale)}.", facts, locale=locale) is None
    assert problem_of(f"It moved {signed}.", facts, locale=locale) is None
    assert problem_of(f"It moved by {further}.", facts, locale=locale) is not None


@given(st.text(max_size=40))
def test_any_name_at_all_may_be_cited(title: str) -> None:
    facts = {f"{GROUP}:name": fact(title, "text", "name"), "n": fact(7, "points")}
    text = f"“{title}” has 8 points."
    verified = verify_report(
        _report(position=[Statement(text=text, fact_ids=sorted(facts))]), facts
    )
    # Whatever the name is, the wrong number in the sentence does not get through.
    kept = " ".join(statement.text for statement in verified.report.position)
    assert not re.search(r"has 8 points", kept) or "has 8 points" in title or "8" in title
