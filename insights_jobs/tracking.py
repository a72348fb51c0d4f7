"""Tracks products on demand: the requests of ``ops_tracking_requests`` and the runs for them.

``insights track`` serves its own requests in its process. All others (an insert by SQL, an alert
that wants a second capture) wait for the sensor, which calls ``settle_requests`` and
``plan_request_runs`` with every tick.
"""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from dagster import (
    DagsterEventType,
    DagsterInstance,
    DagsterRunStatus,
    Definitions,
    RunRecord,
    RunsFilter,
)
from rich.console import Console
from sqlalchemy import and_, or_, select, tuple_

from insights_assets.capture.tracking_requests import (
    FailedTry,
    TrackingRequest,
    add_requests,
    finish_requests,
    open_requests,
    products_without_answer,
    refuse_requests,
    take_requests,
)
from insights_assets.catalog.catalog_file import TrackedProduct
from insights_assets.catalog.sync import active_products, track_additional_products
from insights_assets.published_asset import PERMANENT
from insights_jobs.jobs import FIRST_DAY_TAG, TRACKING_TAG, on_demand, on_demand_config
from insights_jobs.runs import RunFailedError, StepProgress, failure_message, run_job
from insights_resources.errors import InvalidInputError
from insights_resources.marketplaces import ProductKey, product_key
from insights_resources.page_providers.protocol import PageProvider
from insights_resources.scope import today_utc
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import is_current

#: Runs of requests under way at once; what is more waits, and leaves the slots to others.
MOST_RUNS = 2
PRODUCTS_OF_A_RUN = 50
#: A tick that broke off may have taken requests and launched no run for them.
_UNTIL_A_RUN_IS_THERE = timedelta(minutes=2)
#: A process that was killed cannot say that its run has ended.
_LONGEST_RUN = timedelta(hours=1)

#: What ``insights status`` tells of failures.
_SHOWN_FOR, _SHOWN_REASONS = timedelta(days=1), 10

#: Who may own a product that a request adds; all else came by SQL.
_OWNERS = ("cli", "api")


def track_products(
    definitions: Definitions,
    warehouse: Warehouse,
    keys: Sequence[ProductKey],
    *,
    requested_by: str,
    even_if_fresh: bool = False,
    on_progress: Callable[[StepProgress], None] = lambda progress: None,
) -> str:
    """Adds the products to the catalog, captures them and rebuilds what follows; the run's id.
    A live page of today that is young enough does for it, unless ``even_if_fresh``.

    Whoever asked sees what failed: no other try follows. Should this process be killed, the sensor
    finds its requests and takes them over.
    """
    track_additional_products(warehouse, requested_by, [TrackedProduct(key) for key in keys])
    run_key = new_run_key()
    add_requests(warehouse, keys, requested_by=requested_by, run_key=run_key)
    today = today_utc()
    try:
        finished = run_job(
            definitions,
            on_demand.name,
            first_day=today,
            last_day=today,
            run_config=on_demand_config(keys, even_if_fresh=even_if_fresh),
            tags=request_tags(run_key),
            on_progress=on_progress,
        )
    except BaseException as error:
        run_id = error.run_id if isinstance(error, RunFailedError) else None
        failure = FailedTry(str(error) or f"broke off ({type(error).__name__})", is_final=True)
        finish_requests(warehouse, run_key, dict.fromkeys(keys, failure), run_id=run_id)
        raise
    failed = {
        key: replace(failure, is_final=True)
        for key, failure in products_without_answer(
            warehouse, keys, run_id=finished.run_id, day=today
        ).items()
    }
    finish_requests(warehouse, run_key, failed, run_id=finished.run_id)
    return finished.run_id


def new_run_key() -> str:
    return uuid.uuid4().hex


def request_tags(run_key: str) -> dict[str, str]:
    """Tags of the run that serves the requests of this key. Dagster does not start it again when
    its process dies: the requests have tries of their own."""
    return {TRACKING_TAG: run_key, "dagster/max_retries": "0"}


def settle_requests(warehouse: Warehouse, instance: DagsterInstance) -> None:
    """Ends the tries whose runs have ended, and those of which no end will be heard."""
    by_run: dict[str | None, list[TrackingRequest]] = defaultdict(list)
    for request in open_requests(warehouse):
        if request.status == "running":
            by_run[request.run_key].append(request)
    now = datetime.now(UTC)
    for run_key, requests in by_run.items():
        if run_key is None:
            continue  # somebody wrote it so
        filters = RunsFilter(tags={TRACKING_TAG: run_key})
        record = next(iter(instance.get_run_records(filters, limit=1)), None)
        failed = _failed_tries(warehouse, instance, requests, record, now)
        if failed is not None:
            run_id = None if record is None else record.dagster_run.run_id
            finish_requests(warehouse, run_key, failed, run_id=run_id)


def _failed_tries(
    warehouse: Warehouse,
    instance: DagsterInstance,
    requests: Sequence[TrackingRequest],
    record: RunRecord | None,
    now: datetime,
) -> Mapping[ProductKey, FailedTry] | None:
    """Of which products the run's try failed; None: it is under way."""
    keys = {request.key for request in requests}
    taken_at = max(request.started_at or now for request in requests)
    if record is None:
        if now - taken_at < _UNTIL_A_RUN_IS_THERE:
            return None
        return dict.fromkeys(keys, FailedTry("no run came of it"))
    run = record.dagster_run
    if run.is_success:
        day = date.fromisoformat(run.tags[FIRST_DAY_TAG])
        return products_without_answer(warehouse, keys, run_id=run.run_id, day=day)
    if run.is_failure_or_canceled:
        return dict.fromkeys(keys, _failure_of(instance, record))
    began = (
        taken_at if record.start_time is None else datetime.fromtimestamp(record.start_time, UTC)
    )
    # A run may stand in the queue for as long as others take.
    if run.status == DagsterRunStatus.QUEUED or now - began < _LONGEST_RUN:
        return None
    hours = _LONGEST_RUN // timedelta(hours=1)
    return dict.fromkeys(keys, FailedTry(f"run {run.run_id} has not ended within {hours} h"))


def _failure_of(instance: DagsterInstance, record: RunRecord) -> FailedTry:
    """Why a run failed, by its first step that did."""
    run = record.dagster_run
    for entry in instance.all_logs(run.run_id, of_type=DagsterEventType.STEP_FAILURE):
        event = entry.get_dagster_event()
        asset = (entry.step_key or "").removeprefix("insights__").replace("__", "/")
        given = event.step_failure_data.user_failure_data
        permanent = None if given is None else given.metadata.get(PERMANENT)
        return FailedTry(
            f"{asset}: {failure_message(event)}",
            is_final=permanent is not None and permanent.value is True,
        )
    return FailedTry(f"run {run.run_id} was {run.status.value.lower()} before any of its steps")


@dataclass(frozen=True)
class RequestRun:
    """A run that is to serve requests: the products, each once, and the requests' key.
    ``even_if_fresh``: an alert wants a second capture."""

    run_key: str
    keys: tuple[ProductKey, ...]
    day: date
    even_if_fresh: bool


def plan_request_runs(
    warehouse: Warehouse, open_provider: Callable[[], PageProvider]
) -> list[RequestRun]:
    """Takes the requests whose time has come, as far as there is room, and says their runs.

    Products that nobody tracks yet are added to the catalog. A request that no run could serve
    ends with the reason.
    """
    now, today = datetime.now(UTC), today_utc()
    requests = open_requests(warehouse)
    under_way = {request.run_key for request in requests if request.status == "running"}
    due = [
        request
        for request in requests
        if request.status == "pending"
        and (request.next_try_at is None or request.next_try_at <= now)
    ]
    room = MOST_RUNS - len(under_way)
    if not due or room <= 0:
        return []
    provider = open_provider()
    if not provider.can_serve(today):
        reason = f"the page provider {provider.name!r} has no pages of today, {today}"
        refuse_requests(warehouse, {request.request_id: reason for request in due})
        return []
    keys, refused = keys_of_requests(due, frozenset(active_products(warehouse)))
    refuse_requests(warehouse, refused)
    runs = []
    for batch in batches(keys)[:room]:
        taken = {request_id: keys[request_id] for request_id in batch}
        _add_to_catalog(
            warehouse, [request for request in due if request.request_id in taken], taken
        )
        run = RequestRun(
            new_run_key(),
            tuple(dict.fromkeys(taken.values())),
            today,
            any(request.is_confirmation for request in due if request.request_id in taken),
        )
        take_requests(warehouse, taken, run_key=run.run_key)
        runs.append(run)
    return runs


def keys_of_requests(
    requests: Iterable[TrackingRequest], active: frozenset[ProductKey]
) -> tuple[dict[int, ProductKey], dict[int, str]]:
    """The product of each request by the request's id, in their order; and of those that cannot be
    served, why."""
    keys, refused = {}, {}
    for request in requests:
        try:
            key = product_key(*request.key)
        except InvalidInputError as error:
            refused[request.request_id] = str(error)
            continue
        if request.is_confirmation and key not in active:
            refused[request.request_id] = f"{key} is not tracked any more"
        else:
            keys[request.request_id] = key
    return keys, refused


def batches(keys: Mapping[int, ProductKey]) -> list[list[int]]:
    """The requests (by id, with their product) in runs of bounded size; all of a product's are in
    one."""
    by_product: dict[ProductKey, list[int]] = defaultdict(list)
    for request_id, key in keys.items():
        by_product[key].append(request_id)
    groups = list(by_product.values())
    return [
        [request_id for group in groups[start : start + PRODUCTS_OF_A_RUN] for request_id in group]
        for start in range(0, len(groups), PRODUCTS_OF_A_RUN)
    ]


def _add_to_catalog(
    warehouse: Warehouse, requests: Iterable[TrackingRequest], keys: Mapping[int, ProductKey]
) -> None:
    by_owner: dict[str, set[ProductKey]] = defaultdict(set)
    for request in requests:
        if not request.is_confirmation:
            owner = request.requested_by if request.requested_by in _OWNERS else "sql"
            by_owner[owner].add(keys[request.request_id])
    for owner, wanted in by_owner.items():
        track_additional_products(warehouse, owner, map(TrackedProduct, sorted(wanted)))


def print_requests(console: Console, warehouse: Warehouse) -> None:
    """The open requests, those of a day that failed, and why."""
    table = tables.tracking_requests
    now = datetime.now(UTC)
    with warehouse.read() as connection:
        rows = connection.execute(
            select(table)
            .where(
                or_(
                    table.c.status.in_(["pending", "running"]),
                    and_(table.c.status == "failed", table.c.finished_at >= now - _SHOWN_FOR),
                )
            )
            .order_by(table.c.request_id)
        ).all()
    counts = Counter(row.status for row in rows)
    said = [f"{counts[status]} {status}" for status in ("pending", "running") if counts[status]]
    if counts["failed"]:
        said.append(f"{counts['failed']} failed within a day")
    lines = ["tracking requests: " + (", ".join(said) or "none open")]
    # The newest of them: there may be very many.
    with_reason = [row for row in rows if row.error is not None]
    for row in with_reason[-_SHOWN_REASONS:]:
        again = f", again at {row.next_try_at:%H:%M} UTC" if row.status == "pending" else ""
        lines.append(f"  {row.marketplace}/{row.asin} ({row.status}{again}): {row.error}")
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def print_tracked(console: Console, warehouse: Warehouse, keys: Sequence[ProductKey]) -> None:
    """What is now known of each product: its summary, or why its last page gave none."""
    summaries, rejections = tables.product_summaries, tables.rejected_pages
    with warehouse.begin() as connection:
        known = {
            ProductKey(row.marketplace, row.asin): row
            for row in connection.execute(
                select(summaries).where(
                    is_current(summaries),
                    tuple_(summaries.c.marketplace, summaries.c.asin).in_(keys),
                )
            )
        }
        refused = {
            ProductKey(row.marketplace, row.asin): row.reason
            for row in connection.execute(
                select(rejections)
                .where(
                    is_current(rejections),
                    tuple_(rejections.c.marketplace, rejections.c.asin).in_(keys),
                )
                .order_by(rejections.c.captured_at)
            )
        }
    for key in keys:
        row = known.get(key)
        if row is None or row.title is None:
            console.print(
                f"{key}: no snapshot; {refused.get(key, 'no page came')}",
                style="yellow",
                highlight=False,
                markup=False,
                soft_wrap=True,
            )
            continue
        price = (
            f"{row.price} {row.currency}"
            if row.price is not None
            else f"no price ({row.price_missing_reason})"
        )
        hours = (datetime.now(UTC) - row.last_captured_at) / timedelta(hours=1)
        age = "captured within the hour" if hours < 1 else f"captured {hours:.0f} h ago"
        if hours > tables.FRESH_HOURS:
            age = f"STALE, {age}"
        rating = f"{row.rating} of 5 ({row.rating_count} ratings)" if row.rating else "no rating"
        console.print(
            f"{key}: {row.title[:70]} | {price} | {rating} | {row.availability} | {age}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
