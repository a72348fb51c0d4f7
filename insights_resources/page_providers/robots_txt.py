"""robots.txt of each host: read before anything else, kept for a day, obeyed (RFC 9309)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

import httpx
from protego import Protego

from insights_resources.errors import TransientProviderError

#: How long a copy is good, in seconds.
KEPT_SECONDS = 24 * 3600
#: What is read of a file at most, as the standard asks of crawlers at least.
_MOST_BYTES = 500 * 1024
_MOST_REDIRECTS = 5


@dataclass(frozen=True)
class RobotRules:
    """The rules of one host, for one robot."""

    parsed: Protego
    robot: str

    def allows(self, url: str) -> bool:
        """Whether the robot may fetch this address."""
        return bool(self.parsed.can_fetch(url, self.robot))

    @property
    def pause(self) -> float:
        """Seconds between two requests that the host asks for; 0: it asks for none."""
        delay = self.parsed.crawl_delay(self.robot) or 0.0
        rate = self.parsed.request_rate(self.robot)
        return max(float(delay), rate.seconds / rate.requests if rate and rate.requests else 0.0)


class RobotsTxt:
    """The files of all hosts, kept in ``folder`` for all processes.

    ``robot``: the name that rules may be made for.
    """

    def __init__(self, folder: Path, robot: str, clock: Callable[[], float] = time.time) -> None:
        self._folder, self._robot, self._clock = folder, robot, clock
        self._rules: dict[str, tuple[float, RobotRules]] = {}

    async def rules(self, client: httpx.AsyncClient, host: str, url: str) -> RobotRules:
        """The rules of the host, whose file is at ``url``.

        Raises ``TransientProviderError`` when they cannot be known: nothing may be fetched then.
        """
        known = self._rules.get(host)
        if known is not None and known[0] > self._clock() - KEPT_SECONDS:
            return known[1]
        path = self._folder / f"{host}.txt"
        try:
            read_at = path.stat().st_mtime
            text = path.read_text(encoding="utf-8")
        except OSError:
            read_at, text = 0.0, ""
        if not self._clock() - KEPT_SECONDS < read_at <= self._clock():
            text, read_at = await self._read(client, host, url), self._clock()
            self._keep(path, text)
        rules = RobotRules(Protego.parse(text), self._robot)
        self._rules[host] = (read_at, rules)
        return rules

    async def _read(self, client: httpx.AsyncClient, host: str, url: str) -> str:
        unknown = f"robots.txt of {host} cannot be read, and nothing is fetched before it is"
        for _ in range(_MOST_REDIRECTS + 1):
            try:
                async with client.stream("GET", url, headers={"Host": host}) as response:
                    content = bytearray()
                    async for chunk in response.aiter_bytes():
                        content += chunk
                        if len(content) > _MOST_BYTES:
                            break
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise TransientProviderError(f"{unknown}: {type(error).__name__}") from error
            if not response.is_redirect or response.next_request is None:
                break
            url = str(response.next_request.url)
        status = response.status_code
        if response.is_success:
            return bytes(content[:_MOST_BYTES]).decode("utf-8", errors="replace")
        if 400 <= status < 500 and status != httpx.codes.TOO_MANY_REQUESTS:
            return ""  # the host has no rules
        raise TransientProviderError(f"{unknown}: HTTP {status}")

    def _keep(self, path: Path, text: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f"{path.name}.{token_hex(4)}")
        new.write_text(text, encoding="utf-8")
        new.replace(path)
