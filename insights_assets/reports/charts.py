"""The charts of a report, as SVG to stand inside a page: no script, no network, no page text.

Products appear by their number in the report's table, so that no title reaches a chart. Equal
data gives equal bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from insights_assets.charts.drawing import (
    FAINT,
    Plot,
    colour_of,
    drawing,
    embedded_svg,
    new_figure,
)
from insights_assets.charts.histories import MOST_LINES, Line, draw_history

#: Inches: of a chart, of a bar with the air around it, and of the margins of the plot.
_WIDTH, _HEIGHT, _BAR = 7.2, 2.4, 0.25
_LEFT, _RIGHT, _BELOW, _ABOVE = 0.75, 0.35, 0.3, 0.1


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
    with drawing(name):
        plot = _plot(_HEIGHT)
        draw_history(plot, days, lines, format_value=format_value, is_rank=is_rank)
        return embedded_svg(plot.figure, title)


def score_bars(name: str, title: str, scores: Sequence[tuple[int, float]]) -> str:
    """A bar for each (number, overall score), from 0 to 100, in the order given."""
    shown = scores[:MOST_LINES]
    row = 1 / max(1, len(shown))
    with drawing(name):
        plot = _plot(_BAR * max(2, len(shown)) + _BELOW + _ABOVE)
        for mark in (0, 25, 50, 75, 100):
            plot.line((mark / 100, mark / 100), (0, 1), color=FAINT, linewidth=0.6, zorder=0)
            plot.text(mark / 100, -0.04, str(mark), ha="center", va="top")
        for place, (number, score) in enumerate(shown):
            middle = 1 - (place + 0.5) * row
            height = 0.62 * row
            plot.box(0.0, middle - height / 2, score / 100, height, color=colour_of(number))
            plot.text(-0.012, middle, str(number), ha="right", va="center", weight="bold")
            plot.text(score / 100 + 0.008, middle, f"{score:.1f}", va="center")
        return embedded_svg(plot.figure, title)


def _plot(height: float) -> Plot:
    figure = new_figure(_WIDTH, height)
    return Plot(figure, _LEFT, _BELOW, _WIDTH - _LEFT - _RIGHT, height - _BELOW - _ABOVE)
