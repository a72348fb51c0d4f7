"""What stands before a provider outside: its circuit breaker, its rate, and the retries."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from insights_resources.errors import (
    OutcomeUnknownError,
    ProviderAccessError,
    ProviderError,
    TransientProviderError,
)
from insights_resources.outside_calls.circuit_breaker import (
    CircuitBreaker,
    OwnCircuits,
    SharedCircuits,
)
from insights_resources.outside_calls.rate_limit import BURST, RateLimiter
from insights_resources.outside_calls.retry_policy import RetryPolicy

Answer = TypeVar("Answer")


class ProviderGuard:
    """Guards every request of one provider. ``limiter`` None: it is asked at any rate."""

    def __init__(
        self,
        breaker: CircuitBreaker,
        limiter: RateLimiter | None,
        policy: RetryPolicy,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.breaker = breaker
        self._limiter, self._policy, self._sleep, self._chance = limiter, policy, sleep, chance

    async def call(
        self,
        attempt: Callable[[], Awaitable[Answer]],
        before_each: Callable[[], Awaitable[None]],
    ) -> tuple[Answer, int]:
        """The answer, and how often it was tried in vain before.

        ``before_each`` runs before every try, when all else lets it pass: it notes the request.
        What it raises is raised, tried again by nobody, and no failure of the provider. Only
        transient errors are tried again: never what is refused, nor a request whose outcome is not
        known. When another try may not be sent, the error of the last one is what is raised.
        """
        tried, waited = 0, 0.0
        last: TransientProviderError | None = None
        while True:
            try:
                await self.breaker.before_request()
                if self._limiter is not None:
                    await self._limiter.turn()
                await before_each()
            except ProviderError as refused:
                if last is None:
                    raise
                raise last from refused
            tried += 1
            try:
                answer = await attempt()
            except ProviderAccessError:
                await self.breaker.refused()
                raise
            except OutcomeUnknownError:
                await self.breaker.failed()
                raise
            except TransientProviderError as error:
                await self.breaker.failed()
                last = error
                pause = self._policy.pause(tried, waited, error, self._chance)
                if pause is None:
                    error.add_note(f"tried {tried} times")
                    raise
                waited += pause
                await self._sleep(pause)
            else:
                await self.breaker.succeeded()
                return answer, tried - 1


def provider_guard(
    name: str, *, a_minute: float | None, burst: int = BURST, redis_url: str | None = None
) -> ProviderGuard:
    """The guard of a provider, with the usual bounds; so many requests a minute (None: any)."""
    store = SharedCircuits(redis_url) if redis_url else OwnCircuits()
    return ProviderGuard(
        CircuitBreaker(name, store),
        None if a_minute is None else RateLimiter(name, a_minute, burst=burst, redis_url=redis_url),
        RetryPolicy(),
    )
