"""Product pages straight from the marketplace's own site, for whoever may fetch them.

Off until somebody gives an address at which the site's owner can reach them. It obeys robots.txt,
says who it is, asks one host for one page at a time at a slow rate, and asks only whether a page
has changed where the site can tell. It never works around a block: a robot check, 403, 429 or 503
ends it for that host and for a while. See the decision on terms of use in ``docs/adr``.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.metadata import version
from urllib.parse import urljoin, urlsplit

import httpx

from insights_resources.errors import (
    CircuitOpenError,
    OutcomeUnknownError,
    PermanentProviderError,
    ProviderError,
    TransientProviderError,
)
from insights_resources.marketplaces import MARKETPLACES
from insights_resources.outside_calls.guard import ProviderGuard
from insights_resources.outside_calls.retry_policy import retry_after_seconds
from insights_resources.page_providers.concurrent_fetch import ENDS_IT, fetch_concurrently
from insights_resources.page_providers.document import PageDocument
from insights_resources.page_providers.page_requests import (
    KnownPage,
    PageRequests,
    UnnotedRequests,
)
from insights_resources.page_providers.protocol import (
    CapturedPage,
    PageTarget,
    ProviderCatalog,
    ProviderStatus,
    Verdict,
)
from insights_resources.page_providers.robots_txt import RobotRules, RobotsTxt
from insights_resources.page_providers.verdict import judge_page

#: The name that a robots.txt may have rules for.
ROBOT = "AmazonInsights"
#: Hosts that are asked at the same time; each for one page at a time.
_HOSTS_AT_ONCE = 8
_ANSWER_SECONDS = 30.0
_CONNECT_SECONDS = 10.0
#: Largest page that is read.
_MOST_BYTES = 16 * 1024 * 1024
_MOST_REDIRECTS = 3
#: Answers of a site that wants no robots, or no more of this one.
_BLOCKS = {403, 429, 503}

#: The guard of a host, from the seconds that its robots.txt wants between two requests.
GuardOfHost = Callable[[str, float], ProviderGuard]


@dataclass(frozen=True)
class _Answer:
    """``url``: as it was asked for last, in the site's own terms."""

    response: httpx.Response
    content: bytes
    url: str


def _now() -> datetime:
    return datetime.now(UTC)


class DirectProvider:
    """Live pages from the marketplaces themselves (``direct``); today's only.

    ``contact``: a mail address or a web page of whoever runs this, sent with each request.
    ``guard_of`` makes each host's guard. ``origin``: an address that stands for every marketplace's
    (the sandbox's shop), which is told the host's name; None: the marketplaces' own.
    """

    def __init__(
        self,
        contact: str,
        robots: RobotsTxt,
        guard_of: GuardOfHost,
        *,
        origin: str | None = None,
        answer_seconds: float = _ANSWER_SECONDS,
        now: Callable[[], datetime] = _now,
    ) -> None:
        self._agent = f"{ROBOT}/{version('amazon-insights')} (+{contact})"
        self._robots, self._guard_of, self._origin = robots, guard_of, origin
        self._answer_seconds, self._now = answer_seconds, now
        self._guards: dict[str, ProviderGuard] = {}

    @property
    def name(self) -> str:
        return "direct"

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
        """See ``LivePageProvider``. A host that is left alone holds up no other; its error is
        raised in the end."""
        by_host: dict[str, list[PageTarget]] = {}
        for target in targets:
            by_host.setdefault(_host(target), []).append(target)
        ended: list[ProviderError] = []
        async with self._client() as client:

            async def of_host(host: str) -> AsyncIterator[CapturedPage]:
                try:
                    async for page in self._pages_of_host(client, host, by_host[host], requests):
                        yield page
                except CircuitOpenError as error:
                    ended.append(error)

            hosts = fetch_concurrently(list(by_host), of_host, _HOSTS_AT_ONCE, requests.kept)
            async for page in hosts:
                yield page
        if ended:
            raise ended[0]

    async def status(self) -> ProviderStatus | None:
        """None: nothing is paid for."""
        return None

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[httpx.AsyncClient]:
        async with httpx.AsyncClient(
            headers={"User-Agent": self._agent, "Accept": "text/html"},
            timeout=httpx.Timeout(self._answer_seconds, connect=_CONNECT_SECONDS, pool=None),
            follow_redirects=False,
        ) as client:
            yield client

    async def _pages_of_host(
        self,
        client: httpx.AsyncClient,
        host: str,
        targets: Sequence[PageTarget],
        requests: PageRequests,
    ) -> AsyncIterator[CapturedPage]:
        try:
            rules = await self._robots.rules(client, host, self._address(host, "/robots.txt"))
        except TransientProviderError as error:
            for target in targets:
                yield self._failed(target, error)
            return
        if host not in self._guards:
            self._guards[host] = self._guard_of(host, rules.pause)
        for target in targets:
            yield await self._page(client, self._guards[host], rules, target, requests)

    async def _page(
        self,
        client: httpx.AsyncClient,
        guard: ProviderGuard,
        rules: RobotRules,
        target: PageTarget,
        requests: PageRequests,
    ) -> CapturedPage:
        if not rules.allows(target.key.url):
            return self._failed(target, f"robots.txt of {_host(target)} forbids it")
        known = await requests.known_page(self.name, target)
        began = time.perf_counter()
        try:
            answer, retries = await guard.call(
                lambda: self._ask(client, rules, target, known),
                lambda: requests.sending(self.name, [target], Decimal(0)),
            )
        except ENDS_IT:
            raise
        except ProviderError as error:
            return self._failed(target, error)
        page = self._page_of(target, answer, known)
        if page.verdict is Verdict.BLOCKED:
            await guard.breaker.refused(retry_after_seconds(answer.response.headers, None, ""))
        return replace(page, latency_ms=1000 * (time.perf_counter() - began), retries=retries)

    async def _ask(
        self,
        client: httpx.AsyncClient,
        rules: RobotRules,
        target: PageTarget,
        known: KnownPage | None,
    ) -> _Answer:
        """The answer, redirects within the host followed. Raises ``ProviderError``."""
        host, path = _host(target), urlsplit(target.key.url).path
        headers = {"Host": host, "Accept-Language": _languages(target.key.marketplace)}
        if known is not None and known.etag:
            headers["If-None-Match"] = known.etag
        if known is not None and known.last_modified:
            headers["If-Modified-Since"] = known.last_modified
        for _ in range(_MOST_REDIRECTS + 1):
            answer = await self._get(client, host, path, headers)
            status = answer.response.status_code
            if status >= 500 and status not in _BLOCKS:
                raise TransientProviderError(f"{host} answered HTTP {status}")
            onward = answer.response.headers.get("location")
            if not answer.response.is_redirect or not onward:
                return answer
            address = urlsplit(urljoin(f"https://{host}{path}", onward))
            if address.hostname != host:
                raise PermanentProviderError(f"{host} sends to another host: {address.hostname}")
            path = address.path + (f"?{address.query}" if address.query else "")
            if not rules.allows(f"https://{host}{path}"):
                raise PermanentProviderError(f"robots.txt of {host} forbids {path}")
        raise PermanentProviderError(f"{host} sends from page to page without end")

    async def _get(
        self, client: httpx.AsyncClient, host: str, path: str, headers: dict[str, str]
    ) -> _Answer:
        try:
            request = client.stream("GET", self._address(host, path), headers=headers)
            async with request as response:
                content = bytearray()
                async for chunk in response.aiter_bytes():
                    content += chunk
                    if len(content) > _MOST_BYTES:
                        raise PermanentProviderError(f"a page of over {_MOST_BYTES} bytes")
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise TransientProviderError(f"{host} cannot be reached: {error}") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise OutcomeUnknownError(
                f"{host} did not answer: {type(error).__name__} {error}".strip()
            ) from error
        return _Answer(response, bytes(content), f"https://{host}{path}")

    def _page_of(
        self, target: PageTarget, answer: _Answer, known: KnownPage | None
    ) -> CapturedPage:
        """The page of an answer, by its content; a known one where it has not changed."""
        status, headers = answer.response.status_code, answer.response.headers
        is_unchanged = status == httpx.codes.NOT_MODIFIED and known is not None
        content = known.content if is_unchanged and known is not None else answer.content
        page = CapturedPage(
            target=target,
            provider=self.name,
            captured_at=self._now(),
            content=content or None,
            verdict=Verdict.ERROR,
            reason=f"HTTP {status} without a page",
            requested_url=target.key.url,
            final_url=answer.url,
            http_status=status,
            etag=_short(headers.get("etag")),
            last_modified=_short(headers.get("last-modified")),
        )
        if status in _BLOCKS:
            return replace(page, verdict=Verdict.BLOCKED, reason=f"HTTP {status}: the site refuses")
        if not content:
            return page
        judgement = judge_page(PageDocument.from_bytes(content), target.key)
        page = replace(page, verdict=judgement.verdict, reason=judgement.reason)
        if status in (404, 410) and page.verdict in (Verdict.OTHER, Verdict.ERROR):
            return replace(page, verdict=Verdict.NOT_FOUND, reason=f"HTTP {status}")
        return page

    def _failed(self, target: PageTarget, error: Exception | str) -> CapturedPage:
        return CapturedPage(
            target=target,
            provider=self.name,
            captured_at=self._now(),
            content=None,
            verdict=Verdict.ERROR,
            reason=str(error),
            requested_url=target.key.url,
            is_outcome_known=not isinstance(error, OutcomeUnknownError),
        )

    def _address(self, host: str, path: str) -> str:
        return f"{self._origin.rstrip('/') if self._origin else f'https://{host}'}{path}"


def _short(header: str | None) -> str | None:
    """A header's value; None for one that is no validator any more by its length."""
    return header if header is not None and len(header) <= 256 else None


def _host(target: PageTarget) -> str:
    return f"www.{target.key.marketplace}"


def _languages(marketplace: str) -> str:
    language = MARKETPLACES[marketplace].languages[0]
    return f"{language},{language.partition('-')[0]};q=0.9"
