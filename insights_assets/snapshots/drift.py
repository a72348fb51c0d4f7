"""Whether snapshots drift by marketplace: values vanish or jump on far more products than on any
ordinary day. Then a page's layout has changed, or the parser has, and the products have not.

Each product is compared with itself: with what was last known of it before the day, and, where the
same page was read before, with that reading. It has drifted when it differs from both, so that a
corrected reading which agrees with the days before is no drift. Of the products that can tell, the
share that drifted is judged by the lower bound of its Wilson interval: few products prove little,
however many of them changed. ``docs/data-quality.md`` has the figures.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from insights_assets.snapshots.product_snapshot import Availability
from insights_resources.warehouse.publication import AuditFinding

#: Standard errors of the Wilson bound. By chance alone, a share that just may be is taken for more
#: once in some 700 looks, and ordinary days are far below what may be.
STANDARD_ERRORS = 3.0
#: Fewer products than this are not judged: one seller or one variation family would decide.
MIN_PRODUCTS = 8
#: A batch of fewer products is judged together with those captured just before it.
ENOUGH_PRODUCTS = 20
#: The name under which marketplaces with fewer than ``MIN_PRODUCTS`` are judged together.
SMALL_MARKETPLACES = "small-marketplaces"

#: Share of products that may lose a value from one capture to the next. On ordinary days of the
#: sandbox 1.5 % lose the price without being sold out, 2.6 % the availability, 0.8 % the seller of
#: an offer, none anything else.
MAX_GONE = 0.2
#: Stock-outs are genuine and come in waves. That most of a marketplace is sold out at once is not.
MAX_SOLD_OUT = 0.5
#: Share of products whose value may jump, where a jump is more than sales and price wars do.
MAX_JUMPED = 0.1
#: Deals take off a half at most; misread separators and units make it 10, 100 or 1,000.
PRICE_FACTOR = 3.0
#: When most prices move so far one way, they are other prices (list, unit, without tax).
SHIFT_FACTOR, MAX_SHIFTED = 1.5, 0.5
#: Stars: a mean of many ratings moves by hundredths a day.
RATING_STEP = 1.0
#: The number of ratings grows by per cents a day, once there are more than a few.
RATINGS_FACTOR, FEW_RATINGS = 3.0, 50
#: Ranks of slow sellers jump by some times; a misread separator makes it 1,000.
RANK_FACTOR = 10.0

#: How the detail of a finding begins whose drift somebody said to be real.
ACCEPTED = "accepted: "

_PRODUCT = ["marketplace", "asin"]
_MONEY = ("price", "list_price")
_SOLD = (Availability.IN_STOCK.value, Availability.LIMITED.value)
_SOLD_OUT = (Availability.OUT_OF_STOCK.value, Availability.UNAVAILABLE.value)

#: The columns of ``fact_product_snapshots`` that ``observations`` reads, and those of which it
#: needs the size alone (``bullets_size`` and so on, where the column itself is not there).
OBSERVED = (
    *("page_id", "marketplace", "asin", "day", "captured_at"),
    *("price", "price_min", "currency", "list_price", "rating", "rating_count"),
    *("bsr", "availability", "seller", "brand"),
)
SIZES = ("bullets", "images", "description")


def observations(snapshots: pd.DataFrame) -> pd.DataFrame:
    """What is compared of snapshots, a row each: numbers as float64 (amounts in hundredths), texts
    as objects; what a page does not have is missing. ``offer`` is the price, or the lower end of a
    range. ``bsr`` may be text."""
    rows = snapshots.reset_index(drop=True)
    observed = rows[["page_id", *_PRODUCT, "day", "captured_at"]].copy()
    for name in ("price", "list_price", "rating", "rating_count"):
        observed[name] = rows[name].astype("float64")
    observed["offer"] = observed["price"].fillna(rows["price_min"].astype("float64"))
    for name in ("currency", "availability", "seller", "brand"):
        observed[name] = rows[name].astype("object")
    for name in SIZES:
        sizes = rows[f"{name}_size"] if f"{name}_size" in rows else rows[name].map(_size)
        sizes = sizes.astype("float64")
        observed[name] = sizes.where(sizes > 0)
    ranks = [_primary_rank(bsr) for bsr in rows["bsr"]]
    observed["rank"] = np.array([rank for rank, _ in ranks], dtype=np.float64)
    observed["rank_category"] = pd.Series([name for _, name in ranks], dtype="object")
    return observed


def _size(value: Any) -> int:
    return len(value) if isinstance(value, list | str) else 0


def _primary_rank(bsr: Any) -> tuple[float, str | None]:
    ranks = json.loads(bsr) if isinstance(bsr, str) else bsr
    return (float(ranks[0]["rank"]), str(ranks[0]["category"])) if ranks else (math.nan, None)


@dataclass(frozen=True)
class Pairs:
    """Products of days, as three frames of ``observations`` with the same index: the last row of
    the day, what was last known before the day, and the same page as it was read before; missing
    throughout where there is none. ``is_own``: of the batch itself."""

    after: pd.DataFrame
    before: pd.DataFrame
    same_page: pd.DataFrame
    is_own: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.after)


def pairs_of(build: pd.DataFrame, known: pd.DataFrame) -> Pairs:
    """The pairs of a build's rows. ``known``: the current rows of its days and before, of its
    products. Where they have nothing of a page, the build's own reading of it stands for it: the
    days of a first history are compared with each other."""
    after = _last_of_days(build).sort_values("day", ignore_index=True)
    is_new = ~build["page_id"].isin(known["page_id"])
    history = _last_of_days(pd.concat([known, build[is_new]], ignore_index=True))
    before = pd.merge_asof(
        after[[*_PRODUCT, "day"]],
        history.drop(columns="day").assign(known_on=history["day"]).sort_values("known_on"),
        left_on="day",
        right_on="known_on",
        by=_PRODUCT,
        allow_exact_matches=False,
    )
    same_page = known.set_index("page_id", drop=False).reindex(after["page_id"])
    same_page = same_page.reset_index(drop=True)
    return Pairs(after, before, same_page, np.ones(len(after), dtype=np.bool_))


def _last_of_days(rows: pd.DataFrame) -> pd.DataFrame:
    ordered = rows.sort_values(["captured_at", "page_id"])
    return ordered.drop_duplicates([*_PRODUCT, "day"], keep="last")


def with_others(own: Pairs, others: Pairs) -> Pairs:
    """A small batch, and others' pairs that were captured just before it."""
    return Pairs(
        pd.concat([own.after, others.after], ignore_index=True),
        pd.concat([own.before, others.before], ignore_index=True),
        pd.concat([own.same_page, others.same_page], ignore_index=True),
        np.concatenate([own.is_own, np.zeros(len(others), dtype=np.bool_)]),
    )


@dataclass(frozen=True)
class Drift:
    """That more products of a marketplace changed in one respect on a UTC day than may.

    ``compared`` products could tell, ``drifted`` of them changed; ``change`` says from what to
    what.
    """

    marketplace: str
    day: pd.Timestamp
    aspect: str
    limit: float
    compared: int
    drifted: int
    change: str

    def __str__(self) -> str:
        return (
            f"{self.aspect} for {self.drifted} of {self.compared} products on {self.day.date()}: "
            f"{self.change} ({self.limit:.0%} may)"
        )


def is_significant(
    limit: float, compared: int, drifted: int, own_compared: int, own_drifted: int
) -> bool:
    """Whether more changed than may, which chance does not explain, and among a batch's own
    products too: an innocent page is not held for those before it."""
    return (
        compared >= MIN_PRODUCTS
        and own_drifted > limit * own_compared
        and wilson_lower_bound(drifted, compared) > limit
    )


def wilson_lower_bound(drifted: int, compared: int) -> float:
    """Of the share behind so many of so many, at ``STANDARD_ERRORS``; 0 of none."""
    if not compared:
        return 0.0
    share, squared = drifted / compared, STANDARD_ERRORS**2
    spread = math.sqrt(share * (1 - share) / compared + squared / (4 * compared**2))
    middle = share + squared / (2 * compared)
    return max((middle - STANDARD_ERRORS * spread) / (1 + squared / compared), 0.0)


#: Of the rows before and after: which can tell, and which of them drifted.
Comparison = Callable[[pd.DataFrame, pd.DataFrame], tuple[pd.Series, pd.Series]]


@dataclass(frozen=True)
class _Aspect:
    """A respect in which products drift; ``column`` is the one that it is about."""

    name: str
    column: str
    limit: float
    compare: Comparison


def _gone(name: str, column: str) -> _Aspect:
    """A value that a product had, and has no more."""

    def compare(before: pd.DataFrame, after: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
        return before[column].notna(), after[column].isna()

    return _Aspect(name, column, MAX_GONE, compare)


def _price_gone(before: pd.DataFrame, after: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    # A page that is sold out explains the missing price; that all are is an aspect of its own.
    gone = after["offer"].isna()
    return before["offer"].notna() & ~(gone & after["availability"].isin(_SOLD_OUT)), gone


def _seller_gone(before: pd.DataFrame, after: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    # Without an offer nobody sells it.
    return before["seller"].notna() & after["offer"].notna(), after["seller"].isna()


def _availability_unknown(before: pd.DataFrame, after: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    unknown = Availability.UNKNOWN.value
    known = before["availability"].notna() & before["availability"].ne(unknown)
    return known, after["availability"].eq(unknown)


def _sold_out(before: pd.DataFrame, after: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    return before["availability"].isin(_SOLD), after["availability"].isin(_SOLD_OUT)


def _currency_changed(before: pd.DataFrame, after: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    # Of offers: a page without amounts has its marketplace's currency.
    tells = before["offer"].notna() & after["offer"].notna()
    return tells, before["currency"].ne(after["currency"])


def _moved(
    name: str, column: str, factor: float, limit: float, *, alike: str | None = None, few: int = 0
) -> _Aspect:
    """A number so many times as large or as small as before, where both are more than ``few`` and
    ``alike`` is the same column's value."""

    def compare(before: pd.DataFrame, after: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
        old, new = before[column], after[column]
        tells = (old > 0) & (new > 0) & (np.maximum(old, new) > few)
        if alike is not None:
            tells &= before[alike].eq(after[alike])
        return tells, (new >= factor * old) | (old >= factor * new)

    return _Aspect(name, column, limit, compare)


def _shifted(name: str, *, up: bool) -> _Aspect:
    """Most prices moved one way, if by less than a jump."""

    def compare(before: pd.DataFrame, after: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
        old, new = before["price"], after["price"]
        tells = (old > 0) & (new > 0) & before["currency"].eq(after["currency"])
        return tells, new >= SHIFT_FACTOR * old if up else old >= SHIFT_FACTOR * new

    return _Aspect(name, "price", MAX_SHIFTED, compare)


def _rating_moved(before: pd.DataFrame, after: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    change = (before["rating"] - after["rating"]).abs()
    return change.notna(), change >= RATING_STEP


ASPECTS = (
    _Aspect("price gone", "offer", MAX_GONE, _price_gone),
    _gone("rating gone", "rating"),
    _gone("rating count gone", "rating_count"),
    _gone("rank gone", "rank"),
    _gone("brand gone", "brand"),
    _gone("bullets gone", "bullets"),
    _gone("images gone", "images"),
    _gone("description gone", "description"),
    _Aspect("seller gone", "seller", MAX_GONE, _seller_gone),
    _Aspect("availability unknown", "availability", MAX_GONE, _availability_unknown),
    _Aspect("sold out", "availability", MAX_SOLD_OUT, _sold_out),
    _Aspect("currency changed", "currency", MAX_JUMPED, _currency_changed),
    _moved("price jumped", "price", PRICE_FACTOR, MAX_JUMPED, alike="currency"),
    _shifted("price rose", up=True),
    _shifted("price fell", up=False),
    _moved("list price jumped", "list_price", PRICE_FACTOR, MAX_JUMPED, alike="currency"),
    _Aspect("rating jumped", "rating", MAX_JUMPED, _rating_moved),
    _moved("rating count jumped", "rating_count", RATINGS_FACTOR, MAX_JUMPED, few=FEW_RATINGS),
    _moved("rank jumped", "rank", RANK_FACTOR, MAX_GONE, alike="rank_category"),
)


@dataclass(frozen=True)
class Judgement:
    """Of a marketplace: how many products of days were compared, and what drifted."""

    marketplace: str
    compared: int
    drifts: tuple[Drift, ...]


def judge(pairs: Pairs, apart: Collection[str] = ()) -> list[Judgement]:
    """What drifted, by marketplace, on any day. Marketplaces with few products of a day are judged
    together, but for those ``apart``."""
    known = pairs.before["page_id"].notna() | pairs.same_page["page_id"].notna()
    chosen = np.flatnonzero(known)
    if not len(chosen):
        return []
    after, before, same_page = (
        frame.iloc[chosen].reset_index(drop=True)
        for frame in (pairs.after, pairs.before, pairs.same_page)
    )
    groups = _Groups.of(after[["marketplace", "day"]], pairs.is_own[chosen], apart)
    found: dict[str, list[Drift]] = {name: [] for name in groups.marketplaces}
    for aspect in ASPECTS:
        tells, drifted = _against_both(aspect, after, before, same_page)

        def change(
            inside: NDArray[np.bool_], aspect: _Aspect = aspect, has: NDArray[np.bool_] = drifted
        ) -> str:
            column = aspect.column
            older = before[column].where(before[column].notna(), same_page[column])
            return _change(aspect, older[inside], after.loc[inside, column], has[inside])

        for drift in groups.drifts(aspect.name, aspect.limit, tells, drifted, change):
            found[drift.marketplace].append(drift)
    return [Judgement(name, groups.size_of(name), tuple(drifts)) for name, drifts in found.items()]


def judge_lost(
    pages: pd.DataFrame, snapshots: pd.DataFrame, apart: Collection[str] = ()
) -> list[Drift]:
    """Where product pages give no snapshots. ``pages``: marketplace, asin and day of the pages that
    were product pages when they were captured; ``snapshots``: of those that could be read."""
    captured = pages[[*_PRODUCT, "day"]].drop_duplicates(ignore_index=True)
    read = snapshots[[*_PRODUCT, "day"]].drop_duplicates().assign(is_read=True)
    lost = captured.merge(read, on=[*_PRODUCT, "day"], how="left")["is_read"].isna().to_numpy()
    everybody = np.ones(len(captured), dtype=np.bool_)
    groups = _Groups.of(captured[["marketplace", "day"]], everybody, apart)

    def change(inside: NDArray[np.bool_]) -> str:
        return f"{int((inside & ~lost).sum())} snapshots are left"

    return list(groups.drifts("snapshot gone", MAX_GONE, everybody, lost, change))


@dataclass(frozen=True)
class _Groups:
    """Products of days by marketplace and day: the number of each one's group, and the groups."""

    codes: NDArray[np.intp]
    names: Sequence[tuple[str, pd.Timestamp]]
    is_own: NDArray[np.bool_]

    @classmethod
    def of(cls, rows: pd.DataFrame, is_own: NDArray[np.bool_], apart: Collection[str]) -> _Groups:
        sizes = rows.groupby(["marketplace", "day"])["day"].transform("size")
        is_small = (sizes < MIN_PRODUCTS) & ~rows["marketplace"].isin(list(apart))
        judged_as = rows["marketplace"].astype("object").mask(is_small, SMALL_MARKETPLACES)
        codes, names = pd.MultiIndex.from_arrays([judged_as, rows["day"]]).factorize(sort=True)
        return cls(codes, list(names), is_own)

    @property
    def marketplaces(self) -> list[str]:
        return sorted({marketplace for marketplace, _ in self.names})

    def size_of(self, marketplace: str) -> int:
        sizes = np.bincount(self.codes, minlength=len(self.names))
        return sum(
            int(size)
            for size, (name, _) in zip(sizes, self.names, strict=True)
            if name == marketplace
        )

    def drifts(
        self,
        aspect: str,
        limit: float,
        tells: NDArray[np.bool_],
        drifted: NDArray[np.bool_],
        change: Callable[[NDArray[np.bool_]], str],
    ) -> list[Drift]:
        """The significant ones in one respect; ``change`` describes the products of a mask."""
        has = tells & drifted
        counts = [
            np.bincount(self.codes[mask], minlength=len(self.names))
            for mask in (tells, has, tells & self.is_own, has & self.is_own)
        ]
        found = []
        for number, (marketplace, day) in enumerate(self.names):
            compared, changed, own_compared, own_changed = (int(count[number]) for count in counts)
            if is_significant(limit, compared, changed, own_compared, own_changed):
                words = change(tells & (self.codes == number))
                found.append(Drift(marketplace, day, aspect, limit, compared, changed, words))
        return found


def _against_both(
    aspect: _Aspect, after: pd.DataFrame, before: pd.DataFrame, same_page: pd.DataFrame
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which products can tell by one baseline at least, and drifted by each that can."""
    tells = np.zeros(len(after), dtype=np.bool_)
    agrees = np.zeros(len(after), dtype=np.bool_)
    for baseline in (before, same_page):
        can_tell, drifted = (
            part.fillna(value=False).to_numpy(np.bool_) for part in aspect.compare(baseline, after)
        )
        tells |= can_tell
        agrees |= can_tell & ~drifted
    return tells, tells & ~agrees


def _change(
    aspect: _Aspect, before: pd.Series, after: pd.Series, drifted: NDArray[np.bool_]
) -> str:
    if aspect.name.endswith("gone"):
        return f"{int(before.notna().sum())} had it, {int(after.notna().sum())} have it"
    if before.dtype == "float64":
        middle = [float(before.median()), float(after.median())]
        if aspect.column in _MONEY:
            middle = [value / 100 for value in middle]
        return f"median {middle[0]:,.2f} before, {middle[1]:,.2f} now"
    usual = [str(values[drifted].mode().iloc[0]) for values in (before, after)]
    return f"mostly {usual[0]} before, {usual[1]} now"


def drift_findings(
    judgements: Sequence[Judgement], lost: Sequence[Drift], accepted: Collection[str]
) -> list[AuditFinding]:
    """One finding for each marketplace; drift in those ``accepted`` is told and passes.

    ``judgements`` are of values, ``lost`` of snapshots that are not there.
    """
    drifts = {judged.marketplace: list(judged.drifts) for judged in judgements}
    for drift in lost:
        drifts.setdefault(drift.marketplace, []).append(drift)
    compared = {judged.marketplace: judged.compared for judged in judgements}
    findings = []
    for marketplace, found in sorted(drifts.items()):
        detail = "; ".join(map(str, found))
        is_accepted = marketplace in accepted
        if not found:
            detail = f"{compared[marketplace]} products of days compared, nothing drifted"
        elif is_accepted:
            detail = ACCEPTED + detail
        else:
            first_day = min(drift.day for drift in found).date()
            detail += (
                f". See what the pages say (insights parse --explain) and correct the parser; if "
                f"they have really changed: insights backfill --from {first_day} "
                f"--accept-drift {marketplace}"
            )
        findings.append(AuditFinding(drift_check(marketplace), not found or is_accepted, detail))
    return findings


def drift_check(marketplace: str) -> str:
    """The name of the finding of a marketplace."""
    return f"no_drift_on_{marketplace}"
