"""The transaction that seals, on a disk that fails at any of its operations: no event is ever in neither place."""

from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from mainstay.ledger.segments_sealing import row_of, seal
from mainstay.ledger.sqlite import SqliteStore
from mainstay.ledger.store import GENESIS, Position, RecordedEvent
from mainstay.testing.conformance.store import AT
from mainstay.testing.faultfs import Disk, Fault, Survival, driver_on
from tests.ledger.test_segments import STREAMS, fill

PATH = "/workspace/ledger.sqlite3"
EVENTS, SEALED = 400, 300


def life(disk: Disk, folder: Path, fault: Fault, after: int, survival: Survival) -> tuple[bool, bool]:
    """One seal with one fault, then the power fails: whether it struck, and whether the segment is named."""
    with driver_on(disk) as driver:
        store = SqliteStore(PATH, driver=driver)
        store.sealed.folder = folder
        fill(store, events=EVENTS)
        epoch = store.acquire()
        whole = store.read_all(limit=1_000)
        made = seal([row_of(one) for one in whole[:SEALED]], GENESIS)
        (folder / made.name).write_bytes(made.data)
        disk.plan(fault, after)
        with suppress(Exception):  # whatever it was, what counts is what is found afterwards
            store.seal(made, epoch=epoch, at=AT)
        struck = disk.planned is None
        disk.plan(None)
        with suppress(Exception):
            store.close()
        disk.cut_power(survival)

        store = SqliteStore(PATH, driver=driver)
        store.sealed.folder = folder
        named = store.sealed.last() == SEALED
        assert store.read_all(limit=1_000) == whole
        assert [_of(whole, number) for number in range(len(STREAMS))] == [
            list(store.read(stream)) for stream in STREAMS
        ]
        if not named:
            assert store.sealed.last() == 0
            epoch = store.acquire()
            store.seal(made, epoch=epoch, at=AT)
            assert store.read_all(after=Position(0), limit=1_000) == whole
        store.close()
        return struck, named


def _of(events: tuple[RecordedEvent, ...], number: int) -> list[RecordedEvent]:
    return [one for one in events if one.stream == STREAMS[number]]


@pytest.mark.parametrize("survival", list(Survival))
@pytest.mark.parametrize("fault", list(Fault))
def test_a_fault_at_any_operation_of_a_seal_loses_no_event(
    fault: Fault, survival: Survival, tmp_path: Path
) -> None:
    outcomes: set[bool] = set()
    for after in range(0, 1_000, 1 if survival is Survival.SOME else 5):
        struck, named = life(Disk(Random(after)), tmp_path, fault, after, survival)
        if not struck:
            assert named
            break
        outcomes.add(named)
    else:
        pytest.fail("it never ended")
    assert outcomes, "no fault struck"
    if fault in (Fault.POWER_CUT, Fault.FULL, Fault.WRITE_ERROR):
        assert False in outcomes, "none of them kept the segment from being named"
