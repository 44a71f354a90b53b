"""Bugs planted on purpose: the simulator is trusted only as far as it finds them.

Each is a small change to one part: a director of its own class where that reaches, otherwise one function replaced
where it is used, and put back afterwards. `python -m
mainstay.testing.simulation --planted` says at which seed each is found.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Any

from mainstay.kernel import cards, door
from mainstay.kernel.commands import (
    EditApproval,
    Failed,
    GrantApproval,
    Outcome,
    RecordOutcome,
    ReleaseRun,
    Sighting,
    Wake,
)
from mainstay.kernel.contract import Repeatability
from mainstay.kernel.draft import Draft
from mainstay.kernel.effects import InvokeAdapter, InvokeAgent
from mainstay.kernel.events import AttemptFailed, FailureClass
from mainstay.kernel.ids import IdempotencyKey, RunId, derive, effect_digest
from mainstay.kernel.outcomes import _not_found, fail, record
from mainstay.kernel.policy import Decision, Verdict
from mainstay.kernel.recovery import Diagnosis, Remedy
from mainstay.kernel.state import UNDER_WAY, Phase, RunState, Status, TaskState
from mainstay.kernel.values import NO_USAGE, Instant
from mainstay.runtime.acting import Acting
from mainstay.runtime.director import Director
from mainstay.runtime.last_look import LastLook
from mainstay.runtime.tick import Owed, Request, Tick
from mainstay.testing.planted_autonomy import PLANTED_AUTONOMY
from mainstay.testing.planted_cards import PLANTED_CARDS
from mainstay.testing.planted_money import PLANTED_MONEY
from mainstay.testing.planted_steering import PLANTED_STEERING
from mainstay.testing.planted_times import PLANTED_TIMES
from mainstay.testing.planting import Planted
from mainstay.testing.process import Parts

# --- in the performer -----------------------------------------------------------------------------


async def _with_a_key_per_attempt(acting: Acting, effect: InvokeAdapter) -> Outcome:
    action = effect.action
    key = IdempotencyKey(derive("key", action.key, effect.attempt).hex())
    payload = acting._artifacts.get(action.payload, effect.subject, b"payload")
    changed = effect_digest(
        adapter=action.adapter,
        operation=action.operation,
        contract=action.contract,
        price_micros=action.price_micros,
        key=key,
        payload=payload,
    )
    return await _real_call(acting, replace(effect, action=replace(action, key=key, digest=changed)))


def _without_digest(acting: Acting, effect: InvokeAdapter, payload: bytes) -> Outcome | None:
    stopped = _real_may_leave(acting, effect, payload)
    if isinstance(stopped, Failed) and stopped.failure is FailureClass.REFUSED:
        return None
    return stopped


_real_call, _real_may_leave = Acting.call, Acting._may_leave


# --- in the director ------------------------------------------------------------------------------


class _AgentsForgottenAtBoot(Director):
    def boot(self) -> list[Owed]:
        return [owed for owed in super().boot() if not isinstance(owed.effect, InvokeAgent)]


class _HoldsForgottenAtBoot(Director):
    def boot(self) -> list[Owed]:
        owed = super().boot()
        self.balances.held = 0
        return owed


class _RunsLoadedUntilFull(Director):
    def load_all(self) -> None:
        super().load_all()
        for run in list(self.runs)[2:]:
            self.lines.leave(run, self.runs.pop(run).state.head)


class _AnswersByHandForgotten(Director):
    def _recall_answers(self) -> None:
        return None


class _CountsNotKept(Director):
    def _count(self, state: RunState, event: Any, at: Any) -> bool:
        return state.task(event.task).act is not None


class _QueueNotReleased(Director):
    def _leave_line(self, run: RunId, state: RunState, queue: deque[Request]) -> None:
        super()._leave_line(run, state, queue)
        if queue and isinstance(queue[0].command, ReleaseRun):
            queue.popleft()


class _EarlyTimerLost(Director):
    def _owe_still(self, tick: Tick, state: RunState, command: Wake, cause: int) -> None:
        return None


# --- in the last look -----------------------------------------------------------------------------


def _without_kill_switch(look: LastLook, run: RunId, task: int, attempt: int) -> bool:
    house = look._books.house
    killed, house.killed = house.killed, False
    try:
        return _real_still_wanted(look, run, task, attempt)
    finally:
        house.killed = killed


_real_still_wanted = LastLook.still_wanted


def _without_cancel(look: LastLook, run: RunId, task: int, attempt: int) -> bool:
    one = look._books.runs.get(run)
    return one is not None and not look._books.killed and one.state.task(task).attempt == attempt


# --- in the kernel --------------------------------------------------------------------------------


def _verdict_once(draft: Draft, number: int, action: Any) -> Verdict:
    task = draft.state.task(number)
    if task.act is not None and task.act.calls:
        return Verdict(Decision.ALLOW, "retry", "it was let go before")
    return _real_verdict(draft, number, action)


_real_verdict = door.verdict_on


def _always_passed(state: RunState, number: int) -> str:
    return ""


def _by_auto_alone(output: Any) -> bool:
    return output["auto"] is True


def _record_late(draft: Draft, command: RecordOutcome) -> None:
    if draft.state.exists(command.task):
        command = replace(command, attempt=draft.state.task(command.task).attempt)
    record(draft, command)


def _record_unknown_as_free(draft: Draft, command: RecordOutcome) -> None:
    outcome = command.outcome
    if isinstance(outcome, Failed) and outcome.usage is None:
        command = replace(command, outcome=replace(outcome, usage=NO_USAGE))
    record(draft, command)


def _always_again(diagnosis: Diagnosis, *, last: bool) -> Remedy:
    return Remedy.RETRY


def _lost_is_retried(draft: Draft, number: int, outcome: Failed, *, at_once: bool = False) -> None:
    task = draft.state.task(number)
    once = task.act is not None and task.act.action.repeatability is Repeatability.ONCE
    if once and task.phase is Phase.ACTING:
        lost, now = FailureClass.LOST, draft.facts.now
        draft.emit(AttemptFailed(number, task.attempt, lost, "again", Instant(now), 0))
        return
    fail(draft, number, outcome, at_once=at_once)


def _edit_approves_the_old(draft: Draft, command: EditApproval) -> None:
    cards.grant(
        draft,
        GrantApproval(
            command.run, command.approval, command.digest, command.actor, command.open_us, confirmed=True
        ),
    )


def _never_expired(draft: Draft, number: int, act: Any) -> bool:
    return False


def _unseen_is_absent(draft: Draft, number: int, sighting: Sighting) -> None:
    _not_found(draft, number, Sighting.ABSENT)


def _running_is_supersedable(state: RunState) -> bool:
    return state.status in (Status.QUEUED, Status.RUNNING)


def _affords_all(self: Draft, number: int, amount: int) -> bool:
    return True


def _only_under_way(task: TaskState) -> bool:
    return task.phase in UNDER_WAY


def _never_left(task: TaskState) -> bool:
    return False


_DOOR, _OUTCOMES, _RUN = "mainstay.kernel.door", "mainstay.kernel.outcomes", "mainstay.kernel.run"
_ACTING, _LAST_LOOK = "mainstay.runtime.acting", "mainstay.runtime.last_look"

_PLANTED: tuple[Planted, ...] = (
    Planted(
        "the key changes with each attempt", patches=((_ACTING, "Acting.call", _with_a_key_per_attempt),)
    ),
    Planted(
        "the digest is not checked again before the call",
        patches=((_ACTING, "Acting._may_leave", _without_digest),),
    ),
    Planted(
        "the kill switch is not asked before the call",
        patches=((_LAST_LOOK, "LastLook.still_wanted", _without_kill_switch),),
    ),
    Planted(
        "a cancel is not asked before the call",
        patches=((_LAST_LOOK, "LastLook.still_wanted", _without_cancel),),
    ),
    Planted("an answer by hand is forgotten at boot", lambda: Parts(director=_AnswersByHandForgotten)),
    Planted(
        "the epoch is not checked before the call",
        patches=((_LAST_LOOK, "LastLook.epoch_holds", lambda look: True),),
    ),
    Planted(
        "what was overtaken is sent", patches=((_LAST_LOOK, "LastLook.overtaken", lambda look, run: ""),)
    ),
    Planted("the approval gate is skipped on a retry", patches=((_DOOR, "verdict_on", _verdict_once),)),
    Planted("the gate is ignored", patches=((_DOOR, "held_back", _always_passed),)),
    Planted(
        "a sample of the gate goes unasked", patches=(("mainstay.kernel.gate", "passed", _by_auto_alone),)
    ),
    Planted("late answers are accepted", patches=((_RUN, "record", _record_late),)),
    Planted("holds are ignored", patches=(("mainstay.kernel.draft", "Draft.affords", _affords_all),)),
    Planted("running work is forgotten at boot", lambda: Parts(director=_AgentsForgottenAtBoot)),
    Planted("money held is forgotten at boot", lambda: Parts(director=_HoldsForgottenAtBoot)),
    Planted("only some open runs are loaded at boot", lambda: Parts(director=_RunsLoadedUntilFull)),
    Planted(
        "in doubt is retried blindly", patches=(("mainstay.kernel.recovery", "_unproven", _always_again),)
    ),
    Planted(
        "once is called again after a crash", patches=(("mainstay.kernel.waking", "fail", _lost_is_retried),)
    ),
    Planted("not seen is taken for absent", patches=((_OUTCOMES, "_not_found", _unseen_is_absent),)),
    Planted("effects are handed out before the commit", lambda: Parts(early_effects=True)),
    Planted("answers are given before the commit", lambda: Parts(early_answers=True)),
    Planted("a tick is thrown away when the disk is full", lambda: Parts(drop_when_full=True)),
    Planted(
        "a duplicate is taken in again",
        patches=(("mainstay.runtime.inbox", "Inbox._seen", lambda inbox, table, key: False),),
    ),
    Planted(
        "an expired card can be granted", patches=(("mainstay.kernel.cards", "_expired", _never_expired),)
    ),
    Planted("an edit approves what was shown before", patches=((_RUN, "edit", _edit_approves_the_old),)),
    Planted("unknown cost counts as nothing", patches=((_RUN, "record", _record_unknown_as_free),)),
    Planted(
        "a run is superseded while it acts",
        patches=(
            (_RUN, "supersedable", _running_is_supersedable),
            ("mainstay.runtime.inbox", "supersedable", _running_is_supersedable),
        ),
    ),
    Planted("a timer is lost when the clock goes back", lambda: Parts(director=_EarlyTimerLost)),
    Planted("the next in line is never released", lambda: Parts(director=_QueueNotReleased)),
    Planted("counts are not kept", lambda: Parts(director=_CountsNotKept)),
    Planted(
        "what may have arrived is forgotten when its run ends",
        patches=(
            ("mainstay.kernel.moves", "may_have_left", _only_under_way),
            ("mainstay.kernel.state", "may_have_left", _only_under_way),
            ("mainstay.kernel.ending", "may_have_left", _only_under_way),
            ("mainstay.kernel.waking", "may_have_left", _only_under_way),
        ),
    ),
    Planted("a card hides an earlier call", patches=((_DOOR, "may_have_left", _never_left),)),
)

PLANTED = (*_PLANTED, *PLANTED_STEERING, *PLANTED_TIMES, *PLANTED_MONEY, *PLANTED_AUTONOMY, *PLANTED_CARDS)
