"""The embedded Dagster instance: the production one without its storage.

``make setup`` writes it. Its home holds a ``dagster.yaml`` made from the top-level one; the
git-ignored ``.env`` holds nothing but ``DAGSTER_HOME``, because ``dagster dev`` lets ``.env``
override the shell.
"""

from __future__ import annotations

import os
from pathlib import Path

import yaml

from insights_resources.errors import ConfigurationError
from insights_resources.settings import PROJECT_ROOT

_HEADER = "# Generated from the project's dagster.yaml, without its storage. Do not edit.\n"


def write_embedded_instance(dagster_home: Path) -> None:
    """Writes the instance's ``dagster.yaml`` when it is missing or no longer what it should be."""
    source = PROJECT_ROOT / "dagster.yaml"
    if not source.is_file():
        raise ConfigurationError(f"{source} is missing: run from a checkout of the project")
    config = yaml.safe_load(source.read_text(encoding="utf-8"))
    del config["storage"]
    text = _HEADER + yaml.safe_dump(config, sort_keys=False)
    try:
        _write_if_changed(dagster_home / "dagster.yaml", text)
    except OSError as error:
        raise ConfigurationError(
            f"the folder {dagster_home} cannot be written ({error.strerror}); name another one in "
            f"INSIGHTS_HOME"
        ) from error


def write_dotenv(dagster_home: Path) -> None:
    """Writes ``.env`` unless there is one: a person's own is left alone."""
    dotenv = PROJECT_ROOT / ".env"
    line = f"DAGSTER_HOME={dagster_home}\n"
    own = [line] if not dotenv.exists() else dotenv.read_text(encoding="utf-8").splitlines()
    if len(own) == 1 and own[0].startswith("DAGSTER_HOME="):
        _write_if_changed(dotenv, line)


def use_embedded_instance(dagster_home: Path) -> None:
    """Makes this process use the embedded instance, unless the environment names another."""
    own = os.environ.get("DAGSTER_HOME")
    if own:
        if not Path(own).is_absolute() or not Path(own).is_dir():
            raise ConfigurationError(
                f"DAGSTER_HOME={own} is not the absolute path of a folder; make that folder, or "
                f"unset the variable to use the embedded instance"
            )
        return
    write_embedded_instance(dagster_home)
    os.environ["DAGSTER_HOME"] = str(dagster_home)


def _write_if_changed(path: Path, text: str) -> None:
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
