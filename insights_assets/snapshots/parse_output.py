"""The answer of ``insights parse`` for one page, as JSON values."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal
from enum import Enum
from typing import Any

from insights_assets.snapshots.product_snapshot import ParsedPage

#: The snapshot's fields that are printed, in the order of the contract.
_SNAPSHOT_FIELDS = (
    "title",
    "brand",
    "price",
    "price_min",
    "price_max",
    "price_missing_reason",
    "currency",
    "list_price",
    "coupon",
    "subscribe_save_price",
    "used_price",
    "offers_from",
    "rating",
    "rating_count",
    "bsr",
    "availability",
    "seller",
    "bullets",
    "attributes",
    "description",
    "images",
    "breadcrumbs",
    "parent_asin",
)


def parse_result_to_json(parsed: ParsedPage) -> dict[str, Any]:
    """The keys of DESIGN §6 in their order. Decimals are strings; unknown is None, which is every
    field of a page that is no snapshot."""
    fields = {} if parsed.snapshot is None else asdict(parsed.snapshot)
    return {
        "verdict": parsed.verdict.value,
        "reason": parsed.reason,
        "marketplace": parsed.marketplace,
        "asin": parsed.asin,
        **{name: _json_value(fields.get(name)) for name in _SNAPSHOT_FIELDS},
        "parser_version": parsed.parser_version,
    }


def _json_value(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple | list):
        return [_json_value(item) for item in value]
    return value
