"""Which pages are young enough, and which products are due: every capture of a live page costs.

A page of today (UTC) is *fresh* while it is younger than its product's window: ``capture_hours`` of
the catalog, or the setting's. Yesterday's page is never fresh: each day has one of its own.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from sqlalchemy import and_, func, select

from insights_assets.capture.page_requests import ANSWERS, OPEN
from insights_resources.marketplaces import ProductKey
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse

#: Pause before a page that could not be had is tried again; it doubles each time.
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=15), timedelta(hours=6)
_ANSWERED = [verdict.value for verdict in ANSWERS]


def fresh_products(
    warehouse: Warehouse, keys: Collection[ProductKey], *, hours: int, now: datetime
) -> dict[ProductKey, datetime]:
    """Those of the products whose page is fresh, and when it was captured.

    ``hours``: the window of products that have none of their own.
    """
    pages, products = tables.raw_pages, tables.products
    query = (
        select(
            pages.c.marketplace,
            pages.c.asin,
            func.max(pages.c.captured_at).label("captured_at"),
            func.max(products.c.capture_hours).label("hours"),
        )
        .join(
            products,
            and_(products.c.marketplace == pages.c.marketplace, products.c.asin == pages.c.asin),
        )
        .where(
            pages.c.day == now.astimezone(UTC).date(),
            pages.c.verdict.in_(_ANSWERED),
        )
        .group_by(pages.c.marketplace, pages.c.asin)
    )
    with warehouse.read() as connection:
        rows = connection.execute(query).all()
    wanted = set(keys)
    fresh = {}
    for row in rows:
        key = ProductKey(row.marketplace, row.asin)
        age = now - row.captured_at
        if key in wanted and age < timedelta(hours=row.hours or hours):
            fresh[key] = row.captured_at
    return fresh


def due_products(warehouse: Warehouse, *, hours: int, now: datetime) -> list[ProductKey]:
    """The products to capture between two daily batches: those with a window of their own that is
    over, and those whose request of today is still open. The longest waiting first.

    A product whose page came as a failure or a robot check waits, each time twice as long: a page
    that cannot be had is paid for a few times a day and not every quarter of an hour.
    """
    products, requests = tables.products, tables.page_requests
    with warehouse.read() as connection:
        windowed = connection.execute(
            select(products.c.marketplace, products.c.asin)
            .where(products.c.is_active, products.c.capture_hours.is_not(None))
            .order_by(products.c.marketplace, products.c.asin)
        ).all()
        open_today = connection.execute(
            select(requests.c.marketplace, requests.c.asin)
            .join(
                products,
                and_(
                    products.c.marketplace == requests.c.marketplace,
                    products.c.asin == requests.c.asin,
                ),
            )
            .where(
                products.c.is_active,
                requests.c.status.in_(OPEN),
                requests.c.day == now.astimezone(UTC).date(),
            )
            .order_by(requests.c.requested_at)
        ).all()
    keys = dict.fromkeys(ProductKey(*row) for row in (*open_today, *windowed))
    fresh = fresh_products(warehouse, keys, hours=hours, now=now)
    waiting = _waiting_after_failures(warehouse, now)
    return [key for key in keys if key not in fresh and key not in waiting]


def _waiting_after_failures(warehouse: Warehouse, now: datetime) -> set[ProductKey]:
    """Products whose last tries of today failed, too short a time ago to try again."""
    pages = tables.raw_pages
    with warehouse.read() as connection:
        rows = connection.execute(
            select(pages.c.marketplace, pages.c.asin, pages.c.captured_at, pages.c.verdict)
            .where(pages.c.day == now.astimezone(UTC).date())
            .order_by(pages.c.captured_at)
        ).all()
    failures: dict[ProductKey, list[datetime]] = {}
    for row in rows:
        key = ProductKey(row.marketplace, row.asin)
        if row.verdict in _ANSWERED:
            failures.pop(key, None)
        else:
            failures.setdefault(key, []).append(row.captured_at)
    return {
        key
        for key, tries in failures.items()
        if now < tries[-1] + min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(len(tries) - 1, 10))
    }
