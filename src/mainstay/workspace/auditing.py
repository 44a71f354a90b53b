"""The audit of a workspace: that its ledger is whole and is what was signed, signing it, and changing the key.

`verify_ledger` proves a file anywhere, with nothing but the checkpoints and a public key: no key home, no workspace.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mainstay.kernel.errors import CommandRefused, LedgerCorrupt, MainstayError, NotFound
from mainstay.kernel.values import Json
from mainstay.workspace.folder import Folder

if TYPE_CHECKING:
    from mainstay.config.audit import AuditSettings
    from mainstay.ledger.store import EventReader
    from mainstay.ledger.verify import Broken, Progress, Verified
    from mainstay.runtime.clock import Clock
    from mainstay.runtime.signing import Signing
    from mainstay.workspace.audit_state import AuditState
    from mainstay.workspace.event_list import DecisionPage, EventPage

FRONTIER = "frontier"  # in the workspace's state: what the next root goes on from
UNCHECKED = "Neither checkpoints nor the signing key are here: what was signed was not looked at."
_NO_DATABASE = 26  # what SQLite says of a file that is none
_PUBLIC = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Places:
    """Where the signing key lies, and where checkpoints are kept: first beside the key."""

    key: Path
    files: tuple[Path, ...]
    settings: AuditSettings


def places_of(folder: Folder) -> Places:
    """As mainstay.toml says; one that cannot be read says nothing."""
    from mainstay.config.audit import AuditSettings
    from mainstay.config.settings import FILE, read_settings
    from mainstay.ledger.checkpoints import checkpoints_path, file_in
    from mainstay.ledger.master_key import master_key_path
    from mainstay.ledger.signing import signing_key_path

    audit, master = AuditSettings(), master_key_path(folder.id)
    with suppress(MainstayError, OSError):
        settings = read_settings((folder.root / FILE).read_bytes(), folder.root)
        audit, master = settings.audit, settings.workspace.key or master
    others = tuple(file_in(place, folder.id) for place in audit.checkpoints)
    return Places(signing_key_path(master), (checkpoints_path(master), *others), audit)


def signing_of(folder: Folder, reader: EventReader) -> Signing:
    """What signs for whoever holds the lock of this workspace."""
    from mainstay.runtime.signing import Rhythm, Signing

    places = places_of(folder)
    return Signing(
        reader,
        workspace=folder.id,
        key=places.key,
        places=places.files,
        frontier=folder.state / FRONTIER,
        rhythm=Rhythm(places.settings.every_us, places.settings.every_events),
    )


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


class Auditing:
    """The audit of one workspace, for the SDK and the command line."""

    def __init__(self, folder: Folder, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock

    def verify(self, progress: Progress | None = None) -> Verified | Broken:
        """Prove that the ledger is whole, and what was signed; or name the first position that is not."""
        return verify_workspace(self._folder, progress)

    def state(self) -> AuditState:
        """How far the ledger has come, what was signed of it and where that lies; and what the last proofs said."""
        from mainstay.workspace.audit_state import audit_state

        places = places_of(self._folder)
        return audit_state(self._folder, places.key, places.files)

    def events(
        self,
        *,
        type: str = "",
        stream: str = "",
        actor: str = "",
        before: int = 0,
        limit: int = 50,
    ) -> EventPage:
        """The events as they stand, newest first; of a type (`run.*`), a stream, an actor. Sealed values stay sealed.

        Raises `CommandRefused` for a type that there is not.
        """
        from mainstay.ledger.sqlite_reader import SqliteReader
        from mainstay.workspace.event_list import event_page
        from mainstay.workspace.exporting import require_types

        require_types((type,) if type else ())
        with closing(SqliteReader(self._folder.ledger, tables=None)) as reader:
            return event_page(reader, type=type, stream=stream, actor=actor, before=before, limit=limit)

    def decisions(self, *, before: int = 0, limit: int = 50) -> DecisionPage:
        """Who decided what about cards, when, by which device, and how long the card was open; newest first."""
        from mainstay.ledger.sqlite_reader import SqliteReader
        from mainstay.workspace.event_list import decision_page

        with closing(SqliteReader(self._folder.ledger, tables=None)) as reader:
            return decision_page(reader, before=before, limit=limit)

    def key(self) -> Json:
        """The public key that whoever verifies elsewhere needs, and where checkpoints lie."""
        from mainstay.ledger.signing import read_signing_key

        places = places_of(self._folder)
        key = read_signing_key(places.key)
        if key is None:
            raise NotFound(
                "There is no signing key yet.",
                remedy="`mainstay audit sign` makes it, and so does `mainstay up`.",
            )
        files = [str(path) for path in places.files]
        return {"public": key.public.hex(), "key": key.fingerprint, "checkpoints": files}

    def sign(self) -> Json:
        """Sign how far the ledger has come; a director at work does it, if there is one."""
        return self._asked("sign_checkpoint", {})

    def prove(self, position: int) -> bytes:
        """The proof that one event stands in the ledger, for `check_proof` anywhere. Raises `NotFound`."""
        import msgspec

        from mainstay.ledger.checkpoints import read_file
        from mainstay.ledger.event_proof import prove
        from mainstay.ledger.sqlite_reader import SqliteReader

        statements = read_file(places_of(self._folder).files[0], self._folder.id).statements
        with closing(SqliteReader(self._folder.ledger, tables=())) as reader:
            return msgspec.json.format(msgspec.json.encode(prove(reader, statements, position))) + b"\n"

    def signed_by(self, proof: bytes) -> str:
        """The public key that a proof of this workspace holds under: the one in force when its checkpoint was signed.

        Empty where the ledger does not know it: then it is the first one, or a history that was begun anew.
        """
        import msgspec

        from mainstay.ledger.sqlite_reader import SqliteReader

        key = str(msgspec.json.decode(proof)["checkpoint"]["key"])
        with closing(SqliteReader(self._folder.ledger, tables=None)) as reader:
            row = reader.get("signing_keys", (key,))
        return str(row["public"]) if row is not None else ""

    def rotate_key(self, actor: str = "operator") -> Json:
        """Sign with another key from here on, which the one before vouches for."""
        return self._asked("rotate_signing_key", {"actor": actor})

    def renew(self, actor: str = "operator") -> Json:
        """Begin a new history of checkpoints, where the old one or its key is lost; what is there is put aside.

        Raises `LedgerCorrupt` where the chain does not hold, `WorkspaceLocked` where a director is at work.
        """
        from mainstay.ledger.signing import create_signing_key, read_signing_key
        from mainstay.ledger.verify import Broken, verify
        from mainstay.runtime.signing import unsound

        folder, now = self._folder, self._clock.now()
        with _held(folder, self._clock) as held:
            found = verify(folder.ledger, blobs=folder.blobs)
            if isinstance(found, Broken):
                raise unsound(found.position, found.reason)
            places = places_of(folder)
            key = read_signing_key(places.key) or create_signing_key(places.key)
            aside = [
                str(path.rename(path.with_name(f"{path.name}.{int(now)}.replaced")))
                for path in places.files
                if path.exists()
            ]
            return {**held.renewed(key, places.files, through=found.positions, actor=actor), "aside": aside}

    def _asked(self, operation: str, arguments: Json) -> Json:
        from mainstay.workspace.doors import SocketDoor, director_runs

        if director_runs(self._folder):
            return SocketDoor(self._folder).ask(operation, arguments)
        with _held(self._folder, self._clock) as held:
            return held.asked(operation, arguments)


class _Held:
    """A workspace under the lock, for signing."""

    def __init__(self, folder: Folder, clock: Clock) -> None:
        from mainstay.workspace.held import Held

        self._folder, self._clock = folder, clock
        self._held = Held(folder, clock)
        try:
            self._held.director.acquire()
        except BaseException:
            self._held.close()  # the lock would stay with us
            raise

    def close(self) -> None:
        """Give it back."""
        self._held.close()

    def asked(self, operation: str, arguments: Json) -> Json:
        """What the director at work would answer."""
        import asyncio

        from mainstay.runtime.checkpointing import Checkpointing
        from mainstay.runtime.incidents import Incidents
        from mainstay.workspace.doors import Together

        director = self._held.director
        signing = signing_of(self._folder, self._held.store)
        quiet = Incidents(lambda request: None)  # whoever asked is told
        checkpointing = Checkpointing(signing, self._clock, Together(director).ask, quiet)
        return asyncio.run(checkpointing.asked(operation, arguments))

    def renewed(self, key: object, files: tuple[Path, ...], *, through: int, actor: str) -> Json:
        """The first statement of a new history, and a checkpoint after it."""
        from mainstay.ledger.checkpoints import Book
        from mainstay.ledger.signing import SigningKey
        from mainstay.runtime.signing import require_told

        assert isinstance(key, SigningKey)
        book = Book(self._folder.id, key, files)
        require_told(book.begin(self._clock.now(), through), files)
        return self.asked("sign_checkpoint", {})


def _held(folder: Folder, clock: Clock) -> closing[_Held]:
    return closing(_Held(folder, clock))


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
