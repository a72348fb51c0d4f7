"""``insights sandbox``: the simulated marketplace, and a language model, as servers."""

from __future__ import annotations

import threading
from datetime import date

import click


@click.group()
def sandbox() -> None:
    """The simulated marketplace. See docs/sandbox.md."""


@sandbox.command()
@click.option("--port", type=click.IntRange(0, 65_535), default=3002, show_default=True)
@click.option("--latency-ms", type=click.IntRange(min=0), default=100, show_default=True)
@click.option("--products", type=click.IntRange(min=1), default=24, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=7, show_default=True)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="NAME=RATE",
    help="A share of the requests goes wrong, such as robot-check=0.1. Repeatable.",
)
@click.option("--key", help="The only API key that is taken; default: any, or none.")
def serve(
    port: int, latency_ms: int, products: int, seed: int, faults: tuple[str, ...], key: str | None
) -> None:
    """Serve simulated pages through Firecrawl's API, to try captures without Amazon."""
    from insights_resources.sandbox.faults import Fault, FaultPlan, parse_rates
    from insights_resources.sandbox.firecrawl_server import SandboxFirecrawl
    from insights_resources.sandbox.http_server import serving
    from insights_resources.sandbox.market import SandboxMarket

    plan = FaultPlan(parse_rates(_named(faults), Fault), seed=seed)
    market = SandboxMarket(seed=seed, products=products, first_day=date(2025, 1, 1))
    firecrawl = SandboxFirecrawl(market, plan, latency=latency_ms / 1000, api_key=key)
    with serving(firecrawl, port) as url:
        click.echo(f"Firecrawl's API over the sandbox marketplace: {url} (Ctrl-C ends it)")
        click.echo(f"what was asked for and billed: {url}/sandbox/log")
        click.echo(f"capture from it: INSIGHTS_FIRECRAWL_URL={url} insights track amazon.de ...")
        products_of: dict[str, str] = {}
        for each in market.keys:
            products_of.setdefault(each.marketplace, each.asin)
        for marketplace, asin in products_of.items():
            click.echo(f"  insights track {marketplace} {asin}")
        _wait()


@sandbox.command()
@click.option("--port", type=click.IntRange(0, 65_535), default=3003, show_default=True)
@click.option("--latency-ms", type=click.IntRange(min=0), default=500, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=7, show_default=True)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="NAME=RATE",
    help="A share of the requests goes wrong, such as truncated=0.1. Repeatable.",
)
@click.option("--key", help="The only API key that is taken; default: any, or none.")
def model(port: int, latency_ms: int, seed: int, faults: tuple[str, ...], key: str | None) -> None:
    """Serve a language model through OpenAI's API, to try what is done with its failures."""
    from insights_resources.sandbox.faults import FaultPlan, ModelFault, parse_rates
    from insights_resources.sandbox.http_server import serving
    from insights_resources.sandbox.openai_server import SandboxModel

    plan = FaultPlan(parse_rates(_named(faults), ModelFault), seed=seed)
    server = SandboxModel(
        fault=lambda request: plan.next(request.model), latency=latency_ms / 1000, api_key=key
    )
    with serving(server, port) as url:
        click.echo(f"a language model behind OpenAI's API: {url}/v1 (Ctrl-C ends it)")
        click.echo(f"what was asked for and billed: {url}/stats")
        click.echo(f"ask it: INSIGHTS_MODEL_URL={url}/v1")
        _wait()


def _named(faults: tuple[str, ...]) -> dict[str, str]:
    return {name: rate for name, _, rate in (fault.partition("=") for fault in faults)}


def _wait() -> None:
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        click.echo("stopped")
