"""Whatever the bytes are, there is a verdict, in time, and no exception."""

from __future__ import annotations

import random
import time
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insights_assets.snapshots.parse_output import parse_result_to_json
from insights_assets.snapshots.parser import parse_page
from insights_resources.page_providers.protocol import Verdict
from insights_resources.sandbox.market import SandboxMarket
from tests.unit.snapshots.product_page import product_page

GOOD = product_page('<span id="priceblock_ourprice">$5.00</span>')


@pytest.mark.parametrize(
    ("content", "verdict"),
    [
        (b"", Verdict.ERROR),
        (b" \r\n\t", Verdict.ERROR),
        (b"\x00" * 5000, Verdict.ERROR),
        (b"\x1f\x8b\x08\x00 compressed twice", Verdict.ERROR),
        (bytes(range(256)) * 100, Verdict.ERROR),
        (b"<div>" * 400_000, Verdict.ERROR),
        (b"<b id=x>" * 200_000, Verdict.ERROR),
        (b"<table><tr><td>" * 100_000, Verdict.ERROR),
        (b"<svg><g>" * 100_000, Verdict.ERROR),
        (b"<p>x" * 300_000, Verdict.ERROR),
        (b'<a x="' * 300_000, Verdict.OTHER),
        (b"<!--" * 300_000, Verdict.OTHER),
        (b"<" * 300_000, Verdict.OTHER),
        (b"just words", Verdict.OTHER),
        (b"<html></html>", Verdict.OTHER),
        (b"\xff\xfe", Verdict.ERROR),
        (b'{"json": true}', Verdict.OTHER),
    ],
    ids=lambda value: repr(value[:12]) if isinstance(value, bytes) else "",
)
def test_no_page_is_no_product(content: bytes, verdict: Verdict) -> None:
    started = time.process_time()
    parsed = parse_page(content)
    assert time.process_time() - started < 5
    assert (parsed.verdict, parsed.snapshot) == (verdict, None)
    assert parsed.reason


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "utf-32"])
def test_a_page_in_another_encoding_is_the_same_page(encoding: str) -> None:
    page = product_page(title="Größe ★").decode().encode(encoding)
    snapshot = parse_page(page).snapshot
    assert snapshot is not None
    assert snapshot.title == "Größe ★"


def test_null_bytes_within_a_page_are_left_out() -> None:
    snapshot = parse_page(GOOD.replace(b"A thing", b"A \x00thing\x00")).snapshot
    assert snapshot is not None
    assert snapshot.title == "A thing"


_MARKET = SandboxMarket()
_WHOLE = [_MARKET.page(key, date(2025, 2, 1)) for key in _MARKET.keys[:8]]
_SNAPSHOTS = [parse_page(page).snapshot for page in _WHOLE]


@settings(deadline=None, max_examples=200)
@given(st.integers(0, len(_WHOLE) - 1), st.floats(0, 1))
def test_a_page_cut_at_any_byte_says_the_same_or_nothing(number: int, share: float) -> None:
    page = _WHOLE[number]
    parsed = parse_page(page[: round(share * len(page))])
    assert parsed.snapshot in (None, _SNAPSHOTS[number])
    assert (parsed.snapshot is None) == (parsed.verdict is not Verdict.PRODUCT)


def test_a_product_page_without_its_end_says_that_it_was_cut_off() -> None:
    start = GOOD[: GOOD.index(b"</body>")]
    parsed = parse_page(start)
    assert (parsed.verdict, parsed.reason) == (Verdict.ERROR, "the page is cut off: it has no end")
    assert parsed.asin == "B08N5WRWNW"
    comment = b"<!-- MEOW " + b"x" * 2000 + b" -->"
    for end in (b"</body>", b"</html>", b"</HTML >", b"</body></html>" + comment):
        assert parse_page(start + end).snapshot is not None


def test_a_damaged_page_has_a_verdict() -> None:
    """Pieces of a page doubled, dropped and moved: 150 times."""
    draw = random.Random(4)
    market = SandboxMarket()
    pages = [market.page(key, date(2025, 2, 1)) for key in market.keys[:5]]
    for number in range(150):
        page = bytearray(pages[number % len(pages)])
        for _ in range(draw.randint(1, 12)):
            start, length = draw.randrange(len(page)), draw.randrange(2000)
            piece = bytes(page[start : start + length])
            del page[start : start + length // 2]
            at = draw.randrange(len(page))
            page[at:at] = piece if draw.random() < 0.7 else draw.randbytes(20)
        parse_result_to_json(parse_page(bytes(page)))


def test_parts_repeated_without_end_are_read_in_time() -> None:
    many = {
        "prices": '<span class="a-price priceToPay a-color-price">$1.0</span>',
        "offers": '<div id="mbc"><div id="olp_feature_div"></div></div>',
        "ranks": '<a href="/gp/bestsellers/a/123456/pd_zg_hrsr">x</a>1,111',
        "galleries": "<script>'colorImages': {'initial': [[[[[[</script>",
        "numbers": '<i id="acrPopover" title="' + "9" * 100 + '"></i>',
        "stock": '<p id="availability">only only only</p>',
        "details": '<div id="prodDetails"><table><tr><th>Size</th><td>1 m</td></tr></table></div>',
        "rows": '<ul id="detailBullets_feature_div"><li><b>Size:</b> <a href="#">1 m</a></li></ul>',
    }
    for name, part in many.items():
        started = time.process_time()
        parsed = parse_page(product_page(part * 10_000))
        assert parsed.verdict in (Verdict.PRODUCT, Verdict.ERROR), name
        assert time.process_time() - started < 10, name


@pytest.mark.parametrize(
    "around",
    ["corePriceDisplay_desktop_feature_div", "olp_feature_div", "prodDetails"],
)
@pytest.mark.parametrize(
    "part",
    [
        '<span class="a-price priceToPay basisPrice a-color-price a-price-range">',
        '<i2 id="availability">',
        '<i2 id="corePrice_feature_div" class="a-price">',
        '<ul><li class="item">',
        '<ul id="detailBullets_feature_div"><li><b>Size:</b><a href="/review">',
        "<table><tr><td>Size</td><td>",
        "<tr><td>",
    ],
)
def test_parts_within_themselves_are_read_in_time(around: str, part: str) -> None:
    """As many as fit into a tree that is built without a closer look."""
    page = product_page(f'<div id="{around}">' + part * (7_800 // part.count("<")) + "$1</div>")
    started = time.process_time()
    assert parse_page(page).snapshot is not None
    assert time.process_time() - started < 10


def test_a_long_text_in_details_within_each_other_is_read_in_time() -> None:
    names = ("prodDetails", "detailBullets_feature_div", "detail_bullets_id", "tech") * 10
    parts = "".join(f'<div id="{name}"><ul><li><b>Size:</b>' for name in names)
    started = time.process_time()
    snapshot = parse_page(product_page(parts + "1 m " * 2_000_000)).snapshot
    assert snapshot is not None
    assert all(len(value) <= 1000 for value in snapshot.attributes.values())
    assert time.process_time() - started < 10


def test_deep_parts_do_not_exhaust_the_stack() -> None:
    deep = "<span>" * 200 + "Only 3 left in stock" + "</span>" * 200
    snapshot = parse_page(product_page(f'<div id="availability">{deep}</div>')).snapshot
    assert snapshot is not None
    assert snapshot.availability == "limited"


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400), st.integers(0, len(GOOD)))
def test_any_bytes_anywhere(noise: bytes, place: int) -> None:
    for content in (noise, GOOD[:place] + noise + GOOD[place:]):
        parsed = parse_page(content)
        assert (parsed.snapshot is None) == (parsed.verdict is not Verdict.PRODUCT)
