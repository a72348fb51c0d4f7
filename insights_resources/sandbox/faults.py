"""What goes wrong at the sandbox's Firecrawl, and how often: the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from insights_resources.errors import InvalidInputError


class Fault(StrEnum):
    """Of a request for a page. Those up to ``NO_SUCCESS`` serve nothing and cost nothing; what
    follows is billed."""

    TIMEOUT = "timeout"
    RATE_LIMIT_HEADER = "rate-limit-header"
    RATE_LIMIT_DATE = "rate-limit-date"
    RATE_LIMIT_BODY = "rate-limit-body"
    RATE_LIMIT_TEXT = "rate-limit-text"
    SERVER_ERROR = "server-error"
    #: HTTP 200 that says that it is no success.
    NO_SUCCESS = "no-success"
    #: The connection is closed in the middle of the answer.
    DROPPED = "dropped"
    #: The answer is JSON that ends too early.
    TRUNCATED_ANSWER = "truncated-answer"
    #: The answer comes after ``FaultPlan.slow_seconds``.
    SLOW = "slow"
    ROBOT_CHECK = "robot-check"
    #: The target's own error page, which comes as a success.
    TARGET_ERROR = "target-error"
    WRONG_LOCALE = "wrong-locale"
    TRUNCATED_PAGE = "truncated-page"
    EMPTY_PAGE = "empty-page"
    OTHER_PRODUCT = "other-product"


#: Nothing is served, and nothing is billed.
UNBILLED = frozenset(
    {
        Fault.TIMEOUT,
        Fault.RATE_LIMIT_HEADER,
        Fault.RATE_LIMIT_DATE,
        Fault.RATE_LIMIT_BODY,
        Fault.RATE_LIMIT_TEXT,
        Fault.SERVER_ERROR,
        Fault.NO_SUCCESS,
    }
)


@dataclass
class FaultPlan:
    """``rates``: the share of requests with each fault. ``scripted``: for an ASIN what its first
    requests get, in order (None: nothing goes wrong), before chance has its turn."""

    rates: Mapping[Fault, float] = field(default_factory=dict)
    scripted: dict[str, list[Fault | None]] = field(default_factory=dict)
    seed: int = 0
    slow_seconds: float = 5.0
    #: HTTP status that every request gets (503: down, 401, 402); None: none.
    refuses_with: int | None = None

    def __post_init__(self) -> None:
        if sum(self.rates.values()) > 1:
            raise InvalidInputError(
                f"the rates of the faults add up to {sum(self.rates.values()):.2f}: 1 is all there "
                f"is"
            )
        self._chance = random.Random(self.seed)

    def next(self, asin: str) -> Fault | None:
        """What the next request of this ASIN gets."""
        script = self.scripted.get(asin)
        if script:
            return script.pop(0)
        drawn = self._chance.random()
        for fault, rate in self.rates.items():
            if drawn < rate:
                return fault
            drawn -= rate
        return None


def parse_rates(options: Mapping[str, str]) -> dict[Fault, float]:
    """Rates by name, each 0 to 1. Raises ``InvalidInputError`` that names what there is."""
    rates = {}
    for name, text in options.items():
        try:
            fault, rate = Fault(name), float(text)
        except ValueError:
            raise InvalidInputError(
                f"--fault {name}={text}: give NAME=RATE with a rate of 0 to 1; the names are "
                f"{', '.join(Fault)}"
            ) from None
        if not 0 <= rate <= 1:
            raise InvalidInputError(f"--fault {name}={text}: a rate is 0 to 1")
        rates[fault] = rate
    return rates
