"""The published snapshots behind features, of a bounded number of products at a time.

Only what features use is read. Ranks count in three stretches of days, a listing in the days of the
scope and as long before them as it is carried; of a listing, which is most of a snapshot, the
database says its lengths, and a fingerprint to compare it by.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Integer,
    Select,
    case,
    func,
    literal,
    null,
    or_,
    select,
)

from insights_assets.features.timeline import CARRY_DAYS, LOOK_BACK_DAYS
from insights_resources.marketplaces import ProductKey
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import is_current
from insights_resources.warehouse.row_conditions import of_products
from insights_resources.warehouse.sql_functions import (
    as_text,
    fingerprint,
    json_length,
    text_length,
)

#: Snapshots that are held at a time, about: 200 bytes each, and some 20 MB of grids.
CAPTURES_AT_A_TIME = 200_000

#: Days of the windows that ranks are compared over: back to them, and the carry before that.
_RANK_WINDOWS = (7, 30)

_SNAPSHOTS = tables.product_snapshots

#: Columns that are read as they are.
_AS_THEY_ARE = (
    "page_id",
    "marketplace",
    "asin",
    "captured_at",
    "currency",
    "price",
    "price_missing_reason",
    "list_price",
    "rating",
    "rating_count",
    "availability",
    "seller",
    "parent_asin",
)


@dataclass(frozen=True)
class History:
    """The snapshots of some products: all of those after the history before it, up to ``up_to`` in
    the database's order; None: of all the rest."""

    snapshots: pd.DataFrame
    up_to: ProductKey | None


def read_histories(warehouse: Warehouse, scope: Scope) -> Iterator[History]:
    """What features are computed from (``product_features.HISTORY_COLUMNS``): the current
    snapshots of the scope's products, captured from 37 days before its first day to the end of its
    last; each product's in one history, at least one history."""
    listing_matters = _SNAPSHOTS.c.day >= scope.first_day - timedelta(days=CARRY_DAYS)
    columns: list[ColumnElement[Any]] = [_SNAPSHOTS.c[name] for name in _AS_THEY_ARE]
    columns += [
        case((_in_rank_windows(scope), as_text(_SNAPSHOTS.c.bsr)), else_=null()).label("bsr"),
        *(
            case((listing_matters, measure), else_=null()).label(name)
            for name, measure in _listing_measures().items()
        ),
    ]
    query = select(*columns).where(
        is_current(_SNAPSHOTS), _looked_at(scope), of_products(_SNAPSHOTS, scope.products)
    )
    yield from _by_product(warehouse, query)


def _looked_at(scope: Scope) -> ColumnElement[bool]:
    return _SNAPSHOTS.c.day.between(
        scope.first_day - timedelta(days=LOOK_BACK_DAYS), scope.last_day
    )


def _in_rank_windows(scope: Scope) -> ColumnElement[bool]:
    """The days whose ranks matter: those that stand, and those that they are compared with."""
    carried = timedelta(days=CARRY_DAYS)
    stretches = [(scope.first_day - carried, scope.last_day)]
    for days in _RANK_WINDOWS:
        back = timedelta(days=days)
        stretches.append((scope.first_day - back - carried, scope.last_day - back))
    return or_(*(_SNAPSHOTS.c.day.between(first, last) for first, last in stretches))


def _listing_measures() -> dict[str, ColumnElement[Any]]:
    """Lengths of a listing, and what it is compared by."""
    listing = _SNAPSHOTS.c
    return {
        "title_length": text_length(listing.title),
        "bullet_count": json_length(listing.bullets),
        "image_count": json_length(listing.images),
        "description_length": func.coalesce(
            text_length(listing.description), literal(0), type_=Integer()
        ),
        "listing": fingerprint(listing.title, listing.bullets, listing.description, listing.images),
    }


def _by_product(
    warehouse: Warehouse, query: Select[Any] | CompoundSelect[Any]
) -> Iterator[History]:
    """The query's rows cut between products."""
    # ASINs differ early on and marketplaces do not: that is cheaper to sort.
    ordered = query.order_by(_SNAPSHOTS.c.asin, _SNAPSHOTS.c.marketplace)
    with warehouse.read() as connection:
        parts = warehouse.stream_frames(ordered, connection, CAPTURES_AT_A_TIME)
        held = next(parts)
        for part in parts:
            # The last product's captures may go on in the next part.
            more = _leading_rows_of(part, held)
            if more:
                held = pd.concat([held, part.iloc[:more]], ignore_index=True)
            if more == len(part):
                continue
            marketplace, asin = held["marketplace"].iloc[-1], held["asin"].iloc[-1]
            yield History(held, ProductKey(marketplace, asin))
            held = part.iloc[more:].reset_index(drop=True)
        yield History(held, None)


def _leading_rows_of(part: pd.DataFrame, held: pd.DataFrame) -> int:
    """How many rows at the beginning are of the last product held."""
    other = np.zeros(len(part), bool)
    for name in ("marketplace", "asin"):
        other |= part[name].to_numpy(object) != held[name].iloc[-1]
    return int(other.argmax()) if other.any() else len(part)
