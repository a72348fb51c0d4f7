"""A page of charts shows what it is given: every value where it belongs, gaps as gaps."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from insights_assets.charts.drawing import COLOURS, can_be_drawn, colour_of
from insights_assets.charts.histories import Band, bands_of
from insights_assets.charts.inputs import ChartInputs, GroupScores, ProductHistory
from insights_assets.charts.pages import (
    BreakdownPanel,
    HistoryPanel,
    Page,
    draw,
    group_page,
    kind_of_file,
    page_as_markdown,
    product_page,
    write_page,
)
from insights_assets.charts.score_breakdown import MOST_ROWS
from insights_resources.errors import InvalidInputError
from insights_resources.marketplaces import ProductKey

LAST = date(2026, 3, 10)
DAYS = [LAST - timedelta(days=back) for back in range(9, -1, -1)]
HOSTILE = "</text><script>alert('1')</script> $\\frac{1}{2}$ \"x\" & <b onload=alert(1)>"


def key(number: int, marketplace: str = "amazon.de") -> ProductKey:
    return ProductKey(marketplace, f"B0KETTLE{number:02}")


def history(number: int = 1, name: str | None = "A kettle", **given: Any) -> ProductHistory:
    made = ProductHistory(key(number), name, DAYS, currency="EUR")
    made.prices = [10.0 + number] * len(DAYS)
    made.list_prices = [None] * len(DAYS)
    made.is_out_of_stock = [False] * len(DAYS)
    made.has_coupon = [False] * len(DAYS)
    made.ranks = {"77": [float(number)] * len(DAYS)}
    made.categories = {"77": "Kettles"}
    for field, value in given.items():
        assert hasattr(made, field)
        setattr(made, field, value)
    return made


def score(number: int, points: tuple[float | None, ...], overall: float | None) -> dict[str, Any]:
    names = ("price", "quality", "popularity")
    return {
        "marketplace": key(number).marketplace,
        "asin": key(number).asin,
        "overall_score": overall,
        "contributions": {
            name: each for name, each in zip(names, points, strict=True) if each is not None
        },
        **{
            f"{name}_score": None if each is None else each * 3
            for name, each in zip(names, points, strict=True)
        },
    }


def inputs(*histories: ProductHistory, scores: list[dict[str, Any]] | None = None) -> ChartInputs:
    rows = (
        [score(n, (20.0, 30.0, 10.0), 60.0 - n) for n in range(1, len(histories) + 1)]
        if scores is None
        else scores
    )
    return ChartInputs(
        DAYS,
        histories,
        [GroupScores("de-kettles", "Kettles, Germany", LAST, rows)],
        {each.product: each.name for each in histories if each.name},
        group_name="Kettles, Germany",
    )


def texts(page: Page) -> list[str]:
    root = ET.fromstring(draw(page, "svg"))
    return ["".join(e.itertext()) for e in root.iter() if e.tag.rpartition("}")[2] == "text"]


def paths(page: Page, style: str) -> list[str]:
    root = ET.fromstring(draw(page, "svg"))
    return [
        e.get("d", "")
        for e in root.iter()
        if e.tag.rpartition("}")[2] == "path" and style in e.get("style", "")
    ]


def panel(page: Page, title: str) -> Any:
    (found,) = [each for each in page.panels if each.title.startswith(title)]
    return found


# --- any page ------------------------------------------------------------------------------------


def test_a_page_says_what_it_shows_of_whom_when_and_in_which_unit() -> None:
    shown = texts(product_page(inputs(history())))
    assert "amazon.de/B0KETTLE01   A kettle" in shown
    assert "2026-03-01 to 2026-03-10, days in UTC" in shown
    for heading in ("Price history", "Rank history"):
        assert heading in shown
    assert "Score breakdown in Kettles, Germany on 2026-03-10" in shown
    assert {"EUR", "rank", "points"} <= set(shown)


def test_equal_data_gives_equal_bytes() -> None:
    for kind in ("png", "svg"):
        assert draw(product_page(inputs(history())), kind) == draw(
            product_page(inputs(history())), kind
        )


def test_a_hostile_title_is_text() -> None:
    page = product_page(inputs(history(name=HOSTILE)))
    svg = draw(page, "svg").decode()
    assert "<script" not in svg
    root = ET.fromstring(svg)
    assert {e.tag.rpartition("}")[2] for e in root.iter()}.isdisjoint({"script", "image", "a"})
    assert draw(page, "png").startswith(b"\x89PNG")
    markdown = page_as_markdown(product_page(inputs(history(name="a](javascript:x) [b"))))
    assert re.fullmatch(r"!\[[^\[\]]*\]\(data:image/png;base64,[A-Za-z0-9+/=]+\)", markdown)


@pytest.mark.parametrize("name", ["水筒・マグボトル", "غلاية كهربائية", "\U0001f375 tea"])
def test_names_that_the_font_cannot_show_are_left_to_the_asin(name: str) -> None:
    assert not can_be_drawn(name)
    made = history(name=name, categories={"77": name}, ranks={"77": [1.0] * len(DAYS)})
    for page in (product_page(inputs(made)), group_page(inputs(made))):
        assert not any(name in text for text in texts(page))
    assert "amazon.de/B0KETTLE01" in texts(product_page(inputs(made)))
    assert "node 77" in texts(product_page(inputs(made)))


def test_a_rank_without_a_link_in_such_a_language_is_a_numbered_category() -> None:
    node = "category:水筒"
    made = history(categories={node: "水筒"}, ranks={node: [1.0] * len(DAYS)})
    assert "category 1" in texts(product_page(inputs(made)))


def test_nothing_captured_is_said() -> None:
    nothing = history(prices=[None] * len(DAYS), ranks={}, currency=None)
    shown = texts(product_page(inputs(nothing)))
    assert shown.count("nothing was captured in these days") == 2


def test_the_kind_of_picture_goes_by_the_files_name(tmp_path: Path) -> None:
    page = product_page(inputs(history()))
    write_page(page, tmp_path / "deep" / "page.PNG")
    assert (tmp_path / "deep" / "page.PNG").read_bytes().startswith(b"\x89PNG")
    write_page(page, tmp_path / "page.svg")
    assert b"<svg" in (tmp_path / "page.svg").read_bytes()
    with pytest.raises(InvalidInputError, match=r"charts are written as \.png or \.svg"):
        kind_of_file(Path("page.pdf"))


def test_a_page_has_a_name_that_can_be_a_files() -> None:
    assert product_page(inputs(history())).file_name == "amazon.de-B0KETTLE01"
    assert Page("../a b", "", "", []).file_name == "-.-a-b"


# --- histories -----------------------------------------------------------------------------------


def test_a_day_without_a_price_is_a_gap_and_out_of_stock_is_shaded() -> None:
    prices: list[float | None] = [10.0] * 3 + [None] * 2 + [12.0] * 5
    shaded = [False] * 3 + [True] * 2 + [False] * 5
    page = product_page(inputs(history(prices=prices, is_out_of_stock=shaded)))
    line = paths(page, f"stroke: {colour_of(1)}")[0]
    assert line.count("M ") == 2
    assert panel(page, "Price").bands == [Band(3, 4)]
    assert "shaded: out of stock" in panel(page, "Price").note
    without = product_page(inputs(history()))
    assert "shaded" not in panel(without, "Price").note
    assert len(paths(page, "fill: #f1f2f4")) == 1
    assert paths(without, "fill: #f1f2f4") == []


def test_the_list_price_is_a_line_of_its_own_beside_the_price() -> None:
    page = product_page(inputs(history(list_prices=[20.0] * len(DAYS))))
    assert {"price", "list price"} <= set(texts(page))
    assert len(paths(page, f"stroke: {COLOURS[6]}")) == 1
    assert "a price below the list price is a discount" in panel(page, "Price").note
    assert "list price" not in texts(product_page(inputs(history())))


def test_coupons_are_marked_on_their_days() -> None:
    coupons = [day in (2, 5) for day in range(len(DAYS))]
    page = product_page(inputs(history(has_coupon=coupons)))
    assert panel(page, "Price").marks == [2, 5]
    assert "triangle: a coupon showed" in panel(page, "Price").note


def test_each_category_has_a_line_with_its_name() -> None:
    made = history(
        ranks={"1": [200.0] * len(DAYS), "77": [3.0] * len(DAYS)},
        categories={"1": "Kitchen & Home", "77": "Kettles"},
    )
    page = product_page(inputs(made))
    assert {"Kitchen & Home", "Kettles"} <= set(texts(page))
    rank = panel(page, "Rank")
    assert rank.is_rank
    assert [line.values[0] for line in rank.lines] == [200.0, 3.0]


def test_members_share_an_axis_only_in_one_currency_and_category() -> None:
    others = [history(number) for number in (1, 2)]
    dollar = history(3, currency="USD", ranks={"99": [5.0] * len(DAYS)}, categories={"99": "X"})
    page = group_page(inputs(*others, dollar))
    for title in ("Price", "Rank"):
        found = panel(page, title)
        assert [line.number for line in found.lines] == [1, 2]
        assert "1 more are not shown" in found.note
        assert [number for number, _ in found.keys] == [1, 2]
    assert panel(page, "Price").unit == "EUR"
    assert panel(page, "Rank").title == "Rank history in Kettles"


def test_more_members_than_lines_are_counted() -> None:
    page = group_page(inputs(*(history(number) for number in range(1, 21))))
    found = panel(page, "Price")
    assert len(found.lines) == len(found.keys) == 12
    assert "8 more are not shown" in found.note


def test_stretches_of_days() -> None:
    assert bands_of([]) == []
    assert bands_of([False, False]) == []
    assert bands_of([True, True, False, True]) == [Band(0, 1), Band(3, 3)]


@pytest.mark.parametrize("size", [1, 2, 7, 30, 365, 800])
def test_any_span_has_few_labels_that_end_with_its_last_day(size: int) -> None:
    days = [LAST - timedelta(days=back) for back in range(size - 1, -1, -1)]
    made = history()
    made.days, made.prices, made.ranks = days, [10.0] * size, {}
    made.list_prices, made.is_out_of_stock = [None] * size, [False] * size
    page = product_page(ChartInputs(days, [made], [], {made.product: "A kettle"}))
    labels = [text for text in texts(page) if re.fullmatch(r"\d{1,2} Mar( 2026)?", text)]
    assert any(label.startswith("10 Mar") for label in labels)
    assert (
        len([text for text in texts(page) if re.fullmatch(r"\d+ [A-Z][a-z]{2}( \d{4})?", text)])
        <= 7
    )


# --- the breakdown -------------------------------------------------------------------------------


def test_bars_are_as_long_as_contributions_and_scores_stand_beside_them() -> None:
    rows = [score(1, (20.0, 30.0, 10.0), 60.0), score(2, (None, 25.0, 15.5), 40.5)]
    page = group_page(inputs(history(1), history(2), scores=rows))
    widths = []
    for colour in ("#3d4450", "#8b95a5", "#c5cbd5"):
        for path in paths(page, f"fill: {colour}; stroke: #ffffff"):
            across = [float(x) for x in re.findall(r"[ML] ([\d.]+) ", path)]
            widths.append(max(across) - min(across))
    points = [20.0, 30.0, 25.0, 10.0, 15.5]
    assert widths == pytest.approx([widths[0] / 20 * each for each in points], rel=1e-3)
    shown = texts(page)
    assert {"60.0", "40.5", "90.0", "46.5"} <= set(shown)
    assert "–" in shown


def test_who_has_no_overall_score_is_said_to_have_none() -> None:
    page = group_page(inputs(history(1), scores=[score(1, (None, None, None), None)]))
    assert "no overall score" in texts(page)


def test_the_product_of_the_page_is_shown_even_where_the_best_would_crowd_it_out() -> None:
    rows = [score(n, (20.0, 30.0, 10.0), 90.0 - n / 10) for n in range(2, 60)]
    rows.append(score(1, (1.0, 2.0, 3.0), 6.0))
    made = history(1)
    page = product_page(inputs(made, scores=rows))
    (breakdown,) = [each for each in page.panels if isinstance(each, BreakdownPanel)]
    assert breakdown.rows[MOST_ROWS - 1].is_subject
    assert f"{len(rows) - MOST_ROWS} more are not shown" in breakdown.note
    assert sum(each.is_subject for each in breakdown.rows) == 1
    shown = [text for text in texts(page) if text.startswith("B0KETTLE")]
    assert len(shown) == MOST_ROWS
    assert any(text.startswith(made.product.asin) for text in shown)


def test_numbers_are_the_same_in_all_charts_of_a_group() -> None:
    page = group_page(inputs(history(1), history(2), history(3)))
    histories = [each for each in page.panels if isinstance(each, HistoryPanel)]
    (breakdown,) = [each for each in page.panels if isinstance(each, BreakdownPanel)]
    for found in histories:
        named = {number: name.split()[0] for number, name in found.keys}
        for row in breakdown.rows:
            number, asin, *_ = row.label.split()
            assert named[int(number)] == asin
