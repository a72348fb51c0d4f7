"""How complete a listing is, and whether it was edited."""

from __future__ import annotations

from typing import Any

import numpy as np

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

    A capture that knows no title, bullets or images (an import) says nothing of the listing: its
    lengths and quality are unknown, not 0.
    """
    title, bullets = timeline.values("title_length"), timeline.values("bullet_count")
    images = timeline.values("image_count")
    known = ~np.isnan(title + bullets + images)
    description = np.where(known, timeline.values("description_length"), np.nan)
    title, bullets, images, description = (
        np.where(known, values, np.nan)[fresh] for values in (title, bullets, images, description)
    )
    changed, comparable = _changed(timeline, rows, offsets, known)
    return {
        "title_length": frame_columns.integers(title),
        "bullet_count": frame_columns.integers(bullets),
        "image_count": frame_columns.integers(images),
        "description_length": frame_columns.integers(description),
        "listing_quality": rounded(listing_quality(title, bullets, images, description)),
        "listing_changed": frame_columns.booleans(changed, ~comparable),
    }


def _changed(timeline: Timeline, rows: Ints, offsets: Ints, known: Bools) -> tuple[Bools, Bools]:
    """Whether the day's last capture shows another listing than the last one before the day, and
    whether there are both and both are known."""
    listing = timeline.captures["listing"].to_numpy(np.int64, na_value=0)
    on_day = timeline.last_on_day()[rows, offsets + LOOK_BACK_DAYS]
    before = timeline.known(timeline.last_by_day(), 1, CARRY_DAYS - 1)[rows, offsets]
    comparable = known[on_day] & known[before]
    changed = np.zeros(len(rows), bool)
    changed[comparable] = listing[on_day[comparable]] != listing[before[comparable]]
    return changed, comparable
