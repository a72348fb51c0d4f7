"""Sentences that note the facts they are written from."""

from __future__ import annotations

from typing import Literal

from insights_assets.reports.amounts import count_text, decimal_text, money_text, percent_text
from insights_assets.reports.fact import GROUP, Fact, Member
from insights_assets.reports.facts import FactSheet
from insights_assets.reports.schema import Recommendation, Statement

Priority = Literal["high", "medium", "low"]


class Prose:
    """Writes facts into sentences and notes which: ``statement`` and ``recommendation`` carry the
    ids of all facts written since the last of them."""

    def __init__(self, sheet: FactSheet) -> None:
        self._sheet = sheet
        self._ids: list[str] = []

    def statement(self, text: str) -> Statement:
        return Statement(text=text, fact_ids=self._take_ids())

    def recommendation(
        self, priority: Priority, action: str, why: str, expected_effect: str
    ) -> Recommendation:
        return Recommendation(
            action=action,
            why=why,
            priority=priority,
            expected_effect=expected_effect,
            fact_ids=self._take_ids(),
        )

    def _take_ids(self) -> list[str]:
        ids, self._ids = self._ids, []
        return ids

    def _cite(self, subject: str, key: str) -> Fact:
        fact = self._sheet.facts[f"{subject}:{key}"]
        if fact.id not in self._ids:
            self._ids.append(fact.id)
        return fact

    def name(self, member: Member) -> str:
        return f"“{self._cite(member.subject, 'name').value}”"

    def group(self) -> str:
        return str(self._cite(GROUP, "name").value)

    def points(self, member: Member | None, key: str) -> str:
        return self.decimal(member, key, 1)

    def decimal(self, member: Member | None, key: str, decimals: int) -> str:
        subject = GROUP if member is None else member.subject
        return decimal_text(abs(float(self._cite(subject, key).value)), decimals)

    def count(self, member: Member | None, key: str) -> str:
        subject = GROUP if member is None else member.subject
        return count_text(abs(float(self._cite(subject, key).value)))

    def counted(self, member: Member | None, key: str, one: str, many: str) -> str:
        """``1 alert``, ``7 alerts``."""
        count = self.count(member, key)
        return f"{count} {one if count == '1' else many}"

    def percent(self, member: Member, key: str) -> str:
        return percent_text(float(self._cite(member.subject, key).value))

    def money(self, member: Member, key: str) -> str:
        fact = self._cite(member.subject, key)
        return money_text(str(fact.value), fact.unit, member.product.marketplace)

    def also(self, member: Member | None, key: str) -> None:
        """Cites a fact that the sentence says in words."""
        self._cite(GROUP if member is None else member.subject, key)


def listed(words: list[str]) -> str:
    """a, b and c."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
