"""The canvas of all charts: plots of lines, bars and texts, and a figure as SVG or PNG.

Equal data gives equal bytes: no dates, and ids from a fixed salt.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, Literal
from xml.sax.saxutils import escape

from insights_assets.display_names import is_right_to_left

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.ft2font import FT2Font

#: Told apart by people who do not see all colours too (Okabe and Ito's), then again dashed.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#4b4b4b")
INK, GREY, FAINT = "#3d4450", "#6b7280", "#dfe3e8"

_DASHES: tuple[Any, ...] = ("-", (0, (4, 2)), (0, (1, 1.5)))
_SVG_LINES = "stroke-linejoin: round; stroke-linecap: butt"
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


def colour_of(number: int) -> str:
    """The colour of a product in all charts of a page, by its number from 1."""
    return COLOURS[(number - 1) % len(COLOURS)]


def dashes_of(number: int) -> Any:
    """Its line style: products of one colour differ by it."""
    return _DASHES[((number - 1) // len(COLOURS)) % len(_DASHES)]


class Plot:
    """A part of a figure whose sides are 0 and 1. Lines and texts alone: an ``Axes`` with its ticks
    takes several times as long, and a day has many charts. Measures are in inches."""

    def __init__(
        self, figure: Figure, left: float, bottom: float, width: float, height: float
    ) -> None:
        from matplotlib.transforms import Affine2D

        self.figure, self.width, self.height = figure, width, height
        across, up = figure.get_size_inches()
        self._place = (
            Affine2D().scale(width / across, height / up).translate(left / across, bottom / up)
            + figure.transFigure
        )

    def line(self, x: Sequence[float], y: Sequence[float], **style: Any) -> None:
        from matplotlib.lines import Line2D

        self.figure.add_artist(Line2D(x, y, transform=self._place, **style))

    def box(self, x: float, y: float, width: float, height: float, **style: Any) -> None:
        from matplotlib.patches import Rectangle

        style = {"linewidth": 0, **style}
        self.figure.add_artist(Rectangle((x, y), width, height, transform=self._place, **style))

    def text(self, x: float, y: float, text: str, **style: Any) -> None:
        self.figure.text(x, y, text, transform=self._place, **{"color": INK, **style})


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of a size in inches."""
    # Imported here: no process that makes no chart pays for it, and none needs a display.
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    FigureCanvasSVG(figure)
    return figure


@contextmanager
def drawing(name: str) -> Iterator[None]:
    """Draw and save a figure within this; ``name`` keeps the ids of one page's charts apart."""
    import matplotlib

    with matplotlib.rc_context(_SETTINGS | {"svg.hashsalt": f"insights/{name}"}):
        yield


def embedded_svg(figure: Figure, title: str, description: str = "") -> str:
    """The figure as an element to stand inside a page (no script, no network), told to those who
    cannot see it: ``title`` says what it is, ``description`` what it shows."""
    text = _saved(figure, "svg", transparent=True).decode("utf-8")
    start = _SVG_START.search(text)
    if start is None:
        raise ValueError("matplotlib wrote no SVG element")
    # Groups are numbered from 1 in each chart: twice in a page with two. Nothing refers to them.
    # Its style sheet would hold for the whole page: the same as inherited properties.
    body = _STYLE.sub("", _GROUP_ID.sub("<g", text[start.end() :].rstrip()))
    opening, _, rest = body.partition(">")
    told = escape(title, {'"': "&quot;"})
    label = f' role="img" style="{_SVG_LINES}" aria-label="{told}"'
    described = f"<desc>{escape(description)}</desc>" if description else ""
    return f"<svg{label}{opening}>\n<title>{told}</title>{described}{rest}"


def picture(figure: Figure, kind: Literal["png", "svg"], *, dots_per_inch: int = 150) -> bytes:
    """The figure as a file of its own, on white."""
    return _saved(figure, kind, facecolor="white", dpi=dots_per_inch)


def _saved(figure: Figure, kind: Literal["png", "svg"], **options: Any) -> bytes:
    buffer = io.BytesIO()
    names = ("Date", "Creator", "Format", "Type") if kind == "svg" else ("Software",)
    metadata: dict[str, Any] = dict.fromkeys(names)
    with warnings.catch_warnings():
        # The text stays text, shown in a font of the reader's: what matplotlib's own lacks (the
        # yen sign of Japanese prices) is no fault. A PNG's text is made of what it has.
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font", UserWarning)
        figure.savefig(buffer, format=kind, metadata=metadata, **options)
    return buffer.getvalue()


def can_be_drawn(text: str) -> bool:
    """Whether the font of a PNG has every character of the text, written from left to right."""
    font = _font()
    return not is_right_to_left(text) and all(font.get_char_index(ord(each)) != 0 for each in text)


@cache
def _font() -> FT2Font:
    from matplotlib.font_manager import findfont
    from matplotlib.ft2font import FT2Font

    return FT2Font(findfont("DejaVu Sans"))
