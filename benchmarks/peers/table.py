"""What was measured, as a table that reads well on a screen and in `docs/benchmarks.md`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

BEGIN = "<!-- peers: begin (written by `make bench-peers`) -->"
END = "<!-- peers: end -->"
GOAL = 20  # times the steps a second of the fastest engine that is documented to recover
_HEAD = (
    "",
    "steps/s",
    "ours is",
    "CPU µs a step",
    "bytes a step",
    "ms a step, alone",
    "kill -9: lost",
    "ran twice",
    "of these done",
    "back in s",
)


@dataclass(slots=True)
class Row:
    """One engine: its figures round by round, those of its kills, or why there are none."""

    name: str
    recovers: bool  # documented to bring back what a crash interrupted
    ours: bool = False
    rounds: list[dict[str, Any]] = field(default_factory=list)
    kills: list[dict[str, Any]] = field(default_factory=list)
    missing: str = ""
    failed: bool = False  # missing because it broke: no document should keep that

    def figure(self, name: str) -> float | None:
        """The median over the rounds."""
        values = [one[name] for one in self.rounds if one.get(name) is not None]
        return float(median(values)) if values else None


@dataclass(frozen=True, slots=True)
class Measured:
    """A whole run."""

    rows: Sequence[Row]
    machine: str
    date: str
    options: str
    load: tuple[float, float]
    commit_ms: tuple[float, float]  # a bare SQLite commit, before and after

    def ratio(self, row: Row) -> float | None:
        """How many times this row's steps a second ours are: the median of the rounds' own ratios."""
        ours = next((one for one in self.rows if one.ours), None)
        if ours is None or not row.rounds or len(row.rounds) != len(ours.rounds):
            return None
        pairs = zip(ours.rounds, row.rounds, strict=True)
        return median(mine["steps_per_s"] / theirs["steps_per_s"] for mine, theirs in pairs)

    def against_goal(self) -> tuple[bool, str]:
        """Whether ours are fast enough, and the sentence that says so."""
        rivals = [row for row in self.rows if row.recovers and not row.ours]
        absent = [row.name for row in rivals if row.missing]
        ratios = {row.name: ratio for row in rivals if (ratio := self.ratio(row)) is not None}
        if not ratios or absent:
            said = f" ({', '.join(absent)})" if absent else ""
            return (
                False,
                f"Goal of {GOAL} times the fastest engine that recovers: not judged, one is missing{said}.",
            )
        name, ratio = min(ratios.items(), key=lambda one: one[1])
        met = ratio >= GOAL
        return met, (
            f"Goal: at least {GOAL} times the steps a second of the fastest engine that recovers. "
            f"It is {name}, ours is {_number(ratio)} times as fast: {'met' if met else 'MISSED'}."
        )


def markdown(measured: Measured) -> str:
    """The table and what belongs to it."""
    rows = [_HEAD, *(_cells(measured, row) for row in measured.rows)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = [_line(rows[0], widths)]
    lines.append(_rule(widths))
    lines += [_line(row, widths) for row in rows[1:]]
    before, after = measured.load
    lines += [
        "",
        f"{measured.date}. {measured.machine}. Load average {before:.1f} before, {after:.1f} after. A bare SQLite "
        f"commit of one row, `synchronous=FULL`: {measured.commit_ms[0]:.2f} ms before, "
        f"{measured.commit_ms[1]:.2f} ms after. {measured.options}",
        "",
        measured.against_goal()[1],
        "",
    ]
    lines += [_settings(row) for row in measured.rows]
    return "\n".join(lines) + "\n"


def written(path: Path, text: str) -> None:
    """Put the text between the two markers of the file."""
    page = path.read_text("utf-8")
    head, begun, rest = page.partition(BEGIN)
    _, ended, tail = rest.partition(END)
    if not begun or not ended:
        raise ValueError(f"{path.name} lacks the lines '{BEGIN}' and '{END}': nothing was written")
    path.write_text(f"{head}{BEGIN}\n{text}{END}{tail}", "utf-8")


def _cells(measured: Measured, row: Row) -> tuple[str, ...]:
    if row.missing:
        return (row.name, "not measured here", *[""] * (len(_HEAD) - 2))
    speeds = [one["steps_per_s"] for one in row.rounds]
    server = row.figure("server_cpu_us_per_step")
    cpu = _number(row.figure("cpu_us_per_step"))
    ratio = measured.ratio(row)
    return (
        row.name,
        f"{_number(row.figure('steps_per_s'))} ({_number(min(speeds))} to {_number(max(speeds))})",
        "" if row.ours or ratio is None else f"{_number(ratio)} times",
        cpu if server is None else f"{cpu} + {_number(server)} server",
        _number(row.figure("bytes_per_step")),
        _number(row.figure("step_p50_ms")),
        *_kill_cells(row),
    )


def _kill_cells(row: Row) -> tuple[str, ...]:
    if not row.kills:
        return ("", "", "", "")
    sums = {name: sum(one[name] for one in row.kills) for name in ("accepted", "lost", "repeated")}
    return (
        f"{sums['lost']:,} of {sums['accepted']:,}",
        f"{sums['repeated']:,}",
        f"{sum(one['repeated_though_done'] for one in row.kills):,}",
        _number(median(one["recover_s"] for one in row.kills)),
    )


def _settings(row: Row) -> str:
    if row.missing:
        return f"- {row.name}: **not measured here**, {row.missing}."
    last = row.rounds[-1]
    durability = ", ".join(f"{name}={value}" for name, value in last["durability"].items())
    versions = ", ".join(f"{name} {value}" for name, value in last["versions"].items())
    return f"- {row.name}: {last['setting']}; {durability}; {versions}."


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        cell.ljust(width) if column == 0 else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "| " + " | ".join(padded) + " |"


def _rule(widths: Sequence[int]) -> str:
    """Under the head: names to the left, figures to the right."""
    return "|-" + "-" * widths[0] + "-|" + "".join("-" * (width + 1) + ":|" for width in widths[1:])


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}"
