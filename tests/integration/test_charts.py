"""Charts are read from published rows, and shown in the UI for whom somebody asks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from dagster import DagsterEventType, ExecuteInProcessResult

from insights_assets.charts.inputs import MOST_DAYS, read_group, read_product
from insights_assets.charts.pages import draw, group_page, product_page
from insights_assets.competition.rebuild import rebuild_scores
from insights_assets.features.rebuild import rebuild_features
from insights_jobs.build import build_definitions
from insights_resources.errors import InvalidInputError
from insights_resources.marketplaces import ProductKey
from insights_resources.scope import Scope
from insights_resources.warehouse.engine import Warehouse
from insights_resources.wiring import WarehouseResource
from tests.integration.stored_history import store_group, store_snapshots
from tests.unit.features.capture_histories import MARKETPLACE, at, capture

LAST = date(2026, 3, 10)
FIRST = LAST - timedelta(days=9)
DAYS = list(Scope(FIRST, LAST).days)
ASINS = [f"B0KETTLE0{number}" for number in range(1, 5)]
FIRST_KETTLE = ProductKey(MARKETPLACE, ASINS[0])
#: Of the first kettle: no capture, and nothing for sale.
NO_CAPTURE, SOLD_OUT = DAYS[3], DAYS[5:7]


def store(warehouse: Warehouse) -> None:
    captures: list[dict[str, Any]] = []
    for number, asin in enumerate(ASINS, start=1):
        for day in DAYS:
            if number == 1 and day == NO_CAPTURE:
                continue
            is_sold_out = number == 1 and day in SOLD_OUT
            captures.append(
                capture(
                    at(day),
                    asin=asin,
                    price=None if is_sold_out else 1000 * number + day.day,
                    price_missing_reason="out_of_stock" if is_sold_out else None,
                    list_price=2500 if number == 1 and day > DAYS[7] else None,
                    rating=4.0 + number / 10,
                    rating_count=100,
                    bsr=[("Home", None, 100 * number), ("Kettles", "77", number)],
                )
            )
    store_snapshots(warehouse, captures)
    store_group(
        warehouse, "kettles", [(MARKETPLACE, asin, date(2026, 1, 1), None) for asin in ASINS]
    )
    scope = Scope(FIRST, LAST)
    rebuild_features(warehouse, scope)
    rebuild_scores(warehouse, scope, now=datetime(2026, 6, 1, tzinfo=UTC))


def test_a_products_days_are_those_of_its_captures(warehouse: Warehouse) -> None:
    store(warehouse)
    inputs = read_product(warehouse, FIRST_KETTLE, FIRST, LAST)
    (history,) = inputs.histories
    assert inputs.days == DAYS
    assert history.currency == "EUR"
    missing = {NO_CAPTURE, *SOLD_OUT}
    assert history.prices == [None if day in missing else 10.0 + day.day / 100 for day in DAYS]
    assert [day for day, out in zip(DAYS, history.is_out_of_stock, strict=True) if out] == SOLD_OUT
    assert history.list_prices == [25.0 if day > DAYS[7] else None for day in DAYS]
    # A rank is shown of a day on which the product was sold out, and of none without a capture.
    (home, kettles) = history.ranks.values()
    assert home == [None if day == NO_CAPTURE else 100.0 for day in DAYS]
    assert kettles == [None if day == NO_CAPTURE else 1.0 for day in DAYS]
    assert list(history.categories.values()) == ["Home", "Kettles"]
    (scores,) = inputs.scores
    assert (scores.group_id, scores.day, len(scores.rows)) == ("kettles", LAST, 4)
    assert draw(product_page(inputs), "png").startswith(b"\x89PNG")


def test_a_groups_members_come_with_the_best_first(warehouse: Warehouse) -> None:
    store(warehouse)
    inputs = read_group(warehouse, "kettles")
    assert inputs.days[-1] == LAST
    assert len(inputs.days) == 30
    (scores,) = inputs.scores
    overall = [row["overall_score"] for row in scores.rows]
    assert overall == sorted(overall, reverse=True)
    assert [each.product.asin for each in inputs.histories] == [r["asin"] for r in scores.rows]
    assert draw(group_page(inputs), "svg").startswith(b"<?xml")
    earlier = read_group(warehouse, "kettles", last=DAYS[4], count=3)
    assert earlier.days == DAYS[2:5]
    assert earlier.scores[0].day == DAYS[4]


def test_what_is_not_there_is_named_with_what_there_is(sqlite_warehouse: Warehouse) -> None:
    store(sqlite_warehouse)
    nobody = ProductKey(MARKETPLACE, "B000000001")
    with pytest.raises(InvalidInputError, match=r"nothing is known of amazon\.de/B000000001: "):
        read_product(sqlite_warehouse, nobody)
    with pytest.raises(InvalidInputError, match="no group 'pots'; known are kettles"):
        read_group(sqlite_warehouse, "pots")
    with pytest.raises(InvalidInputError, match=f"has features from {FIRST} to {LAST}"):
        read_product(sqlite_warehouse, FIRST_KETTLE, date(2025, 1, 1), date(2025, 1, 5))
    with pytest.raises(InvalidInputError, match=f"kettles has scores from {FIRST} to {LAST}"):
        read_group(sqlite_warehouse, "kettles", date(2025, 1, 1), date(2025, 1, 5))
    with pytest.raises(InvalidInputError, match="is before the first"):
        read_group(sqlite_warehouse, "kettles", LAST, FIRST)
    with pytest.raises(InvalidInputError, match=f"a chart shows at most {MOST_DAYS}"):
        read_group(sqlite_warehouse, "kettles", date(2020, 1, 1), LAST)


def test_the_job_shows_them_on_the_asset(
    sqlite_warehouse: Warehouse, sqlite_warehouse_url: str
) -> None:
    store(sqlite_warehouse)
    warehouse = WarehouseResource(url=sqlite_warehouse_url)
    definitions = build_definitions(resource_overrides={"warehouse": warehouse})
    job = definitions.resolve_job_def("charts")

    def run(config: dict[str, Any]) -> ExecuteInProcessResult:
        return job.execute_in_process(
            run_config={
                "ops": {"draw_charts": {"config": config}},
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            },
            raise_on_error=False,
        )

    kettle = str(FIRST_KETTLE)
    for config, asset, last in (
        ({"group": "kettles"}, "competitive_scores", LAST),
        ({"product": kettle, "days": 5, "last_day": str(DAYS[7])}, "product_features", DAYS[7]),
    ):
        result = run(config)
        assert result.success
        (event,) = [
            each
            for each in result.all_events
            if each.event_type == DagsterEventType.ASSET_OBSERVATION
        ]
        observed = event.asset_observation_data.asset_observation
        assert observed.asset_key.path[-1] == asset
        assert observed.partition == str(last)
        shown = observed.metadata["charts"].value
        assert shown.startswith("![")
        assert "](data:image/png;base64," in shown
        # It is kept with the event for ever.
        assert isinstance(shown, str)
        assert len(shown) < 200_000
        assert observed.metadata["shows"].value == next(iter(config.values()))

    for config, problem in (
        ({}, "give either product or group"),
        ({"group": "kettles", "product": kettle}, "give either product or group"),
        ({"group": "pots"}, "no group 'pots'; known are kettles"),
        ({"product": FIRST_KETTLE.asin}, "is not MARKETPLACE/ASIN"),
        ({"group": "kettles", "last_day": "soon"}, "'soon' is not a day"),
    ):
        failed = run(config)
        assert not failed.success
        (failure,) = [each for each in failed.all_events if each.is_step_failure]
        told = failure.step_failure_data.user_failure_data
        assert told is not None
        assert problem in str(told.description)
