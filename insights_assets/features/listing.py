"""How complete a listing is, and whether it was edited."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from insights_assets.features import frame_columns
from insights_assets.features.timeline import (
    CARRY_DAYS,
    LOOK_BACK_DAYS,
    Bools,
    Floats,
    Ints,
    Timeline,
)
from insights_assets.features.windows import rounded

#: What counts in full: characters of the title, bullets, images, characters of the description.
FULL_TITLE, FULL_BULLETS, FULL_IMAGES, FULL_DESCRIPTION = 80, 5, 7, 500


def listing_quality(
    title_length: Floats, bullets: Floats, images: Floats, description_length: Floats
) -> Floats:
    """0 to 100: the mean of the four, each capped at what counts in full; NaN where one is."""
    parts = (
        np.minimum(np.divide(title_length, FULL_TITLE), 1),
        np.minimum(np.divide(bullets, FULL_BULLETS), 1),
        np.minimum(np.divide(images, FULL_IMAGES), 1),
        np.minimum(np.divide(description_length, FULL_DESCRIPTION), 1),
    )
    return (parts[0] + parts[1] + parts[2] + parts[3]) / 4 * 100


def listing_columns(timeline: Timeline, rows: Ints, offsets: Ints, fresh: Ints) -> dict[str, Any]:
    """The listing's columns; ``fresh`` is the capture whose listing stands, or -1.

    A capture that knows no bullets or no images (an import) says nothing of the listing: its
    lengths and quality are unknown, not 0.
    """
    captures = timeline.captures
    known = _known_listings(captures)
    # Many days carry one capture, and most captures only serve as history.
    used, which = np.unique(fresh, return_inverse=True)

    def lengths(name: str) -> Floats:
        texts = captures[name].to_numpy(object)
        held = used[used >= 0]
        measured = (0 if _is_missing(value) else len(value) for value in texts[held])
        size = np.full(len(used), np.nan)
        size[used >= 0] = np.where(known[held], np.fromiter(measured, np.float64), np.nan)
        return size[which]

    title, description = lengths("title"), lengths("description")
    bullets, images = lengths("bullets"), lengths("images")
    changed, comparable = _changed(timeline, rows, offsets, known)
    return {
        "title_length": frame_columns.integers(title),
        "bullet_count": frame_columns.integers(bullets),
        "image_count": frame_columns.integers(images),
        "description_length": frame_columns.integers(description),
        "listing_quality": rounded(listing_quality(title, bullets, images, description)),
        "listing_changed": frame_columns.booleans(changed, ~comparable),
    }


def _known_listings(captures: pd.DataFrame) -> Bools:
    """Whether each capture says what the listing is."""
    return np.logical_and.reduce(
        [captures[name].notna().to_numpy(bool) for name in ("title", "bullets", "images")]
    )


def _changed(timeline: Timeline, rows: Ints, offsets: Ints, known: Bools) -> tuple[Any, Any]:
    """Whether the day's last capture shows another listing than the last one before the day, and
    whether there are both and both are known."""
    captures = timeline.captures
    on_day = timeline.last_on_day()[rows, offsets + LOOK_BACK_DAYS]
    before = timeline.known(timeline.last_by_day(), 1, CARRY_DAYS - 1)[rows, offsets]
    says = np.append(known, False)
    comparable = says[on_day] & says[before]
    new, old = on_day[comparable], before[comparable]
    differs = np.zeros(len(new), bool)
    for name in ("title", "description"):
        codes = timeline.codes(name)
        differs |= codes[new] != codes[old]
    for name in ("bullets", "images"):
        lists = captures[name].to_numpy(object)
        differs |= np.asarray(lists[new] != lists[old], dtype=bool)
    changed = np.zeros(len(rows), bool)
    changed[comparable] = differs
    return changed, comparable


def _is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or value != value
