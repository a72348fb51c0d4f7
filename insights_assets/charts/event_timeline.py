"""The event timeline: a row for each product, and in it a mark on each day on which something
happened. Shapes tell severities apart, in print and in grey too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from insights_assets.charts.drawing import FAINT, GREY, Plot, colour_of
from insights_assets.charts.histories import day_place, draw_days, labelled_days

#: Rows that a chart shows.
MOST_ROWS = 24
#: Inches of a row.
ROW = 0.25
#: Severity -> how it is drawn, the gravest first: filled dark, filled light, hollow.
_MARKS: dict[str, dict[str, Any]] = {
    "critical": {"marker": "D", "markersize": 5.5, "color": "#a01c0b"},
    "warning": {
        "marker": "^",
        "markersize": 6.5,
        "markerfacecolor": "#f0b429",
        "markeredgecolor": "#7a4b00",
        "markeredgewidth": 0.8,
    },
    "info": {
        "marker": "o",
        "markersize": 5.5,
        "markerfacecolor": "white",
        "markeredgecolor": GREY,
        "markeredgewidth": 1.1,
    },
}


@dataclass(frozen=True)
class EventRow:
    """A product's events: day, by number, to the severities of that day's events."""

    number: int
    events: Mapping[int, Sequence[str]]


def draw_event_timeline(plot: Plot, days: Sequence[date], rows: Sequence[EventRow]) -> None:
    """Draws a row for each of the first ``MOST_ROWS``, in their order. A day has one mark, of its
    gravest event; a number beside it says how many there were, if not one."""
    shown = rows[:MOST_ROWS]
    row = 1 / max(1, len(shown))
    for day in labelled_days(days):
        at = day_place(day, len(days))
        plot.line((at, at), (0, 1), color=FAINT, linewidth=0.6, zorder=0)
    marks: dict[str, list[tuple[float, float]]] = {severity: [] for severity in _MARKS}
    for place, each in enumerate(shown):
        middle = 1 - (place + 0.5) * row
        plot.line((0, 1), (middle, middle), color=FAINT, linewidth=0.6, zorder=0)
        plot.text(
            -0.16 / plot.width,
            middle,
            str(each.number),
            ha="right",
            va="center",
            color=colour_of(each.number),
            weight="bold",
        )
        for day, severities in sorted(each.events.items()):
            at = day_place(day, len(days))
            marks[_gravest(severities)].append((at, middle))
            if len(severities) > 1:
                right, above = at + 0.05 / plot.width, middle + 0.03 / plot.height
                plot.text(right, above, str(len(severities)), va="bottom", size=6, color=GREY)
    for severity, places in marks.items():
        _draw_marks(plot, severity, places)
    draw_days(plot, days)


def draw_severity_key(plot: Plot, at: float) -> None:
    """Which mark is which severity: in one line at this height of the plot."""
    x = 0.0
    for severity in _MARKS:
        _draw_marks(plot, severity, [(x, at)])
        plot.text(x + 0.1 / plot.width, at, severity, va="center")
        x += 0.85 / plot.width
    plot.text(x, at, "small number: alerts of the day, if not one", va="center", color=GREY)


def _gravest(severities: Sequence[str]) -> str:
    return next((severity for severity in _MARKS if severity in severities), "info")


def _draw_marks(plot: Plot, severity: str, places: Sequence[tuple[float, float]]) -> None:
    if places:
        plot.line(*zip(*places, strict=True), linestyle="", **_MARKS[severity])
