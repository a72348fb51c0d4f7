"""The parts of a page put together as one snapshot."""

from __future__ import annotations

from insights_assets.snapshots.parser import listing, other_prices, ratings
from insights_assets.snapshots.parser.attributes import attributes
from insights_assets.snapshots.parser.buy_box import read_buy_box
from insights_assets.snapshots.parser.page_reading import PageReading
from insights_assets.snapshots.parser.ranks import best_sellers_ranks
from insights_assets.snapshots.product_snapshot import ParsedPage, ProductSnapshot
from insights_resources.marketplaces import ProductKey
from insights_resources.page_providers.document import PageDocument
from insights_resources.page_providers.protocol import Verdict
from insights_resources.page_providers.verdict import PageJudgement, judge_page

#: Stored with every snapshot. Raise it with each change that may change a value.
PARSER_VERSION = "1.3"


def parse_page(
    content: bytes | PageDocument,
    *,
    target: ProductKey | None = None,
    marketplace: str | None = None,
    asin: str | None = None,
) -> ParsedPage:
    """What a page says about its product. Never raises, whatever the bytes are.

    ``target`` is the product that was asked for: a page of another one is rejected, and a page
    that does not name its marketplace is taken to be of the target's. ``marketplace`` (a domain
    of the registry) and ``asin`` are its halves, for a caller who knows only one.
    """
    document = content if isinstance(content, PageDocument) else PageDocument.from_bytes(content)
    judged = judge_page(document, target, marketplace=marketplace, asin=asin)
    page = _reading_of(document, judged, explains=False)
    return _parsed(judged, None if page is None else _snapshot(page))


def explain_page(
    document: PageDocument,
    *,
    target: ProductKey | None = None,
    marketplace: str | None = None,
    asin: str | None = None,
) -> tuple[ParsedPage, PageReading | None]:
    """The answer of ``parse_page``, with the reading that it comes from: its ``evidence`` has
    what every source of every field says. None for a page that is no product's."""
    judged = judge_page(document, target, marketplace=marketplace, asin=asin)
    page = _reading_of(document, judged, explains=True)
    return _parsed(judged, None if page is None else _snapshot(page)), page


def _reading_of(
    document: PageDocument, judged: PageJudgement, *, explains: bool
) -> PageReading | None:
    if judged.verdict is not Verdict.PRODUCT:
        return None
    assert judged.marketplace is not None  # what PRODUCT means
    assert judged.asin is not None
    return PageReading.of(document, judged.marketplace, judged.asin, explains=explains)


def _parsed(judged: PageJudgement, snapshot: ProductSnapshot | None) -> ParsedPage:
    return ParsedPage(
        verdict=judged.verdict,
        reason=judged.reason,
        marketplace=judged.marketplace,
        asin=judged.asin,
        snapshot=snapshot,
        parser_version=PARSER_VERSION,
    )


def _snapshot(page: PageReading) -> ProductSnapshot:
    title = listing.title(page)
    offer = read_buy_box(page)
    return ProductSnapshot(
        marketplace=page.market.domain,
        asin=page.asin,
        title=title,
        brand=listing.brand(page),
        currency=offer.currency or page.market.currency,
        price=offer.price,
        price_min=offer.price_min,
        price_max=offer.price_max,
        price_missing_reason=offer.missing,
        list_price=other_prices.list_price(page, offer.price),
        coupon=other_prices.coupon(page),
        subscribe_save_price=other_prices.subscribe_save_price(page),
        used_price=other_prices.used_price(page),
        offers_from=other_prices.offers_from(page),
        rating=ratings.rating(page),
        rating_count=ratings.rating_count(page),
        bsr=best_sellers_ranks(page),
        availability=offer.availability,
        seller=offer.seller,
        bullets=listing.bullets(page),
        attributes=attributes(page),
        description=listing.description(page),
        images=listing.images(page),
        breadcrumbs=listing.breadcrumbs(page),
        parent_asin=listing.parent_asin(page),
        field_sources=page.evidence.sources,
        disputed_fields=page.evidence.disputes,
    )
