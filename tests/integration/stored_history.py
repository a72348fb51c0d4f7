"""Publishes captures as snapshots, and groups, for the tests of the layers after them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import insert, select

from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import PublishedBuild, publish
from tests.unit.features.capture_histories import snapshots


def store_snapshots(warehouse: Warehouse, captures: Iterable[Mapping[str, Any]]) -> PublishedBuild:
    """Makes these the snapshots of their days (see ``capture_histories.capture``)."""
    frame = snapshots(captures)
    day = frame["captured_at"].dt.tz_localize(None).dt.floor("D").astype("datetime64[s]")
    size = len(frame)
    missing_money = pd.array([pd.NA] * size, dtype="Int64")
    missing_text = pd.array([np.nan] * size, dtype="str")
    frame = frame.assign(
        day=day,
        origin=pd.array(["page"] * size, dtype="str"),
        captured_at_precision=pd.array(["exact"] * size, dtype="str"),
        brand=missing_text,
        coupon=missing_text,
        parser_version=pd.array(["test"] * size, dtype="str"),
        schema_version=pd.array([1] * size, dtype="Int64"),
        attributes=[{} for _ in range(size)],
        breadcrumbs=[[] for _ in range(size)],
        field_sources=[{} for _ in range(size)],
        disputed_fields=[{} for _ in range(size)],
    )
    for name in ("price_min", "price_max", "subscribe_save_price", "used_price", "offers_from"):
        frame[name] = missing_money
    scope = Scope(day.min().date(), day.max().date())
    table = tables.product_snapshots
    return publish(
        warehouse,
        table,
        frame,
        covers=table.c.day.between(scope.first_day, scope.last_day),
        scope=scope,
        code_version="test",
    )


def store_group(
    warehouse: Warehouse,
    group_id: str,
    members: Iterable[tuple[str, str, date, date | None]],
    *,
    is_active: bool = True,
) -> None:
    """A group with members (marketplace, asin, valid_from, valid_to)."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    with warehouse.begin() as connection:
        connection.execute(
            insert(tables.competitive_groups).values(
                group_id=group_id,
                name=group_id,
                source="file",
                is_active=is_active,
                created_at=now,
                last_updated_at=now,
            )
        )
        for marketplace, asin, valid_from, valid_to in members:
            connection.execute(
                insert(tables.group_members).values(
                    group_id=group_id,
                    marketplace=marketplace,
                    asin=asin,
                    valid_from=valid_from,
                    valid_to=valid_to,
                )
            )


def build_statuses(warehouse: Warehouse, table_name: str) -> list[str]:
    """The statuses of the table's builds, oldest first."""
    query = (
        select(tables.builds.c.status)
        .where(tables.builds.c.table_name == table_name)
        .order_by(tables.builds.c.build_id)
    )
    with warehouse.begin() as connection:
        return list(connection.scalars(query))
