"""The project's ``.env`` counts for the command line as it does for Dagster."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from insights_jobs.cli import environment


def test_dotenv_sets_what_the_shell_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text(
        "DAGSTER_HOME=/elsewhere\nINSIGHTS_SANDBOX_SEED=5\nINSIGHTS_SANDBOX_PRODUCTS=6\n"
    )
    monkeypatch.setattr(environment, "DOTENV", dotenv)
    monkeypatch.setattr(os, "environ", {"INSIGHTS_SANDBOX_SEED": "9"})
    environment.add_dotenv_to_environment()
    assert os.environ == {"INSIGHTS_SANDBOX_SEED": "9", "INSIGHTS_SANDBOX_PRODUCTS": "6"}
