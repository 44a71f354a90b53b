"""`mainstay up` as an object: how it begins, what it leaves behind when it cannot, and what it says when it ends."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from mainstay.kernel.errors import CommandRefused, ConfigError, StorageFailed, WorkspaceUnsafe
from mainstay.kernel.values import SECOND
from mainstay.ledger.lock import WriterLock
from mainstay.models import embedder
from mainstay.models.base import Unavailable
from mainstay.runtime.clock import ManualClock
from mainstay.workspace.folder import Folder, create
from mainstay.workspace.operations import operate
from mainstay.workspace.serving import Service
from tests.runtime.house import at_hand


@pytest.fixture
def folder(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    monkeypatch.setattr(embedder, "find_embedder", lambda cache: Unavailable("not in this test", "none"))
    made, _ = create(short_path / "desk", "desk")
    return made


def free(folder: Folder) -> bool:
    with WriterLock(folder.lock):
        return True


def test_it_ends_with_the_error_that_ended_it_and_with_its_cause(folder: Folder) -> None:
    async def story() -> None:
        service = Service(folder)

        async def run(owed: Any) -> None:
            raise StorageFailed("the disk failed") from OSError("input/output error")

        service.loop.run = run  # type: ignore[method-assign]
        with pytest.raises(StorageFailed) as ended:
            await service.run()
        assert isinstance(ended.value.__cause__, OSError)

    asyncio.run(story())
    assert free(folder)
    assert not folder.socket.exists()


def test_stopped_while_it_boots_it_ends_in_order(folder: Folder) -> None:
    async def story() -> None:
        service = Service(folder)
        service.stop()
        await service.run()

    asyncio.run(story())
    assert free(folder)


def test_it_can_be_started_again_at_once(folder: Folder) -> None:
    async def life() -> None:
        service = Service(folder)
        await service.run(service.stop)

    for _ in range(3):
        asyncio.run(life())
    assert free(folder)


def test_what_cannot_be_wired_leaves_the_lock_free(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*given: Any, **named: Any) -> Any:
        raise ConfigError("an agent that is not there")

    monkeypatch.setattr("mainstay.workspace.held.Held.performer", refuse)
    with pytest.raises(ConfigError) as refused:
        Service(folder)
    assert free(folder), "although the error is still held, with every frame that it passed"
    assert refused.value.exit_code == 2


def test_a_socket_that_cannot_be_made_is_one_clear_end(folder: Folder) -> None:
    folder.socket.mkdir()
    with pytest.raises(WorkspaceUnsafe, match="socket"):
        asyncio.run(_live(folder))
    assert free(folder)


async def _live(folder: Folder) -> None:
    await Service(folder).run()


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("approve", {"approval": 5, "actor": "operator"}),
        ("approve", {"approval": "abcd", "actor": 5}),
        ("approve", {"approval": "abcd", "actor": "operator", "open_us": "long"}),
        ("approve", {"approval": "abcd", "actor": "operator", "open_us": 1 << 70}),
        ("approve", {"approval": "abcd", "actor": "operator", "open_us": True}),
        ("reject", {"approval": "abcd", "actor": "operator", "open_us": -1}),
        ("approve", {"approval": "abcd"}),
        ("reject", {"approval": "abcd", "actor": "operator", "reason": None}),
        ("resolve", {"run": "abcd", "task": "1", "answer": "happened", "actor": "operator"}),
        ("start", {"workflow": "w", "trigger": [], "request": "r", "key": "", "actor": "operator"}),
        ("start", {"workflow": "w", "trigger": {}, "request": "r", "key": 7, "actor": "operator"}),
        ("kill_switch", {"on": "yes", "actor": "operator"}),
        ("kill_switch", {"on": True, "actor": "operator", "reason": "\udcff"}),
        ("ingest", {"adapter": ["support"]}),
        ("status", {"surprise": 1}),
        ("dance", {}),
        # A parameter that callers within the house have: its letters would be taken for commands.
        *(
            (one, {"approval": "x", "actor": "a", "follow": "abc"})
            for one in ("approve", "reject", "edit", "snooze")
        ),
    ],
)
def test_arguments_that_would_spoil_the_ledger_are_refused(operation: str, arguments: Any) -> None:
    class NobodysDesk:
        async def approve(self, approval: str, *, digest: str = "", actor: str, open_us: int = 0) -> Any:
            raise AssertionError("approve was reached")

        def __getattr__(self, name: str) -> Any:
            raise AssertionError(f"{name} was reached")

    with pytest.raises(CommandRefused):
        asyncio.run(operate(at_hand(NobodysDesk(), NobodysDesk()), operation, arguments))  # type: ignore[arg-type]


def test_many_sends_at_once_read_the_mailbox_once(folder: Folder) -> None:
    """One look each, one behind the other, took longer than a send may: what never left was in doubt."""

    class Slow:
        pulls = 0
        failing = False

        async def pull(self) -> None:
            self.pulls += 1
            for _ in range(5):
                await asyncio.sleep(0)
            if self.failing:
                raise ConnectionError("no answer")

    async def story() -> None:
        clock = ManualClock()
        service = Service(folder, clock=clock)
        mailbox = Slow()
        service.ingests = {"support": mailbox}  # type: ignore[dict-item]
        try:
            await asyncio.gather(*(service.rereading.read("support") for _ in range(50)))
            await service.rereading.read("support")
            assert mailbox.pulls == 1
            clock.advance(3 * SECOND)
            mailbox.failing = True
            answers = [service.rereading.read("support") for _ in range(50)]
            failed = await asyncio.gather(*answers, return_exceptions=True)
            assert {type(one) for one in failed} == {ConnectionError}, "what one learns holds for all"
            assert mailbox.pulls == 2
            with pytest.raises(ConnectionError):
                await service.rereading.read("support")
            assert mailbox.pulls == 3, "and the next tries again"
            await service.rereading.read("elsewhere")
        finally:
            service.held.close()

    asyncio.run(story())
