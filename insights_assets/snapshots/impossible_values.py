"""What no product page can say: such a page is rejected with the reason, and its build goes on.

One page like that is a page that was misread or is wrong itself. When many are, the build's audit
stops it (see ``drift.judge_lost``). What is merely unlikely is left to ``drift``.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from insights_assets.snapshots.product_snapshot import ProductSnapshot
from insights_assets.snapshots.publishing import MONEY_FIELDS
from insights_resources.warehouse.column_types import MONEY_SCALE

#: Nothing on Amazon costs a billion, in any currency it is sold in.
_MOST_MONEY = Decimal(10) ** 9
#: The world has fewer people, and fewer products.
_MOST_COUNTED = 2_000_000_000
_HIGHEST_RATING = 5


def impossible_value(snapshot: ProductSnapshot) -> str | None:
    """The first impossible value in words, such as ``impossible price: 0.00``; None: there is
    none."""
    return next(_impossible_values(snapshot), None)


def _impossible_values(snapshot: ProductSnapshot) -> Iterator[str]:
    for name in MONEY_FIELDS:
        amount: Decimal | None = getattr(snapshot, name)
        if amount is not None and not _is_amount(amount):
            yield f"impossible {name}: {amount}"
    lowest, highest = snapshot.price_min, snapshot.price_max
    if lowest is not None and highest is not None and lowest > highest:
        yield f"impossible price range: {lowest} to {highest}"
    if snapshot.rating is not None and not 0 <= snapshot.rating <= _HIGHEST_RATING:
        yield f"impossible rating: {snapshot.rating}"
    if snapshot.rating_count is not None and not 0 <= snapshot.rating_count <= _MOST_COUNTED:
        yield f"impossible rating_count: {snapshot.rating_count}"
    for rank in snapshot.bsr:
        if not 1 <= rank.rank <= _MOST_COUNTED:
            yield f"impossible rank in {rank.category}: {rank.rank}"


def _is_amount(amount: Decimal) -> bool:
    """A positive amount with at most two decimals, as it is stored."""
    if not amount.is_finite() or not 0 < amount < _MOST_MONEY:
        return False
    return amount.scaleb(MONEY_SCALE) == amount.scaleb(MONEY_SCALE).to_integral_value()
