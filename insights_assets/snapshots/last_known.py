"""What is known of a build's products without it: the rows that drift is measured against.

Only captured pages count: an imported history may be of another kind of price.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import ColumnElement, Select, func, select

from insights_assets.snapshots.drift import (
    ACCEPTED,
    ENOUGH_PRODUCTS,
    OBSERVED,
    SIZES,
    Pairs,
    drift_check,
    observations,
    pairs_of,
    with_others,
)
from insights_assets.snapshots.publishing import Origin, of_origin
from insights_resources.marketplaces import ProductKey
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import is_current
from insights_resources.warehouse.row_conditions import in_scope, of_products
from insights_resources.warehouse.sql_functions import as_text, json_length, text_length

_SNAPSHOTS = tables.product_snapshots
_PRODUCT = ["marketplace", "asin"]

#: Days looked back for a product's last row: nearly all have one of yesterday, and a marketplace
#: whose builds are refused for weeks is still compared with its last good rows.
_LOOK_BACK_DAYS = (3, 14, 90)
#: Whose captures stand beside a small batch: those of the day before its last one.
_JUST_BEFORE = pd.Timedelta(hours=24)


def comparable_pairs(warehouse: Warehouse, build: pd.DataFrame, scope: Scope) -> Pairs:
    """The build's products beside what is known of them; of a day's small batch with others'.

    ``build`` are conformed rows of ``fact_product_snapshots`` within the scope.
    """
    observed = observations(build)
    products = _products(observed)
    asked = None if scope.products is None else products
    query = _query().where(in_scope(_SNAPSHOTS, Scope(scope.first_day, scope.last_day, asked)))
    known = [observations(warehouse.read_frame(query))]
    known += _last_before(warehouse, scope.first_day, products, everybody=asked is None)
    pairs = pairs_of(observed, pd.concat(known, ignore_index=True))
    if scope.first_day != scope.last_day:
        return pairs
    for marketplace, rows in observed.groupby("marketplace"):
        missing = ENOUGH_PRODUCTS - rows["asin"].nunique()
        if missing > 0:
            others = _captured_just_before(warehouse, str(marketplace), rows, scope.first_day)
            pairs = with_others(pairs, _beside_their_last(warehouse, others, missing))
    return pairs


def _query(*more: ColumnElement[Any]) -> Select[Any]:
    """What is compared of the current rows of captured pages."""
    columns = [_SNAPSHOTS.c[name] for name in OBSERVED if name != "bsr"]
    sizes = [
        json_length(_SNAPSHOTS.c.bullets),
        json_length(_SNAPSHOTS.c.images),
        text_length(_SNAPSHOTS.c.description),
    ]
    return select(
        *columns,
        as_text(_SNAPSHOTS.c.bsr).label("bsr"),
        *(size.label(f"{name}_size") for name, size in zip(SIZES, sizes, strict=True)),
        *more,
    ).where(is_current(_SNAPSHOTS), of_origin(Origin.PAGE))


def _products(observed: pd.DataFrame) -> frozenset[ProductKey]:
    keys = observed[_PRODUCT].drop_duplicates()
    return frozenset(map(ProductKey._make, keys.itertuples(index=False, name=None)))


def _last_before(
    warehouse: Warehouse, day: date, products: Collection[ProductKey], *, everybody: bool = False
) -> Iterator[pd.DataFrame]:
    """Each product's last row before the day, as observations. ``everybody``: all products are
    asked for at first, which is a shorter question."""
    missing = frozenset(products)
    last_day = day - timedelta(days=1)
    for days in _LOOK_BACK_DAYS:
        if not missing:
            return
        asked = None if everybody and len(missing) == len(products) else missing
        place = func.row_number().over(
            partition_by=[_SNAPSHOTS.c.marketplace, _SNAPSHOTS.c.asin],
            order_by=[_SNAPSHOTS.c.captured_at.desc(), _SNAPSHOTS.c.page_id.desc()],
        )
        ranked = (
            _query(place.label("place"))
            .where(
                _SNAPSHOTS.c.day.between(day - timedelta(days=days), last_day),
                of_products(_SNAPSHOTS, asked),
            )
            .subquery()
        )
        columns = [column for column in ranked.c if column.name != "place"]
        found = observations(warehouse.read_frame(select(*columns).where(ranked.c.place == 1)))
        yield found
        missing -= _products(found)


def _captured_just_before(
    warehouse: Warehouse, marketplace: str, rows: pd.DataFrame, day: date
) -> pd.DataFrame:
    """The newest rows of the marketplace's other products, the last of each, newest first."""
    last = rows["captured_at"].max()
    query = (
        _query(_SNAPSHOTS.c.build_id)
        .where(
            _SNAPSHOTS.c.marketplace == marketplace,
            _SNAPSHOTS.c.day.between(day - timedelta(days=1), day),
            _SNAPSHOTS.c.captured_at > (last - _JUST_BEFORE).to_pydatetime(),
            _SNAPSHOTS.c.captured_at <= last.to_pydatetime(),
        )
        .order_by(_SNAPSHOTS.c.captured_at.desc(), _SNAPSHOTS.c.page_id)
        .limit(5 * ENOUGH_PRODUCTS)
    )
    found = warehouse.read_frame(query)
    accepted = _accepted_builds(warehouse, set(found["build_id"].tolist()), marketplace)
    found = found[~found["build_id"].isin(accepted) & ~found["asin"].isin(rows["asin"])]
    return observations(found.drop_duplicates("asin"))


def _accepted_builds(warehouse: Warehouse, build_ids: set[int], marketplace: str) -> list[int]:
    """Which of these builds drifted and were accepted: they prove nothing about those after."""
    builds = tables.builds
    query = select(builds.c.build_id, builds.c.audit).where(builds.c.build_id.in_(build_ids))
    with warehouse.read() as connection:
        return [
            row.build_id
            for row in connection.execute(query)
            if any(
                finding["check"] == drift_check(marketplace)
                and finding["detail"].startswith(ACCEPTED)
                for finding in row.audit or ()
            )
        ]


def _beside_their_last(warehouse: Warehouse, others: pd.DataFrame, most: int) -> Pairs:
    """The first of these rows, each beside its product's last row before its day."""
    chosen = others.head(most)
    known = [others.head(0)]
    for day in chosen["day"].unique():
        products = _products(chosen[chosen["day"] == day])
        known += _last_before(warehouse, pd.Timestamp(day).date(), products)
    return pairs_of(chosen, pd.concat(known, ignore_index=True))
