"""Best Sellers Ranks, in page order, each with its category and the id of its browse node."""

from __future__ import annotations

import re
from collections.abc import Iterator

from selectolax.lexbor import LexborNode

from insights_assets.snapshots.parser.page import Page, lines_of, text_of
from insights_assets.snapshots.parser.phrases import RANK_LABEL, RANK_REMARK
from insights_assets.snapshots.product_snapshot import BestSellersRank

_CONTAINERS = (
    "#SalesRank",
    "#detailBulletsWrapper_feature_div li",
    "#detailBulletsWrapper_feature_div ul",
    "#detailBullets_feature_div li",
    "#productDetails_detailBullets_sections1 tr",
    "#productDetails_db_sections tr",
    "#prodDetails tr",
    "#productDetails_feature_div tr",
    "#detail-bullets li",
    "#productDetailsTable li",
    "#detailBullets li",
    "#technicalSpecifications_section_1 tr",
    "table.prodDetTable tr",
    ".pdTab tr",
    "#product-specification-table tr",
    "#productDetails_secondary_view_div li",
    "table.a-keyvalue tr",
    "#product-details-grid_feature_div tr",
)
#: A rank and what follows it: "#12 in X", "Nr. 3.845 in X", "n° 3 in X", "nº7 en X", "17,413 in X".
_WESTERN = re.compile(
    r"(?:#|\bn(?:r|o|um)?[.°º]{0,2}\s?|\bnummer\s)?\s*(?P<rank>\d[\d.,\u00a0\u202f ]*)"
    r"\s+(?:in|en|em|dans|w|i|في|per)\s+",
    re.I,
)
_TURKISH = re.compile(
    r"(?P<top>[^#():]+?) kategorisinde\s+(?P<top_rank>\d[\d.,]*)\.?\s*sıra(?:da)?"
    r"|Sıralama:\s*(?P<rank>\d[\d.,]*)\s*-\s*Kategori:\s*(?P<category>[^#():]+?)(?=\s*(?:Sıralama:|$))"
)
_JAPANESE = re.compile(
    r"(?P<before>[^\d\s─\-–:：][^─\d]*?)?\s*[-–─]?\s*(?P<rank>\d[\d,]*)位\s*(?P<after>[^\d─()]*)"
)
_NODE_IN_LINK = re.compile(
    r"/(?:bestsellers|best-sellers|zgbs|bestseller)[^\s\"]*?/(\d{3,})(?:[/?]|$)|/(\d{6,})/ref"
)


def read_ranks(page: Page) -> tuple[BestSellersRank, ...]:
    """Every rank of the page in its order; none when the page shows none."""
    for selector in _CONTAINERS:
        for node in page.all(selector):
            if not RANK_LABEL.search(text_of(node)):
                continue
            ranks = list(_ranks_in(node))
            if ranks:
                page.found("bsr", selector)
                return tuple(ranks)
    return ()


def _ranks_in(node: LexborNode) -> Iterator[BestSellersRank]:
    nodes = _node_ids(node)
    seen: set[tuple[str, int]] = set()
    for line in lines_of(node):
        line = RANK_REMARK.sub(" ", line)
        label = RANK_LABEL.search(line)
        body = line[label.end() :] if label else line
        for number, category in _pairs(body):
            digits = re.sub(r"\D", "", number)
            name = _clean(category)
            if not digits or not name or int(digits) < 1 or (name, int(digits)) in seen:
                continue
            seen.add((name, int(digits)))
            # Old pages put the whole path after the rank: the link is on its last part.
            node_id = nodes.get(name) or nodes.get(name.rpartition(">")[2].strip())
            yield BestSellersRank(name, node_id, int(digits))


def _pairs(body: str) -> list[tuple[str, str]]:
    """(rank, category) in the order of the text."""
    if "位" in body:
        # Top level as "category - rank位", the others as "rank位category".
        return [
            (match["rank"], match["before"] or match["after"])
            for match in _JAPANESE.finditer(body)
            if match["before"] or match["after"]
        ]
    if "kategorisinde" in body or "Kategori:" in body:
        return [
            (match["top_rank"] or match["rank"], match["top"] or match["category"])
            for match in _TURKISH.finditer(body)
        ]
    matches = list(_WESTERN.finditer(body))
    if not matches:
        return []
    ends = [match.start() for match in matches[1:]] + [len(body)]
    return [
        (match["rank"], body[match.end() : end]) for match, end in zip(matches, ends, strict=True)
    ]


def _clean(category: str) -> str:
    text = re.split(r"\s*(?:#|\||Customer Reviews|Date First|ASIN)\s*", category, maxsplit=1)[0]
    text = re.sub(
        r"\s*\((?:[^()]*(?:100|Top|Bestseller|meilleures|bestsellers)[^()]*)\)?\s*$", "", text
    )
    return " ".join(text.split()).strip(" -–─:：(,;.")


def _node_ids(node: LexborNode) -> dict[str, str]:
    """Name of a category -> its node id, from the links."""
    found: dict[str, str] = {}
    for link in node.css("a[href]"):
        match = _NODE_IN_LINK.search(link.attributes.get("href") or "")
        if match:
            found.setdefault(_clean(RANK_REMARK.sub(" ", text_of(link))), match[1] or match[2])
    return found
