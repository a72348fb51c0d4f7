"""``insights rejected``: pages that gave no snapshot, and another try."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any, TypeVar

import click
from rich.console import Console
from rich.table import Table as ScreenTable

from insights_jobs.cli.options import DAY

if TYPE_CHECKING:
    from insights_assets.snapshots.rejections import Rejection
    from insights_resources.settings import Settings
    from insights_resources.warehouse.engine import Warehouse

Command = TypeVar("Command", bound=Callable[..., object])


def _filters(command: Command) -> Command:
    """The options that say which pages are meant."""
    for option in (
        click.option("--reason", metavar="TEXT", help="With this in their reason."),
        click.option(
            "--verdict",
            type=click.Choice(["blocked", "not_found", "other", "error", "product"]),
            help="With this verdict (product: an impossible value).",
        ),
        click.option("--marketplace", metavar="DOMAIN", help="Of this one, as amazon.de."),
        click.option("--to", "last", type=DAY, help="Last UTC day; default: the same as --from."),
        click.option("--from", "first", type=DAY, help="First UTC day; default: all days."),
    ):
        command = option(command)
    return command


@click.group()
def rejected() -> None:
    """List rejected pages, and parse them again. See docs/data-quality.md."""


@rejected.command("list")
@_filters
@click.option(
    "--limit", type=click.IntRange(min=1), default=50, show_default=True, help="At most so many."
)
def list_rejected(limit: int, **filters: Any) -> None:
    """List the pages that gave no snapshot and why, the newest first."""
    from insights_resources.settings import read_settings

    _, found = _find(read_settings(os.environ), limit, **filters)
    if not found:
        click.echo("no rejected page is like that")
        return
    grid = ScreenTable(box=None, pad_edge=False)
    for name in ("captured (UTC)", "product", "verdict", "parser", "reason"):
        grid.add_column(name, overflow="fold")
    for page in found:
        grid.add_row(
            f"{page.captured_at:%Y-%m-%d %H:%M}",
            str(page.key),
            page.verdict,
            page.parser_version,
            _plain(page.reason),
        )
    Console(markup=False, highlight=False).print(grid)
    if len(found) == limit:
        click.echo(f"the newest {limit}; --limit shows more")


@rejected.command("replay")
@_filters
def replay_rejected(**filters: Any) -> None:
    """Parse rejected pages again with the parser as it is now.

    What becomes a snapshot reaches features, alerts and summaries with the next micro-batch. The
    pages themselves come from the archive: nothing is captured.
    """
    from insights_assets.snapshots.rejections import replay
    from insights_resources.page_archive import PageArchive
    from insights_resources.settings import read_settings

    settings = read_settings(os.environ)
    warehouse, found = _find(settings, None, **filters)
    if not found:
        click.echo("no rejected page is like that")
        return
    accepted, still = 0, Counter[str]()
    for day, outcome in replay(warehouse, PageArchive(settings.archive_url), found):
        click.echo(f"{day}: {len(outcome.accepted)} of {len(outcome.tried)} are snapshots now")
        for page in outcome.accepted:
            click.echo(f"  {page.key} of {page.captured_at:%H:%M} UTC: was {_plain(page.reason)}")
        accepted += len(outcome.accepted)
        still.update(page.reason for page in outcome.still_rejected)
    click.echo(f"{accepted} of {len(found)} pages are snapshots now")
    for reason, count in still.most_common():
        click.echo(f"  {count} stay rejected: {_plain(reason)}")


def _find(
    settings: Settings,
    limit: int | None,
    *,
    first: date | None,
    last: date | None,
    marketplace: str | None,
    verdict: str | None,
    reason: str | None,
) -> tuple[Warehouse, list[Rejection]]:
    from insights_assets.snapshots.rejections import find_rejections
    from insights_jobs.cli.environment import open_warehouse
    from insights_resources.errors import InvalidInputError
    from insights_resources.marketplaces import marketplace as marketplace_named

    if last is not None and first is not None and last < first:
        raise InvalidInputError(f"--to {last} is before --from {first}")
    domain = None if marketplace is None else marketplace_named(marketplace).domain
    warehouse = open_warehouse(settings)
    found = find_rejections(
        warehouse,
        first_day=first,
        last_day=last or first,
        marketplace=domain,
        verdict=verdict,
        reason=reason,
        limit=limit,
    )
    return warehouse, found


def _plain(reason: str) -> str:
    """A reason may quote a page: no control characters reach the screen."""
    return "".join(letter if letter.isprintable() else " " for letter in reason)
