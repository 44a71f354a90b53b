"""What should not come in, or should not be there: one clear error each, and nothing acknowledged is lost."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Callable

import pytest

from mainstay.kernel.errors import ConfigError, LedgerCorrupt
from mainstay.ledger.lock import WriterLock
from mainstay.ledger.verify import Broken, Verified
from tests.end_to_end.conftest import MakeDesk
from tests.end_to_end.desks import Desk, file_settings, mail, mbox
from tests.end_to_end.working import asked, at_work, settled

BROKEN = {
    "no header at all": b"\r\n\r\njust text\r\n",
    "no sender": b"To: help@example.org\r\nSubject: x\r\n\r\nx\r\n",
    "an unknown encoding": (
        b"From: a@example.com\r\nMessage-ID: <enc@x.example>\r\nSubject: =?no-such-charset?Q?=E4?=\r\n"
        b"Content-Type: text/plain; charset=no-such-charset\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\xe4\xff\x00\r\n"
    ),
    "an encoding that lies": (
        b"From: b@example.com\r\nMessage-ID: <lie@x.example>\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n!!! no base64 \xff\r\n"
    ),
    "a header that breaks out": b"From: c@example.com\r\nSubject: x\rBcc: all@example.net\r\n"
    + b"Message-ID: <cr@x.example>\r\n\r\nx\r\n",
    "parts in parts": (
        b"From: d@example.com\r\nMessage-ID: <deep@x.example>\r\nContent-Type: multipart/mixed; boundary=b0\r\n\r\n"
        + b"".join(
            b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (depth, depth + 1)
            for depth in range(300)
        )
    ),
    "a header of a megabyte": b"From: e@example.com\r\nMessage-ID: <long@x.example>\r\nX-Long: "
    + b"a" * 1_000_000
    + b"\r\n\r\nx\r\n",
    "lone surrogates": b"From: f@example.com\r\nMessage-ID: <s@x.example>\r\n"
    + b"Subject: \xed\xa0\x80\r\n\r\n\xed\xa0\x80\r\n",
    "html that never ends": b"From: g@example.com\r\nMessage-ID: <h@x.example>\r\nContent-Type: text/html\r\n\r\n"
    + b"<div>" * 50_000,
}


def test_broken_and_hostile_mail_is_taken_or_refused_with_a_reason_and_stops_nothing(
    new_desk: MakeDesk,
) -> None:
    desk = new_desk()
    good = mail("good@customer.example")
    (desk.root / "inbox.mbox").write_bytes(mbox(*BROKEN.values(), good))

    async def story() -> None:
        async with at_work(desk) as service:
            with desk.open() as workspace:
                pulled = (await asked(workspace.ingest))["support"]
                await settled(service)
                assert pulled["received"] + pulled["rejected"] == len(BROKEN) + 1
                assert pulled["rejected"] >= 2
                assert all(row["reason"] for row in workspace.rejected())
                # A second look takes nothing twice.
                again = (await asked(workspace.ingest))["support"]
                assert again["received"] == again["rejected"] == 0
        with desk.open() as workspace:
            assert isinstance(workspace.verify(), Verified)
        statuses = {row["status"] for row in desk.runs()}
        assert "running" in statuses  # the good one waits with its card
        (card,) = [one for one in desk.cards() if one.recipients == ("ann@example.com",)]
        assert desk.status(card.run) == "running"

    asyncio.run(story())


# --- large ---------------------------------------------------------------------------------------------------------

MEASURE = """
import resource, sys, time
from pathlib import Path
from mainstay.workspace.workspace import Workspace
base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
end = time.monotonic() + 30
with Workspace.open(sys.argv[1]) as workspace:
    taken = 0
    while taken < 2 and time.monotonic() < end:  # a Maildir's file must be a second old
        pulled = workspace.ingest()["support"]
        taken += pulled["received"] + pulled["rejected"]
print(base // 1024, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def large(megabytes: int) -> bytes:
    line = b"QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ejAxMjM0NTY3\r\n"
    head = (
        b"From: ann@example.com\r\nTo: help@example.org\r\nSubject: the scan\r\n"
        b"Message-ID: <large@customer.example>\r\n"
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nHere it is.\r\n"
        b"--b\r\nContent-Type: application/pdf; name=scan.pdf\r\nContent-Disposition: attachment; filename=scan.pdf\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n"
    )
    return head + line * (megabytes * 1_000_000 // len(line)) + b"--b--\r\n"


@pytest.mark.long
@pytest.mark.parametrize("source", ["mbox", "maildir"])
@pytest.mark.parametrize("megabytes", [20, 50])
def test_a_large_attachment_is_taken_or_refused_in_bounded_memory(
    new_desk: MakeDesk, source: str, megabytes: int
) -> None:
    desk = new_desk(file_settings(source=f'{source} = "inbox"'))
    content = large(megabytes)
    if source == "mbox":
        (desk.root / "inbox").write_bytes(mbox(content, mail("next@customer.example")))
    else:
        for part in ("new", "cur", "tmp"):
            (desk.root / "inbox" / part).mkdir(parents=True)
        (desk.root / "inbox" / "new" / "1.large").write_bytes(content)
        (desk.root / "inbox" / "new" / "2.next").write_bytes(mail("next@customer.example"))
    said = subprocess.run(
        [sys.executable, "-c", MEASURE, str(desk.root)], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    base, peak = map(int, said[-1].split())
    assert peak - base < 350, said
    with desk.open() as workspace:
        rows = workspace.rows("messages", order="position")
        rejected = workspace.rejected()
        if megabytes == 50:  # more than any provider lets through: told, and the next one is taken
            assert len(rows) + len(rejected) == 2
            reasons = [row["reason"] for row in rejected]
            assert rejected == [] or "large" in str(reasons) or "MB" in str(reasons), reasons
        else:
            assert len(rows) == 2
            assert rows[0]["size_bytes"] > 19_000_000
        assert isinstance(workspace.verify(), Verified)
        assert len(desk.runs()) >= 1


# --- the operator's files ------------------------------------------------------------------------------------------


def unknown_placeholder(desk: Desk) -> str:
    with (desk.root / "templates" / "login.md").open("a") as file:
        file.write("\n{{ customer.shoe_size }}\n")
    return "templates/login.md"


def tags(desk: Desk) -> str:
    path = desk.root / "workflows" / "triage.yaml"
    path.write_text(path.read_text() + "\nextra: !!python/object/apply:os.system ['true']\n")
    return "workflows/triage.yaml"


def alias_bomb(desk: Desk) -> str:
    path = desk.root / "workflows" / "triage.yaml"
    path.write_text("a: &a [x, x]\nb: &b [*a, *a]\n" + path.read_text())
    return "workflows/triage.yaml"


def cycle(desk: Desk) -> str:
    path = desk.root / "workflows" / "triage.yaml"
    text = path.read_text()
    changed = text.replace(
        "  annotate:\n    role: specialist\n", "  annotate:\n    role: specialist\n    needs: [send]\n"
    )
    assert changed != text
    path.write_text(changed)
    return "workflows/triage.yaml"


def unknown_agent(desk: Desk) -> str:
    path = desk.root / "workflows" / "triage.yaml"
    text = path.read_text()
    path.write_text(text.replace("agent: reply-writer", "agent: reply-wizard"))
    return "workflows/triage.yaml"


@pytest.mark.parametrize("spoil", [unknown_placeholder, tags, alias_bomb, cycle, unknown_agent])
@pytest.mark.parametrize("door", ["up", "ingest"])
def test_a_file_that_is_wrong_is_named_with_its_place_and_nothing_is_read(
    new_desk: MakeDesk, spoil: Callable[[Desk], str], door: str
) -> None:
    desk = new_desk()
    (desk.root / "inbox.mbox").write_bytes(mbox(mail("1@customer.example")))
    file = spoil(desk)

    async def work() -> None:
        async with at_work(desk):
            pass

    with pytest.raises(ConfigError) as wrong:
        if door == "up":
            asyncio.run(work())
        else:
            with desk.open() as workspace:
                workspace.ingest()
    assert wrong.value.file.endswith(file)
    assert wrong.value.line is not None
    assert wrong.value.what
    assert desk.runs() == []
    assert not desk.folder.socket.exists()


# --- the folder ----------------------------------------------------------------------------------------------------

READ_ONLY = """
import os, sys
from mainstay.kernel.errors import MainstayError
from mainstay.workspace import held, workspace  # what is imported lies where nobody else may read
from mainstay.workspace.workspace import Workspace
with Workspace.open(sys.argv[2]) as warm:
    warm.ingest()  # so is what is imported late
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    with Workspace.open(sys.argv[1]) as workspace:
        print(workspace.ingest())
except MainstayError as error:
    print(type(error).__name__ + ": " + str(error))
"""


@pytest.mark.long
def test_a_read_only_folder_is_refused_with_what_to_do(new_desk: MakeDesk) -> None:
    desk = new_desk()
    warm = new_desk()
    (warm.root / "inbox.mbox").write_bytes(b"")
    everything = [desk.root, *desk.root.rglob("*")]
    desk.root.parent.chmod(0o755)
    for path in everything:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        said = subprocess.run(
            [sys.executable, "-c", READ_ONLY, str(desk.root), str(warm.root)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert said.stdout.startswith("WorkspaceUnsafe: "), said
        assert "writable" in said.stdout
    finally:
        for path in everything:
            path.chmod(0o755 if path.is_dir() else 0o644)


# --- the ledger ----------------------------------------------------------------------------------------------------


def change(desk: Desk, sql: str) -> int:
    """Edit the ledger behind Mainstay's back, as somebody with the file in hand would; which position."""
    with sqlite3.connect(desk.folder.ledger) as connection:
        connection.execute("DROP TRIGGER IF EXISTS events_are_not_updated")
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        ((position,),) = connection.execute(sql).fetchall()
        ((data,),) = connection.execute("SELECT data FROM events WHERE position = ?", (position,)).fetchall()
        edited = bytearray(data)
        at = edited.rindex(b'"') - 1 if b'"' in edited else len(edited) - 1
        edited[at] ^= 1
        connection.execute("UPDATE events SET data = ? WHERE position = ?", (bytes(edited), position))
    return int(position)


def test_one_changed_byte_is_named_by_its_position(new_desk: MakeDesk) -> None:
    desk = new_desk()
    (desk.root / "inbox.mbox").write_bytes(mbox(*(mail(f"{number}@customer.example") for number in range(3))))
    with desk.open() as workspace:
        workspace.ingest()
        assert isinstance(workspace.verify(), Verified)
    position = change(desk, "SELECT max(position) / 2 FROM events")
    with desk.open() as workspace:
        found = workspace.verify()
    assert isinstance(found, Broken)
    assert found.position == position


def test_a_director_does_not_go_to_work_on_a_changed_event_of_an_open_run(new_desk: MakeDesk) -> None:
    desk = new_desk()
    (desk.root / "inbox.mbox").write_bytes(mbox(mail("1@customer.example")))

    async def work() -> None:
        async with at_work(desk) as service:
            with desk.open() as workspace:
                await asked(workspace.ingest)
            await settled(service)

    asyncio.run(work())
    (run,) = desk.runs()
    position = change(
        desk,
        "SELECT max(e.position) - 3 FROM events e JOIN streams s ON s.key = e.stream "
        f"WHERE s.name = 'run:{run['run']}'",
    )
    with pytest.raises(LedgerCorrupt) as refused:
        asyncio.run(work())
    assert refused.value.fields["position"] == position
    assert "audit verify" in refused.value.remedy
    with desk.open() as workspace:
        for asked_for in (
            workspace.approvals,
            lambda: workspace.run(run["run"]),
            lambda: workspace.explain(run["run"]),
        ):
            with pytest.raises(LedgerCorrupt):
                asked_for()
        with pytest.raises(LedgerCorrupt):
            workspace.cancel(run["run"])
    lock = WriterLock(desk.folder.lock)  # it was given back
    lock.acquire()
    lock.release()
    assert desk.delivered() == []
