"""What a command needs before it can work: settings, the instance, the warehouse."""

from __future__ import annotations

import os

from insights_resources.settings import PROJECT_ROOT, Settings, read_settings
from insights_resources.warehouse.engine import Warehouse

DOTENV = PROJECT_ROOT / ".env"


def add_dotenv_to_environment() -> None:
    """Adds what the project's ``.env`` sets and the shell does not, as Dagster's processes do.

    But for ``DAGSTER_HOME``: which embedded instance a command uses goes by its settings.
    """
    from dotenv import dotenv_values

    for name, value in dotenv_values(DOTENV).items():
        if name != "DAGSTER_HOME" and value is not None:
            os.environ.setdefault(name, value)


def settings_with_instance() -> Settings:
    """The settings, with the Dagster instance of this process chosen."""
    from insights_jobs.embedded_instance import use_embedded_instance

    settings = read_settings(os.environ)
    use_embedded_instance(settings.dagster_home)
    return settings


def open_warehouse(settings: Settings) -> Warehouse:
    """The warehouse of the settings, its schema current (embedded) or checked (PostgreSQL)."""
    from insights_resources.wiring import WarehouseResource

    return WarehouseResource(
        url=settings.database_url,
        replica_url=settings.replica_url or "",
        read_seconds=settings.read_seconds,
    ).open()
