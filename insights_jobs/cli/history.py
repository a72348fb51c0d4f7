"""``insights import``."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    from insights_assets.snapshots.history_import.importing import ImportSummary
    from insights_resources.settings import Settings
    from insights_resources.warehouse.engine import Warehouse

#: Reasons that are printed; the file has them all.
_MOST_REASONS = 8


class ColumnToField(click.ParamType):
    """``COLUMN=FIELD``."""

    name = "column=field"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        # The last sign: a column's name may hold one, a field's does not.
        column, sign, field = str(value).rpartition("=")
        if not sign or not column.strip() or not field.strip():
            self.fail(f"{value!r} is not COLUMN=FIELD, such as gpu_name=title", param, ctx)
        return column.strip(), field.strip()


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--marketplace", help="Marketplace of rows that do not say theirs, as amazon.de.")
@click.option("--currency", help="Currency of the amounts (ISO 4217); default: the marketplace's.")
@click.option(
    "--map",
    "renamed",
    multiple=True,
    type=ColumnToField(),
    help="COLUMN=FIELD: what a column (or a series) is; =ignore leaves it out. Repeatable.",
)
@click.option("--rank-category", help="Category that sales_rank is of, where no node is its own.")
@click.option(
    "--carry-days",
    type=click.IntRange(min=0),
    help="Of series: unknown after so many days without a change; default: until the next one.",
)
@click.option(
    "--add",
    is_flag=True,
    help="Take nothing away: keep earlier imported rows that this file does not have.",
)
@click.option(
    "--rejects",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File of the rows that are not in, with reasons; default: FILE.rejects.csv.",
)
def import_file(
    file: Path,
    marketplace: str | None,
    currency: str | None,
    renamed: tuple[tuple[str, str], ...],
    rank_category: str | None,
    carry_days: int | None,
    add: bool,
    rejects: Path | None,
) -> None:
    """Import a history of products (CSV, also gzipped, or Parquet) as snapshots.

    One observation a row, or one series a row (columns series and value). Rows that are wrong go to
    a file with their reasons, the others are imported. The same file twice is the same as once; a
    corrected file replaces what the first one said. See docs/history-import.md.
    """
    from insights_assets.snapshots.history_import.cell_values import currency_code
    from insights_assets.snapshots.history_import.importing import ImportOptions, import_history
    from insights_jobs.cli.environment import open_warehouse
    from insights_resources.errors import InvalidInputError
    from insights_resources.settings import read_settings

    try:
        code = currency_code(currency) if currency else None
    except ValueError as error:
        raise InvalidInputError(f"--currency {currency} is {error}") from error
    console = Console()
    settings = read_settings(os.environ)
    console.print(settings.describe(), style="dim", highlight=False, markup=False, soft_wrap=True)
    warehouse = open_warehouse(settings)
    began = time.monotonic()
    options = ImportOptions(
        marketplace=marketplace,
        currency=code,
        renamed=dict(renamed),
        rank_category=rank_category,
        carry_days=carry_days,
        add=add,
    )
    with _Progress(console) as progress:
        summary = import_history(
            warehouse,
            file,
            options,
            rejects=rejects or file.with_name(f"{file.name}.rejects.csv"),
            progress=progress,
        )
    _print_summary(console, summary, time.monotonic() - began)
    _print_next_step(console, summary, warehouse, settings)
    if summary.snapshots == 0:
        click.echo("Error: nothing could be imported", err=True)
        sys.exit(1)


class _Progress:
    """A status line on a terminal; elsewhere a line every so often."""

    SECONDS = 10

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = console.status("reading")
        self._printed = time.monotonic()

    def __enter__(self) -> _Progress:
        self._status.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._status.stop()

    def __call__(self, stage: str, done: int, total: int) -> None:
        share = f" ({done / total:.0%})" if total else ""
        text = f"{stage}: {done:,} rows{share}"
        self._status.update(text)
        now = time.monotonic()
        if not self._console.is_terminal and now - self._printed >= self.SECONDS:
            self._printed = now
            self._console.print(text, highlight=False)


def _print_summary(console: Console, summary: ImportSummary, seconds: float) -> None:
    def line(text: str, style: str = "") -> None:
        console.print(escape(text), style=style, highlight=False, soft_wrap=True)

    layout = summary.layout
    columns = ", ".join(
        column if column == field else f"{column} as {field}"
        for column, field in summary.columns.items()
    )
    kind = "one series a row" if layout.kind == "long" else "one observation a row"
    line(f"{kind}: {columns}", "dim")
    if layout.ignored:
        line(
            f"columns that are not imported: {', '.join(layout.ignored)} "
            f"(--map COLUMN=FIELD says what one is)",
            "yellow",
        )
    for name, rows in summary.ignored_rows.most_common():
        line(f"series that is not imported: {name}, {rows:,} rows", "yellow")
    for reason, rows in summary.reasons.most_common(_MOST_REASONS):
        line(f"{rows:,} rejected: {reason}", "yellow")
    if len(summary.reasons) > _MOST_REASONS:
        line(f"and {len(summary.reasons) - _MOST_REASONS} other reasons", "yellow")
    span = f", {summary.first_day} to {summary.last_day}" if summary.first_day else ""
    written = summary.added + summary.changed
    parts = [
        f"{summary.rows_read:,} rows read",
        f"{written:,} snapshots written",
        f"{summary.unchanged:,} unchanged",
    ]
    if summary.removed:
        parts.append(f"{summary.removed:,} of earlier imports removed")
    if summary.duplicates:
        parts.append(f"{summary.duplicates:,} repeated rows")
    rejected = f"{summary.rows_rejected:,} rows rejected"
    parts.append(f"{rejected} ({summary.rejects_file})" if summary.rejects_file else rejected)
    line(f"{'; '.join(parts)}; {summary.products:,} products{span}; {seconds:.1f} s", "bold")


def _print_next_step(
    console: Console, summary: ImportSummary, warehouse: Warehouse, settings: Settings
) -> None:
    from insights_assets.snapshots.history_import.importing import has_sandbox_pages

    def line(text: str, style: str = "") -> None:
        console.print(escape(text), style=style, highlight=False, soft_wrap=True)

    if summary.first_day is None or summary.last_day is None:
        return
    if summary.page_product_days:
        line(
            f"on {summary.page_product_days:,} days of products there are captured pages too: "
            f"features see both, in the order of time",
            "yellow",
        )
    if has_sandbox_pages(warehouse):
        line(
            "this database also holds the sandbox's simulated pages: keep real histories in one "
            "of their own (INSIGHTS_HOME or INSIGHTS_DATABASE_URL)",
            "yellow",
        )
    if summary.added + summary.changed + summary.removed == 0:
        return
    first = max(summary.first_day, settings.first_day)
    if first > summary.first_day:
        line(
            f"days before {settings.first_day} have no partition: INSIGHTS_FIRST_DAY="
            f"{summary.first_day} makes them",
            "yellow",
        )
    if first <= summary.last_day:
        line(f"next: insights backfill --from {first} --to {summary.last_day}", "dim")
