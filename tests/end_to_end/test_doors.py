"""The two doors: the socket of a director at work, and the lock where none is; with a kill between the two."""

import asyncio
import contextlib
import os
import socket
import stat
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mainstay.kernel.commands import AdoptPolicy
from mainstay.kernel.errors import DirectorUnavailable, StaleApproval, StorageFull, WorkspaceLocked
from mainstay.kernel.values import Digest
from mainstay.ledger.sqlite import SqliteStore
from mainstay.runtime.clock import SystemClock
from mainstay.runtime.control import ControlClient, ControlServer, socket_address
from mainstay.runtime.tick import Request
from mainstay.workspace.doors import Together
from mainstay.workspace.held import Held
from mainstay.workspace.workspace import Workspace
from tests.end_to_end.conftest import MakeDesk
from tests.end_to_end.desks import Desk, Running, mail, mbox
from tests.servers.dovecot import until


@pytest.fixture
def waiting(new_desk: MakeDesk) -> tuple[Desk, Running]:
    """A director at work, and one card."""
    desk = new_desk()
    (desk.root / "inbox.mbox").write_bytes(mbox(mail("1@customer.example")))
    director = desk.up()
    desk.card()
    return desk, director


def test_a_decision_goes_through_the_socket_and_is_performed_at_once(waiting: tuple[Desk, Running]) -> None:
    desk, director = waiting
    (card,) = desk.cards()
    with Workspace.connect(desk.root) as workspace:
        assert workspace.status()["director"] == "at work"
        with pytest.raises(StaleApproval):
            workspace.approve(card.approval, digest="0" * 64)
        decided = workspace.approve(card.approval[:8], digest=card.digest[:12])
        assert (decided.live, decided.run) == (True, card.run)
        assert workspace.approve(card.approval, digest=card.digest).events == 0
        with pytest.raises(StaleApproval):
            workspace.reject(card.approval, digest=card.digest)
    desk.until_status(card.run, "succeeded")
    assert len(desk.delivered()) == 1
    assert director.stop() == 0
    assert not desk.folder.socket.exists()


@pytest.mark.long
def test_without_a_director_a_decision_waits_for_the_next_up_and_leaves_once(
    waiting: tuple[Desk, Running],
) -> None:
    desk, director = waiting
    (card,) = desk.cards()
    assert director.stop() == 0
    with desk.open() as workspace:
        decided = workspace.approve(card.approval, digest=card.digest)
        assert not decided.live
        assert workspace.status()["director"] == "not running"
        assert desk.delivered() == []
        assert workspace.approve(card.approval, digest=card.digest).events == 0
        with pytest.raises(DirectorUnavailable):
            Workspace.connect(desk.root)
    for _ in range(2):
        again = desk.up()
        desk.until_status(card.run, "succeeded")
        assert again.stop() == 0
        assert len(desk.delivered()) == 1


def test_a_second_director_is_told_who_the_first_is(waiting: tuple[Desk, Running]) -> None:
    desk, director = waiting
    second = desk.starting()
    said = second.line()
    assert said.startswith("WorkspaceLocked: ")
    assert str(director.child.pid) in said
    assert second.gone() == 3
    (card,) = desk.cards()  # the first is as it was
    with Workspace.connect(desk.root) as workspace:
        assert workspace.reject(card.approval, reason="no").live


@pytest.mark.long
def test_a_dead_director_leaves_a_socket_that_stops_nobody(waiting: tuple[Desk, Running]) -> None:
    desk, director = waiting
    (card,) = desk.cards()
    director.kill()
    director.gone()
    assert desk.folder.socket.exists()
    with desk.open() as workspace:
        assert not workspace.approve(card.approval).live
    again = desk.up()
    desk.until_status(card.run, "succeeded")
    assert again.stop() == 0
    assert len(desk.delivered()) == 1


@pytest.mark.long
@pytest.mark.parametrize("heard", [False, True], ids=["before it was read", "before the answer"])
def test_a_kill_between_request_and_answer_and_the_same_decision_once(
    waiting: tuple[Desk, Running], heard: bool
) -> None:
    """The answer never comes. Whatever became of the first request, the second leads to one decision, one mail."""
    desk, director = waiting
    (card,) = desk.cards()
    asked = msgspec.json.encode(
        {"do": "approve", "with": {"approval": card.approval, "digest": card.digest, "actor": "operator"}}
    )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(socket_address(desk.folder.socket))
        if not heard:
            os.kill(director.child.pid, 19)  # SIGSTOP: it cannot read what is sent now
        connection.sendall(asked + b"\n")
        if heard:
            with desk.open() as workspace:
                until(lambda: workspace.approval(card.approval).status != "waiting", "decided")
        director.kill()
        director.gone()
        if not heard:
            with contextlib.suppress(ConnectionResetError):
                assert connection.recv(1) == b""
    with desk.open() as workspace:
        assert workspace.approval(card.approval).status == ("granted" if heard else "waiting")
        decided = workspace.approve(card.approval, digest=card.digest)
        assert (decided.run, decided.events > 0) == (card.run, not heard)
    again = desk.up()
    desk.until_status(card.run, "succeeded")
    assert again.stop() == 0
    assert len(desk.delivered()) == 1
    assert desk.event_types(card.run).count("ApprovalGranted") == 1


def test_while_another_command_holds_the_lock_the_answer_says_so(new_desk: MakeDesk) -> None:
    desk = new_desk()
    (desk.root / "inbox.mbox").write_bytes(mbox(mail("1@customer.example")))
    held = Held(desk.folder, SystemClock())
    try:
        with desk.open() as workspace, pytest.raises(DirectorUnavailable) as refused:
            workspace.ingest()
        assert refused.value.fields["pid"] == os.getpid()
        assert "Try again" in str(refused.value)
        with pytest.raises(WorkspaceLocked):
            Held(desk.folder, SystemClock())
    finally:
        held.close()
    with desk.open() as workspace:
        assert workspace.ingest()["support"]["received"] == 1


@pytest.mark.long
def test_only_this_user_may_speak(waiting: tuple[Desk, Running]) -> None:
    desk, _ = waiting
    assert stat.S_IMODE(desk.folder.socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(desk.folder.state.stat().st_mode) == 0o700


def test_another_user_is_not_answered(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ends look at who the other is."""
    import mainstay.runtime.control as control

    heard: list[str] = []

    async def handle(operation: str, arguments: dict[str, object]) -> dict[str, object]:
        heard.append(operation)
        return {}

    async def story() -> None:
        server = ControlServer(short_path / "s", handle)
        await server.start()
        client = ControlClient(short_path / "s")
        assert await asyncio.to_thread(client.ask, "status", {}) == {}
        monkeypatch.setattr(control, "peer_uid", lambda connection: os.getuid() + 1)
        with pytest.raises(DirectorUnavailable, match="another user"):
            await asyncio.to_thread(client.ask, "status", {})
        reader, writer = await asyncio.open_unix_connection(str(short_path / "s"))
        writer.write(b'{"do": "status"}\n')
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""  # not one word
        writer.close()
        await server.close()

    asyncio.run(story())
    assert heard == ["status"]


def test_what_is_asked_together_through_the_lock_is_written_together(
    new_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mailbox of many messages is not one fsync each."""
    desk = new_desk()
    (desk.root / "inbox.mbox").write_bytes(
        mbox(*(mail(f"{number}@customer.example") for number in range(100)))
    )
    writes: list[int] = []
    append = SqliteStore.append

    def counted(store: SqliteStore, batch: Any, **rest: Any) -> Any:
        writes.append(len(batch))
        return append(store, batch, **rest)

    monkeypatch.setattr(SqliteStore, "append", counted)
    with desk.open() as workspace:
        assert workspace.ingest()["support"]["received"] == 100
    assert len(writes) < 12
    assert sum(writes) > 100


def test_a_ledger_that_refuses_says_so_to_everybody_who_asked() -> None:
    class Refusing:
        def handle(self, requests: list[Request]) -> None:
            raise StorageFull

    async def story() -> list[Any]:
        together = Together(Refusing())  # type: ignore[arg-type]
        asked = (together.ask(Request(AdoptPolicy(Digest(str(number))))) for number in range(300))
        return await asyncio.gather(*asked, return_exceptions=True)

    assert {type(one) for one in asyncio.run(story())} == {StorageFull}
