"""``insights cache`` as an admin meets it."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis

from insights_resources.cache import Cache, group_analysis_entry, product_summary_entry
from tests.integration.test_command_line import DONE, FAILED, WRONG_USAGE, Home

KEY = "product:amazon.de:B000000001:summary"


@pytest.fixture
def home(tmp_path: Path, redis_url: str) -> Home:
    """A user whose Redis has two summaries and an analysis, each read twice."""
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    cache = Cache(redis_url, published_builds=lambda: [])
    score = {"marketplace": "amazon.com"}
    for entry, value in (
        (product_summary_entry("amazon.de", "B000000001"), 1),
        (product_summary_entry("amazon.com", "B000000001"), 1),
        (group_analysis_entry("kettles"), {"scores": [score]}),
    ):
        for _ in range(2):
            cache.get_or_compute(entry, lambda value=value: value)
    cache.close()
    return Home(tmp_path, {"INSIGHTS_REDIS_URL": redis_url})


def entries(home: Home) -> str:
    """What the status says of them."""
    (line,) = [
        line
        for line in home.insights("cache", "status").out.splitlines()
        if line.startswith("entries")
    ]
    return line


def test_status_says_how_reads_were_answered(home: Home) -> None:
    answer = home.insights("cache", "status")
    assert (answer.code, answer.err) == (DONE, "")
    lines = [line.split() for line in answer.out.splitlines()]
    assert lines[0] == ["6", "reads"]
    assert ["redis", "3", "50.0%"] in [line[:3] for line in lines]
    assert ["computed", "3", "50.0%"] in [line[:3] for line in lines]
    assert entries(home) == "entries: product:*:summary 2, competitive:*:analysis 1, " + (
        "system:status 0"
    )


def test_status_of_a_cache_that_was_never_read(home: Home, redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    answer = home.insights("cache", "status")
    assert (answer.code, answer.out.splitlines()[0]) == (DONE, "0 reads")


@pytest.mark.parametrize(
    ("arguments", "computed_again"),
    [
        (["--key", KEY], ["de"]),
        (["--tag", "summaries"], ["de", "com"]),
        (["--tag", "marketplace:amazon.com"], ["com", "group"]),
        (["--tag", "group:kettles", "--key", KEY], ["de", "group"]),
        (["--all"], ["de", "com", "group"]),
    ],
    ids=" ".join,
)
def test_what_is_cleared_is_computed_again(
    home: Home, redis_url: str, arguments: list[str], computed_again: list[str]
) -> None:
    assert home.insights("cache", "clear", *arguments).code == DONE
    cache, computed = Cache(redis_url, published_builds=lambda: []), []
    for name, entry in (
        ("de", product_summary_entry("amazon.de", "B000000001")),
        ("com", product_summary_entry("amazon.com", "B000000001")),
        ("group", group_analysis_entry("kettles")),
    ):
        cache.get_or_compute(entry, lambda name=name: computed.append(name))
    assert computed == computed_again


def test_clear_says_what_it_did(home: Home) -> None:
    answer = home.insights("cache", "clear", "--key", KEY, "--key", "product:x:y:summary")
    assert answer.out == "1 of 2 entries forgotten\n"
    assert home.insights("cache", "clear", "--all").out == "2 entries forgotten\n"
    assert entries(home).startswith("entries: product:*:summary 0")


@pytest.mark.parametrize("arguments", [[], ["--all", "--key", KEY]], ids=["nothing", "both"])
def test_clear_wants_to_know_what(home: Home, arguments: list[str]) -> None:
    answer = home.insights("cache", "clear", *arguments)
    assert answer.code == WRONG_USAGE
    assert "--all" in answer.error


@pytest.mark.parametrize("url", ["", "redis://127.0.0.1:1/0"], ids=["none", "gone"])
@pytest.mark.parametrize("command", [["status"], ["clear", "--all"]], ids=" ".join)
def test_without_redis_it_says_so(home: Home, command: list[str], url: str) -> None:
    answer = home.insights("cache", *command, INSIGHTS_REDIS_URL=url)
    assert answer.code == FAILED
    assert "INSIGHTS_REDIS_URL" in answer.error if not url else "Redis" in answer.error
