"""``insights demo``, ``track`` and ``backfill``: the commands that run a part of the graph."""

from __future__ import annotations

import os
import time
from datetime import date, timedelta

import click
from rich.console import Console

from insights_jobs.cli.options import DAY

DEFAULT_DEMO_DAYS = 14


@click.command()
@click.option(
    "--days",
    type=click.IntRange(1, 366),
    default=DEFAULT_DEMO_DAYS,
    show_default=True,
    help="Days of the sandbox marketplace, up to yesterday.",
)
@click.option("-v", "--verbose", is_flag=True, help="Show what each asset says.")
def demo(days: int, verbose: bool) -> None:
    """Run the whole graph on simulated pages, or on saved ones (INSIGHTS_PAGES=folder)."""
    from insights_jobs.build import build_definitions
    from insights_jobs.cli.environment import open_warehouse, settings_with_instance
    from insights_jobs.cli.progress import RunPrinter, print_failed_checks
    from insights_jobs.demo import (
        count_of_files,
        plan_demo,
        print_summary,
        require_past_days,
    )
    from insights_jobs.runs import run_job
    from insights_resources.settings import read_settings

    console = Console()
    began = time.monotonic()
    # Before anything is made.
    require_past_days(read_settings(os.environ))
    settings = settings_with_instance()
    console.print(settings.describe(), style="dim", highlight=False, markup=False, soft_wrap=True)
    definitions = build_definitions()
    plan = plan_demo(settings, days)
    for reason, files in plan.left_out.most_common():
        line = f"{count_of_files(files)} left out: {reason}"
        console.print(line, style="dim", markup=False, soft_wrap=True)
    total = len(plan.stretches)
    for number, (first, last) in enumerate(plan.stretches, start=1):
        span = str(first) if first == last else f"{first} to {last}"
        count = f" ({number} of {total})" if total > 1 else ""
        console.print(f"\n[bold]{span}[/]{count}", highlight=False)
        with RunPrinter(console, verbose=verbose) as printer:
            finished = run_job(
                definitions, "whole_graph", first_day=first, last_day=last, on_progress=printer
            )
        print_failed_checks(console, finished)
    print_summary(console, open_warehouse(settings), settings, time.monotonic() - began)


@click.command()
@click.argument("marketplace")
@click.argument("asins", nargs=-1, required=True, metavar="ASIN...")
@click.option(
    "--anew",
    is_flag=True,
    help="Capture live pages even where today's is younger than INSIGHTS_CAPTURE_HOURS.",
)
@click.option("-v", "--verbose", is_flag=True, help="Show what each asset says.")
def track(marketplace: str, asins: tuple[str, ...], anew: bool, verbose: bool) -> None:
    """Track products from now on, and capture them at once."""
    from insights_resources.marketplaces import product_key

    # Checked before anything is opened: a wrong ASIN changes nothing.
    keys = list(dict.fromkeys(product_key(marketplace, asin) for asin in asins))

    from insights_jobs.build import build_definitions
    from insights_jobs.cli.environment import open_warehouse, settings_with_instance
    from insights_jobs.cli.progress import RunPrinter
    from insights_jobs.tracking import print_tracked, track_products
    from insights_resources.errors import ConfigurationError
    from insights_resources.page_providers.saved_pages import SavedPagesProvider
    from insights_resources.scope import today_utc

    console = Console()
    settings = settings_with_instance()
    folder = settings.pages_folder
    if folder is not None and not SavedPagesProvider(folder).can_serve(today_utc()):
        raise ConfigurationError(
            f"a product is tracked by its page of today, and the saved pages in {folder} have "
            f"none: save its pages there and run insights demo, or unset INSIGHTS_PAGES"
        )
    warehouse = open_warehouse(settings)
    with RunPrinter(console, verbose=verbose) as printer:
        track_products(
            build_definitions(),
            warehouse,
            keys,
            requested_by="cli",
            even_if_fresh=anew,
            on_progress=printer,
        )
    print_tracked(console, warehouse, keys)


@click.command()
@click.option("--from", "first", type=DAY, required=True, help="First UTC day, YYYY-MM-DD.")
@click.option("--to", "last", type=DAY, help="Last UTC day; default: the same as --from.")
@click.option(
    "--capture",
    is_flag=True,
    help="Capture the pages of those days first (only where the page provider has past days).",
)
@click.option(
    "--accept-drift",
    "accepted",
    multiple=True,
    metavar="MARKETPLACE",
    help="Its pages have really changed: publish them (docs/data-quality.md). Repeatable.",
)
@click.option("-v", "--verbose", is_flag=True, help="Show what each asset says.")
def backfill(
    first: date, last: date | None, capture: bool, accepted: tuple[str, ...], verbose: bool
) -> None:
    """Rebuild past days from the archived pages, as one run."""
    from insights_jobs.build import build_definitions
    from insights_jobs.cli.environment import settings_with_instance
    from insights_jobs.cli.progress import RunPrinter, print_failed_checks
    from insights_jobs.jobs import accepted_drift_config
    from insights_jobs.runs import run_job
    from insights_resources.errors import InvalidInputError

    run_config = accepted_drift_config(accepted)
    until = last or first
    if until < first:
        raise InvalidInputError(f"--to {until} is before --from {first}")
    console = Console()
    settings_with_instance()
    job = "whole_graph" if capture else "rebuild_derived"
    days = (until - first) // timedelta(days=1) + 1
    span = str(first) if days == 1 else f"{first} to {until}, {days} days"
    console.print(f"{job}: {span}", highlight=False)
    with RunPrinter(console, verbose=verbose) as printer:
        finished = run_job(
            build_definitions(),
            job,
            first_day=first,
            last_day=until,
            run_config=run_config,
            on_progress=printer,
        )
    print_failed_checks(console, finished)
    console.print(f"done; run {finished.run_id}", highlight=False)
