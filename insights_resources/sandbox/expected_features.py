"""Features by their definitions, one product and one day at a time, in plain loops.

Slow and obvious on purpose: this is what the pipeline's arrays are compared with. Dictionary keys
are the columns of ``fact_product_features`` and ``fact_rank_features``. Nothing is rounded.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeVar

from insights_resources.sandbox.observations import Observation, family_asin, node_key
from insights_resources.sandbox.page_truth import SnapshotTruth

#: A value stands for this many days after its day.
CARRY_DAYS = 7
#: Nothing older than this is looked at.
HISTORY_DAYS = 37

Value = TypeVar("Value")


def end_of_day(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time.min, tzinfo=UTC)


def product_features(seen: list[Observation], day: date) -> dict[str, Any] | None:
    """The row of a product and day; None when it was not captured in the 37 days before."""
    past = [o for o in seen if o.day <= day and (day - o.day).days <= HISTORY_DAYS]
    if not past:
        return None
    last = past[-1]
    known = (day - last.day).days <= CARRY_DAYS
    shown = last.snapshot if known else None
    price = _number(shown.price) if shown else None
    currency = next((o.snapshot.currency for o in reversed(past) if o.snapshot.currency), None)
    reason = shown.price_missing_reason if shown else "not_captured"
    return_today = _log_returns(past).get(day)
    before = [
        r for d, r in _log_returns(past).items() if day - timedelta(days=30) <= d < day and r != 0.0
    ]
    list_price = _number(shown.list_price) if shown else None
    primary = shown.bsr[0] if shown and shown.bsr else None
    primary_node = node_key(primary) if primary else None
    row: dict[str, Any] = {
        "last_captured_at": last.captured_at,
        "observations": sum(1 for o in past if o.day == day),
        "family_asin": family_asin(last.snapshot),
        "currency": currency,
        "price": price,
        "price_missing_reason": None if price is not None else reason,
        "price_log_return_1d": return_today,
        "price_sigma_before": statistics.stdev(before) if len(before) >= 2 else None,
        "price_returns_before": len(before),
        "list_price": list_price,
        "discount_from_list": (
            None
            if price is None or list_price is None or list_price < price
            else 1 - price / list_price
        ),
        "days_since_price_change": _days_since_price_change(past, day) if price else None,
        "primary_rank": primary.rank if primary else None,
        "primary_rank_node": primary_node,
        "primary_rank_median_7d": _median_rank(past, day, primary_node),
        "rating": _number(shown.rating) if shown else None,
        "rating_count": shown.rating_count if shown else None,
        "availability": shown.availability if shown else "unknown",
        "out_of_stock_captures": _out_of_stock_run(past),
        "seller": shown.seller if shown else None,
        "seller_changes_30d": _seller_changes(past, day),
        **_listing(shown),
        "listing_changed": _listing_changed(past, day),
    }
    for days in (1, 7, 30):
        then = _known_at(past, day - timedelta(days=days), _price_and_currency)
        row[f"price_change_{days}d"] = (
            None
            if price is None or then is None or then[1] != last.snapshot.currency
            else price / then[0] - 1
        )
    for days in (7, 30):
        start = day - timedelta(days=days)
        row[f"price_mean_{days}d"] = _time_weighted_mean(past, day, days, currency)
        row[f"primary_rank_log_change_{days}d"] = _rank_log_change(
            past, start, primary_node, primary.rank if primary else None
        )
        count = _known_at(past, start, lambda o: o.snapshot.rating_count)
        row[f"ratings_gained_{days}d"] = (
            None if row["rating_count"] is None or count is None else row["rating_count"] - count
        )
        row[f"in_stock_share_{days}d"] = _in_stock_share(past, day, days)
    rating = _known_at(past, day - timedelta(days=30), lambda o: _number(o.snapshot.rating))
    row["rating_change_30d"] = (
        None if row["rating"] is None or rating is None else row["rating"] - rating
    )
    in_effect = [p for p, _, _ in _prices_in_effect(past, day, 30, currency)]
    row["price_min_30d"] = min(in_effect, default=None)
    row["price_max_30d"] = max(in_effect, default=None)
    recent = [r for d, r in _log_returns(past).items() if day - timedelta(days=30) < d <= day]
    row["price_volatility_30d"] = statistics.stdev(recent) if len(recent) >= 10 else None
    return row


def rank_features(seen: list[Observation], day: date) -> list[dict[str, Any]]:
    """A row for each browse node of the last capture, if that is at most 7 days old."""
    past = [o for o in seen if o.day <= day and (day - o.day).days <= HISTORY_DAYS]
    if not past or (day - past[-1].day).days > CARRY_DAYS:
        return []
    ranks = past[-1].snapshot.bsr
    rows = []
    for position, entry in enumerate(ranks, start=1):
        node = node_key(entry)
        rows.append(
            {
                "node_key": node,
                "node_id": entry.node_id,
                "category": entry.category,
                "position": position,
                "is_primary": position == 1,
                "is_deepest": position == len(ranks),
                "rank": entry.rank,
                "rank_median_7d": _median_rank(past, day, node),
                "rank_log_change_7d": _rank_log_change(
                    past, day - timedelta(days=7), node, entry.rank
                ),
                "rank_log_change_30d": _rank_log_change(
                    past, day - timedelta(days=30), node, entry.rank
                ),
            }
        )
    return rows


def _price_and_currency(o: Observation) -> tuple[float, str | None] | None:
    price = _number(o.snapshot.price)
    return None if price is None else (price, o.snapshot.currency)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _closes(past: list[Observation]) -> dict[date, Observation]:
    """The last observation of each captured day."""
    return {o.day: o for o in past}


def _known_at(
    past: list[Observation], day: date, value: Callable[[Observation], Value | None]
) -> Value | None:
    """The last known value at the end of a day, not more than 7 days old then."""
    for o in reversed(past):
        if o.day <= day and (day - o.day).days <= CARRY_DAYS:
            found = value(o)
            if found is not None:
                return found
    return None


def _log_returns(past: list[Observation]) -> dict[date, float]:
    """By day: ln of the close over the close of the day before, both captured, both priced in one
    currency."""
    closes = _closes(past)
    returns = {}
    for day, close in closes.items():
        before = closes.get(day - timedelta(days=1))
        if before is None or before.snapshot.price is None or close.snapshot.price is None:
            continue
        if before.snapshot.currency != close.snapshot.currency:
            continue
        returns[day] = math.log(float(close.snapshot.price) / float(before.snapshot.price))
    return returns


def _prices_in_effect(
    past: list[Observation], day: date, days: int, currency: str | None
) -> list[tuple[float, datetime, datetime]]:
    """(price, from, to) within the window: from a capture to the next one, at most 7 days on; of
    the prices in one currency."""
    start, end = end_of_day(day - timedelta(days=days)), end_of_day(day)
    spans = []
    for index, o in enumerate(past):
        if o.snapshot.price is None or o.snapshot.currency != currency:
            continue
        until = o.captured_at + timedelta(days=CARRY_DAYS)
        if index + 1 < len(past):
            until = min(until, past[index + 1].captured_at)
        begin, until = max(o.captured_at, start), min(until, end)
        if begin < until:
            spans.append((float(o.snapshot.price), begin, until))
    return spans


def _time_weighted_mean(
    past: list[Observation], day: date, days: int, currency: str | None
) -> float | None:
    spans = _prices_in_effect(past, day, days, currency)
    seconds = sum((until - begin).total_seconds() for _, begin, until in spans)
    if seconds == 0:
        return None
    return sum(p * (until - begin).total_seconds() for p, begin, until in spans) / seconds


def _days_since_price_change(past: list[Observation], day: date) -> int | None:
    """Days since the first capture of the price that now holds; None where it always held."""
    first = None
    now = _price_and_currency(past[-1])
    for o in reversed(past):
        if o.snapshot.price is None:
            continue
        if _price_and_currency(o) != now:
            return None if first is None else (day - first).days
        first = o.day
    return None


def _median_rank(past: list[Observation], day: date, node: str | None) -> float | None:
    ranks = []
    for captured, o in _closes(past).items():
        if day - timedelta(days=7) < captured <= day:
            ranks += [r.rank for r in o.snapshot.bsr if node_key(r) == node]
    return float(statistics.median(ranks)) if ranks else None


def _rank_log_change(
    past: list[Observation], start: date, node: str | None, rank: int | None
) -> float | None:
    if rank is None:
        return None

    def in_node(o: Observation) -> int | None:
        return next((r.rank for r in o.snapshot.bsr if node_key(r) == node), None)

    then = _known_at(past, start, in_node)
    return None if then is None else math.log(rank / then)


def _in_stock_share(past: list[Observation], day: date, days: int) -> float | None:
    states = [
        o.snapshot.availability
        for captured, o in _closes(past).items()
        if day - timedelta(days=days) < captured <= day
    ]
    states = [state for state in states if state != "unknown"]
    if not states:
        return None
    return sum(1 for state in states if state in ("in_stock", "limited")) / len(states)


def _out_of_stock_run(past: list[Observation]) -> int:
    run = 0
    for o in reversed(past):
        if o.snapshot.availability not in ("out_of_stock", "unavailable"):
            break
        run += 1
    return run


def _seller_changes(past: list[Observation], day: date) -> int:
    changes, before = 0, None
    for o in past:
        seller = o.snapshot.seller
        if seller is None:
            continue
        if before is not None and seller != before and day - timedelta(days=30) < o.day:
            changes += 1
        before = seller
    return changes


def _listing(shown: SnapshotTruth | None) -> dict[str, Any]:
    if shown is None:
        return {
            "title_length": None,
            "bullet_count": None,
            "image_count": None,
            "description_length": None,
            "listing_quality": None,
        }
    length = len(shown.description or "")
    parts = (len(shown.title) / 80, len(shown.bullets) / 5, len(shown.images) / 7, length / 500)
    return {
        "title_length": len(shown.title),
        "bullet_count": len(shown.bullets),
        "image_count": len(shown.images),
        "description_length": length,
        "listing_quality": 100 * sum(min(1.0, part) for part in parts) / 4,
    }


def _listing_changed(past: list[Observation], day: date) -> bool | None:
    today = [o for o in past if o.day == day]
    before = [o for o in past if o.day < day and (day - o.day).days <= CARRY_DAYS]
    if not today or not before:
        return None
    new, old = today[-1].snapshot, before[-1].snapshot
    return (new.title, new.bullets, new.images, new.description) != (
        old.title,
        old.bullets,
        old.images,
        old.description,
    )
