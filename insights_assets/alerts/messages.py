"""An alert in one plain English sentence, with its numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from babel.numbers import get_currency_precision

from insights_assets.alerts.rules import Kind
from insights_assets.alerts.transitions import CREPT

_LONGEST_NAME = 80

#: An alert with the columns of its reading, its transition and its day's features.
Alert = Mapping[str, Any]


def message_of(kind: Kind, alert: Alert) -> str:
    """The sentence for an alert: its reading, transition and features of the day in one row."""
    return _SENTENCES[kind](alert, f"{alert['asin']} on {alert['marketplace']}")


def _price_move(alert: Alert, product: str) -> str:
    value, baseline = alert["value"], alert["baseline"]
    move = value / baseline - 1
    against = (
        f"{abs(move):.1%} {'above' if move > 0 else 'below'} its 7-day mean of "
        f"{_money(baseline, alert)}"
    )
    if alert["transition"] == CREPT:
        last = alert["last_alerted_value"]
        verb = "rose" if value > last else "fell"
        return (
            f"The price of {product} {verb} on from {_money(last, alert)} at the last alert to "
            f"{_money(value, alert)}, {against}."
        )
    verb = "rose" if move > 0 else "fell"
    return f"The price of {product} {verb} to {_money(value, alert)}, {against}."


def _rank_move(alert: Alert, product: str) -> str:
    value, baseline = alert["value"], alert["baseline"]
    if alert["transition"] == CREPT:
        last = alert["last_alerted_value"]
        return (
            f"The Best Sellers Rank of {product} {_rank_verb(value, last)} on from {last:,.0f} at "
            f"the last alert to {value:,.0f}, against a 7-day median of {_plain(baseline)}."
        )
    return (
        f"The Best Sellers Rank of {product} {_rank_verb(value, baseline)} to {value:,.0f} from a "
        f"7-day median of {_plain(baseline)}."
    )


def _rank_verb(value: float, other: float) -> str:
    # "Rose" would be read either way: a lower rank is a better one.
    return "improved" if value < other else "worsened"


def _rating_drop(alert: Alert, product: str) -> str:
    if alert["transition"] == CREPT:
        return (
            f"The rating of {product} fell on from {alert['last_alerted_value']:.1f} stars at the "
            f"last alert to {alert['value']:.1f}, {alert['magnitude']:.1f} below that of 30 days "
            f"before."
        )
    return (
        f"The rating of {product} fell by {alert['magnitude']:.1f} to {alert['value']:.1f} stars "
        f"within 30 days."
    )


def _out_of_stock(alert: Alert, product: str) -> str:
    state = "unavailable" if alert["availability"] == "unavailable" else "out of stock"
    return f"{product} is {state}, as {alert['value']:.0f} captures in a row show."


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


def _price_sigma(alert: Alert, product: str) -> str:
    move = math.exp(alert["value"]) - 1
    return (
        f"The price of {product} {'rose' if move > 0 else 'fell'} by {abs(move):.1%} in a day to "
        f"{_money(alert['price'] / 100, alert)}, {alert['magnitude']:.1f} times its usual move."
    )


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


_SENTENCES: dict[Kind, Callable[[Alert, str], str]] = {
    Kind.PRICE_MOVE: _price_move,
    Kind.RANK_MOVE: _rank_move,
    Kind.RATING_DROP: _rating_drop,
    Kind.OUT_OF_STOCK: _out_of_stock,
    Kind.BACK_IN_STOCK: _back_in_stock,
    Kind.SELLER_CHANGED: _seller_changed,
    Kind.PRICE_SIGMA: _price_sigma,
}
