"""A workspace as it is after a hundred thousand runs: what `bench console` serves.

The runs are decided by a real director, hundreds side by side, over thirty days of a clock of their own; the cards are
real ones, rendered and sealed (`bench.approvals`). A folder that was filled before is taken as it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from mainstay.agents.base import Data, Produced
from mainstay.bench.approvals import fill_more, made
from mainstay.kernel.commands import Produced as Said
from mainstay.kernel.commands import RecordOutcome, StartRun
from mainstay.kernel.ids import digest, run_id
from mainstay.kernel.plan import Role, TaskKind, TaskSpec, Workflow, compile_plan
from mainstay.kernel.values import DAY, Instant, Usage
from mainstay.runtime.clock import ManualClock, SystemClock
from mainstay.runtime.tick import Request
from mainstay.workflows.canonical import canonical
from mainstay.workspace import Workspace
from mainstay.workspace.folder import Folder
from mainstay.workspace.held import Held

STEPS = 4  # a run has eleven events
TOGETHER = 250  # runs of one tick
PERIOD = 30 * DAY
FILLED = "filled.json"
TEXT = "x" * 120
Progress = Callable[[int, int], None]


def chain() -> Workflow:
    """Some steps one after the other, each asked of a trivial agent."""
    tasks = tuple(
        TaskSpec(
            f"step{number}",
            TaskKind.THINK,
            Role.SPECIALIST,
            "step",
            needs=(f"step{number - 1}",) if number else (),
        )
        for number in range(STEPS)
    )
    return Workflow("bench", 1, tasks)


RAW = canonical(chain())
DEFINITION = digest(RAW)
PLAN = compile_plan(chain(), DEFINITION)


class StepOutput(Data):
    """What a step gives."""

    text: str


class Step:
    """The trivial agent."""

    name = "step"
    role = Role.SPECIALIST
    recipe = "bench"
    input: type[Data] = Data
    output: type[Data] | None = StepOutput
    cost_max_micros = 0

    async def work(self, brief: object, tools: object) -> Produced:
        """Done at once."""
        return Produced(StepOutput(text=TEXT), "a trivial step", ("bench:1",), Usage())


def filled(folder: Path, *, runs: int, cards: int, told: Callable[[str, int, int], None]) -> Path:
    """The workspace with so many runs that ended and so many cards that wait."""
    root, mark = folder / "desk", folder / FILLED
    wanted = {"runs": runs, "cards": cards, "steps": STEPS, "signed": True}
    if mark.exists() and json.loads(mark.read_text("utf-8")) == wanted:
        return root
    if root.exists():
        raise FileExistsError(f"{root} holds something else: name another folder, or remove it.")
    made(root)
    settings = root / "mainstay.toml"
    text = settings.read_text("utf-8")
    settings.write_text(text.replace('day_usd = "2.00"', 'day_usd = "1000000"'), "utf-8")
    _ended(root, runs, lambda done, of: told("runs", done, of))
    fill_more(root, cards, lambda done, of: told("cards", done, of))
    # A house that has lived for thirty days was signed all along; else its first director would sign all of it beside
    # the visits, and what that takes would be told as theirs.
    with Workspace(Folder(root)) as workspace:
        workspace.auditing.sign()
    mark.write_text(json.dumps(wanted), "utf-8")
    return root


def _ended(root: Path, runs: int, progress: Progress) -> None:
    clock = ManualClock(Instant(SystemClock().now() - PERIOD))
    held = Held(Folder(root), clock, performing=True)  # outcomes come from here: no agent is asked
    try:
        director = held.director
        director.acquire()
        held.register()
        director.plans[DEFINITION] = PLAN  # from no file of the workspace: its pages show what people have
        blobs = {DEFINITION: RAW}
        for first in range(0, runs, TOGETHER):
            numbers = range(first, min(first + TOGETHER, runs))
            names = [run_id(clock.now(), "bench", number) for number in numbers]
            director.handle(
                [Request(StartRun(one, "bench", DEFINITION), "bench", blobs=blobs) for one in names]
            )
            for step in range(STEPS):
                said = Said({"text": TEXT}, "a trivial step", ("bench:1",), Usage())
                director.handle([Request(RecordOutcome(one, step, 1, said)) for one in names])
                clock.advance(PERIOD * len(numbers) // (runs * (STEPS + 1)))
            clock.advance(PERIOD * len(numbers) // (runs * (STEPS + 1)))
            blobs = {}
            progress(numbers[-1] + 1, runs)
        assert not director.runs, "every run has ended"
    finally:
        held.close()
