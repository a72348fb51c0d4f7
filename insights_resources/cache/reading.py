"""How a value is found: the steps of a read, as a generator, for sync and async callers alike.

It yields what is to be done (a command for Redis, a wait, the computation) and is sent the result.

A strong entry never lies in memory, and what Redis says of it counts while its version stands
(``scripts``) and while Redis is *trusted*: for a second after it was asked whether it knows of all
builds that the database has published. So it makes no difference why it does not: a restart, an
old backup, a publication that could not reach it, or one by a process without a Redis.
"""

from __future__ import annotations

import itertools
import logging
import random
import re
import threading
import time
import uuid
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from redis.exceptions import NoScriptError, RedisError, ResponseError
from sqlalchemy.exc import SQLAlchemyError

from insights_resources.cache import scripts
from insights_resources.cache.counters import Count, Counters
from insights_resources.cache.entries import NOTHING_SECONDS, Entry
from insights_resources.cache.memory import Flights, Memory
from insights_resources.cache.scripts import Script
from insights_resources.errors import WarehouseError
from insights_resources.warehouse.column_types import dump_json

_log = logging.getLogger(__name__)

#: After Redis did not answer it is left alone for this long: nobody waits for it again and again.
PAUSE_SECONDS = 5.0
#: For so long a process believes Redis without asking the database what was published.
TRUST_SECONDS = 1.0
#: A computation that takes longer is not waited for by others, and one that died blocks no longer.
LOCK_SECONDS = 5.0
#: A build's fence around its commit ends by itself after this: its process died.
FENCE_SECONDS = 600.0
#: A commit takes less; a fence that is older is not waited for.
_COMMIT_SECONDS = 1.0
#: Part of an entry's time to live after which it is aged but kept.
_AGED_SHARE = 0.1
#: Entries written together do not expire together.
_JITTER = 0.1
_FIRST_WAIT, _LONGEST_WAIT = 0.003, 0.05

_RUN_ID = re.compile(rb"run_id:(\w+)")

T = TypeVar("T")


@dataclass(frozen=True)
class Command:
    """Send this to Redis; the result is its reply, or a ``RedisError``."""

    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Sleep:
    """Wait."""

    seconds: float


class Compute:
    """Call the caller's computation."""


class AskWarehouse:
    """Ask the database for its last published builds."""


Step = Command | Sleep | Compute | AskWarehouse
Steps = Generator[Step, Any, T]


@dataclass(frozen=True)
class _Claim:
    """The right to compute an entry for everybody; ``aged`` is what stands there still."""

    lock: bytes
    aged: str | None


class Reading:
    """The reads of one process, and what it knows of Redis."""

    def __init__(self, counters: Counters, *, has_redis: bool, checks_builds: bool) -> None:
        self.memory = Memory()
        self._counters = counters
        self._flights = Flights()
        self._has_redis = has_redis
        self._checks_builds = checks_builds
        self._checking = threading.Lock()
        self._check_due = 0.0
        self._trusted_until = 0.0
        self._distrusts = 0
        self._run_id: bytes | None = None
        self._pause_ends = 0.0
        self._version: bytes | None = None
        self._told_failure = ""
        self._process = uuid.uuid4().hex
        self._numbers = itertools.count()

    def token(self) -> str:
        """A text that nobody else gives."""
        return f"{self._process}:{next(self._numbers)}"

    def read(self, entry: Entry) -> Steps[str]:
        """The entry's JSON text; raises what the computation raises."""
        aged = None
        if not entry.is_strong:
            aged, is_fresh = self.memory.get(entry.key)
            if aged is not None and is_fresh:
                self._counters.add(Count.MEMORY)
                return aged
        if self._has_redis and (yield from self._redis_serves(entry)):
            found = yield from self._ask_redis(entry)
            if isinstance(found, _Claim):
                return (yield from self._compute_for_all(entry, found))
            if found is not None:
                return found
        return (yield from self._compute_alone(entry, aged))

    # --- what Redis has ---------------------------------------------------------------------------

    def _ask_redis(self, entry: Entry) -> Steps[str | _Claim | None]:
        """The text, or the right to compute it, or None: Redis is of no help."""
        token, began, pause = self.token(), time.monotonic(), _FIRST_WAIT
        keys = (entry.key, lock_key(entry.key))
        aged_ms = round(entry.seconds * _AGED_SHARE * 1000)
        distrusts = self._distrusts
        arguments = (token, round(LOCK_SECONDS * 1000), aged_ms, entry.key, *entry.tags)
        while True:
            try:
                reply = yield from run(scripts.READ_OR_CLAIM, keys, arguments)
            except RedisError as error:
                self.note_failure(error)
                return None
            self._told_failure = ""
            state, text = reply[0], None if reply[1] is None else reply[1].decode()
            waited = time.monotonic() - began
            if entry.is_strong and text is not None and distrusts != self._distrusts:
                # The command itself made a connection, to a server that was not asked yet.
                if not (yield from self._redis_serves(entry)):
                    return None
                distrusts = self._distrusts
                continue
            if state == b"fresh" and text is not None:
                if not entry.is_strong:
                    self.memory.put(entry.key, text, reply[2] / 1000, aged_ms / 1000)
                self._counters.add(Count.REDIS)
                return text
            if state == b"claimed":
                return _Claim(reply[2], text)
            if state == b"refused":
                self.note_failure(ResponseError(reply[2].decode()))
            if text is not None:
                self._counters.add(Count.STALE)
                return text
            if state == b"refused" or waited > LOCK_SECONDS:
                return None
            if state == b"changing" and max(waited, FENCE_SECONDS - reply[2] / 1000) > (
                _COMMIT_SECONDS
            ):
                return None
            yield Sleep(pause)
            pause = min(2 * pause, _LONGEST_WAIT)

    def _compute_for_all(self, entry: Entry, claim: _Claim) -> Steps[str]:
        lock = lock_key(entry.key)
        try:
            value = yield Compute()
            text, tags = dump_json(value), entry.all_tags(value)
        except Exception as error:
            yield from self._tell(scripts.RELEASE, (lock,), (claim.lock,))
            if claim.aged is None:
                raise
            _log.warning("%s keeps its aged value: %s", entry.key, error)
            self._counters.add(Count.STALE)
            return claim.aged
        self._counters.add(Count.COMPUTED)
        stored = yield from self._tell(
            scripts.STORE,
            (entry.key, lock),
            (claim.lock, self.token(), milliseconds_to_live(entry, value), text, *tags),
        )
        if stored and not entry.is_strong:
            self.memory.put(entry.key, text, entry.seconds, entry.seconds * _AGED_SHARE)
        if stored == 0:
            self._counters.add(Count.VOID)
        return text

    def _tell(
        self, script: Script, keys: Sequence[str], arguments: Sequence[Any]
    ) -> Steps[Any | None]:
        """Runs a script whose failure changes nothing for the reader; None: it failed."""
        try:
            return (yield from run(script, keys, arguments))
        except RedisError as error:
            self.note_failure(error)
            return None

    # --- without Redis ----------------------------------------------------------------------------

    def _compute_alone(self, entry: Entry, aged: str | None) -> Steps[str]:
        key, began = entry.key, time.monotonic()
        ticket = self._flights.arrive(key)
        try:
            while True:
                turn = self._flights.turn(key, ticket, may_be_old=not entry.is_strong)
                if isinstance(turn, str):
                    self._counters.add(Count.SHARED)
                    return turn
                if not turn and aged is not None:
                    self._counters.add(Count.STALE)
                    return aged
                if turn or time.monotonic() - began > LOCK_SECONDS:
                    break
                yield Sleep(_FIRST_WAIT)
            text = None
            try:
                value = yield Compute()
                text = dump_json(value)
            except Exception as error:
                if aged is None:
                    raise
                _log.warning("%s keeps its aged value: %s", key, error)
                self._counters.add(Count.STALE)
                return aged
            finally:
                if turn:
                    self._flights.land(key, text)
        finally:
            self._flights.leave(key)
        if entry.is_strong:
            self._counters.add(Count.DIRECT)
        else:
            self._counters.add(Count.COMPUTED)
            seconds = milliseconds_to_live(entry, value) / 1000
            self.memory.put(key, text, seconds, entry.seconds * _AGED_SHARE)
        return text

    # --- whether Redis can be believed ------------------------------------------------------------

    def _redis_serves(self, entry: Entry) -> Steps[bool]:
        now = time.monotonic()
        if now < self._pause_ends:
            return False
        if now >= self._check_due:
            yield from self._check(now)
            now = time.monotonic()
        return now >= self._pause_ends and (not entry.is_strong or now < self._trusted_until)

    def _check(self, began: float) -> Steps[None]:
        """Asks whether Redis knows what the database has published, and tells it the counts."""
        if not self._checking.acquire(blocking=False):
            # Another reader does. Who trusts it still has no need to wait.
            while began >= self._trusted_until and self._checking.locked():
                yield Sleep(_FIRST_WAIT)
            return
        taken = self._counters.take()
        try:
            # What counts is when the database was asked, at the latest.
            began = time.monotonic()
            builds = (yield AskWarehouse()) if self._checks_builds else []
            version, was_cleared = yield from run(scripts.CHECK, (), (self.token(), *builds))
            if version != self._version:
                self.memory.clear()
                self._version = version
            if was_cleared and builds:
                _log.info("Redis did not know of all published builds: the cache begins anew")
            if self._checks_builds:
                self._trusted_until = began + TRUST_SECONDS
            self._check_due = began + TRUST_SECONDS / 2
            if taken:
                counts = [part for pair in taken.items() for part in pair]
                yield from run(scripts.COUNT, (), counts)
                taken = {}
        except RedisError as error:
            self.note_failure(error)
        except (WarehouseError, SQLAlchemyError) as error:
            # Who reads the database next is told what is wrong with it.
            _log.warning("the cache cannot ask what was published: %s", error)
        finally:
            self._counters.put_back(taken)
            self._checking.release()

    def distrust(self) -> None:
        """The next read asks the database what was published."""
        self._distrusts += 1
        self._trusted_until = self._check_due = 0.0

    def note_connection(self, information: bytes | None) -> None:
        """A new connection's server (``INFO server``; None: it does not tell) may be another one
        than before, or the same after a restart."""
        run = _RUN_ID.search(information or b"")
        found = run.group(1) if run else None
        if found is None or found != self._run_id:
            self._run_id = found
            self.distrust()

    def note_failure(self, error: Exception) -> None:
        """Counts a failure, and logs the first of a kind. One of the connection ends the trust and
        begins a pause; a refusal (full, read-only, a key of another kind) is the command's own."""
        self._counters.add(Count.ERROR)
        if not isinstance(error, ResponseError):
            self._pause_ends = time.monotonic() + PAUSE_SECONDS
            self.distrust()
        kind = type(error).__name__ + str(error)[:12]
        if kind != self._told_failure:
            self._told_failure = kind
            verb = "refuses" if isinstance(error, ResponseError) else "does not answer"
            _log.warning("Redis %s; reading from the database (%s)", verb, error)


def run(script: Script, keys: Sequence[Any], arguments: Sequence[Any]) -> Steps[Any]:
    """A script's reply; raises ``RedisError``."""
    try:
        return (yield Command(("EVALSHA", script.digest, len(keys), *keys, *arguments)))
    except NoScriptError:
        return (yield Command(("EVAL", script.text, len(keys), *keys, *arguments)))


def milliseconds_to_live(entry: Entry, value: Any) -> int:
    """How long Redis keeps an entry: its time give or take a tenth, and the time as an aged one."""
    seconds = entry.seconds if value is not None else min(entry.seconds, NOTHING_SECONDS)
    jittered = seconds * random.uniform(1 - _JITTER, 1 + _JITTER)
    return round(1000 * (jittered + entry.seconds * _AGED_SHARE))


def lock_key(key: str) -> str:
    """Where the right to compute an entry lies."""
    return f"cache:lock:{key}"


def changing_key(key: str) -> str:
    """Where the builds lie that are about to change an entry."""
    return f"cache:changing:{key}"
