"""``insights report``, ``migrate``, ``roles`` and ``status``."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from insights_jobs.cli.options import DAY

if TYPE_CHECKING:
    from insights_resources.settings import Settings
    from insights_resources.warehouse.engine import Warehouse


@click.command()
@click.argument("group")
@click.option("--day", type=DAY, help="UTC day; default: the last one with a report.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder; default: the reports'.",
)
def report(group: str, day: date | None, output: Path | None) -> None:
    """Write a group's report (Markdown, JSON, HTML with charts) and say where."""
    from sqlalchemy import func, select

    from insights_assets.reports.rebuild import write_report_files
    from insights_jobs.cli.environment import open_warehouse
    from insights_resources.errors import InvalidInputError
    from insights_resources.settings import read_settings
    from insights_resources.warehouse import tables
    from insights_resources.warehouse.publication import is_current

    settings = read_settings(os.environ)
    warehouse = open_warehouse(settings)
    table = tables.competitive_reports
    with warehouse.begin() as connection:
        groups = connection.scalars(
            select(tables.competitive_groups.c.group_id).order_by("group_id")
        ).all()
        newest = connection.scalar(
            select(func.max(table.c.day)).where(is_current(table), table.c.group_id == group)
        )
        exists = day is None or connection.scalar(
            select(func.count()).where(
                is_current(table), table.c.group_id == group, table.c.day == day
            )
        )
    if group not in groups:
        raise InvalidInputError(
            f"no group {group!r}; known are {', '.join(groups) or 'none: run insights demo first'}"
        )
    if newest is None or not exists:
        raise InvalidInputError(
            f"there is no report of {group} for {day or 'any day'}; make it with "
            f"insights backfill --from {day or 'DAY'}"
        )
    paths = write_report_files(warehouse, output or settings.reports_folder, day or newest, group)
    for path in paths:
        click.echo(path)


@click.command()
def migrate() -> None:
    """Bring the warehouse's schema up to date (safe to run twice)."""
    from insights_resources.settings import read_settings
    from insights_resources.warehouse.engine import Warehouse
    from insights_resources.warehouse.schema import migrate as migrate_schema

    settings = read_settings(os.environ)
    warehouse = Warehouse.open(settings.database_url)
    applied = migrate_schema(warehouse)
    for revision in applied:
        click.echo(f"applied {revision}")
    click.echo("the schema is up to date")
    _print_contract(warehouse)
    if warehouse.is_postgres:
        _print_shortcomings(warehouse)


@click.command()
@click.option("--sql", is_flag=True, help="Print what an administrator has to run, nothing else.")
def roles(*, sql: bool) -> None:
    """Say who has which role in the PostgreSQL warehouse, and what is not as it should be."""
    from insights_resources.errors import InvalidInputError
    from insights_resources.settings import read_settings
    from insights_resources.warehouse.engine import Warehouse
    from insights_resources.warehouse.roles import admin_script, members

    warehouse = Warehouse.open(read_settings(os.environ).database_url)
    if not warehouse.is_postgres:
        raise InvalidInputError(
            "SQLite has no roles: set INSIGHTS_DATABASE_URL to a PostgreSQL database"
        )
    with warehouse.read() as connection:
        if sql:
            click.echo(admin_script(connection), nl=False)
            return
        for role, logins in members(connection).items():
            click.echo(f"{role}: {', '.join(logins) or 'nobody'}")
    _print_shortcomings(warehouse)


def _print_contract(warehouse: Warehouse) -> None:
    from insights_resources.warehouse.contract_versions import recorded_version

    with warehouse.read() as connection:
        version = recorded_version(connection)
    click.echo(f"SQL contract: version {version} (docs/sql-contract.md)")


def _print_shortcomings(warehouse: Warehouse) -> None:
    from insights_resources.warehouse.roles import shortcomings

    with warehouse.read() as connection:
        found = shortcomings(connection)
    for shortcoming in found:
        click.echo(f"roles: {shortcoming}")
    if found:
        click.echo(
            "roles: let an administrator run what `insights roles --sql` prints, "
            "then run insights migrate again"
        )


@click.command()
def status() -> None:
    """Say what is configured, what is in the warehouse and what is pending."""
    from insights_jobs.cli.environment import open_warehouse
    from insights_jobs.demo import print_counts
    from insights_jobs.sensors import pending_days
    from insights_jobs.tracking import print_requests
    from insights_resources.settings import read_settings

    console = Console()
    settings = read_settings(os.environ)
    console.print(settings.describe(), highlight=False, markup=False, soft_wrap=True)
    warehouse = open_warehouse(settings)
    print_counts(console, warehouse)
    _print_contract(warehouse)
    print_requests(console, warehouse)
    if settings.page_source.is_live:
        _print_live_pages(console, warehouse, settings)
    if settings.model.is_configured:
        _print_language_model(console, warehouse, settings)
    waiting = sorted(pending_days(warehouse))
    stretches = ", ".join(f"{days.first} to {days.last}" for days in waiting)
    console.print(
        "pending: "
        + (f"{stretches} (for the next micro-batch; make dev runs it)" if waiting else "nothing"),
        highlight=False,
        soft_wrap=True,
    )


def _print_live_pages(console: Console, warehouse: Warehouse, settings: Settings) -> None:
    from insights_assets.capture.live_status import status_lines
    from insights_resources.page_providers.protocol import LivePageProvider
    from insights_resources.scope import today_utc
    from insights_resources.wiring import open_pages

    provider = open_pages(settings, os.environ)
    assert isinstance(provider, LivePageProvider)
    for line in status_lines(warehouse, provider, today_utc(), settings.live.credits_a_day):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _print_language_model(console: Console, warehouse: Warehouse, settings: Settings) -> None:
    from insights_resources.language_model.status import status_line
    from insights_resources.wiring import open_language_model

    model = open_language_model(settings, os.environ, warehouse)
    assert model is not None
    console.print(status_line(model), highlight=False, markup=False, soft_wrap=True)
