"""Checkpoints of a workspace: signed by a director at work and at its end, held against a restored backup, renewed."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mainstay.kernel.errors import CommandRefused, LedgerCorrupt, NotFound
from mainstay.kernel.events import IncidentKind
from mainstay.kernel.ids import StreamId
from mainstay.kernel.values import DAY, HOUR, Instant
from mainstay.ledger.blobs import BlobStore
from mainstay.ledger.checkpoints import read_file
from mainstay.ledger.export import EVERYTHING
from mainstay.ledger.inmemory import InMemoryStore
from mainstay.ledger.keys import InMemoryKeys
from mainstay.ledger.sealing import Vault
from mainstay.ledger.sqlite import SqliteStore
from mainstay.ledger.statements import Checkpoint, Restored, Statement
from mainstay.ledger.store import NEW, NewEvent, StreamAppend
from mainstay.ledger.verify import Broken, Verified
from mainstay.models import embedder
from mainstay.models.base import Unavailable
from mainstay.runtime.artifacts import Artifacts
from mainstay.runtime.clock import ManualClock
from mainstay.workspace import Workspace
from mainstay.workspace.exporting import exported
from mainstay.workspace.folder import Folder, create
from mainstay.workspace.full_audit import FullAudit, proved
from mainstay.workspace.ledger_care import restore_ledger
from mainstay.workspace.serving import Service
from mainstay.workspace.signing_places import places_of
from mainstay.workspace.verifying import verify_ledger
from tests.ledger.audited import forge

AT = Instant(1_760_000_000_000_000)


@pytest.fixture
def folder(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    monkeypatch.setattr(embedder, "find_embedder", lambda cache: Unavailable("not in this test", "none"))
    made, _ = create(short_path / "desk", "desk")
    return made


def signed(folder: Folder) -> tuple[Statement, ...]:
    return read_file(places_of(folder).files[0]).statements


def through(folder: Folder) -> list[int]:
    return [one.through for one in signed(folder) if isinstance(one, Checkpoint)]


def live(folder: Folder, clock: ManualClock, work: Callable[[Service], Awaitable[Any]]) -> Any:
    """A director that ends when this is done, and what it gave."""

    async def life() -> Any:
        service = Service(folder, clock=clock)
        working: list[asyncio.Task[Any]] = []

        def ready() -> None:
            working.append(asyncio.create_task(do()))

        async def do() -> Any:
            try:
                return await work(service)
            finally:
                service.stop()

        await service.run(ready)
        return await working[0]

    return asyncio.run(life())


async def nothing(service: Service) -> None:
    pass


def whole(folder: Folder) -> Verified:
    with Workspace.open(folder.root) as workspace:
        found = workspace.verify()
    assert isinstance(found, Verified), found
    return found


def test_an_orderly_stop_is_signed_to_the_last_event_and_the_next_start_records_it(folder: Folder) -> None:
    clock = ManualClock(AT)
    live(folder, clock, nothing)
    assert through(folder) == [whole(folder).positions]

    async def look(service: Service) -> None:
        assert await service._checkpointing.look()

    live(folder, clock, look)
    found = whole(folder)
    assert found.checkpoints == len(through(folder)) == 2
    with Workspace.open(folder.root) as workspace:
        assert workspace.count("checkpoints") == 1
        assert workspace.count("signing_keys") == 1


def test_it_is_signed_each_hour_in_which_something_happened(folder: Folder) -> None:
    clock = ManualClock(AT)

    async def work(service: Service) -> None:
        counts = []
        for _ in range(3):
            await service._checkpointing.look()
            counts.append(len(through(folder)))
            clock.advance(HOUR)
        assert counts == [1, 1, 1], "an hour in which nothing happened but a signature"
        await service.desk.throw_kill_switch(on=True, reason="", actor="operator")
        await service._checkpointing.look()
        assert len(through(folder)) == 2
        await service.desk.throw_kill_switch(on=False, reason="", actor="operator")
        await service._checkpointing.look()
        assert len(through(folder)) == 2, "not before the hour is over"

    live(folder, clock, work)
    whole(folder)


def test_a_running_director_signs_and_changes_its_key_when_it_is_asked(folder: Folder) -> None:
    async def work(service: Service) -> Any:
        def asked() -> Any:
            with Workspace.connect(folder.root) as workspace:
                auditing = workspace.auditing
                return auditing.sign(), auditing.key(), auditing.rotate_key(), auditing.sign(), auditing.key()

        return await asyncio.to_thread(asked)

    first, key, changed, second, other = live(folder, ManualClock(AT), work)
    assert first["signed"]
    assert second["signed"]
    assert key["key"] == changed["before"] != changed["key"] == other["key"] == second["key"]
    assert whole(folder).checkpoints == 3


def test_what_was_tampered_with_is_an_incident_and_is_not_signed(folder: Folder) -> None:
    live(folder, ManualClock(AT), nothing)
    before = signed(folder)
    forge(folder.ledger, "UPDATE events SET at = at + 1 WHERE position = 1", rehash=True)
    (folder.state / "frontier").unlink()

    async def work(service: Service) -> None:
        assert not await service._checkpointing.look()
        assert service._incidents.is_open(IncidentKind.AUDIT_FAILED)

    live(folder, ManualClock(AT), work)
    assert signed(folder) == before
    assert "rewritten" in proved(folder)["reason"]


def test_a_place_that_cannot_be_written_is_an_incident_until_it_can(folder: Folder) -> None:
    disk = folder.root.parent / "disk"
    settings = folder.root / "mainstay.toml"
    settings.write_text(settings.read_text() + f'\n[audit]\ncheckpoints = "{disk}"\n')
    clock = ManualClock(AT)

    async def work(service: Service) -> None:
        await service._checkpointing.look()
        (subject,) = [str(path) for path in places_of(folder).files[1:]]
        assert service._incidents.is_open(IncidentKind.CHECKPOINT_UNWRITTEN, subject)
        disk.mkdir()
        clock.advance(HOUR)
        await service.desk.throw_kill_switch(on=True, reason="", actor="operator")
        await service._checkpointing.look()
        assert not service._incidents.is_open(IncidentKind.CHECKPOINT_UNWRITTEN, subject)

    live(folder, clock, work)
    own, other = places_of(folder).files
    assert own.read_bytes() == other.read_bytes()


def test_a_backup_carries_its_checkpoints_and_a_restore_of_it_is_signed_for(folder: Folder) -> None:
    clock = ManualClock(AT)
    live(folder, clock, nothing)
    with Workspace.open(folder.root) as workspace:
        workspace.kill_switch(on=True)
        backup = workspace.back_up(folder.root.parent / "backup").path
    assert (backup / "checkpoints.jsonl").read_bytes() == places_of(folder).files[0].read_bytes()
    clock.advance(HOUR)
    live(folder, clock, nothing)
    assert len(through(folder)) == 2
    settings = folder.root / "mainstay.toml"
    settings.touch()
    _with_keys(folder)
    restore_ledger(backup, folder.root, now=Instant(clock.now()), replacing=True, progress=lambda *_: None)
    assert isinstance(signed(folder)[-1], Restored)
    found = whole(folder)
    assert found.checkpoints == 1
    assert "1 checkpoints are of a history" in found.notes[0]
    clock.advance(HOUR)
    live(folder, clock, nothing)
    assert whole(folder).checkpoints == 2


def _with_keys(folder: Folder) -> None:
    from mainstay.workspace.folder import open_vault

    open_vault(folder, None).close()  # nobody wrote yet, so there is no table of keys


def test_a_lost_history_is_begun_anew_and_that_is_told(folder: Folder) -> None:
    live(folder, ManualClock(AT), nothing)
    with Workspace.open(folder.root) as workspace:
        workspace.kill_switch(on=True)
        workspace.auditing.sign()
        places_of(folder).files[0].unlink()
        assert isinstance(workspace.verify(), Broken)
        with pytest.raises(LedgerCorrupt, match="gone"):
            workspace.auditing.sign()
        done = workspace.auditing.renew()
        assert done["signed"]
        found = workspace.verify()
    assert isinstance(found, Verified), found
    assert "not kept any more" in found.notes[0]


def test_what_is_not_whole_is_not_begun_anew(folder: Folder) -> None:
    live(folder, ManualClock(AT), nothing)
    forge(folder.ledger, "UPDATE events SET at = at + 1 WHERE position = 1")
    before = signed(folder)
    with Workspace.open(folder.root) as workspace, pytest.raises(LedgerCorrupt):
        workspace.auditing.renew()
    assert signed(folder) == before


def test_without_its_key_home_the_chain_is_proved_and_that_is_told(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Workspace.open(folder.root) as workspace:
        workspace.kill_switch(on=True)
        workspace.auditing.sign()
    monkeypatch.setenv("MAINSTAY_KEY_HOME", str(folder.root.parent / "nowhere"))
    assert "was not looked at" in whole(folder).notes[0]


def test_the_whole_ledger_is_proved_once_a_day(folder: Folder) -> None:
    live(folder, ManualClock(AT), nothing)
    clock = ManualClock(AT)
    told: list[Any] = []

    class House:
        def tell(self, incident: Any) -> None:
            told.append(incident)

    audit = FullAudit(folder, clock, House())  # type: ignore[arg-type]

    async def here() -> dict[str, object]:
        return dict(proved(folder))

    audit._proved = here  # type: ignore[method-assign]  # a child takes a second
    asyncio.run(audit.look())
    assert not told
    clock.advance(DAY)
    asyncio.run(audit.look())
    assert len(told) == 1
    assert json.loads((folder.state / "audited").read_bytes())["whole"] is True
    asyncio.run(audit.look())
    assert len(told) == 1
    forge(folder.ledger, "UPDATE events SET at = at + 1 WHERE position = 1")
    clock.advance(DAY)
    asyncio.run(audit.look())
    assert told[1].kind is IncidentKind.AUDIT_FAILED
    assert "position 1" in told[1].what


def test_a_machine_that_has_no_process_for_it_ends_no_director(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def none_left(*given: object, **how: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(asyncio, "create_subprocess_exec", none_left)
    clock = ManualClock(AT)
    audit = FullAudit(folder, clock, None)  # type: ignore[arg-type]
    folder.ledger.touch()
    clock.advance(2 * DAY)
    asyncio.run(audit.look())
    assert not (folder.state / "audited").exists(), "it is tried again"


@pytest.mark.long
def test_the_child_says_what_it_found(folder: Folder) -> None:
    live(folder, ManualClock(AT), nothing)
    audit = FullAudit(folder, ManualClock(AT), None)  # type: ignore[arg-type]
    assert asyncio.run(audit._proved())["whole"] is True
    forge(folder.ledger, "UPDATE events SET at = at + 1 WHERE position = 1")
    assert asyncio.run(audit._proved())["position"] == 1


def test_what_is_opened_in_an_export_is_what_the_keys_still_open(tmp_path: Path) -> None:
    store = InMemoryStore()
    vault = Vault(b"k" * 32, InMemoryKeys())
    artifacts = Artifacts(vault, BlobStore(tmp_path, store.blob))
    ann, bob = vault.subject("ann@example.com"), vault.subject("bob@example.net")
    vault.ensure_subjects([ann, bob])
    events = []
    for subject, name in ((ann, "Ann"), (bob, "Bob")):
        reply = artifacts.put(json.dumps({"text": f"Dear {name}"}).encode(), subject, b"reply")
        said = {
            "reason": artifacts.seal_text(f"{name} asked", subject),
            "reply": {"artifact": reply, "kind": "reply"},
        }
        events.append(NewEvent(1, 1, json.dumps(said).encode(), "director", bytes(16)))
    stream = [StreamAppend(StreamId("run:a"), NEW, events)]
    store.append(stream, epoch=store.acquire(), at=AT, blobs=artifacts.take_staged())
    vault.forget(ann)
    for form in ("jsonl", "csv"):
        opened = b"".join(
            exported(store, "urn:x", form=form, selection=EVERYTHING, artifacts=lambda: artifacts)
        )
        assert b"Bob asked" in opened
        assert b"Dear Bob" in opened
        assert opened.count(b"[forgotten]") == 2
        assert b"Ann" not in opened
        sealed = b"".join(exported(store, "urn:x", form=form, selection=EVERYTHING))
        assert b"Bob" not in sealed


def test_an_unknown_format_or_type_is_refused() -> None:
    from mainstay.ledger.export import Selection

    with pytest.raises(CommandRefused, match="format"):
        exported(InMemoryStore(), "urn:x", form="xlsx", selection=EVERYTHING)
    with pytest.raises(CommandRefused, match="type"):
        exported(InMemoryStore(), "urn:x", form="csv", selection=Selection(types=("run.finnished",)))


def test_a_file_that_is_no_ledger_is_a_mistake_and_no_alarm(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="There is no file"):
        verify_ledger(tmp_path / "nothing")
    with pytest.raises(NotFound, match="There is no file"):
        verify_ledger(tmp_path)
    text, other = tmp_path / "notes.txt", tmp_path / "other.sqlite3"
    text.write_text("no ledger")
    with closing(sqlite3.connect(other)) as database:
        database.execute("CREATE TABLE t (x)")
        database.commit()
    for file in (text, other):
        with pytest.raises(CommandRefused, match="is not a ledger"):
            verify_ledger(file)


def test_a_ledger_is_looked_at_also_where_nothing_was_signed(tmp_path: Path) -> None:
    file = tmp_path / "ledger.sqlite3"
    with closing(SqliteStore(file)):
        assert isinstance(verify_ledger(file), Verified), "one at work, whose first page may lie in its log"
    assert isinstance(verify_ledger(file), Verified)
