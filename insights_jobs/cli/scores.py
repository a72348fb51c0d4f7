"""``insights explain``: how a score came about, and what would change it."""

from __future__ import annotations

import os
from datetime import date

import click

from insights_jobs.cli.options import DAY


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
