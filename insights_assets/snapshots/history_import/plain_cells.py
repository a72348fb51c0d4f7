"""Many texts of a history file as values at once, where they are written in the plainest way.

What nearly all cells look like (``1299.99``, ``2024-05-31T14:05:00Z``) is read by arithmetic on
whole columns. Anything else, right or wrong, is left to ``cell_values``, which reads text by text
and alone gives reasons. Where both read a text they agree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
#: Python texts.
Texts = NDArray[np.object_]

#: Reads what it can of N texts: their values (NaN for an empty text), and which it has read.
ParseMany = Callable[[Texts], tuple[Floats, Bools]]

#: Digits of a number that is read here; more are left to ``cell_values``.
_MOST_DIGITS = 9
_POWERS = 10 ** np.arange(_MOST_DIGITS, dtype=np.int64)
_DAY_FORM, _MOMENT_FORM = "dddd-dd-dd", "dddd-dd-ddTdd:dd:dd"
_MICROS_A_DAY = 86_400_000_000


def amounts(texts: Texts) -> tuple[Floats, Bools]:
    """As ``cell_values.amount``: whole hundredths."""
    numbers = _decimals(texts)
    return numbers.values(
        numbers.digits * _POWERS[np.maximum(2 - numbers.places, 0)],
        (numbers.places <= 2) & (numbers.digits > 0),
    )


def ranks(texts: Texts) -> tuple[Floats, Bools]:
    """As ``cell_values.rank``."""
    numbers = _decimals(texts)
    return numbers.values(numbers.digits, (numbers.places == 0) & (numbers.digits > 0))


def counts(texts: Texts) -> tuple[Floats, Bools]:
    """As ``cell_values.count``."""
    numbers = _decimals(texts)
    return numbers.values(numbers.digits, numbers.places == 0)


def stars(texts: Texts) -> tuple[Floats, Bools]:
    """As ``cell_values.stars``."""
    numbers = _decimals(texts)
    # One division of two exact numbers gives the nearest float, as reading the text does.
    value = numbers.digits / _POWERS[numbers.places]
    return numbers.values(value, value <= 5)


@dataclass(frozen=True)
class Moments:
    """Instants of N texts (microseconds since 1970 UTC; a day alone: its beginning), whether only
    the day is said, and which texts were read."""

    micros: Ints
    by_day: Bools
    read: Bools


def moments(texts: Texts) -> Moments:
    """Times to the second, in UTC or without a zone, and days alone."""
    size = len(texts)
    found = Moments(np.zeros(size, np.int64), np.zeros(size, bool), np.zeros(size, bool))
    characters = _Characters.of(texts)
    if characters is None:
        return found
    length, last = characters.length, characters.raw[characters.end - 1]
    to_second = length == len(_MOMENT_FORM)
    to_second |= (length == len(_MOMENT_FORM) + 1) & (last == ord("Z"))
    for form, places in (
        (_DAY_FORM, np.flatnonzero(length == len(_DAY_FORM))),
        (_MOMENT_FORM, np.flatnonzero(to_second)),
    ):
        if not len(places):
            continue
        micros, is_real = _instants(characters, places, form)
        found.micros[places], found.read[places] = micros, is_real
        found.by_day[places] = form == _DAY_FORM
    return found


@dataclass(frozen=True)
class _Characters:
    """The bytes of N texts one after the other, each text with a line feed behind it; where each
    begins and ends (the place of its line feed)."""

    raw: NDArray[np.uint8]
    start: Ints
    end: Ints

    @property
    def length(self) -> Ints:
        return self.end - self.start

    @classmethod
    def of(cls, texts: Texts) -> _Characters | None:
        """None: a text has a line feed in it."""
        # What is not ASCII is no part of any form that is read here.
        raw = np.frombuffer(("\n".join(texts) + "\n").encode("ascii", "replace"), np.uint8)
        end = np.flatnonzero(raw == ord("\n"))
        if len(end) != len(texts):
            return None
        return cls(raw, np.append(0, end[:-1] + 1), end)


@dataclass(frozen=True)
class _Decimals:
    """N texts as numbers: their digits as one integer, how many of them are decimals, and which
    texts are such numbers, or empty."""

    digits: Ints
    places: Ints
    is_plain: Bools
    is_empty: Bools

    def values(
        self, value: NDArray[np.float64 | np.int64], is_right: Bools
    ) -> tuple[Floats, Bools]:
        read = self.is_plain & is_right
        return np.where(read, value, np.nan), read | self.is_empty


def _decimals(texts: Texts) -> _Decimals:
    """Texts of digits, with a point between two of them or without."""
    size = len(texts)
    nothing, none = np.zeros(size, np.int64), np.zeros(size, bool)
    characters = _Characters.of(texts)
    if not size or characters is None:
        return _Decimals(nothing, nothing, none, none)
    raw, start, end = characters.raw, characters.start, characters.end
    digit = raw - np.uint8(ord("0"))  # wraps: all others are above 9
    is_digit, is_point = digit <= 9, raw == ord(".")
    # Digits and points by the end of each character.
    digits_by, points_by = np.cumsum(is_digit), np.cumsum(is_point)
    digits = digits_by[end] - digits_by[start] + is_digit[start]
    points = points_by[end] - points_by[start] + is_point[start]
    length = characters.length
    is_plain = (digits + points == length) & (points <= 1) & (digits <= _MOST_DIGITS)
    # An empty text has only its line feed, which is no digit.
    is_plain &= is_digit[start] & is_digit[end - 1]
    # How many digits of its text come after each character.
    after: Ints = np.repeat(digits_by[end], length + 1) - digits_by
    power = _POWERS[np.minimum(after, _MOST_DIGITS - 1)]
    return _Decimals(
        np.where(is_plain, np.add.reduceat(np.where(is_digit, digit * power, 0), start), 0),
        np.where(is_plain, np.add.reduceat(np.where(is_point, after, 0), start), 0),
        is_plain,
        length == 0,
    )


def _instants(characters: _Characters, places: Ints, form: str) -> tuple[Ints, Bools]:
    """Microseconds of the texts at these places, and whether each is of the form and in the
    calendar. In the form ``d`` is a digit; a space may stand for the T."""
    start = characters.start[places]
    is_real = np.ones(len(places), bool)
    numbers: list[Ints] = [np.zeros(len(places), np.int64)]
    for offset, expected in enumerate(form):
        letter = characters.raw[start + offset]
        if expected == "d":
            digit = letter - np.uint8(ord("0"))
            is_real &= digit <= 9
            numbers[-1] = numbers[-1] * 10 + digit
        else:
            is_real &= (letter == ord(expected)) | ((expected == "T") & (letter == ord(" ")))
            numbers.append(np.zeros(len(places), np.int64))
    year, month, day, *of_day = numbers
    is_real &= (year >= 1) & (month >= 1) & (month <= 12)
    first = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    first_day = first.astype("datetime64[D]").astype(np.int64)
    next_first = (first + 1).astype("datetime64[D]").astype(np.int64)
    is_real &= (day >= 1) & (day <= next_first - first_day)
    seconds = np.zeros(len(places), np.int64)
    for number, limit in zip(of_day, (24, 60, 60), strict=False):
        is_real &= number < limit
        seconds = seconds * 60 + number
    return (first_day + day - 1) * _MICROS_A_DAY + seconds * 1_000_000, is_real
