"""What differs between two policies: rules that came, went, changed or moved. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from mainstay.kernel.policy import Policy, Rule


@dataclass(frozen=True, slots=True)
class ChangedRule:
    """A rule of the same name that says something else."""

    old: Rule
    new: Rule

    @property
    def fields(self) -> tuple[str, ...]:
        """What of it differs."""
        names = ("then", "why", "act", "conditions")
        return tuple(name for name in names if getattr(self.old, name) != getattr(self.new, name))


@dataclass(frozen=True, slots=True)
class PolicyDifference:
    """Every rule that is not the same in both."""

    added: tuple[Rule, ...]
    removed: tuple[Rule, ...]
    changed: tuple[ChangedRule, ...]
    moved: tuple[str, ...]  # rules of the same words in another order among those of their verdict

    @property
    def nothing(self) -> bool:
        """Whether both say the same."""
        return not (self.added or self.removed or self.changed or self.moved)


def difference(old: Policy, new: Policy) -> PolicyDifference:
    """From the old to the new. Order only matters among rules of one verdict: it decides which of them is named."""
    before = {rule.name: rule for rule in old.rules}
    after = {rule.name: rule for rule in new.rules}
    both = [name for name in after if name in before]
    changed = tuple(ChangedRule(before[name], after[name]) for name in both if before[name] != after[name])
    return PolicyDifference(
        tuple(rule for name, rule in after.items() if name not in before),
        tuple(rule for name, rule in before.items() if name not in after),
        changed,
        _moved(before, after),
    )


def _moved(before: dict[str, Rule], after: dict[str, Rule]) -> tuple[str, ...]:
    same = [name for name, rule in after.items() if before.get(name) == rule]
    moved: list[str] = []
    for verdict in {after[name].then for name in same}:
        now = [name for name in same if after[name].then is verdict]
        was = [name for name in before if name in set(now)]
        moved += [name for name, other in zip(now, was, strict=True) if name != other]
    return tuple(name for name in same if name in set(moved))
