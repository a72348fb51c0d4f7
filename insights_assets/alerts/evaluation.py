"""Rules over published features: the one evaluation, of rebuilds and of replays."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import ColumnElement, and_, func, or_, select

from insights_assets.alerts.conditions import Event, EventType, single_tests
from insights_assets.alerts.measures import Bools
from insights_assets.alerts.messages import messages_of
from insights_assets.alerts.readings import (
    MEMORY_COLUMNS,
    evaluate,
    observed_days,
    product_keys,
)
from insights_assets.alerts.rules import Rule, feature_columns
from insights_assets.alerts.transitions import walk
from insights_assets.features.timeline import LOOK_BACK_DAYS
from insights_resources.errors import InvalidInputError
from insights_resources.marketplaces import ProductKey
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.frames import conform, empty_frame, own_columns
from insights_resources.warehouse.publication import is_current, select_current
from insights_resources.warehouse.row_conditions import in_scope, of_products, one_of

#: Rows of features that are held at a time; a day is never divided.
_ROWS_AT_ONCE = 400_000
#: A statement names at most so many products; of more, it asks for all.
_MOST_PRODUCTS = 20_000
#: Days before a stretch at which what was last known is looked for: nearly all of it is the day
#: before's, and each step asks for what the one before did not find.
_MEMORY_STEPS = ((1, 1), (2, 7), (8, LOOK_BACK_DAYS))

_PRODUCT = ["marketplace", "asin"]
_STATE = [*_PRODUCT, "is_active", "last_alerted_value"]


@dataclass(frozen=True)
class Counts:
    """Of a rule, over products and days with captures on which it applies: how many, on how many
    its condition was known, and on how many it held."""

    product_days: int = 0
    known: int = 0
    held: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.product_days + other.product_days,
            self.known + other.known,
            self.held + other.held,
        )


@dataclass(frozen=True)
class Evaluation:
    """Rows of ``fact_alerts`` and of ``fact_alert_states``, and each rule's counts by its id."""

    alerts: pd.DataFrame
    states: pd.DataFrame
    counts: Mapping[str, Counts]


def evaluate_rules(
    warehouse: Warehouse, rules: Collection[Rule], scope: Scope, before: pd.DataFrame
) -> Evaluation:
    """Walks the rules through the scope's days, in stretches of bounded size.

    ``before`` has the state (columns of ``fact_alert_states``) of each rule and product at the end
    of the days before; those it lacks begin armed. Writes nothing. Raises ``InvalidInputError``
    for a rule whose group is not known.
    """
    members = Members(warehouse, rules)
    begins = {rule.rule_id: before.loc[before["rule_id"] == rule.rule_id, _STATE] for rule in rules}
    counts = dict.fromkeys(begins, Counts())
    alerts, states = [empty_frame(tables.alerts)], [empty_frame(tables.alert_states)]
    columns = feature_columns(rules)
    events = {
        test.event
        for rule in rules
        for test in single_tests(rule.condition)
        if isinstance(test, Event)
    }
    stretches = list(_stretches(warehouse, scope)) if rules else []
    for stretch in stretches:
        days = _observed_days(warehouse, stretch, columns, events)
        for rule in rules:
            applies = members.applies(rule, days)
            readings = evaluate(rule, days, applies)
            walked = walk(rule, readings, begins[rule.rule_id])
            if stretch is not stretches[-1]:
                begins[rule.rule_id] = _last_states(begins[rule.rule_id], walked.states)
            counts[rule.rule_id] += _count(readings["active"], applies)
            states.append(walked.states.assign(rule_id=rule.rule_id))
            if len(walked.alerts):
                alerts.append(_alert_rows(rule, walked.alerts, days))
    return Evaluation(
        conform(_concatenated(alerts), tables.alerts),
        conform(_concatenated(states), tables.alert_states),
        counts,
    )


def states_before(
    warehouse: Warehouse, scope: Scope, rule_ids: Sequence[str] | None = None
) -> pd.DataFrame:
    """The last published state of each rule (None: of all) and product before the scope."""
    table = tables.alert_states
    key = ("rule_id", *_PRODUCT)
    conditions = [
        is_current(table),
        table.c.day < scope.first_day,
        of_products(table, scope.products),
    ]
    if rule_ids is not None:
        conditions.append(one_of(table.c.rule_id, rule_ids))
    last = (
        select(*(table.c[name] for name in key), func.max(table.c.day).label("day"))
        .where(*conditions)
        .group_by(*(table.c[name] for name in key))
        .subquery()
    )
    return warehouse.read_frame(
        select_current(table).join(
            last, and_(*(table.c[name] == last.c[name] for name in (*key, "day")))
        )
    )


def alert_id(rule_id: str, marketplace: str, asin: str, day: date, transition: str) -> str:
    """The same for the same rule, product, day and transition, whoever computes it."""
    named = "|".join((rule_id, marketplace, asin, day.isoformat(), transition))
    return hashlib.sha256(named.encode()).hexdigest()[:32]


def _stretches(warehouse: Warehouse, scope: Scope) -> Iterator[Scope]:
    """The scope in parts of at most ``_ROWS_AT_ONCE`` rows of features, at least a day each."""
    table = tables.product_features
    query = (
        select(table.c.day, func.count())
        .where(is_current(table), in_scope(table, scope), table.c.observations > 0)
        .group_by(table.c.day)
        .order_by(table.c.day)
    )
    with warehouse.read() as connection:
        counts: list[tuple[date, int]] = [(row[0], row[1]) for row in connection.execute(query)]
    first, held = None, 0
    last = scope.first_day
    for day, count in counts:
        if first is not None and held + count > _ROWS_AT_ONCE:
            yield Scope(first, last, scope.products)
            first, held = None, 0
        first, last, held = first or day, day, held + count
    if first is not None:
        yield Scope(first, last, scope.products)


def _observed_days(
    warehouse: Warehouse, stretch: Scope, columns: Sequence[str], events: Collection[EventType]
) -> pd.DataFrame:
    """The days of a stretch, with what these events compare them with."""
    table = tables.product_features
    features = warehouse.read_frame(
        select_current(table, *(table.c[name] for name in columns)).where(
            in_scope(table, stretch), table.c.observations > 0
        )
    )
    return observed_days(features, _memory(warehouse, stretch, features, events))


def _memory(
    warehouse: Warehouse, stretch: Scope, features: pd.DataFrame, events: Collection[EventType]
) -> pd.DataFrame:
    """Days before the stretch (``MEMORY_COLUMNS``) that hold what was last known of each of its
    products: the seller, and the stock, as far as the events need them."""
    table = tables.product_features
    known: dict[str, ColumnElement[bool]] = {}
    if EventType.SELLER_CHANGED in events:
        known["seller"] = table.c.seller.is_not(None)
    if EventType.BACK_IN_STOCK in events:
        known["availability"] = table.c.availability != "unknown"
    if not known:
        return _no_memory()
    keys = product_keys(features)
    # Whole rows, for their marketplace and ASIN.
    unsettled = features.loc[~pd.Series(keys, features.index).duplicated(), _PRODUCT]
    found = []
    for nearest, farthest in _MEMORY_STEPS:
        if unsettled.empty:
            break
        few = len(unsettled) <= _MOST_PRODUCTS
        who = (
            frozenset(map(ProductKey, unsettled["marketplace"], unsettled["asin"]))
            if few
            else stretch.products
        )
        days = Scope(
            stretch.first_day - timedelta(days=farthest),
            stretch.first_day - timedelta(days=nearest),
            who,
        )
        rows = warehouse.read_frame(
            select_current(table, *(table.c[name] for name in MEMORY_COLUMNS)).where(
                in_scope(table, days), table.c.observations > 0, or_(*known.values())
            )
        )
        found.append(rows)
        together = pd.concat(found, ignore_index=True)
        products = product_keys(together)
        wanted = pd.Series(product_keys(unsettled), unsettled.index)
        is_settled = pd.Series(True, unsettled.index)
        if "seller" in known:
            is_settled &= wanted.isin(products[together["seller"].notna()])
        if "availability" in known:
            is_settled &= wanted.isin(products[together["availability"] != "unknown"])
        unsettled = unsettled[~is_settled]
    return pd.concat(found, ignore_index=True) if found else _no_memory()


def _no_memory() -> pd.DataFrame:
    return empty_frame(tables.product_features)[list(MEMORY_COLUMNS)]


class Members:
    """Which rows a rule applies to: the members of its groups on each day, and its products."""

    def __init__(self, warehouse: Warehouse, rules: Collection[Rule]) -> None:
        named = {
            group
            for rule in rules
            if rule.applies_to is not None
            for group in rule.applies_to.groups
        }
        self._memberships = pd.DataFrame()
        if not named:
            return
        groups, members = tables.competitive_groups, tables.group_members
        with warehouse.read() as connection:
            known = set(connection.scalars(select(groups.c.group_id)))
            self._memberships = warehouse.read_frame(
                select(members).where(one_of(members.c.group_id, sorted(named))), connection
            )
        for rule in rules:
            for group in rule.applies_to.groups if rule.applies_to is not None else ():
                if group not in known:
                    raise InvalidInputError(
                        f"alert rule {rule.rule_id!r}: applies_to.groups: no group {group!r}; "
                        f"known are {', '.join(sorted(known)) or 'none'}. Correct or disable it."
                    )

    def applies(self, rule: Rule, days: pd.DataFrame) -> Bools | None:
        """Row by row of ``days``; None: to all."""
        if rule.applies_to is None:
            return None
        keys = pd.MultiIndex.from_frame(days[_PRODUCT])
        applies: Bools = np.asarray(keys.isin(rule.applies_to.products), dtype=np.bool_)
        if rule.applies_to.groups:
            memberships = self._memberships
            joined = (
                days[[*_PRODUCT, "day"]]
                .assign(position=np.arange(len(days)))
                .merge(
                    memberships[memberships["group_id"].isin(rule.applies_to.groups)], on=_PRODUCT
                )
            )
            stands = (joined["valid_from"] <= joined["day"]) & (
                joined["valid_to"].isna() | (joined["valid_to"] >= joined["day"])
            )
            applies[joined.loc[stands, "position"].to_numpy(np.intp)] = True
        return applies


def _last_states(before: pd.DataFrame, changes: pd.DataFrame) -> pd.DataFrame:
    """Each product's state after the changes, which are in the order of their days."""
    if changes.empty:
        return before
    parts = [part for part in (before, changes[_STATE]) if len(part)]
    return pd.concat(parts, ignore_index=True).drop_duplicates(_PRODUCT, keep="last")


def _count(active: pd.Series, applies: Bools | None) -> Counts:
    if applies is not None:
        active = active[applies]
    return Counts(len(active), int(active.notna().sum()), int(active.sum()))


def _concatenated(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """One frame; empty ones would only blur the dtypes of the others."""
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else frames[0]


def _alert_rows(rule: Rule, alerts: pd.DataFrame, days: pd.DataFrame) -> pd.DataFrame:
    """Rows of ``fact_alerts`` for the alerts of a rule, which share the index of ``days``."""
    rest = [name for name in days.columns if name not in alerts.columns]
    transitions = alerts["transition"].astype("str")
    keys = zip(
        alerts["marketplace"], alerts["asin"], alerts["day"].dt.date, transitions, strict=True
    )
    rows: dict[str, Any] = {
        "rule_id": rule.rule_id,
        "alert_id": [alert_id(rule.rule_id, *key) for key in keys],
        "transition": transitions,
        "severity": list(map(str, rule.severities_of(alerts["magnitude"].to_numpy(np.float64)))),
        "message": messages_of(rule, alerts.join(days[rest])),
        "captured_at": days.loc[alerts.index, "last_captured_at"],
    }
    return alerts.assign(**rows)[own_columns(tables.alerts)]


def features_range(warehouse: Warehouse) -> tuple[date, date] | None:
    """The first and the last day that has features; None: there are none."""
    table = tables.product_features
    with warehouse.read() as connection:
        earliest = connection.scalar(select(func.min(table.c.day)).where(is_current(table)))
        latest = connection.scalar(select(func.max(table.c.day)).where(is_current(table)))
    return None if earliest is None or latest is None else (earliest, latest)
