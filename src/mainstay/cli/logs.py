"""`mainstay logs`: what the director said of late, from its log file."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from mainstay.cli.options import HERE, AsJson, InWorkspace
from mainstay.cli.render import clock_time, emit, say
from mainstay.cli.safe_text import safe_line

LOOK_EVERY_S = 0.3


def add_to(app: typer.Typer) -> None:
    """Put this command into the command line."""
    app.command("logs")(logs)


def logs(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as more is said.")] = False,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=0, max=1_000_000, help="The newest so many.")
    ] = 100,
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """What the director said, oldest first. With --json one object a line."""
    from mainstay.runtime.logs import FILE, lines
    from mainstay.workspace.folder import find_folder

    folder = find_folder(workspace).logs
    begun = _end_of(folder / FILE) if follow else (0, 0)
    newest = deque(lines(folder), maxlen=limit)
    for one in newest:
        _show(one, as_json)
    if not follow:
        if not newest and not as_json:
            say("Nothing yet: `mainstay up` writes it.")
        return
    for one in following(folder / FILE, begun):
        _show(one, as_json)


def _show(one: dict[str, Any], as_json: bool) -> None:
    if as_json:
        return emit(one)
    mark = {"warning": "!", "error": "✗", "critical": "✗"}.get(str(one["level"]), " ")
    raised = (
        f" ({one['exception']} at {one['where'][-1]})" if one.get("where") and one.get("exception") else ""
    )
    say(f"{clock_time(int(one['at']))} {mark} {safe_line(str(one['said']) + raised)}")
    sys.stdout.flush()
    return None


def _end_of(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_ino, found.st_size


def following(path: Path, begun: tuple[int, int]) -> Iterator[dict[str, Any]]:
    """What is said from `begun` on: inode and size of the file then. Goes over to the next file when it is begun."""
    from mainstay.runtime.logs import parsed

    inode, offset = begun
    while True:
        now_inode, size = _end_of(path)
        if now_inode != inode or size < offset:
            inode, offset = now_inode, 0
        if size > offset:
            with path.open("rb") as opened:
                opened.seek(offset)
                raw = opened.read(size - offset)
            whole = raw[: raw.rfind(b"\n") + 1]  # a line that is being written waits
            offset += len(whole)
            yield from parsed(whole.decode("utf-8", "replace").splitlines())
        time.sleep(LOOK_EVERY_S)
