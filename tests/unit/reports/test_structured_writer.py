"""What the writer without a model says: each section from the facts, each sentence verified."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from insights_assets.reports.facts import FactSheet, fact_sheet
from insights_assets.reports.inputs import ReportInputs
from insights_assets.reports.schema import STATEMENT_SECTIONS, Recommendation, Report
from insights_assets.reports.structured_writer import write_report
from insights_assets.reports.verification import verify_report
from insights_resources.marketplaces import ProductKey
from tests.unit.competition.group_days import DAY, product
from tests.unit.reports.sheets import (
    GROUP_ID,
    alert,
    any_inputs,
    inputs_of,
    kettle,
    kettles,
    sheet_of,
    with_a_day_before,
)

MOST_RECOMMENDATIONS = 6


def texts(report: Report, section: str) -> list[str]:
    """The statements of a section, with plain spaces in amounts."""
    return [statement.text.replace("\u00a0", " ") for statement in getattr(report, section)]


def written(*products: dict[str, Any], **more: Any) -> Report:
    """The report of such a group, all of whose sentences hold."""
    sheet = sheet_of(*products, **more)
    report = write_report(sheet)
    assert_holds(report, sheet)
    return report


def assert_holds(report: Report, sheet: FactSheet) -> None:
    verified = verify_report(report, sheet.facts, sheet.locale)
    assert verified.result["dropped"] == []
    assert verified.report == report


def recommended(report: Report, start: str) -> list[Recommendation]:
    return [
        Recommendation(
            **{
                name: value.replace("\u00a0", " ") if isinstance(value, str) else value
                for name, value in one.model_dump().items()
            }
        )
        for one in report.recommendations
        if one.action.startswith(start)
    ]


# --- position ------------------------------------------------------------------------------------


def test_the_position_says_who_leads_and_who_is_cheapest_best_rated_and_sells_best() -> None:
    assert texts(written(*kettles()), "position") == [
        "“Kettle A” leads Kettles with an overall score of 82.0 points, 17.77 ahead of “Kettle B”.",
        "Prices run from €10.00 for “Kettle A” to €15.00 for “Kettle C”.",
        "“Kettle A” is the best rated with 4.5 stars from 100 ratings. It sells best by its "
        "top-level Best Sellers Rank of 10.",
        "No product is known to be out of stock.",
        "No alert fired in the last 7 days.",
    ]


def test_every_statement_cites_the_facts_it_is_made_from() -> None:
    report = written(*kettles())
    assert report.position[0].fact_ids == [
        "amazon.de/A000000000:name",
        "group:name",
        "amazon.de/A000000000:overall",
        "group:lead",
        "amazon.de/B000000000:name",
    ]
    assert report.position[1].fact_ids == [
        "amazon.de/A000000000:price",
        "amazon.de/A000000000:name",
        "amazon.de/C000000000:price",
        "amazon.de/C000000000:name",
    ]


def test_equal_scores_share_the_lead_and_nobody_comes_last() -> None:
    report = written(*(kettle(asin, 1000, 4.0, 7) for asin in "ABC"))
    position = texts(report, "position")
    assert position[0] == (
        "“Kettle A”, “Kettle B”, and “Kettle C” share the lead of Kettles with an overall score of "
        "60.0 points each."
    )
    everything = " ".join(position + texts(report, "weaknesses"))
    assert "comes last" not in everything
    assert "Prices run" not in everything
    assert "before it lost the lead" not in everything


def test_a_lead_shared_by_many_names_a_few() -> None:
    report = written(*(kettle(asin, 1000, 4.0, 7) for asin in "ABCDEF"))
    assert texts(report, "position")[0] == (
        "“Kettle A”, “Kettle B”, “Kettle C”, and others share the lead of Kettles with an overall "
        "score of 60.0 points each."
    )


def test_a_lead_among_some_says_among_whom() -> None:
    report = written(*kettles()[1:], kettle("E", 600, 5.0, None))
    assert texts(report, "position")[0] == (
        "“Kettle B” leads Kettles with an overall score of 67.7 points, 12.83 ahead of “Kettle C”, "
        "among the 3 products that have a score for price, quality, and popularity."
    )
    assert texts(report, "caveats")[0] == (
        "“Kettle E” has no score for popularity, as its page shows no Best Sellers Rank. It has "
        "87.5 points for price and quality, other dimensions than the rest, and so no place among "
        "them."
    )


def test_one_product_alone_is_told_as_such() -> None:
    report = written(kettle("A", 1000, 4.0, None), kettle("B", 1100, None, None))
    assert texts(report, "position")[0] == (
        "“Kettle A” is the only product of Kettles with an overall score, 67.3 points."
    )
    assert texts(report, "caveats") == [
        "Of 2 products 1 has an overall score; the score table says why the others have none.",
        "“Kettle A” has no score for popularity, as its page shows no Best Sellers Rank.",
        "“Kettle B” has no score for quality, as its page shows no rating. It has no score for "
        "popularity, as its page shows no Best Sellers Rank.",
    ]


def test_scores_that_cannot_be_compared_have_no_leader() -> None:
    report = written(
        kettle("A", 1000, 4.0, None),
        kettle("B", 1100, None, 2),
        kettle("C", None, None, 5),
        kettle("D", None, None, 6),
    )
    assert texts(report, "position")[0].startswith(
        "Each overall score of Kettles counts other dimensions, so that none leads; "
    )
    everything = report.model_dump_json()
    assert "share the lead" not in everything
    assert "leads Kettles" not in everything
    assert "owes its lead" not in everything
    assert "The leader" not in everything


def test_nobody_with_an_overall_score_is_told_as_such() -> None:
    report = written(kettle("A", None, 4.0, None), kettle("B", None, 4.5, None))
    assert texts(report, "position")[0] == "No product of Kettles has an overall score."


def test_prices_of_two_currencies_are_not_compared() -> None:
    report = written(
        kettle("A", 1000, 4.0, 1),
        kettle("B", 200000, 4.0, 1, marketplace="amazon.co.jp", currency="JPY"),
        kettle("C", 300000, 4.0, 2, marketplace="amazon.co.jp", currency="JPY"),
    )
    prices = "Prices run from ¥2,000 for “Kettle B” to ¥3,000 for “Kettle C”."
    assert prices in texts(report, "position")


@pytest.mark.parametrize(
    ("out", "words"),
    [
        ("", "No product is known to be out of stock."),
        ("A", "Out of stock: “Kettle A”."),
        ("ABD", "Out of stock: “Kettle A”, “Kettle B”, and “Kettle D”."),
        ("ABCD", "4 of 4 are out of stock."),
    ],
)
def test_who_is_out_of_stock_is_named_or_counted(out: str, words: str) -> None:
    features = {f"{asin}000000000": {"availability": "out_of_stock"} for asin in out}
    assert words in texts(written(*kettles(), features=features), "position")


@pytest.mark.parametrize(
    ("alerts", "words"),
    [
        ([], "No alert fired in the last 7 days."),
        ([alert("A", 7)], "No alert fired in the last 7 days."),
        ([alert("A", 6)], "1 alert fired in the last 7 days."),
        (
            [alert("A", 0, severity="critical"), alert("A", 1), alert("B", 2)],
            "3 alerts fired in the last 7 days, 1 of them critical; most, 2, concern “Kettle A”.",
        ),
        ([alert("A", 1), alert("B", 1)], "2 alerts fired in the last 7 days."),
    ],
)
def test_alerts_are_counted(alerts: list[dict[str, Any]], words: str) -> None:
    assert texts(written(*kettles(), alerts=alerts), "position")[-1] == words


# --- strengths, weaknesses, opportunities, threats -----------------------------------------------


def test_strengths_say_what_the_lead_rests_on_and_who_is_best_at_what() -> None:
    report = written(
        kettle("A", 1000, 4.2, 1),
        *kettles()[1:],
        kettle("E", 1100, 4.9, 30),
        features={"D000000000": {"ratings_gained_30d": 1234}},
    )
    assert texts(report, "strengths") == [
        "“Kettle A” owes its lead to popularity (100.0 points) and quality (84.0 points). It costs "
        "€10.00, 16.7% below the median of its peers, €12.00.",
        "“Kettle E” has the best quality score, 98.0 points.",
        "“Kettle D” gained the most ratings over 30 days, 1,234.",
    ]


def test_weaknesses_say_who_falls_behind_on_what() -> None:
    report = written(
        *kettles(),
        features={
            "B000000000": {"listing_quality": 41.26, "in_stock_share_30d": 0.75},
            "C000000000": {"listing_quality": 90.0, "in_stock_share_30d": 1.0},
        },
    )
    assert texts(report, "weaknesses") == [
        "“Kettle C” comes last with an overall score of 48.2 points, 33.8 behind the leader; it "
        "falls behind most on popularity (37.2 points). It costs €15.00, 25.0% above the median of "
        "its peers, €12.00.",
        "The leader “Kettle A” is weakest on price (58.3 points).",
        "“Kettle B” was in stock on only 75.0% of the captured days of the last 30 days. It has "
        "the least complete listing, 41.3 points.",
    ]


def test_opportunities_are_what_the_others_leave_open() -> None:
    report = written(
        *kettles(),
        features={
            "B000000000": {"availability": "unavailable"},
            "C000000000": {"price_change_7d": 0.123},
            "D000000000": {"primary_rank_log_change_7d": 0.6931471805599453},
        },
    )
    assert [text for text in texts(report, "opportunities") if "could cost" not in text] == [
        "While “Kettle B” cannot be bought, its buyers are open to the others.",
        "Prices that rose over 7 days leave room below them: “Kettle C” (up 12.3% to €15.00).",
        "“Kettle D” is losing sales to others: over 7 days its top-level Best Sellers Rank "
        "worsened by 100.0% to 200.",
    ]


def test_threats_are_what_the_others_are_doing() -> None:
    report = written(
        *kettles(),
        features={
            "B000000000": {"price_change_7d": -0.25, "rating_change_30d": -0.3},
            "C000000000": {"primary_rank_log_change_7d": -0.6931471805599453},
            "D000000000": {"price_change_7d": -0.019, "rating_change_30d": 0.4},
        },
    )
    threats = [text for text in texts(report, "threats") if "draw level" not in text]
    assert threats == [
        "Prices that fell over 7 days put the others under pressure: “Kettle B” (down 25.0% to "
        "€12.00).",
        "“Kettle C” is gaining ground: over 7 days its top-level Best Sellers Rank improved by "
        "50.0% to 90.",
        "“Kettle B” fell in rating by 0.3 over 30 days to 4.0 stars.",
    ]
    # A move of less than two per cent is not worth a sentence, and a rating that rose no threat.
    assert "Kettle D" not in " ".join(threats)


def test_the_largest_moves_of_the_week_are_told_with_why_they_matter() -> None:
    report = written(
        *kettles(),
        features={
            "A000000000": {"price_change_7d": 0.05, "primary_rank_log_change_7d": 0.3},
            "B000000000": {"price_change_7d": -0.2},
        },
    )
    assert texts(report, "changes") == [
        "“Kettle B” became 20.0% cheaper over 7 days and now costs €12.00. That puts the others "
        "under pressure.",
        "“Kettle A” saw its top-level Best Sellers Rank worsen by 35.0% over 7 days to 10. It is "
        "losing sales to others.",
    ]


def after_a_report(**before: Any) -> Report:
    """The report of the kettles, where A was this three days ago."""
    inputs = with_a_day_before(
        3, **{"overall_score": 70.0, "position": 2} | before.pop("standing", {}), features=before
    )
    sheet = fact_sheet(inputs, GROUP_ID, DAY)
    report = write_report(sheet)
    assert_holds(report, sheet)
    return report


def test_changes_since_the_last_report_are_told_with_why_they_matter() -> None:
    report = after_a_report(price=800, availability="out_of_stock")
    assert texts(report, "changes") == [
        "This has changed since the last report, of Mar 7, 2026.",
        "“Kettle A” took the lead, from place 2 before. It now sets the mark for the group. It "
        "became 25.0% dearer, from €8.00 to €10.00. That leaves room below it.",
        "“Kettle A” is back in stock. It competes for buyers again.",
    ]
    # The sentences rest on what was and on what is.
    assert {fact_id.rpartition(":")[2] for fact_id in report.changes[2].fact_ids} == {
        "availability",
        "availability_before",
        "name",
    }


@pytest.mark.parametrize(
    ("standing", "words"),
    [
        (
            {"overall_score": 70.0, "position": 1},
            "“Kettle A” rose in overall score by 12.0 to 82.0 points, at the same place.",
        ),
        (
            {"overall_score": 90.0, "position": 1},
            "“Kettle A” fell in overall score by 8.0 to 82.0 points, at the same place.",
        ),
    ],
)
def test_a_score_that_moved_at_the_same_place_is_told(standing: dict[str, Any], words: str) -> None:
    assert texts(after_a_report(standing=standing), "changes")[1] == words


def test_a_place_that_follows_from_the_others_scores_is_told_as_that() -> None:
    inputs = with_a_day_before(3, overall_score=90.0, position=4)
    now = fact_sheet(inputs, GROUP_ID, DAY)
    second = now.ranked()[1]
    (standing,) = inputs.standings[GROUP_ID, DAY - timedelta(days=3)].values()
    inputs.standings[GROUP_ID, DAY - timedelta(days=3)] = {second.product: standing}
    report = write_report(fact_sheet(inputs, GROUP_ID, DAY))
    assert texts(report, "changes")[1] == (
        f"“{second.name}” rose from place 4 to place 2, although its overall score went down by "
        "25.8 to 64.2 points."
    )


def test_a_report_without_a_change_says_so() -> None:
    report = after_a_report(standing={"overall_score": 82.0, "position": 1})
    assert texts(report, "changes") == [
        "No place, price, or stock has changed to speak of since the last report, of Mar 7, 2026."
    ]


def test_the_last_event_of_a_product_is_told_where_nothing_else_is() -> None:
    report = written(*kettles(), alerts=[alert("B", 2), alert("B", 1, message="B fell by 12%.")])
    assert texts(report, "changes") == ["“Kettle B”, Mar 9, 2026: B fell by 12%."]


def test_another_seller_or_listing_is_told_whatever_else_is() -> None:
    sold = alert("B", 2, rule_id="seller-changed", message="The buy-box seller changed.")
    report = written(
        *kettles(),
        features={"B000000000": {"price_change_7d": -0.2, "listing_changed": True}},
        alerts=[alert("B", 1), sold, alert("C", 3), alert("C", 4)],
    )
    assert texts(report, "changes") == [
        "“Kettle B”, Mar 8, 2026: The buy-box seller changed.",
        "“Kettle B”, Mar 10, 2026: The listing (title, bullets, images or description) changed.",
        "“Kettle B” became 20.0% cheaper over 7 days and now costs €12.00. That puts the others "
        "under pressure.",
        "“Kettle C”, Mar 7, 2026: The price of C fell.",
    ]


def test_who_lost_the_lead_is_told_before_lesser_places() -> None:
    inputs = inputs_of(*kettles())
    before = DAY - timedelta(days=1)
    rows = [row for row in inputs.scores[GROUP_ID, DAY] if row["method"] == "standard"]
    # A, B, D and C now; before, C led.
    for asin, place in (("A", 2), ("B", 3), ("D", 4), ("C", 1)):
        row = next(row for row in rows if row["asin"].startswith(asin))
        standing = {"overall_score": 50.0, "position": place, "coverage": row["coverage"]}
        inputs.standings[GROUP_ID, before][ProductKey("amazon.de", row["asin"])] = standing
    told = texts(write_report(fact_sheet(inputs, GROUP_ID, DAY)), "changes")
    assert any("“Kettle C” fell from place 1 to place 4" in text for text in told)


def test_captures_of_before_are_told() -> None:
    report = written(*kettles(), features={"A000000000": {"observations": 0}})
    assert texts(report, "caveats") == [
        "1 product had no capture on the day; the last known values stand in where they are recent "
        "enough."
    ]


# --- recommendations -----------------------------------------------------------------------------


def test_a_price_above_its_peers_is_advised_towards_their_median() -> None:
    (one,) = recommended(written(*kettles()), "Bring the price")
    assert one.action == (
        "Bring the price of “Kettle C” from €15.00 towards the median of its peers, €12.00."
    )
    assert one.why == (
        "It costs 25.0% more than that, and its price score is only 37.5 points. The price is what "
        "shoppers compare first."
    )
    assert one.expected_effect == (
        "At €12.00 the price score would be 50.0 points and the overall score 52.4 instead of "
        "48.2, with all else as it is."
    )
    assert one.priority == "medium"
    assert {fact_id.rpartition(":")[2] for fact_id in one.fact_ids} == {
        "name",
        "price",
        "peer_median_price",
        "price_to_median",
        "price_score",
        "overall",
        "at_median_price",
        "at_median_price_score",
    }


def test_nobody_is_advised_to_cut_a_price_by_more_than_three_tenths() -> None:
    report = written(*kettles()[:2], kettle("C", 9000, 3.5, 9), kettles()[3])
    assert recommended(report, "Bring the price") == []


def test_what_is_out_of_stock_comes_first() -> None:
    report = written(
        *kettles(),
        features={"D000000000": {"availability": "out_of_stock", "in_stock_share_30d": 0.5}},
    )
    first = report.recommendations[0]
    assert first.action == "Bring “Kettle D” back into stock."
    assert first.priority == "high"
    assert first.why == (
        "It cannot be bought now, and was in stock on 50.0% of the captured days of the last 30 "
        "days."
    )


def test_ratings_ranks_and_listings_are_advised_on_where_they_are_weak() -> None:
    report = written(*kettles(), features={"A000000000": {"listing_quality": 30.0}})
    (rating,) = recommended(report, "Find out from its reviews")
    assert rating.why.startswith("With 3.5 stars it is rated the lowest of the group.")
    assert rating.expected_effect == (
        "At 3.6 stars the quality score would be 72.0 points and the overall score 48.9 instead of "
        "48.2, with all else as it is."
    )
    (rank,) = recommended(report, "Win sales")
    assert rank.why == (
        "Its Best Sellers Rank of 20 stands against a median of 5 of its peers in the same "
        "category. A better rank puts it before more shoppers."
    )
    (listing,) = recommended(report, "Complete the listing")
    assert listing.action.startswith("Complete the listing of “Kettle A”: ")
    assert listing.why == "Its listing quality is 30.0 points."


def test_a_leader_below_its_peers_is_advised_to_test_a_higher_price() -> None:
    (one,) = recommended(written(*kettles()), "Test a higher price")
    assert one.action == "Test a higher price for the leader, “Kettle A”."
    assert one.why == (
        "At €10.00 it is 16.7% below the median of its peers, €12.00. It may be giving away margin."
    )
    assert "79.2 points" in one.expected_effect


def test_high_priorities_stand_before_low_ones_and_there_are_few() -> None:
    everything_wrong = {
        "availability": "out_of_stock",
        "in_stock_share_30d": 0.5,
        "listing_quality": 10.0,
    }
    products = [*kettles(), kettle("E", 1600, 3.0, 400), kettle("F", 1550, 3.1, 800)]
    features = {one["asin"]: everything_wrong for one in products}
    report = written(*products, features=features)
    assert len(report.recommendations) == MOST_RECOMMENDATIONS
    order = ["high", "medium", "low"]
    priorities = [order.index(one.priority) for one in report.recommendations]
    assert priorities == sorted(priorities)
    assert priorities[0] == 0


# --- any group -----------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(any_inputs())
def test_every_sentence_about_any_group_is_supported_by_its_facts(inputs: ReportInputs) -> None:
    sheet = fact_sheet(inputs, GROUP_ID, DAY)
    report = write_report(sheet)
    result = verify_report(report, sheet.facts, sheet.locale).result
    assert result["dropped"] == []
    assert result["sentences"] > 0
    for section in STATEMENT_SECTIONS:
        for statement in getattr(report, section):
            assert statement.fact_ids, statement
            assert set(statement.fact_ids) <= set(sheet.facts)
            assert len(set(statement.fact_ids)) == len(statement.fact_ids)
    for one in report.recommendations:
        assert one.fact_ids
        assert set(one.fact_ids) <= set(sheet.facts)
        assert min(len(one.action), len(one.why), len(one.expected_effect)) > 0
    assert len(report.recommendations) <= MOST_RECOMMENDATIONS
    assert report.position


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(any_inputs())
def test_a_report_with_one_number_changed_does_not_pass(inputs: ReportInputs) -> None:
    """The check that guards all of the above sees the smallest lie about a score."""
    sheet = fact_sheet(inputs, GROUP_ID, DAY)
    report = write_report(sheet)
    for statement in report.position:
        found = re.search(r"overall score of (\d+[.,]\d) points", statement.text)
        if found is None:
            continue
        wrong = f"7{found[1]}"
        lie = statement.model_copy(
            update={"text": statement.text.replace(f"{found[1]} points", f"{wrong} points")}
        )
        told = report.model_copy(update={"position": [lie]})
        result = verify_report(told, sheet.facts, sheet.locale).result
        assert [wrong in drop["sentence"] for drop in result["dropped"]] == [True], found


def test_a_group_that_is_out_of_stock_as_a_whole_has_a_report() -> None:
    features = {
        one["asin"]: {"availability": "out_of_stock", "price_missing_reason": "out_of_stock"}
        for one in kettles()
    }
    products = [one | {"price": None} for one in kettles()]
    report = written(*products, features=features)
    assert texts(report, "position")[0].startswith("“Kettle A” leads Kettles")
    assert "4 of 4 are out of stock." in texts(report, "position")
    assert "cannot be bought, their buyers" not in " ".join(texts(report, "opportunities"))


def test_a_group_of_one_has_a_report() -> None:
    report = written(kettle("A", 1000, 4.0, 1), features={"A000000000": {"ratings_gained_30d": 9}})
    assert texts(report, "position")[0] == "No product of Kettles has an overall score."
    # Nothing is the most, the lowest or the best of one.
    everything = report.model_dump_json()
    assert "gained the most" not in everything
    assert "rated the lowest" not in everything
    assert "Prices run" not in everything


def test_a_product_that_was_never_captured_is_told_by_its_asin() -> None:
    sheet = sheet_of(*kettles(), product("E", captured=None))
    report = write_report(sheet)
    assert_holds(report, sheet)
    assert texts(report, "caveats")[0].startswith("Of 5 products 4 have an overall score;")


def test_the_robust_method_is_told_where_it_sees_another_leader() -> None:
    # Few ratings do not weigh: A's five stars are drawn towards the others'.
    few = [
        kettle("A", 1000, 5.0, 10, rating_count=1),
        kettle("B", 1000, 4.8, 10, rating_count=9000),
        kettle("C", 1000, 3.0, 10, rating_count=9000),
        kettle("D", 1000, 3.0, 10, rating_count=9000),
    ]
    report = written(*few)
    assert texts(report, "position")[0].startswith("“Kettle A” leads")
    caveat = texts(report, "caveats")[-1]
    assert caveat.startswith("The robust method puts “Kettle B” in front with ")
    # Without a number of ratings A has no robust quality: its score counts other dimensions.
    few[0] = kettle("A", 1000, 5.0, 10, rating_count=None)
    assert "robust" not in " ".join(texts(written(*few), "caveats"))


def test_a_score_without_a_lead_is_not_called_one() -> None:
    alone = written(kettle("A", 1000, 4.0, None), kettle("B", 1100, None, None))
    assert "lead" not in " ".join(texts(alone, "strengths") + texts(alone, "weaknesses"))
    assert texts(alone, "strengths")[0].startswith(
        "“Kettle A” owes its score to quality (80.0 points)."
    )
