"""The demonstration's days, and its summary in words."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from shlex import quote
from textwrap import shorten
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table as ScreenTable
from sqlalchemy import Row, Table, func, select

from insights_resources.errors import ConfigurationError
from insights_resources.page_providers.saved_pages import SavedPagesProvider
from insights_resources.scope import today_utc
from insights_resources.settings import Settings
from insights_resources.warehouse import tables
from insights_resources.warehouse.contract_views import contract_name
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import is_current

DIMENSIONS = ("price", "quality", "popularity")


@dataclass(frozen=True)
class DemoPlan:
    """The ranges of days to run, each (first, last), and why files of a folder are left out:
    reason -> how many."""

    stretches: tuple[tuple[date, date], ...]
    left_out: Counter[str]


def require_past_days(settings: Settings) -> None:
    """Raises ``ConfigurationError`` where pages are live ones, which are today's only."""
    if settings.page_source.is_live:
        raise ConfigurationError(
            f"the demo needs pages of past days, and live pages ({settings.page_source}) are "
            f"today's only: say INSIGHTS_PAGES=sandbox to simulate them, or track products with "
            f"insights track"
        )


def plan_demo(settings: Settings, days: int) -> DemoPlan:
    """The sandbox's last ``days`` days up to yesterday, or the days of the saved pages, those
    that follow each other as one range."""
    if settings.pages_folder is None:
        last = today_utc() - timedelta(days=1)
        first = max(last - timedelta(days=days - 1), settings.first_day)
        if first > last:
            raise ConfigurationError(
                f"INSIGHTS_FIRST_DAY={settings.first_day} leaves no past day to simulate"
            )
        return DemoPlan(((first, last),), Counter())
    provider = SavedPagesProvider(settings.pages_folder)
    stretches: list[tuple[date, date]] = []
    for day in provider.days():
        if stretches and day == stretches[-1][1] + timedelta(days=1):
            stretches[-1] = (stretches[-1][0], day)
        else:
            stretches.append((day, day))
    left_out = Counter(
        # Where the reason names the file, that is the same reason for each.
        skipped.reason.replace(str(skipped.path), "the file")
        for skipped in provider.skipped
    )
    if not stretches:
        reasons = "; ".join(
            f"{count_of_files(count)}: {reason}" for reason, count in left_out.most_common()
        )
        raise ConfigurationError(
            f"{settings.pages_folder} holds no product page with a known marketplace, ASIN and "
            f"capture time ({reasons or 'no .html or .html.gz file'}); a manifest.csv beside the "
            f"pages can give them (see README)"
        )
    return DemoPlan(tuple(stretches), left_out)


def count_of_files(count: int) -> str:
    """In words: "1 file", "2 files"."""
    return "1 file" if count == 1 else f"{count} files"


def print_counts(console: Console, warehouse: Warehouse) -> None:
    """Rows that stand in each table of the contract, and the days they cover."""
    grid = ScreenTable("table", "rows", "first day", "last day", box=None, pad_edge=False)
    for table in (
        tables.products,
        tables.competitive_groups,
        tables.raw_pages,
        tables.product_snapshots,
        tables.rejected_pages,
        tables.product_features,
        tables.rank_features,
        tables.competitive_scores,
        tables.alerts,
        tables.competitive_reports,
        tables.product_summaries,
    ):
        rows, first, last = _extent(warehouse, table)
        grid.add_row(contract_name(table), f"{rows:,}", str(first or ""), str(last or ""))
    console.print(grid)


def print_summary(
    console: Console, warehouse: Warehouse, settings: Settings, seconds: float
) -> None:
    """What came out, who leads and why, where everything is, and what to try next."""
    console.rule(f"done in {seconds:.0f} s")
    print_counts(console, warehouse)
    pages = tables.raw_pages
    with warehouse.begin() as connection:
        verdicts = connection.execute(
            select(pages.c.verdict, func.count())
            .group_by(pages.c.verdict)
            .order_by(pages.c.verdict)
        ).all()
    console.print(
        "\npages by verdict: " + ", ".join(f"{count} {verdict}" for verdict, count in verdicts),
        highlight=False,
    )
    _print_leaders(console, warehouse)
    _print_last_alerts(console, warehouse)
    newest = _newest_report(warehouse)
    console.print()
    if newest is not None:
        day, group_id = newest
        path = settings.reports_folder / day.isoformat() / f"{group_id}.html"
        console.print(f"report    {path}", highlight=False, soft_wrap=True, markup=False)
    database = (
        settings.database_url.removeprefix("sqlite:///")
        if settings.is_embedded_warehouse
        else "the PostgreSQL of INSIGHTS_DATABASE_URL, schema insights"
    )
    console.print(f"database  {database}", highlight=False, soft_wrap=True, markup=False)
    console.print(
        f"UI        {_in_this_setting(settings, 'make dev')}   (then http://127.0.0.1:3000)",
        highlight=False,
        soft_wrap=True,
        markup=False,
    )
    console.print("\ntry next")
    for line in _suggestions(warehouse, settings, newest):
        console.print(f"  {line}", highlight=False, soft_wrap=True, markup=False)


def _extent(warehouse: Warehouse, table: Table) -> tuple[int, date | None, date | None]:
    day = table.c.get("day")
    columns = [func.count()] + ([func.min(day), func.max(day)] if day is not None else [])
    query = select(*columns).select_from(table)
    if table.info["versioned"]:
        query = query.where(is_current(table))
    with warehouse.begin() as connection:
        row = connection.execute(query).one()
    return (int(row[0]), row[1], row[2]) if day is not None else (int(row[0]), None, None)


def _print_leaders(console: Console, warehouse: Warehouse) -> None:
    """The leader of each group by its last report, with the points that made it so."""
    scores, groups, summaries, reports = (
        tables.competitive_scores,
        tables.competitive_groups,
        tables.product_summaries,
        tables.competitive_reports,
    )
    last_day = (
        select(reports.c.group_id, func.max(reports.c.day).label("day"))
        .where(is_current(reports), reports.c.leader_asin.is_not(None))
        .group_by(reports.c.group_id)
        .subquery()
    )
    query = (
        select(scores, groups.c.name, summaries.c.title)
        .join(groups, groups.c.group_id == scores.c.group_id)
        .join(
            last_day, (scores.c.group_id == last_day.c.group_id) & (scores.c.day == last_day.c.day)
        )
        .join(
            reports,
            (reports.c.group_id == scores.c.group_id)
            & (reports.c.day == scores.c.day)
            & (reports.c.leader_asin == scores.c.asin)
            & is_current(reports),
        )
        .outerjoin(
            summaries,
            (summaries.c.marketplace == scores.c.marketplace)
            & (summaries.c.asin == scores.c.asin)
            & is_current(summaries),
        )
        .where(is_current(scores), scores.c.method == "standard")
        .order_by(groups.c.name)
    )
    with warehouse.begin() as connection:
        leaders = connection.execute(query).all()
    console.print("\n[bold]who leads, and why[/] (standard method, 0 to 100)")
    if not leaders:
        console.print("  no group has two comparable products on one day", highlight=False)
    for leader in leaders:
        console.print(f"  [bold]{escape(leader.name)}[/]", highlight=False)
        console.print(f"    {escape(_because(leader))}", highlight=False, soft_wrap=True)


def _because(row: Row[Any]) -> str:
    parts = [
        f"{dimension} {getattr(row, f'{dimension}_score'):.0f}"
        for dimension in DIMENSIONS
        if getattr(row, f"{dimension}_score") is not None
    ]
    title = shorten(row.title or "", 60, placeholder=" …")
    return (
        f"{row.asin} {title}: {row.overall_score:.1f} on {row.day} ({', '.join(parts)}; "
        f"against {row.peer_count} {'peer' if row.peer_count == 1 else 'peers'})"
    )


def _print_last_alerts(console: Console, warehouse: Warehouse) -> None:
    alerts = tables.alerts
    with warehouse.begin() as connection:
        rows = connection.execute(
            select(alerts.c.day, alerts.c.severity, alerts.c.message)
            .where(is_current(alerts))
            .order_by(alerts.c.day.desc(), alerts.c.severity, alerts.c.alert_id)
            .limit(3)
        ).all()
    if rows:
        console.print("\n[bold]the last alerts[/]")
    for row in rows:
        line = f"  {row.day} {row.severity}: {row.message}"
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _newest_report(warehouse: Warehouse) -> tuple[date, str] | None:
    table = tables.competitive_reports
    with warehouse.begin() as connection:
        row = connection.execute(
            select(table.c.day, table.c.group_id)
            .where(is_current(table), table.c.status == "complete")
            # One that compares something, if there is any.
            .order_by(table.c.leader_asin.is_(None), table.c.day.desc(), table.c.group_id)
            .limit(1)
        ).first()
    return None if row is None else (row.day, row.group_id)


def _in_this_setting(settings: Settings, command: str) -> str:
    """The command as it must be given to meet the same pages and databases again."""
    if settings.pages_folder is None:
        return command
    return f"INSIGHTS_PAGES={quote(str(settings.pages_folder))} {command}"


def _suggestions(
    warehouse: Warehouse, settings: Settings, newest: tuple[date, str] | None
) -> list[str]:
    commands = [("make dev", "the graph, the runs, the checks")]
    if newest is not None:
        commands.append((f".venv/bin/insights report {newest[1]}", "write a group's report anew"))
    with warehouse.begin() as connection:
        summaries = tables.product_summaries
        product = connection.execute(
            select(summaries.c.marketplace, summaries.c.asin)
            .where(is_current(summaries), summaries.c.title.is_not(None))
            .order_by(summaries.c.marketplace.desc(), summaries.c.asin)
            .limit(1)
        ).first()
    # A folder has no page of today.
    if product is not None and settings.pages_folder is None:
        track = f".venv/bin/insights track {product.marketplace} {product.asin}"
        commands.append((track, "capture one product now"))
    commands.append((".venv/bin/insights status", "what is there, what is pending"))
    commands = [(_in_this_setting(settings, command), what) for command, what in commands]
    width = max(len(command) for command, _ in commands)
    return [f"{command:<{width}}   {what}" for command, what in commands]
