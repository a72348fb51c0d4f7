"""Settings: embedded defaults, clear refusals, and no secret in what is shown."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from insights_resources.errors import ConfigurationError
from insights_resources.settings import read_settings


def test_nothing_set_means_the_embedded_defaults() -> None:
    settings = read_settings({})
    assert settings.is_embedded_warehouse
    assert settings.pages_folder is None
    assert settings.redis_url is None
    assert settings.first_day == date(2025, 1, 1)
    assert "sandbox marketplace" in settings.describe()


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"INSIGHTS_DATABSE_URL": "x"}, "INSIGHTS_DATABSE_URL"),
        ({"INSIGHTS_DATABASE_URL": "mysql://host/db"}, "postgresql"),
        ({"INSIGHTS_REDIS_URL": "localhost:6379"}, "redis://"),
        (
            {"INSIGHTS_REPLICA_URL": "postgresql://host/db"},
            "INSIGHTS_REPLICA_URL.*INSIGHTS_DATABASE_URL",
        ),
        (
            {
                "INSIGHTS_DATABASE_URL": "postgresql://host/db",
                "INSIGHTS_REPLICA_URL": "sqlite:///x.db",
            },
            "INSIGHTS_REPLICA_URL must start with postgresql",
        ),
        ({"INSIGHTS_READ_SECONDS": "0"}, "INSIGHTS_READ_SECONDS"),
        ({"INSIGHTS_PAGES": "/no/such/folder"}, "/no/such/folder"),
        ({"INSIGHTS_FIRST_DAY": "01.02.2026"}, "YYYY-MM-DD"),
        ({"INSIGHTS_SANDBOX_PRODUCTS": "0"}, "INSIGHTS_SANDBOX_PRODUCTS"),
        ({"INSIGHTS_SANDBOX_SEED": "seven"}, "INSIGHTS_SANDBOX_SEED"),
    ],
)
def test_a_wrong_setting_is_named_with_the_remedy(environment: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        read_settings(environment)


def test_simulated_pages_are_never_taken_for_live_ones() -> None:
    with pytest.raises(ConfigurationError, match="INSIGHTS_PAGES=sandbox"):
        read_settings({"FIRECRAWL_API_KEY": "fc-secret"})
    chosen = read_settings({"FIRECRAWL_API_KEY": "fc-secret", "INSIGHTS_PAGES": "sandbox"})
    assert chosen.pages_folder is None


def test_saved_pages_have_a_home_of_their_own(tmp_path: Path) -> None:
    saved = read_settings({"INSIGHTS_PAGES": str(tmp_path)})
    assert saved.home != read_settings({}).home
    assert saved.database_url != read_settings({}).database_url
    assert saved.first_day == date(2013, 1, 1)
    both = {"INSIGHTS_PAGES": str(tmp_path), "INSIGHTS_HOME": str(tmp_path / "home")}
    assert read_settings(both).home.parent == tmp_path / "home"
    (tmp_path / "a" / "pages").mkdir(parents=True)
    (tmp_path / "b" / "pages").mkdir(parents=True)
    homes = {read_settings({"INSIGHTS_PAGES": str(tmp_path / n / "pages")}).home for n in "ab"}
    assert len(homes) == 2


@pytest.mark.parametrize("scheme", ["postgres://", "postgresql://", "postgresql+psycopg://"])
def test_every_form_of_a_postgres_address_uses_the_right_driver(scheme: str) -> None:
    settings = read_settings(
        {
            "INSIGHTS_DATABASE_URL": scheme + "me:secret@host/db",
            "INSIGHTS_REPLICA_URL": scheme + "me:secret@replica/db",
        }
    )
    assert settings.database_url == "postgresql+psycopg://me:secret@host/db"
    assert settings.replica_url == "postgresql+psycopg://me:secret@replica/db"


def test_no_secret_is_shown() -> None:
    settings = read_settings(
        {
            "INSIGHTS_DATABASE_URL": "postgresql://me:secret1@host/db",
            "INSIGHTS_REPLICA_URL": "postgresql://me:secret5@replica/db",
            "INSIGHTS_REDIS_URL": "redis://:secret2@host",
            "INSIGHTS_ARCHIVE_URL": "s3://key:secret3@bucket/pages?token=secret4",
        }
    )
    assert "secret" not in settings.describe()
    assert "with a read replica" in settings.describe()


def test_test_settings_are_let_through() -> None:
    read_settings({"INSIGHTS_TEST_POSTGRES_URL": "postgresql://host/db"})
