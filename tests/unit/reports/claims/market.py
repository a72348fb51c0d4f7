"""A small market of three kettles, by hand: what may be said of it, and what may not."""

from __future__ import annotations

from typing import Any

from insights_assets.reports.fact import GROUP, Fact
from insights_assets.reports.verification import problem_of

A, B, C = (f"amazon.de/B0TEST000{number}" for number in (1, 2, 3))
_NAMES = {A: "Aalto", B: "Brunnen", C: "Cirrus"}

#: Key -> name, unit and the value of each product (None: it has none).
_FACTS: dict[str, tuple[str, str, Any, Any, Any]] = {
    "name": ("name", "text", *_NAMES.values()),
    "price": ("price", "EUR", "20.00", "30.00", None),
    "price_before": ("price at the last report", "EUR", "22.00", "28.00", "25.00"),
    "price_since_report": ("price change since the last report", "ratio", -0.0909, 0.0714, None),
    "price_change_7d": ("price change over 7 days", "ratio", -0.12, 0.08, None),
    "peer_median_price": ("median price of the peers", "EUR", "30.00", "20.00", None),
    "price_to_median": ("price against the median of the peers", "ratio", -0.3333, 0.5, None),
    "price_above_cheapest": ("price above the cheapest", "EUR", None, "10.00", None),
    "list_price": ("list price", "EUR", "25.00", None, None),
    "discount_from_list": ("discount from list price", "ratio", 0.2, None, None),
    "primary_rank": ("top-level Best Sellers Rank", "rank", 120, 340, 560),
    "rank_change_7d": ("change of the Best Sellers Rank over 7 days", "ratio", 0.14, -0.3, 0.1),
    "rating": ("mean rating", "stars", 4.1, 4.6, 3.9),
    "rating_count": ("ratings", "count", 1500, 900, 2100),
    "overall": ("overall score", "points", 70.0, 65.0, 40.0),
    "overall_before": ("overall score at the last report", "points", 66.0, 68.0, 41.0),
    "overall_change": ("change of the overall score", "points", 4.0, -3.0, -1.0),
    "overall_behind": ("points behind the first", "points", None, 5.0, 30.0),
    "coverage": ("dimensions that counted", "text", *["price,quality,popularity"] * 3),
    "price_score": ("price score", "points", 80.0, 45.0, None),
    "quality_score": ("quality score", "points", 62.0, 92.0, 58.0),
    "popularity_score": ("popularity score", "points", 68.0, 50.0, 22.0),
    "position": ("place", "count", 1, 2, 3),
    "position_before": ("place at the last report", "count", 2, 1, 3),
    "at_median_price": ("overall score at the peers' median price", "points", 61.0, 77.5, None),
    "at_median_price_gain": ("points gained there", "points", -9.0, 12.5, None),
    "availability": ("availability", "text", "in_stock", "limited", "out_of_stock"),
    "availability_before": ("availability at the last report", "text", *["in_stock"] * 3),
    "missing_price_score": ("why there is no price score", "text", None, None, "no_price"),
    "price_missing_reason": ("why there is no price", "text", None, None, "out_of_stock"),
    "position_of": ("products that the place is among", "count", *[3] * 3),
    "in_stock_share_30d": ("share of 30 days in stock", "ratio", 1.0, 0.9, 0.6),
    "event_1": (
        "event",
        "text",
        "The price of B0TEST0001 on amazon.de fell to EUR 20.00, 15.0% below its 7-day mean of "
        "EUR 23.53.",
        'The buy-box seller of B0TEST0002 on amazon.de changed from "Kessel-Laden" to "Nordlicht".',
        "B0TEST0003 on amazon.de is out of stock, as 2 captures in a row show.",
    ),
    "event_1_day": ("day of the event", "date", "2026-11-25", "2026-11-26", "2026-11-27"),
    "alerts_7d": ("alerts of the last 7 days", "count", 1, 1, 1),
}
_OF_GROUP: tuple[tuple[str, str, str, Any], ...] = (
    ("name", "name", "text", "Kettles"),
    ("members", "products", "count", 3),
    ("out_of_stock", "products out of stock", "count", 1),
    ("lead", "lead of the first over the second", "points", 5.0),
    ("last_report", "day of the last report", "date", "2026-11-24"),
)

FACTS: dict[str, Fact] = {
    fact.id: fact
    for fact in (
        *(
            Fact(f"{subject}:{key}", subject, name, value, unit, "fact_x", {}, "x")
            for key, (name, unit, *values) in _FACTS.items()
            for subject, value in zip(_NAMES, values, strict=True)
            if value is not None
        ),
        *(
            Fact(f"{GROUP}:{key}", GROUP, name, value, unit, "fact_x", {}, "x")
            for key, name, unit, value in _OF_GROUP
        ),
    )
}


def problem(sentence: str) -> str | None:
    """What the verification says of a sentence that cites all facts of the market."""
    return problem_of(sentence, list(FACTS.values()), FACTS)
