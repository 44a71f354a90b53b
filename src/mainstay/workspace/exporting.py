"""The ledger for other programs and for the operator's own eyes: what is meant, sealed or opened.

What is opened is what the keys that are there still open. What was forgotten shows as forgotten, and nothing that a
person may not read any more is found by another way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from mainstay.kernel.errors import CommandRefused, LedgerCorrupt, NotFound
from mainstay.kernel.values import Digest, Json
from mainstay.workspace.folder import Folder

if TYPE_CHECKING:
    from mainstay.ledger.export import Selection
    from mainstay.ledger.store import EventReader, RecordedEvent
    from mainstay.runtime.artifacts import Artifacts

FORMATS = ("jsonl", "csv")
_DIGEST_DIGITS = 64
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


def exported(
    store: EventReader,
    workspace: str,
    *,
    form: str,
    selection: Selection,
    artifacts: Callable[[], Artifacts] | None = None,
) -> Iterator[bytes]:
    """The export in pieces; with `artifacts` opened. Raises `CommandRefused` for a form or type that there is not."""
    from mainstay.ledger.export import export
    from mainstay.ledger.export_csv import export_csv

    if form not in FORMATS:
        raise CommandRefused(
            f"There is no format {form!r}.",
            why="It is jsonl or csv.",
            remedy="Write --format csv, for example.",
        )
    require_types(selection.types)
    opened = _opener(artifacts()) if artifacts is not None else None
    if form == "csv":
        return export_csv(store, selection=selection, opened=opened)
    return export(store, workspace, selection=selection, opened=opened)


def export_to(target: Path, pieces: Iterator[bytes], folder: Folder, *, form: str, replacing: bool) -> Json:
    """Write an export to a file; never into a folder that is Mainstay's own."""
    from mainstay.ledger.master_key import key_home
    from mainstay.ledger.whole_file import whole_file

    lines = -1 if form == "csv" else 0  # the row of heads
    ending = b"\r\n" if form == "csv" else b"\n"
    with whole_file(target, replacing=replacing, never_in=(folder.state, key_home())) as file:
        for piece in pieces:
            lines += piece.count(ending)
            file.write(piece)
    return {"events": lines, "file": str(target)}


def require_types(types: tuple[str, ...]) -> None:
    """Raises `CommandRefused` for a type of which there can be no event."""
    from mainstay.ledger.codec import NAMES

    known = set(NAMES.values())
    for one in types:
        name = one.partition("/")[0]
        group = one.endswith(".*") and any(known_name.startswith(one[:-1]) for known_name in known)
        if not group and name not in known:
            raise CommandRefused(
                f"There is no type of event {one[:60]!r}.",
                why="Types are named as in docs/events.md: run.started, approval.granted, or run.* for all of a kind.",
                remedy="`mainstay ledger stats` lists the types of this ledger.",
            )


def _opener(artifacts: Artifacts) -> Callable[[RecordedEvent], bytes]:
    def opened(recorded: RecordedEvent) -> bytes:
        return _encode(_open(_decode(recorded.data), artifacts))

    return opened


def _open(value: Any, artifacts: Artifacts) -> Any:
    """A value with everything in it opened that is sealed, or refers to what is."""
    match value:
        case str():
            return artifacts.open_text(value)
        case list():
            return [_open(one, artifacts) for one in value]
        case {"artifact": str(digest), "kind": str(kind), **rest} if not rest:
            return {**value, "opened": _blob(artifacts, digest, kind)}
        case dict():
            found = {name: _open(one, artifacts) for name, one in value.items()}
            content = value.get("content")
            if isinstance(content, str) and len(content) == _DIGEST_DIGITS and "thread" in value:
                found["opened"] = _blob(artifacts, content, "message")
            return found
        case _:
            return value


def _blob(artifacts: Artifacts, digest: str, kind: str) -> Any:
    from mainstay.runtime.artifacts import FORGOTTEN, SubjectForgotten

    try:
        # The sealed bytes themselves say whose they are; here it only matters that they are somebody's.
        return _decode(artifacts.get(Digest(digest), _SOMEBODY, kind.encode()))
    except SubjectForgotten:
        return FORGOTTEN
    except NotFound:
        return None
    except LedgerCorrupt:
        return _nobodys(artifacts, digest)


def _nobodys(artifacts: Artifacts, digest: str) -> Any:
    """What a run about nobody made is not sealed."""
    try:
        return _decode(artifacts.get(Digest(digest), None, b""))
    except msgspec.DecodeError:
        return None  # damaged: `audit verify` names it


_SOMEBODY: Any = "somebody"
