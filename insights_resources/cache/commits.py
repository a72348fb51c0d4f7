"""What the cache is told around the commit of a build.

Before it the entries that the build changes are *fenced*: forgotten, and nobody may store them, so
that a reader has the database's answer while it is open which one that is. After it the new values
take their places. A slow computation that began before has lost its claim, and stores nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import redis
from sqlalchemy.exc import SQLAlchemyError

from insights_resources.cache import scripts
from insights_resources.cache.cache import Cache
from insights_resources.cache.entries import Entry
from insights_resources.cache.reading import (
    FENCE_SECONDS,
    TRUST_SECONDS,
    changing_key,
    lock_key,
    milliseconds_to_live,
)
from insights_resources.errors import WarehouseError
from insights_resources.warehouse.column_types import dump_json

_log = logging.getLogger(__name__)

#: A build that changes more entries fences their tag: what is not changed is read anew as well.
_FENCED_ENTRIES = 20_000
#: So many are put into the cache at once by a build; readers see to the others.
_WARMED_ENTRIES = 10_000
_ENTRIES_AT_ONCE = 200
_RETRY_SECONDS = 0.05
_FENCE_MS = round(FENCE_SECONDS * 1000)


@dataclass(frozen=True)
class CachedTable:
    """A table whose published rows are in the cache, as ``publication`` wants it told.

    ``columns`` of the table's key identify an entry, ``entry`` makes it of their values, ``tag`` is
    that of all such entries, and ``read`` gives the values of some of them (columns' values ->
    values, None: nothing), in order, from the database.
    """

    cache: Cache
    columns: tuple[str, ...]
    entry: Callable[..., Entry]
    tag: str
    read: Callable[[Sequence[tuple[Any, ...]]], Sequence[Any]]

    @contextmanager
    def around_commit(self, build_id: int, changed: Sequence[tuple[Any, ...]]) -> Iterator[None]:
        """Around the commit of a build that changes these rows. Whatever Redis does, the commit is
        made; an exception of the commit goes through, and leaves the fence: it may still have been
        done."""
        if self.cache.redis is None or not changed:
            yield
            return
        by_tag = len(changed) > _FENCED_ENTRIES
        self._fence(build_id, changed, by_tag=by_tag)
        yield
        try:
            if by_tag:
                token = self.cache.reading.token()
                self.cache.run(scripts.LIFT_TAG, (), (build_id, token, self.tag))
            else:
                self._lift(build_id, changed)
        except redis.RedisError as error:
            # The fence stands: readers have the database's answer until it ends by itself.
            self.cache.reading.note_failure(error)

    def _fence(self, build_id: int, changed: Sequence[tuple[Any, ...]], *, by_tag: bool) -> None:
        """Tells Redis, for longer than any process trusts one that it has not asked what it was
        told: when it cannot be told, nobody trusts it after the commit."""
        deadline = time.monotonic() + 1.25 * TRUST_SECONDS
        run = self.cache.run
        while True:
            try:
                # What others published without it is not forgotten behind this build.
                self.cache.check()
                if by_tag:
                    token = self.cache.reading.token()
                    run(scripts.FENCE_TAG, (), (build_id, _FENCE_MS, token, self.tag))
                else:
                    for some in _parts(changed):
                        keys = [part for row in some for part in _keys(self.entry(*row))]
                        run(scripts.FENCE, keys, (build_id, _FENCE_MS))
                run(scripts.KNOW, (), (build_id,))
                return
            except (redis.RedisError, WarehouseError, SQLAlchemyError) as error:
                if time.monotonic() > deadline:
                    self.cache.reading.note_failure(error)
                    _log.warning(
                        "build %s is published without Redis knowing: its readers will see that, "
                        "and the cache begins anew",
                        build_id,
                    )
                    return
            time.sleep(_RETRY_SECONDS)

    def _lift(self, build_id: int, changed: Sequence[tuple[Any, ...]]) -> None:
        client = self.cache.redis
        if client is None:
            return
        warm = len(changed) <= _WARMED_ENTRIES
        for some in _parts(changed):
            version = client.get("cache:version") or b""
            values = self._values(some) if warm else [None] * len(some)
            with client.pipeline(transaction=False) as pipeline:
                pipeline.script_load(scripts.LIFT.text)
                for row, value in zip(some, values, strict=True):
                    entry = self.entry(*row)
                    pipeline.evalsha(
                        scripts.LIFT.digest,
                        3,
                        *_keys(entry),
                        build_id,
                        milliseconds_to_live(entry, value),
                        "" if value is None else dump_json(value),
                        version,
                        self.cache.reading.token(),
                        *entry.all_tags(value),
                    )
                pipeline.execute()

    def _values(self, rows: Sequence[tuple[Any, ...]]) -> Sequence[Any]:
        try:
            return self.read(rows)
        except (WarehouseError, SQLAlchemyError) as error:
            _log.warning("published entries are not put into the cache: %s", error)
            return [None] * len(rows)


def _keys(entry: Entry) -> tuple[str, str, str]:
    return (entry.key, lock_key(entry.key), changing_key(entry.key))


def _parts(rows: Sequence[tuple[Any, ...]]) -> Iterator[Sequence[tuple[Any, ...]]]:
    for start in range(0, len(rows), _ENTRIES_AT_ONCE):
        yield rows[start : start + _ENTRIES_AT_ONCE]
