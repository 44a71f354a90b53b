"""The new text of an edit: given on the command line, read from a file, or written in the operator's editor."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from mainstay.cli.render import say
from mainstay.kernel.errors import CommandRefused

if TYPE_CHECKING:
    from mainstay.workspace import CardLine


def new_text(card: CardLine, *, text: str | None, file: Path | None) -> str:
    """What should be sent instead. Raises `CommandRefused` where there is none."""
    if text is not None and file is not None:
        raise CommandRefused("There are two new texts.", remedy="Give --text or --file, not both.")
    if text is not None:
        return _not_empty(text, "--text")
    if file is not None:
        return _not_empty(_read(file), str(file))
    if not sys.stdin.isatty():
        raise CommandRefused(
            "There is no new text.", why="No editor can be opened here.", remedy="Give --text or --file."
        )
    return _edited(card.text)


def _not_empty(text: str, source: str) -> str:
    if not text.strip():
        raise CommandRefused(
            f"The new text is empty ({source}).",
            why="An empty reply is not sent.",
            remedy="Give a text; `mainstay reject` sends nothing.",
        )
    return text


def _read(file: Path) -> str:
    try:
        raw = sys.stdin.buffer.read() if file == Path("-") else file.read_bytes()
    except FileNotFoundError as error:
        raise CommandRefused(
            f"There is no file {file}.", why="Nothing was decided.", remedy="Name a text file."
        ) from error
    except OSError as error:
        raise CommandRefused(
            f"{file} cannot be read.", why=error.strerror or str(error), remedy="Name a text file."
        ) from error
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CommandRefused(
            f"{'The input' if file == Path('-') else file} is not UTF-8 text.",
            why=f"The byte at position {error.start} does not fit.",
            remedy="Save it as UTF-8 and try again.",
        ) from error


def _edited(text: str) -> str:
    editor = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    with tempfile.TemporaryDirectory(
        prefix="mainstay-"
    ) as folder:  # mode 0700: a letter to a customer lies in it
        path = Path(folder, "reply.txt")
        path.write_text(text, encoding="utf-8")
        try:
            finished = subprocess.run([*editor, str(path)], check=False)
        except OSError as error:
            raise CommandRefused(
                f"The editor {editor[0]!r} cannot be started.",
                why=str(error),
                remedy="Set EDITOR, or give --text.",
            ) from error
        written = path.read_text(encoding="utf-8")
    if finished.returncode != 0 or written == text:
        raise CommandRefused("The text was not changed.", remedy="`mainstay approve` sends it as it is.")
    return written


def sent_with_findings(refused: CommandRefused, written: str) -> bool:
    """Whether a person who is told what the checks found sends it all the same. What they wrote is not lost."""
    import typer

    findings = refused.fields.get("findings")
    if not findings or not sys.stdin.isatty():
        return False
    say("The checks found something in your text:")
    for one in findings:
        say(f"  {one['check']}: {one['remark']}" + (f"; {one['remedy']}" if one["remedy"] else ""))
    if typer.confirm("Send it all the same?", default=False):
        return True
    say("Your text, for the next try:", "", written)
    return False
