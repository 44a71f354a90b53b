"""The plan of a run as places in a picture. Pure: no markup, no colour, no clock.

Rules of this file:

- A box stands right of everything that it needs: its rank is the longest way from a beginning. Edges go from left to
  right. One that passes ranks gets a lane of its own there, so that it runs between boxes and never under one.
- A need that follows from others is not drawn: what needs `draft`, which needs `annotate`, needs both.
- Order within a rank follows the middle of the neighbours, a few times to and fro, which takes out most crossings. The
  same plan always gives the same picture.
- A plan of many tasks is told in groups (`plan_groups`); nothing is left out silently.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from mainstay.console.drawing.plan_groups import BOX_MAX, STATES, Step, direct, grouped, ranks_of, told

EDGE_MAX = 240
ORDER_ROUNDS = 6
ALIGN_ROUNDS = 8

WIDTH, HEIGHT = 144.0, 46.0
GAP_X, GAP_X_MAX, GAP_Y = 36.0, 72.0, 26.0
LANE = 12.0  # height of a lane for an edge that passes by
MARGIN = 10.0
DEEPER = 5.0  # by which the sheets under a group's box stand out


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
    ranks = ranks_of(needs)
    drawn, needs, ranks = grouped(steps, needs, ranks)
    needs = direct(needs, ranks)
    columns, routes = _with_lanes(needs, ranks)
    _order(columns, routes)
    return _placed(drawn, ranks, columns, routes, len(steps), _gap_x(len(columns), room))


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


__all__ = [
    "BOX_MAX",
    "EDGE_MAX",
    "HEIGHT",
    "STATES",
    "WIDTH",
    "Box",
    "Drawing",
    "Edge",
    "Step",
    "draw",
    "told",
]
