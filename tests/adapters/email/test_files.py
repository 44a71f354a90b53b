"""Mailbox files as sources: nothing is lost or taken twice while files grow, are replaced, moved and
locked."""

import asyncio
import json
import os
import subprocess
import sys
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.adapters.email import MaildirSource, MboxSource, parse, parse_start
from mainstay.kernel.errors import AdapterError

LATER = 4_000_000_000_000_000  # microseconds: long after any file here was written


def entry(number, *, body="Hello", day=1):
    return (
        f"From ann@example.com Mon Jan {day:2d} 10:00:00 2024\n"
        f"From: ann@example.com\nSubject: {number}\nMessage-ID: <{number}@x>\n\n{body}\n\n"
    ).encode()


def subjects(items):
    return [parse(item.raw, oversize=item.oversize).subject for item in items]


def drain(source, cursor, *, limit=3):
    items = []
    while True:
        delivery = asyncio.run(source.pull(json.loads(json.dumps(cursor)), limit=limit))
        assert len(delivery.items) <= limit
        items.extend(delivery.items)
        cursor = delivery.cursor
        if not delivery.more:
            return items, cursor


# --- mbox
# ----------------------------------------------------------------------------------------------------------


def test_mbox_from_beginning_to_end_and_on_from_there(tmp_path):
    path = tmp_path / "inbox.mbox"
    path.write_bytes(b"".join(entry(number) for number in range(7)))
    source = MboxSource(path)
    items, cursor = drain(source, {})
    assert subjects(items) == list("0123456")
    assert items[3].origin == "inbox.mbox, message 4"
    assert items[0].received_at == 1_704_103_200_000_000
    assert drain(source, cursor)[0] == []
    with path.open("ab") as file:
        file.write(entry(7) + entry(8))
    items, cursor = drain(source, cursor)
    assert subjects(items) == ["7", "8"]
    assert drain(source, cursor)[0] == []
    assert len(json.dumps(cursor)) < 200


def test_mbox_lines_that_look_like_separators(tmp_path):
    path = tmp_path / "inbox.mbox"
    body = "one\nFrom here on\n>From the start\n>>From it\n\n>From me\nx"
    path.write_bytes(entry(0, body=body) + entry(1))
    items, _ = drain(MboxSource(path), {})
    assert subjects(items) == ["0", "1"]
    text = parse(items[0].raw).text
    assert text == "one\nFrom here on\nFrom the start\n>From it\n\nFrom me\nx"


def test_mbox_with_crlf_and_without_an_end_of_line(tmp_path):
    path = tmp_path / "inbox.mbox"
    path.write_bytes((entry(0) + entry(1)).replace(b"\n", b"\r\n").rstrip())
    items, cursor = drain(MboxSource(path), {})
    assert subjects(items) == ["0", "1"]
    assert drain(MboxSource(path), cursor)[0] == []


@pytest.mark.parametrize("how", ["shorter", "other head", "same size", "moved messages"])
def test_a_replaced_mbox_is_read_again_as_a_whole(tmp_path, how):
    path = tmp_path / "inbox.mbox"
    path.write_bytes(b"".join(entry(number, body="x" * 600) for number in range(5)))
    _, cursor = drain(MboxSource(path), {})
    fresh = {"shorter": [8, 9], "other head": range(10, 20), "same size": [5, 6, 7, 8, 9]}.get(
        how, [0, 1, 3, 4, 5, 6]
    )
    content = b"".join(entry(number, body="x" * (500 if number > 9 else 600)) for number in fresh)
    if how == "moved messages":
        content = content.replace(b"Subject: 3", b"Subject: 3 and more")
    path.write_bytes(content)
    items, _ = drain(MboxSource(path), cursor)
    assert len(items) == len(fresh)


def test_mbox_history(tmp_path):
    path = tmp_path / "inbox.mbox"
    path.write_bytes(entry(0) + entry(1, day=20))
    source = MboxSource(path, start="now")
    first = asyncio.run(source.pull({}, limit=1))
    with path.open("ab") as file:
        file.write(entry(2))
    items, _ = drain(source, first.cursor)
    assert [item.history for item in (*first.items, *items)] == [True, True, False]
    items, _ = drain(MboxSource(path, start=date(2024, 1, 10)), {})
    assert [item.history for item in items] == [True, False, True]
    items, _ = drain(MboxSource(path, start="all"), {})
    assert not any(item.history for item in items)


def test_a_large_message_comes_as_its_header_and_the_next_one_whole(tmp_path):
    path = tmp_path / "inbox.mbox"
    path.write_bytes(entry(0, body="x" * 50_000) + entry(1))
    items, _ = drain(MboxSource(path, message_bytes_max=10_000), {})
    assert subjects(items) == ["0", "1"]
    assert items[0].oversize > 50_000
    assert len(items[0].raw) < 1_000
    assert items[1].oversize is None


def test_an_mbox_that_is_being_written_waits(tmp_path):
    path = tmp_path / "inbox.mbox"
    path.write_bytes(entry(0))
    script = (
        "import fcntl,sys; f=open(sys.argv[1],'ab'); fcntl.lockf(f,fcntl.LOCK_EX); print('held',flush=True)"
    )
    script += "; input()"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout.readline() == b"held\n"
        assert drain(MboxSource(path), {}) == ([], {})
        writer.stdin.write(b"\n")
        writer.stdin.flush()
        writer.wait(10)
    assert subjects(drain(MboxSource(path), {})[0]) == ["0"]


def test_an_mbox_that_is_not_there_says_what_to_do(tmp_path):
    with pytest.raises(AdapterError, match="check that the file is there"):
        drain(MboxSource(tmp_path / "none.mbox"), {})


@given(
    st.lists(
        st.sampled_from([b"From a\n", b"\n", b"Subject: x\n", b"\r\n", b"x", b">From b\n", b"\x00\n"]),
        max_size=30,
    ),
    st.integers(1, 4),
)
def test_any_mbox_is_read_to_its_end_whatever_the_size_of_a_pull(tmp_path_factory, pieces, limit):
    path = tmp_path_factory.mktemp("any") / "any.mbox"
    path.write_bytes(b"".join(pieces))
    whole, end = drain(MboxSource(path, now=lambda: 0), {}, limit=1000)
    parts, cursor = drain(MboxSource(path, now=lambda: 0), {}, limit=limit)
    assert [item.raw for item in parts] == [item.raw for item in whole]
    assert drain(MboxSource(path), end)[0] == drain(MboxSource(path), cursor)[0] == []


# --- Maildir
# -------------------------------------------------------------------------------------------------------


def maildir(path):
    for part in ("new", "cur", "tmp"):
        (path / part).mkdir(parents=True)
    return path


def put(path, name, number, part="new"):
    (path / part / name).write_bytes(entry(number).split(b"\n", 1)[1])


def later(**more):
    return {"now": lambda: LATER, "settle_s": 0.0} | more


def test_maildir_new_and_cur_in_the_order_of_arrival(tmp_path):
    path = maildir(tmp_path / "Mail")
    for number, name in enumerate(["9.a", "1.b", "5.c"]):
        put(path, name, number, "cur" if number == 1 else "new")
    source = MaildirSource(path, **later())
    items, cursor = drain(source, {}, limit=2)
    assert sorted(subjects(items)) == ["0", "1", "2"]
    assert drain(source, cursor)[0] == []
    put(path, "0.first-by-name", 7)
    items, cursor = drain(source, cursor)
    assert subjects(items) == ["7"]
    assert len(json.dumps(cursor)) < 200


def test_maildir_of_many_files_of_one_moment_is_pulled_without_gap_or_repeat(tmp_path, monkeypatch):
    path = maildir(tmp_path / "Mail")
    for number in range(20):
        put(path, f"{number:02d}.x", number)
    items, _ = drain(MaildirSource(path, **later()), {}, limit=3)
    assert sorted(map(int, subjects(items))) == list(range(20))


def test_files_that_have_not_settled_wait(tmp_path):
    path = maildir(tmp_path / "Mail")
    put(path, "1.a", 0)
    arrived = os.stat(path / "new" / "1.a").st_ctime_ns // 1000
    now = [arrived + 500_000]
    source = MaildirSource(path, now=lambda: now[0], settle_s=1.0)
    items, cursor = drain(source, {})
    assert items == []
    now[0] += 1_000_000
    items, cursor = drain(source, cursor)
    assert subjects(items) == ["0"]
    assert drain(source, cursor)[0] == []


def test_maildir_sent_is_watched_and_history_ends_at_the_connection(tmp_path):
    inbox, sent = maildir(tmp_path / "Mail"), maildir(tmp_path / "Mail" / ".Sent")
    put(inbox, "1.a", 0)
    put(sent, "1.b", 1)
    connected = [
        max(os.stat(file).st_ctime_ns for file in (inbox / "new" / "1.a", sent / "new" / "1.b")) // 1000 + 1
    ]
    source = MaildirSource(inbox, sent=sent, start="now", now=lambda: connected[0], settle_s=0.0)
    items, cursor = drain(source, {})
    assert [(item.folder, item.history) for item in items] == [("inbox", True), ("sent", True)]
    put(inbox, "2.a", 2)
    connected[0] = LATER
    items, _ = drain(source, cursor)
    assert [(item.folder, item.history) for item in items] == [("inbox", False)]


def test_a_mail_that_was_read_comes_again_at_most_under_the_same_identity(tmp_path):
    path = maildir(tmp_path / "Mail")
    put(path, "1.a", 0)
    _, cursor = drain(MaildirSource(path, **later()), {})
    (path / "new" / "1.a").rename(path / "cur" / "1.a:2,S")
    again, cursor = drain(MaildirSource(path, **later()), cursor)
    assert subjects(again) in (["0"], [])
    assert drain(MaildirSource(path, **later()), cursor)[0] == []


def test_after_the_clock_was_set_back_the_folder_starts_over(tmp_path):
    path = maildir(tmp_path / "Mail")
    put(path, "1.a", 0)
    ahead = {"connected": 0, "inbox": {"ctime_ns": LATER * 1000, "name": "z"}}
    arrived = os.stat(path / "new" / "1.a").st_ctime_ns // 1000
    source = MaildirSource(path, now=lambda: arrived + 10, settle_s=0.0)
    assert subjects(drain(source, ahead)[0]) == ["0"]


def test_a_folder_that_is_no_maildir_says_so(tmp_path):
    with pytest.raises(AdapterError, match="Maildir"):
        drain(MaildirSource(tmp_path), {})


# --- both
# ----------------------------------------------------------------------------------------------------------


def test_a_wait_ends_when_something_came_and_when_nothing_did(tmp_path):
    path = tmp_path / "inbox.mbox"
    path.write_bytes(entry(0))
    source = MboxSource(path, poll_s=0.01)

    async def story():
        await asyncio.wait_for(source.wait(0.02), 60.0)
        waiting = asyncio.create_task(source.wait(60.0))
        await asyncio.sleep(0)
        while not waiting.done():
            with path.open("ab") as file:
                file.write(entry(1))
            await asyncio.wait({waiting}, timeout=0.05)

    asyncio.run(asyncio.wait_for(story(), 60.0))


@pytest.mark.parametrize("text", ["yesterday", "2024-13-01", ""])
def test_starts(text):
    with pytest.raises(ValueError, match="neither"):
        parse_start(text)
    assert (parse_start("now"), parse_start("all"), parse_start("2024-01-31")) == (
        "now",
        "all",
        date(2024, 1, 31),
    )
