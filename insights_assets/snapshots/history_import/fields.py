"""What a history file can say, and by which names its columns and series are known."""

from __future__ import annotations

import re
from dataclasses import dataclass

from insights_assets.snapshots.history_import import cell_values, plain_cells
from insights_assets.snapshots.history_import.cell_values import Parse
from insights_assets.snapshots.history_import.plain_cells import ParseMany

ASIN, MARKETPLACE, CAPTURED_AT = "asin", "marketplace", "captured_at"
CURRENCY, SERIES, VALUE = "currency", "series", "value"
#: A column that is left out on purpose (``--map column=ignore``).
IGNORE = "ignore"

#: Offers of new items, each the price at which somebody sells one.
BUY_BOX, NEW, AMAZON, LIGHTNING_DEAL = "buy_box_shipping", "new", "amazon", "lightning_deal"
PRICE, SALES_RANK, COUNT_NEW = "price", "sales_rank", "count_new"
RATING, RATING_COUNT = "rating", "rating_count"
#: Where the headline price comes from: the first of these that the product's history has.
PRICE_SOURCES = (PRICE, BUY_BOX, NEW, AMAZON)
#: Amounts that are a column of the snapshot as they are.
OTHER_AMOUNTS = (
    "price_min",
    "price_max",
    "list_price",
    "subscribe_save_price",
    "used_price",
    "offers_from",
)
AMOUNTS = (*PRICE_SOURCES, LIGHTNING_DEAL, *OTHER_AMOUNTS)
#: Texts that are a column of the snapshot as they are.
TEXTS = (
    "title",
    "brand",
    "seller",
    "coupon",
    "description",
    "parent_asin",
    "availability",
    "price_missing_reason",
    CURRENCY,
)

_RANK_IN_NODE = re.compile(r"rank_category_(\d{1,20})")
_PRICE_IN_CURRENCY = re.compile(r"(.+)_([a-z]{3})")

_PARSERS: dict[str, Parse] = {
    ASIN: cell_values.asin,
    MARKETPLACE: cell_values.marketplace_domain,
    CURRENCY: cell_values.currency_code,
    RATING: cell_values.stars,
    RATING_COUNT: cell_values.count,
    COUNT_NEW: cell_values.count,
    SALES_RANK: cell_values.rank,
    "availability": cell_values.availability,
    "price_missing_reason": cell_values.price_missing_reason,
    "parent_asin": cell_values.asin,
    **dict.fromkeys(AMOUNTS, cell_values.amount),
    **dict.fromkeys(("title", "brand", "seller", "coupon", "description"), cell_values.any_text),
}

_PARSERS_OF_MANY: dict[str, ParseMany] = {
    RATING: plain_cells.stars,
    RATING_COUNT: plain_cells.counts,
    COUNT_NEW: plain_cells.counts,
    SALES_RANK: plain_cells.ranks,
    **dict.fromkeys(AMOUNTS, plain_cells.amounts),
}

#: Other names that files have for a field.
_ALIASES = {
    "timestamp": CAPTURED_AT,
    "timestamp_utc": CAPTURED_AT,
    "time": CAPTURED_AT,
    "time_utc": CAPTURED_AT,
    "datetime": CAPTURED_AT,
    "date": CAPTURED_AT,
    "day": CAPTURED_AT,
    "domain": MARKETPLACE,
    "name": "title",
    "product_name": "title",
    "review_count": RATING_COUNT,
    "ratings": RATING_COUNT,
    "bsr": SALES_RANK,
    "rank": SALES_RANK,
    "buy_box": BUY_BOX,
}

_NUMBERS = (*AMOUNTS, RATING, RATING_COUNT, COUNT_NEW, SALES_RANK)
#: Every field by name, ``rank_category_<node id>`` apart.
KNOWN_FIELDS = (ASIN, MARKETPLACE, CAPTURED_AT, SERIES, VALUE, *_NUMBERS, *TEXTS)


@dataclass(frozen=True)
class NamedField:
    """A field, and the currency that the name itself says (``price_usd``)."""

    name: str
    currency: str | None = None


def field_called(name: str) -> NamedField | None:
    """The field that a column or series of this name means by itself; None: not known."""
    plain = re.sub(r"[\s\-.]+", "_", name.strip().lower())
    plain = _ALIASES.get(plain, plain)
    if plain in KNOWN_FIELDS or _RANK_IN_NODE.fullmatch(plain):
        return NamedField(plain)
    in_currency = _PRICE_IN_CURRENCY.fullmatch(plain)
    if in_currency and cell_values.is_currency(in_currency.group(2)):
        base = _ALIASES.get(in_currency.group(1), in_currency.group(1))
        if base in AMOUNTS:
            return NamedField(base, in_currency.group(2).upper())
    return None


def is_number(field: str) -> bool:
    """Whether the field's values are numbers, which are what a series can hold."""
    return field in _NUMBERS or node_of(field) is not None


def node_of(field: str) -> str | None:
    """The browse node of ``rank_category_<node id>``; None for another field."""
    found = _RANK_IN_NODE.fullmatch(field)
    return found.group(1) if found else None


def parser_of(field: str) -> Parse:
    return cell_values.rank if node_of(field) else _PARSERS[field]


def parser_of_many(field: str) -> ParseMany:
    """Of a field whose values are numbers."""
    return plain_cells.ranks if node_of(field) else _PARSERS_OF_MANY[field]
