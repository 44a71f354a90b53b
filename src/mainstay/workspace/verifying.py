"""What proves that a ledger is whole and is what was signed: of a workspace, of a file anywhere, of one event.

`verify_ledger` and `check_proof` need nothing but what they are given and a public key: no key home, no workspace.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mainstay.kernel.errors import CommandRefused, LedgerCorrupt, NotFound
from mainstay.kernel.values import Json
from mainstay.workspace.folder import Folder
from mainstay.workspace.signing_places import places_of

if TYPE_CHECKING:
    from mainstay.ledger.verify import Broken, Progress, Verified

UNCHECKED = "Neither checkpoints nor the signing key are here: what was signed was not looked at."
_NO_DATABASE = 26  # what SQLite says of a file that is none
_PUBLIC = re.compile(r"[0-9a-f]{64}")


def verify_workspace(folder: Folder, progress: Progress | None = None) -> Verified | Broken:
    """Chain, blobs and checkpoints of a workspace. Without its key home, and without checkpoints, the first two."""
    from mainstay.ledger.head_mark import read_mark
    from mainstay.ledger.signed_history import history_of
    from mainstay.ledger.signing import next_key_path, read_signing_key
    from mainstay.ledger.verify import Broken, verify

    if not folder.ledger.exists():
        raise NotFound("There is no ledger yet.", remedy="Run `mainstay ingest` or `mainstay up` first.")
    places = places_of(folder)
    anchors = read_mark(folder.ledger)
    if not places.key.exists() and not any(path.exists() for path in places.files):
        found = verify(folder.ledger, blobs=folder.blobs, anchors=anchors, progress=progress)
        if isinstance(found, Broken) or not _has_checkpoints(folder):
            return found
        return replace(found, notes=(UNCHECKED,))
    keys = [read_signing_key(path) for path in (places.key, next_key_path(places.key))]
    trusted = [one.public.hex() for one in keys if one is not None]
    history = history_of(places.files, trusted=trusted, workspace=folder.id)
    # The ledger itself is looked at first: what is wrong with it says more.
    signed = () if isinstance(history, Broken) else history.statements
    found = verify(
        folder.ledger,
        blobs=folder.blobs,
        anchors=anchors,
        signed=None if isinstance(history, Broken) else signed,
        progress=progress,
    )
    if isinstance(found, Broken):
        return found
    return history if isinstance(history, Broken) else replace(found, notes=(*history.notes, *found.notes))


def verify_ledger(
    ledger: Path,
    *,
    checkpoints: Path | None = None,
    public_keys: Collection[str] = (),
    blobs: Path | None = None,
    progress: Progress | None = None,
) -> Verified | Broken:
    """A ledger's file, held against its checkpoints and the keys that you trust; nothing else is looked at.

    Checkpoints and blobs that lie beside it, as in a backup, need not be named.
    """
    from mainstay.ledger.signed_history import history_of
    from mainstay.ledger.verify import Broken, verify

    _require_keys(public_keys)
    if not ledger.is_file():
        raise NotFound(f"There is no file {ledger}.", remedy="Name the file of a ledger.")
    beside = ledger.parent / "checkpoints.jsonl"
    file = checkpoints or (beside if beside.exists() else None)
    if file is None:
        if public_keys:
            raise CommandRefused(
                "There are no checkpoints to hold the ledger against.",
                why=f"None were named, and there is no {beside}.",
                remedy="Name the file with --checkpoints.",
            )
        _require_ledger(ledger)
        return verify(ledger, blobs=_blobs(ledger, blobs), progress=progress)
    if not file.exists():
        raise CommandRefused(f"There is no file {file}.", remedy="Name the file of checkpoints.")
    history = history_of((file,), trusted=public_keys)
    if isinstance(history, Broken):
        return history
    found = verify(ledger, blobs=_blobs(ledger, blobs), signed=history.statements, progress=progress)
    return found if isinstance(found, Broken) else replace(found, notes=(*history.notes, *found.notes))


def _require_ledger(file: Path) -> None:
    """Whether the file says that it is a ledger. Raises `CommandRefused`: another file was named by mistake.

    Only where no checkpoints tell of it: what was signed about a file says that it was one, whatever it looks like now.
    """
    from mainstay.ledger.connection import APPLICATION_ID, SQLITE3, open_reader, result_code

    try:
        # Through SQLite, not by its first bytes: of a ledger at work they may lie in its log still.
        with closing(open_reader(SQLITE3, str(file))) as opened:
            whose = opened.execute("PRAGMA application_id").fetchall()[0][0]
    except SQLITE3.errors as error:
        if result_code(error) != _NO_DATABASE:
            return  # damaged, or not to be opened: whoever verifies tells that
        whose = 0
    if whose != APPLICATION_ID:
        raise CommandRefused(
            f"{file} is not a ledger.",
            why="It does not begin as one, and nothing here says that it ever was.",
            remedy="Name the file of a ledger. If this was one, keep it, and restore the last good backup.",
        )


def check_proof(raw: bytes, public_keys: Collection[str]) -> Json:
    """What a proof of one event shows to whoever trusts these keys. Raises `LedgerCorrupt` where it shows nothing."""
    import msgspec

    from mainstay.ledger.codec import event_name
    from mainstay.ledger.event_proof import checked_proof

    _require_keys(public_keys)
    found = checked_proof(raw, public_keys)
    if found.proof is None:
        raise LedgerCorrupt(
            "This proves nothing.",
            why=found.wrong,
            remedy="Ask for another proof, or for the right public key.",
        )
    one = found.proof
    return {
        "position": one.position,
        "type": event_name(one.type, one.schema),
        "stream": one.stream,
        "at": one.at,
        "actor": one.actor,
        "data": msgspec.json.decode(one.data),
        "signed_through": one.checkpoint.through,
        "signed_at": one.checkpoint.at,
    }


def _require_keys(public_keys: Collection[str]) -> None:
    for one in public_keys:
        if not _PUBLIC.fullmatch(one):
            raise CommandRefused(
                f"{one[:80]!r} is no public key.",
                why="It has 64 hexadecimal digits.",
                remedy="`mainstay audit key` prints it, on the machine that signs.",
            )


def _has_checkpoints(folder: Folder) -> bool:
    from mainstay.ledger.sqlite_reader import SqliteReader

    with closing(SqliteReader(folder.ledger, tables=None)) as reader:
        try:
            return bool(reader.count("checkpoints"))
        except KeyError:
            return False  # a ledger of an earlier version


def _blobs(ledger: Path, named: Path | None) -> Path | None:
    beside = ledger.parent / "blobs"
    return named or (beside if beside.is_dir() else None)
