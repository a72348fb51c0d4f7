"""``insights lineage``: the pages that a score, or a report's fact, came from."""

from __future__ import annotations

import os
from datetime import date, datetime
from typing import TYPE_CHECKING

import click

from insights_jobs.cli.options import DAY

if TYPE_CHECKING:
    from insights_resources.warehouse.lineage import LineageRow


@click.command()
@click.argument("group")
@click.argument("asin", required=False)
@click.option("--day", type=DAY, required=True, help="UTC day of the score, or of the report.")
@click.option(
    "--method",
    type=click.Choice(["standard", "robust"]),
    default="standard",
    show_default=True,
    help="Which of the two scores.",
)
@click.option("--fact", help="Instead of a score: the id of a fact of the group's report.")
@click.option(
    "--as-of",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]),
    help="What stood at an instant (UTC); default: now.",
)
def lineage(
    group: str,
    asin: str | None,
    day: date,
    method: str,
    fact: str | None,
    as_of: datetime | None,
) -> None:
    """Follow a score, or a fact of a report, down to the pages that it was made from.

    \b
    insights lineage de-kettles B08N5WRWNW --day 2026-03-10
    insights lineage de-kettles --fact amazon.de/B08N5WRWNW:overall --day 2026-03-10
    """
    from datetime import UTC

    from insights_resources.errors import InvalidInputError
    from insights_resources.marketplaces import parse_asin

    if (asin is None) == (fact is None):
        raise click.UsageError("give either an ASIN, for its score, or --fact")
    wanted = None if asin is None else parse_asin(asin)

    from insights_jobs.cli.environment import open_warehouse
    from insights_resources.settings import read_settings
    from insights_resources.warehouse.lineage import fact_lineage, score_lineage

    warehouse = open_warehouse(read_settings(os.environ))
    moment = None if as_of is None else as_of.replace(tzinfo=UTC)
    if wanted is not None:
        rows = score_lineage(warehouse, group, wanted, day, method, as_of=moment)
        what = f"no {method} score of {wanted} in {group}"
    else:
        rows = fact_lineage(warehouse, group, day, str(fact), as_of=moment)
        what = f"no fact {fact!r} in a report of {group}"
    if not rows:
        known = "" if as_of is None else f" that stood at {moment}"
        raise InvalidInputError(f"there is {what} on {day}{known}")
    for row in rows:
        click.echo(f"{'  ' * row.level}{_in_words(row)}")


def _in_words(row: LineageRow) -> str:
    product = f"{row.marketplace}/{row.asin}" if row.asin else ""
    when = row.captured_at.strftime("%Y-%m-%d %H:%M:%S") if row.captured_at else str(row.day or "")
    name = "" if row.kind == "snapshot" and row.name == "page" else row.name or ""
    body = ""
    if row.kind in ("page", "import"):
        body = row.content_hash or "without a body"
    build = "" if row.build_id is None else f"(build {row.build_id})"
    return " ".join(filter(None, (row.kind, name, product, when, body, build)))
