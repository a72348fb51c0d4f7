"""How often, and after which pause, a request is tried again."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from insights_resources.errors import TransientProviderError

#: No provider is waited for longer because it says so, in seconds: a later window asks again.
LONGEST_WAIT = 300.0

_IN_TEXT = re.compile(
    r"(?i)(?:retry[ -]?after|try again in)[^0-9]{0,20}([0-9]{1,6}(?:\.[0-9]{1,3})?)\s*(ms|s|m)?"
)


@dataclass(frozen=True)
class RetryPolicy:
    """Exponential pauses with full jitter; times in seconds.

    ``tries``: of one request, the first included. ``total``: of all its pauses together.
    """

    tries: int = 4
    first: float = 1.0
    longest: float = 60.0
    total: float = LONGEST_WAIT

    def pause(
        self,
        tried: int,
        waited: float,
        error: TransientProviderError,
        chance: Callable[[], float] = random.random,
    ) -> float | None:
        """The pause before another try; None: there is none.

        Never shorter than the provider asks for; jitter only makes it longer then, so that not
        everybody comes back in the same instant.
        """
        if tried >= self.tries:
            return None
        most = min(self.longest, self.first * 2.0 ** (tried - 1))
        pause = chance() * most
        if error.retry_after is not None:
            pause = error.retry_after + chance() * self.first
        return pause if waited + pause <= self.total else None


def retry_after_seconds(
    headers: Mapping[str, str],
    answer: Mapping[str, Any] | None,
    text: str,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> float | None:
    """The wait that an answer asks for: in its header (seconds, or a date), in its body
    (``retry_after_seconds``), or in its words ("retry after 12s", "try again in 12s"). None: it
    does not say, or nothing that makes sense."""
    header = headers.get("retry-after", "").strip()
    for found in (
        _number(header),
        _until(header, now()),
        _number((answer or {}).get("retry_after_seconds")),
        _in_words(text),
    ):
        if found is not None:
            return found
    return None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    return _sensible(seconds)


def _until(header: str, now: datetime) -> float | None:
    try:
        moment = parsedate_to_datetime(header)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return _sensible(max(0.0, (moment - now).total_seconds()))


def _in_words(text: str) -> float | None:
    found = _IN_TEXT.search(text)
    if found is None:
        return None
    unit = {"ms": 0.001, "m": 60.0}.get((found[2] or "s").lower(), 1.0)
    return _sensible(float(found[1]) * unit)


def _sensible(seconds: float) -> float | None:
    """A day and more says that the provider does not want us today: as long as we ever wait."""
    if not math.isfinite(seconds) or seconds < 0:
        return None
    return min(seconds, 2 * LONGEST_WAIT)
