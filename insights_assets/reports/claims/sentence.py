"""One sentence with its names marked: which product stands where, and whom a word is about."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import pairwise

from insights_assets.reports.amounts import date_text
from insights_assets.reports.claims.fact_book import (
    DATE,
    TEXT,
    FactBook,
    event_of,
    is_event,
)
from insights_assets.reports.fact import GROUP, Fact

#: First of the private characters that stand for names.
_FIRST_MARK = 0xE000
OPENING, CLOSING = "“\"„«‘'", "”\"“»’'"
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[“\"'(A-Z0-9\ue000-\uf8ff])")
#: Characters of a written day, at most.
_LONGEST_DAY = 20
#: What stands between two products that are told of together.
_TOGETHER = re.compile(rf"[{CLOSING}]?\s*(?:,|,?\s(?:and|or|nor)|&)\s*(?:the )?[{OPENING}]?")
_AND = re.compile(r"\b(?:and|or|nor)\b|&")
#: What stands between a number and the product after it that it is about.
_ATTACHED = re.compile(
    rf"[^\d,;:{OPENING}]{{0,24}}\b(?:of|for|by)\s+(?:the leader,?\s+)?[{OPENING}]?", re.IGNORECASE
)
_NOT_ATTACHED = re.compile(
    r"\b(?:ahead|behind|above|below|than|off|short|front|out|exceeds?|that|those)\b"
)
_CLAUSE_END = re.compile(
    r"[;:—()]|,?\s(?:while|whereas|but|although|though|yet|whilst)\s|,\s(?:and|so|which|with)\s"
)
#: Written so that its words are no claims of what is best.
_RANK_NAME = re.compile(r"Best[- ]Sellers?(?: Ranks?| list)?\b", re.IGNORECASE)
#: Before a name that something else is compared with.
_OBJECT = re.compile(
    rf"\b(?:of|with|behind|than|above|below|over|against|undercuts?|trails|leads|to|from|passed|overtook)"
    rf"(?: the leader,?)? [{OPENING}]?$"
)
_IT_FIRST = re.compile(r"(?:It|Its)\b")
#: After a name: what follows is about it.
_WHICH = re.compile(rf"[{CLOSING}]?,? (?:which|who)\b")
#: After a name that something else is compared with: what follows is about that.
_GOES_ON = re.compile(r",|\band (?:is|are|has|now|stands)\b")
_PRONOUN = re.compile(r"\b(?:it|its|there)\b")


@dataclass(frozen=True)
class Mention:
    """A product's name in a sentence."""

    start: int
    subject: str

    @property
    def end(self) -> int:
        return self.start + 1


@dataclass(frozen=True)
class Sentence:
    """``text``: with each name as one private character. ``names``: these -> what is written
    there. ``carried``: the product that the sentence before is about, which "it" stands for.
    ``days``: the place of each day that has been blanked, and the cited facts that it is."""

    text: str
    names: dict[str, str]
    cited: tuple[Fact, ...]
    book: FactBook
    carried: str | None = None
    days: tuple[tuple[int, tuple[Fact, ...]], ...] = ()

    @cached_property
    def mentions(self) -> list[Mention]:
        """The products that it names, in order; the group is none of them."""
        return [
            Mention(place, subject)
            for place, character in enumerate(self.text)
            if character in self.names
            and (subject := self.book.names.get(self.names[character])) is not None
            and subject != GROUP
        ]

    @property
    def first_subject(self) -> str | None:
        """The product that it begins with, which may be an "it"."""
        if self.carried is not None and _IT_FIRST.match(self.text):
            return self.carried
        return self.mentions[0].subject if self.mentions else self.carried

    @cached_property
    def plain(self) -> str:
        """The text in lower case, of the same length, "Best Sellers Rank" as a rank."""
        text = _RANK_NAME.sub(lambda match: "sales rank".ljust(len(match[0]), "_"), self.text)
        lower = text.lower()
        # Some letters are longer in lower case.
        return lower if len(lower) == len(text) else text

    @property
    def written(self) -> str:
        """The sentence as it was written."""
        return "".join(self.names.get(character, character) for character in self.text)

    def subjects_at(self, start: int, end: int) -> tuple[str, ...]:
        """Whom the words from ``start`` to ``end`` are about: the product before them, or those
        told of together there; before the first name that one, or the one after it where it says
        so. Empty: nobody's name stands here or in the sentence before."""
        before = [mention for mention in self.mentions if mention.end <= start]
        after = [mention for mention in self.mentions if mention.start >= end]
        if after:
            gap = self.text[end : after[0].start]
            if _ATTACHED.fullmatch(gap) and not _NOT_ATTACHED.search(gap):
                return self.told_with(after[0])
        if before:
            return self.told_with(before[-1])
        if after and ";" not in self.text[end : after[0].start]:
            return self.told_with(after[0])
        return () if self.carried is None else (self.carried,)

    def other_subject_at(self, start: int) -> str | None:
        """Whom the words at ``start`` may be about instead of the product named last: the first of
        the sentence, where an "it" stands between, or the last is what the first is compared with
        ("ahead of “B”, at 12.99"); None: nobody else."""
        before = [mention for mention in self.mentions if mention.end <= start]
        if len(before) < 2:
            return None
        _, last = self.clause(start, start)
        since = self.plain[before[-1].end : last]
        is_object = _OBJECT.search(self.plain[: before[-1].start]) is not None
        if _WHICH.match(since):
            return None
        goes_on = _GOES_ON.search(self.plain[before[-1].end : start]) is not None
        if _PRONOUN.search(since) or (is_object and goes_on):
            return before[0].subject
        return None

    def clause(self, start: int, end: int) -> tuple[int, int]:
        """The part of the sentence around these words that tells of one thing."""
        ends = list(_CLAUSE_END.finditer(self.plain))
        first = max((match.end() for match in ends if match.end() <= start), default=0)
        last = min(
            (match.start() for match in ends if match.start() >= end), default=len(self.text)
        )
        return first, last

    def events(self, subject: str, start: int, end: int) -> list[Fact]:
        """The words of the product's cited events that the part from ``start`` to ``end`` may tell
        of: those of the days that it names, where it names any."""
        return self.dated_events(subject, start, end) or self.book.events(subject, self.cited)

    def dated_events(self, subject: str, start: int, end: int) -> list[Fact]:
        """The words of the product's cited events of the days that are named in a part."""
        dated = {
            event_of(fact)
            for place, facts in self.days
            if start <= place < end
            for fact in facts
            if fact.subject == subject
        }
        return [e for e in self.book.events(subject, self.cited) if event_of(e) in dated]

    def next_mentions(self, place: int, until: int) -> tuple[str, ...]:
        """The products named next, told of together, before ``until``."""
        found = next((m for m in self.mentions if place <= m.start < until), None)
        return () if found is None else self.told_with(found)

    def told_with(self, mention: Mention) -> tuple[str, ...]:
        """The product and those told of together with it, in order."""
        places = self.mentions
        first = last = places.index(mention)
        while first > 0 and self._are_together(places[first - 1], places[first]):
            first -= 1
        while last + 1 < len(places) and self._are_together(places[last], places[last + 1]):
            last += 1
        run = places[first : last + 1]
        if not any(_AND.search(self.plain[a.end : b.start]) for a, b in pairwise(run)):
            return (mention.subject,)  # "to pass “A”, “B” needs": no list
        return tuple(each.subject for each in run)

    def _are_together(self, one: Mention, other: Mention) -> bool:
        return _TOGETHER.fullmatch(self.text[one.end : other.start]) is not None


def sentences_of(texts: Iterable[str], cited: Sequence[Fact], book: FactBook) -> Iterator[Sentence]:
    """The sentences of texts that are read one after the other; full stops within names end
    none."""
    products = {fact.subject for fact in cited if fact.subject != GROUP}
    carried = products.pop() if len(products) == 1 else None
    for text in texts:
        masked, names = _masked(text, cited, book)
        for part in _parts(masked.strip(), cited, book.locale):
            sentence = Sentence(part, names, tuple(cited), book, carried)
            yield sentence
            if sentence.mentions:
                carried = sentence.mentions[0].subject


def _parts(text: str, cited: Sequence[Fact], locale: str) -> Iterator[str]:
    """The text's sentences; the full stop of a cited day ("28 nov. 2026") ends none."""
    days = {
        date_text(date.fromisoformat(str(fact.value)), locale)
        for fact in cited
        if fact.unit == DATE
    }
    start = 0
    for end in _SENTENCE_END.finditer(text):
        around = text[max(0, end.start() - _LONGEST_DAY) : end.end() + _LONGEST_DAY]
        if any(end[0] in day and day in around for day in days):
            continue
        yield text[start : end.start()]
        start = end.end()
    if text[start:]:
        yield text[start:]


def _masked(text: str, cited: Sequence[Fact], book: FactBook) -> tuple[str, dict[str, str]]:
    """The text with each name and each cited event's words as one private character, and what
    these are. Digits within are no claims; names stand in quotes, unless they are long."""
    # Private characters of the text itself would be taken for names.
    masked = "".join(c for c in text if unicodedata.category(c) != "Co")
    quoted = dict.fromkeys(
        [*book.names, *(str(f.value) for f in cited if f.unit == TEXT and is_event(f))]
    )
    marks: dict[str, str] = {}
    for name in sorted(quoted, key=lambda name: (-len(name), name)):
        mark = chr(_FIRST_MARK + len(marks))
        replaced = _name_pattern(name).sub(mark, masked) if name in masked else masked
        if replaced != masked:
            marks[mark] = name
            masked = replaced
    return masked, marks


def _name_pattern(name: str) -> re.Pattern[str]:
    escaped = re.escape(name)
    if len(name) >= 8:
        # Only whole: the title "5.20" does not excuse the 5.20 of 15.20 or of 5.205.
        return re.compile(rf"(?<![\w.,]){escaped}(?!\w|[.,]\d|\s?%)")
    return re.compile(rf"(?<=[{OPENING}]){escaped}(?=[{CLOSING}])")
