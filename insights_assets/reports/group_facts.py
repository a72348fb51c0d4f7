"""The facts of a group on a day: its counts, and the lead of the first with what it leaves room
for."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta

from babel.numbers import get_currency_precision

from insights_assets.competition.formulas import Dimension
from insights_assets.display_names import short_name
from insights_assets.reports import what_if
from insights_assets.reports.fact import (
    FEATURES_TABLE,
    GROUP,
    SCORES_TABLE,
    Fact,
    Member,
    cents,
    fact_of,
    product_source,
    score_source,
)
from insights_assets.reports.inputs import ReportInputs, Row
from insights_resources.marketplaces import ProductKey
from insights_resources.warehouse.frames import from_minor

#: Days up to the report's day whose alerts are counted.
ALERT_DAYS = 7

OUT_OF_STOCK = ("out_of_stock", "unavailable")


def group_facts(
    inputs: ReportInputs,
    group_id: str,
    day: date,
    members: Sequence[Member],
    alerts: Sequence[Row],
    standard: Mapping[ProductKey, Row],
) -> Iterator[Fact]:
    group = {"group_id": group_id}
    on_day = group | {"day": day.isoformat()}
    yield from fact_of(
        GROUP,
        "name",
        "name",
        short_name(inputs.groups[group_id]),
        "text",
        "dim_competitive_groups",
        group,
        "name",
    )
    yield from fact_of(
        GROUP, "members", "products", len(members), "count", "dim_group_members", on_day, "asin"
    )
    scored = sum(1 for row in standard.values() if row["overall_score"] is not None)
    yield from fact_of(
        GROUP,
        "scored",
        "products with an overall score",
        scored,
        "count",
        SCORES_TABLE,
        on_day,
        "overall_score",
    )
    rows = [row for m in members if (row := inputs.features.get((m.product, day))) is not None]
    out = sum(1 for row in rows if row["availability"] in OUT_OF_STOCK)
    yield from fact_of(
        GROUP,
        "out_of_stock",
        "products out of stock",
        out,
        "count",
        FEATURES_TABLE,
        on_day,
        "availability",
    )
    carried = sum(1 for row in rows if row["observations"] == 0)
    yield from fact_of(
        GROUP,
        "carried",
        "products without a capture on the day",
        carried + len(members) - len(rows),
        "count",
        FEATURES_TABLE,
        on_day,
        "observations",
    )
    week = [row for row in alerts if row["day"] > day - timedelta(days=ALERT_DAYS)]
    yield from fact_of(
        GROUP,
        "alerts_7d",
        "alerts of the last 7 days",
        len(week),
        "count",
        "fact_alerts",
        on_day,
        "alert_id",
    )
    critical = sum(1 for row in week if row["severity"] == "critical")
    yield from fact_of(
        GROUP,
        "critical_7d",
        "critical alerts of the last 7 days",
        critical,
        "count",
        "fact_alerts",
        on_day,
        "severity",
    )
    by_product = Counter(ProductKey(row["marketplace"], row["asin"]) for row in week)
    for member in members:
        yield from fact_of(
            member.subject,
            "alerts_7d",
            "alerts of the last 7 days",
            by_product[member.product],
            "count",
            "fact_alerts",
            product_source(member, day),
            "alert_id",
        )


def lead_facts(
    members: Sequence[Member], standard: Mapping[ProductKey, Row], group_id: str, day: date
) -> Iterator[Fact]:
    """How far the first is ahead of the second, and what that leaves room for.

    ``members`` begin with those that can be compared, in the order of their scores.
    """
    scored = [
        (m, row)
        for m in members
        if (row := standard.get(m.product)) is not None and row["overall_score"] is not None
    ]
    # One product's dimensions against fewer or others are no lead, nor a margin for a price.
    compared = [(m, row) for m, row in scored if row["coverage"] == scored[0][1]["coverage"]]
    if len(compared) < 2:
        return
    (leader, row), (second, behind) = compared[:2]
    lead = round(row["overall_score"] - behind["overall_score"], 2)
    source = score_source(leader, row, day)
    yield from fact_of(
        GROUP,
        "lead",
        "lead of the first over the second",
        lead,
        "points",
        SCORES_TABLE,
        {"day": day.isoformat(), "group_id": group_id},
        "overall_score",
    )
    if lead <= 0:
        return
    alike = {m.product for m, _ in compared}

    def keeps_the_lead(price: float) -> bool:
        after = what_if.overalls_at_price(standard, leader.product, price)
        others = (after[product] or 0.0 for product in alike - {leader.product})
        return (after[leader.product] or 0.0) >= max(others)

    def is_level(price: float) -> bool:
        after = what_if.overalls_at_price(standard, second.product, price)
        return (after[second.product] or 0.0) >= (after[leader.product] or 0.0)

    for member, own, holds, key, words in (
        (leader, row, keeps_the_lead, "room", "keeps the leader level with the others"),
        (second, behind, is_level, "catch_up", "brings the second level with the leader"),
    ):
        yield from _price_facts(
            member, own, holds, key, words, source | product_source(member, day)
        )


def gap_facts(
    members: Sequence[Member],
    standard: Mapping[ProductKey, Row],
    features: Mapping[ProductKey, Row],
    day: date,
) -> Iterator[Fact]:
    """How far each is behind the first of those that can be compared, and above the cheapest of
    its marketplace and currency."""
    ranked = [
        (m, row)
        for m in members
        if (row := standard.get(m.product)) is not None and row["overall_score"] is not None
    ]
    for member, row in ranked[1:]:
        first = ranked[0][1]
        if row["coverage"] == first["coverage"]:
            yield from fact_of(
                member.subject,
                "overall_behind",
                "points behind the first",
                round(first["overall_score"] - row["overall_score"], 2),
                "points",
                SCORES_TABLE,
                score_source(member, row, day),
                "overall_score of the first - overall_score",
            )
    prices: dict[tuple[str, str], list[int]] = defaultdict(list)
    priced = [
        (m, row)
        for m in members
        if (row := features.get(m.product)) is not None and row["price"] and row["currency"]
    ]
    for member, row in priced:
        prices[member.product.marketplace, row["currency"]].append(row["price"])
    for member, row in priced:
        alike = prices[member.product.marketplace, row["currency"]]
        if len(alike) < 2 or row["price"] == min(alike):
            continue
        for key, name, value, unit, column in (
            (
                "price_above_cheapest",
                "price above the cheapest of the group",
                from_minor(row["price"] - min(alike)),
                row["currency"],
                "price - lowest price of the group",
            ),
            (
                "price_above_cheapest_share",
                "price above the cheapest of the group, as a share of that",
                row["price"] / min(alike) - 1,
                "ratio",
                "price / lowest price of the group - 1",
            ),
        ):
            yield from fact_of(
                member.subject,
                key,
                name,
                value,
                unit,
                FEATURES_TABLE,
                product_source(member, day),
                column,
            )


def _price_facts(
    member: Member,
    row: Row,
    holds: Callable[[float], bool],
    key: str,
    words: str,
    source: Mapping[str, str],
) -> Iterator[Fact]:
    inputs, scores = row["inputs"], what_if.dimension_scores(row)
    currency, price = inputs.get("currency"), inputs.get("price")
    median = inputs.get("peer_median_price")
    if not (currency and price and median) or scores[Dimension.PRICE] is None:
        return
    # The standard price score falls from 100 to 0 at twice the peers' median, and no further.
    low, high = (price, 2 * median) if key == "room" else (0.0, price)
    at = what_if.highest_price(holds, low, high, min(2, get_currency_precision(currency)))
    if at is None or at == cents(price):
        return
    column = "what-if from inputs.peer_median_price"
    for suffix, name, value, unit in (
        ("_price", f"price that {words}", at, currency),
        ("_change", f"change to the price that {words}", float(at) / price - 1, "ratio"),
        (
            "_overall",
            "overall score at that price",
            what_if.at_price(scores, float(at), median),
            "points",
        ),
    ):
        yield from fact_of(
            member.subject, f"{key}{suffix}", name, value, unit, SCORES_TABLE, source, column
        )
