"""Reads the retention file (YAML): how long rows of each table are kept. Explained in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import Table

from insights_assets.features.product_features import LOOK_BACK_DAYS
from insights_resources.errors import ConfigurationError
from insights_resources.warehouse import tables
from insights_resources.warehouse.contract_views import contract_name

#: In the order in which they are removed: what is computed before what it is computed from, and
#: pages before their snapshots (a page without one is pending).
REMOVED = (
    tables.competitive_reports,
    tables.alerts,
    tables.competitive_scores,
    tables.rank_features,
    tables.product_features,
    tables.raw_pages,
    tables.rejected_pages,
    tables.product_snapshots,
)
#: Tables that have a number of days in the file. Rejections go with their pages: without them a
#: page would be parsed again.
LISTED = tuple(table for table in REMOVED if table is not tables.rejected_pages)

_COMPUTED_FROM = {
    tables.product_features: (tables.product_snapshots,),
    tables.rank_features: (tables.product_snapshots,),
    tables.competitive_scores: (tables.product_features, tables.rank_features),
    tables.alerts: (tables.product_features,),
    tables.competitive_reports: (
        tables.competitive_scores,
        tables.product_features,
        tables.alerts,
    ),
}
#: How much longer inputs stay: what a day looks back on, and the month that goes as a whole.
MARGIN_DAYS = LOOK_BACK_DAYS + 31
_LEAST_DAYS = 60
_FOREVER = "forever"


@dataclass(frozen=True)
class RetentionPolicy:
    """Days that rows are kept, by table (not in it: for ever), and that superseded rows are (None:
    for ever)."""

    keep_days: Mapping[Table, int]
    superseded_days: int | None

    def first_kept_month(self, table: Table, today: date) -> date | None:
        """The first day of the first month of which rows stay; None: of all."""
        days = self.keep_days.get(table)
        return None if days is None else (today - timedelta(days=days)).replace(day=1)


def read_retention_file(path: Path) -> RetentionPolicy:
    """The policy in this file; raises ``ConfigurationError`` that names the value."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(
            f"{path}: cannot read how long rows are kept ({error.strerror}); create it, or name "
            f"another file in INSIGHTS_RETENTION"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: not YAML: {error}") from error
    return parse_policy(document, str(path))


def parse_policy(document: Any, file_name: str) -> RetentionPolicy:
    """The policy of a loaded document; ``file_name`` is for messages."""
    fields = _mapping(document, f"{file_name}: the file", {"keep_days", "superseded_days"})
    by_name = {contract_name(table): table for table in LISTED}
    listed = _mapping(fields.get("keep_days"), f"{file_name}: keep_days", by_name)
    keep = {
        by_name[name]: days
        for name, value in listed.items()
        if (days := _days(value, f"{file_name}: {name}")) is not None
    }
    if tables.raw_pages in keep:
        keep[tables.rejected_pages] = keep[tables.raw_pages]
    _require_longer(
        file_name, keep, tables.product_snapshots, tables.raw_pages, 0, "is parsed again without it"
    )
    for table, inputs in _COMPUTED_FROM.items():
        for each in inputs:
            _require_longer(file_name, keep, each, table, MARGIN_DAYS, "is computed from it")
    superseded = fields.get("superseded_days", _FOREVER)
    return RetentionPolicy(keep, _days(superseded, f"{file_name}: superseded_days"))


def _mapping(value: Any, what: str, known: Mapping[str, Any] | set[str]) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ConfigurationError(f"{what} must be a mapping of {', '.join(sorted(known))}")
    unknown = sorted(str(name) for name in value if name not in known)
    if unknown:
        raise ConfigurationError(
            f"{what} has an unknown {', '.join(unknown)}; known are {', '.join(sorted(known))}"
        )
    return value


def _days(value: Any, what: str) -> int | None:
    if value == _FOREVER:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < _LEAST_DAYS:
        raise ConfigurationError(
            f"{what} is {value!r}: give days, at least {_LEAST_DAYS}, or {_FOREVER!r}"
        )
    return value


def _require_longer(
    file_name: str,
    keep: Mapping[Table, int],
    inputs: Table,
    table: Table,
    margin: int,
    because: str,
) -> None:
    """Refuses inputs that go before what needs them."""
    if inputs not in keep:
        return
    days = keep.get(table)
    if days is None or keep[inputs] < days + margin:
        shown = "for ever" if days is None else f"{days} days"
        least = "for ever" if days is None else f"at least {days + margin} days"
        raise ConfigurationError(
            f"{file_name}: {contract_name(inputs)} is kept {keep[inputs]} days, and "
            f"{contract_name(table)}, which {because}, {shown}: keep {contract_name(inputs)} "
            f"{least}, or {contract_name(table)} less long"
        )
