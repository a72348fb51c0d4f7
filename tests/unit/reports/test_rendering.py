"""Pages of a report: whatever a title is, it is text in them, and nothing else."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from selectolax.lexbor import LexborHTMLParser

from insights_assets.display_names import plain_text, short_name
from insights_assets.reports.facts import FactSheet, fact_sheet
from insights_assets.reports.rebuild import audit_reports
from insights_assets.reports.rendering import (
    Pages,
    Provenance,
    charts_as_markdown,
    markdown_text,
    render,
    written_by,
)
from insights_assets.reports.schema import Report
from insights_assets.reports.structured_writer import write_report
from tests.unit.competition.group_days import DAY, product
from tests.unit.reports.sheets import (
    GROUP_ID,
    TITLES,
    alert,
    inputs_of,
    kettle,
    kettles,
    sheet_of,
)

NOTHING = Report(**{name: [] for name in Report.model_fields})
PROVENANCE = Provenance("f" * 64, "structured", "9", {"sentences": 7, "verified": 6, "dropped": []})
#: What a page of ours is made of; anything else would be somebody's markup.
HTML_TAGS = {
    *("html", "head", "meta", "title", "style", "body", "main", "header", "section", "footer"),
    *("h1", "h2", "p", "ul", "ol", "li", "span", "bdi", "time", "code", "strong", "div"),
    *("table", "thead", "tbody", "tr", "th", "td", "figure", "figcaption"),
    *("svg", "g", "path", "text", "defs", "use", "desc"),
}


def pages_of(sheet: FactSheet, report: Report | None = None) -> Pages:
    if report is None:
        report = NOTHING if sheet.no_data_reason else write_report(sheet)
    return render(sheet, report, PROVENANCE)


@cache
def hostile_pages(title: str) -> tuple[FactSheet, Pages]:
    """The pages of a group whose name, leader, label and alert are all this text."""
    sheet = sheet_of(
        *kettles(),
        titles={"A000000000": title},
        labels={"B000000000": f"Too: {title}"},
        alerts=[alert("A", message=f"The price of {title} fell.")],
        group_name=title,
    )
    return sheet, pages_of(sheet)


def words(text: str) -> str:
    """The text on one line, without the marks around names that are written from the right."""
    return " ".join(re.sub("[\u2068\u2069]", "", text).split())


def markdown_tokens(text: str) -> list[Token]:
    """All tokens of the page as a reader's renderer sees it: tables on, HTML off."""
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    tokens = []
    for token in parser.parse(text):
        tokens += [token, *(token.children or [])]
    return tokens


def blocks(text: str) -> list[str]:
    """The text of each paragraph, heading, item and cell."""
    return [
        words("".join(_shown(child) for child in token.children or []))
        for token in markdown_tokens(text)
        if token.type == "inline"
    ]


def _shown(token: Token) -> str:
    return " " if token.type in ("softbreak", "hardbreak") else token.content


# --- HTML ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("title", TITLES, ids=lambda title: repr(title[:24]))
def test_a_title_is_text_in_html(title: str) -> None:
    sheet, pages = hostile_pages(title)
    page = LexborHTMLParser(pages.html)
    name = sheet.members[0].name
    assert name == f"{short_name(title)} [A000000000]"  # the group is called so too
    shown = [words(node.text()) for node in page.css("td.product bdi")]
    assert shown[0] == words(name)
    assert words(page.css_first("h1").text()) == words(sheet.group_name)
    assert words(page.css_first("title").text()) == words(f"{sheet.group_name}, 10 March 2026")
    lead = words(page.css_first("p.lead").text())
    assert lead.startswith(words(f"“{name}” leads "))
    assert words(sheet.group_name) in lead.partition(" with an overall score of ")[0]
    assert words(page.css_first("td.message").text()) == short_name(sheet.alerts[0].message, 300)
    for svg in page.css("svg"):
        assert sheet.group_name in (svg.attributes["aria-label"] or "")


@pytest.mark.parametrize("title", TITLES, ids=lambda title: repr(title[:24]))
def test_a_page_runs_nothing_and_asks_nobody(title: str) -> None:
    _, pages = hostile_pages(title)
    page = LexborHTMLParser(pages.html)
    assert {node.tag for node in page.css("*")} <= HTML_TAGS
    for node in page.css("*"):
        for name, value in node.attributes.items():
            assert not name.lower().startswith("on"), node.html
            assert name not in ("src", "srcset", "action", "formaction", "background", "poster")
            if name.endswith("href"):
                assert (value or "").startswith("#"), node.html
            if name == "style":
                assert "url(" not in (value or "").replace("url(#", "")
    assert "@import" not in page.css_first("style").text()
    assert "url(" not in page.css_first("style").text()
    policy = page.css_first('meta[http-equiv="Content-Security-Policy"]').attributes["content"]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"


def test_ids_on_a_page_are_all_different() -> None:
    inputs = inputs_of(*kettles())
    pages = pages_of(fact_sheet(inputs, GROUP_ID, DAY))
    page = LexborHTMLParser(pages.html)
    assert len(page.css("figure svg")) == 3
    ids = [node.attributes["id"] for node in page.css("[id]")]
    assert len(ids) == len(set(ids))


def test_the_tables_of_both_pages_hold_the_same_values() -> None:
    sheet = sheet_of(
        *kettles(),
        product("E", captured=None),
        features={"A000000000": {"price_change_7d": -0.05, "availability": "out_of_stock"}},
    )
    pages = pages_of(sheet)
    page = LexborHTMLParser(pages.html)
    table = page.css_first("table")
    html = [[words(cell.text()) for cell in row.css("td")] for row in table.css("tbody tr")]
    assert html[0] == [
        *("1", "Kettle A A000000000, amazon.de", "82.0", "58.3", "90.0", "97.7", "80.3"),
        *("€10.00", "-5.0%", "4.5100", "10", "out of stock"),
    ]
    assert html[4][2:] == ["–"] * 7 + ["––", "–", "–"]
    markdown = [
        [words(cell.replace("\\", "")) for cell in line.strip("| ").split(" | ")]
        for line in pages.markdown.splitlines()
        if re.match(r"\| \d", line)
    ]
    assert markdown[0] == [
        *("1", "Kettle A", "A000000000", "82.0", "58.3", "90.0", "97.7", "80.3"),
        *("€10.00", "-5.0%", "4.5", "100", "10", "out of stock"),
    ]
    assert [row[0] for row in markdown] == ["1", "2", "3", "4", "5"]


def test_both_pages_hold_every_sentence_of_the_report() -> None:
    sheet = sheet_of(
        *kettles(),
        kettle("E", 700, 5.0, None),
        features={
            "B000000000": {"price_change_7d": -0.25, "listing_quality": 20.0},
            "C000000000": {"price_change_7d": 0.1, "availability": "out_of_stock"},
        },
    )
    report = write_report(sheet)
    sentences = [
        words(statement.text)
        for section in Report.model_fields
        for statement in getattr(report, section)
        if section != "recommendations"
    ]
    for one in report.recommendations:
        sentences += [words(one.action), words(f"{one.why} {one.expected_effect}")]
    assert len(sentences) > 20
    pages = pages_of(sheet, report)
    html = words(LexborHTMLParser(pages.html).css_first("main").text(separator=" "))
    markdown = " ".join(blocks(pages.markdown))
    for sentence in sentences:
        assert sentence in html
        assert sentence in markdown
    assert "6 of 7 sentences held, and 1 was left out." in html
    assert "6 of 7 sentences held, and 1 was left out." in markdown
    assert "f" * 64 in html
    assert "f" * 64 in markdown


@pytest.mark.parametrize(
    ("of_model", "sentence"),
    [
        ({}, "Written by the structured writer, version 9."),
        (
            {"fallback_reason": "no_model"},
            "Written by the structured writer, version 9: no model was used because none is set "
            "up.",
        ),
        (
            {"model": "gpt-x", "fallback_reason": "no_budget"},
            "Written by the structured writer, version 9: gpt-x was not used because its daily "
            "budget is spent.",
        ),
        (
            {
                "model": "gpt-x",
                "fallback_reason": "unverified",
                "input_tokens": 3120,
                "output_tokens": 910,
                "cost": Decimal("0.00001"),
            },
            "Written by the structured writer, version 9: gpt-x was not used because too many of "
            "its sentences could not be verified. It took 3,120 tokens in, 910 out, under $0.0001.",
        ),
        ({"model": "gpt-x"}, "Written by gpt-x (prompt version 9)."),
        (
            {
                "model": "gpt-x",
                "input_tokens": 3120,
                "output_tokens": 910,
                "cost": Decimal("0.0042"),
            },
            "Written by gpt-x (prompt version 9): 3,120 tokens in, 910 out, $0.0042.",
        ),
        (
            {"model": "gpt-x", "output_tokens": 910},
            "Written by gpt-x (prompt version 9): 910 tokens out.",
        ),
    ],
)
def test_pages_say_who_wrote_them_and_why_no_model_did(
    of_model: dict[str, Any], sentence: str
) -> None:
    provenance = replace(PROVENANCE, **of_model)
    assert written_by(provenance) == sentence
    pages = render(sheet_of(*kettles()), NOTHING, provenance)
    assert sentence in LexborHTMLParser(pages.html).css_first("footer").text()
    assert any(block.startswith(sentence) for block in blocks(pages.markdown))


def test_missing_scores_are_explained() -> None:
    sheet = sheet_of(*kettles(), kettle("E", None, 4.0, None), product("F", captured=None))
    for text in (pages_of(sheet).markdown, pages_of(sheet).html):
        plain = words(re.sub(r"<[^>]*>", "", text))
        assert "Missing scores of Kettle E: price: it shows no price; popularity: it" in plain
        assert (
            "Missing scores of F000000000: price, quality, popularity: it was not captured."
        ) in plain


def test_forty_alerts_are_listed_and_the_rest_counted() -> None:
    alerts = [
        alert("A", number % 30, alert_id=f"{number:02}", message=f"Alert number {number}.")
        for number in range(43)
    ]
    pages = pages_of(sheet_of(*kettles(), alerts=alerts))
    page = LexborHTMLParser(pages.html)
    assert len(page.css("table.alerts tr")) == 40
    assert "3 older ones are not listed." in page.css_first("main").text()
    listed = pages.markdown.partition("## Alerts of the last 30 days")[2]
    assert listed.count("Alert number") == 40
    assert "3 older ones are not listed." in pages.markdown
    assert "older ones" not in pages_of(sheet_of(*kettles(), alerts=alerts[:40])).html


def test_a_day_without_scores_says_why_and_shows_the_products() -> None:
    sheet = sheet_of(*(one | {"captured": 60} for one in kettles()))
    assert sheet.no_data_reason
    pages = pages_of(sheet)
    page = LexborHTMLParser(pages.html)
    assert words(page.css_first(".notice").text()) == words(
        f"No report for this day {sheet.no_data_reason}"
    )
    assert len(page.css("table tbody tr")) == 4
    assert "Recommendations" not in pages.html
    assert f"No report for this day. {sheet.no_data_reason}" in blocks(pages.markdown)
    assert "Recommendations" not in blocks(pages.markdown)
    assert "Kettle A" in blocks(pages.markdown)


def test_charts_show_the_most_that_can_share_an_axis_and_count_the_others() -> None:
    inputs = inputs_of(
        *kettles(),
        kettle("J", 170000, 4.0, 3, marketplace="amazon.co.jp", currency="JPY"),
        kettle("N", None, 4.0, None),
    )
    page = LexborHTMLParser(pages_of(fact_sheet(inputs, GROUP_ID, DAY)).html)
    captions = [words(node.text()) for node in page.css("figcaption")]
    left_out = "1 more are not shown: they share no axis, or would crowd it."
    assert captions[1:3] == [
        f"Price history. Daily closing prices of the last 30 days in EUR. {left_out}",
        "Rank history. Top-level Best Sellers Rank of the last 30 days, the best on top. "
        f"{left_out}",
    ]


def test_the_timeline_shows_the_products_that_have_alerts() -> None:
    sheet = sheet_of(
        *kettles(),
        alerts=[
            alert("A", severity="critical"),
            alert("A", 0, alert_id="again"),
            alert("C", 29, severity="info"),
            alert("B", 30),
        ],
    )
    page = LexborHTMLParser(pages_of(sheet).html)
    timeline = page.css("figure svg")[-1]
    assert timeline.css_first("title").text() == "Alerts of Kettles over the last 30 days"
    assert timeline.css_first("desc").text() == "Events: product 1 2; product 4 1."
    assert "Event timeline" not in pages_of(sheet_of(*kettles())).html


def test_names_written_from_the_right_reorder_nothing_around_them() -> None:
    name = "\u05d0\u05d1 <\u05d2>"
    sheet = sheet_of(*kettles(), titles={"A000000000": name})
    pages = pages_of(sheet)
    lead = LexborHTMLParser(pages.html).css_first("p.lead").text()
    assert lead.startswith(f"“\u2068{name}\u2069” leads Kettles")
    shown = [
        "".join(_shown(t) for t in token.children or [])
        for token in markdown_tokens(pages.markdown)
    ]
    assert any(text.startswith(f"“\u2068{name}\u2069” leads Kettles") for text in shown)
    assert "\u2068" not in pages_of(sheet_of(*kettles())).html


def test_charts_are_images_below_their_titles_in_markdown() -> None:
    sheet = sheet_of(*kettles(), alerts=[alert("A")], group_name="Kettles [all] <b>")
    lines = charts_as_markdown(pages_of(sheet).html).split("\n\n")
    assert [line.split(" of ")[0] for line in lines[::2]] == [
        *("Scores", "Prices", "Best Sellers Ranks", "Alerts")
    ]
    assert blocks(lines[0]) == ["Scores of Kettles all <b>"]
    for line in lines[1::2]:
        image = re.fullmatch(r"!\[[^\[\]]+\]\(data:image/svg\+xml;base64,([\w+/=]+)\)", line)
        assert image is not None
        svg = base64.b64decode(image[1])
        assert svg.startswith(b'<svg role="img" style="background: white; ')


def test_equal_facts_give_equal_pages() -> None:
    assert pages_of(sheet_of(*kettles())) == pages_of(sheet_of(*reversed(kettles())))


def test_nothing_of_the_time_of_work_stands_on_a_page() -> None:
    inputs = inputs_of(*kettles())
    pages = pages_of(fact_sheet(inputs, GROUP_ID, DAY))
    shown = LexborHTMLParser(pages.html).css_first("body").text(separator=" ")
    years = set(re.findall(r"\b20\d\d\b", shown + pages.markdown))
    assert years <= {str(DAY.year), str((DAY - timedelta(days=30)).year)}


# --- Markdown ------------------------------------------------------------------------------------


@pytest.mark.parametrize("title", TITLES, ids=lambda title: repr(title[:24]))
def test_a_title_is_text_in_markdown(title: str) -> None:
    sheet, pages = hostile_pages(title)
    found = blocks(pages.markdown)
    name, group = words(sheet.members[0].name), words(sheet.group_name)
    assert found[0] == f"{group}, 10 March 2026"
    leads = f"“{name}” leads "
    assert any(
        block.startswith((f"{leads}{group} with an overall", f"{leads}“{group}” with an overall"))
        for block in found
    )
    assert name in found  # the cell of the table
    message = short_name(sheet.alerts[0].message, 300)
    assert f"2026-03-10, warning, {name}: {message}" in found
    tokens = markdown_tokens(pages.markdown)
    made = {token.type for token in tokens}
    assert not made & {"link_open", "image", "html_inline", "html_block", "code_inline", "fence"}
    assert not made & {"em_open", "s_open", "blockquote_open", "code_block"}
    # Nobody's title makes a heading, a row or an item of its own.
    honest = markdown_tokens(hostile_pages("Kettle")[1].markdown)
    for kind in ("heading_open", "tr_open", "td_open", "list_item_open", "hr", "strong_open"):
        count = sum(token.type == kind for token in tokens)
        assert count == sum(token.type == kind for token in honest), kind


@settings(deadline=None)
@given(st.text(max_size=60) | st.text("\\`*_{}[]()#+-=.!|~$<>&;:/\"'1 aw\n", max_size=30))
def test_any_text_reads_the_same_after_markdown(text: str) -> None:
    written = markdown_text(text)
    assert "\n" not in written
    seen = plain_text(text)
    if not seen:
        assert written == ""
        return
    for line in (written, f"- {written}", f"# {written}"):
        assert blocks(line) == [seen]
    assert blocks(f"1. **{written}** (high)") == [f"{seen} (high)"]
    types = {token.type for token in markdown_tokens(written)}
    assert types <= {"paragraph_open", "paragraph_close", "inline", "text", "text_special"}


@given(st.text("\\|` a", max_size=20))
def test_any_text_stays_in_its_cell(text: str) -> None:
    table = f"| # | name | last |\n|---|---|---|\n| 1 | {markdown_text(text)} | end |\n"
    assert blocks(table)[3:] == ["1", words(text), "end"]


@pytest.mark.parametrize(
    "text",
    ["https://evil.example/", "www.evil.example", "mailto:a@evil.example", "FTP://e.example"],
)
def test_addresses_do_not_become_links_by_themselves(text: str) -> None:
    """Dialects that make links of bare addresses look for these characters side by side."""
    assert not re.search(r"(?i)(?:https?|ftp|mailto):|www\.", markdown_text(text))
    assert blocks(markdown_text(text)) == [text]


def test_recommendations_are_a_numbered_list() -> None:
    pages = pages_of(sheet_of(*kettles()))
    tokens = markdown_tokens(pages.markdown)
    ordered = next(n for n, token in enumerate(tokens) if token.type == "ordered_list_open")
    end = next(n for n, token in enumerate(tokens) if token.type == "ordered_list_close")
    items = [t for t in tokens[ordered:end] if t.type == "list_item_open"]
    assert [item.info for item in items] == ["1", "2", "3", "4"]
    assert tokens[ordered + 3].content.startswith("**Win sales for “Kettle D”")


# --- the audit -----------------------------------------------------------------------------------


@pytest.mark.parametrize("title", TITLES, ids=lambda title: repr(title[:24]))
def test_titles_do_not_keep_a_report_from_being_published(title: str) -> None:
    """The audit looks for scripts in pages: a title that spells one is no script."""
    sheet, pages = hostile_pages(title)
    frame = pd.DataFrame(
        [
            {
                "status": "complete",
                "report": write_report(sheet).model_dump(),
                "leader_asin": "A000000000",
                "verification": {"sentences": 5, "verified": 4, "dropped": []},
                "html": pages.html,
            }
        ]
    )
    assert [finding.check for finding in audit_reports(frame) if not finding.passed] == []
    for active in (
        "<SCRIPT>alert(1)</SCRIPT>",
        '<a href="javascript:alert(1)">x</a>',
        '<img alt="" onerror="alert(1)">',
    ):
        frame["html"] = pages.html.replace("<main>", f"<main>{active}")
        failed = [finding.check for finding in audit_reports(frame) if not finding.passed]
        assert failed == ["pages_run_no_script"]


def test_a_report_whose_sentences_were_all_dropped_still_has_its_table() -> None:
    sheet = sheet_of(*kettles())
    pages = pages_of(replace(sheet), NOTHING)
    assert "The day's data suggests no change." in blocks(pages.markdown)
    assert "Kettle A" in blocks(pages.markdown)
