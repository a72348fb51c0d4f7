"""A layout that changes on one marketplace: nothing wrong is published, and nothing is lost.

The sandbox's pages are changed from a day on, as Amazon changes its own, and come in as they do
while the platform runs: in micro-batches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from dagster import AssetCheckKey, AssetKey, DagsterInstance
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from sqlalchemy import func, select, text

import insights_assets.alerts.assets as alerts_assets
import insights_assets.snapshots.assets as snapshots_assets
import insights_assets.snapshots.rebuild as snapshots_rebuild
from insights_assets import run_scope
from insights_assets.capture.capture import capture_pages, plan_targets
from insights_assets.catalog.catalog_file import TrackedProduct
from insights_assets.catalog.sync import sync_products
from insights_assets.snapshots.parser import parse_page
from insights_assets.snapshots.product_snapshot import (
    Availability,
    ParsedPage,
    PriceMissingReason,
    ProductSnapshot,
)
from insights_assets.snapshots.rebuild import pending_scopes, rebuild_snapshots
from insights_jobs.cli.runs import backfill
from insights_jobs.jobs import FAST, accepted_drift_config, micro_batch, scope_run_config
from insights_jobs.runs import FinishedRun, RunFailedError
from insights_resources.errors import AuditFailedError, InvalidInputError
from insights_resources.marketplaces import ProductKey
from insights_resources.page_archive import PageArchive
from insights_resources.sandbox import SandboxMarket, SandboxProvider
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.contract_views import contract_relation
from insights_resources.warehouse.publication import is_current
from tests.integration.platform_fixture import FIRST_DAY, Platform, make_platform
from tests.integration.stored_history import build_statuses

#: 24 kettles on amazon.de, and as many others on five other marketplaces. Twelve are tracked.
MARKET = SandboxMarket(seed=7, products=144)
SITE = "amazon.de"
ALL_KETTLES = [key for key in MARKET.keys if key.marketplace == SITE]
KETTLES = ALL_KETTLES[:12]
DAY = date(2025, 1, 2)
NEXT = DAY + timedelta(days=1)
#: What the clock says.
TODAY = DAY + timedelta(days=3)

Change = Callable[[str], str]


#: Names by which pages call the blocks of prices.
_PRICE_BLOCKS = ("corePrice", "priceblock_", "price_inside_buybox", "apex", "a-price")


def prices_renamed(page: str) -> str:
    """The blocks of prices have other names: who looks for the old ones finds none."""
    for name in _PRICE_BLOCKS:
        page = page.replace(name, f"next-{name}")
    return page


def prices_named_as_before(page: str) -> str:
    for name in _PRICE_BLOCKS:
        page = page.replace(f"next-{name}", name)
    return page


class ChangingMarket(SandboxMarket):
    """The sandbox, of which one marketplace's pages change on ``NEXT``."""

    change: Change | None = None

    def page(self, key: ProductKey, day: date, slot: int = 0, layout: str | None = None) -> bytes:
        page = super().page(key, day, slot, layout)
        if self.change is None or key.marketplace != SITE or day < NEXT:
            return page
        return self.change(page.decode()).encode()


def _tracking_kettles(made: Platform, monkeypatch: pytest.MonkeyPatch) -> Platform:
    for module in (run_scope, snapshots_assets, alerts_assets):
        monkeypatch.setattr(module, "today_utc", lambda: TODAY)
    made.market = ChangingMarket(seed=MARKET.seed, products=len(MARKET.keys), first_day=FIRST_DAY)
    sync_products(made.warehouse, "sandbox", map(TrackedProduct, KETTLES))
    return made


@pytest.fixture
def platform(
    tmp_path: Path, warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Platform]:
    made = make_platform(tmp_path, warehouse_url, monkeypatch, products=len(MARKET.keys))
    yield _tracking_kettles(made, monkeypatch)
    made.warehouse.dispose()


@pytest.fixture
def sqlite_platform(
    tmp_path: Path, sqlite_warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Platform]:
    made = make_platform(tmp_path, sqlite_warehouse_url, monkeypatch, products=len(MARKET.keys))
    yield _tracking_kettles(made, monkeypatch)
    made.warehouse.dispose()


def _archive(platform: Platform) -> PageArchive:
    return PageArchive(str(platform.folder / "pages"))


def _land(
    platform: Platform,
    day: date,
    change: Change | None = None,
    keys: Sequence[ProductKey] = KETTLES,
) -> None:
    """Pages come in, changed or not."""
    platform.market.change = change  # type: ignore[attr-defined]
    provider = SandboxProvider(platform.market)
    targets = plan_targets(provider, Scope.of_day(day), keys)
    capture_pages(provider, _archive(platform), platform.warehouse, targets, run_id=None)


def _micro_batch(platform: Platform, day: date, **more: Any) -> FinishedRun:
    config = scope_run_config(FAST, covers="pending")
    for key, op in more.get("ops", {}).items():
        config["ops"][key]["config"].update(op["config"])
    return platform.run(micro_batch.name, day, run_config=config)


def _prices(platform: Platform, view: str = "product_summaries") -> dict[str, float | None]:
    """What an analyst reads in SQL last of each product."""
    relation = contract_relation(platform.warehouse, view)
    moment = "captured_at" if view == "product_snapshots" else "last_captured_at"
    query = f"SELECT asin, price FROM {relation} ORDER BY {moment}"  # noqa: S608
    with platform.warehouse.read() as connection:
        rows = connection.execute(text(query)).all()
    return {row.asin: None if row.price is None else round(float(row.price), 2) for row in rows}


def _pages(platform: Platform) -> int:
    with platform.warehouse.read() as connection:
        return int(connection.scalar(select(func.count()).select_from(tables.raw_pages)) or 0)


def _audit() -> tuple[AssetCheckExecutionRecordStatus, str]:
    """The status of the snapshots' audit as the UI shows it, and its metadata as one text."""
    key = AssetCheckKey(AssetKey(["insights", "snapshots", "product_snapshots"]), "audit")
    with DagsterInstance.get() as instance:
        record = instance.event_log_storage.get_asset_check_execution_history(key, limit=1)[0]
    assert record.event is not None
    found = record.event.dagster_event.asset_check_evaluation_data  # type: ignore[union-attr]
    return record.status, str({name: value.value for name, value in found.metadata.items()})


def _true_prices(
    platform: Platform, day: date, keys: Sequence[ProductKey]
) -> dict[str, float | None]:
    """What the pages of a day say; of a product without one, those of the day before."""
    prices = {}
    for key in keys:
        said = platform.market.truth(key, day).snapshot or platform.market.truth(key, DAY).snapshot
        prices[key.asin] = None if said is None or said.price is None else float(said.price)
    return prices


def _last_audit(platform: Platform) -> dict[str, dict[str, Any]]:
    builds = tables.builds
    query = (
        select(builds.c.audit)
        .where(builds.c.table_name == tables.product_snapshots.name)
        .order_by(builds.c.build_id.desc())
        .limit(1)
    )
    with platform.warehouse.read() as connection:
        return {finding["check"]: finding for finding in connection.scalars(query).one()}


@pytest.mark.slow
def test_a_changed_layout_stops_publication_and_a_corrected_parser_publishes_its_pages(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    _land(platform, DAY)
    _micro_batch(platform, DAY)
    good = _prices(platform)
    assert sum(price is not None for price in good.values()) > 6

    _land(platform, NEXT, prices_renamed)
    with pytest.raises(RunFailedError) as failure:
        _micro_batch(platform, NEXT)
    for part in (
        "snapshots/product_snapshots: build ",
        "consumers keep the last good rows",
        f"no_drift_on_{SITE}: price gone for ",
        f"insights backfill --from {NEXT} --accept-drift {SITE}",
    ):
        assert part in str(failure.value)
    status, shown = _audit()
    assert status == AssetCheckExecutionRecordStatus.FAILED
    assert f"no_drift_on_{SITE}" in shown
    # Consumers read what they read before, and no page is lost: all of them are still to be parsed.
    assert _prices(platform) == good
    assert _pages(platform) == 2 * len(good)
    (waiting,) = pending_scopes(platform.warehouse)
    assert (waiting.first_day, len(waiting.products or ())) == (NEXT, len(good))
    # It is not forgotten with time.
    with pytest.raises(AuditFailedError, match=f"no_drift_on_{SITE}"):
        rebuild_snapshots(platform.warehouse, _archive(platform), waiting)

    def corrected(content: bytes, *, target: ProductKey) -> ParsedPage:
        return parse_page(prices_named_as_before(content.decode()).encode(), target=target)

    monkeypatch.setattr(snapshots_rebuild, "parse_page", corrected)
    _micro_batch(platform, NEXT)
    statuses = build_statuses(platform.warehouse, tables.product_snapshots.name)
    assert statuses == ["published", "rejected", "rejected", "published"]
    assert _audit()[0] == AssetCheckExecutionRecordStatus.SUCCEEDED
    assert pending_scopes(platform.warehouse) == []
    assert _prices(platform) == _true_prices(platform, NEXT, KETTLES)


@pytest.mark.slow
def test_a_change_that_is_real_is_accepted_once(
    sqlite_platform: Platform, sqlite_warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = sqlite_platform
    monkeypatch.setenv("INSIGHTS_HOME", str(platform.folder))
    monkeypatch.setenv("INSIGHTS_DATABASE_URL", sqlite_warehouse_url)
    monkeypatch.setenv("INSIGHTS_ARCHIVE_URL", str(platform.folder / "pages"))

    def insights_backfill(*arguments: str) -> Result:
        return CliRunner().invoke(backfill, ["--from", str(NEXT), *arguments])

    _land(platform, DAY)
    _micro_batch(platform, DAY)
    _land(platform, NEXT, prices_renamed)
    with pytest.raises(RunFailedError, match="price gone"):
        _micro_batch(platform, NEXT)
    with pytest.raises(RunFailedError, match="price gone"):
        _micro_batch(platform, NEXT, **accepted_drift_config(["amazon.fr"]))
    refused = insights_backfill()
    assert isinstance(refused.exception, RunFailedError)
    assert insights_backfill("--accept-drift", "amazon.xx").exit_code == 1
    accepted = insights_backfill("--accept-drift", "www.Amazon.de")
    assert accepted.exit_code == 0, (accepted.output, accepted.exception)
    _micro_batch(platform, NEXT)
    finding = _last_audit(platform)[f"no_drift_on_{SITE}"]
    assert finding["passed"]
    assert finding["detail"].startswith("accepted: price gone for ")
    assert sum(price is None for price in _prices(platform).values()) > 6

    # From then on that is what is known: the pages of the day after are as the day before.
    after = NEXT + timedelta(days=1)
    _land(platform, after, prices_renamed)
    _micro_batch(platform, after)
    assert pending_scopes(platform.warehouse) == []
    # And prices that come back are no drift.
    _land(platform, after + timedelta(days=1))
    _micro_batch(platform, after + timedelta(days=1))
    assert sum(price is not None for price in _prices(platform).values()) > 6


def test_what_is_no_marketplace_cannot_be_accepted() -> None:
    with pytest.raises(InvalidInputError, match=r"unknown marketplace 'amazon\.xx'"):
        accepted_drift_config(["amazon.xx"])


# --- what the parser may get wrong ---------------------------------------------------------------


def _price_times(factor: int) -> Callable[[ProductSnapshot], ProductSnapshot]:
    def change(said: ProductSnapshot) -> ProductSnapshot:
        return said if said.price is None else replace(said, price=said.price * factor)

    return change


def _without_price(said: ProductSnapshot) -> ProductSnapshot:
    reason = said.price_missing_reason or PriceMissingReason.NOT_ON_PAGE
    return replace(said, price=None, price_min=None, price_max=None, price_missing_reason=reason)


def _rating_tenfold(said: ProductSnapshot) -> ProductSnapshot:
    return said if said.rating is None else replace(said, rating=said.rating * 10)


def _rating_tenth(said: ProductSnapshot) -> ProductSnapshot:
    return said if said.rating is None else replace(said, rating=said.rating / 10)


MISTAKES: dict[str, tuple[Callable[[ProductSnapshot], ProductSnapshot], str]] = {
    "prices vanish": (_without_price, "price gone"),
    "prices ten times as high": (_price_times(10), "price jumped"),
    "prices a hundred times as high": (_price_times(100), "price jumped"),
    "another currency": (lambda said: replace(said, currency="USD"), "currency changed"),
    "no availability": (
        lambda said: replace(said, availability=Availability.UNKNOWN),
        "availability unknown",
    ),
    "everything sold out": (
        lambda said: replace(_without_price(said), availability=Availability.OUT_OF_STOCK),
        "sold out",
    ),
    "ratings ten times as high": (_rating_tenfold, "snapshot gone"),
    "ratings a tenth": (_rating_tenth, "rating jumped"),
    "no ranks": (lambda said: replace(said, bsr=()), "rank gone"),
    "no images": (lambda said: replace(said, images=()), "images gone"),
    "amounts of zero": (_price_times(0), "snapshot gone"),
}
#: The others are slow tests: each of them reads the pages five times.
QUICK = ("prices vanish", "prices ten times as high", "ratings ten times as high")


@cache
def _parsed(content: bytes, target: ProductKey) -> ParsedPage:
    return parse_page(content, target=target)


def _mistaken(
    change: Callable[[ProductSnapshot], ProductSnapshot], marketplace: str | None = SITE
) -> Callable[..., ParsedPage]:
    """The parser, with a mistake on one marketplace."""

    def parse(content: bytes, *, target: ProductKey) -> ParsedPage:
        parsed = _parsed(content, target)
        if parsed.snapshot is None or marketplace not in (None, target.marketplace):
            return parsed
        return replace(parsed, snapshot=change(parsed.snapshot))

    return parse


@pytest.mark.parametrize(
    "mistake",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in MISTAKES],
)
def test_a_mistake_of_the_parser_on_one_marketplace_is_noticed(
    sqlite_platform: Platform, monkeypatch: pytest.MonkeyPatch, mistake: str
) -> None:
    platform = sqlite_platform
    change, aspect = MISTAKES[mistake]
    _land(platform, DAY)
    rebuild_snapshots(platform.warehouse, _archive(platform), Scope.of_day(DAY))
    _land(platform, NEXT)
    with monkeypatch.context() as broken:
        broken.setattr(snapshots_rebuild, "parse_page", _mistaken(change))
        # On new pages, and on those that were read before.
        for scope in (Scope.of_day(NEXT), Scope.of_day(DAY), Scope(DAY, NEXT)):
            with pytest.raises(AuditFailedError) as failure:
                rebuild_snapshots(platform.warehouse, _archive(platform), scope)
            assert f"no_drift_on_{SITE}" in str(failure.value)
            assert f"{aspect} for " in str(failure.value)
    rebuild_snapshots(platform.warehouse, _archive(platform), Scope(DAY, NEXT))


def test_a_first_history_in_one_build_is_compared_with_itself(
    sqlite_platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = sqlite_platform
    _land(platform, DAY)
    _land(platform, NEXT, prices_renamed)
    with pytest.raises(AuditFailedError, match=f"price gone for .* on {NEXT}"):
        rebuild_snapshots(platform.warehouse, _archive(platform), Scope(DAY, NEXT))
    # Nothing to compare with is no drift: what a page has never shown is not missed.
    monkeypatch.setattr(snapshots_rebuild, "parse_page", _mistaken(_rating_tenth))
    rebuild_snapshots(platform.warehouse, _archive(platform), Scope.of_day(DAY))


@pytest.mark.slow
def test_a_few_pages_at_a_time_stop_once_they_are_enough_together(
    sqlite_platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three pages may be anything; when batch after batch lacks its prices it is the layout."""
    platform = sqlite_platform
    keys = ALL_KETTLES
    _land(platform, DAY, keys=keys)
    rebuild_snapshots(platform.warehouse, _archive(platform), Scope.of_day(DAY))
    monkeypatch.setattr(snapshots_rebuild, "parse_page", _mistaken(_without_price))
    published = 0
    for start in range(0, len(keys), 3):
        some = keys[start : start + 3]
        _land(platform, NEXT, keys=some)
        with suppress(AuditFailedError):
            rebuild_snapshots(platform.warehouse, _archive(platform), Scope.of_day(NEXT, some))
            published += len(some)
    assert "price gone" in _last_audit(platform)[f"no_drift_on_{SITE}"]["detail"]
    assert 3 <= published <= 15
    # A batch that has nothing of it is not held for those before it.
    monkeypatch.setattr(snapshots_rebuild, "parse_page", parse_page)
    last = keys[-3:]
    _land(platform, NEXT, keys=last)
    rebuild_snapshots(platform.warehouse, _archive(platform), Scope.of_day(NEXT, last))
    # With the parser corrected the whole day is read again, and agrees with the day before.
    rebuild_snapshots(platform.warehouse, _archive(platform), Scope.of_day(NEXT))
    prices = _prices(platform, "product_snapshots")
    assert prices == _true_prices(platform, NEXT, keys)


def test_a_few_products_on_each_of_several_marketplaces_are_judged_together(
    sqlite_platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = sqlite_platform
    sites = sorted({key.marketplace for key in MARKET.keys})[:4]
    by_site = {site: [k for k in MARKET.keys if k.marketplace == site] for site in sites}
    some = [key for site in sites for key in by_site[site][:5]]
    sync_products(platform.warehouse, "sandbox", map(TrackedProduct, some))
    _land(platform, DAY, keys=some)
    rebuild_snapshots(platform.warehouse, _archive(platform), Scope.of_day(DAY))
    _land(platform, NEXT, keys=some)
    with monkeypatch.context() as broken:
        # Five products of one marketplace alone prove nothing.
        broken.setattr(snapshots_rebuild, "parse_page", _mistaken(_price_times(2), sites[0]))
        rebuild_snapshots(platform.warehouse, _archive(platform), Scope.of_day(NEXT))
        broken.setattr(snapshots_rebuild, "parse_page", _mistaken(_price_times(100), None))
        with pytest.raises(AuditFailedError, match=r"no_drift_on_small-marketplaces: .*price jump"):
            rebuild_snapshots(platform.warehouse, _archive(platform), Scope.of_day(NEXT))


# --- single pages --------------------------------------------------------------------------------


def test_one_impossible_page_is_rejected_and_the_others_are_published(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = KETTLES[0]

    def parse(content: bytes, *, target: ProductKey) -> ParsedPage:
        parsed = parse_page(content, target=target)
        if target != wrong or parsed.snapshot is None:
            return parsed
        return replace(parsed, snapshot=replace(parsed.snapshot, rating=Decimal(45)))

    _land(platform, DAY)
    monkeypatch.setattr(snapshots_rebuild, "parse_page", parse)
    built = rebuild_snapshots(platform.warehouse, _archive(platform), Scope.of_day(DAY))
    assert built.snapshots.row_count + built.rejections.row_count == len(KETTLES)
    table = tables.rejected_pages
    query = select(table.c.verdict, table.c.reason).where(
        is_current(table), table.c.asin == wrong.asin
    )
    with platform.warehouse.read() as connection:
        assert connection.execute(query).all() == [("product", "impossible rating: 45")]
    assert pending_scopes(platform.warehouse) == []
