"""The language of rules' conditions: what people write as JSON or YAML, checked, as objects.

A condition is one test, or ``{"all": [...]}`` or ``{"any": [...]}`` of conditions:

- change: ``{"measure": "price", "against": "mean_7d", "change": "percent", "at_least": 10}``
- level: ``{"measure": "rating", "at_most": 4}``
- state: ``{"measure": "seller", "is_not": "Our shop"}``
- event: ``{"event": "seller_changed"}``

What it means is in ``docs/alerts.md``; how it is evaluated, in ``readings``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NoReturn, TypeVar

from insights_assets.alerts.measures import (
    MEASURES,
    TEXT_MEASURES,
    Baseline,
    ChangeType,
    Measure,
    TextMeasure,
    Unit,
)
from insights_resources.errors import InvalidInputError
from insights_resources.marketplaces import MARKETPLACES

#: Conditions in conditions in conditions that nobody can read are refused.
_DEEPEST = 5
_MOST_TESTS = 20

T = TypeVar("T", bound=StrEnum)


class Direction(StrEnum):
    UP = "up"
    DOWN = "down"
    EITHER = "either"


class EventType(StrEnum):
    """What happens on a day and does not last."""

    SELLER_CHANGED = "seller_changed"
    BACK_IN_STOCK = "back_in_stock"
    LISTING_CHANGED = "listing_changed"


@dataclass(frozen=True)
class Change:
    """The measure has moved from its baseline by at least this much.

    ``at_least`` is as written: percent, a factor above 1, standard deviations, or the measure's
    unit. ``baseline`` None: sigma, whose baseline is the close of the day before.
    """

    measure: Measure
    baseline: Baseline | None
    change: ChangeType
    at_least: float
    direction: Direction = Direction.EITHER
    currency: str | None = None

    @property
    def columns(self) -> frozenset[str]:
        if self.baseline is None:
            return frozenset({"price_log_return_1d", "price_sigma_before", "price_returns_before"})
        return frozenset({self.measure.column, self.baseline.column})

    def size_of(self, written: float) -> float:
        """What is written in the condition's unit, as the size of a move: a ratio for percent, a
        logarithm for a factor."""
        if self.change is ChangeType.PERCENT:
            return written / 100
        if self.change is ChangeType.FACTOR:
            return math.log(written)
        return written


@dataclass(frozen=True)
class Level:
    """The measure is at least, or with ``is_upper`` at most, this."""

    measure: Measure
    bound: float
    is_upper: bool
    currency: str | None = None

    @property
    def columns(self) -> frozenset[str]:
        return frozenset({self.measure.column})


@dataclass(frozen=True)
class State:
    """The text is one of these, or with ``is_not`` none of these."""

    measure: TextMeasure
    values: tuple[str, ...]
    is_not: bool

    @property
    def columns(self) -> frozenset[str]:
        return frozenset({self.measure.column})


@dataclass(frozen=True)
class Event:
    """Something happened on the day. ``after_captures``: how long a stock-out has to be for its
    end to count, in captures."""

    event: EventType
    after_captures: int | None = None

    @property
    def columns(self) -> frozenset[str]:
        is_of_listing = self.event is EventType.LISTING_CHANGED
        return frozenset({"listing_changed"}) if is_of_listing else frozenset()


@dataclass(frozen=True)
class AllOf:
    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class AnyOf:
    conditions: tuple[Condition, ...]


#: A single test.
SingleTest = Change | Level | State | Event
Condition = SingleTest | AllOf | AnyOf


def single_tests(condition: Condition) -> Iterator[SingleTest]:
    """The single tests of a condition, in the order in which they are written. The first leads:
    the alert's numbers, its severity and its creep are those of this one."""
    if isinstance(condition, AllOf | AnyOf):
        for part in condition.conditions:
            yield from single_tests(part)
    else:
        yield condition


def is_event(condition: Condition) -> bool:
    """Whether it is something that happens on a day, and does not last."""
    if isinstance(condition, AllOf):
        return any(map(is_event, condition.conditions))
    if isinstance(condition, AnyOf):
        return all(map(is_event, condition.conditions))
    return isinstance(condition, Event)


def parse_condition(document: Any, where: str = "condition") -> Condition:
    """The condition that a JSON document says.

    Raises ``InvalidInputError`` that begins with the field's path (``condition.all[1].at_least``)
    for anything that is not of the language.
    """
    condition = _parse(document, where, 1)
    if sum(1 for _ in single_tests(condition)) > _MOST_TESTS:
        fail(where, f"has more than {_MOST_TESTS} tests; make several rules of it")
    return condition


def fail(where: str, problem: str) -> NoReturn:
    """Refuses a field of a rule."""
    raise InvalidInputError(f"{where}: {problem}")


def fields_of(document: Any, where: str, allowed: Sequence[str]) -> Mapping[str, Any]:
    """The fields of an object; refuses what is none, and fields that nobody reads."""
    if not isinstance(document, Mapping):
        fail(where, f"must be an object with the fields {', '.join(allowed)}, is {document!r}")
    for name in document:
        if name not in allowed:
            fail(f"{where}.{name}", f"no such field here; known are {', '.join(allowed)}")
    return document


def number_of(value: Any, where: str) -> float:
    """A finite number."""
    # A truth value is an int to Python.
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        fail(where, f"must be a number, is {value!r}")
    return float(value)


def choice_of(value: Any, kind: type[T], where: str) -> T:
    """One of the names of an enumeration."""
    names = [str(member) for member in kind]
    if not isinstance(value, str) or value not in names:
        fail(where, f"must be one of {', '.join(names)}, is {value!r}")
    return kind(value)


def _parse(document: Any, where: str, depth: int) -> Condition:
    if not isinstance(document, Mapping):
        fail(
            where, f"must be an object such as {{all: [...]}} or {{measure: ...}}, is {document!r}"
        )
    if "all" in document or "any" in document:
        return _combination(document, where, depth)
    if "event" in document:
        return _event(document, where)
    if "measure" not in document:
        fail(where, "has none of all, any, measure, event")
    name = document["measure"]
    if isinstance(name, str) and name in TEXT_MEASURES:
        return _state(document, where, TEXT_MEASURES[name])
    if not isinstance(name, str) or name not in MEASURES:
        known = ", ".join([*MEASURES, *TEXT_MEASURES])
        fail(f"{where}.measure", f"no measure {name!r}; known are {known}")
    if "change" in document or "against" in document:
        return _change(document, where, MEASURES[name])
    return _level(document, where, MEASURES[name])


def _combination(document: Mapping[str, Any], where: str, depth: int) -> AllOf | AnyOf:
    name = "all" if "all" in document else "any"
    parts = fields_of(document, where, [name])[name]
    where = f"{where}.{name}"
    if depth > _DEEPEST:
        fail(where, f"stands deeper than {_DEEPEST} levels; make several rules of it")
    if not isinstance(parts, list | tuple) or not parts:
        fail(where, f"must be a list of conditions, is {parts!r}")
    conditions = tuple(
        _parse(part, f"{where}[{number}]", depth + 1) for number, part in enumerate(parts)
    )
    if name == "all":
        return AllOf(conditions)
    if len(set(map(is_event, conditions))) > 1:
        fail(
            where,
            "mixes events, which happen on a day, with conditions that last; make two rules of it",
        )
    return AnyOf(conditions)


def _event(document: Mapping[str, Any], where: str) -> Event:
    event = choice_of(document["event"], EventType, f"{where}.event")
    if event is not EventType.BACK_IN_STOCK:
        fields_of(document, where, ["event"])
        return Event(event)
    captures = fields_of(document, where, ["event", "after_captures"]).get("after_captures")
    if isinstance(captures, bool) or not isinstance(captures, int) or captures < 1:
        fail(f"{where}.after_captures", f"must be a whole number from 1 on, is {captures!r}")
    return Event(event, captures)


def _state(document: Mapping[str, Any], where: str, measure: TextMeasure) -> State:
    fields = fields_of(document, where, ["measure", "is", "is_not"])
    if ("is" in fields) == ("is_not" in fields):
        fail(where, f"a text such as {measure.name} needs one of is, is_not")
    name = "is" if "is" in fields else "is_not"
    given = fields[name]
    values = tuple(given) if isinstance(given, list | tuple) else (given,)
    if not values or not all(isinstance(value, str) and value.strip() for value in values):
        fail(f"{where}.{name}", f"must be a text or a list of texts, is {given!r}")
    for value in values:
        if measure.values is not None and value not in measure.values:
            known = ", ".join(measure.values)
            fail(f"{where}.{name}", f"{measure.name} is never {value!r}; known are {known}")
    return State(measure, values, name == "is_not")


def _level(document: Mapping[str, Any], where: str, measure: Measure) -> Level:
    fields = fields_of(document, where, ["measure", "at_least", "at_most", "currency"])
    if ("at_least" in fields) == ("at_most" in fields):
        fail(where, "needs one of at_least, at_most (or against and change, to test a move)")
    name = "at_least" if "at_least" in fields else "at_most"
    bound = number_of(fields[name], f"{where}.{name}")
    is_amount = measure.unit is Unit.MONEY
    return Level(measure, bound, name == "at_most", _currency(fields, where, is_amount=is_amount))


def _change(document: Mapping[str, Any], where: str, measure: Measure) -> Change:
    allowed = ["measure", "against", "change", "at_least", "direction", "currency"]
    fields = fields_of(document, where, allowed)
    change = choice_of(fields.get("change"), ChangeType, f"{where}.change")
    baseline = _baseline(fields, where, measure, change)
    at_least = number_of(fields.get("at_least"), f"{where}.at_least")
    least = 1.0 if change is ChangeType.FACTOR else 0.0
    if at_least <= least:
        fail(f"{where}.at_least", f"must be above {least:g} for {change}, is {at_least:g}")
    direction = choice_of(
        fields.get("direction", Direction.EITHER), Direction, f"{where}.direction"
    )
    is_amount = measure.unit is Unit.MONEY and change is ChangeType.ABSOLUTE
    currency = _currency(fields, where, is_amount=is_amount)
    return Change(measure, baseline, change, at_least, direction, currency)


def _baseline(
    fields: Mapping[str, Any], where: str, measure: Measure, change: ChangeType
) -> Baseline | None:
    against = fields.get("against")
    if change is ChangeType.SIGMA:
        if measure.name != "price":
            fail(f"{where}.change", f"sigma is known of price only, not of {measure.name}")
        if against is not None:
            fail(
                f"{where}.against",
                "sigma tests the move since the close of the day before: leave against out",
            )
        return None
    if not measure.baselines:
        fail(f"{where}.against", f"{measure.name} has nothing to be compared with")
    if not isinstance(against, str) or against not in measure.baselines:
        known = ", ".join(measure.baselines)
        fail(f"{where}.against", f"must be one of {known}, is {against!r}")
    return measure.baselines[against]


def _currency(fields: Mapping[str, Any], where: str, *, is_amount: bool) -> str | None:
    currency = fields.get("currency")
    if not is_amount:
        if currency is not None:
            fail(f"{where}.currency", "is for amounts only: leave it out")
        return None
    known = sorted({marketplace.currency for marketplace in MARKETPLACES.values()})
    if currency not in known:
        fail(
            f"{where}.currency",
            f"an amount needs its currency, one of {', '.join(known)}, is {currency!r}",
        )
    return str(currency)
