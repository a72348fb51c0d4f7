"""A parsed snapshot beside the truth of the sandbox page that it was read from."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from insights_assets.snapshots.product_snapshot import ProductSnapshot
from insights_resources.sandbox.page_truth import SnapshotTruth


def misread_fields(read: ProductSnapshot, truth: SnapshotTruth) -> list[str]:
    """What the parser reads otherwise than it is, in words; every field is compared."""
    wrong = []
    for field in fields(SnapshotTruth):
        right = _plain(field.name, getattr(truth, field.name))
        found = _plain(field.name, getattr(read, field.name))
        if found != right:
            wrong.append(f"{field.name} is {right!r}, read {found!r}")
    return wrong


def _plain(name: str, value: Any) -> Any:
    """Comparable forms: ranks as tuples, words instead of enumerations."""
    if name == "bsr":
        return tuple((entry.category, entry.node_id, entry.rank) for entry in value)
    if name in ("availability", "price_missing_reason"):
        return None if value is None else str(value)
    return value
