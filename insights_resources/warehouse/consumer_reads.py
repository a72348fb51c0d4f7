"""Reads for consumers: bounded in time, and from the read replica where that is as good.

A replica lags. It is read only when the view of it that the read will have holds every build that
the primary had published before: then it gives what the primary would, or later. Else, and whenever
the replica is in trouble, the primary answers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, and_, func, or_, select, text, union_all
from sqlalchemy.exc import DBAPIError

from insights_resources.errors import ReadTimeoutError, WarehouseUnreachableError
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse

_log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

#: How many of the last builds of each table the replica must have. Commits reach it in their order:
#: only as many builds of one table in the very act of committing could hide an older one.
_BUILDS_OF_A_TABLE = 20
#: PostgreSQL's SQLSTATE for a statement that took too long.
_CANCELED = "57014"


def read_for_consumers(
    warehouse: Warehouse, facts: Collection[Table], work: Callable[[Connection], Answer]
) -> Answer:
    """What ``work`` reads in one consistent view, no older than the last commit of these versioned
    facts before the call.

    ``work`` reads nothing else that must not be old, and may be called twice: when the replica
    fails in the middle, once more on the primary. Raises ``ReadTimeoutError`` when a statement
    takes longer than the warehouse's ``read_seconds``.
    """
    replica = warehouse.replica
    if replica is not None and facts and not replica.is_resting:
        published = _last_published(warehouse, facts)
        try:
            with replica.read() as connection:
                _bound(warehouse, connection)
                if _has(connection, published):
                    return work(connection)
        except WarehouseUnreachableError as error:
            replica.rest()
            _log.warning("read from the primary: %s", error)
        except Exception as error:
            if not _is_operational(error):
                raise
            _raise_timeout(warehouse, error)
            replica.rest()
            _log.warning("the replica failed, read from the primary: %s", error)
    with warehouse.read() as connection:
        _bound(warehouse, connection)
        try:
            return work(connection)
        except Exception as error:
            _raise_timeout(warehouse, error)
            raise


def _last_published(warehouse: Warehouse, facts: Collection[Table]) -> list[tuple[int, datetime]]:
    """Number and time of the last builds of each table: another database has others."""
    builds = tables.builds
    of_each = [
        select(builds.c.build_id, builds.c.published_at)
        .where(builds.c.table_name == table.name, builds.c.status == "published")
        .order_by(builds.c.published_at.desc())
        .limit(_BUILDS_OF_A_TABLE)
        .subquery()
        for table in facts
    ]
    query = union_all(*(select(some.c.build_id, some.c.published_at) for some in of_each))
    with warehouse.read() as connection:
        _bound(warehouse, connection)
        return [(row[0], row[1]) for row in connection.execute(query)]


def _has(connection: Connection, published: list[tuple[int, datetime]]) -> bool:
    """Whether these builds are published in what this connection sees."""
    if not published:
        return True
    builds = tables.builds
    query = select(func.count()).where(
        or_(
            *(
                and_(builds.c.build_id == number, builds.c.published_at == moment)
                for number, moment in published
            )
        )
    )
    return connection.scalar(query) == len(published)


def _bound(warehouse: Warehouse, connection: Connection) -> None:
    if warehouse.is_postgres:
        milliseconds = round(warehouse.read_seconds * 1000)
        # Of this transaction alone: the next one of the connection may be somebody else's.
        connection.execute(text(f"SET LOCAL statement_timeout = {milliseconds:d}"))


def _is_operational(error: Exception) -> bool:
    """Whether it is the server's or the connection's trouble, not the statement's."""
    from psycopg import OperationalError

    return isinstance(_driver_error(error), OperationalError)


def _driver_error(error: Exception) -> Any:
    # COPY bypasses SQLAlchemy, which wraps what other statements raise.
    return error.orig if isinstance(error, DBAPIError) else error


def _raise_timeout(warehouse: Warehouse, error: Exception) -> None:
    if getattr(_driver_error(error), "sqlstate", None) == _CANCELED:
        raise ReadTimeoutError(
            f"a read of the warehouse took longer than {warehouse.read_seconds:g} seconds: ask "
            f"for less, or raise INSIGHTS_READ_SECONDS"
        ) from error
