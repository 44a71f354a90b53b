"""Bugs planted in money and memory: prices, reservations, what models are paid, the cache, versions of a memory."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mainstay.kernel import draft as drafts
from mainstay.kernel.commands import AllowSpending, RecordOutcome, RetractMemory
from mainstay.kernel.draft import Draft, ceiling_of
from mainstay.kernel.effects import InvokeAgent
from mainstay.kernel.events import MemoryEvent, MemoryRetracted, ModelUsed
from mainstay.kernel.facts import Facts
from mainstay.kernel.outcomes import record
from mainstay.kernel.owed import _ask_agent
from mainstay.kernel.plan import TaskSpec
from mainstay.kernel.remembering import Known, decide_memory
from mainstay.kernel.state import Phase, RunState, TaskState
from mainstay.kernel.steering import steer
from mainstay.kernel.waking import try_blocked
from mainstay.runtime.remembering import Remembering
from mainstay.runtime.thinking import Notes, Thinking
from mainstay.testing.planting import Planted


def _unknown_is_free(state: RunState, facts: Facts, spec: TaskSpec) -> int | None:
    return ceiling_of(state, facts, spec) or 0


def _unknown_is_the_budget(state: RunState, facts: Facts, spec: TaskSpec) -> int | None:
    known = ceiling_of(state, facts, spec)
    return spec.cost_max_micros if known is None else known


def _more_than_is_held(state: RunState, number: int, task: TaskState) -> InvokeAgent:
    return replace(_ask_agent(state, number, task), cost_max=state.spec(number).cost_max_micros)


def _cache_billed(thinking: Thinking, effect: InvokeAgent, drawn: Any) -> Notes:
    notes = _real_noted(thinking, effect, drawn)
    return tuple(
        replace(one, cost=one.cost + one.saved) if isinstance(one, ModelUsed) else one for one in notes
    )


def _guarding_not_told(thinking: Thinking, effect: InvokeAgent, drawn: Any) -> Notes:
    notes = _real_noted(thinking, effect, drawn)
    return tuple(replace(one, guarding=False) if isinstance(one, ModelUsed) else one for one in notes)


_real_noted = Thinking._noted


def _models_not_billed(command: RecordOutcome, hold: int) -> RecordOutcome:
    return command


def _late_notes_told(draft: Draft, command: RecordOutcome) -> None:
    task = draft.state.find(command.task)
    if task is not None and task.attempt != command.attempt and task.phase is Phase.RUNNING:
        for note in command.notes:
            draft.emit(note)
    record(draft, command)


def _paid_under_the_kill_switch(*args: Any, **fields: Any) -> str:
    scope = _real_waits(*args, **fields)
    return "" if scope == "kill switch" else scope


_real_waits = drafts.waits_for


def _raised_in_memory(draft: Draft, command: Any) -> None:
    if isinstance(command, AllowSpending) and command.scope == "run":
        draft.state = replace(draft.state, unusual=replace(draft.state.unusual, run_max=command.amount))
        try_blocked(draft)
        return
    steer(draft, command)


def _retracted_again(command: Any, known: Known | None) -> MemoryEvent | None:
    if isinstance(command, RetractMemory) and known is not None:
        return MemoryRetracted(command.memory, known.version, command.actor, command.reason)
    return decide_memory(command, known)


def _forgets_its_tick(remembering: Remembering, command: Any) -> MemoryEvent | None:
    remembering.begin_tick()
    return _real_remember(remembering, command)


_real_remember = Remembering.decide


_THINKING = "mainstay.runtime.thinking"
_GOING, _WAKING, _OUTCOMES = "mainstay.kernel.going", "mainstay.kernel.waking", "mainstay.kernel.outcomes"

PLANTED_MONEY: tuple[Planted, ...] = (
    Planted(
        "an unknown price counts as nothing",
        patches=((_GOING, "ceiling_of", _unknown_is_free), (_WAKING, "ceiling_of", _unknown_is_free)),
    ),
    Planted(
        "an unknown price counts as the task's budget",
        patches=(
            (_GOING, "ceiling_of", _unknown_is_the_budget),
            (_WAKING, "ceiling_of", _unknown_is_the_budget),
        ),
    ),
    Planted(
        "an agent may spend more than was reserved",
        patches=(("mainstay.kernel.owed", "_ask_agent", _more_than_is_held),),
    ),
    Planted("an answer from the cache is billed", patches=((_THINKING, "Thinking._noted", _cache_billed),)),
    Planted("whose money guards is not told", patches=((_THINKING, "Thinking._noted", _guarding_not_told),)),
    Planted(
        "what models cost is not booked where the agent is silent",
        patches=((_OUTCOMES, "_billed", _models_not_billed),),
    ),
    Planted(
        "what a late attempt used is booked", patches=(("mainstay.kernel.run", "record", _late_notes_told),)
    ),
    Planted(
        "paid thinking begins under the kill switch",
        patches=(("mainstay.kernel.draft", "waits_for", _paid_under_the_kill_switch),),
    ),
    Planted(
        "a raised budget is not recorded", patches=(("mainstay.kernel.run", "steer", _raised_in_memory),)
    ),
    Planted(
        "a memory is retracted twice",
        patches=(("mainstay.runtime.remembering", "decide_memory", _retracted_again),),
    ),
    Planted(
        "what a tick remembers is forgotten in the same tick",
        patches=(("mainstay.runtime.remembering", "Remembering.decide", _forgets_its_tick),),
    ),
)
