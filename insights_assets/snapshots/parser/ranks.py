"""Best Sellers Ranks, in page order, with the browse node of each from its link.

A rank's line is recognised by its link to a best-seller list, in whatever language its label is;
lines without a link by their label.
"""

from __future__ import annotations

import re

from selectolax.lexbor import LexborNode

from insights_assets.snapshots.parser.numbers import western_digits
from insights_assets.snapshots.parser.page_reading import PageReading
from insights_assets.snapshots.parser.visible_text import clean, is_visible
from insights_assets.snapshots.product_snapshot import BestSellersRank

#: Links from a rank to its list: the product's own details have them with these references.
_LINK = "a[href*='pd_zg_ts'], a[href*='pd_zg_hrsr']"
#: The same without a reference, as old pages have them; they may be elsewhere on a page as well.
_LIST_LINK = "a[href*='bestsellers'], a[href*='zgbs'], a[href*='best-sellers']"
#: Where layouts show the product's details; a page may have two of them that say the same.
_DETAILS = (
    "#SalesRank",
    "#prodDetails",
    "#productDetails_detailBullets_sections1",
    "#detailBulletsWrapper_feature_div",
    "#detailBullets_feature_div",
    "#detail_bullets_id",
    "#detail-bullets",
    "#productDetailsTable",
    "#productDetails_expanderSectionTables",
    "#productDetails_expanderTables_depthLeftSections",
    "#productDetails_expanderTables_depthRightSections",
)
#: A product has up to ten or so; its page may repeat them.
_MOST_LINKS = 60
_MOST_PARTS = 4
#: A rank's line is short.
_LONGEST_LINE = 400
_NODE_IN_LINK = re.compile(
    r"/(?:gp/)?(?:bestsellers|zgbs|best-sellers[^/]*)/[^/?#]+/(\d{3,})(?=[/?#]|$)"
)
_TOP_LINK = re.compile(r"pd_zg_ts")
_LINE_TAGS = frozenset(["li", "tr", "td", "p", "ul", "div", "br"])

_NUMBER = r"(?P<rank>\d{1,3}(?:[.,'’ \u00a0\u202f]\d{2,3})+(?!\d)|\d+)"
#: The number first: "#844 in Patio", "Nr. 2,804 in Beauty", "nº946 en Electrónica".
_RANK_FIRST = re.compile(
    rf"^\W{{0,4}}(?:[^\W\d_]{{1,10}}\W{{0,4}}){{0,3}}?{_NUMBER}(?P<rest>.*)$", re.S
)
#: The number last: "Ev ve Yaşam kategorisinde 2. sırada", "ホーム＆キッチン - 4,012位".
_RANK_LAST = re.compile(
    rf"^(?P<category>.*?\S)\s*(?:-|–|kategorisinde|içinde)?\s*{_NUMBER}\s*"
    rf"(?:\.\s*sırada|numara|位|名)\W*$",
    re.S,
)
#: The word between a rank and its category.
_CONNECTOR = re.compile(
    r"^\W*(?:位|名)?\W*(?:(?:in|en|em|dans|nei|nella|i|w|v|på|op|ve|auf|unter|Kategori|Kategorie"
    r"|kategori|في|में)(?=\s|:|\u00a0))?[\s:\-–—.、]*"
)
_PAID_FREE = re.compile(
    r"^(?:de )?(?:paid|free|betaald|gratis|bezahlt|kostenlos|payants|gratuits|pagos?|pagados"
    r"|gratuitos?|a pagamento)\s+(?:in|en|em|dans|nel|no|na)\s+",
    re.I,
)


def best_sellers_ranks(page: PageReading) -> tuple[BestSellersRank, ...]:
    """The product's ranks in page order; empty where the page shows none with a category.

    A list that the page repeats (in a table and in bullets) counts once. An unlinked rank without
    a category ("Amazon.com Sales Rank: 68383") says no node to compare in, and is left out.
    """
    ranks: dict[tuple[str, str | None], BestSellersRank] = {}
    for source, link in _links(page):
        option = page.option_around(link)
        rank = None if option is not None else _rank_of_link(link)
        if rank is None:
            page.evidence.reject("bsr", source, clean(link.text()), _why_no_rank(option))
            continue
        first = ranks.setdefault((rank.category, rank.node_id), rank)
        if first is rank:
            page.evidence.also("bsr", source, _as_text(rank))
        elif first.rank != rank.rank:
            page.evidence.witness("bsr", source, _as_text(rank))
    return tuple(ranks.values())


def _as_text(rank: BestSellersRank) -> str:
    return f"{rank.rank} in {rank.category}"


def _why_no_rank(option: str | None) -> str:
    return "its line is none of a rank" if option is None else f"belongs to {option}"


def _links(page: PageReading) -> list[tuple[str, LexborNode]]:
    """Links to best-seller lists, each once, with where they stand."""
    found: dict[int, tuple[str, LexborNode]] = {}
    for selector in _DETAILS:
        for part in page.document.select(selector)[:_MOST_PARTS]:
            links = part.css(_LINK)
            links = links or part.css(_LIST_LINK)
            for link in links[:_MOST_LINKS]:
                found.setdefault(link.mem_id, (selector, link))
    if not found:
        for link in page.document.select(_LINK)[:_MOST_LINKS]:
            found[link.mem_id] = ("links to best-seller lists", link)
    return list(found.values())


def _rank_of_link(link: LexborNode) -> BestSellersRank | None:
    address = link.attributes.get("href") or ""
    node = _NODE_IN_LINK.search(address)
    before = clean(_text_before(link))
    if len(before) > _LONGEST_LINE:
        return None
    if node is None or _TOP_LINK.search(address):
        return _rank_of_line(before.rstrip("( \u00a0（"), node.group(1) if node else None)
    category = clean(link.text())
    number = _number_of(before)
    if number is None and not before:  # "水筒・マグボトル - 29位": the category first
        number = _number_of(clean(_text_after(link)))
    # Old pages show the whole path: "#5 in Books > Crafts > Knitting". The last link is the node,
    # the path is the category.
    following = _next_link_in_line(link)
    if number is None or not category:
        return None
    if following is not None:
        return None
    path = _path_in(before)
    return BestSellersRank(f"{path}{category}" if path else category, node.group(1), number)


def _number_of(text: str) -> int | None:
    found = _RANK_FIRST.match(western_digits(text))
    return None if found is None else _whole(found["rank"])


def _whole(text: str) -> int | None:
    digits = re.sub(r"\D", "", text)
    return int(digits) or None if len(digits) <= 12 else None


def _path_in(before: str) -> str:
    """The categories of a path that come before the last: "Books > Crafts > "."""
    if ">" not in before:
        return ""
    found = _RANK_FIRST.match(western_digits(before))
    return "" if found is None else _CONNECTOR.sub("", before[found.start("rest") :]).strip() + " "


def _rank_of_line(line: str, node_id: str | None) -> BestSellersRank | None:
    digits = western_digits(line)
    last = _RANK_LAST.match(digits)
    if last is not None:
        number, category = _whole(last["rank"]), line[: last.end("category")]
    else:
        first = _RANK_FIRST.match(digits)
        if first is None:
            return None
        number = _whole(first["rank"])
        category = _CONNECTOR.sub("", line[first.start("rest") :])
        category = _PAID_FREE.sub("", category)
    category = clean(category).strip(" -–—:")
    if number is None or not category:
        return None
    return BestSellersRank(category, node_id, number)


def _text_before(link: LexborNode) -> str:
    """The text of the link's line before it, back to the line's start or its label."""
    pieces: list[str] = []
    current: LexborNode | None = link
    while current is not None:
        previous = current.prev
        while previous is not None:
            if _starts_line(previous):
                return "".join(reversed(pieces))
            pieces.append(_line_text(previous))
            previous = previous.prev
        parent = current.parent
        if parent is None or parent.tag in _LINE_TAGS:
            break
        current = parent
    return "".join(reversed(pieces))


def _text_after(link: LexborNode) -> str:
    """The text that follows the link in its line, up to another link."""
    pieces: list[str] = []
    following = link.next
    while following is not None and not _starts_line(following) and following.tag != "a":
        pieces.append(_line_text(following))
        following = following.next
    return "".join(pieces)


def _starts_line(node: LexborNode) -> bool:
    if node.tag is None or node.tag.startswith("-"):
        return False
    classes = node.attributes.get("class") or ""
    return node.tag in _LINE_TAGS or node.tag in ("b", "strong", "h2") or "a-text-bold" in classes


def _line_text(node: LexborNode) -> str:
    if node.tag == "-text":
        return node.text_content or ""
    if node.tag is None or node.tag.startswith("-") or not is_visible(node):
        return ""
    return node.text()


def _next_link_in_line(link: LexborNode) -> LexborNode | None:
    following = link.next
    while following is not None and not _starts_line(following):
        if following.tag == "a":
            return following
        following = following.next
    return None
