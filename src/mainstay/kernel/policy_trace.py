"""Why a verdict is what it is: every rule in order, whether it matched, and if not, on what it failed.

Asks the same questions as `kernel.policy` and by the same functions; only the answers are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from mainstay.kernel.policy import Action, Condition, Policy, Rule, seen, tests_of
from mainstay.kernel.predicates import Operator, compare


@dataclass(frozen=True, slots=True)
class Traced:
    """One rule, held against one act."""

    rule: Rule
    of_act: bool  # it speaks of acts of this name
    failed: Condition | None = None  # the first condition that did not hold
    actual: Any = None  # what stood there instead

    @property
    def matched(self) -> bool:
        """Whether all of it held."""
        return self.of_act and self.failed is None


def trace(policy: Policy, action: Action, counts: Mapping[str, Any]) -> tuple[Traced, ...]:
    """Every rule of the policy, in order."""
    looked = seen(action, counts)
    return tuple(_traced(rule, action.act, looked) for rule in policy.rules)


def _traced(rule: Rule, act: str, looked: Mapping[str, Any]) -> Traced:
    if not fnmatchcase(act, rule.act):
        return Traced(rule, of_act=False)
    for condition, (name, holds) in zip(rule.conditions, tests_of(rule), strict=True):
        if not holds(looked.get(name)):
            return Traced(rule, True, condition, looked.get(name))
    return Traced(rule, of_act=True)


def covers(one: Rule, other: Rule) -> bool:
    """Whether wherever `other` matches, `one` does too: every act and condition of it stands in `other`."""
    if not (fnmatchcase(other.act, one.act) or one.act == other.act):
        return False
    return all(any(_implies(mine, theirs) for theirs in other.conditions) for mine in one.conditions)


def _implies(wider: Condition, narrower: Condition) -> bool:
    """Whether a value that meets the narrower condition meets the wider one."""
    if wider == narrower:
        return True
    if wider.field != narrower.field:
        return False
    match narrower.operator:
        case Operator.IS:
            return compare(wider.operator, narrower.value, wider.value)
        case Operator.IN:
            return all(compare(wider.operator, one, wider.value) for one in narrower.value)
        case Operator.BELOW if wider.operator is Operator.BELOW:
            return bool(narrower.value <= wider.value)
        case Operator.ABOVE if wider.operator is Operator.ABOVE:
            return bool(narrower.value >= wider.value)
        case _:
            return False


def contradictory(rule: Rule) -> tuple[Condition, Condition] | None:
    """Two conditions of a rule that nothing can meet at once; None where none are seen."""
    for place, one in enumerate(rule.conditions):
        for other in rule.conditions[place + 1 :]:
            if one.field == other.field and _exclude(one, other):
                return one, other
    return None


def _exclude(one: Condition, other: Condition) -> bool:
    for first, second in ((one, other), (other, one)):
        match first.operator, second.operator:
            case (Operator.IS, Operator.CONTAINS) | (Operator.IN, Operator.CONTAINS):
                continue
            case Operator.IS, _ if second.operator is not Operator.EXISTS:
                if not compare(second.operator, first.value, second.value):
                    return True
            case Operator.IN, _ if second.operator is not Operator.EXISTS:
                if not any(compare(second.operator, value, second.value) for value in first.value):
                    return True
            case Operator.BELOW, Operator.ABOVE:
                whole = isinstance(first.value, int) and isinstance(second.value, int)
                if first.value <= second.value + (1 if whole else 0):
                    return True
            case _:
                continue
    return False
