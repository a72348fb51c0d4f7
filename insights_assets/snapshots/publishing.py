"""The one function that writes ``fact_product_snapshots``.

Its rows have two origins, captured pages and imported histories, and each is rebuilt without the
other: a build of one origin neither removes nor repeats the other's rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
import pandas as pd
from sqlalchemy import ColumnElement, and_

from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import Audit, PublishedBuild, publish

#: Version of the shape of the JSON columns of ``fact_product_snapshots``.
SCHEMA_VERSION = 1

MONEY_FIELDS = (
    "price",
    "price_min",
    "price_max",
    "list_price",
    "subscribe_save_price",
    "used_price",
    "offers_from",
)


class Origin(StrEnum):
    PAGE = "page"
    IMPORT = "import"


def of_origin(origin: Origin) -> ColumnElement[bool]:
    """Snapshots of this origin."""
    return tables.product_snapshots.c.origin == origin.value


def publish_snapshots(
    warehouse: Warehouse,
    snapshots: pd.DataFrame,
    origin: Origin,
    *,
    covers: ColumnElement[bool],
    scope: Scope,
    code_version: str,
    audits: Sequence[Audit] = (),
    run_id: str | None = None,
    import_id: int | None = None,
) -> PublishedBuild:
    """Makes these the current snapshots of their origin among those that ``covers`` selects.

    The caller holds the writer's lock of the scope's days. Raises as ``publish`` does.
    """
    return publish(
        warehouse,
        tables.product_snapshots,
        snapshots.assign(origin=_same_in_each_row(origin.value, len(snapshots))),
        covers=and_(covers, of_origin(origin)),
        scope=scope,
        audits=audits,
        code_version=code_version,
        run_id=run_id,
        import_id=import_id,
    )


def _same_in_each_row(value: str, rows: int) -> pd.Categorical:
    return pd.Categorical.from_codes(np.zeros(rows, np.int8), pd.Index([value], dtype="str"))
