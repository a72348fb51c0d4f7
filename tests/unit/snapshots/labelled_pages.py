"""Real pages with what a careful reader sees on them, and how the parser compares."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from insights_assets.snapshots.parse_output import parse_result_to_json
from insights_assets.snapshots.parser import parse_page

CORE_FIELDS = ("title", "price", "currency", "rating", "rating_count", "availability")
MONEY_FIELDS = ("price", "price_min", "price_max", "list_price", "offers_from", "used_price")
FIELDS = (
    *CORE_FIELDS,
    *("price_min", "price_max", "list_price", "offers_from", "used_price"),
    *("brand", "seller", "bsr", "breadcrumbs", "bullet_count", "image_count_min"),
)


@dataclass
class Accuracy:
    """How many labels were read right, were missing, or were read wrong: by field, and by
    marketplace and field."""

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    by_marketplace: dict[str, dict[str, Counter[str]]] = field(default_factory=dict)
    misses: list[str] = field(default_factory=list)

    def share(self, fields: tuple[str, ...], outcome: str) -> float:
        chosen = [self.counts[name] for name in fields if name in self.counts]
        return sum(c[outcome] for c in chosen) / sum(sum(c.values()) for c in chosen)

    def table(self) -> str:
        lines = [f"{'field':16} {'right':>6} {'missing':>8} {'wrong':>6}"]
        for name, counts in self.counts.items():
            lines.append(f"{name:16} {counts['right']:6} {counts['missing']:8} {counts['wrong']:6}")
        return "\n".join([*lines, *self.misses])


def page_bytes(data: Path, name: str) -> bytes:
    return gzip.decompress((data / "pages" / name).read_bytes())


def manifest(data: Path) -> list[dict[str, str]]:
    with (data / "manifest.csv").open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def labels(data: Path) -> list[dict[str, Any]]:
    with (data / "labels.jsonl").open(encoding="utf-8") as handle:
        return [json.loads(line) for line in handle]


def measure(data: Path) -> Accuracy:
    """The parser against every label; a label that is absent is ambiguous and not counted."""
    result = Accuracy()
    for label in labels(data):
        read = parse_result_to_json(parse_page(page_bytes(data, label["file"])))
        for name in FIELDS:
            if name not in label:
                continue
            outcome = _outcome(name, label[name], read)
            result.counts.setdefault(name, Counter())[outcome] += 1
            there = result.by_marketplace.setdefault(label["file"].partition("/")[0], {})
            there.setdefault(name, Counter())[outcome] += 1
            if outcome != "right":
                result.misses.append(f"{outcome} {label['file']} {name}: label {label[name]!r}")
    return result


def _outcome(name: str, expected: Any, read: dict[str, Any]) -> str:
    if name == "bullet_count":
        value: Any = len(read["bullets"] or ())
    elif name == "image_count_min":
        value = len(read["images"] or ())
        return "right" if value >= expected else "missing"
    elif name == "bsr":
        value = [{"category": r["category"], "rank": r["rank"]} for r in read["bsr"] or ()]
    elif name in MONEY_FIELDS or name == "rating":
        value = None if read[name] is None else Decimal(read[name])
        expected = None if expected is None else Decimal(str(expected))
    else:
        value = read[name]
    if value == expected:
        return "right"
    return "missing" if value in (None, [], "unknown", 0) else "wrong"
