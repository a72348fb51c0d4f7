"""Seconds of a day's alerts for many products, with all default rules.

``python -m benchmarks.alerts_scale [PRODUCTS...]``: by default 10,000, 30,000 and 100,000 products.
Each has features of 8 days in a warehouse of its own, a SQLite file in the temporary folder, or the
empty, migrated PostgreSQL database that ``INSIGHTS_DATABASE_URL`` names. The 7 earlier days were
rebuilt before, so that there are states to go on from. The features are random, from a seed, and
shaped so that the rules find something: one product in 20 has moved in price, one in 15 in rank,
one in 50 is out of stock, one in 30 has another seller, one in 40 none.

``rebuild`` is all of ``rebuild_alerts`` for the last day, in seconds and in seconds of CPU (a busy
machine inflates the former); ``evaluate`` the part that reads and computes, without publication;
``rules`` readings and states alone, when everything is read.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from insights_assets.alerts.default_rules import sync_default_rules
from insights_assets.alerts.evaluation import evaluate_rules, states_before
from insights_assets.alerts.readings import evaluate, observed_days
from insights_assets.alerts.rebuild import enabled_rules, rebuild_alerts
from insights_assets.alerts.transitions import walk
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.frames import dtype_of, own_columns
from insights_resources.warehouse.publication import publish, select_current
from insights_resources.warehouse.row_conditions import in_scope
from insights_resources.warehouse.schema import migrate

PRODUCTS = (10_000, 30_000, 100_000)
FIRST_DAY = date(2026, 3, 1)
DAYS = 8


def features_of(day: date, products: int) -> pd.DataFrame:
    """Product features of a day (columns of ``fact_product_features``)."""
    table = tables.product_features
    rng = np.random.default_rng([day.toordinal(), products])
    steady = np.random.default_rng(products)
    number = np.arange(products)
    mean = np.round(steady.lognormal(3.2, 0.8, products), 2)
    moved = rng.random(products) < 0.05
    price = mean * np.where(moved, rng.uniform(0.6, 1.5, products), rng.normal(1, 0.01, products))
    median = np.round(steady.lognormal(8, 2, products)) + 1
    shifted = rng.random(products) < 1 / 15
    rank = median * np.exp(np.where(shifted, rng.normal(0, 1, products), 0))
    out = steady.random(products) < 0.02
    has_seller = steady.random(products) >= 1 / 40
    is_other = rng.random(products) < 1 / 30
    seller = np.where(has_seller, np.where(is_other, "Another shop", "The shop"), None)
    given = {
        "marketplace": np.full(products, "amazon.de", object),
        "asin": np.char.add("B", np.char.zfill(number.astype(str), 9)).astype(object),
        "day": np.full(products, np.datetime64(day, "s")),
        "last_captured_at": np.full(
            products, datetime(day.year, day.month, day.day, 12, tzinfo=UTC), object
        ),
        "observations": np.ones(products, int),
        "family_asin": np.char.add("B", np.char.zfill(number.astype(str), 9)).astype(object),
        "currency": np.full(products, "EUR", object),
        "price": np.maximum(np.round(price * 100), 1).astype(int),
        "price_mean_7d": mean,
        "price_log_return_1d": np.round(rng.normal(0, 0.02, products), 6),
        "price_sigma_before": np.round(steady.uniform(0.005, 0.05, products), 6),
        "price_returns_before": steady.integers(5, 25, products),
        "primary_rank": np.maximum(np.round(rank), 1).astype(int),
        "primary_rank_median_7d": median,
        "rating": np.round(steady.uniform(3, 5, products), 1),
        "rating_change_30d": np.round(rng.normal(0, 0.12, products), 1),
        "availability": np.where(out, "out_of_stock", "in_stock").astype(object),
        "out_of_stock_captures": np.where(out, (day - FIRST_DAY).days + 1, 0),
        "seller": seller,
        "seller_changes_30d": np.zeros(products, int),
    }
    return pd.DataFrame(
        {
            name: pd.Series(given[name] if name in given else [None] * products).astype(
                dtype_of(table.c[name])
            )
            for name in own_columns(table)
        }
    )


def fill(warehouse: Warehouse, products: int) -> None:
    """Features of all days, and alerts of all but the last."""
    table = tables.product_features
    sync_default_rules(warehouse)
    for offset in range(DAYS):
        day = FIRST_DAY + timedelta(days=offset)
        scope = Scope.of_day(day)
        publish(
            warehouse,
            table,
            features_of(day, products),
            covers=in_scope(table, scope),
            scope=scope,
            code_version="benchmark",
        )
        if offset < DAYS - 1:
            rebuild_alerts(warehouse, scope)


def measure(warehouse: Warehouse, products: int) -> None:
    fill(warehouse, products)
    scope = Scope.of_day(FIRST_DAY + timedelta(days=DAYS - 1))
    rules = enabled_rules(warehouse)

    began = time.perf_counter()
    before = states_before(warehouse, scope)
    evaluation = evaluate_rules(warehouse, rules, scope, before)
    evaluated = time.perf_counter() - began

    table = tables.product_features
    days = warehouse.read_frame(select_current(table).where(in_scope(table, scope)))
    began = time.perf_counter()
    observed = observed_days(days)
    for rule in rules:
        walk(rule, evaluate(rule, observed), before[before["rule_id"] == rule.rule_id])
    computed = time.perf_counter() - began

    began, began_cpu = time.perf_counter(), time.process_time()
    rebuilt = rebuild_alerts(warehouse, scope)
    rebuild, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    assert rebuilt.alerts.row_count == len(evaluation.alerts)
    print(
        f"{products:9,}  rebuild {rebuild:6.2f} s (CPU {cpu:5.2f} s)  evaluate {evaluated:6.2f} s  "
        f"rules {computed:6.2f} s  {rebuilt.alerts.row_count:7,} alerts of {len(rules)} rules",
        flush=True,
    )


def main() -> None:
    counts = [int(argument.replace(",", "")) for argument in sys.argv[1:]] or PRODUCTS
    address = os.environ.get("INSIGHTS_DATABASE_URL")
    for products in counts:
        with tempfile.TemporaryDirectory() as folder:
            warehouse = Warehouse.open(address or f"sqlite:///{Path(folder) / 'insights.db'}")
            migrate(warehouse)
            measure(warehouse, products)
            warehouse.dispose()
        if address:
            break


if __name__ == "__main__":
    main()
