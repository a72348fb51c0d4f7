"""Pages from a folder: saved by a browser or a crawler, at whatever time that was."""

from __future__ import annotations

import gzip
import re
import threading
import zlib
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from insights_resources.errors import ConfigurationError, ProviderError
from insights_resources.marketplaces import MARKETPLACES, ProductKey
from insights_resources.page_providers.capture_time import capture_time_of
from insights_resources.page_providers.document import PageDocument
from insights_resources.page_providers.protocol import (
    CapturedPage,
    CatalogGroup,
    CatalogMember,
    CatalogProduct,
    PageTarget,
    ProviderCatalog,
    Verdict,
)
from insights_resources.page_providers.saved_pages_manifest import (
    CaptureTime,
    ManifestRow,
    find_manifest,
    read_manifest,
)
from insights_resources.page_providers.verdict import judge_page

#: Real product pages are below 3 MB; a file that unpacks to more than this is none.
MAX_PAGE_BYTES = 32 * 1024 * 1024

_ASIN_IN_NAME = re.compile(r"(?<![0-9A-Za-z])(B[0-9A-Z]{9}|[0-9]{9}[0-9X])(?![0-9A-Za-z])")


class UnreadablePageError(ProviderError):
    """A file that cannot be read as a page: gone, damaged, or far too large."""


@dataclass(frozen=True)
class SkippedFile:
    """A file that is no capture of a product, and why."""

    path: Path
    reason: str


@dataclass(frozen=True)
class _SavedPage:
    path: Path
    key: ProductKey
    captured: CaptureTime


@dataclass(frozen=True)
class _Index:
    pages: dict[tuple[ProductKey, date], tuple[_SavedPage, ...]]
    skipped: tuple[SkippedFile, ...]


class SavedPagesProvider:
    """Serves the ``.html`` and ``.html.gz`` files below a folder, each on the day it was saved.

    Marketplace, ASIN and time come from ``manifest.csv`` in the folder or beside it; what it does
    not say is read from the page, then from the path (an ASIN in the file's name, a folder named
    like the marketplace). A file whose product or time remains unknown is listed in ``skipped``.
    Nothing is read before the first question; files whose row says all are read when fetched.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._index: _Index | None = None
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        return "saved_pages"

    @property
    def skipped(self) -> list[SkippedFile]:
        """The files that are left out, by path."""
        return list(self._indexed().skipped)

    def days(self) -> list[date]:
        """The UTC days that have pages, in order."""
        return sorted({day for _, day in self._indexed().pages})

    def can_serve(self, day: date) -> bool:
        return any(day == with_pages for _, with_pages in self._indexed().pages)

    def catalog(self) -> ProviderCatalog:
        """The products of the folder; those of one marketplace compete with each other, each from
        the day of its first page on."""
        first_days: dict[ProductKey, date] = {}
        for key, day in self._indexed().pages:
            first_days[key] = min(day, first_days.get(key, day))
        members: dict[str, list[CatalogMember]] = defaultdict(list)
        for key, day in sorted(first_days.items()):
            members[key.marketplace].append(CatalogMember(key, day))
        return ProviderCatalog(
            products=tuple(CatalogProduct(key) for key in sorted(first_days)),
            groups=tuple(
                CatalogGroup(
                    group_id=f"saved-{domain.replace('.', '-')}",
                    name=f"Saved pages of {domain}",
                    members=tuple(those),
                )
                for domain, those in members.items()
                if len(those) > 1
            ),
        )

    async def fetch(self, targets: Sequence[PageTarget]) -> AsyncIterator[CapturedPage]:
        """The saved pages of each target's day: none, one or several.

        A file that cannot be read or unpacked is a page with verdict ``ERROR``.
        """
        index = self._indexed()
        for target in targets:
            for page in index.pages.get((target.key, target.day), ()):
                yield self._captured(page, target)

    def _captured(self, page: _SavedPage, target: PageTarget) -> CapturedPage:
        content: bytes | None = None
        try:
            content = read_page(page.path)
            judgement = judge_page(PageDocument.from_bytes(content), target.key)
            verdict, reason = judgement.verdict, judgement.reason
        except UnreadablePageError as error:
            verdict, reason = Verdict.ERROR, str(error)
        return CapturedPage(
            target=target,
            provider=self.name,
            captured_at=page.captured.moment,
            content=content,
            verdict=verdict,
            reason=reason,
            requested_url=target.key.url,
            captured_at_precision=page.captured.precision,
            cost=Decimal(0),
        )

    def _indexed(self) -> _Index:
        with self._lock:
            if self._index is None:
                self._index = self._read_index()
            return self._index

    def _read_index(self) -> _Index:
        if not self.folder.is_dir():
            raise ConfigurationError(f"the folder of saved pages {self.folder} does not exist")
        manifest = find_manifest(self.folder)
        rows = {} if manifest is None else read_manifest(manifest, self.folder)
        pages: dict[tuple[ProductKey, date], list[_SavedPage]] = defaultdict(list)
        skipped: list[SkippedFile] = []
        now = datetime.now(UTC)
        for path in _page_files(self.folder):
            found = _identify(path, rows.get(path.resolve()), self.folder)
            if isinstance(found, SkippedFile):
                skipped.append(found)
            elif found.captured.moment > now:
                when = f"{found.captured.moment:%Y-%m-%d %H:%M} UTC"
                skipped.append(SkippedFile(path, f"its time {when} lies in the future"))
            else:
                pages[found.key, found.captured.moment.date()].append(found)
        ordered = {
            place: tuple(sorted(files, key=lambda page: (page.captured.moment, page.path)))
            for place, files in pages.items()
        }
        return _Index(ordered, tuple(skipped))


def read_page(path: Path) -> bytes:
    """A saved page's bytes, unpacked; raises ``UnreadablePageError``."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as handle:
            content = handle.read(MAX_PAGE_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadablePageError(f"{path} cannot be read: {error}") from error
    if len(content) > MAX_PAGE_BYTES:
        raise UnreadablePageError(f"{path} holds more than {MAX_PAGE_BYTES} bytes")
    return content


def _page_files(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if path.name.lower().endswith((".html", ".html.gz")) and path.is_file()
    )


def _identify(path: Path, row: ManifestRow | None, folder: Path) -> _SavedPage | SkippedFile:
    """Which product a file shows and when it was saved; reads it only if the row leaves gaps."""
    if row is not None and row.other_shop is not None:
        return SkippedFile(path, f"{row.other_shop} is no Amazon marketplace")
    domain = row.marketplace if row else None
    asin = row.asin if row else None
    captured = row.captured if row else None
    if domain is None or asin is None or captured is None:
        try:
            document = PageDocument.from_bytes(read_page(path))
        except UnreadablePageError as error:
            return SkippedFile(path, str(error))
        judgement = judge_page(document)
        domain = domain or _known(judgement.marketplace) or _marketplace_folder(path, folder)
        asin = asin or judgement.asin or _asin_in_name(path)
        if captured is None:
            moment = capture_time_of(document)
            captured = None if moment is None else CaptureTime(moment, "exact")
    if domain is None:
        return SkippedFile(path, "neither the manifest nor the page names an Amazon marketplace")
    if asin is None:
        return SkippedFile(path, "neither the manifest nor the page names an ASIN")
    if captured is None:
        return SkippedFile(path, "neither the manifest nor the page says when it was saved")
    return _SavedPage(path, ProductKey(domain, asin), captured)


def _known(domain: str | None) -> str | None:
    return domain if domain in MARKETPLACES else None


def _marketplace_folder(path: Path, folder: Path) -> str | None:
    """A marketplace that the file lies in a folder of: ``amazon.de/B08N5WRWNW.html``."""
    for part in reversed(path.relative_to(folder).parts[:-1]):
        if part.lower() in MARKETPLACES:
            return part.lower()
    return None


def _asin_in_name(path: Path) -> str | None:
    found = _ASIN_IN_NAME.search(path.name)
    return None if found is None else found.group(1)
