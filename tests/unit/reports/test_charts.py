"""Charts stand alone in a page, say the same for the same data, and show what they are given."""

from __future__ import annotations

import itertools
import re
import warnings
import xml.etree.ElementTree as ET
from collections import Counter
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insights_assets.charts.drawing import COLOURS, colour_of
from insights_assets.charts.event_timeline import MOST_ROWS, EventRow
from insights_assets.charts.histories import MOST_LINES, Line
from insights_assets.competition.formulas import Dimension
from insights_assets.reports.amounts import count_text, money_text
from insights_assets.reports.charts import ProductScores, event_chart, line_chart, score_bars

LAST = date(2026, 3, 10)
DAYS = [LAST - timedelta(days=back) for back in range(29, -1, -1)]
HOSTILE = "</title><script>alert('1')</script> \"x\" & <b onload=alert(1)>"


def prices(*lines: Line, name: str = "prices", title: str = "Prices of kettles") -> str:
    return line_chart(name, title, DAYS, lines, format_value=lambda value: f"{value:.2f}")


def whole(value: float) -> str:
    return count_text(value, "en_US")


def ranks(*lines: Line) -> str:
    return line_chart("ranks", "Ranks", DAYS, lines, format_value=whole, is_rank=True)


def bars(*overall: tuple[int, float | None], name: str = "scores", title: str = "Scores") -> str:
    """Scores whose dimensions are as high as the overall one, popularity missing."""
    dimensions = (Dimension.PRICE, Dimension.QUALITY)
    rows = [ProductScores(n, score, dict.fromkeys(dimensions, score)) for n, score in overall]
    return score_bars(name, title, rows)


def events(*rows: tuple[int, dict[int, list[str]]], title: str = "Alerts") -> str:
    return event_chart("events", title, DAYS, [EventRow(*row) for row in rows])


def flat(number: int, value: float) -> Line:
    return Line(number, [value] * len(DAYS))


def elements(svg: str, tag: str) -> list[ET.Element]:
    return [e for e in ET.fromstring(svg).iter() if e.tag.rpartition("}")[2] == tag]


def labels(svg: str) -> list[str]:
    return ["".join(e.itertext()) for e in elements(svg, "text")]


def height_of(svg: str, label: str) -> float:
    """Where the text stands, from the top."""
    (found,) = (e for e in elements(svg, "text") if "".join(e.itertext()) == label)
    place = re.search(r"translate\(\S+ ([\d.]+)\)", found.get("transform", ""))
    return float(place[1]) if place else float(found.get("y", ""))


def lines_of(svg: str, colour: str) -> list[str]:
    """The paths drawn in a colour."""
    return [
        e.get("d", "") for e in elements(svg, "path") if f"stroke: {colour}" in e.get("style", "")
    ]


def corners(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"[ML] ([\d.]+) ([\d.]+)", path)]


# --- any chart -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "svg",
    [
        prices(flat(1, 10), flat(2, 12)),
        ranks(flat(1, 10), flat(2, 12)),
        bars((1, 80.0), (2, 0.0), (3, 100.0), (4, None)),
        events((1, {0: ["info"], 29: ["critical", "warning"]}), (3, {4: ["warning"]})),
        prices(),
        ranks(Line(1, [None] * len(DAYS))),
        bars(),
        events(),
        line_chart("one", "One day", [LAST], [Line(1, [5.0])], format_value=str),
    ],
    ids=[
        *("prices", "ranks", "scores", "events"),
        *("no-prices", "no-ranks", "no-scores", "no-events", "one-day"),
    ],
)
def test_a_chart_is_one_element_that_runs_and_fetches_nothing(svg: str) -> None:
    root = ET.fromstring(svg)
    assert root.tag.rpartition("}")[2] == "svg"
    assert not svg.startswith("<?xml")
    assert root.get("role") == "img"
    for element in root.iter():
        tag = element.tag.rpartition("}")[2]
        assert tag not in {"script", "style", "image", "foreignObject", "a", "metadata"}
        for name, value in element.attrib.items():
            assert not name.lower().startswith("on")
            assert "://" not in value
            if name.endswith("href"):
                assert value.startswith("#")


def test_the_title_is_text_for_readers_and_for_screen_readers() -> None:
    for svg in (
        prices(flat(1, 10), title=HOSTILE),
        bars((1, 50.0), title=HOSTILE),
        events((1, {3: ["info"]}), title=HOSTILE),
    ):
        root = ET.fromstring(svg)
        assert root.get("aria-label") == HOSTILE
        (title,) = elements(svg, "title")
        assert title.text == HOSTILE
        assert root[0].tag == title.tag


def test_equal_data_gives_equal_bytes() -> None:
    assert prices(flat(1, 10), flat(2, 11)) == prices(flat(1, 10), flat(2, 11))
    assert ranks(flat(1, 10)) == ranks(flat(1, 10))
    assert bars((1, 9.0)) == bars((1, 9.0))
    assert events((1, {3: ["info"], 1: ["info"]})) == events((1, {1: ["info"], 3: ["info"]}))
    assert prices(flat(1, 10)) != prices(Line(1, [10.0] * 29 + [11.0]))


def test_ids_do_not_repeat_on_a_page_of_several_charts() -> None:
    # Dots are drawn by reference to a shape, which has an id.
    lines = (flat(1, 10), Line(2, [None] * 29 + [12.0]), Line(3, [11.0] + [None] * 29))
    charts = [
        prices(*lines),
        prices(*lines, name="list prices"),
        ranks(*lines),
        bars((1, 80.0), (2, 40.0)),
        events((1, {0: ["info", "critical"], 9: ["warning"]}), (2, {3: ["info"]})),
    ]
    ids = re.findall(r'\bid="([^"]+)"', "".join(charts))
    assert len(ids) == len(set(ids)) >= 6
    for chart in charts:
        own = set(re.findall(r'\bid="([^"]+)"', chart))
        assert set(re.findall(r'href="#([^"]+)"', chart)) <= own
        assert set(re.findall(r"url\(#([^)]+)\)", chart)) <= own


def test_yen_are_drawn_without_a_warning() -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        svg = line_chart(
            "prices",
            "Prices in ￥",
            DAYS,
            [Line(1, [1700.0] * 15 + [2300.0] * 15)],
            format_value=lambda value: money_text(f"{value:.2f}", "JPY", "ja_JP"),
        )
    assert [str(warning.message) for warning in told] == []
    assert any(label.startswith("￥") for label in labels(svg))


# --- lines ---------------------------------------------------------------------------------------


def test_each_product_has_one_line_in_its_colour_and_its_number_at_the_end() -> None:
    svg = prices(flat(1, 10), flat(2, 12), Line(5, [None] * 3 + [11.0] * 27))
    for number in (1, 2, 5):
        assert len(lines_of(svg, colour_of(number))) == 1
        assert labels(svg).count(str(number)) == 1
    assert lines_of(svg, colour_of(3)) == []
    # The lower price stands lower; each number beside the end of its line.
    assert height_of(svg, "2") < height_of(svg, "5") < height_of(svg, "1")
    (first,) = lines_of(svg, colour_of(1))
    assert corners(first)[-1][1] == pytest.approx(height_of(svg, "1"), abs=8)


def test_a_product_without_a_value_has_no_line() -> None:
    svg = prices(flat(1, 10), Line(2, [None] * len(DAYS)))
    assert lines_of(svg, colour_of(2)) == []
    assert "2" not in labels(svg)


def test_a_day_without_a_value_is_a_gap_in_the_line() -> None:
    values: list[float | None] = [10.0, 12.0] * 15
    (whole,) = lines_of(prices(Line(1, values)), colour_of(1))
    assert whole.count("M ") == 1
    values[10] = None
    (broken,) = lines_of(prices(Line(1, values)), colour_of(1))
    assert broken.count("M ") == 2


def test_a_value_without_neighbours_is_a_dot() -> None:
    one = prices(Line(1, [None] * 29 + [10.0]))
    assert len(elements(one, "use")) == 1
    assert elements(prices(flat(1, 10)), "use") == []


def test_more_lines_than_can_be_told_apart_are_not_drawn() -> None:
    svg = prices(*(flat(number, 10.0 + number) for number in range(1, 20)))
    numbers = [label for label in labels(svg) if re.fullmatch(r"\d{1,2}", label)]
    assert sorted(map(int, numbers)) == list(range(1, MOST_LINES + 1))


def test_products_of_one_colour_differ_by_their_dashes() -> None:
    svg = prices(flat(1, 10), flat(1 + len(COLOURS), 12))
    drawn = [
        e.get("style", "")
        for e in elements(svg, "path")
        if f"stroke: {COLOURS[0]}" in e.get("style", "")
    ]
    assert len(drawn) == 2
    assert ["dasharray" in style for style in drawn] == [False, True]


@settings(deadline=None, max_examples=20)
@given(st.lists(st.floats(1, 1e6), min_size=2, max_size=MOST_LINES))
def test_numbers_at_the_ends_of_lines_do_not_overlap(values: list[float]) -> None:
    svg = prices(*(flat(number, value) for number, value in enumerate(values, start=1)))
    # Ticks have two decimals, days a month: whole numbers are those of the lines.
    heights = sorted(height_of(svg, str(number)) for number in range(1, len(values) + 1))
    assert all(below - above > 8 for above, below in itertools.pairwise(heights))


def test_the_lowest_rank_is_on_top() -> None:
    svg = ranks(flat(1, 3), flat(2, 300))
    assert height_of(svg, "1") < height_of(svg, "2")
    axis = [label for label in labels(svg) if label in {"5", "10", "20", "50", "100", "200"}]
    assert len(axis) >= 3
    heights = [height_of(svg, label) for label in sorted(axis, key=int)]
    assert heights == sorted(heights)


def test_the_highest_price_is_on_top() -> None:
    svg = prices(flat(1, 3), flat(2, 300))
    assert height_of(svg, "2") < height_of(svg, "1")


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.none() | st.floats(0.01, 1e7), min_size=30, max_size=30),
    st.booleans(),
)
def test_whatever_the_values_are_the_axis_has_a_few_marks_within_the_chart(
    values: list[float | None], is_rank: bool
) -> None:
    known = [value for value in values if value is not None]
    svg = line_chart(
        "any",
        "Any",
        DAYS,
        [
            Line(
                1,
                [None if v is None else max(1.0, round(v)) for v in values] if is_rank else values,
            )
        ],
        format_value=lambda value: f"mark {value:g}",
        is_rank=is_rank,
    )
    marks = [label for label in labels(svg) if label.startswith("mark")]
    assert 1 <= len(marks) <= 8
    assert len(set(marks)) == len(marks)
    high = float(ET.fromstring(svg).get("viewBox", "").split()[3])
    for mark in marks:
        assert 0 <= height_of(svg, mark) <= high
    for path in lines_of(svg, colour_of(1)):
        assert all(0 <= y <= high for _, y in corners(path))
    assert bool(known) == bool(lines_of(svg, colour_of(1)) or elements(svg, "use"))


# --- bars ----------------------------------------------------------------------------------------


def test_bars_are_as_long_as_their_scores_in_the_order_given() -> None:
    svg = bars((1, 80.0), (3, 40.0), (2, 20.0))
    # Of each product: overall, price, quality.
    lengths = {number: bars_of(svg, colour_of(number)) for number in (1, 2, 3)}
    assert [len(each) for each in lengths.values()] == [3, 3, 3]
    for one, two, three in zip(lengths[1], lengths[2], lengths[3], strict=True):
        assert one == pytest.approx(2 * three, rel=1e-3)
        assert three == pytest.approx(2 * two, rel=1e-3)
    assert height_of(svg, "1") < height_of(svg, "3") < height_of(svg, "2")
    assert labels(svg).count("80.0") == labels(svg).count("40.0") == labels(svg).count("20.0") == 3
    assert labels(svg).count("–") == 3
    assert {"Overall", "Price", "Quality", "Popularity"} <= set(labels(svg))


def test_a_product_without_an_overall_score_shows_its_dimensions() -> None:
    svg = score_bars("s", "S", [ProductScores(1, None, {Dimension.QUALITY: 90.0})])
    assert len(bars_of(svg, colour_of(1))) == 1
    assert labels(svg).count("–") == 3
    assert "90.0" in labels(svg)


def bars_of(svg: str, colour: str) -> list[float]:
    """The lengths of the bars of a colour, in the order drawn."""
    drawn = []
    for path in elements(svg, "path"):
        if f"fill: {colour}" in path.get("style", ""):
            across = [x for x, _ in corners(path.get("d", ""))]
            drawn.append(max(across) - min(across))
    return drawn


# --- events --------------------------------------------------------------------------------------


def test_a_day_has_one_mark_of_its_gravest_event_and_says_how_many_there_were() -> None:
    svg = events(
        (1, {0: ["info", "critical", "warning"], 29: ["warning"]}), (5, {29: ["info", "info"]})
    )
    # Shapes differ, and each stands once more in the key.
    assert sorted(Counter(marks_of(svg)).values()) == [2, 2, 2]
    assert len(marks_of(events((1, {0: ["critical", "info"]})))) == 4
    assert height_of(svg, "1") < height_of(svg, "5")
    assert {"info", "warning", "critical"} <= set(labels(svg))
    assert labels(svg).count("3") == labels(svg).count("2") == 1
    (told,) = elements(svg, "desc")
    assert told.text == "Events: product 1 4; product 5 2."


def test_marks_stand_on_their_days() -> None:
    svg = events((1, {0: ["info"], 10: ["info"], 29: ["info"]}))
    # The key's three come first.
    across = [float(e.get("x", "")) for e in elements(svg, "use")][3:]
    first, tenth, last = across
    assert (tenth - first) / (last - first) == pytest.approx(10 / 29, abs=1e-3)


def test_more_products_with_events_than_fit_are_not_drawn() -> None:
    svg = events(*((number, {3: ["info"]}) for number in range(1, MOST_ROWS + 9)))
    assert len(marks_of(svg)) == MOST_ROWS + 3
    assert str(MOST_ROWS) in labels(svg)
    assert str(MOST_ROWS + 1) not in labels(svg)


def marks_of(svg: str) -> list[str]:
    """The shape that each mark refers to."""
    shapes = {e.get("id"): e.get("d", "") for e in elements(svg, "path") if e.get("id")}
    href = "{http://www.w3.org/1999/xlink}href"
    return [shapes[e.get(href, "")[1:]] for e in elements(svg, "use")]
