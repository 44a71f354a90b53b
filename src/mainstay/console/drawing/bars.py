"""Stacked bars over days or hours, as places in a picture. Pure: no markup, no colour, no clock.

Rules of this file: a column is as high as the sum of its parts, parts lie in the order of the legend from the bottom
up, nothing is negative and nothing leaves the picture. What is small is drawn at least `LEAST` high, so that it can be
seen, and what that adds is taken from the tallest part. Labels never touch: where there is no room for all, every nth
is told. A cap far above the bars would make them invisible; it is then told at the top edge as lying above it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

SERIES_MAX = 4  # told apart by colour and pattern; what is beyond is one part of its own
OTHER = "other"
LEAST = 2.0  # pixels of what is there at all
GAP = 1.0  # between two parts of a column
TEXT = 6.3  # the width of a character of a label
LABEL_GAP = 8.0
CAP_FAR = 4  # a cap of more than so many times the tallest column is not drawn to scale
TICKS = 5


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a column: which series, how much, and where it lies."""

    series: int
    name: str
    value: int
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Column:
    """One day: where it stands, and its parts from the bottom up."""

    label: str
    total: int
    x: float
    width: float
    parts: tuple[Part, ...]

    @property
    def middle(self) -> float:
        """Where its label stands."""
        return self.x + self.width / 2


@dataclass(frozen=True, slots=True)
class Line:
    """A line across, and what it says."""

    value: int
    y: float
    label: str


@dataclass(frozen=True, slots=True)
class Label:
    """A word under the columns."""

    text: str
    x: float


@dataclass(frozen=True, slots=True)
class Bars:
    """The whole picture."""

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float
    series: tuple[str, ...]
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    labels: tuple[Label, ...]
    cap: Line | None = None
    cap_above: bool = False  # it lies above the picture, and its line only says so

    @property
    def total(self) -> int:
        """Of all columns."""
        return sum(one.total for one in self.columns)


def bars(
    days: Sequence[tuple[str, Mapping[str, int]]],
    *,
    say: Callable[[int], str],
    cap: int | None = None,
    cap_said: str = "",
    width: float = 680.0,
    height: float = 272.0,
    unit: int = 1,
) -> Bars:
    """The picture of these days, oldest first: label, and how much by name.

    `say` writes a value at a line, `unit` is the least that two lines may be apart.
    """
    names = _series(days)
    totals = [sum(max(0, value) for value in amounts.values()) for _, amounts in days]
    tallest = max(totals, default=0)
    above = cap is not None and cap > CAP_FAR * tallest and tallest > 0
    reach = max(tallest, cap if cap is not None and not above else 0, unit)
    step = _step(reach, unit)
    most = max(reach + step // 8, step)
    values = range(0, most + 1, step)
    left = max(len(say(value)) for value in values) * TEXT + 10
    top, bottom, right = 26.0, height - 24.0, width - 4.0

    def at(value: int) -> float:
        return bottom - (bottom - top) * value / most

    room = (right - left) / max(1, len(days))
    columns = tuple(
        Column(
            label,
            totals[index],
            left + room * index + room * 0.2,
            room * 0.6,
            _parts(_by_series(amounts, names), names, bottom, bottom - at(totals[index])),
        )
        for index, (label, amounts) in enumerate(days)
    )
    line = None
    if cap is not None:
        line = Line(cap, top if above else at(cap), cap_said)
    lines = tuple(Line(value, at(value), say(value)) for value in values)
    return Bars(
        *(width, height, left, right, top, bottom),
        *(tuple(names), columns, lines, _labels(columns, room)),
        *(line, above),
    )


def _series(days: Sequence[tuple[str, Mapping[str, int]]]) -> list[str]:
    """The largest first; the rest is one."""
    sums: dict[str, int] = {}
    for _, amounts in days:
        for name, value in amounts.items():
            sums[name] = sums.get(name, 0) + max(0, value)
    found = sorted((name for name in sums if sums[name]), key=lambda name: (-sums[name], name))
    return found if len(found) <= SERIES_MAX else [*found[: SERIES_MAX - 1], OTHER]


def _by_series(amounts: Mapping[str, int], names: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, value in amounts.items():
        series = name if name in names else OTHER
        found[series] = found.get(series, 0) + max(0, value)
    return found


def _parts(
    amounts: Mapping[str, int], names: Sequence[str], bottom: float, height: float
) -> tuple[Part, ...]:
    """The parts of one column from the bottom up, together as high as the column."""
    there = [(number, name, amounts[name]) for number, name in enumerate(names) if amounts.get(name)]
    total = sum(value for _, _, value in there)
    if not total:
        return ()
    heights = [max(LEAST, height * value / total) for _, _, value in there]
    over = sum(heights) - max(height, LEAST * len(there))
    tallest = heights.index(max(heights))
    heights[tallest] = max(LEAST, heights[tallest] - max(0.0, over))
    found, y = [], bottom
    for (number, name, value), high in zip(there, heights, strict=True):
        y -= high
        found.append(Part(number, name, value, y, high))
    # Between two parts lies a line of the ground: the upper edge of each but the last gives way.
    return tuple(
        replace(one, y=one.y + GAP, height=one.height - GAP)
        if one is not found[-1] and one.height > 2 * GAP
        else one
        for one in found
    )


def _labels(columns: Sequence[Column], room: float) -> tuple[Label, ...]:
    """As many as there is room for, the last one always."""
    if not columns:
        return ()
    widest = max(len(one.label) for one in columns) * TEXT + LABEL_GAP
    every = next(
        number for number in range(1, len(columns) + 1) if number == len(columns) or number * room >= widest
    )
    return tuple(
        Label(one.label, one.middle)
        for index, one in enumerate(columns)
        if (len(columns) - 1 - index) % every == 0
    )


def _step(most: int, unit: int) -> int:
    """How far two lines are apart: 1, 2 or 5 of some power of ten, so that there are about `TICKS`."""
    power = unit
    while True:
        for factor in (1, 2, 5):
            if most <= factor * power * TICKS:
                return factor * power
        power *= 10
