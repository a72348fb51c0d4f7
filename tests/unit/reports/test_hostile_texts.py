"""Whatever a text of a page is: no claim, no tag and no layout changes by it."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt
from selectolax.lexbor import LexborHTMLParser

from insights_assets.display_names import plain_text
from insights_assets.reports.facts import FactSheet, fact_sheet
from insights_assets.reports.inputs import ReportInputs
from insights_assets.reports.rendering import Pages, Provenance, render
from insights_assets.reports.schema import Recommendation, Report, Statement
from insights_assets.reports.structured_writer import write_report
from insights_assets.reports.verification import verify_report
from tests.unit.competition.group_days import DAY
from tests.unit.reports.hostile_texts import HOSTILE_TEXTS
from tests.unit.reports.sheets import GROUP_ID, alert, inputs_of, kettle, kettles

CHROMIUM = shutil.which("chromium")
PROVENANCE = Provenance("f" * 64, "structured", "9", {"sentences": 7, "verified": 6, "dropped": []})
#: Widths of a window: a desk's and a phone's.
WIDTHS = (1200, 400)
#: What measures the pages once all are loaded. It is outside of them: they run no script.
MEASURE = """
onload = () => {
  const measured = [...document.querySelectorAll("iframe")].map(({contentDocument: page}) => [
    page.documentElement.scrollWidth, page.documentElement.scrollHeight,
    ...[...page.querySelectorAll("section, figure")].map(part => part.scrollWidth),
  ]);
  document.body.textContent = JSON.stringify(measured);
};
"""

each_text = pytest.mark.parametrize("text", HOSTILE_TEXTS.values(), ids=HOSTILE_TEXTS.keys())


def inputs_with(text: str, group_name: str) -> ReportInputs:
    """A group in which the text is a title, a label, an alert's message, a state of availability
    and the reason of a missing score."""
    inputs = inputs_of(
        *kettles(),
        kettle("E", None, 4.1, 7),
        titles={"A000000000": text},
        labels={"B000000000": text},
        alerts=[alert("A", message=text), alert("B", 9, severity="critical", message=text)],
        features={"C000000000": {"availability": text}},
        group_name=group_name,
    )
    for row in inputs.scores[GROUP_ID, DAY]:
        row["missing_reasons"] = dict.fromkeys(row["missing_reasons"], text)
    return inputs


def with_sentences_of(report: Report, text: str) -> Report:
    """The report with the text at the head of each section, as a model may write it (what shows
    nothing is no sentence)."""
    text = text if plain_text(text) else "Kettle"
    statement = Statement(text=text, fact_ids=[])
    advice = Recommendation(
        action=text, why=text, priority="high", expected_effect=text, fact_ids=[]
    )
    sections: dict[str, Any] = {name: getattr(report, name) for name in Report.model_fields}
    return Report(
        **{
            name: [statement, *said] for name, said in sections.items() if name != "recommendations"
        },
        recommendations=[advice, *report.recommendations],
    )


@cache
def hostile_pages(text: str) -> Pages:
    sheet = fact_sheet(inputs_with(text, group_name=text), GROUP_ID, DAY)
    return render(sheet, with_sentences_of(write_report(sheet), text), PROVENANCE)


@cache
def harmless_pages() -> Pages:
    return hostile_pages("Kettle")


def test_there_are_many_texts_and_all_differ() -> None:
    assert len(set(HOSTILE_TEXTS.values())) == len(HOSTILE_TEXTS) > 50


# --- claims --------------------------------------------------------------------------------------


def claims(text: str) -> tuple[dict[str, Any], Report, dict[str, Any]]:
    """Facts but for texts; what is said of them, without the products' names and the alerts' own
    words; the verification."""
    sheet = fact_sheet(inputs_with(text, group_name="Kettles"), GROUP_ID, DAY)
    report = write_report(sheet)
    verified = verify_report(report, sheet.facts).result
    facts = {fact.id: fact.value for fact in sheet.facts.values() if fact.unit != "text"}
    return facts, Report.model_validate_json(_nameless(report, sheet)), verified


def _nameless(report: Report, sheet: FactSheet) -> str:
    document = report.model_dump_json()
    for member in sheet.members:
        quoted = json.dumps(f"“{member.name}”", ensure_ascii=False)[1:-1]
        document = document.replace(quoted, f"“{member.number}”")
    for fact in sheet.facts.values():
        if fact.name == "event":
            words = json.dumps(fact.value, ensure_ascii=False)[1:]
            document = document.replace(f": {words}", ': ..."')
    return document


@each_text
def test_no_text_changes_a_claim(text: str) -> None:
    assert claims(text) == claims("Kettle")


# --- HTML ----------------------------------------------------------------------------------------


def elements(page: str) -> list[tuple[str, dict[str, str | None]]]:
    """Tag and attributes of every element, in order; what a chart is called is a text of ours."""
    return [
        (node.tag, {k: v for k, v in node.attributes.items() if k != "aria-label"})
        for node in LexborHTMLParser(page).css("*")
    ]


@each_text
def test_no_text_is_markup_in_html(text: str) -> None:
    page = hostile_pages(text).html
    assert elements(page) == elements(harmless_pages().html)
    page.encode("utf-8")
    unseen = re.findall(
        "[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2067]", page
    )
    assert unseen == []
    # Three accents on a letter at most: they cover no line but their own.
    assert not re.search("[\u0300-\u036f\u0489]{4}", page)
    assert page.count("\u2068") == page.count("\u2069")


# --- Markdown ------------------------------------------------------------------------------------


def structure(markdown: str, *, with_html: bool) -> list[tuple[str, str, dict[str, Any]]]:
    """Type, tag and attributes of all that is not text."""
    parser = MarkdownIt("commonmark", {"html": with_html}).enable(["table", "strikethrough"])
    return [
        (token.type, token.tag, token.attrs)
        for block in parser.parse(markdown)
        for token in (block, *(block.children or []))
        if token.type not in ("text", "text_special")
    ]


@each_text
@pytest.mark.parametrize("with_html", [False, True])
def test_no_text_is_markup_in_markdown(text: str, with_html: bool) -> None:
    shown = structure(hostile_pages(text).markdown, with_html=with_html)
    assert shown == structure(harmless_pages().markdown, with_html=with_html)


# --- layout --------------------------------------------------------------------------------------


def measured(pages: list[str], width: int, folder: Path) -> list[list[int]]:
    """Width and height of each page in a window of this width, and its parts' widths."""
    assert CHROMIUM is not None
    frames = "".join(
        f'<iframe width="{width}" height="900" style="border: 0" srcdoc="{html.escape(page)}">'
        "</iframe>"
        for page in pages
    )
    file = folder / "pages.html"
    file.write_text(
        f'<!DOCTYPE html><meta charset="utf-8"><script>{MEASURE}</script><body>{frames}</body>',
        encoding="utf-8",
    )
    arguments = "--headless --no-sandbox --disable-gpu --disable-background-networking --dump-dom"
    done = subprocess.run(
        [CHROMIUM, *arguments.split(), f"--user-data-dir={folder / 'profile'}", file.as_uri()],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    body = LexborHTMLParser(done.stdout).css_first("body")
    return json.loads(body.text())


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
@pytest.mark.parametrize("width", WIDTHS)
def test_no_text_breaks_the_layout(width: int, tmp_path: Path) -> None:
    pages = [hostile_pages(text).html for text in HOSTILE_TEXTS.values()]
    unwrapped = hostile_pages(HOSTILE_TEXTS["long-word"]).html.replace("overflow-wrap", "x")
    broken, harmless, *hostile = measured(
        [unwrapped, harmless_pages().html, *pages], width, tmp_path
    )
    # A page that does break shows: what measures them sees it.
    assert broken[0] > width or broken[2:] != harmless[2:]
    assert harmless[0] <= width
    for name, (page_width, height, *parts) in zip(HOSTILE_TEXTS, hostile, strict=True):
        assert page_width <= width, name
        # Tables and charts that are wider than a phone scroll: no text makes them wider.
        assert parts == harmless[2:], name
        # Sixty wide letters in each sentence take their lines.
        assert height < 5 * harmless[1], name
