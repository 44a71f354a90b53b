"""The drill: back up while mail is triaged, lose the ledger, restore it, and find it whole and still."""

from pathlib import Path

import pytest

from mainstay.kernel.errors import LedgerError, WorkspaceLocked
from mainstay.kernel.events import KillSwitchThrown, LedgerRestored
from mainstay.kernel.ids import WORKSPACE
from mainstay.kernel.values import Instant
from mainstay.ledger.backup import verify_backup
from mainstay.ledger.codec import Codec
from mainstay.ledger.sqlite_reader import SqliteReader
from mainstay.ledger.verify import Verified
from mainstay.runtime.clock import SystemClock
from mainstay.workspace import Workspace
from mainstay.workspace.ledger_care import restore_ledger
from tests.end_to_end.conftest import MakeDesk
from tests.end_to_end.desks import Desk, file_settings, mail, mbox
from tests.servers.dovecot import until

pytestmark = pytest.mark.long

MAILS = 60


def restored(desk: Desk, backup: Path, *, replacing: bool = False) -> int:
    now = Instant(SystemClock().now())
    report = restore_ledger(
        backup, desk.root, now=now, replacing=replacing, progress=lambda what, done, of: None
    )
    return report.head


def replies(workspace: Workspace) -> set[str]:
    """The runs whose reply waits for the operator."""
    return {card.run for card in workspace.approvals(limit=1_000) if card.act == "email.reply"}


def events_of_the_workspace(desk: Desk) -> list[object]:
    reader = SqliteReader(desk.folder.ledger)
    try:
        codec = Codec(lambda digest: pytest.fail("no plan is named in this stream"))
        return [codec.event(one) for one in reader.read(WORKSPACE)]
    finally:
        reader.close()


def test_a_ledger_that_was_lost_comes_back_whole_and_sends_nothing(new_desk: MakeDesk) -> None:
    desk = new_desk(file_settings())
    questions = [mail(f"{one}@example.com", sender=f"c{one}@example.com") for one in range(MAILS)]
    (desk.root / "inbox.mbox").write_bytes(mbox(*questions))
    shelf = desk.root.parent / "shelf"
    shelf.mkdir()
    director = desk.up()
    until(lambda: len(desk.runs()) > 0, "the first run", 60.0)
    taken: list[Path] = []
    with desk.open() as workspace:
        while workspace.waiting() < MAILS or not taken:  # triage goes on meanwhile
            taken.append(workspace.back_up(shelf / str(len(taken))).path)
            assert len(taken) < 200, "triage did not end"
        taken.append(workspace.back_up(shelf / "last").path)
        heads = [verify_backup(one).head for one in taken]
        assert heads == sorted(heads)
        assert heads[0] < heads[-1], "one was taken while mail was triaged"
        with pytest.raises(WorkspaceLocked):
            restored(desk, taken[-1], replacing=True)
        card = workspace.approvals()[0]
        workspace.approve(card.approval, digest=card.digest)  # the world goes on after the backup
        until(lambda: len(desk.delivered()) == 1, "the reply", 60.0)
    director.kill()
    director.gone()
    delivered = desk.delivered()
    for aside in desk.folder.state.glob("ledger.db-*"):
        aside.unlink()
    desk.folder.ledger.write_bytes(b"\x00" * 4096 + desk.folder.ledger.read_bytes()[4096:])
    with pytest.raises(LedgerError), desk.open() as workspace:
        workspace.runs()

    head = restored(desk, taken[-1], replacing=True)
    assert head == heads[-1] + 2
    with desk.open() as workspace:
        found = workspace.verify()
        assert isinstance(found, Verified)
        assert found.positions == head
        assert workspace.waiting() == MAILS
        assert workspace.approval(card.approval).text == card.text, "its keys still open it"
    last = events_of_the_workspace(desk)[-2:]
    assert [type(one) for one in last] == [LedgerRestored, KillSwitchThrown]

    director = desk.up()
    try:
        with desk.open() as workspace:
            assert workspace.status()["kill_switch"] is True
            assert workspace.head > head
            # Each reply is looked for in the delivery folder: the one that left is done, the others ask again.
            until(lambda: workspace.waiting() == MAILS - 1, "the cards that ask again", 60.0)
            assert replies(workspace).isdisjoint({card.run})
            assert workspace.in_doubt() == []
            later = workspace.back_up(shelf / "later")
            assert later.manifest.head > head
    finally:
        director.stop()
    assert desk.delivered() == delivered, "under the kill switch nothing leaves"
    with desk.open() as workspace:
        assert isinstance(workspace.verify(), Verified)


def test_an_early_backup_is_a_whole_ledger_too(new_desk: MakeDesk) -> None:
    """One that was taken in the middle of triage: what was begun goes on from there, and the rest is read again."""
    desk = new_desk(file_settings())
    (desk.root / "inbox.mbox").write_bytes(
        mbox(*(mail(f"{one}@example.com", sender=f"c{one}@example.com") for one in range(MAILS)))
    )
    director = desk.up()
    until(lambda: len(desk.runs()) > 0, "the first run", 60.0)
    with desk.open() as workspace:
        early = workspace.back_up(desk.root.parent / "early")
        until(lambda: workspace.waiting() == MAILS, "all cards", 60.0)
    director.stop()
    assert restored(desk, early.path, replacing=True) == early.manifest.head + 2
    director = desk.up()
    try:
        with desk.open() as workspace:
            assert workspace.status()["kill_switch"] is True
            workspace.kill_switch(on=False)
            # What was decided under the kill switch asks too, so there may be more cards than replies.
            until(lambda: len(replies(workspace)) == MAILS, "all replies again", 60.0)
            assert len(workspace.runs(limit=1_000)) == MAILS, "no mail has two runs"
    finally:
        director.stop()
    assert desk.delivered() == []
    with desk.open() as workspace:
        assert isinstance(workspace.verify(), Verified)
