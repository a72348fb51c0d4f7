"""The pages that are wanted of a provider of live pages: ``ops_page_requests``.

A request is *pending* until it is sent, then *sent*; a page of its product makes it *captured*, a
failure pending again, with the reason, for a later window. One whose outcome is not known is
*unknown*: it may have been served and billed, so that only a later window sends it again. What is
open when its day ends is *missed*: a page of yesterday cannot be fetched today.

A capture *claims* the requests of its products: no other one sends them while it is alive. What
it held is anybody's when it has died: a request that was sent then counts as unknown, and a batch
is taken up where it is, for it is paid.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, and_, func, insert, or_, select, text, update

from insights_assets.capture.capture_writes import CaptureWrites, RequestRow, capture_writes
from insights_resources.errors import ArchiveError, BudgetExhaustedError
from insights_resources.marketplaces import ProductKey
from insights_resources.page_archive import PageArchive
from insights_resources.page_providers.page_requests import (
    NO_LIMITS,
    CaptureBudget,
    KnownPage,
    SentBatch,
)
from insights_resources.page_providers.protocol import CapturedPage, PageTarget, Verdict
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.grouped_commits import GroupedCommits

_TABLE = tables.page_requests
#: A page of its product is still wanted.
OPEN = ("pending", "sent", "unknown")
#: Pages that answer the request, even when they say that there is no such product.
ANSWERS = (Verdict.PRODUCT, Verdict.NOT_FOUND, Verdict.OTHER)
#: Products of one statement: below every engine's limit of parameters.
_PRODUCTS_AT_ONCE = 10_000


@dataclass
class _Request:
    """A request that this capture holds."""

    row: RequestRow
    #: Of the day's requests of the product that have ended.
    earlier_sends: int = 0
    #: Its page is about to be committed, or could not be stored.
    is_settled: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True)
class ClaimedRequests:
    """``held_by_others``: products that another capture is about to bring."""

    targets: tuple[PageTarget, ...]
    held_by_others: tuple[ProductKey, ...]


class WarehousePageRequests:
    """The requests of one capture, on one UTC day. Made by ``claimed_requests``."""

    def __init__(
        self,
        warehouse: Warehouse,
        day: date,
        owner: str,
        requests: dict[ProductKey, _Request],
        claimed: ClaimedRequests,
        budget: CaptureBudget,
        archive: PageArchive | None,
        hold: Callable[[], None],
    ) -> None:
        self.claimed = claimed
        self.commits = GroupedCommits(lambda: capture_writes(warehouse), on_return=hold)
        #: Credits of this capture, those of requests under way included.
        self.credits_of_run = Decimal(0)
        self._warehouse, self._day, self._owner = warehouse, day, owner
        self._requests, self._budget, self._archive = requests, budget, archive
        self._stopped: str | None = None
        #: What the day has cost, as the transaction knows it that asked last.
        self._day_seen: tuple[Connection | None, Decimal] = (None, Decimal(0))

    def stop(self, reason: str) -> None:
        """Lets nothing more be sent: what comes could not be kept."""
        self._stopped = reason

    async def sending(
        self, provider: str, targets: Sequence[PageTarget], credits_each: Decimal
    ) -> None:
        """See ``PageRequests``. All of them or none."""
        if self._stopped is not None:
            raise BudgetExhaustedError(self._stopped)
        sends = {target.key: self._requests[target.key].row.sends + 1 for target in targets}
        now = datetime.now(UTC)

        def note(writes: CaptureWrites) -> BudgetExhaustedError | None:
            refused = self._refusal(writes, sends, credits_each)
            if refused is None:
                for key, times in sends.items():
                    request = self._requests[key]
                    request.is_settled.clear()
                    row = request.row
                    self._charge(row, row.credits, credits_each)
                    row.status, row.provider, row.sends, row.sent_at = "sent", provider, times, now
                    writes.request(row)
            elif refused.is_of_product and len(sends) == 1:
                (key,) = sends
                row = self._requests[key].row
                row.reason = str(refused)
                writes.request(row)
            return refused

        refused = await self.commits.run(note)
        if refused is not None:
            raise refused

    async def sent_as_batch(self, targets: Sequence[PageTarget], batch_id: str) -> None:
        """See ``PageRequests``."""

        def note(writes: CaptureWrites) -> None:
            for target in targets:
                row = self._requests[target.key].row
                row.batch_id = batch_id
                writes.request(row)

        await self.commits.run(note)

    async def kept(self, target: PageTarget) -> None:
        """See ``PageRequests``."""
        await self._requests[target.key].is_settled.wait()

    def settle(self, target: PageTarget) -> None:
        """Says that the target's page is about to be committed, or cannot be stored."""
        self._requests[target.key].is_settled.set()

    async def sent_batches(self, provider: str) -> list[SentBatch]:
        """See ``PageRequests``."""
        by_batch: dict[str, list[PageTarget]] = {}
        for target in self.claimed.targets:
            row = self._requests[target.key].row
            if row.batch_id is not None and row.provider == provider:
                by_batch.setdefault(row.batch_id, []).append(target)
        return [SentBatch(batch_id, tuple(some)) for batch_id, some in by_batch.items()]

    async def known_page(self, provider: str, target: PageTarget) -> KnownPage | None:
        """See ``PageRequests``."""
        return await asyncio.to_thread(self._known_page, provider, target.key)

    def _known_page(self, provider: str, key: ProductKey) -> KnownPage | None:
        if self._archive is None:
            return None
        pages = tables.raw_pages
        with self._warehouse.read() as connection:
            row = connection.execute(
                select(_TABLE.c.etag, _TABLE.c.last_modified, pages.c.content_hash)
                .join(pages, and_(pages.c.page_id == _TABLE.c.page_id, pages.c.day == _TABLE.c.day))
                .where(
                    _TABLE.c.marketplace == key.marketplace,
                    _TABLE.c.asin == key.asin,
                    _TABLE.c.provider == provider,
                    _TABLE.c.status == "captured",
                    pages.c.verdict == Verdict.PRODUCT.value,
                    or_(_TABLE.c.etag.is_not(None), _TABLE.c.last_modified.is_not(None)),
                )
                .order_by(_TABLE.c.request_id.desc())
                .limit(1)
            ).first()
        if row is None:
            return None
        try:
            return KnownPage(self._archive.get(row.content_hash), row.etag, row.last_modified)
        except ArchiveError:
            return None  # gone by retention, or damaged: the page is fetched as a whole

    async def store(self, page: CapturedPage, page_row: Mapping[str, Any]) -> bool:
        """Writes the page's row and what came of its request, together; whether the page is new."""
        row, page_id = self._requests[page.target.key].row, page_row["page_id"]
        credits = row.credits + page.cost
        is_answered = page.verdict in ANSWERS
        now = datetime.now(UTC)

        def note(writes: CaptureWrites) -> set[str]:
            writes.page(page_row)
            row.reason, row.page_id = page.reason, page_id
            if page.is_outcome_known:
                self._charge(row, credits, Decimal(0))
                row.status, row.batch_id = "captured" if is_answered else "pending", None
                row.finished_at = now if is_answered else None
                row.etag, row.last_modified = page.etag, page.last_modified
            else:
                # What was reserved stays so: it may have been billed.
                row.status = "unknown"
            writes.request(row)
            return writes.new_pages

        committed = self.commits.submit(note)
        # Its worker may go on: what it notes next is committed after this, or with it.
        self.settle(page.target)
        return page_id in await committed

    def give_up(self, reason: str) -> None:
        """Notes why what was not sent was not."""
        with self._warehouse.begin() as connection:
            connection.execute(
                update(_TABLE)
                .where(
                    _TABLE.c.owner == self._owner,
                    _TABLE.c.status == "pending",
                    _TABLE.c.reason.is_(None),
                )
                .values(reason=reason)
            )

    def open_reasons(self) -> dict[ProductKey, str]:
        """Why each product that was claimed has no page of its own yet."""
        with self._warehouse.read() as connection:
            rows = connection.execute(
                select(_TABLE.c.marketplace, _TABLE.c.asin, _TABLE.c.reason).where(
                    _TABLE.c.owner == self._owner, _TABLE.c.status.in_(OPEN)
                )
            ).all()
        return {
            ProductKey(row.marketplace, row.asin): row.reason or "it was not sent" for row in rows
        }

    def _refusal(
        self, writes: CaptureWrites, sends: Mapping[ProductKey, int], credits_each: Decimal
    ) -> BudgetExhaustedError | None:
        budget, wanted = self._budget, credits_each * len(sends)
        most = budget.pages_a_product
        for key, times in sends.items():
            if most is not None and times + self._requests[key].earlier_sends > most:
                return BudgetExhaustedError(
                    f"{key} was sent for {most} times today, which is the limit of a product "
                    f"(INSIGHTS_PAGES_A_PRODUCT); again tomorrow (UTC)",
                    is_of_product=True,
                )
        if not wanted:
            return None
        most_of_run, most_of_day = budget.credits_a_run, budget.credits_a_day
        if most_of_run is not None and self.credits_of_run + wanted > most_of_run:
            return BudgetExhaustedError(
                f"{wanted} credits more would overrun the {most_of_run} of a run "
                f"(INSIGHTS_CREDITS_A_RUN; {self.credits_of_run} spent)"
            )
        if most_of_day is None:
            return None
        spent = self._spent_today(writes)
        if spent + wanted > most_of_day:
            return BudgetExhaustedError(
                f"{wanted} credits more would overrun the {most_of_day} of a day "
                f"(INSIGHTS_CREDITS_A_DAY; {spent} spent); again tomorrow (UTC)"
            )
        return None

    def _spent_today(self, writes: CaptureWrites) -> Decimal:
        connection = writes.connection
        seen, spent = self._day_seen
        if seen is not connection:
            writes.flush()
            # Others reserve at the same time: one after the other, to the end of the transaction.
            if self._warehouse.is_postgres:
                connection.execute(
                    text("SELECT pg_advisory_xact_lock(hashtextextended('insights/credits', 0))")
                )
            spent = connection.scalar(
                select(func.sum(_TABLE.c.credits + _TABLE.c.credits_reserved)).where(
                    _TABLE.c.day == self._day
                )
            ) or Decimal(0)
            self._day_seen = (connection, spent)
        return spent

    def _charge(self, row: RequestRow, credits: Decimal, reserved: Decimal) -> None:
        """What a request has cost, and may cost yet: whole values, so that twice is once."""
        change = credits + reserved - row.credits - row.credits_reserved
        self.credits_of_run += change
        self._day_seen = (self._day_seen[0], self._day_seen[1] + change)
        row.credits, row.credits_reserved = credits, reserved


@contextmanager
def claimed_requests(
    warehouse: Warehouse,
    targets: Sequence[PageTarget],
    *,
    budget: CaptureBudget = NO_LIMITS,
    archive: PageArchive | None = None,
    run_id: str | None = None,
) -> Iterator[WarehousePageRequests]:
    """The requests of these products, all of one day, held for the time of the block. ``archive``:
    of the pages that are known; None: none is."""
    owner = f"capture-{uuid4().hex}"
    day = targets[0].day if targets else datetime.now(UTC).date()
    with warehouse.held(owner) as hold:
        with capture_writes(warehouse) as writes:
            # SQLite's transactions are one after the other anyway.
            if warehouse.is_postgres:
                writes.connection.execute(
                    text("SELECT pg_advisory_xact_lock(hashtextextended('insights/claims', 0))")
                )
            _miss_past_days(writes.connection, day)
            requests, others = _claim(writes, warehouse, targets, owner, day, run_id)
        claimed = ClaimedRequests(
            tuple(target for target in targets if target.key in requests), tuple(others)
        )
        yield WarehousePageRequests(warehouse, day, owner, requests, claimed, budget, archive, hold)


def _miss_past_days(connection: Connection, day: date) -> None:
    connection.execute(
        update(_TABLE)
        .where(_TABLE.c.status.in_(OPEN), _TABLE.c.day < day)
        .values(
            status="missed",
            finished_at=datetime.now(UTC),
            credits=_TABLE.c.credits + _TABLE.c.credits_reserved,
            credits_reserved=Decimal(0),
            reason=func.coalesce(_TABLE.c.reason, "its day ended before it was sent"),
        )
    )


def _claim(
    writes: CaptureWrites,
    warehouse: Warehouse,
    targets: Sequence[PageTarget],
    owner: str,
    day: date,
    run_id: str | None,
) -> tuple[dict[ProductKey, _Request], list[ProductKey]]:
    connection = writes.connection
    wanted = {target.key for target in targets}
    earlier_sends = {
        ProductKey(row.marketplace, row.asin): int(row.sends)
        for row in connection.execute(
            select(_TABLE.c.marketplace, _TABLE.c.asin, func.sum(_TABLE.c.sends).label("sends"))
            .where(_TABLE.c.day == day, _TABLE.c.status.not_in(OPEN))
            .group_by(_TABLE.c.marketplace, _TABLE.c.asin)
        )
    }
    claimed: dict[ProductKey, _Request] = {}
    others: list[ProductKey] = []
    is_alive: dict[str, bool] = {}
    for row in connection.execute(select(_TABLE).where(_TABLE.c.status.in_(OPEN))).all():
        key = ProductKey(row.marketplace, row.asin)
        if key not in wanted:
            continue
        if row.owner is not None:
            if row.owner not in is_alive:
                is_alive[row.owner] = warehouse.is_held(row.owner)
            if is_alive[row.owner]:
                others.append(key)
                continue
        held = RequestRow.of(row, owner, run_id)
        if held.batch_id is None:
            # Sent by one that died, or unanswered: it may have been billed.
            held.status, held.reason = "pending", None
            held.credits += held.credits_reserved
            held.credits_reserved = Decimal(0)
        writes.request(held)
        claimed[key] = _Request(held)
    new = wanted - claimed.keys() - set(others)
    _add(connection, new, owner, day, run_id)
    if new:
        for row in connection.execute(
            select(_TABLE.c.request_id, _TABLE.c.marketplace, _TABLE.c.asin).where(
                _TABLE.c.owner == owner, _TABLE.c.status == "pending"
            )
        ):
            key = ProductKey(row.marketplace, row.asin)
            claimed.setdefault(key, _Request(RequestRow(row.request_id, owner, run_id)))
    for key, request in claimed.items():
        request.earlier_sends = earlier_sends.get(key, 0)
    return claimed, others


def _add(
    connection: Connection,
    keys: Iterable[ProductKey],
    owner: str,
    day: date,
    run_id: str | None,
) -> None:
    now = datetime.now(UTC)
    rows = [
        {
            "marketplace": key.marketplace,
            "asin": key.asin,
            "day": day,
            "status": "pending",
            "sends": 0,
            "credits": Decimal(0),
            "credits_reserved": Decimal(0),
            "owner": owner,
            "run_id": run_id,
            "requested_at": now,
        }
        for key in keys
    ]
    for start in range(0, len(rows), _PRODUCTS_AT_ONCE):
        connection.execute(insert(_TABLE), rows[start : start + _PRODUCTS_AT_ONCE])
