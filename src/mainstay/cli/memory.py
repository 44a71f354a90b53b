"""`mainstay memory`: what is remembered, found again, corrected, taken back; and why a task recalled what it did."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mainstay.cli.options import HERE, AsJson, InWorkspace, given_before, new_typer, open_workspace
from mainstay.cli.render import clock_time, emit, now_us, say, tell
from mainstay.cli.safe_text import safe, safe_line
from mainstay.kernel.errors import CommandRefused

if TYPE_CHECKING:
    from mainstay.workspace.memory_records import MemoryVersion

Name = Annotated[str, typer.Argument(help="A memory's name, or its beginning.", metavar="MEMORY")]
Space = Annotated[str, typer.Option("--space", "-s", help="The space it lies in.", show_default=False)]
Kind = Annotated[str, typer.Option("--kind", help="What it is, such as note or chunk.", show_default=False)]
Tag = Annotated[
    str, typer.Option("--tag", help="Its data class: which providers it may go to.", show_default=False)
]
FILE_BYTES_MAX = 400_000  # what is read of a file for one note: more is refused before it is decoded

group = new_typer("What the workspace remembers: add, search, correct, take back, import.")


def add_to(app: typer.Typer) -> None:
    """Put these commands into the command line."""
    from mainstay.cli import memory_found, memory_import

    group.callback()(before)
    for name, command in (
        ("add", add),
        ("search", memory_found.search),
        ("show", memory_show),
        ("history", history),
        ("retract", retract),
        ("import", memory_import.import_),
        ("rebuild", memory_found.rebuild),
        ("stats", memory_found.stats),
        ("why", memory_found.why),
    ):
        group.command(name)(command)
    app.add_typer(group, name="memory")


def before(context: typer.Context, workspace: InWorkspace = HERE, as_json: AsJson = False) -> None:
    """What the workspace remembers: add, search, correct, take back, import."""
    context.obj = (workspace, as_json)


def add(
    context: typer.Context,
    text: Annotated[
        str, typer.Argument(help="What to remember; - reads it from standard input.", metavar="TEXT")
    ] = "",
    file: Annotated[Path | None, typer.Option("--file", "-f", help="Read the text from a file.")] = None,
    space: Space = "notes",
    kind: Kind = "note",
    name: Annotated[
        str,
        typer.Option("--id", help="Its name; a memory of this name gets a new version.", show_default=False),
    ] = "",
    supersede: Annotated[
        str,
        typer.Option(
            "--supersede", help="The memory that this corrects.", metavar="MEMORY", show_default=False
        ),
    ] = "",
    about: Annotated[
        str,
        typer.Option(
            "--about", help="The address of the person it speaks of: forgotten with them.", show_default=False
        ),
    ] = "",
    valid_from: Annotated[
        str, typer.Option("--valid-from", help="From when it holds.", show_default=False)
    ] = "",
    valid_to: Annotated[
        str, typer.Option("--valid-to", help="Until when it holds.", show_default=False)
    ] = "",
    ttl: Annotated[
        str, typer.Option("--ttl", help="How long to remember it: 30d, 12h, P1Y.", show_default=False)
    ] = "",
    tag: Tag = "",
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Remember a text. The same twice is one memory; a correction takes the place of the version before."""
    from mainstay.cli.window import moment

    workspace, as_json = given_before(context, workspace, as_json)
    wanted = _text(text, file)
    now = now_us()
    with open_workspace(workspace) as opened:
        kept = opened.memory.add(
            wanted,
            space=space,
            kind=kind,
            memory=name,
            supersede=supersede,
            about=about,
            valid_from=moment(valid_from, now_us=now, option="--valid-from") if valid_from else 0,
            valid_to=moment(valid_to, now_us=now, option="--valid-to") if valid_to else 0,
            ttl_us=_length(ttl) if ttl else 0,
            tag=tag,
        )
    if as_json:
        return emit(kept)
    if kept.became == "known":
        return say(f"That is known already: {kept.memory}, version {kept.version}. Nothing was written.")
    if kept.became == "corrected":
        return say(
            f"Corrected: {kept.memory} is now version {kept.version}; the one before is not recalled any more."
        )
    return say(f"Remembered: {kept.memory}")


def memory_show(
    context: typer.Context, memory: Name, workspace: InWorkspace = HERE, as_json: AsJson = False
) -> None:
    """One memory as it stands: what it says, where it came from, until when it holds."""
    workspace, as_json = given_before(context, workspace, as_json)
    with open_workspace(workspace) as opened:
        found = opened.memory.show(memory)
    if as_json:
        return emit(_value(found))
    say(f"{found.memory}, version {found.version}: {standing(found)}")
    _facts(found)
    say("")
    for line in safe(found.text).split("\n"):
        tell(f"  {line}")
    for field, value in sorted(found.fields.items()):
        tell(f"  {safe_line(field)}: {safe_line(str(value))}")
    return None


def history(
    context: typer.Context, memory: Name, workspace: InWorkspace = HERE, as_json: AsJson = False
) -> None:
    """Every version of a memory, oldest first, with the positions between which it was believed."""
    workspace, as_json = given_before(context, workspace, as_json)
    with open_workspace(workspace) as opened:
        found = opened.memory.history(memory)
    if as_json:
        return emit([_value(one) for one in found])
    for one in found:
        ended = one.superseded or one.retracted
        believed = f"positions {one.recorded} to {ended - 1}" if ended else f"from position {one.recorded}"
        say(f"version {one.version}  {clock_time(one.recorded_at)}  {believed}  {standing(one)}")
        tell(f"  {safe_line(one.text, 300)}")
        _say_reason(one)
    return None


def retract(
    context: typer.Context,
    memories: Annotated[list[str], typer.Argument(help="Their names, or beginnings.", metavar="MEMORY...")],
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why.", show_default=False)] = "",
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Believe them no more: no version is recalled from here on. What they said stays in the ledger."""
    workspace, as_json = given_before(context, workspace, as_json)
    with open_workspace(workspace) as opened:
        kept = opened.memory.retract(*memories, reason=reason)
    if as_json:
        return emit(kept)
    for one in kept:
        say(
            f"Retracted: {one.memory}. No version of it is recalled any more."
            if one.became == "retracted"
            else f"It was retracted before: {one.memory}. Nothing was written."
        )
    return None


def standing(one: MemoryVersion) -> str:
    """Whether a version is believed, in words."""
    if one.retracted:
        return f"retracted at position {one.retracted}"
    if one.superseded:
        return f"superseded at position {one.superseded}"
    if one.expires_at and one.expires_at <= now_us():
        return f"its time ended {clock_time(one.expires_at)}"
    if one.valid_to and one.valid_to <= now_us():
        return f"it held until {clock_time(one.valid_to)}"
    return "believed"


def _facts(one: MemoryVersion) -> None:
    say(
        f"  {one.kind} in {one.space}, from {safe_line(one.source)}"
        + (f", by {safe_line(one.actor)}" if one.actor else "")
    )
    say(f"  recorded {clock_time(one.recorded_at)} at position {one.recorded}")
    if one.valid_from or one.valid_to:
        begin = clock_time(one.valid_from) if one.valid_from else "ever"
        say(f"  holds from {begin} to {clock_time(one.valid_to) if one.valid_to else 'further notice'}")
    if one.expires_at:
        say(f"  remembered until {clock_time(one.expires_at)}")
    if one.tag:
        say(f"  data class {safe_line(one.tag)}")
    _say_reason(one)


def _say_reason(one: MemoryVersion) -> None:
    if one.reason:
        tell(f"  retracted because: {safe_line(one.reason, 300)}")


def _value(one: MemoryVersion) -> dict[str, Any]:
    from dataclasses import asdict

    return {**asdict(one), "believed": one.believed}


def _text(text: str, file: Path | None) -> str:
    if file is not None and text:
        raise CommandRefused("A text and a file were given.", why="One of them is what is to be remembered.")
    if file is None and text != "-":
        return text
    if file is None:
        return _decoded(sys.stdin.buffer.read(FILE_BYTES_MAX + 1), "what came from standard input")
    try:
        with file.open("rb") as source:
            return _decoded(source.read(FILE_BYTES_MAX + 1), str(file))
    except OSError as error:
        raise CommandRefused(
            f"{file} cannot be read.",
            why=error.strerror or type(error).__name__,
            remedy="Name a file that is there.",
        ) from error


def _decoded(raw: bytes, what: str) -> str:
    if len(raw) > FILE_BYTES_MAX:
        raise CommandRefused(
            f"{what} is too long for one memory.",
            why=f"It has more than {FILE_BYTES_MAX:,} bytes.",
            remedy="Save it as a file, and import that: `mainstay memory import FILE` keeps it in pieces.",
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CommandRefused(
            f"{what} is not text.",
            why="It is no UTF-8.",
            remedy="`mainstay memory import FILE` reads documents, also in other encodings.",
        ) from None


def _length(text: str) -> int:
    from mainstay.cli.window import length

    return length(text, option="--ttl")
