"""An alert in plain English, with its numbers: a sentence for each test that holds."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from babel.numbers import get_currency_precision

from insights_assets.alerts.conditions import (
    AllOf,
    AnyOf,
    Change,
    EventType,
    Level,
    SingleTest,
    State,
    single_tests,
)
from insights_assets.alerts.measures import ChangeType, Measure, Unit
from insights_assets.alerts.readings import read_test
from insights_assets.alerts.rules import Rule
from insights_assets.alerts.transitions import CREPT

_LONGEST_NAME = 80

#: What sentences show of an alert and its day's features, as far as the rule needs it.
_SHOWN = (
    "marketplace",
    "asin",
    "transition",
    "value",
    "baseline",
    "magnitude",
    "last_alerted_value",
    "currency",
    "price",
    "availability",
    "seller",
    "seller_before",
    "out_of_stock_before",
)

#: A test's numbers on an alert's day, with the alert and the day's features.
Alert = Mapping[str, Any]


def messages_of(rule: Rule, alerts: pd.DataFrame) -> list[str]:
    """The message of each alert of a rule.

    ``alerts`` has the columns of ``observed_days`` and of the rule's alerts in ``transitions``. A
    rule of one test gives one sentence; others give their name and a sentence for each test that
    holds, the first one first.
    """
    if alerts.empty:
        return []
    rows: list[dict[Any, Any]] = alerts[
        [name for name in _SHOWN if name in alerts.columns]
    ].to_dict("records")
    if not isinstance(rule.condition, AllOf | AnyOf):
        return [_sentence(rule.condition, row) for row in rows]
    sentences: list[list[str]] = [[] for _ in rows]
    for number, test in enumerate(single_tests(rule.condition)):
        reading = read_test(test, alerts)
        shown = reading.holds & reading.known
        if number == 0:
            # Where the first test's value has crept, it is what there is to tell.
            shown = shown | (alerts["transition"] == CREPT).to_numpy(np.bool_)
        for position in np.flatnonzero(shown):
            row = rows[position] | {
                "value": reading.value[position],
                "baseline": reading.baseline[position],
                "magnitude": reading.magnitude[position],
            }
            if number:
                row["transition"] = None
            sentences[position].append(_sentence(test, row))
    return [f"{_name(rule.name)}: {' '.join(parts)}" for parts in sentences]


def _sentence(test: SingleTest, alert: Alert) -> str:
    product = f"{alert['asin']} on {alert['marketplace']}"
    if isinstance(test, Change):
        return _sigma(alert, product) if test.baseline is None else _change(test, alert, product)
    if isinstance(test, Level):
        return _level(test, alert, product)
    if isinstance(test, State):
        return _state(test, alert, product)
    return _EVENTS[test.event](alert, product)


def _change(test: Change, alert: Alert, product: str) -> str:
    measure, baseline = test.measure, test.baseline
    if baseline is None:
        return _sigma(alert, product)
    subject = f"The {measure.words} of {product}"
    value, compared_with = alert["value"], alert["baseline"]
    now, then = _amount(value, measure, alert), _amount(compared_with, measure, alert)
    side = "above" if value > compared_with else "below"
    size = _size(test, abs(alert["magnitude"]), alert)
    if alert["transition"] == CREPT:
        last = alert["last_alerted_value"]
        crept = (
            f"{subject} {_verb(measure, value, last)} on from {_amount(last, measure, alert)} at "
            f"the last alert to {_bare(value, measure, alert)}"
        )
        if test.change is ChangeType.FACTOR:
            return f"{crept}, against {baseline.words} of {then}."
        if baseline.days is not None and test.change is ChangeType.ABSOLUTE:
            return f"{crept}, {size} {side} that of {baseline.days} days before."
        return f"{crept}, {size} {side} {baseline.words} of {then}."
    verb = _verb(measure, value, compared_with)
    if test.change is ChangeType.FACTOR:
        return f"{subject} {verb} to {now} from {baseline.words} of {then}."
    if baseline.days is not None:
        return f"{subject} {verb} by {size} to {now} within {_days(baseline.days)}."
    return f"{subject} {verb} to {now}, {size} {side} {baseline.words} of {then}."


def _size(test: Change, magnitude: float, alert: Alert) -> str:
    """The size of a move in percent, or in the measure's unit (a rating's without the word)."""
    if test.change is ChangeType.PERCENT:
        return f"{magnitude:.1%}"
    return _bare(magnitude, test.measure, alert)


def _verb(measure: Measure, value: float, other: float) -> str:
    if measure.unit is Unit.RANK:
        # "Rose" would be read either way: a lower rank is a better one.
        return "improved" if value < other else "worsened"
    return "rose" if value > other else "fell"


def _sigma(alert: Alert, product: str) -> str:
    move = math.exp(alert["value"]) - 1
    return (
        f"The price of {product} {'rose' if move > 0 else 'fell'} by {abs(move):.1%} in a day to "
        f"{_money(alert['price'] / 100, alert)}, {abs(alert['magnitude']):.1f} times its usual "
        f"move."
    )


def _level(test: Level, alert: Alert, product: str) -> str:
    measure, value = test.measure, alert["value"]
    if measure.name == "out_of_stock_captures" and value > 0:
        state = "unavailable" if alert["availability"] == "unavailable" else "out of stock"
        captures = f"{value:.0f} capture{'' if value == 1 else 's'} in a row"
        return f"{product} is {state}, as {captures} {'shows' if value == 1 else 'show'}."
    bound = f"{'at most' if test.is_upper else 'at least'} {_amount(test.bound, measure, alert)}"
    text = f"The {measure.words} of {product} is {_amount(value, measure, alert)}"
    if alert["transition"] == CREPT:
        text += f" after {_amount(alert['last_alerted_value'], measure, alert)} at the last alert"
    return f"{text} (the rule's bound is {bound})."


def _state(test: State, alert: Alert, product: str) -> str:
    value = str(alert[test.measure.column])
    shown = _name(value) if test.measure.values is None else value.replace("_", " ")
    return f"The {test.measure.words} of {product} is {shown}."


def _back_in_stock(alert: Alert, product: str) -> str:
    limited = " in limited quantity" if alert["availability"] == "limited" else ""
    captures = alert["out_of_stock_before"]
    return (
        f"{product} is back in stock{limited} after {captures:.0f} "
        f"capture{'' if captures == 1 else 's'} in a row out of stock."
    )


def _seller_changed(alert: Alert, product: str) -> str:
    return (
        f"The buy-box seller of {product} changed from {_name(alert['seller_before'])} to "
        f"{_name(alert['seller'])}."
    )


def _listing_changed(alert: Alert, product: str) -> str:
    return f"The listing of {product} (title, bullets, images or description) changed."


def _amount(number: float, measure: Measure, alert: Alert) -> str:
    """A number of the measure with its unit."""
    shown = _bare(number, measure, alert)
    return f"{shown} stars" if measure.unit is Unit.STARS else shown


def _bare(number: float, measure: Measure, alert: Alert) -> str:
    """The same, a rating without the word "stars"."""
    if measure.unit is Unit.MONEY:
        return _money(number, alert)
    if measure.unit is Unit.STARS:
        return f"{number:.1f}"
    if measure.unit is Unit.SHARE:
        return f"{number:.1%}"
    if measure.unit is Unit.DAYS:
        return _days(number)
    return _plain(number)


def _days(number: float) -> str:
    return f"{_plain(number)} day{'' if number == 1 else 's'}"


def _money(amount: float, alert: Alert) -> str:
    currency = alert["currency"]
    if not isinstance(currency, str):
        return f"{amount:,.2f}"
    return f"{amount:,.{get_currency_precision(currency)}f} {currency}"


def _plain(number: float) -> str:
    """Without decimals that say nothing (a median may end in .5)."""
    return f"{number:,.0f}" if number == int(number) else f"{number:,.1f}"


def _name(text: str) -> str:
    """A name from a page: quoted, on one line, of bounded length, nothing that cannot be seen."""
    shown = "".join(c if c.isprintable() else " " for c in text)
    shown = " ".join(shown.split())
    if len(shown) > _LONGEST_NAME:
        shown = shown[: _LONGEST_NAME - 1] + "…"
    return f'"{shown}"'


_EVENTS: dict[EventType, Callable[[Alert, str], str]] = {
    EventType.SELLER_CHANGED: _seller_changed,
    EventType.BACK_IN_STOCK: _back_in_stock,
    EventType.LISTING_CHANGED: _listing_changed,
}
