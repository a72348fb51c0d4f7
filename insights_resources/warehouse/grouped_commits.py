"""Many small changes of tasks that run at once, in few transactions.

A commit costs a write to disk, whatever is in it. Changes that come while a transaction is under
way share the next one; each caller waits until its own is committed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Generic, TypeVar

from sqlalchemy.exc import DBAPIError

from insights_resources.errors import WarehouseUnreachableError

Transaction = TypeVar("Transaction")
Result = TypeVar("Result")

#: Changes of one transaction at most.
_CHANGES_AT_ONCE = 200
#: How long a database that went away is waited for, and asked again, in seconds.
_PATIENCE, _PAUSE = 60.0, 0.5


class GroupedCommits(Generic[Transaction]):
    """Runs changes for the tasks of one event loop.

    A change may be made twice when the database goes away in the middle: it writes whole values,
    and rows that may be there already.
    """

    def __init__(
        self,
        begin: Callable[[], AbstractContextManager[Transaction]],
        patience: float = _PATIENCE,
        on_return: Callable[[], None] = lambda: None,
    ) -> None:
        """``begin``: a transaction, which each change is given. ``on_return``: called when the
        database has come back, before a change is made again."""
        self._begin, self._patience, self._on_return = begin, patience, on_return
        self._waiting: list[tuple[Callable[[Transaction], Any], asyncio.Future[Any]]] = []
        self._task: asyncio.Task[None] | None = None

    async def run(self, change: Callable[[Transaction], Result]) -> Result:
        """What the change gives, once it is committed.

        Raises what it raises, or what the commit does; the other changes of its transaction are
        then not made either, and raise the same.
        """
        return await self.submit(change)

    def submit(self, change: Callable[[Transaction], Result]) -> asyncio.Future[Result]:
        """The same, to be awaited later: it is committed before, or with, whatever is submitted
        after it."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((change, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._commit_what_waits())
        return future

    async def _commit_what_waits(self) -> None:
        while self._waiting:
            group = self._waiting[:_CHANGES_AT_ONCE]
            del self._waiting[:_CHANGES_AT_ONCE]
            changes = [change for change, _ in group]
            try:
                results = await asyncio.to_thread(self._commit, changes)
            except BaseException as error:  # noqa: BLE001 - told to each of those who wait
                for _, future in group:
                    if not future.done():
                        future.set_exception(error)
            else:
                for (_, future), result in zip(group, results, strict=True):
                    if not future.done():
                        future.set_result(result)

    def _commit(self, changes: Sequence[Callable[[Transaction], Any]]) -> list[Any]:
        """All of them in one transaction."""

        def commit() -> list[Any]:
            with self._begin() as transaction:
                return [change(transaction) for change in changes]

        return self.patiently(commit)

    def patiently(self, work: Callable[[], Result]) -> Result:
        """What the work gives; done again when the database went away and came back."""
        give_up_at = time.monotonic() + self._patience
        is_gone = False
        while True:
            try:
                if is_gone:
                    self._on_return()
                return work()
            except (WarehouseUnreachableError, DBAPIError) as error:
                is_gone = isinstance(error, WarehouseUnreachableError) or (
                    error.connection_invalidated
                )
                if not is_gone or time.monotonic() > give_up_at:
                    raise
                time.sleep(_PAUSE)
