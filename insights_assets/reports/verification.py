"""Whether a report says only what its facts say: every number is looked up, each sentence alone.

A number must equal a cited fact of its kind within the rounding that it is written with: an amount
a fact in that currency; a percentage a ratio; any other number a count, rank, score or rating; all
of them written as the reader's locale writes them. Names and days cited as facts are left out
first: the digits in a title are no claims. A sentence that fails is dropped, and kept as such.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any

from babel.numbers import (
    get_currency_symbol,
    get_decimal_symbol,
    get_group_symbol,
    list_currencies,
)

from insights_assets.reports.amounts import date_text
from insights_assets.reports.fact import GROUP, Fact
from insights_assets.reports.schema import (
    STATEMENT_SECTIONS,
    Recommendation,
    Report,
    Statement,
)
from insights_resources.locales import DEFAULT_LOCALE
from insights_resources.marketplaces import MARKETPLACES

_NUMBER = re.compile(r"(?:(?<!\w)[+\-−])?\d(?:[.,'’]?\d|[\u00a0\u202f](?=\d{3}(?!\d))\d)*")
_PERCENT = re.compile(r"[\s\u00a0\u202f]?(?:%|per ?cent\b)", re.IGNORECASE)
_DAYS = re.compile(r"[\s\u00a0-]?days?\b", re.IGNORECASE)
_ORDINAL = re.compile(r"(?:st|nd|rd|th)\b")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[“\"'(A-Z0-9\ue000-\uf8ff])")
_NUMBER_WORDS = (
    *("two", "three", "four", "five", "six", "seven"),
    *("eight", "nine", "ten", "eleven", "twelve"),
)
_WORDS = {word: value for value, word in enumerate(_NUMBER_WORDS, start=2)}
_WORD = re.compile(rf"\b(?:{'|'.join(_WORDS)})\b", re.IGNORECASE)
#: Claims of size that cannot be looked up.
_UNREADABLE = re.compile(
    r"\b(?:half|halved|twice|thrice|doubled?|tripled?|dozens?|hundreds?|thousands?|"
    r"(?:m|b|tr)illions?|quarter)\b",
    re.IGNORECASE,
)
#: Units of facts that a number without a sign beside it may be about.
_PLAIN_UNITS = frozenset({"count", "rank", "points", "stars", "days", "number"})
_TEXT_UNIT = "text"
_DATE_UNIT = "date"


@dataclass(frozen=True)
class Verified:
    """What is left of a report, and what was looked at.

    ``result`` is ``{sentences, verified, dropped: [{section, sentence, reason}]}``.
    """

    report: Report
    result: dict[str, Any]


def verify_report(
    report: Report, facts: Mapping[str, Fact], locale: str = DEFAULT_LOCALE
) -> Verified:
    """The report without the sentences that its facts do not support, as ``locale`` writes numbers.

    A recommendation goes as a whole when one of its sentences fails.
    """
    ledger = _Ledger()
    sections: dict[str, Any] = {
        section: [
            kept
            for statement in getattr(report, section)
            if (kept := _verified_statement(section, statement, facts, locale, ledger)) is not None
        ]
        for section in STATEMENT_SECTIONS
    }
    sections["recommendations"] = [
        recommendation
        for recommendation in report.recommendations
        if _recommendation_holds(recommendation, facts, locale, ledger)
    ]
    return Verified(Report(**sections), ledger.result())


def problem_of(sentence: str, cited: Sequence[Fact], locale: str = DEFAULT_LOCALE) -> str | None:
    """Why the cited facts do not support the sentence; None: they do."""
    return _problem(_masked(sentence, cited, locale)[0], cited, locale)


class _Ledger:
    def __init__(self) -> None:
        self.sentences = 0
        self.dropped: list[dict[str, str]] = []

    def drop(self, section: str, sentence: str, reason: str) -> None:
        self.dropped.append({"section": section, "sentence": sentence, "reason": reason})

    def result(self) -> dict[str, Any]:
        return {
            "sentences": self.sentences,
            "verified": self.sentences - len(self.dropped),
            "dropped": self.dropped,
        }


def _verified_statement(
    section: str, statement: Statement, facts: Mapping[str, Fact], locale: str, ledger: _Ledger
) -> Statement | None:
    kept = []
    for sentence, reason in _judged(statement.text, statement.fact_ids, facts, locale):
        ledger.sentences += 1
        if reason is None:
            kept.append(sentence)
        else:
            ledger.drop(section, sentence, reason)
    if not kept:
        return None
    return Statement(text=" ".join(kept), fact_ids=statement.fact_ids)


def _recommendation_holds(
    recommendation: Recommendation, facts: Mapping[str, Fact], locale: str, ledger: _Ledger
) -> bool:
    judged = [
        pair
        for text in (recommendation.action, recommendation.why, recommendation.expected_effect)
        for pair in _judged(text, recommendation.fact_ids, facts, locale)
    ]
    ledger.sentences += len(judged)
    failed = next((reason for _, reason in judged if reason is not None), None)
    if failed is None:
        return True
    for sentence, reason in judged:
        ledger.drop(
            "recommendations", sentence, reason or f"another sentence beside it failed: {failed}"
        )
    return False


def _judged(
    text: str, fact_ids: Sequence[str], facts: Mapping[str, Fact], locale: str
) -> Iterator[tuple[str, str | None]]:
    """Each sentence, and why it fails."""
    unknown = [fact_id for fact_id in fact_ids if fact_id not in facts]
    cited = [facts[fact_id] for fact_id in fact_ids if fact_id in facts]
    masked, names = _masked(text, cited, locale)
    for sentence in _SENTENCE_END.split(masked.strip()):
        if not sentence:
            continue
        if unknown:
            reason: str | None = f"cites {', '.join(unknown)}, which is no fact"
        elif not cited:
            reason = "cites no fact"
        else:
            reason = _problem(sentence, cited, locale)
        for mark, name in names.items():
            sentence = sentence.replace(mark, name)
        yield sentence, reason


def _masked(text: str, cited: Iterable[Fact], locale: str) -> tuple[str, dict[str, str]]:
    """The text with each cited name, day or product id as one private character, and what these
    are."""
    names = {str(fact.value) for fact in cited if fact.unit == _TEXT_UNIT}
    names |= {
        date_text(date.fromisoformat(str(fact.value)), locale)
        for fact in cited
        if fact.unit == _DATE_UNIT
    }
    for fact in cited:
        if fact.subject != GROUP:
            names |= {fact.subject, fact.subject.rpartition("/")[2]}
    marks: dict[str, str] = {}
    # Private characters of the text itself would be taken for names.
    masked = "".join(c for c in text if unicodedata.category(c) != "Co")
    for name in sorted(names, key=lambda name: (-len(name), name)):
        mark = chr(0xE000 + len(marks))
        # Only whole: the title "5" does not excuse the 5 of 15 or of 5.20.
        whole = re.compile(rf"(?<![\w.,]){re.escape(name)}(?!\w|[.,]\d|\s?%)")
        replaced = whole.sub(mark, masked) if re.search(r"\w", name) else masked
        if replaced != masked:
            marks[mark] = name
            masked = replaced
    return masked, marks


def _problem(sentence: str, cited: Sequence[Fact], locale: str) -> str | None:
    odd = next((c for c in sentence if unicodedata.category(c) in ("Nl", "No")), None)
    if odd is not None:
        return f"{odd} cannot be looked up"
    if found := _UNREADABLE.search(sentence):
        return f"“{found[0]}” cannot be looked up"
    for word in _WORD.finditer(sentence):
        number = Decimal(_WORDS[word[0].lower()])
        after = sentence[word.end() :]
        if not (_days_match(number, after, cited) or _matches_plain(number, 0, False, cited)):
            return f"“{word[0]}” is no cited fact"
    for token in _NUMBER.finditer(sentence):
        problem = _number_problem(token, sentence, cited, locale)
        if problem is not None:
            return problem
    return None


def _number_problem(
    token: re.Match[str], sentence: str, cited: Sequence[Fact], locale: str
) -> str | None:
    written = token[0]
    before, after = sentence[: token.start()], sentence[token.end() :]
    parsed = _parsed(written, *_separators(locale))
    currencies = _currencies_beside(before, after, locale)
    if currencies is not None:
        if parsed is not None and any(
            _within(Decimal(str(fact.value)), *parsed) for fact in cited if fact.unit in currencies
        ):
            return None
        return f"the amount {written} is no cited fact in that currency"
    if before[-1:].isalpha():
        return f"{before[-1]}{written} cannot be looked up"
    if parsed is None:
        return f"{written} is not written as a number in {locale}"
    number, decimals, is_signed = parsed
    # Turkish writes the sign first.
    if _PERCENT.match(after) or before.endswith("%"):
        if any(
            _within(Decimal(str(fact.value)) * 100, number, decimals, is_signed)
            for fact in cited
            if fact.unit == "ratio"
        ):
            return None
        return f"{written}% is no cited fact"
    if _days_match(number, after, cited):
        return None
    if after[:1].isalpha() and not _ORDINAL.match(after):
        return f"{written}{after[:1]} cannot be looked up"
    if _matches_plain(number, decimals, is_signed, cited):
        return None
    return f"{written} is no cited fact"


def _days_match(number: Decimal, after: str, cited: Sequence[Fact]) -> bool:
    """Whether it is the window of a cited fact ("over 7 days"), or a fact in days."""
    if not _DAYS.match(after):
        return False
    window = re.compile(rf"(?<!\d){number} days\b")
    return any(
        window.search(fact.name) is not None
        or (fact.unit == "days" and Decimal(str(fact.value)) == number)
        for fact in cited
    )


def _matches_plain(number: Decimal, decimals: int, is_signed: bool, cited: Sequence[Fact]) -> bool:
    return any(
        _within(Decimal(str(fact.value)), number, decimals, is_signed)
        for fact in cited
        if fact.unit in _PLAIN_UNITS
    )


def _within(value: Decimal, number: Decimal, decimals: int, is_signed: bool) -> bool:
    """Whether the number is the value in so many decimals; one without a sign tells the size."""
    if not is_signed:
        value, number = abs(value), abs(number)
    return abs(value - number) <= Decimal(5).scaleb(-decimals - 1)


def _parsed(written: str, decimal: str, group: str) -> tuple[Decimal, int, bool] | None:
    """Number, decimals and whether it has a sign; None when it is not written with these."""
    text = written.replace("−", "-").replace("\u202f", "\u00a0").replace("’", "'")
    group = group.replace("\u202f", "\u00a0").replace("’", "'")
    is_signed = text[0] in "+-"
    whole, _, fraction = text.lstrip("+-").partition(decimal)
    # Groups of three, and India's of two before the last three.
    grouped = rf"\d{{1,3}}(?:{re.escape(group)}\d{{2,3}})*{re.escape(group)}\d{{3}}"
    if not re.fullmatch(rf"\d+|{grouped}", whole) or not re.fullmatch(r"\d*", fraction):
        return None
    digits = whole.replace(group, "") + ("." + fraction if fraction else "")
    return Decimal(("-" if text[0] == "-" else "") + digits), len(fraction), is_signed


@cache
def _separators(locale: str) -> tuple[str, str]:
    return get_decimal_symbol(locale), get_group_symbol(locale)


def _currencies_beside(before: str, after: str, locale: str) -> frozenset[str] | None:
    """The currencies that a sign beside a number may mean; None: there is no sign.

    A sign that is not known means none of them.
    """
    symbols = _symbols(locale)
    following = after.lstrip(" \u00a0\u202f")
    for symbol, codes in symbols.items():
        if following.startswith(symbol) and not _goes_on(symbol, following[len(symbol) :][:1]):
            return codes
    preceding = before.rstrip("\u00a0\u202f")
    spaced = before.rstrip(" \u00a0\u202f")
    for symbol, codes in symbols.items():
        # A letter sign stands before its amount with or without a space, and alone.
        text = spaced if symbol[-1].isalpha() else preceding
        if text.endswith(symbol) and not _goes_on(symbol, text[: -len(symbol)][-1:], start=True):
            return codes
    if following[:1] and unicodedata.category(following[0]) == "Sc":
        return frozenset()
    if preceding[-1:] and unicodedata.category(preceding[-1]) == "Sc":
        return frozenset()
    return None


def _goes_on(symbol: str, neighbour: str, *, start: bool = False) -> bool:
    """Whether a sign of letters is part of a longer word."""
    edge = symbol[0] if start else symbol[-1]
    return edge.isalpha() and neighbour.isalnum()


@cache
def _symbols(locale: str) -> dict[str, frozenset[str]]:
    """Sign -> the currencies it may mean, the longest signs first: codes, the reader's signs, and
    the marketplaces' own where the reader has no such sign ("$" is the reader's dollar)."""
    meanings: dict[str, set[str]] = {code: {code} for code in list_currencies()}
    for known in (None, locale):
        signs: dict[str, set[str]] = {}
        for marketplace in MARKETPLACES.values():
            sign = get_currency_symbol(marketplace.currency, known or marketplace.locale)
            signs.setdefault(sign, set()).add(marketplace.currency)
        meanings |= signs
    return {
        sign: frozenset(codes)
        for sign, codes in sorted(meanings.items(), key=lambda item: (-len(item[0]), item[0]))
    }
