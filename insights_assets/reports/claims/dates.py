"""Days that a sentence names: each must be a cited one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from babel.dates import get_day_names, get_month_names

from insights_assets.reports.amounts import date_text
from insights_assets.reports.claims.fact_book import DATE, event_of, is_event
from insights_assets.reports.claims.number_claims import NumberClaim
from insights_assets.reports.claims.sentence import Sentence
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
    rf"(?P<day2>\d{{1,2}})(?:st|nd|rd|th)?(?: of)?\s(?P<month2>{_MONTH})\.?(?:,?\s(?P<year2>\d{{4}}))?)(?!\w)",
    re.IGNORECASE,
)
_WEEKDAY = re.compile(rf"\b(?:{'|'.join(_WEEKDAYS)})\b", re.IGNORECASE)
_OTHER = re.compile(
    r"\b(?:yesterday|tomorrow|years?|quarters?|fortnight|months (?:ago|in)|"
    r"(?:january|february|march|april|june|july|august|september|october|november|december))\b"
)


class DateProblem(Exception):
    """A day that is no cited one; says which."""


def without_dates(sentence: Sentence) -> tuple[Sentence, list[tuple[int, tuple[Fact, ...]]]]:
    """The sentence with its dates blanked, and the place and the facts of each; raises
    ``DateProblem``."""
    days = [fact for fact in sentence.cited if fact.unit == DATE]
    found: list[tuple[int, tuple[Fact, ...]]] = []
    text = sentence.text
    for written, facts in _as_written(days, sentence.book.locale).items():
        for place in _places_of(written, text):
            found.append((place, facts))
            text = text[:place] + "_" * len(written) + text[place + len(written) :]
    for match in _DATE.finditer(text):
        subjects = sentence.subjects_at(match.start(), match.end())
        is_named_before = any(mention.end <= match.start() for mention in sentence.mentions)
        matched = tuple(
            fact
            for fact in days
            if _is_day(match, date.fromisoformat(str(fact.value)))
            and (fact.subject == GROUP or not is_named_before or fact.subject in subjects)
        )
        if not matched:
            raise DateProblem(f"{match[0]} is no cited day")
        found.append((match.start(), matched))
        text = text[: match.start()] + "_" * len(match[0]) + text[match.end() :]
    for match in _WEEKDAY.finditer(text):
        weekday = _WEEKDAYS[match[0].lower()]
        if not any(date.fromisoformat(str(fact.value)).weekday() == weekday for fact in days):
            raise DateProblem(f"{match[0]} is no cited day")
    if other := _OTHER.search(text.lower()):
        raise DateProblem(f"“{other[0]}” cannot be looked up")
    return replace(sentence, text=text), found


def _as_written(days: Sequence[Fact], locale: str) -> dict[str, tuple[Fact, ...]]:
    """The cited days as the reader's locale writes them."""
    written: dict[str, tuple[Fact, ...]] = {}
    for fact in days:
        text = date_text(date.fromisoformat(str(fact.value)), locale)
        written[text] = (*written.get(text, ()), fact)
    return written


def _places_of(written: str, text: str) -> list[int]:
    pattern = rf"(?<![\w.,/]){re.escape(written)}(?![\w/]|[.,]\d)"
    return [match.start() for match in re.finditer(pattern, text)]


def _is_day(match: re.Match[str], day: date) -> bool:
    if match["iso"]:
        return match["iso"] == day.isoformat()
    month = _MONTHS[(match["month"] or match["month2"]).lower().rstrip(".")]
    year = match["year"] or match["year2"]
    return (month, int(match["day"] or match["day2"])) == (day.month, day.day) and (
        year is None or int(year) == day.year
    )


def wrong_event_day(
    days: Sequence[tuple[int, tuple[Fact, ...]]], numbers: Sequence[NumberClaim]
) -> str | None:
    """A number that only an event bears, beside the day of another event only; None: none."""
    if not days:
        return None
    for claim in numbers:
        if not claim.matched or not all(is_event(fact) for fact in claim.matched):
            continue
        _, nearest = min(days, key=lambda day: abs(day[0] - claim.start))
        told = {(fact.subject, event_of(fact)) for fact in claim.matched}
        dated = {(fact.subject, event_of(fact)) for fact in nearest}
        if any(event is not None for _, event in dated) and not told & dated:
            return "the day is that of another event"
    return None
