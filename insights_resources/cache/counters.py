"""How reads were answered, counted."""

from __future__ import annotations

import threading
from collections import Counter
from enum import StrEnum


class Count(StrEnum):
    """What is counted. Each read is one of the first six; ``VOID`` and ``ERROR`` come on top."""

    MEMORY = "memory"
    REDIS = "redis"
    #: Past its age, still of the current version or eventual, while somebody else computes it.
    STALE = "stale"
    #: Computed by this read, and offered to Redis (or to memory, where there is no Redis).
    COMPUTED = "computed"
    #: Read from the database for this read alone: Redis away or full, or the row about to change.
    DIRECT = "direct"
    #: The answer of another read of this process that was on its way.
    SHARED = "shared"
    #: Computed, but published or cleared meanwhile: not kept.
    VOID = "void"
    #: Redis failed or refused.
    ERROR = "error"


class Counters:
    """The counts of this process; those not yet in Redis are taken from it now and then."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._total: Counter[Count] = Counter()
        self._not_told: Counter[Count] = Counter()

    def add(self, what: Count) -> None:
        with self._lock:
            self._total[what] += 1
            self._not_told[what] += 1

    def total(self) -> dict[Count, int]:
        """Since this process made its cache."""
        with self._lock:
            return dict(self._total)

    def take(self) -> dict[Count, int]:
        """What Redis has not been told; it is taken for told."""
        with self._lock:
            taken, self._not_told = self._not_told, Counter()
        return dict(taken)

    def put_back(self, taken: dict[Count, int]) -> None:
        """It was not told after all."""
        with self._lock:
            self._not_told.update(taken)
