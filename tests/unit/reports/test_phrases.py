"""The wording of reports: every phrase is there in each language, is used, and can be filled."""

from __future__ import annotations

import ast
import inspect
from dataclasses import replace

import pytest

from insights_assets.competition.formulas import Dimension
from insights_assets.competition.reasons import _MISSING
from insights_assets.reports import structured_recommendations, structured_writer
from insights_assets.reports.fact import GROUP, Fact
from insights_assets.reports.industry_template import TEMPLATE_NAMES
from insights_assets.reports.phrases import (
    LANGUAGES,
    Phrase,
    Placeholder,
    language_of,
    parse_phrase,
    read_wording,
    wording_of,
)
from insights_assets.reports.prose import Prose
from tests.unit.reports.sheets import kettles, sheet_of

#: Phrases that the writer names by a dimension or by a reason.
NAMED_BY_VALUE = {
    *(str(dimension) for dimension in Dimension),
    *(f"{dimension}_points" for dimension in Dimension),
    *(f"best_{dimension}_score" for dimension in Dimension),
    *(f"missing_{reason}" for reason in _MISSING),
}


def texts_in_code() -> set[str]:
    """All texts in the writer's code, among them the phrases that it names."""
    return {
        node.value
        for module in (structured_writer, structured_recommendations)
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def phrases_said() -> set[str]:
    """Phrases that the writer's code names where it says them."""
    return {
        argument.value
        for node in ast.walk(ast.parse(inspect.getsource(structured_writer)))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("say", "part")
        for argument in node.args
        if isinstance(argument, ast.Constant)
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_phrase_is_there_and_none_is_idle(language: str) -> None:
    phrases = set(read_wording(language).phrases)
    assert phrases_said() <= phrases
    assert phrases >= NAMED_BY_VALUE
    assert phrases - texts_in_code() - NAMED_BY_VALUE == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_phrases_and_terms(language: str) -> None:
    english, other = read_wording("en"), read_wording(language)
    assert set(other.phrases) == set(english.phrases)
    assert set(other.terms) == set(english.terms)


def placeholders(phrase: Phrase) -> list[Placeholder]:
    return [part for part in phrase if isinstance(part, Placeholder)]


@pytest.mark.parametrize("template", TEMPLATE_NAMES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_template_and_a_language_ask_for_what_the_writer_gives(
    language: str, template: str
) -> None:
    english = wording_of("en", "generic").phrases
    for key, phrase in wording_of(language, template).phrases.items():
        given = {(part.who, part.key is None) for part in placeholders(english[key])}
        asked = {(part.who, part.key is None) for part in placeholders(phrase)}
        # A product that the writer gives, and the group, may always be named.
        assert asked <= given | {("product", False), (GROUP, False)}, key
        for part in placeholders(phrase):
            if "=" in part.form:
                forms = dict(each.split("=") for each in part.form.split("|"))
                assert set(forms) <= wording_of(language, template).language.plural_form.tags | {
                    "other"
                }
                assert "other" in forms, key


def test_a_phrase_is_words_and_placeholders() -> None:
    assert parse_phrase(
        "Of {group.members:one=title|other=titles} {list} at {product.lead:2}."
    ) == (
        "Of ",
        Placeholder("group", "members", "one=title|other=titles"),
        " ",
        Placeholder("list", None, ""),
        " at ",
        Placeholder("product", "lead", "2"),
        ".",
    )


@pytest.mark.parametrize(
    ("locale", "language"), [("en_US", "en"), ("en_IN", "en"), ("de_DE", "en"), ("ja_JP", "en")]
)
def test_a_reader_without_a_file_reads_english(locale: str, language: str) -> None:
    assert language_of(locale) == language


@pytest.mark.parametrize(
    ("unit", "value", "american", "german"),
    [
        ("EUR", "1299.50", "€1,299.50", "1.299,50\u00a0€"),
        ("ratio", -0.1234, "12.3%", "12,3\u00a0%"),
        ("points", 43.25, "43.2", "43,2"),
        ("stars", 4.5, "4.5", "4,5"),
        ("rank", 13552, "13,552", "13.552"),
        ("count", 7, "7", "7"),
        ("date", "2026-11-28", "Nov 28, 2026", "28.11.2026"),
        ("text", "Kettles", "Kettles", "Kettles"),
        # What would read as a claim is quoted.
        ("text", "3 of 5", "“3 of 5”", "“3 of 5”"),
    ],
)
def test_a_fact_is_written_by_its_unit_for_its_reader(
    unit: str, value: str | float, american: str, german: str
) -> None:
    sheet = sheet_of(*kettles())
    fact = Fact("group:name", GROUP, "x", value, unit, "fact_x", {}, "x")
    for locale, text in (("en_US", american), ("de_DE", german)):
        n = Prose(replace(sheet, locale=locale, facts=dict(sheet.facts) | {fact.id: fact}))
        n.say("none_scored")
        (statement,) = n.statements()
        assert statement.text == f"No product of {text} has an overall score."
        assert statement.fact_ids == ["group:name"]
