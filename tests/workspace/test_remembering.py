"""A director's memory is read and filled beside its loop."""

import asyncio

import pytest

from mainstay.workspace import remembering
from mainstay.workspace.remembered import Remembered
from mainstay.workspace.remembering import Remembering as Rounds
from tests.workspace.remembering_house import Remembering, story


def test_a_round_opens_reads_on_and_fills_in_slices() -> None:
    async def tell(one: Remembering) -> None:
        for number in range(40):
            await one.keep(f"walnut number {number}", memory=f"w{number}")
        made: list[Remembered] = []

        def make() -> Remembered:
            made.append(one.open())
            return made[-1]

        rounds = Rounds(make, one.house.clock, one.house.notice)
        assert rounds.standing() is None
        await rounds.round()
        assert rounds.standing() == {"units": 40, "missing": 0, "by_meaning": True}
        await one.keep("walnut number 41", memory="w41")
        await rounds.round()
        assert rounds.standing() == {"units": 41, "missing": 0, "by_meaning": True}
        assert len(made) == 1

    story(tell)


def test_what_goes_wrong_is_told_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembering, "FIRST_AFTER_S", 0.0)
    monkeypatch.setattr(remembering, "AGAIN_AFTER_S", 0.0)
    told: list[str] = []

    async def tell(one: Remembering) -> None:
        def make() -> Remembered:
            if len(told) < 2:
                raise OSError("no disk")
            return one.open()

        rounds = Rounds(make, one.house.clock, lambda what, error: told.append(f"{what}: {error}"))
        running = asyncio.create_task(rounds.run())
        while rounds.standing() is None:
            await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert told == ["memory: no disk"] * 2

    story(tell)
