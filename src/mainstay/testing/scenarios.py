"""Fixed scenarios for going through every boundary in turn, and the disk of a real SQLite file.

`every_point` is the exhaustive half of the simulation: crash at the first boundary, at the second, at the third,
until the scenario passes untouched. Nothing else goes wrong meanwhile, so what is found here is found by one
crash alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mainstay.kernel.budget import Limits
from mainstay.kernel.ids import digest
from mainstay.kernel.plan import (
    Literal,
    Plan,
    Ref,
    Role,
    Supersede,
    TaskKind,
    TaskSpec,
    Trigger,
    Workflow,
    compile_plan,
)
from mainstay.kernel.policy import Decision, Policy, Rule
from mainstay.testing.history import History
from mainstay.testing.mix import Mix, triage
from mainstay.testing.world import MESSAGE

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


def _plan(*tasks: TaskSpec, key: bool = False) -> Plan:
    workflow = Workflow(
        "scenario",
        1,
        tasks,
        Trigger(MESSAGE),
        Ref("trigger", ("message", "thread")) if key else None,
        Supersede.WAITING if key else Supersede.NEVER,
    )
    return compile_plan(workflow, digest(repr(workflow).encode()))


def _mix(plan: Plan, policy: Policy = _ALLOW, *, messages: int = 1, limits: Limits = Limits()) -> Mix:
    return Mix(
        {},
        (plan,),
        policy,
        limits,
        steps=60,
        messages=messages,
        threads=1,
        starts=0,
        attention=1.0,
        by_hand=0,
        doubled=0,
    )


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
    "a newer message in the thread": _mix(
        _plan(_think("read"), _act("send", "findable.do", "read"), key=True), _ASK, messages=3
    ),
}
SEED = 11


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
