"""The desk: what is meant, what is refused, and that asking twice decides once."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from mainstay.kernel.errors import AmbiguousId, CommandRefused, NotFound, StaleApproval
from mainstay.kernel.plan import Plan
from mainstay.testing.plans import ASK_ALL, act, plan_of
from tests.runtime.house import House, at_work, until

REPLY = plan_of(act("send", act="email.reply"))
LABEL = plan_of(act("mark", act="email.label"))


def desk(story: Callable[[House, dict[str, Any]], Any], plan: Plan = REPLY, *, cards: int = 1) -> None:
    """Run a story at a house where so many cards wait; it is given the first."""

    async def run() -> None:
        async with at_work(House(plan, policy=ASK_ALL)) as house:
            for number in range(cards):
                await house.ask(house.begin(f"run {number}", subject="ann@example.com"))
            await until(lambda: len(house.cards()) == cards)
            await house.settled()
            await story(house, house.cards()[0])

    asyncio.run(run())


def test_a_yes_by_the_beginning_of_the_id_and_of_the_digest() -> None:
    async def story(house: House, card: dict[str, Any]) -> None:
        decided = await house.desk.approve(
            card["approval"][:6].upper(), digest=card["digest"][:8].upper(), actor="operator"
        )
        assert (decided.run, decided.events > 0) == (card["run"], True)
        await house.settled()
        assert len(house.adapter.acts) == 1
        assert house.status("run 0") == "succeeded"

    desk(story)


def test_a_repeated_yes_or_no_decides_nothing_and_says_so() -> None:
    async def story(house: House, card: dict[str, Any]) -> None:
        other = house.cards()[1]["approval"]
        for _ in range(3):
            yes = await house.desk.approve(card["approval"], actor="operator")
            no = await house.desk.reject(other, reason="not this one", actor="operator")
        assert (yes.events, yes.status) == (0, "granted")
        assert (no.events, no.status) == (0, "rejected")
        await house.settled()
        assert len(house.adapter.acts) == 1
        with pytest.raises(StaleApproval, match="granted"):
            await house.desk.reject(card["approval"], actor="operator")
        with pytest.raises(StaleApproval, match="rejected"):
            await house.desk.approve(other, actor="operator")

    desk(story, cards=2)


def test_two_answers_at_once_are_decided_once() -> None:
    async def story(house: House, card: dict[str, Any]) -> None:
        answers = [house.desk.approve(card["approval"], actor="operator") for _ in range(5)]
        decided = await asyncio.gather(*answers)
        assert sum(one.events > 0 for one in decided) == 1
        await house.settled()
        assert len(house.adapter.acts) == 1

    desk(story)


def test_another_digest_is_refused_even_for_a_card_that_was_granted() -> None:
    async def story(house: House, card: dict[str, Any]) -> None:
        wrong = "0000" if not card["digest"].startswith("0000") else "1111"
        for _ in range(2):
            with pytest.raises(StaleApproval):
                await house.desk.approve(card["approval"], digest=wrong, actor="operator")
            assert house.adapter.acts == []
        await house.desk.approve(card["approval"], actor="operator")
        with pytest.raises(StaleApproval):
            await house.desk.approve(card["approval"], digest=wrong, actor="operator")

    desk(story)


def test_ids_that_mean_nothing_or_several_things_are_refused() -> None:
    async def story(house: House, card: dict[str, Any]) -> None:
        # Runs of one moment begin alike: what fits several is named, not guessed.
        shared = card["run"][:8]
        with pytest.raises(AmbiguousId) as several:
            await house.desk.cancel(shared, actor="operator")
        assert len(several.value.fields["candidates"]) == 3
        for nothing in ("", "ab", "not hex", "ffffffffffffffff"):
            with pytest.raises(NotFound):
                await house.desk.approve(nothing, actor="operator")
        with pytest.raises(NotFound):
            await house.desk.cancel("ffffffffffff", actor="operator")
        assert house.desk.find_run(card["run"][-8:]) == card["run"]
        assert len(house.cards()) == 3

    desk(story, cards=3)


def test_an_edit_is_another_effect_and_its_text_is_what_leaves() -> None:
    async def story(house: House, card: dict[str, Any]) -> None:
        await house.desk.edit(card["approval"], text="Dear Ann, yes", digest=card["digest"], actor="operator")
        await house.settled()
        (sent,) = house.adapter.acts
        assert b"Dear Ann, yes" in sent.payload
        assert house.status("run 0") == "succeeded"
        with pytest.raises(StaleApproval):
            await house.desk.approve(card["approval"], digest=card["digest"], actor="operator")

    desk(story)


@pytest.mark.parametrize("text", ["", " \n\t "])
def test_an_empty_edit_is_refused_and_the_card_waits_on(text: str) -> None:
    async def story(house: House, card: dict[str, Any]) -> None:
        with pytest.raises(CommandRefused, match="empty"):
            await house.desk.edit(card["approval"], text=text, actor="operator")
        assert [one["approval"] for one in house.cards()] == [card["approval"]]

    desk(story)


def test_what_has_no_text_cannot_be_edited() -> None:
    async def story(house: House, card: dict[str, Any]) -> None:
        with pytest.raises(CommandRefused, match=r"email\.label"):
            await house.desk.edit(card["approval"], text="words", actor="operator")
        await house.desk.approve(card["approval"], actor="operator")
        await house.settled()
        assert len(house.adapter.acts) == 1

    desk(story, LABEL)


def test_a_card_of_a_cancelled_run_is_stale() -> None:
    async def story(house: House, card: dict[str, Any]) -> None:
        first = await house.desk.cancel(card["run"], reason="no more", actor="operator")
        second = await house.desk.cancel(card["run"], reason="no more", actor="operator")
        assert (first.status, second.status, second.events) == ("ended", "ended", 0)
        with pytest.raises(StaleApproval):
            await house.desk.approve(card["approval"], actor="operator")
        with pytest.raises(StaleApproval):
            await house.desk.edit(card["approval"], text="words", actor="operator")

    desk(story)


def test_under_the_kill_switch_nothing_is_granted_and_the_stage_stays_empty() -> None:
    async def story(house: House, card: dict[str, Any]) -> None:
        await house.desk.throw_kill_switch(on=True, reason="stop", actor="operator")
        again = await house.desk.throw_kill_switch(on=True, actor="operator")
        assert again.events == 0
        with pytest.raises(CommandRefused, match="kill switch"):
            await house.desk.approve(card["approval"], actor="operator")
        with pytest.raises(CommandRefused, match="kill switch"):
            await house.desk.edit(card["approval"], text="words", actor="operator")
        assert house.artifacts.staged == {}, "what was refused is not written with the next tick"
        assert house.desk.status()["kill_switch"] is True
        await house.desk.throw_kill_switch(on=False, actor="operator")
        await house.desk.approve(card["approval"], actor="operator")
        await house.settled()
        assert len(house.adapter.acts) == 1

    desk(story)


def test_reasons_are_sealed() -> None:
    async def story(house: House, card: dict[str, Any]) -> None:
        await house.desk.reject(card["approval"], reason="Ann is my cousin", actor="operator")
        events = list(house.store.read_all(limit=1000))
        assert not any(b"cousin" in one.data for one in events)
        assert any(b"sealed:" in one.data for one in events)

    desk(story)


def test_a_start_by_hand_with_the_same_request_starts_once() -> None:
    async def story(house: House, card: dict[str, Any]) -> None:
        asked = [
            house.desk.start("sample", trigger={"n": n}, request="mine", key="", actor="operator")
            for n in range(3)
        ]
        decided = await asyncio.gather(*asked)
        assert sum(one.events > 0 for one in decided) == 1
        assert len({one.run for one in decided}) == 1
        with pytest.raises(NotFound, match="sample"):
            await house.desk.start("other", trigger={}, request="r", key="", actor="operator")

    desk(story)


def test_what_is_said_of_the_house_names_nobody_in_the_ledger() -> None:
    """Who stops everything says why, and why may be somebody's name: it lies sealed, and is read by who has the key."""
    said = "Dana Sample wrote to a lawyer"

    async def story(house: House, card: dict[str, Any]) -> None:
        await house.desk.throw_kill_switch(on=True, reason=said, actor="operator")
        await house.steering.pause("workspace", reason=said, actor="operator")
        assert not [one for one in house.store.read_all(limit=10_000) if b"Dana" in one.data]
        (pause,) = house.store.select("pauses", limit=10)
        assert house.artifacts.open_text(str(pause["reason"])) == said
        assert not (await house.steering.pause("workspace", reason="again", actor="operator")).events

    desk(story)


def test_doubt_takes_only_its_three_answers() -> None:
    async def story(house: House, card: dict[str, Any]) -> None:
        with pytest.raises(CommandRefused, match="perhaps"):
            await house.desk.resolve(card["run"], 0, "perhaps", actor="operator")
        with pytest.raises(NotFound, match="not in doubt"):
            await house.desk.resolve(card["run"], 0, "happened", actor="operator")

    desk(story)
