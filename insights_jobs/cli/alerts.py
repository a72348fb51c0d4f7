"""``insights replay``."""

from __future__ import annotations

import os
from collections.abc import Collection
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from insights_jobs.cli.options import DAY

if TYPE_CHECKING:
    from insights_assets.alerts.replay import Replay
    from insights_resources.marketplaces import ProductKey
    from insights_resources.warehouse.engine import Warehouse

DEFAULT_TOP = 10


@click.command()
@click.argument("rule", required=False)
@click.option("--from", "first", type=DAY, required=True, help="First UTC day, YYYY-MM-DD.")
@click.option("--to", "last", type=DAY, help="Last UTC day; default: the last one with features.")
@click.option(
    "--file",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A rule that is not stored yet (YAML).",
)
@click.option(
    "--top",
    type=click.IntRange(0),
    default=DEFAULT_TOP,
    show_default=True,
    help="How many products to list.",
)
def replay(rule: str | None, first: date, last: date | None, path: Path | None, top: int) -> None:
    """Say how often an alert rule would have fired over past days. Writes nothing.

    RULE is the id of a stored rule, enabled or not; or give --file.
    """
    from insights_assets.alerts import replay as replays
    from insights_assets.alerts.rule_file import read_rule_file
    from insights_jobs.cli.environment import open_warehouse
    from insights_resources.errors import InvalidInputError
    from insights_resources.settings import read_settings

    if (rule is None) == (path is None):
        raise InvalidInputError("name a stored rule, or a file of one with --file")
    if last is not None and last < first:
        raise InvalidInputError(f"--to {last} is before --from {first}")
    given = None if path is None else read_rule_file(path)
    warehouse = open_warehouse(read_settings(os.environ))
    replayed = replays.replay(
        warehouse,
        given or replays.stored_rule(warehouse, rule or ""),
        first,
        last,
        goes_on=given is None,
    )
    _print(Console(), warehouse, replayed, top)


def _print(console: Console, warehouse: Warehouse, replayed: Replay, top: int) -> None:
    """How often it fired, then on what."""

    def line(text: str) -> None:
        console.print(text, highlight=False, markup=False, soft_wrap=True)

    scope, counts, alerts = replayed.scope, replayed.counts, replayed.alerts
    days = (scope.last_day - scope.first_day).days + 1
    line(f"{replayed.rule.rule_id}: {replayed.rule.name}")
    line(f"{scope.first_day} to {scope.last_day}, {days} day{'' if days == 1 else 's'}")
    if not counts.product_days:
        line("no product that it applies to was captured on these days: it would never have fired")
        return
    line(
        f"looked at {counts.product_days:,} product-days; its condition was known on "
        f"{counts.known / counts.product_days:.1%} of them and held on {counts.held:,}"
    )
    if alerts.empty:
        line("it would never have fired")
        return
    total = len(alerts)
    line(
        f"{_counted(total, 'alert')} ({total / days:.2f} a day) for "
        f"{_counted(len(replayed.by_product), 'product')}"
    )
    line(
        "by severity: "
        + ", ".join(f"{severity} {count:,}" for severity, count in replayed.by_severity.items())
    )
    by_day, peak = replayed.by_day, replayed.peak
    line(f"first {min(by_day)}, last {max(by_day)}")
    if peak is not None:
        line(f"peak {peak[0]}: {_counted(peak[1], 'alert')}")
    most = replayed.by_product[:top]
    names = _names(warehouse, [key for key, _ in most])
    for key, count in most:
        line(f"{count:6,}  {key}  {names.get(key, '')}".rstrip())
    others = len(replayed.by_product) - len(most)
    if most and others:
        line(f"        and {_counted(others, 'other product')}")
    line(f"the last one: {alerts['message'].iloc[-1]}")


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _names(warehouse: Warehouse, keys: Collection[ProductKey]) -> dict[ProductKey, str]:
    """The products' labels or titles, as far as they are known."""
    from sqlalchemy import select

    from insights_assets.display_names import short_name
    from insights_resources.marketplaces import ProductKey
    from insights_resources.warehouse import tables
    from insights_resources.warehouse.publication import is_current
    from insights_resources.warehouse.row_conditions import of_products

    table = tables.product_summaries
    query = select(table.c.marketplace, table.c.asin, table.c.label, table.c.title).where(
        is_current(table), of_products(table, keys)
    )
    with warehouse.read() as connection:
        return {
            ProductKey(row.marketplace, row.asin): short_name(row.label or row.title or "")
            for row in connection.execute(query)
        }
