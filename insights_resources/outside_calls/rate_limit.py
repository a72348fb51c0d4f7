"""So many requests a minute, evenly: who comes too early waits for his turn.

With a Redis all processes share the turns.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import redis.asyncio as redis_client
from redis.exceptions import RedisError

from insights_resources.errors import TransientProviderError

#: Turns that may be taken at once after a quiet time.
BURST = 5
#: Who would wait longer does not wait, in seconds: a later window asks again.
_LONGEST_WAIT = 600.0
_REDIS_SECONDS = 0.5

#: Takes the next turn: KEYS[1] holds when the last one taken ends. ARGV: now, seconds of a turn,
#: turns at once, longest wait. The wait; -1: too long, and no turn is taken.
_NEXT_TURN = """
local turns_end = tonumber(redis.call('GET', KEYS[1]) or '0')
local now, each = tonumber(ARGV[1]), tonumber(ARGV[2])
local start = math.max(turns_end, now - each * (tonumber(ARGV[3]) - 1))
local wait = math.max(0, start - now)
if wait > tonumber(ARGV[4]) then return '-1' end
redis.call('SET', KEYS[1], string.format('%.6f', start + each), 'EX', 3600)
return string.format('%.6f', wait)
"""


class RateLimiter:
    """The turns of one provider, or of one host."""

    def __init__(
        self,
        name: str,
        a_minute: float,
        *,
        redis_url: str | None = None,
        burst: int = BURST,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._name, self._each, self._burst = name, 60.0 / a_minute, burst
        self._redis_url, self._clock, self._sleep = redis_url, clock, sleep
        self._turns_end = 0.0

    async def turn(self) -> None:
        """Returns when it is this request's turn. Raises ``TransientProviderError`` when that would
        take too long."""
        wait = await self._shared_wait()
        if wait is None:
            wait = self._own_wait()
        if wait < 0:
            raise TransientProviderError(
                f"{self._name} is asked by others for the next {_LONGEST_WAIT / 60:.0f} minutes",
                _LONGEST_WAIT,
            )
        if wait:
            await self._sleep(wait)

    def _own_wait(self) -> float:
        now = self._clock()
        start = max(self._turns_end, now - self._each * (self._burst - 1))
        wait = max(0.0, start - now)
        if wait > _LONGEST_WAIT:
            return -1.0
        self._turns_end = start + self._each
        return wait

    async def _shared_wait(self) -> float | None:
        """None: there is no Redis, or it does not answer."""
        if self._redis_url is None:
            return None
        try:
            async with redis_client.Redis.from_url(
                self._redis_url,
                socket_timeout=_REDIS_SECONDS,
                socket_connect_timeout=_REDIS_SECONDS,
            ) as client:
                said = await client.eval(
                    _NEXT_TURN,
                    1,
                    f"insights:turns:{self._name}",
                    self._clock(),
                    self._each,
                    self._burst,
                    _LONGEST_WAIT,
                )
        except (RedisError, OSError):
            return None
        return float(said)
