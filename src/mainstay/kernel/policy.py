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

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from mainstay.kernel.contract import Finality, Repeatability
from mainstay.kernel.ids import IdempotencyKey
from mainstay.kernel.predicates import Operator, compare
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


Test = Callable[[Any], bool]
Tests = tuple[tuple[str, Test], ...]  # field, and whether what stands there meets the condition
_NUMBERS = (int, float)


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
    _tests: dict[str, tuple[tuple[Rule, Tests], ...]] = field(default_factory=dict, compare=False, repr=False)
    _by_agent: dict[str, Verdict] = field(default_factory=dict, compare=False, repr=False)

    def rules_for(self, act: str) -> tuple[Rule, ...]:
        """The rules that could match an act of this name, in order (remembered: few acts, asked often)."""
        found = self._by_act.get(act)
        if found is None:
            found = tuple(rule for rule in self.rules if fnmatchcase(act, rule.act))
            self._by_act[act] = found
        return found

    def tests_for(self, act: str) -> tuple[tuple[Rule, Tests], ...]:
        """The same rules, each with what it asks of an act, field by field."""
        found = self._tests.get(act)
        if found is None:
            found = tuple((rule, tests_of(rule)) for rule in self.rules_for(act))
            self._tests[act] = found
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
        "proposed",
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
    look = seen(action, counts).get
    for rule, tests in policy.tests_for(action.act):
        if rule.then is Decision.ASK and asked is not None:
            continue
        if rule.then is Decision.ALLOW and allowed is not None:
            continue
        for name, holds in tests:
            if not holds(look(name)):
                break
        else:
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


def seen(action: Action, counts: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that a rule can look at, by name; an act does not say of itself what the house knows better."""
    return {
        **action.features,
        **counts,
        "finality": str(action.finality),
        "adapter": action.adapter,
        "operation": action.operation,
        "price_micros": action.price_micros,
    }


def tests_of(rule: Rule) -> Tests:
    """What a rule asks of an act, in order."""
    restricts = rule.then is not Decision.ALLOW
    return tuple((one.field, test_of(one, restricts=restricts)) for one in rule.conditions)


def test_of(condition: Condition, *, restricts: bool) -> Test:
    """Whether a condition of a rule holds of a value; `restricts`: of one that asks or denies, which has the benefit
    of doubt.

    Made once for each rule: a verdict asks dozens of these, and the usual cases are one comparison.
    """
    operator, value = condition.operator, condition.value
    kind = type(value)

    def told(actual: Any) -> bool:
        return _holds(condition, actual, restricts)

    if operator is Operator.IS and kind in (bool, str):
        return lambda actual: actual == value if type(actual) is kind else told(actual)
    if operator in (Operator.BELOW, Operator.ABOVE) and kind in _NUMBERS:
        return _comparison(value, told, below=operator is Operator.BELOW, restricts=restricts)
    if operator is Operator.CONTAINS and kind is str:
        return lambda actual: value in actual if type(actual) is list and _are_texts(actual) else told(actual)
    if operator is Operator.IN and kind is tuple and {type(one) for one in value} in ({str}, {int}):
        values, of = frozenset(value), type(value[0])
        return lambda actual: actual in values if type(actual) is of else told(actual)
    return told


def _comparison(value: Any, told: Test, *, below: bool, restricts: bool) -> Test:
    # Of a count that is not settled, the end that is worse: the low one makes "below" hold, the high one "above".
    low = below is restricts

    def holds(actual: Any) -> bool:
        kind = type(actual)
        if kind is Between:
            actual = actual.least if low else actual.most
        elif kind is float:
            if actual != actual:
                return told(actual)
        elif kind is not int:
            return told(actual)
        return bool(actual < value if below else actual > value)

    return holds


def _are_texts(values: list[Any]) -> bool:
    return all(type(one) is str for one in values) if values else True


def _holds(condition: Condition, actual: Any, restricts: bool) -> bool:
    operator, value = condition.operator, condition.value
    if operator is Operator.EXISTS:
        return compare(operator, actual, value)
    if actual is None:
        # What allows wants to see the field; what restricts takes "is not" of nothing at its word.
        return restricts and compare(operator, actual, value)
    if type(actual) is Between:
        return _of_count(condition, actual, restricts)
    return compare(operator, actual, value) if _is_of_use(actual, value) else restricts


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
