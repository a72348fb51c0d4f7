"""Alembic's environment: runs migrations on the connection that ``schema`` hands over."""

from alembic import context
from sqlalchemy import text

from insights_resources.warehouse.tables import INTERNAL_SCHEMA, metadata

connection = context.config.attributes["connection"]
is_postgres = connection.dialect.name == "postgresql"

if is_postgres:
    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {INTERNAL_SCHEMA}"))
context.configure(
    connection=connection,
    target_metadata=metadata,
    version_table_schema=INTERNAL_SCHEMA if is_postgres else None,
    include_schemas=is_postgres,
    compare_type=True,
    render_as_batch=not is_postgres,
)
with context.begin_transaction():
    context.run_migrations()
