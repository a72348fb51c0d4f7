"""The catalog's assets: what is tracked, and who competes with whom."""

from collections.abc import Iterator
from pathlib import Path

from dagster import AssetExecutionContext, MaterializeResult, asset
from sqlalchemy import func, select

from insights_assets.catalog.catalog_file import Catalog, read_catalog_file
from insights_assets.catalog.sync import (
    FILE_SOURCE,
    catalog_of_provider,
    sync_groups,
    sync_products,
)
from insights_assets.published_asset import failures_without_traceback
from insights_assets.table_metadata import OWNERS, asset_key, table_metadata
from insights_resources.page_providers.protocol import PageProvider
from insights_resources.scope import today_utc
from insights_resources.warehouse import tables
from insights_resources.wiring import PageProviderResource, ProjectFiles, WarehouseResource

PRODUCTS = asset_key("catalog", "products")
COMPETITIVE_GROUPS = asset_key("catalog", "competitive_groups")


@asset(
    key=PRODUCTS,
    group_name="catalog",
    kinds={"python", "yaml"},
    owners=OWNERS,
    code_version="1",
    metadata=table_metadata(tables.products),
)
def products(
    context: AssetExecutionContext,
    warehouse: WarehouseResource,
    pages: PageProviderResource,
    files: ProjectFiles,
) -> MaterializeResult:
    """The tracked products: those of the catalog file, and those that the page provider knows.

    Grain: marketplace, asin. Inputs: `catalog.yaml`, the provider's own catalog. Idempotent: a
    source's rows become what the source lists; what it no longer lists is made inactive. A wrong
    catalog changes nothing. Read by capture/raw_pages and every consumer that wants names.
    """
    with failures_without_traceback(context):
        counts = {
            source: sync_products(warehouse.open(), source, catalog.products)
            for source, catalog in _catalogs(files, pages.open())
        }
    for source, count in counts.items():
        context.log.info(f"{source}: {count}")
    table = tables.products
    with warehouse.open().begin() as connection:
        rows, active = connection.execute(
            select(func.count(), func.count().filter(table.c.is_active)).select_from(table)
        ).one()
    return MaterializeResult(metadata={"dagster/row_count": rows, "active": active})


@asset(
    key=COMPETITIVE_GROUPS,
    group_name="catalog",
    kinds={"python", "yaml"},
    owners=OWNERS,
    code_version="1",
    deps=[PRODUCTS],
    metadata=table_metadata(tables.competitive_groups),
)
def competitive_groups(
    context: AssetExecutionContext,
    warehouse: WarehouseResource,
    pages: PageProviderResource,
    files: ProjectFiles,
) -> MaterializeResult:
    """The competitive groups and their members, each membership with its first and last day.

    Grain: group (table competitive_groups); group, product, first day (table group_members).
    Inputs: as catalog/products. Idempotent. Members of a new group count for all history; who
    leaves the group stays a member of the days before. Read by competition and reports.
    """
    with failures_without_traceback(context):
        first_day = files.first_day_as_date()
        for source, catalog in _catalogs(files, pages.open()):
            counts = sync_groups(
                warehouse.open(),
                source,
                catalog.groups,
                first_day=first_day,
                today=today_utc(),
            )
            context.log.info(f"{source}: {counts}")
    with warehouse.open().begin() as connection:
        groups = connection.scalar(select(func.count()).select_from(tables.competitive_groups))
        members = connection.scalar(select(func.count()).select_from(tables.group_members))
    return MaterializeResult(metadata={"dagster/row_count": groups or 0, "members": members or 0})


def _catalogs(files: ProjectFiles, provider: PageProvider) -> Iterator[tuple[str, Catalog]]:
    """(source, catalog) of the file and, where it knows its products, of the page provider."""
    from_file = read_catalog_file(Path(files.catalog_file))
    provided = catalog_of_provider(provider.catalog())
    yield FILE_SOURCE, from_file
    if provided is not None:
        yield provider.name, provided
