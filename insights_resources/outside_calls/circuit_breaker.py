"""Leaves a provider alone that fails again and again, and asks it once after a while.

*Closed*: requests pass. After ``failures`` in a row it is *open*: none passes. After ``rest``
seconds it is *half open*: one request passes, and decides. What refuses us altogether (a bad key,
no credits) opens it at once, and for longer. With a Redis all processes share the state.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import redis.asyncio as redis_client
from redis.exceptions import RedisError

from insights_resources.errors import CircuitOpenError

State = Literal["closed", "open", "half open"]

#: Failures in a row that open it, and how long it then rests, in seconds.
FAILURES, REST = 5, 60.0
#: How long it rests after the provider refused us altogether.
LONG_REST = 900.0
#: A Redis that hangs must not hold up a fetch, in seconds.
_REDIS_SECONDS = 0.5


@dataclass(frozen=True)
class Circuit:
    """``failures`` in a row; ``open_until``, ``trial_until``: seconds of the clock, 0: not."""

    failures: int = 0
    open_until: float = 0.0
    trial_until: float = 0.0


class CircuitStore(Protocol):
    """Where the state is kept."""

    async def read(self, name: str) -> Circuit: ...

    async def write(self, name: str, circuit: Circuit) -> None: ...


class OwnCircuits:
    """The state of this process alone."""

    def __init__(self) -> None:
        self._circuits: dict[str, Circuit] = {}

    async def read(self, name: str) -> Circuit:
        return self._circuits.get(name, Circuit())

    async def write(self, name: str, circuit: Circuit) -> None:
        self._circuits[name] = circuit


class SharedCircuits:
    """The state that all processes with this Redis share; without it, the process's own."""

    def __init__(self, redis_url: str) -> None:
        self._redis_url, self._own = redis_url, OwnCircuits()

    async def read(self, name: str) -> Circuit:
        try:
            async with self._client() as client:
                found = await client.hgetall(f"insights:circuit:{name}")
        except (RedisError, OSError):
            return await self._own.read(name)
        try:
            return Circuit(
                int(found.get(b"failures", 0)),
                float(found.get(b"open_until", 0)),
                float(found.get(b"trial_until", 0)),
            )
        except ValueError:
            return Circuit()

    async def write(self, name: str, circuit: Circuit) -> None:
        await self._own.write(name, circuit)
        key = f"insights:circuit:{name}"
        try:
            async with self._client() as client, client.pipeline() as pipeline:
                pipeline.hset(
                    key,
                    mapping={
                        "failures": circuit.failures,
                        "open_until": circuit.open_until,
                        "trial_until": circuit.trial_until,
                    },
                )
                pipeline.expire(key, int(2 * LONG_REST))
                await pipeline.execute()
        except (RedisError, OSError):
            return  # the process's own holds it

    def _client(self) -> redis_client.Redis:
        return redis_client.Redis.from_url(
            self._redis_url, socket_timeout=_REDIS_SECONDS, socket_connect_timeout=_REDIS_SECONDS
        )


class CircuitBreaker:
    """The breaker of one provider."""

    def __init__(
        self,
        name: str,
        store: CircuitStore,
        *,
        failures: int = FAILURES,
        rest: float = REST,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self._store, self._failures, self._rest, self._clock = store, failures, rest, clock

    async def state(self) -> State:
        return self._state_of(await self._store.read(self.name))

    async def before_request(self) -> None:
        """Lets a request pass, or raises ``CircuitOpenError``."""
        circuit, now = await self._store.read(self.name), self._clock()
        state = self._state_of(circuit)
        if state == "closed":
            return
        if state == "half open" and circuit.trial_until <= now:
            # One request may try it; the others wait for what it says.
            trial = Circuit(circuit.failures, circuit.open_until, now + self._rest)
            await self._store.write(self.name, trial)
            return
        wait = max(circuit.open_until, circuit.trial_until) - now
        raise CircuitOpenError(
            f"{self.name} failed {circuit.failures} times in a row and is left alone for "
            f"{max(0.0, wait):.0f} s more",
            max(0.0, wait),
        )

    async def succeeded(self) -> None:
        """A request was answered."""
        if await self._store.read(self.name) != Circuit():
            await self._store.write(self.name, Circuit())

    async def failed(self) -> None:
        """A request failed in a way that another one may as well."""
        circuit = await self._store.read(self.name)
        failures = circuit.failures + 1
        until = self._clock() + self._rest if failures >= self._failures else 0.0
        await self._store.write(self.name, Circuit(failures, until))

    async def refused(self, wait: float | None = None) -> None:
        """The provider wants nothing more of us; ``wait``: for so many seconds, as it says."""
        circuit = await self._store.read(self.name)
        until = self._clock() + max(LONG_REST, wait or 0.0)
        await self._store.write(self.name, Circuit(circuit.failures + 1, until))

    def _state_of(self, circuit: Circuit) -> State:
        if not circuit.open_until:
            return "closed"
        return "open" if self._clock() < circuit.open_until else "half open"
