"""The plan of a run as places in a picture. Pure: no markup, no colour, no clock.

Rules of this file:

- A box stands right of everything that it needs: its rank is the longest way from a beginning. Edges go from left to
  right. One that passes ranks gets a lane of its own there, so that it runs between boxes and never under one.
- A need that follows from others is not drawn: what needs `draft`, which needs `annotate`, needs both.
- Order within a rank follows the middle of the neighbours, a few times to and fro, which takes out most crossings. The
  same plan always gives the same picture.
- A plan of more than `BOX_MAX` tasks is told in groups: first tasks that need the same and are needed by the same,
  then whole ranks. A group says how many of its tasks stand where; nothing is left out silently.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

BOX_MAX = 60  # boxes of one picture; more would be read by nobody, and weigh on the page
EDGE_MAX = 240
ORDER_ROUNDS = 6
ALIGN_ROUNDS = 8

WIDTH, HEIGHT = 144.0, 46.0
GAP_X, GAP_X_MAX, GAP_Y = 36.0, 72.0, 26.0
LANE = 12.0  # height of a lane for an edge that passes by
MARGIN = 10.0
DEEPER = 5.0  # by which the sheets under a group's box stand out

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


@dataclass(frozen=True, slots=True)
class Box:
    """One task, or a group of them, and its place."""

    number: int  # of the task; of a group, of its first
    name: str
    said: str
    state: str
    count: int
    x: float
    y: float
    of: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Edge:
    """From the right of one box to the left of another, as a path of SVG."""

    start: int
    end: int
    path: str
    points: tuple[tuple[float, float], ...]
    reached: bool  # what it leads from is done


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture. `grouped`: how many tasks its boxes stand for, where these are fewer; 0: each has its own."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]
    grouped: int = 0
    edges_left_out: int = 0


def draw(steps: Sequence[Step], *, room: float = 0.0) -> Drawing:
    """Place the tasks of a plan; a short one is spread over the `room`. Needs that form a circle, or name nobody, are
    left out.
    """
    if not steps:
        return Drawing(2 * MARGIN, 2 * MARGIN, (), ())
    known = {one.number for one in steps}
    needs = {one.number: tuple(n for n in one.needs if n in known and n != one.number) for one in steps}
    ranks = _ranks(needs)
    drawn, needs, ranks = _grouped(steps, needs, ranks)
    needs = _direct(needs, ranks)
    columns, routes = _with_lanes(needs, ranks)
    _order(columns, routes)
    return _placed(drawn, ranks, columns, routes, len(steps), _gap_x(len(columns), room))


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


def _ranks(needs: dict[int, tuple[int, ...]]) -> dict[int, int]:
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


def _direct(needs: Mapping[int, tuple[int, ...]], ranks: Mapping[int, int]) -> dict[int, tuple[int, ...]]:
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


def _grouped(
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
    return merged, between, _ranks(between)


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


# --- order -----------------------------------------------------------------------------------------------------------

# A place in a column: a box by its number, or the lane of an edge as (start, end, rank).
_Place = int | tuple[int, int, int]
_Columns = list[list[_Place]]
_Routes = dict[tuple[int, int], list[_Place]]  # every edge with the places that it passes


def _with_lanes(needs: Mapping[int, tuple[int, ...]], ranks: Mapping[int, int]) -> tuple[_Columns, _Routes]:
    columns: _Columns = [[] for _ in range(max(ranks.values()) + 1)]
    for number in sorted(ranks):
        columns[ranks[number]].append(number)
    routes: _Routes = {}
    for end, needed in sorted(needs.items()):
        for start in needed:
            lanes: list[_Place] = [(start, end, rank) for rank in range(ranks[start] + 1, ranks[end])]
            for rank, lane in zip(range(ranks[start] + 1, ranks[end]), lanes, strict=True):
                columns[rank].append(lane)
            routes[start, end] = [start, *lanes, end]
    return columns, routes


def _order(columns: _Columns, routes: _Routes) -> None:
    """Sort each column by the middle of its neighbours, from left to right and back."""
    before, after = _neighbours(routes)
    for turn in range(ORDER_ROUNDS):
        forward = turn % 2 == 0
        beside = before if forward else after
        wanted = columns[1:] if forward else columns[-2::-1]
        others = columns[:-1] if forward else columns[:0:-1]
        for column, other in zip(wanted, others, strict=True):
            at = {place: (index + 0.5) / len(other) for index, place in enumerate(other)}
            now = {place: (index + 0.5) / len(column) for index, place in enumerate(column)}
            column.sort(key=lambda place, at=at, now=now: _middle(beside.get(place, ()), at, now[place]))  # type: ignore[misc]


def _neighbours(routes: _Routes) -> tuple[dict[_Place, list[_Place]], dict[_Place, list[_Place]]]:
    """What lies directly left of each place, and what right."""
    before: dict[_Place, list[_Place]] = {}
    after: dict[_Place, list[_Place]] = {}
    for places in routes.values():
        for left, right in pairwise(places):
            before.setdefault(right, []).append(left)
            after.setdefault(left, []).append(right)
    return before, after


def _middle(neighbours: Sequence[_Place], at: Mapping[_Place, float], own: float) -> float:
    found = sorted(at[one] for one in neighbours if one in at)
    if not found:
        return own
    half = len(found) // 2
    return found[half] if len(found) % 2 else (found[half - 1] + found[half]) / 2


# --- places ----------------------------------------------------------------------------------------------------------


def _placed(
    drawn: Mapping[int, Step],
    ranks: Mapping[int, int],
    columns: _Columns,
    routes: _Routes,
    tasks: int,
    gap_x: float,
) -> Drawing:
    middles = _middles(columns, routes)
    top = min(middles[place] - _tall(place) / 2 for column in columns for place in column)
    bottom = max(middles[place] + _tall(place) / 2 for column in columns for place in column)
    at: dict[_Place, tuple[float, float]] = {  # the middle of its left side
        place: (MARGIN + rank * (WIDTH + gap_x), MARGIN + DEEPER + middles[place] - top)
        for rank, column in enumerate(columns)
        for place in column
    }
    boxes = tuple(
        _box(drawn[number], *at[number])
        for number in sorted(ranks, key=lambda number: (ranks[number], at[number][1]))
    )
    wanted = sorted(routes, key=lambda edge: (ranks[edge[1]] - ranks[edge[0]], edge))
    edges = tuple(_edge(drawn, routes[one], at) for one in wanted[:EDGE_MAX])
    stood_for = sum(one.count for one in drawn.values())
    return Drawing(
        2 * MARGIN + len(columns) * WIDTH + (len(columns) - 1) * gap_x + DEEPER,
        2 * MARGIN + DEEPER + bottom - top,
        boxes,
        edges,
        grouped=max(stood_for, tasks) if stood_for > len(boxes) else 0,
        edges_left_out=max(0, len(wanted) - EDGE_MAX),
    )


def _gap_x(columns: int, room: float) -> float:
    if columns < 2:
        return GAP_X
    spread = (room - 2 * MARGIN - DEEPER - columns * WIDTH) / (columns - 1)
    return float(int(min(max(spread, GAP_X), GAP_X_MAX)))


def _middles(columns: _Columns, routes: _Routes) -> dict[_Place, float]:
    """How high each place stands: as near to the middle of its neighbours as the others of its column allow."""
    before, after = _neighbours(routes)
    middles: dict[_Place, float] = {}
    for column in columns:
        offsets = _offsets(column)
        middles.update((place, at - offsets[-1] / 2) for place, at in zip(column, offsets, strict=True))
    for turn in range(ALIGN_ROUNDS):
        # The last turn goes to the right, so that what follows one another without a branch lies on one line.
        forward = turn % 2 == 1
        beside = before if forward else after
        for column in columns if forward else reversed(columns):
            wished = [
                sum(middles[one] for one in near) / len(near)
                if (near := beside.get(place))
                else middles[place]
                for place in column
            ]
            middles.update(zip(column, _apart(wished, _offsets(column)), strict=True))
    return middles


def _offsets(column: Sequence[_Place]) -> list[float]:
    """How far the middle of each stands below that of the first, at the least."""
    found = [0.0]
    for above, below in pairwise(column):
        found.append(found[-1] + (_tall(above) + _tall(below)) / 2 + _gap(above, below))
    return found


def _apart(wished: Sequence[float], offsets: Sequence[float]) -> list[float]:
    """The places nearest to those wished for that keep the order and the distances (pool adjacent violators)."""
    pools: list[tuple[float, int]] = []  # of what is wished less the offset: sum and number
    for wish, offset in zip(wished, offsets, strict=True):
        total, count = wish - offset, 1
        while pools and pools[-1][0] / pools[-1][1] > total / count:
            more, others = pools.pop()
            total, count = total + more, count + others
        pools.append((total, count))
    levels = [total / count for total, count in pools for _ in range(count)]
    return [level + offset for level, offset in zip(levels, offsets, strict=True)]


def _tall(place: _Place) -> float:
    return HEIGHT if isinstance(place, int) else LANE


def _gap(above: _Place, below: _Place) -> float:
    """Boxes stand apart; lanes run closer."""
    return GAP_Y if isinstance(above, int) and isinstance(below, int) else GAP_Y / 2


def _box(step: Step, x: float, middle: float) -> Box:
    of = tuple((state, step.of[state]) for state in STATES if step.of.get(state))
    return Box(step.number, step.name, step.said, step.state, step.count, x, middle - HEIGHT / 2, of=of)


def _edge(
    drawn: Mapping[int, Step], places: Sequence[_Place], at: Mapping[_Place, tuple[float, float]]
) -> Edge:
    start, end = places[0], places[-1]
    assert isinstance(start, int), "an edge begins at a box"
    assert isinstance(end, int), "an edge ends at a box"
    points: list[tuple[float, float]] = []
    for place in places[:-1]:
        x, y = at[place]
        if place is not start:
            points.append((x, y))
        points.append((x + WIDTH, y))
    points.append(at[end])
    return Edge(start, end, _curve(points), tuple(points), drawn[start].state in ("done", "undone"))


def _curve(points: Sequence[tuple[float, float]]) -> str:
    """Straight through columns, bent between them."""
    (x, y), *rest = points
    parts = [f"M{_n(x)} {_n(y)}"]
    for index, (next_x, next_y) in enumerate(rest):
        if next_y == y or index % 2:
            parts.append(f"L{_n(next_x)} {_n(next_y)}")
        else:
            middle = (x + next_x) / 2
            parts.append(f"C{_n(middle)} {_n(y)} {_n(middle)} {_n(next_y)} {_n(next_x)} {_n(next_y)}")
        x, y = next_x, next_y
    return "".join(parts)


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
