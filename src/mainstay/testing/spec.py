"""Specs of decisions: given these events, when this command comes, then exactly these events follow.

    given(RunStarted(...), PlanAccepted(plan)).by(facts).when(CancelRun(run, "me")).then(RunCancelled("me"))

`then` and `pending` compare in order. An expected item may be a value, or a type where only the kind matters.

A `Playbook` tells a whole run by the names of its tasks and keeps the clock, the balances and the log, so that a
spec reads as the story it is:

    book = Playbook(plan, policy=ASK_ALL).start()
    book.produces("draft", {"reply": "..."}).proposes("send", action).grants("send")
    book.acted("send").ended(Status.SUCCEEDED)

After every command a playbook checks what must always hold: the state equals a fresh fold of the log, and what the
new events owe, with what was owed before and not yet answered, is what `pending` says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mainstay.kernel.budget import Balances, Limits
from mainstay.kernel.commands import (
    Acted,
    Failed,
    GrantApproval,
    Outcome,
    Produced,
    Proposed,
    RecordOutcome,
    RejectApproval,
    RunCommand,
    StartRun,
    Wake,
)
from mainstay.kernel.effects import Effect, InvokeAdapter, InvokeAgent
from mainstay.kernel.events import FailureClass, FailureDiagnosed, RunEvent, RunRecovered
from mainstay.kernel.facts import Facts
from mainstay.kernel.ids import RunId
from mainstay.kernel.plan import Plan
from mainstay.kernel.policy import Action, Policy
from mainstay.kernel.run import advance, evolve, new_effects, nothing, pending
from mainstay.kernel.state import Act, Phase, RunState, Status, TaskState
from mainstay.kernel.values import Instant, Json, Usage
from mainstay.testing.plans import ALLOW_ALL, NOW, RUN

DEFAULT_FACTS = Facts(NOW, ALLOW_ALL)


def given(*events: RunEvent, run: RunId = RUN) -> Given:
    """The state that these events lead to."""
    return Given(fold(events, run=run), DEFAULT_FACTS)


def fold(events: Sequence[RunEvent], *, run: RunId = RUN) -> RunState:
    """The state after these events, from nothing."""
    state = nothing(run)
    for event in events:
        state = evolve(state, event)
    return state


class Given:
    """A state, and the facts that the next decision may look at."""

    def __init__(self, state: RunState, facts: Facts) -> None:
        self.state = state
        self.facts = facts

    def by(self, facts: Facts) -> Given:
        """Decide by these facts instead of the default ones (everything allowed, no budgets)."""
        return Given(self.state, facts)

    def when(self, command: RunCommand) -> Then:
        """Decide."""
        state, events = advance(self.state, command, self.facts)
        return Then(state, events)

    def pending(self, *expected: Any) -> Given:
        """Before any command, the world owes exactly this."""
        _same("pending", pending(self.state), expected)
        return self


class Then:
    """What a command led to."""

    def __init__(self, state: RunState, events: tuple[RunEvent, ...]) -> None:
        self.state = state
        self.events = events

    def then(self, *expected: Any) -> Then:
        """Exactly these events were decided, in this order; none is `then()`."""
        _same("events", self.events, expected)
        return self

    def pending(self, *expected: Any) -> Then:
        """Afterwards the world owes exactly this."""
        _same("pending", pending(self.state), expected)
        return self


class Playbook:
    """One run, told by the names of its tasks."""

    def __init__(
        self,
        plan: Plan,
        *,
        policy: Policy = ALLOW_ALL,
        limits: Limits = Limits(),
        now: Instant = NOW,
        run: RunId = RUN,
        balances: Balances | None = None,
        counts: Mapping[tuple[str, str], int] | None = None,
    ) -> None:
        self.plan = plan
        self.run = run
        self.state = nothing(run)
        self.log: list[RunEvent] = []
        self.last: tuple[RunEvent, ...] = ()
        self.owed: list[Effect] = []  # what the last command added
        self.facts = Facts(
            now, policy, balances or Balances(), limits, counts or {}, {plan.digest: plan}, False
        )
        self.facts.balances.roll(now)

    # --- commands --------------------------------------------------------------------------------------------------

    def tell(self, command: RunCommand) -> Playbook:
        """Any command; afterwards the log, the balances and `last` have moved on."""
        before = self.state
        state, events = advance(before, command, self.facts)
        self.facts.balances.move(
            self.plan.workflow.name, state.held - before.held, state.spent - before.spent
        )
        self.owed = new_effects(state, events)
        self.state, self.last = state, events
        self.log += events
        folded = before  # the fold of the log so far, as was checked the last time
        for event in events:
            folded = evolve(folded, event)
        assert state == folded, "the state is not the fold of the log"
        owed, still = _tally((*pending(before), *self.owed)), _tally(pending(state))
        assert not still - owed, f"pending says more than was handed out: {still - owed}"
        return self

    def start(self, trigger: Json | None = None, *, key: str = "", behind: RunId | None = None) -> Playbook:
        """Start the run."""
        return self.tell(
            StartRun(
                self.run,
                self.plan.workflow.name,
                self.plan.digest,
                trigger or {},
                key,
                None,
                behind,
            )
        )

    def outcome(self, task: str | int, outcome: Outcome, *, attempt: int | None = None) -> Playbook:
        """What became of the task's present attempt (or of another one)."""
        number = self.number(task)
        now = self.state.task(number).attempt if attempt is None else attempt
        return self.tell(RecordOutcome(self.run, number, now, outcome))

    def produces(self, task: str | int, output: Json | None = None, *, cost: int = 0) -> Playbook:
        """The agent gave its output."""
        return self.outcome(task, Produced(output or {}, "because", usage=Usage(cost)))

    def proposes(self, task: str | int, action: Action, *, cost: int = 0) -> Playbook:
        """The executor proposes an effect."""
        return self.outcome(task, Proposed(action, "because", usage=Usage(cost)))

    def acted(self, task: str | int, response: Json | None = None) -> Playbook:
        """The other side has the effect."""
        return self.outcome(task, Acted(response or {}))

    def fails(self, task: str | int, failure: FailureClass, **fields: Any) -> Playbook:
        """The attempt came to nothing."""
        return self.outcome(task, Failed(failure, "no luck", **fields))

    def grants(self, task: str | int, actor: str = "operator") -> Playbook:
        """Yes to the card of this task, as it waits."""
        waiting = self.act(task)
        assert waiting.approval is not None
        return self.tell(
            GrantApproval(self.run, waiting.approval, waiting.action.digest, actor, confirmed=True)
        )

    def rejects(self, task: str | int, actor: str = "operator") -> Playbook:
        """No to the card of this task."""
        approval = self.act(task).approval
        assert approval is not None
        return self.tell(RejectApproval(self.run, approval, actor))

    def wakes(self, task: str | int) -> Playbook:
        """The timer of this task comes, now."""
        return self.tell(Wake(self.run, self.number(task)))

    # --- the world -------------------------------------------------------------------------------------------------

    def later(self, micros: int) -> Playbook:
        """Time passes; less than nothing sets the clock back."""
        self.facts = replace(self.facts, now=Instant(self.facts.now + micros))
        self.facts.balances.roll(self.facts.now)
        return self

    def killed(self, on: bool = True) -> Playbook:
        """The kill switch is thrown."""
        self.facts = replace(self.facts, killed=on)
        return self

    def under(self, policy: Policy) -> Playbook:
        """Other rules come into force."""
        self.facts = replace(self.facts, policy=policy)
        return self

    # --- what is -----------------------------------------------------------------------------------------------------

    def number(self, task: str | int) -> int:
        """The number of a task; `label[2]` is the third item of the fan-out `label`."""
        if isinstance(task, int):
            return task
        name, _, item = task.partition("[")
        number = self.plan.numbers[name]
        if not item:
            return number
        first = next(one.first for one in reversed(self.state.expansions) if one.parent == number)
        return first + int(item.rstrip("]"))

    def task(self, task: str | int) -> TaskState:
        """The state of a task."""
        return self.state.task(self.number(task))

    def act(self, task: str | int) -> Act:
        """What an act task carries since its proposal."""
        carried = self.task(task).act
        assert carried is not None, f"{task} has proposed nothing yet"
        return carried

    def then(self, *expected: Any) -> Playbook:
        """The last command led to exactly these events (values, or types).

        What only describes (`FailureDiagnosed`, `RunRecovered`) may be left out.
        """
        described = [one for one in self.last if not isinstance(one, FailureDiagnosed | RunRecovered)]
        named = any(_is_kind(one, FailureDiagnosed) or _is_kind(one, RunRecovered) for one in expected)
        _same("events", self.last if named else described, expected)
        return self

    def owes(self, *expected: Any) -> Playbook:
        """The world owes exactly this now (values, or types)."""
        _same("pending", pending(self.state), expected)
        return self

    def stands(self, **phases: Phase) -> Playbook:
        """These tasks are in these phases: `stands(draft=Phase.RUNNING)`."""
        actual = {name: self.task(name).phase for name in phases}
        assert actual == phases, f"expected {phases}, the tasks stand at {actual}"
        return self

    def ended(self, status: Status) -> Playbook:
        """The run has ended so, and nothing is owed any more."""
        assert self.state.status is status, f"the run is {self.state.status}, not {status}"
        assert not pending(self.state), f"something is owed still: {pending(self.state)}"
        return self

    def calls(self) -> list[InvokeAdapter]:
        """The adapter calls that are owed now."""
        return [effect for effect in pending(self.state) if isinstance(effect, InvokeAdapter)]

    def asked(self) -> list[str]:
        """The names of the tasks whose agents are asked now."""
        return [
            self.state.name(effect.task) for effect in pending(self.state) if isinstance(effect, InvokeAgent)
        ]


def _is_kind(one: Any, kind: type) -> bool:
    return one is kind or isinstance(one, kind)


def _tally(effects: Sequence[Effect]) -> Counter[str]:
    return Counter(set(map(repr, effects)))


def _same(what: str, actual: Sequence[Any], expected: Sequence[Any]) -> None:
    fits = len(actual) == len(expected) and all(
        isinstance(one, other) if isinstance(other, type) else one == other
        for one, other in zip(actual, expected, strict=True)
    )
    if not fits:
        lines = [f"{what} expected:", *(f"  {_show(one)}" for one in expected)]
        lines += [f"{what} decided:", *(f"  {_show(one)}" for one in actual)]
        raise AssertionError("\n".join(lines))


def _show(one: Any) -> str:
    return one.__name__ if isinstance(one, type) else repr(one)
