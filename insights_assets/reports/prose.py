"""Phrases filled with facts: numbers as the reader's locale writes them, each fact cited."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from babel.lists import format_list

from insights_assets.reports.amounts import (
    count_text,
    date_text,
    decimal_text,
    money_text,
    percent_text,
)
from insights_assets.reports.fact import GROUP, Fact, Member
from insights_assets.reports.facts import FactSheet
from insights_assets.reports.industry_template import industry_template
from insights_assets.reports.phrases import Placeholder, language_of, wording_of
from insights_assets.reports.schema import Recommendation, Statement

Priority = Literal["high", "medium", "low"]

#: What a phrase calls the product that it is about, and how it names it.
_PRODUCT, _SUBJECT = "product", "subject"
_DECIMALS = {"points": 1, "stars": 1, "number": 1, "count": 0, "rank": 0, "days": 0}


@dataclass
class _Draft:
    """A statement under way: sentences in a row about one product, or one about anything."""

    subject: Member | None
    sentences: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)


class Prose:
    """Writes the statements of one section after another, and notes the facts of each.

    ``part`` makes text that a sentence then takes, ``also`` cites a fact that it says in words:
    both count for the next ``say`` or ``recommendation``.
    """

    def __init__(self, sheet: FactSheet) -> None:
        self.sheet = sheet
        self.template = industry_template(sheet.industry_template)
        self._wording = wording_of(language_of(sheet.locale), sheet.industry_template)
        self._drafts: list[_Draft] = []
        self._ids: list[str] = []

    def say(self, *phrases: str, about: Member | None = None, **values: Member | str) -> None:
        """A sentence of each phrase, as a statement. ``about``: the phrases' ``product``; what is
        said of one product in a section is one statement, in which later sentences say "it"."""
        draft = self._draft(about)
        for phrase in phrases:
            draft.sentences.append(self._filled(phrase, about, values, bool(draft.sentences)))
        draft.ids += [fact_id for fact_id in self._take_ids() if fact_id not in draft.ids]

    def has_told_of(self, member: Member) -> bool:
        """Whether a statement of this section cites a fact of the product."""
        start = f"{member.subject}:"
        return any(fact_id.startswith(start) for draft in self._drafts for fact_id in draft.ids)

    def has_phrase(self, phrase: str) -> bool:
        return phrase in self._wording.phrases

    def statements(self) -> list[Statement]:
        """What has been said since the last call."""
        drafts, self._drafts = self._drafts, []
        return [Statement(text=" ".join(d.sentences), fact_ids=d.ids) for d in drafts]

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

    def part(self, phrase: str, about: Member | None = None, **values: Member | str) -> str:
        return self._filled(phrase, about, values, False)

    def also(self, member: Member | None, key: str) -> None:
        self._cite(GROUP if member is None else member.subject, key)

    def fact(self, member: Member, key: str) -> str:
        """A fact of the product as it is written; it counts for the next sentence, as a part."""
        return self._fact_text(self._cite(member.subject, key), "")

    def name(self, member: Member) -> str:
        return self._wording.quoted.format(self._cite(member.subject, "name").value)

    def listed(self, words: list[str]) -> str:
        """a, b, and c: as the language lists."""
        return format_list(words, locale=self._wording.language)

    def _draft(self, about: Member | None) -> _Draft:
        most = self.template.limits.sentences_of_a_product
        for draft in self._drafts:
            if about is not None and draft.subject == about and len(draft.sentences) < most:
                return draft
        self._drafts.append(_Draft(about))
        return self._drafts[-1]

    def _filled(
        self, phrase: str, about: Member | None, values: dict[str, Member | str], again: bool
    ) -> str:
        known = values if about is None else values | {_PRODUCT: about}
        return "".join(
            part if isinstance(part, str) else self._written(part, known, again)
            for part in self._wording.phrases[phrase]
        )

    def _written(self, part: Placeholder, values: dict[str, Member | str], again: bool) -> str:
        if part.key is None:
            return str(values[part.who])
        if part.who == GROUP:
            fact = self._cite(GROUP, part.key)
            text = self._fact_text(fact, part.form)
            is_quoted = fact.unit == "text" and not _is_words(text)
            return self._wording.quoted.format(text) if is_quoted else text
        member = values[part.who]
        assert isinstance(member, Member), part
        if part.key == _SUBJECT and again:
            return self._wording.again
        if part.key in (_SUBJECT, "name"):
            return self.name(member)
        return self._fact_text(self._cite(member.subject, part.key), part.form)

    def _fact_text(self, fact: Fact, form: str) -> str:
        """The fact as its unit is written, without a sign; ``form``: see ``wording/en.yaml``."""
        locale, value = self.sheet.locale, fact.value
        match fact.unit:
            case "text":
                return str(value)
            case "date":
                return date_text(date.fromisoformat(str(value)), locale)
            case "ratio":
                return percent_text(float(value), locale)
            case unit if unit not in _DECIMALS:
                return money_text(str(value), unit, locale)
        number = abs(float(value))
        if "=" in form:
            words = dict(each.split("=") for each in form.split("|"))
            plural = self._wording.language.plural_form(number)
            return f"{count_text(number, locale)} {words.get(plural, words['other'])}"
        decimals = int(form) if form else _DECIMALS[fact.unit]
        return decimal_text(number, locale, decimals)

    def _cite(self, subject: str, key: str) -> Fact:
        fact = self.sheet.facts[f"{subject}:{key}"]
        if fact.id not in self._ids:
            self._ids.append(fact.id)
        return fact

    def _take_ids(self) -> list[str]:
        ids, self._ids = self._ids, []
        return ids


def _is_words(name: str) -> bool:
    """Whether a group's name reads as a word without quotes: "Kettles", not "5"."""
    return len(name) > 2 and name[0] == name[0].upper() and re.sub(r"[ &'’-]", "", name).isalpha()
