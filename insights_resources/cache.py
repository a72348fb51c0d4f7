"""The cache before the warehouse: memory over Redis, JSON only.

It may always be empty: a read that finds nothing, or Redis gone or slow, means that the caller
reads the database. What must never be stale (prices, scores) is read with ``strong=True``, which
skips the memory tier: only Redis answers, where an invalidation reaches every process.
"""

from __future__ import annotations

import json
import logging
import random
import threading
from typing import Any

import redis
from cachetools import TTLCache

from insights_resources.warehouse.column_types import dump_json

_log = logging.getLogger(__name__)

MEMORY_SECONDS = 300
_MEMORY_ENTRIES = 10_000
#: Longer than any answer of a healthy Redis, shorter than a read of the database is worth.
_REDIS_TIMEOUT_SECONDS = 0.25
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
    """Memory alone, or memory over Redis. Never raises: what fails is a miss, logged once."""

    def __init__(self, redis_url: str | None = None) -> None:
        self._memory: TTLCache[str, str] = TTLCache(_MEMORY_ENTRIES, MEMORY_SECONDS)
        self._lock = threading.Lock()
        self._redis_is_known_to_fail = False
        self._redis = (
            redis.Redis.from_url(
                redis_url,
                socket_timeout=_REDIS_TIMEOUT_SECONDS,
                socket_connect_timeout=_REDIS_TIMEOUT_SECONDS,
                decode_responses=True,
            )
            if redis_url
            else None
        )

    def get_json(self, key: str, *, strong: bool = False) -> Any | None:
        """The value, or None when it is not known. ``strong``: never from this process's memory
        while there is a Redis."""
        if self._redis is None or not strong:
            with self._lock:
                text = self._memory.get(key)
            if text is not None:
                return json.loads(text)
        if self._redis is None:
            return None
        try:
            answer = self._redis.get(key)
        except redis.RedisError as error:
            self._note_failure(error)
            return None
        self._redis_is_known_to_fail = False
        if answer is None:
            return None
        text = answer if isinstance(answer, str) else answer.decode()
        if not strong:
            with self._lock:
                self._memory[key] = text
        return json.loads(text)

    def set_json(self, key: str, value: Any, ttl_seconds: int) -> None:
        """Keeps a value for about ``ttl_seconds`` (in memory for five minutes at most)."""
        text = dump_json(value)
        with self._lock:
            self._memory[key] = text
        if self._redis is None:
            return
        seconds = max(1, round(ttl_seconds * random.uniform(1 - _JITTER, 1 + _JITTER)))
        try:
            self._redis.set(key, text, ex=seconds)
        except redis.RedisError as error:
            self._note_failure(error)

    def delete(self, *keys: str) -> bool:
        """Forgets these; False when Redis could not be told (its entries then live to their end)."""
        with self._lock:
            for key in keys:
                self._memory.pop(key, None)
        if self._redis is None or not keys:
            return True
        try:
            self._redis.delete(*keys)
        except redis.RedisError as error:
            self._note_failure(error)
            return False
        return True

    def _note_failure(self, error: redis.RedisError) -> None:
        if not self._redis_is_known_to_fail:
            self._redis_is_known_to_fail = True
            _log.warning("Redis does not answer; reading from the database (%s)", error)
