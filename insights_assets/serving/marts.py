"""The marts: plain views over the SQL contract, one ``.sql`` file each in ``marts_sql``.

A file starts with its header: a line of what the view holds, one ``grain:`` line, and one
``column: meaning`` line for each column, which PostgreSQL shows as the column's comment. After it
comes one SELECT that both engines understand; ``{insights}`` stands for the contract's schema.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files

from sqlalchemy import text

from insights_resources.errors import WarehouseError
from insights_resources.warehouse.contract_views import CONTRACT_SCHEMA
from insights_resources.warehouse.engine import Warehouse

#: In the order in which they are made.
MARTS = (
    "mart_price_history_daily",
    "mart_group_leaderboard",
    "mart_product_overview",
    "mart_alert_summary",
    "mart_data_quality",
)
_HEADER_LINE = re.compile(r"^--\s*(?:(?P<name>[a-z][a-z0-9_]*):\s*)?(?P<text>.*)$")


@dataclass(frozen=True)
class Mart:
    """One view: its SELECT with ``{insights}`` in it, and what it and its columns mean."""

    name: str
    comment: str
    columns: dict[str, str]
    select: str


def read_mart(name: str) -> Mart:
    """The mart of this name from its file."""
    source = (files(__package__) / "marts_sql" / f"{name}.sql").read_text(encoding="utf-8")
    comment: list[str] = []
    columns: dict[str, str] = {}
    lines = source.splitlines()
    body = 0
    while body < len(lines) and (found := _HEADER_LINE.match(lines[body])):
        body += 1
        if found["name"] == "grain":
            comment.append(f"Grain: {found['text']}")
        elif found["name"]:
            columns[found["name"]] = found["text"]
        elif found["text"]:
            comment.append(found["text"])
    return Mart(name, " ".join(comment), columns, "\n".join(lines[body:]).strip().rstrip(";"))


def create_marts(warehouse: Warehouse) -> dict[str, int]:
    """Makes all marts anew in one transaction; view -> its number of rows.

    Raises ``WarehouseError`` when a view's columns are not those that its header explains.
    """
    prefix = f"{CONTRACT_SCHEMA}." if warehouse.is_postgres else ""
    counts: dict[str, int] = {}
    with warehouse.begin() as connection:
        marts = [read_mart(name) for name in MARTS]
        for mart in reversed(marts):
            connection.exec_driver_sql(f"DROP VIEW IF EXISTS {prefix}{mart.name}")
        for mart in marts:
            # Every name and statement here comes from the package's files, none from outside.
            select = mart.select.replace("{insights}", prefix)
            connection.exec_driver_sql(f"CREATE VIEW {prefix}{mart.name} AS {select}")
            result = connection.execute(
                text(f"SELECT * FROM {prefix}{mart.name} LIMIT 0")  # noqa: S608
            )
            columns = list(result.keys())
            result.close()
            if columns != list(mart.columns):
                raise WarehouseError(
                    f"{mart.name} has the columns {columns}, and its header explains "
                    f"{list(mart.columns)}: make them equal in marts_sql/{mart.name}.sql"
                )
            if warehouse.is_postgres:
                connection.exec_driver_sql(
                    f"COMMENT ON VIEW {prefix}{mart.name} IS {_literal(mart.comment)}"
                )
                for column, meaning in mart.columns.items():
                    connection.exec_driver_sql(
                        f"COMMENT ON COLUMN {prefix}{mart.name}.{column} IS {_literal(meaning)}"
                    )
        for mart in marts:
            query = text(f"SELECT count(*) FROM {prefix}{mart.name}")  # noqa: S608
            counts[mart.name] = int(connection.scalar(query) or 0)
    return counts


def _literal(comment: str) -> str:
    """A comment as a literal: DDL takes no parameters. Without parameters the driver leaves ``%``
    as it is."""
    return "'" + comment.replace("'", "''") + "'"
