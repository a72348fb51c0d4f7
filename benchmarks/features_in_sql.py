"""Some of the features of one day as one statement, and as a plain loop: what rebuilds are measured
against.

The statement gives closes, carried values, price changes, means weighted by time, extremes and the
median of the primary rank, on the same PostgreSQL, into a table. It takes a product to keep its
currency and the node that it is ranked in first, which holds for generated histories.
"""

from __future__ import annotations

import time
from datetime import date, timedelta

import numpy as np
import pandas as pd
from sqlalchemy import bindparam, select, text

from insights_resources.scope import end_of
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import select_current
from tests.unit.features.capture_histories import naive_features

COMPARED = (
    "price",
    "price_change_1d",
    "price_change_7d",
    "price_change_30d",
    "price_mean_7d",
    "price_mean_30d",
    "price_min_30d",
    "price_max_30d",
    "primary_rank_median_7d",
)

_STATEMENT = """
CREATE TABLE features_in_sql AS
WITH captures AS (
    SELECT
        marketplace, asin, day, captured_at, page_id, price, bsr,
        least(
            lead(captured_at) OVER history,
            captured_at + interval '7 days',
            CAST(:end AS timestamptz)
        ) AS until,
        row_number() OVER (
            PARTITION BY marketplace, asin, day ORDER BY captured_at DESC, page_id DESC
        ) = 1 AS is_close
    FROM warehouse.fact_product_snapshots
    WHERE recorded_at IS NOT NULL AND superseded_at IS NULL AND day BETWEEN :day - 37 AND :day
    WINDOW history AS (PARTITION BY marketplace, asin ORDER BY captured_at, page_id)
), in_effect AS (
    SELECT
        *,
        extract(
            epoch FROM until
            - greatest(captured_at, CAST(:end AS timestamptz) - interval '7 days')
        ) AS seconds_7d,
        extract(
            epoch FROM until
            - greatest(captured_at, CAST(:end AS timestamptz) - interval '30 days')
        ) AS seconds_30d
    FROM captures
), known AS (
    SELECT
        marketplace,
        asin,
        (array_agg(price ORDER BY captured_at DESC, page_id DESC)
            FILTER (WHERE day >= :day - 7))[1] AS price,
        (array_agg(price ORDER BY captured_at DESC, page_id DESC) FILTER (
            WHERE price IS NOT NULL AND day BETWEEN :day - 8 AND :day - 1
        ))[1] AS price_1d,
        (array_agg(price ORDER BY captured_at DESC, page_id DESC) FILTER (
            WHERE price IS NOT NULL AND day BETWEEN :day - 14 AND :day - 7
        ))[1] AS price_7d,
        (array_agg(price ORDER BY captured_at DESC, page_id DESC) FILTER (
            WHERE price IS NOT NULL AND day BETWEEN :day - 37 AND :day - 30
        ))[1] AS price_30d,
        sum(price * seconds_7d) FILTER (WHERE seconds_7d > 0)
            / sum(seconds_7d) FILTER (WHERE seconds_7d > 0 AND price IS NOT NULL) AS price_mean_7d,
        sum(price * seconds_30d) FILTER (WHERE seconds_30d > 0)
            / sum(seconds_30d) FILTER (WHERE seconds_30d > 0 AND price IS NOT NULL)
            AS price_mean_30d,
        min(price) FILTER (WHERE seconds_30d > 0) AS price_min_30d,
        max(price) FILTER (WHERE seconds_30d > 0) AS price_max_30d,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY CAST(bsr -> 0 ->> 'rank' AS integer))
            FILTER (WHERE is_close AND day > :day - 7) AS median_7d,
        bool_or(day >= :day - 7) AS is_known
    FROM in_effect
    GROUP BY marketplace, asin
)
SELECT
    marketplace,
    asin,
    price * 100 AS price,
    price / price_1d - 1 AS price_change_1d,
    price / price_7d - 1 AS price_change_7d,
    price / price_30d - 1 AS price_change_30d,
    price_mean_7d,
    price_mean_30d,
    price_min_30d * 100 AS price_min_30d,
    price_max_30d * 100 AS price_max_30d,
    CASE WHEN is_known THEN median_7d END AS primary_rank_median_7d
FROM known
"""


def seconds_in_sql(warehouse: Warehouse, day: date) -> float:
    """How long the statement takes, whose table stays."""
    statement = text(_STATEMENT.replace(":day", "CAST(:day AS date)")).bindparams(
        bindparam("day", day), bindparam("end", end_of(day))
    )
    with warehouse.begin() as connection:
        connection.execute(text("DROP TABLE IF EXISTS features_in_sql"))
        began = time.perf_counter()
        connection.execute(statement)
        return time.perf_counter() - began


def differing_values(warehouse: Warehouse, day: date) -> dict[str, int]:
    """How many of the statement's values are not those of ``fact_product_features``, by column."""
    table = tables.product_features
    ours = warehouse.read_frame(select_current(table).where(table.c.day == day))
    with warehouse.read() as connection:
        theirs = pd.read_sql(text("SELECT * FROM features_in_sql"), connection)
    both = ours.merge(theirs, on=["marketplace", "asin"], how="outer", suffixes=("", "_in_sql"))
    differing = {}
    for name in COMPARED:
        left = both[name].to_numpy(np.float64, na_value=np.nan)
        right = both[f"{name}_in_sql"].astype("float64").to_numpy()
        differing[name] = int(
            (~np.isclose(left, right, rtol=1e-9, atol=1e-6, equal_nan=True)).sum()
        )
    return differing


def seconds_of_loop(warehouse: Warehouse, day: date, products: int) -> float:
    """How long plain Python takes for so many products, their captures read before."""
    table = tables.product_snapshots
    with warehouse.read() as connection:
        asins = list(connection.scalars(select(tables.products.c.asin).limit(products)))
    captures = warehouse.read_frame(
        select_current(table).where(
            table.c.asin.in_(asins), table.c.day.between(day - timedelta(days=37), day)
        )
    )
    captures = captures.astype("object").where(captures.notna(), None)
    rows = [
        {str(name): value for name, value in row.items()}
        | {
            "bsr": [(rank["category"], rank["node_id"], rank["rank"]) for rank in row["bsr"]],
            "captured_at": row["captured_at"].to_pydatetime(),
        }
        for row in captures.to_dict("records")
    ]
    began = time.perf_counter()
    naive_features(rows, day, day)
    return time.perf_counter() - began
