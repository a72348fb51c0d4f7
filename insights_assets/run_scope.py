"""Which scopes a run's rebuilds cover.

Every rebuilt asset takes the same configuration. By default a run covers its partitions; a
micro-batch covers what is pending; the daily batch covers both, so that a page which came late
also reaches the days after it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import pandas as pd
from dagster import AssetExecutionContext, Config
from pydantic import Field
from sqlalchemy import Table

from insights_resources.marketplaces import ProductKey, parse_product_key
from insights_resources.scope import Scope, today_utc
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import (
    PendingBuild,
    changed_product_days,
    mark_consumed,
    pending,
)


class ScopeConfig(Config):
    """What a run covers."""

    products: list[str] = Field(
        default_factory=list,
        description="MARKETPLACE/ASIN of the products to limit the run to; empty: all of them.",
    )
    covers: Literal["partitions", "pending", "partitions_and_pending"] = Field(
        default="partitions",
        description=(
            "partitions: the days of the run. pending: only what its inputs have published since "
            "this asset last took them in. partitions_and_pending: both."
        ),
    )

    @property
    def includes_partitions(self) -> bool:
        return self.covers != "pending"

    @property
    def includes_pending(self) -> bool:
        return self.covers != "partitions"


def partition_scope(context: AssetExecutionContext, config: ScopeConfig) -> Scope:
    """The days of the run, and the products of its configuration."""
    products = frozenset(map(parse_product_key, config.products)) or None
    keys = context.partition_keys
    return Scope(date.fromisoformat(keys[0]), date.fromisoformat(keys[-1]), products)


@dataclass(frozen=True)
class Work:
    """The scopes to rebuild, and the builds that are taken in once they are rebuilt."""

    scopes: tuple[Scope, ...]
    takes_in: tuple[PendingBuild, ...]

    def done(self, warehouse: Warehouse, consumer: Table) -> None:
        """Records that the builds are taken in; call after the last rebuild."""
        mark_consumed(warehouse, consumer, [build.build_id for build in self.takes_in])


def work_of_run(
    context: AssetExecutionContext,
    config: ScopeConfig,
    warehouse: Warehouse,
    *,
    consumer: Table,
    upstream: Sequence[Table],
    reach_days: int,
) -> Work:
    """What this run must rebuild of ``consumer``.

    ``reach_days``: how many days after a changed day of an upstream row the consumer still
    depends on it (37 for features, whose look-back that is).
    """
    waiting = pending(warehouse, consumer, upstream)
    scopes: list[Scope] = []
    if config.includes_partitions:
        scopes.append(partition_scope(context, config))
    if config.includes_pending:
        changes = changed_product_days(warehouse, waiting)
        scopes += scopes_of_changes(changes, reach_days, today_utc())
        return Work(tuple(scopes), tuple(waiting))
    covered = scopes[0]
    return Work(
        tuple(scopes),
        tuple(build for build in waiting if _is_covered(build, covered, reach_days, today_utc())),
    )


def scopes_of_changes(changes: pd.DataFrame, reach_days: int, today: date) -> list[Scope]:
    """Scopes that cover every changed (product, day) and the days it reaches, none in the future.

    ``changes`` has the columns marketplace, asin, day. Products that changed over the same span
    of days share a scope.
    """
    if changes.empty:
        return []
    spans = changes.groupby(["marketplace", "asin"])["day"].agg(["min", "max"])
    by_span: dict[tuple[date, date], set[ProductKey]] = defaultdict(set)
    for (marketplace, asin), first, last in spans.itertuples(name=None):
        reached = min(last.date() + timedelta(days=reach_days), max(today, last.date()))
        by_span[(first.date(), reached)].add(ProductKey(marketplace, asin))
    return [
        Scope(first, last, frozenset(products))
        for (first, last), products in sorted(by_span.items())
    ]


def _is_covered(build: PendingBuild, scope: Scope, reach_days: int, today: date) -> bool:
    """Whether rebuilding the scope takes in all that the build changed."""
    if scope.products is not None or build.first_day is None or build.last_day is None:
        return False
    reached = min(build.last_day + timedelta(days=reach_days), max(today, build.last_day))
    return scope.first_day <= build.first_day and reached <= scope.last_day


def describe_scopes(scopes: Iterable[Scope]) -> str:
    """For the run's log."""
    return "; ".join(map(str, scopes)) or "nothing is pending"
