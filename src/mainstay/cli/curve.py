"""The curve of what was asked, as a table with bars: for the demonstration, and for the report of a workflow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mainstay.cli.render import console, count, say, show, table

if TYPE_CHECKING:
    from rich.table import Table

    from mainstay.workspace.triage import Window

BAR = 20  # cells of the widest bar; the whole table fits into 80 columns
_FULL, _PARTS, _PLAIN = "█", "▏▎▍▌▋▊▉", "#"
_LEVELS = "▁▂▃▄▅▆▇█"


def curve(windows: Sequence[Window], *, unicode: bool = True, minutes: bool = True) -> Table:
    """One row for each window: how many of its messages a person was asked about, with a bar for their share."""
    right = {"justify": "right"}
    columns = ("Messages", ("Asked", right), "", ("Automatic", right), ("Wrong", right), ("Samples", right))
    made = table(*columns, *((("Minutes", right),) if minutes else ()))
    first = 1
    for one in windows:
        last = first + one.messages - 1
        wrong = f"{one.errors}" if one.automatic else ""
        samples = f"{one.audits}" + (f", {one.audit_errors} wrong" if one.audit_errors else "")
        cells = [f"{first}–{last}" if unicode else f"{first}-{last}", f"{one.asked}"]
        cells += [bar(one.asked / one.messages, unicode=unicode), f"{one.automatic}", wrong, samples]
        made.add_row(*cells, *((f"{one.open_us / 60_000_000:.0f}",) if minutes else ()))
        first = last + 1
    return made


def tell_course(windows: Sequence[Window]) -> None:
    """What triage asked and what it did by itself, in words and as a table; nothing where nothing was annotated."""
    if not windows:
        return
    asked, messages = sum(one.asked for one in windows), sum(one.messages for one in windows)
    errors, samples = sum(one.errors for one in windows), sum(one.audits for one in windows)
    fancy = console().encoding.lower().startswith("utf")
    line = f"  {spark([one.asked / one.messages for one in windows])}" if fancy and len(windows) > 1 else ""
    say("", f"Triage: {asked:,} of {count(messages, 'message')} needed your look{line}")
    if asked == messages and len(windows) == 1:
        return
    show(curve(windows, unicode=fancy, minutes=False))
    wrong = sum(one.audit_errors for one in windows)
    checked = f"; of {count(samples, 'sample')} {wrong} turned out wrong" if samples else ""
    say(f"Of what passed you corrected {errors:,}{checked}.")


def bar(share: float, *, unicode: bool = True, width: int = BAR) -> str:
    """A bar as long as a share of the width."""
    cells = max(0.0, min(1.0, share)) * width
    if not unicode:
        return _PLAIN * round(cells)
    whole = int(cells)
    part = int((cells - whole) * (len(_PARTS) + 1))
    return _FULL * whole + (_PARTS[part - 1] if part else "")


def spark(shares: Sequence[float]) -> str:
    """A line of small columns, one for each share."""
    top = len(_LEVELS) - 1
    return "".join(_LEVELS[round(max(0.0, min(1.0, one)) * top)] for one in shares)
