"""``insights setup`` and ``insights dev``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click


@click.command()
def setup() -> None:
    """Write the embedded Dagster instance and .env (make setup does this)."""
    from insights_jobs.embedded_instance import write_dotenv, write_embedded_instance
    from insights_resources.settings import PageSource, read_settings

    settings = read_settings(os.environ)
    write_embedded_instance(settings.dagster_home)
    if settings.page_source is not PageSource.SAVED:
        write_dotenv(settings.dagster_home)


@click.command()
@click.option("--port", default=3000, show_default=True, help="Port of the Dagster UI.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
def dev(port: int, host: str) -> None:
    """Open the Dagster UI with its daemon (schedules, sensors, backfills)."""
    from insights_jobs.cli.environment import settings_with_instance
    from insights_resources.settings import PROJECT_ROOT

    settings = settings_with_instance()
    click.echo(settings.describe())
    # Started beside .env, `dagster dev` would let it override the instance chosen here.
    folder = Path(os.environ["DAGSTER_HOME"])
    sys.exit(
        subprocess.call(
            [
                sys.executable,
                # Its successor, dg, is a tool of the project's developers, and does no more here.
                "-W",
                "ignore:Function `dev_command` is superseded",
                "-m",
                "dagster",
                "dev",
                "--workspace",
                str(PROJECT_ROOT / "workspace.yaml"),
                "--host",
                host,
                "--port",
                str(port),
            ],
            cwd=folder,
        )
    )
