"""The workflow of what somebody outside proposes: one act, and before it the checks that such an act passes anyway.

It is made from the contract of the act alone, so the same act has the same definition everywhere, and a run is pinned
to its bytes like any other. No file declares it and no event starts it.
"""

from __future__ import annotations

from mainstay.kernel.contract import FieldType, Operation
from mainstay.kernel.plan import PROPOSED, Role, TaskKind, TaskSpec, Workflow
from mainstay.kernel.predicates import Binding, Ref
from mainstay.workflows.tasks import PROPOSER

CHECKS = "reply-checks"  # the inspector of replies, whoever wrote them
PROPOSAL = "proposal"  # of the trigger: who proposed it, why, and the plain values


def workflow_of(act: str, operation: Operation) -> Workflow:
    """One run of this does the act once, and asks before."""
    message, reply = field_of(operation, FieldType.MESSAGE), field_of(operation, FieldType.REPLY)
    inputs: list[tuple[str, Binding]] = [(PROPOSAL, Ref("trigger", (PROPOSAL,)))]
    inputs += [(name, Ref("trigger", (name,))) for name in (message, reply) if name]
    checks = (_checks(message, reply),) if message and reply else ()
    proposed = TaskSpec(
        name="propose",
        kind=TaskKind.ACT,
        role=Role.EXECUTOR,
        agent=PROPOSER,
        act=act,
        inputs=tuple(inputs),
        needs=tuple(one.name for one in checks),
    )
    return Workflow(name=PROPOSED, version=1, tasks=(*checks, proposed))


def field_of(operation: Operation, kind: FieldType) -> str:
    """The name of the request's field of this kind; empty where it has none."""
    return next((one.name for one in operation.request.fields if one.type is kind), "")


def _checks(message: str, reply: str) -> TaskSpec:
    return TaskSpec(
        name="inspect",
        kind=TaskKind.THINK,
        role=Role.INSPECTOR,
        agent=CHECKS,
        inputs=(("draft", Ref("trigger", (reply,))), ("message", Ref("trigger", (message,)))),
    )
