"""Blobs are there whole or not at all, and never with other bytes than their name says."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mainstay.kernel.errors import LedgerCorrupt, NotFound, StorageFailed, StorageFull
from mainstay.kernel.ids import digest
from mainstay.kernel.values import Digest
from mainstay.ledger.blobs import ROW_MAX, Blobs, BlobStore, InMemoryBlobs
from mainstay.ledger.inmemory import InMemoryStore
from mainstay.testing.conformance.store import AT

LARGE = bytes(range(256)) * 1_000


def nothing(_: Digest) -> None:
    return None


@pytest.fixture(params=["memory", "files"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[InMemoryStore], Blobs]:
    if request.param == "memory":
        return lambda store: InMemoryBlobs(store.blob)
    return lambda store: BlobStore(tmp_path / "blobs", store.blob)


def test_small_ones_travel_with_the_transaction(make: Callable[[InMemoryStore], Blobs]) -> None:
    store = InMemoryStore()
    blobs = make(store)
    for data in (b"", b"small", bytes(ROW_MAX)):
        staged = blobs.stage(data)
        assert (staged.data, staged.size, staged.digest) == (data, len(data), digest(data))
        with pytest.raises(NotFound):
            blobs.read(staged.digest)
        store.append([], epoch=store.acquire(), at=AT, blobs={staged.digest: data})
        assert blobs.read(staged.digest) == data


def test_large_ones_are_there_at_once_and_again(make: Callable[[InMemoryStore], Blobs]) -> None:
    blobs = make(InMemoryStore())
    for _ in range(2):
        staged = blobs.stage(LARGE)
        assert (staged.data, staged.size, staged.digest) == (None, len(LARGE), digest(LARGE))
        assert blobs.read(staged.digest) == LARGE


def test_a_stream_of_chunks_is_one_blob(make: Callable[[InMemoryStore], Blobs]) -> None:
    blobs = make(InMemoryStore())
    staged = blobs.stage_file(LARGE[start : start + 1000] for start in range(0, len(LARGE), 1000))
    assert (staged.digest, staged.size) == (digest(LARGE), len(LARGE))
    assert blobs.read(staged.digest) == LARGE


def test_changed_bytes_are_never_given_out(tmp_path: Path) -> None:
    blobs = BlobStore(tmp_path, nothing)
    staged = blobs.stage(LARGE)
    file = blobs.path(staged.digest)
    file.write_bytes(LARGE[:-1] + b"\x00")
    with pytest.raises(LedgerCorrupt, match=staged.digest):
        blobs.read(staged.digest)
    changed_row = BlobStore(tmp_path, lambda _: b"other")
    with pytest.raises(LedgerCorrupt):
        changed_row.read(digest(b"small"))


def test_files_and_folders_are_synced_before_a_blob_counts(tmp_path: Path) -> None:
    synced: list[str] = []

    def fsync(handle: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{handle}") if os.path.exists("/proc/self/fd") else "")
        os.fsync(handle)

    blobs = BlobStore(tmp_path / "blobs", nothing, fsync=fsync)
    staged = blobs.stage(LARGE)
    fan = blobs.path(staged.digest).parent
    if synced[0]:
        assert synced[0].endswith(".tmp")
        assert synced[1:] == [str(blobs.folder), str(fan.parent), str(fan)]
    assert oct(blobs.path(staged.digest).stat().st_mode & 0o777) == "0o600"


@pytest.mark.parametrize("strike", range(4))
@pytest.mark.parametrize(("code", "meaning"), [(errno.ENOSPC, StorageFull), (errno.EIO, StorageFailed)])
def test_a_failed_fsync_leaves_no_temporary_file(
    tmp_path: Path, strike: int, code: int, meaning: type[Exception]
) -> None:
    calls = 0

    def fsync(handle: int) -> None:
        nonlocal calls
        calls += 1
        if calls == strike + 1:
            raise OSError(code, os.strerror(code))

    blobs = BlobStore(tmp_path, nothing, fsync=fsync)
    with pytest.raises(meaning):
        blobs.stage(LARGE)
    assert list(tmp_path.glob("*.tmp")) == []
    if meaning is StorageFull:
        assert blobs.stage(LARGE).digest == digest(LARGE)
    else:
        with pytest.raises(StorageFailed):
            blobs.stage(LARGE)


def test_a_source_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> object:
        yield b"some"
        raise ValueError("the message ends here")

    blobs = BlobStore(tmp_path, nothing)
    with pytest.raises(ValueError, match="ends here"):
        blobs.stage_file(broken())  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_what_a_crash_left_is_swept_by_the_writer_only(tmp_path: Path) -> None:
    orphan = tmp_path / "1-1.tmp"
    orphan.write_bytes(b"half")
    BlobStore(tmp_path, nothing, writable=False)
    assert orphan.exists()
    BlobStore(tmp_path, nothing)
    assert not orphan.exists()
