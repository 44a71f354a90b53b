"""A ledger out of a backup: what may have left since is looked for first, and nothing is answered twice."""

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import permutations

import pytest

from mainstay.adapters.email.marks import marks
from mainstay.kernel.events import KillSwitchThrown, LedgerRestored
from mainstay.kernel.house import Registered
from mainstay.kernel.ids import WORKSPACE
from mainstay.kernel.plan import Schedule, Trigger
from mainstay.kernel.state import Phase
from mainstay.kernel.values import DAY, HOUR, MINUTE, SECOND, Instant
from mainstay.ledger.codec import Codec
from mainstay.ledger.projection import Projector
from mainstay.ledger.projections import STANDARD
from mainstay.ledger.store import NewEvent, StreamAppend
from mainstay.runtime import ingest
from mainstay.runtime.boot import _read_house
from mainstay.runtime.clock import ManualClock
from mainstay.runtime.devices import Devices
from mainstay.runtime.inbox import Inbox as RunInbox
from mainstay.runtime.lines import Lines
from mainstay.runtime.tokens import Tokens
from mainstay.testing.plans import ASK_ALL, act, plan_of, ref, think
from tests.runtime.house import DiskStore, House, at_work, until
from tests.runtime.test_ingest import OWN, SEAL_KEY, Inbox, item, mail

NOW = 1_700_000_000_000_000
SEND = plan_of(act("send", act="email.reply"))


def restored(store: DiskStore, at: Instant, since: Instant) -> None:
    """What `mainstay ledger restore` leaves at the end of a ledger."""
    codec, projector = Codec({}.__getitem__), Projector(STANDARD)
    events = (
        LedgerRestored(store.head, "", "operator", since),
        KillSwitchThrown("operator", True, "restored"),
    )
    new, changes = [], []
    for position, event in enumerate(events, store.head + 1):
        number, schema, data = codec.encode(event)
        new.append(NewEvent(number, schema, data, "operator", bytes(16)))
        changes += projector.project(position, at, WORKSPACE, event, None)
    batch = [StreamAppend(WORKSPACE, store.version(WORKSPACE), new)]
    store.append(batch, epoch=store.acquire(), at=at, changes=changes)


def test_a_card_of_the_backup_is_looked_up_before_it_may_be_answered() -> None:
    async def story() -> None:
        clock = ManualClock()
        before = House(SEND, policy=ASK_ALL, clock=clock)
        async with at_work(before):
            for name in ("sent since", "not sent"):
                await before.ask(before.begin(name, subject="ann@example.com"))
            await until(lambda: len(before.cards()) == 2)
            await before.settled()
        card = next(row for row in before.cards() if row["run"] == before.run_of("sent since"))
        sent = before.director.runs[before.run_of("sent since")].state.task(0).act
        assert sent is not None

        # After the backup it was approved and left; then the disk died.
        since = clock.now()
        clock.advance(HOUR)
        restored(before.store, clock.now(), since)
        after = House(SEND, policy=ASK_ALL, clock=clock, store=before.store, artifacts=before.artifacts)
        after.adapter.authoritative = True
        await after.adapter.call("reply", b"as it left", key=sent.action.key)
        async with at_work(after):
            assert after.director.killed
            await until(lambda: after.status("sent since") == "succeeded")
            await until(lambda: after.phase("not sent") is Phase.APPROVAL)
            await after.settled()
            assert after.adapter.happened(sent.action.key) == 1
            assert card["approval"] not in [row["approval"] for row in after.cards()]
            asked = [
                name for name in after.events("not sent") if name in ("LookupStarted", "ApprovalRequested")
            ]
            assert asked == ["ApprovalRequested", "LookupStarted", "ApprovalRequested"]

    asyncio.run(story())


def test_who_was_let_go_in_the_time_that_is_lost_does_not_come_back_with_the_backup() -> None:
    async def story() -> None:
        clock, store = ManualClock(), DiskStore()
        async with at_work(House(SEND, store=store, clock=clock)) as before:
            hashed = before.vault.keyed_hash
            devices = Devices(store, clock, hashed, before.loop.ask, idle_us=DAY, session_us=DAY)
            tokens = Tokens(store, clock, hashed, before.loop.ask)
            phone = await devices.admit(name="a phone that was lost since", via="password")
            leaked, _ = await tokens.issue(name="leaked since", scopes=["read"])
            assert devices.known(phone)
            assert tokens.known(leaked)
            await before.settled()
        restored(store, clock.now(), clock.now())
        async with at_work(House(SEND, store=store, clock=clock)):
            assert devices.known(phone) is None
            assert tokens.known(leaked) is None

    asyncio.run(story())


ANSWER = plan_of(
    act("send", act="email.reply"), on=Trigger("message.received/1"), key=ref("trigger.message.thread")
)


@pytest.mark.parametrize("order", list(permutations(("asked", "ours", "again"))))
@pytest.mark.parametrize("at_once", [1, 64])
def test_what_was_answered_in_the_time_that_is_lost_is_not_answered_again(
    order: tuple[str, ...], at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def at(minutes: int) -> str:
        return format_datetime(datetime.fromtimestamp(NOW // SECOND, UTC) + timedelta(minutes=minutes))

    monkeypatch.setattr(ingest, "PULL_MAX", at_once)
    marked = {name.replace("-", "_"): value for name, value in marks(SEAL_KEY, "witness", "a" * 32)}
    mails = {
        "asked": mail(1, Date=at(10)),
        "ours": mail(50, sender=OWN, References="<1@example.com>", Date=at(20), **marked),
        "again": mail(2, References="<1@example.com>", Date=at(30)),
    }
    house = House(ANSWER, policy=ASK_ALL)
    restored(house.store, Instant(NOW + HOUR), Instant(NOW + MINUTE))
    house.director.boot()
    inbox = Inbox(
        *(item(mails[name], folder="sent" if name == "ours" else "inbox") for name in order), house=house
    )
    inbox.pull()
    wrote = {
        str(row["run"]): row["message"] for row in house.store.select("runs", where={"status": "queued"})
    }
    wrote |= {
        str(row["run"]): row["message"] for row in house.store.select("runs", where={"status": "running"})
    }
    [left] = set(wrote.values())
    row = house.store.get("messages", (left,))
    assert row is not None
    assert row["sent_at"] == NOW + 30 * MINUTE, (
        "only what was written after our answer is still to be answered"
    )


def test_what_left_before_the_backup_is_known_and_dropped() -> None:
    marked = {name.replace("-", "_"): value for name, value in marks(SEAL_KEY, "witness", "a" * 32)}
    early = format_datetime(datetime.fromtimestamp(NOW // SECOND, UTC))
    house = House(ANSWER, policy=ASK_ALL)
    restored(house.store, Instant(NOW + HOUR), Instant(NOW + MINUTE))
    house.director.boot()
    inbox = Inbox(item(mail(50, sender=OWN, Date=early, **marked), folder="sent"), house=house)
    assert inbox.pull().dropped == 1
    assert inbox.rows("messages") == []


def test_what_a_restored_run_proposes_later_is_looked_up_before_its_first_call() -> None:
    """It was drafting at the backup; then it was sent; the ledger of the backup would draft and send it again."""
    plan = plan_of(think("first"), act("send", "first", act="email.reply"))
    hanging: list[asyncio.Future[object]] = []

    async def story() -> None:
        clock, store = ManualClock(), DiskStore()
        before = House(plan, clock=clock, store=store)
        async with at_work(before):
            hanging.append(asyncio.get_running_loop().create_future())
            before.thinker.work_as = lambda brief: hanging[0]
            await before.ask(before.begin("one", subject="ann@example.com"))
            await until(lambda: bool(before.thinker.asked))
        since = clock.now()
        clock.advance(HOUR)
        restored(store, clock.now(), since)
        after = House(plan, clock=clock, store=store, artifacts=before.artifacts)
        after.adapter.authoritative = True
        async with at_work(after):
            await until(lambda: len(after.cards()) == 1)
            await after.desk.throw_kill_switch(on=False, actor="operator")
            card = after.cards()[0]
            sent = after.director.runs[after.run_of("one")].state.task(1).act
            assert sent is not None
            await after.adapter.call(
                "reply", b"as it left", key=sent.action.key
            )  # what the lost time had done
            await after.desk.approve(str(card["approval"]), actor="operator")
            await until(lambda: after.status("one") == "succeeded")
            assert after.adapter.happened(sent.action.key) == 1
            assert "ActionStarted" not in after.events("one")

    asyncio.run(story())


def test_what_was_not_sent_leaves_after_the_look_up_without_a_second_question() -> None:
    plan = plan_of(think("first"), act("send", "first", act="email.reply"))

    async def story() -> None:
        clock, store = ManualClock(), DiskStore()
        before = House(plan, clock=clock, store=store)
        async with at_work(before):
            waiting: asyncio.Future[object] = asyncio.get_running_loop().create_future()
            before.thinker.work_as = lambda brief: waiting
            await before.ask(before.begin("one", subject="ann@example.com"))
            await until(lambda: bool(before.thinker.asked))
        since = clock.now()
        clock.advance(HOUR)
        restored(store, clock.now(), since)
        after = House(plan, clock=clock, store=store, artifacts=before.artifacts)
        after.adapter.authoritative = True
        async with at_work(after):
            await until(lambda: len(after.cards()) == 1)
            await after.desk.throw_kill_switch(on=False, actor="operator")
            await after.desk.approve(str(after.cards()[0]["approval"]), actor="operator")
            await until(lambda: after.status("one") == "succeeded")
            assert len(after.adapter.acts) == 1
            told = after.events("one")
            assert told.index("LookupStarted") < told.index("ActionStarted")
            assert told.count("ApprovalRequested") == 1

    asyncio.run(story())


def test_a_schedule_of_the_lost_time_starts_runs_that_may_have_run_before() -> None:
    at = Instant(1_767_261_600_000_000)  # 2026-01-01T10:00:00Z
    plan = plan_of(
        act("send", act="email.reply"), on=Trigger("schedule.due/1", schedule=Schedule("0 9 * * *"))
    )
    store = DiskStore()
    restored(store, at, Instant(at - 2 * HOUR))
    house = _read_house(store)
    assert house.lost_until == at
    house.workflows["sample"] = Registered("sample", 1, plan.digest)
    house.fired["sample"] = Instant(at - 2 * HOUR)
    inbox = RunInbox(store, {plan.digest: plan}, {}, Lines())  # type: ignore[arg-type]
    [(_, [early])] = inbox.due(house, Instant(at + HOUR))
    house.fired["sample"] = at
    [(_, [late])] = inbox.due(house, Instant(at + DAY))
    assert (early.command.relived, late.command.relived) == (True, False)  # type: ignore[union-attr]
