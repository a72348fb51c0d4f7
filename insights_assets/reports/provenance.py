"""Which builds a stored report was made from.

Stored pages do not name them: equal data gives equal pages, whatever the builds are called. Files
do, because they leave the warehouse in which a row's build can be looked up.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, or_, select

from insights_assets.reports.inputs import HISTORY_DAYS
from insights_resources.warehouse import tables

#: Table -> numbers of the builds that its rows are of.
Builds = Mapping[str, list[int]]


def builds_behind(connection: Connection, report: Mapping[str, Any]) -> dict[str, list[int]]:
    """The report's own build, and those of the rows that stood when it was published.

    ``report``: day, group_id, build_id and recorded_at of a row of ``fact_competitive_reports``.
    """
    day, group_id, moment = report["day"], report["group_id"], report["recorded_at"]
    scores, features, alerts = tables.competitive_scores, tables.product_features, tables.alerts
    first_alert = day - timedelta(days=HISTORY_DAYS - 1)
    read = {
        scores: and_(scores.c.day == day, scores.c.group_id == group_id),
        features: and_(features.c.day == day, _is_member(features, report)),
        alerts: and_(alerts.c.day.between(first_alert, day), _is_member(alerts, report)),
    }
    found = {tables.competitive_reports.name: [int(report["build_id"])]}
    for table, condition in read.items():
        query = (
            select(table.c.build_id)
            .where(_stood_at(table, moment), condition)
            .distinct()
            .order_by(table.c.build_id)
        )
        found[table.name] = [int(build_id) for build_id in connection.scalars(query)]
    return found


def builds_sentence(builds: Builds) -> str:
    """``Builds: fact_competitive_scores 12, 13; fact_alerts none.``"""
    told = (f"{table} {', '.join(map(str, ids)) or 'none'}" for table, ids in builds.items())
    return f"Builds: {'; '.join(told)}."


def _stood_at(table: Table, moment: datetime) -> ColumnElement[bool]:
    return and_(
        table.c.recorded_at <= moment,
        or_(table.c.superseded_at.is_(None), table.c.superseded_at > moment),
    )


def _is_member(table: Table, report: Mapping[str, Any]) -> ColumnElement[bool]:
    members = tables.group_members
    return (
        select(members.c.asin)
        .where(
            members.c.group_id == report["group_id"],
            members.c.marketplace == table.c.marketplace,
            members.c.asin == table.c.asin,
            members.c.valid_from <= report["day"],
            or_(members.c.valid_to.is_(None), members.c.valid_to >= report["day"]),
        )
        .exists()
    )
