"""A workflow that starts by the calendar, with a whole director: over a change of the clocks, a stop, and a pause."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest

from mainstay.agents.base import Agent, Brief, Data, Outcome, Produced, Role
from mainstay.kernel.values import HOUR, SECOND, Instant
from mainstay.runtime.clock import ManualClock
from mainstay.workspace import Workspace
from mainstay.workspace import agents as workspace_agents
from mainstay.workspace.timetable import Scheduled
from tests.end_to_end.conftest import MakeDesk
from tests.end_to_end.desks import Desk
from tests.end_to_end.terminal import Terminal
from tests.end_to_end.working import at_work, settled, until

MORNING = """
name: morning
version: 1
on: { schedule: "0 9 * * *", zone: Europe/Berlin, missed: once }
key: schedule.due
tasks:
  note: { role: specialist, agent: clerk, in: { due: "${trigger.schedule.due}", missed: "${trigger.schedule.missed}" } }
"""


class Due(Data):
    due: str
    missed: int


class Noted(Data):
    done: bool


class Clerk:
    """An agent of the operator's own: notes when it was asked."""

    name = "clerk"
    role = Role.SPECIALIST
    input = Due
    output = Noted
    cost_max_micros = 0
    asked: ClassVar[list[tuple[str, int]]] = []

    async def work(self, brief: Brief, tools: Any) -> Outcome:
        given = Due.model_validate(brief.inputs)
        self.asked.append((given.due, given.missed))
        return Produced(Noted(done=True), "it is nine o'clock")


def at(text: str) -> Instant:
    return Instant(int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    shipped = workspace_agents.make_agents

    def with_clerk(*arguments: Any, **more: Any) -> Mapping[str, Agent]:
        return {**shipped(*arguments, **more), "clerk": Clerk()}

    monkeypatch.setattr(workspace_agents, "make_agents", with_clerk)
    monkeypatch.setattr(Clerk, "asked", [])
    return Clerk.asked


@pytest.mark.long
def test_nine_o_clock_stays_nine_o_clock_and_what_was_missed_comes_once(
    new_desk: MakeDesk, asked: list[tuple[str, int]], capsys: pytest.CaptureFixture[str]
) -> None:
    desk = new_desk()
    (desk.root / "workflows" / "triage.yaml").unlink()
    (desk.root / "workflows" / "morning.yaml").write_text(MORNING)
    clock = ManualClock(at("2026-03-27T12:00"))  # clocks are put forward in the night of the 29th
    terminal = Terminal(desk.root, capsys)

    async def first() -> None:
        async with at_work(desk, clock=clock) as service:
            await settled(service)
            assert plan(desk, clock).next_at == at("2026-03-28T08:00")
            assert "morning" in await terminal.said("schedules")

            clock.advance(20 * HOUR)
            await until(lambda: len(asked) == 1, "the first morning")
            clock.advance(23 * HOUR)
            await until(lambda: len(asked) == 2, "the second morning, an hour early by UTC")
            assert asked == [("2026-03-28T09:00:00+01:00", 0), ("2026-03-29T09:00:00+02:00", 0)]
            await settled(service)
            assert {row["status"] for row in desk.runs()} == {"succeeded"}
            assert plan(desk, clock).runs == 2
            assert plan(desk, clock).overdue == 0

    async def after_three_days() -> None:
        assert plan(desk, clock).overdue == 3
        async with at_work(desk, clock=clock) as service:
            await until(lambda: len(asked) == 3, "one run for what was missed")
            await settled(service)
            assert asked[2] == ("2026-04-01T09:00:00+02:00", 3)
            found = plan(desk, clock)
            assert (found.missed, found.dropped, found.overdue) == (3, 2, 0)

            await terminal.said("pause", "workflow", "morning", "--reason", "on holiday")
            clock.advance(24 * HOUR)
            await until(lambda: len(desk.runs()) == 4, "a run of the paused workflow")
            await settled(service)
            assert len(asked) == 3  # it began, and waits
            told = await terminal.said("status")
            assert "Paused    workflow morning" in told
            assert "on holiday" in told
            assert "morning is paused: its runs begin, and wait." in await terminal.said("schedules")
            assert "Goes on: workflow morning." in await terminal.said("resume", "workflow", "morning")
            await until(lambda: len(asked) == 4, "the run that waited")
            await settled(service)
            assert {row["status"] for row in desk.runs()} == {"succeeded"}

    asyncio.run(first())
    clock.advance(73 * HOUR)
    asyncio.run(after_three_days())


def plan(desk: Desk, clock: ManualClock) -> Scheduled:
    """The one schedule, as the operator would see it at this time."""
    with Workspace(desk.folder, clock=clock) as workspace:
        (found,) = workspace.steering.schedules()
        return found
