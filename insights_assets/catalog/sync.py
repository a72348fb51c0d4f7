"""Brings the catalog tables to what a source says, in one transaction.

A source (``file``, ``sandbox``, ``saved_pages``, ...) owns its rows alone: a product or a group
that it no longer lists is made inactive, never deleted; rows of other sources stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, insert, or_, select, true, update

from insights_assets.catalog.catalog_file import (
    Catalog,
    Membership,
    TrackedGroup,
    TrackedProduct,
)
from insights_resources.errors import CatalogError
from insights_resources.marketplaces import ProductKey
from insights_resources.page_providers.protocol import ProviderCatalog
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse

FILE_SOURCE = "file"


@dataclass(frozen=True)
class SyncCounts:
    """What a sync did: rows that were new, changed, or no longer listed."""

    listed: int
    added: int
    changed: int
    deactivated: int

    def __str__(self) -> str:
        return (
            f"{self.listed} listed: {self.added} added, {self.changed} changed, "
            f"{self.deactivated} no longer listed"
        )


def catalog_of_provider(provided: ProviderCatalog | None) -> Catalog | None:
    """A provider's own catalog in the file's terms."""
    if provided is None:
        return None
    return Catalog(
        tuple(TrackedProduct(product.key, product.label) for product in provided.products),
        tuple(
            TrackedGroup(
                group.group_id,
                group.name,
                tuple(Membership(member.key, member.first_day) for member in group.members),
                group.template,
            )
            for group in provided.groups
        ),
    )


def sync_products(
    warehouse: Warehouse, source: str, products: Iterable[TrackedProduct]
) -> SyncCounts:
    """Makes the products of this source the ones given. A product that another source tracks stays
    as it is; one that nobody tracks any more becomes this source's."""
    return _sync_products(warehouse, source, products, deactivates_others=True)


def track_additional_products(
    warehouse: Warehouse, source: str, products: Iterable[TrackedProduct]
) -> None:
    """Tracks these products beside those that the source tracks already; deactivates none."""
    _sync_products(warehouse, source, products, deactivates_others=False)


def _sync_products(
    warehouse: Warehouse,
    source: str,
    products: Iterable[TrackedProduct],
    *,
    deactivates_others: bool,
) -> SyncCounts:
    table = tables.products
    now = datetime.now(UTC)
    wanted = {product.key: product for product in products}
    added = changed = deactivated = 0
    with warehouse.writer_lock(table, None, None), warehouse.begin() as connection:
        current = {
            ProductKey(row.marketplace, row.asin): row for row in connection.execute(select(table))
        }
        for key, product in wanted.items():
            row = current.get(key)
            if row is None:
                connection.execute(
                    insert(table).values(
                        marketplace=key.marketplace,
                        asin=key.asin,
                        label=product.label,
                        capture_hours=product.capture_hours,
                        source=source,
                        is_active=True,
                        added_at=now,
                        last_updated_at=now,
                    )
                )
                added += 1
                continue
            told = (product.label, product.capture_hours)
            if not row.is_active or (
                row.source == source and (row.label, row.capture_hours) != told
            ):
                connection.execute(
                    update(table)
                    .where(table.c.marketplace == key.marketplace, table.c.asin == key.asin)
                    .values(
                        source=source,
                        is_active=True,
                        label=product.label,
                        capture_hours=product.capture_hours,
                        last_updated_at=now,
                    )
                )
                changed += 1
        for key, row in current.items():
            if not deactivates_others or key in wanted:
                continue
            if row.source == source and row.is_active:
                connection.execute(
                    update(table)
                    .where(table.c.marketplace == key.marketplace, table.c.asin == key.asin)
                    .values(is_active=False, last_updated_at=now)
                )
                deactivated += 1
    return SyncCounts(len(wanted), added, changed, deactivated)


def sync_groups(
    warehouse: Warehouse,
    source: str,
    groups: Iterable[TrackedGroup],
    *,
    first_day: date,
    today: date,
) -> SyncCounts:
    """Makes the groups of this source, and their members, the ones given.

    Members of a new group count from ``first_day`` on (the platform's first day), later ones from
    ``today``; one that is no longer listed ends yesterday. Days in the catalog override that.
    """
    table = tables.competitive_groups
    now = datetime.now(UTC)
    wanted = {group.group_id: group for group in groups}
    added = changed = deactivated = 0
    with warehouse.writer_lock(table, None, None), warehouse.begin() as connection:
        current = {row.group_id: row for row in connection.execute(select(table))}
        for group_id, group in wanted.items():
            row = current.get(group_id)
            if row is None:
                connection.execute(
                    insert(table).values(
                        group_id=group_id,
                        name=group.name,
                        template=group.template,
                        locale=group.locale,
                        source=source,
                        is_active=True,
                        created_at=now,
                        last_updated_at=now,
                    )
                )
                added += 1
            elif row.source != source:
                raise CatalogError(
                    f"group {group_id!r} of source {source!r} exists already and belongs to "
                    f"{row.source!r}; give it another id"
                )
            members_changed = _sync_members(
                connection, group, default_from=first_day if row is None else today, today=today
            )
            told = (group.name, group.template, group.locale)
            if row is not None and (
                members_changed or not row.is_active or (row.name, row.template, row.locale) != told
            ):
                connection.execute(
                    update(table)
                    .where(table.c.group_id == group_id)
                    .values(
                        name=group.name,
                        template=group.template,
                        locale=group.locale,
                        is_active=True,
                        last_updated_at=now,
                    )
                )
                changed += 1
        for group_id, row in current.items():
            if row.source == source and row.is_active and group_id not in wanted:
                connection.execute(
                    update(table)
                    .where(table.c.group_id == group_id)
                    .values(is_active=False, last_updated_at=now)
                )
                deactivated += 1
    return SyncCounts(len(wanted), added, changed, deactivated)


def _sync_members(
    connection: Connection, group: TrackedGroup, *, default_from: date, today: date
) -> bool:
    """Opens, closes and corrects memberships; says whether anything changed."""
    table = tables.group_members
    rows = connection.execute(select(table).where(table.c.group_id == group.group_id)).all()
    standing = {
        ProductKey(row.marketplace, row.asin): row
        for row in sorted(rows, key=lambda row: row.valid_from)
        if row.valid_to is None or row.valid_to >= today or _is_listed(row, group, today)
    }
    changed = False
    for member in group.members:
        row = standing.pop(member.key, None)
        valid_from = member.valid_from or (row.valid_from if row is not None else default_from)
        if row is not None and (row.valid_from, row.valid_to) == (valid_from, member.valid_to):
            continue
        changed = True
        if row is not None:
            connection.execute(table.delete().where(_is_row(row)))
        _make_room(connection, group.group_id, member, valid_from)
        connection.execute(
            insert(table).values(
                group_id=group.group_id,
                marketplace=member.key.marketplace,
                asin=member.key.asin,
                valid_from=valid_from,
                valid_to=member.valid_to,
            )
        )
    yesterday = today - timedelta(days=1)
    for row in standing.values():
        changed = True
        if row.valid_from > yesterday:
            connection.execute(table.delete().where(_is_row(row)))
        else:
            connection.execute(update(table).where(_is_row(row)).values(valid_to=yesterday))
    return changed


def _is_listed(row: Row[Any], group: TrackedGroup, today: date) -> bool:
    """Whether a membership that has ended is one that the catalog itself ends (``to:``)."""
    return any(
        member.key == (row.marketplace, row.asin)
        and member.valid_to is not None
        and member.valid_to < today
        for member in group.members
    )


def _make_room(connection: Connection, group_id: str, member: Membership, valid_from: date) -> None:
    """Cuts the member's other memberships off where this one begins: no day may have two."""
    table = tables.group_members
    overlapping = and_(
        table.c.group_id == group_id,
        table.c.marketplace == member.key.marketplace,
        table.c.asin == member.key.asin,
        or_(table.c.valid_to.is_(None), table.c.valid_to >= valid_from),
        true() if member.valid_to is None else table.c.valid_from <= member.valid_to,
    )
    connection.execute(table.delete().where(overlapping, table.c.valid_from >= valid_from))
    connection.execute(
        update(table).where(overlapping).values(valid_to=valid_from - timedelta(days=1))
    )


def _is_row(row: Row[Any]) -> ColumnElement[bool]:
    table = tables.group_members
    return and_(*(table.c[name] == getattr(row, name) for name in table.info["key"]))


def active_products(warehouse: Warehouse, scope: Scope | None = None) -> list[ProductKey]:
    """The products to capture, in a stable order; those of the scope when it names any."""
    table = tables.products
    with warehouse.begin() as connection:
        keys = [
            ProductKey(row.marketplace, row.asin)
            for row in connection.execute(
                select(table.c.marketplace, table.c.asin)
                .where(table.c.is_active)
                .order_by(table.c.marketplace, table.c.asin)
            )
        ]
    if scope is None or scope.products is None:
        return keys
    return [key for key in keys if key in scope.products]
