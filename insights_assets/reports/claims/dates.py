"""Days that a sentence names: each must be a cited one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from operator import eq

from babel.dates import get_day_names, get_month_names

from insights_assets.reports.amounts import date_text
from insights_assets.reports.claims.fact_book import DATE, event_of, is_event
from insights_assets.reports.claims.number_claims import NumberClaim
from insights_assets.reports.claims.sentence import Sentence
from insights_assets.reports.claims.word_patterns import words
from insights_assets.reports.fact import GROUP, Fact

_MONTHS = {
    name.lower(): number
    for width in ("wide", "abbreviated")
    for number, name in get_month_names(width, locale="en").items()
}
_WEEKDAYS = {name.lower(): day for day, name in get_day_names("wide", locale="en").items()}
_MONTH = "|".join(sorted(_MONTHS, key=lambda name: -len(name)))
_DATE = re.compile(
    rf"\b(?:(?P<iso>\d{{4}}-\d{{2}}-\d{{2}})|"
    rf"(?P<month>{_MONTH})\.?\s(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?:,?\s(?P<year>\d{{4}}))?|"
    rf"(?P<day2>\d{{1,2}})(?:st|nd|rd|th)?(?: of)?\s(?P<month2>{_MONTH})\.?"
    r"(?:,?\s(?P<year2>\d{4}))?)(?!\w)",
    re.IGNORECASE,
)
_WEEKDAY = re.compile(rf"\b(?:{'|'.join(_WEEKDAYS)})\b", re.IGNORECASE)
#: Times that no fact is of. ("May" and "today" are other words too.)
_OTHER = words(
    *("yesterday", "tomorrow", "years?", "quarters?", "fortnight", "months (?:ago|in)"),
    *(name.lower() for name in get_month_names("wide", locale="en").values() if name != "May"),
)


class DateProblem(Exception):
    """A day that is no cited one; says which."""


def without_dates(sentence: Sentence) -> Sentence:
    """The sentence with its dates blanked, each in ``days``; raises ``DateProblem``."""
    cited = [fact for fact in sentence.cited if fact.unit == DATE]
    found: list[tuple[int, tuple[Fact, ...]]] = []
    text = sentence.text
    for start, end, day in _dates(sentence, cited):
        subjects = sentence.subjects_at(start, end)
        is_named_before = any(mention.end <= start for mention in sentence.mentions)
        matched = tuple(
            fact
            for fact in cited
            if day(date.fromisoformat(str(fact.value)))
            and (fact.subject == GROUP or not is_named_before or fact.subject in subjects)
        )
        if not matched:
            raise DateProblem(f"{sentence.text[start:end]} is no cited day")
        found.append((start, matched))
        text = text[:start] + "_" * (end - start) + text[end:]
    for match in _WEEKDAY.finditer(text):
        weekday = _WEEKDAYS[match[0].lower()]
        if not any(date.fromisoformat(str(fact.value)).weekday() == weekday for fact in cited):
            raise DateProblem(f"{match[0]} is no cited day")
    if other := _OTHER.search(text.lower()):
        raise DateProblem(f"“{other[0]}” cannot be looked up")
    return replace(sentence, text=text, days=tuple(found))


def _dates(
    sentence: Sentence, cited: Sequence[Fact]
) -> Iterator[tuple[int, int, Callable[[date], bool]]]:
    """Start and end of each date, and whether a day is the one written there: cited days as the
    reader's locale writes them, then whatever else reads as a date."""
    text = sentence.text
    for day in dict.fromkeys(date.fromisoformat(str(fact.value)) for fact in cited):
        written = re.escape(date_text(day, sentence.book.locale))
        for match in re.finditer(rf"(?<![\w.,/]){written}(?![\w/]|[.,]\d)", text):
            yield match.start(), match.end(), partial(eq, day)
            text = text[: match.start()] + "_" * len(match[0]) + text[match.end() :]
    for match in _DATE.finditer(text):
        yield match.start(), match.end(), partial(_is_day, match)


def _is_day(match: re.Match[str], day: date) -> bool:
    if match["iso"]:
        return match["iso"] == day.isoformat()
    month = _MONTHS[(match["month"] or match["month2"]).lower().rstrip(".")]
    year = match["year"] or match["year2"]
    return (month, int(match["day"] or match["day2"])) == (day.month, day.day) and (
        year is None or int(year) == day.year
    )


def wrong_event_day(sentence: Sentence, numbers: Sequence[NumberClaim]) -> str | None:
    """A number that only an event bears, beside the day of another event only; None: none."""
    if not sentence.days:
        return None
    for claim in numbers:
        if not claim.matched or not all(is_event(fact) for fact in claim.matched):
            continue
        _, nearest = min(sentence.days, key=lambda day: abs(day[0] - claim.start))
        told = {(fact.subject, event_of(fact)) for fact in claim.matched}
        dated = {(fact.subject, event_of(fact)) for fact in nearest}
        if any(event is not None for _, event in dated) and not told & dated:
            return "the day is that of another event"
    return None
