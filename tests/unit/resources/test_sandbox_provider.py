"""The sandbox as a page provider: any day up to now, and verdicts by content."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest

from insights_resources.errors import DayNotServableError
from insights_resources.marketplaces import ProductKey
from insights_resources.page_providers.protocol import CapturedPage, PageTarget, Verdict
from insights_resources.sandbox import SandboxMarket, SandboxProvider

FIRST = date(2025, 1, 1)
NOON = datetime(2025, 4, 10, 12, 0, 0, 987654, tzinfo=UTC)


def provider(now: datetime = NOON, captures_per_day: int = 1) -> SandboxProvider:
    market = SandboxMarket(captures_per_day=captures_per_day)
    return SandboxProvider(market, now=lambda: now)


def fetch(source: SandboxProvider, *targets: PageTarget) -> list[CapturedPage]:
    async def collect() -> list[CapturedPage]:
        return [page async for page in source.fetch(targets)]

    return asyncio.run(collect())


def test_it_serves_from_its_first_day_to_today() -> None:
    source = provider()
    assert not source.can_serve(date(2024, 12, 31))
    assert source.can_serve(FIRST)
    assert source.can_serve(NOON.date())
    assert not source.can_serve(NOON.date() + timedelta(days=1))


def test_its_catalog_holds_every_product_once_and_readable_groups() -> None:
    catalog = provider().catalog()
    assert len({product.key for product in catalog.products}) == 24
    assert [group.group_id for group in catalog.groups] == [
        "us-water-bottles",
        "de-wasserkocher",
        "jp-mag-bottles",
        "fr-lampes-de-bureau",
    ]
    members = [member.key for group in catalog.groups for member in group.members]
    assert sorted(members) == sorted(product.key for product in catalog.products)
    assert all(product.label for product in catalog.products)


def test_a_page_says_what_was_asked_when_and_at_no_cost() -> None:
    source = provider()
    target = PageTarget(source.market.keys[0], FIRST)
    (page,) = fetch(source, target)
    assert page.target == target
    assert page.provider == source.name == "sandbox"
    assert page.captured_at == source.market.captured_at(target.key, FIRST)
    assert page.content == source.market.page(target.key, FIRST)
    assert (page.cost, page.http_status) == (0, 200)
    assert page.requested_url == f"https://www.amazon.com/dp/{target.key.asin}"


def test_verdicts_by_content_agree_with_the_truth() -> None:
    source = provider()
    days = [FIRST + timedelta(days=n) for n in range(40)]
    targets = [PageTarget(key, day) for key in source.market.keys for day in days]
    seen = set()
    for page in fetch(source, *targets):
        truth = source.market.truth(page.target.key, page.target.day)
        assert page.verdict is truth.verdict, (page.target, page.reason)
        assert (page.reason is None) == (page.verdict is Verdict.PRODUCT)
        seen.add(page.verdict)
    assert seen == {Verdict.PRODUCT, Verdict.BLOCKED, Verdict.NOT_FOUND, Verdict.OTHER}


def test_a_robot_check_arrives_with_status_200() -> None:
    source = provider()
    market = source.market
    targets = [
        PageTarget(key, FIRST + timedelta(days=n))
        for key in market.keys
        for n in range(40)
        if market.truth(key, FIRST + timedelta(days=n)).verdict is Verdict.BLOCKED
    ]
    assert targets
    assert {page.http_status for page in fetch(source, *targets)} == {200}


def test_an_unknown_asin_is_not_found() -> None:
    (page,) = fetch(provider(), PageTarget(ProductKey("amazon.it", "B000000000"), FIRST))
    assert (page.verdict, page.http_status) == (Verdict.NOT_FOUND, 404)


def test_all_slots_of_a_past_day_and_only_the_past_ones_of_today() -> None:
    source = provider(captures_per_day=4)
    key = source.market.keys[0]
    assert len(fetch(source, PageTarget(key, FIRST))) == 4
    today = fetch(source, PageTarget(key, NOON.date()))
    assert 1 <= len(today) < 4
    assert all(page.captured_at <= NOON for page in today)


def test_before_the_first_slot_today_s_page_is_captured_now() -> None:
    early = datetime(2025, 4, 10, 1, 2, 3, 456789, tzinfo=UTC)
    source = provider(early, captures_per_day=2)
    (page,) = fetch(source, PageTarget(source.market.keys[0], early.date()))
    assert page.captured_at == early.replace(microsecond=0)
    assert page.content == source.market.page(source.market.keys[0], early.date())


def test_a_day_it_cannot_serve_is_an_error_and_all_of_them_a_refusal() -> None:
    source = provider()
    key = source.market.keys[0]
    tomorrow = PageTarget(key, NOON.date() + timedelta(days=1))
    pages = fetch(source, tomorrow, PageTarget(key, FIRST))
    assert [page.verdict for page in pages] == [
        Verdict.ERROR,
        source.market.truth(key, FIRST).verdict,
    ]
    assert pages[0].content is None
    assert "2025-04-11" in str(pages[0].reason)
    with pytest.raises(DayNotServableError, match="2025-04-11"):
        fetch(source, tomorrow)
