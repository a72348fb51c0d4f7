"""The queue of requests to capture products at once: ``ops_tracking_requests``.

A request is *pending* until a run takes it, which makes it *running*; then it is *done*, or pending
again after a pause that grows, or *failed* with the reason. Every change names the status that it
ends: two cannot take the same request, nor end it twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import insert, select, tuple_, update

from insights_resources.marketplaces import ProductKey
from insights_resources.page_providers.protocol import Verdict
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse

#: A request that was tried so often is given up: with the pauses, after an hour and a half.
MOST_TRIES = 5
_FIRST_PAUSE = timedelta(minutes=1)
_PAUSE_GROWS = 4

#: Pages that say nothing of the product: another try may bring it.
_WITHOUT_ANSWER = (Verdict.BLOCKED, Verdict.ERROR)


@dataclass(frozen=True)
class TrackingRequest:
    """A request that is pending or running. ``key`` is as it was asked for: SQL may say anything.
    ``is_confirmation``: an alert wants a second capture."""

    request_id: int
    key: ProductKey
    requested_by: str
    status: Literal["pending", "running"]
    tries: int
    is_confirmation: bool
    run_key: str | None
    started_at: datetime | None
    next_try_at: datetime | None


@dataclass(frozen=True)
class FailedTry:
    """Why a try failed; ``is_final``: another one would, too."""

    reason: str
    is_final: bool = False


def add_requests(
    warehouse: Warehouse, keys: Iterable[ProductKey], *, requested_by: str, run_key: str
) -> None:
    """Adds requests that the run of this key serves from now on."""
    now = datetime.now(UTC)
    with warehouse.begin() as connection:
        connection.execute(
            insert(tables.tracking_requests),
            [
                {
                    "marketplace": key.marketplace,
                    "asin": key.asin,
                    "requested_at": now,
                    "requested_by": requested_by,
                    "status": "running",
                    "tries": 1,
                    "started_at": now,
                    "run_key": run_key,
                }
                for key in keys
            ],
        )


def open_requests(warehouse: Warehouse) -> list[TrackingRequest]:
    """Those that are pending or running: what people want first, each in the order of asking."""
    table = tables.tracking_requests
    with warehouse.read() as connection:
        rows = connection.execute(
            select(table)
            # As the index says it.
            .where(table.c.status.in_(["pending", "running"]))
            .order_by(table.c.confirms_capture_at.is_not(None), table.c.request_id)
        ).all()
    return [
        TrackingRequest(
            row.request_id,
            ProductKey(row.marketplace, row.asin),
            row.requested_by,
            row.status,
            row.tries,
            row.confirms_capture_at is not None,
            row.run_key,
            row.started_at,
            row.next_try_at,
        )
        for row in rows
    ]


def take_requests(
    warehouse: Warehouse, keys_by_id: Mapping[int, ProductKey], *, run_key: str
) -> None:
    """Makes pending requests running, under the key of the run that is to serve them; each gets
    its product's key as it is written."""
    table = tables.tracking_requests
    now = datetime.now(UTC)
    with warehouse.begin() as connection:
        for request_id, key in keys_by_id.items():
            connection.execute(
                update(table)
                .where(table.c.request_id == request_id, table.c.status == "pending")
                .values(
                    marketplace=key.marketplace,
                    asin=key.asin,
                    status="running",
                    tries=table.c.tries + 1,
                    started_at=now,
                    next_try_at=None,
                    run_key=run_key,
                )
            )


def refuse_requests(warehouse: Warehouse, reasons: Mapping[int, str]) -> None:
    """Ends pending requests, by their id, that no run can serve."""
    table = tables.tracking_requests
    with warehouse.begin() as connection:
        for request_id, reason in reasons.items():
            connection.execute(
                update(table)
                .where(table.c.request_id == request_id, table.c.status == "pending")
                .values(status="failed", error=reason, finished_at=datetime.now(UTC))
            )


def finish_requests(
    warehouse: Warehouse,
    run_key: str,
    failed: Mapping[ProductKey, FailedTry],
    *,
    run_id: str | None,
) -> None:
    """Ends the tries of a run's requests: done, but for the products that failed."""
    table = tables.tracking_requests
    now = datetime.now(UTC)
    with warehouse.begin() as connection:
        running = (table.c.run_key == run_key, table.c.status == "running")
        for row in connection.execute(select(table).where(*running)).all():
            failure = failed.get(ProductKey(row.marketplace, row.asin))
            connection.execute(
                update(table)
                .where(table.c.request_id == row.request_id, *running)
                .values(run_id=run_id, **values_after_try(row.tries, failure, now))
            )


def values_after_try(tries: int, failure: FailedTry | None, now: datetime) -> dict[str, Any]:
    """What a request says after so many tries, the last of which failed or (None) did not."""
    if failure is None:
        return {"status": "done", "error": None, "finished_at": now}
    if failure.is_final:
        return {"status": "failed", "error": failure.reason, "finished_at": now}
    if tries >= MOST_TRIES:
        reason = f"given up after {tries} tries: {failure.reason}"
        return {"status": "failed", "error": reason, "finished_at": now}
    pause = _FIRST_PAUSE * _PAUSE_GROWS ** (tries - 1)
    return {"status": "pending", "error": failure.reason, "next_try_at": now + pause}


def products_without_answer(
    warehouse: Warehouse, keys: Collection[ProductKey], *, run_id: str, day: date
) -> dict[ProductKey, FailedTry]:
    """The products of which a run that succeeded brought no page that says anything.

    A page of the day that was there already is an answer where the run brought none: it is the
    same page. A missing page and another product's are answers too.
    """
    pages = tables.raw_pages
    of_run: dict[ProductKey, list[Any]] = {}
    known = set()
    with warehouse.read() as connection:
        for row in connection.execute(
            select(pages).where(
                # A run that began just before midnight captures after it.
                pages.c.day.between(day, day + timedelta(days=1)),
                tuple_(pages.c.marketplace, pages.c.asin).in_(list(keys)),
            )
        ):
            key = ProductKey(row.marketplace, row.asin)
            known.add(key)
            if row.run_id == run_id:
                of_run.setdefault(key, []).append(row)
    failed = {}
    for key in keys:
        if key not in known:
            failed[key] = FailedTry("no page came")
        elif key in of_run and all(row.verdict in _WITHOUT_ANSWER for row in of_run[key]):
            last = max(of_run[key], key=lambda row: row.captured_at)
            failed[key] = FailedTry(
                f"the page says nothing ({last.verdict}): {last.verdict_reason}"
            )
    return failed
