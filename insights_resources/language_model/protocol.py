"""What a language model is to the rest of the platform: asked for an answer of a schema, once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from pydantic import BaseModel

from insights_resources.errors import InsightsError

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class StructuredRequest:
    """One question.

    ``instructions`` are ours; ``content`` is data, and may quote hostile pages. ``schema``: what
    the answer must be (plain: texts, numbers, choices, lists, models; no free dictionaries).
    ``purpose`` in words, such as "report de-kettles 2026-11-01". ``key``: SHA-256 in hex of all
    that decides the answer (facts, prompt version, schema, model): an equal key is not paid twice.
    """

    instructions: str
    content: str
    schema: type[BaseModel]
    purpose: str
    key: str

    def __post_init__(self) -> None:
        if not _SHA256.fullmatch(self.key):
            raise ValueError(f"the key of {self.purpose} is no SHA-256 in hex")


@dataclass(frozen=True)
class ModelUsage:
    """What a call took. ``input_tokens`` include the cached ones, ``output_tokens`` those of
    reasoning. ``cost`` in USD by the configured prices; None: there are none."""

    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    cost: Decimal | None


@dataclass(frozen=True)
class ModelAnswer:
    """An answer by the request's schema. ``usage`` None: the server did not say. ``is_reused``: it
    was paid before, and nothing was sent now."""

    parsed: BaseModel
    model: str
    usage: ModelUsage | None
    is_reused: bool


@dataclass(frozen=True)
class ExpectedCost:
    """What requests may cost at most: ``calls`` that would be sent, ``tokens`` in and out, ``cost``
    in USD (None: no price is configured)."""

    calls: int
    tokens: int
    cost: Decimal | None


class NarrativeFailure(StrEnum):
    """Why a model gave no answer."""

    #: The day's budget does not allow the call: nothing was sent.
    NO_BUDGET = "no_budget"
    #: The server failed so often that it is left alone for a while: nothing was sent.
    BREAKER_OPEN = "breaker_open"
    #: The key, the account or the model's name is refused: somebody has to act.
    ACCESS_REFUSED = "access_refused"
    #: The server does not take this request: too long, a schema that it does not know.
    NOT_ACCEPTED = "not_accepted"
    #: The model refuses to answer, or its provider's filter does.
    REFUSED = "refused"
    #: The answer was longer than it may be.
    TRUNCATED = "truncated"
    #: The answer is no JSON, or not what the schema says.
    INVALID_ANSWER = "invalid_answer"
    #: No answer in time; it may have been paid.
    TIMED_OUT = "timed_out"
    #: Not to be reached, overloaded, or broken off in the middle.
    UNAVAILABLE = "unavailable"

    @property
    def is_transient(self) -> bool:
        """Whether the same request may succeed later, without anybody's doing."""
        return self in _TRANSIENT


_TRANSIENT = frozenset(
    {
        NarrativeFailure.NO_BUDGET,
        NarrativeFailure.BREAKER_OPEN,
        NarrativeFailure.TIMED_OUT,
        NarrativeFailure.UNAVAILABLE,
    }
)


class LanguageModelError(InsightsError):
    """A language model gave no answer that can be used.

    ``usage``: what it cost nevertheless; None: nothing, or not known. ``is_reused``: that was so
    when it was asked before, and nothing was sent now.
    """

    def __init__(
        self,
        message: str,
        reason: NarrativeFailure,
        usage: ModelUsage | None = None,
        *,
        is_reused: bool = False,
    ) -> None:
        super().__init__(message)
        self.reason, self.usage, self.is_reused = reason, usage, is_reused


class LanguageModel(Protocol):
    """A model that answers by a schema."""

    @property
    def name(self) -> str:
        """The model's name, as its provider has it."""

    async def answer(
        self, request: StructuredRequest, run_id: str | None = None, *, anew: bool = False
    ) -> ModelAnswer:
        """The answer to the request; raises ``LanguageModelError``, or ``WarehouseError`` when the
        call cannot be noted, in which case it is not sent.

        A request whose outcome was paid before is not sent again, whatever that outcome was, unless
        ``anew``. ``run_id``: the Dagster run that asks.
        """

    def expected_cost(self, requests: Sequence[StructuredRequest]) -> ExpectedCost:
        """What these may cost at most. What was paid before costs nothing."""
