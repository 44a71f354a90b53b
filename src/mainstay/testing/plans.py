"""Small plans, actions and policies to test with: chains, fans, diamonds, acts of each repeatability.

Everything here is plainly sample data and depends on its arguments alone, so that a failing test can be repeated
by reading it. `plan_of` compiles what it is given like any workflow, so an impossible plan is refused here too.
"""

from __future__ import annotations

from typing import Any

from mainstay.kernel.contract import Finality, Repeatability
from mainstay.kernel.ids import RunId, derive, digest, idempotency_key, run_id
from mainstay.kernel.plan import Plan, Role, TaskKind, TaskSpec, Workflow, compile_plan
from mainstay.kernel.policy import Action, Condition, Decision, Policy, Rule
from mainstay.kernel.predicates import Binding, Literal, Ref
from mainstay.kernel.values import SECOND, Digest, Instant, Json

NOW = Instant(1_767_225_600 * SECOND)  # 2026-01-01T00:00:00Z
RUN: RunId = run_id(NOW, "sample", "trigger")

ALLOW_ALL = Policy((Rule("allowed", Decision.ALLOW, "this is a test"),))
ASK_ALL = Policy((Rule("asks", Decision.ASK, "a person looks first"),))
DENY_ALL = Policy((Rule("denied", Decision.DENY, "not here"),))


def ref(text: str) -> Ref:
    """`ref("draft.reply")` is what a workflow file writes as `${draft.reply}`."""
    source, *path = text.split(".")
    return Ref(source, tuple(path))


def think(name: str, *needs: str, **fields: Any) -> TaskSpec:
    """A task that asks an agent. `reads={"input": "task.field"}` binds inputs."""
    return TaskSpec(
        name,
        TaskKind.THINK,
        fields.pop("role", Role.SPECIALIST),
        fields.pop("agent", "thinker"),
        inputs=_inputs(fields),
        needs=needs,
        **fields,
    )


def act(name: str, *needs: str, **fields: Any) -> TaskSpec:
    """A task that acts on the world: `act="email.reply"` unless told otherwise."""
    return TaskSpec(
        name,
        TaskKind.ACT,
        Role.EXECUTOR,
        fields.pop("agent", "proposer"),
        fields.pop("act", "email.reply"),
        inputs=_inputs(fields),
        needs=needs,
        **fields,
    )


def inspect(name: str, target: str, *needs: str, revisions_max: int = 1, **fields: Any) -> TaskSpec:
    """An inspector that looks at the output of `target` and may send it back."""
    return TaskSpec(
        name,
        TaskKind.THINK,
        Role.INSPECTOR,
        fields.pop("agent", "checks"),
        inputs=(("draft", ref(target)),),
        needs=needs,
        revisions_max=revisions_max,
        **fields,
    )


def each(name: str, items: str, *needs: str, **fields: Any) -> TaskSpec:
    """A task that fans out over a list: `each("label", "trigger.rows")`."""
    reads = {"item": "item", **fields.pop("reads", {})}
    return think(name, *needs, for_each=ref(items), reads=reads, **fields)


def plan_of(*tasks: TaskSpec, **fields: Any) -> Plan:
    """A compiled workflow of these tasks. `fields` are those of `Workflow`, such as `cost_max_micros`."""
    workflow = Workflow(fields.pop("name", "sample"), fields.pop("version", 1), tasks, **fields)
    return compile_plan(workflow, digest(repr(workflow).encode()))


def chain(length: int, **fields: Any) -> Plan:
    """`t0` before `t1` before `t2` and so on."""
    return plan_of(*(think(f"t{n}", *([f"t{n - 1}"] if n else []), **fields) for n in range(length)))


def fan_out(width: int, **fields: Any) -> Plan:
    """`root`, and `width` tasks that need it."""
    return plan_of(think("root"), *(think(f"t{n}", "root", **fields) for n in range(width)))


def fan_in(width: int, **fields: Any) -> Plan:
    """`width` tasks, and `join`, which needs them all."""
    return plan_of(
        *(think(f"t{n}", **fields) for n in range(width)), think("join", *(f"t{n}" for n in range(width)))
    )


def diamond(**fields: Any) -> Plan:
    """`top`, then `left` and `right` side by side, then `bottom`."""
    return plan_of(
        think("top", **fields),
        think("left", "top", **fields),
        think("right", "top", **fields),
        think("bottom", "left", "right", **fields),
    )


def triage(**fields: Any) -> Plan:
    """Annotate, draft, inspect (one revision), label beside, send: the shape of the shipped triage."""
    return plan_of(
        think("annotate"),
        think("draft", reads={"intent": "annotate.intent"}, role=Role.EXECUTOR),
        inspect("inspect", "draft.reply"),
        act("label", act="email.label", reads={"labels": "annotate.labels"}),
        act("send", "inspect", reads={"reply": "draft.reply"}),
        **fields,
    )


def action(
    task: int,
    *,
    run: RunId = RUN,
    text: str = "hello",
    act: str = "email.reply",
    repeatability: Repeatability = Repeatability.FINDABLE,
    finality: Finality = Finality.FINAL_LOW,
    price_micros: int | None = 0,
    attempt_max: int = 5,
    features: Json | None = None,
) -> Action:
    """An effect as an executor proposes it; other texts are other effects with other keys."""
    adapter, operation = act.split(".")
    payload = digest(f"{act}:{text}".encode())
    return Action(
        act=act,
        adapter=adapter,
        operation=operation,
        contract="1.0",
        repeatability=repeatability,
        finality=finality,
        key=idempotency_key(run, task, payload),
        payload=payload,
        card=digest(f"card of {text}".encode()),
        digest=Digest(derive("effect", run, task, act, text, price_micros or 0, size=32).hex()),
        price_micros=price_micros,
        attempt_max=attempt_max,
        features=features or {},
    )


def rule(name: str, then: Decision, act: str = "*", *conditions: Condition) -> Rule:
    """One rule of a policy, with a reason made from its name."""
    return Rule(name, then, f"because of {name}", act, conditions)


def _inputs(fields: dict[str, Any]) -> tuple[tuple[str, Binding], ...]:
    reads: dict[str, str] = fields.pop("reads", {})
    values: dict[str, Any] = fields.pop("values", {})
    bound: list[tuple[str, Binding]] = [(name, ref(text)) for name, text in reads.items()]
    return tuple(bound + [(name, Literal(value)) for name, value in values.items()])
