"""What ``insights parse`` prints for a page: one JSON object with every field of a snapshot."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal
from typing import Any

from insights_assets.snapshots.product_snapshot import ParsedPage

#: The order in which the fields are printed; part of the command's contract.
FIELDS = (
    "title", "brand", "price", "price_min", "price_max", "price_missing_reason", "currency",
    "list_price", "coupon", "subscribe_save_price", "used_price", "offers_from", "rating",
    "rating_count", "bsr", "availability", "seller", "bullets", "description", "images",
    "breadcrumbs", "parent_asin",
)  # fmt: skip


def parse_result_to_json(parsed: ParsedPage) -> dict[str, Any]:
    """Verdict, reason, marketplace and asin, the snapshot's fields, the parser's version.

    Decimals are strings; unknown is None, also each field of a page that is no product's.
    """
    values = asdict(parsed.snapshot) if parsed.snapshot is not None else {}
    return {
        "verdict": parsed.verdict.value,
        "reason": parsed.reason,
        "marketplace": parsed.marketplace,
        "asin": parsed.asin,
        **{name: _plain(values.get(name)) for name in FIELDS},
        "parser_version": parsed.parser_version,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value
