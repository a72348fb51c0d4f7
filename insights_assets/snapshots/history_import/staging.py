"""Checked rows set aside by product, in temporary files, so that memory holds some products only.

A history may be in any order, and a product's snapshots need all of its rows at once.
"""

from __future__ import annotations

import pickle
import tempfile
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, TypeVar

import numpy as np
import pandas as pd

#: Rows that are wanted in a part; a part holds whole products, so one may have more.
ROWS_A_PART = 100_000
#: Open files at a time.
_MOST_PARTS = 200


T = TypeVar("T")


def one_ahead(items: Iterator[T]) -> Iterator[T]:
    """The items, each next one made in another thread while the one before is worked on: it is
    made of memory, and the work waits for a database."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        coming = thread.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = thread.submit(next, items, None)
            yield item


class StagedRows:
    """A context manager; ``add`` any number of frames, then go through ``parts``."""

    def __init__(self, estimated_rows: int) -> None:
        self._count = min(_MOST_PARTS, 1 + estimated_rows // ROWS_A_PART)
        self._stack = ExitStack()
        self._files: list[BinaryIO] = []

    def __enter__(self) -> StagedRows:
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="insights-import-"))
        self._files = [
            self._stack.enter_context((Path(folder) / f"{number}.rows").open("w+b"))
            for number in range(self._count)
        ]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def add(self, rows: pd.DataFrame) -> None:
        """Sets the rows aside; they have marketplace and asin."""
        if rows.empty:
            return
        part = self._part(rows)
        for number in np.unique(part):
            some = rows[part == number]
            columns: dict[str, Any] = {name: some[name].to_numpy() for name in some.columns}
            pickle.dump(columns, self._files[number], protocol=pickle.HIGHEST_PROTOCOL)

    def parts(self) -> Iterator[pd.DataFrame]:
        """All rows of some products at a time, in the order in which they were added."""
        for file in self._files:
            file.seek(0)
            pieces: list[dict[str, Any]] = []
            while True:
                try:
                    # Written by this process a moment ago, in a folder of its own.
                    pieces.append(pickle.load(file))
                except EOFError:
                    break
            file.truncate(0)
            if pieces:
                yield pd.DataFrame(
                    {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
                )

    def _part(self, rows: pd.DataFrame) -> Any:
        sites, site_names = pd.factorize(rows["marketplace"].to_numpy(object))
        asins, asin_names = pd.factorize(rows["asin"].to_numpy(object))
        keys, product = np.unique(
            sites.astype(np.int64) * len(asin_names) + asins, return_inverse=True
        )
        named = zip(
            site_names[keys // len(asin_names)], asin_names[keys % len(asin_names)], strict=True
        )
        of_product = [zlib.crc32(f"{site}/{asin}".encode()) % self._count for site, asin in named]
        return np.array(of_product)[product]
