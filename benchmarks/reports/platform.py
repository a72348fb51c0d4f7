"""A warehouse with the history of the scenarios, made by the pipeline from the sandbox's pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from insights_assets.alerts.default_rules import sync_default_rules
from insights_assets.alerts.rebuild import rebuild_alerts
from insights_assets.capture.capture import capture_pages, plan_targets
from insights_assets.catalog.sync import catalog_of_provider, sync_groups, sync_products
from insights_assets.competition.rebuild import rebuild_scores
from insights_assets.features.rebuild import rebuild_features
from insights_assets.snapshots.rebuild import rebuild_snapshots
from insights_resources.page_archive import PageArchive
from insights_resources.sandbox import SandboxMarket, SandboxProvider
from insights_resources.scope import Scope
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.schema import migrate


@contextmanager
def opened(folder: Path, url: str | None = None) -> Iterator[Warehouse]:
    """An empty warehouse: a SQLite file in the folder, or the PostgreSQL database of the URL."""
    warehouse = Warehouse.open(url or f"sqlite:///{folder / 'insights.db'}")
    migrate(warehouse)
    try:
        yield warehouse
    finally:
        warehouse.dispose()


def capture_history(
    warehouse: Warehouse, folder: Path, market: SandboxMarket, first_day: date, last_day: date
) -> None:
    """Catalog, pages and snapshots of all days: what everything else is rebuilt from."""
    provider = SandboxProvider(market)
    catalog = catalog_of_provider(provider.catalog())
    assert catalog is not None
    sync_products(warehouse, provider.name, catalog.products)
    sync_groups(warehouse, provider.name, catalog.groups, first_day=first_day, today=first_day)
    sync_default_rules(warehouse)
    archive, scope = PageArchive(str(folder / "pages")), Scope(first_day, last_day)
    targets = plan_targets(provider, scope, market.keys)
    capture_pages(provider, archive, warehouse, targets, run_id=None)
    rebuild_snapshots(warehouse, archive, scope)


def rebuild_until_reports(warehouse: Warehouse, scope: Scope) -> None:
    """Features, scores and alerts of the scope: all that reports are made from."""
    rebuild_features(warehouse, scope)
    rebuild_scores(warehouse, scope)
    rebuild_alerts(warehouse, scope)
