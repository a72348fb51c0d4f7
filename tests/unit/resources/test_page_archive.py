"""The page archive keeps every page by its content, and never gives out another one."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from insights_resources.errors import ArchiveError, ConfigurationError
from insights_resources.page_archive import PageArchive

PAGE = "<html><title>Wasserkocher – größe</title></html>".encode() * 50
OTHER = PAGE.replace(b"Wasserkocher", b"Fernseher")


@pytest.fixture(params=["folder", "memory"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> PageArchive:
    """An empty archive: a folder, and an fsspec file system in turn."""
    if request.param == "folder":
        return PageArchive(str(tmp_path / "pages"))
    return PageArchive(f"memory://pages-{uuid.uuid4().hex}")


def stored_paths(archive: PageArchive) -> list[str]:
    """All files of the archive, unfinished ones too."""
    return (
        sorted(archive._files.find(archive._root)) if archive._files.exists(archive._root) else []
    )


def overwrite(archive: PageArchive, content_hash: str, stored: bytes) -> None:
    archive._files.pipe_file(archive.location(content_hash), stored)


def compressed(content: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(content)


# --- pages by content ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content", [PAGE, b"", b"\x00\xff" * 999, b"x"], ids=["page", "empty", "binary", "byte"]
)
def test_a_page_comes_back_as_it_was(archive: PageArchive, content: bytes) -> None:
    content_hash = archive.put(content)
    assert content_hash == hashlib.sha256(content).hexdigest()
    assert archive.exists(content_hash)
    assert archive.get(content_hash) == content


@settings(
    deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=st.binary(max_size=3000))
def test_any_bytes_come_back_as_they_were(archive: PageArchive, content: bytes) -> None:
    assert archive.get(archive.put(content)) == content


def test_the_same_page_is_stored_once(archive: PageArchive) -> None:
    assert archive.put(PAGE) == archive.put(PAGE)
    assert len(stored_paths(archive)) == 1
    archive.put(OTHER)
    assert len(stored_paths(archive)) == 2


def test_a_page_that_is_there_is_not_written_again(tmp_path: Path) -> None:
    archive = PageArchive(str(tmp_path))
    path = Path(archive.location(archive.put(PAGE)))
    before = path.stat().st_mtime_ns, path.stat().st_ino
    archive.put(PAGE)
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == before


def test_another_process_reads_what_was_stored(tmp_path: Path) -> None:
    content_hash = PageArchive(str(tmp_path / "pages")).put(PAGE)
    assert PageArchive(f"file://{tmp_path}/pages").get(content_hash) == PAGE


def test_pages_are_stored_compressed_and_spread_over_folders(archive: PageArchive) -> None:
    content_hash = archive.put(PAGE)
    (path,) = stored_paths(archive)
    assert path.endswith(f"/{content_hash[:2]}/{content_hash[2:4]}/{content_hash}.zst")
    stored = archive._files.cat_file(path)
    assert len(stored) < len(PAGE) / 5
    assert zstandard.ZstdDecompressor().decompress(stored) == PAGE


def test_an_archive_in_memory_is_an_address_like_any_other() -> None:
    name = uuid.uuid4().hex
    content_hash = PageArchive(f"memory://{name}").put(PAGE)
    assert PageArchive(f"memory://{name}").get(content_hash) == PAGE
    assert fsspec.filesystem("memory").find(f"/{name}") != []
    with pytest.raises(ArchiveError):
        PageArchive(f"memory://{name}-other").get(content_hash)


# --- what is wrong is told -----------------------------------------------------------------------


def test_a_page_that_is_not_there_is_an_error_that_names_it(archive: PageArchive) -> None:
    content_hash = hashlib.sha256(PAGE).hexdigest()
    assert not archive.exists(content_hash)
    with pytest.raises(ArchiveError, match=f"page {content_hash} is not in the archive"):
        archive.get(content_hash)


@pytest.mark.parametrize(
    "damage",
    [
        lambda stored: b"",
        lambda stored: stored[:-1],
        lambda stored: stored[: len(stored) // 2],
        lambda stored: b"\x00" * len(stored),
        lambda stored: PAGE,
        lambda stored: compressed(OTHER),
        lambda stored: compressed(PAGE[:-1]),
        lambda stored: compressed(b""),
        lambda stored: stored[:20] + bytes([stored[20] ^ 1]) + stored[21:],
    ],
    ids=[
        *("empty", "last-byte-lost", "half-lost", "zeros", "not-compressed"),
        *("another-page", "a-shorter-page", "an-empty-page", "one-bit"),
    ],
)
def test_a_damaged_page_is_an_error_and_never_another_page(
    archive: PageArchive, damage: Callable[[bytes], bytes]
) -> None:
    content_hash = archive.put(PAGE)
    stored = archive._files.cat_file(archive.location(content_hash))
    overwrite(archive, content_hash, damage(stored))
    with pytest.raises(ArchiveError, match=f"page {content_hash} is damaged in the archive"):
        archive.get(content_hash)


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(place=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_whichever_bit_flips_the_page_is_right_or_an_error(
    archive: PageArchive, place: int, bit: int
) -> None:
    content_hash = archive.put(PAGE)
    whole = compressed(PAGE)
    broken = bytearray(whole)
    broken[place % len(whole)] ^= 1 << bit
    overwrite(archive, content_hash, bytes(broken))
    try:
        assert archive.get(content_hash) == PAGE
    except ArchiveError:
        pass
    finally:
        overwrite(archive, content_hash, whole)


def test_a_header_that_claims_a_huge_page_takes_no_memory(archive: PageArchive) -> None:
    content_hash = archive.put(PAGE)
    # Magic number, descriptor (8 bytes of size, one segment), then a size of four terabytes.
    overwrite(archive, content_hash, b"\x28\xb5\x2f\xfd\xe0" + (4 * 10**12).to_bytes(8, "little"))
    with pytest.raises(ArchiveError, match="claims to be over"):
        archive.get(content_hash)


@pytest.mark.parametrize(
    "content_hash", ["", "abc", "../../etc/passwd", "A" * 64, "g" * 64, "0" * 63 + "/", "0" * 65]
)
def test_what_is_no_hash_reaches_no_file(archive: PageArchive, content_hash: str) -> None:
    for ask in (archive.get, archive.exists, archive.location):
        with pytest.raises(ArchiveError, match="is not the SHA-256 of a page"):
            ask(content_hash)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "pages").write_text("a file where a folder should be")
    archive = PageArchive(str(tmp_path / "pages"))
    with pytest.raises(ArchiveError, match=r"page \w{64} cannot be written to the archive at "):
        archive.put(PAGE)
    with pytest.raises(ArchiveError):
        archive.get(hashlib.sha256(PAGE).hexdigest())


def test_a_folder_in_the_place_of_a_page_is_told(tmp_path: Path) -> None:
    archive = PageArchive(str(tmp_path))
    content_hash = hashlib.sha256(PAGE).hexdigest()
    os.makedirs(archive.location(content_hash))
    with pytest.raises(ArchiveError, match="cannot be read"):
        archive.get(content_hash)


@pytest.mark.parametrize("url", ["nosuch://bucket/pages", "azureblobs://x"])
def test_an_address_without_a_driver_is_told_at_once(url: str) -> None:
    with pytest.raises(ConfigurationError, match=f"cannot use {url.partition('://')[0]}://"):
        PageArchive(url)


def test_an_archive_is_made_without_touching_anything(tmp_path: Path) -> None:
    PageArchive(str(tmp_path / "pages"))
    assert list(tmp_path.iterdir()) == []


# --- crashes and others at the same time ---------------------------------------------------------


class Crash(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("step", ["open", "fsync", "replace"])
def test_nothing_half_written_is_left_after_a_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    archive = PageArchive(str(tmp_path))

    def crash(*arguments: Any, **options: Any) -> Any:
        raise Crash

    with monkeypatch.context() as patch:
        if step == "open":
            patch.setattr("builtins.open", crash)
        else:
            patch.setattr(os, step, crash)
        with pytest.raises(Crash):
            archive.put(PAGE)
    assert stored_paths(archive) == []
    content_hash = hashlib.sha256(PAGE).hexdigest()
    assert not archive.exists(content_hash)
    # The next try stores it.
    assert archive.put(PAGE) == content_hash
    assert archive.get(content_hash) == PAGE


def test_a_full_disk_is_an_error_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = PageArchive(str(tmp_path))

    def full(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ArchiveError, match="No space left on device"):
        archive.put(PAGE)
    assert stored_paths(archive) == []


#: Fills a file system with pages until one does not fit; then gives it room, and stores that one.
_FILL = """
import os, sys
from pathlib import Path
from insights_resources.errors import ArchiveError
from insights_resources.page_archive import PageArchive

archive, stored, page = PageArchive(sys.argv[1]), {}, b""
try:
    while True:
        page = os.urandom(20_000)
        stored[archive.put(page)] = page
except ArchiveError as error:
    assert "No space left on device" in str(error), error
left = [path for path in Path(sys.argv[1]).rglob("*") if path.is_file()]
assert len(stored) > 1 and {path.name for path in left} == {f"{each}.zst" for each in stored}
assert all(archive.get(each) == content for each, content in stored.items())
archive.remove(stored.popitem()[0])
assert archive.get(archive.put(page)) == page
"""


def test_a_file_system_that_fills_up_keeps_every_page_that_was_stored(tmp_path: Path) -> None:
    # In a namespace of its own, which needs no rights: it ends with the process.
    on_small_disk = [
        *("unshare", "--map-root-user", "--mount", "sh", "-c"),
        'mount -t tmpfs -o size=256k tmpfs "$0" && exec "$@"',
        str(tmp_path),
    ]
    if (
        not shutil.which("unshare")
        or subprocess.run([*on_small_disk, "true"], check=False).returncode
    ):
        pytest.skip("no file system of its own can be made here")
    filled = subprocess.run(
        [*on_small_disk, sys.executable, "-c", _FILL, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert filled.returncode == 0, filled.stderr


def test_a_page_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = PageArchive(str(tmp_path))
    steps: list[str] = []
    sync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (steps.append("synced"), sync(handle)))
    monkeypatch.setattr(
        os, "replace", lambda source, to: (steps.append("named"), replace(source, to))
    )
    archive.put(PAGE)
    assert steps[:2] == ["synced", "named"]


def test_many_writers_of_the_same_pages_leave_each_page_once_and_whole(
    archive: PageArchive,
) -> None:
    pages = [PAGE + str(number).encode() for number in range(5)]
    start = threading.Barrier(10)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            start.wait()
            for page in pages:
                assert archive.get(archive.put(page)) == page
        except BaseException as error:  # noqa: BLE001 - told to the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(stored_paths(archive)) == len(pages)
