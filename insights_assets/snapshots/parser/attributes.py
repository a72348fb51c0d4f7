"""What the product's detail tables and lists say: label -> value, as the page shows them.

A row is a table's row of two cells, or an entry of a list that begins with a bold label; layouts
differ in where they stand. Ranks, ratings, the seller and the ASIN stand among them and have
fields of their own: their rows are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice

from selectolax.lexbor import LexborNode

from insights_assets.snapshots.parser.page_reading import PageReading
from insights_assets.snapshots.parser.visible_text import clean, is_visible, only_text, text_pieces

#: Where layouts show the product's details: beside the price, then below it. Of a label that
#: stands in several the first value counts.
_DETAILS = (
    "#productOverview_feature_div",
    "#productFactsDesktopExpander",
    "#technicalSpecifications_feature_div",
    "#prodDetails",
    "#detailBulletsWrapper_feature_div",
    "#rich_product_information",
    "#productDetails_techSpec_section_1",
    "#productDetails_techSpec_section_2",
    "#productDetails_detailBullets_sections1",
    "#detailBullets_feature_div",
    "#detail_bullets_id",
    "#detail-bullets",
    "#productDetailsTable",
    "#tech",
    # All of them, on phones, folded until a reader asks.
    "#productDetails_secondary_view_div",
    "#detailBullets_secondary_view_div",
)
_FOLDED = frozenset(_DETAILS[-2:])
#: Rows, and links and pictures, which may tell that their row has a field of its own: looked for at
#: once, for each look through the page costs.
_LOOKED_AT = "tr, li, a, i, .product-facts-detail, .rpi-attribute-content"
_TELLING = frozenset("ai")
_LABEL = "b, strong, .a-text-bold"
_OTHER_FIELD_LINK = re.compile(r"bestsellers|best-sellers|zgbs|pd_zg|[Rr]eview")
_OTHER_FIELD_ENTRIES = frozenset(["SalesRank", "sold-by-merchant"])
#: The same by label, where nothing in the row tells: an unlinked rank, no review yet.
_OTHER_FIELD_LABEL = re.compile(
    r"(?i)^asin$|best.?sell?ers?.?rank|bestseller.?rang|sales rank"
    r"|classement des meilleures ventes|classifica bestseller|clasificación en los más vendidos"
    r"|ranking dos mais vendidos|çok satanlar|bestsellerlijst|rangordning bland bästsäljare"
    r"|ranking najlepiej|売れ筋ランキング|تصنيف الأفضل"
    r"|^(?:average )?customer (?:reviews?|ratings?)|kundenrezension|kundenbewertung"
    r"|(?:commentaires|évaluations) client|recensioni (?:dei )?clienti"
    r"|opiniones de (?:los )?clientes|valoración media de los clientes"
    r"|avaliaç(?:ão|ões) (?:de|dos|média)|média de avaliaç"
    r"|müşteri (?:yorum|değerlendirme|puan)|klantenrecensie|klant(?:en)?beoordeling"
    r"|kundrecension|opinie klientów|カスタマーレビュー|おすすめ度|مراجعات ال"
)
_HELP_LINK = re.compile(r"/help/|^javascript:|^#")
_AFTER_LINK = " )."
_WHOLE = ".a-truncate-full"
#: What separates a label from its value; a list's entry has it.
_SEPARATOR = ":： "

#: Real pages have up to two of a part and 60 rows, labels of up to 60 characters.
_MOST_PARTS = 4
_MOST_ROWS = 400
_MOST_ATTRIBUTES = 200
_LONGEST_LABEL = 100
_LONGEST_VALUE = 1_000
#: Of a part its rows, links and pictures, of a row its cells and comments, of a cell its elements
#: and texts, and of a text its characters, that are looked at.
_MOST_LOOKED_AT = 2_000
_MOST_CELLS = 8
_MOST_PIECES = 150
_LONGEST_PIECE = 2 * _LONGEST_VALUE


def attributes(page: PageReading) -> dict[str, str]:
    """The product's attributes in page order, without those that have a field of their own."""
    found: dict[str, str] = {}
    labels: set[str] = set()
    seen: set[int] = set()
    for selector in filter(page.document.may_have, _DETAILS):
        for row in _rows(page, selector, seen):
            label, value = _of_list(row) if row.tag == "li" else _of_cells(row)
            if not label or not value or len(label) > _LONGEST_LABEL:
                continue
            if _names_other_field(label):
                continue
            shown = f"{label}: {value}"
            # Places differ in how they write a label: "Item model number", "Item Model Number".
            same = label.casefold()
            if same in labels:
                page.evidence.reject("attributes", selector, shown, "its label stands before")
                continue
            labels.add(same)
            found[label] = value
            page.evidence.also("attributes", selector, shown)
            if len(found) >= _MOST_ATTRIBUTES:
                return found
    return found


def _rows(page: PageReading, selector: str, seen: set[int]) -> Iterator[LexborNode]:
    """The rows of a part of the page, without those seen before in a part around or within it."""
    for part in islice(_parts(page, selector), _MOST_PARTS):
        if len(seen) >= _MOST_ROWS:
            return
        rows: list[tuple[int, LexborNode]] = []
        others: set[int] = set()
        for node in part.css(_LOOKED_AT)[:_MOST_LOOKED_AT]:
            if node.tag not in _TELLING:
                rows.append((node.mem_id, node))
            elif _tells_other_field(node):
                _add_around(node, part, others)
        for itself, row in rows[:_MOST_ROWS]:
            if itself in seen:
                continue
            seen.add(itself)
            if itself not in others and row.id not in _OTHER_FIELD_ENTRIES and is_visible(row):
                yield row


def _parts(page: PageReading, selector: str) -> Iterable[LexborNode]:
    if selector in _FOLDED:
        return (part for part in page.document.select(selector) if page.option_around(part) is None)
    return page.offered(selector)


def _tells_other_field(node: LexborNode) -> bool:
    attributes = node.attributes
    if node.tag == "a":
        return _OTHER_FIELD_LINK.search(attributes.get("href") or "") is not None
    return "a-icon-star" in (attributes.get("class") or "")


def _add_around(node: LexborNode, part: LexborNode, around: set[int]) -> None:
    """Adds the ``mem_id``s of an element and of those around it within the part."""
    ends = part.mem_id
    current: LexborNode | None = node
    while current is not None and current.mem_id not in around and current.mem_id != ends:
        around.add(current.mem_id)
        current = current.parent


@lru_cache(maxsize=4096)  # pages have the same few hundred labels
def _names_other_field(label: str) -> bool:
    return _OTHER_FIELD_LABEL.search(label) is not None


def _of_cells(row: LexborNode) -> tuple[str, str]:
    """Label and value of a row of two cells; empty where it has more or less."""
    if row.tag == "tr":
        cells = [cell for cell in islice(row.iter(), _MOST_CELLS) if cell.tag in ("td", "th")]
    else:
        cells = _cells_of_grid(row)
    if len(cells) != 2:
        return "", ""
    label = _text(cells[0]).rstrip(_SEPARATOR)
    return label, _value(cells[1]).lstrip(_SEPARATOR) if label else ""


def _cells_of_grid(row: LexborNode) -> list[LexborNode]:
    """The same of rows that are no table's: clothes, and the tiles of books."""
    label = row.css_first(".a-col-left, .rpi-attribute-label")
    value = row.css_first(".a-col-right, .rpi-attribute-value")
    return [] if label is None or value is None else [label, value]


def _of_list(entry: LexborNode) -> tuple[str, str]:
    """Label and value of a list's entry that begins with its label; empty for any other."""
    bold = entry.css_first(_LABEL)
    if bold is None:
        return "", ""
    label, text = _text(bold), _value(entry)
    value = text.removeprefix(label).lstrip()
    named = label.endswith((":", "：")) or value.startswith((":", "："))
    if not label or not named or not text.startswith(label):
        return "", ""
    return label.rstrip(_SEPARATOR), value.lstrip(_SEPARATOR)


def _value(node: LexborNode) -> str:
    """A value's text, without a link to help at its end: "3 pounds (View shipping rates)"; of a
    long one that is there whole and cut off, the whole."""
    only = only_text(node)
    if only is not None:
        return _short(only[:_LONGEST_PIECE])
    whole = node.css_first(_WHOLE)
    if whole is not None and node.tag != "li":
        return _text(whole)
    text = _text(node)
    links = node.css("a")
    if not links or not _HELP_LINK.search(links[-1].attributes.get("href") or ""):
        return text
    more = _text(links[-1]).rstrip(_AFTER_LINK)
    before = text.rstrip(_AFTER_LINK).removesuffix(more).rstrip()
    return before.rstrip("( ") if more and before.endswith(("(", ".", "。")) else text


def _text(node: LexborNode) -> str:
    """The visible text of a cell or an entry, cut off where it is long."""
    only = only_text(node)
    pieces = text_pieces(node, _MOST_PIECES) if only is None else [only]
    return _short(" ".join([piece[:_LONGEST_PIECE] for piece in pieces]))


def _short(text: str) -> str:
    text = clean(text)
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE].rstrip()
