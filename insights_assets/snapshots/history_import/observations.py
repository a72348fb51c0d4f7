"""Checked rows -> what was known of each product at each instant.

A wide row is an observation already. Of a long file, each row is a change of one series, and what
was known at an instant is each series' last change by then: an *as-of* join, at every instant at
which any series of the product changes. Nothing is put between two changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from insights_assets.snapshots.history_import.fields import SALES_RANK, is_number, node_of
from insights_assets.snapshots.history_import.layout import Layout

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_DAY = 86_400_000_000


@dataclass
class Numbers:
    """A field at N observations. ``known``: whether the history says anything of it by then;
    known and NaN: it says that there is none."""

    value: Floats
    known: Bools

    @property
    def stands(self) -> Bools:
        return ~np.isnan(self.value)

    @property
    def none(self) -> Bools:
        """Known to be missing."""
        return self.known & np.isnan(self.value)


@dataclass
class NodeRanks:
    """Ranks in browse nodes, one entry for each that stands: the observation, the node, the rank,
    and whether the node is the top-level one (the node of ``sales_rank``)."""

    observation: Ints
    node: NDArray[Any]
    rank: Floats
    is_top: Bools


@dataclass
class Observations:
    """N observations by product and time; ``product`` numbers ``marketplaces`` and ``asins``."""

    marketplaces: NDArray[Any]
    asins: NDArray[Any]
    product: Ints
    instant: Ints
    by_day: Bools
    numbers: dict[str, Numbers]
    texts: dict[str, NDArray[Any]]
    node_ranks: NodeRanks
    #: Whether each product's ``sales_rank`` is that of one of its nodes.
    has_top_node: Bools
    #: Rows that said what another of the same product, (series) and time says.
    duplicates: int = 0
    #: (row, later row) where they say different things: the later one stands.
    replaced: list[tuple[int, int]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.product)


def observations(
    rows: pd.DataFrame, layout: Layout, fields: Sequence[str], carry_days: int | None
) -> Observations:
    """All observations of the rows' products. ``fields`` names the codes of a long file's rows;
    ``carry_days``: after so many days without a change a series is unknown (None: it stands)."""
    product, marketplaces, asins = _products(rows)
    if layout.kind == "long":
        return _as_of(rows, product, marketplaces, asins, fields, carry_days)
    return _observed(rows, product, marketplaces, asins, layout)


def _products(rows: pd.DataFrame) -> tuple[Ints, NDArray[Any], NDArray[Any]]:
    sites, site_names = pd.factorize(rows["marketplace"].to_numpy(object), sort=True)
    asins, asin_names = pd.factorize(rows["asin"].to_numpy(object), sort=True)
    keys, product = np.unique(sites.astype(np.int64) * len(asin_names) + asins, return_inverse=True)
    return (
        product.astype(np.int64),
        np.asarray(site_names, object)[keys // len(asin_names)],
        np.asarray(asin_names, object)[keys % len(asin_names)],
    )


def _last_of_each(
    order: Ints, same: Bools, row: Ints, equal: Bools
) -> tuple[Ints, int, list[tuple[int, int]]]:
    """Of rows in order, the last one of each run; how many before it say the same, and which say
    something else. ``same`` and ``equal`` compare each with the one after it."""
    repeated = int((same & equal).sum())
    differ = np.flatnonzero(same & ~equal)
    replaced = [(int(row[order[place]]), int(row[order[place + 1]])) for place in differ]
    return order[np.append(~same, True)], repeated, replaced


def _observed(
    rows: pd.DataFrame,
    product: Ints,
    marketplaces: NDArray[Any],
    asins: NDArray[Any],
    layout: Layout,
) -> Observations:
    instant, row = rows["instant"].to_numpy(np.int64), rows["row"].to_numpy(np.int64)
    order = np.lexsort((row, instant, product))
    same = (np.diff(product[order]) == 0) & (np.diff(instant[order]) == 0)
    equal = np.ones(len(same), bool)
    pairs = np.flatnonzero(same)
    for name in layout.values:
        values = rows[name].to_numpy()
        left, right = values[order[pairs]], values[order[pairs + 1]]
        equal[pairs] &= (left == right) | (pd.isna(left) & pd.isna(right))
    kept, duplicates, replaced = _last_of_each(order, same, row, equal)

    product = product[kept]
    size = len(kept)
    numbers: dict[str, Numbers] = {}
    entries: list[tuple[str, Ints, Floats]] = []
    texts: dict[str, NDArray[Any]] = {}
    for name in layout.values:
        values = rows[name].to_numpy()[kept]
        node = node_of(name)
        if node is not None:
            entries.append((node, np.arange(size, dtype=np.int64), values))
        elif is_number(name):
            numbers[name] = Numbers(values, np.ones(size, bool))
        else:
            texts[name] = values
    ranks = _Cells(
        np.concatenate([cells for _, cells, _ in entries]) if entries else np.zeros(0, np.int64),
        np.repeat(
            np.array([node for node, _, _ in entries], object), [len(c) for _, c, _ in entries]
        ),
        np.concatenate([values for *_, values in entries]) if entries else np.zeros(0),
    )
    node_ranks, has_top = _node_ranks(ranks, product, numbers.get(SALES_RANK), len(asins))
    return Observations(
        marketplaces,
        asins,
        product,
        instant[kept],
        rows["by_day"].to_numpy(bool)[kept],
        numbers,
        texts,
        node_ranks,
        has_top,
        duplicates,
        replaced,
    )


def _as_of(
    rows: pd.DataFrame,
    product: Ints,
    marketplaces: NDArray[Any],
    asins: NDArray[Any],
    fields: Sequence[str],
    carry_days: int | None,
) -> Observations:
    instant, row = rows["instant"].to_numpy(np.int64), rows["row"].to_numpy(np.int64)
    code, value = rows["field"].to_numpy(np.int64), rows["value"].to_numpy(np.float64)
    by_day = rows["by_day"].to_numpy(bool)
    order = np.lexsort((row, code, instant, product))
    same = (
        (np.diff(product[order]) == 0)
        & (np.diff(instant[order]) == 0)
        & (np.diff(code[order]) == 0)
    )
    before, after = value[order[:-1]], value[order[1:]]
    equal = (before == after) | (np.isnan(before) & np.isnan(after))
    kept, duplicates, replaced = _last_of_each(order, same, row, equal)
    product, instant, code = product[kept], instant[kept], code[kept]
    value, by_day = value[kept], by_day[kept]

    # The observations: each instant of each product.
    is_new = np.append(True, (np.diff(product) != 0) | (np.diff(instant) != 0))
    point = np.cumsum(is_new) - 1
    point_product, point_instant = product[is_new], instant[is_new]
    size = len(point_product)
    # Known only to the day where every change of the instant is.
    point_by_day = np.ones(size, bool)
    np.logical_and.at(point_by_day, point, by_day)
    first_point = np.searchsorted(point_product, np.arange(len(asins)))
    points = np.diff(np.append(first_point, size))

    # A cell for each observation and each series that its product has.
    pair, pair_of_row = np.unique(product * len(fields) + code, return_inverse=True)
    pair_product, pair_field = pair // len(fields), pair % len(fields)
    width = points[pair_product]
    start = np.cumsum(width) - width
    total = int(width.sum())
    pair_of_cell = np.repeat(np.arange(len(pair)), width)
    point_of_cell = np.arange(total) - start[pair_of_cell] + first_point[pair_product][pair_of_cell]
    place = start[pair_of_row] + point - first_point[product]
    changed = np.zeros(total, np.int64)
    changed[place] = place
    # The cell of the last change; a cell of another series before the first one.
    last = np.maximum.accumulate(changed)
    known = last >= start[pair_of_cell]
    is_change = np.zeros(total, bool)
    is_change[place] = True
    known &= is_change[last]
    if carry_days is not None:
        age = point_instant[point_of_cell] - point_instant[point_of_cell[last]]
        known &= age <= carry_days * _DAY
    filled = np.full(total, np.nan)
    filled[place] = value
    filled = np.where(known, filled[last], np.nan)

    numbers: dict[str, Numbers] = {}
    field_of_cell = pair_field[pair_of_cell]
    nodes = np.array([node_of(name) for name in fields], object)
    for number, name in enumerate(fields):
        if nodes[number] is not None:
            continue
        cells = np.flatnonzero(field_of_cell == number)
        if not len(cells):
            continue
        held = Numbers(np.full(size, np.nan), np.zeros(size, bool))
        held.value[point_of_cell[cells]] = filled[cells]
        held.known[point_of_cell[cells]] = known[cells]
        numbers[name] = held
    in_node = np.flatnonzero((nodes != None)[field_of_cell])  # noqa: E711 - elementwise
    ranks = _Cells(point_of_cell[in_node], nodes[field_of_cell[in_node]], filled[in_node])
    node_ranks, has_top = _node_ranks(ranks, point_product, numbers.get(SALES_RANK), len(asins))
    return Observations(
        marketplaces,
        asins,
        point_product,
        point_instant,
        point_by_day,
        numbers,
        {},
        node_ranks,
        has_top,
        duplicates,
        replaced,
    )


@dataclass
class _Cells:
    """Ranks in nodes at observations, NaN where none stands."""

    observation: Ints
    node: NDArray[Any]
    rank: Floats


def _node_ranks(
    cells: _Cells, product: Ints, sales_rank: Numbers | None, products: int
) -> tuple[NodeRanks, Bools]:
    """The ranks that stand, and whether each product's ``sales_rank`` is that of one of its nodes:
    the one whose rank equals it at most observations, and at half of them at least."""
    has_top = np.zeros(products, bool)
    is_top = np.zeros(len(cells.rank), bool)
    if sales_rank is not None and len(cells.rank):
        node, names = pd.factorize(cells.node)
        # Numerical order of the ids, so that ties go to the lower one.
        by_id = np.argsort([int(name) for name in names], kind="stable")
        position = np.empty(len(names), np.int64)
        position[by_id] = np.arange(len(names))
        pair, which = np.unique(
            product[cells.observation] * len(names) + position[node], return_inverse=True
        )
        equal = sales_rank.value[cells.observation] == cells.rank
        equals = np.bincount(which, weights=equal, minlength=len(pair))
        ranked = np.bincount(product[sales_rank.stands], minlength=products)
        best: dict[int, int] = {}
        for number, key in enumerate(pair):
            owner = int(key) // len(names)
            # At half of the observations that have a sales rank; the most of them; the lower id.
            enough = ranked[owner] > 0 and equals[number] * 2 >= ranked[owner]
            if enough and (owner not in best or equals[number] > equals[best[owner]]):
                best[owner] = number
        has_top[list(best)] = True
        is_top = np.isin(which, list(best.values()))
    stands = ~np.isnan(cells.rank)
    if sales_rank is not None:
        # The top-level series itself is the one that is known better.
        at = cells.observation
        told = is_top & sales_rank.known[at]
        cells.rank = np.where(told, sales_rank.value[at], cells.rank)
        stands = ~np.isnan(cells.rank)
    return (
        NodeRanks(
            cells.observation[stands], cells.node[stands], cells.rank[stands], is_top[stands]
        ),
        has_top,
    )
