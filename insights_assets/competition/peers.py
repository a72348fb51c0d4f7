"""Who is compared with whom: the peers of each member of each group on each day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from insights_resources.warehouse.tables import FRESH_HOURS

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_HOUR = 3_600_000_000  # microseconds
_DAY = 24 * _HOUR


class LeftOut(StrEnum):
    """Why another member is no peer; the first that holds, in this order."""

    OTHER_MARKETPLACE = "other_marketplace"
    NOT_CAPTURED = "not_captured"
    STALE_CAPTURE = "stale_capture"
    OTHER_CURRENCY = "other_currency"
    SAME_FAMILY = "same_family"
    FAMILY_REPRESENTED = "family_represented"


_REASONS = tuple(LeftOut)
_ELIGIBLE = len(_REASONS)


@dataclass(frozen=True)
class Members:
    """The members of groups on days, with their features: M rows by day, group and product.

    ``cell`` numbers the (day, group) pairs, ``first`` says where each begins (one more than there
    are cells). ``captured`` is false where the product has no features that day; ``fresh`` says
    whether its last capture is at most 48 hours older than what the day is measured by.
    """

    frame: pd.DataFrame
    cell: Ints
    first: Ints
    captured: Bools
    fresh: Bools


@dataclass(frozen=True)
class Pairs:
    """Each member with each other member of its cell, in the order of members: who (row of
    ``Members``), whom, and the place of the reason in ``LeftOut``, or one more: eligible."""

    member: Ints
    other: Ints
    verdict: NDArray[np.int8]

    @property
    def eligible(self) -> Bools:
        return self.verdict == _ELIGIBLE

    @property
    def reasons(self) -> NDArray[np.object_]:
        """Why each is left out (``LeftOut``); None for the eligible."""
        return np.array([*(reason.value for reason in _REASONS), None], object)[self.verdict]


def members_of_days(
    members: pd.DataFrame, features: pd.DataFrame, days: NDArray[Any], now: datetime
) -> Members:
    """The members on each of the days (datetime64[D]) with that day's features.

    ``members`` has group_id, marketplace, asin, valid_from, valid_to (NaT: it stands). A day that
    has not ended at ``now`` is measured by the newest capture of the group instead of its end.
    """
    start = members["valid_from"].to_numpy("datetime64[D]")
    end = members["valid_to"].to_numpy("datetime64[D]")
    on = (start <= days[:, np.newaxis]) & (np.isnat(end) | (days[:, np.newaxis] <= end))
    day, row = np.nonzero(on)
    frame = members.iloc[row][["group_id", "marketplace", "asin"]].reset_index(drop=True)
    frame.insert(0, "day", days[day].astype("datetime64[s]"))
    # Memberships of one product that overlap count once.
    frame = frame.drop_duplicates().sort_values(
        ["day", "group_id", "marketplace", "asin"], ignore_index=True
    )
    frame = frame.merge(features, how="left", on=["marketplace", "asin", "day"])

    new_cell = (frame[["day", "group_id"]] != frame[["day", "group_id"]].shift()).any(axis=1)
    cell = np.cumsum(new_cell.to_numpy(bool)) - 1
    cells = int(cell[-1]) + 1 if len(cell) else 0
    captured = frame["last_captured_at"].notna().to_numpy(bool)
    instant = frame["last_captured_at"].to_numpy("datetime64[us]").astype(np.int64)
    ends = (frame["day"].to_numpy("datetime64[us]").astype(np.int64)) + _DAY
    newest = np.full(cells, np.iinfo(np.int64).min)
    np.maximum.at(newest, cell[captured], instant[captured])
    over = ends <= int(now.timestamp() * 1_000_000)
    measured_by = np.where(over, ends, newest[cell])
    fresh = captured.copy()
    fresh[captured] = measured_by[captured] - instant[captured] <= FRESH_HOURS * _HOUR
    return Members(
        frame=frame,
        cell=cell,
        first=np.searchsorted(cell, np.arange(cells + 1)),
        captured=captured,
        fresh=fresh,
    )


def compare(members: Members) -> Pairs:
    """Every member with every other one of its cell, and why that is no peer, if it is none."""
    frame, cell = members.frame, members.cell
    size = np.diff(members.first)[cell]
    member = np.repeat(np.arange(len(frame)), size)
    other = np.arange(len(member)) - np.repeat(np.cumsum(size) - size, size)
    other += np.repeat(members.first[cell], size)
    member, other = member[member != other], other[member != other]

    market = _codes(frame["marketplace"])
    currency = _codes(frame["currency"])
    family = _codes(frame["family_asin"])
    same_currency = (currency[member] == currency[other]) & (currency[member] >= 0)
    checks = (
        market[member] != market[other],
        ~members.captured[other],
        ~members.fresh[other],
        ~same_currency,
        family[member] == family[other],
        ~_represents(members, market, currency, family)[other],
    )
    verdict = np.full(len(member), _ELIGIBLE, np.int8)
    for place in reversed(range(len(checks))):
        verdict[checks[place]] = place
    return Pairs(member, other, verdict)


def _represents(members: Members, market: Ints, currency: Ints, family: Ints) -> Bools:
    """Whether a fresh member is the one that stands for its family: the best primary rank, then
    the lower ASIN. Who is fresh and in which currency does not depend on who is compared."""
    rows = np.flatnonzero(members.fresh)
    rank = members.frame["primary_rank"].to_numpy(np.float64, na_value=np.inf)
    # Members are in the order of ASINs within a cell and marketplace.
    order = rows[
        np.lexsort(
            (
                rows,
                rank[rows],
                family[rows],
                currency[rows],
                market[rows],
                members.cell[rows],
            )
        )
    ]
    keys = np.stack([members.cell[order], market[order], currency[order], family[order]])
    stands = np.zeros(len(members.frame), bool)
    stands[order] = np.any(np.diff(keys, axis=1, prepend=-2) != 0, axis=0)
    return stands


def _codes(column: pd.Series) -> Ints:
    codes, _ = pd.factorize(column.to_numpy(object))
    return codes.astype(np.int64)


def grouped_median(groups: Ints, values: Floats, count: int) -> tuple[Floats, Ints]:
    """Median of the values of each of ``count`` groups (NaN values left out; NaN for an empty
    group), and how many there are."""
    known = ~np.isnan(values)
    groups, values = groups[known], values[known]
    ordered = values[np.lexsort((values, groups))]
    size = np.bincount(groups, minlength=count).astype(np.int64)
    start = np.cumsum(size) - size
    filled = np.append(ordered, np.nan)
    last = len(filled) - 1
    lower = filled[np.where(size > 0, start + (size - 1) // 2, last)]
    upper = filled[np.where(size > 0, start + size // 2, last)]
    return (lower + upper) / 2, size
