"""The facts of one product on a day: its name, features, scores, and what-ifs on these."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from insights_assets.competition.formulas import Dimension
from insights_assets.reports import what_if
from insights_assets.reports.fact import (
    FEATURES_TABLE,
    SCORES_TABLE,
    Fact,
    Member,
    cents,
    fact_of,
    product_source,
    score_source,
)
from insights_assets.reports.inputs import ReportInputs, Row
from insights_resources.warehouse.frames import from_minor

#: Step of the what-if on ratings, in stars.
RATING_STEP = 0.1

#: key, name, unit (money: the row's currency), column of the features.
_FEATURE_FACTS = (
    ("price", "price", "money", "price"),
    ("price_missing_reason", "why there is no price", "text", "price_missing_reason"),
    ("price_change_7d", "price change over 7 days", "ratio", "price_change_7d"),
    ("price_change_30d", "price change over 30 days", "ratio", "price_change_30d"),
    ("list_price", "list price", "money", "list_price"),
    ("discount_from_list", "discount from list price", "ratio", "discount_from_list"),
    (
        "days_since_price_change",
        "days since the last price change",
        "days",
        "days_since_price_change",
    ),
    ("primary_rank", "top-level Best Sellers Rank", "rank", "primary_rank"),
    ("rating", "mean rating", "stars", "rating"),
    ("rating_count", "ratings", "count", "rating_count"),
    ("ratings_gained_30d", "ratings gained over 30 days", "count", "ratings_gained_30d"),
    ("rating_change_30d", "rating change over 30 days", "stars", "rating_change_30d"),
    ("availability", "availability", "text", "availability"),
    ("in_stock_share_30d", "share of 30 days in stock", "ratio", "in_stock_share_30d"),
    ("listing_quality", "listing quality", "points", "listing_quality"),
)
_SCORE_FACTS = (
    ("overall", "overall score", "points", "overall_score"),
    ("price_score", "price score", "points", "price_score"),
    ("quality_score", "quality score", "points", "quality_score"),
    ("popularity_score", "popularity score", "points", "popularity_score"),
    ("position", "place among products with the same dimensions", "count", "position"),
    ("position_of", "products that the place is among", "count", "position_of"),
    ("peer_count", "peers", "count", "peer_count"),
    ("coverage", "dimensions that counted", "text", "coverage"),
)


def name_facts(inputs: ReportInputs, member: Member, day: date) -> Iterator[Fact]:
    marketplace, asin = member.product
    titled = inputs.title(member.product, day)
    source = {"marketplace": marketplace, "asin": asin}
    if inputs.labels.get(member.product):
        table, column = "dim_products", "label"
    elif titled is not None:
        # The title may be of a capture before the day.
        table, column = "fact_product_snapshots", "title"
        source = product_source(member, titled[0])
    else:
        table, column = "dim_group_members", "asin"
    yield from fact_of(member.subject, "name", "name", member.name, "text", table, source, column)


def feature_facts(member: Member, row: Row, day: date) -> Iterator[Fact]:
    source = product_source(member, day)
    for key, name, unit, column in _FEATURE_FACTS:
        value = row[column]
        if unit == "money":
            if row["currency"] is None:
                continue
            unit, value = row["currency"], from_minor(value)
        yield from fact_of(member.subject, key, name, value, unit, FEATURES_TABLE, source, column)
    change = row["primary_rank_log_change_7d"]
    if change is not None:
        yield from fact_of(
            member.subject,
            "rank_change_7d",
            "change of the top-level Best Sellers Rank over 7 days",
            math.expm1(change),
            "ratio",
            FEATURES_TABLE,
            source,
            "primary_rank_log_change_7d",
        )


def subscription_facts(member: Member, row: Row, price: Row | None, day: date) -> Iterator[Fact]:
    """The Subscribe & Save price of a snapshot, and how far it is below the day's closing price
    (``price``: its row of the features)."""
    source = product_source(member, day)
    subscribed, currency = row["subscribe_save_price"], row["currency"]
    table, column = "fact_product_snapshots", "subscribe_save_price"
    yield from fact_of(
        member.subject,
        "subscribe_save_price",
        "Subscribe & Save price",
        from_minor(subscribed),
        currency,
        table,
        source,
        column,
    )
    if price is not None and price["price"] and price["currency"] == currency:
        yield from fact_of(
            member.subject,
            "subscribe_save_discount",
            "discount of Subscribe & Save from the price",
            1 - subscribed / price["price"],
            "ratio",
            table,
            source,
            f"1 - {column} / price",
        )


def score_facts(member: Member, row: Row, day: date) -> Iterator[Fact]:
    source = score_source(member, row, day)
    for key, name, unit, column in _SCORE_FACTS:
        yield from fact_of(
            member.subject, key, name, row[column], unit, SCORES_TABLE, source, column
        )
    for dimension, reason in sorted(row["missing_reasons"].items()):
        yield from fact_of(
            member.subject,
            f"missing_{dimension}_score",
            f"why there is no {dimension} score",
            reason,
            "text",
            SCORES_TABLE,
            source,
            f"missing_reasons.{dimension}",
        )
    inputs: Mapping[str, Any] = row["inputs"]
    median, currency = inputs.get("peer_median_price"), inputs.get("currency")
    if median and currency:
        yield from fact_of(
            member.subject,
            "peer_median_price",
            "median price of the peers",
            cents(median),
            currency,
            SCORES_TABLE,
            source,
            "inputs.peer_median_price",
        )
        price = inputs.get("price")
        if price is not None:
            yield from fact_of(
                member.subject,
                "price_to_median",
                "price against the median of the peers",
                price / median - 1,
                "ratio",
                SCORES_TABLE,
                source,
                "inputs.price / inputs.peer_median_price - 1",
            )
    for key, name in (
        ("rank", "rank in the node compared"),
        ("peer_median_rank", "median rank of the peers there"),
    ):
        value = inputs.get(key)
        unit = "rank" if value is not None and float(value).is_integer() else "number"
        yield from fact_of(
            member.subject,
            f"compared_{key}",
            name,
            value,
            unit,
            SCORES_TABLE,
            source,
            f"inputs.{key}",
        )


def what_if_facts(member: Member, row: Row, day: date) -> Iterator[Fact]:
    """What the overall score and the one that moves it would be at the peers' median price or rank,
    or with more stars."""
    overall = row["overall_score"]
    if overall is None:
        return
    scores, inputs = what_if.dimension_scores(row), row["inputs"]
    cases: list[tuple[str, str, Dimension, float, str]] = []
    price, median = inputs.get("price"), inputs.get("peer_median_price")
    if scores[Dimension.PRICE] is not None and price and median and price != median:
        cases.append(
            (
                "at_median_price",
                "at the peers' median price",
                Dimension.PRICE,
                what_if.score_at_price(float(cents(median)), median),
                "inputs.peer_median_price",
            )
        )
    rank, median_rank = inputs.get("rank"), inputs.get("peer_median_rank")
    if scores[Dimension.POPULARITY] is not None and rank and median_rank and rank > median_rank:
        cases.append(
            (
                "at_median_rank",
                "at the peers' median rank",
                Dimension.POPULARITY,
                what_if.score_at_rank(median_rank, median_rank),
                "inputs.peer_median_rank",
            )
        )
    rating = inputs.get("rating")
    if scores[Dimension.QUALITY] is not None and rating and rating + RATING_STEP <= 5:
        raised = round(rating + RATING_STEP, 6)
        cases.append(
            (
                "at_more_stars",
                "with more stars",
                Dimension.QUALITY,
                what_if.score_at_rating(raised),
                "inputs.rating",
            )
        )
        yield from fact_of(
            member.subject,
            "more_stars",
            "rating of the what-if",
            raised,
            "stars",
            SCORES_TABLE,
            score_source(member, row, day),
            "inputs.rating",
        )
    source = score_source(member, row, day)
    for key, words, dimension, score, column in cases:
        result = what_if.overall_with(scores, dimension, score)
        if result is None:
            continue
        gain = round(result - overall, 2)
        for suffix, name, value in (
            ("", f"overall score {words}", result),
            ("_score", f"{dimension} score {words}", score),
            ("_gain", f"points gained {words}", gain),
        ):
            yield from fact_of(
                member.subject,
                f"{key}{suffix}",
                name,
                value,
                "points",
                SCORES_TABLE,
                source,
                f"what-if from overall_score and {column}",
            )
