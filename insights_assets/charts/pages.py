"""The charts of a product or of a group on one page: price history, rank history, score breakdown.

``product_page`` and ``group_page`` say what is shown, ``draw`` makes an SVG or a PNG of it.
"""

from __future__ import annotations

import base64
import re
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from babel.numbers import get_currency_precision

from insights_assets.charts.drawing import (
    GREY,
    Plot,
    can_be_drawn,
    colour_of,
    drawing,
    new_figure,
    picture,
)
from insights_assets.charts.histories import (
    MOST_LINES,
    Band,
    Line,
    bands_of,
    draw_bands,
    draw_history,
    draw_marks,
)
from insights_assets.charts.inputs import ChartInputs, GroupScores, ProductHistory
from insights_assets.charts.score_breakdown import (
    MOST_ROWS,
    ROW,
    ScoreRow,
    draw_dimension_key,
    draw_score_breakdown,
)
from insights_assets.competition.formulas import Dimension
from insights_assets.display_names import short_name
from insights_resources.errors import InvalidInputError
from insights_resources.marketplaces import ProductKey

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Kind = Literal["png", "svg"]

#: Inches: of the page, of a history's plot, of the margins beside plots, of headings and axes.
_WIDTH, _PLOT = 9.0, 2.3
_LEFT, _RIGHT, _LABELLED_RIGHT = 0.95, 0.55, 1.75
_TITLE, _HEADING, _AXIS, _KEY_ROW, _GAP = 0.75, 0.68, 0.3, 0.19, 0.25
#: Of a breakdown: where bars begin, and end.
_NAMES, _SCORES = 3.35, 2.45
#: Characters of a line of a note, and inches between two of them.
_NOTE_WIDTH, _NOTE_LINE = 150, 0.14
#: The line of list prices: grey and dashed, beside that of prices.
_LIST_PRICE = 14
#: Score breakdowns on the page of a product: of that many groups.
_MOST_GROUPS = 3
#: Characters of a name in a key, beside a line, and in the breakdown.
_KEY_NAME, _LINE_NAME, _ROW_NAME = 48, 22, 38


@dataclass(frozen=True)
class HistoryPanel:
    """Lines over days. ``note`` says what they are; ``keys`` names the lines by their numbers."""

    title: str
    note: str
    unit: str
    days: Sequence[date]
    lines: Sequence[Line]
    format_value: Callable[[float], str]
    is_rank: bool = False
    bands: Sequence[Band] = ()
    marks: Sequence[int] = ()
    keys: Sequence[tuple[int, str]] = field(default=())

    @property
    def height(self) -> float:
        keys = _KEY_ROW * ((len(self.keys) + 1) // 2)
        return _heading(self.note) + _PLOT + _AXIS + keys


@dataclass(frozen=True)
class BreakdownPanel:
    """The score breakdown of a group."""

    title: str
    note: str
    rows: Sequence[ScoreRow]

    @property
    def height(self) -> float:
        shown = min(len(self.rows), MOST_ROWS)
        return _heading(self.note) + _KEY_ROW + ROW * max(1, shown) + _AXIS


@dataclass(frozen=True)
class Page:
    """Charts below each other, under a title."""

    name: str
    title: str
    subtitle: str
    panels: Sequence[HistoryPanel | BreakdownPanel]

    @property
    def file_name(self) -> str:
        """Its name without what a file's name had better not have."""
        return re.sub(r"[^A-Za-z0-9._-]|^\.", "-", self.name)


# --- what is shown -------------------------------------------------------------------------------


def product_page(inputs: ChartInputs) -> Page:
    """Price with list price, ranks with one line a node, and the product among its groups."""
    (history,) = inputs.histories
    product = history.product
    return Page(
        name=f"{product.marketplace}-{product.asin}",
        title=_titled(str(product), history.name),
        subtitle=_span(inputs.days),
        panels=[
            _price_of_product(history),
            _ranks_of_product(history),
            *(_breakdown(each, inputs, product) for each in inputs.scores[:_MOST_GROUPS]),
        ],
    )


def group_page(inputs: ChartInputs) -> Page:
    """Prices and ranks with one line a member, and the members' score breakdown."""
    (scores,) = inputs.scores
    numbered = {history.product: number for number, history in enumerate(inputs.histories, start=1)}
    return Page(
        name=scores.group_id,
        title=_titled(scores.group_id, scores.group_name),
        subtitle=_span(inputs.days),
        panels=[
            _prices_of_group(inputs, numbered),
            _ranks_of_group(inputs, numbered),
            _breakdown(scores, inputs, None, numbered),
        ],
    )


def _price_of_product(history: ProductHistory) -> HistoryPanel:
    currency = history.currency
    coupons = [place for place, has in enumerate(history.has_coupon) if has]
    bands = bands_of(history.is_out_of_stock)
    parts = ["Price at the last capture of each day, open deals included"]
    if any(value is not None for value in history.list_prices):
        parts.append("a price below the list price is a discount")
    parts.append("gap: no price, or no capture")
    if bands:
        parts.append("shaded: out of stock")
    if coupons:
        parts.append("triangle: a coupon showed")
    return HistoryPanel(
        title="Price history",
        note="; ".join(parts) + ".",
        unit=currency or "",
        days=history.days,
        lines=[
            Line(1, history.prices, "price"),
            Line(_LIST_PRICE, history.list_prices, "list price"),
        ],
        format_value=_amount(currency),
        bands=bands,
        marks=coupons,
    )


def _ranks_of_product(history: ProductHistory) -> HistoryPanel:
    return HistoryPanel(
        title="Rank history",
        note="Best Sellers Rank at the last capture of each day, one line for each category; the "
        "best on top, logarithmic; gap: no rank, or no capture.",
        unit="rank",
        days=history.days,
        lines=[
            Line(number, values, _node_name(node, number, history))
            for number, (node, values) in enumerate(history.ranks.items(), start=1)
        ],
        format_value=_count,
        is_rank=True,
    )


def _node_name(node: str, number: int, history: ProductHistory) -> str:
    """Its name, else its id, else (a rank without a link has none) its number."""
    name = short_name(history.categories[node], _LINE_NAME)
    for label in (name, f"node {node}"):
        if can_be_drawn(label) and len(label) <= _LINE_NAME:
            return label
    return f"category {number}"


def _prices_of_group(inputs: ChartInputs, numbered: dict[ProductKey, int]) -> HistoryPanel:
    lines: dict[tuple[str, str], list[Line]] = {}
    for history in inputs.histories:
        if history.currency is not None and any(v is not None for v in history.prices):
            alike = (history.product.marketplace, history.currency)
            lines.setdefault(alike, []).append(Line(numbered[history.product], history.prices))
    kind, shown, left = _most(lines)
    currency = None if kind is None else kind[1]
    return HistoryPanel(
        title="Price history",
        note="Price at the last capture of each day, open deals included; gap: no price, or no "
        f"capture.{left}",
        unit=currency or "",
        days=inputs.days,
        lines=shown,
        format_value=_amount(currency),
        keys=_keys(inputs, numbered, shown),
    )


def _ranks_of_group(inputs: ChartInputs, numbered: dict[ProductKey, int]) -> HistoryPanel:
    lines: dict[tuple[str, str], list[Line]] = {}
    categories: dict[str, str] = {}
    for history in inputs.histories:
        for node, values in history.ranks.items():
            alike = (history.product.marketplace, node)
            lines.setdefault(alike, []).append(Line(numbered[history.product], values))
        categories |= history.categories
    # Of nodes that as many share the deepest, which a page lists last.
    kind, shown, left = _most(dict(reversed(lines.items())))
    where = ""
    if kind is not None:
        name = short_name(categories[kind[1]], _KEY_NAME)
        where = f" in {name}" if can_be_drawn(name) else f" in node {_drawn(kind[1], 'shared')}"
    return HistoryPanel(
        title=f"Rank history{where}",
        note="Best Sellers Rank at the last capture of each day in the category that most share; "
        f"the best on top, logarithmic; gap: no rank, or no capture.{left}",
        unit="rank",
        days=inputs.days,
        lines=shown,
        format_value=_count,
        is_rank=True,
        keys=_keys(inputs, numbered, shown),
    )


def _most(
    lines: dict[tuple[str, str], list[Line]],
) -> tuple[tuple[str, str] | None, list[Line], str]:
    """The lines that share an axis with most others, what they share, and a sentence on the
    products left out."""
    if not lines:
        return None, [], ""
    kind = max(lines, key=lambda each: len(lines[each]))
    shown = lines[kind][:MOST_LINES]
    products = {line.number for some in lines.values() for line in some}
    left = len(products) - len(shown)
    if left == 0:
        return kind, shown, ""
    return kind, shown, f" {left} more are not shown: they share no axis, or would crowd it."


def _keys(
    inputs: ChartInputs, numbered: dict[ProductKey, int], shown: Sequence[Line]
) -> list[tuple[int, str]]:
    names = {numbered[h.product]: _named(h.product, h.name, _KEY_NAME) for h in inputs.histories}
    return [(line.number, names[line.number]) for line in shown]


def _breakdown(
    scores: GroupScores,
    inputs: ChartInputs,
    subject: ProductKey | None,
    numbered: dict[ProductKey, int] | None = None,
) -> BreakdownPanel:
    rows = []
    for row in scores.rows:
        product = ProductKey(row["marketplace"], row["asin"])
        label = _named(product, inputs.names.get(product), _ROW_NAME)
        rows.append(
            ScoreRow(
                label=label if numbered is None else f"{numbered[product]}  {label}",
                scores={each: row[f"{each}_score"] for each in Dimension},
                contributions={each: row["contributions"].get(str(each)) for each in Dimension},
                overall=row["overall_score"],
                is_subject=product == subject,
            )
        )
    # The product that the chart is about is shown even where the best would crowd it out.
    crowded_out = [place for place, row in enumerate(rows) if row.is_subject][:1]
    if crowded_out and crowded_out[0] >= MOST_ROWS:
        rows.insert(MOST_ROWS - 1, rows.pop(crowded_out[0]))
    left = len(rows) - MOST_ROWS
    group = "" if subject is None else f" in {_drawn(scores.group_name, scores.group_id)}"
    return BreakdownPanel(
        title=f"Score breakdown{group} on {scores.day}",
        note="Points that each dimension adds to the overall score (bold, 0 to 100), standard "
        "method; right: the dimensions' own scores."
        + (f" {left} more are not shown." if left > 0 else ""),
        rows=rows,
    )


def _titled(key: str, name: str | None) -> str:
    short = short_name(name, 60) if name else ""
    return f"{key}   {short}" if short and short != key and can_be_drawn(short) else key


def _named(product: ProductKey, name: str | None, length: int) -> str:
    short = short_name(name, length - len(product.asin)) if name else ""
    return f"{product.asin}  {short}" if short and can_be_drawn(short) else product.asin


def _drawn(name: str, otherwise: str) -> str:
    short = short_name(name)
    return short if can_be_drawn(short) else otherwise


def _span(days: Sequence[date]) -> str:
    if len(days) == 1:
        return f"{days[0]} (UTC)"
    return f"{days[0]} to {days[-1]}, days in UTC"


def _amount(currency: str | None) -> Callable[[float], str]:
    decimals = 2 if currency is None else get_currency_precision(currency)
    return lambda value: f"{value:,.{decimals}f}"


def _count(value: float) -> str:
    return f"{value:,.0f}"


# --- drawing -------------------------------------------------------------------------------------


def draw(page: Page, kind: Kind, *, dots_per_inch: int = 150) -> bytes:
    """The page as a PNG (at that resolution) or an SVG file."""
    height = _TITLE + sum(panel.height + _GAP for panel in page.panels)
    with drawing(page.name):
        figure = new_figure(_WIDTH, height)
        head = Plot(figure, 0, 0, _WIDTH, height)
        head.text(0.25 / _WIDTH, 1 - 0.22 / height, page.title, va="top", size=12, weight="bold")
        head.text(0.25 / _WIDTH, 1 - 0.46 / height, page.subtitle, va="top", color=GREY)
        top = height - _TITLE
        for panel in page.panels:
            left = 0.25 / _WIDTH
            head.text(left, top / height, panel.title, va="top", size=10, weight="bold")
            note = "\n".join(_note_lines(panel.note))
            head.text(left, (top - 0.2) / height, note, va="top", color=GREY, size=7.5)
            if isinstance(panel, HistoryPanel):
                _draw_history_panel(panel, _history_plot(panel, figure, top))
            else:
                _draw_breakdown_panel(panel, figure, top)
            top -= panel.height + _GAP
        return picture(figure, kind, dots_per_inch=dots_per_inch)


def _note_lines(note: str) -> list[str]:
    return textwrap.wrap(note, _NOTE_WIDTH) or [""]


def _heading(note: str) -> float:
    """Inches of a heading with this note."""
    return _HEADING + _NOTE_LINE * (len(_note_lines(note)) - 1)


def _history_plot(panel: HistoryPanel, figure: Figure, top: float) -> Plot:
    """The plot of a panel that begins at this height."""
    is_labelled = any(line.label for line in panel.lines)
    right = _LABELLED_RIGHT if is_labelled else _RIGHT
    return Plot(figure, _LEFT, top - _heading(panel.note) - _PLOT, _WIDTH - _LEFT - right, _PLOT)


def _draw_history_panel(panel: HistoryPanel, plot: Plot) -> None:
    if not any(line.has_values for line in panel.lines):
        plot.text(0, 0.5, "nothing was captured in these days", va="center", color=GREY)
        return
    draw_bands(plot, panel.days, panel.bands)
    draw_history(
        plot,
        panel.days,
        panel.lines,
        format_value=panel.format_value,
        is_rank=panel.is_rank,
    )
    draw_marks(plot, panel.days, panel.marks)
    plot.text(-0.012, 1 + 0.09 / plot.height, panel.unit, ha="right", va="bottom", color=GREY)
    for place, (number, name) in enumerate(panel.keys):
        x = 0.0 if place % 2 == 0 else 0.55
        y = -(_AXIS + _KEY_ROW * (place // 2 + 0.5)) / plot.height
        plot.text(x, y, str(number), va="center", color=colour_of(number), weight="bold")
        plot.text(x + 0.24 / plot.width, y, name, va="center")


def _draw_breakdown_panel(panel: BreakdownPanel, figure: Figure, top: float) -> None:
    shown = min(len(panel.rows), MOST_ROWS)
    height = ROW * max(1, shown)
    width = _WIDTH - _NAMES - _SCORES
    bottom = top - _heading(panel.note) - _KEY_ROW - height
    plot = Plot(figure, _NAMES, bottom, width, height)
    draw_dimension_key(plot, 1 + 0.2 / height)
    columns = [1 + (0.75 + 0.75 * place) / width for place in range(len(Dimension))]
    draw_score_breakdown(plot, panel.rows, columns, (0.25 - _NAMES) / width)


# --- where it goes -------------------------------------------------------------------------------


def kind_of_file(path: Path) -> Kind:
    """The kind of picture that a file's name says; raises ``InvalidInputError`` for another."""
    match path.suffix.lower():
        case ".png":
            return "png"
        case ".svg":
            return "svg"
    raise InvalidInputError(f"{path}: charts are written as .png or .svg")


def write_page(page: Page, path: Path) -> None:
    """Writes the page as the kind of picture that the file's name says; its folder is made."""
    content = draw(page, kind_of_file(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def page_as_markdown(page: Page) -> str:
    """The page as an image in Markdown, within its own address."""
    encoded = base64.b64encode(draw(page, "png", dots_per_inch=90)).decode()
    alt = "".join(" " if each in "[]\\\n" else each for each in page.title)
    return f"![{alt}](data:image/png;base64,{encoded})"
