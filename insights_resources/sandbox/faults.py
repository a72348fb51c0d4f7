"""What goes wrong at the sandbox's servers, and how often: the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

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


class ModelFault(StrEnum):
    """Of a request to the language model's server. Those up to ``OVERLOADED`` serve nothing and
    cost nothing; what follows is billed."""

    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NO_QUOTA = "no-quota"
    RATE_LIMIT_HEADER = "rate-limit-header"
    RATE_LIMIT_DATE = "rate-limit-date"
    RATE_LIMIT_BODY = "rate-limit-body"
    RATE_LIMIT_TEXT = "rate-limit-text"
    SERVER_ERROR = "server-error"
    OVERLOADED = "overloaded"
    #: The connection is closed in the middle of the answer.
    DROPPED = "dropped"
    #: The answer is JSON that ends too early.
    TRUNCATED_ANSWER = "truncated-answer"
    #: The answer comes after ``SandboxModel.slow_seconds``.
    SLOW = "slow"
    REFUSING = "refusing"
    #: The provider's filter stops the answer.
    FILTERED = "filtered"
    #: The text ends in the middle: as long as it may be.
    TRUNCATED = "truncated"
    NON_JSON = "non-json"
    #: A server that does not count tokens.
    NO_USAGE = "no-usage"


Kind = TypeVar("Kind", bound=StrEnum)


@dataclass
class FaultPlan(Generic[Kind]):
    """``rates``: the share of requests with each fault. ``scripted``: for an ASIN (or another name)
    what its first requests get, in order (None: nothing goes wrong), before chance has its turn."""

    rates: Mapping[Kind, float] = field(default_factory=dict)
    scripted: dict[str, list[Kind | None]] = field(default_factory=dict)
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

    def next(self, name: str) -> Kind | None:
        """What the next request of this name gets."""
        script = self.scripted.get(name)
        if script:
            return script.pop(0)
        drawn = self._chance.random()
        for fault, rate in self.rates.items():
            if drawn < rate:
                return fault
            drawn -= rate
        return None


def parse_rates(options: Mapping[str, str], kinds: type[Kind]) -> dict[Kind, float]:
    """Rates by name of a fault, each 0 to 1; raises ``InvalidInputError`` with the names."""
    rates = {}
    for name, text in options.items():
        try:
            fault, rate = kinds(name), float(text)
        except ValueError:
            raise InvalidInputError(
                f"--fault {name}={text}: give NAME=RATE with a rate of 0 to 1; the names are "
                f"{', '.join(kinds)}"
            ) from None
        if not 0 <= rate <= 1:
            raise InvalidInputError(f"--fault {name}={text}: a rate is 0 to 1")
        rates[fault] = rate
    return rates
