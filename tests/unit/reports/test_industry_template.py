"""Industry templates: what each one looks at, and what is wrong in a file is named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from insights_assets.reports.facts import FactSheet, fact_sheet
from insights_assets.reports.industry_template import (
    ADVICE_NAMES,
    GENERIC,
    SENTENCE_NAMES,
    TEMPLATE_NAMES,
    industry_template,
    parse_template,
)
from insights_assets.reports.structured_recommendations import ADVICE
from insights_assets.reports.structured_writer import SENTENCES, write_report
from insights_assets.reports.verification import verify_report
from insights_resources.errors import ConfigurationError
from insights_resources.marketplaces import ProductKey
from tests.unit.competition.group_days import DAY
from tests.unit.reports.sheets import GROUP_ID, inputs_of, kettle, kettles, sheet_of


def told(sheet: FactSheet, template: str, section: str) -> str:
    """A section of the group's report with this template, all of whose sentences hold."""
    report = write_report(replace(sheet, industry_template=template))
    assert verify_report(report, sheet.facts, sheet.locale).result["dropped"] == []
    if section == "recommendations":
        return " ".join(one.action for one in report.recommendations)
    return " ".join(statement.text for statement in getattr(report, section))


def test_the_templates_are_those_that_were_promised() -> None:
    assert set(TEMPLATE_NAMES) == {"books", "electronics", "fashion", "generic", "grocery"}


def test_the_writer_knows_each_sentence_and_advice_that_a_template_may_name() -> None:
    assert set(SENTENCES) == set(SENTENCE_NAMES)
    assert set(ADVICE) == set(ADVICE_NAMES)


def test_every_sentence_and_advice_is_in_some_template() -> None:
    templates = [industry_template(name) for name in TEMPLATE_NAMES]
    named = {
        sentence
        for template in templates
        for section in type(template.sections).model_fields
        for sentence in getattr(template.sections, section)
    }
    assert named == set(SENTENCE_NAMES)
    assert {advice for each in templates for advice in each.recommendations} == set(ADVICE_NAMES)


@pytest.mark.parametrize("name", TEMPLATE_NAMES)
def test_what_is_told_of_changes_since_the_last_report_stands_first(name: str) -> None:
    changes = industry_template(name).sections.changes
    since = {"last_report", "places", "price_changes", "stock_changes"}
    assert set(changes[: len(since)]) == since
    assert changes[0] == "last_report"


def test_a_template_has_what_generic_has_but_for_what_it_says() -> None:
    generic, grocery = industry_template(GENERIC), industry_template("grocery")
    assert grocery.thresholds.price_move == 0.01
    assert grocery.thresholds.rank_move == generic.thresholds.rank_move
    assert grocery.sections.threats == generic.sections.threats
    assert grocery.limits == generic.limits


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"thresholds": {"price_mov": 0.1}}, "thresholds.price_mov"),
        ({"thresholds": {"price_move": "much"}}, "thresholds.price_move"),
        ({"thresholds": {"price_move": 5}}, "thresholds.price_move"),
        ({"limits": {"recommendations": 0}}, "limits.recommendations"),
        ({"sections": {"position": ["leader", "weather"]}}, "sections.position.1"),
        ({"recommendations": ["pray"]}, "recommendations.0"),
        ({"colour": "red"}, "colour"),
        ({"wording": {"en": {"phrase": {}}}}, "wording.en.phrase"),
        ({"limits": 3}, "limits"),
    ],
)
def test_a_mistake_names_file_and_field(fields: dict[str, Any], place: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        parse_template(fields, "industry_templates/toys.yaml")
    assert str(raised.value).startswith(f"industry_templates/toys.yaml: {place}: ")


def test_a_name_that_is_none_is_told_with_those_that_are() -> None:
    with pytest.raises(ConfigurationError, match="'toys' is no industry template; known are books"):
        industry_template("toys")


# --- what they change ----------------------------------------------------------------------------


def test_small_moves_of_a_price_count_in_grocery_alone() -> None:
    sheet = sheet_of(*kettles(), features={"B000000000": {"price_change_7d": -0.012}})
    assert "1.2% cheaper" in told(sheet, "grocery", "changes")
    assert "a small difference makes shoppers switch" in told(sheet, "grocery", "changes")
    assert told(sheet, "generic", "changes") == ""


def test_grocery_begins_with_the_stock() -> None:
    sheet = sheet_of(*kettles(), features={"B000000000": {"availability": "out_of_stock"}})
    assert told(sheet, "grocery", "position").startswith("Out of stock: “Kettle B”.")


def test_books_are_titles_ranked_before_they_are_rated() -> None:
    sheet = sheet_of(*kettles())
    position = told(sheet, "books", "position")
    assert position.index("sells best") < position.index("best rated")
    assert "No title is known to be out of stock." in position
    assert "Win readers for" in told(sheet, "books", "recommendations")


def test_books_are_not_advised_to_change_a_price_by_more_than_a_tenth() -> None:
    sheet = sheet_of(*kettles())
    assert "Bring the price" in told(sheet, "generic", "recommendations")
    assert "Test a higher price" in told(sheet, "generic", "recommendations")
    assert "price" not in told(sheet, "books", "recommendations")


@pytest.mark.parametrize(("template", "words"), [("electronics", True), ("generic", False)])
def test_prices_that_fall_at_once_are_a_price_war_in_electronics(
    template: str, words: bool
) -> None:
    sheet = sheet_of(
        *kettles(),
        features={asin: {"price_change_7d": -0.1} for asin in ("B000000000", "C000000000")},
    )
    threats = told(sheet, template, "threats")
    assert ("A price war may be on" in threats) == words
    assert ("put the others under pressure" in threats) != words


@pytest.mark.parametrize("template", ["electronics", "fashion"])
def test_discounts_from_the_list_price_are_told_where_they_draw(template: str) -> None:
    sheet = sheet_of(
        *kettles(), features={"C000000000": {"list_price": 3000, "discount_from_list": 0.5}}
    )
    words = "“Kettle C” draws with the largest discount, 50.0% off its list price of €30.00."
    assert words in told(sheet, template, "strengths")
    assert words not in told(sheet, "generic", "strengths")


def test_grocery_tells_the_best_offers_of_subscribe_and_save() -> None:
    inputs = inputs_of(*kettles())
    product = ProductKey("amazon.de", "B000000000")
    inputs.subscriptions[product, DAY] = {"currency": "EUR", "subscribe_save_price": 1080}
    sheet = fact_sheet(inputs, GROUP_ID, DAY)
    words = "“Kettle B” costs €10.80 with Subscribe & Save, 10.0% less than without."
    assert words in told(sheet, "grocery", "strengths")
    assert words not in told(sheet, "generic", "strengths")


def test_fashion_tells_whose_price_is_a_range_of_variations() -> None:
    reason = {"price_missing_reason": "variation_range"}
    sheet = sheet_of(*kettles()[1:], kettle("A", None, 4.5, 1), features={"A000000000": reason})
    caveats = told(sheet, "fashion", "caveats")
    assert caveats.startswith(
        "“Kettle A” shows a range of prices alone, as no variation of it is chosen."
    )


def test_small_changes_of_a_rating_count_in_fashion() -> None:
    sheet = sheet_of(
        kettle("A", 1000, 4.5, 1),
        *kettles()[1:],
        features={"A000000000": {"rating_change_30d": -0.06}},
    )
    assert "“Kettle A” fell in rating by 0.1" in told(sheet, "fashion", "threats")
    assert "rating" not in told(sheet, "generic", "threats")
