"""The parser: a product page's bytes -> ``ParsedPage``.

``parse_page`` never raises for any bytes. The verdict comes first, by the one definition that
capture uses too; the fields come from several independent places each (see docs/parser.md), and
``field_sources`` says from which.
"""

from __future__ import annotations

from insights_assets.snapshots.parser.buy_box import read_buy_box
from insights_assets.snapshots.parser.listing import (
    read_brand,
    read_breadcrumbs,
    read_bullets,
    read_description,
    read_images,
    read_parent,
)
from insights_assets.snapshots.parser.page import Page
from insights_assets.snapshots.parser.ranks import read_ranks
from insights_assets.snapshots.parser.ratings import read_rating, read_rating_count
from insights_assets.snapshots.product_snapshot import ParsedPage, ProductSnapshot
from insights_resources.marketplaces import ProductKey
from insights_resources.page_providers.document import PageDocument
from insights_resources.page_providers.protocol import Verdict
from insights_resources.page_providers.verdict import judge_page, page_title

__all__ = ["PARSER_VERSION", "parse_page"]

#: Raised with every change that can give another value for a page.
PARSER_VERSION = "1.0.0"


def parse_page(
    content: bytes | PageDocument,
    *,
    target: ProductKey | None = None,
    marketplace: str | None = None,
) -> ParsedPage:
    """What the page says.

    ``target``: the product that was asked for; a page of another one is rejected. ``marketplace``:
    where the page is from, for a page that does not say it itself.
    """
    document = content if isinstance(content, PageDocument) else PageDocument.from_bytes(content)
    judgement = judge_page(document, target, marketplace=marketplace)
    title = page_title(document) if judgement.verdict is Verdict.PRODUCT else None
    if title is None or judgement.marketplace is None or judgement.asin is None:
        return ParsedPage(
            judgement.verdict,
            judgement.reason,
            judgement.marketplace,
            judgement.asin,
            None,
            PARSER_VERSION,
        )
    page = Page.of(document, judgement.marketplace)
    buy_box = read_buy_box(page)
    snapshot = ProductSnapshot(
        marketplace=judgement.marketplace,
        asin=judgement.asin,
        title=title,
        currency=buy_box.currency,
        brand=read_brand(page),
        price=buy_box.price,
        price_min=buy_box.price_min,
        price_max=buy_box.price_max,
        price_missing_reason=buy_box.price_missing_reason,
        list_price=buy_box.list_price,
        coupon=buy_box.coupon,
        subscribe_save_price=buy_box.subscribe_save_price,
        used_price=buy_box.used_price,
        offers_from=buy_box.offers_from,
        rating=read_rating(page),
        rating_count=read_rating_count(page),
        bsr=read_ranks(page),
        availability=buy_box.availability,
        seller=buy_box.seller,
        bullets=read_bullets(page),
        description=read_description(page),
        images=read_images(page),
        breadcrumbs=read_breadcrumbs(page),
        parent_asin=read_parent(page, judgement.asin),
        field_sources=page.sources,
    )
    return ParsedPage(
        Verdict.PRODUCT, None, judgement.marketplace, judgement.asin, snapshot, PARSER_VERSION
    )
