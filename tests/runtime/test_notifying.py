"""The notifier at a director: nothing lost, no flood, nothing told that is over."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from mainstay.kernel.commands import BreachObjective, ClearIncident, DetectIncident, ThrowKillSwitch
from mainstay.kernel.commands.run import SnoozeApproval
from mainstay.kernel.events import IncidentKind
from mainstay.kernel.ids import ApprovalId, RunId
from mainstay.kernel.values import HOUR, MINUTE, SECOND, Instant
from mainstay.runtime.notices import FAILING, Notices
from mainstay.runtime.notifying import Delivered, Line, Notifying
from mainstay.runtime.tick import Request
from tests.runtime.house import House, at_work
from tests.runtime.notified import Pigeon, notified, pass_by, wait_for_cards

Story = Callable[[House, Notifying, list[Any]], Awaitable[None]]


def told(folder: Path, story: Story, *ways: Any, **more: Any) -> None:
    async def run() -> None:
        house, notifying, incidents = notified(folder, *ways, **more)
        async with at_work(house):
            await story(house, notifying, incidents)

    asyncio.run(run())


def test_a_flood_of_cards_is_one_telling_and_later_ones_wait_for_the_next(tmp_path: Path) -> None:
    pigeon = Pigeon()

    async def story(house: House, notifying: Notifying, incidents: list[Any]) -> None:
        await wait_for_cards(house, 30)
        await pass_by(house, notifying)
        await wait_for_cards(house, 5, 30)
        for _ in range(4):
            await pass_by(house, notifying, 5 * MINUTE)
        assert pigeon.sizes == [30, 5]
        assert house.events("run 0").count("OperatorNotified") == 1
        assert house.events("run 33").count("OperatorNotified") == 1

    told(tmp_path, story, pigeon)


def test_without_a_way_the_log_is_one(tmp_path: Path) -> None:
    async def story(house: House, notifying: Notifying, incidents: list[Any]) -> None:
        await wait_for_cards(house, 1)
        assert "OperatorNotified" in house.events("run 0")

    told(tmp_path, story)


def test_what_was_answered_or_put_off_in_the_meantime_is_not_told(tmp_path: Path) -> None:
    pigeon = Pigeon()

    async def story(house: House, notifying: Notifying, incidents: list[Any]) -> None:
        await wait_for_cards(house, 3)
        answered, snoozed, _ = house.cards()
        await house.desk.reject(answered["approval"], actor="operator")
        until = Instant(house.clock.now() + HOUR)
        later = SnoozeApproval(RunId(snoozed["run"]), ApprovalId(snoozed["approval"]), until, "operator")
        await house.ask(Request(later))
        await pass_by(house, notifying)
        assert pigeon.sizes == [1]
        await pass_by(house, notifying, HOUR)
        await pass_by(house, notifying)
        assert pigeon.sizes == [1, 1]
        assert pigeon.told[1][0].approval == snoozed["approval"]

    told(tmp_path, story, pigeon)


def test_a_crash_before_the_telling_loses_nothing_and_after_it_repeats_nothing(tmp_path: Path) -> None:
    pigeon = Pigeon()

    async def run() -> None:
        house, notifying, _ = notified(tmp_path, pigeon)
        async with at_work(house):
            await wait_for_cards(house, 3)
            await pass_by(house, notifying)
            await wait_for_cards(house, 2, 3)
        for expected in ([3, 2], [3, 2]):
            again, notifying, _ = notified(tmp_path, pigeon, store=house.store, clock=house.clock)
            async with at_work(again):
                await pass_by(again, notifying)
                await pass_by(again, notifying)
            assert pigeon.sizes == expected

    asyncio.run(run())


def test_a_way_that_fails_is_tried_again_and_shown_and_holds_up_no_other(tmp_path: Path) -> None:
    lame, pigeon = Pigeon("lame"), Pigeon()
    lame.answers = [
        Delivered(False, "it is closed"),
        OSError("boom"),
        *[Delivered(False, "still")] * (FAILING - 2),
    ]

    async def story(house: House, notifying: Notifying, incidents: list[Any]) -> None:
        await wait_for_cards(house, 1)
        await pass_by(house, notifying)
        assert pigeon.sizes == [1]
        assert "OperatorNotified" in house.events("run 0")
        for _ in range(FAILING - 1):
            await pass_by(house, notifying, 10 * MINUTE)
        (found,) = [one for one in incidents if isinstance(one, DetectIncident)]
        assert (found.kind, found.subject) == (IncidentKind.NOTIFICATION_FAILED, "lame")
        await pass_by(house, notifying, HOUR)
        assert lame.sizes == [1]
        assert ClearIncident(IncidentKind.NOTIFICATION_FAILED, "lame") in incidents

    told(tmp_path, story, lame, pigeon)


def test_what_comes_from_no_run_is_told_once_also_over_a_restart(tmp_path: Path) -> None:
    pigeon = Pigeon()
    silent = DetectIncident(IncidentKind.SOURCE_SILENT, "support", "Nothing was heard of it.")
    short = DetectIncident(IncidentKind.DISK_GROWING, "", "Little space.")

    async def run() -> None:
        house, notifying, _ = notified(tmp_path, pigeon)
        async with at_work(house):
            await notifying.look()
            for command in (
                silent,
                short,
                ClearIncident(IncidentKind.DISK_GROWING, ""),
                BreachObjective("triage", "success", "1h", 3, 20, 15_000),
                ThrowKillSwitch("operator", True, "enough"),
                DetectIncident(IncidentKind.NOTIFICATION_FAILED, "lame", "closed"),
            ):
                await house.ask(Request(command))
            await notifying.look()
        again, notifying, _ = notified(tmp_path, pigeon, store=house.store, clock=house.clock)
        async with at_work(again):
            await notifying.look()
            await pass_by(again, notifying)
            (things,) = pigeon.told
            assert sorted((one.kind, one.about) for one in things) == [
                ("incident", "source_silent support"),
                ("kill_switch", ""),
                ("objective", "triage misses its objective for success"),
            ]
            await pass_by(again, notifying, HOUR)
        third, notifying, _ = notified(tmp_path, pigeon, store=house.store, clock=house.clock)
        async with at_work(third):
            await pass_by(third, notifying, HOUR)
            await pass_by(third, notifying, HOUR)
        assert len(pigeon.told) == 1

    asyncio.run(run())


def test_what_finds_no_room_is_not_told_again_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mainstay.runtime.notices.KEPT_MAX", 1)
    pigeon = Pigeon()

    async def run() -> None:
        house, notifying, _ = notified(tmp_path, pigeon)
        async with at_work(house):
            await notifying.look()
            for name in ("support", "desk"):
                await house.ask(Request(DetectIncident(IncidentKind.SOURCE_SILENT, name, "Silent.")))
            await notifying.look()
            await pass_by(house, notifying)
            assert pigeon.sizes == [1]
        again, notifying, _ = notified(tmp_path, pigeon, store=house.store, clock=house.clock)
        async with at_work(again):
            await pass_by(again, notifying, HOUR)
            await pass_by(again, notifying, HOUR)
        assert pigeon.sizes == [1]

    asyncio.run(run())


def test_at_night_only_what_is_urgent_is_told(tmp_path: Path) -> None:
    pigeon = Pigeon()

    async def story(house: House, notifying: Notifying, incidents: list[Any]) -> None:
        morning = Instant(house.clock.now() + 8 * HOUR)
        notifying.lines = [Line(pigeon, Notices(15 * MINUTE, lambda now: now < morning, urgent=True))]
        await wait_for_cards(house, 2)
        await house.ask(Request(ThrowKillSwitch("operator", True, "")))
        await notifying.look()
        await pass_by(house, notifying, MINUTE)
        assert [[one.kind for one in things] for things in pigeon.told] == [["kill_switch"]]
        await pass_by(house, notifying, 8 * HOUR)
        assert pigeon.sizes == [1, 2]

    told(tmp_path, story, pigeon)


def test_the_loop_of_it_ends_with_its_task_and_survives_errors(tmp_path: Path) -> None:
    pigeon = Pigeon()

    async def story(house: House, notifying: Notifying, incidents: list[Any]) -> None:
        working = asyncio.create_task(notifying.run())
        await asyncio.sleep(0)
        house.clock.advance(3 * SECOND)
        notifying.mark = tmp_path / "nowhere" / "file"
        await wait_for_cards(house, 1)
        assert not working.done()
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)

    told(tmp_path, story, pigeon)
