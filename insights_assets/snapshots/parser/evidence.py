"""What each source on a page says about a field, which one was taken, and who disagrees."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from insights_assets.snapshots.parser.money import Money


class Outcome(StrEnum):
    """What became of what a source says."""

    TAKEN = "taken"
    AGREES = "says the same"
    DISAGREES = "says something else"
    REJECTED = "rejected"


class Rejected(str):
    """Why an element that was found gives a field no value, in words."""


@dataclass(frozen=True)
class Statement:
    """What one source says about one field: ``said`` is the value or the text as shown, ``why``
    the reason of a rejection."""

    source: str
    outcome: Outcome
    said: str
    why: str | None = None


@dataclass
class Evidence:
    """The statements about a page's fields.

    ``sources`` and ``disputes`` are kept with the snapshot: field -> the source taken, and
    field -> {source: what it says instead}. The full ``statements`` (with what was rejected) are
    collected only where somebody wants to read them: ``explains``.
    """

    explains: bool = False
    sources: dict[str, str] = field(default_factory=dict)
    disputes: dict[str, dict[str, str]] = field(default_factory=dict)
    statements: defaultdict[str, list[Statement]] = field(default_factory=lambda: defaultdict(list))
    _taken: dict[str, Any] = field(default_factory=dict)

    def consider(self, name: str, source: str, value: object) -> None:
        """A value that a source gives: the field's own if it is the first, else compared."""
        if name not in self._taken:
            self._taken[name] = value
            self.sources[name] = source
            outcome = Outcome.TAKEN
        else:
            outcome = self.compare(name, source, value)
        self._state(name, source, outcome, value)

    def also(self, name: str, source: str, value: object) -> None:
        """One more value of a field that has several."""
        if name not in self._taken:
            self._taken[name] = value
            self.sources[name] = source
        self._state(name, source, Outcome.TAKEN, value)

    def follows(self, name: str, other: str) -> None:
        """A field whose value stands in the same place as another's."""
        if other in self.sources:
            self.sources[name] = self.sources[other]

    def witness(self, name: str, source: str, value: object) -> None:
        """A value that is compared with the field's and never taken: its source is not sure
        enough, or does not show it to a reader."""
        self._state(name, source, self.compare(name, source, value), value)

    def compare(self, name: str, source: str, value: object) -> Outcome:
        """Whether a value is the field's; a dispute is noted where it is not."""
        taken = self._taken.get(name)
        if taken is not None and _comparable(taken) == _comparable(value):
            return Outcome.AGREES
        self.disputes.setdefault(name, {}).setdefault(source, said(value))
        return Outcome.DISAGREES

    def reject(self, name: str, source: str, text: str, why: str) -> None:
        """Something that was found, and does not count."""
        if self.explains:
            self.statements[name].append(Statement(source, Outcome.REJECTED, text, why))

    def not_looked_for(self, name: str, why: str) -> None:
        """A field that the page cannot have."""
        if self.explains:
            self.statements[name].append(Statement("", Outcome.REJECTED, "", why))

    def taken(self, name: str) -> Any:
        """The field's value; None without one."""
        return self._taken.get(name)

    def _state(self, name: str, source: str, outcome: Outcome, value: object) -> None:
        if self.explains:
            self.statements[name].append(Statement(source, outcome, said(value)))


def said(value: object) -> str:
    """A value as a reader writes it: ``EUR 8.71``."""
    if isinstance(value, Money):
        return f"{value.currency} {value.amount}"
    if isinstance(value, tuple):
        return "; ".join(said(part) for part in value)
    return str(value)


def _comparable(value: object) -> object:
    """What two sources must have in common: numbers by value, names by letters and digits."""
    if isinstance(value, Money | Decimal | int):
        return value
    return "".join(filter(str.isalnum, str(value).casefold()))
