"""What a director at work does for itself: signs of life, sources, the disk, the clock, backups by rule."""

import asyncio
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from mainstay.config.living import BackupSettings
from mainstay.kernel.commands import ClearIncident, DetectIncident
from mainstay.kernel.events import IncidentKind
from mainstay.kernel.values import DAY, HOUR, SECOND, Instant
from mainstay.ledger.backup import backups, verify_backup
from mainstay.models import embedder
from mainstay.models.base import Unavailable
from mainstay.runtime.clock import ManualClock
from mainstay.runtime.disk import DiskState
from mainstay.runtime.heartbeat import read_heartbeat
from mainstay.runtime.incidents import Incidents, clock_jumped
from mainstay.workspace import Workspace, watching
from mainstay.workspace.backing import last_good
from mainstay.workspace.folder import Folder, create
from mainstay.workspace.serving import Service
from mainstay.workspace.watching import Standing, Watch, silent_after_s


@pytest.fixture
def folder(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    monkeypatch.setattr(embedder, "find_embedder", lambda cache: Unavailable("not in this test", "none"))
    made, _ = create(short_path / "desk", "desk")
    return made


NO_BACKUP = BackupSettings()


class House:
    """A watch over a workspace, with a clock that is moved and the incidents it tells in a list."""

    def __init__(self, folder: Folder, backup: BackupSettings = NO_BACKUP, **environ: str) -> None:
        self.clock = ManualClock()
        self.told: list[Any] = []
        self.incidents = Incidents(lambda request: self.told.append(request.command))
        self.watch = Watch(
            folder, self.clock, self.incidents, lambda: Standing(7, 3), backup, environ=environ
        )

    def look(self, after_s: float = 0.0) -> list[tuple[type, IncidentKind, str]]:
        """What a look after so many seconds tells."""
        self.clock.advance(int(after_s * SECOND))
        begun = len(self.told)
        asyncio.run(self._look())
        return [(type(one), one.kind, one.subject) for one in self.told[begun:]]

    async def _look(self) -> None:
        await self.watch.look()
        if self.watch._backing is not None:
            await self.watch._backing


@pytest.fixture
def roomy(monkeypatch: pytest.MonkeyPatch) -> list[DiskState]:
    """The disk as a list: its last state is what is found."""
    states = [DiskState(10**12, 10**9, 0)]
    monkeypatch.setattr(watching, "look_at_disk", lambda state, cache, now: states[-1])
    return states


def test_it_gives_signs_of_life_and_says_when_it_ends_on_purpose(
    folder: Folder, roomy: list[DiskState]
) -> None:
    house = House(folder)
    house.watch.begin()
    first = read_heartbeat(folder.heartbeat)
    assert first is not None
    assert (first.at, first.position, first.epoch, first.pid, first.stopped) == (
        house.clock.now(), 7, 3, os.getpid(), False
    )  # fmt: skip
    house.look(30)
    assert read_heartbeat(folder.heartbeat).at == house.clock.now()  # type: ignore[union-attr]
    house.watch.end(on_purpose=False)
    assert not read_heartbeat(folder.heartbeat).stopped  # type: ignore[union-attr]
    house.watch.end(on_purpose=True)
    assert read_heartbeat(folder.heartbeat).stopped  # type: ignore[union-attr]


def test_the_service_manager_hears_that_it_is_ready_alive_and_ending(
    folder: Folder, roomy: list[DiskState], short_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(short_path / "notify"))
        manager.settimeout(5)
        house = House(folder, NOTIFY_SOCKET=str(short_path / "notify"))
        house.watch.ready({})
        house.look()
        house.watch.end(on_purpose=True)
        assert [manager.recv(100) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"STOPPING=1"]


def test_a_source_is_silent_after_ten_of_its_turns_and_a_quarter_of_an_hour(
    folder: Folder, roomy: list[DiskState]
) -> None:
    assert (silent_after_s(5), silent_after_s(60), silent_after_s(600)) == (900, 900, 6_000)
    house = House(folder)
    house.watch.ready({"support": 60.0, "slow": 600.0})
    assert house.look(890) == []
    assert house.look(30) == [(DetectIncident, IncidentKind.SOURCE_SILENT, "support")]
    assert house.look(30) == []
    house.watch.heard("support")
    house.watch.heard("support")
    assert house.told[-1] == ClearIncident(IncidentKind.SOURCE_SILENT, "support")
    assert len(house.told) == 2


def test_a_short_disk_is_told_once_and_when_it_is_over(folder: Folder, roomy: list[DiskState]) -> None:
    house = House(folder)
    assert house.look() == []
    roomy.append(DiskState(20 * 10**9, 10**9, 10**9))
    assert house.look(60) == [], "it is measured every ten minutes"
    assert house.look(600) == [(DetectIncident, IncidentKind.DISK_GROWING, "")]
    assert house.told[-1].known["growth_bytes_a_day"] == 10**9
    assert house.look(600) == []
    roomy.append(DiskState(40 * 10**9, 10**9, 10**9))
    assert house.look(600) == [(ClearIncident, IncidentKind.DISK_GROWING, "")]


def test_a_jump_of_the_clock_is_shown_for_ten_minutes(folder: Folder, roomy: list[DiskState]) -> None:
    house = House(folder)
    house.incidents.tell(clock_jumped(60.0))
    assert house.look(30) == []
    assert house.look(590) == []
    assert house.look(30) == [(ClearIncident, IncidentKind.CLOCK_JUMPED, "")]


def test_what_goes_wrong_in_a_look_stops_nothing(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, roomy: list[DiskState]
) -> None:
    def broken(*given: Any) -> DiskState:
        raise OSError("the disk went away")

    monkeypatch.setattr(watching, "look_at_disk", broken)
    assert House(folder).look() == []


# --- backups -------------------------------------------------------------------------------------------------------


def begun(folder: Folder) -> None:
    """A ledger with something in it."""

    async def life() -> None:
        service = Service(folder)
        await service.run(service.stop)

    asyncio.run(life())


def test_backups_are_made_by_rule_and_the_oldest_put_away(
    folder: Folder, roomy: list[DiskState], short_path: Path
) -> None:
    copies = short_path / "copies"
    house = House(folder, BackupSettings(copies, DAY, 2))
    assert house.look() == [], "there is no ledger yet"
    begun(folder)
    settings = f'[backup]\nfolder = "{copies}"\nkeep = 2\n'
    (folder.root / "mainstay.toml").write_text(settings, "utf-8")
    assert house.look(30) == []
    first = last_good(house.watch.backup, folder)
    assert first is not None
    assert verify_backup(first.path).head == first.head > 0
    house.look(HOUR / SECOND)
    assert len(backups(copies)) == 1, "not before its time"
    with Workspace(folder) as workspace:
        assert workspace.status()["backed_up_at"] == first.at
    made = [first.path]
    for _ in range(2):
        house.look(DAY / SECOND)
        made.append(last_good(house.watch.backup, folder).path)  # type: ignore[union-attr]
    assert [path for path, _ in backups(copies)] == made[1:]


def test_a_backup_that_fails_is_told_and_tried_again_in_an_hour(
    folder: Folder, roomy: list[DiskState], short_path: Path
) -> None:
    begun(folder)
    copies = short_path / "disk" / "copies"
    (folder.root / "mainstay.toml").write_text(f'[backup]\nfolder = "{copies}"\n', "utf-8")
    house = House(folder, BackupSettings(copies))
    assert house.look() == [(DetectIncident, IncidentKind.BACKUP_FAILED, "")]
    assert "cannot be made" in house.told[-1].what
    copies.parent.mkdir()
    assert house.look(60) == []
    assert not copies.exists()
    assert house.look(3_600) == [(ClearIncident, IncidentKind.BACKUP_FAILED, "")]
    assert len(backups(copies)) == 1


def test_of_another_workspace_no_backup_counts(folder: Folder, short_path: Path) -> None:
    begun(folder)
    other, _ = create(short_path / "other", "other")
    copies = BackupSettings(short_path)
    from mainstay.workspace.backing import back_up_now

    back_up_now(copies, folder, now=Instant(HOUR))
    assert last_good(copies, folder) is not None
    assert last_good(copies, other) is None


# --- a whole service -----------------------------------------------------------------------------------------------


def test_a_service_records_what_it_notices_and_status_shows_it(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "look_at_disk", lambda state, cache, now: DiskState(5, 10**9, 0))

    async def life() -> None:
        service = Service(folder)

        def ready() -> None:
            going.append(asyncio.create_task(noticed()))

        async def noticed() -> None:
            while not service._incidents.is_open(IncidentKind.DISK_GROWING):
                await asyncio.sleep(0)
            while not service.loop.quiet:
                await asyncio.sleep(0)
            service.stop()

        going: list[asyncio.Task[None]] = []
        await service.run(ready)

    asyncio.run(life())
    with Workspace(folder) as workspace:
        (found,) = workspace.incidents()
        assert (found.kind, found.times, found.known["free_bytes"]) == ("disk_growing", 1, 5)
        assert workspace.status()["incidents"][0]["kind"] == "disk_growing"
    asyncio.run(life())  # the next director knows that it was told
    with Workspace(folder) as workspace:
        assert workspace.incidents()[0].times == 1


def test_views_that_disagree_are_an_incident_of_the_past_once_they_are_folded(folder: Folder) -> None:
    begun(folder)

    async def life() -> None:
        service = Service(folder)
        service.held.director.cards_agree = lambda: False  # type: ignore[method-assign]
        await service.run(lambda: going.append(asyncio.create_task(done(service))))

    async def done(service: Service) -> None:
        while service._incidents.is_open(IncidentKind.VIEW_DISAGREED) or not service.loop.quiet:
            await asyncio.sleep(0)
        service.stop()

    going: list[asyncio.Task[None]] = []
    asyncio.run(life())
    with Workspace(folder) as workspace:
        assert workspace.incidents() == []
        (row,) = workspace.rows("incidents")
        assert (row["kind"], row["times"]) == ("view_disagreed", 1)
        assert row["cleared_at"]


def test_a_view_that_was_changed_is_found_at_boot_and_recorded(folder: Folder) -> None:
    begun(folder)
    folder.anew.touch()  # as `mainstay doctor` leaves it when a view is not what the events say

    begun(folder)
    with Workspace(folder) as workspace:
        (row,) = workspace.rows("incidents")
        assert (row["kind"], row["what"]) == (
            "view_disagreed",
            "Not what the events say: a view that was looked at before.",
        )
