"""Why an act is judged as it is: the verdict, and every rule that had a part in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mainstay.config.circumstances import suppose
from mainstay.kernel.circumstances import circumstances
from mainstay.kernel.contract import Operation, Repeatability
from mainstay.kernel.door import verdict_on
from mainstay.kernel.draft import Draft
from mainstay.kernel.errors import NotFound
from mainstay.kernel.facts import Facts
from mainstay.kernel.ids import IdempotencyKey
from mainstay.kernel.policy import RESERVED, Action, Between, Policy, Verdict, evaluate
from mainstay.kernel.policy_trace import Traced, trace
from mainstay.kernel.state import RunState
from mainstay.kernel.values import Digest, Json


@dataclass(frozen=True, slots=True)
class Explained:
    """A verdict and every rule that had a part in it."""

    act: str
    verdict: Verdict
    rules: tuple[Traced, ...]
    policy: Digest
    circumstances: Json  # what changes with the hour and with every act
    features: Json
    finality: str
    left_out: tuple[str, ...] = ()  # what a described act has nothing of

    @property
    def above(self) -> bool:
        """Whether something that stands above every rule decided."""
        return self.verdict.rule in RESERVED


def explained(state: RunState, number: int, facts: Facts) -> Explained:
    """Why the act of a task is judged as it is now. Raises `NotFound` for a task that has none."""
    act = state.task(number).act if state.exists(number) else None
    if act is None:
        raise NotFound(
            f"Task {number} of this run has proposed nothing.",
            why="Rules judge an effect, and there is none.",
            remedy="`mainstay run RUN` shows the tasks of a run.",
        )
    draft = Draft(state, facts)
    counts = circumstances(draft, number, act.action)
    return Explained(
        act.action.act,
        verdict_on(draft, number, act.action),
        trace(facts.policy, act.action, counts),
        facts.policy.digest,
        _told(counts),
        act.action.features,
        str(act.action.finality),
    )


def supposed(
    act: str, operation: Operation, given: Mapping[str, str], policy: Policy, *, weekday: int, minute: int
) -> Explained:
    """What these rules would say of an act that is described by what rules may look at."""
    told = suppose(given)
    usual: Json = {"weekday": weekday, "minute": minute, "hour": minute // 60, "template_changed": False}
    usual |= {"workflow": "", "done_by_this_workflow": 0, "done_today": 0, "done_this_hour": 0}
    counts = usual | told.counts
    action = Action(
        *(act, told.adapter, told.operation or act.partition(".")[2], "", Repeatability.ONCE),
        told.finality or operation.finality,
        *(IdempotencyKey(""), Digest(""), Digest(""), Digest("")),
        price_micros=told.price_micros,
        features=told.features,
    )
    return Explained(
        act,
        evaluate(policy, action, counts),
        trace(policy, action, counts),
        policy.digest,
        counts,
        told.features,
        str(action.finality),
        ("the kill switch", "inspectors", "the gate", "autonomy"),
    )


def _told(counts: Mapping[str, Any]) -> Json:
    """Counts as plain numbers: what is done; and beside it what will be, where more is on its way."""
    told: Json = {}
    for name, value in counts.items():
        if isinstance(value, Between):
            told[name] = value.least
            if value.most != value.least:
                told[f"{name}_at_most"] = value.most
        else:
            told[name] = value
    return told
