"""Captures written down as a person would, and a slow reading of the features' definitions.

``naive_features`` and ``naive_ranks`` follow the column comments of the tables for one product and
one day at a time, with plain lists; the array code must agree with them on any history.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from insights_resources.warehouse.column_types import dump_json

MARKETPLACE = "amazon.de"
ASIN = "B0TEST0001"
DAY = timedelta(days=1)

_DEFAULTS: dict[str, Any] = {
    "marketplace": MARKETPLACE,
    "asin": ASIN,
    "title": "A kettle",
    "currency": "EUR",
    "price": None,
    "price_missing_reason": None,
    "list_price": None,
    "rating": None,
    "rating_count": None,
    "bsr": (),
    "availability": "in_stock",
    "seller": None,
    "bullets": (),
    "description": None,
    "images": (),
    "parent_asin": None,
}
_TEXTS = (
    "page_id",
    "marketplace",
    "asin",
    "title",
    "currency",
    "price_missing_reason",
    "availability",
    "seller",
    "description",
    "parent_asin",
)


def at(day: str | date, hour: float = 12) -> datetime:
    """An instant of a day."""
    start = date.fromisoformat(day) if isinstance(day, str) else day
    return datetime(start.year, start.month, start.day, tzinfo=UTC) + timedelta(hours=hour)


def capture(when: datetime, **fields: Any) -> dict[str, Any]:
    """One capture; price in hundredths, ``bsr`` as (category, node id, rank) triples."""
    unknown = set(fields) - set(_DEFAULTS) - {"page_id"}
    assert not unknown, unknown
    row = _DEFAULTS | fields | {"captured_at": when}
    row.setdefault("page_id", f"{row['asin']}-{when:%Y%m%dT%H%M%S}")
    if row["price"] is None and row["price_missing_reason"] is None:
        row["price_missing_reason"] = "no_buy_box"
    return row


def snapshots(captures: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """The captures as a frame with the warehouse's dtypes."""
    rows = list(captures)
    columns: dict[str, Any] = {
        name: pd.array([row[name] for row in rows], dtype="str")
        if rows
        else pd.array([], dtype="str")
        for name in _TEXTS
    }
    columns["captured_at"] = pd.Series(
        pd.to_datetime([row["captured_at"] for row in rows], utc=True)
    ).astype("datetime64[us, UTC]")
    for name in ("price", "list_price", "rating_count"):
        columns[name] = pd.array([row[name] for row in rows], dtype="Int64")
    columns["rating"] = np.array(
        [math.nan if row["rating"] is None else row["rating"] for row in rows], dtype=float
    )
    for name in ("bullets", "images"):
        columns[name] = _objects([list(row[name]) for row in rows])
    columns["bsr"] = _objects(
        [[{"category": c, "node_id": n, "rank": r} for c, n, r in row["bsr"]] for row in rows]
    )
    return pd.DataFrame(columns)


def history_frame(captures: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """The same as features read them: ranks as JSON text, listings as lengths and a number."""
    frame = snapshots(captures)
    listing = frame[["title", "bullets", "description", "images"]]
    said = _objects([repr(row) for row in listing.to_numpy(object).tolist()])
    measures: dict[str, Any] = {
        "bsr": pd.array([dump_json(ranks) for ranks in frame["bsr"]], dtype="str"),
        "title_length": frame["title"].str.len().astype("Int64"),
        "bullet_count": pd.array([len(bullets) for bullets in frame["bullets"]], dtype="Int64"),
        "image_count": pd.array([len(images) for images in frame["images"]], dtype="Int64"),
        "description_length": frame["description"].str.len().fillna(0).astype("Int64"),
        "listing": pd.array(pd.factorize(said)[0], dtype="Int64"),
    }
    return frame.assign(**measures).drop(columns=["title", "bullets", "description", "images"])


def _objects(values: list[Any]) -> np.ndarray:
    array = np.empty(len(values), object)
    array[:] = values
    return array


# --- the definitions, read slowly ----------------------------------------------------------------


def naive_features(
    captures: Iterable[Mapping[str, Any]], first: date, last: date
) -> list[dict[str, Any]]:
    """The rows of product_features (money in hundredths, floats unrounded)."""
    return [
        row
        for history in _by_product(captures)
        for day in _days(first, last)
        if (row := _feature_row(_visible(history, day), day)) is not None
    ]


def naive_ranks(
    captures: Iterable[Mapping[str, Any]], first: date, last: date
) -> list[dict[str, Any]]:
    """The rows of rank_features."""
    rows: list[dict[str, Any]] = []
    for history in _by_product(captures):
        for day in _days(first, last):
            seen = _visible(history, day)
            if not seen or _age(seen[-1], day) > 7:
                continue
            ranks = _ranks(seen[-1])
            for key, (position, category, node_id, rank) in ranks.items():
                rows.append(
                    {
                        "marketplace": seen[-1]["marketplace"],
                        "asin": seen[-1]["asin"],
                        "day": day,
                        "node_key": key,
                        "node_id": node_id,
                        "category": category,
                        "position": position,
                        "is_primary": position == min(r[0] for r in ranks.values()),
                        "is_deepest": position == max(r[0] for r in ranks.values()),
                        "rank": rank,
                        **_rank_statistics("rank", seen, day, key, rank),
                    }
                )
    return rows


def _feature_row(seen: list[dict[str, Any]], day: date) -> dict[str, Any] | None:
    if not seen:
        return None
    last = seen[-1]
    fresh = _age(last, day) <= 7
    shown = [c["currency"] for c in seen if c["currency"] is not None]
    currency = shown[-1] if shown else None
    price = last["price"] if fresh else None
    list_price = last["list_price"] if fresh else None
    row: dict[str, Any] = {
        "marketplace": last["marketplace"],
        "asin": last["asin"],
        "day": day,
        "last_captured_at": last["captured_at"],
        "observations": sum(_age(c, day) == 0 for c in seen),
        "family_asin": last["parent_asin"] or last["asin"],
        "currency": currency,
        "price": price,
        "price_missing_reason": (
            None if price is not None else last["price_missing_reason"] if fresh else "not_captured"
        ),
        "list_price": list_price,
        "discount_from_list": (
            1 - price / list_price
            if price is not None and list_price is not None and list_price >= price
            else None
        ),
    }
    for days in (1, 7, 30):
        then = _known(seen, day, days, "price")
        row[f"price_change_{days}d"] = (
            price / then["price"] - 1
            if price is not None and then is not None and then["currency"] == last["currency"]
            else None
        )
    for days in (7, 30):
        held = _in_effect(seen, day, days, currency)
        time = sum(length for _, length in held)
        row[f"price_mean_{days}d"] = (
            sum(p * length for p, length in held) / time / 100 if held else None
        )
    row["price_min_30d"] = min((p for p, _ in held), default=None)
    row["price_max_30d"] = max((p for p, _ in held), default=None)

    returns = {d: r for d in range(31) if (r := _log_return(seen, day - d * DAY)) is not None}
    month = [r for d, r in returns.items() if d < 30]
    before = [r for d, r in returns.items() if d > 0 and r != 0]
    row["price_volatility_30d"] = statistics.stdev(month) if len(month) >= 10 else None
    row["price_log_return_1d"] = returns.get(0)
    row["price_sigma_before"] = statistics.stdev(before) if len(before) >= 2 else None
    row["price_returns_before"] = len(before)
    row["days_since_price_change"] = None if price is None else _days_since_change(seen, day)

    ranks = _ranks(last) if fresh else {}
    key = next(iter(ranks), None)
    rank = ranks[key][3] if key is not None else None
    row |= {"primary_rank": rank, "primary_rank_node": key}
    row |= _rank_statistics("primary_rank", seen, day, key, rank)

    rating = last["rating"] if fresh else None
    count = last["rating_count"] if fresh else None
    row |= {"rating": rating, "rating_count": count}
    for days in (7, 30):
        then = _known(seen, day, days, "rating_count")
        row[f"ratings_gained_{days}d"] = (
            count - then["rating_count"] if count is not None and then else None
        )
    then = _known(seen, day, 30, "rating")
    row["rating_change_30d"] = rating - then["rating"] if rating is not None and then else None

    row["availability"] = last["availability"] if fresh else "unknown"
    for days in (7, 30):
        closes = [c for d in range(days) if (c := _close(seen, day - d * DAY)) is not None]
        states = [c["availability"] for c in closes if c["availability"] != "unknown"]
        row[f"in_stock_share_{days}d"] = (
            sum(s in ("in_stock", "limited") for s in states) / len(states) if states else None
        )
    run = 0
    while run < len(seen) and seen[-1 - run]["availability"] in ("out_of_stock", "unavailable"):
        run += 1
    row["out_of_stock_captures"] = run

    row["seller"] = last["seller"] if fresh else None
    known = [c for c in seen if c["seller"] is not None]
    row["seller_changes_30d"] = sum(
        new["seller"] != old["seller"] and _age(new, day) < 30
        for old, new in itertools.pairwise(known)
    )
    row |= {
        "title_length": len(last["title"]) if fresh else None,
        "bullet_count": len(last["bullets"]) if fresh else None,
        "image_count": len(last["images"]) if fresh else None,
        "description_length": len(last["description"] or "") if fresh else None,
        "listing_quality": (
            25
            * (
                min(len(last["title"]) / 80, 1)
                + min(len(last["bullets"]) / 5, 1)
                + min(len(last["images"]) / 7, 1)
                + min(len(last["description"] or "") / 500, 1)
            )
            if fresh
            else None
        ),
    }
    earlier = [c for c in seen if 1 <= _age(c, day) <= 7]
    row["listing_changed"] = (
        any(last[f] != earlier[-1][f] for f in ("title", "bullets", "images", "description"))
        if _age(last, day) == 0 and earlier
        else None
    )
    return row


def _by_product(captures: Iterable[Mapping[str, Any]]) -> list[list[dict[str, Any]]]:
    products: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for item in sorted(captures, key=lambda c: (c["captured_at"], c["page_id"])):
        products.setdefault((item["marketplace"], item["asin"]), []).append(dict(item))
    return [products[key] for key in sorted(products)]


def _days(first: date, last: date) -> list[date]:
    return [first + n * DAY for n in range((last - first).days + 1)]


def _age(item: Mapping[str, Any], day: date) -> int:
    return (day - item["captured_at"].date()).days


def _visible(history: list[dict[str, Any]], day: date) -> list[dict[str, Any]]:
    return [c for c in history if 0 <= _age(c, day) <= 37]


def _close(seen: list[dict[str, Any]], day: date) -> dict[str, Any] | None:
    return next((c for c in reversed(seen) if _age(c, day) == 0), None)


def _known(
    seen: list[dict[str, Any]], day: date, days_before: int, field: str
) -> dict[str, Any] | None:
    window = range(days_before, days_before + 8)
    return next(
        (c for c in reversed(seen) if _age(c, day) in window and c[field] is not None), None
    )


def _in_effect(
    seen: list[dict[str, Any]], day: date, days: int, currency: str | None
) -> list[tuple[int, float]]:
    end = at(day, 24)
    start = end - days * DAY
    held = []
    for item, following in zip(seen, [*seen[1:], None], strict=True):
        until = min(end, item["captured_at"] + 7 * DAY)
        if following is not None:
            until = min(until, following["captured_at"])
        length = (until - max(start, item["captured_at"])).total_seconds()
        if length > 0 and item["price"] is not None and item["currency"] == currency:
            held.append((item["price"], length))
    return held


def _log_return(seen: list[dict[str, Any]], day: date) -> float | None:
    new, old = _close(seen, day), _close(seen, day - DAY)
    if new is None or old is None or new["price"] is None or old["price"] is None:
        return None
    if new["currency"] != old["currency"]:
        return None
    return math.log(new["price"] / old["price"])


def _days_since_change(seen: list[dict[str, Any]], day: date) -> int | None:
    priced = [c for c in seen if c["price"] is not None]
    for old, new in reversed(list(itertools.pairwise(priced))):
        if (old["price"], old["currency"]) != (new["price"], new["currency"]):
            return _age(new, day)
    return None


def _ranks(item: Mapping[str, Any]) -> dict[str, tuple[int, str, str | None, int]]:
    ranks: dict[str, tuple[int, str, str | None, int]] = {}
    for position, (category, node_id, rank) in enumerate(item["bsr"], start=1):
        key = node_id or f"category:{category}"
        if key not in ranks:
            ranks[key] = (position, category, node_id, rank)
    return ranks


def _rank_statistics(
    prefix: str, seen: list[dict[str, Any]], day: date, key: str | None, rank: int | None
) -> dict[str, float | None]:
    closes = [c for d in range(7) if (c := _close(seen, day - d * DAY)) is not None]
    week = [_ranks(c)[key][3] for c in closes if key in _ranks(c)]
    row: dict[str, float | None] = {
        f"{prefix}_median_7d": statistics.median(week) if week else None
    }
    for days in (7, 30):
        then = next(
            (
                _ranks(c)[key][3]
                for c in reversed(seen)
                if days <= _age(c, day) <= days + 7 and key in _ranks(c)
            ),
            None,
        )
        row[f"{prefix}_log_change_{days}d"] = (
            math.log(rank / then) if rank is not None and then is not None else None
        )
    return row


def assert_rows_equal(frame: pd.DataFrame, expected: list[dict[str, Any]]) -> None:
    """The frame's rows are the expected ones, in order (floats to their rounding)."""
    found = rows_of(frame)
    assert len(found) == len(expected)
    for actual, wanted in zip(found, expected, strict=True):
        assert set(actual) == set(wanted)
        for name, value in wanted.items():
            where = f"{wanted['asin']} {wanted['day']} {name}"
            if isinstance(value, float) and actual[name] is not None:
                assert math.isclose(actual[name], value, rel_tol=0, abs_tol=1.1e-6), where
            else:
                assert actual[name] == value, f"{where}: {actual[name]!r}, not {value!r}"


def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as dictionaries with None for missing, dates and UTC times."""
    rows = []
    for values in frame.itertuples(index=False, name=None):
        row = {
            name: None if value is pd.NA or value is None or value != value else value
            for name, value in zip(frame.columns, values, strict=True)
        }
        row["day"] = row["day"].date()
        if "last_captured_at" in row:
            row["last_captured_at"] = row["last_captured_at"].to_pydatetime()
        rows.append(row)
    return rows
