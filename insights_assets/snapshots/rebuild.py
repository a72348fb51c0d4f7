"""Raw pages -> snapshots and rejections: ``rebuild(scope)``. Imported snapshots are left alone.

Every archived page of the scope is read again, whatever was thought of it at capture: a parser that
learns a layout is a backfill. A page whose body this version of the parser has read already, for
the same product, is not parsed: its snapshot says the same. A page ends as a snapshot or as a
rejection with a reason; what has neither is pending.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import ColumnElement, Table, and_, exists, func, select, true

from insights_assets.snapshots.drift import drift_findings, judge, judge_lost
from insights_assets.snapshots.impossible_values import impossible_value
from insights_assets.snapshots.last_known import comparable_pairs
from insights_assets.snapshots.parser import PARSER_VERSION, parse_page
from insights_assets.snapshots.product_snapshot import ParsedPage, ProductSnapshot
from insights_assets.snapshots.publishing import (
    MONEY_FIELDS,
    SCHEMA_VERSION,
    Origin,
    of_origin,
    publish_snapshots,
)
from insights_resources.errors import ArchiveError, InvalidInputError
from insights_resources.marketplaces import ProductKey
from insights_resources.page_archive import PageArchive
from insights_resources.page_providers.protocol import Verdict
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.frames import conform, own_columns, to_minor
from insights_resources.warehouse.publication import (
    AuditFinding,
    PublishedBuild,
    is_current,
    publish,
)
from insights_resources.warehouse.row_conditions import in_scope, of_products

#: How far back the capture before is looked for.
UNCHANGED_SINCE = timedelta(days=2)

#: Called after each page: (pages so far, pages in the scope).
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class SnapshotsRebuild:
    """The two builds of one rebuild: each page of the scope is in exactly one of them."""

    snapshots: PublishedBuild
    rejections: PublishedBuild


def rebuild_snapshots(
    warehouse: Warehouse,
    archive: PageArchive,
    scope: Scope,
    *,
    run_id: str | None = None,
    progress: Progress = lambda pages, total: None,
    accept_drift: Collection[str] = (),
) -> SnapshotsRebuild:
    """Parses the scope's pages and publishes what they say.

    ``accept_drift``: marketplaces whose pages have really changed (see ``drift``). Raises
    ``AuditFailedError``, and publishes neither snapshots nor rejections, when too much of what the
    pages say cannot be right.
    """
    with warehouse.writer_lock(tables.product_snapshots, scope.first_day, scope.last_day):
        pages = warehouse.read_frame(
            select(tables.raw_pages).where(in_scope(tables.raw_pages, scope))
        )
        known = unchanged_snapshots(warehouse, scope)
        snapshots, rejections = _parse_all(
            pages[~pages["page_id"].isin(known["page_id"])], archive, progress
        )
        snapshots = pd.concat([snapshots, known], ignore_index=True)
        return SnapshotsRebuild(
            publish_snapshots(
                warehouse,
                snapshots,
                Origin.PAGE,
                covers=_of_pages(scope),
                scope=scope,
                audits=(
                    lambda frame: audit_snapshots(frame, pages),
                    lambda frame: audit_drift(warehouse, frame, pages, scope, accept_drift),
                ),
                code_version=PARSER_VERSION,
                run_id=run_id,
            ),
            publish(
                warehouse,
                tables.rejected_pages,
                rejections,
                covers=in_scope(tables.rejected_pages, scope),
                scope=scope,
                code_version=PARSER_VERSION,
                run_id=run_id,
            ),
        )


def _of_pages(scope: Scope) -> ColumnElement[bool]:
    """The scope's snapshots whose page is there: retention may have removed pages, and what was
    read from them stays."""
    pages, snapshots = tables.raw_pages, tables.product_snapshots
    there = select(pages.c.page_id).where(in_scope(pages, scope))
    return and_(in_scope(snapshots, scope), snapshots.c.page_id.in_(there))


def require_pages(warehouse: Warehouse, scope: Scope, today: date) -> None:
    """Refuses past days of which no page is archived and nothing is imported: nothing can be
    rebuilt from nothing.

    Raises ``InvalidInputError`` that names the nearest days there are. Days among others that have
    pages pass, and so does today, whose pages may yet come.
    """
    table, snapshots = tables.raw_pages, tables.product_snapshots
    if scope.last_day >= today:
        return
    imported = and_(is_current(snapshots), of_origin(Origin.IMPORT), in_scope(snapshots, scope))
    with warehouse.read() as connection:
        if connection.scalar(select(exists().where(in_scope(table, scope)))):
            return
        if connection.scalar(select(exists().where(imported))):
            return
        whose = of_products(table, scope.products)
        before = connection.scalar(
            select(func.max(table.c.day)).where(whose, table.c.day < scope.first_day)
        )
        after = connection.scalar(
            select(func.min(table.c.day)).where(whose, table.c.day > scope.last_day)
        )
    nearest = " and ".join(str(day) for day in (before, after) if day is not None)
    there_are = f"the nearest days with pages are {nearest}" if nearest else "there are no pages"
    raise InvalidInputError(
        f"no page was ever captured of {scope}, and no history imported; {there_are}. Choose days "
        f"with pages, capture these where the page provider has past days (insights backfill "
        f"--capture), or import their history (insights import)"
    )


def pending_scopes(
    warehouse: Warehouse, first_day: date | None = None, last_day: date | None = None
) -> list[Scope]:
    """The scopes, one a day, of the pages that are neither a snapshot nor a rejection yet."""
    pages = tables.raw_pages
    done = [
        exists().where(
            fact.c.page_id == pages.c.page_id, fact.c.day == pages.c.day, is_current(fact)
        )
        for fact in (tables.product_snapshots, tables.rejected_pages)
    ]
    within = true() if first_day is None else pages.c.day >= first_day
    if last_day is not None:
        within = and_(within, pages.c.day <= last_day)
    query = (
        select(pages.c.day, pages.c.marketplace, pages.c.asin)
        .where(within, *(~condition for condition in done))
        .distinct()
    )
    by_day: dict[date, set[ProductKey]] = defaultdict(set)
    with warehouse.begin() as connection:
        for day, marketplace, asin in connection.execute(query):
            by_day[day].add(ProductKey(marketplace, asin))
    return [Scope.of_day(day, products) for day, products in sorted(by_day.items())]


def unchanged_snapshots(warehouse: Warehouse, scope: Scope) -> pd.DataFrame:
    """The snapshots of those pages of the scope whose body is that of a page captured shortly
    before, as read from that one by this version of the parser."""
    pages, snapshots = tables.raw_pages, tables.product_snapshots
    page, before = pages.alias("page"), pages.alias("before")
    of_page = {
        name: page.c[name].label(name)
        for name in ("page_id", "day", "captured_at", "captured_at_precision")
    }
    columns = [of_page.get(name, snapshots.c[name]) for name in own_columns(snapshots)]
    query = (
        select(*columns)
        .select_from(page)
        .join(
            before,
            and_(
                before.c.marketplace == page.c.marketplace,
                before.c.asin == page.c.asin,
                before.c.content_hash == page.c.content_hash,
                before.c.captured_at < page.c.captured_at,
                before.c.day.between(scope.first_day - UNCHANGED_SINCE, scope.last_day),
            ),
        )
        .join(
            snapshots,
            and_(snapshots.c.page_id == before.c.page_id, snapshots.c.day == before.c.day),
        )
        .where(
            in_scope(page, scope),
            is_current(snapshots),
            of_origin(Origin.PAGE),
            snapshots.c.parser_version == PARSER_VERSION,
            snapshots.c.schema_version == SCHEMA_VERSION,
            # What the database has lost by a step back to an older schema is read again.
            snapshots.c.attributes.is_not(None),
        )
    )
    # Of several that are the same, any: all say the same.
    found = warehouse.read_frame(query).drop_duplicates("page_id")
    return conform(found, snapshots)


def _parse_all(
    pages: pd.DataFrame, archive: PageArchive, progress: Progress
) -> tuple[pd.DataFrame, pd.DataFrame]:
    snapshot_rows: list[dict[str, Any]] = []
    rejection_rows: list[dict[str, Any]] = []
    for number, page in enumerate(_rows(pages), start=1):
        parsed = _parse(page, archive)
        common = {name: page[name] for name in ("page_id", "marketplace", "asin", "day")}
        common["captured_at"] = page["captured_at"]
        snapshot, reason = parsed.snapshot, parsed.reason or parsed.verdict.value
        if snapshot is not None and (impossible := impossible_value(snapshot)) is not None:
            snapshot, reason = None, impossible
        if snapshot is not None:
            precision = {"captured_at_precision": page["captured_at_precision"]}
            snapshot_rows.append(common | precision | _snapshot_columns(snapshot))
        else:
            rejection_rows.append(
                common
                | {
                    "verdict": parsed.verdict.value,
                    "reason": reason,
                    "parser_version": parsed.parser_version,
                }
            )
        progress(number, len(pages))
    return (
        _frame(snapshot_rows, tables.product_snapshots),
        _frame(rejection_rows, tables.rejected_pages),
    )


def _rows(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Rows as dictionaries with None for every kind of missing value."""
    for values in frame.itertuples(index=False, name=None):
        yield {
            name: None if value is None or value is pd.NA or value != value else value
            for name, value in zip(frame.columns, values, strict=True)
        }


def _parse(page: dict[str, Any], archive: PageArchive) -> ParsedPage:
    """The parser's answer; a page without a body is rejected with what the capture said."""
    if page["content_hash"] is None:
        return _rejected(
            Verdict(page["verdict"]), page["verdict_reason"] or "no page was delivered"
        )
    try:
        content = archive.get(page["content_hash"])
    except ArchiveError as error:
        return _rejected(Verdict.ERROR, str(error))
    return parse_page(content, target=ProductKey(page["marketplace"], page["asin"]))


def _rejected(verdict: Verdict, reason: str) -> ParsedPage:
    return ParsedPage(verdict, reason, None, None, None, PARSER_VERSION)


def _snapshot_columns(snapshot: ProductSnapshot) -> dict[str, Any]:
    columns = {
        "origin": Origin.PAGE.value,
        "title": snapshot.title,
        "brand": snapshot.brand,
        "currency": snapshot.currency,
        "price_missing_reason": snapshot.price_missing_reason,
        "coupon": snapshot.coupon,
        "rating": None if snapshot.rating is None else float(snapshot.rating),
        "rating_count": snapshot.rating_count,
        "bsr": [asdict(rank) for rank in snapshot.bsr],
        "availability": snapshot.availability.value,
        "seller": snapshot.seller,
        "bullets": list(snapshot.bullets),
        "attributes": snapshot.attributes,
        "description": snapshot.description,
        "images": list(snapshot.images),
        "breadcrumbs": list(snapshot.breadcrumbs),
        "parent_asin": snapshot.parent_asin,
        "field_sources": snapshot.field_sources,
        "disputed_fields": snapshot.disputed_fields,
        "parser_version": PARSER_VERSION,
        "schema_version": SCHEMA_VERSION,
    }
    if snapshot.price_missing_reason is not None:
        columns["price_missing_reason"] = snapshot.price_missing_reason.value
    for name in MONEY_FIELDS:
        columns[name] = to_minor(getattr(snapshot, name))
    return columns


def _frame(rows: list[dict[str, Any]], table: Table) -> pd.DataFrame:
    names = [column.name for column in table.columns if column.name not in tables.AUDIT_COLUMNS]
    return conform(pd.DataFrame(rows, columns=names), table)


def audit_snapshots(snapshots: pd.DataFrame, pages: pd.DataFrame) -> Iterable[AuditFinding]:
    """What must hold before snapshots are published.

    A layout that the parser no longer reads shows as product pages without snapshots, or as
    snapshots without any price: both stop here instead of reaching the scores.
    """
    product_pages = int((pages["verdict"] == Verdict.PRODUCT.value).sum()) if len(pages) else 0
    yield AuditFinding(
        "product_pages_give_snapshots",
        passed=product_pages < 5 or len(snapshots) * 2 >= product_pages,
        detail=f"{len(snapshots)} snapshots from {product_pages} product pages (at least half)",
    )
    wrong_amounts = sum(int((snapshots[name] <= 0).sum()) for name in MONEY_FIELDS)
    yield AuditFinding(
        "amounts_are_positive", wrong_amounts == 0, f"{wrong_amounts} amounts of zero or less"
    )
    ratings = snapshots["rating"]
    wrong_ratings = int(((ratings < 0) | (ratings > 5)).sum())
    yield AuditFinding(
        "ratings_are_0_to_5", wrong_ratings == 0, f"{wrong_ratings} ratings outside 0 to 5"
    )
    unexplained = int((snapshots["price"].isna() & snapshots["price_missing_reason"].isna()).sum())
    yield AuditFinding(
        "missing_prices_have_a_reason", unexplained == 0, f"{unexplained} without a reason"
    )
    without_currency = int((snapshots["price"].notna() & snapshots["currency"].isna()).sum())
    yield AuditFinding(
        "prices_have_a_currency", without_currency == 0, f"{without_currency} without a currency"
    )
    in_stock = snapshots["availability"].isin(["in_stock", "limited"])
    priced = int(
        snapshots.loc[in_stock, "price"].notna().sum()
        + snapshots.loc[in_stock, "price_min"].notna().sum()
    )
    yield AuditFinding(
        "products_in_stock_have_prices",
        passed=int(in_stock.sum()) < 20 or priced * 2 >= int(in_stock.sum()),
        detail=f"{priced} of {int(in_stock.sum())} (at least half)",
    )


def audit_drift(
    warehouse: Warehouse,
    snapshots: pd.DataFrame,
    pages: pd.DataFrame,
    scope: Scope,
    accepted: Collection[str],
) -> Iterable[AuditFinding]:
    """Compares the snapshots, by marketplace, with what was known of the same products."""
    captured = pages[pages["verdict"] == Verdict.PRODUCT.value]
    return drift_findings(
        judge(comparable_pairs(warehouse, snapshots, scope), accepted),
        judge_lost(captured, snapshots, accepted),
        accepted,
    )
