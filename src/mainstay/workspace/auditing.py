"""The audit of a workspace: that its ledger is whole and is what was signed, signing it, and changing the key."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from mainstay.kernel.errors import NotFound
from mainstay.kernel.values import Json
from mainstay.workspace.folder import Folder
from mainstay.workspace.signing_places import places_of, signing_of

if TYPE_CHECKING:
    from mainstay.ledger.verify import Broken, Progress, Verified
    from mainstay.runtime.clock import Clock
    from mainstay.workspace.audit_state import AuditState
    from mainstay.workspace.event_list import DecisionPage, EventPage


class Auditing:
    """The audit of one workspace, for the SDK and the command line."""

    def __init__(self, folder: Folder, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock

    def verify(self, progress: Progress | None = None) -> Verified | Broken:
        """Prove that the ledger is whole, and what was signed; or name the first position that is not."""
        from mainstay.workspace.verifying import verify_workspace

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
