"""The rows of a page's detail tables and lists, in each layout that shows them."""

from __future__ import annotations

import pytest

from insights_assets.snapshots.parse_explanation import explanation
from insights_assets.snapshots.parser import explain_page, parse_page
from insights_assets.snapshots.product_snapshot import ProductSnapshot
from insights_resources.page_providers.document import PageDocument
from tests.unit.snapshots.product_page import product_page


def read(body: str) -> ProductSnapshot:
    snapshot = parse_page(product_page(body)).snapshot
    assert snapshot is not None
    return snapshot


def overview(*rows: tuple[str, str]) -> str:
    cells = "".join(
        f'<tr class="a-spacing-small"><td class="a-span3"> <span class="a-text-bold">{label}</span>'
        f' </td><td class="a-span9"> <span class="po-break-word">{value}</span> </td></tr>'
        for label, value in rows
    )
    return f'<div id="productOverview_feature_div"><table><tbody>{cells}</tbody></table></div>'


def table(*rows: tuple[str, str], ident: str = "prodDetails") -> str:
    cells = "".join(f"<tr><th> {label} </th><td> {value} </td></tr>" for label, value in rows)
    return f'<div id="{ident}"><table><tbody>{cells}</tbody></table></div>'


def bullets(*entries: str, ident: str = "detailBullets_feature_div") -> str:
    items = "".join(f'<li><span class="a-list-item">{entry}</span></li>' for entry in entries)
    return f'<div id="{ident}"><ul>{items}</ul></div>'


def bullet(label: str, value: str) -> str:
    return f'<span class="a-text-bold">{label} &rlm; : &lrm;</span> <span>{value}</span>'


COLOUR = {"Colour": "Slate blue"}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(overview(("Colour", "Slate blue")), id="beside the price"),
        pytest.param(
            '<div id="productOverview_feature_div"><div id="poExpander"><div style="display:none" '
            f'class="a-expander-content">{overview(("Colour", "Slate blue"))}</div>'
            '<a class="a-expander-header"><span>See more</span></a></div></div>',
            id="beside the price, folded",
        ),
        pytest.param(table(("Colour", "\u200eSlate blue")), id="table"),
        pytest.param(
            table(("Colour", "Slate blue"), ident="productDetails_techSpec_section_1"),
            id="table of a phone's page",
        ),
        pytest.param(
            table(("Colour", "Slate blue"), ident="technicalSpecifications_feature_div"),
            id="specifications",
        ),
        pytest.param(
            '<div id="prodDetails"><div class="pdTab"><table><tbody><tr><td class="label">Colour '
            '</td><td class="value">Slate blue</td></tr><tr><td class="lAttr">&nbsp;</td>'
            '<td class="lAttr">&nbsp;</td></tr></tbody></table></div></div>',
            id="table of 2014",
        ),
        pytest.param(
            '<div id="tech"><table class="a-bordered"><tbody><tr><td><p><strong>Colour</strong></p>'
            "</td> <td> <p>Slate blue</p></td></tr></tbody></table></div>",
            id="table of a maker's page",
        ),
        pytest.param(bullets(bullet("Colour", "Slate blue")), id="list"),
        pytest.param(
            '<div id="detail_bullets_id"><table id="productDetailsTable"><tbody><tr>'
            '<td class="bucket"><ul><li><b>Colour:</b> Slate blue</li></ul></td></tr></tbody>'
            "</table></div>",
            id="list of 2013",
        ),
        pytest.param(
            '<div class="a-popover-preload"><div id="detailBullets_secondary_view_div"><ul><li>'
            '<span class="a-text-bold"> Colour: </span> <span>Slate blue</span></li></ul></div>'
            "</div>",
            id="list that a phone's page opens",
        ),
        pytest.param(
            '<div id="productFactsDesktopExpander"><div class="product-facts-detail"><div>'
            '<div class="a-col-left"><span>Colour</span></div><div class="a-col-right">'
            "<span>Slate blue</span></div></div></div></div>",
            id="clothes",
        ),
        pytest.param(
            '<div id="rich_product_information"><ol><li><div class="rpi-attribute-content">'
            '<div class="rpi-attribute-label"><span>Colour</span></div><div class="rpi-icon"></div>'
            '<div class="rpi-attribute-value"><span>Slate blue</span></div></div></li></ol></div>',
            id="tiles of a book",
        ),
        pytest.param(
            "<div id='prodDetails'><table><tr><!-- a --> <th>Colour</th><!-- b --><td>Slate blue"
            "</td></tr></table></div>",
            id="comments between the cells",
        ),
        pytest.param(
            f'<div id="detail_bullets_id">{table(("Colour", "Slate blue"))}</div>',
            id="a part within another",
        ),
    ],
)
def test_a_row_is_label_and_value_in_each_layout(body: str) -> None:
    assert read(body).attributes == COLOUR


def test_rows_are_in_page_order_and_the_first_place_of_a_label_counts() -> None:
    snapshot = read(
        table(("Item Weight", "1 kg"), ("BRAND", "Other"), ("Colour", "Blue"))
        + overview(("Brand", "Oak"), ("Colour", "Slate blue"))
        + bullets(bullet("Item weight", "2 kg"), bullet("Shape", "Round"))
    )
    assert list(snapshot.attributes.items()) == [
        ("Brand", "Oak"),
        ("Colour", "Slate blue"),
        ("Item Weight", "1 kg"),
        ("Shape", "Round"),
    ]
    assert snapshot.field_sources["attributes"] == "#productOverview_feature_div"
    assert "attributes" not in snapshot.disputed_fields


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        ("Pilha(s) ou bateria(s): &rlm; : &lrm;", "Pilha(s) ou bateria(s)"),
        ("Poids\u00a0:", "Poids"),
        ("梱包サイズ：", "梱包サイズ"),
        ("  Item \n weight ", "Item weight"),
        ("<style>a{}</style>Scent<script>var label = 1;</script>", "Scent"),
    ],
)
def test_a_label_has_neither_colon_nor_marks(label: str, shown: str) -> None:
    assert list(read(table((label, "x"))).attributes) == [shown]
    entry = f'<span class="a-text-bold">{label}</span> : <span>x</span>'
    assert read(bullets(entry)).attributes == {shown: "x"}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("<span>Teak</span><script>P.when('A')</script><style>.x{}</style>", "Teak"),
        ('Teak<span class="aok-hidden">{"state": 1}</span>', "Teak"),
        ("<!-- stock -->Teak<br/>Oak", "Teak Oak"),
        ("<ul><li>Teak</li> <li>Oak</li></ul>", "Teak Oak"),
        ('3 pounds (<a href="/gp/help/x">View shipping rates and policies</a>)', "3 pounds"),
        ('Ships abroad. <a href="/gp/help/x">Learn More</a>', "Ships abroad."),
        ('See <a href="/gp/help/x">the help page</a>', "See the help page"),
        ('Teak. <a href="javascript:void(0)">See more</a>', "Teak."),
        (
            '<span class="a-truncate"><span class="a-truncate-full a-offscreen">Teak, Oak</span>'
            '<span class="a-truncate-cut" aria-hidden="true">Teak…</span></span> '
            '<span><a href="javascript:void(0)" class="a-popover-trigger">See more</a></span>',
            "Teak, Oak",
        ),
        ('<a href="/stores/oak">Oak</a>', "Oak"),
        ('J. <a href="/stores/oak">Oak</a>', "J. Oak"),
        ("\u2068\u200e12 cm\u2069", "12 cm"),
        (": Teak", "Teak"),
        ("x" * 5000, "x" * 1000),
    ],
)
def test_a_value_is_what_a_reader_sees(value: str, shown: str) -> None:
    assert read(table(("Material", value))).attributes == {"Material": shown}


RANK = '#5 in <a href="/gp/bestsellers/k/12345/ref=pd_zg_hrsr_k">Mugs</a>'
STARS = '<div id="averageCustomerReviews"><i class="a-icon-star"><span>4.5</span></i></div>'


@pytest.mark.parametrize(
    ("label", "value"),
    [
        ("Whatever it is called", RANK),
        ("Whatever it is called", f"<ul><li><span>{RANK}</span></li></ul>"),
        ("Amazon.com Sales Rank", "375493"),
        ("Bestseller-Rang", "5 in Tassen"),
        ("Wie sie es nennen", STARS),
        ("Customer Reviews", "Be the first to review this item"),
        ("Gemiddelde klantenbeoordeling", "Schrijf als eerste een recensie"),
        ("Müşteri Yorumları", "4"),
        ("ASIN", "B08N5WRWNW"),
        ("", "Click here for information about recycling"),
        ("Colour", ""),
        ("Colour", "<script>1</script>"),
        ("x" * 101, "no label is as long"),
    ],
)
def test_what_has_a_field_of_its_own_or_no_label_is_no_attribute(label: str, value: str) -> None:
    rows = (("Shape", "Round"), (label, value), ("Style", "Modern"))
    assert read(table(*rows)).attributes == {"Shape": "Round", "Style": "Modern"}
    entries = bullets(*(bullet(*row) for row in rows))
    assert read(entries).attributes == {"Shape": "Round", "Style": "Modern"}


@pytest.mark.parametrize(
    "body",
    [
        f'<div class="aok-hidden">{table(("Colour", "Red"))}</div>',
        f'<div id="sims-fbt">{table(("Colour", "Red"))}</div>',
        '<div id="prodDetails"><table><tr style="display: none"><th>Colour</th><td>Red</td></tr>'
        "</table></div>",
        '<div id="prodDetails"><table><tr><th>Colour</th><td>Red</td><td>Blue</td></tr></table>'
        "</div>",
        bullets("<b>Read this</b> before use", "plain text: here", "text <b>Colour:</b> Red"),
        table(("Colour", "Red"), ident="elsewhere"),
    ],
)
def test_other_rows_are_not_the_product_s(body: str) -> None:
    snapshot = read(body)
    assert snapshot.attributes == {}
    assert "attributes" not in snapshot.field_sources


def test_their_number_is_limited() -> None:
    many = table(*((f"Label {number}", "x") for number in range(1000)))
    assert len(read(many).attributes) == 200


def test_the_explanation_names_each_place() -> None:
    page = product_page(overview(("Colour", "Blue")) + table(("Colour", "Red"), ("Shape", "Round")))
    lines = explanation(*explain_page(PageDocument.from_bytes(page))).splitlines()
    start = lines.index("attributes: Colour: Blue; Shape: Round")
    assert [" ".join(line.split()) for line in lines[start + 1 : start + 4]] == [
        "taken #productOverview_feature_div: Colour: Blue",
        "rejected #prodDetails: Colour: Red (its label stands before)",
        "taken #prodDetails: Shape: Round",
    ]
