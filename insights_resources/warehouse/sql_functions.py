"""Functions of SQL that the two engines name differently, as expressions."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Integer, Text, cast, func
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction

from insights_resources.warehouse.column_types import UtcDateTime


class fingerprint(GenericFunction[int]):
    """A 64-bit hash of some columns, equal where all of them are (two NULLs are). For comparisons
    within one query: the engines do not agree on it, nor need releases of one."""

    type = BigInteger()
    name = "fingerprint"
    inherit_cache = True


@compiles(fingerprint, "postgresql")
def _fingerprint_of_postgres(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    columns = compiler.process(element.clauses, **options)
    return f"hash_record_extended(ROW({columns}), 0)"


class utc_now(GenericFunction[datetime]):
    """The present instant, as ``UtcDateTime`` stores it: for columns' defaults."""

    type = UtcDateTime()
    name = "utc_now"
    inherit_cache = True


@compiles(utc_now, "postgresql")
def _utc_now_of_postgres(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    return "now()"


@compiles(utc_now, "sqlite")
def _utc_now_of_sqlite(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    # SQLite knows milliseconds; the text has microseconds.
    return "(strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z')"


class json_length(GenericFunction[int]):
    """How many items a JSON list has; NULL for NULL."""

    type = Integer()
    name = "json_array_length"
    inherit_cache = True


@compiles(json_length, "postgresql")
def _json_length_of_postgres(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    return f"jsonb_array_length({compiler.process(element.clauses, **options)})"


def text_length(text: ColumnElement[Any]) -> ColumnElement[int]:
    """How many characters a text has; NULL for NULL."""
    return func.length(text, type_=Integer())


def as_text(document: ColumnElement[Any]) -> ColumnElement[str]:
    """A JSON document as it is written: spaces and the order of keys are the engine's."""
    return cast(document, Text)


def sqlite_fingerprint(*values: Any) -> int:
    """``fingerprint`` for SQLite, which has no hash function."""
    digest = hashlib.blake2b(repr(values).encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)
