"""The sandbox's Firecrawl in a process of its own, so that it takes no time of the client's."""

from __future__ import annotations

import multiprocessing
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from multiprocessing.connection import Connection

import httpx

from insights_resources.marketplaces import ProductKey
from insights_resources.sandbox.faults import Fault, FaultPlan
from insights_resources.sandbox.firecrawl_server import SandboxFirecrawl
from insights_resources.sandbox.http_server import serving
from insights_resources.sandbox.market import SandboxMarket

FIRST_DAY = date(2025, 1, 1)


@dataclass(frozen=True)
class ServerPlan:
    """``latency``: seconds a page. ``page_bytes`` None: the market's own pages; 0: no page at all;
    else one page of about that size, which differs in a number, whatever is asked for."""

    products: int = 1
    latency: float = 0.1
    faults: dict[Fault, float] = field(default_factory=dict)
    slow_seconds: float = 3.0
    page_bytes: int | None = None
    refuses_with: int | None = None


@contextmanager
def firecrawl_process(plan: ServerPlan) -> Iterator[str]:
    """Its address, until the block ends."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(plan, theirs), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send(None)
        process.join(10)


def asked(url: str) -> tuple[dict[str, int], dict[str, int]]:
    """How often each page was asked for, and billed: what the server itself counted."""
    log = httpx.get(f"{url}/sandbox/log", timeout=60).json()
    return log["requests"], log["billed"]


def _serve(plan: ServerPlan, pipe: Connection) -> None:
    market = SandboxMarket(seed=7, products=plan.products, first_day=FIRST_DAY)
    chance = random.Random(1)
    firecrawl = SandboxFirecrawl(
        market,
        FaultPlan(
            plan.faults, slow_seconds=plan.slow_seconds, refuses_with=plan.refuses_with, seed=3
        ),
        latency=plan.latency,
        page=None
        if plan.page_bytes is None
        else lambda key: page_of_size(key, plan.page_bytes, chance),
    )
    with serving(firecrawl) as url:
        pipe.send(url)
        pipe.recv()
    os._exit(0)


@lru_cache
def _filler(size: int) -> str:
    """With a start tag for each 270 bytes, as real pages have."""
    words = "as many words as there are between two tags of a real page " * 8
    block = f'<div class="a-section"><span class="a-size-base">{words}</span></div>'
    return block * (size // len(block))


def page_of_size(key: ProductKey, size: int | None, chance: random.Random) -> str:
    if not size:
        return ""
    return (
        f'<html><head><link rel="canonical" href="{key.url}"></head><body>'
        f'<span id="productTitle">A thing {chance.random()}</span>'
        f'<input id="ASIN" value="{key.asin}">{_filler(size)}</body></html>'
    )
