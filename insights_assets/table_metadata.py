"""What the Dagster UI shows of a table, from its one definition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dagster import (
    AssetKey,
    TableColumn,
    TableColumnConstraints,
    TableColumnDep,
    TableColumnLineage,
    TableSchema,
)
from sqlalchemy import Table

from insights_resources.warehouse.contract_views import contract_name
from insights_resources.warehouse.frames import own_columns

#: Who is asked when an asset fails.
OWNERS = ["team:insights"]


def asset_key(group: str, name: str) -> AssetKey:
    """The key of every asset: platform, layer, table."""
    return AssetKey(["insights", group, name])


def table_metadata(
    table: Table,
    *,
    lineage: Mapping[str, Sequence[tuple[AssetKey, str]]] | None = None,
    look_back_days: int | None = None,
) -> dict[str, Any]:
    """Definition metadata of an asset that is this table.

    ``lineage``: column -> the (asset, column) pairs that it derives from. ``look_back_days``: how
    much history of its inputs a day reads from the warehouse, beside its own day.
    """
    columns = own_columns(table)
    metadata: dict[str, Any] = {
        "dagster/table_name": f"insights.{contract_name(table)}",
        "dagster/column_schema": TableSchema(
            columns=[
                TableColumn(
                    name,
                    type=str(table.c[name].type),
                    description=table.c[name].comment,
                    constraints=TableColumnConstraints(nullable=bool(table.c[name].nullable)),
                )
                for name in columns
            ]
        ),
        "insights/grain": table.info["grain"],
    }
    if look_back_days is not None:
        metadata["insights/look_back_days"] = look_back_days
    if lineage is not None:
        unknown = set(lineage) - set(columns)
        if unknown:
            raise ValueError(f"{table.name} has no column {', '.join(sorted(unknown))}")
        metadata["dagster/column_lineage"] = TableColumnLineage(
            {
                column: [TableColumnDep(asset_key=key, column_name=name) for key, name in sources]
                for column, sources in lineage.items()
            }
        )
    return metadata
