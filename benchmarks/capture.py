"""Captures of live pages: throughput, faults, kills, and what happens when parts are down.

``python -m benchmarks.capture throughput|faults|kills|outages [--pages N]``: the real client,
ledger, archive and warehouse against the sandbox's Firecrawl in a process of its own, PostgreSQL
beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, select

from benchmarks.firecrawl_process import (
    FIRST_DAY,
    ServerPlan,
    asked,
    firecrawl_process,
    page_of_size,
)
from insights_assets.capture.capture import CaptureSummary, capture_pages
from insights_assets.snapshots.parser import parse_page
from insights_resources.marketplaces import ProductKey
from insights_resources.outside_calls.circuit_breaker import (
    CircuitBreaker,
    OwnCircuits,
    SharedCircuits,
)
from insights_resources.outside_calls.guard import ProviderGuard
from insights_resources.outside_calls.rate_limit import RateLimiter
from insights_resources.outside_calls.retry_policy import RetryPolicy
from insights_resources.page_archive import PageArchive
from insights_resources.page_providers.direct import ROBOT, DirectProvider
from insights_resources.page_providers.document import PageDocument
from insights_resources.page_providers.fallback import FallbackProvider
from insights_resources.page_providers.firecrawl import FirecrawlProvider
from insights_resources.page_providers.protocol import PageTarget
from insights_resources.page_providers.robots_txt import RobotsTxt
from insights_resources.page_providers.verdict import judge_page
from insights_resources.sandbox.faults import Fault
from insights_resources.sandbox.market import SandboxMarket
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.schema import migrate
from tests.servers import fresh_database, postgres_server, restartable_postgres

CONCURRENCY = 50
#: Rest of a breaker that is watched.
REST_SECONDS = 5.0
REQUESTS, PAGES = tables.page_requests, tables.raw_pages
#: Faults of a fifth of the requests, of every kind that a request of its own can have.
MIXED = {fault: 0.2 / len(Fault) for fault in Fault}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("throughput", "faults", "kills", "outages", "worker"))
    parser.add_argument("--pages", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--worker", nargs=3, metavar=("URL", "DATABASE", "FOLDER"))
    options = parser.parse_args()
    if options.what == "worker":
        _capture(*options.worker, options.pages)
        return
    with ExitStack() as stack:
        server = stack.enter_context(postgres_server(in_memory=False))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        place = _Place(stack, server, folder)
        match options.what:
            case "throughput":
                throughput(place, options.pages)
            case "faults":
                faults(place, options.pages)
            case "kills":
                kills(place, options.pages, options.kills)
            case "outages":
                primary_down(place, options.pages)
                outages(options.pages)


class _Place:
    """Where runs happen: a database and an archive for each."""

    def __init__(self, stack: ExitStack, server: str, folder: Path) -> None:
        self._stack, self._server, self._folder, self._count = stack, server, folder, 0

    def fresh(self) -> tuple[str, str]:
        """A database with the schema, and an archive's folder."""
        self._count += 1
        url = self._stack.enter_context(fresh_database(self._server))
        warehouse = Warehouse.open(url)
        migrate(warehouse)
        warehouse.dispose()
        return url, str(self._folder / str(self._count))


def keys_of(pages: int) -> tuple[ProductKey, ...]:
    """The products of the server's market."""
    return SandboxMarket(seed=7, products=pages, first_day=FIRST_DAY).keys


def quick_provider(
    url: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> FirecrawlProvider:
    """The real client, without a limit of its own but the pages under way at once."""
    guard = ProviderGuard(
        CircuitBreaker("firecrawl", OwnCircuits(), failures=50),
        RateLimiter("firecrawl", 10_000_000),
        RetryPolicy(first=0.2),
    )
    return FirecrawlProvider(
        url, "fc-key", guard, workers=CONCURRENCY, batch_from=10**9, answer_seconds=2.0, now=now
    )


def _capture(url: str, database: str, folder: str, pages: int) -> CaptureSummary:
    """A capture of every product that has no answer of today yet, as a later window makes it."""
    warehouse = Warehouse.open(database)
    today = datetime.now(UTC).date()
    try:
        with warehouse.read() as connection:
            done = {
                ProductKey(*row)
                for row in connection.execute(
                    select(REQUESTS.c.marketplace, REQUESTS.c.asin).where(
                        REQUESTS.c.day == today, REQUESTS.c.status == "captured"
                    )
                )
            }
        targets = [PageTarget(key, today) for key in keys_of(pages) if key not in done]
        return capture_pages(
            quick_provider(url), PageArchive(folder), warehouse, targets, run_id=None
        )
    finally:
        warehouse.dispose()


# --- throughput ----------------------------------------------------------------------------------


def throughput(place: _Place, pages: int) -> None:
    """Pages a second with a server that takes 100 ms for each, at 50 at once."""
    limit = CONCURRENCY / 0.1
    print(f"{CONCURRENCY} at once, 100 ms a page: the arithmetic limit is {limit:.0f} pages/s")
    for name, size, count in (
        ("no page at all", 0, pages),
        ("pages of 20 KB", 20_000, pages),
        ("pages of 700 KB", 700_000, min(pages, 2_000)),
    ):
        with firecrawl_process(ServerPlan(count, page_bytes=size)) as url:
            targets = [PageTarget(key, datetime.now(UTC).date()) for key in keys_of(count)]
            client = _client_alone(url, targets)
            database, folder = place.fresh()
            warehouse = Warehouse.open(database)
            began, used = time.perf_counter(), time.process_time()
            summary = capture_pages(
                quick_provider(url), PageArchive(folder), warehouse, targets, run_id=None
            )
            warehouse.dispose()
            seconds, cpu = time.perf_counter() - began, time.process_time() - used
            rate = summary.pages / seconds
            print(
                f"  {name:28s} {rate:6.0f} pages/s, {rate / limit:4.0%} of the limit; the client "
                f"without ledger and archive {client:.0f} pages/s; {1000 * cpu / summary.pages:.1f}"
                f" ms of processor a page; memory {_peak_mib():.0f} MiB",
                flush=True,
            )
        if size:
            print(f"  {'alone, one after the other':28s} {_parts_alone(size, Path(folder))}")


def _client_alone(url: str, targets: Sequence[PageTarget]) -> float:
    """Pages a second that are fetched, judged and dropped."""

    async def fetch() -> int:
        return len([page.verdict async for page in quick_provider(url).fetch(targets)])

    began = time.perf_counter()
    return asyncio.run(fetch()) / (time.perf_counter() - began)


def _parts_alone(size: int, folder: Path, pages: int = 200) -> str:
    """What bounds real-sized pages: judging, parsing and archiving them."""
    chance, key = random.Random(1), keys_of(1)[0]
    contents = [page_of_size(key, size, chance).encode() for _ in range(pages)]
    archive = PageArchive(str(folder / "alone"))
    works: dict[str, Callable[[bytes], object]] = {
        "judged": lambda content: judge_page(PageDocument.from_bytes(content), key),
        "parsed": parse_page,
        "archived": archive.put,
    }
    rates = {}
    for name, work in works.items():
        began = time.perf_counter()
        for content in contents:
            work(content)
        rates[name] = pages / (time.perf_counter() - began)
    return ", ".join(f"{name} {rate:.0f} pages/s" for name, rate in rates.items())


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


# --- faults --------------------------------------------------------------------------------------


def faults(place: _Place, pages: int) -> None:
    """A fifth of the requests goes wrong: what is left, lost, or asked for too often."""
    plan = ServerPlan(pages, latency=0.02, faults=MIXED, page_bytes=20_000)
    database, folder = place.fresh()
    with firecrawl_process(plan) as url:
        began = time.perf_counter()
        summary = _capture(url, database, folder, pages)
        seconds = time.perf_counter() - began
        requests, billed = asked(url)
        print(f"{pages:,} pages in {seconds:.0f} s: {dict(summary.verdicts)}")
        _account(database, folder, pages, requests, billed)
        done = _captured(database)
        _capture(url, database, folder, pages)
        again, _ = asked(url)
        repeated = sum(again[key.url] > requests[key.url] for key in done)
        print(f"a second window: {repeated} pages that were captured were asked for again")
        requests, billed = asked(url)
        _account(database, folder, pages, requests, billed)


def _captured(database: str) -> set[ProductKey]:
    warehouse = Warehouse.open(database)
    with warehouse.read() as connection:
        found = {
            ProductKey(*row)
            for row in connection.execute(
                select(REQUESTS.c.marketplace, REQUESTS.c.asin).where(
                    REQUESTS.c.status == "captured"
                )
            )
        }
    warehouse.dispose()
    return found


def _account(
    database: str, folder: str, pages: int, requests: dict[str, int], billed: dict[str, int]
) -> None:
    """Compares the ledger with what the server counted, and the rows with the archive."""
    warehouse = Warehouse.open(database)
    with warehouse.read() as connection:
        rows = connection.execute(select(REQUESTS)).all()
        bodies = connection.scalars(
            select(PAGES.c.content_hash).where(PAGES.c.content_hash.is_not(None))
        ).all()
        twice = connection.scalar(
            select(func.count()).select_from(
                select(PAGES.c.marketplace, PAGES.c.asin)
                .where(PAGES.c.verdict == "product")
                .group_by(PAGES.c.marketplace, PAGES.c.asin)
                .having(func.count() > 1)
                .subquery()
            )
        )
    warehouse.dispose()
    statuses = Counter(row.status for row in rows)
    archive = PageArchive(folder)
    sends = {ProductKey(row.marketplace, row.asin).url: row.sends for row in rows}
    noted = sum(row.credits + row.credits_reserved for row in rows)
    print(f"  ledger: {len(rows):,} of {pages:,} products, {dict(statuses)}")
    print(
        f"  without a reason: {sum(r.status != 'captured' and not r.reason for r in rows)}; "
        f"product pages twice: {twice}; bodies missing in the archive: "
        f"{sum(not archive.exists(body) for body in set(bodies))}"
    )
    print(
        f"  requests at the server {sum(requests.values()):,}, noted {sum(sends.values()):,}, "
        f"not noted {sum(count > sends.get(url, 0) for url, count in requests.items())}; "
        f"billed {sum(billed.values()):,}, counted as spent {noted.normalize():f}"
    )


# --- kills ---------------------------------------------------------------------------------------


def kills(place: _Place, pages: int, times: int) -> None:
    """The capturing process is killed at random moments, and begun again."""
    chance = random.Random(5)
    database, folder = place.fresh()
    with firecrawl_process(ServerPlan(pages, latency=0.1, page_bytes=20_000)) as url:
        in_flight = 0
        for number in range(times):
            process = _worker(url, database, folder, pages)
            _wait_for_growth(database, process)
            time.sleep(chance.uniform(0.0, 1.5))
            process.send_signal(signal.SIGKILL)
            process.wait()
            under_way = _count(database, "sent")
            in_flight += under_way
            print(
                f"  kill {number + 1}: {_count(database, 'captured'):,} captured, {under_way} sent"
            )
        last = _worker(url, database, folder, pages)
        if last.wait():
            raise RuntimeError("the last capture failed")
        requests, billed = asked(url)
        extra = sum(count - 1 for count in requests.values() if count > 1)
        print(
            f"{times} kills: {_count(database, 'captured'):,} of {pages:,} captured; asked for "
            f"twice: {extra}, of {in_flight} that were in flight (at most {CONCURRENCY} a kill)"
        )
        _account(database, folder, pages, requests, billed)


def _worker(url: str, database: str, folder: str, pages: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "benchmarks.capture",
            "worker",
            "--pages",
            str(pages),
            "--worker",
            url,
            database,
            folder,
        ]
    )


def _wait_for_growth(database: str, process: subprocess.Popen[bytes]) -> None:
    before = _count(database, "captured")
    while _count(database, "captured") <= before and process.poll() is None:
        time.sleep(0.05)


def _count(database: str, status: str) -> int:
    warehouse = Warehouse.open(database)
    with warehouse.read() as connection:
        found = connection.scalar(
            select(func.count()).select_from(REQUESTS).where(REQUESTS.c.status == status)
        )
    warehouse.dispose()
    return int(found or 0)


# --- outages -------------------------------------------------------------------------------------


def primary_down(place: _Place, pages: int) -> None:
    """Firecrawl answers 503 for the whole run: its breaker opens, and direct fetch brings all.

    Both ask a Redis that is not there for the shared state, and keep their own.
    """
    plan = ServerPlan(pages, latency=0.0, page_bytes=20_000, refuses_with=503)
    database, folder = place.fresh()
    nowhere = "redis://127.0.0.1:1/0"

    def guard_of(name: str, failures: int) -> ProviderGuard:
        return ProviderGuard(
            CircuitBreaker(name, SharedCircuits(nowhere), failures=failures, rest=REST_SECONDS),
            RateLimiter(name, 10_000_000, redis_url=nowhere),
            RetryPolicy(first=0.05),
        )

    with firecrawl_process(plan) as url:
        firecrawl_guard = guard_of("firecrawl", 5)
        both = FallbackProvider(
            FirecrawlProvider(url, "fc-key", firecrawl_guard, workers=8, batch_from=10**9),
            DirectProvider(
                "benchmark@example.org",
                RobotsTxt(Path(folder) / "robots", ROBOT),
                lambda host, pause: guard_of(host, 5),
                origin=url,
            ),
        )
        warehouse = Warehouse.open(database)
        targets = [PageTarget(key, datetime.now(UTC).date()) for key in keys_of(pages)]
        began = time.perf_counter()
        summary = capture_pages(both, PageArchive(folder), warehouse, targets, run_id=None)
        seconds = time.perf_counter() - began
        warehouse.dispose()
        brought = {name: dict(each.verdicts) for name, each in summary.providers.items()}
        print(
            f"Firecrawl down, Redis not there: {pages:,} products in {seconds:.0f} s, without a "
            f"page: {len(summary.left_out)}; {brought}; {summary.ended_by}"
        )
        asyncio.run(_half_opens(firecrawl_guard.breaker))


async def _half_opens(breaker: CircuitBreaker) -> None:
    """Another failure opens it anew; from then on, when it lets one request pass."""
    await breaker.failed()
    began = time.perf_counter()
    while await breaker.state() != "half open":
        await asyncio.sleep(0.01)
    took = time.perf_counter() - began
    print(f"its breaker half-opened after {took:.2f} s of {REST_SECONDS:.0f}")


def outages(pages: int) -> None:
    """PostgreSQL is restarted in mid-run, twice."""
    with (
        restartable_postgres() as postgres,
        tempfile.TemporaryDirectory() as folder,
        firecrawl_process(ServerPlan(pages, latency=0.1, page_bytes=20_000)) as url,
    ):
        postgres.start()
        warehouse = Warehouse.open(postgres.url.replace("postgresql:", "postgresql+psycopg:"))
        migrate(warehouse)
        database = warehouse.engine.url.render_as_string(hide_password=False)
        warehouse.dispose()
        process = _worker(url, database, folder, pages)
        for number in range(2):
            _wait_for_growth(database, process)
            time.sleep(1.0)
            postgres.stop()
            time.sleep(2.0)
            postgres.start()
            print(f"  restart {number + 1}: {_count(database, 'captured'):,} captured", flush=True)
        code = process.wait()
        requests, billed = asked(url)
        extra = sum(count - 1 for count in requests.values() if count > 1)
        print(f"PostgreSQL restarted twice: exit code {code}; asked for twice: {extra}")
        _account(database, folder, pages, requests, billed)


if __name__ == "__main__":
    main()
