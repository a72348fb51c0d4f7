"""Alembic's migrations of the warehouse, from the first table on (see ``schema``)."""
