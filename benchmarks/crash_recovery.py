"""Whether loading survives kills: of the loading process, and of PostgreSQL itself.

``python -m benchmarks.crash_recovery [--kills N] [--products N] [--days N] [--seed N]``: a process
publishes the snapshots of some days, and the features of these, again and again with other prices.
At random moments it, or PostgreSQL with all its processes, is killed (SIGKILL), or PostgreSQL is
restarted; what was running is then begun again, as Dagster would. In the end the tables must hold
what an undisturbed run leaves: the same current rows, and each published version of a key, once.

Commits wait for the write to the system, as they must; fsync is off, for the system itself stays.
"""

from __future__ import annotations

import argparse
import random
import select as io_select
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import func, select

from insights_assets.features.rebuild import rebuild_features
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.frames import empty_frame
from insights_resources.warehouse.publication import publish
from insights_resources.warehouse.schema import migrate
from tests.servers import RestartablePostgres, fresh_database, restartable_postgres

FIRST = date(2026, 3, 1)
SNAPSHOTS = tables.product_snapshots
COMPARED = (SNAPSHOTS, tables.product_features, tables.rank_features)
ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--products", type=int, default=1_000)
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    outcome = disturb(options.kills, options.products, options.days, options.seed)
    print(outcome)


# --- the loading process -------------------------------------------------------------------------


def load(url: str, products: int, days: int, first_step: int) -> None:
    """Goes on from a step, without end; says each that is done."""
    warehouse = Warehouse.open(url)
    step = first_step
    while True:
        run_step(warehouse, products, days, step)
        print(step, flush=True)
        step += 1


def run_step(warehouse: Warehouse, products: int, days: int, step: int) -> None:
    """A day's snapshots with the prices of this round, or (every third step) all features."""
    if step % 3 == 2:
        rebuild_features(warehouse, Scope(FIRST, FIRST + timedelta(days=days - 1)))
        return
    day = FIRST + timedelta(days=step % days)
    with warehouse.writer_lock(SNAPSHOTS, day, day):
        publish(
            warehouse,
            SNAPSHOTS,
            snapshots(products, day, step),
            covers=SNAPSHOTS.c.day == day,
            scope=Scope.of_day(day),
            code_version="benchmark",
        )


def snapshots(products: int, day: date, step: int) -> pd.DataFrame:
    """A capture of each product; a third of the prices, and some products, differ by step."""
    chance = np.random.default_rng((step, day.toordinal()))
    numbers = np.arange(products)[chance.random(products) > 0.02]
    moved = chance.random(len(numbers)) < 0.34
    price = 1_000 + numbers % 700 + np.where(moved, chance.integers(1, 300, len(numbers)), 0)
    asins = [f"B{number:09d}" for number in numbers]
    ranks = [[{"rank": int(n % 900) + 1, "node_id": "77", "category": "Kettles"}] for n in numbers]
    rows = {name: [value] * len(numbers) for name, value in _ALIKE.items()} | {
        "page_id": [f"{asin}-{day}" for asin in asins],
        "asin": asins,
        "day": pd.Timestamp(day),
        "captured_at": pd.Timestamp(f"{day}T08:00Z"),
        "price": price,
        "bsr": ranks,
    }
    return (
        pd.DataFrame(rows)
        .reindex(columns=empty_frame(SNAPSHOTS).columns)
        .astype(object)
        .where(lambda frame: frame.notna(), None)
    )


_ALIKE: dict[str, Any] = {
    "origin": "page",
    "marketplace": "amazon.de",
    "captured_at_precision": "exact",
    "title": "A kettle",
    "currency": "EUR",
    "availability": "in_stock",
    "breadcrumbs": [],
    "bullets": [],
    "images": [],
    "field_sources": {},
    "disputed_fields": {},
    "parser_version": "1",
    "schema_version": 1,
}


# --- the disturbance -----------------------------------------------------------------------------


@dataclass
class Outcome:
    """What was done, and what is wrong after it (nothing, if all is well)."""

    kills: Counter[str] = field(default_factory=Counter)
    steps: int = 0
    broke_off: int = 0
    seconds: float = 0.0
    rows: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        kills = ", ".join(f"{count} of {what}" for what, count in sorted(self.kills.items()))
        rows = ", ".join(f"{count:,} of {name}" for name, count in self.rows.items())
        return (
            f"{sum(self.kills.values())} kills ({kills}) in {self.seconds:.0f} s and {self.steps} "
            f"steps; {self.broke_off} builds broke off; published versions: {rows}\n"
            + ("equal to an undisturbed run" if not self.wrong else "\n".join(self.wrong))
        )


def disturb(kills: int, products: int, days: int, seed: int) -> Outcome:
    """Loads under so many kills, and compares with a run without any."""
    chance, outcome, began = random.Random(seed), Outcome(), time.perf_counter()
    with restartable_postgres() as server, fresh_database(server.url) as database:
        warehouse = Warehouse.open(database)
        migrate(warehouse)
        done = -1
        while sum(outcome.kills.values()) < kills:
            done = _run_and_kill(server, database, products, days, done, chance, outcome)
        warehouse.dispose()
        outcome.steps = done + 1
        # What was under way is begun again, and done.
        for step in range(done + 1, done + 2):
            run_step(warehouse, products, days, step)
        disturbed = _published(warehouse)
        outcome.wrong += _impossible(warehouse)
        outcome.broke_off = _builds_that_broke_off(warehouse)
        warehouse.dispose()
        with fresh_database(server.url) as other:
            undisturbed = Warehouse.open(other)
            migrate(undisturbed)
            for step in range(done + 2):
                run_step(undisturbed, products, days, step)
            expected = _published(undisturbed)
            undisturbed.dispose()
    outcome.rows = {name: sum(versions.values()) for name, versions in disturbed.items()}
    for name, versions in disturbed.items():
        missing, more = expected[name] - versions, versions - expected[name]
        if missing or more:
            outcome.wrong.append(
                f"{name}: {sum(missing.values())} versions missing, {sum(more.values())} too many, "
                f"such as {next(iter(missing or more))}"
            )
    outcome.seconds = time.perf_counter() - began
    return outcome


def _run_and_kill(
    server: RestartablePostgres,
    database: str,
    products: int,
    days: int,
    done: int,
    chance: random.Random,
    outcome: Outcome,
) -> int:
    """Lets the loader run for a moment and kills something; the last step that it said is done."""
    target = chance.choice(["the loader", "the loader", "PostgreSQL", "PostgreSQL's connections"])
    arguments = [database, str(products), str(days), str(done + 1)]
    loader = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.crash_recovery_loader", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert loader.stdout is not None
    assert loader.stderr is not None
    # It says "ready" when it begins: before that there is nothing to disturb.
    if not io_select.select([loader.stdout], [], [], 60)[0]:
        raise RuntimeError("the loader does not begin")
    loader.stdout.readline()
    time.sleep(chance.uniform(0.0, 1.5))
    if target == "the loader":
        loader.kill()
    elif target == "PostgreSQL":
        server.kill()
        server.start()
    else:
        server.stop()
        server.start()
    try:
        output, errors = loader.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        loader.kill()
        raise RuntimeError(f"the loader hangs after the end of {target}") from None
    outcome.kills[target] += 1
    if target != "the loader" and not _is_clear(errors):
        outcome.wrong.append(f"the loader ended without a clear error: {errors[-300:]}")
    return max([done, *map(int, output.split())])


def _is_clear(errors: str) -> bool:
    """Whether the loader's last word is that its database went away: what a run is tried again
    for."""
    last = errors.strip().splitlines()[-1] if errors.strip() else ""
    return last.startswith("transient: ")


def _published(warehouse: Warehouse) -> dict[str, Counter[tuple[Any, ...]]]:
    """How often each version of each key was published."""
    found: dict[str, Counter[tuple[Any, ...]]] = {}
    with warehouse.read() as connection:
        for table in COMPARED:
            key = [table.c[name] for name in table.info["key"]]
            is_current = table.c.superseded_at.is_(None)
            rows = connection.execute(
                select(*key, table.c.row_hash, is_current).where(table.c.recorded_at.is_not(None))
            )
            found[table.name] = Counter(map(tuple, rows))
    return found


def _impossible(warehouse: Warehouse) -> list[str]:
    """What no publication may leave: two current rows of a key, a build without its rows."""
    wrong = []
    with warehouse.read() as connection:
        for table in COMPARED:
            key = [table.c[name] for name in table.info["key"]]
            standing = (table.c.recorded_at.is_not(None), table.c.superseded_at.is_(None))
            twice = connection.execute(
                select(*key).where(*standing).group_by(*key).having(func.count() > 1).limit(1)
            ).first()
            if twice is not None:
                wrong.append(f"{table.name}: {tuple(twice)} stands twice")
            builds = tables.builds
            for row in connection.execute(
                select(builds.c.build_id, builds.c.rows_added + builds.c.rows_changed).where(
                    builds.c.table_name == table.name, builds.c.status == "published"
                )
            ).all():
                build_id, written = row
                count = connection.scalar(
                    select(func.count())
                    .select_from(table)
                    .where(table.c.build_id == build_id, table.c.recorded_at.is_not(None))
                )
                if count != written:
                    wrong.append(f"build {build_id} of {table.name}: {count} of {written} rows")
    return wrong


def _builds_that_broke_off(warehouse: Warehouse) -> int:
    builds = tables.builds
    with warehouse.read() as connection:
        return (
            connection.scalar(
                select(func.count()).select_from(builds).where(builds.c.status != "published")
            )
            or 0
        )


if __name__ == "__main__":
    main()
