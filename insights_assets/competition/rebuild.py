"""Published features -> published scores: ``rebuild_scores``.

A product's score depends on its peers, so a scope of products covers every group that one of them
is in, with all of its members.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import ColumnElement, Select, Table, and_, or_, select

from insights_assets.competition.formulas import OVERALL_DIMENSIONS, Dimension
from insights_assets.competition.score_completeness import audit_completeness
from insights_assets.competition.scoring import (
    FEATURE_COLUMNS,
    MEMBER_COLUMNS,
    RANK_COLUMNS,
    score_groups,
)
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import (
    AuditFinding,
    CommitObserver,
    PublishedBuild,
    is_current,
    publish,
    select_current,
)
from insights_resources.warehouse.row_conditions import of_products, one_of

#: Version of the code that scores: raise it when a rebuild would give other rows.
SCORES_VERSION = "1"

#: A stored overall score may differ from the sum of its contributions by its rounding.
_ROUNDING = 0.0051


def rebuild_scores(
    warehouse: Warehouse,
    scope: Scope,
    *,
    run_id: str | None = None,
    now: datetime | None = None,
    observer: CommitObserver | None = None,
) -> PublishedBuild:
    """Computes and publishes ``fact_competitive_scores`` for the scope's days: of all active
    groups, or of those that a product of the scope is (or was scored as) a member of.

    Groups that are not active are left as they are: they keep the scores of the days on which they
    were. ``now`` (default: the present) tells whether a day has ended; ``observer`` is told what
    changes (see ``group_analysis``). Raises ``AuditFailedError`` when what it computed cannot be
    right.
    """
    with warehouse.writer_lock(tables.competitive_scores, scope.first_day, scope.last_day):
        groups = _groups(warehouse, scope)
        members = warehouse.read_frame(_members(scope, groups))
        features = warehouse.read_frame(
            _of_members(tables.product_features, FEATURE_COLUMNS, scope, groups)
        )
        scores = score_groups(
            features,
            warehouse.read_frame(_of_members(tables.rank_features, RANK_COLUMNS, scope, groups)),
            members,
            scope.first_day,
            scope.last_day,
            now=now or datetime.now(UTC),
        )
        return publish(
            warehouse,
            tables.competitive_scores,
            scores,
            covers=and_(
                tables.competitive_scores.c.day.between(scope.first_day, scope.last_day),
                one_of(tables.competitive_scores.c.group_id, groups),
            ),
            scope=scope,
            audits=(
                audit_scores,
                lambda frame: audit_completeness(frame, members, features),
            ),
            code_version=SCORES_VERSION,
            run_id=run_id,
            observer=observer,
        )


def _groups(warehouse: Warehouse, scope: Scope) -> list[str]:
    """The groups to score: of members in the scope, and of scores in it that may have to go."""
    groups, scores = tables.competitive_groups, tables.competitive_scores
    members = tables.group_members
    joined = select(members.c.group_id).where(
        _overlaps(scope), of_products(members, scope.products)
    )
    scored = select(scores.c.group_id).where(
        is_current(scores),
        scores.c.day.between(scope.first_day, scope.last_day),
        of_products(scores, scope.products),
    )
    inactive = select(groups.c.group_id).where(groups.c.is_active.is_(False))
    with warehouse.read() as connection:
        found = set(connection.scalars(joined)) | set(connection.scalars(scored))
        return sorted(found - set(connection.scalars(inactive)))


def _overlaps(scope: Scope) -> ColumnElement[bool]:
    members = tables.group_members
    return and_(
        members.c.valid_from <= scope.last_day,
        or_(members.c.valid_to.is_(None), members.c.valid_to >= scope.first_day),
    )


def _members(scope: Scope, groups: list[str]) -> Select[Any]:
    members = tables.group_members
    return select(*(members.c[name] for name in MEMBER_COLUMNS)).where(
        _overlaps(scope), one_of(members.c.group_id, groups)
    )


def _of_members(
    table: Table, columns: Iterable[str], scope: Scope, groups: list[str]
) -> Select[Any]:
    """The current rows of the scope's days, of all products that are in one of the groups."""
    members = tables.group_members
    is_member = (
        select(members.c.asin)
        .where(
            members.c.marketplace == table.c.marketplace,
            members.c.asin == table.c.asin,
            one_of(members.c.group_id, groups),
        )
        .exists()
    )
    return select_current(table, *(table.c[name] for name in columns)).where(
        table.c.day.between(scope.first_day, scope.last_day), is_member
    )


def audit_scores(scores: pd.DataFrame) -> Iterable[AuditFinding]:
    """What must hold before scores are published."""
    dimensions = [f"{name}_score" for name in Dimension]
    for name in (*dimensions, "overall_score"):
        wrong = int(((scores[name] < 0) | (scores[name] > 100)).sum())
        yield AuditFinding(f"{name}_is_0_to_100", wrong == 0, f"{wrong} rows are not")
    enough = scores[dimensions].notna().sum(axis=1) >= OVERALL_DIMENSIONS
    wrong = int((scores["overall_score"].notna() != enough).sum())
    yield AuditFinding(
        "overall_needs_two_dimensions", wrong == 0, f"{wrong} rows have one with fewer, or none"
    )
    sums = np.array([sum(points.values()) for points in scores["contributions"]], dtype=float)
    overall = scores["overall_score"].to_numpy(np.float64)
    wrong = int(np.count_nonzero(np.abs(sums - overall) > _ROUNDING))
    yield AuditFinding(
        "contributions_sum_to_overall", wrong == 0, f"{wrong} rows differ by more than rounding"
    )
    reasons = scores["missing_reasons"].map(len)
    wrong = int((scores[dimensions].isna().sum(axis=1) != reasons).sum())
    yield AuditFinding(
        "missing_scores_have_reasons", wrong == 0, f"{wrong} rows miss a score or a reason"
    )
    placed = scores["position"].notna() == scores["overall_score"].notna()
    wrong = int((~placed | (scores["position"] > scores["position_of"]).fillna(value=False)).sum())
    yield AuditFinding("scored_products_are_placed", wrong == 0, f"{wrong} rows are not")
