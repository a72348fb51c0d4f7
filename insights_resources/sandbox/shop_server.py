"""The sandbox marketplace as web shops, for direct fetch: product pages and robots.txt.

All shops are on one port; which one is asked is told by the request's ``Host``, as for the real
ones behind one address. ``requests`` counts what was asked for, by address.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from insights_resources.marketplaces import MARKETPLACES, ProductKey
from insights_resources.sandbox.faults import Fault, FaultPlan
from insights_resources.sandbox.market import SandboxMarket

ROBOT_CHECK = (
    "<html><head><title>Robot Check</title></head><body>"
    "<form action='/errors/validateCaptcha'><input id='captchacharacters'></form></body></html>"
)
ERROR_PAGE = (
    "<html><head><title>503 - Service Unavailable Error</title></head><body>"
    "<a href='/ref=cs_503_link'><img src='https://images/error/503.png'></a></body></html>"
)
#: What a fault is on a shop's own site; others are those of an API and do not occur here.
_STATUS = {
    Fault.TIMEOUT: 504,
    Fault.SERVER_ERROR: 502,
    Fault.RATE_LIMIT_HEADER: 429,
    Fault.TARGET_ERROR: 503,
}


class SandboxShop:
    """The shops' state. ``page``: the HTML of a product now; ``robots``: every shop's robots.txt,
    served with ``robots_status``; ``moved_to``: where each product's page redirects to, if at
    all."""

    def __init__(
        self, market: SandboxMarket, faults: FaultPlan[Fault], page: Callable[[ProductKey], str]
    ) -> None:
        self.market, self.faults, self.page = market, faults, page
        self.robots, self.robots_status = "User-agent: *\nDisallow: /gp/\n", 200
        self.moved_to: str | None = None
        self.requests = Counter[str]()
        #: Headers of the last request of a page.
        self.last_headers: dict[str, str] = {}

    def routes(self) -> list[Route]:
        """Of an ASGI application."""
        return [Route("/robots.txt", self._robots), Route("/dp/{asin}", self._product)]

    async def _robots(self, request: Request) -> Response:
        self.requests[f"https://{request.headers['host']}/robots.txt"] += 1
        return PlainTextResponse(self.robots, self.robots_status)

    async def _product(self, request: Request) -> Response:
        marketplace = request.headers["host"].removeprefix("www.")
        if marketplace not in MARKETPLACES:
            return PlainTextResponse("no such shop", 404)
        key = ProductKey(marketplace, request.path_params["asin"])
        self.requests[key.url] += 1
        self.last_headers = dict(request.headers)
        if self.moved_to is not None:
            return Response(status_code=301, headers={"location": self.moved_to})
        fault = self.faults.next(key.asin)
        if fault is Fault.SLOW:
            await asyncio.sleep(self.faults.slow_seconds)
        if fault is Fault.ROBOT_CHECK:
            return HTMLResponse(ROBOT_CHECK)
        if fault in _STATUS:
            headers = {"Retry-After": "1"} if fault is Fault.RATE_LIMIT_HEADER else None
            return HTMLResponse(ERROR_PAGE, _STATUS[fault], headers)
        if not self.market.knows(key):
            return HTMLResponse(self.market.not_found_page(marketplace), 404)
        content = self.page(key).encode()
        etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers={"etag": etag})
        if fault is Fault.TRUNCATED_PAGE:
            content = content[: len(content) // 2]
        return HTMLResponse(content, headers={"etag": etag})
