"""The facts of one report, to be asked by product and key."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cached_property

from insights_assets.reports.fact import GROUP, Fact

TEXT, DATE, RATIO = "text", "date", "ratio"
#: Key of an event's own words: ``event_1``.
_EVENT = re.compile(r"event_\d+")


class FactBook:
    """All facts of a report. ``locale``: of its numbers and amounts."""

    def __init__(self, facts: Mapping[str, Fact], locale: str = "en_US") -> None:
        self.facts, self.locale = facts, locale

    @cached_property
    def products(self) -> list[str]:
        """The subjects that are products, in the order of their facts."""
        return list(dict.fromkeys(f.subject for f in self.facts.values() if f.subject != GROUP))

    @cached_property
    def names(self) -> dict[str, str]:
        """Each name, id and ASIN -> the product, or the group."""
        named = {
            str(fact.value): fact.subject for fact in self.facts.values() if fact.key == "name"
        }
        asins = {subject.rpartition("/")[2]: subject for subject in self.products}
        return {subject: subject for subject in self.products} | asins | named

    def get(self, subject: str, key: str) -> Fact | None:
        return self.facts.get(f"{subject}:{key}")

    def number(self, subject: str, key: str) -> Decimal | None:
        """The value of a fact that is a number; None: there is none."""
        fact = self.get(subject, key)
        return None if fact is None or fact.unit in (TEXT, DATE) else number_of(fact)

    def text(self, subject: str, key: str) -> str | None:
        fact = self.get(subject, key)
        return None if fact is None else str(fact.value)

    def alike(self, subject: str, key: str) -> list[str]:
        """The products whose fact of this key can be compared with that of ``subject``, itself
        included: prices in one currency of one marketplace, scores of equal dimensions, ranks of
        one marketplace."""
        own = self._kind(subject, key)
        return [
            each
            for each in self.products
            if self.number(each, key) is not None and self._kind(each, key) == own
        ]

    def _kind(self, subject: str, key: str) -> tuple[str | None, ...]:
        marketplace = subject.partition("/")[0]
        if key in ("price", "price_before", "list_price"):
            fact = self.get(subject, key)
            return (marketplace, None if fact is None else fact.unit)
        if key in ("primary_rank", "compared_rank"):
            return (marketplace,)
        if key in ("overall", "position"):
            return (self.text(subject, "coverage"),)
        if key == "robust_overall":
            return (self.text(subject, "coverage"), self.text(subject, "robust_coverage"))
        return ()

    def all_events(self, subject: str) -> list[Fact]:
        """The words of all events of the product, cited or not."""
        return [fact for fact in self.facts.values() if fact.subject == subject and is_event(fact)]

    def events(self, subject: str, cited: Iterable[Fact]) -> list[Fact]:
        """The events of the product that are cited, by words, day or rule: their words."""
        keys = {
            match[0]
            for fact in cited
            if fact.subject == subject and (match := _EVENT.match(fact.key)) is not None
        }
        return [fact for key in sorted(keys) if (fact := self.get(subject, key)) is not None]


def number_of(fact: Fact) -> Decimal:
    return Decimal(str(fact.value))


def sign_of(number: Decimal) -> int:
    """-1, 0 or 1."""
    return (number > 0) - (number < 0)


def is_event(fact: Fact) -> bool:
    """Whether it is the words of an event."""
    return _EVENT.fullmatch(fact.key) is not None


def event_of(fact: Fact) -> str | None:
    """The event that a fact is about: ``event_1`` of ``event_1_day``; None: no event."""
    match = _EVENT.match(fact.key)
    return None if match is None else match[0]


def of_subjects(facts: Iterable[Fact], subjects: Sequence[str]) -> list[Fact]:
    return [fact for fact in facts if fact.subject in subjects]
