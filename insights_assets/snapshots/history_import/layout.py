"""How a file is laid out: which column is which field, by name or as told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from insights_assets.snapshots.history_import.fields import (
    ASIN,
    CAPTURED_AT,
    CURRENCY,
    IGNORE,
    KNOWN_FIELDS,
    MARKETPLACE,
    SERIES,
    VALUE,
    NamedField,
    field_called,
    is_number,
    node_of,
)
from insights_resources.errors import InvalidInputError
from insights_resources.marketplaces import marketplace


@dataclass(frozen=True)
class Layout:
    """``columns``: field -> place in a row. ``ignored``: columns that mean nothing here.

    ``marketplace`` and ``currency`` hold for rows that do not say their own. ``renamed``: names of
    columns or series -> field, as told.
    """

    kind: Literal["wide", "long"]
    columns: Mapping[str, int]
    ignored: tuple[str, ...]
    marketplace: str | None
    currency: str | None
    renamed: Mapping[str, str]

    @property
    def values(self) -> tuple[str, ...]:
        """The fields that a wide row gives values of."""
        return tuple(
            field for field in self.columns if field not in (ASIN, MARKETPLACE, CAPTURED_AT)
        )

    def series_field(self, name: str) -> str | None:
        """The field that a series of this name holds; None: it is not imported."""
        told = self.renamed.get(name)
        named = NamedField(told) if told else field_called(name)
        if named is None or not is_number(named.name):
            return None
        return named.name

    def described(self, header: Sequence[str]) -> dict[str, str]:
        """{column: field}, as it was understood."""
        return {header[place]: field for field, place in self.columns.items()}


def layout_of(
    header: Sequence[str],
    *,
    renamed: Mapping[str, str],
    marketplace_name: str | None,
    currency: str | None,
) -> Layout:
    """Reads the header.

    A long file has the columns ``series`` and ``value``: each row is a change of one series. Any
    other is wide: each row is an observation. Raises ``InvalidInputError`` that names the columns
    for a header with a name twice, two columns of one field, a field that is missing or a told name
    that is not there.
    """
    names = [name.strip() for name in header]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated or "" in names:
        raise InvalidInputError(
            f"the header has {'a column without a name' if '' in names else ''}"
            f"{'column ' + ', '.join(repeated) + ' twice' if repeated else ''}: "
            f"{', '.join(map(repr, names))}"
        )
    _check_told(renamed)
    columns: dict[str, int] = {}
    owners: dict[str, str] = {}
    ignored: list[str] = []
    said_currencies: set[str] = set()
    for told_ones in (True, False):
        for place, name in enumerate(names):
            if (name in renamed) is not told_ones:
                continue
            named = NamedField(renamed[name]) if told_ones else field_called(name)
            if named is None or named.name == IGNORE:
                ignored.append(name)
                continue
            if named.name in columns:
                if owners[named.name] in renamed and not told_ones:
                    ignored.append(name)
                    continue
                raise InvalidInputError(
                    f"columns {owners[named.name]!r} and {name!r} would both be {named.name}: say "
                    f"which it is, for example --map {name}=ignore"
                )
            columns[named.name], owners[named.name] = place, name
            if named.currency:
                said_currencies.add(named.currency)

    is_long = SERIES in columns and VALUE in columns
    if is_long:
        for field in [field for field in columns if field not in _OF_LONG]:
            ignored.append(owners[field])
            del columns[field]
        said_currencies.clear()
    else:
        for field in (SERIES, VALUE):
            if field in columns:
                ignored.append(owners[field])
                del columns[field]
        absent = sorted(set(renamed) - set(names))
        if absent:
            raise InvalidInputError(
                f"--map names {', '.join(map(repr, absent))}, and the file has only "
                f"{', '.join(map(repr, names))}"
            )
    kind: Literal["wide", "long"] = "long" if is_long else "wide"
    _check_fields(columns, names, is_long=is_long)
    site = marketplace(marketplace_name).domain if marketplace_name else None
    if site is None and MARKETPLACE not in columns:
        raise InvalidInputError(
            "the file does not say which marketplace it is of: say it, such as "
            "--marketplace amazon.de"
        )
    return Layout(
        kind,
        columns,
        tuple(sorted(ignored, key=names.index)),
        site,
        _currency(currency, said_currencies, site),
        dict(renamed),
    )


_OF_LONG = (ASIN, MARKETPLACE, CAPTURED_AT, SERIES, VALUE)


def _check_told(renamed: Mapping[str, str]) -> None:
    for name, field in renamed.items():
        if field not in KNOWN_FIELDS and field != IGNORE and node_of(field) is None:
            raise InvalidInputError(
                f"--map {name}={field}: there is no field {field!r}; there are "
                f"{', '.join(KNOWN_FIELDS)}, rank_category_<browse node id> and {IGNORE}"
            )


def _check_fields(columns: Mapping[str, int], names: Sequence[str], *, is_long: bool) -> None:
    missing = [field for field in (ASIN, CAPTURED_AT) if field not in columns]
    if missing:
        raise InvalidInputError(
            f"no column is known as {' nor as '.join(missing)}; the file has "
            f"{', '.join(map(repr, names))}. Say which it is: --map COLUMN={missing[0]}"
        )
    if not is_long and set(columns) <= {ASIN, CAPTURED_AT, MARKETPLACE, CURRENCY}:
        raise InvalidInputError(
            f"the file has products and times and no values of them: none of "
            f"{', '.join(map(repr, names))} is known. Say what one is, for example --map "
            f"COLUMN=price"
        )


def _currency(told: str | None, said: set[str], site: str | None) -> str | None:
    """The currency of the file's amounts; raises ``InvalidInputError`` for two that disagree."""
    asked = {told} | said if told else set(said)
    if len(asked) > 1:
        raise InvalidInputError(
            f"the currency cannot be {' and '.join(sorted(asked))} at once: a column's name, or "
            f"--currency, says another"
        )
    if asked:
        return asked.pop()
    return marketplace(site).currency if site else None
