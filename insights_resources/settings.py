"""The settings: read from the environment once, at wiring, and validated.

Each missing piece means its embedded default; ``describe()`` names what is in use, and never a
secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from insights_resources.errors import ConfigurationError, InvalidInputError
from insights_resources.locales import DEFAULT_LOCALE, parse_locale

#: Root of the project: the folder of pyproject.toml, dagster.yaml and catalog.yaml.
PROJECT_ROOT = Path(__file__).resolve().parent.parent

#: How long rows are kept, unless another file is named.
RETENTION_FILE = PROJECT_ROOT / "retention.yaml"

#: First day of the sandbox marketplace, and of the partitions over live pages.
DEFAULT_FIRST_DAY = date(2025, 1, 1)

#: Saved pages may be much older than the platform.
SAVED_PAGES_FIRST_DAY = date(2013, 1, 1)

#: A page is captured again after this at the latest: each day has one of its own.
LONGEST_CAPTURE_HOURS = 24

#: Cheap, and without an announced end.
DEFAULT_MODEL = "gpt-5.6-luna"
#: As the tables take it.
_LONGEST_MODEL_NAME = 64

_KNOWN = {
    "INSIGHTS_HOME": "folder of everything embedded (default: var/ in the project)",
    "INSIGHTS_DATABASE_URL": "warehouse, postgresql+psycopg://... (default: an SQLite file)",
    "INSIGHTS_REPLICA_URL": "its read replica, postgresql+psycopg://... (default: none)",
    "INSIGHTS_READ_SECONDS": "longest time of a consumer's read of PostgreSQL (default: 30)",
    "INSIGHTS_REDIS_URL": "cache, redis://... (default: memory)",
    "INSIGHTS_PAGES": "'firecrawl', 'direct', 'sandbox' or a folder of saved pages (default: "
    "firecrawl where there is a key or a server of it, else direct where there is a contact, else "
    "sandbox)",
    "INSIGHTS_FIRECRAWL_URL": "a self-hosted Firecrawl, http://... (default: the cloud)",
    "INSIGHTS_FIRECRAWL_WORKERS": "pages asked of it at once, as the plan allows (default: 2)",
    "INSIGHTS_FIRECRAWL_PAGES_A_MINUTE": "as the plan allows (default: 10)",
    "INSIGHTS_DIRECT_CONTACT": "mail address or web page of whoever runs this: switches direct "
    "fetch on (default: it is off)",
    "INSIGHTS_DIRECT_PAGES_A_MINUTE": "asked of one host by direct fetch (default: 6)",
    "INSIGHTS_DIRECT_URL": "a server in place of every marketplace, http://... (default: none)",
    "INSIGHTS_CAPTURE_HOURS": "a page younger than this is not captured again on its day "
    "(default: 6)",
    "INSIGHTS_CREDITS_A_DAY": "most credits that a UTC day may cost (default: no limit)",
    "INSIGHTS_CREDITS_A_RUN": "most credits that one run spends (default: no limit)",
    "INSIGHTS_PAGES_A_PRODUCT": "how often a product is sent for on a day (default: 12)",
    "INSIGHTS_MODEL": "language model that writes reports (default: gpt-5.6-luna, where there is "
    "OPENAI_API_KEY or a server of your own; else none does)",
    "INSIGHTS_MODEL_URL": "a server that speaks OpenAI's API, http://.../v1 (default: OpenAI's)",
    "INSIGHTS_MODEL_API": "'responses' or 'chat' (default: responses at OpenAI, else chat)",
    "INSIGHTS_MODEL_SECONDS": "longest time of an answer (default: 120)",
    "INSIGHTS_MODEL_WORKERS": "answers asked for at once (default: 4)",
    "INSIGHTS_MODEL_OUTPUT_TOKENS": "longest answer, reasoning included (default: 8000)",
    "INSIGHTS_MODEL_TOKENS_A_DAY": "most tokens that a UTC day may take (default: 2000000)",
    "INSIGHTS_MODEL_COST_A_DAY": "most USD that a UTC day may cost; needs both prices (default: no "
    "limit)",
    "INSIGHTS_MODEL_INPUT_PRICE": "USD a million input tokens (default: costs are not known)",
    "INSIGHTS_MODEL_OUTPUT_PRICE": "USD a million output tokens (default: costs are not known)",
    "INSIGHTS_ARCHIVE_URL": "page archive, a folder or any fsspec URL (default: a folder)",
    "INSIGHTS_CATALOG": "catalog file (default: catalog.yaml in the project)",
    "INSIGHTS_RETENTION": "how long rows are kept (default: retention.yaml in the project)",
    "INSIGHTS_FIRST_DAY": "first day that can be computed, YYYY-MM-DD",
    "INSIGHTS_LOCALE": "how reports write numbers and amounts, where a group names no locale "
    f"(default: {DEFAULT_LOCALE})",
    "INSIGHTS_SANDBOX_SEED": "seed of the sandbox marketplace (default: 7)",
    "INSIGHTS_SANDBOX_PRODUCTS": "size of the sandbox marketplace (default: 24)",
}


class PageSource(StrEnum):
    """Where pages come from."""

    SANDBOX = "sandbox"
    SAVED = "saved"
    FIRECRAWL = "firecrawl"
    DIRECT = "direct"

    @property
    def is_live(self) -> bool:
        return self in (PageSource.FIRECRAWL, PageSource.DIRECT)


@dataclass(frozen=True)
class LivePageSettings:
    """How live pages are captured. A budget that is None has no limit. ``has_key``: of Firecrawl's
    cloud; the key itself stays in the environment. ``direct_contact`` None: no direct fetch.
    ``direct_url``: a server in place of every marketplace."""

    firecrawl_url: str | None
    has_key: bool
    firecrawl_workers: int
    firecrawl_pages_a_minute: int
    direct_contact: str | None
    direct_pages_a_minute: int
    direct_url: str | None
    capture_hours: int
    credits_a_day: int | None
    credits_a_run: int | None
    pages_a_product: int


@dataclass(frozen=True)
class ModelSettings:
    """The language model that writes reports. ``has_key``: of OpenAI's; the key itself stays in the
    environment. ``url``: a compatible server instead. ``api`` None: as the server's kind has it.
    Prices are in USD a million tokens, ``cost_a_day`` in USD; None: not known, no limit."""

    name: str
    has_key: bool
    url: str | None
    api: str | None
    seconds: int
    workers: int
    output_tokens: int
    tokens_a_day: int
    cost_a_day: Decimal | None
    input_price: Decimal | None
    output_price: Decimal | None

    @property
    def is_configured(self) -> bool:
        """Whether there is somebody to ask."""
        return self.has_key or self.url is not None


@dataclass(frozen=True)
class Settings:
    """Where everything is. Addresses with a password are named by their variable only."""

    home: Path
    database_url: str
    replica_url: str | None
    read_seconds: int
    redis_url: str | None
    page_source: PageSource
    pages_folder: Path | None
    live: LivePageSettings
    model: ModelSettings
    archive_url: str
    catalog_file: Path
    retention_file: Path
    first_day: date
    locale: str
    sandbox_seed: int
    sandbox_products: int

    @property
    def reports_folder(self) -> Path:
        return self.home / "reports"

    @property
    def dagster_home(self) -> Path:
        """Home of the embedded Dagster instance."""
        return self.home / "dagster"

    @property
    def is_embedded_warehouse(self) -> bool:
        return self.database_url.startswith("sqlite")

    def describe(self) -> str:
        """One line for people: what is real here and what is the embedded default."""
        warehouse = "SQLite" if self.is_embedded_warehouse else "PostgreSQL"
        if self.replica_url:
            warehouse += " with a read replica"
        pages = self._describe_pages()
        archive = _without_secrets(self.archive_url)
        return (
            f"warehouse: {warehouse}; pages: {pages}; archive: {archive}; "
            f"cache: {'memory over Redis' if self.redis_url else 'memory'}; "
            f"narrative: {self._describe_model()}; notifications: log and alerts table"
        )

    def _describe_model(self) -> str:
        if not self.model.is_configured:
            return "structured"
        where = _without_secrets(self.model.url) if self.model.url else "OpenAI"
        return f"{self.model.name} ({where})"

    def _describe_pages(self) -> str:
        live = self.live
        match self.page_source:
            case PageSource.SAVED:
                return f"saved in {self.pages_folder}"
            case PageSource.FIRECRAWL:
                where = _without_secrets(live.firecrawl_url) if live.firecrawl_url else "the cloud"
                fallback = ", else direct" if live.direct_contact else ""
                return f"Firecrawl ({where}){fallback}"
            case PageSource.DIRECT:
                return "direct"
            case _:
                return "sandbox marketplace"


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings of this environment; raises ``ConfigurationError`` with the remedy."""
    unknown = sorted(
        name
        for name in environment
        if name.startswith("INSIGHTS_") and name not in _KNOWN and "_TEST_" not in name
    )
    if unknown:
        known = "\n".join(f"  {name}: {what}" for name, what in _KNOWN.items())
        raise ConfigurationError(f"unknown setting {', '.join(unknown)}; known are\n{known}")

    def get(name: str) -> str | None:
        return environment.get(name, "").strip() or None

    live = _live_pages(get)
    page_source, pages_folder = _page_source(get("INSIGHTS_PAGES"), live)
    home = _home(get("INSIGHTS_HOME"), page_source, pages_folder)
    database_url = _database_url(get("INSIGHTS_DATABASE_URL"), home)
    return Settings(
        home=home,
        database_url=database_url,
        replica_url=_replica_url(get("INSIGHTS_REPLICA_URL"), database_url),
        read_seconds=_whole_number("INSIGHTS_READ_SECONDS", get("INSIGHTS_READ_SECONDS"), 30, 1),
        redis_url=_redis_url(get("INSIGHTS_REDIS_URL")),
        page_source=page_source,
        pages_folder=pages_folder,
        live=live,
        model=_model(get),
        archive_url=get("INSIGHTS_ARCHIVE_URL") or str(home / "pages"),
        catalog_file=Path(get("INSIGHTS_CATALOG") or PROJECT_ROOT / "catalog.yaml"),
        retention_file=Path(get("INSIGHTS_RETENTION") or RETENTION_FILE),
        first_day=_first_day(get("INSIGHTS_FIRST_DAY"), pages_folder),
        locale=_locale(get("INSIGHTS_LOCALE")),
        sandbox_seed=_whole_number("INSIGHTS_SANDBOX_SEED", get("INSIGHTS_SANDBOX_SEED"), 7, 0),
        sandbox_products=_whole_number(
            "INSIGHTS_SANDBOX_PRODUCTS", get("INSIGHTS_SANDBOX_PRODUCTS"), 24, 1
        ),
    )


def _live_pages(get: Callable[[str], str | None]) -> LivePageSettings:
    def number(name: str, default: int) -> int:
        return _whole_number(name, get(name), default, 1)

    def limit(name: str) -> int | None:
        return None if get(name) is None else number(name, 1)

    def address(name: str) -> str | None:
        return _web_address(name, get(name), "http://localhost:3002")

    return LivePageSettings(
        firecrawl_url=address("INSIGHTS_FIRECRAWL_URL"),
        has_key=get("FIRECRAWL_API_KEY") is not None,
        firecrawl_workers=number("INSIGHTS_FIRECRAWL_WORKERS", 2),
        firecrawl_pages_a_minute=number("INSIGHTS_FIRECRAWL_PAGES_A_MINUTE", 10),
        direct_contact=_contact(get("INSIGHTS_DIRECT_CONTACT")),
        direct_pages_a_minute=number("INSIGHTS_DIRECT_PAGES_A_MINUTE", 6),
        direct_url=address("INSIGHTS_DIRECT_URL"),
        capture_hours=_hours("INSIGHTS_CAPTURE_HOURS", number("INSIGHTS_CAPTURE_HOURS", 6)),
        credits_a_day=limit("INSIGHTS_CREDITS_A_DAY"),
        credits_a_run=limit("INSIGHTS_CREDITS_A_RUN"),
        pages_a_product=number("INSIGHTS_PAGES_A_PRODUCT", 12),
    )


def _model(get: Callable[[str], str | None]) -> ModelSettings:
    def number(name: str, default: int) -> int:
        return _whole_number(name, get(name), default, 1)

    def dollars(name: str) -> Decimal | None:
        return _dollars(name, get(name))

    name = get("INSIGHTS_MODEL") or DEFAULT_MODEL
    if len(name) > _LONGEST_MODEL_NAME:
        raise ConfigurationError(f"INSIGHTS_MODEL has more than {_LONGEST_MODEL_NAME} characters")
    api = get("INSIGHTS_MODEL_API")
    if api not in (None, "responses", "chat"):
        raise ConfigurationError(f"INSIGHTS_MODEL_API={api} must be 'responses' or 'chat'")
    prices = dollars("INSIGHTS_MODEL_INPUT_PRICE"), dollars("INSIGHTS_MODEL_OUTPUT_PRICE")
    cost_a_day = dollars("INSIGHTS_MODEL_COST_A_DAY")
    if None in prices and (cost_a_day is not None or prices != (None, None)):
        raise ConfigurationError(
            "what a model costs takes both INSIGHTS_MODEL_INPUT_PRICE and "
            "INSIGHTS_MODEL_OUTPUT_PRICE, in USD a million tokens"
        )
    return ModelSettings(
        name=name,
        has_key=get("OPENAI_API_KEY") is not None,
        url=_web_address(
            "INSIGHTS_MODEL_URL", get("INSIGHTS_MODEL_URL"), "http://localhost:8000/v1"
        ),
        api=api,
        seconds=number("INSIGHTS_MODEL_SECONDS", 120),
        workers=number("INSIGHTS_MODEL_WORKERS", 4),
        output_tokens=number("INSIGHTS_MODEL_OUTPUT_TOKENS", 8_000),
        tokens_a_day=number("INSIGHTS_MODEL_TOKENS_A_DAY", 2_000_000),
        cost_a_day=cost_a_day,
        input_price=prices[0],
        output_price=prices[1],
    )


def _web_address(name: str, url: str | None, example: str) -> str | None:
    if url is None:
        return None
    try:
        is_address = bool(re.match(r"https?://[^/]", url)) and urlsplit(url).port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise ConfigurationError(f"{name} must start with http:// or https://, such as {example}")
    return url


def _dollars(name: str, text: str | None) -> Decimal | None:
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", text):
        raise ConfigurationError(f"{name}={text} is not an amount in USD, such as 0.25")
    return Decimal(text)


def _contact(text: str | None) -> str | None:
    """What each request says of who asks: printable ASCII, as a header takes it."""
    if text is None or re.fullmatch(r"https?://[!-~]+|[!-?A-~]+@[!-?A-~]+", text):
        return text
    raise ConfigurationError(
        "INSIGHTS_DIRECT_CONTACT must be a mail address or a web page (https://...) at which the "
        "owner of a site can reach you: it is sent with each request"
    )


def _hours(name: str, hours: int) -> int:
    if hours > LONGEST_CAPTURE_HOURS:
        raise ConfigurationError(
            f"{name}={hours}: at most {LONGEST_CAPTURE_HOURS}, for every day has a page of its own"
        )
    return hours


def _page_source(text: str | None, live: LivePageSettings) -> tuple[PageSource, Path | None]:
    """Where pages come from, and their folder when they are saved ones."""
    can_ask_firecrawl = live.has_key or live.firecrawl_url is not None
    if text is None:
        if can_ask_firecrawl:
            return PageSource.FIRECRAWL, None
        return (PageSource.DIRECT if live.direct_contact else PageSource.SANDBOX), None
    if text == PageSource.SANDBOX:
        return PageSource.SANDBOX, None
    if text == PageSource.FIRECRAWL:
        if not can_ask_firecrawl:
            raise ConfigurationError(
                "INSIGHTS_PAGES=firecrawl needs FIRECRAWL_API_KEY (the cloud), or "
                "INSIGHTS_FIRECRAWL_URL (a server of your own)"
            )
        return PageSource.FIRECRAWL, None
    if text == PageSource.DIRECT:
        if live.direct_contact is None:
            raise ConfigurationError(
                "INSIGHTS_PAGES=direct needs INSIGHTS_DIRECT_CONTACT: a mail address or a web page "
                "that each request names (see docs/capture.md before you use it)"
            )
        return PageSource.DIRECT, None
    folder = Path(text).expanduser()
    if not folder.is_dir():
        raise ConfigurationError(
            f"INSIGHTS_PAGES={text}: no such folder. Give a folder of saved .html or .html.gz "
            f"pages, or 'firecrawl', 'direct' or 'sandbox'."
        )
    return PageSource.SAVED, folder.resolve()


def _home(text: str | None, page_source: PageSource, pages_folder: Path | None) -> Path:
    home = PROJECT_ROOT / "var" if text is None else Path(text).expanduser().resolve()
    # Simulated, saved and live pages never share a database, nor do those of two folders.
    if page_source.is_live:
        return home / "live"
    if pages_folder is None:
        return home
    name = re.sub(r"[^A-Za-z0-9]+", "-", pages_folder.name)
    return home / f"saved-{name}-{sha256(str(pages_folder).encode()).hexdigest()[:6]}"


def _database_url(text: str | None, home: Path) -> str:
    if text is None:
        return f"sqlite:///{home / 'insights.db'}"
    if text.startswith("sqlite:///"):
        return text
    return _postgres_url(
        text, "INSIGHTS_DATABASE_URL must start with postgresql+psycopg:// or sqlite:///"
    )


def _postgres_url(text: str, otherwise: str) -> str:
    """The address with the driver that is installed; ``ConfigurationError`` for another kind."""
    scheme, _, rest = text.partition("://")
    if not rest or scheme not in ("postgres", "postgresql", "postgresql+psycopg"):
        raise ConfigurationError(otherwise)
    return f"postgresql+psycopg://{rest}"


def _replica_url(text: str | None, database_url: str) -> str | None:
    if text is None:
        return None
    if database_url.startswith("sqlite"):
        raise ConfigurationError(
            "INSIGHTS_REPLICA_URL is set, but the warehouse is an SQLite file, which has no "
            "replica: set INSIGHTS_DATABASE_URL to the primary, or unset INSIGHTS_REPLICA_URL"
        )
    return _postgres_url(text, "INSIGHTS_REPLICA_URL must start with postgresql+psycopg://")


def _redis_url(text: str | None) -> str | None:
    if text is not None and not text.startswith(("redis://", "rediss://", "unix://")):
        raise ConfigurationError(
            "INSIGHTS_REDIS_URL must start with redis://, rediss:// or unix://"
        )
    return text


def _first_day(text: str | None, pages_folder: Path | None) -> date:
    if text is None:
        return SAVED_PAGES_FIRST_DAY if pages_folder else DEFAULT_FIRST_DAY
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(f"INSIGHTS_FIRST_DAY={text} is not a day, YYYY-MM-DD") from None


def _locale(text: str | None) -> str:
    try:
        return DEFAULT_LOCALE if text is None else parse_locale(text)
    except InvalidInputError as error:
        raise ConfigurationError(f"INSIGHTS_LOCALE={text}: {error}") from None


def _whole_number(name: str, text: str | None, default: int, least: int) -> int:
    if text is None:
        return default
    if not text.isdecimal() or int(text) < least:
        raise ConfigurationError(f"{name}={text} is not a whole number of at least {least}")
    return int(text)


def _without_secrets(url: str) -> str:
    return re.sub(r"://[^@/]*@", "://***@", url).partition("?")[0]
