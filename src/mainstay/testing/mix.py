"""What a seed draws before anything happens: which faults, how often, which workflows, rules and limits.

A `Mix` is all that makes one history differ from another, so a history is repeated from its seed and made
shorter by making its mix smaller (`smaller`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from random import Random
from typing import Any

from mainstay.kernel.autonomy import AutonomyRules, Level
from mainstay.kernel.breaker import DEFAULT_BREAKER, BreakerSettings
from mainstay.kernel.budget import Limits
from mainstay.kernel.ids import digest
from mainstay.kernel.plan import (
    Missed,
    Plan,
    Priority,
    Role,
    Schedule,
    Supersede,
    TaskKind,
    TaskSpec,
    Trigger,
    Workflow,
    compile_plan,
)
from mainstay.kernel.policy import Condition, Decision, Policy, Rule
from mainstay.kernel.predicates import All, AnyOf, Binding, Compare, Literal, Not, Operator, Predicate, Ref
from mainstay.kernel.throttle import Rate
from mainstay.kernel.values import DAY, HOUR, MINUTE, SECOND, Instant
from mainstay.testing.cast import STANDARD_CAST, Cast
from mainstay.testing.world import MESSAGE
from mainstay.workflows.loader import read_workflow

BEGIN = Instant(1_767_225_600 * SECOND)  # 2026-01-01T00:00:00Z
# The most often that each fault strikes where it can; a mix draws below it, or nothing.
RATES: dict[str, float] = {
    "crash": 0.025,
    "disk full": 0.06,
    "write error": 0.01,
    "fsync error": 0.01,
    "clock forward": 0.02,
    "clock back": 0.02,
    "clock over a day": 0.004,
    "zombie": 0.02,
    "contract upgraded": 0.02,
    "command while nobody is at work": 0.4,
    "call: refused": 0.06,
    "call: throttled": 0.12,
    "call: not now": 0.12,
    "call: request lost": 0.12,
    "call: answer lost": 0.25,
    "call: silent before": 0.12,
    "call: silent after": 0.2,
    "call: raised before": 0.05,
    "call: raised after": 0.05,
    "call: doubled": 0.1,
    "look-up: silent": 0.1,
    "look-up: raised": 0.1,
    "refresh failed": 0.05,
    "agent failed": 0.12,
    "agent raised": 0.04,
    "agent silent": 0.1,
    "agent confused": 0.03,
    "notifier raised": 0.05,
    "notifier silent": 0.05,
    "late answer": 0.5,
    "doubled answer": 0.3,
    "kill switch": 0.04,
    "cancel": 0.04,
    "cancel halfway": 0.2,
    "stale yes": 0.1,
    "pause": 0.06,
    "cancel task": 0.02,
    "incident": 0.01,
    "fork": 0.05,
    "stop": 0.01,
}
UNDOS = ("keyed.undo", "findable.undo", "vague.undo", "once.undo")
ACTS = ("keyed.do", "findable.do", "vague.do", "once.do", "legal.do", "email.label", "email.reply")


@dataclass(frozen=True, slots=True)
class Mix:
    """One history's conditions."""

    rates: dict[str, float]
    plans: tuple[Plan, ...]
    policy: Policy
    limits: Limits
    steps: int = 220
    messages: int = 6
    threads: int = 3
    starts: int = 3
    attention: float = 0.5  # how readily the operator looks at the cards
    by_hand: float = 0.1  # share of messages that are the operator's own answers
    doubled: float = 0.15  # share of messages that arrive twice
    forks: int = 0
    restore: bool = False  # a backup is taken, and restored later
    throttles: Mapping[str, Rate] = field(default_factory=dict)
    breakers: BreakerSettings = DEFAULT_BREAKER
    begin: Instant = BEGIN
    sqlite: bool = False
    ceilings: Mapping[str, int | None] = field(
        default_factory=dict
    )  # of agents; None: nobody knows the price
    notes: int = 0  # how often something is remembered, or retracted
    cast: Cast = STANDARD_CAST
    autonomy: AutonomyRules | None = (
        None  # kinds of act are granted as soon as they are proved; None: never here
    )
    recipes: float = 0.0  # how likely a director is to start with another recipe
    undo_us: int = 0  # how long what was approved can be taken back
    puts_off: float = 0.0  # how likely the operator puts a card off instead of answering it


def draw(seed: int) -> Mix:
    """The mix of a seed."""
    random = Random(f"{seed} mix")
    rates = draw_rates(random)
    begin = Instant(BEGIN + random.randrange(DAY))
    plans = [random_plan(random, number, begin) for number in range(random.randint(1, 2))]
    if random.random() < 0.4:
        plans.append(triage())
    if random.random() < 0.2:
        plans[-1], begin = scheduled(random)
    if random.random() < 0.03:
        plans.append(poisoned(random))
    autonomy, recipes, silent = _autonomy(Random(f"{seed} autonomy"))
    policy = _policy(random)
    if silent:
        policy = Policy(())  # no rule says anything, so what was earned counts
        plans = plans[:1]  # and what one workflow has earned is met again
    return Mix(
        rates=rates,
        plans=tuple(plans),
        policy=policy,
        limits=_limits(random),
        steps=random.choice((80, 160, 320)),
        messages=random.randint(1, 6),
        threads=random.randint(1, 3),
        starts=random.randint(0, 3) + (6 if silent else 0),
        attention=1.0 if silent else random.choice((0.1, 0.5, 1.0)),
        by_hand=random.choice((0.0, 0.4)),
        doubled=random.choice((0.0, 0.3)),
        forks=random.choice((0, 0, 1, 2)),
        restore=random.random() < 0.12,
        throttles=_throttles(random),
        breakers=_breakers(random),
        begin=begin,
        sqlite=seed % 50 == 7,
        ceilings=_ceilings(Random(f"{seed} prices")),
        notes=Random(f"{seed} notes").choice((0, 0, 0, 8)),
        autonomy=autonomy,
        recipes=recipes,
        undo_us=Random(f"{seed} second thoughts").choice((0, 0, 10 * SECOND, 10 * MINUTE)),
        puts_off=Random(f"{seed} putting off").choice((0.0, 0.0, 0.2, 0.5)),
    )


def draw_rates(random: Random) -> dict[str, float]:
    """Which faults strike, and how often."""
    busy = random.choice((0.3, 0.6, 1.0))
    return {kind: most * busy * random.random() * 2 for kind, most in RATES.items() if random.random() < 0.6}


def smaller(mix: Mix) -> Iterator[Mix]:
    """Mixes with less in them, the largest cuts first."""
    for kind in mix.rates:
        yield replace(mix, rates={name: rate for name, rate in mix.rates.items() if name != kind})
    if len(mix.plans) > 1:
        for plan in mix.plans:
            yield replace(mix, plans=tuple(one for one in mix.plans if one is not plan))
    for name in ("messages", "starts", "steps"):
        value = getattr(mix, name)
        for less in (value // 2, value - 1):
            if 0 <= less < value:
                changes: dict[str, Any] = {name: less}
                yield replace(mix, **changes)
    for name, plain in (
        ("limits", Limits()),
        ("throttles", {}),
        ("breakers", DEFAULT_BREAKER),
        ("forks", 0),
        ("ceilings", {}),
        ("notes", 0),
        ("undo_us", 0),
        ("puts_off", 0.0),
        ("restore", False),
    ):
        if getattr(mix, name) != plain:
            without: dict[str, Any] = {name: plain}
            yield replace(mix, **without)


@cache
def triage() -> Plan:
    """The triage workflow as it is shipped."""
    file = files("mainstay.data") / "sample" / "workspace" / "workflows" / "triage.yaml"
    return read_workflow(file.read_bytes(), "triage.yaml").plan


# --- random plans ---------------------------------------------------------------------------------


def random_plan(random: Random, number: int, begin: Instant = BEGIN) -> Plan:
    """A workflow of three to nine tasks: branches, fan-outs, inspectors, acts of every kind."""
    tasks: list[TaskSpec] = []
    for at in range(random.randint(2, 7)):
        tasks.append(_timed(random, _random_task(random, at, tasks), begin))
        last = tasks[-1]
        if last.kind is TaskKind.THINK and last.for_each is None and random.random() < 0.2:
            tasks.append(_inspector(random, last))
    if not any(task.kind is TaskKind.ACT for task in tasks):
        tasks.append(_act(random, "last", tasks))
    workflow = Workflow(
        f"random{number}",
        1,
        tuple(tasks),
        Trigger(MESSAGE) if number == 0 else None,
        Ref("trigger", ("message", "thread")) if random.random() < 0.7 else None,
        random.choice(list(Supersede)),
        random.choice((None, None, 2_500)),
        priority=random.choice(list(Priority)),
        runs_max=random.choice((None, None, None, 1, 2)),
        key_max=random.choice((1, 1, 1, 2)),
        deadline_us=random.choice((None, None, None, None, HOUR, 2 * DAY)),
        delay_us=random.choice((0, 0, 0, 0, 10 * MINUTE)),
    )
    return compile_plan(workflow, digest(repr(workflow).encode()))


def _random_task(random: Random, at: int, before: list[TaskSpec]) -> TaskSpec:
    if before and random.random() < 0.4:
        return _act(random, f"act{at}", before)
    name = f"think{at}"
    lists = [one for one in before if one.kind is TaskKind.THINK and one.role is not Role.INSPECTOR]
    fans = bool(lists) and random.random() < 0.25
    return TaskSpec(
        name,
        TaskKind.THINK,
        Role.SPECIALIST,
        "thinker",
        inputs=_inputs(random, before, item=fans),
        needs=_needs(random, before),
        when=_when(random, before),
        for_each=Ref(random.choice(lists).name, ("items",)) if fans else None,
        item_max=3 if random.random() < 0.2 else 100,
        optional=random.random() < 0.15,
        cost_max_micros=random.choice((0, 0, 200, 700)),
        timeout_s=20.0,
        attempt_max=random.randint(1, 4),
    )


def _act(random: Random, name: str, before: list[TaskSpec]) -> TaskSpec:
    lists = [one for one in before if one.kind is TaskKind.THINK and one.role is not Role.INSPECTOR]
    fans = bool(lists) and random.random() < 0.1
    undo = _undo(random, name) if random.random() < 0.5 else None
    return TaskSpec(
        name,
        TaskKind.ACT,
        Role.EXECUTOR,
        "proposer",
        random.choice(ACTS),
        inputs=_inputs(random, before, item=fans),
        needs=_needs(random, before),
        when=_when(random, before),
        for_each=Ref(random.choice(lists).name, ("items",)) if fans else None,
        optional=random.random() < 0.15,
        cost_max_micros=random.choice((0, 0, 150)),
        compensate=undo,
        deadline_us=random.choice((None, 2 * HOUR, 2 * DAY)),
        timeout_s=20.0,
        attempt_max=random.randint(1, 4),
    )


def _undo(random: Random, name: str) -> TaskSpec:
    """What takes an act back; it may read what the act gave."""
    inputs: tuple[tuple[str, Binding], ...] = (("seed", Literal(random.randrange(1_000))),)
    if random.random() < 0.5:
        inputs += (("key", Ref(name, ("key",))),)
    return TaskSpec(
        f"undo {name}",
        TaskKind.ACT,
        Role.EXECUTOR,
        "proposer",
        random.choice(UNDOS),
        inputs=inputs,
        timeout_s=20.0,
        attempt_max=random.randint(1, 3),
    )


def _timed(random: Random, task: TaskSpec, begin: Instant) -> TaskSpec:
    """Sometimes later, or in time for something."""
    if random.random() < 0.08:
        task = replace(task, delay_us=random.choice((MINUTE, HOUR)))
    if random.random() < 0.04:
        task = replace(task, not_before=Instant(begin + random.randrange(DAY)))
    if task.kind is TaskKind.THINK and random.random() < 0.08:
        task = replace(task, deadline_us=random.choice((10 * SECOND, 5 * MINUTE, HOUR)))
    return task


def poisoned(random: Random) -> Plan:
    """A workflow with a task that ends every director that begins it."""
    bad = TaskSpec(
        "bad", TaskKind.THINK, Role.SPECIALIST, "poison", timeout_s=20.0, attempt_max=random.randint(1, 3)
    )
    after = TaskSpec("after", TaskKind.THINK, Role.SPECIALIST, "thinker", timeout_s=20.0)
    workflow = Workflow("poisoned", 1, (bad, after))
    return compile_plan(workflow, digest(repr(workflow).encode()))


# Places whose clocks are put forward and back, and instants shortly before they are.
_CHANGES: tuple[tuple[str, int], ...] = (
    ("Europe/Berlin", 1_774_746_000),  # 2026-03-29T01:00:00Z
    ("Europe/Berlin", 1_792_890_000),  # 2026-10-25T01:00:00Z
    ("America/New_York", 1_772_953_200),  # 2026-03-08T07:00:00Z
    ("America/New_York", 1_793_512_800),  # 2026-11-01T06:00:00Z
    ("Australia/Lord_Howe", 1_775_314_800),  # 2026-04-04T15:00:00Z, by half an hour
    ("Australia/Lord_Howe", 1_791_041_400),  # 2026-10-03T15:30:00Z
    ("UTC", 1_774_746_000),
)
_CRONS = (
    "30 2 * * *",
    "0 1-3 * * *",
    "*/30 1-3 * * *",
    "15 0,12 * * *",
    "0 */6 * * *",
    "45 1 * * 0",
    "10 */2 * * 6,0",
)


def scheduled(random: Random) -> tuple[Plan, Instant]:
    """A small workflow on a schedule, and an instant shortly before a change of the clock."""
    zone, change = random.choice(_CHANGES)
    schedule = Schedule(random.choice(_CRONS), zone, random.choice(list(Missed)))
    tasks = [TaskSpec("think0", TaskKind.THINK, Role.SPECIALIST, "thinker", timeout_s=20.0)]
    if random.random() < 0.5:
        tasks.append(replace(_act(random, "act1", tasks), for_each=None))
    workflow = Workflow(
        "scheduled",
        1,
        tuple(tasks),
        Trigger("schedule.due/1", schedule=schedule),
        runs_max=random.choice((None, None, 1)),
    )
    begin = Instant(change * SECOND - random.randrange(DAY))
    return compile_plan(workflow, digest(repr(workflow).encode())), begin


def _inspector(random: Random, target: TaskSpec) -> TaskSpec:
    return TaskSpec(
        f"inspect_{target.name}",
        TaskKind.THINK,
        Role.INSPECTOR,
        "inspector",
        inputs=(("draft", Ref(target.name, ("text",))),),
        cost_max_micros=random.choice((0, 100)),
        revisions_max=random.randint(0, 2),
        timeout_s=20.0,
    )


def _inputs(random: Random, before: list[TaskSpec], *, item: bool) -> tuple[tuple[str, Binding], ...]:
    inputs: list[tuple[str, Binding]] = [("seed", Literal(random.randrange(1_000)))]
    if item:
        inputs.append(("item", Ref("item")))
    if before and random.random() < 0.5:
        inputs.append(("value", Ref(random.choice(before).name, ("value",))))
    return tuple(inputs)


def _needs(random: Random, before: list[TaskSpec]) -> tuple[str, ...]:
    return tuple(one.name for one in random.sample(before, min(len(before), random.choice((0, 1, 1, 2)))))


def _when(random: Random, before: list[TaskSpec]) -> Predicate | None:
    thinking = [one for one in before if one.kind is TaskKind.THINK and one.for_each is None]
    if not thinking or random.random() < 0.7:
        return None
    flag = Compare(Ref(random.choice(thinking).name, ("flag",)), Operator.IS, True)
    value = Compare(Ref(random.choice(thinking).name, ("value",)), Operator.ABOVE, random.randrange(100))
    choices: tuple[Predicate, ...] = (flag, value, Not(flag), All((flag, value)), AnyOf((flag, value)))
    return random.choice(choices)


# --- rules and limits -----------------------------------------------------------------------------


def _policy(random: Random) -> Policy:
    rules: list[Rule] = []
    if random.random() < 0.7:
        allowed = random.choice(("*.do", "*", "keyed.*", "findable.*"))
        rules.append(Rule("allowed", Decision.ALLOW, "this is a test", allowed))
    if random.random() < 0.5:
        rules.append(Rule("labels", Decision.ALLOW, "labels are free", "email.label"))
    if random.random() < 0.4:
        first = Condition("done_by_this_workflow", Operator.BELOW, random.randint(1, 3))
        rules.append(
            Rule("first", Decision.ASK, "the first ones ask", random.choice(("*", "*.do")), (first,))
        )
    if random.random() < 0.3:
        risky = Condition("risky", Operator.IS, True)
        then = random.choice((Decision.ASK, Decision.DENY))
        rules.append(Rule("risky", then, "it is risky", "*", (risky,)))
    if random.random() < 0.1:
        rules.append(Rule("forbidden", Decision.DENY, "not here", random.choice(ACTS)))
    return Policy(tuple(rules))


def _autonomy(random: Random) -> tuple[AutonomyRules | None, float, bool]:
    """Targets so wide that a few decisions prove a kind: histories are short."""
    if random.random() < 0.8:
        return None, 0.0, False
    rules = AutonomyRules(
        target_ppm=random.choice((700_000, 950_000, 950_000)),
        hold_us=random.choice((MINUTE, HOUR)),
        most=random.choice((Level.HELD, Level.AUTOMATIC, Level.AUTOMATIC)),
        by_itself=True,
    )
    return rules, random.choice((0.0, 0.3)), random.random() < 0.8


def _throttles(random: Random) -> dict[str, Rate]:
    if random.random() < 0.65:
        return {}
    scopes = random.sample(_THROTTLED, random.randint(1, 2))
    return {
        scope: Rate(random.randint(1, 4), random.choice((MINUTE, 10 * MINUTE)), random.randint(1, 3))
        for scope in scopes
    }


_THROTTLED = (
    "workspace",
    "agent:thinker",
    "agent:proposer",
    "adapter:keyed",
    "adapter:findable",
    "adapter:once",
)


def _breakers(random: Random) -> BreakerSettings:
    if random.random() < 0.4:
        return DEFAULT_BREAKER
    rest = random.choice((30 * SECOND, 10 * MINUTE))
    return BreakerSettings(random.randint(1, 3), rest, 4 * rest)


def _ceilings(random: Random) -> dict[str, int | None]:
    """What some agents can cost at most: all that their tasks' budgets allow, less, or nobody knows."""
    names = ("thinker", "proposer", "inspector")
    return {name: random.choice((None, 120)) for name in names if random.random() < 0.2}


def _limits(random: Random) -> Limits:
    if random.random() < 0.5:
        return Limits()
    return Limits(
        day_micros=random.choice((None, 1_500, 4_000)),
        month_micros=random.choice((None, 20_000)),
        run_micros=random.choice((None, 900, 2_000)),
        workflow_day_micros=random.choice((None, 2_000)),
    )
