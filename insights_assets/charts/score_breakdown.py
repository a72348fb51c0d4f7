"""The score breakdown: for each member of a group the points that each dimension adds to its
overall score, stacked, with the dimensions' own scores beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from insights_assets.charts.drawing import FAINT, GREY, Plot
from insights_assets.competition.formulas import Dimension

#: Members that a chart shows.
MOST_ROWS = 40
#: Inches of a row.
ROW = 0.27
_COLOURS = {
    # No colours: those are the products'.
    Dimension.PRICE: "#3d4450",
    Dimension.QUALITY: "#8b95a5",
    Dimension.POPULARITY: "#c5cbd5",
}
_MISSING = "–"


@dataclass(frozen=True)
class ScoreRow:
    """A member: how it is named, its dimensions' scores and contributions (None: missing), its
    overall score, and whether it is the one that the chart is about."""

    label: str
    scores: Mapping[Dimension, float | None]
    contributions: Mapping[Dimension, float | None]
    overall: float | None
    is_subject: bool = False


def draw_score_breakdown(
    plot: Plot, rows: Sequence[ScoreRow], columns: Sequence[float], label_at: float
) -> None:
    """Draws a row for each of the first ``MOST_ROWS``, in their order. ``columns`` has where the
    three dimensions' scores stand (right edge, in widths of the plot); ``label_at`` where names
    begin."""
    shown = rows[:MOST_ROWS]
    row = 1 / max(1, len(shown))
    below = -0.05 / plot.height
    for mark in (0, 25, 50, 75, 100):
        plot.line((mark / 100, mark / 100), (0, 1), color=FAINT, linewidth=0.6, zorder=0)
        plot.text(mark / 100, below, str(mark), ha="center", va="top")
    plot.text(-0.04, below, "points", ha="right", va="top", color=GREY)
    head = 1 + 0.05 / plot.height
    for dimension, at in zip(Dimension, columns, strict=True):
        plot.text(at, head, str(dimension), ha="right", va="bottom", color=GREY)
    for place, each in enumerate(shown):
        middle = 1 - (place + 0.5) * row
        weight = "bold" if each.is_subject else "normal"
        plot.text(label_at, middle, each.label, ha="left", va="center", weight=weight)
        left = 0.0
        for dimension in Dimension:
            points = each.contributions.get(dimension)
            if points is not None:
                plot.box(
                    left,
                    middle - 0.31 * row,
                    points / 100,
                    0.62 * row,
                    facecolor=_COLOURS[dimension],
                    # Sets neighbours apart, and shows them apart in print.
                    edgecolor="white",
                    linewidth=0.8,
                )
                left += points / 100
        if each.overall is None:
            plot.text(0.012, middle, "no overall score", va="center", color=GREY, style="italic")
        else:
            plot.text(left + 0.012, middle, f"{each.overall:.1f}", va="center", weight="bold")
        for dimension, at in zip(Dimension, columns, strict=True):
            score = each.scores.get(dimension)
            text = _MISSING if score is None else f"{score:.1f}"
            plot.text(at, middle, text, ha="right", va="center")


def draw_dimension_key(plot: Plot, at: float) -> None:
    """Which colour is which dimension: in one line at this height of the plot."""
    x = 0.0
    for dimension in Dimension:
        size = 0.1
        plot.box(x, at, size / plot.width, size / plot.height, facecolor=_COLOURS[dimension])
        plot.text(x + 0.16 / plot.width, at, f"from {dimension}", va="bottom")
        x += (0.5 + 0.075 * len(dimension)) / plot.width + 0.16 / plot.width
