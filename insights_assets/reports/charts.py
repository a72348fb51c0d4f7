"""The charts of a report, as SVG to stand inside a page: no script, no network, no page text.

Products appear by their number in the report's table, so that no title reaches a chart. Equal
data gives equal bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from insights_assets.charts import event_timeline
from insights_assets.charts.drawing import (
    FAINT,
    GREY,
    Plot,
    colour_of,
    drawing,
    embedded_svg,
    new_figure,
)
from insights_assets.charts.event_timeline import (
    EventRow,
    draw_event_timeline,
    draw_severity_key,
)
from insights_assets.charts.histories import MOST_LINES, Line, draw_history
from insights_assets.competition.formulas import Dimension

#: Inches: of a chart, of a row of bars with the air around it, and of the margins of the plot.
_WIDTH, _HEIGHT, _BAR = 7.2, 2.4, 0.25
_LEFT, _RIGHT, _BELOW, _ABOVE = 0.75, 0.35, 0.3, 0.1
#: Of the columns of bars: the margin before them, between two of them, and their headings.
_NUMBERS, _COLUMN_GAP, _COLUMN_HEAD = 0.35, 0.46, 0.28
#: Of the event timeline: the margin before it, and the key above it.
_TIMELINE_LEFT, _KEY = 0.5, 0.32
_MISSING = "–"


@dataclass(frozen=True)
class ProductScores:
    """A product's scores, by its number (None: missing)."""

    number: int
    overall: float | None
    dimensions: Mapping[Dimension, float | None]


def line_chart(
    name: str,
    title: str,
    days: Sequence[date],
    lines: Sequence[Line],
    *,
    format_value: Callable[[float], str],
    is_rank: bool = False,
) -> str:
    """Lines over days, the latest value of each marked with its number.

    ``is_rank``: a logarithmic axis with the lowest value on top. ``name`` keeps the ids of the
    charts of one page apart.
    """
    latest = (
        f"product {line.number} {format_value(known[-1])}"
        for line in lines[:MOST_LINES]
        if (known := [value for value in line.values if value is not None])
    )
    with drawing(name):
        plot = _plot(_HEIGHT)
        draw_history(plot, days, lines, format_value=format_value, is_rank=is_rank)
        return embedded_svg(plot.figure, title, f"Latest values: {'; '.join(latest) or 'none'}.")


def score_bars(name: str, title: str, scores: Sequence[ProductScores]) -> str:
    """A row for each of the first ``MOST_LINES`` products, in the order given: a bar of its overall
    score and, paler, one of each dimension's, all from 0 to 100."""
    shown = scores[:MOST_LINES]
    height = _BAR * max(2, len(shown))
    with drawing(name):
        figure = new_figure(_WIDTH, height + _BELOW + _COLUMN_HEAD)
        heads = ("overall", *Dimension)
        width = (_WIDTH - _NUMBERS) / len(heads) - _COLUMN_GAP
        for column, head in enumerate(heads):
            left = _NUMBERS + column * (width + _COLUMN_GAP)
            plot = Plot(figure, left, _BELOW, width, height)
            is_first = column == 0
            weight = "bold" if is_first else "normal"
            plot.text(0, 1 + 0.08 / height, head.capitalize(), va="bottom", weight=weight)
            for mark in (0, 50, 100):
                plot.line((mark / 100, mark / 100), (0, 1), color=FAINT, linewidth=0.6, zorder=0)
                plot.text(mark / 100, -0.06 / height, str(mark), ha="center", va="top", color=GREY)
            for place, each in enumerate(shown):
                score = each.overall if is_first else each.dimensions.get(Dimension(head))
                _draw_bar(plot, place, 1 / len(shown), each.number, score, is_first)
        return embedded_svg(figure, title)


def _draw_bar(
    plot: Plot, place: int, row: float, number: int, score: float | None, is_first: bool
) -> None:
    middle = 1 - (place + 0.5) * row
    gap = 0.06 / plot.width
    weight = "bold" if is_first else "normal"
    if is_first:
        plot.text(-gap, middle, str(number), ha="right", va="center", weight="bold")
    if score is None:
        plot.text(gap, middle, _MISSING, va="center", color=GREY)
        return
    plot.box(
        0,
        middle - 0.31 * row,
        score / 100,
        0.62 * row,
        color=colour_of(number),
        alpha=1 if is_first else 0.5,
    )
    plot.text(score / 100 + gap, middle, f"{score:.1f}", va="center", weight=weight)


def event_chart(name: str, title: str, days: Sequence[date], rows: Sequence[EventRow]) -> str:
    """The events of products over days, by their numbers: see ``draw_event_timeline``."""
    height = event_timeline.ROW * max(2, min(len(rows), event_timeline.MOST_ROWS))
    counts = (f"product {row.number} {sum(map(len, row.events.values()))}" for row in rows)
    with drawing(name):
        figure = new_figure(_WIDTH, height + _BELOW + _KEY)
        plot = Plot(figure, _TIMELINE_LEFT, _BELOW, _WIDTH - _TIMELINE_LEFT - _RIGHT, height)
        draw_severity_key(plot, 1 + 0.18 / height)
        draw_event_timeline(plot, days, rows)
        return embedded_svg(figure, title, f"Events: {'; '.join(counts) or 'none'}.")


def _plot(height: float) -> Plot:
    figure = new_figure(_WIDTH, height)
    return Plot(figure, _LEFT, _BELOW, _WIDTH - _LEFT - _RIGHT, height - _BELOW - _ABOVE)
