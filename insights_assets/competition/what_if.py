"""What another price, rating or rank of a product would do to the scores of its group.

The features of the day are changed and scored again by the very code that scored them: there is no
second formula, and the other members' scores follow too, whose peer the product is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum

import pandas as pd

from insights_assets.competition.formulas import Method
from insights_assets.competition.group_day import GroupDay, plain_value, score_row
from insights_resources.errors import InvalidInputError
from insights_resources.marketplaces import MARKETPLACES, ProductKey
from insights_resources.warehouse.column_types import MONEY_SCALE
from insights_resources.warehouse.frames import to_minor


class Changed(StrEnum):
    """What can be thought to be different."""

    PRICE = "price"
    RATING = "rating"
    RANK = "rank"


@dataclass(frozen=True)
class Change:
    """A value of a product that is thought to be different: price in currency units, rating in
    stars, rank in the node in which it is compared (``node``; None: another kind of change).
    ``before`` is the value it has, None: none."""

    what: Changed
    value: Decimal
    before: Decimal | None = None
    node: str | None = None


@dataclass(frozen=True)
class WhatIf:
    """The group's scores without and with the changes: frames as of ``score_groups``."""

    product: ProductKey
    method: Method
    changes: tuple[Change, ...]
    before: pd.DataFrame
    after: pd.DataFrame


def parse_changes(texts: Iterable[str]) -> list[Change]:
    """``price=12.99``, ``rating=4.6``, ``rank=120`` as changes, each kind once.

    Raises ``InvalidInputError`` for anything else, for a price that is not above zero or has more
    than two decimals, a rating outside 0 to 5, a rank below 1.
    """
    changes: list[Change] = []
    for text in texts:
        name, separator, number = text.partition("=")
        if not separator or name.strip() not in list(Changed):
            raise InvalidInputError(
                f"{text!r} is no change: give price=12.99, rating=4.6 or rank=120"
            )
        what = Changed(name.strip())
        if what in (change.what for change in changes):
            raise InvalidInputError(f"{what} is changed twice: give one value")
        changes.append(Change(what, _value(what, number.strip(), text)))
    return changes


def _value(what: Changed, number: str, text: str) -> Decimal:
    try:
        value = Decimal(number)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        raise InvalidInputError(f"{text!r}: {number!r} is no number; write it as in price=12.99")
    if what is Changed.PRICE and (value <= 0 or value != round(value, MONEY_SCALE)):
        raise InvalidInputError(f"{text!r}: a price is above zero, with at most two decimals")
    if what is Changed.PRICE and value >= 10**10:
        raise InvalidInputError(f"{text!r}: a price is below ten thousand million")
    if what is Changed.RATING and not 0 <= value <= 5:
        raise InvalidInputError(f"{text!r}: a rating is 0 to 5 stars")
    if what is Changed.RANK and not 1 <= value < 2**31:
        raise InvalidInputError(f"{text!r}: a rank is 1 or more, and below 2,147,483,648")
    return value


def what_if(
    group_day: GroupDay, product: ProductKey, method: Method, changes: Sequence[Change]
) -> WhatIf:
    """The group's scores of one method, were the product's values others on that day.

    A rank is that of the node in which the product is compared (else of its deepest one): the day's
    rank for the standard method, its 7-day median for the robust one. Raises ``InvalidInputError``
    for what cannot be changed: a product without captures, a rank where none is shown, half a rank.
    """
    features, ranks = group_day.features.copy(), group_day.rank_features.copy()
    is_product = _is_product(features, product)
    if not is_product.any():
        raise InvalidInputError(
            f"{product} has no features on {group_day.day}: it was not captured in the 37 days up "
            f"to it, so nothing of it can be thought to be different"
        )
    made = []
    for change in changes:
        match change.what:
            case Changed.PRICE:
                made.append(_change_price(features, is_product, product, change))
            case Changed.RATING:
                made.append(_change_rating(features, is_product, change))
            case Changed.RANK:
                made.append(
                    _change_rank(group_day, features, ranks, is_product, product, method, change)
                )
    return WhatIf(
        product,
        method,
        tuple(made),
        _of_method(group_day.scored_again, method),
        _of_method(group_day.scored_from(features, ranks), method),
    )


def _of_method(scores: pd.DataFrame, method: Method) -> pd.DataFrame:
    return scores[scores["method"] == method.value].reset_index(drop=True)


def _is_product(frame: pd.DataFrame, product: ProductKey) -> pd.Series:
    return (frame["marketplace"] == product.marketplace) & (frame["asin"] == product.asin)


def _change_price(
    features: pd.DataFrame, is_product: pd.Series, product: ProductKey, change: Change
) -> Change:
    before = plain_value(features.loc[is_product, "price"].iloc[0])
    features.loc[is_product, "price"] = to_minor(change.value)
    features.loc[is_product, "price_missing_reason"] = None
    if before is None and pd.isna(features.loc[is_product, "currency"].iloc[0]):
        features.loc[is_product, "currency"] = MARKETPLACES[product.marketplace].currency
    return Change(
        change.what,
        change.value,
        None if before is None else Decimal(int(before)).scaleb(-MONEY_SCALE),
    )


def _change_rating(features: pd.DataFrame, is_product: pd.Series, change: Change) -> Change:
    before = plain_value(features.loc[is_product, "rating"].iloc[0])
    features.loc[is_product, "rating"] = float(change.value)
    return Change(change.what, change.value, None if before is None else Decimal(str(before)))


def _change_rank(
    group_day: GroupDay,
    features: pd.DataFrame,
    ranks: pd.DataFrame,
    is_product: pd.Series,
    product: ProductKey,
    method: Method,
    change: Change,
) -> Change:
    own = ranks[_is_product(ranks, product)].sort_values(
        ["position", "node_key"], ascending=[False, True]
    )
    if own.empty:
        raise InvalidInputError(
            f"{product} shows no Best Sellers Rank on {group_day.day}: there is no category in "
            f"which its rank could be thought to be different"
        )
    compared = score_row(group_day.scored_again, product, method)["inputs"].get("rank_node")
    node = compared if compared is not None else str(own["node_key"].iloc[0])
    at = _is_product(ranks, product) & (ranks["node_key"] == node)
    if method is Method.ROBUST:
        before = plain_value(ranks.loc[at, "rank_median_7d"].iloc[0])
        ranks.loc[at, "rank_median_7d"] = float(change.value)
    else:
        if change.value != int(change.value):
            raise InvalidInputError(f"rank={change.value}: a rank is a whole number")
        before = plain_value(ranks.loc[at, "rank"].iloc[0])
        ranks.loc[at, "rank"] = int(change.value)
        # The first rank listed also says which variation stands for its family.
        if int(ranks.loc[at, "position"].iloc[0]) == 1:
            features.loc[is_product, "primary_rank"] = int(change.value)
    return Change(change.what, change.value, None if before is None else Decimal(str(before)), node)
