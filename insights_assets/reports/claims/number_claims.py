"""Every number of a sentence, looked up: its value, its unit, whose it is, of what and of when.

A number holds where a cited fact has its value within the rounding that it is written with, and is
a fact of the product that the number stands with; of the kind that the words beside it name
("a price score of", "ratings", "over 7 days").
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise

from insights_assets.reports.claims.fact_book import (
    DATE,
    RATIO,
    TEXT,
    is_event,
    number_of,
)
from insights_assets.reports.claims.number_kinds import (
    allowed_by_concept,
    allowed_by_dimension,
    allowed_by_noun,
    allowed_by_words_before,
)
from insights_assets.reports.claims.sentence import Sentence
from insights_assets.reports.claims.windows import window_of, windows_in
from insights_assets.reports.claims.written_numbers import (
    NUMBER,
    currencies_beside,
    is_about,
    is_within,
    parsed_number,
)
from insights_assets.reports.fact import GROUP, Fact

#: Units of facts that a number without a sign beside it may be about.
_PLAIN_UNITS = frozenset({"count", "rank", "points", "stars", "days", "number"})
_PERCENT = re.compile(r"[\s\u00a0\u202f]?(?:%|per ?cent\b)", re.IGNORECASE)
#: As Turkish has it.
_PERCENT_BEFORE = re.compile(r"(?<!\d)%$")
_DAYS = re.compile(r"[\s\u00a0-]?days?\b", re.IGNORECASE)
_ORDINAL = re.compile(r"(?:st|nd|rd|th)\b")
_NUMBER_WORDS = (
    *("two", "three", "four", "five", "six", "seven"),
    *("eight", "nine", "ten", "eleven", "twelve"),
)
_WORDS = {word: value for value, word in enumerate(_NUMBER_WORDS, start=2)}
_WORDS["one"] = 1
_COUNTED = r"(?:of (?:the )?\w+ )?(?:\w+ )?(?:alerts?|products?)\b"
#: "One" is a number only where something is counted.
_WORD = re.compile(
    rf"\b(?:{'|'.join(_NUMBER_WORDS)}|one(?= {_COUNTED}))\b",
    re.IGNORECASE,
)
#: Claims of size that cannot be looked up.
_UNREADABLE = re.compile(
    r"\b(?:half|halved|twice|thrice|doubled?|tripled?|dozens?|hundreds?|thousands?|"
    r"(?:m|b|tr)illions?|quarter)\b",
    re.IGNORECASE,
)
_ABOUT = re.compile(r"\b(?:about|around|roughly|nearly|almost|some|approximately|close to)\s\S?$")
_AT_LEAST = re.compile(r"\b(?:over|more than|at least|upwards of)\s\S?$")
_AT_MOST = re.compile(r"\b(?:under|less than|fewer than|at most|below)\s\S?$")
#: Nobody outside of Amazon knows.
_SOLD = re.compile(r"\b(?:sold|sales of|shipped)\s(?:\w+\s)?$")
_EVENT_AMOUNT = re.compile(r"\s([A-Z]{3})\b")
#: Facts that tell of two products: they stand with either.
RELATIONS = frozenset({"overall_behind", "price_above_cheapest", "price_above_cheapest_share"})


@dataclass(frozen=True)
class NumberClaim:
    """A number in a sentence, with the cited facts that it may be of. ``value``: a ratio where it
    is written as a percentage."""

    start: int
    end: int
    kind: str
    value: Decimal
    matched: tuple[Fact, ...]


class NumberProblem(Exception):
    """A number that no cited fact bears; says why."""


def number_claims(sentence: Sentence) -> list[NumberClaim]:
    """The numbers of a sentence with their facts; raises ``NumberProblem`` at one without."""
    odd = next((c for c in sentence.text if unicodedata.category(c) in ("Nl", "No")), None)
    if odd is not None:
        raise NumberProblem(f"{odd} cannot be looked up")
    if found := _UNREADABLE.search(sentence.text):
        raise NumberProblem(f"“{found[0]}” cannot be looked up")
    facts = [*_numeric(sentence.cited), *_numbers_of_events(sentence.cited)]
    claims = [
        claim
        for token in _tokens(sentence)
        if (claim := _claim(token, sentence, facts)) is not None
    ]
    return _of_the_right_products(claims, sentence)


def _numeric(cited: Iterable[Fact]) -> list[Fact]:
    return [fact for fact in cited if fact.unit not in (TEXT, DATE)]


def _numbers_of_events(cited: Iterable[Fact]) -> list[Fact]:
    """The numbers within the words of cited events, each as a fact of the event."""
    return [found for fact in cited if is_event(fact) for found in _numbers_of(fact)]


def _numbers_of(event: Fact) -> list[Fact]:
    # The product's id is no number of the event.
    marketplace, _, asin = event.subject.partition("/")
    text = str(event.value).replace(asin, " ").replace(marketplace, " ")
    found = []
    for token in NUMBER.finditer(text):
        parsed = parsed_number(token[0], "en_US")
        after = text[token.end() :]
        if parsed is None or _DAYS.match(after):
            continue
        value, unit = parsed[0], "number"
        if _PERCENT.match(after):
            value, unit = value / 100, RATIO
        elif currency := _EVENT_AMOUNT.match(after):
            unit = currency[1]
        found.append(replace(event, value=str(value), unit=unit))
    return found


@dataclass(frozen=True)
class _Token:
    start: int
    end: int
    written: str
    is_word: bool


def _tokens(sentence: Sentence) -> list[_Token]:
    words = (_Token(m.start(), m.end(), m[0], True) for m in _WORD.finditer(sentence.text))
    digits = (_Token(m.start(), m.end(), m[0], False) for m in NUMBER.finditer(sentence.text))
    return sorted([*words, *digits], key=lambda token: token.start)


def _claim(token: _Token, sentence: Sentence, facts: Sequence[Fact]) -> NumberClaim | None:
    """The number with its facts; None: it is the window that another one is told over."""
    text, written = sentence.text, token.written
    before, after = text[: token.start], text[token.end :]
    if token.is_word and _counts_the_named(token, sentence):
        return None
    if token.is_word:
        number, decimals, is_signed = Decimal(_WORDS[written.lower()]), 0, False
        currencies = None
    else:
        currencies = currencies_beside(before, after, sentence.book.locale)
        if currencies is None and before[-1:].isalpha():
            raise NumberProblem(f"{before[-1]}{written} cannot be looked up")
        parsed = parsed_number(written, sentence.book.locale)
        if parsed is None:
            raise NumberProblem(f"{written} is not written as a number of {sentence.book.locale}")
        number, decimals, is_signed = parsed

    def is_value(value: Decimal) -> bool:
        return _agrees(value, (number, decimals, is_signed), sentence.plain[: token.start])

    if currencies is not None:
        kind, value = "amount", number
        matched = [f for f in facts if f.unit in currencies and is_value(number_of(f))]
        missing = f"the amount {written} is no cited fact in that currency"
    elif _PERCENT.match(after) or _PERCENT_BEFORE.search(before):
        kind, value = RATIO, number / 100
        matched = [f for f in facts if f.unit == RATIO and is_value(number_of(f) * 100)]
        missing = f"{written}% is no cited fact"
    elif _DAYS.match(after):
        if _is_window(number, sentence.cited):
            return None
        kind, value = "days", number
        matched = [f for f in facts if f.unit == "days" and number_of(f) == number]
        missing = f"{written} days are no cited fact"
    else:
        if after[:1].isalpha() and not _ORDINAL.match(after) and not token.is_word:
            raise NumberProblem(f"{written}{after[:1]} cannot be looked up")
        kind, value = "plain", number
        matched = [f for f in facts if f.unit in _PLAIN_UNITS and is_value(number_of(f))]
        missing = f"{written} is no cited fact"
    if not matched:
        raise NumberProblem(missing)
    claim = NumberClaim(token.start, token.end, kind, value, tuple(matched))
    return _of_the_right_kind(claim, sentence, written)


def _counts_the_named(token: _Token, sentence: Sentence) -> bool:
    """ "The two lamps": whether the sentence names as many products."""
    return _WORDS[token.written.lower()] == len({m.subject for m in sentence.mentions})


def _agrees(value: Decimal, parsed: tuple[Decimal, int, bool], before: str) -> bool:
    if is_within(value, parsed):
        return True
    number = parsed[0]
    if not is_about(value, number):
        return False
    if _ABOUT.search(before):
        return True
    if _AT_LEAST.search(before):
        return abs(value) >= number
    return _AT_MOST.search(before) is not None and abs(value) <= number


def _is_window(number: Decimal, cited: Sequence[Fact]) -> bool:
    """Whether it is the window of a cited fact: "over 7 days"."""
    window = re.compile(rf"(?<!\d){number}[ -]days?\b")
    return any(
        window.search(fact.name) is not None
        or (is_event(fact) and window.search(str(fact.value)) is not None)
        for fact in cited
    )


def _of_the_right_kind(claim: NumberClaim, sentence: Sentence, written: str) -> NumberClaim:
    """The claim with the facts that the words beside it allow."""
    matched = list(claim.matched)
    after = sentence.plain[claim.end :]
    ordinal = _ORDINAL.match(after)
    after = after[ordinal.end() if ordinal else 0 :].lstrip(" \u00a0-")
    if ordinal and "rank" not in _clause_text(sentence, claim):
        matched = [fact for fact in matched if fact.key in ("position", "position_before")]
        if not matched:
            raise NumberProblem(f"{written}{ordinal[0]} is no cited place")
    if claim.kind == "plain" and (by_noun := allowed_by_noun(after, matched)) is not None:
        noun, matched = by_noun
        if not matched:
            raise NumberProblem(f"{written} {noun} are no cited fact")
    if claim.kind == "plain" and _SOLD.search(sentence.plain[: claim.start]):
        raise NumberProblem(f"nothing known says how many are sold: {written}")
    matched = allowed_by_words_before(sentence.plain[: claim.start], matched)
    matched = allowed_by_dimension(after, matched)
    if not matched:
        raise NumberProblem(f"{written} is a cited fact of something else")
    by_concept = allowed_by_concept(sentence.plain[: claim.start], matched)
    if by_concept is not None:
        words, matched = by_concept
        if not matched:
            raise NumberProblem(f"{written} is not the {words} of a cited fact")
    windows = windows_in(_clause_text(sentence, claim))
    if windows:
        timely = [f for f in matched if window_of(f) is None or window_of(f) in windows]
        if not timely:
            raise NumberProblem(f"{written} is a cited fact of another time")
        matched = timely
    return replace(claim, matched=tuple(matched))


def _clause_text(sentence: Sentence, claim: NumberClaim) -> str:
    first, last = sentence.clause(claim.start, claim.end)
    return sentence.plain[first:last]


def _of_the_right_products(claims: Sequence[NumberClaim], sentence: Sentence) -> list[NumberClaim]:
    """The claims with the facts of the products that they stand with."""
    stands_with = [sentence.subjects_at(claim.start, claim.end) for claim in claims]
    for place, (one, other) in enumerate(pairwise(claims)):
        if one.kind == other.kind and (pair := _told_against(one, other, sentence)) is not None:
            stands_with[place], stands_with[place + 1] = ((subject,) for subject in pair)
    counted: dict[tuple[tuple[str, ...], str], list[int]] = defaultdict(list)
    for claim, subjects in zip(claims, stands_with, strict=True):
        counted[subjects, claim.kind].append(claim.start)
    checked = []
    for claim, subjects in zip(claims, stands_with, strict=True):
        alike = counted[subjects, claim.kind]
        if len(subjects) > 1 and len(alike) == len(subjects) and _are_of_one_kind(alike, claims):
            # The first number is of the first, the second of the second.
            subjects = (subjects[alike.index(claim.start)],)
        checked.append(_with_facts_of(claim, subjects, sentence))
    return checked


def _are_of_one_kind(starts: Sequence[int], claims: Sequence[NumberClaim]) -> bool:
    """Whether the numbers at these places may be of the same fact of different products."""
    keys = [{fact.key for fact in c.matched} for c in claims if c.start in starts]
    return bool(set.intersection(*keys))


def _told_against(
    one: NumberClaim, other: NumberClaim, sentence: Sentence
) -> tuple[str, str] | None:
    """The two products before "4.5 against 4.6"; None: the numbers are not told so."""
    before = [mention.subject for mention in sentence.mentions if mention.end <= one.start]
    between = sentence.plain[one.end : other.start]
    if len(before) < 2 or re.search(r"\bfrom\W*$", sentence.plain[: one.start]):
        return None
    if not re.fullmatch(r"\W*(?:\w+\W*)?(?:against|versus|vs\.?|compared with)\W*", between):
        return None
    return before[-2], before[-1]


def _with_facts_of(claim: NumberClaim, subjects: Sequence[str], sentence: Sentence) -> NumberClaim:
    if not subjects:
        return claim
    pronoun = sentence.other_subject_at(claim.start)
    of_group = [fact for fact in claim.matched if fact.subject == GROUP]
    own = [fact for fact in claim.matched if fact.subject in subjects]
    others = [
        fact
        for fact in claim.matched
        if fact.subject == pronoun or fact.subject in _told_of_too(fact, claim, sentence)
    ]
    is_named_before = any(mention.end <= claim.start for mention in sentence.mentions)
    missing = [
        subject
        for subject in subjects
        if not any(fact.subject == subject or _is_same(fact, subject, sentence) for fact in own)
        # The count of the group is not that of a product.
        and not any(
            sentence.book.get(subject, fact.key) is None or not is_named_before for fact in of_group
        )
    ]
    if missing and not others:
        name = sentence.book.text(missing[0], "name") or missing[0]
        raise NumberProblem(
            f"{sentence.text[claim.start : claim.end]} is no cited fact of “{name}”"
        )
    return replace(claim, matched=(*own, *of_group, *others))


def _is_same(fact: Fact, subject: str, sentence: Sentence) -> bool:
    """Whether it is so of another product told of together as well."""
    return sentence.book.text(subject, fact.key) == str(fact.value)


def _told_of_too(fact: Fact, claim: NumberClaim, sentence: Sentence) -> set[str]:
    """The products that a relation's number tells of beside the one it stands with: "5 points
    ahead of B", "level with A on 68 points"."""
    if fact.key.startswith("catch_up_"):
        return set() if sentence.first_subject is None else {sentence.first_subject}
    after = next((m for m in sentence.mentions if m.start >= claim.end), None)
    if fact.key not in RELATIONS or after is None:
        return set()
    gap = sentence.plain[claim.end : after.start]
    return {after.subject} if re.search(r"\b(?:ahead|in front|clear|off)\b", gap) else set()
