"""A verified report as pages for people: Markdown, and one printable HTML page with charts.

All text of product pages is hostile: the HTML template escapes every value (autoescape), the
Markdown template backslash-escapes every value. The HTML page needs no network and runs no script.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from html import unescape
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from insights_assets.charts.drawing import colour_of
from insights_assets.charts.histories import MOST_LINES, Line
from insights_assets.competition.reasons import reason_words
from insights_assets.reports.amounts import (
    NONE,
    count_text,
    decimal_text,
    money_text,
    percent_text,
)
from insights_assets.reports.charts import line_chart, score_bars
from insights_assets.reports.fact import Member
from insights_assets.reports.facts import FactSheet, HistoryLine
from insights_assets.reports.schema import Report

#: Section of the schema -> its heading; SWOT in two by two.
SWOT = {
    "strengths": "Strengths",
    "weaknesses": "Weaknesses",
    "opportunities": "Opportunities",
    "threats": "Threats",
}
#: Alerts that a page lists; more are counted.
_MOST_ALERTS = 40

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
    """What a page says of how it came to be."""

    facts_hash: str
    writer: str
    prompt_version: str
    verification: Mapping[str, Any]


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
        "provenance": provenance,
    }
    return Pages(
        markdown=_markdown_environment().get_template("report.md.j2").render(shared),
        html=_html_environment()
        .get_template("report.html.j2")
        .render(shared, charts=_charts(sheet)),
    )


def charts_as_markdown(html: str) -> str:
    """The charts of a rendered page as images in Markdown, each within its own address, below its
    title.

    What stands between ``<svg`` and ``</svg>`` in such a page is a chart: all text is escaped.
    """
    images = []
    for chart in _CHART.finditer(html):
        title = re.sub(r"[\[\]\\\s]+", " ", unescape(chart["title"]))
        encoded = base64.b64encode(chart[0].encode()).decode()
        images.append(f"{markdown_text(title)}\n\n![{title}](data:image/svg+xml;base64,{encoded})")
    return "\n\n".join(images)


def markdown_text(text: str) -> str:
    """Text of anybody as text in Markdown: one line, nothing in it has a meaning."""
    line = " ".join(str(text).split())
    line = _MARKDOWN.sub(r"\\\1", line)
    line = _ENTITY.sub("&amp;", line).replace("<", "&lt;").replace(">", "&gt;")
    line = _AUTOLINK.sub(lambda m: f"{m[1] or m[3]}\\{m[2] or m[4]}", line)
    return _LINE_START.sub(r"\1\\", line)


@cache
def _html_environment() -> Environment:
    return Environment(
        loader=PackageLoader("insights_assets.reports"),
        autoescape=True,
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
        "availability": (sheet.text(subject, "availability") or NONE).replace("_", " "),
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
                f"{', '.join(dimensions)}: it {reason_words(reason)}"
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
        "message": alert.message,
    }


def _charts(sheet: FactSheet) -> list[Chart]:
    """Scores, price history and rank history, each where there is something to show."""
    charts = []
    scores = [
        (member.number, overall)
        for member in sheet.members
        if (overall := sheet.number(member.subject, "overall")) is not None
    ]
    if scores:
        title = f"Overall scores of {sheet.group_name}"
        charts.append(
            Chart(
                "Overall scores",
                "Standard method, 0 to 100 points. Numbers as in the score table.",
                Markup(score_bars("scores", title, scores)),
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
    return charts


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
