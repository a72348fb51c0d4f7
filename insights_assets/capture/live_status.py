"""How the captures of live pages stand: in a run's metadata, and in ``insights status``."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select

from insights_assets.capture.page_requests import OPEN
from insights_resources.errors import ProviderError
from insights_resources.page_providers.protocol import LivePageProvider, ProviderStatus
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse

#: Reasons that are told.
_TOLD = 3


@dataclass(frozen=True)
class LiveDay:
    """The requests of a UTC day: how many of each status, why those are open that are, and what
    was spent or may have been."""

    statuses: Counter[str]
    reasons: Counter[str]
    credits: Decimal


def live_day(warehouse: Warehouse, day: date) -> LiveDay:
    """How the day's requests stand."""
    table = tables.page_requests
    with warehouse.read() as connection:
        rows = connection.execute(
            select(
                table.c.status,
                table.c.reason,
                func.count().label("requests"),
                func.sum(table.c.credits + table.c.credits_reserved).label("credits"),
            )
            .where(table.c.day == day)
            .group_by(table.c.status, table.c.reason)
        ).all()
    statuses, reasons, credits = Counter[str](), Counter[str](), Decimal(0)
    for row in rows:
        statuses[row.status] += row.requests
        credits += row.credits
        if row.status in OPEN:
            reasons[row.reason or "it was not sent"] += row.requests
    return LiveDay(statuses, reasons, credits)


def provider_status(provider: LivePageProvider) -> ProviderStatus | str | None:
    """What the provider says of its credits and queue; a text: why it does not."""
    try:
        return asyncio.run(provider.status())
    except ProviderError as error:
        return str(error)


def status_metadata(provider: LivePageProvider) -> dict[str, Any]:
    """The same as a run's metadata."""
    status = provider_status(provider)
    if status is None:
        return {}
    if isinstance(status, str):
        return {"provider_status": f"not known: {status}"}
    known = {
        "credits_left": None if status.remaining_credits is None else int(status.remaining_credits),
        "credits_of_plan": None if status.plan_credits is None else int(status.plan_credits),
        "jobs_in_queue": status.jobs_in_queue,
    }
    return {name: value for name, value in known.items() if value is not None}


def status_lines(
    warehouse: Warehouse, provider: LivePageProvider, day: date, credits_a_day: int | None
) -> Iterator[str]:
    """What a person is told of the day."""
    today = live_day(warehouse, day)
    counts = ", ".join(f"{count:,} {status}" for status, count in sorted(today.statuses.items()))
    limit = f" of {credits_a_day:,}" if credits_a_day is not None else ""
    credits = f"{today.credits.normalize():f}{limit}"
    yield f"live pages of {day}: {counts or 'none wanted yet'}; credits: {credits}"
    for reason, count in today.reasons.most_common(_TOLD):
        yield f"  {count:,} without a page yet: {reason}"
    status = provider_status(provider)
    if isinstance(status, str):
        yield f"{provider.name}: {status}"
    elif status is not None:
        said = [
            said.format(value)
            for said, value in (
                ("{:,} credits left", status.remaining_credits),
                ("of {:,}", status.plan_credits),
                ("jobs that wait: {:,}", status.jobs_in_queue),
                ("pages at once: {:,}", status.max_concurrency),
            )
            if value is not None
        ]
        yield f"{provider.name}: {', '.join(said) or 'it says nothing of credits'}"
