"""Ingest: from raw mail to commands, with a source that does as it is told. What is personal stays sealed."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from mainstay.adapters.base import Delivery, Item
from mainstay.adapters.email.marks import marks
from mainstay.kernel.commands import AdvanceCursor
from mainstay.kernel.errors import AdapterError, StaleEpoch, StorageFailed
from mainstay.kernel.values import Instant, Json
from mainstay.runtime import ingest as ingest_module
from mainstay.runtime.ingest import Ingest, Pulled
from mainstay.runtime.mailbox import Mailbox
from mainstay.runtime.tick import Answer, Request
from tests.runtime.house import House

OWN = "help@example.org"
SEAL_KEY = b"a key for the marks of our mail"


def mail(number: int = 1, *, sender: str = "ann@example.com", **headers: str) -> bytes:
    lines = {
        "From": sender,
        "To": OWN,
        "Subject": f"Question {number}",
        "Message-ID": f"<{number}@example.com>",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
    return f"{head}\r\nIs it open, {number}?\r\n".encode()


def item(raw: bytes, **fields: Any) -> Item:
    return Item(raw, Instant(1_700_000_000_000_000), "inbox, told by the test", **fields)


class ToldSource:
    """Items in their order; the cursor counts them. Raises, and waits, as it is told."""

    def __init__(self, items: Iterable[Item]) -> None:
        self.items = list(items)
        self.failures: list[Exception] = []
        self.pulls = 0
        self.waited: Callable[[int], None] = lambda count: None
        self.waits = 0

    async def pull(self, cursor: Json, *, limit: int) -> Delivery:
        self.pulls += 1
        if self.failures:
            raise self.failures.pop(0)
        at = int(cursor.get("at", 0))
        some = tuple(self.items[at : at + limit])
        return Delivery(some, {"at": at + len(some)}, more=at + len(some) < len(self.items))

    async def wait(self, timeout_s: float) -> None:
        self.waits += 1
        self.waited(self.waits)


class Inbox:
    """An ingest over a director without a loop: each request is decided and written at once."""

    def __init__(self, *items: Item, house: House | None = None) -> None:
        self.house = house or House()
        self.source = ToldSource(items)
        self.asked: list[Request] = []
        self.fails_at: type[Any] | None = None  # the process dies before a command of this type is decided
        self.noticed: list[Exception] = []
        if house is None:
            self.house.director.boot()
        self.begun_at = self.house.store.head
        self.ingest = Ingest(
            Mailbox("support", "support", self.source, (OWN,), SEAL_KEY),
            artifacts=self.house.artifacts,
            store=self.house.store,
            ask=self.ask,
            noticed=lambda what, error: self.noticed.append(error),
        )

    async def ask(self, request: Request) -> Answer:
        if self.fails_at is not None and isinstance(request.command, self.fails_at):
            raise KeyboardInterrupt("the process dies here")
        self.asked.append(request)
        answers: list[Answer] = []
        request.answer = answers.append
        self.house.director.handle([request])
        return answers[0]

    def pull(self) -> Pulled:
        return asyncio.run(self.ingest.pull())

    def rows(self, table: str) -> list[dict[str, Any]]:
        return self.house.store.select(table, limit=1000)

    def cursor(self) -> Any:
        row = self.house.store.get("cursors", ("support",))
        return row["cursor"] if row else None

    def ledger(self) -> bytes:
        """Every byte that is stored in events and rows of blobs."""
        events = b"".join(one.data for one in self.house.store.read_all(limit=10_000))
        return events + repr(self.rows("messages") + self.rows("rejected") + self.rows("runs")).encode()


def test_messages_come_in_once_with_their_content_sealed() -> None:
    inbox = Inbox(item(mail(1)), item(mail(2, sender="Bob <bob@example.net>")), item(mail(1)))
    pulled = inbox.pull()
    assert (pulled.received, pulled.duplicates) == (2, 1)
    assert len(inbox.rows("messages")) == 2
    assert str(pulled) == "2 received, 1 duplicates, 0 rejected, 0 of our own dropped"
    stored = inbox.ledger()
    for personal in (b"ann@example", b"bob@example", b"Question", b"Is it open", b"1@example.com"):
        assert personal not in stored
    row = next(one for one in inbox.rows("messages") if one["position"] == 1 + inbox.begun_at)
    view = inbox.house.artifacts.message({"content": row["content"]}, row["subject"])
    assert (view.subject, view.text.strip()) == ("Question 1", "Is it open, 1?")


def test_a_second_pull_brings_nothing_new_and_a_lost_cursor_repeats_without_harm() -> None:
    inbox = Inbox(*(item(mail(n)) for n in range(150)))
    assert inbox.pull().received == 150
    assert inbox.source.pulls == 3, "64 at a time"
    again = inbox.pull()
    assert (again.received, again.duplicates) == (0, 0)
    head = inbox.house.store.head
    inbox.ingest._cursor = dict  # type: ignore[assignment, method-assign]
    inbox.source.items = inbox.source.items[:64]
    assert inbox.pull().duplicates == 64
    assert inbox.house.store.head == head + 1, "only the cursor's own event"


@pytest.mark.parametrize("dies_at", [ingest_module.ReceiveMessage, AdvanceCursor])
def test_the_cursor_is_never_ahead_of_the_messages(dies_at: type[Any]) -> None:
    inbox = Inbox(item(mail(1)), item(mail(2)))
    inbox.fails_at = dies_at
    with pytest.raises(KeyboardInterrupt):
        inbox.pull()
    assert inbox.cursor() is None
    again = Inbox(*inbox.source.items, house=inbox.house)
    pulled = again.pull()
    assert pulled.received + pulled.duplicates == 2
    assert len(again.rows("messages")) == 2
    assert again.cursor() is not None


def test_what_cannot_be_read_is_kept_sealed_and_told_once() -> None:
    broken = b"no header at all, by ann@example.com"
    nobody = mail(7, sender="")
    inbox = Inbox(item(broken), item(nobody), item(broken))
    pulled = inbox.pull()
    assert (pulled.rejected, pulled.duplicates, pulled.received) == (2, 1, 0)
    assert b"ann@example.com" not in inbox.ledger()
    rows = {str(row["reason"]) for row in inbox.rows("rejected")}
    assert "it has no sender" in rows


def test_our_own_mail_coming_back_is_dropped_before_anything_of_it_is_stored() -> None:
    key = "0123456789abcdef"
    marked = {name.replace("-", "_"): value for name, value in marks(SEAL_KEY, "witness", key)}
    inbox = Inbox(item(mail(1, sender=OWN, **marked)), item(mail(2, sender=OWN, **marked), folder="sent"))
    pulled = inbox.pull()
    assert pulled.dropped == 2
    assert [type(one.command) for one in inbox.asked] == [AdvanceCursor]
    assert inbox.house.artifacts.staged == {}
    assert inbox.rows("messages") == []


def test_a_forged_mark_drops_nothing() -> None:
    forged = {"X_Mainstay_Key": "0123456789abcdef", "X_Mainstay_Seal": "0" * 32}
    inbox = Inbox(item(mail(1, **forged)), item(mail(2, sender=OWN, **forged)))
    pulled = inbox.pull()
    assert (pulled.dropped, pulled.received) == (0, 2)


def test_what_lies_in_sent_and_is_not_ours_answers_its_thread() -> None:
    inbox = Inbox(item(mail(1)), item(mail(2, sender=OWN, In_Reply_To="<1@example.com>"), folder="sent"))
    pulled = inbox.pull()
    assert (pulled.received, pulled.answered) == (1, 1)
    first, second = inbox.rows("messages")
    assert first["thread"] == second["thread"]
    assert {first["own"], second["own"]} == {0, 1}


def test_history_becomes_memory_and_never_a_run() -> None:
    inbox = Inbox(item(mail(1), history=True))
    pulled = inbox.pull()
    assert (pulled.received, pulled.history, pulled.runs) == (1, 1, [])
    assert inbox.rows("messages")[0]["history"] == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"Message_ID": "<#ann@example.com>"},
        {"References": "<#ann@example.com> <b@example.com>"},
        {"References": "<##@example.com>"},
    ],
)
def test_no_mail_can_name_its_thread_itself(headers: dict[str, str]) -> None:
    inbox = Inbox(item(mail(1, **headers)))
    inbox.pull()
    thread = str(inbox.rows("messages")[0]["thread"])
    assert len(thread) == 32
    assert set(thread) <= set("0123456789abcdef"), "a keyed hash, whatever the mail says"


def test_the_keys_of_a_pull_are_made_durable_together() -> None:
    inbox = Inbox(*(item(mail(n, sender=f"person{n}@example.com")) for n in range(40)))
    puts: list[int] = []
    keys = inbox.house.vault._keys
    put = keys.put
    keys.put = lambda wrapped, members: (puts.append(len(wrapped)), put(wrapped, members))[1]  # type: ignore
    assert inbox.pull().received == 40
    assert puts == [40], "one wait for the disk, not forty"


# --- for ever ---------------------------------------------------------------------------------------------------


class Enough(BaseException):
    """Ends the loop of a test."""


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long `run` would have slept, instead of sleeping."""
    found: list[float] = []

    async def nap(seconds: float) -> None:
        found.append(seconds)
        if len(found) > 20:
            raise Enough

    monkeypatch.setattr(ingest_module.asyncio, "sleep", nap)
    return found


def run_until(inbox: Inbox, waits: int) -> None:
    def waited(count: int) -> None:
        if count == waits:
            raise Enough

    inbox.source.waited = waited
    with pytest.raises(Enough):
        asyncio.run(inbox.ingest.run())


def test_an_unreachable_mailbox_is_told_and_tried_again_ever_more_slowly(naps: list[float]) -> None:
    inbox = Inbox(item(mail(1)))
    inbox.source.failures = [AdapterError("no answer")] * 10
    run_until(inbox, 1)
    assert len(inbox.noticed) == 10
    assert naps == sorted(naps)
    assert naps[0] == 10.0
    assert naps[-1] == 900.0
    assert len(inbox.rows("messages")) == 1


def test_after_a_success_it_begins_anew(naps: list[float]) -> None:
    inbox = Inbox(item(mail(1)))
    inbox.source.failures = [AdapterError("no answer")]

    def again(count: int) -> None:
        if count == 1:
            inbox.source.failures = [AdapterError("no answer")]
        else:
            raise Enough

    inbox.source.waited = again
    with pytest.raises(Enough):
        asyncio.run(inbox.ingest.run())
    assert naps == [10.0, 10.0]


def test_a_wait_that_fails_is_an_unreachable_mailbox_too(naps: list[float]) -> None:
    inbox = Inbox(item(mail(1)))

    def waited(count: int) -> None:
        if count == 3:
            raise Enough
        raise AdapterError("the connection was lost while it waited")

    inbox.source.waited = waited
    with pytest.raises(Enough):
        asyncio.run(inbox.ingest.run())
    assert [str(error) for error in inbox.noticed] == ["the connection was lost while it waited."] * 2
    assert naps == [10.0, 20.0], "or it would ask without a pause"


@pytest.mark.parametrize("error", [StorageFailed, StaleEpoch])
def test_a_failed_disk_is_not_the_mailboxs_fault_and_ends_it(
    error: type[Exception], naps: list[float]
) -> None:
    inbox = Inbox(item(mail(1)))

    async def ask(request: Request) -> Answer:
        raise error

    inbox.ingest._ask = ask
    with pytest.raises(error):
        asyncio.run(inbox.ingest.run())
    assert naps == []
