"""Whether scores are there for all that they can be computed from: what an empty build lacks."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from insights_assets.competition.formulas import Method
from insights_assets.competition.scoring import MissingReason
from insights_resources.warehouse.publication import AuditFinding

_PRODUCT_DAY = ["marketplace", "asin", "day"]
_ROW = ["day", "group_id", "marketplace", "asin"]


def audit_completeness(
    scores: pd.DataFrame, members: pd.DataFrame, features: pd.DataFrame
) -> Iterable[AuditFinding]:
    """Each member with features on a day has a row of each method, and what its features know is
    not said to be missing.

    ``members`` has group_id, marketplace, asin, valid_from, valid_to (NaT: it stands); ``features``
    marketplace, asin, day, price, rating; both of the scope of ``scores``.
    """
    known = features[[*_PRODUCT_DAY, "price", "rating"]]
    joined = members.merge(known, on=["marketplace", "asin"])
    valid = (joined["valid_from"] <= joined["day"]) & (
        joined["valid_to"].isna() | (joined["valid_to"] >= joined["day"])
    )
    # Memberships of one product that overlap count once.
    expected = joined[valid].drop_duplicates(_ROW)
    counted = scores.groupby(_ROW, as_index=False).agg(methods=("method", "nunique"))
    found = expected.merge(counted, on=_ROW, how="left")
    lacking = int((found["methods"].fillna(0) < len(Method)).sum())
    yield AuditFinding(
        "members_with_features_have_scores",
        lacking == 0,
        f"{lacking} of {len(found)} lack a row, or one of the methods",
    )
    for dimension, column, reason in (
        ("price", "price", MissingReason.NO_PRICE),
        ("quality", "rating", MissingReason.NO_RATING),
    ):
        without = scores.loc[scores[f"{dimension}_score"].isna(), [*_ROW, "missing_reasons"]]
        says_so = without["missing_reasons"].map(
            lambda reasons, key=dimension, wanted=reason: reasons.get(key) == wanted
        )
        denied = without[says_so.astype("bool")].merge(expected, on=_ROW)
        wrong = int(denied[column].notna().sum())
        yield AuditFinding(
            f"{dimension}_scores_use_what_is_known",
            wrong == 0,
            f"{wrong} rows say {reason.value}, and the product's features have one",
        )
