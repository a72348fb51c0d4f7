"""``insights demo``, ``track`` and ``backfill``: the commands that run a part of the graph."""

from __future__ import annotations

import os
import time
from datetime import date, timedelta
from typing import TYPE_CHECKING

import click
from rich.console import Console

from insights_jobs.cli.options import DAY

if TYPE_CHECKING:
    from insights_resources.settings import Settings

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
@click.option(
    "--narrative",
    type=click.Choice(["recent", "model", "structured"]),
    default="recent",
    show_default=True,
    help="Who writes the reports: the language model those of today and yesterday only, the model "
    "all of them (says first what that may cost), or the structured writer all.",
)
@click.option("--yes", is_flag=True, help="Do not ask before the model is paid for.")
@click.option("-v", "--verbose", is_flag=True, help="Show what each asset says.")
def backfill(
    first: date,
    last: date | None,
    capture: bool,
    accepted: tuple[str, ...],
    narrative: str,
    yes: bool,
    verbose: bool,
) -> None:
    """Rebuild past days from the archived pages, as one run.

    Reports of past days are written by the structured writer, unless --narrative says otherwise.
    """
    from insights_jobs.build import build_definitions
    from insights_jobs.cli.environment import settings_with_instance
    from insights_jobs.cli.progress import RunPrinter, print_failed_checks
    from insights_jobs.jobs import accepted_drift_config, narrative_config
    from insights_jobs.runs import run_job
    from insights_resources.errors import InvalidInputError

    configs = (accepted_drift_config(accepted), narrative_config(narrative))
    run_config = {
        "ops": {key: value for each in configs for key, value in each.get("ops", {}).items()}
    }
    until = last or first
    if until < first:
        raise InvalidInputError(f"--to {until} is before --from {first}")
    console = Console()
    settings = settings_with_instance()
    if narrative == "model":
        _name_the_cost(console, settings, first, until)
        if not yes:
            click.confirm("Go on?", abort=True)
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


def _name_the_cost(console: Console, settings: Settings, first: date, last: date) -> None:
    """Says what a model's reports of these days may cost, by the facts that are published now."""
    from insights_assets.reports.rebuild import expected_cost_of_reports
    from insights_jobs.cli.environment import open_warehouse
    from insights_resources.errors import ConfigurationError
    from insights_resources.scope import Scope
    from insights_resources.wiring import open_language_model

    warehouse = open_warehouse(settings)
    model = open_language_model(settings, os.environ, warehouse)
    if model is None:
        raise ConfigurationError(
            "--narrative model needs a language model: set OPENAI_API_KEY, or INSIGHTS_MODEL_URL"
        )
    expected, days_without = expected_cost_of_reports(
        warehouse, model, Scope(first, last), settings.locale
    )
    cost = (
        "no price is configured: INSIGHTS_MODEL_INPUT_PRICE, INSIGHTS_MODEL_OUTPUT_PRICE"
        if expected.cost is None
        else f"at most ${expected.cost:,.2f}"
    )
    console.print(
        f"{model.name}: {expected.calls} reports to be paid, at most {expected.tokens:,} tokens "
        f"({cost})",
        highlight=False,
    )
    if days_without:
        console.print(
            f"{days_without} of the days have no scores yet: what their reports cost is said in "
            f"the run's log before they are asked for",
            highlight=False,
        )
