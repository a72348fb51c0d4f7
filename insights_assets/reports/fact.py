"""One fact: a value of the warehouse, with the row and the column that it stands in."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from insights_assets.display_names import plain_text
from insights_assets.reports.inputs import Row
from insights_resources.marketplaces import ProductKey

#: Subject of what is true of the whole group.
GROUP = "group"

FEATURES_TABLE = "fact_product_features"
SCORES_TABLE = "fact_competitive_scores"


@dataclass(frozen=True)
class Fact:
    """A value of the warehouse. ``unit`` is text, date (ISO 8601), ratio, points, stars, rank,
    count, days, number, or the ISO 4217 code of an amount, whose ``value`` is then a decimal as
    text. ``id`` is the subject with a key of its own."""

    id: str
    subject: str
    name: str
    value: str | int | float
    unit: str
    source_table: str
    source_key: Mapping[str, str]
    source_column: str

    @property
    def key(self) -> str:
        """What it is of its subject: ``price``, ``overall_change``."""
        return self.id.removeprefix(f"{self.subject}:")


@dataclass(frozen=True)
class Member:
    """A product of the group on the day; ``number`` is its place in the report's table."""

    product: ProductKey
    name: str
    number: int
    is_scored: bool

    @property
    def subject(self) -> str:
        return str(self.product)


def fact_of(
    subject: str,
    key: str,
    name: str,
    value: Any,
    unit: str,
    table: str,
    source: Mapping[str, str],
    column: str,
) -> Iterator[Fact]:
    """The fact, or nothing when its value is missing."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return
    if isinstance(value, date):
        plain: str | int | float = value.isoformat()
    elif isinstance(value, Decimal):
        plain = str(value)
    elif isinstance(value, str):
        plain = plain_text(value)
    elif unit in ("count", "rank", "days"):
        plain = int(value)
    else:
        plain = round(float(value), 6) + 0.0
    yield Fact(f"{subject}:{key}", subject, name, plain, unit, table, source, column)


def product_source(member: Member, day: date) -> dict[str, str]:
    marketplace, asin = member.product
    return {"day": day.isoformat(), "marketplace": marketplace, "asin": asin}


def score_source(member: Member, row: Row, day: date) -> dict[str, str]:
    return product_source(member, day) | {"group_id": row["group_id"], "method": row["method"]}


def cents(amount: float) -> Decimal:
    """A stored amount in currency units, as two decimals."""
    return Decimal(str(round(amount, 2))).quantize(Decimal("0.01"))
