"""Pages through Firecrawl's API, version 2: one by one, or many as a batch.

Each answer is billed, also one that holds a robot check or the error page of the target: whether a
page came is decided by its content. A request whose answer did not come may have been billed too;
it is never repeated here (``OutcomeUnknownError``).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import httpx

from insights_resources.errors import (
    BudgetExhaustedError,
    OutcomeUnknownError,
    PermanentProviderError,
    ProviderAccessError,
    ProviderError,
    TransientProviderError,
)
from insights_resources.marketplaces import MARKETPLACES
from insights_resources.outside_calls.guard import ProviderGuard
from insights_resources.outside_calls.retry_policy import retry_after_seconds
from insights_resources.page_providers.concurrent_fetch import ENDS_IT, fetch_concurrently
from insights_resources.page_providers.document import PageDocument
from insights_resources.page_providers.http_clients import HttpClients
from insights_resources.page_providers.page_requests import (
    PageRequests,
    SentBatch,
    UnnotedRequests,
)
from insights_resources.page_providers.protocol import (
    CapturedPage,
    PageTarget,
    ProviderCatalog,
    ProviderStatus,
    Verdict,
)
from insights_resources.page_providers.verdict import judge_page

CLOUD_URL = "https://api.firecrawl.dev"
#: What a page costs, without extras.
CREDITS_A_PAGE = Decimal(1)
#: From so many targets on they are sent as batches.
BATCH_FROM = 21
#: Targets of a batch: as many as may have to be paid again when its acknowledgement is lost.
_BATCH_SIZE = 100
#: Batches under way at once.
_BATCHES_AT_ONCE = 4
#: How long Firecrawl may take for a page, in milliseconds, queueing included.
_PAGE_MILLISECONDS = 60_000
#: Our time-out is longer than theirs: else we would give up on what is then billed.
_ANSWER_SECONDS = _PAGE_MILLISECONDS / 1000 + 30
_CONNECT_SECONDS = 10
#: Nobody waits longer to be told how many credits are left.
_STATUS_SECONDS = 10.0
#: Pause between two looks at a batch, and how long one is looked at without any news, in seconds.
_POLL_SECONDS, _SILENT_SECONDS = 2.0, 900.0
#: Most bytes of an answer: batches come in parts of 10 MiB.
_MOST_BYTES = 64 * 1024 * 1024
#: A robot check, or the page in another marketplace's shape, is asked for once more.
_TRIES_OF_A_BLOCKED_PAGE = 2

_PERMANENT = {400, 403, 404, 409, 413}
_NO_ACCESS = {
    401: "the API key is refused: set FIRECRAWL_API_KEY to a valid one",
    402: "there are no credits left: buy some, or wait for the next billing period",
}


def _now() -> datetime:
    return datetime.now(UTC)


class FirecrawlProvider:
    """Live pages by Firecrawl (``firecrawl``); today's only.

    ``base_url``: the cloud's, or that of a self-hosted server, which needs no key. ``workers``:
    requests under way at once, as many as the plan has browsers.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str | None,
        guard: ProviderGuard,
        *,
        workers: int = 2,
        batch_from: int = BATCH_FROM,
        poll_seconds: float = _POLL_SECONDS,
        answer_seconds: float = _ANSWER_SECONDS,
        now: Callable[[], datetime] = _now,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._guard, self._workers, self._batch_from = guard, workers, batch_from
        self._poll_seconds, self._answer_seconds, self._now = poll_seconds, answer_seconds, now

    @property
    def name(self) -> str:
        return "firecrawl"

    def can_serve(self, day: date) -> bool:
        """Today (UTC) only."""
        return day == self._now().date()

    def catalog(self) -> ProviderCatalog | None:
        """None: any product."""
        return None

    def fetch(self, targets: Sequence[PageTarget]) -> AsyncIterator[CapturedPage]:
        """See ``PageProvider``; nothing is noted."""
        return self.fetch_noted(targets, UnnotedRequests())

    async def fetch_noted(
        self, targets: Sequence[PageTarget], requests: PageRequests
    ) -> AsyncIterator[CapturedPage]:
        """See ``LivePageProvider``. Batches that were sent before are taken up first."""
        async with self._clients(self._answer_seconds) as clients:
            work = _Fetch(self, clients, requests)
            resumed = await requests.sent_batches(self.name)
            known = {target.key for batch in resumed for target in batch.targets}
            others = [target for target in targets if target.key not in known]
            async for page in fetch_concurrently(resumed, work.rest_of_batch, _BATCHES_AT_ONCE):
                yield page
            if len(others) >= self._batch_from:
                pages = fetch_concurrently(_batches(others), work.batch, _BATCHES_AT_ONCE)
            else:
                pages = fetch_concurrently(others, work.single, self._workers, requests.kept)
            async for page in pages:
                yield page

    async def status(self) -> ProviderStatus:
        """See ``LivePageProvider``."""
        async with self._clients(_STATUS_SECONDS) as clients:
            credit = await self._ask_for_status(clients, "/v2/team/credit-usage")
            queue = await self._ask_for_status(clients, "/v2/team/queue-status")
        usage = _object(credit.get("data"))
        return ProviderStatus(
            _decimal(usage.get("remainingCredits")),
            _decimal(usage.get("planCredits")),
            _whole(queue.get("jobsInQueue")),
            _whole(queue.get("maxConcurrency")),
        )

    async def _ask_for_status(self, clients: HttpClients, path: str) -> dict[str, Any]:
        try:
            return await self.call(clients, "GET", path)
        except PermanentProviderError as error:
            if isinstance(error, ProviderAccessError):
                raise
            return {}  # a self-hosted server has no plan

    @asynccontextmanager
    async def _clients(self, seconds: float) -> AsyncIterator[HttpClients]:
        # Made once: it reads the certificates.
        context = httpx.create_ssl_context()
        clients = HttpClients(
            lambda: httpx.AsyncClient(
                base_url=self._base_url,
                headers=self._headers,
                timeout=httpx.Timeout(seconds, connect=_CONNECT_SECONDS, pool=None),
                follow_redirects=False,
                verify=context,
            )
        )
        try:
            yield clients
        finally:
            await clients.close()

    async def call(
        self, clients: HttpClients, method: str, path: str, body: Any = None
    ) -> dict[str, Any]:
        """One request, once; its answer when that says success.

        Raises ``TransientProviderError``, ``OutcomeUnknownError``, ``PermanentProviderError`` or
        ``ProviderAccessError``.
        """
        try:
            async with (
                clients.one() as client,
                client.stream(method, path, json=body) as response,
            ):
                content = await _read(response)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise TransientProviderError(
                f"Firecrawl at {self._base_url} cannot be reached: {_in_words(error)}"
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise OutcomeUnknownError(
                f"Firecrawl at {self._base_url} did not answer: {_in_words(error)}"
            ) from error
        answer = _json_object(content)
        if not response.is_success:
            raise _refusal(response, answer, content)
        if answer is None:
            raise OutcomeUnknownError(
                f"Firecrawl's answer broke off after {len(content)} bytes, or is no JSON"
            )
        if answer.get("success") is not True:
            raise PermanentProviderError(f"Firecrawl: {_said(answer)}")
        return answer

    def scrape_options(self, marketplace: str) -> dict[str, Any]:
        """How a marketplace's pages are asked for: raw, as they are now, from its country."""
        place = MARKETPLACES[marketplace]
        return {
            "formats": ["rawHtml"],
            "onlyMainContent": False,
            "maxAge": 0,
            "timeout": _PAGE_MILLISECONDS,
            "location": {"country": place.country, "languages": [place.languages[0]]},
        }

    def page_of(self, target: PageTarget, document: Any, latency_ms: float | None) -> CapturedPage:
        """The page in an answer's document. Its verdict is its content's."""
        data = _object(document)
        metadata = _object(data.get("metadata"))
        html = data.get("rawHtml")
        cost = _decimal(metadata.get("creditsUsed"))
        page = CapturedPage(
            target=target,
            provider=self.name,
            captured_at=self._now(),
            content=None,
            verdict=Verdict.ERROR,
            reason=None,
            requested_url=target.key.url,
            final_url=_text(metadata.get("url")),
            http_status=_whole(metadata.get("statusCode")),
            cost=CREDITS_A_PAGE if cost is None else cost,
            latency_ms=latency_ms,
        )
        if not isinstance(html, str) or not html.strip():
            said = _text(metadata.get("error")) or "an answer without a page"
            return replace(page, reason=f"Firecrawl: {said[:200]}")
        content = html.encode("utf-8", errors="replace")
        judgement = judge_page(PageDocument.from_bytes(content), target.key)
        return replace(page, content=content, verdict=judgement.verdict, reason=judgement.reason)

    def failed_page(
        self, target: PageTarget, error: Exception | str, cost: Decimal = Decimal(0)
    ) -> CapturedPage:
        """The page of a request that brought none."""
        return CapturedPage(
            target=target,
            provider=self.name,
            captured_at=self._now(),
            content=None,
            verdict=Verdict.ERROR,
            reason=str(error),
            requested_url=target.key.url,
            cost=cost,
            is_outcome_known=not isinstance(error, OutcomeUnknownError),
        )

    @property
    def guard(self) -> ProviderGuard:
        return self._guard

    @property
    def poll_seconds(self) -> float:
        return self._poll_seconds


class _Fetch:
    """One call of ``fetch_noted``: the work of its workers."""

    def __init__(
        self, provider: FirecrawlProvider, clients: HttpClients, requests: PageRequests
    ) -> None:
        self._provider, self._clients, self._requests = provider, clients, requests

    async def single(self, target: PageTarget) -> AsyncIterator[CapturedPage]:
        """A page by a request of its own."""
        provider = self._provider
        cost, sends = Decimal(0), 0
        page: CapturedPage | None = None
        for _ in range(_TRIES_OF_A_BLOCKED_PAGE):
            try:
                next_page, retries = await provider.guard.call(
                    lambda: self._scrape(target), lambda: self._note([target])
                )
            except ProviderError as error:
                if page is not None:
                    # The blocked page is what there is; the other may have been billed.
                    if isinstance(error, OutcomeUnknownError):
                        cost, sends = cost + CREDITS_A_PAGE, sends + 1
                    break
                if isinstance(error, ENDS_IT):
                    raise
                next_page, retries = provider.failed_page(target, error), 0
            page, cost, sends = next_page, cost + next_page.cost, sends + retries + 1
            if page.verdict is not Verdict.BLOCKED:
                break
        assert page is not None
        yield replace(page, cost=cost, retries=sends - 1)

    async def rest_of_batch(self, batch: SentBatch) -> AsyncIterator[CapturedPage]:
        """What a batch that was sent before still has to give."""
        provider = self._provider
        wanted = {target.key.url: target for target in batch.targets}
        try:
            async for page in self._pages_of_batch(batch.batch_id, wanted):
                yield page
        except PermanentProviderError as error:
            # Its results are kept for a day: then it is gone, and was paid for.
            for target in wanted.values():
                yield provider.failed_page(target, f"batch {batch.batch_id} is lost: {error}")
        except ProviderError as error:
            for target in wanted.values():
                yield provider.failed_page(target, OutcomeUnknownError(str(error)))
        else:
            async for page in self._missing(batch.batch_id, wanted):
                yield page

    async def batch(self, targets: Sequence[PageTarget]) -> AsyncIterator[CapturedPage]:
        """Pages of one marketplace, by a batch."""
        provider = self._provider
        body = {
            "urls": [target.key.url for target in targets],
            "ignoreInvalidURLs": True,
            **provider.scrape_options(targets[0].key.marketplace),
        }
        try:
            answer, _ = await provider.guard.call(
                lambda: provider.call(self._clients, "POST", "/v2/batch/scrape", body),
                lambda: self._note(targets),
            )
        except BudgetExhaustedError:
            if len(targets) == 1:
                raise
            # As many as there are credits for.
            for half in (targets[: len(targets) // 2], targets[len(targets) // 2 :]):
                async for page in self.batch(half):
                    yield page
            return
        except ENDS_IT:
            raise
        except ProviderError as error:
            for target in targets:
                yield provider.failed_page(target, error)
            return
        batch_id = _text(answer.get("id"))
        if not batch_id:
            for target in targets:
                yield provider.failed_page(
                    target, OutcomeUnknownError("Firecrawl took a batch and gave it no id")
                )
            return
        invalid = {url for url in answer.get("invalidURLs") or () if isinstance(url, str)}
        for target in targets:
            if target.key.url in invalid:
                yield provider.failed_page(target, "Firecrawl: not a URL that it takes")
        sent = [target for target in targets if target.key.url not in invalid]
        await self._requests.sent_as_batch(sent, batch_id)
        async for page in self.rest_of_batch(SentBatch(batch_id, tuple(sent))):
            yield page

    async def _pages_of_batch(
        self, batch_id: str, wanted: dict[str, PageTarget]
    ) -> AsyncIterator[CapturedPage]:
        """The batch's pages as they come; each is taken out of ``wanted``."""
        provider = self._provider
        path = f"/v2/batch/scrape/{batch_id}"
        heard = time.monotonic()
        while True:
            answer, _ = await provider.guard.call(partial(self._look, path), _nothing_to_note)
            documents = answer.get("data")
            found = 0
            for document in documents if isinstance(documents, list) else ():
                target = wanted.pop(_source_url(document), None)
                if target is not None:
                    found += 1
                    yield provider.page_of(target, document, None)
            onward = _path_within(answer.get("next"), f"/v2/batch/scrape/{batch_id}")
            if found:
                heard = time.monotonic()
            if answer.get("status") in ("failed", "cancelled"):
                return
            is_complete = answer.get("status") == "completed"
            if not wanted or (is_complete and (onward is None or not documents)):
                return
            if onward is not None and documents:
                path = onward
                continue
            if time.monotonic() - heard > _SILENT_SECONDS:
                raise TransientProviderError(
                    f"batch {batch_id} gave nothing for {_SILENT_SECONDS:.0f} s"
                )
            if not is_complete:
                await asyncio.sleep(provider.poll_seconds)

    async def _look(self, path: str) -> dict[str, Any]:
        try:
            return await self._provider.call(self._clients, "GET", path)
        except OutcomeUnknownError as error:
            # A look costs nothing: it may be repeated.
            raise TransientProviderError(str(error)) from error

    async def _missing(
        self, batch_id: str, wanted: Mapping[str, PageTarget]
    ) -> AsyncIterator[CapturedPage]:
        """Those that a batch ended without: its list of errors says why."""
        if not wanted:
            return
        provider = self._provider
        why: dict[str, str] = {}
        try:
            answer, _ = await provider.guard.call(
                lambda: self._look_at_errors(batch_id), _nothing_to_note
            )
        except ProviderError as error:
            why = dict.fromkeys(wanted, f"and why is not known: {error}")
        else:
            why = _errors_by_url(answer)
        for url, target in wanted.items():
            yield provider.failed_page(
                target, f"batch {batch_id} ended without it: {why.get(url, 'it does not say why')}"
            )

    async def _look_at_errors(self, batch_id: str) -> dict[str, Any]:
        # This answer has no "success".
        path = f"/v2/batch/scrape/{batch_id}/errors"
        try:
            async with self._clients.one() as client:
                response = await client.get(path)
        except httpx.HTTPError as error:
            raise TransientProviderError(f"Firecrawl did not answer: {_in_words(error)}") from error
        answer = _json_object(response.content)
        if not response.is_success or answer is None:
            raise _refusal(response, answer, response.content)
        return answer

    async def _scrape(self, target: PageTarget) -> CapturedPage:
        provider = self._provider
        body = {"url": target.key.url, **provider.scrape_options(target.key.marketplace)}
        began = time.perf_counter()
        answer = await provider.call(self._clients, "POST", "/v2/scrape", body)
        return provider.page_of(target, answer.get("data"), 1000 * (time.perf_counter() - began))

    async def _note(self, targets: Sequence[PageTarget]) -> None:
        await self._requests.sending(self._provider.name, targets, CREDITS_A_PAGE)


def _batches(targets: Sequence[PageTarget]) -> list[list[PageTarget]]:
    """Each has the pages of one marketplace: its location is the batch's."""
    by_marketplace: dict[str, list[PageTarget]] = {}
    for target in targets:
        by_marketplace.setdefault(target.key.marketplace, []).append(target)
    return [
        some[start : start + _BATCH_SIZE]
        for some in by_marketplace.values()
        for start in range(0, len(some), _BATCH_SIZE)
    ]


async def _nothing_to_note() -> None:
    """A look at what was paid for is free."""


async def _read(response: httpx.Response) -> bytes:
    content = bytearray()
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > _MOST_BYTES:
            raise httpx.DecodingError(f"over {_MOST_BYTES} bytes", request=response.request)
    return bytes(content)


def _refusal(
    response: httpx.Response, answer: dict[str, Any] | None, content: bytes
) -> ProviderError:
    status = response.status_code
    what = f"Firecrawl: HTTP {status}, {_said(answer)}"
    if status in _NO_ACCESS:
        return ProviderAccessError(f"{what}; {_NO_ACCESS[status]}")
    if status in _PERMANENT:
        return PermanentProviderError(what)
    text = content[:2_000].decode(errors="replace")
    return TransientProviderError(what, retry_after_seconds(response.headers, answer, text))


def _said(answer: dict[str, Any] | None) -> str:
    said = None if answer is None else _text(answer.get("error"))
    return (said or "without a reason")[:300]


def _json_object(content: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _source_url(document: Any) -> str:
    return _text(_object(_object(document).get("metadata")).get("sourceURL")) or ""


def _path_within(address: Any, path: str) -> str | None:
    """Where the next part is: on the same server, whatever the address says."""
    if not isinstance(address, str):
        return None
    parts = urlsplit(address)
    return f"{path}?{parts.query}" if parts.path == path else None


def _errors_by_url(answer: Mapping[str, Any]) -> dict[str, str]:
    errors, blocked = answer.get("errors"), answer.get("robotsBlocked")
    why = {
        str(error.get("url")): (_text(error.get("error")) or "without a reason")[:300]
        for error in (errors if isinstance(errors, list) else ())
        if isinstance(error, dict)
    }
    for url in blocked if isinstance(blocked, list) else ():
        why[str(url)] = "robots.txt forbids it"
    return why


def _in_words(error: Exception) -> str:
    return f"{type(error).__name__} {error}".strip()


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _decimal(value: Any) -> Decimal | None:
    """A number of credits; None for what is none, or absurd."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() and 0 <= number < 10**9 else None
