"""Fixtures that several tests share: real servers, and warehouses on both engines."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.schema import migrate
from tests.servers import fresh_database, postgres_server, redis_server
from tests.servers import warehouse_url as to_warehouse_url

ROOT = Path(__file__).resolve().parents[1]

# No test may see the settings of whoever runs it, nor write into the checkout.
for _name in list(os.environ):
    if _name.startswith("INSIGHTS_") and "_TEST_" not in _name:
        del os.environ[_name]
for _name in ("DAGSTER_HOME", "FIRECRAWL_API_KEY", "OPENAI_API_KEY"):
    os.environ.pop(_name, None)
os.environ["DAGSTER_DISABLE_TELEMETRY"] = "1"


#: Begun first, so that no worker is left alone with one of them at the end.
_LONGEST_FILES = (
    "test_truth_of_the_sandbox.py",
    "test_whole_line.py",
    "test_micro_batch.py",
    "test_command_line.py",
    "test_history_import.py",
    "test_alert_rules.py",
    "test_scoring_properties.py",
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first; whole platforms on PostgreSQL are slow tests, on SQLite quick ones;
    tests on real pages are skipped where the pages are not beside the checkout."""
    for item in items:
        if "platform" in getattr(item, "fixturenames", ()) and "[postgresql" in item.name:
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: item.path.name not in _LONGEST_FILES)
    if (ROOT.parent / "shared" / "data" / "pages").is_dir():
        return
    for item in items:
        if item.get_closest_marker("shared"):
            item.add_marker(pytest.mark.skip(reason="needs the real pages beside the checkout"))


@pytest.fixture(scope="session", autouse=True)
def _no_dotenv(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The checkout's ``.env`` is the developer's, not the tests'."""
    from insights_jobs.cli import environment

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(environment, "DOTENV", tmp_path_factory.mktemp("dotenv") / ".env")
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real pages (tests that use it carry the mark ``shared``)."""
    return ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A superuser's URL of a real PostgreSQL: the one of the environment, or one of our own."""
    given = os.environ.get("INSIGHTS_TEST_POSTGRES_URL")
    if given:
        yield make_url(given).set(drivername="postgresql").render_as_string(hide_password=False)
        return
    with postgres_server() as url:
        yield url


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The URL of a real server of Redis's protocol: the environment's, or one of our own."""
    given = os.environ.get("INSIGHTS_TEST_REDIS_URL")
    if given:
        yield given
        return
    with redis_server() as url:
        yield url


@pytest.fixture(scope="session")
def _postgres_template(postgres_url: str) -> Iterator[str]:
    """Name of a migrated database, to be copied."""
    name = f"insights_template_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    warehouse = Warehouse.open(to_warehouse_url(postgres_url, name))
    migrate(warehouse)
    warehouse.dispose()
    yield name
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def empty_postgres_database(postgres_url: str) -> Iterator[str]:
    """Warehouse URL of a database without anything in it."""
    with fresh_database(postgres_url) as url:
        yield url


@pytest.fixture
def postgres_warehouse_url(postgres_url: str, _postgres_template: str) -> Iterator[str]:
    """Warehouse URL of a migrated, empty database."""
    with fresh_database(postgres_url, _postgres_template) as url:
        yield url


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "insights.db"
    warehouse = Warehouse.open(f"sqlite:///{path}")
    migrate(warehouse)
    warehouse.dispose()
    return path


@pytest.fixture
def sqlite_warehouse_url(_sqlite_template: Path, tmp_path: Path) -> str:
    """Warehouse URL of a migrated, empty file."""
    path = tmp_path / "warehouse" / "insights.db"
    path.parent.mkdir()
    shutil.copy(_sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", "postgresql"])
def warehouse_url(request: pytest.FixtureRequest) -> str:
    """Each engine in turn."""
    name = "sqlite_warehouse_url" if request.param == "sqlite" else "postgres_warehouse_url"
    return str(request.getfixturevalue(name))


@pytest.fixture
def warehouse(warehouse_url: str) -> Iterator[Warehouse]:
    """A migrated, empty warehouse, on each engine in turn."""
    opened = Warehouse.open(warehouse_url)
    yield opened
    opened.dispose()


@pytest.fixture
def postgres_warehouse(postgres_warehouse_url: str) -> Iterator[Warehouse]:
    opened = Warehouse.open(postgres_warehouse_url)
    yield opened
    opened.dispose()


@pytest.fixture
def sqlite_warehouse(sqlite_warehouse_url: str) -> Iterator[Warehouse]:
    opened = Warehouse.open(sqlite_warehouse_url)
    yield opened
    opened.dispose()
