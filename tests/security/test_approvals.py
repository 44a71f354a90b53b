"""Approvals under attack: another effect than the one that was shown, twice, too late, by many, by nobody who may.

The house is a whole director at work behind a real control socket; what an adapter was given is what left.
"""

import asyncio
import json
import socket
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mainstay.agents import base as agents
from mainstay.cli.card import card_text
from mainstay.kernel.commands import AdoptTemplate
from mainstay.kernel.contract import Finality
from mainstay.kernel.errors import CommandRefused, MainstayError, StaleApproval
from mainstay.kernel.plan import Plan
from mainstay.kernel.policy import Condition, Decision, Policy, Rule
from mainstay.kernel.predicates import Operator
from mainstay.kernel.state import Phase
from mainstay.kernel.values import DAY, SECOND, Digest
from mainstay.runtime.artifacts import Artifacts
from mainstay.runtime.control import ControlClient, ControlServer
from mainstay.runtime.tick import Request
from mainstay.testing.fakes import FakeAdapter
from mainstay.testing.plans import ASK_ALL, act, plan_of
from mainstay.workspace import Card
from mainstay.workspace.operations import operate
from tests.runtime import house as houses
from tests.runtime.house import House, at_hand, at_work, until
from tests.security.attacks import attack

REPLY = plan_of(act("send", act="email.reply"))
TWO = plan_of(act("send", act="email.reply"), act("another", act="email.reply"))
WINDOW = 10 * SECOND
ME = {"actor": "operator"}
Ask = Callable[..., Any]


@asynccontextmanager
async def desk(place: Path, *, policy: Policy = ASK_ALL, undo_us: int = 0, plan: Plan = REPLY) -> Any:
    """A house at work whose run waits, the card of its first act, and a way to ask it through its socket."""
    house = House(plan, policy=policy, undo_us=undo_us)

    async def handle(operation: str, arguments: Any) -> Any:
        return await operate(at_hand(house.desk, house.steering), operation, arguments)

    server = ControlServer(place / "control.sock", handle)
    client = ControlClient(place / "control.sock")
    pool = ThreadPoolExecutor(50)

    def ask(operation: str, **arguments: Any) -> Any:
        return asyncio.get_running_loop().run_in_executor(pool, client.ask, operation, arguments)

    async with at_work(house):
        await server.start()
        try:
            await house.ask(house.begin("run 0", subject="ann@example.com"))
            await until(lambda: len(house.cards()) == plan.size)
            await house.settled()
            yield house, ask, next(one for one in house.cards() if one["task"] == 0)
            await house.settled()
        finally:
            await server.close()
            pool.shutdown()


async def refused(asked: Any) -> MainstayError | None:
    """What refused it; nothing if it was taken."""
    try:
        await asked
    except MainstayError as error:
        return error
    return None


async def told(asked: Any) -> Any:
    """The answer, or nothing where it was refused."""
    try:
        return await asked
    except MainstayError:
        return None


# --- another effect than the one that was shown ----------------------------------------------------------------------


@attack(("mainstay.runtime.sending", "_named", lambda digest: ""))
def test_an_altered_digest_approves_nothing(short_path: Path) -> None:
    async def story() -> None:
        async with desk(short_path) as (house, ask, card):
            altered = f"{int(card['digest'][0], 16) ^ 1:x}" + card["digest"][1:]
            assert isinstance(
                await refused(ask("approve", approval=card["approval"], digest=altered, **ME)), StaleApproval
            )
            await house.settled()
            assert house.adapter.calls == []

    asyncio.run(story())


@attack(("mainstay.runtime.sending", "DIGEST_MIN", 0))
def test_a_digest_of_a_digit_or_of_none_guards_nothing_and_is_refused(short_path: Path) -> None:
    async def story() -> None:
        async with desk(short_path) as (house, ask, card):
            for short in ("", card["digest"][:1], card["digest"][:3]):
                said = await refused(ask("approve", approval=card["approval"], digest=short, **ME))
                assert isinstance(said, CommandRefused)
            await house.settled()
            assert house.adapter.calls == []

    asyncio.run(story())


def _whatever_waits(self: Any, short: str, digest: str | None) -> Any:
    return self._store.select("approvals", where={"status": "waiting"}, limit=1)[0]


@attack(
    ("mainstay.runtime.sending", "Sending._waiting", _whatever_waits),
    ("mainstay.runtime.sending", "Sending._answered", lambda *given: None),
)
def test_a_yes_to_a_after_an_edit_to_b_lets_neither_leave(short_path: Path) -> None:
    async def story() -> None:
        async with desk(short_path, undo_us=WINDOW) as (house, ask, card):
            first = {"approval": card["approval"], "digest": card["digest"]}
            await ask("edit", text="B", **first, **ME)
            await ask("undo", run=card["run"], task="", **ME)  # and now B asks anew
            assert house.cards()[0]["digest"] != card["digest"]
            await refused(ask("approve", **first, **ME))
            await house.later(WINDOW)
            await house.later(WINDOW)
            assert house.adapter.calls == []
            assert house.phase("run 0") is Phase.APPROVAL

    asyncio.run(story())


def _template_told(brief: Any) -> Any:
    return {"template": "faq", "template_digest": "0" * 64}


@attack(("mainstay.runtime.deciding_house", "to_judge_again", lambda *given: []))
def test_a_template_that_is_edited_in_mid_run_withdraws_what_was_made_from_the_old_one(
    short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(self: Any, brief: Any, tools: Any) -> agents.Outcome:
        return agents.Proposed({"reply": {"text": "old words"}}, _template_told(brief), "she asked")

    monkeypatch.setattr(houses.Proposer, "work", work)
    changed = Condition("template_changed", Operator.IS, True)
    rules = Policy(
        (
            Rule("old words", Decision.DENY, "the template says something else", "*", (changed,)),
            *ASK_ALL.rules,
        )
    )

    async def story() -> None:
        async with desk(short_path, policy=rules) as (house, ask, card):
            await house.ask(Request(AdoptTemplate("faq", Digest("1" * 64)), "operator"))
            await house.settled()
            assert [one["status"] for one in house.cards("denied")] == ["denied"]
            assert isinstance(await refused(ask("approve", approval=card["approval"], **ME)), StaleApproval)
            assert house.adapter.calls == []

    asyncio.run(story())


@attack(("mainstay.runtime.acting", "Acting._may_leave", lambda self, effect, payload: None))
@pytest.mark.parametrize("swapped", ["the bytes", "the contract"])
def test_what_was_swapped_after_the_yes_does_not_leave(
    short_path: Path, swapped: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = Artifacts.get

    def get(self: Artifacts, digest: Any, subject: Any, context: bytes) -> bytes:
        given = stored(self, digest, subject, context)
        return given + b"and one line more" if context == b"payload" else given

    async def story() -> None:
        async with desk(short_path) as (house, ask, card):
            if swapped == "the bytes":
                monkeypatch.setattr(Artifacts, "get", get)
            else:
                contract = house.adapter.contract
                monkeypatch.setattr(house.adapter, "contract", replace(contract, major=contract.major + 1))
            await ask("approve", approval=card["approval"], digest=card["digest"], **ME)
            await house.settled()
            assert house.adapter.calls == []

    asyncio.run(story())


# --- twice, too late, by many ----------------------------------------------------------------------------------------


def _any_phase(draft: Any, approval: Any) -> Any:
    task = draft.state.task(0)
    return (0, task.act) if task.act is not None else None


def _always(self: Any, short: str, digest: str | None) -> Any:
    from mainstay.ledger.short_ids import find_card

    return find_card(self._store, short)


FORGETFUL = (
    ("mainstay.kernel.cards", "_card", _any_phase),
    ("mainstay.runtime.sending", "Sending._waiting", _always),
    ("mainstay.runtime.sending", "Sending._answered", lambda *given: None),
)


@attack(*FORGETFUL)
def test_a_yes_that_is_replayed_decides_once_and_shortens_no_window(short_path: Path) -> None:
    async def story() -> None:
        async with desk(short_path, undo_us=WINDOW) as (house, ask, card):
            said = [
                await ask("approve", approval=card["approval"], digest=card["digest"], **ME) for _ in range(3)
            ]
            await house.settled()
            assert [one["events"] > 0 for one in said] == [True, False, False]
            assert house.adapter.calls == []  # it is held still

    asyncio.run(story())


@attack(("mainstay.kernel.cards", "_expired", lambda *given: False))
def test_a_yes_after_the_expiry_lets_nothing_leave(short_path: Path) -> None:
    async def story() -> None:
        async with desk(short_path) as (house, ask, card):
            house.clock.advance(8 * DAY)  # no timer has come yet
            decided = await told(ask("approve", approval=card["approval"], **ME))
            assert decided is None or decided["card"] == "expired"
            await house.settled()
            assert house.adapter.calls == []

    asyncio.run(story())


@attack(*FORGETFUL)
def test_fifty_answers_at_once_are_decided_once(short_path: Path) -> None:
    async def story() -> None:
        async with desk(short_path, plan=TWO) as (house, ask, card):
            answers = ["approve" if number % 2 else "reject" for number in range(50)]
            said = await asyncio.gather(
                *(told(ask(answer, approval=card["approval"], **ME)) for answer in answers)
            )
            assert sum(bool(one and one["events"]) for one in said) == 1
            await house.settled()
            assert len(house.adapter.acts) == len(house.cards("granted")) <= 1

    asyncio.run(story())


@attack(*FORGETFUL)
def test_a_burst_of_two_hundred_requests_is_answered_and_decides_once(short_path: Path) -> None:
    async def story() -> None:
        async with desk(short_path) as (house, ask, card):
            approve = {"approval": card["approval"], "digest": card["digest"], **ME}
            said = await asyncio.gather(*(told(ask("approve", **approve)) for _ in range(200)))
            await house.settled()
            assert sum(bool(one and one["events"]) for one in said) == 1
            assert len(house.adapter.acts) == 1
            assert (await ask("status"))["waiting"] == 0

    asyncio.run(story())


# --- without what is wanted, and by whom -----------------------------------------------------------------------------


@attack(
    ("mainstay.runtime.answering", "is_confirmed", lambda *given: True),
)
def test_high_stake_leaves_by_no_door_without_its_second_step(
    short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered = FakeAdapter.render
    high: dict[str, Any] = {"finality": Finality.FINAL_HIGH, "recipients": ("ann@example.com",)}
    monkeypatch.setattr(
        FakeAdapter, "render", lambda *given, **named: replace(rendered(*given, **named), **high)
    )

    async def story() -> None:
        async with desk(short_path) as (house, ask, card):
            for typed in ("", "yes", "eve@example.com"):
                await refused(ask("approve", approval=card["approval"], confirm=typed, **ME))
                await refused(ask("edit", approval=card["approval"], text="B", confirm=typed, **ME))
            await house.settled()
            assert house.adapter.calls == []

    asyncio.run(story())


@attack(("mainstay.runtime.sending", "is_person", lambda actor: True))
@pytest.mark.parametrize(
    "actor", ["agent:reply-writer", "Agent:x", "model:default", "mcp:tool", "director", " "]
)
def test_who_is_no_person_decides_nothing(short_path: Path, actor: str) -> None:
    async def story() -> None:
        async with desk(short_path) as (house, ask, card):
            name = card["approval"]
            until_then = house.clock.now() + SECOND
            asked: list[tuple[str, dict[str, Any]]] = [
                ("approve", {}),
                ("edit", {"text": "B"}),
                ("reject", {}),
                ("snooze", {"until": until_then}),
            ]
            for operation, more in asked:
                said = await refused(ask(operation, approval=name, actor=actor, **more))
                assert isinstance(said, CommandRefused)
            await house.settled()
            assert len(house.cards()) == 1
            assert house.adapter.calls == []

    asyncio.run(story())


@attack(("mainstay.runtime.control", "os.umask", lambda mask: 0))
def test_nobody_else_can_open_the_socket(short_path: Path) -> None:
    async def story() -> None:
        async with desk(short_path):
            mode = stat.S_IMODE((short_path / "control.sock").stat().st_mode)
            assert mode & 0o177 == 0

    asyncio.run(story())


def _everybody(connection: Any) -> int:
    import os

    return os.getuid()


@attack(("mainstay.runtime.control", "peer_uid", _everybody))
def test_another_user_who_comes_through_is_not_heard(
    short_path: Path, planted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        async with desk(short_path) as (house, _, card):
            if not planted:
                monkeypatch.setattr("mainstay.runtime.control.peer_uid", lambda connection: 4_294_967)
            line = (
                json.dumps({"do": "approve", "with": {"approval": card["approval"], **ME}}).encode() + b"\n"
            )

            def speak() -> bytes:
                with closing(socket.socket(socket.AF_UNIX)) as one:
                    one.connect(str(short_path / "control.sock"))
                    one.settimeout(5)
                    try:
                        one.sendall(line)
                        return one.recv(100)
                    except OSError:
                        return b""

            answer = await asyncio.to_thread(speak)
            await house.settled()
            assert answer == b""
            assert house.adapter.calls == []

    asyncio.run(story())


# --- what is on its way ----------------------------------------------------------------------------------------------


@attack(("mainstay.runtime.director", "Director.killed", property(lambda self: False)))
def test_the_kill_switch_in_the_window_lets_nothing_leave(short_path: Path) -> None:
    async def story() -> None:
        async with desk(short_path, undo_us=WINDOW) as (house, ask, card):
            await ask("approve", approval=card["approval"], **ME)
            await ask("kill_switch", on=True, reason="", **ME)
            for _ in range(5):
                await house.later(WINDOW)
            assert house.adapter.calls == []

    asyncio.run(story())


@attack(("mainstay.kernel.cards", "on_its_way_out", lambda task: False))
def test_what_was_taken_back_does_not_leave(short_path: Path) -> None:
    async def story() -> None:
        async with desk(short_path, undo_us=WINDOW) as (house, ask, card):
            await ask("approve", approval=card["approval"], **ME)
            await refused(ask("undo", run=card["run"], task="", **ME))
            for _ in range(5):
                await house.later(WINDOW)
            assert house.adapter.calls == []

    asyncio.run(story())


# --- what a card shows -----------------------------------------------------------------------------------------------


@attack(("mainstay.cli.card", "marked", lambda text: text))
@pytest.mark.parametrize("hidden", ["\u202e", "\u2066", "\u200b", "\ufeff", "\u00ad", "\U000e0041"])
def test_a_mark_that_hides_or_turns_text_is_shown_by_its_number(hidden: str) -> None:
    text = card_text(_card(f"Pay to ABC{hidden}FED"))
    assert hidden not in text
    assert f"<U+{ord(hidden):04X}>" in text
    assert "1 hidden mark" in text


@attack(("mainstay.cli.card", "safe", lambda text: text), ("mainstay.cli.card", "marked", lambda text: text))
def test_what_would_steer_a_terminal_is_shown_and_does_nothing() -> None:
    text = card_text(_card("Dear Ann\x1b[2K\x1b[1Ayes\x9b31m\x08\x07"))
    assert not any(one in text for one in "\x1b\x9b\x08\x07")


def _card(text: str) -> Card:
    fields: dict[str, Any] = {
        "text": text,
        **dict.fromkeys(("attachments", "risky", "checks"), ()),
        **dict.fromkeys(("task", "price_micros", "spent_micros", "requested_at", "expires_at"), 0),
        **dict.fromkeys(("workflow", "title", "rule", "reason", "rationale"), "words"),
        "approval": "a" * 16,
        "status": "waiting",
        "run": "b" * 32,
        "act": "email.reply",
        "recipients": ("ann@example.com",),
        "finality": "final_low_stake",
        "digest": "c" * 64,
        "message": {},
    }
    return Card(**fields)
