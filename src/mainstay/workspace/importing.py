"""Importing: files become memories, piece by piece, and the same file again changes nothing.

Rules of this file:

- A document is known by its place. What it says is held against what is remembered of it: pieces that are there stay
  as they are, changed ones correct those that they took the place of, and what is gone is retracted.
- The record of the document itself, with the mark of the whole file, is written last. An import that was cut short
  leaves a document without it, and is taken up again.
- One file that cannot be read stops no other: it is refused with its reason.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from mainstay.kernel.errors import DocumentError, MainstayError, Unavailable
from mainstay.ledger.store import EventReader
from mainstay.memory.documents import KINDS, Document, read_document
from mainstay.memory.records import DOCUMENT, TEXT_MAX, Note, checked, mark_of
from mainstay.runtime.artifacts import Artifacts
from mainstay.workspace.doors import Door
from mainstay.workspace.memory_calls import keep, retract

FILES_MAX = 100_000
PIECES_MAX = 1_000_000
OPERATOR = "operator"
MAILBOX = "archive"  # what imported mail is said to have come to
_MBOX = ".mbox"
_FILE_BYTES_MAX = 100_000_000

Progress = Callable[[str, int, int], None]  # what it is at, how many files are done, and of how many
Form = Literal["markdown", "text", "html"]  # of a text that is handed over
_ENDINGS: Mapping[Form, str] = {"markdown": ".md", "text": ".txt", "html": ".html"}


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of one file.

    Attributes:
        became: new, changed, unchanged or refused; of a file of mail: mail.
        kept: How many pieces were new or corrected, or messages taken in.
        same: How many were known already.
        retracted: How many pieces of it are gone.
        why: Why it was refused, or what of it could not be read.
    """

    path: str
    kind: str
    became: str
    kept: int = 0
    same: int = 0
    retracted: int = 0
    why: str = ""
    remedy: str = ""
    memory: str = ""  # by which a document is remembered


@dataclass(frozen=True, slots=True)
class _Named:
    """A document before it is read: how it is told, what it is known by, and where it is from."""

    told: str
    path: Path  # whose ending says what it is
    known_by: str
    origin: dict[str, str]
    title: str = ""


class Importer:
    """Takes files into one workspace."""

    def __init__(
        self,
        door: Callable[..., AbstractContextManager[Door]],
        store: Callable[[], EventReader],
        artifacts: Callable[[], Artifacts],
        *,
        space: str,
        tag: str,
        actor: str = OPERATOR,
    ) -> None:
        """`door`, `store` and `artifacts` are asked late: a workspace that never began has none of them yet."""
        self._door = door
        self._store = store
        self._artifacts = artifacts
        self._space = space
        self._tag = tag
        self._actor = actor

    def take(self, paths: Sequence[Path], progress: Progress) -> list[Imported]:
        """Every file that is named, and those of the folders that are."""
        checked(Note("x", space=self._space))  # a name that is none is no file's fault
        with self._door() as door:
            return self._take(paths, door, progress)

    def take_text(self, name: str, text: str, *, form: Form, title: str, source: str) -> Imported:
        """A document that is handed over, and no file. Raises `DocumentError` for what cannot be read."""
        checked(Note("x", space=self._space))
        origin = {"source": source} if source else {}
        named = _Named(name, Path(name + _ENDINGS[form]), f"named:{name}", origin, title)
        with self._door() as door:
            return self._document(named, text.encode(), door)

    def _take(self, paths: Sequence[Path], door: Door, progress: Progress) -> list[Imported]:
        files: list[tuple[Path, bool]] = []
        done: list[Imported] = []
        for path in paths:
            if path.is_dir():
                files += [(one, False) for one in _walk(path)]
            else:
                files.append((path, True))
        for number, (path, named) in enumerate(files[:FILES_MAX]):
            progress(str(path), number, len(files))
            try:
                done.append(self._one(path, door, named=named))
            except (DocumentError, Unavailable) as error:
                done.append(_refused(path, error))
            except OSError as error:
                done.append(Imported(str(path), "", "refused", why=error.strerror or type(error).__name__))
        progress("", len(files), len(files))
        return done

    def _one(self, path: Path, door: Door, *, named: bool) -> Imported:
        if path.is_dir():
            for one in path.iterdir():  # says why it cannot be read
                one.is_file()
        if not named and path.suffix.lower() not in (*KINDS, _MBOX):
            return Imported(
                str(path),
                "",
                "refused",
                why="files of this kind are not read",
                remedy="name it by itself to try",
            )
        if path.suffix.lower() == _MBOX or _begins_mail(path):
            return self._mail(path, door)
        place = str(path.absolute())
        return self._document(_Named(str(path), path, place, {"path": place}), _content(path), door)

    def _document(self, named: _Named, raw: bytes, door: Door) -> Imported:
        hashed = self._artifacts().vault.keyed_hash
        name = f"doc-{hashed('document', named.known_by).hex()[:12]}"
        record = Note(
            named.title or named.path.stem,
            space=self._space,
            kind=DOCUMENT,
            memory=name,
            fields={**named.origin, "digest": hashlib.sha256(raw).hexdigest()},
            owner=name,
            source=f"document:{name}",
            tag=self._tag,
        )
        rows = self._rows(record.source)
        whole = mark_of(record, hashed)
        if any(row["kind"] == DOCUMENT and row["mark"] == whole for row in rows):
            return Imported(named.told, named.path.suffix[1:], "unchanged", same=len(rows) - 1, memory=name)
        document = read_document(named.path, raw)
        pieces = [row for row in rows if row["kind"] != DOCUMENT]
        wanted, gone = self._assigned(name, self._notes(record, document, named), pieces)
        keep(door, wanted, actor=self._actor)
        retract(door, gone, actor=self._actor, reason="its piece of the file is gone")
        keep(door, [record], actor=self._actor)
        return Imported(
            named.told,
            document.kind,
            "changed" if rows else "new",
            kept=len(wanted),
            same=len(document.chunks) - len(wanted),
            retracted=len(gone),
            why="; ".join(document.notes),
            memory=name,
        )

    def _notes(self, record: Note, document: Document, named: _Named) -> list[Note]:
        title = named.title or document.title
        return [
            replace(
                record,
                text=chunk.text[:TEXT_MAX],
                kind="chunk",
                memory="",
                fields={"title": title, "place": chunk.place, **named.origin},
                before=f"{title}. {chunk.heading}" if chunk.heading else title,
                thread=record.memory,
            )
            for chunk in document.chunks
        ]

    def _assigned(
        self, name: str, notes: Sequence[Note], rows: Sequence[dict[str, Any]]
    ) -> tuple[list[Note], list[str]]:
        """The pieces that are to be kept, each with the memory that it corrects or begins, and those that are gone."""
        hashed = self._artifacts().vault.keyed_hash
        known: defaultdict[str, list[str]] = defaultdict(list)
        for row in rows:
            known[row["mark"]].append(row["memory"])
        changed = []
        for note in notes:
            same = known.get(mark_of(note, hashed))
            if same:
                same.pop(0)  # the same words may stand in two places
            else:
                changed.append(note)
        free = sorted(memory for memories in known.values() for memory in memories)
        number = max((_number(memory) for memory in self._ever(name)), default=0)
        wanted = []
        for place, note in enumerate(changed):
            if place < len(free):
                memory = free[place]
            else:
                number += 1
                memory = f"{name}#{number:05}"
            wanted.append(replace(note, memory=memory))
        return wanted, free[len(changed) :]

    def _rows(self, source: str) -> list[dict[str, Any]]:
        """The last versions of what is remembered of a document and believed."""
        rows = self._store().select("memories", where={"source": source}, limit=PIECES_MAX)
        return [row for row in rows if not row["superseded"] and not row["retracted"]]

    def _ever(self, name: str) -> set[str]:
        rows = self._store().select("memories", where={"source": f"document:{name}"}, limit=PIECES_MAX)
        return {str(row["memory"]) for row in rows}

    def _mail(self, path: Path, door: Door) -> Imported:
        if not path.is_file():
            raise DocumentError(
                f"{path} cannot be read", why="there is no such file", remedy="name a file that is there"
            )
        pulled = door.ask("import_mail", {"path": str(path.absolute()), "mailbox": MAILBOX})
        refused = pulled["rejected"]
        return Imported(
            str(path),
            "mail",
            "mail",
            kept=pulled["received"],
            same=pulled["duplicates"],
            why=f"{refused} could not be read: `mainstay dead-letters` tells why" if refused else "",
        )


def _walk(folder: Path) -> Iterator[Path]:
    """The files below, in order, without hidden ones and what links lead to; a folder that cannot be read as itself."""
    try:
        seen = [one for one in sorted(folder.iterdir()) if not one.name.startswith(".")]
        below = [
            (one, one.is_dir()) for one in seen if not one.is_symlink() and (one.is_dir() or one.is_file())
        ]
    except OSError:
        yield folder
        return
    for one, is_folder in below:
        if is_folder:
            yield from _walk(one)
        else:
            yield one


def _content(path: Path) -> bytes:
    if not path.is_file() or path.stat().st_size > _FILE_BYTES_MAX:
        read_document(path)  # says what is wrong
    return path.read_bytes()


def _begins_mail(path: Path) -> bool:
    if path.suffix or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(5) == b"From "


def _refused(path: Path, error: MainstayError) -> Imported:
    why = f"{error.what}: {error.why}" if error.why else error.what
    return Imported(str(path), "", "refused", why=why, remedy=error.remedy)


def _number(memory: str) -> int:
    digits = memory.rpartition("#")[2]
    return int(digits) if digits.isdecimal() else 0
