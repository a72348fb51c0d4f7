"""Published listings -> the text that search finds products by: ``index_listings``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd
from sqlalchemy import and_, func, select

from insights_resources.marketplaces import ProductKey
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import (
    Part,
    PendingBuild,
    Publication,
    PublishedBuild,
    changed_product_days,
    is_current,
    mark_consumed,
    pending,
    select_current,
)
from insights_resources.warehouse.row_conditions import of_products
from insights_resources.warehouse.search_text import document

#: Version of the code: a migration that forgets what ``fact_product_search`` has taken in lets
#: every listing be indexed anew.
SEARCH_VERSION = "1"

_PRODUCTS_AT_ONCE = 10_000


def pending_listings(warehouse: Warehouse) -> list[PendingBuild]:
    """Builds of snapshots whose listings are not indexed yet; to be asked for before the
    summaries are read."""
    return pending(warehouse, tables.product_search, (tables.product_snapshots,))


def index_listings(
    warehouse: Warehouse,
    summaries: pd.DataFrame,
    only: frozenset[ProductKey] | None,
    waiting: Sequence[PendingBuild],
    *,
    run_id: str | None = None,
) -> PublishedBuild | None:
    """Publishes ``fact_product_search`` for the products whose listing may have changed; None: for
    none.

    ``summaries`` (marketplace, asin, title, brand) has the products of ``only``, or all that are
    tracked. A product without a title has no row. The caller holds the lock of the summaries.
    """
    table = tables.product_search
    titled = summaries.loc[summaries["title"].notna(), ["marketplace", "asin", "title", "brand"]]
    brands = titled["brand"].astype("object").where(titled["brand"].notna(), None)
    names = zip(titled["title"], brands, strict=True)
    listed = dict(zip(map(ProductKey, titled["marketplace"], titled["asin"]), names, strict=True))
    with warehouse.read() as connection:
        query = select(table.c.marketplace, table.c.asin)
        indexed = {
            ProductKey(*row)
            for row in connection.execute(query.where(is_current(table), of_products(table, only)))
        }
    changed = set(listed)
    if only is None and indexed:
        days = changed_product_days(warehouse, waiting)
        captured = set(map(ProductKey, days["marketplace"], days["asin"]))
        changed &= captured | (changed - indexed)
    gone = indexed - set(listed)
    build = None
    if changed or gone:
        with Publication(
            warehouse, table, scope=None, code_version=SEARCH_VERSION, run_id=run_id
        ) as publication:
            for part in _parts(warehouse, {key: listed[key] for key in sorted(changed)}, gone):
                publication.add(part)
            build = publication.publish()
    if only is None:
        mark_consumed(warehouse, table, [each.build_id for each in waiting])
    return build


def _parts(
    warehouse: Warehouse,
    listed: dict[ProductKey, tuple[str, str | None]],
    gone: set[ProductKey],
) -> Iterator[Part]:
    table = tables.product_search
    keys = list(listed)
    for start in range(0, len(keys), _PRODUCTS_AT_ONCE):
        some = keys[start : start + _PRODUCTS_AT_ONCE]
        rows = _details(warehouse, some)
        documents = []
        for key in some:
            title, brand = listed[key]
            bullets, description = rows.get(key, (None, None))
            made = document(key.marketplace, title, brand, bullets, description)
            documents.append((key.marketplace, key.asin, made.folded, made.tokens))
        frame = pd.DataFrame(documents, columns=["marketplace", "asin", "folded", "tokens"])
        yield Part(frame.astype("str"), of_products(table, some))
    if gone:
        nothing = pd.DataFrame(columns=["marketplace", "asin", "folded", "tokens"], dtype="str")
        yield Part(nothing, of_products(table, gone))


def _details(
    warehouse: Warehouse, products: Sequence[ProductKey]
) -> dict[ProductKey, tuple[list[str] | None, str | None]]:
    """Bullets and description of each product's last capture that knows them (imports do not)."""
    table = tables.product_snapshots
    known = and_(is_current(table), of_products(table, products), table.c.bullets.is_not(None))
    last = (
        select(table.c.marketplace, table.c.asin, func.max(table.c.captured_at).label("moment"))
        .where(known)
        .group_by(table.c.marketplace, table.c.asin)
        .subquery()
    )
    query = (
        select_current(
            table,
            table.c.marketplace,
            table.c.asin,
            table.c.bullets,
            table.c.description,
            table.c.page_id,
        )
        .join(
            last,
            and_(
                last.c.marketplace == table.c.marketplace,
                last.c.asin == table.c.asin,
                last.c.moment == table.c.captured_at,
            ),
        )
        .where(table.c.bullets.is_not(None))
    )
    # Of two captures in the same instant the same one each time.
    frame = warehouse.read_frame(query).sort_values("page_id")
    descriptions = frame["description"].astype("object").where(frame["description"].notna(), None)
    details = zip(frame["bullets"], descriptions, strict=True)
    return dict(zip(map(ProductKey, frame["marketplace"], frame["asin"]), details, strict=True))
