"""Planted bugs in pauses, throttles, breakers, lines, in taking back, in forks and after a restore.

See `testing.planted`. Each is what an engineer might plausibly have written.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mainstay.kernel import door, draft, ending
from mainstay.kernel.admission import Admission
from mainstay.kernel.breaker import Breakers
from mainstay.kernel.draft import Draft
from mainstay.kernel.events import CompensationPlanned, FailureClass, RunForked, TaskFailed
from mainstay.kernel.ids import RunId
from mainstay.kernel.moves import planned
from mainstay.kernel.plan import Plan, Supersede
from mainstay.kernel.policy import Decision, Verdict
from mainstay.kernel.state import ORDINARY, Phase, RunState, Status
from mainstay.kernel.values import Instant
from mainstay.runtime.director import Director
from mainstay.runtime.last_look import LastLook
from mainstay.runtime.lines import Bounds, Lines
from mainstay.testing.planting import Planted
from mainstay.testing.process import Parts

_real_waits_for = draft.waits_for
_real_defers_act = Admission.defers_act
_real_verdict = door.verdict_on
_real_end = ending.end
_real_place = Lines.place


def _nothing(*given: Any, **named: Any) -> None:
    return None


# --- pauses ---------------------------------------------------------------------------------------


def _pause_not_asked(wanted: str) -> Any:
    def waits_for(*given: Any, **named: Any) -> str:
        scope = _real_waits_for(*given, **named)
        return "" if scope == wanted else scope

    return waits_for


def _adapter_pause_not_asked(self: Admission, workflow: str, adapter: str, *given: Any) -> str:
    paused, self.paused = self.paused, self.paused - {("adapter", adapter)}
    try:
        return _real_defers_act(self, workflow, adapter, *given)
    finally:
        self.paused = paused


class _PausesForgottenAtBoot(Director):
    def acquire(self) -> None:
        super().acquire()
        self.house.paused.clear()
        self.admitting.admission.refresh()


class _ResumedAndLeft(Director):
    def _of_scope(self, workflow: str) -> list[RunId]:
        return []


# --- throttles, breakers, lines -------------------------------------------------------------------


class _BreakersForgottenAtBoot(Director):
    def acquire(self) -> None:
        super().acquire()
        admission = self.admitting.admission
        admission.breakers = Breakers(admission.breakers.settings)
        admission.refresh()


def _trial_not_noted(self: Breakers, adapter: str, operation: str, now: Instant) -> Instant | None:
    one = self._by.get((adapter, operation))
    return one.until if one is not None and now < one.until else None


def _without_key_bound(self: Lines, workflow: str, key: str, bounds: Bounds) -> Any:
    return _real_place(self, workflow, "", bounds)


def _without_workflow_bound(self: Lines, workflow: str, key: str, bounds: Bounds) -> Any:
    return _real_place(self, workflow, key, replace(bounds, runs_max=None))


# --- taking back ----------------------------------------------------------------------------------


def _forwards(draft: Draft) -> None:
    unusual = draft.state.unusual
    if not unusual.undo_first and unusual.undoable:
        draft.emit(CompensationPlanned(unusual.undoable))
    else:
        ending.go_on_ending(draft)


def _at_once(draft: Draft, how: Any, *, actor: str = "", reason: str = "") -> None:
    _real_end(draft, how, actor=actor, reason=reason)
    unusual = draft.state.unusual
    if draft.state.status is Status.COMPENSATING and unusual.undoable and not unusual.undo_first:
        draft.emit(CompensationPlanned(tuple(reversed(unusual.undoable))))


def _in_silence(
    self: Draft, number: int, attempt: int, failure: FailureClass, reason: str, cost: int = 0
) -> None:
    self.emit(TaskFailed(number, attempt, failure, reason, cost))


def _undone_unasked(draft: Draft, number: int, action: Any) -> Verdict:
    if draft.state.undoes(number) is not None:
        return Verdict(Decision.ALLOW, "taking back", "it only takes back")
    return _real_verdict(draft, number, action)


def _undoing_too(look: LastLook, run: RunId) -> str:
    one, lines = look._books.runs.get(run), look._books.lines
    if one is None or one.state.plan is None:
        return ""
    head = one.state.head
    if one.state.plan.workflow.supersede is Supersede.WAITING and head.key:
        line = lines.of_key(head.workflow, head.key)
        if line and line[0] == run and len(line) > 1:
            return "a newer message"
    return lines.answered(run)


# --- forks and restores ---------------------------------------------------------------------------

_FORK_MAY = Verdict(Decision.ALLOW, "fork", "its parent was allowed to")


def _done_again(state: RunState, plan: Plan, forked: RunForked) -> RunState:
    return replace(planned(replace(state, unusual=ORDINARY), plan), unusual=state.unusual)


class _NotReconciled(Director):
    def acquire(self) -> None:
        super().acquire()
        self.house.restored = False


def _never_before(state: RunState, act: Any) -> bool:
    return False


_WITHOUT_CARDS = (Phase.RETRYING, Phase.BLOCKED, Phase.ACTING, Phase.SEEKING)

_ADMISSION, _DRAFT, _ENDING = "mainstay.kernel.admission", "mainstay.kernel.draft", "mainstay.kernel.ending"
_LINES, _BREAKER, _THROTTLE = "mainstay.runtime.lines", "mainstay.kernel.breaker", "mainstay.kernel.throttle"


def _waits_for_patches(wanted: str) -> tuple[tuple[str, str, Any], ...]:
    instead = _pause_not_asked(wanted)
    return ((_DRAFT, "waits_for", instead), ("mainstay.runtime.admitting", "waits_for", instead))


PLANTED_STEERING: tuple[Planted, ...] = (
    Planted(
        "a paused workflow goes on",
        patches=((_ADMISSION, "Admission.pauses", lambda admission, workflow: ""),),
    ),
    Planted("a paused run goes on with what waits", patches=_waits_for_patches("pause:run")),
    Planted("a paused task goes on", patches=_waits_for_patches("pause:task")),
    Planted(
        "a paused adapter is called",
        patches=((_ADMISSION, "Admission.defers_act", _adapter_pause_not_asked),),
    ),
    Planted("pauses are forgotten at boot", lambda: Parts(director=_PausesForgottenAtBoot)),
    Planted("what waited for a pause is not gone on with", lambda: Parts(director=_ResumedAndLeft)),
    Planted(
        "deferred starts are forgotten at boot",
        patches=(("mainstay.runtime.admitting", "Admitting.notice", _nothing),),
    ),
    Planted("a throttle is full again after a boot", patches=((_THROTTLE, "Buckets.restore", _nothing),)),
    Planted("starts of one decision are not counted", patches=((_DRAFT, "Draft.take", _nothing),)),
    Planted("a throttle's debt moves on with the clock", patches=((_THROTTLE, "Buckets.settle", _nothing),)),
    Planted(
        "an open breaker lets calls through",
        patches=((_BREAKER, "Breakers.wait", _nothing), (_BREAKER, "Breakers.is_open", _nothing)),
    ),
    Planted(
        "a half-open breaker lets every call through",
        patches=((_BREAKER, "Breakers.wait", _trial_not_noted), (_BREAKER, "Breakers.is_open", _nothing)),
    ),
    Planted("a breaker is forgotten at boot", lambda: Parts(director=_BreakersForgottenAtBoot)),
    Planted("a breaker never opens", patches=((_BREAKER, "Breakers._failed", _nothing),)),
    Planted("the bound of a key is not kept", patches=((_LINES, "Lines.place", _without_key_bound),)),
    Planted(
        "the bound of a workflow is not kept", patches=((_LINES, "Lines.place", _without_workflow_bound),)
    ),
    Planted(
        "what was done first is taken back first",
        patches=(("mainstay.kernel.going", "go_on_ending", _forwards),),
    ),
    Planted(
        "taking back does not wait for what may have left",
        patches=(
            ("mainstay.kernel.run", "end", _at_once),
            ("mainstay.kernel.going", "end", _at_once),
            ("mainstay.kernel.waking", "end", _at_once),
        ),
    ),
    Planted(
        "what cannot be taken back is given up in silence", patches=((_DRAFT, "Draft.give_up", _in_silence),)
    ),
    Planted("taking back needs no yes", patches=(("mainstay.kernel.door", "verdict_on", _undone_unasked),)),
    Planted("nothing is taken back", patches=((_ENDING, "_leaves_something", lambda state: False),)),
    Planted(
        "taking back is overtaken",
        patches=(("mainstay.runtime.last_look", "LastLook.overtaken", _undoing_too),),
    ),
    Planted("the acts of a fork do not ask", patches=(("mainstay.kernel.door", "_FORKED", _FORK_MAY),)),
    Planted(
        "a fork does again what was done", patches=(("mainstay.kernel.moves", "_inherited", _done_again),)
    ),
    Planted("a restored ledger goes on at once", lambda: Parts(director=_NotReconciled)),
    Planted(
        "after a restore a card is not looked behind",
        patches=(
            ("mainstay.kernel.waking", "_WAITS", _WITHOUT_CARDS),
            ("mainstay.kernel.door", "_may_have_left_before", _never_before),
        ),
    ),
    Planted(
        "what is proposed after a restore is not looked for",
        patches=(("mainstay.kernel.door", "_may_have_left_before", _never_before),),
    ),
)
