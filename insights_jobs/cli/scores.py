"""``insights explain`` and ``plot``: how a score came about, and charts of what it came from."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from insights_jobs.cli.options import DAY

if TYPE_CHECKING:
    from insights_assets.charts.pages import Page

Command = TypeVar("Command", bound=Callable[..., object])


@click.command()
@click.argument("group")
@click.argument("asin")
@click.option("--day", type=DAY, help="UTC day; default: the group's last one with scores.")
@click.option(
    "--method",
    type=click.Choice(["standard", "robust"]),
    default="standard",
    show_default=True,
    help="Which of the two scores.",
)
@click.option("--marketplace", help="Where an ASIN is in the group on several marketplaces.")
@click.option(
    "--what-if",
    "changes",
    multiple=True,
    metavar="price|rating|rank=VALUE",
    help="Also show the scores with another value; may be given several times.",
)
def explain(
    group: str,
    asin: str,
    day: date | None,
    method: str,
    marketplace: str | None,
    changes: tuple[str, ...],
) -> None:
    """Explain a product's score: inputs, formulas, peers, who was left out and why.

    \b
    insights explain de-kettles B08N5WRWNW --day 2026-03-10
    insights explain de-kettles B08N5WRWNW --what-if price=12.99 --what-if rating=4.6
    """
    from insights_resources.marketplaces import marketplace as marketplace_named
    from insights_resources.marketplaces import parse_asin

    # Checked before anything is opened.
    wanted_asin = parse_asin(asin)
    wanted_marketplace = None if marketplace is None else marketplace_named(marketplace).domain

    from insights_assets.competition.explanation import explain as explain_score
    from insights_assets.competition.explanation_text import explanation_lines, what_if_lines
    from insights_assets.competition.formulas import Method
    from insights_assets.competition.group_day import read_group_day
    from insights_assets.competition.what_if import parse_changes, what_if
    from insights_jobs.cli.environment import open_warehouse
    from insights_resources.settings import read_settings

    parsed = parse_changes(changes)
    group_day = read_group_day(open_warehouse(read_settings(os.environ)), group, day)
    product = group_day.product(wanted_asin, wanted_marketplace)
    explained = explain_score(group_day, product, Method(method))
    imagined = what_if(group_day, product, Method(method), parsed) if parsed else None
    for line in explanation_lines(explained):
        click.echo(line)
    if imagined is not None:
        click.echo()
        for line in what_if_lines(group_day, imagined):
            click.echo(line)


def _span_and_file(command: Command) -> Command:
    """The options of both charts."""
    for option in (
        click.option(
            "--out",
            type=click.Path(path_type=Path, dir_okay=False),
            help="FILE.png or FILE.svg; default: a PNG in the reports' folder.",
        ),
        click.option("--to", "last", type=DAY, help="Last UTC day; default: the last there is."),
        click.option("--from", "first", type=DAY, help="First UTC day; default: 30 days."),
    ):
        command = option(command)
    return command


@click.group()
def plot() -> None:
    """Draw price history, rank history and score breakdown into a file."""


@plot.command("product")
@click.argument("marketplace")
@click.argument("asin")
@_span_and_file
def plot_product(
    marketplace: str, asin: str, first: date | None, last: date | None, out: Path | None
) -> None:
    """Price with list price, ranks in each category, and the product among its groups."""
    from insights_resources.marketplaces import product_key

    key = product_key(marketplace, asin)
    _check_file(out)

    from insights_assets.charts.inputs import read_product
    from insights_assets.charts.pages import product_page
    from insights_jobs.cli.environment import open_warehouse
    from insights_resources.settings import read_settings

    settings = read_settings(os.environ)
    inputs = read_product(open_warehouse(settings), key, first, last)
    _write(product_page(inputs), settings.reports_folder, inputs.days[-1], out)


@plot.command("group")
@click.argument("group")
@_span_and_file
def plot_group(group: str, first: date | None, last: date | None, out: Path | None) -> None:
    """Prices and ranks of a group's members, and what their scores are made of."""
    _check_file(out)

    from insights_assets.charts.inputs import read_group
    from insights_assets.charts.pages import group_page
    from insights_jobs.cli.environment import open_warehouse
    from insights_resources.settings import read_settings

    settings = read_settings(os.environ)
    inputs = read_group(open_warehouse(settings), group, first, last)
    _write(group_page(inputs), settings.reports_folder, inputs.days[-1], out)


def _check_file(out: Path | None) -> None:
    """Before anything is opened: a wrong name is wrong usage."""
    from insights_assets.charts.pages import kind_of_file

    if out is not None:
        kind_of_file(out)


def _write(page: Page, reports_folder: Path, last: date, out: Path | None) -> None:
    from insights_assets.charts.pages import write_page

    path = out or reports_folder / "charts" / f"{page.file_name}-{last}.png"
    write_page(page, path)
    click.echo(path)
