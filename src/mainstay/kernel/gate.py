"""The gate: whether what specialists said may be relied upon without a person.

A specialist that annotates may say of itself, in the typed field `auto`, whether its annotation passed its gate. An act
that cannot be taken back and that needs one which did not pass is laid before a person, whatever the rules allow: the
gate judges the annotation, rules judge the kind of act, and an act needs both.

Rules of this file: pure; only typed fields are read (`auto`, `audit`, `unknown`, and the numbers of `gate`), never a
text. A specialist that says nothing of `auto` is not judged here; whatever it says there but `true` has not passed.
What a sample was drawn for (`audit`), and what is like nothing that was taught (`unknown`), counts as not passed even
where it says `auto`. A specialist that the act needs and that was given up vouches for nothing, also an optional one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mainstay.kernel.plan import Role
from mainstay.kernel.state import Phase, RunState
from mainstay.kernel.values import Json


def annotates(output: Mapping[str, Any] | None) -> bool:
    """Whether this output is an annotation that was put to a gate."""
    return output is not None and output.get("auto") is not None


def passed(output: Mapping[str, Any]) -> bool:
    """Whether an annotation may be relied upon without a person."""
    return output["auto"] is True and output.get("audit") is not True and output.get("unknown") is not True


def held_back(state: RunState, number: int) -> str:
    """Why a person must look before this act, in words with numbers; empty where nothing that it needs says so."""
    if state.undoes(number) is not None:
        return ""  # what was said of an act says nothing of taking it back
    for task in _specialists_before(state, number):
        for output in _annotations(state, task):
            if not passed(output):
                return reason_of(state.name(task), output)
        if _given_up(state, task):
            return f"{state.name(task)} came to nothing, so nobody vouches for it"
    return ""


def annotated_before(state: RunState, number: int) -> Iterator[tuple[int, Json]]:
    """What specialists before this task put to a gate, directly needed or not: each by its task; the nearest first."""
    for task in _specialists_before(state, number):
        for output in _annotations(state, task):
            yield task, output


def _specialists_before(state: RunState, number: int) -> Iterator[int]:
    plan = state.plan
    assert plan is not None
    first = state.expansion_of(number).parent if number >= plan.size else number
    seen, todo = {first}, [first]
    for current in todo:
        for need in plan.needs[current]:
            if need in seen:
                continue
            seen.add(need)
            todo.append(need)
            if plan.workflow.tasks[need].role is Role.SPECIALIST:
                yield need


def _annotations(state: RunState, task: int) -> Iterator[Json]:
    output = state.task(task).output
    if output is None:
        return
    for one in output.get("items", ()) if state.spec(task).for_each is not None else (output,):
        if isinstance(one, dict) and annotates(one):
            yield one


def _given_up(state: RunState, task: int) -> bool:
    """Whether it, or one of its items, was tried and came to nothing."""
    if state.task(task).phase is Phase.FAILED:
        return True
    items = (range(fan.first, fan.first + fan.count) for fan in state.expansions if fan.parent == task)
    return any(state.task(item).phase is Phase.FAILED for fan in items for item in fan)


def reason_of(name: str, output: Json) -> str:
    """Why an annotation did not pass; `name` says whose it is. Empty where it did."""
    if annotates(output) and passed(output):
        return ""
    if output.get("unknown") is True:
        return f"{name} finds it like nothing that it was taught: that always goes to a person"
    if output.get("audit") is True:
        return f"{name} is sure enough; this one belongs to the sample that a person looks at all the same"
    told = output.get("gate")
    gate = told if isinstance(told, dict) else {}
    learned, wanted = gate.get("learned"), gate.get("wanted")
    if type(learned) is int and type(wanted) is int and learned < wanted:
        so_far = f"{name} was confirmed or corrected {learned} times so far"
        return f"{so_far}, and {wanted} are wanted before it is relied upon"
    risk, most = gate.get("risk"), gate.get("risk_max")
    if isinstance(risk, float) and isinstance(most, float) and risk > most:
        return f"{name} takes it to be wrong with {_share(risk)}, and up to {_share(most)} may go unasked"
    return f"{name} is not sure enough of it"


def _share(value: float) -> str:
    return f"{100 * value:.1f} %"
