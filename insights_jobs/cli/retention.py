"""``insights retention``."""

from __future__ import annotations

import os

import click


@click.command()
@click.option("--apply", "applied", is_flag=True, help="Remove; without this, only say what.")
def retention(*, applied: bool) -> None:
    """Remove rows that are older than the retention file says (retention.yaml).

    Says what it would remove; removes it with --apply. The last snapshot of a product stays.
    """
    from insights_assets.retention import apply_retention, planned_removals
    from insights_assets.retention_policy import read_retention_file
    from insights_jobs.cli.environment import open_warehouse
    from insights_resources.page_archive import PageArchive
    from insights_resources.scope import today_utc
    from insights_resources.settings import read_settings
    from insights_resources.wiring import open_cache

    settings = read_settings(os.environ)
    policy = read_retention_file(settings.retention_file)
    warehouse = open_warehouse(settings)
    cache = open_cache(settings.redis_url, warehouse)
    count = 0
    try:
        for removal in (
            apply_retention(
                warehouse, PageArchive(settings.archive_url), cache, policy, today_utc()
            )
            if applied
            else planned_removals(warehouse, policy, today_utc())
        ):
            click.echo(f"{'removed' if applied else 'would remove'} {removal}")
            count += 1
    finally:
        cache.close()
    if not count:
        click.echo(f"nothing is older than {settings.retention_file} says")
    elif not applied:
        click.echo("nothing is removed yet: --apply does it")
