"""A group's stored scores of a day, with the features that they were computed from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any

import pandas as pd
from sqlalchemy import ColumnElement, Connection, Table, and_, func, or_, select

from insights_assets.competition.formulas import Method
from insights_assets.competition.scoring import FEATURE_COLUMNS, RANK_COLUMNS, score_groups
from insights_resources.errors import InvalidInputError
from insights_resources.marketplaces import ProductKey
from insights_resources.warehouse import tables
from insights_resources.warehouse.consumer_reads import read_for_consumers
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import is_current, select_current
from insights_resources.warehouse.row_conditions import of_products

#: What identifies a score within a group and day.
_KEY = ["marketplace", "asin", "method"]


@dataclass(frozen=True, eq=False)
class GroupDay:
    """The scores of a group on a day as they are stored, and what they were computed from.

    ``scores`` has the current rows of ``fact_competitive_scores``; ``features`` and
    ``rank_features`` the members' rows of the day as they were published when it was scored, with
    the columns that scoring reads (and the names of the nodes). ``scored_at`` is when that was.
    ``names`` has what people call the products, where that is known.
    """

    group_id: str
    group_name: str
    day: date
    scored_at: datetime
    scores: pd.DataFrame
    features: pd.DataFrame
    rank_features: pd.DataFrame
    names: dict[ProductKey, str]

    @cached_property
    def products(self) -> list[ProductKey]:
        """The members on that day, in order."""
        return sorted(
            {
                ProductKey(marketplace, asin)
                for marketplace, asin in zip(
                    self.scores["marketplace"], self.scores["asin"], strict=True
                )
            }
        )

    def product(self, asin: str, marketplace: str | None = None) -> ProductKey:
        """The member with this ASIN; raises ``InvalidInputError`` naming the members when there is
        none, or the marketplaces when it is one on several."""
        found = [
            product
            for product in self.products
            if product.asin == asin and marketplace in (None, product.marketplace)
        ]
        if len(found) == 1:
            return found[0]
        if found:
            raise InvalidInputError(
                f"{asin} is in {self.group_id} on several marketplaces: give --marketplace "
                + " or ".join(product.marketplace for product in found)
            )
        wanted = asin if marketplace is None else f"{marketplace}/{asin}"
        raise InvalidInputError(
            f"{wanted} was no member of {self.group_id} on {self.day}; its members were "
            + ", ".join(map(str, self.products))
        )

    @cached_property
    def feature_rows(self) -> dict[ProductKey, dict[str, Any]]:
        """The row of ``features`` of each product that has one; None for what is missing."""
        return {
            ProductKey(row["marketplace"], row["asin"]): row for row in _plain_rows(self.features)
        }

    @cached_property
    def rank_rows(self) -> dict[tuple[ProductKey, str], dict[str, Any]]:
        """The row of ``rank_features`` of each product and node."""
        return {
            (ProductKey(row["marketplace"], row["asin"]), row["node_key"]): row
            for row in _plain_rows(self.rank_features)
        }

    @cached_property
    def scored_again(self) -> pd.DataFrame:
        """The group's scores computed again from its own features."""
        return self.scored_from(self.features, self.rank_features)

    def scored_from(self, features: pd.DataFrame, rank_features: pd.DataFrame) -> pd.DataFrame:
        """The group's scores computed from other features of its members."""
        day = pd.Series([pd.Timestamp(self.day)] * len(self.products)).astype("datetime64[s]")
        members = pd.DataFrame(
            {
                "group_id": pd.array([self.group_id] * len(self.products), dtype="str"),
                "marketplace": pd.array([p.marketplace for p in self.products], dtype="str"),
                "asin": pd.array([p.asin for p in self.products], dtype="str"),
                "valid_from": day,
                "valid_to": day,
            }
        )
        return score_groups(
            features,
            rank_features,
            members,
            self.day,
            self.day,
            now=self.scored_at,
        )


def score_row(scores: pd.DataFrame, product: ProductKey, method: Method) -> dict[str, Any]:
    """The row of a product and method; None for what is missing."""
    found = scores[
        (scores["marketplace"] == product.marketplace)
        & (scores["asin"] == product.asin)
        & (scores["method"] == method.value)
    ]
    return {str(name): plain_value(value) for name, value in found.iloc[0].items()}


def _plain_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {str(name): plain_value(value) for name, value in row.items()}
        for row in frame.to_dict("records")
    ]


def plain_value(value: Any) -> Any:
    """A frame's value, None for any missing one."""
    return None if value is pd.NA or value is pd.NaT or value != value else value


#: The facts that a group's day is read from.
_READ = (
    tables.competitive_scores,
    tables.product_features,
    tables.rank_features,
    tables.product_summaries,
)


def read_group_day(warehouse: Warehouse, group_id: str, day: date | None = None) -> GroupDay:
    """The group's scores of a day (default: the last one that has any).

    Raises ``InvalidInputError`` for a group that there is not (naming those that there are) and for
    a day without scores (naming the nearest with some).
    """
    return read_for_consumers(
        warehouse, _READ, lambda connection: _read(warehouse, connection, group_id, day)
    )


def _read(
    warehouse: Warehouse, connection: Connection, group_id: str, day: date | None
) -> GroupDay:
    scores = tables.competitive_scores
    name = _name_of(connection, group_id)
    scored_day = _scored_day(connection, group_id, day)
    on_day = and_(scores.c.group_id == group_id, scores.c.day == scored_day)
    frame = warehouse.read_frame(select_current(scores).where(on_day), connection)
    frame = frame.sort_values(_KEY, ignore_index=True)
    # When the last build that changed a score of the group began: it computed all of them, and
    # any build since has found them right.
    builds = select(scores.c.build_id).where(is_current(scores), on_day)
    scored_at = connection.scalar(
        select(func.max(tables.builds.c.started_at)).where(tables.builds.c.build_id.in_(builds))
    )
    if scored_at is None:
        raise InvalidInputError(f"{group_id} has no score on {scored_day}")
    products = [
        ProductKey(marketplace, asin)
        for marketplace, asin in zip(frame["marketplace"], frame["asin"], strict=True)
    ]
    return GroupDay(
        group_id=group_id,
        group_name=name,
        day=scored_day,
        scored_at=scored_at,
        scores=frame,
        features=_known_then(
            warehouse,
            connection,
            tables.product_features,
            FEATURE_COLUMNS,
            products,
            scored_day,
            scored_at,
        ),
        rank_features=_known_then(
            warehouse,
            connection,
            tables.rank_features,
            (*RANK_COLUMNS, "category"),
            products,
            scored_day,
            scored_at,
        ),
        names=product_names(connection, products),
    )


def product_names(connection: Connection, products: Sequence[ProductKey]) -> dict[ProductKey, str]:
    """What people call the products: the catalog's label, else the title at the last capture."""
    table = tables.product_summaries
    rows = connection.execute(
        select(table.c.marketplace, table.c.asin, func.coalesce(table.c.label, table.c.title))
        .where(is_current(table))
        .where(of_products(table, set(products)))
    )
    return {ProductKey(marketplace, asin): name for marketplace, asin, name in rows if name}


def require_group(connection: Connection, group_id: str) -> None:
    """Raises ``InvalidInputError`` naming the groups that there are, when this is none."""
    _name_of(connection, group_id)


def _name_of(connection: Connection, group_id: str) -> str:
    groups = tables.competitive_groups
    name = connection.scalar(select(groups.c.name).where(groups.c.group_id == group_id))
    if name is None:
        known = connection.scalars(select(groups.c.group_id).order_by(groups.c.group_id)).all()
        named = ", ".join(known) or "none: run insights demo first"
        raise InvalidInputError(f"no group {group_id!r}; known are {named}")
    return str(name)


def _scored_day(connection: Connection, group_id: str, day: date | None) -> date:
    scores = tables.competitive_scores
    of_group = and_(is_current(scores), scores.c.group_id == group_id)

    def nearest(which: Any, *conditions: ColumnElement[bool]) -> date | None:
        found = connection.scalar(select(which(scores.c.day)).where(of_group, *conditions))
        return None if found is None else date.fromisoformat(str(found))

    if day is None:
        last = nearest(func.max)
        if last is None:
            raise InvalidInputError(
                f"{group_id} has no score on any day; make them with insights backfill --from DAY"
            )
        return last
    before = nearest(func.max, scores.c.day <= day)
    if before == day:
        return day
    after = nearest(func.min, scores.c.day > day)
    known = [str(each) for each in (before, after) if each is not None]
    raise InvalidInputError(
        f"{group_id} has no score on {day}; "
        + (
            f"the nearest {'day' if len(known) == 1 else 'days'} with scores: "
            f"{' and '.join(known)}; for this one run "
            if known
            else "nor on any other day; run "
        )
        + f"insights backfill --from {day}"
    )


def _known_then(
    warehouse: Warehouse,
    connection: Connection,
    table: Table,
    columns: Sequence[str],
    products: Sequence[ProductKey],
    day: date,
    instant: datetime,
) -> pd.DataFrame:
    """The products' rows of the day that were current at the instant."""
    query = select(*(table.c[name] for name in columns)).where(
        table.c.day == day,
        table.c.recorded_at <= instant,
        or_(table.c.superseded_at.is_(None), table.c.superseded_at > instant),
        of_products(table, set(products)),
    )
    return warehouse.read_frame(query, connection)
