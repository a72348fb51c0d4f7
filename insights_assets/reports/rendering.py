"""A verified report as pages for people: Markdown, and one printable HTML page with charts.

All text of product pages is hostile. Nothing that is not seen reaches a page (see
``visible_text``), the HTML template escapes every value (autoescape), the Markdown template
backslash-escapes every value, and names that are written from right to left are set apart from the
sentence around them. The HTML page needs no network and runs no script.
"""

from __future__ import annotations

import base64
import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from html import unescape
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from insights_assets.charts import event_timeline
from insights_assets.charts.drawing import colour_of
from insights_assets.charts.event_timeline import EventRow
from insights_assets.charts.histories import MOST_LINES, Line
from insights_assets.competition.formulas import Dimension
from insights_assets.competition.reasons import reason_words
from insights_assets.display_names import is_right_to_left, plain_text, short_name, visible_text
from insights_assets.reports.amounts import (
    NONE,
    count_text,
    decimal_text,
    money_text,
    percent_text,
)
from insights_assets.reports.charts import ProductScores, event_chart, line_chart, score_bars
from insights_assets.reports.fact import Member
from insights_assets.reports.facts import FactSheet, HistoryLine
from insights_assets.reports.schema import Report
from insights_resources.locales import DEFAULT_LOCALE
from insights_resources.marketplaces import ProductKey

#: Section of the schema -> its heading; SWOT in two by two.
SWOT = {
    "strengths": "Strengths",
    "weaknesses": "Weaknesses",
    "opportunities": "Opportunities",
    "threats": "Threats",
}
#: Alerts that a page lists; more are counted.
_MOST_ALERTS = 40
#: Characters of a statement, of an alert's message, and of a stored reason or state.
_STATEMENT, _MESSAGE, _WORDS = 1000, 300, 80
#: Why a model wrote nothing of a report -> the end of a sentence that says so.
_WHY_NO_MODEL = {
    "no_model": "none is set up",
    "no_budget": "its daily budget is spent",
    "breaker_open": "it failed several times in a row and is left alone for a while",
    "access_refused": "its provider refused access",
    "refused": "it refused to answer",
    "truncated": "its answer was cut off",
    "invalid_answer": "its answer was not in the form that was asked for",
    "timed_out": "it took too long to answer",
    "unavailable": "its provider could not be reached",
    "unverified": "too many of its sentences could not be verified",
    "facts_changed": "the facts changed while it wrote",
    "backfill": "reports of past days are written without one",
}
_LEAST_COST = Decimal("0.0001")

#: Characters that mean something anywhere in Markdown (and in its dialects with tables and math).
_MARKDOWN = re.compile(r"([\\`*_{}\[\]#|~$])")
#: What would begin a list, a heading or a rule where a line begins with it.
_LINE_START = re.compile(r"^(\d+(?=[.)](?!\S))|(?=[-+=](?!\d)))")
#: What would be read as another character.
_ENTITY = re.compile(r"&(?=#?\w+;)")
_CHART = re.compile(r"<svg\b.*?<title>(?P<title>[^<]*)</title>.*?</svg>", re.DOTALL)
#: What some dialects make a link of by itself.
_AUTOLINK = re.compile(r"(?i)\b(https?|ftp|mailto|xmpp)(:)|\b(www)(\.)")


@dataclass(frozen=True)
class Pages:
    """One report in both forms."""

    markdown: str
    html: str


@dataclass(frozen=True)
class Provenance:
    """What a page says of how it came to be.

    ``model``: the model asked, if any. ``fallback_reason``: why the report is not of its words (a
    key of ``_WHY_NO_MODEL``). ``cost``: what the tokens cost, in USD.
    """

    facts_hash: str
    writer: str
    prompt_version: str
    verification: Mapping[str, Any]
    model: str | None = None
    fallback_reason: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: Decimal | None = None


@dataclass(frozen=True)
class Chart:
    """A chart with its caption."""

    title: str
    caption: str
    svg: Markup


def render(sheet: FactSheet, report: Report, provenance: Provenance) -> Pages:
    """The pages of a report, or of its absence where ``sheet`` has a ``no_data_reason``."""
    shared: dict[str, Any] = {
        "sheet": sheet,
        "day": f"{sheet.day.day} {sheet.day:%B %Y}",
        "report": report,
        "swot": [(title, getattr(report, name)) for name, title in SWOT.items()],
        "rows": [_table_row(sheet, member) for member in sheet.members],
        "gaps": _gaps(sheet),
        "alerts": [_alert_row(sheet, alert) for alert in sheet.alerts[:_MOST_ALERTS]],
        "more_alerts": max(0, len(sheet.alerts) - _MOST_ALERTS),
        "held": _held(provenance.verification),
        "written_by": written_by(provenance),
        "facts_hash": provenance.facts_hash,
    }
    return Pages(
        markdown=_markdown_environment()
        .get_template("report.md.j2")
        .render(shared, sentence=_sentence_writer(sheet, markdown_text)),
        html=_html_environment()
        .get_template("report.html.j2")
        .render(shared, sentence=_sentence_writer(sheet, escape), charts=_charts(sheet)),
    )


def written_by(provenance: Provenance) -> str:
    """Who wrote a report, why no model did, and what was used of one: in sentences."""
    is_of_model = provenance.model is not None and provenance.fallback_reason is None
    if is_of_model:
        text = f"Written by {provenance.model} (prompt version {provenance.prompt_version})"
    else:
        text = f"Written by the {provenance.writer} writer, version {provenance.prompt_version}"
    reason = provenance.fallback_reason
    if reason is not None:
        words = _WHY_NO_MODEL.get(reason, reason.replace("_", " "))
        model = "no model was" if provenance.model is None else f"{provenance.model} was not"
        text += f": {model} used because {words}"
    used = _used(provenance)
    if not used:
        return f"{text}."
    return f"{text}: {used}." if is_of_model else f"{text}. It took {used}."


def _used(provenance: Provenance) -> str:
    """``3,120 tokens in, 910 out, $0.0042``, as far as it is known."""
    parts = []
    if provenance.input_tokens is not None:
        parts.append(f"{count_text(provenance.input_tokens, DEFAULT_LOCALE)} tokens in")
    if provenance.output_tokens is not None:
        unit = "" if parts else " tokens"
        parts.append(f"{count_text(provenance.output_tokens, DEFAULT_LOCALE)}{unit} out")
    if provenance.cost is not None:
        is_tiny = 0 < provenance.cost < _LEAST_COST
        parts.append(f"under ${_LEAST_COST}" if is_tiny else f"${provenance.cost:,.4f}")
    return ", ".join(parts)


def _held(verification: Mapping[str, Any]) -> str:
    """``6 of 7 sentences held, and 1 was left out``; the report's JSON has those left out."""
    sentences, verified = verification["sentences"], verification["verified"]
    left_out = sentences - verified
    held, of = (count_text(number, DEFAULT_LOCALE) for number in (verified, sentences))
    text = f"{held} of {of} sentences held"
    if left_out:
        verb = "was" if left_out == 1 else "were"
        text += f", and {count_text(left_out, DEFAULT_LOCALE)} {verb} left out"
    return text


def charts_as_markdown(html: str) -> str:
    """The charts of a rendered page as images in Markdown, each within its own address, below its
    title; on white, because what shows them may be dark.

    What stands between ``<svg`` and ``</svg>`` in such a page is a chart: all text is escaped.
    """
    images = []
    for chart in _CHART.finditer(html):
        title = re.sub(r"[\[\]\\\s]+", " ", unescape(chart["title"]))
        on_white = chart[0].replace(' style="', ' style="background: white; ', 1)
        encoded = base64.b64encode(on_white.encode()).decode()
        images.append(f"{markdown_text(title)}\n\n![{title}](data:image/svg+xml;base64,{encoded})")
    return "\n\n".join(images)


def markdown_text(text: str) -> str:
    """Text of anybody as text in Markdown: one line, nothing in it has a meaning."""
    line = plain_text(text)
    line = _MARKDOWN.sub(r"\\\1", line)
    line = _ENTITY.sub("&amp;", line).replace("<", "&lt;").replace(">", "&gt;")
    line = _AUTOLINK.sub(lambda m: f"{m[1] or m[3]}\\{m[2] or m[4]}", line)
    return _LINE_START.sub(r"\1\\", line)


@cache
def _html_environment() -> Environment:
    return Environment(
        loader=PackageLoader("insights_assets.reports"),
        autoescape=True,
        finalize=lambda value: visible_text(value) if type(value) is str else value,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _markdown_environment() -> Environment:
    return Environment(
        loader=PackageLoader("insights_assets.reports"),
        autoescape=False,
        finalize=_finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _finalize(value: Any) -> str:
    """Every value that a Markdown template writes; numbers of ours need no escape."""
    return str(value) if isinstance(value, int | float | Markup) else markdown_text(value)


def _sentence_writer(sheet: FactSheet, escaped: Callable[[str], str]) -> Callable[[str], Markup]:
    """How a page writes a statement. A product's name that is written from right to left is
    isolated within its quotes: next to another, or to a number, it would change their order. What
    is longer than any statement of ours is cut, and shown as such."""
    names = sorted((m.name for m in sheet.members if is_right_to_left(m.name)), key=len)
    pattern = re.compile(f"“({'|'.join(re.escape(escaped(name)) for name in reversed(names))})”")

    def written(text: str) -> Markup:
        shown = visible_text(text)
        if len(shown) > _STATEMENT:
            shown = short_name(shown, _STATEMENT)
        safe = str(escaped(shown))
        return Markup(pattern.sub("“\u2068\\1\u2069”", safe) if names else safe)

    return written


# --- the parts of a page -------------------------------------------------------------------------


def _table_row(sheet: FactSheet, member: Member) -> dict[str, Any]:
    subject = member.subject

    def points(key: str) -> str:
        value = sheet.number(subject, key)
        return NONE if value is None else decimal_text(value, sheet.locale)

    price = sheet.get(subject, "price")
    change = sheet.number(subject, "price_change_7d")
    rating, ratings = sheet.number(subject, "rating"), sheet.number(subject, "rating_count")
    rank = sheet.number(subject, "primary_rank")
    position = sheet.number(subject, "position")
    return {
        "number": member.number,
        "colour": colour_of(member.number),
        "is_charted": member.number <= MOST_LINES,
        "name": member.name,
        "asin": member.product.asin,
        "marketplace": member.product.marketplace,
        "position": NONE if position is None else count_text(position, sheet.locale),
        "overall": points("overall"),
        "price_score": points("price_score"),
        "quality_score": points("quality_score"),
        "popularity_score": points("popularity_score"),
        "robust": points("robust_overall"),
        "price": NONE if price is None else money_text(str(price.value), price.unit, sheet.locale),
        "price_change": NONE if change is None else percent_text(change, sheet.locale, signed=True),
        "rating": NONE if rating is None else decimal_text(rating, sheet.locale),
        "ratings": NONE if ratings is None else count_text(ratings, sheet.locale),
        "rank": NONE if rank is None else count_text(rank, sheet.locale),
        "availability": short_name(
            (sheet.text(subject, "availability") or NONE).replace("_", " "), _WORDS
        ),
    }


def _gaps(sheet: FactSheet) -> list[tuple[str, str]]:
    """(product, which scores are missing and why) of the products that miss one."""
    gaps = []
    for member in sheet.members:
        missing = sheet.missing.get(member.subject, {})
        by_reason: dict[str, list[str]] = {}
        for dimension, reason in missing.items():
            by_reason.setdefault(reason, []).append(dimension)
        if by_reason:
            words = "; ".join(
                f"{', '.join(dimensions)}: it {short_name(reason_words(reason), _WORDS)}"
                for reason, dimensions in by_reason.items()
            )
            gaps.append((member.name, words))
        elif not member.is_scored:
            gaps.append((member.name, "all: it has not been scored for this day"))
    return gaps


def _alert_row(sheet: FactSheet, alert: Any) -> dict[str, str]:
    names = {member.product: member.name for member in sheet.members}
    return {
        "day": alert.day.isoformat(),
        "severity": alert.severity,
        "product": names[alert.product],
        "message": short_name(alert.message, _MESSAGE),
    }


def _charts(sheet: FactSheet) -> list[Chart]:
    """Scores, price history, rank history and events, each where there is something to show."""
    charts = []
    if scores := _scores(sheet):
        left = len(scores) - MOST_LINES
        more = f" {left} more are not shown." if left > 0 else ""
        charts.append(
            Chart(
                "Scores",
                "Standard method, 0 to 100 points: the overall score is made of the three beside "
                f"it. Products have the numbers of the table.{more}",
                Markup(score_bars("scores", f"Scores of {sheet.group_name}", scores)),
            )
        )
    numbers = {member.product: member.number for member in sheet.members}
    lines, (_, currency), left_out = _most_alike(
        sheet, lambda line: line.currency, lambda line: line.prices
    )
    if lines and currency:
        code = currency
        svg = line_chart(
            "prices",
            f"Prices of {sheet.group_name} over the last 30 days",
            sheet.days(),
            [Line(numbers[line.product], line.prices) for line in lines],
            format_value=lambda value: _tick(value, code, sheet.locale),
        )
        charts.append(
            Chart(
                "Price history",
                f"Daily closing prices of the last 30 days in {currency}.{left_out}",
                Markup(svg),
            )
        )
    lines, (_, node), left_out = _most_alike(
        sheet, lambda line: line.rank_node, lambda line: line.ranks
    )
    if lines and node:
        svg = line_chart(
            "ranks",
            f"Best Sellers Ranks of {sheet.group_name} over the last 30 days",
            sheet.days(),
            [Line(numbers[line.product], line.ranks) for line in lines],
            format_value=lambda value: count_text(value, sheet.locale),
            is_rank=True,
        )
        charts.append(
            Chart(
                "Rank history",
                f"Top-level Best Sellers Rank of the last 30 days, the best on top.{left_out}",
                Markup(svg),
            )
        )
    if events := _events(sheet):
        left = len(events) - event_timeline.MOST_ROWS
        more = f" Those of {left} more products are not shown." if left > 0 else ""
        title = f"Alerts of {sheet.group_name} over the last 30 days"
        charts.append(
            Chart(
                "Event timeline",
                f"Alerts of the last 30 days, by product; the list below has each.{more}",
                Markup(event_chart("events", title, sheet.days(), events)),
            )
        )
    return charts


def _scores(sheet: FactSheet) -> list[ProductScores]:
    """Of the products that have any, in the order of the table."""
    return [
        ProductScores(
            member.number,
            sheet.number(member.subject, "overall"),
            {each: sheet.number(member.subject, f"{each}_score") for each in Dimension},
        )
        for member in sheet.members
        if member.is_scored
    ]


def _events(sheet: FactSheet) -> list[EventRow]:
    """The alerts of the products that have any, in the order of the table."""
    place = {day: number for number, day in enumerate(sheet.days())}
    by_product: dict[ProductKey, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for alert in sheet.alerts:
        by_product[alert.product][place[alert.day]].append(alert.severity)
    return [
        EventRow(member.number, by_product[member.product])
        for member in sheet.members
        if member.product in by_product
    ]


def _most_alike(
    sheet: FactSheet, kind: Any, values: Any
) -> tuple[list[HistoryLine], tuple[str, str | None], str]:
    """The most members' lines that can share an axis (one marketplace and kind), these two, and a
    sentence on those left out."""
    kinds: dict[tuple[str, str | None], list[HistoryLine]] = {}
    for line in sheet.history:
        if kind(line) is not None and any(value is not None for value in values(line)):
            kinds.setdefault((line.product.marketplace, kind(line)), []).append(line)
    if not kinds:
        return [], ("", None), ""
    chosen = max(kinds, key=lambda each: len(kinds[each]))
    left = sum(map(len, kinds.values())) - min(len(kinds[chosen]), MOST_LINES)
    note = (
        "" if left == 0 else f" {left} more are not shown: they share no axis, or would crowd it."
    )
    return kinds[chosen], chosen, note


def _tick(value: float, currency: str, locale: str) -> str:
    # A narrow space is not in every font that may show the chart.
    return money_text(f"{value:.2f}", currency, locale).replace("\u202f", "\u00a0")
