"""The tasks of a plan in ranks, and in groups where there are too many for a picture. Pure.

A plan of more than `BOX_MAX` tasks is told in groups: first tasks that need the same and are needed by the same, then
whole ranks, then neighbouring ranks. A group says how many of its tasks stand where.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

BOX_MAX = 60  # boxes of one picture; more would be read by nobody, and weigh on the page

# From the least finished to the most; the state of a group is the first of these that one of its tasks is in.
STATES = ("doubt", "failed", "waiting", "running", "next", "done", "undone", "skipped")


@dataclass(frozen=True, slots=True)
class Step:
    """A task as it is to be drawn. `needs` name others by number."""

    number: int
    name: str
    state: str  # one of `STATES`
    said: str = ""  # the second line of its box
    needs: tuple[int, ...] = ()
    count: int = 1  # it stands for so many, as a `for_each` does
    of: Mapping[str, int] = field(default_factory=dict)  # how many of these in which state
    kind: str = ""  # what it is alike in with those that it may be grouped with


def told(steps: Iterable[Step]) -> str:
    """How far it is, in words: what the picture is called for whoever does not see it."""
    counts: Counter[str] = Counter()
    for one in steps:
        counts.update(one.of or {one.state: one.count})
    whole = sum(counts.values())
    words = {
        "running": "running",
        "waiting": "waiting",
        "failed": "failed",
        "doubt": "in doubt",
        "skipped": "skipped",
        "undone": "taken back",
        "next": "not started",
    }
    rest = [f"{counts[state]:,} {word}" for state, word in words.items() if counts[state]]
    return ", ".join([f"{counts['done']:,} of {whole:,} tasks done", *rest])


# --- ranks -----------------------------------------------------------------------------------------------------------


def ranks_of(needs: dict[int, tuple[int, ...]]) -> dict[int, int]:
    """The longest way to each from a beginning. What lies on a circle loses the needs that close it."""
    dependents: dict[int, list[int]] = {number: [] for number in needs}
    left = {}
    for number, needed in needs.items():
        left[number] = len(set(needed))
        for one in set(needed):
            dependents[one].append(number)
    ranks: dict[int, int] = {}
    free = [number for number, count in left.items() if not count]
    rest = dict.fromkeys(number for number in needs if left[number])
    while free or rest:
        if not free:
            first = next(iter(rest))
            needs[first] = tuple(one for one in needs[first] if one in ranks)
            free.append(first)
        for number in free:
            rest.pop(number, None)
        after: list[int] = []
        for number in free:
            if number in ranks:
                continue
            ranks[number] = 1 + max((ranks[one] for one in needs[number] if one in ranks), default=-1)
            needs[number] = tuple(one for one in needs[number] if one in ranks)
            for one in dependents[number]:
                left[one] -= 1
                if not left[one] and one in rest:
                    after.append(one)
        free = after
    return ranks


def direct(needs: Mapping[int, tuple[int, ...]], ranks: Mapping[int, int]) -> dict[int, tuple[int, ...]]:
    """Needs without those that others of the same task imply."""
    above: dict[int, set[int]] = {}  # all that a task needs, directly or not
    found: dict[int, tuple[int, ...]] = {}
    for number in sorted(needs, key=lambda one: ranks[one]):
        implied: set[int] = set()
        for one in needs[number]:
            implied |= above[one]
        found[number] = tuple(one for one in needs[number] if one not in implied)
        above[number] = implied.union(needs[number])
    return found


# --- groups ----------------------------------------------------------------------------------------------------------


def grouped(
    steps: Sequence[Step], needs: Mapping[int, tuple[int, ...]], ranks: Mapping[int, int]
) -> tuple[dict[int, Step], dict[int, tuple[int, ...]], dict[int, int]]:
    """As few boxes as can be read: tasks that are alike become one, and if that is not enough, whole ranks."""
    drawn = {one.number: one for one in steps}
    if len(steps) <= BOX_MAX:
        return drawn, dict(needs), dict(ranks)
    dependents: dict[int, list[int]] = {number: [] for number in needs}
    for number, needed in needs.items():
        for one in needed:
            dependents[one].append(number)
    alike: dict[object, list[int]] = {}
    for step in steps:
        like = (frozenset(needs[step.number]), frozenset(dependents[step.number]), step.kind)
        alike.setdefault(like, []).append(step.number)
    found = _merged(drawn, needs, ranks, alike.values())
    if len(found[0]) <= BOX_MAX:
        return found
    by_rank: dict[int, list[int]] = {}
    for number in sorted(found[0]):
        by_rank.setdefault(found[2][number], []).append(number)
    found = _merged(*found, by_rank.values())
    if len(found[0]) <= BOX_MAX:
        return found
    # A chain of hundreds of ranks: so many neighbouring ones become one that the picture can be read.
    long = sorted(found[0], key=lambda number: found[2][number])
    size = -(-len(long) // BOX_MAX)
    parts = [long[start : start + size] for start in range(0, len(long), size)]
    merged, between, _ = _merged(*found, parts)
    return merged, between, ranks_of(between)


def _merged(
    drawn: Mapping[int, Step],
    needs: Mapping[int, tuple[int, ...]],
    ranks: Mapping[int, int],
    groups: Iterable[Sequence[int]],
) -> tuple[dict[int, Step], dict[int, tuple[int, ...]], dict[int, int]]:
    into: dict[int, int] = {}
    kept: dict[int, Step] = {}
    for group in groups:
        first = group[0]
        into.update(dict.fromkeys(group, first))
        kept[first] = _one([drawn[number] for number in group])
    collected: dict[int, dict[int, None]] = {first: {} for first in kept}
    for number, first in into.items():
        for needed in needs[number]:
            if into[needed] != first:
                collected[first][into[needed]] = None
    between = {first: tuple(found) for first, found in collected.items()}
    return kept, between, {first: ranks[first] for first in kept}


def _one(group: Sequence[Step]) -> Step:
    """Some tasks as one."""
    first = group[0]
    if len(group) == 1:
        return first
    counts: Counter[str] = Counter()
    for one in group:
        counts.update(one.of or {one.state: one.count})
    count = sum(counts.values())
    state = next(one for one in STATES if counts[one])
    last = group[-1]
    name = first.name if first.name == last.name else f"{first.name} … {last.name}"
    return Step(
        first.number, name, state, f"{counts['done']:,} of {count:,} done", count=count, of=dict(counts)
    )
