"""The sandbox marketplace behind Firecrawl's API, version 2, on a real port.

For tests, benchmarks and ``insights sandbox serve``: the client that captures from Amazon captures
from here as it would there, errors and costs included. ``/sandbox/log`` says what was asked for and
what was billed, by address.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from insights_resources.marketplaces import MARKETPLACES, ProductKey
from insights_resources.sandbox.faults import UNBILLED, Fault, FaultPlan
from insights_resources.sandbox.http_server import dropped
from insights_resources.sandbox.market import SandboxMarket
from insights_resources.sandbox.shop_server import ERROR_PAGE, ROBOT_CHECK, SandboxShop

_ADDRESS = re.compile(r"https://www\.(?P<domain>[a-z.]+)/dp/(?P<asin>[0-9A-Z]{10})(?:[/?].*)?")
#: What a body may hold: anything else is refused, as Firecrawl does.
_KNOWN = {
    "url",
    "urls",
    "formats",
    "onlyMainContent",
    "maxAge",
    "storeInCache",
    "location",
    "proxy",
    "timeout",
    "waitFor",
    "headers",
    "mobile",
    "blockAds",
    "actions",
    "maxConcurrency",
    "ignoreInvalidURLs",
    "webhook",
}
#: Documents of one part of a batch's answer.
_DOCUMENTS_AT_ONCE = 25
_RETRY_SECONDS = 1
_CACHED_PAGES = 20_000


@dataclass
class _Batch:
    urls: list[str]
    began: float
    documents: list[dict[str, Any]] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)


class SandboxFirecrawl:
    """The server's state, with the shops' (``shop``) beside it.

    ``latency``: seconds that a page takes. ``api_key`` None: any will do.
    """

    def __init__(
        self,
        market: SandboxMarket,
        faults: FaultPlan[Fault] | None = None,
        *,
        latency: float = 0.0,
        api_key: str | None = None,
        page: Callable[[ProductKey], str] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.market, self.faults = market, faults or FaultPlan()
        self.latency, self.api_key, self.now = latency, api_key, now
        #: How often each address was asked for, and billed.
        self.requests, self.billed = Counter[str](), Counter[str]()
        self._batches: dict[str, _Batch] = {}
        self._page = page or self._rendered
        #: The same pages without Firecrawl, with faults of their own.
        self.shop = SandboxShop(market, FaultPlan(), lambda key: self._page(key))
        self._render = lru_cache(_CACHED_PAGES)(
            lambda key, day, slot: market.page(key, day, slot).decode(errors="replace")
        )

    def application(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route("/v2/scrape", self._scrape, methods=["POST"]),
                Route("/v2/batch/scrape", self._start_batch, methods=["POST"]),
                Route("/v2/batch/scrape/{batch_id}", self._batch),
                Route("/v2/batch/scrape/{batch_id}/errors", self._batch_errors),
                Route("/v2/team/credit-usage", self._credit_usage),
                Route("/v2/team/queue-status", self._queue_status),
                Route("/v0/health/readiness", self._ready),
                Route("/sandbox/log", self._log),
                *self.shop.routes(),
            ]
        )

    # --- pages -----------------------------------------------------------------------------------

    def _rendered(self, key: ProductKey) -> str:
        now = self.now()
        slots = [
            slot
            for slot in range(self.market.captures_per_day)
            if slot == 0 or self.market.captured_at(key, now.date(), slot) <= now
        ]
        return self._render(key, now.date(), slots[-1])

    def _document(self, url: str, key: ProductKey, fault: Fault | None) -> dict[str, Any]:
        status = 200
        if fault is Fault.ROBOT_CHECK:
            html = ROBOT_CHECK
        elif fault is Fault.TARGET_ERROR:
            html, status = ERROR_PAGE, 503
        elif fault is Fault.EMPTY_PAGE:
            html = ""
        elif not self.market.knows(key):
            html, status = self.market.not_found_page(key.marketplace).decode(), 404
        else:
            html = self._page(self._other(key) if fault is Fault.OTHER_PRODUCT else key)
            if fault is Fault.TRUNCATED_PAGE:
                html = html[: len(html) // 2]
            elif fault is Fault.WRONG_LOCALE:
                foreign = next(each for each in MARKETPLACES if each != key.marketplace)
                html = html.replace(key.marketplace, foreign)
        self.billed[url] += 1
        return {
            "rawHtml": html,
            "metadata": {
                "sourceURL": url,
                "url": url,
                "statusCode": status,
                "error": None if status == 200 else "the target answered with an error",
                "proxyUsed": "basic",
                "cacheState": "miss",
                "creditsUsed": 1,
            },
        }

    def _other(self, key: ProductKey) -> ProductKey:
        return next(other for other in self.market.keys if other != key)

    # --- the API ---------------------------------------------------------------------------------

    def _refusal(self, request: Request) -> Response | None:
        status = self.faults.refuses_with
        if self.api_key is not None and (
            request.headers.get("authorization") != f"Bearer {self.api_key}"
        ):
            status = 401
        if status is None:
            return None
        words = {401: "Unauthorized: Invalid token", 402: "Insufficient credits"}
        return _error(status, words.get(status, "Service unavailable"))

    async def _body(self, request: Request, wanted: str) -> dict[str, Any] | Response:
        try:
            body = json.loads(await request.body())
        except ValueError:
            return _error(400, "Bad Request: no JSON")
        if not isinstance(body, dict) or wanted not in body or set(body) - _KNOWN:
            return _error(400, "Bad Request: unrecognized or missing keys")
        return body

    async def _scrape(self, request: Request) -> Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        body = await self._body(request, "url")
        if isinstance(body, Response):
            return body
        url = str(body["url"])
        key = _key_of(url)
        if key is None:
            return _error(400, "Bad Request: not a URL of the sandbox marketplace")
        self.requests[url] += 1
        fault = self.faults.next(key.asin)
        if fault in UNBILLED:
            return _unbilled(fault)
        await asyncio.sleep(self.faults.slow_seconds if fault is Fault.SLOW else self.latency)
        answer = json.dumps({"success": True, "data": self._document(url, key, fault)}).encode()
        if fault is Fault.TRUNCATED_ANSWER:
            return Response(answer[: len(answer) // 2], media_type="application/json")
        if fault is Fault.DROPPED:
            return dropped(answer)
        return Response(answer, media_type="application/json")

    async def _start_batch(self, request: Request) -> Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        body = await self._body(request, "urls")
        if isinstance(body, Response):
            return body
        urls = [str(url) for url in body["urls"]]
        invalid = [url for url in urls if _key_of(url) is None]
        if invalid and not body.get("ignoreInvalidURLs"):
            return _error(400, "Bad Request: invalid URLs")
        batch = _Batch([url for url in urls if url not in invalid], time.monotonic())
        for url in batch.urls:
            key = _key_of(url)
            assert key is not None
            self.requests[url] += 1
            fault = self.faults.next(key.asin)
            if fault in UNBILLED or fault in (Fault.DROPPED, Fault.SLOW):
                batch.errors.append(
                    {"id": str(uuid.uuid4()), "url": url, "code": "SCRAPE_FAILED", "error": fault}
                )
            else:
                batch.documents.append(self._document(url, key, fault))
        batch_id = str(uuid.uuid4())
        self._batches[batch_id] = batch
        return JSONResponse(
            {"success": True, "id": batch_id, "url": str(request.url), "invalidURLs": invalid}
        )

    async def _batch(self, request: Request) -> Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        batch = self._batches.get(request.path_params["batch_id"])
        if batch is None:
            return _error(404, "Job not found")
        ready = len(batch.documents)
        if self.latency:
            ready = min(ready, int((time.monotonic() - batch.began) / self.latency) + 1)
        skip = int(request.query_params.get("skip", 0))
        data = batch.documents[skip : min(ready, skip + _DOCUMENTS_AT_ONCE)]
        is_complete = ready == len(batch.documents)
        answer: dict[str, Any] = {
            "success": True,
            "status": "completed" if is_complete else "scraping",
            "total": len(batch.urls),
            "completed": ready,
            "creditsUsed": ready,
            "data": data,
        }
        if skip + len(data) < len(batch.documents):
            answer["next"] = f"{request.url.replace(query='')}?skip={skip + len(data)}"
        return JSONResponse(answer)

    async def _batch_errors(self, request: Request) -> Response:
        batch = self._batches.get(request.path_params["batch_id"])
        if batch is None:
            return _error(404, "Job not found")
        return JSONResponse({"errors": batch.errors, "robotsBlocked": []})

    async def _credit_usage(self, request: Request) -> Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        left = 500_000 - sum(self.billed.values())
        return JSONResponse(
            {"success": True, "data": {"remainingCredits": left, "planCredits": 500_000}}
        )

    async def _queue_status(self, request: Request) -> Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        return JSONResponse({"success": True, "jobsInQueue": 0, "maxConcurrency": 50})

    async def _ready(self, request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def _log(self, request: Request) -> Response:
        return JSONResponse({"requests": self.requests, "billed": self.billed})


def _key_of(url: str) -> ProductKey | None:
    found = _ADDRESS.fullmatch(url)
    if found is None or found["domain"] not in MARKETPLACES:
        return None
    return ProductKey(found["domain"], found["asin"])


def _error(status: int, words: str) -> JSONResponse:
    return JSONResponse({"success": False, "error": words}, status)


def _unbilled(fault: Fault | None) -> Response:
    limited = {"success": False, "error": "Rate limit exceeded"}
    match fault:
        case Fault.NO_SUCCESS:
            return JSONResponse({"success": False, "error": "DNS resolution failed", "code": "DNS"})
        case Fault.TIMEOUT:
            return _error(408, "Scrape timed out")
        case Fault.RATE_LIMIT_DATE:
            then = datetime.now(UTC) + timedelta(seconds=_RETRY_SECONDS)
            return JSONResponse(limited, 429, {"Retry-After": format_datetime(then, usegmt=True)})
        case Fault.RATE_LIMIT_HEADER:
            return JSONResponse(limited, 429, {"Retry-After": str(_RETRY_SECONDS)})
        case Fault.RATE_LIMIT_BODY:
            return JSONResponse(limited | {"retry_after_seconds": _RETRY_SECONDS}, 429)
        case Fault.RATE_LIMIT_TEXT:
            words = f"Rate limit exceeded, please retry after {_RETRY_SECONDS}s"
            return JSONResponse(limited | {"error": words}, 429)
    return _error(502, "Bad gateway")
