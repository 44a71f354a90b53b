"""What a program asks under a name of its own: done once, also where the director ends at each point of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from mainstay.kernel.commands import Command, GrantAutonomy, IssueToken, RevokeAutonomy
from mainstay.kernel.errors import AnswerLost, CommandRefused, DirectorUnavailable, KeyReused, StorageFailed
from mainstay.kernel.values import DAY, Instant, Json
from mainstay.ledger.codec import NAMES
from mainstay.ledger.keys import InMemoryKeys
from mainstay.ledger.store import Position
from mainstay.runtime.asked_once import Ask, AskedOnce
from mainstay.runtime.desk import Desk
from mainstay.runtime.granting import Granting
from mainstay.runtime.steering import Steering
from mainstay.runtime.tick import Request
from mainstay.runtime.tokens import Tokens
from mainstay.testing.plans import ASK_ALL, act, plan_of
from mainstay.workspace.operations import operate
from tests.runtime.house import DiskStore, House, at_hand, at_work, until

PLAN = plan_of(act("send", act="email.reply"))
KIND = f"{PLAN.workflow.name}/email.reply/"
ME = {"actor": "operator"}
DONE = frozenset(
    {"approval.granted", "approval.rejected", "approval.snoozed", "kill_switch.thrown", "scope.paused"}
    | {"run.started", "run.cancelled", "run.paused", "autonomy.granted", "autonomy.revoked", "token.revoked"}
)


class EndingStore(DiskStore):
    """The store in memory that ends its process at one of the next appends: before it is durable, or after."""

    def __init__(self) -> None:
        super().__init__()
        self.left: int | None = None
        self.durable = False

    def append(self, batch: Any, **named: Any) -> Position:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                self.left = None
                if self.durable:
                    super().append(batch, **named)
                raise StorageFailed("The machine is gone.")
        return super().append(batch, **named)


def operated(house: House, by: Ask, operation: str, arguments: Json) -> Any:
    desk = Desk(house.director, lambda: house.performer.rendering, house.artifacts, house.route, by)
    steering = Steering(house.director, house.artifacts, by, adapters=("email",))
    granting = Granting(house.director, house.artifacts, by)
    tokens = Tokens(house.store, house.clock, house.vault.keyed_hash, by)
    return operate(at_hand(desk, steering, granting=granting, tokens=tokens), operation, arguments)


def once_of(house: House) -> AskedOnce:
    by_name = partial(operated, house)
    return AskedOnce(house.store, house.artifacts, house.vault.keyed_hash, house.loop.ask, by_name)


Said = Callable[[House, dict[str, Any]], Json]
ASKED: dict[str, Said] = {
    "approve": lambda house, card: {"approval": card["approval"], "digest": card["digest"], **ME},
    "reject": lambda house, card: {"approval": card["approval"], "reason": "no", **ME},
    "snooze": lambda house, card: {"approval": card["approval"], "until": house.clock.now() + DAY, **ME},
    "cancel": lambda house, card: {"run": card["run"], **ME},
    "pause_run": lambda house, card: {"run": card["run"], **ME},
    "pause_scope": lambda house, card: {"scope": "adapter", "name": "email", **ME},
    "kill_switch": lambda house, card: {"on": True, **ME},
    "autonomy_grant": lambda house, card: {"kind": KIND, "level": "shadow", **ME},
    "autonomy_revoke": lambda house, card: {"kind": KIND, "reason": "slowly", **ME},
    "token_revoke": lambda house, card: {"token": "a robot", **ME},
    "start": lambda house, card: {
        "workflow": PLAN.workflow.name,
        "trigger": {},
        "request": "r",
        "key": "",
        **ME,
    },
}
# What somebody else does meanwhile, so that doing it once more would show.
UNDONE: dict[str, Json] = {
    "pause_scope": {"scope": "adapter", "name": "email"},
    "kill_switch": {"on": False},
    "autonomy_grant": {"kind": KIND},
    "autonomy_revoke": {"kind": KIND, "level": "shadow"},
}
UNDO = {
    "pause_scope": "resume_scope",
    "kill_switch": "kill_switch",
    "autonomy_grant": "autonomy_revoke",
    "autonomy_revoke": "autonomy_grant",
}
TOLD_OF_BOTH = frozenset({"kill_switch", "autonomy_grant", "autonomy_revoke"})  # that it was done, and undone
BEFORE: dict[str, Command] = {
    "autonomy_revoke": GrantAutonomy(KIND, "shadow", "operator"),
    "token_revoke": IssueToken("7" * 32, "a robot", "agent", ("read",), Instant(2**60), "operator"),
}


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that comes after another one has its keys."""
    kept = InMemoryKeys()
    monkeypatch.setattr("tests.runtime.house.InMemoryKeys", lambda: kept)


async def with_a_card(house: House) -> dict[str, Any]:
    await house.ask(house.begin("run", subject="ann@example.com"))
    await until(lambda: len(house.cards()) == 1)
    await house.settled()
    return house.cards()[0]


def told(house: House) -> Counter[str]:
    names = [NAMES[one.type] for one in house.store.read_all(limit=10_000)]
    return Counter(one for one in names if one in DONE)


@pytest.mark.parametrize("durable", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("operation", ASKED)
def test_wherever_the_end_comes_it_is_done_once_and_answered_alike(operation: str, durable: bool) -> None:
    for at in range(4):
        asyncio.run(_ended_at(operation, at, durable=durable))


async def _ended_at(operation: str, at: int, *, durable: bool) -> None:
    store = EndingStore()
    first: Json | None = None
    house = House(PLAN, policy=ASK_ALL, store=store)
    with suppress(StorageFailed):
        async with at_work(house):
            card = await with_a_card(house)
            if operation in BEFORE:
                await house.ask(Request(BEFORE[operation], "operator"))
            said = ASKED[operation](house, card)
            before = told(house)
            store.left, store.durable = at, durable
            with suppress(DirectorUnavailable):
                first = await once_of(house).do("a name", "its body", operation, said)
            await house.settled() if first is not None else None
    store.left = None
    house = House(PLAN, policy=ASK_ALL, store=store, clock=house.clock)
    async with at_work(house):
        once = once_of(house)
        was_done = bool(told(house) - before)
        if operation in UNDONE and was_done:
            await operated(house, house.loop.ask, UNDO[operation], {**UNDONE[operation], **ME})
        again = await once.do("a name", "its body", operation, said)
        assert first in (None, again)  # what was heard had been kept, word for word
        if operation in UNDONE and not was_done:
            await operated(house, house.loop.ask, UNDO[operation], {**UNDONE[operation], **ME})
        assert await once.do("a name", "its body", operation, said) == again
        expected = 2 if operation in TOLD_OF_BOTH else 1
        found = told(house) - before
        assert sum(found.values()) == expected, found


def test_who_asks_while_it_is_under_way_hears_the_same() -> None:
    async def story() -> None:
        async with at_work(House(PLAN, policy=ASK_ALL)) as house:
            card = await with_a_card(house)
            once, said = once_of(house), ASKED["approve"](house, card)
            asked = [once.do("a name", "its body", "approve", said) for _ in range(5)]
            answers = await asyncio.gather(*asked)
            assert all(one == answers[0] for one in answers)
            assert told(house)["approval.granted"] == 1

    asyncio.run(story())


@pytest.mark.parametrize("under_way", [False, True])
def test_the_same_name_for_anything_else_is_refused(under_way: bool) -> None:
    async def story() -> None:
        async with at_work(House(PLAN, policy=ASK_ALL)) as house:
            card = await with_a_card(house)
            once = once_of(house)
            first = asyncio.ensure_future(
                once.do("a name", "one body", "reject", ASKED["reject"](house, card))
            )
            await (asyncio.sleep(0) if under_way else first)
            with pytest.raises(KeyReused):
                await once.do("a name", "another body", "approve", ASKED["approve"](house, card))
            await first
            assert told(house)["approval.granted"] == 0

    asyncio.run(story())


def test_what_was_refused_may_be_asked_again() -> None:
    async def story() -> None:
        async with at_work(House(PLAN, policy=ASK_ALL)) as house:
            card = await with_a_card(house)
            once, said = once_of(house), ASKED["snooze"](house, card)
            with pytest.raises(CommandRefused):
                await once.do("a name", "its body", "snooze", {**said, "until": 1})
            assert house.store.select("requests", limit=10) == []
            assert (await once.do("a name", "its body", "snooze", said))["events"] == 1

    asyncio.run(story())


def test_an_answer_speaks_of_somebody_and_is_sealed_with_their_key() -> None:
    async def story() -> None:
        async with at_work(House(PLAN, policy=ASK_ALL)) as house:
            card = await with_a_card(house)
            await once_of(house).do("a name", "its body", "reject", ASKED["reject"](house, card))
            (row,) = house.store.select("requests", limit=10)
            assert str(row["answer"]).startswith("sealed:")
            assert "a name" not in str(row)

    asyncio.run(story())


def test_an_answer_that_nothing_tells_is_said_to_be_lost() -> None:
    async def story() -> None:
        async with at_work(House(PLAN, policy=ASK_ALL)) as house:
            once = once_of(house)
            said = {"on": True, **ME}
            await once.do("a name", "its body", "kill_switch", said)
            row = dict(house.store.select("requests", limit=10)[0]) | {"answer": None}
            for operation in ("ingest", "import_mail"):
                with pytest.raises(AnswerLost, match="not known any more"):
                    once._told_anew({**row, "run": ""}, operation, said)

    asyncio.run(story())


def test_how_far_a_kind_was_granted_is_lost_only_where_nobody_named_it_and_it_was_changed_since() -> None:
    async def story() -> None:
        async with at_work(House(PLAN, policy=ASK_ALL)) as house:
            once, said = once_of(house), {"kind": KIND, "level": "shadow", **ME}
            told = await once.do("a name", "its body", "autonomy_grant", said)
            row = dict(house.store.select("requests", limit=10)[0]) | {"answer": None}
            usual = {**said, "level": ""}
            assert once._told_anew(row, "autonomy_grant", usual) == told
            house.clock.advance(1)
            await house.ask(Request(RevokeAutonomy(KIND, "operator", "no", "operator"), "operator"))
            assert once._told_anew(row, "autonomy_grant", said) == told
            with pytest.raises(AnswerLost):
                once._told_anew(row, "autonomy_grant", usual)

    asyncio.run(story())


def test_a_card_may_have_been_named_by_the_beginning_of_its_id() -> None:
    async def story() -> None:
        async with at_work(House(PLAN, policy=ASK_ALL)) as house:
            card = await with_a_card(house)
            said = {"approval": card["approval"][:8], "reason": "no", **ME}
            told = await once_of(house).do("a name", "its body", "reject", said)
            row = dict(house.store.select("requests", limit=10)[0]) | {"answer": None}
            again = once_of(house)._told_anew(row, "reject", said)
            assert (again["run"], again["card"]) == (told["run"], told["card"])

    asyncio.run(story())


def test_what_was_half_done_when_the_director_ended_is_done_to_its_end() -> None:
    """Several are told one after the other: that the first was is not that all were."""

    async def story() -> None:
        store, said = EndingStore(), {"scope": "workspace", **ME}
        house = House(PLAN, policy=ASK_ALL, store=store)
        with suppress(StorageFailed):
            async with at_work(house):
                for name in ("one", "two", "three"):
                    await house.ask(house.begin(name))
                await until(lambda: len(house.cards()) == 3)
                await house.settled()
                store.left, store.durable = 0, True
                with suppress(DirectorUnavailable):
                    await once_of(house).do("a name", "its body", "cancel_scope", said)
        store.left = None
        after = House(PLAN, policy=ASK_ALL, store=store, clock=house.clock)
        async with at_work(after):
            answer = await once_of(after).do("a name", "its body", "cancel_scope", said)
            assert "cancelled" in answer
            assert not after.director.runs
            assert await once_of(after).do("a name", "its body", "cancel_scope", said) == answer

    asyncio.run(story())
