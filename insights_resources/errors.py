"""The errors of the platform, in one hierarchy.

Every message says what failed, for what (file and line, product, day, table), and what to do
next. Permanent and transient failures of the outside world are different types, so that nothing
retries what cannot succeed.
"""


class InsightsError(Exception):
    """Anything the platform reports to a person. The command line prints it without a traceback."""


class ConfigurationError(InsightsError):
    """A setting is missing, contradicts another, or names something that does not exist."""


class InvalidInputError(InsightsError):
    """Something a person gave us (ASIN, day, command argument, request) is not valid."""


class CatalogError(InvalidInputError):
    """The catalog file is wrong. Names the file, the line and the value; nothing was changed."""


class ProviderError(InsightsError):
    """A provider outside failed: of pages, or a language model's server. Base of those below;
    never raised itself."""


class TransientProviderError(ProviderError):
    """Worth another try: connection refused, rate limit, server error. The request was not served.

    ``retry_after``: seconds that the provider asks to wait; None: it does not say.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class CircuitOpenError(TransientProviderError):
    """The provider failed so often that it is left alone for a while."""


class OutcomeUnknownError(ProviderError):
    """A request was sent and no whole answer came: it may have been served and billed. Not to be
    repeated within the run."""


class BudgetExhaustedError(ProviderError):
    """The next request would overrun a budget: it was not sent. Says which, and when it renews.

    ``is_of_product``: the budget of that product alone; others may be sent for.
    """

    def __init__(self, message: str, *, is_of_product: bool = False) -> None:
        super().__init__(message)
        self.is_of_product = is_of_product


class PermanentProviderError(ProviderError):
    """Trying again cannot help: blocked site, malformed request."""


class ProviderAccessError(PermanentProviderError):
    """The provider refuses us altogether: bad key, no credits. Nothing more is sent to it."""


class DayNotServableError(PermanentProviderError):
    """A page provider was asked for a day whose pages it cannot have."""


class ArchiveError(InsightsError):
    """A page could not be written to the archive, or is not there, or is not what its hash says."""


class WarehouseError(InsightsError):
    """The warehouse refused or cannot do what was asked."""


class WarehouseUnreachableError(WarehouseError):
    """No connection to the warehouse was to be had in time."""


class ReadTimeoutError(WarehouseError):
    """A consumer's read took too long. Remedy: ask for less, or ``INSIGHTS_READ_SECONDS``."""


class SchemaOutOfDateError(WarehouseError):
    """The database's schema is not the one of this code. Remedy: ``insights migrate``."""


class AuditFailedError(WarehouseError):
    """A build failed its audit and stays unpublished; consumers keep the last good rows."""

    def __init__(self, message: str, table_name: str) -> None:
        super().__init__(message)
        self.table_name = table_name


class CacheError(InsightsError):
    """The cache could not do what an admin asked. A read never raises it: it reads the database."""
