"""What calls of a language model may cost: prices, the day's budget, and the most of one call."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from insights_resources.language_model.protocol import StructuredRequest
from insights_resources.language_model.strict_schema import strict_schema
from insights_resources.warehouse.column_types import CALL_COST_SCALE

_MILLION = 1_000_000
_SMALLEST = Decimal(1).scaleb(-CALL_COST_SCALE)
#: Bytes of UTF-8 that a token has at the least, taken together: prose has four, tables of numbers
#: two and a half.
_BYTES_OF_A_TOKEN = 2


@dataclass(frozen=True)
class ModelPrices:
    """USD a million tokens. Input from the server's cache, which is cheaper, counts in full."""

    input: Decimal
    output: Decimal

    def cost(self, input_tokens: int, output_tokens: int) -> Decimal:
        """USD, rounded up to a millionth."""
        exact = (self.input * input_tokens + self.output * output_tokens) / _MILLION
        return exact.quantize(_SMALLEST, ROUND_CEILING)


@dataclass(frozen=True)
class ModelBudget:
    """What all calls of a UTC day may take. ``cost`` in USD; None: no limit."""

    tokens: int
    cost: Decimal | None = None


@dataclass(frozen=True)
class Reservation:
    """The most that a call may take. ``cost`` in USD; None: no price is configured."""

    tokens: int
    cost: Decimal | None


def reservation(
    request: StructuredRequest, output_tokens: int, prices: ModelPrices | None
) -> Reservation:
    """The most that the request may take, when its answer has at most so many tokens."""
    schema = json.dumps(strict_schema(request.schema))
    sent = len(f"{request.instructions}{request.content}{schema}".encode(errors="replace"))
    input_tokens = -(-sent // _BYTES_OF_A_TOKEN)
    return Reservation(
        input_tokens + output_tokens,
        None if prices is None else prices.cost(input_tokens, output_tokens),
    )
