"""What a person says of cards at the desk: the second step, put off, taken back, checked, and many at once."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from mainstay.agents import base as agents
from mainstay.agents.checks.own_words import inspect_own_words
from mainstay.agents.checks.subject import HouseRules
from mainstay.governance.batches import ANSWERED, guard_of
from mainstay.governance.earlier import Became, other_answer, tell
from mainstay.governance.own_text import OWN_TEXT, own_text
from mainstay.kernel.commands import StartRun
from mainstay.kernel.contract import Finality
from mainstay.kernel.errors import CommandRefused, StaleApproval
from mainstay.kernel.plan import Plan
from mainstay.kernel.values import DAY, HOUR, SECOND
from mainstay.testing.fakes import FakeAdapter
from mainstay.testing.plans import ASK_ALL, DENY_ALL, act, inspect, plan_of, think
from tests.runtime.house import House, Thought, at_work, until

REPLY = plan_of(act("send", act="email.reply"))
WINDOW = 10 * SECOND
ME = "operator"
Story = Callable[[House, dict[str, Any]], Any]


def desk(story: Story, *, cards: int = 1, plan: Plan = REPLY, undo_us: int = 0, **shown: Any) -> None:
    """Run a story at a house where so many cards wait; `shown` changes what an effect is rendered as."""

    async def run() -> None:
        house = House(plan, policy=ASK_ALL, undo_us=undo_us)
        house.desk._inspect = lambda text, before: inspect_own_words(
            text, before, HouseRules(forbidden_words=("guarantee",))
        )
        async with at_work(house):
            for number in range(cards):
                await house.ask(house.begin(f"run {number}", subject="ann@example.com"))
            await until(lambda: len(house.cards()) == cards)
            await house.settled()
            await story(house, house.cards()[0])

    rendered = FakeAdapter.render
    with pytest.MonkeyPatch.context() as patching:
        patching.setattr(
            FakeAdapter, "render", lambda *given, **named: replace(rendered(*given, **named), **shown)
        )
        asyncio.run(run())


HIGH: dict[str, Any] = {"finality": Finality.FINAL_HIGH, "recipients": ("ann@example.com",)}


# --- the second step -----------------------------------------------------------------------------------------------


def test_high_stake_wants_the_recipient_typed_and_says_so() -> None:
    async def story(house: House, card: dict[str, Any]) -> None:
        for typed in ("", "bob@example.com", "ann@example.co"):
            with pytest.raises(CommandRefused) as refused:
                await house.desk.approve(card["approval"], actor=ME, confirm=typed)
            assert refused.value.fields["second_step"] == "ann@example.com"
        assert house.adapter.acts == []
        decided = await house.desk.approve(card["approval"], actor=ME, confirm=" Ann@Example.com")
        assert (decided.card, decided.events > 0) == ("granted", True)
        await house.settled()
        assert len(house.adapter.acts) == 1
        assert house.cards("granted")[0]["confirmed"] == 1

    desk(story, **HIGH)


def test_where_money_moves_the_amount_is_typed() -> None:
    async def story(house: House, card: dict[str, Any]) -> None:
        with pytest.raises(CommandRefused):
            await house.desk.approve(card["approval"], actor=ME, confirm="ann@example.com")
        assert (await house.desk.approve(card["approval"], actor=ME, confirm="1250.00")).card == "granted"

    desk(story, **HIGH, amount_micros=1_250_000_000)


def test_an_edit_of_high_stake_wants_it_as_well_and_leaves_nothing_on_the_stage() -> None:
    async def story(house: House, card: dict[str, Any]) -> None:
        with pytest.raises(CommandRefused, match="a yes is not enough"):
            await house.desk.edit(card["approval"], text="Dear Ann, yes", actor=ME)
        assert house.artifacts.staged == {}
        typed = "ann@example.com"
        assert (await house.desk.edit(card["approval"], text="Yes", actor=ME, confirm=typed)).card == "edited"

    desk(story, **HIGH)


# --- digests -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("digest", ["", "  ", "ab", "xyz1234"])
def test_a_digest_that_guards_nothing_is_refused_and_not_taken_for_none(digest: str) -> None:
    async def story(house: House, card: dict[str, Any]) -> None:
        with pytest.raises(CommandRefused, match="digest"):
            await house.desk.approve(card["approval"], digest=digest, actor=ME)
        with pytest.raises(CommandRefused, match="digest"):
            await house.desk.reject(card["approval"], digest=digest, actor=ME)
        assert len(house.cards()) == 1

    desk(story)


# --- put off -------------------------------------------------------------------------------------------------------


def test_a_card_is_put_off_comes_back_and_is_told_anew() -> None:
    async def story(house: House, card: dict[str, Any]) -> None:
        at = house.clock.now() + HOUR
        assert (await house.desk.snooze(card["approval"], until=at, actor=ME)).events == 1
        assert (await house.desk.snooze(card["approval"], until=at, actor=ME)).events == 0
        assert house.cards()[0]["snoozed_until"] == at
        await house.later(HOUR)
        await until(lambda: house.cards()[0]["snoozed_until"] == 0)
        await house.settled()
        assert house.events("run 0").count("OperatorNotified") == 2

    desk(story)


def test_nothing_is_put_off_beyond_its_expiry_or_to_the_past() -> None:
    async def story(house: House, card: dict[str, Any]) -> None:
        for us in (-1, 0, 7 * DAY, 9 * DAY):
            with pytest.raises(CommandRefused):
                await house.desk.snooze(card["approval"], until=house.clock.now() + us, actor=ME)
        await house.desk.reject(card["approval"], actor=ME)
        with pytest.raises(StaleApproval, match="rejected"):
            await house.desk.snooze(card["approval"], until=house.clock.now() + HOUR, actor=ME)

    desk(story)


# --- taken back ----------------------------------------------------------------------------------------------------


def test_what_was_approved_is_taken_back_before_it_leaves() -> None:
    async def story(house: House, card: dict[str, Any]) -> None:
        decided = await house.desk.approve(card["approval"], actor=ME)
        (leaving,) = house.store.select("leaving")
        assert (decided.status, leaving["until"]) == ("held", house.clock.now() + WINDOW)
        undone = await house.desk.undo(card["run"][-8:], actor=ME)
        assert house.store.select("leaving") == []
        assert undone.detail["approval"] == house.cards()[0]["approval"] != card["approval"]
        await house.later(WINDOW)
        assert house.adapter.acts == []
        with pytest.raises(CommandRefused, match="nothing to take back"):
            await house.desk.undo(card["run"], actor=ME)

    desk(story, undo_us=WINDOW)


def test_what_has_left_cannot_be_taken_back() -> None:
    async def story(house: House, card: dict[str, Any]) -> None:
        await house.desk.approve(card["approval"], actor=ME)
        await house.later(WINDOW)
        await until(lambda: len(house.adapter.acts) == 1)
        assert house.store.select("leaving") == []
        with pytest.raises(CommandRefused, match="nothing to take back"):
            await house.desk.undo(card["run"], actor=ME)

    desk(story, undo_us=WINDOW)


def test_of_several_acts_on_their_way_one_is_named() -> None:
    plan = plan_of(act("first", act="email.reply"), act("second", act="email.reply"))

    async def story(house: House, card: dict[str, Any]) -> None:
        for one in house.cards():
            await house.desk.approve(one["approval"], actor=ME)
        with pytest.raises(CommandRefused) as refused:
            await house.desk.undo(card["run"], actor=ME)
        assert refused.value.fields["tasks"] == ["first", "second"]
        await house.desk.undo(card["run"], task="second", actor=ME)
        await house.later(WINDOW)
        await until(lambda: len(house.adapter.acts) == 1)

    async def begun() -> None:
        async with at_work(House(plan, policy=ASK_ALL, undo_us=WINDOW)) as house:
            await house.ask(house.begin("run 0"))
            await until(lambda: len(house.cards()) == 2)
            await story(house, house.cards()[0])

    asyncio.run(begun())


@pytest.mark.parametrize("ending", ["cancel", "kill"])
def test_what_ends_in_the_window_does_not_leave(ending: str) -> None:
    async def story(house: House, card: dict[str, Any]) -> None:
        await house.desk.approve(card["approval"], actor=ME)
        if ending == "cancel":
            await house.desk.cancel(card["run"], actor=ME)
        else:
            await house.desk.throw_kill_switch(on=True, actor=ME)
        await house.later(WINDOW)
        await until(lambda: house.store.select("leaving") == [])
        await house.settled()
        assert house.adapter.acts == []

    desk(story, undo_us=WINDOW)


# --- edits ---------------------------------------------------------------------------------------------------------


def test_what_the_checks_find_in_a_new_text_is_told_and_sent_anyway_if_wanted() -> None:
    async def story(house: House, card: dict[str, Any]) -> None:
        with pytest.raises(CommandRefused) as refused:
            await house.desk.edit(card["approval"], text="We guarantee it.", actor=ME)
        assert [one["check"] for one in refused.value.fields["findings"]] == ["forbidden-words"]
        with pytest.raises(CommandRefused, match="placeholder"):
            await house.desk.edit(card["approval"], text="Dear {{name}}", actor=ME)
        await house.desk.edit(card["approval"], text="We guarantee it.", actor=ME, anyway=True)
        await house.settled()
        assert b"We guarantee it." in house.adapter.acts[0].payload

    desk(story)


def test_everything_that_is_found_is_told_at_once_since_anyway_sends_all_of_it() -> None:
    async def story(house: House, card: dict[str, Any]) -> None:
        text = "Dear {{name}}, we guarantee it: 4111 1111 1111 1111"
        with pytest.raises(CommandRefused, match="placeholder") as refused:
            await house.desk.edit(card["approval"], text=text, actor=ME)
        told = [one["check"] for one in refused.value.fields["findings"]]
        assert told == ["missing-placeholder", "forbidden-words", "leaked-secret"]

    desk(story)


def test_an_edit_that_was_taken_back_is_no_text_that_anybody_looked_at() -> None:
    async def story(house: House, card: dict[str, Any]) -> None:
        text = "We guarantee it: 4111 1111 1111 1111"
        await house.desk.edit(card["approval"], text=text, actor=ME, anyway=True)
        undone = await house.desk.undo(card["run"], actor=ME)
        new = undone.detail["approval"]
        with pytest.raises(CommandRefused) as refused:
            await house.desk.edit(new, text="Dear Bo, 4111 1111 1111 1111", actor=ME)
        assert [one["check"] for one in refused.value.fields["findings"]] == ["leaked-secret"]
        cards = chosen(house)
        told = await house.desk.decide_together(answer="approve", cards=cards, guard=guard(cards), actor=ME)
        assert {one["approval"]: one["why"] for one in told["outcomes"]} == {
            name: OWN_TEXT if name == new else "" for name, _ in cards
        }
        await house.desk.edit(new, text="Dear Bo, it is done.", actor=ME)
        await house.desk.undo(card["run"], actor=ME)
        (row,) = house.cards()
        found = own_text(house.store, row)
        assert found is not None
        assert (found.actor, found.inspected["approval"]) == (ME, card["approval"])

    desk(story, cards=2, undo_us=WINDOW)


def test_how_much_an_edit_changed_is_measured_here() -> None:
    async def story(house: House, card: dict[str, Any]) -> None:
        await house.desk.edit(card["approval"], text="Dear Ann Sample", actor=ME)
        (event,) = (
            house.director.codec.event(one)
            for one in house.store.read("run:" + card["run"])
            if type(house.director.codec.event(one)).__name__ == "ActionEdited"
        )
        assert (event.words, event.changed, event.typed) == (3, 1, False)  # type: ignore[union-attr]

    desk(story)


# --- many at once --------------------------------------------------------------------------------------------------


def chosen(house: House) -> list[list[str]]:
    return [[one["approval"], one["digest"]] for one in house.cards()]


def guard(cards: list[list[str]]) -> str:
    return guard_of([(name, digest) for name, digest in cards])


def test_many_alike_are_decided_together_each_with_its_outcome() -> None:
    async def story(house: House, card: dict[str, Any]) -> None:
        cards = chosen(house)
        await house.desk.reject(cards[1][0], actor=ME)
        cards[2][1] = "0" * 64  # it showed something else
        told = await house.desk.decide_together(answer="approve", cards=cards, guard=guard(cards), actor=ME)
        assert [one["outcome"] for one in told["outcomes"]] == [
            "approved",
            "left out",
            "left out",
            "approved",
        ]
        await house.settled()
        assert len(house.adapter.acts) == 2
        assert {one["batch"] for one in house.cards("granted")} == {guard(cards)}
        again = await house.desk.decide_together(answer="approve", cards=cards, guard=guard(cards), actor=ME)
        assert {one["outcome"] for one in again["outcomes"]} == {"left out"}
        assert len(house.adapter.acts) == 2

    desk(story, cards=4)


def test_a_guard_of_other_cards_decides_nothing() -> None:
    async def story(house: House, card: dict[str, Any]) -> None:
        cards = chosen(house)
        with pytest.raises(StaleApproval, match="guard"):
            await house.desk.decide_together(answer="approve", cards=cards, guard=guard(cards[:1]), actor=ME)
        assert len(house.cards()) == 2

    desk(story, cards=2)


def test_high_stake_is_never_decided_with_others() -> None:
    async def story(house: House, card: dict[str, Any]) -> None:
        cards = chosen(house)
        told = await house.desk.decide_together(answer="approve", cards=cards, guard=guard(cards), actor=ME)
        assert {one["why"] for one in told["outcomes"]} == {"it is final and of high stake"}
        assert len(house.cards()) == 2

    desk(story, cards=2, **HIGH)


def test_what_an_inspector_remarked_on_is_never_decided_with_others_whatever_list_it_came_in() -> None:
    plan = plan_of(think("draft"), inspect("check", "draft", agent="thinker"), act("send", "check"))
    remark = agents.Finding(check="tone", severity="look", remark="it is harsh")

    async def run() -> None:
        house = House(plan, policy=ASK_ALL)
        house.thinker.work_as = lambda brief: (
            agents.Produced(Thought(), "because")
            if brief.task == "draft"
            else agents.Inspected((remark,) if len(house.thinker.asked) == 2 else (), "looked")
        )
        async with at_work(house):
            for number in (1, 2):
                await house.ask(house.begin(f"run {number}"))
                await until(lambda number=number: len(house.cards()) == number)  # type: ignore[misc]
            await house.settled()
            cards = chosen(house)
            told = await house.desk.decide_together(
                answer="approve", cards=cards, guard=guard(cards), actor=ME
            )
            assert sorted(one["why"] for one in told["outcomes"]) == [
                "",
                "an inspector found something in it",
            ]
            await house.settled()
            assert len(house.adapter.acts) == 1

    asyncio.run(run())


def test_a_message_that_another_run_has_answered_is_not_answered_with_others() -> None:
    async def run() -> None:
        house = House(REPLY, policy=ASK_ALL, undo_us=WINDOW)
        async with at_work(house):
            for number, message in enumerate(("m1", "m1", "m2")):
                begin = house.begin(f"run {number}", subject="ann@example.com")
                assert isinstance(begin.command, StartRun)
                about = replace(begin.command, trigger={"message": {"key": message}})
                await house.ask(replace(begin, command=about))
                await until(lambda number=number: len(house.cards()) == number + 1)  # type: ignore[misc]
            await house.settled()
            rows = {str(one["run"]): one for one in house.cards()}
            first, second, third = (rows[house.run_of(f"run {number}")] for number in range(3))
            found = partial(other_answer, house.store, house.desk._events_of)
            assert found(second) is None
            await house.desk.approve(first["approval"], actor=ME)
            held = found(second)
            assert held is not None
            assert tell(held).endswith("it is not done yet: it was approved, and leaves soon")
            await house.later(WINDOW)
            await until(lambda: len(house.adapter.acts) == 1)
            await house.settled()
            done = found(second)
            assert done is not None
            assert (done.run, done.became) == (first["run"], Became.DONE)
            assert tell(done).startswith("This message has another answer, see run ")
            assert found(third) is None
            told = await house.desk.decide_together(
                answer="approve", cards=chosen(house), guard=guard(chosen(house)), actor=ME
            )
            assert {one["approval"]: one["why"] for one in told["outcomes"]} == {
                second["approval"]: ANSWERED,
                third["approval"]: "",
            }

    asyncio.run(run())


@pytest.mark.parametrize("cards", [[], [["one"]], "abc", [[1, 2]]])
def test_what_is_no_list_of_cards_is_refused(cards: Any) -> None:
    async def story(house: House, card: dict[str, Any]) -> None:
        with pytest.raises(CommandRefused):
            await house.desk.decide_together(answer="approve", cards=cards, guard="", actor=ME)

    desk(story)


def test_a_late_answer_is_told_what_became_of_the_card() -> None:
    async def story(house: House, card: dict[str, Any]) -> None:
        await house.desk.reject(card["approval"], actor="ann")
        with pytest.raises(StaleApproval) as late:
            await house.desk.approve(card["approval"], actor=ME)
        assert "by ann" in late.value.why

    desk(story)


def test_a_director_that_dies_in_the_window_leaves_it_to_the_next() -> None:
    async def story() -> None:
        first = House(REPLY, policy=ASK_ALL, undo_us=WINDOW)
        async with at_work(first):
            await first.ask(first.begin("run 0", subject="ann@example.com"))
            await until(lambda: len(first.cards()) == 1)
            await first.desk.approve(first.cards()[0]["approval"], actor=ME)
        next_one = House(REPLY, policy=ASK_ALL, undo_us=WINDOW, store=first.store, clock=first.clock)
        next_one.artifacts.vault = next_one.vault = first.vault
        async with at_work(next_one):
            await next_one.settled()
            assert next_one.adapter.acts == []
            assert len(next_one.store.select("leaving")) == 1
            await next_one.later(WINDOW)
            await until(lambda: len(next_one.adapter.acts) == 1)
            await next_one.settled()
            assert next_one.status("run 0") == "succeeded"

    asyncio.run(story())


def test_rules_that_came_while_nobody_was_at_work_withdraw_what_waits() -> None:
    async def story() -> None:
        first = House(REPLY, policy=ASK_ALL)
        async with at_work(first):
            await first.ask(first.begin("run 0", subject="ann@example.com"))
            await until(lambda: len(first.cards()) == 1)
        stricter = House(REPLY, policy=DENY_ALL, store=first.store, clock=first.clock)
        async with at_work(stricter):
            await stricter.settled()
            assert stricter.cards() == []
            assert len(stricter.cards("denied")) == 1

    asyncio.run(story())
