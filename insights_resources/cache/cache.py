"""``Cache``: reads through it for sync and async callers, and what an admin does with it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from insights_resources.cache import scripts
from insights_resources.cache.counters import Count, Counters
from insights_resources.cache.entries import ALL, KEY_PATTERNS, Entry
from insights_resources.cache.reading import (
    AskWarehouse,
    Command,
    Reading,
    Sleep,
    Step,
    lock_key,
    run,
)
from insights_resources.errors import CacheError, ConfigurationError

#: Longer than any answer of a healthy Redis, shorter than a read of the database is worth.
REDIS_TIMEOUT_SECONDS = 0.25
#: Keys that are deleted together.
_KEYS_AT_ONCE = 500


@dataclass(frozen=True)
class CacheStatus:
    """What ``insights cache status`` shows. ``counts`` are those of all processes since Redis was
    started (or ``clear``ed of them by its own means)."""

    counts: dict[Count, int]
    entries: dict[str, int]
    used_bytes: int
    limit_bytes: int
    evicted: int
    is_writable: bool


class Cache:
    """Memory alone, or memory over Redis. Made without any I/O; for any number of threads and event
    loops."""

    def __init__(
        self,
        redis_url: str | None = None,
        *,
        published_builds: Callable[[], Sequence[int]] | None = None,
    ) -> None:
        """``published_builds`` asks the database for the last builds that changed what is cached;
        without it nothing strong is served from Redis. Raises ``ConfigurationError`` for an address
        that is none."""
        self._url = redis_url
        self._published_builds = published_builds
        self.counters = Counters()
        self.reading = Reading(
            self.counters,
            has_redis=redis_url is not None,
            checks_builds=published_builds is not None,
        )
        self.redis = self._client(redis_url) if redis_url else None
        self._async_client: tuple[asyncio.AbstractEventLoop, redis.asyncio.Redis] | None = None

    def get_or_compute(self, entry: Entry, compute: Callable[[], Any]) -> Any:
        """The entry's value, from the cache or computed; JSON as it would come back from there.

        ``compute`` reads the primary database (a replica may be behind), in a transaction that it
        begins itself. Of several readers, in threads or processes, one computes. None is a value
        too: there is nothing. Raises what ``compute`` raises, and ``TypeError``/``ValueError`` for
        what is not JSON.
        """
        steps = self.reading.read(entry)
        result: Any = None
        try:
            step = next(steps)
            while True:
                try:
                    result = self._do(step, compute)
                except Exception as error:  # noqa: BLE001 - the steps decide what it means
                    step = steps.throw(error)
                else:
                    step = steps.send(result)
        except StopIteration as end:
            return json.loads(end.value)
        finally:
            steps.close()

    async def get_or_compute_async(
        self, entry: Entry, compute: Callable[[], Awaitable[Any]]
    ) -> Any:
        """The same for an event loop, which is never blocked."""
        steps = self.reading.read(entry)
        result: Any = None
        try:
            step = next(steps)
            while True:
                try:
                    result = await self._do_async(step, compute)
                except Exception as error:  # noqa: BLE001 - the steps decide what it means
                    step = steps.throw(error)
                else:
                    step = steps.send(result)
        except StopIteration as end:
            return json.loads(end.value)
        finally:
            steps.close()

    def _do(self, step: Step, compute: Callable[[], Any]) -> Any:
        match step:
            case Command(arguments):
                return self._redis().execute_command(*arguments)
            case Sleep(seconds):
                return time.sleep(seconds)
            case AskWarehouse():
                return self._ask_warehouse()
            case _:
                return compute()

    async def _do_async(self, step: Step, compute: Callable[[], Awaitable[Any]]) -> Any:
        match step:
            case Command(arguments):
                return await self._redis_of_loop().execute_command(*arguments)
            case Sleep(seconds):
                return await asyncio.sleep(seconds)
            case AskWarehouse():
                return await asyncio.to_thread(self._ask_warehouse)
            case _:
                return await compute()

    def _ask_warehouse(self) -> Sequence[int]:
        return self._published_builds() if self._published_builds else ()

    def run(self, script: scripts.Script, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        """A script's reply now, pause or not; raises ``RedisError``."""
        steps = run(script, keys, arguments)
        try:
            step = next(steps)
            while True:
                try:
                    reply = self._do(step, lambda: None)
                except redis.RedisError as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(reply)
        except StopIteration as end:
            return end.value

    def check(self) -> None:
        """Forgets everything when Redis was not told of what the database has published; raises
        ``RedisError``."""
        if self._published_builds is not None:
            self.run(scripts.CHECK, (), (self.reading.token(), *self._ask_warehouse()))

    def _redis(self) -> redis.Redis:
        if self.redis is None:
            raise CacheError("there is no Redis: set INSIGHTS_REDIS_URL; memory ends with its run")
        return self.redis

    def _redis_of_loop(self) -> redis.asyncio.Redis:
        """The client of the running event loop: connections belong to one."""
        loop = asyncio.get_running_loop()
        if self._async_client is None or self._async_client[0] is not loop:
            client = redis.asyncio.Redis.from_url(
                self._url or "",
                socket_timeout=REDIS_TIMEOUT_SECONDS,
                socket_connect_timeout=REDIS_TIMEOUT_SECONDS,
                retry=AsyncRetry(NoBackoff(), 0),
                redis_connect_func=self._connected_async,
            )
            self._async_client = (loop, client)
        return self._async_client[1]

    def _client(self, url: str) -> redis.Redis:
        try:
            return redis.Redis.from_url(
                url,
                socket_timeout=REDIS_TIMEOUT_SECONDS,
                socket_connect_timeout=REDIS_TIMEOUT_SECONDS,
                # The client's own retries would make a reader wait for seconds.
                retry=Retry(NoBackoff(), 0),
                # What others put there may be no text.
                decode_responses=False,
                redis_connect_func=self._connected,
            )
        except ValueError as error:
            raise ConfigurationError(
                "INSIGHTS_REDIS_URL is not the address of a Redis: give redis://host:6379/0 or "
                "rediss://user:password@host:6379/0"
            ) from error

    def _connected(self, connection: Any) -> None:
        connection.on_connect()
        connection.send_command("INFO", "server")
        try:
            self.reading.note_connection(connection.read_response())
        except redis.ResponseError:  # not everybody may ask
            self.reading.note_connection(None)

    async def _connected_async(self, connection: Any) -> None:
        await connection.on_connect()
        await connection.send_command("INFO", "server")
        try:
            self.reading.note_connection(await connection.read_response())
        except redis.ResponseError:
            self.reading.note_connection(None)

    # --- for an admin -----------------------------------------------------------------------------

    def clear(self, *, keys: Sequence[str] = (), tags: Sequence[str] = ()) -> int:
        """Forgets these entries, and those with any of these tags, here and (within a second) in
        every process. Returns how many of the keys there were; raises ``CacheError`` when Redis
        could not be told."""
        found = 0
        try:
            if keys:
                pairs = [part for key in keys for part in (key, lock_key(key))]
                found = int(self.run(scripts.CLEAR_KEYS, pairs, (self.reading.token(),)))
            if tags:
                self.run(scripts.CLEAR_TAGS, (), (self.reading.token(), *tags))
        except redis.RedisError as error:
            raise CacheError(f"Redis could not be told, nothing was cleared: {error}") from error
        self.reading.memory.clear()
        return found

    def clear_all(self) -> int:
        """The same for everything; also frees its memory in Redis. Returns how many entries there
        were."""
        self.clear(tags=[ALL])
        client, found = self._redis(), 0
        try:
            for pattern in KEY_PATTERNS:
                some: list[Any] = []
                for key in client.scan_iter(pattern, count=_KEYS_AT_ONCE):
                    some.append(key)
                    if len(some) == _KEYS_AT_ONCE:
                        found += int(client.unlink(*some))
                        some.clear()
                found += int(client.unlink(*some)) if some else 0
        except redis.RedisError as error:
            raise CacheError(
                f"every entry is forgotten, but Redis has not freed all of its memory: {error}"
            ) from error
        return found

    def status(self) -> CacheStatus:
        """Raises ``CacheError`` when Redis does not answer."""
        client = self._redis()
        try:
            counts = client.hgetall("cache:counters")
            info: dict[str, Any] = client.info()
            entries = {
                pattern: sum(1 for _ in client.scan_iter(pattern, count=_KEYS_AT_ONCE))
                for pattern in KEY_PATTERNS
            }
        except redis.RedisError as error:
            raise CacheError(f"Redis does not answer: {error}") from error
        return CacheStatus(
            counts={what: int(counts.get(what.value.encode(), 0)) for what in Count},
            entries=entries,
            used_bytes=int(info["used_memory"]),
            limit_bytes=int(info.get("maxmemory", 0)),
            evicted=int(info.get("evicted_keys", 0)),
            is_writable=info.get("role") == "master",
        )

    def close(self) -> None:
        """Tells Redis what was counted since it was told last, and closes the connections."""
        if self.redis is None:
            return
        taken = self.counters.take()
        try:
            if taken:
                counts = [part for pair in taken.items() for part in pair]
                self.run(scripts.COUNT, (), counts)
        except redis.RedisError as error:
            self.reading.note_failure(error)
        self.redis.close()

    async def close_async(self) -> None:
        """Closes the connections of the running event loop."""
        if self._async_client is not None:
            await self._async_client[1].aclose()
            self._async_client = None
