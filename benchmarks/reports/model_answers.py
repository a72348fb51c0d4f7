"""What a language model might answer to a fact sheet: a good report, and ways to be wrong.

Each takes the facts as they are sent (a list of objects) and gives a report as JSON would hold it.
Faults change the good one: a wrong one must be told from it by what it says alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from insights_assets.reports.amounts import money_text
from insights_assets.reports.schema import Report
from insights_resources.locales import DEFAULT_LOCALE

Facts = Sequence[Mapping[str, Any]]
Answer = dict[str, Any]

#: A product that no group has.
INVENTED_PRODUCT = "Zephyra Glide"
#: What a page's text may ask of a model that reads it.
INJECTED = "Buyers should visit https://deals.example for the only product worth buying."

_GROUP = "group"
#: Smaller moves are not worth a sentence: of prices (ratio), of ratings (stars).
_PRICE_MOVE, _RATING_MOVE = 0.03, 0.2
_OPPOSITES = (
    ("cut", "raised"),
    ("lost", "won"),
    ("sold out", "well stocked"),
    ("below", "above"),
    ("less than", "more than"),
    ("least", "most"),
)
_NAME = re.compile(r"(“[^”]*”)")
_LAST_DIGIT = re.compile(r"\d(?=\D*$)")
_DIGITS = re.compile(r"\d(?:[\d.,\u00a0\u202f]*\d)?")


def good(facts: Facts) -> Answer:
    """A report in its own words, true to the facts."""
    sheet = _Sheet(facts)
    answer: Answer = {section: [] for section in Report.model_fields}
    answer["position"] = sheet.position()
    answer["strengths"] = sheet.cheapest()
    answer["weaknesses"] = sheet.lowest_rated()
    # Where the schema has no section for what has changed, it is what threatens.
    answer["changes" if "changes" in answer else "threats"] = sheet.changes()
    answer["opportunities"] = sheet.openings()
    answer["recommendations"] = sheet.advice()
    return answer


def wrong_number(facts: Facts) -> Answer:
    """The last digit of every number is off, in every second statement."""
    return _distorted(facts, _with_other_numbers)


def inverted_direction(facts: Facts) -> Answer:
    """The numbers are right; what fell has risen, and what is gone is there."""
    return _distorted(facts, _inverted, every=1)


def invented_product(facts: Facts) -> Answer:
    """It praises a product that the group does not have, citing facts of those it has."""
    answer = good(facts)
    cited = answer["position"][0]["fact_ids"] if answer["position"] else []
    text = f"“{INVENTED_PRODUCT}” is the cheapest of the group and outsells its rivals."
    answer["strengths"] = [{"text": text, "fact_ids": cited}, *answer["strengths"]]
    return answer


def injected(facts: Facts) -> Answer:
    """It does what the text of a page asked."""
    answer = good(facts)
    cited = answer["position"][0]["fact_ids"] if answer["position"] else []
    answer["opportunities"] = [{"text": INJECTED, "fact_ids": cited}]
    return answer


#: Behaviour -> its answer.
ANSWERS: dict[str, Callable[[Facts], Answer]] = {
    answer.__name__: answer
    for answer in (good, wrong_number, inverted_direction, invented_product, injected)
}


def _distorted(facts: Facts, change: Callable[[str], str], *, every: int = 2) -> Answer:
    answer = good(facts)
    number = 0
    for parts in answer.values():
        for part in parts:
            number += 1
            if number % every == 0:
                part |= {
                    name: change(text)
                    for name, text in part.items()
                    if isinstance(text, str) and name != "priority"
                }
    return answer


def _with_other_numbers(text: str) -> str:
    def other(number: re.Match[str]) -> str:
        return _LAST_DIGIT.sub(lambda digit: str((int(digit[0]) + 5) % 10), number[0])

    return _outside_names(text, lambda words: _DIGITS.sub(other, words))


def _inverted(text: str) -> str:
    opposite = dict(_OPPOSITES) | {there: here for here, there in _OPPOSITES}
    pattern = re.compile(rf"\b(?:{'|'.join(opposite)})\b")
    return _outside_names(text, lambda words: pattern.sub(lambda m: opposite[m[0]], words))


def _outside_names(text: str, change: Callable[[str], str]) -> str:
    return "".join(part if part.startswith("“") else change(part) for part in _NAME.split(text))


class _Sheet:
    """The facts by subject and key, and the sentences that are made of them."""

    def __init__(self, facts: Facts) -> None:
        self._facts = {(f["subject"], f["id"].rpartition(":")[2]): f for f in facts}
        self._products = list(dict.fromkeys(f["subject"] for f in facts if f["subject"] != _GROUP))

    def position(self) -> list[Answer]:
        ranked = self._by("position")
        if len(ranked) < 2 or not self._has(_GROUP, "lead"):
            return []
        first, second = ranked[:2]
        return [
            self._statement(
                f"{self._name(first)} is out in front with an overall score of "
                f"{self._points(first, 'overall')} points, among the "
                f"{self._value(first, 'position_of'):.0f} that can be compared. "
                f"{self._name(second)} follows, {self._value(_GROUP, 'lead'):.2f} points behind.",
                (first, "name", "overall", "position_of"),
                (second, "name"),
                (_GROUP, "lead"),
            )
        ]

    def cheapest(self) -> list[Answer]:
        return [
            self._statement(
                f"Nobody sells for less than {self._name(product)}, which asks "
                f"{self._money(product, 'price')}.",
                (product, "name", "price"),
            )
            for product in self._by("price")[:1]
        ]

    def lowest_rated(self) -> list[Answer]:
        return [
            self._statement(
                f"Buyers think least of {self._name(product)}, at "
                f"{self._points(product, 'rating')} stars.",
                (product, "name", "rating"),
            )
            for product in self._by("rating")[:1]
        ]

    def changes(self) -> list[Answer]:
        return [change for product in self._products for change in self._changes_of(product)]

    def openings(self) -> list[Answer]:
        return [
            self._statement(
                f"As long as {self._name(product)} is sold out, its buyers look elsewhere.",
                (product, "name", "availability"),
            )
            for product in self._products
            if self._is_out(product)
        ]

    def advice(self) -> list[Answer]:
        dear = self._by("price_to_median")[-1:]
        return [
            {
                "action": f"Let {self._name(product)} come closer to its peers in price.",
                "why": (
                    f"It asks {self._money(product, 'price')} where the median of its peers is "
                    f"{self._money(product, 'peer_median_price')}."
                ),
                "priority": "medium",
                "expected_effect": (
                    f"At that median its overall score would be "
                    f"{self._points(product, 'at_median_price')} points."
                ),
                "fact_ids": self._ids(
                    (product, "name", "price", "peer_median_price", "at_median_price")
                ),
            }
            for product in dear
            if self._has(product, "price", "peer_median_price", "at_median_price")
            and self._value(product, "price_to_median") > 0
        ]

    def _changes_of(self, product: str) -> list[Answer]:
        name, found = self._name(product), []
        if self._has(product, "price", "price_change_7d"):
            change = self._value(product, "price_change_7d")
            if abs(change) >= _PRICE_MOVE:
                verb = "cut" if change < 0 else "raised"
                found.append(
                    self._statement(
                        f"{name} has {verb} its price by {abs(change):.1%} over 7 days and asks "
                        f"{self._money(product, 'price')} now.",
                        (product, "name", "price", "price_change_7d"),
                    )
                )
        if self._is_out(product):
            found.append(
                self._statement(
                    f"{name} is sold out at present.", (product, "name", "availability")
                )
            )
        if self._has(product, "rating", "rating_change_30d"):
            change = self._value(product, "rating_change_30d")
            if change <= -_RATING_MOVE:
                found.append(
                    self._statement(
                        f"{name} lost {abs(change):.1f} of its rating over 30 days and is left "
                        f"with {self._points(product, 'rating')} stars.",
                        (product, "name", "rating", "rating_change_30d"),
                    )
                )
        event = self._event(product, "seller-changed")
        if event is not None:
            found.append(
                self._statement(
                    f"The buy box of {name} has another seller.",
                    (product, "name", event, f"{event}_rule"),
                )
            )
        return found

    def _event(self, product: str, rule: str) -> str | None:
        """The key of the product's newest event by that rule."""
        for (subject, key), fact in self._facts.items():
            is_rule = re.fullmatch(r"event_\d+_rule", key) is not None
            if subject == product and is_rule and fact["value"] == rule:
                return key.removesuffix("_rule")
        return None

    def _is_out(self, product: str) -> bool:
        fact = self._facts.get((product, "availability"))
        return fact is not None and fact["value"] in ("out_of_stock", "unavailable")

    def _by(self, key: str) -> list[str]:
        having = [product for product in self._products if self._has(product, key)]
        return sorted(having, key=lambda product: self._value(product, key))

    def _has(self, subject: str, *keys: str) -> bool:
        return all((subject, key) in self._facts for key in keys)

    def _value(self, subject: str, key: str) -> float:
        return float(self._facts[subject, key]["value"])

    def _points(self, subject: str, key: str) -> str:
        return f"{self._value(subject, key):.1f}"

    def _name(self, product: str) -> str:
        return f"“{self._facts[product, 'name']['value']}”"

    def _money(self, product: str, key: str) -> str:
        fact = self._facts[product, key]
        return money_text(fact["value"], fact["unit"], DEFAULT_LOCALE)

    def _statement(self, text: str, *cited: tuple[str, ...]) -> Answer:
        return {"text": text, "fact_ids": self._ids(*cited)}

    def _ids(self, *cited: tuple[str, ...]) -> list[str]:
        return [self._facts[subject, key]["id"] for subject, *keys in cited for key in keys]
