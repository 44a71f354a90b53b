"""The rig drives the director as `up` does; a tick that goes on in slices is one transaction."""

from pathlib import Path

from mainstay.bench.rig import Rig, chain
from mainstay.kernel.commands import ReceiveMessage, StartRun
from mainstay.kernel.ids import RunId, digest
from mainstay.runtime.tick import Request

DEFINITION = digest(b"mainstay bench engine")


def _start(run: str) -> Request:
    return Request(StartRun(RunId(run), "bench", DEFINITION))


def test_a_tick_in_slices_is_one_transaction(tmp_path: Path) -> None:
    rig = Rig(tmp_path, chain(2))
    rig.director.boot()
    before = rig.store.head

    tick = rig.director.tick([_start("a" * 32)])
    assert rig.director.tick([_start("b" * 32)], onto=tick) is tick
    assert rig.store.head == before, "nothing is durable before the commit"
    rig.director.commit(tick)
    assert rig.store.head == before + tick.events
    assert len({event.at for event in rig.store.read_all(after=before, limit=100)}) == 1
    rig.close()

    again = Rig(tmp_path, chain(2))
    again.director.boot()
    assert set(again.director.runs) == {"a" * 32, "b" * 32}
    again.close()


def test_a_message_is_known_to_the_next_slice(tmp_path: Path) -> None:
    rig = Rig(tmp_path, chain(2))
    rig.director.boot()
    message = ReceiveMessage("inbox", "key", "thread", "f" * 32, digest(b"body"), 4)

    tick = rig.director.tick([Request(message)])
    events = tick.events
    rig.director.tick([Request(message)], onto=tick)

    assert (events, tick.events) == (1, 1)
    rig.close()
