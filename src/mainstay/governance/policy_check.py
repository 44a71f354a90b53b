"""What is wrong with rules that are well written: that never match, that change nothing, and acts nobody speaks of.

Pure: a policy and what the workspace knows. What cannot be read at all is refused before (`config.policies`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from mainstay.kernel.policy import Condition, Decision, Policy, Rule
from mainstay.kernel.policy_trace import contradictory, covers
from mainstay.kernel.predicates import Operator

_STRENGTH = {Decision.ALLOW: 0, Decision.ASK: 1, Decision.DENY: 2}


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing to look at."""

    rule: str  # empty: of no rule
    kind: str  # "never", "shadowed", "silent"; "lost": it is in force, and in no file
    what: str


def remarks(
    policy: Policy, acts: Collection[str], known: Mapping[str, Collection[str]]
) -> tuple[Remark, ...]:
    """Everything, in the order of the rules. `known`: the words that a field can have at all, where that is known."""
    return (*_never(policy, acts, known), *_shadowed(policy.rules), *_silent(policy, acts))


def _never(policy: Policy, acts: Collection[str], known: Mapping[str, Collection[str]]) -> Iterator[Remark]:
    for rule in policy.rules:
        if rule.act.startswith("agent."):
            continue
        if not any(fnmatchcase(act, rule.act) for act in acts):
            yield Remark(rule.name, "never", f"no act of this workspace is {rule.act!r}")
            continue
        both = contradictory(rule)
        if both is not None:
            yield Remark(
                rule.name,
                "never",
                f"{condition_text(both[0])} and {condition_text(both[1])} never hold at once",
            )
        for condition in rule.conditions:
            strange = [word for word in _wanted(condition) if word not in known.get(condition.field, (word,))]
            if strange:
                there = ", ".join(sorted(known[condition.field])) or "nothing"
                yield Remark(
                    rule.name, "never", f"{condition.field} is never {strange[0]!r}; there is {there}"
                )


def _wanted(condition: Condition) -> Sequence[str]:
    """The words without which the condition cannot hold."""
    match condition.operator:
        case Operator.IS | Operator.CONTAINS if isinstance(condition.value, str):
            return (condition.value,)
        case Operator.IN:
            return tuple(one for one in condition.value if isinstance(one, str))
        case _:
            return ()


def _shadowed(rules: Sequence[Rule]) -> Iterator[Remark]:
    """Of two rules, the one whose verdict never shows: always overruled, or said by an earlier one already."""
    for place, rule in enumerate(rules):
        for other_place, other in enumerate(rules):
            if rule is other or not covers(other, rule):
                continue
            stronger = _STRENGTH[other.then] > _STRENGTH[rule.then]
            if stronger or (other.then is rule.then and other_place < place):
                how = f"{other.then} wins" if stronger else "that one comes first"
                yield Remark(
                    rule.name, "shadowed", f"wherever it matches, {other.name!r} does too, and {how}"
                )
                break


def _silent(policy: Policy, acts: Collection[str]) -> Iterator[Remark]:
    for act in sorted(acts):
        if not policy.rules_for(act):
            yield Remark("", "silent", f"no rule speaks of {act}: it asks, until its kind has earned more")


def condition_text(condition: Condition) -> str:
    """`recipients is above 3`, for people."""
    name, value = condition.field.removesuffix("_micros"), condition.value
    if condition.field.endswith("_micros"):
        value = f"{value / 1_000_000:.2f}"
    if condition.field == "minute":
        name, value = "time", f"{value // 60:02}:{value % 60:02}"
    words = {
        Operator.IS: "is",
        Operator.IS_NOT: "is not",
        Operator.IN: "is one of",
        Operator.NOT_IN: "is none of",
        Operator.BELOW: "is below",
        Operator.ABOVE: "is above",
        Operator.CONTAINS: "contains",
        Operator.EXISTS: "is told" if value else "is not told",
    }[condition.operator]
    if condition.operator is Operator.EXISTS:
        return f"{name} {words}"
    return f"{name} {words} {value_text(value)}"


def value_text(value: object) -> str:
    """A value as it stands in a file."""
    match value:
        case bool():
            return "true" if value else "false"
        case tuple() | list():
            return ", ".join(map(value_text, value))
        case None:
            return "nothing"
        case _:
            return str(value)
