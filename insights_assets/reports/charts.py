"""The charts of a report, as SVG to stand inside a page: no script, no network, no page text.

Products appear by their number in the report's table, so that no title reaches a chart. Equal
data gives equal bytes: no dates, and ids from a fixed salt.
"""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Told apart by people who do not see all colours too (Okabe and Ito's), then again dashed.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#4b4b4b")
_DASHES = ("-", (0, (4, 2)), (0, (1, 1.5)))
_LINES = "stroke-linejoin: round; stroke-linecap: butt"
#: Lines that a chart shows; more cannot be told apart.
MOST_LINES = 12

#: Inches: of a chart, of a bar with the air around it, and of the margins of the plot.
_WIDTH, _HEIGHT, _BAR = 7.2, 2.4, 0.25
_LEFT, _RIGHT, _BELOW, _ABOVE = 0.75, 0.35, 0.3, 0.1
_INK, _FAINT = "#3d4450", "#dfe3e8"
_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.size": 8.5,
    "path.simplify": True,
}
_GROUP_ID = re.compile(r'<g id="[^"]*"')
_STYLE = re.compile(r"\s*<defs>\s*<style[^>]*>[^<]*</style>\s*</defs>")
_SVG_START = re.compile(r"<svg\b")


@dataclass(frozen=True)
class Line:
    """A product's values by day (None: missing), and its number in the table."""

    number: int
    values: Sequence[float | None]


def colour_of(number: int) -> str:
    """The colour of a product in all charts, by its number from 1."""
    return COLOURS[(number - 1) % len(COLOURS)]


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
    shown = [line for line in lines if any(v is not None for v in line.values)][:MOST_LINES]
    low, high = _padded([v for line in shown for v in line.values if v is not None], is_rank)

    def height(value: float) -> float:
        """0 at the bottom of the plot, 1 at its top."""
        if is_rank:
            return math.log(high / value) / math.log(high / low)
        return (value - low) / (high - low)

    with _settings(name):
        plot = _Plot(_HEIGHT)
        for mark in _rank_ticks(low, high) if is_rank else _even_ticks(low, high):
            plot.line((0, 1), (height(mark), height(mark)), color=_FAINT, linewidth=0.6, zorder=0)
            plot.text(-0.012, height(mark), format_value(mark), ha="right", va="center")
        width = max(1, len(days) - 1)
        for place in range(len(days) - 1, -1, -7):
            label = f"{days[place].day} {days[place]:%b}"
            plot.text(place / width, -0.05, label, ha="center", va="top")
        ends = []
        for line in shown:
            heights = [math.nan if v is None else height(v) for v in line.values]
            known = [place for place, value in enumerate(heights) if not math.isnan(value)]
            plot.line(
                [place / width for place in range(len(heights))],
                heights,
                color=colour_of(line.number),
                linewidth=1.6,
                linestyle=_DASHES[((line.number - 1) // len(COLOURS)) % len(_DASHES)],
                # A value without neighbours is no line.
                marker="o" if len(known) == 1 else "",
                markersize=3,
            )
            ends.append((heights[known[-1]], line.number))
        for at, number in _apart(ends):
            colour = colour_of(number)
            plot.text(1.012, at, str(number), va="center", color=colour, weight="bold")
        return _svg(plot.figure, title)


def score_bars(name: str, title: str, scores: Sequence[tuple[int, float]]) -> str:
    """A bar for each (number, overall score), from 0 to 100, in the order given."""
    shown = scores[:MOST_LINES]
    row = 1 / max(1, len(shown))
    with _settings(name):
        plot = _Plot(_BAR * max(2, len(shown)) + _BELOW + _ABOVE)
        for mark in (0, 25, 50, 75, 100):
            plot.line((mark / 100, mark / 100), (0, 1), color=_FAINT, linewidth=0.6, zorder=0)
            plot.text(mark / 100, -0.04, str(mark), ha="center", va="top")
        for place, (number, score) in enumerate(shown):
            middle = 1 - (place + 0.5) * row
            plot.bar(middle, score / 100, 0.62 * row, colour_of(number))
            plot.text(-0.012, middle, str(number), ha="right", va="center", weight="bold")
            plot.text(score / 100 + 0.008, middle, f"{score:.1f}", va="center")
        return _svg(plot.figure, title)


class _Plot:
    """A figure with one plot whose sides are 0 and 1. Lines and texts alone: an ``Axes`` with its
    ticks takes several times as long, and a day has many charts."""

    def __init__(self, height: float) -> None:
        # Imported here: no process that makes no chart pays for it, and none needs a display.
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure
        from matplotlib.transforms import Affine2D

        self.figure = Figure(figsize=(_WIDTH, height))
        FigureCanvasSVG(self.figure)
        self._place = (
            Affine2D()
            .scale(1 - (_LEFT + _RIGHT) / _WIDTH, 1 - (_BELOW + _ABOVE) / height)
            .translate(_LEFT / _WIDTH, _BELOW / height)
            + self.figure.transFigure
        )

    def line(self, x: Sequence[float], y: Sequence[float], **style: Any) -> None:
        from matplotlib.lines import Line2D

        self.figure.add_artist(Line2D(x, y, transform=self._place, **style))

    def bar(self, middle: float, width: float, height: float, colour: str) -> None:
        from matplotlib.patches import Rectangle

        corner = (0.0, middle - height / 2)
        self.figure.add_artist(
            Rectangle(corner, width, height, transform=self._place, color=colour, linewidth=0)
        )

    def text(self, x: float, y: float, text: str, **style: Any) -> None:
        self.figure.text(x, y, text, transform=self._place, **{"color": _INK, **style})


@contextmanager
def _settings(name: str) -> Iterator[None]:
    import matplotlib

    with matplotlib.rc_context(_SETTINGS | {"svg.hashsalt": f"insights/{name}"}):
        yield


def _svg(figure: Figure, title: str) -> str:
    """The figure without the prologue of a file, told to those who cannot see it."""
    buffer = io.StringIO()
    metadata: dict[str, Any] = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with warnings.catch_warnings():
        # The text stays text, shown in a font of the reader's: what matplotlib's own lacks (the
        # yen sign of Japanese prices) is no fault.
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font", UserWarning)
        figure.savefig(buffer, format="svg", transparent=True, metadata=metadata)
    text = buffer.getvalue()
    start = _SVG_START.search(text)
    if start is None:
        raise ValueError("matplotlib wrote no SVG element")
    # Groups are numbered from 1 in each chart: twice in a page with two. Nothing refers to them.
    # Its style sheet would hold for the whole page: the same as inherited properties.
    body = _STYLE.sub("", _GROUP_ID.sub("<g", text[start.end() :].rstrip()))
    opening, _, rest = body.partition(">")
    told = escape(title, {'"': "&quot;"})
    label = f' role="img" style="{_LINES}" aria-label="{told}"'
    return f"<svg{label}{opening}>\n<title>{told}</title>{rest}"


def _padded(values: Sequence[float], is_rank: bool) -> tuple[float, float]:
    """Limits of an axis with some air; on equal values around them."""
    if not values:
        return (1, 10) if is_rank else (0, 1)
    low, high = min(values), max(values)
    if is_rank:
        return max(0.8, low / 1.2), high * 1.2
    air = (high - low) * 0.08 or high * 0.05 or 1
    return max(0.0, low - air), high + air


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


def _apart(ends: Sequence[tuple[float, int]]) -> list[tuple[float, int]]:
    """(height, number) of each line's end, moved so that no two numbers overlap."""
    gap, last = 0.085, -1.0
    placed = []
    for height, number in sorted(ends):
        last = max(height, last + gap)
        placed.append((last, number))
    # Those pushed out at the top move all below them down again.
    ceiling = 1.0
    moved = []
    for height, number in reversed(placed):
        moved.append((min(height, ceiling), number))
        ceiling = moved[-1][0] - gap
    return moved
