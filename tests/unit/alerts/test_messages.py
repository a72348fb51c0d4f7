"""The sentences of alerts: what a reader must not be misled by."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest

from insights_assets.alerts.default_rules import DEFAULT_RULES
from insights_assets.alerts.messages import messages_of

BASE: dict[str, Any] = {
    "marketplace": "amazon.co.jp",
    "asin": "B0TEST0001",
    "transition": "fired",
    "currency": "JPY",
    "last_alerted_value": math.nan,
}

RULES = {rule.rule_id: rule for rule in DEFAULT_RULES}


def message_of(rule_id: str, alert: dict[str, Any]) -> str:
    (message,) = messages_of(RULES[rule_id], pd.DataFrame([alert]))
    return message


def test_a_price_has_the_decimals_of_its_currency() -> None:
    alert = BASE | {"value": 12000.0, "baseline": 15000.0, "magnitude": 0.2}
    assert message_of("price-move", alert) == (
        "The price of B0TEST0001 on amazon.co.jp fell to 12,000 JPY, "
        "20.0% below its 7-day mean of 15,000 JPY."
    )


@pytest.mark.parametrize("currency", [math.nan, None])
def test_a_price_without_a_currency_claims_none(currency: Any) -> None:
    alert = BASE | {"value": 12.0, "baseline": 10.0, "magnitude": 0.2, "currency": currency}
    assert "rose to 12.00, 20.0% above its 7-day mean of 10.00." in message_of("price-move", alert)


def test_a_creep_says_which_way_it_went_since_the_last_alert() -> None:
    alert = BASE | {
        "transition": "crept",
        "value": 1300.0,
        "baseline": 1000.0,
        "magnitude": 0.3,
        "last_alerted_value": 1600.0,
    }
    assert "fell on from 1,600 JPY at the last alert to 1,300 JPY, 30.0% above" in message_of(
        "price-move", alert
    )
    assert "improved on from 1,600 at the last alert to 1,300" in message_of("rank-move", alert)


def test_a_rating_that_fell_on_names_both_falls() -> None:
    alert = BASE | {
        "transition": "crept",
        "value": 4.0,
        "baseline": 4.6,
        "magnitude": 0.6,
        "last_alerted_value": 4.3,
    }
    assert message_of("rating-drop", alert) == (
        "The rating of B0TEST0001 on amazon.co.jp fell on from 4.3 stars at the last alert to "
        "4.0, 0.6 below that of 30 days before."
    )


def test_a_name_from_a_page_stays_one_short_quoted_line() -> None:
    alert = BASE | {"seller_before": "A\x1b[31m\r\nALERT: all is well", "seller": "B" * 500}
    message = message_of("seller-changed", alert)
    assert message.isprintable()
    assert 'from "A [31m ALERT: all is well" to "BBB' in message
    assert len(message) < 250
