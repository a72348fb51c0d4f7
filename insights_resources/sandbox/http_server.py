"""The sandbox's servers on a real port."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Protocol

import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response, StreamingResponse

from insights_resources.errors import InvalidInputError


class SandboxServer(Protocol):
    """What can be served."""

    def application(self) -> Starlette:
        """The ASGI application."""


def dropped(answer: bytes) -> Response:
    """An answer that promises more than it gives: the server then closes the connection."""

    async def some() -> AsyncIterator[bytes]:
        yield answer[: len(answer) // 3]

    return StreamingResponse(
        some(), headers={"content-length": str(len(answer))}, media_type="application/json"
    )


@contextmanager
def serving(sandbox: SandboxServer, port: int = 0) -> Iterator[str]:
    """Runs it on 127.0.0.1, on a free port unless given one, in a thread; its address."""
    config = uvicorn.Config(
        sandbox.application(), host="127.0.0.1", port=port, log_level="critical"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise InvalidInputError(
                f"the sandbox's server does not start on port {port}: is another one there?"
            )
        time.sleep(0.01)
    try:
        (listener,) = server.servers[0].sockets
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
