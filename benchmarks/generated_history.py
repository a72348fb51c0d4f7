"""A warehouse filled with the snapshots of many products, for measuring what is rebuilt from them.

The series are random, from a seed, and shaped like real ones: prices that hold for days, move and
have deals, gaps without a capture and days with two, one to three ranks that wander, ratings that
grow, spells out of stock, sellers that take turns, listings of some 2 KB that are edited now and
then. They are written with COPY as published builds, a day each, in no order of products.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Table, insert, text

from insights_assets.alerts.default_rules import sync_default_rules
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse

MARKETPLACES = ("amazon.com", "amazon.de", "amazon.co.uk")
CURRENCIES = ("USD", "EUR", "GBP")
GROUP_SIZE = 6
#: Groups a product: 20,000 groups of 6 over 100,000 products.
GROUPS_A_PRODUCT = 0.2

_ALPHABET = np.array(list("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
_LISTING_TEXT = (
    "stainless steel electric kettle with temperature control and keep warm function for tea "
    "coffee makers fast boiling cordless quiet cool touch handle auto shut off dry protection "
    "large capacity family kitchen gift borosilicate glass LED light washable filter BPA free"
)
_WORDS = _LISTING_TEXT.split()
_ROWS_AT_ONCE = 20_000


@dataclass(frozen=True)
class History:
    """What was written."""

    products: int
    snapshots: int
    groups: int
    first_day: date
    last_day: date


def fill(
    warehouse: Warehouse,
    products: int,
    last_day: date,
    days: int,
    seed: int,
    *,
    short_listings: bool = False,
) -> History:
    """Writes the snapshots of ``days`` days up to ``last_day``, products, groups and rules into an
    empty, migrated warehouse on PostgreSQL. ``short_listings``: of some 600 bytes instead of 2 KB.
    """
    rng = np.random.default_rng(seed)
    made = _Products(rng, products, 40 if short_listings else 150)
    _write_catalog(warehouse, made, last_day - timedelta(days=days))
    sync_default_rules(warehouse)
    series = _Series(rng, made, days)
    written = 0
    for offset in range(days):
        day = last_day - timedelta(days=days - 1 - offset)
        written += _write_day(warehouse, rng, made, series, offset, day)
    with warehouse.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    first_day = last_day - timedelta(days=days - 1)
    return History(products, written, int(products * GROUPS_A_PRODUCT), first_day, last_day)


class _Products:
    """What does not change about products: identity, categories, listings."""

    def __init__(self, rng: np.random.Generator, count: int, listing_words: int) -> None:
        self.count = count
        self.market = np.sort(rng.integers(0, len(MARKETPLACES), count))
        self.asin = _unique_asins(rng, count)
        self.top = np.sort(rng.integers(0, 25, count)) + 100 * self.market
        self.leaf = self.top * 1000 + rng.integers(0, 40, count)
        self.ranks = rng.choice([1, 2, 3], count, p=[0.2, 0.6, 0.2])
        self.unlinked = rng.random(count) < 0.02
        parent = np.where(rng.random(count) < 0.1, np.arange(count) // 3 * 3, -1)
        self.parent = ["\\N" if p < 0 else "P" + self.asin[p][1:] for p in parent.tolist()]
        # Two versions of each listing: before and after an edit.
        self.listing = [
            [_listing(rng, self.asin[n], version, listing_words) for n in range(count)]
            for version in range(2)
        ]


def _unique_asins(rng: np.random.Generator, count: int) -> list[str]:
    numbers = rng.choice(36**7, size=count + count // 50 + 10, replace=False)
    numbers = np.unique(numbers)[:count]
    rng.shuffle(numbers)
    digits = (numbers[:, np.newaxis] // 36 ** np.arange(6, -1, -1)) % 36
    return ["B0" + "0" + "".join(row) for row in _ALPHABET[digits].tolist()]


def _listing(rng: np.random.Generator, asin: str, version: int, length: int) -> str:
    """title, bullets, description, images, breadcrumbs, field_sources in COPY's format, of so many
    words."""
    words = [_WORDS[n] for n in rng.integers(0, len(_WORDS), length).tolist()]
    title = f"{asin} " + " ".join(words[: 8 + 8 * version])
    of_each = length // 8
    bullets = ", ".join(
        f'"{" ".join(words[n * of_each : (n + 1) * of_each])}"' for n in range(1, 6)
    )
    description = " ".join(words[length // 4 :])
    images = ", ".join(
        f'"https://m.media-amazon.com/images/I/{asin}{n}._AC_SL1500_.jpg"' for n in range(6)
    )
    sources = ", ".join(
        f'"{name}": "#{name}_feature_div"'
        for name in ("title", "price", "rating", "bsr", "availability", "seller", "images")
    )
    return "\t".join(
        (
            title,
            f"[{bullets}]",
            description,
            f"[{images}]",
            '["Home & Kitchen", "Kettles"]',
            f"{{{sources}}}",
        )
    )


class _Series:
    """(products, days) of everything that moves."""

    def __init__(self, rng: np.random.Generator, made: _Products, days: int) -> None:
        shape = (made.count, days)
        base = np.exp(rng.normal(3.4, 0.8, made.count))
        moves = np.where(rng.random(shape) < 0.15, rng.normal(0, 0.04, shape), 0.0)
        level = base[:, np.newaxis] * np.exp(np.cumsum(moves, axis=1))
        deal = _spells(rng, shape, begin=0.01, end=0.25)
        self.price = np.maximum(np.rint(level * np.where(deal, 0.8, 1.0) * 100), 99).astype(int)
        self.list_price = np.where(
            rng.random(made.count) < 0.4, np.rint(base * 130).astype(int), -1
        )
        self.sold_out = _spells(rng, shape, begin=0.01, end=0.3)
        walk = np.cumsum(rng.normal(0, 0.12, shape), axis=1)
        first = rng.normal(9, 1.5, made.count)[:, np.newaxis]
        self.rank = np.maximum(np.exp(first + walk), 1).astype(int)
        self.rating = np.clip(
            rng.normal(4.2, 0.4, made.count)[:, np.newaxis]
            + np.cumsum(np.where(rng.random(shape) < 0.02, rng.choice([-0.1, 0.1], shape), 0), 1),
            1,
            5,
        ).round(1)
        self.rating_count = rng.integers(5, 20_000, made.count)[:, np.newaxis] + np.cumsum(
            rng.poisson(2, shape), axis=1
        )
        self.rated = rng.random(made.count) < 0.96
        changes = np.cumsum(rng.random(shape) < 0.02, axis=1)
        self.seller = (np.arange(made.count)[:, np.newaxis] * 7 + changes) % 997
        self.edited = np.cumsum(rng.random(shape) < 0.01, axis=1) % 2


def _spells(
    rng: np.random.Generator, shape: tuple[int, int], *, begin: float, end: float
) -> NDArray[np.bool_]:
    state = np.zeros(shape, bool)
    now = np.zeros(shape[0], bool)
    for day in range(shape[1]):
        chance = rng.random(shape[0])
        now = np.where(now, chance >= end, chance < begin)
        state[:, day] = now
    return state


def _write_day(
    warehouse: Warehouse,
    rng: np.random.Generator,
    made: _Products,
    series: _Series,
    offset: int,
    day: date,
) -> int:
    """The day's captures: 3 % of the products have none, as many have two."""
    chance = rng.random(made.count)
    who = np.concatenate([np.flatnonzero(chance >= 0.03), np.flatnonzero(chance >= 0.97)])
    rng.shuffle(who)
    seconds = rng.integers(0, 86_400, len(who))
    published = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1, hours=1)
    table = tables.product_snapshots
    warehouse.make_partitions(table, [day])
    with warehouse.begin() as connection:
        result = connection.execute(
            insert(tables.builds).values(
                table_name=table.name,
                first_day=day,
                last_day=day,
                status="published",
                started_at=published,
                published_at=published,
                row_count=len(who),
                rows_added=len(who),
                rows_changed=0,
                rows_removed=0,
                code_version="generated",
            )
        )
        build_id = int(result.inserted_primary_key[0])  # type: ignore[index]
        end = f"generated\t1\t{build_id}"
        lines = (
            _line(made, series, int(n), int(second), number, offset, f"{day}", end)
            for number, (n, second) in enumerate(zip(who, seconds, strict=True))
        )
        _copy(connection, table, _SNAPSHOT_COLUMNS, lines, f"\t{published.isoformat()}")
    return len(who)


_SNAPSHOT_COLUMNS = [
    "page_id",
    "marketplace",
    "asin",
    "day",
    "captured_at",
    "currency",
    "price",
    "price_missing_reason",
    "list_price",
    "rating",
    "rating_count",
    "bsr",
    "availability",
    "seller",
    "parent_asin",
    "title",
    "bullets",
    "description",
    "images",
    "breadcrumbs",
    "field_sources",
    "parser_version",
    "schema_version",
    "build_id",
    "row_hash",
    "recorded_at",
]


def _line(
    made: _Products,
    series: _Series,
    n: int,
    second: int,
    number: int,
    offset: int,
    day: str,
    end: str,
) -> str:
    sold_out = series.sold_out[n, offset]
    price = "\\N\tout_of_stock" if sold_out else f"{series.price[n, offset]}e-2\t\\N"
    listed = series.list_price[n]
    rated = series.rated[n]
    rank, market = int(series.rank[n, offset]), int(made.market[n])
    top, leaf = int(made.top[n]), int(made.leaf[n])
    ranks = [f'{{"rank": {rank}, "node_id": "{10_000 + top}", "category": "Department {top}"}}']
    if made.ranks[n] > 1:
        node = "null" if made.unlinked[n] else f'"{30_000_000 + leaf}"'
        ranks.append(
            f'{{"rank": {rank // 40 + 1}, "node_id": {node}, "category": "Category {leaf}"}}'
        )
    if made.ranks[n] > 2:
        ranks.append(
            f'{{"rank": {rank // 300 + 1}, "node_id": "{60_000_000 + leaf // 2}", '
            f'"category": "Niche {leaf // 2}"}}'
        )
    return "\t".join(
        (
            f"{offset:04x}{number:012x}{n:016x}",
            MARKETPLACES[market],
            made.asin[n],
            day,
            f"{day}T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}Z",
            CURRENCIES[market],
            price,
            "\\N" if listed < 0 else f"{listed}e-2",
            f"{series.rating[n, offset]}" if rated else "\\N",
            f"{series.rating_count[n, offset]}" if rated else "\\N",
            f"[{', '.join(ranks)}]",
            "out_of_stock" if sold_out else "in_stock",
            "\\N" if sold_out else f"Seller {series.seller[n, offset]}",
            made.parent[n],
            made.listing[int(series.edited[n, offset])][n],
            end,
            f"{(number * 2_654_435_761 + offset) & 0x7FFFFFFFFFFFFFFF}",
        )
    )


def _write_catalog(warehouse: Warehouse, made: _Products, since: date) -> None:
    now = f"{since}T00:00:00Z"
    groups = int(made.count * GROUPS_A_PRODUCT)
    # Neighbours in the order of categories, so that members share a browse node; each group shares
    # one product with the next.
    ordered = np.lexsort((made.leaf, made.top, made.market)).tolist()
    step = (len(ordered) - GROUP_SIZE) // max(1, groups - 1)
    with warehouse.begin() as connection:
        _copy(
            connection,
            tables.products,
            ["marketplace", "asin", "source", "is_active", "added_at", "last_updated_at"],
            (
                f"{MARKETPLACES[market]}\t{asin}\tfile\tt\t{now}\t{now}"
                for market, asin in zip(made.market.tolist(), made.asin, strict=True)
            ),
        )
        _copy(
            connection,
            tables.competitive_groups,
            ["group_id", "name", "source", "is_active", "created_at", "last_updated_at"],
            (f"group-{n:06d}\tGroup {n}\tfile\tt\t{now}\t{now}" for n in range(groups)),
        )
        _copy(
            connection,
            tables.group_members,
            ["group_id", "marketplace", "asin", "valid_from"],
            (
                f"group-{n:06d}\t{MARKETPLACES[made.market[p]]}\t{made.asin[p]}\t{since}"
                for n in range(groups)
                for p in ordered[n * step : n * step + GROUP_SIZE]
            ),
        )


def _copy(connection: Any, table: Table, columns: list[str], lines: Any, end: str = "") -> None:
    names = ", ".join(columns)
    driver = connection.connection.driver_connection
    statement = f"COPY {table.schema}.{table.name} ({names}) FROM STDIN"
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        some: list[str] = []
        for line in lines:
            some.append(line + end + "\n")
            if len(some) == _ROWS_AT_ONCE:
                copy.write("".join(some).encode())
                some.clear()
        copy.write("".join(some).encode())
