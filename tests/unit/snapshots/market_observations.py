"""The sandbox's truth as ``drift.observations``: what its pages say, without the pages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import date
from typing import Any

import pandas as pd

from insights_assets.snapshots.drift import observations
from insights_resources.marketplaces import ProductKey
from insights_resources.sandbox import SandboxMarket
from insights_resources.warehouse.frames import to_minor


def market_rows(
    market: SandboxMarket, days: Iterable[date], keys: Iterable[ProductKey] | None = None
) -> pd.DataFrame:
    """The snapshots of each product on each day (UTC) that has one; amounts in hundredths."""
    rows: list[dict[str, Any]] = []
    for day in days:
        for key in keys or market.keys:
            truth = market.truth(key, day)
            if truth.snapshot is None:
                continue
            said = truth.snapshot
            amounts = {
                name: to_minor(getattr(said, name)) for name in ("price", "price_min", "list_price")
            }
            rows.append(
                {
                    "page_id": f"{key}/{day}",
                    "marketplace": key.marketplace,
                    "asin": key.asin,
                    "day": pd.Timestamp(day),
                    "captured_at": truth.captured_at,
                    **{name: pd.NA if value is None else value for name, value in amounts.items()},
                    "currency": said.currency,
                    "rating": None if said.rating is None else float(said.rating),
                    "rating_count": said.rating_count,
                    "bsr": [asdict(rank) for rank in said.bsr],
                    "availability": said.availability,
                    "seller": said.seller,
                    "brand": said.brand,
                    "bullets": list(said.bullets),
                    "images": list(said.images),
                    "description": said.description,
                }
            )
    frame = pd.DataFrame(rows)
    for name in ("price", "price_min", "list_price", "rating_count"):
        frame[name] = frame[name].astype("Int64")
    return frame.astype({"day": "datetime64[s]", "captured_at": "datetime64[us, UTC]"})


def market_observations(
    market: SandboxMarket, days: Iterable[date], keys: Iterable[ProductKey] | None = None
) -> pd.DataFrame:
    """The same as it is compared."""
    return observations(market_rows(market, days, keys))
