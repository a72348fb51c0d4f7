"""Groups written down by hand as what reports are made from, for the tests of reports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

import pandas as pd
from hypothesis import strategies as st

from insights_assets.reports.facts import FactSheet, fact_sheet
from insights_assets.reports.industry_template import TEMPLATE_NAMES
from insights_assets.reports.inputs import FEATURES_READ, Membership, ReportInputs
from insights_resources.marketplaces import ProductKey
from tests.unit.competition.group_days import DAY, score
from tests.unit.competition.group_days import product as group_product

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


def kettle(
    asin: str, price: int | None, rating: float | None, rank: int | None, **more: Any
) -> Any:
    """A product with all that scores are made from: its rank is the one in the deeper node."""
    ranks = () if rank is None else [("home", rank * 10), ("kettles", rank)]
    known = {"price": price, "rating": rating, "rating_count": 100, "ranks": ranks}
    return group_product(asin, **(known | more))


def kettles() -> list[dict[str, Any]]:
    """Four products that can be compared: A leads, then B, D and C."""
    return [
        kettle("A", 1000, 4.5, 1),
        kettle("B", 1200, 4.0, 5),
        kettle("C", 1500, 3.5, 9),
        kettle("D", 1200, 4.2, 20),
    ]


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


def with_a_day_before(
    days_ago: int, features: dict[str, Any] | None = None, **standing: Any
) -> ReportInputs:
    """The kettles, and A as it was so many days ago."""
    inputs = inputs_of(*kettles())
    key = ProductKey("amazon.de", "A000000000")
    before = DAY - timedelta(days=days_ago)
    now = next(row for row in inputs.scores[GROUP_ID, DAY] if row["asin"] == key.asin)
    inputs.standings[GROUP_ID, before][key] = {
        "overall_score": now["overall_score"],
        "position": 1,
        "coverage": now["coverage"],
    } | standing
    inputs.features[key, before] = dict(inputs.features[key, DAY]) | (features or {})
    return inputs


@st.composite
def any_inputs(draw: st.DrawFn) -> ReportInputs:
    """The inputs of any group: with gaps, ties, old captures, other shops and hostile titles."""
    products, features, titles = [], {}, {}
    few = st.sampled_from
    for number in range(draw(st.integers(1, 6))):
        asin = f"P{number}".ljust(10, "0")
        marketplace, currency = draw(few([*[("amazon.de", "EUR")] * 4, ("amazon.co.jp", "JPY")]))
        step = 100 if currency == "JPY" else 1
        price = draw(st.none() | few([1000, 1200]) | st.integers(1, 300_000))
        rank = draw(st.none() | few([1, 7]) | st.integers(1, 2_000_000))
        rating = draw(st.none() | few([4.0, 5.0]) | st.integers(10, 50).map(lambda n: n / 10))
        products.append(
            kettle(
                asin,
                None if price is None else price * step,
                rating,
                rank,
                marketplace=marketplace,
                currency=currency,
                rating_count=None if rating is None else draw(st.none() | st.integers(0, 10**6)),
                captured=draw(few([*[12] * 6, 60, None])),
                family_asin=draw(few([None, None, None, "F"])),
            )
        )
        ratios = st.none() | st.floats(-0.99, 20)
        features[asin] = {
            "availability": draw(few(["in_stock", "limited", "out_of_stock", "unavailable"])),
            "observations": draw(few([0, 1, 2])),
            "price_change_7d": None if price is None else draw(ratios),
            "days_since_price_change": None if price is None else draw(st.none() | few([0, 9])),
            "primary_rank_log_change_7d": None if rank is None else draw(st.none() | _LOG_CHANGES),
            "rating_change_30d": None if rating is None else draw(st.none() | st.floats(-4, 4)),
            "ratings_gained_30d": draw(st.none() | st.integers(-100, 10**6)),
            "list_price": draw(st.none() | few([200_000])),
            "discount_from_list": draw(st.none() | st.floats(-0.5, 0.9)),
            "in_stock_share_30d": draw(st.none() | st.floats(0, 1)),
            "listing_quality": draw(st.none() | st.floats(0, 100)),
        }
        titles[asin] = draw(few(TITLES) | st.text(min_size=1, max_size=90))
    alerts = [
        alert(asin, draw(st.integers(0, 40)), severity=draw(few(["info", "warning", "critical"])))
        for asin in draw(st.lists(few(sorted(titles)), max_size=4))
    ]
    name = draw(few(TITLES) | st.text(min_size=1, max_size=90))
    inputs = inputs_of(
        *products,
        features=features,
        titles=titles,
        alerts=alerts,
        group_name=name,
        scored=draw(few([True] * 9 + [False])),
    )
    inputs.templates[GROUP_ID] = draw(few(TEMPLATE_NAMES))
    inputs.locales[GROUP_ID] = draw(few(["en_US", "en_US", "de_DE", "fr_FR", "tr_TR", "en_IN"]))
    if draw(st.booleans()):
        _add_a_day_before(draw, inputs)
    return inputs


def _add_a_day_before(draw: st.DrawFn, inputs: ReportInputs) -> None:
    """The last report, in which some products stood otherwise."""
    few, before = st.sampled_from, DAY - timedelta(days=draw(st.integers(1, 3)))
    for row in inputs.scores[GROUP_ID, DAY]:
        key = ProductKey(row["marketplace"], row["asin"])
        if row["method"] == "standard" and draw(few([True, True, False])):
            inputs.standings[GROUP_ID, before][key] = {
                "overall_score": draw(st.none() | st.floats(0, 100)),
                "position": draw(st.none() | st.integers(1, 6)),
                "coverage": row["coverage"],
            }
    for (key, _), row in list(inputs.features.items()):
        if draw(few([True, True, False])):
            inputs.features[key, before] = dict(row) | {
                "price": draw(st.none() | few([900, 1000, 1200])),
                "availability": draw(few(["in_stock", "out_of_stock", "unknown"])),
            }


_LOG_CHANGES = st.floats(-9, 9)
#: Titles that could be taken for something else than text.
TITLES = (
    "Kettle",
    "Kettle 1.7 l, 2200 W",
    "5",
    "50%",
    "12,99 €",
    "Set of three. Half price! 2 of 5",
    "<script>alert(1)</script>",
    'Kettle" onmouseover=alert(1) x="',
    "<img src=https://evil.example/x.png onerror=alert(1)>",
    "[Kettle](javascript:alert(1))",
    "![Kettle](https://evil.example/x.png)",
    "<https://evil.example/>",
    "https://evil.example/ and www.evil.example",
    "| Kettle | of | pipes |",
    "1. Kettle\n# heading\n- item\r\n> quote",
    "- Kettle",
    "+ Kettle",
    "=== Kettle",
    "```Kettle``` `` ` and *stars* and __lines__ ~~gone~~ $x^2$",
    "Kettle &amp; pot &lt;b&gt; &#60;i&#62; &copy;",
    "Kettle \\| back \\ slash\\",
    "\u202eelttek\u202c Kettle\u200b\u200d\ufeff \u2066x\u2069 \u05d0\u05d1\u05d2",
    "{{ 7 * 7 }} {% raw %} ${x} %s",
    "</style></svg></title></footer></bdi><b>Kettle",
    "Kettle " * 300,
    "K" * 2000,
    "</footer>",
    "JavaScript: The Good Parts, href=javascript:alert(1) 'x' href=\"javascript:alert(1)",
)


def _plain(value: Any) -> Any:
    if isinstance(value, dict | list):
        return value
    return None if pd.isna(value) else value
