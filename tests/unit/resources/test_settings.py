"""Settings: embedded defaults, clear refusals, and no secret in what is shown."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from insights_resources.errors import ConfigurationError
from insights_resources.settings import PageSource, read_settings
from insights_resources.wiring import build_resources, open_pages


def test_nothing_set_means_the_embedded_defaults() -> None:
    settings = read_settings({})
    assert settings.is_embedded_warehouse
    assert settings.pages_folder is None
    assert settings.redis_url is None
    assert settings.first_day == date(2025, 1, 1)
    assert "sandbox marketplace" in settings.describe()


def test_the_locale_of_readers_is_american_unless_it_is_said() -> None:
    assert read_settings({}).locale == "en_US"
    assert read_settings({"INSIGHTS_LOCALE": "de-DE"}).locale == "de_DE"


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
        ({"INSIGHTS_PAGES": "firecrawl"}, "FIRECRAWL_API_KEY"),
        ({"INSIGHTS_FIRECRAWL_URL": "localhost:3002"}, "http://"),
        ({"INSIGHTS_PAGES": "direct"}, "INSIGHTS_DIRECT_CONTACT"),
        ({"INSIGHTS_DIRECT_CONTACT": "me"}, "a mail address or a web page"),
        ({"INSIGHTS_DIRECT_CONTACT": "a@b.org\r\nX-Evil: 1"}, "a mail address or a web page"),
        ({"INSIGHTS_DIRECT_URL": "localhost"}, "INSIGHTS_DIRECT_URL must start with http://"),
        ({"INSIGHTS_CAPTURE_HOURS": "25"}, "at most 24"),
        ({"INSIGHTS_CREDITS_A_DAY": "many"}, "INSIGHTS_CREDITS_A_DAY"),
        ({"INSIGHTS_MODEL_URL": "localhost:8000"}, "http://localhost:8000/v1"),
        ({"INSIGHTS_MODEL_URL": "http://localhost:port/v1"}, "INSIGHTS_MODEL_URL"),
        ({"INSIGHTS_MODEL": "g" * 65}, "INSIGHTS_MODEL has more than 64"),
        ({"INSIGHTS_MODEL_API": "assistants"}, "'responses' or 'chat'"),
        ({"INSIGHTS_MODEL_WORKERS": "0"}, "INSIGHTS_MODEL_WORKERS"),
        ({"INSIGHTS_MODEL_COST_A_DAY": "5"}, "INSIGHTS_MODEL_INPUT_PRICE"),
        ({"INSIGHTS_MODEL_INPUT_PRICE": "0.25"}, "INSIGHTS_MODEL_OUTPUT_PRICE"),
        ({"INSIGHTS_MODEL_INPUT_PRICE": "-1"}, "INSIGHTS_MODEL_INPUT_PRICE=-1"),
        ({"INSIGHTS_PAGES": "/no/such/folder"}, "/no/such/folder"),
        ({"INSIGHTS_FIRST_DAY": "01.02.2026"}, "YYYY-MM-DD"),
        ({"INSIGHTS_LOCALE": "klingon"}, "INSIGHTS_LOCALE=klingon: .* such as en_US or de_DE"),
        ({"INSIGHTS_SANDBOX_PRODUCTS": "0"}, "INSIGHTS_SANDBOX_PRODUCTS"),
        ({"INSIGHTS_SANDBOX_SEED": "seven"}, "INSIGHTS_SANDBOX_SEED"),
    ],
)
def test_a_wrong_setting_is_named_with_the_remedy(environment: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        read_settings(environment)


@pytest.mark.parametrize(
    "environment",
    [
        {"FIRECRAWL_API_KEY": "fc-secret"},
        {"INSIGHTS_FIRECRAWL_URL": "http://localhost:3002"},
        {"INSIGHTS_FIRECRAWL_URL": "http://localhost:3002", "INSIGHTS_PAGES": "firecrawl"},
    ],
)
def test_live_pages_are_used_where_they_can_be_had_and_have_a_home_of_their_own(
    environment: dict[str, str], tmp_path: Path
) -> None:
    simulated = read_settings({"INSIGHTS_HOME": str(tmp_path)})
    live = read_settings({"INSIGHTS_HOME": str(tmp_path)} | environment)
    assert live.page_source is PageSource.FIRECRAWL
    assert (simulated.home, live.home) == (tmp_path, tmp_path / "live")
    assert live.database_url != simulated.database_url
    assert "Firecrawl" in live.describe()
    assert "fc-secret" not in live.describe()
    chosen = read_settings(environment | {"INSIGHTS_PAGES": "sandbox"})
    assert chosen.page_source is PageSource.SANDBOX


def test_budgets_and_rates_are_read() -> None:
    given = {
        "INSIGHTS_FIRECRAWL_WORKERS": "50",
        "INSIGHTS_FIRECRAWL_PAGES_A_MINUTE": "500",
        "INSIGHTS_CREDITS_A_DAY": "1000",
        "INSIGHTS_PAGES_A_PRODUCT": "3",
    }
    live = read_settings(given).live
    assert (live.firecrawl_workers, live.firecrawl_pages_a_minute) == (50, 500)
    assert (live.credits_a_day, live.credits_a_run, live.pages_a_product) == (1000, None, 3)


def test_a_model_is_asked_where_there_is_a_key_or_a_server() -> None:
    assert "narrative: structured" in read_settings({"INSIGHTS_MODEL": "gpt"}).describe()
    openai = read_settings({"OPENAI_API_KEY": "sk-secret"})
    assert "narrative: gpt-5.6-luna (OpenAI)" in openai.describe()
    assert "sk-secret" not in f"{openai} {openai.describe()}"
    given = {
        "INSIGHTS_MODEL": "qwen",
        "INSIGHTS_MODEL_URL": "http://me:secret@localhost:8000/v1",
        "INSIGHTS_MODEL_COST_A_DAY": "2.50",
        "INSIGHTS_MODEL_INPUT_PRICE": "0.25",
        "INSIGHTS_MODEL_OUTPUT_PRICE": "2",
    }
    own = read_settings(given)
    assert "narrative: qwen (http://***@localhost:8000/v1)" in own.describe()
    assert (own.model.cost_a_day, own.model.tokens_a_day) == (Decimal("2.50"), 2_000_000)


def test_no_secret_of_a_model_is_in_the_configuration_of_a_run() -> None:
    given = {"OPENAI_API_KEY": "sk-secret", "INSIGHTS_MODEL_URL": "http://me:secret@host/v1"}
    resource = build_resources(read_settings(given))["language_model"]
    assert "secret" not in repr(resource)


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


@pytest.mark.parametrize(
    ("environment", "source", "said"),
    [
        ({"INSIGHTS_DIRECT_CONTACT": "a@b.org"}, PageSource.DIRECT, "pages: direct;"),
        (
            {"INSIGHTS_DIRECT_CONTACT": "https://b.org/bot", "FIRECRAWL_API_KEY": "fc-secret"},
            PageSource.FIRECRAWL,
            "pages: Firecrawl (the cloud), else direct;",
        ),
        (
            {"INSIGHTS_DIRECT_CONTACT": "a@b.org", "INSIGHTS_PAGES": "sandbox"},
            PageSource.SANDBOX,
            "pages: sandbox marketplace;",
        ),
    ],
)
def test_direct_fetch_is_on_with_a_contact_and_stands_behind_firecrawl(
    environment: dict[str, str], source: PageSource, said: str
) -> None:
    settings = read_settings(environment)
    assert settings.page_source is source
    assert said in settings.describe()
    if source.is_live:
        provider = open_pages(settings, environment)
        assert provider.name == {"direct": "direct", "firecrawl": "firecrawl+direct"}[source]
