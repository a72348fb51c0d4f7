"""A group's analysis through the cache, over publications of scores and reports."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
import redis

from insights_assets.competition.group_analysis import (
    analyses_in_cache,
    read_group_analysis,
    read_group_analysis_async,
)
from insights_assets.competition.rebuild import rebuild_scores
from insights_assets.features.rebuild import rebuild_features
from insights_assets.reports.rebuild import rebuild_reports
from insights_resources.cache import Cache, Count
from insights_resources.scope import Scope
from insights_resources.warehouse.engine import Warehouse
from insights_resources.wiring import open_cache
from tests.integration.stored_history import store_group, store_snapshots
from tests.integration.test_reports_rebuild import (
    ASINS,
    DAY,
    LONG_AFTER,
    SCOPE,
    history,
    members,
)


@pytest.fixture
def cache(redis_url: str, warehouse: Warehouse) -> Cache:
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    return open_cache(redis_url, warehouse)


@pytest.fixture
def grouped(warehouse: Warehouse) -> Warehouse:
    store_group(warehouse, "kettles", members(*ASINS[:4]))
    store_group(warehouse, "pots", members(*ASINS[3:]))
    return warehouse


def score(warehouse: Warehouse, cache: Cache, scope: Scope, price_of_first: int = 1000) -> None:
    store_snapshots(warehouse, history(price_of_first))
    rebuild_features(warehouse, scope)
    in_cache = analyses_in_cache(warehouse, cache)
    rebuild_scores(warehouse, scope, now=LONG_AFTER, observer=in_cache)


def test_an_analysis_has_the_last_scores_and_the_report_on_them(
    grouped: Warehouse, cache: Cache
) -> None:
    in_cache = analyses_in_cache(grouped, cache)
    assert read_group_analysis(grouped, cache, "kettles") is None
    score(grouped, cache, Scope.of_day(DAY - timedelta(days=1)))
    rebuild_reports(grouped, Scope.of_day(DAY - timedelta(days=1)), observer=in_cache)
    score(grouped, cache, SCOPE)
    analysis = read_group_analysis(grouped, cache, "kettles")
    assert analysis is not None
    assert (analysis["group_id"], analysis["day"]) == ("kettles", DAY.isoformat())
    # The report is of the day before.
    assert analysis["report"] is None
    standard = [each for each in analysis["scores"] if each["method"] == "standard"]
    assert [each["position"] for each in standard] == sorted(each["position"] for each in standard)
    assert {each["asin"] for each in standard} == set(ASINS[:4])
    rebuild_reports(grouped, SCOPE, observer=in_cache)
    analysis = read_group_analysis(grouped, cache, "kettles")
    assert analysis is not None
    assert analysis["report"]["status"] == "complete"
    assert analysis["report"]["leader_asin"] == standard[0]["asin"]
    assert read_group_analysis(grouped, cache, "no-such-group") is None


def test_new_scores_change_the_analyses_of_their_groups_only(
    grouped: Warehouse, cache: Cache, redis_url: str
) -> None:
    score(grouped, cache, SCOPE)
    with redis.Redis.from_url(redis_url) as client:
        pots = client.get("competitive:pots:analysis")
    before = read_group_analysis(grouped, cache, "kettles")
    score(grouped, cache, SCOPE, price_of_first=2500)
    after = read_group_analysis(grouped, open_cache(redis_url, grouped), "kettles")
    assert before != after
    with redis.Redis.from_url(redis_url) as client:
        assert client.get("competitive:pots:analysis") == pots
        assert pots


def test_async_readers_get_the_same(grouped: Warehouse, cache: Cache, redis_url: str) -> None:
    score(grouped, cache, SCOPE)
    other = open_cache(redis_url, grouped)

    async def read() -> object:
        analysis = await read_group_analysis_async(grouped, other, "kettles")
        await other.close_async()
        return analysis

    assert asyncio.run(read()) == read_group_analysis(grouped, cache, "kettles")
    assert other.counters.total() == {Count.REDIS: 1}
