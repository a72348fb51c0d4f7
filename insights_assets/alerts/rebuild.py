"""Published features and the rules -> published alerts and states: ``rebuild_alerts``."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date

import pandas as pd
from sqlalchemy import and_, func, select

from insights_assets.alerts.evaluation import evaluate_rules, states_before
from insights_assets.alerts.rules import Rule, Severity
from insights_assets.alerts.transitions import CREPT, FIRED
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import (
    Audit,
    AuditFinding,
    PublishedBuild,
    is_current,
    publish,
    select_current,
)
from insights_resources.warehouse.row_conditions import in_scope, of_products, one_of

#: Version of the code that makes alerts: raise it when a rebuild would give other rows.
ALERTS_VERSION = "2"


@dataclass(frozen=True)
class AlertsRebuild:
    """What a rebuild published; ``new_alerts`` (columns of ``fact_alerts``) were not there
    before."""

    alerts: PublishedBuild
    states: PublishedBuild
    new_alerts: pd.DataFrame


def rebuild_alerts(
    warehouse: Warehouse, scope: Scope, *, run_id: str | None = None
) -> AlertsRebuild:
    """Walks the enabled rules through the scope's days, and publishes alerts and states.

    What follows a day depends on it: the scope is extended to the last day of its products that
    has features, alerts or states. It begins in the state that was published for the days before.
    The same features give the same alerts, and rows that did not change are not written again.

    Alerts of a rule that is not enabled stay as they are; its state ends on the scope's first day.
    Raises ``InvalidInputError`` for an enabled rule that cannot be evaluated, ``AuditFailedError``
    when what it computed cannot be right.
    """
    # Not by day: each day begins in the state that the day before ended in, and how far this
    # rebuild reaches is only known once nobody else writes.
    with warehouse.writer_lock(tables.alerts, None, None):
        scope = Scope(scope.first_day, _last_day(warehouse, scope), scope.products)
        rules = enabled_rules(warehouse)
        before = states_before(warehouse, scope)
        evaluation = evaluate_rules(warehouse, rules, scope, before)
        computed, states = evaluation.alerts, evaluation.states
        ended = _ended_states(before, rules, scope)
        if len(ended):
            states = pd.concat([states, ended], ignore_index=True) if len(states) else ended
        covers = and_(
            in_scope(tables.alerts, scope),
            one_of(tables.alerts.c.rule_id, [rule.rule_id for rule in rules]),
        )
        known = warehouse.read_frame(
            select_current(tables.alerts, tables.alerts.c.alert_id).where(covers)
        )
        published_alerts = publish(
            warehouse,
            tables.alerts,
            computed,
            covers=covers,
            scope=scope,
            audits=(audit_of_days(scope), audit_alerts),
            code_version=ALERTS_VERSION,
            run_id=run_id,
        )
        # After the alerts: when their audit fails, the states stay those of the alerts that stand.
        published_states = publish(
            warehouse,
            tables.alert_states,
            states,
            covers=in_scope(tables.alert_states, scope),
            scope=scope,
            audits=(audit_of_days(scope),),
            code_version=ALERTS_VERSION,
            run_id=run_id,
        )
    is_new = ~computed["alert_id"].isin(known["alert_id"])
    new_alerts = computed[is_new].sort_values(["day", "alert_id"], ignore_index=True)
    return AlertsRebuild(published_alerts, published_states, new_alerts)


def enabled_rules(warehouse: Warehouse) -> list[Rule]:
    """The rules that fire, by id; raises ``InvalidInputError`` for one that cannot be evaluated."""
    table = tables.alert_rules
    query = select(table).where(table.c.is_enabled).order_by(table.c.rule_id)
    with warehouse.read() as connection:
        return [Rule.of_row(row._asdict()) for row in connection.execute(query)]


def _last_day(warehouse: Warehouse, scope: Scope) -> date:
    """The last day that follows from the scope's days."""
    days = [scope.last_day]
    with warehouse.read() as connection:
        for table in (tables.product_features, tables.alerts, tables.alert_states):
            last = connection.scalar(
                select(func.max(table.c.day)).where(
                    is_current(table), of_products(table, scope.products)
                )
            )
            if last is not None:
                days.append(last)
    return max(days)


def _ended_states(before: pd.DataFrame, rules: Collection[Rule], scope: Scope) -> pd.DataFrame:
    """The states of rules that are not enabled any more end on the scope's first day."""
    enabled = [rule.rule_id for rule in rules]
    ended = before[before["is_active"] & ~before["rule_id"].isin(enabled)]
    return ended.assign(
        day=pd.Series(pd.Timestamp(scope.first_day), ended.index, dtype="datetime64[s]"),
        is_active=pd.Series(False, ended.index, dtype="boolean"),
        last_alerted_value=float("nan"),
    )


def audit_of_days(scope: Scope) -> Audit:
    """Every row is of a day, and of a product, of the scope."""

    def audit(frame: pd.DataFrame) -> Iterable[AuditFinding]:
        outside = ~frame["day"].between(pd.Timestamp(scope.first_day), pd.Timestamp(scope.last_day))
        yield _none("days_are_of_the_scope", outside)
        if scope.products is not None:
            keys = zip(frame["marketplace"], frame["asin"], strict=True)
            foreign = pd.Series([key not in scope.products for key in keys], dtype="bool")
            yield _none("products_are_of_the_scope", foreign)

    return audit


def audit_alerts(alerts: pd.DataFrame) -> Iterable[AuditFinding]:
    """What must hold before alerts are published."""
    yield _none("alert_ids_are_unique", alerts["alert_id"].duplicated())
    yield _none("severities_are_known", ~alerts["severity"].isin(list(Severity)))
    yield _none("transitions_are_known", ~alerts["transition"].isin([FIRED, CREPT]))
    yield _none("messages_say_something", alerts["message"].str.strip() == "")
    captured = alerts["captured_at"].dt.tz_localize(None).dt.floor("D")
    yield _none("captured_on_the_day", captured != alerts["day"])


def _none(check: str, wrong: pd.Series) -> AuditFinding:
    """No row may be wrong."""
    count = int(wrong.sum())
    return AuditFinding(check, count == 0, f"{count} of {len(wrong)} rows are not so")
