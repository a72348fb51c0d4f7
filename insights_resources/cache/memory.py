"""What one process keeps: values in memory, and who of its readers is reading what."""

from __future__ import annotations

import itertools
import threading
import time
from dataclasses import dataclass

from cachetools import TLRUCache

MEMORY_SECONDS = 300
_ENTRIES = 10_000


class Memory:
    """The values that may be old (see ``Consistency``), for five minutes at most."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Entries are (JSON text, until when it is not aged, until when it is kept).
        self._entries: TLRUCache[str, tuple[str, float, float]] = TLRUCache(
            _ENTRIES, ttu=lambda key, entry, now: entry[2]
        )

    def get(self, key: str) -> tuple[str | None, bool]:
        """The text, if any, and whether it is not aged yet."""
        with self._lock:
            entry = self._entries.get(key)
        return (None, False) if entry is None else (entry[0], time.monotonic() < entry[1])

    def put(self, key: str, text: str, seconds: float, aged_seconds: float) -> None:
        """Keeps it for so long, and as aged for so long after."""
        aged_from = time.monotonic() + min(seconds, MEMORY_SECONDS)
        with self._lock:
            self._entries[key] = (text, aged_from, aged_from + aged_seconds)

    def forget(self, *keys: str) -> None:
        with self._lock:
            for key in keys:
                self._entries.pop(key, None)

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()


@dataclass
class _Flight:
    readers: int = 0
    running: bool = False
    began: int = 0
    text: str | None = None
    #: When the reading that gave ``text`` began and ended, as tickets.
    text_began: int = 0
    text_ended: int = 0


class Flights:
    """One reading of the database a key at a time, shared by those who wait for it.

    A reader of what may not be old gets only a reading that began after he came: one that was on
    its way may have seen the rows before a commit.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tickets = itertools.count(1)
        self._flights: dict[str, _Flight] = {}

    def arrive(self, key: str) -> int:
        """A ticket; ``leave`` must follow."""
        with self._lock:
            self._flights.setdefault(key, _Flight()).readers += 1
            return next(self._tickets)

    def leave(self, key: str) -> None:
        with self._lock:
            flight = self._flights[key]
            flight.readers -= 1
            if not flight.readers:
                del self._flights[key]

    def turn(self, key: str, ticket: int, *, may_be_old: bool) -> str | bool:
        """The shared text; or True: read yourself, then ``land``; or False: wait."""
        with self._lock:
            flight = self._flights[key]
            since = flight.text_ended if may_be_old else flight.text_began
            if flight.text is not None and since > ticket:
                return flight.text
            if flight.running:
                return False
            flight.running, flight.began = True, next(self._tickets)
            return True

    def land(self, key: str, text: str | None) -> None:
        """Ends the reading; None: it failed."""
        with self._lock:
            flight = self._flights[key]
            flight.running = False
            if text is not None:
                flight.text, flight.text_began = text, flight.began
                flight.text_ended = next(self._tickets)
