"""The cache before the warehouse: memory over Redis, JSON only.

It may always be empty: a read that finds nothing, or Redis gone or slow, means that the caller
reads the database. What must never be stale (prices, scores) is read with ``strong=True``, which
skips this process's memory: only Redis answers, where an invalidation reaches every process.
"""

from __future__ import annotations

import json
import logging
import random
import threading
import time
from typing import Any

import redis
from cachetools import TLRUCache
from redis.backoff import NoBackoff
from redis.retry import Retry

from insights_resources.errors import ConfigurationError
from insights_resources.warehouse.column_types import dump_json

_log = logging.getLogger(__name__)

MEMORY_SECONDS = 300
_MEMORY_ENTRIES = 10_000
#: Longer than any answer of a healthy Redis, shorter than a read of the database is worth.
_REDIS_TIMEOUT_SECONDS = 0.25
#: After a failure Redis is left alone for this long: nobody waits for it again and again.
_REDIS_PAUSE_SECONDS = 5.0
#: Entries written together do not expire together.
_JITTER = 0.1

PRODUCT_SUMMARY_SECONDS = 24 * 3600
GROUP_ANALYSIS_SECONDS = 3600
SYSTEM_STATUS_SECONDS = 300
SYSTEM_STATUS_KEY = "system:status"


def product_summary_key(marketplace: str, asin: str) -> str:
    return f"product:{marketplace}:{asin}:summary"


def group_analysis_key(group_id: str) -> str:
    return f"competitive:{group_id}:analysis"


class Cache:
    """Memory alone, or memory over Redis. A Redis that fails is a miss, logged once, never an
    error. Made without any I/O."""

    def __init__(self, redis_url: str | None = None) -> None:
        """Raises ``ConfigurationError`` for an address that is none."""
        # Entries are (JSON text, seconds to live).
        self._memory: TLRUCache[str, tuple[str, float]] = TLRUCache(
            _MEMORY_ENTRIES, ttu=lambda key, entry, now: now + min(entry[1], MEMORY_SECONDS)
        )
        self._lock = threading.Lock()
        self._redis = _client(redis_url) if redis_url else None
        self._redis_has_failed = False
        self._pause_ends = 0.0
        self._owed: set[str] = set()

    def get_json(self, key: str, *, strong: bool = False) -> Any | None:
        """The value, or None when it is not known. ``strong``: never from this process's memory."""
        if not strong:
            with self._lock:
                entry = self._memory.get(key)
            if entry is not None:
                return json.loads(entry[0])
        client = self._reachable()
        if client is None:
            return None
        try:
            self._forget_owed(client)
            with client.pipeline(transaction=False) as pipeline:
                pipeline.get(key)
                pipeline.pttl(key)
                stored, milliseconds = pipeline.execute()
        except redis.RedisError as error:
            self._note_failure(error)
            return None
        self._redis_has_failed = False
        if stored is None:
            return None
        try:
            text = stored.decode()
            value = json.loads(text)
        except ValueError:
            _log.warning("%s in Redis is not JSON and is ignored", key)
            return None
        if not strong and milliseconds > 0:
            with self._lock:
                self._memory[key] = (text, milliseconds / 1000)
        return value

    def set_json(self, key: str, value: Any, ttl_seconds: int) -> None:
        """Keeps a value for ``ttl_seconds``, give or take a tenth (in memory for five minutes at
        most). Raises ``TypeError``/``ValueError`` for what is not JSON."""
        text = dump_json(value)
        seconds = ttl_seconds * random.uniform(1 - _JITTER, 1 + _JITTER)
        with self._lock:
            self._memory[key] = (text, seconds)
        client = self._reachable()
        if client is None:
            self._owe(key)
            return
        try:
            self._forget_owed(client)
            client.set(key, text, px=max(1, round(seconds * 1000)))
        except redis.RedisError as error:
            # What stands there is older than what was to be written.
            self._owe(key)
            self._note_failure(error)
        else:
            self._redis_has_failed = False

    def delete(self, *keys: str) -> bool:
        """Forgets these. False when Redis could not be told: it is told as soon as it answers this
        process again, and until then other processes may read them."""
        with self._lock:
            for key in keys:
                self._memory.pop(key, None)
        if self._redis is None or not keys:
            return True
        try:
            # Asked even during a pause: an entry that should go is worth the wait.
            self._redis.delete(*keys)
        except redis.RedisError as error:
            self._owe(*keys)
            self._note_failure(error)
            return False
        self._redis_has_failed = False
        return True

    def _owe(self, *keys: str) -> None:
        """Remembers that these entries of Redis are out of date."""
        if self._redis is not None:
            with self._lock:
                self._owed.update(keys)

    def _forget_owed(self, client: redis.Redis) -> None:
        """Deletes the entries that could not be deleted before; raises ``RedisError``."""
        with self._lock:
            owed = list(self._owed)
        if owed:
            client.delete(*owed)
            with self._lock:
                self._owed.difference_update(owed)

    def _reachable(self) -> redis.Redis | None:
        """The client, unless there is none or it has just failed."""
        return None if time.monotonic() < self._pause_ends else self._redis

    def _note_failure(self, error: Exception) -> None:
        self._pause_ends = time.monotonic() + _REDIS_PAUSE_SECONDS
        if not self._redis_has_failed:
            self._redis_has_failed = True
            _log.warning("Redis does not answer; reading from the database (%s)", error)


def _client(url: str) -> redis.Redis:
    try:
        return redis.Redis.from_url(
            url,
            socket_timeout=_REDIS_TIMEOUT_SECONDS,
            socket_connect_timeout=_REDIS_TIMEOUT_SECONDS,
            # The client's own retries would make a reader wait for seconds.
            retry=Retry(NoBackoff(), 0),
            # What others put there may be no text: ``get_json`` decodes.
            decode_responses=False,
        )
    except ValueError as error:
        raise ConfigurationError(
            "INSIGHTS_REDIS_URL is not the address of a Redis: give redis://host:6379/0 or "
            "rediss://user:password@host:6379/0"
        ) from error
