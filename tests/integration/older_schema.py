"""A database as an older version of the schema had it, with the rows that it has."""

from __future__ import annotations

from alembic import command
from sqlalchemy import inspect, text

from insights_resources.warehouse.contract_views import CONTRACT_SCHEMA
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.schema import alembic_config


def downgrade(warehouse: Warehouse, revision: str) -> None:
    """Takes the schema back to a revision (``base``: to nothing), without the contract's views."""
    with warehouse.begin() as connection:
        if warehouse.is_postgres:
            connection.execute(text(f"DROP SCHEMA {CONTRACT_SCHEMA} CASCADE"))
        else:
            for name in inspect(connection).get_view_names():
                connection.execute(text(f"DROP VIEW {name}"))
        command.downgrade(alembic_config(connection), revision)
