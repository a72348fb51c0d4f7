"""The marts: what a BI tool starts from, one ``.sql`` file each in ``marts_sql``.

On PostgreSQL a mart is a materialized view, as old as its last refresh (``mart_refreshes``); on
SQLite a plain view of the same name. A file starts with its header:

- a line or more of what the mart holds;
- ``grain:``, its grain in words; ``key:``, the columns that are unique in it; ``index:``, other
  columns that it is looked up by (may be repeated);
- ``column type: meaning`` for each column, in order, ``column type not null: meaning`` for one that
  is never NULL. The type is PostgreSQL's, as the contract's document prints it.

After it comes one SELECT that both engines understand; ``{insights}`` stands for the contract's
schema, ``{today}`` for the present UTC day.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from sqlalchemy import BigInteger, Boolean, Column, Date, Float, Integer, Numeric, String, Text
from sqlalchemy.types import TypeEngine

from insights_resources.errors import WarehouseError
from insights_resources.warehouse.column_types import MONEY_SCALE, Money, UtcDateTime

MARTS = (
    "mart_alert_summary",
    "mart_data_quality",
    "mart_group_leaderboard",
    "mart_price_history_daily",
    "mart_product_overview",
)

_HEADER_LINE = re.compile(
    r"--\s*(?:(?P<name>[a-z][a-z0-9_]*)"
    r"(?: (?P<type>[a-z][a-z0-9 (),]*?)(?P<required> not null)?)?: )?"
    r"(?P<text>.*)"
)
_TYPES: dict[str, TypeEngine] = {
    "text": Text(),
    "date": Date(),
    "integer": Integer(),
    "bigint": BigInteger(),
    "boolean": Boolean(),
    "float(53)": Float(53),
    "numeric": Numeric(),
    f"numeric(14, {MONEY_SCALE})": Money(),
    "timestamp with time zone": UtcDateTime(),
}
_STRING = re.compile(r"varchar\((\d+)\)")


@dataclass(frozen=True)
class Mart:
    """One mart: what it and its columns mean, its unique key, and its SELECT with placeholders."""

    name: str
    comment: str
    grain: str
    key: tuple[str, ...]
    indexes: tuple[tuple[str, ...], ...]
    columns: tuple[Column, ...]
    template: str

    def select(self, *, is_postgres: bool) -> str:
        """The SELECT for an engine."""
        return self.template.replace("{insights}", "insights." if is_postgres else "").replace(
            "{today}", "CAST(now() AT TIME ZONE 'UTC' AS date)" if is_postgres else "CURRENT_DATE"
        )


@cache
def read_mart(name: str) -> Mart:
    """The mart of this name from its file; raises ``WarehouseError`` for a header that is wrong."""
    source = (files(__package__) / "marts_sql" / f"{name}.sql").read_text(encoding="utf-8")
    lines = source.splitlines()
    header = [line for line in lines if line.startswith("--")]
    comment: list[str] = []
    stated: dict[str, list[str]] = {"grain": [], "key": [], "index": []}
    columns: list[Column] = []
    for line in header:
        found = _HEADER_LINE.fullmatch(line)
        if found is None or not found["name"]:
            comment.append(line.removeprefix("--").strip())
        elif found["type"]:
            columns.append(
                Column(
                    found["name"],
                    _type_of(name, found["type"]),
                    nullable=not found["required"],
                    comment=found["text"],
                )
            )
        elif found["name"] in stated:
            stated[found["name"]].append(found["text"])
        else:
            raise WarehouseError(f"{name}.sql: {found['name']} has no type")
    if [len(stated["grain"]), len(stated["key"])] != [1, 1]:
        raise WarehouseError(f"{name}.sql: state its grain and its key, each once")
    return Mart(
        name,
        " ".join(comment),
        stated["grain"][0],
        _names(stated["key"][0]),
        tuple(_names(text) for text in stated["index"]),
        tuple(columns),
        "\n".join(lines[len(header) :]).strip(),
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split(", "))


def _type_of(mart: str, name: str) -> TypeEngine:
    if found := _STRING.fullmatch(name):
        return String(int(found[1]))
    if name not in _TYPES:
        raise WarehouseError(f"{mart}.sql: there is no type {name!r}")
    return _TYPES[name]
