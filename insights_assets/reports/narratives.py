"""Who writes a report: a language model where there is one, else the structured writer.

A model's answer is verified like any text. What it is refused, cut off, wrong in too many sentences
or not asked for at all, the structured writer takes over, and the reason is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from insights_assets.reports.facts import FactSheet
from insights_assets.reports.prompt import prompt_version, report_request, with_full_ids
from insights_assets.reports.schema import Report
from insights_assets.reports.structured_writer import PROMPT_VERSION, WRITER, write_report
from insights_assets.reports.verification import Verified, verify_report
from insights_resources.language_model import (
    LanguageModel,
    LanguageModelError,
    ModelUsage,
    StructuredRequest,
)

#: The writer of what a model wrote; which one stands beside it.
MODEL_WRITER = "model"
#: Share of a model's sentences that must hold; below it the structured writer takes over.
LEAST_VERIFIED = 0.8
#: Statements of a section that are read; a model that writes more is not.
_MOST_OF_A_SECTION = 12

Log = Callable[[str], None]


class NotAsked(StrEnum):
    """Why the structured writer wrote although nothing failed: beside ``NarrativeFailure``."""

    #: No model is configured.
    NO_MODEL = "no_model"
    #: The day is past: a backfill asks a model only when told to.
    BACKFILL = "backfill"
    #: Too many sentences of the answer did not hold.
    UNVERIFIED = "unverified"
    #: The facts changed while the model wrote; the next run asks anew.
    FACTS_CHANGED = "facts_changed"


#: Reasons with which nothing is wrong.
NEVER_ASKED = frozenset({NotAsked.NO_MODEL.value, NotAsked.BACKFILL.value})


@dataclass(frozen=True)
class Narrative:
    """A verified report and who wrote it.

    ``writer``: ``structured`` or ``model``. ``model``: the one that was asked; None: none was.
    ``fallback_reason``: why what it wrote is not here. ``usage``: what it took nevertheless.
    ``rejected``: what verification said of its answer, where that was not taken.
    """

    verified: Verified
    writer: str
    prompt_version: str
    model: str | None = None
    fallback_reason: str | None = None
    usage: ModelUsage | None = None
    rejected: Verified | None = None

    def verification(self) -> dict[str, Any]:
        """What is stored of it: the result, and that of an answer that was not taken."""
        if self.rejected is None:
            return self.verified.result
        return self.verified.result | {"rejected": self.rejected.result}


@dataclass(frozen=True)
class ModelWriter:
    """Asks a model for the reports of days. ``first_day``: of earlier days it is not asked; what it
    was paid for before is taken all the same. ``anew``: ask again what was answered before.
    ``workers``: answers asked for at once."""

    model: LanguageModel
    first_day: date
    workers: int = 4
    run_id: str | None = None
    anew: bool = False
    log: Log = field(default=lambda message: None)

    def narratives(self, sheets: Sequence[FactSheet]) -> dict[str, Narrative]:
        """Digest -> narrative of the sheets that the model is asked for, and of those that it has
        been paid for. Says in the log what that costs at most, before it is asked."""
        requests = {
            digest: (sheet, report_request(sheet, digest, self.model.name))
            for sheet in sheets
            if sheet.no_data_reason is None and sheet.day >= self.first_day
            for digest in (sheet.digest(),)
        }
        if not requests:
            return {}
        self._name_the_cost([request for _, request in requests.values()])
        return asyncio.run(self._ask_for(requests))

    def _name_the_cost(self, requests: Sequence[StructuredRequest]) -> None:
        expected = self.model.expected_cost(requests)
        cost = "no price is configured" if expected.cost is None else f"${expected.cost:,.4f}"
        self.log(
            f"{self.model.name}: {len(requests)} reports, {expected.calls} of them to be paid, at "
            f"most {expected.tokens:,} tokens ({cost})"
        )

    async def _ask_for(
        self, requests: Mapping[str, tuple[FactSheet, StructuredRequest]]
    ) -> dict[str, Narrative]:
        turns = asyncio.Semaphore(self.workers)
        told = 0

        async def write(sheet: FactSheet, request: StructuredRequest) -> Narrative:
            nonlocal told
            async with turns:
                narrative = await self._write(sheet, request)
            told += 1
            if told % 10 == 0 or told == len(requests):
                self.log(f"{self.model.name}: {told} of {len(requests)} reports")
            return narrative

        written = await asyncio.gather(*(write(*each) for each in requests.values()))
        return dict(zip(requests, written, strict=True))

    async def _write(self, sheet: FactSheet, request: StructuredRequest) -> Narrative:
        try:
            answer = await self.model.answer(request, self.run_id, anew=self.anew)
        except LanguageModelError as error:
            self.log(f"{error} ({error.reason})")
            return structured(sheet, error.reason.value, model=self.model.name, usage=error.usage)
        report = with_full_ids(Report.model_validate(answer.parsed.model_dump()), sheet)
        verified = verify_report(_shortened(report), sheet.facts, sheet.locale)
        if verified.share < LEAST_VERIFIED or not verified.report.position:
            self.log(
                f"{request.purpose}: {verified.result['verified']} of "
                f"{verified.result['sentences']} sentences held ({NotAsked.UNVERIFIED})"
            )
            return structured(
                sheet,
                NotAsked.UNVERIFIED.value,
                model=answer.model,
                usage=answer.usage,
                rejected=verified,
            )
        return Narrative(
            verified, MODEL_WRITER, prompt_version(), model=answer.model, usage=answer.usage
        )


def structured(
    sheet: FactSheet,
    reason: str | None,
    *,
    model: str | None = None,
    usage: ModelUsage | None = None,
    rejected: Verified | None = None,
) -> Narrative:
    """What the structured writer says, and why it is asked; of a sheet without data, nothing."""
    written = NOTHING if sheet.no_data_reason else write_report(sheet)
    verified = verify_report(written, sheet.facts, sheet.locale)
    return Narrative(verified, WRITER, PROMPT_VERSION, model, reason, usage, rejected)


NOTHING = Report(**{section: [] for section in Report.model_fields})


def _shortened(report: Report) -> Report:
    return Report(
        **{name: list(getattr(report, name))[:_MOST_OF_A_SECTION] for name in Report.model_fields}
    )
