"""The embedded Dagster instance: made from the project's own, once, beside what a person wrote."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from insights_jobs import embedded_instance
from insights_jobs.embedded_instance import (
    use_embedded_instance,
    write_dotenv,
    write_embedded_instance,
)
from insights_resources.errors import ConfigurationError
from insights_resources.settings import PROJECT_ROOT, read_settings

#: A modification time of long ago: a file that is written again loses it.
LONG_AGO = 1_600_000_000


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder with the real ``dagster.yaml``, and no ``.env`` yet."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "dagster.yaml").write_bytes((PROJECT_ROOT / "dagster.yaml").read_bytes())
    monkeypatch.setattr(embedded_instance, "PROJECT_ROOT", root)
    return root


@pytest.fixture
def home(project: Path) -> Path:
    return project / "var" / "dagster"


def test_the_instance_is_the_production_one_without_its_storage(project: Path, home: Path) -> None:
    write_embedded_instance(home)
    production = yaml.safe_load((project / "dagster.yaml").read_text(encoding="utf-8"))
    embedded = yaml.safe_load((home / "dagster.yaml").read_text(encoding="utf-8"))
    assert "postgres" in production.pop("storage")
    assert embedded == production
    assert list(embedded) == list(production)


def test_the_generated_file_says_that_it_is_generated(home: Path) -> None:
    write_embedded_instance(home)
    first_line = (home / "dagster.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first_line.startswith("# Generated from the project's dagster.yaml")


def test_an_instance_that_is_current_is_not_written_again(home: Path) -> None:
    write_embedded_instance(home)
    os.utime(home / "dagster.yaml", (LONG_AGO, LONG_AGO))
    write_embedded_instance(home)
    assert (home / "dagster.yaml").stat().st_mtime == LONG_AGO
    assert [path.name for path in home.iterdir()] == ["dagster.yaml"]


def test_a_change_of_the_production_instance_reaches_the_embedded_one(
    project: Path, home: Path
) -> None:
    write_embedded_instance(home)
    production = yaml.safe_load((project / "dagster.yaml").read_text(encoding="utf-8"))
    production["concurrency"]["runs"]["max_concurrent_runs"] = 9
    (project / "dagster.yaml").write_text(yaml.safe_dump(production), encoding="utf-8")
    write_embedded_instance(home)
    embedded = yaml.safe_load((home / "dagster.yaml").read_text(encoding="utf-8"))
    assert embedded["concurrency"]["runs"]["max_concurrent_runs"] == 9


def test_an_edited_instance_becomes_what_it_should_be_again(home: Path) -> None:
    write_embedded_instance(home)
    generated = (home / "dagster.yaml").read_bytes()
    (home / "dagster.yaml").write_text("telemetry: {enabled: true}\n", encoding="utf-8")
    write_embedded_instance(home)
    assert (home / "dagster.yaml").read_bytes() == generated


def test_outside_of_a_checkout_the_missing_file_is_named(project: Path, home: Path) -> None:
    (project / "dagster.yaml").unlink()
    with pytest.raises(ConfigurationError, match=r"dagster\.yaml is missing: run from a checkout"):
        write_embedded_instance(home)


def test_a_home_that_cannot_be_written_is_named_with_the_remedy(project: Path) -> None:
    (project / "taken").write_text("a file", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"taken/dagster .* INSIGHTS_HOME"):
        write_embedded_instance(project / "taken" / "dagster")


def test_dotenv_holds_an_absolute_dagster_home_and_nothing_else(project: Path) -> None:
    home = read_settings({"INSIGHTS_HOME": os.path.relpath(project / "var")}).dagster_home
    write_dotenv(home)
    name, _, value = (project / ".env").read_text(encoding="utf-8").partition("=")
    assert (name, value) == ("DAGSTER_HOME", f"{project / 'var' / 'dagster'}\n")
    assert Path(value.strip()).is_absolute()


def test_a_dotenv_that_is_current_is_not_written_again(project: Path, home: Path) -> None:
    write_dotenv(home)
    os.utime(project / ".env", (LONG_AGO, LONG_AGO))
    write_dotenv(home)
    assert (project / ".env").stat().st_mtime == LONG_AGO
    assert sorted(path.name for path in project.iterdir()) == [".env", "dagster.yaml"]


def test_a_generated_dotenv_follows_the_project_to_another_place(project: Path, home: Path) -> None:
    write_dotenv(project / "where it was before")
    write_dotenv(home)
    assert (project / ".env").read_text(encoding="utf-8") == f"DAGSTER_HOME={home}\n"


@pytest.mark.parametrize(
    "own",
    [
        "INSIGHTS_PAGES=sandbox\n",
        "DAGSTER_HOME=/srv/dagster\nDAGSTER_POSTGRES_URL=postgresql+psycopg2://host/dagster\n",
        "# mine\nDAGSTER_HOME=/srv/dagster\n",
        "",
    ],
)
def test_a_persons_own_dotenv_is_left_alone(project: Path, home: Path, own: str) -> None:
    (project / ".env").write_text(own, encoding="utf-8")
    os.utime(project / ".env", (LONG_AGO, LONG_AGO))
    write_dotenv(home)
    assert (project / ".env").read_text(encoding="utf-8") == own
    assert (project / ".env").stat().st_mtime == LONG_AGO


def test_without_an_instance_of_ones_own_the_embedded_one_is_used(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "")
    use_embedded_instance(home)
    assert os.environ["DAGSTER_HOME"] == str(home)
    assert (home / "dagster.yaml").is_file()


def test_an_instance_of_ones_own_is_used_and_no_embedded_one_made(
    project: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(own))
    use_embedded_instance(home)
    assert os.environ["DAGSTER_HOME"] == str(own)
    assert list(own.iterdir()) == []
    assert not home.exists()
    assert not (project / ".env").exists()


@pytest.mark.parametrize("own", ["/no/such/folder", "relative"])
def test_an_instance_of_ones_own_that_is_not_there_is_named_with_the_remedy(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: str
) -> None:
    (tmp_path / "relative").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", own)
    with pytest.raises(ConfigurationError, match=f"DAGSTER_HOME={own} .*unset the variable"):
        use_embedded_instance(home)
    assert not home.exists()
