"""``insights builds``: what was published or refused, what it changed, and back to before it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table as ScreenTable

from insights_jobs.cli.options import DAY

if TYPE_CHECKING:
    from insights_resources.warehouse.builds import Build, Comparison, RowChange
    from insights_resources.warehouse.engine import Warehouse
    from insights_resources.warehouse.rollback import RollbackPlan

#: Longest value that is shown of a row.
_LONGEST_VALUE = 60


@click.group()
def builds() -> None:
    """List builds, compare what they changed, and roll them back. See docs/operations.md."""


@builds.command("list")
@click.option("--table", "table_name", help="Of this table, as product_features.")
@click.option(
    "--status", type=click.Choice(["open", "published", "rejected", "failed"]), help="Of this one."
)
@click.option("--day", type=DAY, help="With this UTC day in their scope.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="At most so many."
)
def list_builds(table_name: str | None, status: str | None, day: date | None, limit: int) -> None:
    """List builds, the newest first."""
    from insights_resources.warehouse.builds import fact_table, find_builds

    table = None if table_name is None else fact_table(table_name)
    found = find_builds(_open(), table=table, status=status, day=day, limit=limit)
    if not found:
        click.echo("no build is like that")
        return
    grid = ScreenTable(box=None, pad_edge=False)
    for name in ("build", "table", "status", "days", "rows", "+", "~", "-", "when (UTC)"):
        grid.add_column(
            name, justify="right" if name in ("build", "rows", "+", "~", "-") else "left"
        )
    for build in found:
        grid.add_row(
            str(build.build_id),
            _short_name(build),
            build.status,
            _days(build),
            _number(build.row_count),
            _number(build.rows_added),
            _number(build.rows_changed),
            _number(build.rows_removed),
            f"{build.published_at or build.started_at:%m-%d %H:%M}",
        )
    _console().print(grid)
    click.echo("+ added, ~ changed, - removed; insights builds show BUILD says more of one")


@builds.command()
@click.argument("build_id", metavar="BUILD", type=int)
def show(build_id: int) -> None:
    """Say all that is known of a build: scope, audit, who took it in, what still stands."""
    from insights_resources.warehouse.builds import consumers_of, get_build, rows_standing

    warehouse = _open()
    build = get_build(warehouse, build_id)
    said = {
        "build": f"{build.build_id} of {build.table_name}, {build.status}",
        "scope": _scope(build),
        "started": f"{build.started_at:%Y-%m-%d %H:%M:%S} UTC",
        "published": (
            f"{build.published_at:%Y-%m-%d %H:%M:%S} UTC" if build.published_at else "never"
        ),
        "rows": (
            "not counted"
            if build.row_count is None
            else f"{build.row_count:,}: {_number(build.rows_added)} added, "
            f"{_number(build.rows_changed)} changed, {_number(build.rows_removed)} removed, "
            "the others as before"
        ),
        "code": build.code_version or "not known",
        "run": build.run_id or "outside of Dagster",
    }
    if build.import_id is not None:
        said["import"] = f"{build.import_id} (insights.imports)"
    if build.published_at is not None:
        said["standing"] = f"{rows_standing(warehouse, build):,} of the rows that it wrote"
        said["taken in by"] = ", ".join(consumers_of(warehouse, build)) or "no other table"
    for name, value in said.items():
        click.echo(f"{name:<12}{value}")
    click.echo("audit" if build.audit else f"{'audit':<12}no findings")
    for finding in build.audit:
        mark = "passed" if finding["passed"] else "FAILED"
        click.echo(f"  {mark}  {finding['check']}: {finding['detail']}")


@builds.command("compare")
@click.argument("build_id", metavar="BUILD", type=int)
@click.argument("other_id", metavar="[OTHER]", type=int, required=False)
@click.option(
    "--rows",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    help="Show at most so many rows of each kind of change.",
)
def compare_builds(build_id: int, other_id: int | None, rows: int) -> None:
    """Compare what stood before a build with what stood after it; of one that was not published,
    with what it would have made of it.

    With OTHER, a build of the same table: what stood after the one with what stood after the
    other, in the rows that either of them touched.
    """
    from insights_resources.errors import InvalidInputError
    from insights_resources.warehouse.builds import compare, get_build, rows_after, rows_before

    warehouse = _open()
    build = get_build(warehouse, build_id)
    compared = [build]
    if other_id is None:
        click.echo(f"{build}, {build.status}: what it {_verb(build)} against what stood before it")
        found = compare(warehouse, rows_before(build), rows_after(build), [build], sample=rows)
    else:
        other = get_build(warehouse, other_id)
        compared.append(other)
        if other.table_name != build.table_name:
            raise InvalidInputError(
                f"{build} and {other} cannot be compared: give two builds of one table"
            )
        click.echo(
            f"{build.table_name}: after build {build.build_id} ({build.status}) and after build "
            f"{other.build_id} ({other.status}), in the rows that either touched"
        )
        found = compare(warehouse, rows_after(build), rows_after(other), compared, sample=rows)
    _print_comparison(found)
    for each in compared:
        if each.published_at is not None or each.rows_removed == 0:
            continue
        count = "an unknown number of" if each.rows_removed is None else f"{each.rows_removed:,}"
        click.echo(
            f"build {each.build_id} would also have removed {count} rows; which ones is not "
            f"recorded of a build that is not published"
        )


@builds.command()
@click.argument("build_id", metavar="BUILD", type=int)
@click.option("--with-later", is_flag=True, help="Also the later builds of the same rows.")
@click.option("--yes", is_flag=True, help="Do it; without this, only say what would be done.")
def rollback(build_id: int, *, with_later: bool, yes: bool) -> None:
    """Bring back what stood before a build, as a new published build.

    Says what it would do; does it with --yes. The next rebuild of the same days computes the rows
    again: mend what made them wrong before it comes.
    """
    from insights_resources.settings import read_settings
    from insights_resources.warehouse.rollback import plan_rollback, roll_back
    from insights_resources.wiring import open_cache

    warehouse = _open()
    plan = plan_rollback(warehouse, build_id, with_later=with_later)
    _print_plan(plan, done=yes)
    if not any(changes.rows for changes in plan.changes.values()):
        click.echo("nothing would change: what stood before stands")
        return
    if not yes:
        click.echo("nothing is done yet: insights builds compare BUILD shows rows, --yes does it")
        return
    from insights_assets.cached_tables import observers

    cache = open_cache(read_settings(os.environ).redis_url, warehouse)
    try:
        for build in roll_back(warehouse, plan, observer=observers(warehouse, cache)):
            click.echo(
                f"build {build.build_id} of {build.table_name} published: {build.rows_added:,} "
                f"added, {build.rows_changed:,} changed, {build.rows_removed:,} removed"
            )
    finally:
        cache.close()


def _open() -> Warehouse:
    from insights_jobs.cli.environment import open_warehouse
    from insights_resources.settings import read_settings

    return open_warehouse(read_settings(os.environ))


def _console() -> Console:
    # As wide as need be where nobody looks: a line that is cut is of no use to a program.
    return Console(width=None if sys.stdout.isatty() else 200)


def _short_name(build: Build) -> str:
    return build.table_name.removeprefix("fact_")


def _number(count: int | None) -> str:
    return "" if count is None else f"{count:,}"


def _days(build: Build) -> str:
    if build.first_day is None or build.last_day is None:
        return "-"
    if build.first_day == build.last_day:
        return str(build.first_day)
    return f"{build.first_day}..{build.last_day}"


def _scope(build: Build) -> str:
    products = (
        "all products" if build.product_count is None else f"{build.product_count:,} products"
    )
    return products if build.first_day is None else f"{_days(build)}, {products}"


def _verb(build: Build) -> str:
    return "changed" if build.published_at is not None else "would have changed"


def _print_comparison(found: Comparison) -> None:
    from insights_resources.warehouse.builds import Change

    counts = ", ".join(f"{found.counts[change]:,} {change}" for change in Change)
    click.echo(f"{counts}, {found.same:,} of the same rows equal")
    if found.by_column:
        click.echo("changed rows by column")
        for name, count in found.by_column.most_common():
            click.echo(f"  {name:<28}{count:>12,}")
    for change in Change:
        rows = [row for row in found.sample if row.change == change]
        if not rows:
            continue
        click.echo(f"{change} ({len(rows):,} of {found.counts[change]:,})")
        for row in rows:
            _print_row(row)


def _print_row(row: RowChange) -> None:
    click.echo("  " + _joined(row.key.values()))
    for name, (before, after) in row.columns.items():
        click.echo(f"    {name}: {_short(before)} -> {_short(after)}")


def _joined(values: Iterable[Any]) -> str:
    return " ".join(map(_short, values))


def _short(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds" if value.microsecond else "seconds")
    text = value if isinstance(value, str) else str(value)
    if "\n" in text:
        text = json.dumps(text, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."


def _print_plan(plan: RollbackPlan, *, done: bool) -> None:
    from insights_resources.warehouse.rollback import named

    click.echo("rolls back" if done else "would roll back")
    for build in plan.builds:
        why = (
            ""
            if build == plan.asked
            else "; it changed the same rows later, or was published with one that did"
            if build in plan.later
            else "; published by the same rebuild"
        )
        click.echo(f"  {build} ({_scope(build)}){why}")
    for table_name, changes in plan.changes.items():
        click.echo(
            f"{table_name}: {changes.added:,} rows come back, {changes.changed:,} change back, "
            f"{changes.removed:,} go"
        )
    if plan.later:
        click.echo(f"what {named(plan.later)} brought is lost with it")
