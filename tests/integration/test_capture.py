"""Captured pages: what arrives is kept, by its hash, once, whatever happens next."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from dagster import AssetCheckResult
from sqlalchemy import Table, null, select, update

import insights_assets.snapshots.rebuild as snapshots_rebuild
from insights_assets.capture.archive_comparison import compare_archive
from insights_assets.capture.capture import capture_pages, plan_targets
from insights_assets.capture.checks import (
    few_captures_fail,
    few_pages_are_blocked,
    pages_are_archived,
    pages_of_the_day,
)
from insights_assets.catalog.catalog_file import TrackedProduct
from insights_assets.catalog.sync import sync_products
from insights_assets.snapshots.checks import sources_agree_on_prices
from insights_assets.snapshots.parser import parse_page
from insights_assets.snapshots.product_snapshot import ParsedPage
from insights_assets.snapshots.rebuild import pending_scopes, rebuild_snapshots, require_pages
from insights_jobs.build import build_definitions
from insights_jobs.embedded_instance import write_embedded_instance
from insights_jobs.runs import RunFailedError, run_job
from insights_resources.errors import (
    ArchiveError,
    DayNotServableError,
    InvalidInputError,
    PermanentProviderError,
)
from insights_resources.marketplaces import ProductKey
from insights_resources.page_archive import PageArchive
from insights_resources.page_providers.protocol import (
    CapturedPage,
    PageProvider,
    PageTarget,
    ProviderCatalog,
    Verdict,
)
from insights_resources.sandbox import SandboxMarket, SandboxProvider
from insights_resources.scope import Scope, today_utc
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import is_current
from insights_resources.wiring import (
    PageArchiveResource,
    PageProviderResource,
    ProjectFiles,
    WarehouseResource,
)

MARKET = SandboxMarket(seed=7, products=6, first_day=date(2025, 1, 1))
SANDBOX = SandboxProvider(MARKET)
KEYS = MARKET.keys
DAY = date(2025, 3, 3)


class GivenPages:
    """A provider that hands over these pages in order, and then breaks off if it is to."""

    name = "given"

    def __init__(
        self,
        pages: Iterable[CapturedPage] = (),
        *,
        then: Exception | None = None,
        serves: Callable[[date], bool] = lambda day: True,
    ) -> None:
        self._pages = list(pages)
        self._then = then
        self._serves = serves

    def can_serve(self, day: date) -> bool:
        return self._serves(day)

    def catalog(self) -> ProviderCatalog | None:
        return None

    async def fetch(self, targets: Sequence[PageTarget]) -> AsyncIterator[CapturedPage]:
        for page in self._pages:
            yield page
        if self._then is not None:
            raise self._then


@pytest.fixture
def archive(tmp_path: Path) -> PageArchive:
    return PageArchive(str(tmp_path / "pages"))


def _page(key: ProductKey, day: date = DAY, **changes: Any) -> CapturedPage:
    """The sandbox's page of a product, or one that differs from it."""
    page = CapturedPage(
        target=PageTarget(key, day),
        provider="given",
        captured_at=MARKET.captured_at(key, day),
        content=MARKET.page(key, day),
        verdict=Verdict.PRODUCT,
        reason=None,
        requested_url=key.url,
        final_url=key.url,
        http_status=200,
    )
    return replace(page, **changes)


def _failed(key: ProductKey, day: date = DAY, **changes: Any) -> CapturedPage:
    failure = {
        "content": None,
        "verdict": Verdict.ERROR,
        "reason": "no answer within 30 s",
        "final_url": None,
        "http_status": None,
    }
    return _page(key, day, **failure | changes)


def _capture(warehouse: Warehouse, archive: PageArchive, pages: Iterable[CapturedPage]) -> None:
    capture_pages(GivenPages(pages), archive, warehouse, [], run_id=None)


def _rows(warehouse: Warehouse, table: Table = tables.raw_pages) -> list[dict[str, Any]]:
    query = select(table).order_by(table.c.captured_at, table.c.page_id)
    if table.info["versioned"]:
        query = query.where(is_current(table))
    with warehouse.read() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def _bodies(folder: Path) -> int:
    return sum(path.is_file() for path in (folder / "pages").rglob("*"))


# --- capturing -----------------------------------------------------------------------------------


def test_every_page_has_a_row_and_its_body_in_the_archive(
    warehouse: Warehouse, archive: PageArchive
) -> None:
    seen: list[tuple[int, int]] = []
    summary = capture_pages(
        SANDBOX,
        archive,
        warehouse,
        plan_targets(SANDBOX, Scope(DAY, DAY + timedelta(days=1)), KEYS),
        run_id="run-1",
        progress=lambda pages, targets: seen.append((pages, targets)),
    )
    assert (summary.targets, summary.pages, summary.new_pages) == (12, 12, 12)
    assert seen == [(number, 12) for number in range(1, 13)]
    assert summary.pages_by_day == {DAY: 6, DAY + timedelta(days=1): 6}
    assert summary.verdicts == {"product": 11, "blocked": 1}

    rows = _rows(warehouse)
    for row in rows:
        key, day = ProductKey(row["marketplace"], row["asin"]), row["day"]
        body = MARKET.page(key, day)
        assert row["content_hash"] == hashlib.sha256(body).hexdigest()
        assert archive.get(row["content_hash"]) == body
        assert row["content_bytes"] == len(body)
        assert row["captured_at"] == MARKET.captured_at(key, day)
        assert (row["provider"], row["run_id"]) == ("sandbox", "run-1")
        assert row["requested_url"] == key.url
        assert (row["verdict"] == "product") == (row["verdict_reason"] is None)
    assert {(row["asin"], row["day"]) for row in rows} == {
        (key.asin, day) for key in KEYS for day in (DAY, DAY + timedelta(days=1))
    }


def test_the_same_page_twice_is_one_row_and_one_body(
    warehouse: Warehouse, archive: PageArchive, tmp_path: Path
) -> None:
    targets = plan_targets(SANDBOX, Scope.of_day(DAY), KEYS)
    capture_pages(SANDBOX, archive, warehouse, targets, run_id="first")
    before, bodies = _rows(warehouse), _bodies(tmp_path)
    again = capture_pages(SANDBOX, archive, warehouse, targets, run_id="second")
    assert (again.pages, again.new_pages) == (6, 0)
    assert _rows(warehouse) == before
    assert _bodies(tmp_path) == bodies == 6


def test_an_unchanged_page_of_another_day_is_a_new_row_with_the_same_body(
    warehouse: Warehouse, archive: PageArchive, tmp_path: Path
) -> None:
    page = _page(KEYS[0])
    later = replace(page, captured_at=page.captured_at + timedelta(days=1))
    _capture(warehouse, archive, [page, later])
    assert [row["day"] for row in _rows(warehouse)] == [DAY, DAY + timedelta(days=1)]
    assert len({row["content_hash"] for row in _rows(warehouse)}) == _bodies(tmp_path) == 1


def test_a_crash_in_the_middle_keeps_what_arrived_and_the_next_run_brings_the_rest(
    warehouse: Warehouse, archive: PageArchive
) -> None:
    pages = [_page(key) for key in KEYS]
    out_of_credits = PermanentProviderError("no credits left")
    with pytest.raises(PermanentProviderError, match="no credits left"):
        capture_pages(
            GivenPages(pages[:3], then=out_of_credits), archive, warehouse, [], run_id="first"
        )
    assert {row["asin"] for row in _rows(warehouse)} == {key.asin for key in KEYS[:3]}
    assert all(archive.exists(row["content_hash"]) for row in _rows(warehouse))

    summary = capture_pages(GivenPages(pages), archive, warehouse, [], run_id="second")
    assert (summary.pages, summary.new_pages) == (6, 3)
    assert {row["asin"]: row["run_id"] for row in _rows(warehouse)} == {
        key.asin: "first" if key in KEYS[:3] else "second" for key in KEYS
    }


def test_a_page_that_cannot_be_archived_has_no_row(warehouse: Warehouse, tmp_path: Path) -> None:
    (tmp_path / "pages").write_text("a file where the archive's folder should be")
    with pytest.raises(ArchiveError, match="cannot be written"):
        _capture(warehouse, PageArchive(str(tmp_path / "pages")), [_page(KEYS[0])])
    assert _rows(warehouse) == []


def test_a_failed_capture_is_a_row_without_a_body(
    warehouse: Warehouse, archive: PageArchive, tmp_path: Path
) -> None:
    _capture(warehouse, archive, [_failed(KEYS[0], cost=Decimal("1.5"), latency_ms=30_000.0)])
    (row,) = _rows(warehouse)
    assert (row["verdict"], row["verdict_reason"]) == ("error", "no answer within 30 s")
    assert row["content_hash"] is row["content_bytes"] is row["http_status"] is None
    assert (row["cost"], row["latency_ms"]) == (Decimal("1.5"), 30_000.0)
    assert _bodies(tmp_path) == 0


def test_the_day_of_a_page_is_its_utc_day_wherever_it_was_captured(
    warehouse: Warehouse, archive: PageArchive
) -> None:
    moment = datetime(2025, 3, 4, 0, 30, tzinfo=timezone(timedelta(hours=2)))
    _capture(warehouse, archive, [_page(KEYS[0], captured_at=moment)])
    # The same instant told by another clock is the same page.
    _capture(warehouse, archive, [_page(KEYS[0], captured_at=moment.astimezone(UTC))])
    (row,) = _rows(warehouse)
    assert (row["day"], row["captured_at"]) == (DAY, moment)


# --- what may be captured ------------------------------------------------------------------------


def test_past_days_are_refused_by_name_when_the_provider_serves_only_today() -> None:
    today = today_utc()
    live = GivenPages(serves=lambda day: day == today)
    first, last = today - timedelta(days=3), today - timedelta(days=1)
    with pytest.raises(DayNotServableError) as refusal:
        plan_targets(live, Scope(first, today), KEYS)
    assert f"'given' has no pages of {first} to {last}: " in str(refusal.value)
    assert "out of the command) to rebuild those days" in str(refusal.value)
    with pytest.raises(DayNotServableError, match=f"of {last}: .* rebuild that day"):
        plan_targets(live, Scope.of_day(last), KEYS)
    assert plan_targets(live, Scope.of_day(today), KEYS[:2]) == [
        PageTarget(KEYS[0], today),
        PageTarget(KEYS[1], today),
    ]


def test_the_refusal_names_no_day_that_could_be_captured() -> None:
    saved = GivenPages(serves=lambda day: day.day in (2, 5))
    with pytest.raises(DayNotServableError) as refusal:
        plan_targets(saved, Scope(date(2025, 3, 1), date(2025, 3, 6)), KEYS)
    assert "of 2025-03-01, 2025-03-03 to 2025-03-04, 2025-03-06: " in str(refusal.value)


class LivePages(PageProviderResource):
    """Pages of today only, like a live site's."""

    def open(self) -> PageProvider:
        return GivenPages(serves=lambda day: day == today_utc())


def test_a_run_that_would_capture_the_past_fails_with_the_remedy_and_stores_nothing(
    tmp_path: Path, sqlite_warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_embedded_instance(tmp_path / "dagster")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    catalog = tmp_path / "catalog.yaml"
    catalog.write_text(f"products:\n  - {KEYS[0]}\n", encoding="utf-8")
    definitions = build_definitions(
        {
            "warehouse": WarehouseResource(url=sqlite_warehouse_url),
            "page_archive": PageArchiveResource(url=str(tmp_path / "pages")),
            "pages": LivePages(),
            "files": ProjectFiles(
                catalog_file=str(catalog),
                reports_folder=str(tmp_path / "reports"),
                first_day="2025-01-01",
            ),
        }
    )
    with pytest.raises(RunFailedError) as failure:
        run_job(definitions, "whole_graph", first_day=DAY, last_day=DAY)
    assert str(failure.value).startswith("capture/raw_pages: the page provider 'given' has no page")
    assert "Leave capture/raw_pages out of the selection" in str(failure.value)
    warehouse = Warehouse.open(sqlite_warehouse_url)
    assert _rows(warehouse) == _rows(warehouse, tables.product_snapshots) == []
    warehouse.dispose()


# --- what becomes of pages -----------------------------------------------------------------------


def test_a_page_of_another_product_than_asked_for_is_rejected_with_the_reason(
    warehouse: Warehouse, archive: PageArchive
) -> None:
    asked, came = KEYS[0], KEYS[1]
    # Whatever the provider thought of it.
    _capture(warehouse, archive, [_page(asked, content=MARKET.page(came, DAY)), _page(KEYS[2])])
    rebuild_snapshots(warehouse, archive, Scope.of_day(DAY))
    (snapshot,) = _rows(warehouse, tables.product_snapshots)
    assert snapshot["asin"] == KEYS[2].asin
    (rejection,) = _rows(warehouse, tables.rejected_pages)
    assert rejection["asin"] == asked.asin
    assert came.asin in rejection["reason"]
    assert pending_scopes(warehouse) == []


def test_a_failed_capture_is_rejected_with_the_providers_reason_and_is_not_pending(
    warehouse: Warehouse, archive: PageArchive
) -> None:
    _capture(warehouse, archive, [_failed(KEYS[0]), _page(KEYS[1])])
    assert pending_scopes(warehouse) == [Scope.of_day(DAY, KEYS[:2])]
    rebuild_snapshots(warehouse, archive, Scope.of_day(DAY))
    (rejection,) = _rows(warehouse, tables.rejected_pages)
    assert (rejection["asin"], rejection["verdict"]) == (KEYS[0].asin, "error")
    assert rejection["reason"] == "no answer within 30 s"
    assert [row["asin"] for row in _rows(warehouse, tables.product_snapshots)] == [KEYS[1].asin]
    assert pending_scopes(warehouse) == []


# --- the checks ----------------------------------------------------------------------------------


def _check(check: Any, warehouse_url: str, **others: Any) -> AssetCheckResult:
    resource = WarehouseResource(url=warehouse_url)
    try:
        result = check(warehouse=resource, **others)
    finally:
        resource.teardown_after_execution(None)
    assert isinstance(result, AssetCheckResult)
    return result


def _found(result: AssetCheckResult) -> dict[str, Any]:
    return {name: value.value for name, value in result.metadata.items()}  # type: ignore[union-attr]


def test_a_day_is_complete_when_every_active_product_has_a_page(
    warehouse: Warehouse, warehouse_url: str, archive: PageArchive
) -> None:
    assert _check(pages_of_the_day, warehouse_url).description == "there is nothing yet"
    sync_products(warehouse, "file", map(TrackedProduct, KEYS))
    _capture(warehouse, archive, [_page(key, DAY) for key in KEYS])
    assert _check(pages_of_the_day, warehouse_url).passed

    newest = DAY + timedelta(days=1)
    _capture(warehouse, archive, [_page(key, newest) for key in KEYS[:4]])
    result = _check(pages_of_the_day, warehouse_url)
    assert not result.passed
    assert result.description == f"2 of 6 products have no page of {newest}"
    assert _found(result) == {
        "day": newest.isoformat(),
        "expected": 6,
        "found": 4,
        "missing": ", ".join(sorted(map(str, KEYS[4:]))),
    }
    # A failed capture is a page: its day is complete, if badly so.
    _capture(warehouse, archive, [_failed(KEYS[4], newest)])
    assert _found(_check(pages_of_the_day, warehouse_url))["missing"] == str(KEYS[5])
    sync_products(warehouse, "file", map(TrackedProduct, KEYS[:5]))
    assert _check(pages_of_the_day, warehouse_url).passed


def test_attributes_are_stored_and_found_by_label(
    warehouse: Warehouse, archive: PageArchive
) -> None:
    _capture(warehouse, archive, [_page(key) for key in KEYS])
    rebuild_snapshots(warehouse, archive, Scope.of_day(DAY))
    truths = [MARKET.truth(key, DAY).snapshot for key in KEYS]
    right = {truth.asin: truth.attributes for truth in truths if truth is not None}
    rows = _rows(warehouse, tables.product_snapshots)
    assert {row["asin"]: row["attributes"] for row in rows} == right
    snapshots = tables.product_snapshots
    label, value = next(iter(right[KEYS[0].asin].items()))
    found = select(snapshots.c.asin).where(snapshots.c.attributes[label].as_string() == value)
    with warehouse.read() as connection:
        assert KEYS[0].asin in connection.scalars(found).all()


def test_snapshots_that_do_not_know_attributes_are_read_again(
    warehouse: Warehouse, archive: PageArchive
) -> None:
    """As a step back to the schema before, and forward again, leaves them."""
    first = _page(KEYS[0])
    _capture(warehouse, archive, [first])
    rebuild_snapshots(warehouse, archive, Scope.of_day(DAY))
    snapshots = tables.product_snapshots
    (before,) = _rows(warehouse, snapshots)
    with warehouse.begin() as connection:
        lost = {"attributes": null(), "row_hash": before["row_hash"] ^ 1}
        connection.execute(update(snapshots).values(lost))
    later = replace(first, captured_at=first.captured_at + timedelta(hours=3))
    _capture(warehouse, archive, [later])
    rebuild_snapshots(warehouse, archive, Scope.of_day(DAY))
    standing = [row["attributes"] for row in _rows(warehouse, snapshots)]
    assert standing == [before["attributes"]] * 2


def test_pages_whose_sources_disagree_on_the_price_are_found_by_query_and_by_the_check(
    warehouse: Warehouse, warehouse_url: str, archive: PageArchive
) -> None:
    assert _check(sources_agree_on_prices, warehouse_url).passed
    _capture(warehouse, archive, [_page(key) for key in KEYS])
    rebuild_snapshots(warehouse, archive, Scope.of_day(DAY))
    assert [row["disputed_fields"] for row in _rows(warehouse, tables.product_snapshots)] == [
        {} for _ in KEYS
    ]
    assert _check(sources_agree_on_prices, warehouse_url).passed

    day = DAY + timedelta(days=1)
    other_price = b'<input type="hidden" id="attach-base-product-price" value="1.5"/></body>'
    changed = _page(KEYS[0], day)
    assert changed.content is not None
    content = changed.content.replace(b"</body>", other_price)
    _capture(warehouse, archive, [_page(KEYS[0], day, content=content), _page(KEYS[1], day)])
    rebuild_snapshots(warehouse, archive, Scope.of_day(day))
    snapshots = tables.product_snapshots
    disputed = select(snapshots.c.asin).where(
        is_current(snapshots),
        snapshots.c.disputed_fields["price"]["#attach-base-product-price"].as_string() != "",
    )
    with warehouse.read() as connection:
        assert connection.scalars(disputed).all() == [KEYS[0].asin]
    result = _check(sources_agree_on_prices, warehouse_url)
    assert not result.passed
    found = _found(result)
    assert (found["day"], found["snapshots"], found["disputed"]) == (str(day), 2, "price: 1")
    assert found["pages_with_a_disputed_price"].startswith(str(KEYS[0]))


def test_up_to_a_fifth_of_a_days_pages_may_be_blocked_and_a_tenth_may_fail(
    warehouse: Warehouse, warehouse_url: str, archive: PageArchive
) -> None:
    assert _check(few_pages_are_blocked, warehouse_url).passed
    assert _check(few_captures_fail, warehouse_url).passed
    blocked = {"verdict": Verdict.BLOCKED, "reason": "robot check in place of the page"}
    _capture(warehouse, archive, [*(_page(key) for key in KEYS[:4]), _page(KEYS[4], **blocked)])
    result = _check(few_pages_are_blocked, warehouse_url)
    assert result.passed
    assert _found(result) == {
        "day": DAY.isoformat(),
        "pages": 5,
        "product": 4,
        "blocked": 1,
        "blocked/given": 1,
    }
    assert result.description == "1 of 5 pages of 2025-03-03 (at most 20%)"
    _capture(warehouse, archive, [_page(KEYS[5], **blocked)])
    assert not _check(few_pages_are_blocked, warehouse_url).passed
    assert _check(few_captures_fail, warehouse_url).passed
    _capture(warehouse, archive, [_failed(KEYS[5])])
    result = _check(few_captures_fail, warehouse_url)
    assert not result.passed
    assert _found(result)["error/given"] == 1
    # A good day after it is a good day.
    _capture(warehouse, archive, [_page(KEYS[0], DAY + timedelta(days=1))])
    assert _check(few_pages_are_blocked, warehouse_url).passed
    assert _check(few_captures_fail, warehouse_url).passed


def test_the_archive_is_compared_with_the_rows_in_both_directions(
    warehouse: Warehouse, warehouse_url: str, archive: PageArchive, tmp_path: Path
) -> None:
    _capture(warehouse, archive, [_page(key) for key in KEYS[:4]])
    hashes = sorted(row["content_hash"] for row in _rows(warehouse))
    found = compare_archive(warehouse, archive)
    assert (found.bodies, found.missing, found.orphans) == (4, [], [])

    archive.remove(hashes[1])
    # Of captures that broke off: after the archive and before the row, and in the middle of a file.
    orphan = archive.put(b"a page that no row names")
    broken = Path(archive.location(orphan)).with_name("half-a-file.new")
    broken.write_bytes(b"half")
    found = compare_archive(warehouse, archive)
    assert (found.bodies, found.missing) == (4, [hashes[1]])
    # A capture may be about to write their rows.
    assert found.orphans == []
    later = datetime.now(UTC) + timedelta(hours=2)
    found = compare_archive(warehouse, archive, now=later)
    assert sorted(Path(file.path) for file in found.orphans) == sorted(
        [broken, Path(archive.location(orphan))]
    )
    # What retention is about to remove is no orphan.
    with warehouse.begin() as connection:
        connection.execute(tables.body_removals.insert().values(content_hash=orphan))
    assert len(compare_archive(warehouse, archive, now=later).orphans) == 1

    resources = {"page_archive": PageArchiveResource(url=str(tmp_path / "pages"))}
    result = _check(pages_are_archived, warehouse_url, **resources)
    assert not result.passed
    assert _found(result)["missing"] == [hashes[1]]
    _capture(warehouse, archive, [_page(key) for key in KEYS[:4]])
    assert _check(pages_are_archived, warehouse_url, **resources).passed


# --- past days without pages ---------------------------------------------------------------------


def test_a_past_day_without_any_page_cannot_be_rebuilt_and_the_days_there_are_are_named(
    warehouse: Warehouse, archive: PageArchive
) -> None:
    today = today_utc()
    wanted = Scope.of_day(DAY - timedelta(days=1))
    with pytest.raises(InvalidInputError, match=r"no page .* of 2025-03-02.*there are no pages"):
        require_pages(warehouse, wanted, today)
    last = DAY + timedelta(days=2)
    _capture(warehouse, archive, [_page(KEYS[0], DAY), _page(KEYS[1], last)])
    with pytest.raises(InvalidInputError) as refusal:
        require_pages(warehouse, wanted, today)
    assert f"the nearest days with pages are {DAY}." in str(refusal.value)
    with pytest.raises(InvalidInputError, match=f"{DAY} and {last}"):
        require_pages(warehouse, Scope.of_day(DAY + timedelta(days=1)), today)
    assert "insights backfill --capture" in str(refusal.value)
    # Of these products, that is.
    require_pages(warehouse, Scope.of_day(DAY, [KEYS[0]]), today)
    with pytest.raises(InvalidInputError, match="1 products"):
        require_pages(warehouse, Scope.of_day(DAY, [KEYS[1]]), today)


def test_days_among_others_with_pages_and_today_may_have_none(
    warehouse: Warehouse, archive: PageArchive
) -> None:
    today = today_utc()
    require_pages(warehouse, Scope.of_day(today), today)
    _capture(warehouse, archive, [_page(KEYS[0], DAY)])
    require_pages(warehouse, Scope(DAY - timedelta(days=5), DAY + timedelta(days=5)), today)


def test_a_page_that_says_the_same_as_the_one_before_is_not_parsed_again(
    warehouse: Warehouse, archive: PageArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[ProductKey] = []

    def counting(content: bytes, target: ProductKey) -> ParsedPage:
        parsed.append(target)
        return parse_page(content, target=target)

    monkeypatch.setattr(snapshots_rebuild, "parse_page", counting)
    first = _page(KEYS[0])
    later = replace(first, captured_at=first.captured_at + timedelta(hours=3))
    next_day = DAY + timedelta(days=1)
    changed = _page(KEYS[0], next_day, content=(first.content or b"") + b" ")
    other = replace(_page(KEYS[1]), captured_at=first.captured_at)
    _capture(warehouse, archive, [first, other])
    rebuild_snapshots(warehouse, archive, Scope.of_day(DAY))
    assert parsed == [KEYS[0], KEYS[1]]

    _capture(warehouse, archive, [later, changed])
    rebuild_snapshots(warehouse, archive, Scope.of_day(DAY, [KEYS[0]]))
    rebuild_snapshots(warehouse, archive, Scope.of_day(next_day))
    # The first again, which has none before it, and the one that differs by a byte.
    assert parsed == [KEYS[0], KEYS[1], KEYS[0], KEYS[0]]
    one, two, _ = (
        row for row in _rows(warehouse, tables.product_snapshots) if row["asin"] == KEYS[0].asin
    )
    of_capture = {"page_id", "captured_at", "build_id", "row_hash", "recorded_at"}
    assert {name for name in one if one[name] != two[name]} == of_capture
    assert pending_scopes(warehouse) == []

    # A better parser reads everything.
    monkeypatch.setattr(snapshots_rebuild, "PARSER_VERSION", "9.9")
    rebuild_snapshots(warehouse, archive, Scope.of_day(DAY, [KEYS[0]]))
    assert len(parsed) == 6
