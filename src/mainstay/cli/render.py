"""What a command shows: for people on a terminal or without one, or as JSON for machines.

Rules of this file: a command with `--json` writes exactly one JSON value to stdout; progress goes to stderr. Markup is
off everywhere, so nothing that a mail says is taken for it; text from outside passes `safe_text` first.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Any

from mainstay.cli.safe_text import safe, safe_line
from mainstay.kernel.errors import ConfigError, MainstayError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

WIDTH_WITHOUT_TERMINAL = 100
_ALSO_MAX = 9
_COMMAND = re.compile(r"`[^`]+`")
_GLUE = "\x00"  # for a space that no line may end at; safe text has none


def console(*, stderr: bool = False) -> Console:
    """Where to write. Without a terminal, lines are a hundred columns wide unless COLUMNS says otherwise."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or os.environ.get("COLUMNS") else WIDTH_WITHOUT_TERMINAL
    return Console(stderr=stderr, width=width, markup=False, highlight=False, emoji=False, soft_wrap=False)


def say(*lines: str) -> None:
    """Plain lines for people, as they are."""
    sys.stdout.write("".join(safe(line) + "\n" for line in lines))


def tell(*lines: str, hang: int | None = None) -> None:
    """Lines for people, wrapped at words where the screen is narrower; `hang` columns before what goes on.

    What stands in backticks is a command to be copied, and a path is one word: neither is torn apart. A line that
    quotes a mail (`| `, `> `) stays as it is: a break that its writer did not make would be read as theirs.
    """
    from shutil import get_terminal_size
    from textwrap import wrap

    width = get_terminal_size((WIDTH_WITHOUT_TERMINAL, 0)).columns
    for line in "\n".join(map(safe, lines)).split("\n"):
        if len(line) <= width or line.lstrip().startswith(("| ", "> ")):
            say(line)
            continue
        before = len(line) - len(line.lstrip()) + 2 if hang is None else hang
        whole = _COMMAND.sub(lambda found: found[0].replace(" ", _GLUE), line)
        wrapped = wrap(
            whole,
            width,
            subsequent_indent=" " * before,
            replace_whitespace=False,
            break_long_words=False,
            break_on_hyphens=False,
        )
        say(*(one.replace(_GLUE, " ") for one in wrapped))


def emit(value: Any) -> None:
    """One JSON value for machines. Times are microseconds since 1970, money is micro-units."""
    sys.stdout.write(json.dumps(plain(value), ensure_ascii=False, indent=None) + "\n")
    sys.stdout.flush()


def plain(value: Any) -> Any:
    """The value as JSON can say it."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, dict):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()  # half a surrogate pair has no JSON
    return value


def table(*columns: str | tuple[str, dict[str, Any]], title: str = "") -> Table:
    """A table in the house's style: no frame, one line a row where it fits."""
    from rich import box
    from rich.table import Table

    made = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, title=title or None, title_justify="left", show_edge=False
    )
    for column in columns:
        name, options = (column, {}) if isinstance(column, str) else column
        made.add_column(name, **options)
    return made


def shares(parts: tuple[int, ...], *, fixed: int) -> list[dict[str, Any]]:
    """Columns that are cut, not wrapped: each a share of what the screen leaves beside `fixed` columns."""
    free = max(sum(parts), console().width - fixed)
    return [
        {"no_wrap": True, "overflow": "ellipsis", "max_width": free * part // sum(parts)} for part in parts
    ]


def show(made: Table) -> None:
    """Print a table."""
    console().print(made)


def cells(*values: object) -> list[str]:
    """Values as one-line cells that are safe to show."""
    return [safe_line(str(value)) for value in values]


# --- errors -------------------------------------------------------------------------------------------------


def error_text(error: MainstayError) -> str:
    """What happened, why, and what to do next."""
    lines = [f"Error: {_what(error)}"]
    if error.why:
        lines.append(f"  Why: {safe_line(error.why)}")
    if error.remedy:
        lines.append(f"  Do:  {safe_line(error.remedy)}")
    others = error.also if isinstance(error, ConfigError) else ()
    for one in others[:_ALSO_MAX]:
        # What is to be done alike stands above.
        same = not one.why and one.remedy == error.remedy
        lines.append(f"  Also: {_what(one) if same else safe_line(str(one))}")
    if len(others) > _ALSO_MAX:
        lines.append(f"  And {len(others) - _ALSO_MAX} more.")
    return "\n".join(lines)


def _what(error: MainstayError) -> str:
    what = safe_line(error.what)
    if isinstance(error, ConfigError):
        place = error.file + (f":{error.line}" if error.line is not None else "")
        head = ": ".join(part for part in (place, error.key) if part)
        what = f"{safe_line(head)}: {what}" if head else what
    return what if what.endswith((".", "?", "!", ":")) else what + "."


def error_value(error: MainstayError) -> dict[str, Any]:
    """The error for machines."""
    value = error.as_dict() | {"exit_code": error.exit_code}
    if isinstance(error, ConfigError) and error.also:
        value["also"] = [one.as_dict() for one in error.also]
    return value


# --- words --------------------------------------------------------------------------------------------------


def count(number: int, one: str, many: str = "") -> str:
    """`1 run`, `2,000 runs`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def span(us: int) -> str:
    """A length of time in its largest unit."""
    seconds = abs(us) // 1_000_000
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def clock_time(us: int | None) -> str:
    """A moment as the operator's own clock shows it."""
    import time

    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(us // 1_000_000)) if us else ""


def now_us() -> int:
    """The operator's clock, for ages."""
    import time

    return time.time_ns() // 1_000


def sentences(*parts: str) -> str:
    """Parts as sentences, one after the other; the empty ones left out."""
    given = [part.strip() for part in parts if part.strip()]
    return " ".join(
        one if index == len(given) - 1 or one[-1] in ".!?:" else one + "." for index, one in enumerate(given)
    )


def short_run(run: str) -> str:
    """The end of a run's id: its beginning is the time, which its neighbours share."""
    return run[-8:]


def short_card(approval: str) -> str:
    """The beginning of a card's id."""
    return approval[:8]


@contextmanager
def counting(what: str, *, total: int | None = None, quiet: bool = False) -> Iterator[Callable[[int], None]]:
    """A progress bar on stderr; what is yielded takes how many more are done. Nothing is drawn without a terminal."""
    if quiet or not sys.stderr.isatty():
        yield lambda more: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda more: progress.advance(task, more)
