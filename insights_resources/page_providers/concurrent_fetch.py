"""Fetches targets with so many workers, and gives each page as it arrives.

What ends the provider's work for good (a budget, an open circuit, a refused key) stops the workers
from taking more targets; what was sent ends, its pages are given, and then it is raised.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

from insights_resources.errors import (
    BudgetExhaustedError,
    CircuitOpenError,
    ProviderAccessError,
    ProviderError,
)
from insights_resources.page_providers.protocol import CapturedPage, PageTarget

#: After these no further request is sent.
ENDS_IT = (BudgetExhaustedError, CircuitOpenError, ProviderAccessError)

Work = TypeVar("Work")


async def _at_once(target: PageTarget) -> None:
    """Nobody waits for pages to be stored."""


async def fetch_concurrently(
    work: Sequence[Work],
    fetch: Callable[[Work], AsyncIterator[CapturedPage]],
    workers: int,
    kept: Callable[[PageTarget], Awaitable[None]] = _at_once,
) -> AsyncIterator[CapturedPage]:
    """The pages of all the work, in the order of their arrival; each piece is one worker's.

    A page that nobody takes holds its worker back, and so does one that is not ``kept`` yet: each
    worker has one page at most that a crash would lose.
    """
    waiting = iter(work)
    pages: asyncio.Queue[CapturedPage | None] = asyncio.Queue(1)
    ended: list[ProviderError] = []

    async def run() -> None:
        try:
            for piece in waiting:
                if ended:
                    return
                try:
                    async for page in fetch(piece):
                        await pages.put(page)
                        await kept(page.target)
                except ENDS_IT as error:
                    if not (isinstance(error, BudgetExhaustedError) and error.is_of_product):
                        ended.append(error)
        finally:
            await pages.put(None)

    tasks = [asyncio.create_task(run()) for _ in range(max(1, min(workers, len(work))))]
    try:
        running = len(tasks)
        while running:
            page = await pages.get()
            if page is None:
                running -= 1
            else:
                yield page
        # What no provider's error was.
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if ended:
        raise ended[0]
