"""The IMAP source against a real server: what is new, what is history, what a changed UIDVALIDITY does,
IDLE."""

import asyncio
import time
from dataclasses import replace

import imap_tools
import pytest

from mainstay.adapters.email import ImapAccount, ImapSource, parse
from mainstay.kernel.errors import AccountRefused, AdapterError
from mainstay.net.secrets import Secret
from tests.servers import dovecot

pytestmark = pytest.mark.binary("dovecot")


async def drain(source, cursor, *, limit=100):
    """Pull until there is nothing more."""
    items = []
    while True:
        delivery = await source.pull(cursor, limit=limit)
        assert len(delivery.items) <= limit
        items.extend(delivery.items)
        cursor = delivery.cursor
        if not delivery.more:
            return items, cursor


def subjects(items):
    return [(parse(item.raw).subject, item.folder, item.history) for item in items]


def logged_in(account):
    return imap_tools.MailBoxUnencrypted("127.0.0.1", account.imap.port).login(
        account.address, dovecot.PASSWORD
    )


def test_older_mail_is_history_and_new_mail_is_not(account):
    account.receive("old 1", message_id="o1@x")
    account.receive("old 2", message_id="o2@x")
    with logged_in(account) as mailbox:
        mailbox.append(b"Subject: by hand\r\nMessage-ID: <h@x>\r\n\r\nx\r\n", "Sent")

    async def story():
        source = ImapSource(account.imap, start="now")
        items, cursor = await drain(source, {}, limit=1)
        assert sorted(subjects(items)) == [
            ("by hand", "sent", True),
            ("old 1", "inbox", True),
            ("old 2", "inbox", True),
        ]
        assert (await drain(source, cursor))[0] == []
        account.receive("new", message_id="n@x")
        with logged_in(account) as mailbox:
            mailbox.append(b"Subject: answered by hand\r\nMessage-ID: <h2@x>\r\n\r\nx\r\n", "Sent")
        items, cursor = await drain(source, cursor)
        assert subjects(items) == [("new", "inbox", False), ("answered by hand", "sent", False)]
        assert (await drain(source, cursor))[0] == []
        await source.aclose()

    asyncio.run(story())


def test_new_mail_comes_before_a_long_history_and_history_has_a_bound(account):
    for number in range(6):
        account.receive(f"old {number}", message_id=f"o{number}@x")

    async def story():
        source = ImapSource(account.imap, start="now", history_max=4)
        first = await source.pull({}, limit=2)
        assert subjects(first.items) == [("old 5", "inbox", True), ("old 4", "inbox", True)]
        assert first.more
        account.receive("new", message_id="n@x")
        items, cursor = await drain(source, first.cursor, limit=2)
        assert subjects(items) == [
            ("new", "inbox", False),
            ("old 3", "inbox", True),
            ("old 2", "inbox", True),
        ]
        assert (await drain(source, cursor))[0] == []
        await source.aclose()

    asyncio.run(story())


def test_everything_is_new_when_told_so_and_nothing_is_marked_as_read(account):
    account.receive("one", message_id="1@x")
    account.receive("two", message_id="2@x")

    async def story():
        source = ImapSource(account.imap, start="all")
        items, _ = await drain(source, {})
        assert subjects(items) == [("one", "inbox", False), ("two", "inbox", False)]
        again, _ = await drain(source, {})
        assert [item.raw for item in again] == [item.raw for item in items]
        await source.aclose()

    asyncio.run(story())
    with logged_in(account) as mailbox:
        flags = [message.flags for message in mailbox.fetch(mark_seen=False)]
    assert len(flags) == 2
    assert not any("\\Seen" in one for one in flags)


def test_a_new_uidvalidity_starts_over_and_what_was_history_stays_history(account):
    account.receive("old", message_id="o@x")

    async def story():
        source = ImapSource(account.imap, start="now", now=lambda: (time.time_ns() // 1000) + 3_600_000_000)
        _, cursor = await drain(source, {})
        before = cursor["inbox"]["uidvalidity"]
        await source.aclose()
        # The provider rebuilds the folder: numbers start over under another validity.
        maildir = account.server.folder / "mail" / account.address.partition("@")[0]
        await asyncio.to_thread(rebuilt, maildir)
        source = ImapSource(account.imap, start="now")
        items, cursor = await drain(source, cursor)
        assert cursor["inbox"]["uidvalidity"] != before
        assert subjects(items) == [("old", "inbox", True)]
        assert (await drain(source, cursor))[0] == []
        await source.aclose()

    asyncio.run(story())


def rebuilt(maildir):
    uidlist = maildir / "dovecot-uidlist"
    lines = uidlist.read_text().splitlines()
    head = [f"V{int(word[1:]) + 7}" if word.startswith("V") else word for word in lines[0].split()]
    uidlist.write_text("\n".join([" ".join(head), *lines[1:]]) + "\n")
    for path in maildir.glob("dovecot.index*"):
        path.unlink()


def test_a_large_mail_comes_as_its_header(account):
    account.receive("large", message_id="l@x", body="x" * 70 + "\r\n" + "y\r\n" * 20_000)
    account.receive("small", message_id="s@x")

    async def story():
        source = ImapSource(account.imap, start="all", message_bytes_max=10_000)
        items, _ = await drain(source, {})
        large, small = items
        assert large.oversize > 50_000
        assert len(large.raw) < 2_000
        assert parse(large.raw, oversize=large.oversize).truncated
        assert (small.oversize, parse(small.raw).text) == (None, "Hello")
        await source.aclose()

    asyncio.run(story())


def test_idle_wakes_at_once_and_a_cancelled_wait_ends(account):
    account.receive("old", message_id="o@x")

    async def story():
        source = ImapSource(account.imap, start="now")
        _, cursor = await drain(source, {})
        waiting = asyncio.create_task(source.wait(600.0))
        await asyncio.to_thread(account.receive, "new", message_id="n@x")
        await asyncio.wait_for(waiting, 60.0)
        items, cursor = await drain(source, cursor)
        assert subjects(items) == [("new", "inbox", False)]

        cancelled = asyncio.create_task(source.wait(60.0))
        while not source._lock.locked():
            await asyncio.sleep(0)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        items, _ = await asyncio.wait_for(drain(source, cursor), 60.0)
        assert items == []
        await source.aclose()

    asyncio.run(story())


def test_a_pull_does_not_wait_for_a_wait_and_a_late_sent_folder_is_watched(account):
    async def story():
        source = ImapSource(replace(account.imap, sent=None), start="now")
        with logged_in(account) as mailbox:
            mailbox.folder.delete("Sent")
        _, cursor = await drain(source, {})
        assert "sent" not in cursor
        waiting = asyncio.create_task(source.wait(600.0))
        while not source._lock.locked():
            await asyncio.sleep(0)
        with logged_in(account) as mailbox:
            mailbox.folder.create("Sent")
            mailbox.append(b"Subject: by hand\r\nMessage-ID: <h@x>\r\n\r\nx\r\n", "Sent")
        items, cursor = await asyncio.wait_for(drain(source, cursor), 60.0)
        assert subjects(items) == [("by hand", "sent", False)]
        await asyncio.wait_for(waiting, 60.0)
        assert (await drain(source, cursor))[0] == []
        await source.aclose()

    asyncio.run(story())


def test_mail_that_came_between_pull_and_wait_ends_the_wait(account):
    async def story():
        source = ImapSource(account.imap, start="now")
        await drain(source, {})
        account.receive("new", message_id="n@x")
        await asyncio.wait_for(source.wait(600.0), 60.0)
        await source.aclose()

    asyncio.run(story())


def test_a_lost_connection_is_an_error_once_and_mended_by_the_next_pull(account):
    async def story():
        source = ImapSource(account.imap, start="all")
        account.receive("one", message_id="1@x")
        _, cursor = await drain(source, {})
        source._mailbox.client.sock.shutdown(2)
        with pytest.raises(AdapterError, match="cannot be read"):
            await source.pull(cursor, limit=10)
        account.receive("two", message_id="2@x")
        items, _ = await drain(source, cursor)
        assert subjects(items) == [("two", "inbox", False)]
        await source.aclose()

    asyncio.run(story())


def test_a_wait_on_a_lost_connection_ends_and_drops_it(account):
    async def story():
        source = ImapSource(account.imap, start="all", poll_s=0.05)
        await drain(source, {})
        source._mailbox.client.sock.shutdown(2)
        await asyncio.wait_for(source.wait(0.05), 60.0)
        assert source._mailbox is None
        await source.aclose()

    asyncio.run(story())


def test_a_wrong_password_is_an_account_refused(account):
    wrong = replace(account.imap, password=Secret("wrong"))
    with pytest.raises(AccountRefused, match="app password") as refused:
        asyncio.run(ImapSource(wrong).pull({}, limit=1))
    assert "wrong" not in str(refused.value.as_dict())


def test_nobody_there_is_an_adapter_error(account):
    nobody = replace(account.imap, port=dovecot.free_ports(1)[0])
    with pytest.raises(AdapterError, match="cannot be read"):
        asyncio.run(ImapSource(nobody).pull({}, limit=1))


def test_no_password_travels_in_the_clear():
    open_wide = ImapAccount(host="imap.example.org", user="a", password=Secret("b"), tls="none")
    with pytest.raises(AdapterError, match="without TLS"):
        asyncio.run(ImapSource(open_wide).pull({}, limit=1))
