"""What a report knows of changes: since the last report, of events, and of gaps to the others."""

from __future__ import annotations

from datetime import timedelta

import pytest

from insights_assets.reports.facts import FactSheet, fact_sheet
from insights_assets.reports.inputs import LAST_REPORT_DAYS, ReportInputs
from insights_resources.marketplaces import ProductKey
from tests.unit.competition.group_days import DAY
from tests.unit.reports.sheets import (
    GROUP_ID,
    alert,
    inputs_of,
    kettle,
    kettles,
    with_a_day_before,
)

A, B = (ProductKey("amazon.de", asin.ljust(10, "0")) for asin in "AB")


def sheet(inputs: ReportInputs) -> FactSheet:
    return fact_sheet(inputs, GROUP_ID, DAY)


def test_changes_are_told_since_the_last_report() -> None:
    found = sheet(
        with_a_day_before(
            3, {"price": 800, "availability": "out_of_stock"}, overall_score=50.0, position=2
        )
    )
    assert found.text("group", "last_report") == (DAY - timedelta(days=3)).isoformat()
    overall = found.number(str(A), "overall")
    assert overall is not None
    assert found.number(str(A), "overall_change") == pytest.approx(overall - 50.0)
    assert found.number(str(A), "position_before") == 2
    assert found.text(str(A), "price_before") == "8.00"
    assert found.number(str(A), "price_since_report") == pytest.approx(0.25)
    assert found.text(str(A), "availability_before") == "out_of_stock"
    assert found.get(str(B), "overall_change") is None, "it was not in that report"


@pytest.mark.parametrize(
    "inputs",
    [inputs_of(*kettles()), with_a_day_before(LAST_REPORT_DAYS + 1)],
    ids=["no report before", "too long ago"],
)
def test_nothing_is_a_change_without_a_report_before(inputs: ReportInputs) -> None:
    keys = {fact.key for fact in sheet(inputs).facts.values()}
    assert not keys & {"last_report", "overall_change", "price_since_report", "position_before"}


def test_scores_of_other_dimensions_and_prices_in_other_money_do_not_follow_one_another() -> None:
    found = sheet(with_a_day_before(1, {"currency": "USD"}, coverage="price,quality"))
    assert found.get(str(A), "overall_change") is None
    assert found.get(str(A), "position_before") is None
    assert found.get(str(A), "price_since_report") is None
    assert found.get(str(A), "price_before").unit == "USD"  # type: ignore[union-attr]


def test_events_are_the_products_own_alerts_of_a_week_newest_first() -> None:
    alerts = [alert("A", days_ago) for days_ago in (6, 0, 7)] + [alert("B", 2)]
    found = sheet(inputs_of(*kettles(), alerts=alerts))
    days = {
        (fact.subject, fact.key): fact.value
        for fact in found.facts.values()
        if fact.key.startswith("event") and fact.unit == "date"
    }
    assert days == {
        (str(A), "event_1_day"): DAY.isoformat(),
        (str(A), "event_2_day"): (DAY - timedelta(days=6)).isoformat(),
        (str(B), "event_1_day"): (DAY - timedelta(days=2)).isoformat(),
    }
    assert found.text(str(A), "event_1") == "The price of A fell."
    assert found.text(str(A), "event_1_rule") == "price-move"


def test_a_changed_listing_is_an_event_without_a_rule() -> None:
    inputs = inputs_of(*kettles(), alerts=[alert("A", 1), alert("A", 4)])
    for days_ago, has_changed in ((0, False), (2, True), (7, True)):
        row = inputs.features[A, DAY] | {"listing_changed": has_changed}
        inputs.features[A, DAY - timedelta(days=days_ago)] = row
    found = sheet(inputs)
    assert found.events(str(A)) == ["event_1", "event_2", "event_3"]
    assert [found.text(str(A), f"{event}_rule") for event in found.events(str(A))] == [
        "price-move",
        "listing-changed",
        "price-move",
    ]
    assert found.text(str(A), "event_2_day") == (DAY - timedelta(days=2)).isoformat()
    told = found.get(str(A), "event_2")
    assert told is not None
    assert (told.source_table, told.source_key["day"]) == (
        "fact_product_features",
        (DAY - timedelta(days=2)).isoformat(),
    )


def test_gaps_are_to_the_first_and_to_the_cheapest_of_the_same_money() -> None:
    yen = kettle("Y", 100, 4.0, 3, marketplace="amazon.co.jp", currency="JPY")
    found = sheet(inputs_of(*kettles(), yen))
    lead, second = found.number(str(A), "overall"), found.number(str(B), "overall")
    assert lead is not None
    assert second is not None
    assert found.number(str(B), "overall_behind") == pytest.approx(lead - second)
    assert found.get(str(A), "overall_behind") is None
    assert found.text(str(B), "price_above_cheapest") == "2.00"
    assert found.number(str(B), "price_above_cheapest_share") == pytest.approx(0.2)
    assert found.get(str(A), "price_above_cheapest") is None
    assert found.get("amazon.co.jp/Y000000000", "price_above_cheapest") is None


def test_a_missing_score_has_its_reason_as_a_fact() -> None:
    found = sheet(inputs_of(*kettles(), kettle("E", None, 4.0, 2)))
    assert found.text("amazon.de/E000000000", "missing_price_score") == "no_price"
