"""The Dagster resources, and their wiring from the settings.

Each resource opens its client on first use. A setting that may hold a password is passed by the
name of its variable (``EnvVar``), so that the UI and the run's config show the name alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from dagster import ConfigurableResource, EnvVar
from pydantic import Field, PrivateAttr

from insights_resources.cache import CACHED_TABLES, Cache
from insights_resources.errors import ConfigurationError
from insights_resources.language_model.budget import ModelBudget, ModelPrices
from insights_resources.language_model.interfaces import ModelApi
from insights_resources.language_model.ledger import ModelCalls
from insights_resources.language_model.openai_model import OpenAIModel, server_name
from insights_resources.locales import DEFAULT_LOCALE
from insights_resources.outside_calls.guard import ProviderGuard, provider_guard
from insights_resources.page_archive import PageArchive
from insights_resources.page_providers.direct import ROBOT, DirectProvider
from insights_resources.page_providers.fallback import FallbackProvider
from insights_resources.page_providers.firecrawl import CLOUD_URL, FirecrawlProvider
from insights_resources.page_providers.page_requests import CaptureBudget
from insights_resources.page_providers.protocol import LivePageProvider, PageProvider
from insights_resources.page_providers.robots_txt import RobotsTxt
from insights_resources.page_providers.saved_pages import SavedPagesProvider
from insights_resources.sandbox import SandboxMarket, SandboxProvider
from insights_resources.settings import RETENTION_FILE, PageSource, Settings
from insights_resources.warehouse.engine import READ_SECONDS, Warehouse
from insights_resources.warehouse.publication import last_builds
from insights_resources.warehouse.schema import ensure_current, migrate


class WarehouseResource(ConfigurableResource):
    """The warehouse: PostgreSQL, or an SQLite file that keeps its schema current by itself."""

    url: str = Field(description="postgresql+psycopg://... or sqlite:///file")
    replica_url: str = Field(
        default="", description="postgresql+psycopg://... of a read replica; empty: none."
    )
    read_seconds: int = Field(
        default=READ_SECONDS, description="Longest time of a statement of a consumer's read."
    )

    _warehouse: Warehouse | None = PrivateAttr(default=None)

    def open(self) -> Warehouse:
        """The open warehouse; raises ``SchemaOutOfDateError`` when PostgreSQL needs a migration."""
        if self._warehouse is None:
            warehouse = Warehouse.open(self.url)
            warehouse.read_seconds = self.read_seconds
            if self.replica_url:
                warehouse.replica = Warehouse.open(self.replica_url)
            if warehouse.is_postgres:
                ensure_current(warehouse)
            else:
                migrate(warehouse)
            self._warehouse = warehouse
        return self._warehouse

    def teardown_after_execution(self, context: object) -> None:
        if self._warehouse is not None:
            self._warehouse.dispose()
            self._warehouse = None


class PageArchiveResource(ConfigurableResource):
    """The page archive: every captured page by its hash."""

    url: str = Field(description="A folder, or any fsspec URL (s3://, gs://, ...).")

    def open(self) -> PageArchive:
        return PageArchive(self.url)


class PageProviderResource(ConfigurableResource, ABC):
    """Where pages come from; each subclass is one provider."""

    @abstractmethod
    def open(self) -> PageProvider:
        """The provider, made on first use."""


class SandboxPages(PageProviderResource):
    """Pages of the simulated marketplace."""

    seed: int = Field(description="Equal seeds give equal marketplaces.")
    products: int = Field(description="Number of products.")
    first_day: str = Field(description="First simulated day, YYYY-MM-DD.")

    _provider: SandboxProvider | None = PrivateAttr(default=None)

    def open(self) -> PageProvider:
        if self._provider is None:
            self._provider = SandboxProvider(
                SandboxMarket(
                    seed=self.seed,
                    products=self.products,
                    first_day=date.fromisoformat(self.first_day),
                )
            )
        return self._provider


class SavedPages(PageProviderResource):
    """Pages saved in a folder."""

    folder: str = Field(description="Folder of .html and .html.gz files, with or without manifest.")

    _provider: SavedPagesProvider | None = PrivateAttr(default=None)

    def open(self) -> PageProvider:
        if self._provider is None:
            self._provider = SavedPagesProvider(Path(self.folder))
        return self._provider


class LivePages(PageProviderResource):
    """Pages as they are now: through Firecrawl, straight from the marketplaces, or the latter where
    the former fails."""

    firecrawl_url: str = Field(default="", description="Firecrawl's address; empty: not used.")
    firecrawl_key: str = Field(default="", description="Its API key; empty: it needs none.")
    firecrawl_workers: int = Field(default=2, description="Pages asked of it at once.")
    firecrawl_pages_a_minute: int = Field(default=10, description="As its plan allows.")
    direct_contact: str = Field(
        default="", description="Whom a site's owner can reach; empty: no direct fetch."
    )
    direct_pages_a_minute: int = Field(default=6, description="Asked of one host.")
    direct_url: str = Field(default="", description="A server in place of every marketplace.")
    robots_folder: str = Field(default="", description="Where each host's robots.txt is kept.")
    redis_url: str = Field(
        default="",
        description="redis://... that circuit breakers and rates are shared through; empty: each "
        "process has its own.",
    )

    _provider: LivePageProvider | None = PrivateAttr(default=None)

    def open(self) -> PageProvider:
        if self._provider is None:
            firecrawl = self.firecrawl() if self.firecrawl_url else None
            direct = self._direct() if self.direct_contact else None
            if firecrawl is not None and direct is not None:
                self._provider = FallbackProvider(firecrawl, direct)
            else:
                self._provider = firecrawl or direct
            if self._provider is None:
                raise ConfigurationError(
                    "live pages need firecrawl_url (INSIGHTS_FIRECRAWL_URL, FIRECRAWL_API_KEY) or "
                    "direct_contact (INSIGHTS_DIRECT_CONTACT)"
                )
        return self._provider

    def firecrawl(self) -> FirecrawlProvider:
        """The provider of this name, on its own."""
        guard = provider_guard(
            "firecrawl",
            a_minute=self.firecrawl_pages_a_minute,
            redis_url=self.redis_url or None,
        )
        return FirecrawlProvider(
            self.firecrawl_url, self.firecrawl_key or None, guard, workers=self.firecrawl_workers
        )

    def _direct(self) -> DirectProvider:
        def guard_of(host: str, pause: float) -> ProviderGuard:
            pages_a_minute = float(self.direct_pages_a_minute)
            return provider_guard(
                f"direct {host}",
                a_minute=min(pages_a_minute, 60 / pause) if pause else pages_a_minute,
                burst=1,
                redis_url=self.redis_url or None,
            )

        robots = RobotsTxt(Path(self.robots_folder), ROBOT)
        return DirectProvider(self.direct_contact, robots, guard_of, origin=self.direct_url or None)


class CaptureLimits(ConfigurableResource):
    """What captures of live pages may spend."""

    credits_a_day: int | None = Field(
        default=None, description="By all captures of a UTC day; none: no limit."
    )
    credits_a_run: int | None = Field(default=None, description="By one run; none: no limit.")
    pages_a_product: int | None = Field(
        default=None, description="How often a product is sent for on a day; none: no limit."
    )
    capture_hours: int = Field(
        default=6, description="A page younger than this is not captured again on its day."
    )

    def budget(self) -> CaptureBudget:
        return CaptureBudget(
            None if self.credits_a_day is None else Decimal(self.credits_a_day),
            None if self.credits_a_run is None else Decimal(self.credits_a_run),
            self.pages_a_product,
        )


class LanguageModelResource(ConfigurableResource):
    """The language model that may write reports: OpenAI's, or a compatible server's."""

    model: str = Field(description="Its name, as the server has it.")
    url: str = Field(default="", description="A compatible server's address; empty: OpenAI's.")
    key: str = Field(default="", description="Its API key; empty: it needs none.")
    api: str = Field(default="", description="responses or chat; empty: by the server's kind.")
    seconds: int = Field(default=120, description="Longest time of an answer.")
    workers: int = Field(default=4, description="Answers that a run asks for at once.")
    output_tokens: int = Field(default=8_000, description="Longest answer, reasoning included.")
    tokens_a_day: int = Field(default=2_000_000, description="By all calls of a UTC day.")
    cost_a_day: str = Field(default="", description="USD, the same; empty: no limit.")
    input_price: str = Field(default="", description="USD a million tokens; empty: not known.")
    output_price: str = Field(default="", description="USD a million tokens; empty: not known.")
    redis_url: str = Field(
        default="",
        description="redis://... that the circuit breaker is shared through; empty: each process "
        "has its own.",
    )

    _model: OpenAIModel | None = PrivateAttr(default=None)

    def open(self, warehouse: Warehouse) -> OpenAIModel | None:
        """The model, which notes its calls in this warehouse; None: none is configured."""
        if not self.key and not self.url:
            return None
        if self._model is None:
            prices = None
            if self.input_price and self.output_price:
                prices = ModelPrices(Decimal(self.input_price), Decimal(self.output_price))
            cost_a_day = Decimal(self.cost_a_day) if self.cost_a_day else None
            self._model = OpenAIModel(
                self.model,
                ModelCalls(warehouse, ModelBudget(self.tokens_a_day, cost_a_day)),
                provider_guard(
                    f"{self.model} at {server_name(self.url or None)}",
                    a_minute=None,
                    redis_url=self.redis_url or None,
                ),
                api_key=self.key or None,
                base_url=self.url or None,
                api=ModelApi(self.api) if self.api else None,
                seconds=self.seconds,
                output_tokens=self.output_tokens,
                prices=prices,
            )
        return self._model


class CacheResource(ConfigurableResource):
    """The cache before the warehouse: memory, over Redis where there is one."""

    redis_url: str = Field(default="", description="redis://...; empty: memory only.")

    _cache: Cache | None = PrivateAttr(default=None)

    def open(self, warehouse: Warehouse) -> Cache:
        """The cache before this warehouse."""
        if self._cache is None:
            self._cache = open_cache(self.redis_url or None, warehouse)
        return self._cache

    def teardown_after_execution(self, context: object) -> None:
        if self._cache is not None:
            self._cache.close()
            self._cache = None


def open_cache(redis_url: str | None, warehouse: Warehouse) -> Cache:
    """A cache that asks this warehouse what was published; nothing is connected yet."""
    return Cache(redis_url, published_builds=lambda: last_builds(warehouse, CACHED_TABLES))


class ProjectFiles(ConfigurableResource):
    """The files beside the databases: the catalog (read) and the reports (written)."""

    catalog_file: str = Field(description="The catalog of products and groups (YAML).")
    retention_file: str = Field(
        default=str(RETENTION_FILE), description="How long rows are kept (YAML)."
    )
    reports_folder: str = Field(description="Folder of the report files.")
    first_day: str = Field(description="First day that can be computed, YYYY-MM-DD.")
    locale: str = Field(
        default=DEFAULT_LOCALE,
        description="Locale of the readers of groups that name none.",
    )

    def first_day_as_date(self) -> date:
        return date.fromisoformat(self.first_day)


def build_resources(settings: Settings) -> dict[str, Any]:
    """Every resource by the name that assets ask for."""
    first_day = settings.first_day.isoformat()
    return {
        "warehouse": WarehouseResource(
            url=settings.database_url
            if settings.is_embedded_warehouse
            else EnvVar("INSIGHTS_DATABASE_URL"),
            replica_url=EnvVar("INSIGHTS_REPLICA_URL") if settings.replica_url else "",
            read_seconds=settings.read_seconds,
        ),
        "page_archive": PageArchiveResource(url=settings.archive_url),
        "pages": _pages(settings),
        "capture_limits": CaptureLimits(
            credits_a_day=settings.live.credits_a_day,
            credits_a_run=settings.live.credits_a_run,
            pages_a_product=settings.live.pages_a_product,
            capture_hours=settings.live.capture_hours,
        ),
        "language_model": _language_model(settings),
        "cache": CacheResource(
            redis_url=EnvVar("INSIGHTS_REDIS_URL") if settings.redis_url else ""
        ),
        "files": ProjectFiles(
            catalog_file=str(settings.catalog_file),
            retention_file=str(settings.retention_file),
            reports_folder=str(settings.reports_folder),
            first_day=first_day,
            locale=settings.locale,
        ),
    }


def _pages(settings: Settings) -> PageProviderResource:
    live = settings.live
    match settings.page_source:
        case PageSource.SANDBOX:
            return SandboxPages(
                seed=settings.sandbox_seed,
                products=settings.sandbox_products,
                first_day=settings.first_day.isoformat(),
            )
        case PageSource.SAVED:
            return SavedPages(folder=str(settings.pages_folder))
        case PageSource.FIRECRAWL | PageSource.DIRECT:
            asks_firecrawl = settings.page_source is PageSource.FIRECRAWL
            return LivePages(
                firecrawl_url=(live.firecrawl_url or CLOUD_URL) if asks_firecrawl else "",
                firecrawl_key=EnvVar("FIRECRAWL_API_KEY") if live.has_key else "",
                firecrawl_workers=live.firecrawl_workers,
                firecrawl_pages_a_minute=live.firecrawl_pages_a_minute,
                direct_contact=live.direct_contact or "",
                direct_pages_a_minute=live.direct_pages_a_minute,
                direct_url=live.direct_url or "",
                robots_folder=str(settings.home / "robots"),
                redis_url=EnvVar("INSIGHTS_REDIS_URL") if settings.redis_url else "",
            )


def _language_model(settings: Settings) -> LanguageModelResource:
    model = settings.model

    def amount(value: Decimal | None) -> str:
        return "" if value is None else str(value)

    return LanguageModelResource(
        model=model.name,
        url=EnvVar("INSIGHTS_MODEL_URL") if model.url else "",
        key=EnvVar("OPENAI_API_KEY") if model.has_key else "",
        api=model.api or "",
        seconds=model.seconds,
        workers=model.workers,
        output_tokens=model.output_tokens,
        tokens_a_day=model.tokens_a_day,
        cost_a_day=amount(model.cost_a_day),
        input_price=amount(model.input_price),
        output_price=amount(model.output_price),
        redis_url=EnvVar("INSIGHTS_REDIS_URL") if settings.redis_url else "",
    )


def open_language_model(
    settings: Settings, environment: Mapping[str, str], warehouse: Warehouse
) -> OpenAIModel | None:
    """The language model outside of a run, where nobody resolves the names of variables."""
    key = environment.get("OPENAI_API_KEY", "") if settings.model.has_key else ""
    resource = _language_model(settings).model_copy(
        update={"key": key, "url": settings.model.url or "", "redis_url": settings.redis_url or ""}
    )
    return resource.open(warehouse)


def open_pages(settings: Settings, environment: Mapping[str, str]) -> PageProvider:
    """The page provider outside of a run, where nobody resolves the names of variables."""
    resource = _pages(settings)
    if isinstance(resource, LivePages):
        key = environment.get("FIRECRAWL_API_KEY", "") if settings.live.has_key else ""
        redis_url = settings.redis_url or ""
        resource = resource.model_copy(update={"firecrawl_key": key, "redis_url": redis_url})
    return resource.open()
