"""The calls of language models: ``ops_model_calls``.

A call is noted, and the note committed, before it is sent, with the most that it may take. So a
call whose process dies, or whose answer never comes, counts against the day's budget as if it had
been served; and who finds the note knows that it may have been paid. What was paid for is not asked
for again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, func, insert, select, text, update

from insights_resources.errors import BudgetExhaustedError
from insights_resources.language_model.budget import ModelBudget, Reservation
from insights_resources.language_model.interfaces import ModelApi
from insights_resources.language_model.protocol import ModelUsage, StructuredRequest
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.grouped_commits import GroupedCommits

_TABLE = tables.model_calls
#: Keys that are looked up at once.
_KEYS_AT_ONCE = 500


class CallStatus(StrEnum):
    """What came of a call."""

    SENT = "sent"
    ANSWERED = "answered"
    REFUSED = "refused"
    TRUNCATED = "truncated"
    INVALID = "invalid"
    FAILED = "failed"
    UNKNOWN = "unknown"


#: The model has worked: paid for, and not asked for again.
PAID = (CallStatus.ANSWERED, CallStatus.REFUSED, CallStatus.TRUNCATED, CallStatus.INVALID)
#: Whether it was paid is not known.
_OPEN = (CallStatus.SENT, CallStatus.UNKNOWN)


@dataclass
class ModelCall:
    """One call of this process. ``sends``: tries that were noted."""

    request: StructuredRequest
    model: str
    api: ModelApi
    reserved: Reservation
    run_id: str | None
    sends: int = 0

    def __post_init__(self) -> None:
        self.call_id = uuid4().hex


@dataclass(frozen=True)
class EarlierCall:
    """What came of an equal request before. ``answer``: the JSON document of an answered one."""

    status: CallStatus
    reason: str | None
    answer: Any
    model: str
    usage: ModelUsage | None


@dataclass(frozen=True)
class SpentToday:
    """What the calls of a UTC day took or may have taken. ``cost`` in USD, of those with one."""

    calls: int
    tokens: int
    cost: Decimal


class ModelCalls:
    """The notes on calls, and the budget that they keep to."""

    def __init__(self, warehouse: Warehouse, budget: ModelBudget) -> None:
        self.budget = budget
        self._warehouse, self._commits = warehouse, GroupedCommits(warehouse.begin)

    async def earlier(self, request: StructuredRequest, run_id: str | None) -> EarlierCall | None:
        """The newest paid outcome of an equal request; else the call that this run itself sent and
        whose outcome is unknown."""
        return await asyncio.to_thread(self._earlier, request.key, run_id)

    def _earlier(self, key: str, run_id: str | None) -> EarlierCall | None:
        newest = select(_TABLE).where(_TABLE.c.request_key == key).order_by(_TABLE.c.sent_at.desc())
        with self._warehouse.read() as connection:
            row = connection.execute(newest.where(_TABLE.c.status.in_(PAID)).limit(1)).first()
            if row is None and run_id is not None:
                own = newest.where(_TABLE.c.status.in_(_OPEN), _TABLE.c.run_id == run_id)
                row = connection.execute(own.limit(1)).first()
        if row is None:
            return None
        usage = None
        if row.input_tokens is not None:
            usage = ModelUsage(
                row.input_tokens, row.cached_input_tokens, row.output_tokens, row.cost
            )
        return EarlierCall(CallStatus(row.status), row.reason, row.answer, row.model, usage)

    def paid_keys(self, keys: Sequence[str]) -> set[str]:
        """Those of the keys that have a paid outcome."""
        paid: set[str] = set()
        with self._warehouse.read() as connection:
            for start in range(0, len(keys), _KEYS_AT_ONCE):
                some = keys[start : start + _KEYS_AT_ONCE]
                paid.update(
                    connection.scalars(
                        select(_TABLE.c.request_key).where(
                            _TABLE.c.request_key.in_(some), _TABLE.c.status.in_(PAID)
                        )
                    )
                )
        return paid

    async def sending(self, call: ModelCall) -> None:
        """Notes that the call is about to be sent, and returns when the note is committed.

        To be called for each try. Raises ``BudgetExhaustedError``, and notes nothing, when the
        first would overrun the day's budget; what the first reserved is there for the others.
        """
        sends, now = call.sends + 1, datetime.now(UTC)

        def note(connection: Connection) -> BudgetExhaustedError | None:
            is_there = connection.scalar(
                select(_TABLE.c.call_id).where(_TABLE.c.call_id == call.call_id)
            )
            if is_there:
                self._write(connection, call, sends=sends, sent_at=now)
                return None
            # Others reserve at the same time: one after the other, to the end of the transaction.
            # SQLite's transactions are one after the other anyway.
            if self._warehouse.is_postgres:
                connection.execute(
                    text("SELECT pg_advisory_xact_lock(hashtextextended('insights/model', 0))")
                )
            refused = self._refusal(_spent(connection, now.date()), call.reserved)
            if refused is None:
                connection.execute(insert(_TABLE).values(_row(call, sends, now)))
            return refused

        refused = await self._commits.run(note)
        if refused is not None:
            raise refused
        call.sends = sends

    async def settle(
        self,
        call: ModelCall,
        status: CallStatus,
        *,
        usage: ModelUsage | None = None,
        reason: str | None = None,
        answer: Any = None,
    ) -> None:
        """Notes what came of it. What was reserved stays so where the usage is not known, but for a
        call that failed, which took nothing."""
        values: dict[str, Any] = {"status": status.value, "reason": reason, "answer": answer}
        if usage is not None:
            values |= {
                "input_tokens": usage.input_tokens,
                "cached_input_tokens": usage.cached_input_tokens,
                "output_tokens": usage.output_tokens,
                "cost": usage.cost,
            }
        if usage is not None or status is CallStatus.FAILED:
            is_priced = call.reserved.cost is not None
            values |= {"tokens_reserved": 0, "cost_reserved": Decimal(0) if is_priced else None}
        values["finished_at"] = datetime.now(UTC)
        await self._commits.run(lambda connection: self._write(connection, call, **values))

    def spent(self, day: date) -> SpentToday:
        """What the day's calls took so far."""
        with self._warehouse.read() as connection:
            return _spent(connection, day)

    @staticmethod
    def _write(connection: Connection, call: ModelCall, **values: Any) -> None:
        connection.execute(update(_TABLE).where(_TABLE.c.call_id == call.call_id).values(**values))

    def _refusal(self, spent: SpentToday, wanted: Reservation) -> BudgetExhaustedError | None:
        most_tokens, most_cost = self.budget.tokens, self.budget.cost
        if spent.tokens + wanted.tokens > most_tokens:
            return BudgetExhaustedError(
                f"a call of up to {wanted.tokens:,} tokens might overrun the {most_tokens:,} of a "
                f"day (INSIGHTS_MODEL_TOKENS_A_DAY; {spent.tokens:,} spent or reserved); again "
                f"tomorrow (UTC)"
            )
        if most_cost is None or wanted.cost is None or spent.cost + wanted.cost <= most_cost:
            return None
        return BudgetExhaustedError(
            f"a call of up to {wanted.cost} USD might overrun the {most_cost} of a day "
            f"(INSIGHTS_MODEL_COST_A_DAY; {spent.cost} spent or reserved); again tomorrow (UTC)"
        )


def _row(call: ModelCall, sends: int, now: datetime) -> dict[str, Any]:
    return {
        "call_id": call.call_id,
        "request_key": call.request.key,
        "purpose": call.request.purpose,
        "day": now.date(),
        "status": CallStatus.SENT.value,
        "model": call.model,
        "api": call.api.value,
        "sends": sends,
        "tokens_reserved": call.reserved.tokens,
        "cost_reserved": call.reserved.cost,
        "run_id": call.run_id,
        "sent_at": now,
    }


def _spent(connection: Connection, day: date) -> SpentToday:
    columns = _TABLE.c
    row = connection.execute(
        select(
            func.count().label("calls"),
            func.sum(columns.input_tokens).label("given"),
            func.sum(columns.output_tokens).label("written"),
            func.sum(columns.tokens_reserved).label("reserved"),
            func.sum(columns.cost).label("cost"),
            func.sum(columns.cost_reserved).label("cost_reserved"),
        ).where(columns.day == day)
    ).one()
    return SpentToday(
        row.calls,
        sum(int(tokens or 0) for tokens in (row.given, row.written, row.reserved)),
        (row.cost or Decimal(0)) + (row.cost_reserved or Decimal(0)),
    )
