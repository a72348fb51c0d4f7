"""The command line, ``insights``. Exit codes: 0 done, 1 failed, 2 wrong usage.

Commands import what they need when they run: ``insights --help`` answers at once.
"""

from __future__ import annotations

import sys

import click

from insights_jobs.cli.alerts import replay
from insights_jobs.cli.archive import archive
from insights_jobs.cli.builds import builds
from insights_jobs.cli.cache import cache
from insights_jobs.cli.development import dev, setup
from insights_jobs.cli.environment import add_dotenv_to_environment
from insights_jobs.cli.history import import_file
from insights_jobs.cli.lineage import lineage
from insights_jobs.cli.pages import parse
from insights_jobs.cli.rejected import rejected
from insights_jobs.cli.retention import retention
from insights_jobs.cli.runs import backfill, demo, track
from insights_jobs.cli.sandbox import sandbox
from insights_jobs.cli.scores import explain, plot
from insights_jobs.cli.search import search
from insights_jobs.cli.warehouse import migrate, report, roles, status
from insights_resources.errors import CatalogError, InsightsError, InvalidInputError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="amazon-insights")
def insights() -> None:
    """Amazon Insights: competitive intelligence for Amazon products."""


for command in (
    demo,
    dev,
    track,
    parse,
    backfill,
    import_file,
    report,
    explain,
    lineage,
    plot,
    search,
    replay,
    migrate,
    roles,
    status,
    builds,
    rejected,
    retention,
    archive,
    cache,
    sandbox,
    setup,
):
    insights.add_command(command)


def main() -> None:
    """Runs the command line; errors of ours are one message, without a traceback."""
    try:
        add_dotenv_to_environment()
        insights(standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("stopped", err=True)
        sys.exit(1)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except InsightsError as error:
        click.echo(f"Error: {error}", err=True)
        wrong_usage = isinstance(error, InvalidInputError) and not isinstance(error, CatalogError)
        sys.exit(2 if wrong_usage else 1)
    except BrokenPipeError:
        # The reader (head, less) has gone; what it wanted it has.
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        # A file or folder that cannot be made, read or written; any other is a bug of ours.
        if error.filename is None:
            raise
        click.echo(f"Error: {error.filename}: {error.strerror}", err=True)
        sys.exit(1)
