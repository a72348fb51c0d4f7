"""Rows of texts -> rows of values, each row on its own: what is wrong is refused with a reason."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from insights_assets.snapshots.history_import import cell_values, plain_cells
from insights_assets.snapshots.history_import.cell_values import Parse
from insights_assets.snapshots.history_import.fields import (
    AMOUNTS,
    ASIN,
    CAPTURED_AT,
    CURRENCY,
    MARKETPLACE,
    SERIES,
    VALUE,
    is_number,
    parser_of,
    parser_of_many,
)
from insights_assets.snapshots.history_import.file_rows import Block, Rejection
from insights_assets.snapshots.history_import.layout import Layout
from insights_resources.marketplaces import MARKETPLACES

#: Amazon opened in July 1995: an earlier time is a clock's zero, not a history.
_EARLIEST = datetime(1995, 7, 1, tzinfo=UTC)
_NOON = 12 * 3_600_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class CheckedRows:
    """Rows that are in, and those that are not.

    ``rows`` has: row, marketplace, asin, instant (microseconds since 1970 UTC), by_day (whether
    only the day is known); of a wide file a column for each field that it gives (numbers float64
    with NaN for an empty cell, amounts in hundredths; texts with None); of a long file ``field``
    (a code of ``Fields``) and ``value``. ``ignored`` counts rows of series that are not imported.
    """

    rows: pd.DataFrame
    rejected: list[Rejection]
    ignored: Counter[str] = field(default_factory=Counter)


class Fields:
    """Numbers for the fields of a long file's rows, in the order in which they came."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._codes: dict[str, int] = {}

    def code(self, name: str) -> int:
        if name not in self._codes:
            self._codes[name] = len(self.names)
            self.names.append(name)
        return self._codes[name]


class RowChecker:
    """Checks blocks of one file, one after the other; ``now`` bounds the times (a row of the future
    is refused)."""

    def __init__(self, layout: Layout, now: datetime, fields: Fields) -> None:
        self._layout = layout
        self._now = now
        self._fields = fields

    def check(self, block: Block) -> CheckedRows:
        reasons: dict[int, list[str]] = defaultdict(list)
        layout = self._layout
        size = len(block.row)
        columns = block.columns
        self._refuse_undecodable(block, reasons)

        asins = _parsed(columns[layout.columns[ASIN]], cell_values.asin, "asin", reasons)
        _refuse_empty(asins, columns[layout.columns[ASIN]], "asin", reasons)
        sites = self._marketplaces(block, reasons)
        instant, by_day = self._times(columns[layout.columns[CAPTURED_AT]], reasons)
        rows: dict[str, Any] = {
            "row": block.row,
            "marketplace": sites,
            "asin": asins,
            "instant": instant,
            "by_day": by_day,
        }
        ignored: Counter[str] = Counter()
        skipped = np.zeros(size, bool)
        if layout.kind == "long":
            rows["field"], rows["value"], skipped = self._series(block, reasons, ignored)
        else:
            for name in layout.values:
                texts = columns[layout.columns[name]]
                if is_number(name):
                    rows[name] = _numbers(texts, name, name, reasons, np.arange(size))
                else:
                    rows[name] = _parsed(texts, parser_of(name), name, reasons)
        self._refuse_fractions(rows, reasons)

        good = ~skipped
        good[list(reasons)] = False
        rejected = [
            Rejection(int(block.row[place]), "; ".join(said), block.cells(place))
            for place, said in sorted(reasons.items())
        ]
        return CheckedRows(
            pd.DataFrame(rows)[good].reset_index(drop=True),
            sorted([*rejected, *block.malformed], key=lambda item: item.row),
            ignored,
        )

    def _refuse_undecodable(self, block: Block, reasons: dict[int, list[str]]) -> None:
        for texts in block.columns:
            together = "".join(texts)
            if together.isascii():
                continue
            try:
                together.encode()
            except UnicodeEncodeError:
                for place, text in enumerate(texts):
                    if any("\ud800" <= letter <= "\udfff" for letter in text):
                        reasons[place].append("bytes that are no UTF-8")

    def _marketplaces(self, block: Block, reasons: dict[int, list[str]]) -> NDArray[Any]:
        layout = self._layout
        if MARKETPLACE not in layout.columns:
            sites = np.empty(len(block.row), dtype=object)
            sites[:] = layout.marketplace
            return sites
        texts = block.columns[layout.columns[MARKETPLACE]]
        sites = _parsed(texts, cell_values.marketplace_domain, "marketplace", reasons)
        if layout.marketplace is None:
            _refuse_empty(sites, texts, "marketplace", reasons)
        else:
            sites[_is_empty(texts)] = layout.marketplace
        return sites

    def _times(
        self, texts: NDArray[Any], reasons: dict[int, list[str]]
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        plain = plain_cells.moments(texts)
        micros, by_day = plain.micros, plain.by_day
        allowed = plain.read & self._is_allowed(micros)
        others = np.flatnonzero(~allowed)
        if len(others):
            micros[others], by_day[others] = self._other_times(texts[others], others, reasons)
        # A day alone stands at noon, as it does for saved pages.
        return np.where(by_day, micros + _NOON, micros), by_day

    def _is_allowed(self, begins: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Not before Amazon opened and not in the future. A day that has begun is no future,
        though its noon may be."""
        return (begins >= _micros(_EARLIEST)) & (begins <= _micros(self._now))

    def _other_times(
        self, texts: NDArray[Any], places: NDArray[np.int64], reasons: dict[int, list[str]]
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Times of any form, a day as its beginning; ``places`` are those of the texts."""
        codes, uniques = _factorized(texts)
        stripped = [text.strip() for text in uniques]
        forms = [cell_values.moment_form(text) for text in stripped]
        known = np.array([form is not None for form in forms], bool)
        moments = pd.to_datetime(
            pd.Series([text if form else None for text, form in zip(stripped, forms, strict=True)]),
            format="ISO8601",
            utc=True,
            errors="coerce",
        ).astype("datetime64[us, UTC]")
        real = known & moments.notna().to_numpy()
        micros = moments.dt.tz_localize(None).to_numpy("datetime64[us]").astype(np.int64)
        days = np.array([form == "day" for form in forms], bool)
        latest, earliest = _micros(self._now), _micros(_EARLIEST)
        refused: dict[int, str] = {}
        for number, text in enumerate(stripped):
            if not text:
                refused[number] = "captured_at: empty"
            elif not known[number]:
                refused[number] = (
                    f"captured_at: {text!r:.60} is no time such as 2024-05-31T14:05:00Z and no "
                    f"day such as 2024-05-31"
                )
            elif not real[number]:
                refused[number] = f"captured_at: {text!r:.60} is not in the calendar"
            elif micros[number] > latest:
                refused[number] = f"captured_at: {text!r:.60} is in the future"
            elif micros[number] < earliest:
                refused[number] = f"captured_at: {text!r:.60} is before Amazon opened (1995)"
        _add_refused(reasons, places, codes, refused)
        return micros[codes], days[codes]

    def _series(
        self, block: Block, reasons: dict[int, list[str]], ignored: Counter[str]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
        codes, uniques = _factorized(block.columns[self._layout.columns[SERIES]])
        texts = block.columns[self._layout.columns[VALUE]]
        size = len(texts)
        which, values = np.zeros(size, np.int64), np.full(size, np.nan)
        skipped = np.zeros(size, bool)
        for number, name in enumerate(uniques):
            places = np.flatnonzero(codes == number)
            if not name.strip():
                _add(reasons, places, "series: empty")
                continue
            named = self._layout.series_field(name.strip())
            if named is None:
                ignored[name.strip()] += len(places)
                skipped[places] = True
                continue
            which[places] = self._fields.code(named)
            values[places] = _numbers(texts[places], named, name, reasons, places)
        return which, values, skipped

    def _refuse_fractions(self, rows: dict[str, Any], reasons: dict[int, list[str]]) -> None:
        """Refuses amounts with decimals that their currency does not have (JPY)."""
        layout = self._layout
        size = len(rows["row"])
        whole = np.zeros(size, bool)
        currencies = row_currencies(rows.get(CURRENCY), rows["marketplace"], layout.currency)
        codes, uniques = pd.factorize(currencies)
        for number, code in enumerate(uniques):
            if cell_values.currency_decimals(code) == 0:
                whole |= codes == number
        if not whole.any():
            return
        if layout.kind == "long":
            is_amount = np.isin(
                rows["field"],
                [code for code, name in enumerate(self._fields.names) if name in AMOUNTS],
            )
            wrong = whole & is_amount & (np.nan_to_num(rows["value"]) % 100 != 0)
            _add(reasons, np.flatnonzero(wrong), "value: its currency has no decimals")
            return
        for name in layout.values:
            if name in AMOUNTS:
                wrong = whole & (np.nan_to_num(rows[name]) % 100 != 0)
                _add(reasons, np.flatnonzero(wrong), f"{name}: its currency has no decimals")


def row_currencies(said: Any, sites: NDArray[Any], of_file: str | None) -> NDArray[Any]:
    """The currency of each row's amounts: its own, the file's, or the marketplace's."""
    if of_file is not None:
        standing = np.empty(len(sites), dtype=object)
        standing[:] = of_file
    else:
        codes, uniques = pd.factorize(sites)
        own = np.array([*(MARKETPLACES[site].currency for site in uniques), None], dtype=object)
        standing = own[codes]
    if said is None:
        return standing
    return np.where(pd.isna(said), standing, said)


def _factorized(texts: NDArray[Any]) -> tuple[NDArray[np.int64], Sequence[str]]:
    codes, uniques = pd.factorize(texts)
    return codes.astype(np.int64), list(uniques)


def _is_empty(texts: NDArray[Any]) -> NDArray[np.bool_]:
    return np.fromiter((not text.strip() for text in texts), bool, len(texts))


def _refuse_empty(
    values: NDArray[Any], texts: NDArray[Any], name: str, reasons: dict[int, list[str]]
) -> None:
    nothing = np.array([value is None for value in values], bool)
    if nothing.any():
        _add(reasons, np.flatnonzero(nothing & _is_empty(texts)), f"{name}: empty")


def _values(
    texts: NDArray[Any],
    parse: Parse,
    name: str,
    reasons: dict[int, list[str]],
    places: NDArray[np.int64],
) -> tuple[list[Any], NDArray[np.int64]]:
    """The value of each different text (None: empty or refused), and which text each row has;
    ``places`` are those of the texts."""
    codes, uniques = _factorized(texts)
    values: list[Any] = []
    refused: dict[int, str] = {}
    for number, text in enumerate(uniques):
        stripped = text.strip()
        value = None
        if stripped:
            try:
                value = parse(stripped)
            except ValueError as error:
                refused[number] = f"{name}: {stripped!r:.60} is {_article(str(error))}"
        values.append(value)
    _add_refused(reasons, places, codes, refused)
    return values, codes


def _add_refused(
    reasons: dict[int, list[str]],
    places: NDArray[np.int64],
    codes: NDArray[np.int64],
    refused: dict[int, str],
) -> None:
    """Adds the reason of each different text to the rows that have it."""
    for number in np.flatnonzero(np.isin(codes, list(refused))) if refused else ():
        reasons[int(places[number])].append(refused[int(codes[number])])


def _article(reason: str) -> str:
    """A reason as it follows "is": a rule ("a rating is 0 to 5 stars") becomes "refused: ...."""
    return f"refused: {reason}" if " is " in reason else reason


def _numbers(
    texts: NDArray[Any],
    field: str,
    name: str,
    reasons: dict[int, list[str]],
    places: NDArray[np.int64],
) -> NDArray[np.float64]:
    """The values of a field's texts, which stand at ``places`` of the block under this name."""
    numbers, read = parser_of_many(field)(texts)
    others = np.flatnonzero(~read)
    if len(others):
        values, codes = _values(texts[others], parser_of(field), name, reasons, places[others])
        of_texts = [np.nan if value is None else value for value in values]
        numbers[others] = np.array(of_texts, np.float64)[codes]
    return numbers


def _parsed(
    texts: NDArray[Any], parse: Parse, name: str, reasons: dict[int, list[str]]
) -> NDArray[Any]:
    values, codes = _values(texts, parse, name, reasons, np.arange(len(texts)))
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array[codes] if len(values) else array


def _add(reasons: dict[int, list[str]], places: NDArray[Any], reason: str) -> None:
    for place in places:
        reasons[int(place)].append(reason)


def _micros(moment: datetime) -> int:
    delta = moment - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
