"""The manifest of a folder of saved pages: which product each file shows, and when it was saved.

A CSV file with a header. Columns: ``file`` (relative to the folder), ``marketplace``, ``asin`` and
``captured_at`` (ISO; a date alone is known to the day, a time without an offset is UTC) or
``year``. All but ``file`` may be empty; other columns are ignored.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path

from insights_resources.errors import ConfigurationError
from insights_resources.marketplaces import MARKETPLACES, is_asin

MANIFEST_NAME = "manifest.csv"

#: A page of which only the day is known counts as captured at noon; of which only the year is
#: known, at noon of 1 July: the middle, which is wrong by as little as can be.
_NOON = time(12, tzinfo=UTC)


@dataclass(frozen=True)
class CaptureTime:
    """When a page was saved: ``precision`` is ``exact``, ``day`` or ``year``."""

    moment: datetime
    precision: str


@dataclass(frozen=True)
class ManifestRow:
    """One row, validated; what its cells leave open is None.

    ``other_shop`` is the marketplace cell when it names a shop that is not Amazon.
    """

    path: Path
    marketplace: str | None
    asin: str | None
    captured: CaptureTime | None
    other_shop: str | None


def find_manifest(folder: Path) -> Path | None:
    """The folder's own manifest, or one beside the folder if it lists files."""
    own = folder / MANIFEST_NAME
    if own.is_file():
        return own
    beside = folder.parent / MANIFEST_NAME
    if beside.is_file() and "file" in _header(beside):
        return beside
    return None


def read_manifest(manifest: Path, folder: Path) -> dict[Path, ManifestRow]:
    """Rows by path. Raises ``ConfigurationError`` naming file, line and value."""
    if "file" not in _header(manifest):
        raise ConfigurationError(f"{manifest}, line 1: a manifest needs a column 'file'")
    rows: dict[Path, ManifestRow] = {}
    with manifest.open(encoding="utf-8-sig", newline="") as handle:
        reader = csv.DictReader(handle)
        for cells in reader:
            where = f"{manifest}, line {reader.line_num}"
            row = _row(where, folder, {k: (v or "").strip() for k, v in cells.items() if k})
            if row.path in rows:
                raise ConfigurationError(f"{where}: file {cells['file']!r} is listed twice")
            rows[row.path] = row
    return rows


def _header(manifest: Path) -> list[str]:
    with manifest.open(encoding="utf-8-sig", newline="") as handle:
        return next(csv.reader(handle), [])


def _row(where: str, folder: Path, cells: dict[str, str]) -> ManifestRow:
    name = cells["file"]
    path = (folder / name).resolve()
    if not name or not path.is_relative_to(folder.resolve()):
        raise ConfigurationError(f"{where}: file {name!r} is not inside {folder}")
    if not path.is_file():
        raise ConfigurationError(f"{where}: file {name!r} does not exist in {folder}")
    shop = cells.get("marketplace", "").lower().removeprefix("www.")
    if shop and shop not in MARKETPLACES and "amazon" in shop:
        raise ConfigurationError(
            f"{where}: unknown marketplace {shop!r}; known are {', '.join(sorted(MARKETPLACES))}"
        )
    is_amazon = shop in MARKETPLACES
    asin = cells.get("asin", "").upper() if is_amazon or not shop else ""
    if asin and not is_asin(asin):
        raise ConfigurationError(f"{where}: {cells['asin']!r} is not an ASIN")
    return ManifestRow(
        path=path,
        marketplace=shop if is_amazon else None,
        asin=asin or None,
        captured=_captured(where, cells.get("captured_at", ""), cells.get("year", "")),
        other_shop=shop if shop and not is_amazon else None,
    )


def _captured(where: str, moment: str, year: str) -> CaptureTime | None:
    try:
        if moment and len(moment) <= 10:
            return CaptureTime(datetime.combine(date.fromisoformat(moment), _NOON), "day")
        if moment:
            parsed = datetime.fromisoformat(moment)
            aware = parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=UTC)
            return CaptureTime(aware.astimezone(UTC), "exact")
        if year:
            return CaptureTime(datetime.combine(date(int(year), 7, 1), _NOON), "year")
    except ValueError as error:
        raise ConfigurationError(
            f"{where}: {moment or year!r} is no time such as 2021-03-04T05:06:07Z, no day such as"
            " 2021-03-04 and no year"
        ) from error
    return None
