"""Drift by marketplace: what ordinary days look like, and what they do not look like."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from insights_assets.snapshots.drift import (
    ENOUGH_PRODUCTS,
    MAX_GONE,
    MIN_PRODUCTS,
    SMALL_MARKETPLACES,
    STANDARD_ERRORS,
    Drift,
    Pairs,
    drift_findings,
    is_significant,
    judge,
    judge_lost,
    pairs_of,
    wilson_lower_bound,
    with_others,
)
from insights_resources.sandbox import SandboxMarket
from tests.unit.snapshots.market_observations import market_observations

FIRST = date(2025, 1, 1)
SITE = "amazon.de"


@pytest.fixture(scope="module")
def market() -> SandboxMarket:
    return SandboxMarket(seed=7, products=144)


@pytest.fixture(scope="module")
def days(market: SandboxMarket) -> list[pd.DataFrame]:
    """Three days of 24 products on each of six marketplaces."""
    return [market_observations(market, [FIRST + timedelta(days=number)]) for number in range(3)]


def drifts(pairs: Pairs) -> list[Drift]:
    return [drift for judged in judge(pairs) for drift in judged.drifts]


def of_site(rows: pd.DataFrame, products: int) -> pd.DataFrame:
    return rows[rows["marketplace"] == SITE].head(products)


def without_price(rows: pd.DataFrame, asins: list[str]) -> pd.DataFrame:
    changed = rows.copy()
    hit = changed["asin"].isin(asins)
    changed.loc[hit, ["price", "offer"]] = np.nan
    changed.loc[hit, "availability"] = "in_stock"
    return changed


# --- the bound -----------------------------------------------------------------------------------


@given(compared=st.integers(1, 5000), share=st.floats(0, 1))
def test_the_bound_is_where_wilsons_equation_says(compared: int, share: float) -> None:
    """It solves (p - bound)^2 = z^2 bound (1 - bound) / n, from below."""
    drifted = round(share * compared)
    bound = wilson_lower_bound(drifted, compared)
    p = drifted / compared
    assert 0 <= bound <= p + 1e-15
    distance = (p - bound) ** 2
    assert math.isclose(
        distance, STANDARD_ERRORS**2 * bound * (1 - bound) / compared, rel_tol=1e-6, abs_tol=1e-9
    )


@given(compared=st.integers(1, 2000), drifted=st.integers(0, 2000))
def test_more_that_drifted_never_prove_less(compared: int, drifted: int) -> None:
    drifted = min(drifted, compared)
    bound = wilson_lower_bound(drifted, compared)
    assert bound <= wilson_lower_bound(drifted + 1, compared + 1)
    if drifted < compared:
        assert bound <= wilson_lower_bound(drifted + 1, compared)


def test_a_few_products_prove_nothing() -> None:
    few = MIN_PRODUCTS - 1
    assert not is_significant(MAX_GONE, few, few, few, few)
    assert is_significant(MAX_GONE, MIN_PRODUCTS, MIN_PRODUCTS, MIN_PRODUCTS, MIN_PRODUCTS)


# --- pairs ---------------------------------------------------------------------------------------


def test_products_are_compared_with_their_last_day_whenever_that_was(
    days: list[pd.DataFrame],
) -> None:
    known = pd.concat([days[0], of_site(days[1], 5)], ignore_index=True)
    pairs = pairs_of(of_site(days[2], 20), known)
    assert set(pairs.after["day"]) == {pd.Timestamp(FIRST + timedelta(days=2))}
    before = pairs.before.set_index(pairs.after["asin"])["page_id"].dropna()
    seen_again = set(of_site(days[1], 5)["asin"])
    for asin, page_id in before.items():
        day = FIRST + timedelta(days=1 if asin in seen_again else 0)
        assert page_id == f"{SITE}/{asin}/{day}"
    assert len(before) > 15


def test_a_correction_that_agrees_with_the_days_before_is_no_drift(
    days: list[pd.DataFrame],
) -> None:
    """Wrong rows that were published are no reason to keep the right ones out."""
    asins = days[1]["asin"].tolist()
    known = pd.concat([days[0], without_price(days[1], asins)], ignore_index=True)
    assert drifts(pairs_of(days[1], known)) == []
    # The same way round, the wrong reading of a page that was read well is drift.
    known = pd.concat([days[0], days[1]], ignore_index=True)
    assert {drift.aspect for drift in drifts(pairs_of(without_price(days[1], asins), known))} == {
        "price gone"
    }


def test_first_captures_have_nothing_to_drift_from(days: list[pd.DataFrame]) -> None:
    assert judge(pairs_of(days[0], days[0].head(0))) == []


# --- what is noticed -----------------------------------------------------------------------------


def test_a_finding_names_marketplace_day_numbers_and_the_remedy(days: list[pd.DataFrame]) -> None:
    asins = of_site(days[1], 24)["asin"].tolist()[:16]
    judged = judge(pairs_of(without_price(days[1], asins), days[0]))
    findings = {finding.check: finding for finding in drift_findings(judged, [], ())}
    assert [check for check, finding in findings.items() if not finding.passed] == [
        f"no_drift_on_{SITE}"
    ]
    detail = findings[f"no_drift_on_{SITE}"].detail
    (drift,) = (drift for one in judged for drift in one.drifts)
    assert (drift.marketplace, drift.day.date()) == (SITE, FIRST + timedelta(days=1))
    assert 16 <= drift.drifted <= 18 < drift.compared <= 24
    left = drift.compared - drift.drifted
    assert detail.startswith(
        f"price gone for {drift.drifted} of {drift.compared} products on 2025-01-02: "
        f"{drift.compared} had it, {left} have it (20% may). "
    )
    assert detail.endswith("insights backfill --from 2025-01-02 --accept-drift amazon.de")
    assert "24 products of days compared" in findings["no_drift_on_amazon.in"].detail or (
        "23 products of days compared" in findings["no_drift_on_amazon.in"].detail
    )
    (accepted,) = (one for one in drift_findings(judged, [], [SITE]) if SITE in one.check)
    assert accepted.passed
    assert accepted.detail == f"accepted: {drift}"


def test_medians_are_told_in_the_currency(days: list[pd.DataFrame]) -> None:
    changed = days[1].copy()
    changed.loc[changed["marketplace"] == SITE, ["price", "offer"]] *= 100
    told = [str(drift) for drift in drifts(pairs_of(changed, days[0]))]
    assert len(told) == 2  # they jumped, and rose
    before = days[0][days[0]["marketplace"] == SITE]["price"].median() / 100
    for text in told:
        middle = text.partition("median ")[2].partition(" before, ")
        assert float(middle[0]) == pytest.approx(before, rel=0.2)
        assert float(middle[2].partition(" now")[0].replace(",", "")) == pytest.approx(
            100 * before, rel=0.2
        )


def test_genuine_stock_outs_of_a_third_stop_nothing(days: list[pd.DataFrame]) -> None:
    asins = days[1]["asin"].tolist()[::3]
    changed = without_price(days[1], asins)
    changed.loc[changed["asin"].isin(asins), "availability"] = "out_of_stock"
    assert drifts(pairs_of(changed, days[0])) == []


def test_a_sale_of_a_third_off_everything_stops_nothing(days: list[pd.DataFrame]) -> None:
    changed = days[1].copy()
    changed[["price", "offer"]] *= 0.72
    assert drifts(pairs_of(changed, days[0])) == []


def test_marketplaces_with_few_products_are_judged_together(days: list[pd.DataFrame]) -> None:
    few = [rows.groupby("marketplace").head(4) for rows in days]
    assert drifts(pairs_of(few[1], few[0])) == []
    (drift,) = drifts(pairs_of(without_price(few[1], few[1]["asin"].tolist()), few[0]))
    assert drift.marketplace == SMALL_MARKETPLACES
    # One that is accepted does not count among them.
    pairs = pairs_of(without_price(few[1], of_site(few[1], 4)["asin"].tolist()), few[0])
    assert [judged.marketplace for judged in judge(pairs, [SITE])] == [SITE, SMALL_MARKETPLACES]


def test_product_pages_that_give_no_snapshot_are_drift(days: list[pd.DataFrame]) -> None:
    rows = days[0]
    asins = of_site(rows, 24)["asin"].tolist()
    assert judge_lost(rows, rows[~rows["asin"].isin(asins[:6])]) == []
    (drift,) = judge_lost(rows, rows[~rows["asin"].isin(asins[:16])])
    assert str(drift).startswith(f"snapshot gone for 16 of {len(asins)} products on 2025-01-01: ")


# --- ordinary days -------------------------------------------------------------------------------


def _batches(rows: pd.DataFrame, size: int) -> Iterator[pd.DataFrame]:
    """A day's rows as they come in: by time, a few products at once."""
    ordered = rows.sort_values("captured_at")
    for start in range(0, len(ordered), size):
        yield ordered.iloc[start : start + size]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_sixty_ordinary_days_stop_nothing(seed: int) -> None:
    """Daily, as one history, in batches of seven, and with six products on a marketplace."""
    market = SandboxMarket(seed=seed, products=144)
    history = market_observations(market, [FIRST + timedelta(days=number) for number in range(60)])
    assert drifts(pairs_of(history, history.head(0))) == []
    looks = 0
    few = set(history.groupby("marketplace")["asin"].unique().map(lambda asins: asins[:6]).sum())
    known = history.head(0)
    for _, today in history.groupby("day"):
        last = known.drop_duplicates(["marketplace", "asin"], keep="last")
        judged = judge(pairs_of(today, last))
        judged += judge(pairs_of(today[today["asin"].isin(few)], last))
        assert [drift for one in judged for drift in one.drifts] == []
        looks += len(judged)
        of_one = today[today["marketplace"] == SITE]
        before = of_one.head(0)
        for batch in _batches(of_one, 7):
            pairs = pairs_of(batch, last)
            others = before.tail(ENOUGH_PRODUCTS - len(batch))
            assert drifts(with_others(pairs, pairs_of(others, last))) == []
            before = pd.concat([before, batch])
        known = pd.concat([last, today], ignore_index=True)
    assert looks > 350
