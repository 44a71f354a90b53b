"""Fixed scenarios for going through every boundary in turn, and the disk of a real SQLite file.

`every_point` is the exhaustive half of the simulation: crash at the first boundary, at the second, at the third,
until the scenario passes untouched. Nothing else goes wrong meanwhile, so what is found here is found by one
crash alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from mainstay.kernel.budget import Limits
from mainstay.kernel.ids import digest
from mainstay.kernel.plan import (
    Missed,
    Plan,
    Role,
    Schedule,
    Supersede,
    TaskKind,
    TaskSpec,
    Trigger,
    Workflow,
    compile_plan,
)
from mainstay.kernel.policy import Decision, Policy, Rule
from mainstay.kernel.predicates import Literal, Ref
from mainstay.kernel.throttle import Rate
from mainstay.kernel.values import DAY, HOUR, MINUTE, SECOND, Instant
from mainstay.testing.history import History
from mainstay.testing.mix import Mix, triage
from mainstay.testing.own_workflow import draw_own, load
from mainstay.testing.world import MESSAGE
from mainstay.workflows.loader import read_workflow

_ASK = Policy((Rule("labels", Decision.ALLOW, "labels are free", "email.label"),))
_ALLOW = Policy((Rule("allowed", Decision.ALLOW, "this is a test"),))


def _think(
    name: str, *needs: str, cost_max: int = 0, role: Role = Role.SPECIALIST, **fields: object
) -> TaskSpec:
    agent = "inspector" if role is Role.INSPECTOR else "thinker"
    spec = TaskSpec(name, TaskKind.THINK, role, agent, needs=needs, cost_max_micros=cost_max, timeout_s=20.0)
    return replace(spec, **fields)  # type: ignore[arg-type]


def _act(name: str, act: str, *needs: str) -> TaskSpec:
    inputs = (("seed", Literal(1)),)
    return TaskSpec(name, TaskKind.ACT, Role.EXECUTOR, "proposer", act, inputs, needs=needs, timeout_s=20.0)


def _undone(name: str, act: str, *needs: str) -> TaskSpec:
    """An act that is taken back by the `undo` of the same system."""
    return replace(_act(name, act, *needs), compensate=_act(f"undo {name}", act.replace(".do", ".undo")))


def _plan(*tasks: TaskSpec, key: bool = False, **fields: Any) -> Plan:
    given: dict[str, Any] = {"on": Trigger(MESSAGE)} | fields
    if key:
        given |= {"key": Ref("trigger", ("message", "thread")), "supersede": Supersede.WAITING}
    workflow = Workflow("scenario", 1, tasks, **given)
    return compile_plan(workflow, digest(repr(workflow).encode()))


def _mix(plan: Plan, policy: Policy = _ALLOW, **fields: Any) -> Mix:
    given: dict[str, Any] = {"limits": Limits(), "messages": 1, "threads": 1, "starts": 0} | fields
    return Mix({}, (plan,), policy, steps=60, attention=1.0, by_hand=0, doubled=0, **given)


SCENARIOS: dict[str, Mix] = {
    "one message triaged, and sent on approval": _mix(triage(), _ASK),
    "a keyed act": _mix(_plan(_act("do", "keyed.do"), _think("after", "do"))),
    "a findable act": _mix(_plan(_act("do", "findable.do"), _think("after", "do"))),
    "a findable act that a look-up may not see": _mix(_plan(_act("do", "vague.do"))),
    "an act that may be done once": _mix(_plan(_act("do", "once.do"), _think("after", "do"))),
    "a fan-out with acts on its items": _mix(
        _plan(
            _think("list"),
            replace(_act("do", "keyed.do"), for_each=Ref("list", ("items",))),
            _think("join", "do"),
        )
    ),
    "a draft that is sent back": _mix(
        _plan(
            _think("draft", cost_max=200),
            _think(
                "inspect", role=Role.INSPECTOR, revisions_max=2, inputs=(("draft", Ref("draft", ("text",))),)
            ),
            _act("send", "findable.do", "inspect"),
        )
    ),
    "a budget that is too small": _mix(
        _plan(_think("one", cost_max=700), _think("two", cost_max=700), _act("do", "keyed.do", "one", "two")),
        limits=Limits(day_micros=900),
    ),
    "a model of which nobody knows the price": _mix(
        _plan(_think("one", cost_max=200), _think("two", "one", cost_max=200), _act("do", "keyed.do", "two")),
        ceilings={"thinker": None},
        notes=2,
    ),
    "a newer message in the thread": _mix(
        _plan(_think("read"), _act("send", "findable.do", "read"), key=True), _ASK, messages=3
    ),
}
SEED = 11


SCENARIOS |= {
    "acts that are taken back when a later one fails": _mix(
        _plan(
            _undone("one", "keyed.do"), _undone("two", "findable.do", "one"), _act("no", "nowhere.do", "two")
        )
    ),
    "taking back what may be done once, on approval": _mix(
        _plan(_undone("one", "once.do"), _act("no", "nowhere.do", "one")), _ASK
    ),
    "a fan-out under a throttle": _mix(
        _plan(_think("list"), replace(_act("do", "keyed.do"), for_each=Ref("list", ("items",)))),
        throttles={"adapter:keyed": Rate(1, MINUTE, 1), "workspace": Rate(6, MINUTE, 2)},
    ),
    "a run and a task that begin later": _mix(
        _plan(_think("one"), _think("two", "one", delay_us=HOUR), delay_us=MINUTE, deadline_us=DAY)
    ),
    "a schedule over a change of the clock": _mix(
        _plan(
            _think("one"),
            _act("do", "keyed.do", "one"),
            on=Trigger("schedule.due/1", schedule=Schedule("30 2 * * *", "Europe/Berlin", Missed.ALL)),
        ),
        messages=0,
        begin=Instant(1_774_746_000 * SECOND - HOUR),
    ),
    "a task that ends every director": _mix(
        _plan(_think("bad", agent="poison", attempt_max=2), _think("after"), on=None), messages=0, starts=1
    ),
    "a restore from a backup behind the world": _mix(
        _plan(_think("one"), _act("do", "findable.do", "one"), _act("more", "keyed.do", "do")),
        _ASK,
        messages=2,
        restore=True,
    ),
}


@cache
def shipped() -> dict[str, Mix]:
    """One message, or one start by hand, for every workflow that is shipped; found by looking."""
    found: dict[str, Mix] = {}
    root = Path(str(files("mainstay.data")))
    for file in sorted(root.rglob("workflows/*.yaml")):
        folder = file.parent.parent
        own = load(folder, read_workflow(file.read_bytes(), file.name).workflow.name)
        calm = replace(
            draw_own(0, own), rates={}, steps=60, threads=1, attention=1.0, by_hand=0.0, doubled=0.0
        )
        count = 2 if calm.messages else 0  # of two messages, one may go elsewhere
        name = f"shipped: {file.relative_to(root).as_posix()}"
        found[name] = replace(calm, messages=count, starts=min(1, calm.starts), forks=0)
    return found


def scenarios() -> dict[str, Mix]:
    """All of them by name."""
    return SCENARIOS | shipped()


def every_point(mix: Mix, *, seed: int = SEED, ran: Callable[[History], None] = lambda history: None) -> int:
    """Crash at the Nth boundary for every N; how many boundaries there were. Raises `Violation`."""
    number = 0
    while True:
        number += 1
        history = History(seed, mix, crash_at=number)
        history.run()
        ran(history)
        if history.chaos.points < number:
            return number - 1
