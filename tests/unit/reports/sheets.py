"""Groups written down by hand as what reports are made from, for the tests of reports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

import pandas as pd

from insights_assets.reports.facts import FactSheet, fact_sheet
from insights_assets.reports.inputs import FEATURES_READ, Membership, ReportInputs
from insights_resources.marketplaces import ProductKey
from tests.unit.competition.group_days import DAY, score

GROUP_ID = "kettles"


def alert(asin: str, days_ago: int = 0, **fields: Any) -> dict[str, Any]:
    """A row of ``fact_alerts`` of a product on amazon.de."""
    day = DAY - timedelta(days=days_ago)
    return {
        "alert_id": f"{asin}-{days_ago}-{len(fields)}",
        "rule_id": "price-move",
        "marketplace": "amazon.de",
        "asin": asin.ljust(10, "0"),
        "day": day,
        "severity": "warning",
        "message": f"The price of {asin} fell.",
    } | fields


def inputs_of(
    *products: dict[str, Any],
    features: Mapping[str, Mapping[str, Any]] | None = None,
    titles: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    alerts: Iterable[dict[str, Any]] = (),
    group_name: str = "Kettles",
    scored: bool = True,
) -> ReportInputs:
    """The inputs of the report of ``GROUP_ID`` on ``DAY``.

    ``products``: see ``group_days.product``; their scores are computed. ``features``, ``titles``
    and ``labels``: more of them by the product's ASIN (filled up with zeros).
    """
    inputs = ReportInputs(groups={GROUP_ID: group_name})
    for product in products:
        key = ProductKey(product["marketplace"], product["asin"])
        inputs.memberships[GROUP_ID].append(Membership(key, *product["member"]))
        if label := (labels or {}).get(product["asin"]):
            inputs.labels[key] = label
        if product["captured"] is None:
            continue
        title = (titles or {}).get(product["asin"], f"Kettle {product['asin'][:1]}")
        inputs.add_titles([{"marketplace": key[0], "asin": key[1], "day": DAY, "title": title}])
        row = dict.fromkeys(FEATURES_READ) | {
            "marketplace": key.marketplace,
            "asin": key.asin,
            "day": DAY,
            "observations": 1,
            "currency": product["currency"],
            "price": product["price"],
            "primary_rank": product["primary_rank"],
            "primary_rank_node": product["ranks"][0][0] if product["ranks"] else None,
            "rating": product["rating"],
            "rating_count": product["rating_count"],
            "availability": "in_stock",
        }
        more = dict((features or {}).get(product["asin"], {}))
        assert not set(more) - set(row), more
        inputs.features[key, DAY] = row | more
    if scored and products:
        frame = score(*({**product, "group_id": GROUP_ID} for product in products))
        for record in frame.to_dict("records"):
            inputs.scores[GROUP_ID, DAY].append(
                {str(name): _plain(value) for name, value in record.items()}
            )
    for row in alerts:
        inputs.alerts[ProductKey(row["marketplace"], row["asin"])].append(row)
    return inputs


def sheet_of(*products: dict[str, Any], day: date = DAY, **more: Any) -> FactSheet:
    """The facts of such a group."""
    return fact_sheet(inputs_of(*products, **more), GROUP_ID, day)


def _plain(value: Any) -> Any:
    if isinstance(value, dict | list):
        return value
    return None if pd.isna(value) else value
