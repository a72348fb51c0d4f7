"""HTTP clients of one connection each, for requests under way at once.

httpx's pool looks at all its connections for each, with every request: 50 of them took 20 ms of
processor a request, and one connection in each of 50 clients takes 2.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx


class HttpClients:
    """Gives each request a client that no other one is using; they are kept for the next ones."""

    def __init__(self, make: Callable[[], httpx.AsyncClient]) -> None:
        self._make = make
        self._idle: list[httpx.AsyncClient] = []

    @asynccontextmanager
    async def one(self) -> AsyncIterator[httpx.AsyncClient]:
        """A client, until the block ends."""
        client = self._idle.pop() if self._idle else self._make()
        try:
            yield client
        finally:
            self._idle.append(client)

    async def close(self) -> None:
        """Closes all of them; none is in use any more."""
        while self._idle:
            await self._idle.pop().aclose()
