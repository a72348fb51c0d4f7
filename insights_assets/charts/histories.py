"""Histories: lines over days, of amounts (a linear axis) or ranks (a logarithmic one, the lowest
on top). A day without a value is a gap in its line."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from insights_assets.charts.drawing import FAINT, GREY, Plot, colour_of, dashes_of

#: Lines that a chart shows; more cannot be told apart.
MOST_LINES = 12
#: Labels of days below a chart, at most.
_MOST_DAY_LABELS = 7
_DAY_STEPS = (1, 2, 7, 14, 28, 56, 91, 182, 364)
#: Inches between the labels at the ends of lines.
_LABEL_GAP = 0.17


@dataclass(frozen=True)
class Line:
    """Values by day (None: missing). ``number`` gives its colour, and stands at its end unless
    there is a ``label``."""

    number: int
    values: Sequence[float | None]
    label: str | None = None

    @property
    def has_values(self) -> bool:
        return any(value is not None for value in self.values)


@dataclass(frozen=True)
class ValueAxis:
    """Where a value stands between the bottom (0) and the top (1) of a plot."""

    low: float
    high: float
    is_rank: bool

    @classmethod
    def of(cls, values: Sequence[float], *, is_rank: bool) -> ValueAxis:
        """An axis for these values with some air; for equal ones around them."""
        if not values:
            return cls(1 if is_rank else 0, 10 if is_rank else 1, is_rank)
        low, high = min(values), max(values)
        if is_rank:
            return cls(max(0.8, low / 1.2), high * 1.2, is_rank)
        air = (high - low) * 0.08 or high * 0.05 or 1
        return cls(max(0.0, low - air), high + air, is_rank)

    def height(self, value: float) -> float:
        if self.is_rank:
            return math.log(self.high / value) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def marks(self) -> list[float]:
        """A few round values on it."""
        if self.is_rank:
            return _rank_ticks(self.low, self.high)
        return _even_ticks(self.low, self.high)


def draw_history(
    plot: Plot,
    days: Sequence[date],
    lines: Sequence[Line],
    *,
    format_value: Callable[[float], str],
    is_rank: bool = False,
) -> ValueAxis:
    """Draws the lines over the days, each labelled at its latest value, and both axes. Returns the
    axis of the values. Lines without a value, and more than ``MOST_LINES``, are not drawn."""
    shown = [line for line in lines if line.has_values][:MOST_LINES]
    axis = ValueAxis.of(
        [v for line in shown for v in line.values if v is not None], is_rank=is_rank
    )
    for mark in axis.marks():
        at = axis.height(mark)
        plot.line((0, 1), (at, at), color=FAINT, linewidth=0.6, zorder=0)
        plot.text(-0.012, at, format_value(mark), ha="right", va="center")
    draw_days(plot, days)
    ends = []
    for place, line in enumerate(shown):
        heights = [math.nan if v is None else axis.height(v) for v in line.values]
        known = [day for day, value in enumerate(heights) if not math.isnan(value)]
        _draw_line(plot, line.number, heights)
        ends.append((heights[known[-1]], place))
    for at, place in _apart(ends, _LABEL_GAP / plot.height):
        line = shown[place]
        label = str(line.number) if line.label is None else line.label
        plot.text(1.012, at, label, va="center", color=colour_of(line.number), weight="bold")
    return axis


def day_place(day: int, days: int) -> float:
    """Where the day of this number stands on the plot, 0 to 1."""
    return 0.5 if days == 1 else day / (days - 1)


def labelled_days(days: Sequence[date]) -> range:
    """The days, by number, that an axis names: a few, the last one among them."""
    step = next(
        (each for each in _DAY_STEPS if len(days) <= each * _MOST_DAY_LABELS), _DAY_STEPS[-1]
    )
    return range(len(days) - 1, -1, -step)


def draw_days(plot: Plot, days: Sequence[date]) -> None:
    """Draws the axis of days below the plot."""
    labelled = labelled_days(days)
    with_year = len(days) > 1 and days[0].year != days[-1].year and labelled.step < -14
    for day in labelled:
        label = f"{days[day].day} {days[day]:%b}" + (f" {days[day].year}" if with_year else "")
        at = day_place(day, len(days))
        plot.text(at, -0.05, label, ha="center", va="top")


def _draw_line(plot: Plot, number: int, heights: Sequence[float]) -> None:
    padded = [math.nan, *heights, math.nan]
    # A value without neighbours is no line.
    alone = [
        day
        for day, value in enumerate(heights)
        if not math.isnan(value) and math.isnan(padded[day]) and math.isnan(padded[day + 2])
    ]
    plot.line(
        [day_place(day, len(heights)) for day in range(len(heights))],
        heights,
        color=colour_of(number),
        linewidth=1.6,
        linestyle=dashes_of(number),
        marker="o" if alone else "",
        markevery=alone or None,
        markersize=3,
    )


@dataclass(frozen=True)
class Band:
    """Days, by number, the first to the last, that are shaded: of what ``label`` says."""

    first: int
    last: int


def draw_bands(plot: Plot, days: Sequence[date], bands: Sequence[Band]) -> None:
    """Shades days from top to bottom, each half a day to both sides."""
    for band in bands:
        half = 0.5 / max(1, len(days) - 1)
        left = max(0.0, day_place(band.first, len(days)) - half)
        right = min(1.0, day_place(band.last, len(days)) + half)
        plot.box(left, 0, right - left, 1, color="#f1f2f4", zorder=-1)


def draw_marks(plot: Plot, days: Sequence[date], marked: Sequence[int]) -> None:
    """A small triangle at the foot of each of these days, by number."""
    if marked:
        plot.line(
            [day_place(day, len(days)) for day in marked],
            [0.03] * len(marked),
            color=GREY,
            linestyle="",
            marker="^",
            markersize=3.5,
        )


def bands_of(holds: Sequence[bool]) -> list[Band]:
    """The stretches of days for which something holds."""
    bands: list[Band] = []
    for day, value in enumerate(holds):
        if not value:
            continue
        if bands and bands[-1].last == day - 1:
            bands[-1] = Band(bands[-1].first, day)
        else:
            bands.append(Band(day, day))
    return bands


def _even_ticks(low: float, high: float) -> list[float]:
    """Three to six round values between the limits."""
    span = high - low
    step = 10.0 ** len(str(int(span * 10))) if span > 0 else 1.0
    while span / step < 3:
        for divisor in (2, 2.5, 2):
            step /= divisor
            if span / step >= 3:
                break
    first = -(-low // step)
    return [round((first + n) * step, 6) for n in range(8) if (first + n) * step <= high]


def _rank_ticks(low: float, high: float) -> list[float]:
    """1, 2, 5, 10 and so on between the limits, no more than six."""
    steps = [factor * 10.0**power for power in range(8) for factor in (1, 2, 5)]
    inside = [step for step in steps if low <= step <= high]
    if len(inside) > 6:
        inside = [step for step in inside if str(step).startswith("1")]
    return inside or [float(round(low + (high - low) / 2) or 1)]


def _apart(ends: Sequence[tuple[float, int]], gap: float) -> list[tuple[float, int]]:
    """(height, place) of each line's end, moved so that no two labels overlap."""
    last = -1.0
    placed = []
    for height, place in sorted(ends):
        last = max(height, last + gap)
        placed.append((last, place))
    # Those pushed out at the top move all below them down again.
    ceiling = 1.0
    moved = []
    for height, place in reversed(placed):
        moved.append((min(height, ceiling), place))
        ceiling = moved[-1][0] - gap
    return moved
