"""Tracking on demand: the products asked for are captured at once, and the request can be seen."""

from __future__ import annotations

import io
from typing import Any

import pytest
from dagster import DagsterInstance, DagsterRunStatus
from rich.console import Console
from sqlalchemy import Table, select

import insights_assets.features.assets as features_assets
from insights_assets.catalog.catalog_file import TrackedProduct
from insights_assets.catalog.sync import sync_products
from insights_jobs import tracking
from insights_jobs.runs import RunFailedError
from insights_jobs.tracking import print_tracked, track_products
from insights_resources.errors import InvalidInputError
from insights_resources.marketplaces import ProductKey
from insights_resources.page_providers.protocol import Verdict
from insights_resources.scope import today_utc
from insights_resources.warehouse import tables
from insights_resources.warehouse.publication import is_current
from tests.integration.platform_fixture import FIRST_DAY, Platform

#: A product that the sandbox does not have: its page is a 404.
UNKNOWN = ProductKey("amazon.com", "B0NOTHERE1")


def _track(platform: Platform, *keys: ProductKey) -> str:
    return track_products(platform.definitions, platform.warehouse, keys, requested_by="cli")


def _rows(platform: Platform, table: Table) -> list[Any]:
    query = select(table).order_by(*table.primary_key.columns)
    if table.info["versioned"]:
        query = query.where(is_current(table))
    with platform.warehouse.read() as connection:
        return list(connection.execute(query))


def _in_stock_today(platform: Platform) -> list[ProductKey]:
    """The products whose page of today is no robot check and asks for no second capture."""
    truths = [platform.market.truth(key, today_utc()) for key in platform.market.keys]
    return [
        truth.key
        for truth in truths
        if truth.snapshot and truth.snapshot.availability in ("in_stock", "limited")
    ]


def _is_blocked_today(platform: Platform, key: ProductKey) -> bool:
    return platform.market.truth(key, today_utc()).verdict == Verdict.BLOCKED


def _products(platform: Platform) -> dict[str, tuple[str, bool]]:
    return {row.asin: (row.source, row.is_active) for row in _rows(platform, tables.products)}


def test_a_tracked_product_is_captured_at_once_and_its_request_is_done(
    platform: Platform,
) -> None:
    asked, other, *_ = _in_stock_today(platform)
    sync_products(platform.warehouse, "sandbox", [TrackedProduct(other, "Another kettle")])
    (before,) = _rows(platform, tables.products)
    run_id = _track(platform, asked)

    (request,) = _rows(platform, tables.tracking_requests)
    assert (request.marketplace, request.asin) == asked
    assert (request.status, request.run_id, request.error) == ("done", run_id, None)
    assert request.requested_by == "cli"
    assert request.requested_at <= request.finished_at
    with DagsterInstance.get() as instance:
        run = instance.get_run_by_id(run_id)
        assert run is not None
        assert run.status == DagsterRunStatus.SUCCESS
        assert (run.job_name, run.tags["insights/urgency"]) == ("on_demand", "urgent")

    # That product alone was captured; the other's row is as it was.
    assert {row.asin for row in _rows(platform, tables.raw_pages)} == {asked.asin}
    assert {row.asin for row in _rows(platform, tables.product_summaries)} == {asked.asin}
    assert _products(platform) == {asked.asin: ("cli", True), other.asin: ("sandbox", True)}
    assert before in _rows(platform, tables.products)


def test_a_failed_run_leaves_the_request_failed_with_its_error_and_the_product_tracked(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, *_ = _in_stock_today(platform)

    def crash(*args: object, **kwargs: object) -> None:
        raise MemoryError("out of memory")

    with monkeypatch.context() as broken:
        broken.setattr(features_assets, "rebuild_features", crash)
        with pytest.raises(RunFailedError, match="out of memory"):
            _track(platform, asked)
    (failed,) = _rows(platform, tables.tracking_requests)
    assert failed.status == "failed"
    assert failed.error.startswith("features: ")
    assert "out of memory" in failed.error
    assert failed.finished_at is not None
    assert _products(platform) == {asked.asin: ("cli", True)}
    assert len(_rows(platform, tables.raw_pages)) == 1  # what came is kept

    # Asked again, it is a request of its own.
    run_id = _track(platform, asked)
    first, second = _rows(platform, tables.tracking_requests)
    assert first == failed
    assert (second.status, second.run_id) == ("done", run_id)
    assert _products(platform) == {asked.asin: ("cli", True)}


def test_a_run_that_cannot_even_begin_leaves_no_request_that_looks_under_way(
    sqlite_platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_the_first_day = FIRST_DAY.replace(year=FIRST_DAY.year - 1)
    monkeypatch.setattr(tracking, "today_utc", lambda: before_the_first_day)
    with pytest.raises(InvalidInputError, match="before the first day"):
        _track(sqlite_platform, sqlite_platform.market.keys[0])
    (request,) = _rows(sqlite_platform, tables.tracking_requests)
    assert request.status == "failed"
    assert "before the first day" in request.error


@pytest.mark.slow
def test_tracking_what_others_track_changes_no_owner_and_a_second_track_drops_none(
    sqlite_platform: Platform,
) -> None:
    platform = sqlite_platform
    of_file, gone, first, second = platform.market.keys[:4]
    sync_products(platform.warehouse, "file", map(TrackedProduct, [of_file, gone]))
    sync_products(platform.warehouse, "file", [TrackedProduct(of_file)])
    _track(platform, of_file, gone, first)
    _track(platform, second)
    expected = {
        of_file.asin: ("file", True),
        gone.asin: ("cli", True),
        first.asin: ("cli", True),
        second.asin: ("cli", True),
    }
    assert _products(platform) == expected
    # The daily run reads the file, which lists neither.
    sync_products(platform.warehouse, "file", [TrackedProduct(of_file)])
    assert _products(platform) == expected
    requests = [
        (row.asin, row.status, row.tries)
        for row in _rows(platform, tables.tracking_requests)
        if row.requested_by == "cli"
    ]
    assert requests == [
        (key.asin, "failed" if _is_blocked_today(platform, key) else "done", 1)
        for key in (of_file, gone, first, second)
    ]


def test_the_answer_says_what_is_known_or_why_nothing_is(sqlite_platform: Platform) -> None:
    platform = sqlite_platform
    # Some pages of a day are robot checks.
    known, never, *_ = (
        key
        for key in platform.market.keys
        if platform.market.truth(key, today_utc()).verdict == Verdict.PRODUCT
    )
    _track(platform, known, UNKNOWN)
    text = io.StringIO()
    print_tracked(Console(file=text, width=200), platform.warehouse, [known, UNKNOWN, never])
    of_known, of_unknown, of_never = text.getvalue().splitlines()
    (summary,) = (row for row in _rows(platform, tables.product_summaries) if row.title)
    assert of_known.startswith(f"{known}: {summary.title[:70]} | ")
    assert str(summary.availability) in of_known
    (rejection,) = _rows(platform, tables.rejected_pages)
    assert rejection.asin == UNKNOWN.asin
    assert of_unknown == f"{UNKNOWN}: no snapshot; {rejection.reason}"
    assert of_never == f"{never}: no snapshot; no page came"
