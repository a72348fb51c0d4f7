"""``insights archive``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from insights_assets.capture.archive_comparison import ArchiveComparison

#: Hashes and files that are named.
_NAMED = 20


@click.group()
def archive() -> None:
    """The page archive: every captured page by the hash of its body."""


@archive.command()
@click.option("--remove-orphans", is_flag=True, help="Remove the files that no row names.")
def check(*, remove_orphans: bool) -> None:
    """Compare all of the archive with the rows of pages: what is missing, what is left over.

    A body that is missing cannot be read again by a better parser: restore it from a backup. The
    exit code is 1 when any is. An orphan is the rest of a capture that broke off before its row,
    over an hour ago.
    """
    from insights_assets.capture.archive_comparison import compare_archive
    from insights_jobs.cli.environment import open_warehouse
    from insights_resources.page_archive import PageArchive
    from insights_resources.settings import read_settings

    settings = read_settings(os.environ)
    pages = PageArchive(settings.archive_url)
    found = compare_archive(open_warehouse(settings), pages)
    click.echo(f"{found.bodies:,} bodies; {len(found.missing):,} missing; {_orphans(found)}")
    for content_hash in found.missing[:_NAMED]:
        click.echo(f"  missing: {content_hash}")
    for orphan in found.orphans[:_NAMED]:
        click.echo(f"  orphan: {orphan.path}")
    if remove_orphans and found.orphans:
        for orphan in found.orphans:
            pages.remove_file(orphan.path)
        click.echo(f"{len(found.orphans):,} orphans removed")
    if found.missing:
        raise SystemExit(1)


def _orphans(found: ArchiveComparison) -> str:
    count = len(found.orphans)
    size = f" ({found.orphan_bytes / 2**20:,.1f} MiB)" if count else ""
    return f"{count:,} {'orphan' if count == 1 else 'orphans'}{size}"
