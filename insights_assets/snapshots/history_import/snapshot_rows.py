"""Observations -> rows of ``fact_product_snapshots``.

What a page shows, a history tells in its own words: offers of several kinds instead of a buy box,
ranks by node id without the node's name. This module is where they are told apart; the rules are
in ``docs/history-import.md``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from insights_assets.snapshots.history_import.checking import row_currencies
from insights_assets.snapshots.history_import.fields import (
    AMAZON,
    BUY_BOX,
    COUNT_NEW,
    CURRENCY,
    LIGHTNING_DEAL,
    NEW,
    OTHER_AMOUNTS,
    PRICE,
    PRICE_SOURCES,
    RATING,
    RATING_COUNT,
    SALES_RANK,
)
from insights_assets.snapshots.history_import.layout import Layout
from insights_assets.snapshots.history_import.observations import (
    Bools,
    Floats,
    Numbers,
    Observations,
)
from insights_assets.snapshots.product_snapshot import Availability, PriceMissingReason
from insights_assets.snapshots.publishing import SCHEMA_VERSION
from insights_resources.warehouse.column_types import dump_json
from insights_resources.warehouse.frames import JSON_TEXT

#: Version of the import's rules: what they make of a file.
IMPORT_VERSION = "import-1"

_SOLD_OUT = (Availability.OUT_OF_STOCK.value, Availability.UNAVAILABLE.value)


def snapshots_of(seen: Observations, layout: Layout, rank_category: str | None) -> pd.DataFrame:
    """The observations as snapshots (``origin`` import), in their order.

    ``rank_category`` names the category of ``sales_rank`` where that is the rank of no known node.
    """
    size = len(seen)
    sites, asins = seen.marketplaces[seen.product], seen.asins[seen.product]
    price = _headline(seen, is_long=layout.kind == "long")
    amounts = {name: _value(seen, name) for name in OTHER_AMOUNTS}
    has_amount = np.logical_or.reduce(
        [~np.isnan(values) for values in (price.value, *amounts.values())]
    )
    currency = row_currencies(seen.texts.get(CURRENCY), sites, layout.currency)
    instants = seen.instant.view("datetime64[us]")
    nothing = np.full(size, None, dtype=object)
    every, no_document = np.zeros(size, np.int8), _of_few([], np.full(size, -1), JSON_TEXT)
    columns: dict[str, Any] = {
        "page_id": pd.array(_ids(seen), dtype="str"),
        "origin": _of_few(["import"], every),
        "marketplace": _text(sites),
        "asin": _text(asins),
        "day": pd.Series(instants.astype("datetime64[D]").astype("datetime64[s]")),
        "captured_at": pd.Series(instants).dt.tz_localize("UTC"),
        "captured_at_precision": _of_few(["exact", "day"], seen.by_day.astype(np.int8)),
        "currency": _text(np.where(has_amount, currency, nothing)),
        "price": _integers(price.value),
        "price_missing_reason": _text(price.missing_reason),
        **{name: _integers(values) for name, values in amounts.items()},
        "rating": _value(seen, RATING),
        "rating_count": _integers(_value(seen, RATING_COUNT)),
        "bsr": _ranks(seen, rank_category),
        "availability": _text(price.availability),
        "bullets": no_document,
        "attributes": no_document,
        "images": no_document,
        "breadcrumbs": _of_few(["[]"], every, JSON_TEXT),
        "field_sources": _sources(seen, price),
        "disputed_fields": no_document,
        "parser_version": _of_few([IMPORT_VERSION], every),
        "schema_version": pd.array(np.full(size, SCHEMA_VERSION), dtype="Int64"),
    }
    for name in ("title", "brand", "coupon", "seller", "description", "parent_asin"):
        columns[name] = _text(seen.texts.get(name, nothing))
    return pd.DataFrame(columns)


@dataclass
class _Headline:
    """The price, where it comes from ('' for none), why it is missing, and what that says of
    availability; N each."""

    value: Floats
    source: NDArray[Any]
    missing_reason: NDArray[Any]
    availability: NDArray[Any]


def _headline(seen: Observations, *, is_long: bool) -> _Headline:
    size = len(seen)
    value, known = np.full(size, np.nan), np.zeros(size, bool)
    source = np.full(size, "", dtype=object)
    chosen = np.zeros(len(seen.asins), bool)
    for name in PRICE_SOURCES:
        series = seen.numbers.get(name)
        if series is None:
            continue
        # One source for the whole of a product's history: two kinds of offers would alternate.
        has = np.bincount(seen.product[series.known], minlength=len(seen.asins)) > 0
        here = (has & ~chosen)[seen.product]
        value[here], known[here] = series.value[here], series.known[here]
        source[here] = name
        chosen |= has
    deal = seen.numbers.get(LIGHTNING_DEAL)
    if deal is not None:
        # Open to everybody, so it is what a buyer pays.
        below = deal.stands & (deal.value < value)
        value[below] = deal.value[below]
        source[below] = LIGHTNING_DEAL

    availability = _availability(seen, is_long=is_long)
    gone = np.isin(availability, _SOLD_OUT)
    missing = np.isnan(value)
    reason = np.full(size, None, dtype=object)
    reason[missing] = PriceMissingReason.NOT_ON_PAGE.value
    reason[missing & known & gone] = PriceMissingReason.OUT_OF_STOCK.value
    no_winner = missing & known & (source == BUY_BOX) & ~gone
    reason[no_winner] = PriceMissingReason.NO_BUY_BOX.value
    told = seen.texts.get("price_missing_reason")
    if told is not None:
        says = missing & ~pd.isna(told)
        reason[says] = told[says]
    ranged = missing & ~np.isnan(_value(seen, "price_min"))
    reason[ranged & (reason == PriceMissingReason.NOT_ON_PAGE.value)] = (
        PriceMissingReason.VARIATION_RANGE.value
    )
    source[missing] = ""
    return _Headline(value, source, reason, availability)


def _availability(seen: Observations, *, is_long: bool) -> NDArray[Any]:
    """What is told; else of a series of offers, whether one stands. An offer that somebody makes
    can be bought; that a row has a price says nothing of stock."""
    size = len(seen)
    offered, none = np.zeros(size, bool), np.zeros(size, bool)
    for name in (BUY_BOX, NEW, AMAZON, LIGHTNING_DEAL, *((PRICE,) if is_long else ())):
        series = seen.numbers.get(name)
        if series is not None:
            offered |= series.stands
            if name in (NEW, PRICE):  # all new offers; the others are some of them
                none |= series.none
    offers = seen.numbers.get(COUNT_NEW)
    if offers is not None:
        offered |= np.nan_to_num(offers.value) > 0
        none |= offers.none | (offers.value == 0)
    found = np.full(size, Availability.UNKNOWN.value, dtype=object)
    found[none] = Availability.OUT_OF_STOCK.value
    found[offered] = Availability.IN_STOCK.value
    told = seen.texts.get("availability")
    return found if told is None else np.where(pd.isna(told), found, told)


def _ranks(seen: Observations, rank_category: str | None) -> Any:
    """Lists of ranks as JSON: the top-level one first, then the other nodes by id."""
    ranks = seen.node_ranks
    texts = [""] * len(seen)
    sales_rank = seen.numbers.get(SALES_RANK)
    if sales_rank is not None:
        unlinked = np.flatnonzero(sales_rank.stands & ~seen.has_top_node[seen.product])
        # Without the category's name the rank may not be compared with another product's.
        beginnings = [
            _rank_begun(rank_category or f"top-level category of {asin}", None)
            for asin in seen.asins
        ]
        for place, product, rank in zip(
            unlinked.tolist(),
            seen.product[unlinked].tolist(),
            sales_rank.value[unlinked].astype(np.int64).tolist(),
            strict=True,
        ):
            texts[place] = f"{beginnings[product]}{rank}}}"
    ids, names = pd.factorize(ranks.node)
    in_nodes = [_rank_begun(f"browse node {name}", str(name)) for name in names]
    numbers = np.array([int(name) for name in names] or [0], dtype=object)
    by_id = np.empty(max(len(names), 1), np.int64)
    by_id[np.argsort(numbers, kind="stable")] = np.arange(len(by_id))
    order = np.lexsort((by_id[ids], ~ranks.is_top, ranks.observation))
    places = ranks.observation[order].tolist()
    for place, node, rank in zip(
        places, ids[order].tolist(), ranks.rank[order].astype(np.int64).tolist(), strict=True
    ):
        before = f"{texts[place]}," if texts[place] else ""
        texts[place] = f"{before}{in_nodes[node]}{rank}}}"
    return pd.array([f"[{text}]" for text in texts], dtype=JSON_TEXT)


def _rank_begun(category: str, node_id: str | None) -> str:
    """A rank's document up to the rank itself, which comes last in canonical JSON."""
    return dump_json({"category": category, "node_id": node_id, "rank": 0}).removesuffix("0}")


def _sources(seen: Observations, price: _Headline) -> Any:
    """{field: column or series} of the values that are there, as JSON."""
    parts: list[tuple[str, str, Bools]] = []
    for name in dict.fromkeys(price.source):
        if name:
            parts.append((PRICE, name, price.source == name))
    for name in (*OTHER_AMOUNTS, RATING, RATING_COUNT):
        held = seen.numbers.get(name)
        if held is not None:
            parts.append((name, name, held.stands))
    # Few combinations: one document for each.
    combination = np.zeros(len(seen), np.int64)
    for number, (*_, holds) in enumerate(parts):
        combination |= holds.astype(np.int64) << number
    found, which = np.unique(combination, return_inverse=True)
    documents = [
        dump_json(
            {field: source for number, (field, source, _) in enumerate(parts) if bits >> number & 1}
        )
        for bits in found.tolist()
    ]
    return _of_few(documents, which, JSON_TEXT)


def _ids(seen: Observations) -> NDArray[Any]:
    """Made of product and instant, so that every import has the same: a corrected file replaces."""
    products = [
        hashlib.sha256(f"import|{site}|{asin}".encode()).hexdigest()[:16]
        for site, asin in zip(seen.marketplaces, seen.asins, strict=True)
    ]
    ids = np.empty(len(seen), dtype=object)
    ids[:] = [
        f"{products[product]}{moment:016x}"
        for product, moment in zip(seen.product.tolist(), seen.instant.tolist(), strict=True)
    ]
    return ids


def _value(seen: Observations, name: str) -> Floats:
    held: Numbers | None = seen.numbers.get(name)
    return np.full(len(seen), np.nan) if held is None else held.value


def _integers(values: Floats) -> Any:
    missing = np.isnan(values)
    return pd.arrays.IntegerArray(np.where(missing, 0, values).astype(np.int64), missing)


def _text(values: NDArray[Any]) -> pd.Categorical:
    """Texts, None where there is none."""
    codes, different = pd.factorize(values)
    return _of_few(different, codes)


def _of_few(
    values: Sequence[str] | NDArray[Any], which: NDArray[Any], dtype: Any = "str"
) -> pd.Categorical:
    """Of a few different texts, which one each row has; -1: none."""
    return pd.Categorical.from_codes(which, pd.Index(values, dtype=dtype))
