"""What a sandbox page truly says: the answer that the parser is measured by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from insights_resources.marketplaces import ProductKey
from insights_resources.page_providers.protocol import Verdict


@dataclass(frozen=True)
class SandboxRank:
    """A Best Sellers Rank; ``node_id`` None for the top-level category, which links to no node."""

    category: str
    node_id: str | None
    rank: int


@dataclass(frozen=True)
class SnapshotTruth:
    """The fields of a product snapshot, with the same names and types.

    Amounts are in ``currency``; ``availability`` and ``price_missing_reason`` are the same words
    as in a snapshot. Texts have single spaces, as a reader sees them.
    """

    marketplace: str
    asin: str
    title: str
    currency: str | None
    brand: str
    price: Decimal | None
    price_min: Decimal | None
    price_max: Decimal | None
    price_missing_reason: str | None
    list_price: Decimal | None
    coupon: str | None
    subscribe_save_price: Decimal | None
    used_price: Decimal | None
    offers_from: Decimal | None
    rating: Decimal | None
    rating_count: int | None
    bsr: tuple[SandboxRank, ...]
    availability: str
    seller: str | None
    bullets: tuple[str, ...]
    attributes: dict[str, str]
    description: str | None
    images: tuple[str, ...]
    breadcrumbs: tuple[str, ...]
    parent_asin: str | None


@dataclass(frozen=True)
class SandboxTruth:
    """One page of the sandbox: ``snapshot`` exactly when the verdict is ``PRODUCT``.

    ``captured_at`` (UTC) is when the sandbox serves that day's slot. ``shown_asin`` is the ASIN
    that the page is about: another one than asked for when the verdict is ``OTHER``, None when it
    is about no product.
    """

    key: ProductKey
    day: date
    slot: int
    captured_at: datetime
    verdict: Verdict
    http_status: int
    layout: str
    shown_asin: str | None
    snapshot: SnapshotTruth | None
