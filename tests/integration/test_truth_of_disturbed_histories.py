"""Whatever happens to the captures, what is derived from them equals plain loops over them.

The sandbox's captures of several markets, two a day, are lost, shown in a visitor's currency or
without one, merged in their ratings, moved to other families, and arrive late and in any order;
products join and leave their groups. They are stored without their pages, first some of them, then
the others, and only what the late ones reach is rebuilt.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from insights_assets.alerts.default_rules import sync_default_rules
from insights_assets.alerts.rebuild import rebuild_alerts
from insights_assets.competition.rebuild import rebuild_scores
from insights_assets.features.rebuild import rebuild_features
from insights_assets.features.timeline import LOOK_BACK_DAYS
from insights_assets.run_scope import scopes_of_changes
from insights_resources.marketplaces import ProductKey
from insights_resources.sandbox import SandboxMarket
from insights_resources.sandbox.observations import Observation, Observations, observe
from insights_resources.sandbox.truth import ExpectedResults
from insights_resources.scope import Scope
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.schema import migrate
from tests.integration import truth_comparison
from tests.integration.stored_history import store_group, store_snapshots
from tests.integration.truth_comparison import assert_same_rows
from tests.unit.features.capture_histories import capture

FIRST = date(2025, 2, 3)
LAST = FIRST + timedelta(days=54)
#: Rows are compared from here on: earlier ones would look back before the first capture.
SCOPE = Scope(FIRST, LAST)
LONG_AFTER = datetime(2026, 6, 1, tzinfo=UTC)
SEEDS = (3, 11, 58)

pytestmark = pytest.mark.slow

Members = dict[str, list[tuple[ProductKey, date, date | None]]]


@dataclass(frozen=True)
class History:
    """A market's captures after what has happened to them, and who was in which group when."""

    market: SandboxMarket
    observations: Observations
    members: Members

    def members_on(self, group_id: str, day: date) -> tuple[ProductKey, ...]:
        return tuple(
            key
            for key, since, until in self.members[group_id]
            if since <= day and (until is None or day <= until)
        )


def history(seed: int) -> History:
    market = SandboxMarket(seed=seed, products=12, first_day=date(2025, 1, 1), captures_per_day=2)
    draw = random.Random(seed)
    observations = observe(market, FIRST, LAST)
    for number, key in enumerate(market.keys):
        observations[key] = _disturbed(observations[key], draw, number)
    members = {
        group.group_id: [_membership(product.key, draw) for product in group.products]
        for group in market.groups
    }
    return History(market, observations, members)


def _disturbed(seen: list[Observation], draw: random.Random, number: int) -> list[Observation]:
    """Lost captures, a long gap, another currency, none at all, fewer ratings, another family."""
    gap = FIRST + timedelta(days=draw.randrange(10, 35))
    visited = FIRST + timedelta(days=draw.randrange(5, 45))
    merged = FIRST + timedelta(days=draw.randrange(5, 45))
    regrouped = FIRST + timedelta(days=draw.randrange(5, 45))
    kept = []
    for o in seen:
        if draw.random() < 0.15 or (number % 3 == 0 and 0 <= (o.day - gap).days < 9 + number):
            continue
        shown = o.snapshot
        if number % 4 == 1 and 0 <= (o.day - visited).days < 3 and shown.currency != "CHF":
            shown = replace(shown, currency="CHF")
        if shown.price is None and draw.random() < 0.5:
            shown = replace(shown, currency=None)
        if number % 3 == 1 and o.day >= merged and shown.rating_count is not None:
            shown = replace(shown, rating_count=shown.rating_count // 2 + 1)
        if number % 5 == 2 and o.day >= regrouped:
            shown = replace(shown, parent_asin="B0FAMILY01")
        kept.append(replace(o, snapshot=shown))
    return kept


def _membership(key: ProductKey, draw: random.Random) -> tuple[ProductKey, date, date | None]:
    """Three in four are there from first to last; the others join later, or leave."""
    if draw.random() < 0.75:
        return key, FIRST, None
    middle = FIRST + timedelta(days=draw.randrange(10, 45))
    return (key, middle, None) if draw.random() < 0.5 else (key, FIRST, middle)


def _captures(history: History) -> list[dict[str, Any]]:
    return [
        capture(
            o.captured_at,
            marketplace=key.marketplace,
            asin=key.asin,
            title=o.snapshot.title,
            currency=o.snapshot.currency,
            price=_hundredths(o.snapshot.price),
            price_missing_reason=o.snapshot.price_missing_reason,
            list_price=_hundredths(o.snapshot.list_price),
            rating=None if o.snapshot.rating is None else float(o.snapshot.rating),
            rating_count=o.snapshot.rating_count,
            bsr=[(r.category, r.node_id, r.rank) for r in o.snapshot.bsr],
            availability=o.snapshot.availability,
            seller=o.snapshot.seller,
            bullets=o.snapshot.bullets,
            description=o.snapshot.description,
            images=o.snapshot.images,
            parent_asin=o.snapshot.parent_asin,
        )
        for key, seen in history.observations.items()
        for o in seen
    ]


def _hundredths(amount: Decimal | None) -> int | None:
    return None if amount is None else int(amount.scaleb(2))


def _rebuild(warehouse: Warehouse, scopes: list[Scope]) -> None:
    for scope in scopes:
        rebuild_features(warehouse, scope)
        rebuild_scores(warehouse, scope, now=LONG_AFTER)
        rebuild_alerts(warehouse, scope)


def _warehouse(history: History, folder: Path) -> Warehouse:
    """An empty one with the history's groups and the default rules."""
    warehouse = Warehouse.open(f"sqlite:///{folder / 'insights.db'}")
    migrate(warehouse)
    sync_default_rules(warehouse)
    for group_id, members in history.members.items():
        store_group(
            warehouse,
            group_id,
            [(key.marketplace, key.asin, since, until) for key, since, until in members],
        )
    return warehouse


@pytest.fixture(scope="module", params=SEEDS)
def seed(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(scope="module")
def disturbed(seed: int) -> History:
    return history(seed)


@pytest.fixture(scope="module")
def rebuilt(
    disturbed: History, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Warehouse]:
    """Most captures first; then the late ones, of which only what they reach is rebuilt."""
    warehouse = _warehouse(disturbed, tmp_path_factory.mktemp("disturbed"))
    captures = _captures(disturbed)
    draw = random.Random(-seed)
    draw.shuffle(captures)
    late = [row for row in captures if draw.random() < 0.04]
    store_snapshots(warehouse, [row for row in captures if row not in late])
    _rebuild(warehouse, [SCOPE])
    store_snapshots(warehouse, captures)
    changes = pd.DataFrame(
        [(row["marketplace"], row["asin"], row["captured_at"]) for row in late],
        columns=["marketplace", "asin", "day"],
    )
    changes["day"] = changes["day"].dt.tz_localize(None).dt.floor("D")
    reached = scopes_of_changes(changes, LOOK_BACK_DAYS, LAST)
    assert len(reached) > 3
    _rebuild(warehouse, [Scope(s.first_day, min(s.last_day, LAST), s.products) for s in reached])
    yield warehouse
    warehouse.dispose()


@pytest.fixture(scope="module")
def expected(disturbed: History) -> ExpectedResults:
    return ExpectedResults(disturbed.market, FIRST, LAST, disturbed.observations)


def test_what_has_happened_is_in_the_history(disturbed: History) -> None:
    """Else the comparison would be one of an ordinary market."""
    seen = [o for found in disturbed.observations.values() for o in found]
    assert any(o.snapshot.currency == "CHF" for o in seen)
    assert any(o.snapshot.currency is None for o in seen)
    assert any(o.snapshot.price is None for o in seen)
    assert any(o.snapshot.parent_asin == "B0FAMILY01" for o in seen)
    members = [row for rows in disturbed.members.values() for row in rows]
    assert any(since > FIRST or until is not None for _, since, until in members)
    counts = [
        [o.snapshot.rating_count for o in found if o.snapshot.rating_count is not None]
        for found in disturbed.observations.values()
    ]
    assert any(later < earlier for c in counts for earlier, later in pairwise(c))
    longest = max(
        (later.day - earlier.day).days
        for found in disturbed.observations.values()
        for earlier, later in pairwise(found)
    )
    assert longest > 7


def test_product_features(rebuilt: Warehouse, expected: ExpectedResults) -> None:
    assert_same_rows(truth_comparison.product_features(rebuilt), expected.product_features())


def test_rank_features(rebuilt: Warehouse, expected: ExpectedResults) -> None:
    assert_same_rows(truth_comparison.rank_features(rebuilt), expected.rank_features())


def test_scores(rebuilt: Warehouse, disturbed: History, expected: ExpectedResults) -> None:
    right: dict[Any, dict[str, Any]] = {}
    for group_id in disturbed.members:
        for day in expected.days:
            right |= expected.group_scores(group_id, disturbed.members_on(group_id, day), day)
    assert_same_rows(truth_comparison.scores(rebuilt), right)


def test_alerts(rebuilt: Warehouse, expected: ExpectedResults) -> None:
    right = {
        (key, row["day"], row["rule_id"], row["transition"])
        for key, rows in expected.alerts().items()
        for row in rows
    }
    assert len(right) > 10
    assert truth_comparison.alerts(rebuilt) == right


def test_a_rebuild_of_everything_changes_nothing(rebuilt: Warehouse) -> None:
    alerts = rebuild_alerts(rebuilt, SCOPE)
    for built in (
        *rebuild_features(rebuilt, SCOPE),
        rebuild_scores(rebuilt, SCOPE, now=LONG_AFTER),
        alerts.alerts,
        alerts.states,
    ):
        assert (built.rows_added, built.rows_changed, built.rows_removed) == (0, 0, 0)


def test_what_was_captured_later_changes_no_earlier_day(
    rebuilt: Warehouse, disturbed: History, tmp_path: Path
) -> None:
    """A day rebuilt from what was captured by its end is the day as it stands weeks later."""
    day = FIRST + timedelta(days=40)
    then = _warehouse(disturbed, tmp_path)
    store_snapshots(then, [c for c in _captures(disturbed) if c["captured_at"].date() <= day])
    _rebuild(then, [Scope(FIRST, day)])
    for rows in (
        truth_comparison.product_features,
        truth_comparison.rank_features,
        truth_comparison.scores,
    ):
        known = {key: row for key, row in rows(rebuilt).items() if row["day"] <= day}
        assert_same_rows(rows(then), known)
    assert truth_comparison.alerts(then) == {
        alert for alert in truth_comparison.alerts(rebuilt) if alert[1] <= day
    }
    then.dispose()
