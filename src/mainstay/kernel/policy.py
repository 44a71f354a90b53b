"""Policies: ordered rules over what an action is, and the verdict with its reason.

Deny wins, then ask, then allow; nothing matched: ask. Four things stand above every rule: a final act of high
stake asks even where a rule allows it, so does an act whose price is unknown, so does one reply too many
to the same correspondent, and so does what rests on an annotation that its gate did not pass (`kernel.gate`). Every
verdict names its rule and says why.

What a rule looks at may be of no use: a number that is none, a text where yes or no should stand, a count of which
nobody can say yet how it ends. Then a rule that restricts holds and a rule that allows does not, so that nothing
becomes freer by being odd. What is not there at all is no match for either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from mainstay.kernel.contract import Finality, Repeatability
from mainstay.kernel.ids import IdempotencyKey
from mainstay.kernel.plan import Operator, compare
from mainstay.kernel.values import Digest, Json


class Decision(StrEnum):
    """What a rule, or a whole policy, says of an action."""

    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Action:
    """One effect as proposed: rendered, stored and digested. `digest` identifies exactly this effect."""

    act: str  # "email.reply", as the workflow says it
    adapter: str  # the configured instance: "support"
    operation: str
    contract: str  # the contract's version, bound into the digest
    repeatability: Repeatability
    finality: Finality
    key: IdempotencyKey
    payload: Digest  # the blob of the rendered effect, sealed
    card: Digest  # the blob of what a person must see, sealed
    digest: Digest  # over adapter, operation, contract, price, key and the plain payload
    price_micros: int | None = 0
    timeout_us: int = 30_000_000
    grace_us: int = 120_000_000
    attempt_max: int = 5
    features: Json = field(default_factory=dict)  # typed, not personal: recipient_known, intent, flags, ...


@dataclass(frozen=True, slots=True)
class Condition:
    """One field of the action that a rule looks at."""

    field: str
    operator: Operator
    value: Any


@dataclass(frozen=True, slots=True)
class Rule:
    """`when` all conditions hold, `then` this, because `why`. `act` may end in a star."""

    name: str
    then: Decision
    why: str
    act: str = "*"
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the policy says of an action, by which rule and for which reason."""

    decision: Decision
    rule: str
    reason: str
    authority: str = ""  # under which it leaves, where that is not the rule


@dataclass(frozen=True)
class Policy:
    """Ordered rules. `digest` is the content hash of the file they came from."""

    rules: tuple[Rule, ...]
    digest: Digest = Digest("")
    _by_act: dict[str, tuple[Rule, ...]] = field(default_factory=dict, compare=False, repr=False)
    _by_agent: dict[str, Verdict] = field(default_factory=dict, compare=False, repr=False)

    def rules_for(self, act: str) -> tuple[Rule, ...]:
        """The rules that could match an act of this name, in order (remembered: few acts, asked often)."""
        found = self._by_act.get(act)
        if found is None:
            found = tuple(rule for rule in self.rules if fnmatchcase(act, rule.act))
            self._by_act[act] = found
        return found


@dataclass(frozen=True, slots=True)
class Between:
    """A count that is not settled: so many were done, and so many there will be when all that is under way is done."""

    least: int
    most: int


RESERVED = frozenset(
    {
        *("default", "thinking", "autonomy", "audit", "gate", "kill switch", "high stake", "reply limit"),
        *("unknown price", "inspector", "fork", "restored", "undone", "in doubt", "operator", "policy"),
    }
)
"""What the kernel itself gives as the rule of a verdict: a card that names one of these was stopped by no file."""

ASK_BY_DEFAULT = Verdict(Decision.ASK, "default", "no rule allows this, so it asks")
THINKING = Verdict(Decision.ALLOW, "thinking", "asking an agent changes nothing outside")
_HIGH_STAKE = Verdict(Decision.ASK, "high stake", "final acts of high stake always ask")
_REPLY_LIMIT = Verdict(
    Decision.ASK, "reply limit", "as many replies to this correspondent in an hour as may leave by themselves"
)
_NO_PRICE = Verdict(Decision.ASK, "unknown price", "what this costs is not known")
_KILLED = Verdict(Decision.ASK, "kill switch", "the kill switch is on: every act asks")
_INSPECTOR = Verdict(Decision.ASK, "inspector", "the inspector wants a person to look")


def evaluate(
    policy: Policy,
    action: Action,
    counts: Mapping[str, Any],
    *,
    killed: bool = False,
    inspection: str = "",
    gate: str = "",
) -> Verdict:
    """The verdict on an action.

    `counts` are the facts that change with every run, such as `done_by_this_workflow`; `inspection` is the
    worst verdict of the inspectors before it; `gate` why an annotation that it needs did not pass.
    """
    asked: Verdict | None = None
    allowed: Verdict | None = None
    for rule in policy.rules_for(action.act):
        if rule.then is Decision.ASK and asked is not None:
            continue
        if rule.then is Decision.ALLOW and allowed is not None:
            continue
        restricts = rule.then is not Decision.ALLOW
        if not all(holds(one, action, counts, restricts=restricts) for one in rule.conditions):
            continue
        verdict = Verdict(rule.then, rule.name, rule.why)
        if rule.then is Decision.DENY:
            return verdict
        if rule.then is Decision.ASK:
            asked = verdict
        else:
            allowed = verdict
    if killed:
        return _KILLED
    if asked is not None:
        return asked
    if inspection == "look":
        return _INSPECTOR
    if gate:
        return Verdict(Decision.ASK, "gate", gate)
    if action.finality is Finality.FINAL_HIGH:
        return _HIGH_STAKE
    if action.features.get("over_reply_limit"):
        return _REPLY_LIMIT
    if action.price_micros is None:
        return _NO_PRICE
    return allowed or ASK_BY_DEFAULT


def evaluate_thinking(policy: Policy, agent: str) -> Verdict:
    """Whether an agent may be asked at all: allowed unless a rule for `agent.NAME` denies it."""
    known = policy._by_agent.get(agent)
    if known is None:
        rules = policy.rules_for("agent." + agent)
        denying = (
            one for one in rules if one.then is Decision.DENY and one.act != "*" and not one.conditions
        )
        rule = next(denying, None)
        known = THINKING if rule is None else Verdict(Decision.DENY, rule.name, rule.why)
        policy._by_agent[agent] = known  # few agents, asked often
    return known


def holds(condition: Condition, action: Action, counts: Mapping[str, Any], *, restricts: bool) -> bool:
    """Whether a condition of a rule holds; `restricts`: of one that asks or denies, which has the benefit of doubt."""
    actual = value_of(condition.field, action, counts)
    if condition.operator is Operator.EXISTS:
        return compare(condition.operator, actual, condition.value)
    if actual is None and not restricts:
        return False  # it allows what it sees, and here is nothing to see
    if isinstance(actual, Between):
        return _of_count(condition, actual, restricts)
    if actual is not None and not _is_of_use(actual, condition.value):
        return restricts
    return compare(condition.operator, actual, condition.value)


def value_of(name: str, action: Action, counts: Mapping[str, Any]) -> Any:
    """What a rule sees under this name; None where there is nothing."""
    match name:
        case "finality":
            return str(action.finality)
        case "adapter":
            return action.adapter
        case "operation":
            return action.operation
        case "price_micros":
            return action.price_micros
        case _ if name in counts:
            return counts[name]
        case _:
            return action.features.get(name)


def _of_count(condition: Condition, count: Between, restricts: bool) -> bool:
    operator, value = condition.operator, condition.value
    ends = compare(operator, count.least, value), compare(operator, count.most, value)
    if operator is Operator.IS and isinstance(value, int):
        return count.least <= value <= count.most if restricts else all(ends)
    if operator is Operator.IS_NOT and isinstance(value, int):
        return any(ends) if restricts else not count.least <= value <= count.most
    return any(ends) if restricts else all(ends)


def _is_of_use(actual: Any, value: Any) -> bool:
    """Whether the two can be compared at all: of one kind, and a number that is one."""
    one = value[0] if isinstance(value, tuple) and value else value
    if isinstance(one, bool):
        return isinstance(actual, bool)
    if isinstance(one, int | float):
        return isinstance(actual, int | float) and not isinstance(actual, bool) and actual == actual
    if isinstance(actual, list | tuple):
        return all(isinstance(part, str) for part in actual)
    return isinstance(actual, str)
