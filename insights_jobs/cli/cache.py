"""``insights cache``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from insights_resources.cache import Cache

#: Each way in which a read is answered.
_LEVELS = {
    "memory": "from a process's memory",
    "redis": "from Redis",
    "stale": "from Redis or memory, past its age, while somebody computed it anew",
    "shared": "with another read of the same process",
    "computed": "computed, for everybody after it",
    "direct": "from the database, for that read alone (Redis away or full, or just publishing)",
}


@click.group()
def cache() -> None:
    """Look at the cache before the warehouse, or clear it. See docs/cache.md."""


@cache.command()
@click.option("--key", "keys", multiple=True, help="An entry, as product:amazon.de:B0...:summary.")
@click.option(
    "--tag",
    "tags",
    multiple=True,
    help="All entries with it: summaries, analyses, marketplace:amazon.de, group:de-kettles.",
)
@click.option("--all", "everything", is_flag=True, help="Every entry; frees its memory in Redis.")
def clear(keys: tuple[str, ...], tags: tuple[str, ...], *, everything: bool) -> None:
    """Forget entries: nobody is served them from now on, and whatever is being computed now is not
    kept. They are read from the database again. (Of what may be old, a process may still have a
    copy in memory for a second.)
    """
    if bool(keys or tags) == everything:
        raise click.UsageError("give --key and --tag, or --all")
    opened = _open()
    if everything:
        click.echo(f"{opened.clear_all():,} entries forgotten")
        return
    found = opened.clear(keys=keys, tags=tags)
    if keys:
        click.echo(f"{found} of {len(keys)} {'entry' if len(keys) == 1 else 'entries'} forgotten")
    for tag in tags:
        click.echo(f"all entries with the tag {tag} forgotten")


@cache.command()
def status() -> None:
    """Say how reads were answered, by level, and what Redis holds."""
    from insights_resources.cache import Count

    found = _open().status()
    reads = {level: found.counts[Count(level)] for level in _LEVELS}
    total = sum(reads.values())
    click.echo(f"{total:,} reads")
    for level, meaning in _LEVELS.items():
        share = f"{reads[level] / total:7.1%}" if total else f"{'-':>7}"
        click.echo(f"  {level:<9}{reads[level]:>14,} {share}  {meaning}")
    click.echo(
        f"{found.counts[Count.VOID]:,} computations not kept (published or cleared meanwhile); "
        f"{found.counts[Count.ERROR]:,} failures of Redis"
    )
    click.echo(
        "entries: " + ", ".join(f"{pattern} {count:,}" for pattern, count in found.entries.items())
    )
    limit = f" of {found.limit_bytes / 1e6:,.0f} MB" if found.limit_bytes else ""
    click.echo(
        f"Redis: {found.used_bytes / 1e6:,.1f} MB{limit} used, {found.evicted:,} entries evicted"
    )
    if not found.is_writable:
        click.echo("this Redis is a read-only replica: prices and scores come from the database")


def _open() -> Cache:
    from insights_resources.cache import Cache
    from insights_resources.settings import read_settings

    return Cache(read_settings(os.environ).redis_url)
