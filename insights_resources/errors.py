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
    """A page provider failed. Base of the two below; never raised itself."""


class TransientProviderError(ProviderError):
    """Worth another try later: time-out, rate limit, server error."""


class PermanentProviderError(ProviderError):
    """Trying again cannot help: bad key, no credits, blocked site, malformed request."""


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
