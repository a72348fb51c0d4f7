"""The page archive: every captured page, by the SHA-256 of its content, compressed (zstd).

The same page twice is stored once. Any fsspec address will do (``s3://``, ``gs://``, ``memory://``);
a plain path is a folder.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import fsspec
import zstandard

from insights_resources.errors import ArchiveError, ConfigurationError

_HASH = re.compile(r"[0-9a-f]{64}")
#: Pages compress to a sixth at this level, at 200 MB/s.
_LEVEL = 6
#: Nothing larger was ever stored: a damaged frame cannot claim more.
_MAX_PAGE_BYTES = 256 * 1024 * 1024


def unpack_page(stored: bytes, content_hash: str) -> bytes:
    """The page of an archive's file. Raises ``ArchiveError`` when it is not what its hash says."""
    damaged = f"page {content_hash} is damaged in the archive"
    try:
        # A damaged header may claim any size, and memory would be taken for it.
        if zstandard.frame_content_size(stored) > _MAX_PAGE_BYTES:
            raise ArchiveError(f"{damaged}: it claims to be over {_MAX_PAGE_BYTES} bytes")
        content = zstandard.ZstdDecompressor().decompress(stored, max_output_size=_MAX_PAGE_BYTES)
    except zstandard.ZstdError as error:
        raise ArchiveError(f"{damaged}: {error}") from error
    if hashlib.sha256(content).hexdigest() != content_hash:
        raise ArchiveError(f"{damaged}: it holds another content")
    return content


@dataclass(frozen=True)
class StoredFile:
    """A file of the archive. ``content_hash`` None: no page, such as what a broken write left;
    ``modified_at`` (UTC) None: the file system does not say."""

    path: str
    content_hash: str | None
    size: int
    modified_at: datetime | None


def _modified_at(entry: Mapping[str, Any]) -> datetime | None:
    for name in ("mtime", "LastModified", "last_modified", "updated", "created"):
        value = entry.get(name)
        if isinstance(value, datetime):
            return value if value.tzinfo else value.replace(tzinfo=UTC)
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
    return None


class PageArchive:
    """Pages by their hash. Made without any I/O."""

    def __init__(self, url: str) -> None:
        """``url`` is a folder or any fsspec URL. Raises ``ConfigurationError`` for a scheme that
        is unknown or whose driver is not installed."""
        try:
            self._files, self._root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            scheme = url.partition("://")[0]
            raise ConfigurationError(
                f"the page archive cannot use {scheme}:// ({error}); install its fsspec driver, "
                f"or give a folder"
            ) from error
        self._is_local = "file" in (
            (self._files.protocol,)
            if isinstance(self._files.protocol, str)
            else self._files.protocol
        )

    def put(self, content: bytes) -> str:
        """Stores the page unless it is there; its hash. Raises ``ArchiveError``."""
        content_hash = hashlib.sha256(content).hexdigest()
        path = self.location(content_hash)
        try:
            if not self._files.exists(path):
                self._write(path, zstandard.ZstdCompressor(level=_LEVEL).compress(content))
        except OSError as error:
            raise ArchiveError(
                f"page {content_hash} cannot be written to the archive at {self._root}: {error}"
            ) from error
        return content_hash

    def get(self, content_hash: str) -> bytes:
        """The page. Raises ``ArchiveError`` when it is not there, or not what its hash says."""
        path = self.location(content_hash)
        try:
            stored = self._files.cat_file(path)
        except FileNotFoundError as error:
            raise ArchiveError(
                f"page {content_hash} is not in the archive at {self._root}"
            ) from error
        except OSError as error:
            raise ArchiveError(
                f"page {content_hash} cannot be read from the archive at {self._root}: {error}"
            ) from error
        try:
            return unpack_page(stored, content_hash)
        except ArchiveError as error:
            raise ArchiveError(f"{error} (archive at {self._root})") from error

    def exists(self, content_hash: str) -> bool:
        """Whether the page is there. Raises ``ArchiveError`` when the archive cannot be asked."""
        try:
            return bool(self._files.exists(self.location(content_hash)))
        except OSError as error:
            raise ArchiveError(f"the archive at {self._root} cannot be read: {error}") from error

    def remove(self, content_hash: str) -> None:
        """Removes the page; one that is not there is as good. Raises ``ArchiveError``."""
        try:
            self._files.rm_file(self.location(content_hash))
        except FileNotFoundError:
            return
        except OSError as error:
            raise ArchiveError(
                f"page {content_hash} cannot be removed from the archive at {self._root}: {error}"
            ) from error

    def stored(self) -> Iterator[StoredFile]:
        """Every file of the archive, in the order of the hashes. Raises ``ArchiveError``."""
        try:
            for first in self._folders(self._root):
                for second in self._folders(first):
                    yield from self._files_of(second)
        except OSError as error:
            raise ArchiveError(f"the archive at {self._root} cannot be read: {error}") from error

    def _folders(self, path: str) -> list[str]:
        try:
            found = self._files.ls(path, detail=True)
        except FileNotFoundError:
            return []
        return sorted(each["name"] for each in found if each["type"] == "directory")

    def _files_of(self, folder: str) -> Iterator[StoredFile]:
        found = self._files.ls(folder, detail=True)
        for each in sorted(found, key=lambda each: str(each["name"])):
            name = str(each["name"]).rpartition("/")[2]
            content_hash = name.removesuffix(".zst")
            known = _HASH.fullmatch(content_hash) is not None and name != content_hash
            yield StoredFile(
                str(each["name"]),
                content_hash if known else None,
                int(each.get("size") or 0),
                _modified_at(each),
            )

    def remove_file(self, path: str) -> None:
        """Removes a file that ``stored`` gave. Raises ``ArchiveError``."""
        try:
            self._files.rm_file(path)
        except OSError as error:
            raise ArchiveError(f"{path} cannot be removed from the archive: {error}") from error

    def location(self, content_hash: str) -> str:
        """Where the page is, within the archive's file system."""
        if not _HASH.fullmatch(content_hash):
            raise ArchiveError(f"{content_hash!r} is not the SHA-256 of a page")
        return f"{self._root}/{content_hash[:2]}/{content_hash[2:4]}/{content_hash}.zst"

    def _write(self, path: str, data: bytes) -> None:
        self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
        if not self._is_local:
            # Object stores show an object when it is complete.
            self._files.pipe_file(path, data)
            return
        temporary = f"{path}.{os.getpid()}.{secrets.token_hex(4)}.new"
        try:
            with open(temporary, "wb") as file:
                file.write(data)
                # The page's row is about to be committed: the page must outlast a power cut too.
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            if os.path.exists(temporary):
                os.unlink(temporary)
