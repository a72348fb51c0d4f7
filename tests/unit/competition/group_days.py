"""Small groups written down as a person would, for the tests of scores."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from insights_assets.competition.scoring import score_groups

DAY = date(2026, 3, 10)
MARKETPLACE = "amazon.de"
LONG_AFTER = datetime(2026, 6, 1, tzinfo=UTC)
END = datetime(2026, 3, 11, tzinfo=UTC)


def product(asin: str, **known: Any) -> dict[str, Any]:
    """A member on DAY. ``price`` in hundredths; ``ranks`` as (node key, rank) or (node key, rank,
    7-day median) in page order; ``captured`` hours before the end of the day, None: never."""
    row: dict[str, Any] = {
        "asin": asin.ljust(10, "0"),
        "marketplace": MARKETPLACE,
        "captured": 12,
        "family_asin": None,
        "currency": "EUR",
        "price": None,
        "rating": None,
        "rating_count": None,
        "ranks": (),
        "member": (date(2026, 1, 1), None),
        "group_id": "g",
    }
    assert not set(known) - set(row) - {"primary_rank"}, known
    row |= known
    row["ranks"] = [rank if len(rank) == 3 else (*rank, float(rank[1])) for rank in row["ranks"]]
    row.setdefault("primary_rank", row["ranks"][0][1] if row["ranks"] else None)
    row["family_asin"] = (row["family_asin"] or row["asin"]).ljust(10, "0")
    return row


def score(
    *products: dict[str, Any],
    first: date = DAY,
    last: date = DAY,
    now: datetime = LONG_AFTER,
) -> pd.DataFrame:
    """The scores of groups of these products."""
    return score_groups(*frames(*products), first, last, now=now)


def frames(*products: dict[str, Any]) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """features, rank_features and members with the warehouse's dtypes."""
    seen: dict[tuple[str, str], dict[str, Any]] = {
        (p["marketplace"], p["asin"]): p for p in products if p["captured"] is not None
    }
    captured = list(seen.values())
    features = pd.DataFrame(
        {
            "marketplace": _text(p["marketplace"] for p in captured),
            "asin": _text(p["asin"] for p in captured),
            "day": _days([DAY] * len(captured)),
            "last_captured_at": pd.Series(
                pd.to_datetime([END - timedelta(hours=p["captured"]) for p in captured], utc=True)
            ).astype("datetime64[us, UTC]"),
            "family_asin": _text(p["family_asin"] for p in captured),
            "currency": _text(p["currency"] for p in captured),
            "price": pd.array([p["price"] for p in captured], dtype="Int64"),
            "price_missing_reason": _text(
                None if p["price"] is not None else "no_buy_box" for p in captured
            ),
            "primary_rank": pd.array([p["primary_rank"] for p in captured], dtype="Int64"),
            "rating": np.array(
                [np.nan if p["rating"] is None else p["rating"] for p in captured], float
            ),
            "rating_count": pd.array([p["rating_count"] for p in captured], dtype="Int64"),
        }
    )
    entries = [
        (p, position, *rank) for p in captured for position, rank in enumerate(p["ranks"], start=1)
    ]
    ranks = pd.DataFrame(
        {
            "marketplace": _text(e[0]["marketplace"] for e in entries),
            "asin": _text(e[0]["asin"] for e in entries),
            "day": _days([DAY] * len(entries)),
            "node_key": _text(e[2] for e in entries),
            "position": pd.array([e[1] for e in entries], dtype="Int64"),
            "rank": pd.array([e[3] for e in entries], dtype="Int64"),
            "rank_median_7d": np.array([np.nan if e[4] is None else e[4] for e in entries], float),
        }
    )
    members = pd.DataFrame(
        {
            "group_id": _text(p["group_id"] for p in products),
            "marketplace": _text(p["marketplace"] for p in products),
            "asin": _text(p["asin"] for p in products),
            "valid_from": _days([p["member"][0] for p in products]),
            "valid_to": _days([p["member"][1] for p in products]),
        }
    )
    return features, ranks, members


def row_of(scores: pd.DataFrame, asin: str, method: str = "standard") -> dict[str, Any]:
    """The single row of a product, None for missing."""
    found = scores[(scores["asin"] == asin.ljust(10, "0")) & (scores["method"] == method)]
    assert len(found) == 1, f"{len(found)} rows of {asin}"
    return {
        name: None if value is pd.NA or (isinstance(value, float) and value != value) else value
        for name, value in found.iloc[0].items()
    }


def _text(values: Any) -> Any:
    return pd.array(list(values), dtype="str")


def _days(values: list[date | None]) -> Any:
    return pd.Series(pd.to_datetime(values)).astype("datetime64[s]")
