"""Retries, circuit breaker and rate: what is tried again, after which pause, and what is left."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insights_resources.errors import (
    BudgetExhaustedError,
    CircuitOpenError,
    OutcomeUnknownError,
    PermanentProviderError,
    ProviderAccessError,
    TransientProviderError,
)
from insights_resources.outside_calls.circuit_breaker import (
    LONG_REST,
    CircuitBreaker,
    OwnCircuits,
    SharedCircuits,
)
from insights_resources.outside_calls.guard import ProviderGuard
from insights_resources.outside_calls.rate_limit import RateLimiter
from insights_resources.outside_calls.retry_policy import RetryPolicy, retry_after_seconds

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def guard_of(
    clock: Clock, *, failures: int = 5, tries: int = 4, a_minute: int = 60_000
) -> ProviderGuard:
    return ProviderGuard(
        CircuitBreaker("firecrawl", OwnCircuits(), failures=failures, rest=60, clock=clock),
        RateLimiter("firecrawl", a_minute, clock=clock, sleep=clock.sleep),
        RetryPolicy(tries=tries, first=1, longest=8, total=100),
        sleep=clock.sleep,
        chance=lambda: 1.0,
    )


def answers(*outcomes: Exception | str) -> Callable[[], Awaitable[str]]:
    """An attempt that gives these in turn, the last one from then on."""
    left = list(outcomes)

    async def attempt() -> str:
        outcome = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return attempt


async def noted() -> None:
    """A request that may be sent."""


def call(
    guard: ProviderGuard,
    attempt: Callable[[], Awaitable[str]],
    before: Callable[[], Awaitable[None]] = noted,
) -> tuple[str, int]:
    return asyncio.run(guard.call(attempt, before))


BROKEN = TransientProviderError("HTTP 502")


def test_what_is_transient_is_tried_again_after_growing_pauses() -> None:
    clock = Clock()
    assert call(guard_of(clock), answers(BROKEN, BROKEN, BROKEN, "page")) == ("page", 3)
    assert clock.slept == [1.0, 2.0, 4.0]


def test_tries_are_bounded_and_the_error_says_how_many_there_were() -> None:
    clock = Clock()
    with pytest.raises(TransientProviderError, match="HTTP 502") as raised:
        call(guard_of(clock, failures=99), answers(BROKEN))
    assert raised.value.__notes__ == ["tried 4 times"]


@pytest.mark.parametrize(
    "error",
    [
        PermanentProviderError("HTTP 403"),
        ProviderAccessError("HTTP 401"),
        OutcomeUnknownError("no answer"),
    ],
)
def test_what_cannot_be_tried_again_is_not(error: Exception) -> None:
    clock = Clock()
    with pytest.raises(type(error)):
        call(guard_of(clock), answers(error, "page"))
    assert clock.slept == []


def test_each_try_is_noted_and_a_note_that_is_refused_ends_it() -> None:
    notes = []

    async def note() -> None:
        notes.append(1)
        if len(notes) == 2:
            raise BudgetExhaustedError("the budget")

    clock = Clock()
    guard = guard_of(clock, failures=2)
    # What is told is what came of the request that was sent.
    with pytest.raises(type(BROKEN)) as raised:
        call(guard, answers(BROKEN, "page"), note)
    assert isinstance(raised.value.__cause__, BudgetExhaustedError)
    assert len(notes) == 2
    # That is no failure of the provider: one is not enough to open its circuit.
    assert asyncio.run(guard.breaker.state()) == "closed"


def test_a_provider_is_waited_for_as_long_as_it_asks() -> None:
    clock = Clock()
    limited = TransientProviderError("HTTP 429", 17.0)
    assert call(guard_of(clock), answers(limited, "page")) == ("page", 1)
    assert clock.slept == [18.0]
    with pytest.raises(TransientProviderError):
        call(guard_of(clock), answers(TransientProviderError("HTTP 429", 500.0), "page"))


def test_a_circuit_opens_rests_and_is_tried_once() -> None:
    clock = Clock()
    guard = guard_of(clock, failures=3, tries=3)
    with pytest.raises(TransientProviderError):
        call(guard, answers(BROKEN))
    with pytest.raises(CircuitOpenError, match="failed 3 times in a row") as raised:
        call(guard, answers("page"))
    assert raised.value.retry_after == pytest.approx(60, abs=1)
    clock.now += 60

    async def trial() -> list[str]:
        told = []

        async def slow() -> str:
            # Meanwhile nobody else is let through.
            with pytest.raises(CircuitOpenError):
                await guard.call(answers("page"), noted)
            return "page"

        told.append((await guard.call(slow, noted))[0])
        told.append((await guard.call(answers("page"), noted))[0])
        return told

    assert asyncio.run(trial()) == ["page", "page"]
    assert asyncio.run(guard.breaker.state()) == "closed"


def test_a_trial_that_fails_opens_it_again() -> None:
    clock = Clock()
    guard = guard_of(clock, failures=1, tries=1)
    for _ in range(3):
        with pytest.raises(TransientProviderError, match="HTTP 502"):
            call(guard, answers(BROKEN))
        with pytest.raises(CircuitOpenError):
            call(guard, answers("page"))
        clock.now += 60


def test_a_refused_key_opens_it_at_once_and_for_longer() -> None:
    clock = Clock()
    guard = guard_of(clock)
    with pytest.raises(ProviderAccessError):
        call(guard, answers(ProviderAccessError("HTTP 401")))
    clock.now += LONG_REST - 1
    with pytest.raises(CircuitOpenError):
        call(guard, answers("page"))
    clock.now += 1
    assert call(guard, answers("page")) == ("page", 0)


def test_requests_take_turns() -> None:
    clock = Clock()
    limiter = RateLimiter("x", 60, burst=2, clock=clock, sleep=clock.sleep)

    async def take(turns: int) -> None:
        for _ in range(turns):
            await limiter.turn()

    asyncio.run(take(5))
    assert clock.slept == [1.0, 1.0, 1.0]
    clock.now += 100
    asyncio.run(take(2))
    assert clock.slept == [1.0, 1.0, 1.0]


def test_nobody_waits_for_a_turn_that_is_too_far_away() -> None:
    clock = Clock()

    async def does_not_pass(seconds: float) -> None:
        """All come in the same instant."""

    limiter = RateLimiter("x", 1, burst=1, clock=clock, sleep=does_not_pass)

    async def take() -> None:
        for _ in range(20):
            await limiter.turn()

    with pytest.raises(TransientProviderError, match="next 10 minutes"):
        asyncio.run(take())


def test_processes_share_circuit_and_turns_through_redis(redis_url: str) -> None:
    name, clock = f"shared-{id(object())}", Clock()
    one, other = (
        CircuitBreaker(name, SharedCircuits(redis_url), failures=2, clock=clock) for _ in range(2)
    )
    turns = [
        RateLimiter(name, 60, redis_url=redis_url, burst=1, clock=clock, sleep=clock.sleep)
        for _ in range(2)
    ]

    async def use() -> None:
        await one.failed()
        await other.failed()
        with pytest.raises(CircuitOpenError):
            await one.before_request()
        assert await other.state() == "open"
        clock.now += 60
        await other.before_request()
        with pytest.raises(CircuitOpenError):
            await one.before_request()
        await other.succeeded()
        assert await one.state() == "closed"
        for limiter in (*turns, *turns):
            await limiter.turn()

    asyncio.run(use())
    assert clock.slept == [1.0, 1.0, 1.0]


def test_without_its_redis_each_process_has_its_own() -> None:
    clock = Clock()
    nowhere = "redis://127.0.0.1:1/0"
    breaker = CircuitBreaker("x", SharedCircuits(nowhere), failures=1, clock=clock)
    limiter = RateLimiter("x", 60, redis_url=nowhere, burst=1, clock=clock, sleep=clock.sleep)

    async def use() -> None:
        await breaker.failed()
        assert await breaker.state() == "open"
        await limiter.turn()
        await limiter.turn()

    asyncio.run(use())
    assert clock.slept == [1.0]


@pytest.mark.parametrize(
    ("headers", "answer", "text", "seconds"),
    [
        ({"retry-after": "12"}, None, "", 12.0),
        ({"retry-after": format_datetime(NOW + timedelta(seconds=30))}, None, "", 30.0),
        ({"retry-after": format_datetime(NOW - timedelta(seconds=30))}, None, "", 0.0),
        ({}, {"retry_after_seconds": 7}, "", 7.0),
        ({}, {"retry_after_seconds": "7.5"}, "", 7.5),
        ({}, None, "Rate limit exceeded, please retry after 12s, resets at ...", 12.0),
        ({}, None, "retry-after: 1500 ms", 1.5),
        ({}, None, "Retry after 2 m", 120.0),
        ({}, None, "Rate limit reached for gpt: Limit 3, Used 3. Please try again in 20s.", 20.0),
        ({}, None, "Please try again in 120ms", 0.12),
        # The first that makes sense.
        ({"retry-after": "soon"}, {"retry_after_seconds": 3}, "retry after 9s", 3.0),
        ({"retry-after": "-5"}, {"retry_after_seconds": float("nan")}, "", None),
        ({"retry-after": "inf"}, {"retry_after_seconds": True}, "later", None),
        ({"retry-after": "999999999"}, None, "", 600.0),
        ({"retry-after": "1e999"}, {"retry_after_seconds": [1]}, "", None),
        ({}, None, "", None),
    ],
)
def test_every_way_of_saying_when_to_come_back(
    headers: dict[str, str], answer: dict[str, object] | None, text: str, seconds: float | None
) -> None:
    assert retry_after_seconds(headers, answer, text, lambda: NOW) == seconds


@given(header=st.text(), word=st.text(), number=st.floats() | st.integers() | st.text())
def test_no_answer_breaks_it(header: str, word: str, number: object) -> None:
    found = retry_after_seconds({"retry-after": header}, {"retry_after_seconds": number}, word)
    assert found is None or 0 <= found <= 600


@given(
    tried=st.integers(1, 10),
    waited=st.floats(0, 400),
    asked=st.none() | st.floats(0, 600),
    chance=st.floats(0, 1),
)
def test_a_pause_is_never_shorter_than_asked_nor_longer_than_bounded(
    tried: int, waited: float, asked: float | None, chance: float
) -> None:
    policy = RetryPolicy()
    pause = policy.pause(tried, waited, TransientProviderError("x", asked), lambda: chance)
    if pause is not None:
        assert tried < policy.tries
        assert pause >= (asked or 0)
        assert waited + pause <= policy.total
        assert asked is not None or pause <= policy.longest
