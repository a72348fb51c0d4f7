"""What the changes of one transaction of a capture write: a statement for each table.

Fifty workers change a row each, a few milliseconds apart. What each change costs is the way to the
database and back, so that they are held back to the end of their transaction and go together. Of a
request that changes twice within it, only what it is at last is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, bindparam, update
from sqlalchemy.dialects import postgresql, sqlite

from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse

_REQUESTS, _PAGES = tables.page_requests, tables.raw_pages


@dataclass
class RequestRow:
    """A row of ``ops_page_requests``, as whoever holds it knows it: all that may change of it."""

    request_id: int
    owner: str
    run_id: str | None
    status: str = "pending"
    reason: str | None = None
    provider: str | None = None
    batch_id: str | None = None
    sends: int = 0
    credits: Decimal = Decimal(0)
    credits_reserved: Decimal = Decimal(0)
    sent_at: datetime | None = None
    finished_at: datetime | None = None
    page_id: str | None = None
    etag: str | None = None
    last_modified: str | None = None

    @classmethod
    def of(cls, row: Row[Any], owner: str, run_id: str | None) -> RequestRow:
        """The row as it was read, with its next owner."""
        kept = {name: getattr(row, name) for name in _CHANGING}
        return cls(row.request_id, **kept | {"owner": owner, "run_id": run_id})


_CHANGING = tuple(field.name for field in fields(RequestRow) if field.name != "request_id")
_WRITE_REQUEST = (
    update(_REQUESTS)
    .where(_REQUESTS.c.request_id == bindparam("changed"))
    .values({name: bindparam(name) for name in _CHANGING})
)
_WRITE_PAGE = {
    # RETURNING and not the count of rows, which PostgreSQL's driver does not give here.
    is_postgres: insert(_PAGES).on_conflict_do_nothing().returning(_PAGES.c.page_id)
    for is_postgres, insert in ((True, postgresql.insert), (False, sqlite.insert))
}


class CaptureWrites:
    """What one transaction writes, when it ends or by ``flush``."""

    def __init__(self, connection: Connection, *, is_postgres: bool) -> None:
        self.connection = connection
        #: Ids of the pages that were not there before; complete when the transaction has ended.
        self.new_pages: set[str] = set()
        self._is_postgres = is_postgres
        self._requests: dict[int, RequestRow] = {}
        self._pages: list[Mapping[str, Any]] = []

    def request(self, row: RequestRow) -> None:
        """Writes what the request is at the end."""
        self._requests[row.request_id] = row

    def page(self, row: Mapping[str, Any]) -> None:
        """Writes a row of ``fact_raw_pages``, unless the page is there already."""
        self._pages.append(row)

    def flush(self) -> None:
        """Writes what there is so far."""
        if self._pages:
            statement = _WRITE_PAGE[self._is_postgres]
            self.new_pages |= set(self.connection.scalars(statement, self._pages))
            self._pages = []
        if self._requests:
            self.connection.execute(
                _WRITE_REQUEST,
                [
                    {"changed": row.request_id} | {name: getattr(row, name) for name in _CHANGING}
                    for row in self._requests.values()
                ],
            )
            self._requests = {}


@contextmanager
def capture_writes(warehouse: Warehouse) -> Iterator[CaptureWrites]:
    """A transaction; see ``Warehouse.begin``."""
    with warehouse.begin() as connection:
        writes = CaptureWrites(connection, is_postgres=warehouse.is_postgres)
        yield writes
        writes.flush()
