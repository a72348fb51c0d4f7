"""Column types that mean the same on PostgreSQL and on SQLite."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import chain, repeat
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Integer, Numeric, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

#: Decimals of a stored amount: every currency of the registry has two or none.
MONEY_SCALE = 2
#: Decimals of what a call of a language model costs, which is often less than a cent.
CALL_COST_SCALE = 6


class Money(TypeDecorator[Decimal]):
    """An exact amount: ``NUMERIC(14, scale)`` on PostgreSQL, an integer of its smallest unit on
    SQLite (whose NUMERIC would be a float). The currency stands in a column beside it, or is the
    column's unit. ``scale``: decimals."""

    impl = Numeric
    cache_ok = True

    def __init__(self, scale: int = MONEY_SCALE) -> None:
        super().__init__(14, scale)
        self.scale = scale

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(BigInteger())
        return dialect.type_descriptor(Numeric(14, self.scale, asdecimal=True))

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        if value is None:
            return None
        amount = Decimal(value) if isinstance(value, int | str) else value
        if not isinstance(amount, Decimal):
            raise TypeError(f"money must be a Decimal, not {type(value).__name__}: {value!r}")
        units = amount.scaleb(self.scale)
        # PostgreSQL would round silently.
        if not amount.is_finite() or units != units.to_integral_value():
            raise ValueError(f"{amount} is no amount with at most {self.scale} decimals")
        if dialect.name != "sqlite":
            return amount
        return int(units)

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        if value is None or isinstance(value, Decimal):
            return value
        return Decimal(int(value)).scaleb(-self.scale)


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: ``TIMESTAMPTZ`` on PostgreSQL, ISO 8601 text in UTC on SQLite (which would
    give it back without its zone). Text of one width, so that it also sorts as time."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String(27))
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone")
        moment = value.astimezone(UTC)
        if dialect.name == "sqlite":
            return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return moment

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if isinstance(value, str):
            return datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
        return value.astimezone(UTC)


def dump_json(value: Any) -> str:
    """Canonical JSON: sorted keys, no spaces, decimals as strings, dates in ISO 8601.

    Raises ``ValueError`` for NaN and infinities, ``TypeError`` for what JSON cannot say.
    """
    return _ENCODER.encode(value)


def dump_documents(values: Sequence[Any]) -> list[str]:
    """The same for many documents at once, each cleaned as by ``clean_json``."""
    # What stands between them is drawn anew each time: no page can contain it.
    between = secrets.token_hex(16)
    texts: list[str] = []
    for start in range(0, len(values), _DOCUMENTS_AT_ONCE):
        some = values[start : start + _DOCUMENTS_AT_ONCE]
        alternating = list(chain.from_iterable(zip(some, repeat(between))))
        dumped = dump_json(alternating)
        # In JSON a zero byte is written \u0000; so is the harmless text behind a backslash.
        if "\\u0000" in dumped or not is_clean(dumped):
            dumped = dump_json(clean_json(alternating))
        texts += f"{dumped[1:-1]},".split(f',"{between}",')[:-1]
    return texts


def clean_text(text: str) -> str:
    """The text without what neither engine can store: zero bytes and lone surrogates, both shown as
    U+FFFD. Pages are hostile; they may hold either."""
    return _NOT_STORABLE.sub("\ufffd", text)


def is_clean(text: str) -> bool:
    """Whether ``clean_text`` would leave the text as it is; far faster for a long one."""
    try:
        text.encode()  # which is what a lone surrogate cannot be
    except UnicodeEncodeError:
        return False
    return "\x00" not in text


def clean_json(value: Any) -> Any:
    """The document with every text in it, keys too, cleaned by ``clean_text``."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        return {
            clean_text(key) if isinstance(key, str) else key: clean_json(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [clean_json(item) for item in value]
    return value


def _json_default(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if hasattr(value, "isoformat"):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not JSON")


#: Documents that are written in one go: bounds the text that is held.
_DOCUMENTS_AT_ONCE = 10_000

_ENCODER = json.JSONEncoder(
    sort_keys=True,
    separators=(",", ":"),
    ensure_ascii=False,
    allow_nan=False,
    default=_json_default,
)
_NOT_STORABLE = re.compile("[\x00\ud800-\udfff]")

#: JSON document: JSONB on PostgreSQL, text on SQLite. SQL NULL for None.
Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")

#: 64-bit identity; SQLite numbers rows by itself only for ``INTEGER``.
BigId = BigInteger().with_variant(Integer(), "sqlite")
