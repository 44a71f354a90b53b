"""A full disk: nothing acknowledged is lost, whoever asks is told in seconds, and it goes on when there is space."""

import asyncio
import contextlib
import errno
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import mainstay.ledger.sqlite as sqlite_module
import mainstay.runtime.loop as loop_module
import mainstay.runtime.writing as writing_module
from mainstay.kernel.errors import StorageFull
from mainstay.ledger.blobs import BlobStore
from mainstay.ledger.connection import Connection, Driver
from mainstay.ledger.verify import Verified
from mainstay.workspace.serving import Service
from tests.end_to_end.conftest import MakeDesk
from tests.end_to_end.desks import Desk, file_settings, lay_out, mail, mbox
from tests.end_to_end.working import asked, at_work, settled, until

pytestmark = pytest.mark.long


class FullDisk:
    """SQLite's own limit on the size of the file, which is refused in the same way as a write without space."""

    def __init__(self, service: Service) -> None:
        self._writer = service.held.store._writing()

    def fill(self) -> None:
        (pages,) = self._writer.execute("PRAGMA page_count").fetchall()[0]
        self._writer.execute(f"PRAGMA max_page_count = {pages}").fetchall()

    def free(self) -> None:
        self._writer.execute("PRAGMA max_page_count = 1073741823").fetchall()


@pytest.fixture
def desk(new_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(loop_module, "FULL_DISK_WAIT_S", 0.02)
    desk = new_desk()
    (desk.root / "inbox.mbox").write_bytes(mbox(mail("1@customer.example")))
    return desk


def test_the_operator_is_told_at_once_and_what_was_asked_is_done_when_there_is_space(desk: Desk) -> None:
    async def story() -> None:
        async with at_work(desk) as service:
            with desk.open() as workspace:
                await asked(workspace.ingest)
                await settled(service)
                (card,) = workspace.approvals()
                disk = FullDisk(service)
                disk.fill()
                began = time.monotonic()
                with pytest.raises(StorageFull) as told:
                    for number in range(2000):  # until the last page is full
                        await asked(workspace.start, "triage", big_trigger(), request=str(number))
                assert time.monotonic() - began < 30
                assert "same command again" in told.value.remedy
                assert service.loop.disk_full
                assert not service.loop.quiet  # a tick is in hand
                # The next one is refused before anything is decided.
                with pytest.raises(StorageFull) as refused:
                    await asked(workspace.approve, card.approval, digest=card.digest)
                assert "Nothing was accepted" in str(refused.value)
                status = await asked(workspace.status)
                assert status["disk_full"] is True
                assert status["waiting"] == 1

                before = len(desk.runs())
                disk.free()
                await until(lambda: not service.loop.disk_full, "it goes on")
                await settled(service)
                assert len(desk.runs()) == before + 1  # what was waiting with the tick is there now
                await asked(workspace.approve, card.approval, digest=card.digest)
                await until(lambda: desk.status(card.run) == "succeeded", "sent")
        with desk.open() as workspace:
            assert isinstance(workspace.verify(), Verified)
        assert len(desk.delivered()) == 1

    asyncio.run(story())


def test_mail_that_comes_while_the_disk_is_full_is_taken_when_there_is_space_once(desk: Desk) -> None:
    async def story() -> None:
        async with at_work(desk) as service:
            with desk.open() as workspace:
                await asked(workspace.ingest)
                await settled(service)
                disk = FullDisk(service)
                disk.fill()
                with (desk.root / "inbox.mbox").open("ab") as file:
                    file.write(mbox(*(mail(f"more{number}@customer.example") for number in range(20))))
                with pytest.raises(StorageFull):
                    await asked(workspace.ingest)
                assert len(desk.runs()) == 1
                disk.free()
                await until(lambda: not service.loop.disk_full, "it goes on")
                await settled(service)
                await asked(workspace.ingest)
                await settled(service)
        assert len(desk.runs()) == 21
        assert len(desk.cards()) == 21

    asyncio.run(story())


def test_a_director_that_is_stopped_while_the_disk_is_full_has_lost_nothing_it_acknowledged(
    desk: Desk,
) -> None:
    async def story() -> None:
        with pytest.raises(StorageFull):
            async with at_work(desk) as service:
                with desk.open() as workspace:
                    await asked(workspace.ingest)
                    await settled(service)
                    FullDisk(service).fill()
                    with pytest.raises(StorageFull):
                        for number in range(2000):
                            await asked(workspace.start, "triage", big_trigger(), request=str(number))
        before = len(desk.runs())
        async with at_work(desk) as service:
            await settled(service)
            assert len(desk.runs()) == before
            assert len(desk.cards()) == 1
        with desk.open() as workspace:
            assert isinstance(workspace.verify(), Verified)

    asyncio.run(story())


@pytest.fixture
def small_disk(short_path: Path) -> Iterator[Path]:
    """A file system of its own, that can really be filled; not everybody may mount one."""
    place = short_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("no file system can be mounted here, so none can be filled")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False)


def test_a_file_system_that_is_really_full_is_waited_out(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ledger, keys and blobs are on it: whichever meets the end of it first, no mail is lost and none comes twice."""
    monkeypatch.setattr(loop_module, "FULL_DISK_WAIT_S", 0.02)
    settings = file_settings(source=f'mbox = "{small_disk.parent}/inbox.mbox"')
    desk = lay_out(small_disk / "desk", settings, graph=False)  # it would fill the disk by itself
    inbox = small_disk.parent / "inbox.mbox"
    inbox.write_bytes(mbox(mail("1@customer.example")))
    filler = small_disk / "filler"

    def fill() -> None:
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(b"x" * 65536):
                pass
            while file.write(b"x"):
                pass

    async def story() -> None:
        async with at_work(desk) as service:
            with desk.open() as workspace:
                await asked(workspace.ingest)
                await settled(service)
                fill()
                texts = [f"word{number} " * 2000 for number in range(30)]
                with inbox.open("ab") as file:
                    file.write(
                        mbox(
                            *(
                                mail(
                                    f"more{number}@customer.example",
                                    sender=f"c{number}@example.net",
                                    text=text,
                                )
                                for number, text in enumerate(texts)
                            )
                        )
                    )
                with pytest.raises(StorageFull) as told:
                    for _ in range(3):
                        await asked(workspace.ingest)
                assert told.value.remedy
                filler.unlink()
                await until(lambda: not service.loop.disk_full, "it goes on")
                await settled(service)
                await asked(workspace.ingest)
                await settled(service)
        with desk.open() as workspace:
            assert isinstance(workspace.verify(), Verified)
        assert len(desk.runs()) == 31

    asyncio.run(story())


def big_trigger() -> dict[str, object]:
    return {"note": "x" * 3000}


# --- without space from the beginning, and where a file system cannot be mounted --------------------------------------


def limited(monkeypatch: pytest.MonkeyPatch, spare_pages: int) -> None:
    """From now on a writer's file may grow by so many pages: for machines where no file system can be mounted."""
    opened = sqlite_module.open_writer

    def full(driver: Driver, path: str, **options: Any) -> Connection:
        connection = opened(driver, path, **options)
        (pages,) = connection.execute("PRAGMA page_count").fetchall()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + spare_pages}").fetchall()
        return connection

    monkeypatch.setattr(sqlite_module, "open_writer", full)


def test_a_boot_without_space_ends_with_a_clear_word_and_costs_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(*, after: Callable[[Service], Any]) -> None:
        async with at_work(desk) as service:
            await settled(service)
            await after(service)

    async def begin(service: Service) -> None:
        with desk.open() as workspace:
            await asked(workspace.ingest)
            await settled(service)

    asyncio.run(story(after=begin))
    before = desk.cards()
    with monkeypatch.context() as patched, pytest.raises(StorageFull) as told:
        patched.setattr(sqlite_module.SqliteStore, "append", _no_space)
        asyncio.run(story(after=begin))
    assert told.value.why
    assert told.value.remedy
    assert desk.cards() == before

    async def look(service: Service) -> None:
        assert desk.cards() == before

    asyncio.run(story(after=look))
    with desk.open() as workspace:
        assert isinstance(workspace.verify(), Verified)
        assert workspace.differences() == ()


def _no_space(*given: Any, **named: Any) -> Any:
    raise StorageFull(why="SQLite could not write it.", remedy="Free some space.")


@pytest.mark.parametrize("spare_pages", [0, 1, 3])
def test_a_file_that_may_not_grow_is_waited_out_from_the_first_tick(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, spare_pages: int
) -> None:
    async def story() -> None:
        async with at_work(desk) as service:
            await settled(service)
        with (
            monkeypatch.context() as patched,
            contextlib.suppress(StorageFull),
        ):  # not even the boot may have room
            limited(patched, spare_pages)
            async with at_work(desk) as service:
                with desk.open() as workspace, pytest.raises(StorageFull):
                    for number in range(200):
                        await asked(workspace.start, "triage", big_trigger(), request=str(number))
                accepted = len(desk.runs())
                FullDisk(service).free()
                await until(lambda: not service.loop.disk_full, "it goes on")
                await settled(service)
                assert len(desk.runs()) >= accepted
        async with at_work(desk) as service:
            await settled(service)
        with desk.open() as workspace:
            assert isinstance(workspace.verify(), Verified)
            assert workspace.differences() == ()

    asyncio.run(story())


def test_a_snapshot_that_finds_no_space_waits_with_its_events(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing_module, "SEAL_EVERY", 1)  # a snapshot with every commit

    async def story() -> None:
        async with at_work(desk) as service:
            service.held.director.writing.snapshot_every = 1
            with desk.open() as workspace:
                await asked(workspace.ingest)
                await settled(service)
                disk = FullDisk(service)
                disk.fill()
                with pytest.raises(StorageFull):
                    for number in range(200):
                        await asked(workspace.start, "triage", big_trigger(), request=str(number))
                before = len(desk.runs())
                disk.free()
                await until(lambda: not service.loop.disk_full, "it goes on")
                await settled(service)
                assert len(desk.runs()) == before + 1
        with desk.open() as workspace:
            assert isinstance(workspace.verify(), Verified)
            assert workspace.differences() == ()

    asyncio.run(story())


def test_a_blob_file_that_finds_no_space_leaves_nothing_behind(tmp_path: Path) -> None:
    """At each step of storing one: nothing refers to it, no half of it stays, and the next try succeeds."""
    data = b"x" * 100_000
    for step in range(1, 3):
        calls = 0

        def full(handle: int, *, at: int = step) -> None:
            nonlocal calls
            calls += 1
            if calls == at:
                raise OSError(errno.ENOSPC, "No space left on device")

        folder = tmp_path / str(step)
        blobs = BlobStore(folder, lambda digest: None, fsync=full)
        with pytest.raises(StorageFull) as told:
            blobs.stage(data)
        assert told.value.remedy
        assert list(folder.glob("*.tmp")) == []
        kept = blobs.stage(data)
        assert blobs.read(kept.digest) == data
