"""Rejected pages are listed with their reasons, and can be parsed again."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from insights_assets.capture.capture import capture_pages, plan_targets
from insights_assets.snapshots import rebuild as snapshots_rebuild
from insights_assets.snapshots.rebuild import pending_scopes, rebuild_snapshots
from insights_assets.snapshots.rejections import find_rejections
from insights_jobs.cli.rejected import rejected
from insights_resources.page_archive import PageArchive
from insights_resources.page_providers.protocol import Verdict
from insights_resources.sandbox import SandboxMarket, SandboxProvider
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import pending

pytestmark = pytest.mark.slow

MARKET = SandboxMarket(seed=7, products=6, first_day=date(2025, 1, 1))
DAYS = (date(2025, 3, 2), date(2025, 3, 3))
UNREAD = MARKET.keys[0]


@pytest.fixture
def run(
    warehouse: Warehouse, warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Any:
    """Two days of pages, of which a parser of before could not read one product's."""
    archive = PageArchive(str(tmp_path / "pages"))
    provider, parse = SandboxProvider(MARKET), snapshots_rebuild.parse_page

    def parser_of_before(content: bytes, target: Any) -> Any:
        parsed = parse(content, target=target)
        if target != UNREAD:
            return parsed
        reason = "a layout of \x1b[31m2027"
        return replace(parsed, verdict=Verdict.OTHER, reason=reason, snapshot=None)

    with monkeypatch.context() as before:
        before.setattr(snapshots_rebuild, "parse_page", parser_of_before)
        for day in DAYS:
            scope = Scope.of_day(day)
            targets = plan_targets(provider, scope, MARKET.keys)
            capture_pages(provider, archive, warehouse, targets, run_id=None)
            rebuild_snapshots(warehouse, archive, scope)
    monkeypatch.setenv("INSIGHTS_DATABASE_URL", warehouse_url)
    monkeypatch.setenv("INSIGHTS_ARCHIVE_URL", str(tmp_path / "pages"))
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(rejected, list(map(str, arguments)))

    return run


def test_a_page_is_listed_parsed_again_and_gone_from_the_list(
    warehouse: Warehouse, run: Any
) -> None:
    found = find_rejections(warehouse, reason="LAYOUT OF")
    assert {(page.key, page.day) for page in found} == {(UNREAD, day) for day in DAYS}
    listed = run("list", "--reason", "layout")
    assert listed.exit_code == 0
    assert listed.output.count(str(UNREAD)) == len(found)
    assert "a layout of  [31m2027" in listed.output
    assert "\x1b" not in listed.output

    first, last = DAYS
    replayed = run("replay", "--from", first, "--marketplace", UNREAD.marketplace)
    assert replayed.exit_code == 0, replayed.output
    of_first = [page for page in found if page.day == first]
    assert f"{first}: {len(of_first)} of" in replayed.output
    assert {page.day for page in find_rejections(warehouse, reason="layout")} == {last}
    # What follows is for the next micro-batch; the pages themselves are read.
    assert pending_scopes(warehouse) == []
    assert pending(warehouse, tables.product_features, (tables.product_snapshots,)) != []

    rest = run("replay", "--reason", "layout")
    assert f"{len(found) - len(of_first)} of {len(found) - len(of_first)} pages" in rest.output
    assert run("replay", "--reason", "layout").output == "no rejected page is like that\n"


def test_what_stays_rejected_is_said_with_its_reason(
    warehouse: Warehouse, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    parse = snapshots_rebuild.parse_page

    def still_not(content: bytes, target: Any) -> Any:
        parsed = parse(content, target=target)
        return replace(parsed, verdict=Verdict.OTHER, reason="not yet", snapshot=None)

    monkeypatch.setattr(snapshots_rebuild, "parse_page", still_not)
    before = len(find_rejections(warehouse, reason="layout"))
    replayed = run("replay", "--reason", "layout")
    assert replayed.exit_code == 0, replayed.output
    assert f"0 of {before} pages are snapshots now" in replayed.output
    assert f"  {before} stay rejected: not yet" in replayed.output


def test_a_marketplace_that_there_is_not_changes_nothing(run: Any) -> None:
    refused = run("replay", "--marketplace", "amazon.dee")
    assert refused.exit_code == 1
    assert "amazon.dee" in str(refused.exception)
