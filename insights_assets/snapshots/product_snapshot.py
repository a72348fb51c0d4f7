"""What one page says about its product, typed; the parser makes it, everything after reads it."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from insights_resources.page_providers.protocol import Verdict


class Availability(StrEnum):
    IN_STOCK = "in_stock"
    LIMITED = "limited"
    PREORDER = "preorder"
    BACKORDER = "backorder"
    OUT_OF_STOCK = "out_of_stock"
    UNAVAILABLE = "unavailable"
    UNKNOWN = "unknown"


class PriceMissingReason(StrEnum):
    """Why a snapshot has no headline price."""

    OUT_OF_STOCK = "out_of_stock"
    NO_BUY_BOX = "no_buy_box"
    MAP_HIDDEN = "map_hidden"
    VARIATION_RANGE = "variation_range"
    NOT_ON_PAGE = "not_on_page"


@dataclass(frozen=True)
class BestSellersRank:
    """One rank in one browse node. ``node_id`` is the key, from the link; None when unlinked
    (the top-level category usually links to a list without a node). Lower is better."""

    category: str
    node_id: str | None
    rank: int


@dataclass(frozen=True)
class ProductSnapshot:
    """The fields of DESIGN §6 for one product page. Unknown is None; lists are empty.

    Money is exact, in ``currency`` (ISO 4217). ``price`` is what any new buyer pays in the buy
    box; None comes with ``price_missing_reason``. ``rating`` is 0-5, ``rating_count`` counts
    ratings (not written reviews). ``coupon`` is the text shown ("5 %", "$3.00"). ``offers_from``
    is the lowest other-seller offer, new or used, that the page names. ``attributes`` are
    the rows of the page's detail tables and lists, label -> value as shown, in page order, but for
    those that have a field of their own. ``images`` are the addresses of the main gallery, largest
    form known.
    """

    marketplace: str
    asin: str
    title: str
    currency: str | None
    brand: str | None = None
    price: Decimal | None = None
    price_min: Decimal | None = None
    price_max: Decimal | None = None
    price_missing_reason: PriceMissingReason | None = None
    list_price: Decimal | None = None
    coupon: str | None = None
    subscribe_save_price: Decimal | None = None
    used_price: Decimal | None = None
    offers_from: Decimal | None = None
    rating: Decimal | None = None
    rating_count: int | None = None
    bsr: tuple[BestSellersRank, ...] = ()
    availability: Availability = Availability.UNKNOWN
    seller: str | None = None
    bullets: tuple[str, ...] = ()
    attributes: dict[str, str] = field(default_factory=dict)
    description: str | None = None
    images: tuple[str, ...] = ()
    breadcrumbs: tuple[str, ...] = ()
    parent_asin: str | None = None
    #: field -> the source on the page that gave its value (``corePrice``, ``json-ld``, ...)
    field_sources: dict[str, str] = field(default_factory=dict)
    #: field -> {source: what it says instead}, where sources of the page disagree
    disputed_fields: dict[str, dict[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class ParsedPage:
    """The parser's answer for one page: a snapshot exactly when the verdict is ``PRODUCT``.

    ``reason`` says in words why a page is no snapshot. ``marketplace`` and ``asin`` are what the
    page itself says it is, also for a rejected page where they can be read.
    """

    verdict: Verdict
    reason: str | None
    marketplace: str | None
    asin: str | None
    snapshot: ProductSnapshot | None
    parser_version: str
