"""Whether a report says only what its facts say: each claim of each sentence is looked up.

A sentence claims by its numbers, days, names, movements ("rose"), comparisons ("cheaper than"),
superlatives ("the best rated") and states ("out of stock"): ``claims`` has a module for each. What
fails, or cannot be looked up, is dropped, and kept as such: in doubt a sentence goes. Cited names
are left out first: the digits in a title are no claims.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from insights_assets.reports.claims.comparatives import wrong_comparative
from insights_assets.reports.claims.dates import DateProblem, without_dates, wrong_event_day
from insights_assets.reports.claims.directions import wrong_direction
from insights_assets.reports.claims.fact_book import FactBook
from insights_assets.reports.claims.needed_facts import missing_fact
from insights_assets.reports.claims.number_claims import NumberProblem, number_claims
from insights_assets.reports.claims.plain_words import unreadable
from insights_assets.reports.claims.sentence import Sentence, sentences_of
from insights_assets.reports.claims.states import wrong_state
from insights_assets.reports.claims.superlatives import wrong_superlative
from insights_assets.reports.claims.unknown_names import unknown_name
from insights_assets.reports.fact import Fact
from insights_assets.reports.schema import (
    STATEMENT_SECTIONS,
    Recommendation,
    Report,
    Statement,
)


@dataclass(frozen=True)
class Verified:
    """What is left of a report, and what was looked at.

    ``result`` is ``{sentences, verified, dropped: [{section, sentence, reason}]}``.
    """

    report: Report
    result: dict[str, Any]

    @property
    def share(self) -> float:
        """The share of sentences that held; 1 where there is none."""
        sentences: int = self.result["sentences"]
        return float(self.result["verified"]) / sentences if sentences else 1.0


def verify_report(report: Report, facts: Mapping[str, Fact], locale: str = "en_US") -> Verified:
    """The report without the sentences that its facts do not support.

    A recommendation goes as a whole when one of its sentences fails. ``locale``: of the numbers
    and amounts in it.
    """
    ledger, book = _Ledger(), FactBook(facts, locale)
    sections: dict[str, Any] = {
        section: [
            kept
            for statement in getattr(report, section)
            if (kept := _verified_statement(section, statement, book, ledger)) is not None
        ]
        for section in STATEMENT_SECTIONS
    }
    sections["recommendations"] = [
        recommendation
        for recommendation in report.recommendations
        if _recommendation_holds(recommendation, book, ledger)
    ]
    return Verified(Report(**sections), ledger.result())


def problem_of(
    text: str, cited: Sequence[Fact], facts: Mapping[str, Fact] | None = None, locale: str = "en_US"
) -> str | None:
    """Why the cited facts do not support a text; None: they do. ``facts``: all of the report."""
    known = facts if facts is not None else {fact.id: fact for fact in cited}
    book = FactBook(known, locale)
    problems = (_problem(sentence) for sentence in sentences_of([text], cited, book))
    return next((problem for problem in problems if problem is not None), None)


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
    section: str, statement: Statement, book: FactBook, ledger: _Ledger
) -> Statement | None:
    kept = []
    for sentence, reason in _judged([statement.text], statement.fact_ids, book):
        ledger.sentences += 1
        if reason is None:
            kept.append(sentence)
        else:
            ledger.drop(section, sentence, reason)
    if not kept:
        return None
    return Statement(text=" ".join(kept), fact_ids=statement.fact_ids)


def _recommendation_holds(recommendation: Recommendation, book: FactBook, ledger: _Ledger) -> bool:
    texts = [recommendation.action, recommendation.why, recommendation.expected_effect]
    judged = _judged(texts, recommendation.fact_ids, book)
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
    texts: Sequence[str], fact_ids: Sequence[str], book: FactBook
) -> list[tuple[str, str | None]]:
    """Each sentence, and why it fails.

    A sentence that names no product ("it costs ...") after one that fails goes with it: its "it"
    would be read as another product.
    """
    unknown = [fact_id for fact_id in fact_ids if fact_id not in book.facts]
    cited = [book.facts[fact_id] for fact_id in fact_ids if fact_id in book.facts]
    judged: list[tuple[str, str | None]] = []
    for sentence in sentences_of(texts, cited, book):
        if unknown:
            reason: str | None = f"cites {', '.join(unknown)}, which is no fact"
        elif not cited:
            reason = "cites no fact"
        else:
            reason = _problem(sentence)
        if reason is None and judged and judged[-1][1] is not None and not sentence.mentions:
            reason = "leans on the sentence before, which failed"
        judged.append((sentence.written, reason))
    return judged


def _problem(sentence: Sentence) -> str | None:
    if (problem := unreadable(sentence)) is not None:
        return problem
    try:
        dateless = without_dates(sentence)
        numbers = number_claims(dateless)
    except (DateProblem, NumberProblem) as error:
        return str(error)
    return (
        wrong_event_day(dateless, numbers)
        or unknown_name(sentence)
        or missing_fact(dateless, numbers)
        or wrong_direction(dateless, numbers)
        or wrong_comparative(dateless, numbers)
        or wrong_superlative(dateless, numbers)
        or wrong_state(dateless, numbers)
    )
